//! When targets came and went.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{Overview, Series};
use crate::history::{Presence, Target};

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
            .flat_map(|(gone, back)| [(Some(*gone), Came::Gone), (*back, Came::Back)].into_iter());
        let all = [(self.new, Came::New)].into_iter().chain(absences);
        let all = all.filter_map(|(at, came)| Some((at?, came)));
        let in_time = all.filter(|(at, _)| since.is_none_or(|since| *at >= since));
        in_time.map(|(at, came)| Coming { at, came, compressed: self.compressed_at(at) }).collect()
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

/// The targets of a repository, and from when on it is known what was not there.
pub(super) struct Presences {
    by_target: HashMap<Target, Presence>,
    known_from: Option<Timestamp>,
}

impl Presences {
    /// `pruned` is before when the history does not tell all.
    pub(super) fn new(presences: Vec<Presence>, pruned: Option<Timestamp>) -> Self {
        // What was seen first of a repository was not new then: nobody had looked before.
        let begun = presences.iter().filter_map(|presence| presence.first).min();
        let by_target = presences.into_iter().map(|found| (found.target.clone(), found)).collect();
        Self { by_target, known_from: begun.max(pruned) }
    }

    /// Tells a target when it came and went.
    pub(super) fn tell(&self, series: &mut Series, since: Option<Timestamp>) {
        let Some(found) = self.by_target.get(&series.target) else { return };
        let is_in_time = |time: Timestamp| since.is_none_or(|since| time >= since);
        let is_new = |first: &Timestamp| {
            is_in_time(*first) && self.known_from.is_some_and(|known| *first > known)
        };
        series.new = found.first.filter(is_new);
        let absences = found.absences.iter().filter(|(_, back)| back.is_none_or(is_in_time));
        series.absences = absences.copied().collect();
    }
}
