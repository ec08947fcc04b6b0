//! Questions to a history: what a target was, what it is, what is wrong with it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::draft::unpack;
use super::news::{Breach, BreachState, Point, Target};
use super::ranges;
use super::record::{Body, EventKind, digest_bytes, digest_of, time};
use super::sql::{EVENT, Linked, POINT, Statement, event_of, point_of, statement, target_of};
use super::{Error, Store};
use crate::oci::Digest;
use crate::snapshot::{self, Snapshot};

/// How many rows about targets that were seen are read at once.
const PAGE: i64 = 64;

/// Which targets, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Registry and repository.
    pub repository: String,
    /// The tag; `None` for all.
    pub tag: Option<String>,
    /// The platform; `None` for all.
    pub platform: Option<String>,
    /// At most so many points of each target, the newest.
    pub newest: u32,
}

impl Question {
    /// A statement with repository, tag and platform for its parameters; all tags and platforms are
    /// the empty one.
    pub(super) fn asked_by(&self, text: &'static str) -> Statement<'static> {
        sqlx::query(text)
            .bind(self.repository.clone())
            .bind(self.tag.clone().unwrap_or_default())
            .bind(self.platform.clone().unwrap_or_default())
    }
}

/// What is recorded of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Which.
    pub target: Target,
    /// What it was, in the order of recording; at each point its digest changed,
    /// or its layers were read first.
    pub points: Vec<Point>,
    /// Whether there are earlier points.
    pub more: bool,
    /// When it was looked at last and was there.
    pub last_seen: Option<Timestamp>,
    /// When it was not there, since the first of the points, in the order of recording.
    pub absences: Vec<Absence>,
    /// The last failure to read it, if nothing was read since: when, class and message.
    pub failure: Option<(Timestamp, String, String)>,
}

/// A time in which a target was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// When it was found to be gone.
    pub gone: Timestamp,
    /// When it was seen again, if it came back.
    pub back: Option<Timestamp>,
}

impl Absence {
    /// Whether it was so at a time.
    pub fn holds(&self, time: Timestamp) -> bool {
        self.gone <= time && self.back.is_none_or(|back| back > time)
    }

    /// Since when a target is gone, of which these are all absences, the last one last.
    pub fn open(absences: &[Self]) -> Option<Timestamp> {
        absences.last().filter(|last| last.back.is_none()).map(|last| last.gone)
    }
}

impl Timeline {
    /// When it was found to be gone, if it did not come back.
    pub fn gone(&self) -> Option<Timestamp> {
        Absence::open(&self.absences)
    }
}

/// A target whose last sighting is looked for.
struct Sought {
    id: i64,
    /// The row of its last point, or else of its last failure; 0 for neither.
    after: i64,
    /// The row that says it is gone; past all rows for none.
    until: i64,
    /// The row of its last failure; 0 for none.
    failed: i64,
    timeline: Timeline,
}

impl Store {
    /// What is recorded of the targets that are asked for, sorted by tag and platform.
    pub async fn timelines(&mut self, question: &Question) -> Result<Vec<Timeline>, Error> {
        self.timelines_from(question, None).await
    }

    /// The same from a time on: of each target, the points since then and the last one before.
    pub async fn timelines_from(
        &mut self,
        question: &Question,
        since: Option<Timestamp>,
    ) -> Result<Vec<Timeline>, Error> {
        let mut sought = Vec::new();
        for (id, target) in self.asked(question).await? {
            let first = match since {
                Some(since) => self.last_before(id, since).await?.map_or(0, |linked| linked.seq),
                None => 0,
            };
            if let Some(found) = self.timeline(id, target, question.newest, first).await? {
                sought.push(found);
            }
        }
        self.last_sightings(&mut sought).await?;
        let mut timelines: Vec<_> = sought.into_iter().map(|sought| sought.timeline).collect();
        // What never was more than a failure is nothing when that is over.
        timelines.retain(|timeline| {
            !timeline.points.is_empty() || timeline.gone().is_some() || timeline.failure.is_some()
        });
        timelines.sort_by(|a, b| a.target.cmp(&b.target));
        Ok(timelines)
    }

    /// What the targets of a repository are now, by what was recorded; those that are gone are
    /// left out.
    pub async fn latest(&mut self, repository: &str) -> Result<Vec<Point>, Error> {
        let repository = repository.to_owned();
        let question = Question { repository, tag: None, platform: None, newest: 1 };
        let mut points = Vec::new();
        for (id, target) in self.asked(&question).await? {
            let found = self.timeline(id, target, 1, 0).await?.map(|sought| sought.timeline);
            points.extend(
                found.filter(|found| found.gone().is_none()).and_then(|mut f| f.points.pop()),
            );
        }
        Ok(points)
    }

