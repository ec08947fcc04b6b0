//! What a history says of targets over a time: what they were, what moved, what they share.
//!
//! Built from points of a history, oldest first, one target at a time; of each only the last image
//! stays in memory, and images that nothing is told of are not read. Nothing here asks a registry or
//! formats a report.

mod exceeded;
mod follow;
mod gather;
mod passes;
mod presence;
mod shared;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::compare::{self, Cause, compare};
use crate::history::{Absence, Target};
use crate::oci::Digest;
use crate::rule::Severity;
use crate::snapshot::Snapshot;

pub use exceeded::{Ended, Exceeded};
pub use follow::Follower;
pub use gather::{Asked, overview};
pub use passes::{Half, How, Missed, Unlisted};
pub use presence::{Came, Coming};
pub use shared::{Shared, SharedTag, shared};

/// Targets over a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// From when on; `None` for all that is known. A target's first moment is what it was then.
    pub since: Option<Timestamp>,
    /// Until when.
    pub until: Timestamp,
    /// The targets, by repository, tag and platform.
    pub series: Vec<Series>,
    /// The repositories whose tags could not be listed at last.
    pub unlisted: Vec<Unlisted>,
    /// Limits that are exceeded.
    pub breaches: Vec<Exceeded>,
    /// Limits that were exceeded and no longer are.
    pub ended: Vec<Exceeded>,
    /// When the last pass over targets began, in this time or before it.
    pub last_pass: Option<Timestamp>,
    /// Before when rows were pruned, and with them what is known of passes.
    pub pruned: Option<Timestamp>,
    /// The passes that did not do all they were to do.
    pub half: Vec<Half>,
    /// What the tags of a repository share now.
    pub shared: Vec<Shared>,
    /// The last hash of the history's chain; kept elsewhere, it proves that nothing was cut off.
    pub head: Option<String>,
}

/// A target over a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The target.
    pub target: Target,
    /// What it was, oldest first, one for each time it changed.
    pub moments: Vec<Moment>,
    /// The limits on its sizes.
    pub limits: Vec<Limit>,
    /// When it was seen first, if that was in this time and others of its repository were before.
    pub new: Option<Timestamp>,
    /// When it was not there, in the order of recording.
    pub absences: Vec<Absence>,
    /// When it was looked at last and was there.
    pub last_seen: Option<Timestamp>,
    /// Why its figures are older than the last pass, if they are.
    pub missed: Option<Missed>,
    /// When it could not be read and why, if that was after the last moment.
    pub failed: Option<(Timestamp, String)>,
    /// What rules find in it and have found.
    pub findings: Vec<FindingLife>,
    /// The layers of its last image: digest and compressed bytes.
    pub layers: Vec<(Digest, u64)>,
}

/// What a target was from one time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When that was seen first.
    pub seen: Timestamp,
    /// The digest of the image's manifest.
    pub image: Digest,
    /// What a pull downloads, in bytes.
    pub compressed: u64,
    /// The files that layers store, in bytes, if they were read.
    pub content: Option<u64>,
    /// Why it differs from the moment before; `None` if one of both images is not known.
    pub why: Option<Why>,
}

/// What made a difference. Its parts add up to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// What is told one by one, the most bytes first.
    pub reasons: Vec<Reason>,
    /// How many more causes there are, and what they are together.
    pub others: Option<(usize, compare::Change)>,
    /// What archives take beside the contents of files.
    pub rest: compare::Change,
}

/// A cause, and the step that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The cause.
    pub cause: Cause,
    /// The instruction of the step, if it is one step.
    pub instruction: Option<String>,
}

/// Causes of one difference that are told one by one.
const MOST_CAUSES: usize = 5;

impl Why {
    /// Why two images differ.
    pub fn of(old: &Snapshot, new: &Snapshot) -> Self {
        let found = compare(old, new);
        let (leading, others) = found.leading(MOST_CAUSES);
        let reasons = leading.iter().map(|cause| {
            let row = match cause.rows.as_slice() {
                [row] => found.layers.get(*row),
                _ => None,
            };
            let layer = row.and_then(|row| found.layer(row));
            let step = layer.and_then(|layer| layer.step.as_ref());
            let instruction = step.map(|step| step.instruction.clone());
            Reason { cause: cause.clone(), instruction }
        });
        Self { reasons: reasons.collect(), others, rest: found.rest }
    }
}

/// What differs between two moments, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What a pull downloads more, or less.
    pub compressed: i128,
    /// What it was before.
    pub before: u64,
    /// What layers store more, or less, if both are known.
    pub content: Option<i128>,
}

/// A limit on a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The size it is about.
    pub measure: Measure,
    /// The limit in bytes.
    pub bytes: u64,
    /// Its name.
    pub name: String,
}

/// The sizes that are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// What a pull downloads.
    Compressed,
    /// The files that layers store.
    Content,
}

/// A finding from its first to its last day.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingLife {
    /// The same from build to build.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub message: String,
    /// Content bytes, at last.
    pub content: u64,
    /// When it came up; `None` if the first moment had it.
    pub opened: Option<Timestamp>,
    /// When it was gone.
    pub closed: Option<Timestamp>,
}

impl FindingLife {
    /// Whether there is something to do or to gain.
    pub fn matters(&self) -> bool {
        self.content > 0 || self.severity > Severity::Info
    }
}

impl Moment {
    /// The size that is measured.
    pub fn size(&self, measure: Measure) -> Option<u64> {
        match measure {
            Measure::Compressed => Some(self.compressed),
            Measure::Content => self.content,
        }
    }

    /// What differs from an earlier moment.
    pub fn since(&self, earlier: &Self) -> Change {
        let difference = |now: u64, before: u64| i128::from(now) - i128::from(before);
        Change {
            compressed: difference(self.compressed, earlier.compressed),
            before: earlier.compressed,
            content: self.content.zip(earlier.content).map(|(now, then)| difference(now, then)),
        }
    }
}

impl Change {
    /// Whether it is at least one percent of what a pull downloaded before.
    pub fn is_jump(&self) -> bool {
        let whole = u128::from(self.before);
        self.compressed != 0 && self.compressed.unsigned_abs().saturating_mul(100) >= whole
    }
}

impl Series {
    /// The changes, oldest first: the position of the moment, and what differs from the one before.
    pub fn changes(&self) -> impl Iterator<Item = (usize, &Moment, Change)> {
        let pairs = self.moments.windows(2).enumerate();
        pairs.filter_map(|(at, pair)| match pair {
            [before, now] => Some((at + 1, now, now.since(before))),
            _ => None,
        })
    }

    /// What differs between the first and the last moment.
    pub fn total(&self) -> Option<Change> {
        let (first, last) = (self.moments.first()?, self.moments.last()?);
        Some(last.since(first))
    }
}

impl Overview {
    /// The targets of which something is known beside that they could not be read.
    pub fn known(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| !series.moments.is_empty())
    }

    /// The targets that changed, those with the largest difference over the whole time first.
    pub fn movers(&self) -> Vec<(&Series, Change)> {
        let changed = self.series.iter().filter(|series| series.moments.len() > 1);
        let mut movers: Vec<_> =
            changed.filter_map(|series| Some((series, series.total()?))).collect();
        movers.sort_by(|(a, x), (b, y)| {
            let by_size = y.compressed.unsigned_abs().cmp(&x.compressed.unsigned_abs());
            by_size.then_with(|| a.target.cmp(&b.target))
        });
        movers
    }
}
