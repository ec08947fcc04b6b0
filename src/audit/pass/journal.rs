//! What a pass records, in batches; and where that goes if it cannot be recorded.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::history::{Error, New, Outcome, Spool, Spools, Store, Target};

/// Rows of one batch.
const BATCH: usize = 16;
/// Targets that were seen again in one row.
const SEEN: usize = 4096;

/// A history that was opened for a pass.
#[derive(Debug)]
pub enum Opened {
    /// It can be written.
    Writable(Store),
    /// It can be read alone, and why.
    Readable(Store, Error),
    /// It cannot be reached, and why.
    Away(Error),
}

/// A history that a pass is recorded in.
#[derive(Debug)]
pub struct Journal {
    store: Option<Store>,
    now: Timestamp,
    pending: Vec<New>,
    seen: Vec<Target>,
    saved: Saved,
    unsaved: Option<Error>,
    spools: Option<Spools>,
    spool: Option<Spool>,
    lost: Option<Error>,
}

/// Images that were recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Those that are new or others than before.
    pub changed: usize,
    /// Those that are what they were.
    pub same: usize,
}

/// Why not all was recorded, and what became of the rest.
#[derive(Debug)]
pub struct Unsaved {
    /// Why.
    pub reason: Error,
    /// Where the rest is, until it can be recorded; `None` if there was none.
    pub spool: Option<PathBuf>,
    /// Why some of the rest is lost, if it is.
    pub lost: Option<Error>,
}

impl Unsaved {
    /// With nothing that could wait.
    pub fn because(reason: Error) -> Self {
        Self { reason, spool: None, lost: None }
    }
}

impl Journal {
    /// A journal of what is found out at `now`; what cannot be recorded goes into a spool, if there
    /// is a place for it.
    pub fn new(opened: Opened, spools: Option<Spools>, now: Timestamp) -> Self {
        let (store, unsaved) = match opened {
            Opened::Writable(store) => (Some(store), None),
            Opened::Readable(store, reason) => (Some(store), Some(reason)),
            Opened::Away(reason) => (None, Some(reason)),
        };
        Self {
            store,
            now,
            pending: Vec::new(),
            seen: Vec::new(),
            saved: Saved::default(),
            unsaved,
            spools,
            spool: None,
            lost: None,
        }
    }

    /// The history, to read it; `None` if it cannot be reached.
    pub fn store(&mut self) -> Option<&mut Store> {
        self.store.as_mut()
    }

    /// Whether nothing is known of what was before.
    pub fn is_blind(&self) -> bool {
        self.store.is_none()
    }

    /// Whether all that was found out so far is recorded.
    pub fn is_saving(&self) -> bool {
        self.store.is_some() && self.unsaved.is_none()
    }

    /// What was recorded so far.
    pub fn saved(&self) -> Saved {
        self.saved
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

    /// Records what waits, in one transaction. After a failure nothing more is recorded, as what
    /// follows from rows that are missing would be wrong: all goes into the spool.
    pub async fn flush(&mut self) {
        let mut batch = std::mem::take(&mut self.pending);
        let targets = std::mem::take(&mut self.seen);
        if !targets.is_empty() {
            batch.push(New::Seen { at: self.now, targets });
        }
        if batch.is_empty() {
            return;
        }
        if self.unsaved.is_none()
            && let Some(store) = &mut self.store
        {
            match store.append(&batch).await {
                Ok(became) => return self.count(&batch, &became),
                Err(error) => self.unsaved = Some(error),
            }
        }
        self.put_aside(&batch);
    }

    fn count(&mut self, batch: &[New], became: &[Outcome]) {
        for (new, became) in batch.iter().zip(became) {
            match (new, became) {
                (New::Point { .. }, Outcome::Recorded) => self.saved.changed += 1,
                (New::Point { .. }, Outcome::Same) => self.saved.same += 1,
                _ => {}
            }
        }
    }

    fn put_aside(&mut self, batch: &[New]) {
        if self.lost.is_some() {
            return;
        }
        let Some(spools) = &self.spools else {
            self.lost = Some(Error::NoSpool);
            return;
        };
        let begun = match self.spool.take() {
            Some(spool) => Ok(spool),
            None => Spool::begin(spools, self.now),
        };
        let added = begun.and_then(|spool| {
            let spool = self.spool.insert(spool);
            spool.add(batch)
        });
        self.lost = added.err();
    }

    /// Remembers why the history cannot hold what follows.
    pub fn broke(&mut self, error: Error) {
        self.unsaved.get_or_insert(error);
    }

    /// Goes on without the history, which cannot be reached.
    pub(super) fn go_blind(&mut self, error: Error) {
        self.broke(error);
        self.store = None;
    }

    /// Records the rest; gives the history, to read it, and tells if not all is recorded.
    pub async fn close(mut self) -> (Option<Store>, Option<Unsaved>) {
        self.flush().await;
        let (spool, unnamed) = match self.spool.map(Spool::finish).transpose() {
            Ok(spool) => (spool, None),
            Err(error) => (None, Some(error)),
        };
        let lost = self.lost.or(unnamed);
        (self.store, self.unsaved.map(|reason| Unsaved { reason, spool, lost }))
    }
}
