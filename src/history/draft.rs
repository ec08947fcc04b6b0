//! Rows on their way to the end of the chain: what is news, and what is known already.

use std::collections::HashMap;
use std::io::Read as _;

use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::link::Link;
use super::news::{BreachState, New, Outcome, Point, Target};
use super::record::{Body, EventKind, PointBody, Row, clean};
use super::sql::{self, Linked, lock_head, set_head};
use super::{Error, Head, chain, ranges};

/// No snapshot is longer, packed or not.
pub(super) const LONGEST_SNAPSHOT: usize = 64 << 20;
/// How hard snapshots are packed: they are written once and kept for years.
const LEVEL: i32 = 9;

/// What a target was at last.
#[derive(Clone, PartialEq, Eq)]
struct Last {
    root: Vec<u8>,
    image: Vec<u8>,
    complete: bool,
}

/// What is known of a breach.
#[derive(Clone, Default)]
struct Known {
    is_open: bool,
    /// Who knows of it, as it is recorded.
    told: Option<String>,
}

/// Rows that are about to be appended.
pub(super) struct Draft {
    head: Head,
    rows: Vec<Linked>,
    targets: HashMap<Target, i64>,
    /// The last points of targets; `None` for one that is not there.
    latest: HashMap<i64, Option<Last>>,
    breaches: HashMap<(i64, String), Known>,
    /// Checksums of snapshots by image and whether its layers were read.
    checksums: HashMap<(Vec<u8>, bool), Option<Vec<u8>>>,
    /// Targets that were read and are what they were, by the time of reading.
    same: Vec<(i64, Vec<i64>)>,
}

impl Draft {
    /// Begins to append, with the lock of the chain's end; tells the schema, too.
    pub(super) async fn new(connection: &mut Link) -> Result<(Self, i64), sqlx::Error> {
        let (head, schema) = lock_head(connection).await?;
        let draft = Self {
            head,
            rows: Vec::new(),
            targets: HashMap::new(),
            latest: HashMap::new(),
            breaches: HashMap::new(),
            checksums: HashMap::new(),
            same: Vec::new(),
        };
        Ok((draft, schema))
    }

    /// Puts down what is new of `new`; `name` is the place, for errors.
    pub(super) async fn take(
        &mut self,
        connection: &mut Link,
        new: &New,
        name: &str,
    ) -> Result<Outcome, Error> {
        let failed = |error: sqlx::Error| Error::of(name, &error);
        match new {
            New::Point { point, snapshot } => {
                self.point(connection, point, snapshot.as_deref(), name).await
            }
            New::Seen { at, targets } => {
                let mut ids = Vec::with_capacity(targets.len());
                for target in targets {
                    ids.push(self.target(connection, target).await.map_err(failed)?);
                }
                self.seen(at.as_millisecond(), ids);
                Ok(Outcome::Recorded)
            }
            New::Gone { target, at } => {
                let id = self.target(connection, target).await.map_err(failed)?;
                if self.latest(connection, id).await.map_err(failed)?.is_none() {
                    return Ok(Outcome::Unchanged);
                }
                self.push(Row::event(EventKind::Gone, Some(id), *at), Some(target));
                self.latest.insert(id, None);
                Ok(Outcome::Recorded)
            }
            New::Read { target, .. } | New::Failed { target, .. } => {
                let id = self.target(connection, target).await.map_err(failed)?;
                self.push(Row { target: Some(id), ..new.row()? }, Some(target));
                Ok(Outcome::Recorded)
            }
            New::Breach { .. } => self.breach(connection, new).await.map_err(failed),
            New::Run { .. } => {
                self.push(new.row()?, None);
                Ok(Outcome::Recorded)
            }
        }
    }

    async fn point(
        &mut self,
        connection: &mut Link,
        point: &Point,
        snapshot: Option<&str>,
        name: &str,
    ) -> Result<Outcome, Error> {
        let failed = |error: sqlx::Error| Error::of(name, &error);
        let id = self.target(connection, &point.target).await.map_err(failed)?;
        let mut body = PointBody::new(point)?;
        let now = Last {
            root: body.root.clone(),
            image: body.image.clone(),
            complete: body.is_complete(),
        };
        let seen = point.seen.as_millisecond();
        if self.latest(connection, id).await.map_err(failed)?.is_some_and(|last| last.says(&now)) {
            match self.same.iter_mut().find(|(at, _)| *at == seen) {
                Some((_, ids)) => ids.push(id),
                None => self.same.push((seen, vec![id])),
            }
            return Ok(Outcome::Same);
        }
        body.snapshot = self.snapshot(connection, &body, snapshot, name).await?;
        self.push(Row { target: Some(id), seen, body: Body::Point(body) }, Some(&point.target));
        self.latest.insert(id, Some(now));
        Ok(Outcome::Recorded)
    }