    /// The repositories that anything is recorded of, by name.
    pub async fn repositories(&mut self) -> Result<Vec<String>, Error> {
        let text = "SELECT DISTINCT repository FROM target ORDER BY repository";
        let rows = sqlx::query(text).fetch_all(&mut self.connection).await;
        self.decoded(rows, |row| row.try_get(0))
    }

    /// Whether anything was ever recorded of the targets that are asked for.
    pub async fn knows(&mut self, question: &Question) -> Result<bool, Error> {
        Ok(!self.asked(question).await?.is_empty())
    }

    /// What a target was just before a time, and when it was found to be gone if it was by then.
    pub async fn just_before(
        &mut self,
        target: &Target,
        time: Timestamp,
    ) -> Result<Option<(Point, Option<Timestamp>)>, Error> {
        let question = Question {
            repository: target.repository.clone(),
            tag: Some(target.tag.clone()),
            platform: Some(target.platform.clone()),
            newest: 1,
        };
        let Some((id, target)) = self.asked(&question).await?.pop() else { return Ok(None) };
        let Some(last) = self.last_before(id, time).await? else { return Ok(None) };
        let text = format!(
            "{EVENT} WHERE target = $1 AND kind = 'gone' AND seq > $2 AND seen < $3 \
             ORDER BY seq LIMIT 1"
        );
        let query = statement(text).bind(id).bind(last.seq).bind(time.as_millisecond());
        let rows = query.fetch_all(&mut self.connection).await;
        let gone = self.decoded(rows, event_of)?.pop().map(|linked| self.at(linked.row.seen));
        Ok(Some((self.point(&last, &target)?, gone.transpose()?)))
    }

    /// The last point before a time.
    async fn last_before(&mut self, id: i64, time: Timestamp) -> Result<Option<Linked>, Error> {
        let text = format!("{POINT} WHERE target = $1 AND seen < $2 ORDER BY seq DESC LIMIT 1");
        let query = statement(text).bind(id).bind(time.as_millisecond());
        let rows = query.fetch_all(&mut self.connection).await;
        Ok(self.decoded(rows, point_of)?.pop())
    }

    /// The breaches that are not over, and those of whose end not everybody knows.
    pub async fn breaches(&mut self) -> Result<Vec<Breach>, Error> {
        let later = |kinds: &str| {
            format!(
                "NOT EXISTS (SELECT 1 FROM event AS later WHERE later.target = e.target \
                 AND later.seq > e.seq AND later.subject = e.subject AND later.kind IN ({kinds}))"
            )
        };
        let text = format!(
            "{EVENT} AS e WHERE (kind = 'opened' AND {}) \
             OR (kind = 'notified' AND detail <> '[]' AND {}) ORDER BY seq",
            later("'opened', 'cleared'"),
            later("'notified'")
        );
        let rows = statement(text).fetch_all(&mut self.connection).await;
        let mut found: BTreeMap<(Option<i64>, String), Breach> = BTreeMap::new();
        for linked in self.decoded(rows, event_of)? {
            let at = self.at(linked.row.seen)?;
            let Body::Event { kind, subject, detail } = linked.row.body else { continue };
            let (rule, detail) = (subject.unwrap_or_default(), detail.unwrap_or_default());
            let breach = found.entry((linked.row.target, rule.clone())).or_default();
            breach.rule = rule;
            if kind == EventKind::Notified {
                breach.told = BreachState::channels(&detail);
            } else {
                (breach.since, breach.message) = (Some(at), detail);
            }
        }
        let mut breaches = Vec::with_capacity(found.len());
        for ((id, _), breach) in found {
            let target = self.named(id).await?;
            let target =
                target.ok_or_else(|| self.corrupt("a breach is of no target".to_owned()))?;
            if breach.since.is_some() || !breach.told.is_empty() {
                breaches.push(Breach { target, ..breach });
            }
        }
        Ok(breaches)
    }

    /// The target with this number.
    pub(super) async fn named(&mut self, id: Option<i64>) -> Result<Option<Target>, Error> {
        let text = "SELECT id, repository, tag, platform FROM target WHERE id = $1";
        let rows = sqlx::query(text).bind(id).fetch_all(&mut self.connection).await;
        Ok(self.decoded(rows, target_of)?.pop().map(|(_, target)| target))
    }

