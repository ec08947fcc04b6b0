//! Passes that did not do all they were to do, and the targets whose figures are old for it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Series;
use crate::history::{Run, Timeline};

/// A pass that did not do all it was to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Half {
    /// When it began.
    pub at: Timestamp,
    /// What it was, as in `audit run`, with the target if it was of one.
    pub name: String,
    /// How it ended.
    pub how: How,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It did not yet, or nobody has found out that it was killed.
    Open,
    /// It was killed.
    Killed,
    /// It ended, and tags or targets are missing.
    Incomplete {
        /// Those that could not be read.
        failed: u64,
        /// Those that were left for the next pass.
        left: u64,
    },
}

/// Why figures are older than the last pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The last pass that should have read them, if it is known.
    pub pass: Option<Timestamp>,
    /// The last failure: when and why.
    pub failure: Option<(Timestamp, String)>,
    /// Whether the repository as a whole could not be read.
    pub whole: bool,
}

/// A repository whose tags could not be listed, so that nothing new is known of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// Registry and repository.
    pub repository: String,
    /// When one of its tags was seen last, if one ever was.
    pub last_seen: Option<Timestamp>,
    /// The last pass that should have listed them, if it is known.
    pub pass: Option<Timestamp>,
    /// The last failure: when and why.
    pub failure: (Timestamp, String),
}

/// The passes of a time.
pub(super) struct Passes {
    all: Vec<Pass>,
}

struct Pass {
    at: Timestamp,
    name: String,
    how: Option<How>,
}

impl Passes {
    pub(super) fn of(runs: &[Run]) -> Self {
        let mut all: Vec<Pass> = runs.iter().map(Pass::of).collect();
        all.sort_by_key(|pass| pass.at);
        Self { all }
    }

    pub(super) fn last(&self) -> Option<Timestamp> {
        self.all.last().map(|pass| pass.at)
    }

    pub(super) fn half(&self) -> Vec<Half> {
        let half = self
            .all
            .iter()
            .filter_map(|pass| Some(Half { at: pass.at, name: pass.name.clone(), how: pass.how? }));
        half.collect()
    }

    /// The last pass over a repository: one that looked at something of it, or one that may have
    /// been about to. `looks` are times at which something of it was looked at. A pass that may go
    /// on says nothing yet.
    fn last_over(&self, repository: &str, looks: &BTreeSet<Timestamp>) -> Option<Timestamp> {
        let is_over = |pass: &&Pass| match pass.how {
            Some(How::Open) => false,
            Some(_) if pass.may_concern(repository) => true,
            _ => looks.contains(&pass.at),
        };
        self.all.iter().rev().find(is_over).map(|pass| pass.at)
    }
}

impl Pass {
    fn of(run: &Run) -> Self {
        let name = run.detail.rsplit_once(": ").map_or(&*run.detail, |(name, _)| name).to_owned();
        let how = match run.ended {
            None => Some(How::Open),
            Some((_, true)) => Some(How::Killed),
            Some((_, false)) => run.outcome.as_deref().and_then(incomplete),
        };
        Self { at: run.started, name, how }
    }

    /// Whether a repository may be among its targets: it is called by two words, and a third if it
    /// is of one target.
    fn may_concern(&self, repository: &str) -> bool {
        self.name.splitn(3, ' ').nth(2).is_none_or(|target| target == repository)
    }
}

/// What is missing of a pass that ended, from its counts, as in `3 read, 1 failed, 2 left`.
fn incomplete(counts: &str) -> Option<How> {
    let count = |name: &str| {
        let counts = counts.split(", ").filter_map(|part| part.split_once(' '));
        let mut named = counts.filter(|(_, of)| *of == name);
        named.next().and_then(|(count, _)| count.parse().ok()).unwrap_or(0)
    };
    let (failed, left) = (count("failed"), count("left"));
    (failed > 0 || left > 0).then_some(How::Incomplete { failed, left })
}

/// What is known of the looks at a repository.
pub(super) struct Looks {
    last_pass: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    /// The last failure to read the repository as a whole.
    failure: Option<(Timestamp, String)>,
}

impl Looks {
    pub(super) fn of(repository: &str, timelines: &[Timeline], passes: &Passes) -> Self {
        let seen = timelines.iter().filter_map(|timeline| timeline.last_seen);
        let failed = timelines.iter().filter_map(|timeline| Some(timeline.failure.as_ref()?.0));
        let looks = seen.clone().chain(failed).collect();
        let whole = timelines.iter().find(|timeline| timeline.target.tag.is_empty());
        Self {
            last_pass: passes.last_over(repository, &looks),
            last_seen: seen.max(),
            failure: whole.and_then(failure),
        }
    }

    /// The last pass, if that was after something was seen.
    fn missed_pass(&self, seen: Option<Timestamp>) -> Option<Timestamp> {
        self.last_pass.filter(|pass| seen.is_none_or(|seen| *pass > seen))
    }

    /// That the tags could not be listed, if that is so and was not over before a time.
    pub(super) fn unlisted(&self, repository: &str, since: Option<Timestamp>) -> Option<Unlisted> {
        let failed = self.failure.clone();
        Some(Unlisted {
            repository: repository.to_owned(),
            last_seen: self.last_seen,
            pass: self.missed_pass(self.last_seen),
            failure: failed.filter(|(at, _)| since.is_none_or(|since| *at >= since))?,
        })
    }

    /// Tells a target why its figures are old, if they are.
    pub(super) fn tell(&self, series: &mut Series) {
        if series.gone().is_some() {
            return;
        }
        let is_later = |time: Timestamp| series.last_seen.is_none_or(|seen| time > seen);
        let pass = self.missed_pass(series.last_seen);
        let of_all = self.failure.clone().filter(|(at, _)| is_later(*at));
        let whole = series.failed.is_none() && of_all.is_some();
        let failure = series.failed.clone().or(of_all);
        if pass.is_some() || failure.is_some() {
            series.missed = Some(Missed { pass, failure, whole });
        }
    }
}

/// The last failure of a target that is not over: when, and why in words.
pub(super) fn failure(timeline: &Timeline) -> Option<(Timestamp, String)> {
    let (at, kind, message) = timeline.failure.as_ref()?;
    Some((*at, format!("{kind}: {message}")))
}
