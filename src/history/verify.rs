//! Verification: every row is what was written, none is missing, and so are the snapshots.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::draft::unpack;
use super::news::Target;
use super::read::{WINDOW, Window, is_damage};
use super::record::digest_of;
use super::sql::{Linked, statement};
use super::{Error, Head, Store, chain};
use crate::oci::Digest;

/// Snapshots in memory at once.
const SNAPSHOTS: i64 = 32;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Rows that were read.
    pub rows: u64,
    /// Snapshots that were read.
    pub snapshots: u64,
    /// The first row that is kept; what was before it was pruned.
    pub first: i64,
    /// The last row; 0 for an empty history.
    pub last: i64,
    /// The hash of the last row, in hexadecimal digits. Kept elsewhere, it shows whether rows were
    /// taken from the end.
    pub head: String,
    /// What is broken first; `None` for a sound history.
    pub broken: Option<Broken>,
}

/// Something that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The row's number; 0 for what is not a row.
    pub seq: i64,
    /// What it is about, if that can be told.
    pub target: Option<Target>,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The row's content or hash was changed, or the row before it was exchanged.
    Changed,
    /// The row is missing.
    Missing,
    /// The row cannot be read.
    Unreadable(String),
    /// There is a row beyond the end of the chain.
    Extra,
    /// The chain does not end where its head says.
    Head,
    /// The snapshot of this image is not what was written, or missing.
    Snapshot(Digest),
    /// The database says of itself that it is damaged.
    Database(String),
}

/// The position of a walk over the chain.
pub(super) struct Walk {
    seq: i64,
    hash: Vec<u8>,
    targets: HashMap<i64, Target>,
    pub(super) rows: u64,
}

impl Walk {
    pub(super) fn new(head: &Head, targets: HashMap<i64, Target>) -> Self {
        let (seq, hash) = (head.pruned_seq, head.pruned_hash.clone());
        Self { seq, hash, targets, rows: 0 }
    }

    /// Whether a row is what was written after the one with hash `before`.
    pub(super) fn is_link(before: &[u8], target: Option<&Target>, linked: &Linked) -> bool {
        let named = target.is_some() == linked.row.target.is_some();
        named && chain::link(before, linked.seq, target, &linked.row).as_slice() == linked.hash
    }

    /// Takes the rows up to `last`; gives the first that is broken.
    pub(super) fn take(&mut self, window: &Window, last: i64) -> Option<Broken> {
        for linked in &window.rows {
            let expected = self.seq.saturating_add(1);
            let target = linked.row.target.and_then(|id| self.targets.get(&id));
            if linked.seq != expected {
                return Some(missing(expected, window));
            }
            if !Self::is_link(&self.hash, target, linked) {
                let target = target.cloned();
                return Some(Broken { seq: expected, target, fault: Fault::Changed });
            }
            self.seq = linked.seq;
            self.hash.clone_from(&linked.hash);
            self.rows += 1;
        }
        (self.seq != last).then(|| missing(self.seq.saturating_add(1), window))
    }
}

/// Why row `seq` is not where it should be.
fn missing(seq: i64, window: &Window) -> Broken {
    let unreadable = window.unreadable.iter().find(|(found, _)| *found == seq);
    let fault = match unreadable {
        Some((_, error)) => Fault::Unreadable(error.to_string()),
        None => Fault::Missing,
    };
    Broken { seq, target: None, fault }
}

impl Store {
    /// Reads everything, as it is at one moment, and compares it with its hashes.
    pub async fn verify(&mut self) -> Result<Verified, Error> {
        self.freeze().await?;
        let verified = self.verify_frozen().await;
        self.thaw().await;
        verified
    }

    async fn verify_frozen(&mut self) -> Result<Verified, Error> {
        let head = self.head().await?;
        let mut verified = Verified {
            rows: 0,
            snapshots: 0,
            first: head.pruned_seq.saturating_add(1),
            last: head.last_seq,
            head: hex::encode(&head.last_hash),
            broken: None,
        };
        let mut walk = Walk::new(&head, self.targets().await?);
        verified.broken = self.walk(&mut walk, head.last_seq).await?;
        verified.rows = walk.rows;
        if verified.broken.is_none() && walk.hash != head.last_hash {
            verified.broken = Some(Broken { seq: 0, target: None, fault: Fault::Head });
        }
        if verified.broken.is_none() {
            verified.broken = self.beyond(&head).await?;
        }
        if verified.broken.is_none() {
            verified.broken = self.verify_snapshots(&mut verified.snapshots).await?;
        }
        if verified.broken.is_none() && self.sqlite {
            verified.broken = self.check_file().await?;
        }
        Ok(verified)
    }