    async fn breach(&mut self, connection: &mut Link, new: &New) -> Result<Outcome, sqlx::Error> {
        let New::Breach { target, at, rule, state } = new else {
            return Ok(Outcome::Unchanged);
        };
        let id = self.target(connection, target).await?;
        let (kind, detail) = (EventKind::from(state), clean(&state.detail()));
        let key = (id, clean(rule));
        let mut known = match self.breaches.remove(&key) {
            Some(known) => known,
            None => known_of(connection, id, &key.1).await?,
        };
        let changes = match state {
            BreachState::Opened(_) => !known.is_open,
            BreachState::Notified(_) => {
                (known.is_open || known.told.is_some()) && known.told.as_ref() != Some(&detail)
            }
            BreachState::Cleared(_) => known.is_open,
        };
        if changes {
            self.push(Row::told(kind, Some(id), *at, rule, &detail), Some(target));
            match kind {
                EventKind::Notified => known.told = Some(detail),
                _ => known.is_open = kind == EventKind::Opened,
            }
        }
        self.breaches.insert(key, known);
        Ok(if changes { Outcome::Recorded } else { Outcome::Unchanged })
    }

    /// Appends a row for targets that were seen again.
    pub(super) fn seen(&mut self, at: i64, mut ids: Vec<i64>) {
        if !ids.is_empty() {
            let detail = Some(ranges::format(&mut ids));
            let body = Body::Event { kind: EventKind::Seen, subject: None, detail };
            self.push(Row { target: None, seen: at, body }, None);
        }
    }

    /// Puts a row at the end of the chain.
    pub(super) fn push(&mut self, row: Row, target: Option<&Target>) {
        let seq = self.head.last_seq.saturating_add(1);
        let target = target.map(Target::cleaned);
        let hash = chain::link(&self.head.last_hash, seq, target.as_ref(), &row).to_vec();
        self.head.last_seq = seq;
        self.head.last_hash.clone_from(&hash);
        self.rows.push(Linked { seq, hash, row });
    }

    /// Writes what was put down so far.
    pub(super) async fn flush(&mut self, connection: &mut Link) -> Result<(), sqlx::Error> {
        sql::insert(connection, &std::mem::take(&mut self.rows)).await
    }

    /// Writes the rest and tells where the chain ends.
    pub(super) async fn finish(mut self, connection: &mut Link) -> Result<Head, sqlx::Error> {
        for (at, ids) in std::mem::take(&mut self.same) {
            self.seen(at, ids);
        }
        self.flush(connection).await?;
        set_head(connection, &self.head).await?;
        Ok(self.head)
    }

    /// The ends of the chain as it will be; pruning moves its beginning.
    pub(super) fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    /// The number of a target; a new target gets the next one.
    pub(super) async fn target(
        &mut self,
        connection: &mut Link,
        target: &Target,
    ) -> Result<i64, sqlx::Error> {
        let target = target.cleaned();
        if let Some(id) = self.targets.get(&target) {
            return Ok(*id);
        }
        let [repository, tag, platform] =
            [&target.repository, &target.tag, &target.platform].map(String::as_str);
        let find = "SELECT id FROM target WHERE repository = $1 AND tag = $2 AND platform = $3";
        let found: Option<i64> = sqlx::query_scalar(find)
            .bind(repository)
            .bind(tag)
            .bind(platform)
            .fetch_optional(&mut *connection)
            .await?;
        let id = if let Some(id) = found {
            id
        } else {
            let text = "INSERT INTO target SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3 FROM target RETURNING id";
            let insert = sqlx::query_scalar(text).bind(repository).bind(tag).bind(platform);
            insert.fetch_one(&mut *connection).await?
        };
        self.targets.insert(target, id);
        Ok(id)
    }