    /// The hash of the last row, in hexadecimal digits. Kept elsewhere, it shows whether rows were
    /// taken from the end.
    pub async fn end(&mut self) -> Result<String, Error> {
        Ok(hex::encode(self.head().await?.last_hash))
    }

    /// An image in figures, as it was recorded; with its layers if they were ever read.
    pub async fn image(&mut self, image: &Digest) -> Result<Option<Snapshot>, Error> {
        let Some(json) = self.snapshot(image).await? else { return Ok(None) };
        let read = snapshot::read(json.as_bytes());
        let found = read
            .map_err(|error| self.corrupt(format!("the snapshot of {image}: {error}")))?
            .into_iter()
            .next();
        Ok(found)
    }

    /// What is known of an image, as JSON on one line; of two that are kept, that with the layers.
    pub async fn snapshot(&mut self, image: &Digest) -> Result<Option<String>, Error> {
        let text = "SELECT json FROM snapshot WHERE image = $1 ORDER BY complete DESC LIMIT 1";
        let query = statement(text.to_owned()).bind(digest_bytes(image));
        let found = query.fetch_optional(&mut self.connection).await;
        self.unpacked(found, image)
    }

    fn unpacked(
        &self,
        found: Result<Option<AnyRow>, sqlx::Error>,
        image: &Digest,
    ) -> Result<Option<String>, Error> {
        let packed = found.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        let packed: Option<Vec<u8>> = packed.map_err(|error| self.failed(&error))?;
        let Some(packed) = packed else { return Ok(None) };
        let json = unpack(&packed);
        json.map(Some).ok_or_else(|| self.corrupt(format!("the snapshot of {image}")))
    }

    /// The targets that are asked for, with their numbers.
    pub(super) async fn asked(&mut self, question: &Question) -> Result<Vec<(i64, Target)>, Error> {
        let text = "SELECT id, repository, tag, platform FROM target WHERE repository = $1 \
                    AND ($2 = '' OR tag = $2) AND ($3 = '' OR platform = $3)";
        let rows = question.asked_by(text).fetch_all(&mut self.connection).await;
        self.decoded(rows, target_of)
    }

    async fn timeline(
        &mut self,
        id: i64,
        target: Target,
        newest: u32,
        first: i64,
    ) -> Result<Option<Sought>, Error> {
        let text = format!("{POINT} WHERE target = $1 AND seq >= $2 ORDER BY seq DESC LIMIT $3");
        let limit = i64::from(newest).saturating_add(1);
        let query = statement(text).bind(id).bind(first).bind(limit);
        let rows = query.fetch_all(&mut self.connection).await;
        let mut rows = self.decoded(rows, point_of)?;
        let more = i64::try_from(rows.len()).is_ok_and(|found| found == limit);
        let earlier = if more { rows.pop() } else { None };
        let earlier = earlier.map_or(0, |linked| linked.seq).max(first.saturating_sub(1));
        let after = rows.first().map_or(0, |linked| linked.seq);
        rows.reverse();
        let leaves = self.leaves(id, earlier).await?;
        let gone = leaves.last().filter(|gone| gone.seq > after);
        let failed = self.last_event(id, EventKind::Failed).await?;
        if rows.is_empty() && gone.is_none() && failed.is_none() {
            return Ok(None);
        }
        let mut points = Vec::with_capacity(rows.len());
        for linked in &rows {
            points.push(self.point(linked, &target)?);
        }
        let absences = self.absences(&leaves, &rows)?;
        let cleared = self.last_event(id, EventKind::Cleared).await?.map_or(0, |linked| linked.seq);
        // What is not watched any more has not failed, either.
        let failed = failed.filter(|failed| failed.seq > after.max(cleared));
        let failure = failed.as_ref().map(|linked| self.failure(linked)).transpose()?;
        let until = gone.map_or(i64::MAX, |linked| linked.seq);
        let last_seen = points.last().map(|point| point.seen);
        let timeline = Timeline { target, points, more, last_seen, absences, failure };
        let failed = failed.map_or(0, |linked| linked.seq);
        // Of a target that was never read, what was seen after its failure matters.
        let after = if rows.is_empty() { failed } else { after };
        Ok(Some(Sought { id, after, until, failed, timeline }))
    }

    /// When a target was found to be gone after a row.
    async fn leaves(&mut self, id: i64, after: i64) -> Result<Vec<Linked>, Error> {
        let text = format!("{EVENT} WHERE target = $1 AND kind = 'gone' AND seq > $2 ORDER BY seq");
        let query = statement(text).bind(id).bind(after);
        let rows = query.fetch_all(&mut self.connection).await;
        self.decoded(rows, event_of)
    }

