//! Pruning: the oldest rows go, and the chain begins behind them.
//!
//! What still holds is carried to the end of the chain first, with its time: the last point of
//! every target that is there, and breaches that were not cleared. The rows that go are verified
//! before, and a row says that they went.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::Row as _;

use super::draft::Draft;
use super::link::Link;
use super::news::{BreachState, Target};
use super::record::{Body, EventKind, Row};
use super::sql::{EVENT, Linked, POINT, event_of, point_of, statement};
use super::verify::Walk;
use super::{Error, Head, Store, open};

/// What a pruning removed, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows that went.
    pub rows: u64,
    /// The last of them; 0 for none.
    pub through: i64,
    /// Rows that were carried to the end because they still hold.
    pub carried: u64,
    /// Snapshots of images that no row names any longer.
    pub snapshots: u64,
}

impl Store {
    /// Removes the rows from before `before`, up to the first that is not; `at` is when.
    pub async fn prune(&mut self, before: Timestamp, at: Timestamp) -> Result<Pruned, Error> {
        let plan = self.prunable(before).await?;
        if plan.rows == 0 {
            return Ok(plan);
        }
        let targets = self.targets().await?;
        let body = async |change: &mut Link, name: &str, draft: Draft| {
            let end = prune(change, draft, &targets, plan, (before, at)).await;
            end.map_err(|error| Error::of(name, &error))
        };
        let pruned = self.change(body).await?;
        self.give_back().await;
        Ok(pruned)
    }

    /// What pruning would remove. The rows are verified: removing a broken one would hide it.
    pub async fn prunable(&mut self, before: Timestamp) -> Result<Pruned, Error> {
        let head = self.head().await?;
        let through = self.cut(&head, before.as_millisecond()).await?;
        let mut walk = Walk::new(&head, self.targets().await?);
        if let Some(broken) = self.walk(&mut walk, through).await? {
            return Err(Error::Broken { place: self.place.to_string(), seq: broken.seq });
        }
        let carried = if walk.rows == 0 {
            Vec::new()
        } else {
            let carried = carried(&mut self.connection, through).await;
            carried.map_err(|error| self.failed(&error))?
        };
        let carried = u64::try_from(carried.len()).unwrap_or(u64::MAX);
        let through = if walk.rows == 0 { 0 } else { through };
        Ok(Pruned { rows: walk.rows, through, carried, snapshots: 0 })
    }

    /// The last of the rows from the beginning that are all older than `before`.
    async fn cut(&mut self, head: &Head, before: i64) -> Result<i64, Error> {
        let mut first = head.last_seq.saturating_add(1);
        for table in ["point", "event"] {
            let text = format!(
                "SELECT seq FROM {table} WHERE seq <= $1 AND seen >= $2 ORDER BY seq LIMIT 1"
            );
            let found = sqlx::query_scalar(sqlx::AssertSqlSafe(text))
                .bind(head.last_seq)
                .bind(before)
                .fetch_optional(&mut self.connection)
                .await;
            let found: Option<i64> = found.map_err(|error| self.failed(&error))?;
            first = found.map_or(first, |seq| first.min(seq));
        }
        Ok(first.saturating_sub(1).max(head.pruned_seq))
    }

    /// Gives the room back to the file system, as far as that goes; nothing depends on it.
    async fn give_back(&mut self) {
        if self.sqlite {
            for text in ["incremental_vacuum", "wal_checkpoint(TRUNCATE)"] {
                let _ = open::pragma(&mut self.connection, text).await;
            }
        }
    }
}

/// Carries over what holds, says so, and removes the rows; `times` are before when, and now.
async fn prune(
    change: &mut Link,
    mut draft: Draft,
    targets: &HashMap<i64, Target>,
    plan: Pruned,
    (before, at): (Timestamp, Timestamp),
) -> Result<(Pruned, Head), sqlx::Error> {
    if draft.head_mut().pruned_seq >= plan.through {
        // Another process was faster.
        return Ok((Pruned::default(), draft.finish(change).await?));
    }
    let carried = carried(change, plan.through).await?;
    for linked in &carried {
        let target = linked.row.target.and_then(|id| targets.get(&id));
        draft.push(linked.row.clone(), target);
    }
    draft.push(record(plan, before, carried.len(), at), None);
    let hash = anchor(change, plan.through).await?;
    (draft.head_mut().pruned_seq, draft.head_mut().pruned_hash) = (plan.through, hash);
    let end = draft.finish(change).await?;
    let snapshots = remove(change, plan.through).await?;
    let carried = u64::try_from(carried.len()).unwrap_or(u64::MAX);
    Ok((Pruned { carried, snapshots, ..plan }, end))
}