    /// Follows the chain up to row `last`; gives the first broken one.
    pub(super) async fn walk(
        &mut self,
        walk: &mut Walk,
        last: i64,
    ) -> Result<Option<Broken>, Error> {
        while walk.seq < last {
            let end = last.min(walk.seq.saturating_add(WINDOW));
            let window = self.window(walk.seq, end).await?;
            if let Some(broken) = walk.take(&window, end) {
                return Ok(Some(broken));
            }
        }
        Ok(None)
    }

    /// Rows outside of the chain.
    async fn beyond(&mut self, head: &Head) -> Result<Option<Broken>, Error> {
        let text = "SELECT seq FROM (SELECT seq FROM point UNION ALL SELECT seq FROM event) AS rows \
                    WHERE seq > $1 OR seq <= $2 LIMIT 1";
        let found: Result<Option<i64>, _> = sqlx::query_scalar(text)
            .bind(head.last_seq)
            .bind(head.pruned_seq)
            .fetch_optional(&mut self.connection)
            .await;
        let found = found.map_err(|error| self.failed(&error))?;
        Ok(found.map(|seq| Broken { seq, target: None, fault: Fault::Extra }))
    }

    async fn verify_snapshots(&mut self, count: &mut u64) -> Result<Option<Broken>, Error> {
        let (mut after, mut complete) = (Vec::new(), 0_i64);
        loop {
            let text = "SELECT image, complete, checksum, json FROM snapshot \
                        WHERE (image, complete) > ($1, $2) ORDER BY image, complete LIMIT $3";
            let rows = sqlx::query(text)
                .bind(after.clone())
                .bind(complete)
                .bind(SNAPSHOTS)
                .fetch_all(&mut self.connection)
                .await;
            let rows = match rows.map_err(|error| self.failed(&error)) {
                Err(error) if is_damage(&error) => {
                    let fault = Fault::Database(error.to_string());
                    return Ok(Some(Broken { seq: 0, target: None, fault }));
                }
                rows => rows?,
            };
            let failed = |error: sqlx::Error| self.failed(&error);
            for row in &rows {
                after = row.try_get(0).map_err(failed)?;
                complete = row.try_get(1).map_err(failed)?;
                let (checksum, packed): (Vec<u8>, Vec<u8>) =
                    (row.try_get(2).map_err(failed)?, row.try_get(3).map_err(failed)?);
                let sound = unpack(&packed)
                    .is_some_and(|json| Sha256::digest(json.as_bytes()).as_slice() == checksum);
                if !sound {
                    return self.named_first("image = $1", Some(&after)).await.map(|found| {
                        let seq = found.map_or(0, |(seq, _)| seq);
                        Some(broken_snapshot(seq, &after))
                    });
                }
                *count += 1;
            }
            if rows.is_empty() {
                break;
            }
        }
        let missing = "NOT EXISTS (SELECT 1 FROM snapshot WHERE \
                       snapshot.image = point.image AND snapshot.checksum = point.snapshot)";
        let found = self.named_first(missing, None).await?;
        Ok(found.map(|(seq, image)| broken_snapshot(seq, &image)))
    }

    /// The first of the points with a snapshot for which `condition` holds, and its image.
    async fn named_first(
        &mut self,
        condition: &str,
        value: Option<&[u8]>,
    ) -> Result<Option<(i64, Vec<u8>)>, Error> {
        let text = format!(
            "SELECT seq, image FROM point WHERE snapshot IS NOT NULL AND {condition} \
             ORDER BY seq LIMIT 1"
        );
        let query = statement(text);
        let query = match value {
            Some(value) => query.bind(value.to_vec()),
            None => query,
        };
        let found = query.fetch_optional(&mut self.connection).await;
        let read = |row: AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        found.and_then(|row| row.map(read).transpose()).map_err(|error| self.failed(&error))
    }

    /// What SQLite finds: among others, an index that misses rows.
    async fn check_file(&mut self) -> Result<Option<Broken>, Error> {
        let said =
            sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut self.connection).await;
        let said: String = match said.map_err(|error| self.failed(&error)) {
            Err(error) if is_damage(&error) => error.to_string(),
            said => said?,
        };
        let fault = Fault::Database(said.clone());
        Ok((said != "ok").then_some(Broken { seq: 0, target: None, fault }))
    }
}

fn broken_snapshot(seq: i64, image: &[u8]) -> Broken {
    let fault = match digest_of(image) {
        Ok(digest) => Fault::Snapshot(digest),
        Err(reason) => Fault::Database(reason),
    };
    Broken { seq, target: None, fault }
}