    /// The target's last point, if it is there.
    async fn latest(
        &mut self,
        connection: &mut Link,
        id: i64,
    ) -> Result<Option<Last>, sqlx::Error> {
        if let Some(known) = self.latest.get(&id) {
            return Ok(known.clone());
        }
        let text = "SELECT seq, root, image, content FROM point WHERE target = $1 ORDER BY seq DESC LIMIT 1";
        let found = match sqlx::query(text).bind(id).fetch_optional(&mut *connection).await? {
            None => None,
            Some(row) => {
                let text =
                    "SELECT COUNT(*) FROM event WHERE target = $1 AND seq > $2 AND kind = 'gone'";
                let seq: i64 = row.try_get(0)?;
                let gone: i64 =
                    sqlx::query_scalar(text).bind(id).bind(seq).fetch_one(&mut *connection).await?;
                let content: Option<i64> = row.try_get(3)?;
                let (root, image) = (row.try_get(1)?, row.try_get(2)?);
                (gone == 0).then_some(Last { root, image, complete: content.is_some() })
            }
        };
        self.latest.insert(id, found.clone());
        Ok(found)
    }

    /// Keeps what is known of a point's image unless as much is kept already; gives its checksum.
    pub(super) async fn snapshot(
        &mut self,
        connection: &mut Link,
        point: &PointBody,
        json: Option<&str>,
        name: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let failed = |error: sqlx::Error| Error::of(name, &error);
        let key = (point.image.clone(), point.is_complete());
        let find = "SELECT checksum FROM snapshot WHERE image = $1 AND complete = $2";
        let known = match self.checksums.get(&key) {
            Some(known) => known.clone(),
            None => sqlx::query_scalar(find)
                .bind(key.0.clone())
                .bind(i64::from(key.1))
                .fetch_optional(&mut *connection)
                .await
                .map_err(failed)?,
        };
        let checksum = match (known, json) {
            (None, Some(json)) => {
                let json = one_line(json)?;
                let checksum = Sha256::digest(json.as_bytes()).to_vec();
                let insert = sqlx::query("INSERT INTO snapshot VALUES ($1, $2, $3, $4)")
                    .bind(key.0.clone())
                    .bind(i64::from(key.1))
                    .bind(checksum.clone())
                    .bind(pack(&json)?);
                insert.execute(&mut *connection).await.map_err(failed)?;
                Some(checksum)
            }
            (known, _) => known,
        };
        self.checksums.insert(key, checksum.clone());
        Ok(checksum)
    }
}

impl Last {
    /// Whether a reading tells no more than this.
    fn says(&self, now: &Self) -> bool {
        self.root == now.root && self.image == now.image && (self.complete || !now.complete)
    }
}

async fn known_of(connection: &mut Link, target: i64, rule: &str) -> Result<Known, sqlx::Error> {
    let opened = "SELECT kind FROM event WHERE target = $1 AND subject = $2 \
                  AND kind IN ('opened', 'cleared') ORDER BY seq DESC LIMIT 1";
    let opened: Option<String> =
        sqlx::query_scalar(opened).bind(target).bind(rule).fetch_optional(&mut *connection).await?;
    let told = "SELECT detail FROM event WHERE target = $1 AND subject = $2 \
                AND kind = 'notified' ORDER BY seq DESC LIMIT 1";
    let told: Option<Option<String>> =
        sqlx::query_scalar(told).bind(target).bind(rule).fetch_optional(connection).await?;
    let is_open = opened.is_some_and(|kind| kind == EventKind::Opened.name());
    Ok(Known { is_open, told: told.flatten() })
}

/// JSON on one line: line breaks are only ever between its tokens.
fn one_line(json: &str) -> Result<String, Error> {
    serde_json::from_str::<serde::de::IgnoredAny>(json)
        .map_err(|_| Error::TooLarge { what: "a snapshot that is not JSON" })?;
    Ok(json.trim().replace(['\n', '\r'], " "))
}

fn pack(json: &str) -> Result<Vec<u8>, Error> {
    if json.len() > LONGEST_SNAPSHOT {
        return Err(Error::TooLarge { what: "a snapshot of more than 64 MiB" });
    }
    zstd::bulk::compress(json.as_bytes(), LEVEL)
        .map_err(|error| Error::file("a snapshot cannot be packed", error))
}

/// The text of a snapshot, if it is one.
pub(super) fn unpack(packed: &[u8]) -> Option<String> {
    let mut json = String::new();
    let limit = u64::try_from(LONGEST_SNAPSHOT).ok()?;
    zstd::Decoder::new(packed).ok()?.take(limit).read_to_string(&mut json).ok()?;
    Some(json)
}