fn record(plan: Pruned, before: Timestamp, carried: usize, at: Timestamp) -> Row {
    let detail = serde_json::json!({
        "before": before.to_string(),
        "rows": plan.rows,
        "through": plan.through,
        "carried": carried,
    });
    Row::told(EventKind::Pruned, None, at, "", &detail.to_string())
}

/// The rows up to `through` that still hold.
async fn carried(connection: &mut Link, through: i64) -> Result<Vec<Linked>, sqlx::Error> {
    let mut seqs = last_points(connection, through).await?;
    let breaches = open_breaches(connection, through).await?;
    let mut rows = Vec::with_capacity(seqs.len() + breaches.len());
    seqs.sort_unstable();
    for seq in seqs {
        let row = statement(format!("{POINT} WHERE seq = $1")).bind(seq);
        rows.push(point_of(&row.fetch_one(&mut *connection).await?)?);
    }
    rows.extend(breaches);
    rows.sort_by_key(|linked| linked.seq);
    Ok(rows)
}

/// The last points of targets that are there, as far as they are up to `through`.
async fn last_points(connection: &mut Link, through: i64) -> Result<Vec<i64>, sqlx::Error> {
    let gone = "SELECT target, MAX(seq) FROM event WHERE kind = 'gone' GROUP BY target";
    let gone = pairs(connection, gone).await?;
    let last = pairs(connection, "SELECT target, MAX(seq) FROM point GROUP BY target").await?;
    let holds = |(target, seq): &(&i64, &i64)| {
        **seq <= through && gone.get(target).is_none_or(|gone| gone < seq)
    };
    Ok(last.iter().filter(holds).map(|(_, seq)| *seq).collect())
}

async fn pairs(
    connection: &mut Link,
    text: &'static str,
) -> Result<HashMap<i64, i64>, sqlx::Error> {
    let rows = sqlx::query(text).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The rows up to `through` that tell of breaches which are not over, and who knows of breaches.
async fn open_breaches(connection: &mut Link, through: i64) -> Result<Vec<Linked>, sqlx::Error> {
    let text = format!("{EVENT} WHERE kind IN ('opened', 'notified', 'cleared') ORDER BY seq");
    let rows = statement(text).fetch_all(connection).await?;
    let mut last = HashMap::new();
    for row in &rows {
        let linked = event_of(row)?;
        let Body::Event { kind, subject, .. } = &linked.row.body else { continue };
        let is_told = *kind == EventKind::Notified;
        last.insert((linked.row.target, subject.clone(), is_told), linked);
    }
    let holds = |linked: &Linked| {
        let Body::Event { kind, detail, .. } = &linked.row.body else { return false };
        let is_over = match kind {
            EventKind::Notified => {
                detail.as_deref().is_none_or(|told| BreachState::channels(told).is_empty())
            }
            kind => *kind == EventKind::Cleared,
        };
        linked.seq <= through && !is_over
    };
    Ok(last.into_values().filter(holds).collect())
}

/// The hash of the row behind which the chain will begin.
async fn anchor(connection: &mut Link, through: i64) -> Result<Vec<u8>, sqlx::Error> {
    let text =
        "SELECT hash FROM point WHERE seq = $1 UNION ALL SELECT hash FROM event WHERE seq = $1";
    sqlx::query_scalar(text).bind(through).fetch_one(connection).await
}

/// Removes rows up to `through` and the snapshots that are nobody's; gives how many of those.
async fn remove(connection: &mut Link, through: i64) -> Result<u64, sqlx::Error> {
    for text in ["DELETE FROM point WHERE seq <= $1", "DELETE FROM event WHERE seq <= $1"] {
        sqlx::query(text).bind(through).execute(&mut *connection).await?;
    }
    let text = "DELETE FROM snapshot WHERE image IN \
                (SELECT image FROM snapshot EXCEPT SELECT image FROM point)";
    Ok(sqlx::query(text).execute(connection).await?.rows_affected())
}