    /// The times in which a target was gone, of whose points these are the rows.
    fn absences(&self, leaves: &[Linked], points: &[Linked]) -> Result<Vec<Absence>, Error> {
        let mut absences = Vec::with_capacity(leaves.len());
        for left in leaves {
            let back = points.iter().find(|point| point.seq > left.seq);
            let back = back.map(|point| self.at(point.row.seen)).transpose()?;
            absences.push(Absence { gone: self.at(left.row.seen)?, back });
        }
        Ok(absences)
    }

    /// When something failed, the class and the message.
    fn failure(&self, linked: &Linked) -> Result<(Timestamp, String, String), Error> {
        let at = self.at(linked.row.seen)?;
        Ok(match &linked.row.body {
            Body::Event { subject, detail, .. } => {
                (at, subject.clone().unwrap_or_default(), detail.clone().unwrap_or_default())
            }
            Body::Point(_) => (at, String::new(), String::new()),
        })
    }

    async fn last_event(&mut self, id: i64, kind: EventKind) -> Result<Option<Linked>, Error> {
        let text = format!("{EVENT} WHERE target = $1 AND kind = $2 ORDER BY seq DESC LIMIT 1");
        let query = statement(text).bind(id).bind(kind.name());
        let rows = query.fetch_all(&mut self.connection).await;
        Ok(self.decoded(rows, event_of)?.pop())
    }

    /// Looks from the newest sightings back for those of the targets.
    async fn last_sightings(&mut self, sought: &mut [Sought]) -> Result<(), Error> {
        let mut missing: Vec<&mut Sought> =
            sought.iter_mut().filter(|sought| sought.after > 0).collect();
        let mut before = missing.iter().map(|sought| sought.until).max().unwrap_or(i64::MAX);
        let text = format!(
            "{EVENT} WHERE kind = 'seen' AND seq < $1 AND seq > $2 ORDER BY seq DESC LIMIT $3"
        );
        while let Some(after) = missing.iter().map(|sought| sought.after).min() {
            let query = statement(text.clone()).bind(before).bind(after).bind(PAGE);
            let rows = query.fetch_all(&mut self.connection).await;
            let rows = self.decoded(rows, event_of)?;
            let Some(last) = rows.last() else { break };
            before = last.seq;
            for linked in &rows {
                let Body::Event { detail: Some(text), .. } = &linked.row.body else { continue };
                let runs = ranges::parse(text)
                    .ok_or_else(|| self.corrupt("a list of targets is none".to_owned()))?;
                let at = self.at(linked.row.seen)?;
                missing.retain_mut(|sought| {
                    let found = (sought.after..sought.until).contains(&linked.seq)
                        && ranges::holds(&runs, sought.id);
                    if found {
                        sought.timeline.last_seen = sought.timeline.last_seen.max(Some(at));
                        // What failed before it was seen again is over.
                        if linked.seq > sought.failed {
                            sought.timeline.failure = None;
                        }
                    }
                    !found && linked.seq > sought.after
                });
            }
        }
        Ok(())
    }

    fn point(&self, linked: &Linked, target: &Target) -> Result<Point, Error> {
        let Body::Point(body) = &linked.row.body else {
            return Err(self.corrupt("a point is none".to_owned()));
        };
        body.point(target.clone(), linked.row.seen).map_err(|reason| self.corrupt(reason))
    }

    /// The time that is recorded as this number.
    pub(super) fn at(&self, seen: i64) -> Result<Timestamp, Error> {
        time(seen).map_err(|reason| self.corrupt(reason))
    }

    pub(super) fn decoded<T>(
        &self,
        rows: Result<Vec<AnyRow>, sqlx::Error>,
        read: fn(&AnyRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, Error> {
        let rows = rows.and_then(|rows| rows.iter().map(read).collect());
        rows.map_err(|error| self.failed(&error))
    }

    pub(super) fn corrupt(&self, reason: String) -> Error {
        Error::Corrupt { place: self.place.to_string(), reason }
    }

    /// The snapshot with this checksum of an image.
    pub(super) async fn snapshot_of(
        &mut self,
        image: &[u8],
        checksum: &[u8],
    ) -> Result<Option<String>, Error> {
        let digest = digest_of(image).map_err(|reason| self.corrupt(reason))?;
        let text = "SELECT json FROM snapshot WHERE image = $1 AND checksum = $2";
        let query = statement(text.to_owned()).bind(image.to_vec()).bind(checksum.to_vec());
        let found = query.fetch_optional(&mut self.connection).await;
        self.unpacked(found, &digest)
    }
}
