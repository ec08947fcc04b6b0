//! Budgets for images, and verdicts on them.
//!
//! A [`Budget`] is what an image may take and hold, with soft limits that warn and hard ones that
//! fail. [`check`] holds an image against it. What could not be measured is never a pass: the
//! verdict on it is [`Verdict::Unknown`]. Pure: figures in, rows out; no clock, no registry.

mod bound;
mod budget;
mod contents;
mod dive;
mod figures;
#[cfg(test)]
mod tests;

use std::fmt;

pub use bound::{Bound, BoundError, Grown, Kind, Levels, Measure};
pub use budget::{
    Budget, Budgets, Forbidden, Ignore, Ignored, Need, is_pattern, unknown_ecosystem,
};
pub use dive::DiveRules;

use crate::analysis::{Dive, ImageAnalysis, PathMatches};
use crate::oci::{Digest, Platform};
use crate::size::{Percent, Units};
use crate::snapshot::{Finding, Snapshot};

/// How a check ended; the later, the worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All is within its limits.
    #[default]
    Pass,
    /// A soft limit is broken.
    Warn,
    /// Something could not be measured.
    Unknown,
    /// A hard limit is broken.
    Fail,
}

/// An image as it is held against a budget.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its figures.
    pub snapshot: Snapshot,
    /// dive's figures of it, if they were asked for and all layers were read.
    pub dive: Option<Dive>,
    /// The paths that were looked for.
    pub paths: Vec<PathMatches>,
}

/// A reference and the verdict on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The reference as the user wrote it.
    pub reference: String,
    /// The digest that it resolved to.
    pub digest: Digest,
    /// The baseline as the user wrote it.
    pub baseline: Option<String>,
    /// Its images.
    pub images: Vec<Check>,
    /// What a reader has to know to trust the figures, one sentence each.
    pub warnings: Vec<String>,
}

/// An image and the verdict on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its platform.
    pub platform: String,
    /// The digest of its manifest.
    pub image: Digest,
    /// The worst of the rows'.
    pub verdict: Verdict,
    /// One row for each limit.
    pub rows: Vec<Row>,
    /// What would have counted but for the list of what to ignore.
    pub ignored: Vec<Exempted>,
    /// Places in the list of what to ignore that nothing of the image fits.
    pub idle: Vec<String>,
    /// What the rules found and what counts, if a limit asks for it.
    pub findings: Vec<Finding>,
}

/// One limit and whether the image keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The name of the limit, as in `max-compressed`, `component.fsl.max-content`, or dive's own.
    pub id: String,
    /// The limit that decided: the broken one, or the hard one.
    pub limit: Figure,
    /// What was measured; `None` if it could not be.
    pub actual: Option<Figure>,
    /// Whether it is kept.
    pub verdict: Verdict,
    /// Why, in one sentence, with amounts in decimal units.
    pub reason: String,
    /// The findings, paths or packages that break it; of paths the first hundred.
    pub offences: Vec<Offence>,
}

/// An amount of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// Bytes.
    Bytes(u64),
    /// A number of things.
    Count(u64),
    /// A part of a whole.
    Share(f64),
    /// How much more than the baseline.
    Growth(Grown),
    /// A word or pattern.
    Text(String),
}

/// One thing that breaks a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offence {
    /// What tells it from others, from build to build: the id of a finding, a path, a package.
    pub id: String,
    /// What it is, in one sentence.
    pub text: String,
    /// The layer that it is in, if it is in one.
    pub layer: Option<usize>,
}

/// Things that were ignored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exempted {
    /// What the list says, as in `rule cache-pip`.
    pub what: String,
    /// The reason that it gives.
    pub reason: String,
    /// The last day that it holds on, as in `2027-01-31`.
    pub until: Option<String>,
    /// How many things it kept from counting.
    pub count: u64,
}

impl Verdict {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }

    /// The worst of several; a pass of none.
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or_default()
    }
}

impl Figure {
    /// What it counts.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "bytes",
            Self::Count(_) => "count",
            Self::Share(_) => "share",
            Self::Growth(_) => "growth",
            Self::Text(_) => "text",
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&Units::Decimal.format((*bytes).into())),
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{}", Percent::of(share * 100.0)),
            Self::Growth(grown) => write!(f, "{grown}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Checked {
    /// The worst of the images'; without an image nothing is known.
    pub fn verdict(&self) -> Verdict {
        self.images.iter().map(|image| image.verdict).max().unwrap_or(Verdict::Unknown)
    }

    /// How many rows ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        let rows = self.images.iter().flat_map(|image| &image.rows);
        rows.filter(|row| row.verdict == verdict).count()
    }
}

impl Subject {
    /// An image of which no layer was read.
    pub fn of_manifest(snapshot: Snapshot) -> Self {
        Self { snapshot, dive: None, paths: Vec::new() }
    }

    /// An image of which layers were read.
    pub fn of_layers(snapshot: Snapshot, found: &ImageAnalysis) -> Self {
        Self { snapshot, dive: found.dive, paths: found.matches.clone() }
    }
}

/// Holds an image against a budget. Growth is measured from the snapshot of the same platform
/// among those of the baseline.
pub fn check(subject: &Subject, budget: &Budget, baseline: Option<&[Snapshot]>) -> Check {
    let snapshot = &subject.snapshot;
    let mut tally = contents::Tally::new(&budget.ignores);
    let past = figures::Past::of(snapshot, baseline);
    let mut rows = figures::rows(snapshot, budget, &past);
    rows.extend(contents::findings(snapshot, budget, &mut tally));
    rows.extend(contents::paths(subject, budget, &mut tally));
    rows.extend(contents::packages(subject, budget, &mut tally));
    rows.extend(dive::rows(subject.dive.as_ref(), budget.dive.as_ref()));
    if rows.is_empty() {
        rows.push(figures::unlimited(snapshot));
    }
    let (ignored, idle) = tally.close();
    let asked = budget.limits.contains_key(&Measure::Findings);
    Check {
        platform: snapshot.platform.clone(),
        image: snapshot.image.clone(),
        verdict: Verdict::worst(rows.iter().map(|row| row.verdict)),
        rows,
        ignored,
        idle,
        findings: if asked { contents::that_count(snapshot, &budget.ignores) } else { Vec::new() },
    }
}

/// What a limit is about, by its name as in `max-content` or `component.fsl.max-content`: a figure
/// of one image. `None` for limits of growth and of what an image holds, and where it is not known.
pub fn figure(snapshot: &Snapshot, id: &str) -> Option<Figure> {
    figures::of_limit(snapshot, id)
}

/// The row of a limit of growth from one number of bytes to another.
pub fn grown(id: String, before: u64, now: u64, levels: &Levels<Bound>) -> Row {
    figures::grown(id, before, now, levels)
}

/// The row of a limit of what is not known, with the reason in a sentence.
pub fn unmeasured(id: String, levels: &Levels<Bound>, reason: String) -> Row {
    figures::unmeasured(id, levels, reason)
}

/// Holds images against what the budgets say of their platforms.
pub fn check_all(
    subjects: &[Subject],
    budgets: &Budgets,
    baseline: Option<&[Snapshot]>,
) -> Vec<Check> {
    let each = |subject: &Subject| {
        let platform: Platform = subject.snapshot.platform.parse().unwrap_or_default();
        check(subject, &budgets.of(&platform), baseline)
    };
    subjects.iter().map(each).collect()
}
