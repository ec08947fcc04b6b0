//! What happened over a time: when targets came and went, how breaches and runs ended.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;
use sqlx::Row as _;

use super::news::{Run, Target};
use super::ranges;
use super::record::{Body, EventKind, time};
use super::sql::{EVENT, Linked, event_of, statement, target_of};
use super::{Error, Store};

/// When a target was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Which.
    pub target: Target,
    /// When it was seen first; `None` if what was recorded of it then was pruned.
    pub first: Option<Timestamp>,
    /// When it was not there, oldest first.
    pub absences: Vec<Absence>,
}

/// When a target was found to be gone and, if it came back, when it was seen again.
pub type Absence = (Timestamp, Option<Timestamp>);

/// A breach from its first to its last day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreachLife {
    /// Which target.
    pub target: Target,
    /// The limit.
    pub rule: String,
    /// The breach in words.
    pub message: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was over, if it is, and what was said of that.
    pub cleared: Option<(Timestamp, String)>,
}

impl Store {
    /// When the targets of a repository were there; those that were never read are left out.
    pub async fn presences(&mut self, repository: &str) -> Result<Vec<Presence>, Error> {
        let gone = self.absences(repository).await?;
        let text = "SELECT t.id, t.repository, t.tag, t.platform, point.seen, point.seq \
                    FROM target AS t JOIN point ON point.seq = (SELECT MIN(first.seq) \
                    FROM point AS first WHERE first.target = t.id) WHERE t.repository = $1";
        let rows =
            sqlx::query(text).bind(repository.to_owned()).fetch_all(&mut self.connection).await;
        let rows: Vec<((i64, Target), i64, i64)> =
            self.decoded(rows, |row| Ok((target_of(row)?, row.try_get(4)?, row.try_get(5)?)))?;
        let is_pruned = self.pruned_before().await?.is_some();
        let looks = if is_pruned { self.looks().await? } else { Vec::new() };
        let mut presences = Vec::with_capacity(rows.len());
        for ((id, target), first, seq) in rows {
            let absences = gone.get(&id).map(Vec::as_slice).unwrap_or_default();
            // What went, or was what it had been, before its first point had others before.
            let is_cut = absences.iter().any(|(gone, _)| gone.as_millisecond() < first)
                || looks
                    .iter()
                    .take_while(|(at, _)| *at < seq)
                    .any(|(_, ids)| ranges::holds(ids, id));
            let first = if is_cut { None } else { Some(self.at(first)?) };
            presences.push(Presence { target, first, absences: absences.to_vec() });
        }
        Ok(presences)
    }

    /// The targets that were seen again, with the rows that say so.
    async fn looks(&mut self) -> Result<Vec<(i64, Vec<(i64, i64)>)>, Error> {
        let text = format!("{EVENT} WHERE kind = 'seen' ORDER BY seq");
        let rows = statement(text).fetch_all(&mut self.connection).await;
        let mut looks = Vec::new();
        for linked in self.decoded(rows, event_of)? {
            let Body::Event { detail: Some(text), .. } = &linked.row.body else { continue };
            let ids = ranges::parse(text)
                .ok_or_else(|| self.corrupt("a list of targets is none".to_owned()))?;
            looks.push((linked.seq, ids));
        }
        Ok(looks)
    }

