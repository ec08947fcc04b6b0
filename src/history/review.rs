//! What happened over a time: when targets came, how breaches and runs ended.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;
use sqlx::Row as _;

use super::news::{Run, Target};
use super::ranges;
use super::record::{Body, EventKind};
use super::sql::{EVENT, Linked, event_of, statement, target_of};
use super::timeline::Question;
use super::{Error, Store};

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
    /// When the targets that are asked for were seen first; `None` if what was recorded of one then
    /// was pruned. Those that were never read are left out.
    pub async fn first_seen(
        &mut self,
        question: &Question,
    ) -> Result<HashMap<Target, Option<Timestamp>>, Error> {
        let text = "SELECT t.id, t.repository, t.tag, t.platform, point.seen, point.seq, \
                    (SELECT COUNT(*) FROM event AS e WHERE e.target = t.id AND e.kind = 'gone' \
                    AND e.seq < point.seq) \
                    FROM target AS t JOIN point ON point.seq = (SELECT MIN(first.seq) \
                    FROM point AS first WHERE first.target = t.id) WHERE t.repository = $1 \
                    AND ($2 = '' OR t.tag = $2) AND ($3 = '' OR t.platform = $3)";
        let rows = question.asked_by(text).fetch_all(&mut self.connection).await;
        let rows: Vec<((i64, Target), i64, i64, i64)> = self.decoded(rows, |row| {
            Ok((target_of(row)?, row.try_get(4)?, row.try_get(5)?, row.try_get(6)?))
        })?;
        let is_pruned = self.pruned_before().await?.is_some();
        let looks = if is_pruned { self.looks().await? } else { Vec::new() };
        let mut found = HashMap::with_capacity(rows.len());
        for ((id, target), first, seq, leaves) in rows {
            let mut before = looks.iter().take_while(|(at, _)| *at < seq);
            // What went, or was what it had been, before its first point had others before.
            let is_cut = leaves > 0 || before.any(|(_, ids)| ranges::holds(ids, id));
            found.insert(target, if is_cut { None } else { Some(self.at(first)?) });
        }
        Ok(found)
    }

    /// When a repository was looked at first, as far as that was not pruned.
    pub async fn begun(&mut self, repository: &str) -> Result<Option<Timestamp>, Error> {
        // Targets have their numbers in the order in which they were found.
        let text = "SELECT seen FROM point WHERE target = (SELECT MIN(id) FROM target \
                    WHERE repository = $1 AND platform <> '') ORDER BY seq LIMIT 1";
        let first = sqlx::query_scalar(text)
            .bind(repository.to_owned())
            .fetch_optional(&mut self.connection);
        let first: Option<i64> = first.await.map_err(|error| self.failed(&error))?;
        first.map(|first| self.at(first)).transpose()
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
        let text = format!("{EVENT} WHERE kind IN ('opened', 'cleared') ORDER BY seq");
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

    /// The newest runs of those that began at or after a time, the last first.
    pub async fn runs(&mut self, since: Option<Timestamp>, newest: u32) -> Result<Vec<Run>, Error> {
        let text =
            format!("{EVENT} WHERE kind = 'started' AND seen >= $1 ORDER BY seq DESC LIMIT $2");
        let since = since.map_or(i64::MIN, Timestamp::as_millisecond);
        let query = statement(text).bind(since).bind(i64::from(newest));
        let rows = query.fetch_all(&mut self.connection).await;
        let starts = self.decoded(rows, event_of)?;
        let mut ends = match starts.last() {
            Some(first) => self.ends(first.seq).await?,
            None => HashMap::new(),
        };
        let mut runs = Vec::with_capacity(starts.len());
        for Linked { row, .. } in starts {
            let Body::Event { subject, detail, .. } = row.body else { continue };
            let (id, detail) = (subject.unwrap_or_default(), detail.unwrap_or_default());
            let (ended, outcome) = ends.remove(&id).unzip();
            runs.push(Run { id, started: self.at(row.seen)?, detail, ended, outcome });
        }
        Ok(runs)
    }

    /// When runs ended after a row, whether they were abandoned, and what was said of that.
    async fn ends(
        &mut self,
        after: i64,
    ) -> Result<HashMap<String, ((Timestamp, bool), String)>, Error> {
        let text =
            format!("{EVENT} WHERE kind IN ('ended', 'abandoned') AND seq > $1 ORDER BY seq");
        let rows = statement(text).bind(after).fetch_all(&mut self.connection).await;
        let mut ends = HashMap::new();
        for Linked { row, .. } in self.decoded(rows, event_of)? {
            let Body::Event { kind, subject, detail } = row.body else { continue };
            let end =
                ((self.at(row.seen)?, kind == EventKind::Abandoned), detail.unwrap_or_default());
            ends.entry(subject.unwrap_or_default()).or_insert(end);
        }
        Ok(ends)
    }
}
