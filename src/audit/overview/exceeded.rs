//! Limits that are or were exceeded: since when, how they stand now, and how they ended.

use jiff::Timestamp;

use super::Series;
use crate::audit::limit::{UNWATCHED, hard, is_of_image, is_soft};
use crate::check::{Figure, figure};
use crate::history::{BreachLife, Target};
use crate::snapshot::Snapshot;

/// A limit that is or was exceeded.
#[derive(Clone, Debug, PartialEq)]
pub struct Exceeded {
    /// The target.
    pub target: Target,
    /// The limit's name.
    pub rule: String,
    /// The breach in words, of the time at which it was opened.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// What the limit is about, of the last image; `None` where the history keeps no such figure,
    /// and of what is over.
    pub now: Option<Figure>,
    /// When and how it was over; `None` if it is not.
    pub until: Option<(Timestamp, Ended)>,
}

/// How it ended that a limit was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The limit is kept again.
    Kept,
    /// It was of one image alone, and another took its place.
    Replaced,
    /// The target is no longer there.
    Gone,
    /// The target is no longer looked at.
    Unwatched,
}

impl Ended {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Replaced => "replaced",
            Self::Gone => "gone",
            Self::Unwatched => "unwatched",
        }
    }
}

impl Exceeded {
    /// Whether it is a limit that warns and fails nothing.
    pub fn is_soft(&self) -> bool {
        is_soft(&self.rule)
    }

    /// What became of a breach of a target whose last image this is.
    pub(super) fn of(life: BreachLife, series: &Series, last: Option<&Snapshot>) -> Self {
        let was_gone = |time| series.absences.iter().any(|absence| absence.holds(time));
        let ended = |(time, words): (Timestamp, String)| {
            let how = match &*words {
                // That a tag went may be told later than it went.
                _ if was_gone(time) => Ended::Gone,
                UNWATCHED => Ended::Unwatched,
                _ if is_of_image(&life.rule) => Ended::Replaced,
                _ => Ended::Kept,
            };
            (time, how)
        };
        let until = life.cleared.clone().map(ended);
        let last = last.filter(|_| until.is_none());
        Self {
            now: last.and_then(|image| figure(image, hard(&life.rule))),
            target: life.target,
            rule: life.rule,
            message: life.message,
            since: life.opened,
            until,
        }
    }
}