    /// When targets of a repository were gone, by the numbers of the targets.
    async fn absences(&mut self, repository: &str) -> Result<HashMap<i64, Vec<Absence>>, Error> {
        let text = "SELECT e.target, e.seen, (SELECT seen FROM point WHERE point.target = e.target \
                    AND point.seq > e.seq ORDER BY point.seq LIMIT 1) \
                    FROM event AS e WHERE e.kind = 'gone' \
                    AND e.target IN (SELECT id FROM target WHERE repository = $1) ORDER BY e.seq";
        let rows =
            sqlx::query(text).bind(repository.to_owned()).fetch_all(&mut self.connection).await;
        let rows: Vec<(i64, i64, Option<i64>)> =
            self.decoded(rows, |row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)))?;
        let mut absences: HashMap<i64, Vec<Absence>> = HashMap::new();
        for (target, gone, back) in rows {
            let gap = (self.at(gone)?, back.map(|back| self.at(back)).transpose()?);
            absences.entry(target).or_default().push(gap);
        }
        Ok(absences)
    }

    /// Before when rows were pruned; what is not known of that time may have been.
    pub async fn pruned_before(&mut self) -> Result<Option<Timestamp>, Error> {
        let text = format!("{EVENT} WHERE kind = 'pruned' ORDER BY seq DESC LIMIT 1");
        let rows = statement(text).fetch_all(&mut self.connection).await;
        let last = self.decoded(rows, event_of)?.pop();
        let Some(Body::Event { detail: Some(detail), .. }) = last.map(|linked| linked.row.body)
        else {
            return Ok(None);
        };
        let detail: Option<serde_json::Value> = serde_json::from_str(&detail).ok();
        let before =
            detail.as_ref().and_then(|detail| detail.get("before")?.as_str()?.parse().ok());
        before.map(Some).ok_or_else(|| self.corrupt("a pruning does not say of when".to_owned()))
    }

    /// The breaches that were not cleared before a time, in the order in which they were opened;
    /// without those that ended and of which the beginning was pruned.
    pub async fn breach_lives(
        &mut self,
        since: Option<Timestamp>,
    ) -> Result<Vec<BreachLife>, Error> {
        let text = format!("{EVENT} WHERE kind IN ('opened', 'notified', 'cleared') ORDER BY seq");
        let rows = statement(text).fetch_all(&mut self.connection).await;
        let mut open: HashMap<(Option<i64>, String), (i64, BreachLife)> = HashMap::new();
        let mut lives = Vec::new();
        for linked in self.decoded(rows, event_of)? {
            let at = self.at(linked.row.seen)?;
            let Body::Event { kind, subject, detail } = linked.row.body else { continue };
            let rule = subject.unwrap_or_default();
            let key = (linked.row.target, rule.clone());
            if kind == EventKind::Cleared {
                let Some((seq, life)) = open.remove(&key) else { continue };
                if since.is_none_or(|since| at >= since) {
                    let cleared = Some((at, detail.unwrap_or_default()));
                    lives.push((seq, BreachLife { cleared, ..life }));
                }
            } else if let Entry::Vacant(place) = open.entry(key) {
                let target = self.named(linked.row.target).await?;
                let target =
                    target.ok_or_else(|| self.corrupt("a breach is of no target".to_owned()))?;
                let message = detail.unwrap_or_default();
                let life = BreachLife { target, rule, message, opened: at, cleared: None };
                place.insert((linked.seq, life));
            }
        }
        lives.extend(open.into_values());
        lives.sort_by_key(|(seq, _)| *seq);
        Ok(lives.into_iter().map(|(_, life)| life).collect())
    }

    /// The runs that began at or after a time, the first one first.
    pub async fn runs_since(&mut self, since: Option<Timestamp>) -> Result<Vec<Run>, Error> {
        let since = since.map_or(i64::MIN, Timestamp::as_millisecond);
        let text = format!(
            "{EVENT} WHERE kind IN ('started', 'ended', 'abandoned') AND seen >= $1 ORDER BY seq"
        );
        let rows = statement(text).bind(since).fetch_all(&mut self.connection).await;
        let mut runs: Vec<Run> = Vec::new();
        let mut open: HashMap<String, usize> = HashMap::new();
        for Linked { row, .. } in self.decoded(rows, event_of)? {
            let at = self.at(row.seen)?;
            let Body::Event { kind, subject, detail } = row.body else { continue };
            let (id, detail) = (subject.unwrap_or_default(), detail.unwrap_or_default());
            if kind == EventKind::Started {
                open.insert(id.clone(), runs.len());
                runs.push(Run { id, started: at, detail, ended: None, outcome: None });
            } else if let Some(run) = open.remove(&id).and_then(|place| runs.get_mut(place)) {
                run.ended = Some((at, kind == EventKind::Abandoned));
                run.outcome = Some(detail);
            }
        }
        Ok(runs)
    }

    fn at(&self, seen: i64) -> Result<Timestamp, Error> {
        time(seen).map_err(|reason| self.corrupt(reason))
    }
}
