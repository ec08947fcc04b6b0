//! What a pass records, in batches; and whether that is possible.

use jiff::Timestamp;

use crate::history::{Error, New, Store, Target};

/// Rows of one batch.
const BATCH: usize = 64;
/// Targets that were seen again in one row.
const SEEN: usize = 4096;

/// A history that a pass is recorded in.
pub struct Journal<'a> {
    store: &'a mut Store,
    now: Timestamp,
    pending: Vec<New>,
    seen: Vec<Target>,
    unsaved: Option<Error>,
}

impl<'a> Journal<'a> {
    /// A journal in an open history; with the reason if it cannot be written.
    pub fn new(store: &'a mut Store, now: Timestamp, unsaved: Option<Error>) -> Self {
        Self { store, now, pending: Vec::new(), seen: Vec::new(), unsaved }
    }

    /// The history, to read it.
    pub fn store(&mut self) -> &mut Store {
        self.store
    }

    /// Why not all is saved, if it is not.
    pub fn unsaved(&self) -> Option<&Error> {
        self.unsaved.as_ref()
    }

    /// Takes the reason why not all is saved.
    pub fn into_unsaved(self) -> Option<Error> {
        self.unsaved
    }

    /// Records something with the next batch.
    pub async fn push(&mut self, new: New) {
        self.pending.push(new);
        if self.pending.len() >= BATCH {
            self.flush().await;
        }
    }

    /// Records with the next batch that a target still is what it was.
    pub(super) async fn seen(&mut self, target: Target) {
        self.seen.push(target);
        if self.seen.len() >= SEEN {
            self.flush().await;
        }
    }

    /// Records what waits, in one transaction. After a failure nothing more is recorded: what
    /// follows from rows that are missing would be wrong.
    pub async fn flush(&mut self) {
        let mut batch = std::mem::take(&mut self.pending);
        let targets = std::mem::take(&mut self.seen);
        if !targets.is_empty() {
            batch.push(New::Seen { at: self.now, targets });
        }
        if batch.is_empty() || self.unsaved.is_some() {
            return;
        }
        if let Err(error) = self.store.append(&batch).await {
            self.unsaved = Some(error);
        }
    }

    /// Remembers that the history could not be read.
    pub(super) fn broke(&mut self, error: Error) {
        self.unsaved.get_or_insert(error);
    }
}
