//! When targets came and went.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Overview, Series};
use crate::history::{Absence, Error, Question, Store, Target};

/// That a target came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coming {
    /// When that was found out.
    pub at: Timestamp,
    /// What happened.
    pub came: Came,
    /// What a pull downloads of it, or did, in bytes.
    pub compressed: Option<u64>,
}

/// What happened to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// It was seen for the first time.
    New,
    /// It was no longer there.
    Gone,
    /// It was there again.
    Back,
}

impl Came {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Back => "back",
        }
    }
}

impl Series {
    /// When it came and went from a time on, oldest first.
    pub fn comings(&self, since: Option<Timestamp>) -> Vec<Coming> {
        let absences = self
            .absences
            .iter()
            .flat_map(|it| [(Some(it.gone), Came::Gone), (it.back, Came::Back)].into_iter());
        let all = [(self.new, Came::New)].into_iter().chain(absences);
        let all = all.filter_map(|(at, came)| Some((at?, came)));
        let in_time = all.filter(|(at, _)| since.is_none_or(|since| *at >= since));
        in_time.map(|(at, came)| Coming { at, came, compressed: self.compressed_at(at) }).collect()
    }

    /// When the registry said that it is gone, if it is.
    pub fn gone(&self) -> Option<Timestamp> {
        Absence::open(&self.absences)
    }

    fn compressed_at(&self, time: Timestamp) -> Option<u64> {
        let before = self.moments.iter().rev().find(|moment| moment.seen <= time);
        before.map(|moment| moment.compressed)
    }
}

impl Overview {
    /// What came and went, oldest first.
    pub fn comings(&self) -> Vec<(&Series, Coming)> {
        let of =
            |series| Series::comings(series, self.since).into_iter().map(move |it| (series, it));
        let mut all: Vec<(&Series, Coming)> = self.series.iter().flat_map(of).collect();
        all.sort_by(|(a, x), (b, y)| {
            (x.at, x.came).cmp(&(y.at, y.came)).then_with(|| a.target.cmp(&b.target))
        });
        all
    }
}

/// When the targets of a repository were seen first, and from when on it is known what was there.
pub(super) struct Firsts {
    first_seen: HashMap<Target, Option<Timestamp>>,
    known_from: Option<Timestamp>,
}

impl Firsts {
    /// `pruned` is before when the history does not tell all.
    pub(super) async fn of(
        store: &mut Store,
        question: &Question,
        pruned: Option<Timestamp>,
    ) -> Result<Self, Error> {
        let begun = store.begun(&question.repository).await?;
        Ok(Self::new(store.first_seen(question).await?, begun, pruned))
    }

    /// What was seen first of a repository was not new then: nobody had looked before.
    pub(super) fn new(
        first_seen: HashMap<Target, Option<Timestamp>>,
        begun: Option<Timestamp>,
        pruned: Option<Timestamp>,
    ) -> Self {
        Self { first_seen, known_from: begun.max(pruned) }
    }

    /// When a target was new, if that was after a time.
    pub(super) fn new_since(&self, target: &Target, since: Option<Timestamp>) -> Option<Timestamp> {
        let first = self.first_seen.get(target).copied().flatten()?;
        let is_in_time = since.is_none_or(|since| first >= since);
        let is_new = self.known_from.is_some_and(|known| first > known);
        (is_in_time && is_new).then_some(first)
    }
}
