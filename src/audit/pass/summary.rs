//! What a pass found out.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::audit::notify::{Reading, Standing};
use crate::audit::overview::Why;
use crate::check::Verdict;
use crate::history::Target;
use crate::oci::{Digest, Platform};
use crate::registry::Error;

/// What a pass found out.
#[derive(Debug, Default)]
pub struct Summary {
    /// When.
    pub at: Timestamp,
    /// Whether nothing is known of what was before, so that nothing can be said of what moved.
    pub is_blind: bool,
    /// How much was looked at.
    pub counts: Counts,
    /// Images that are others than before, the largest difference first, and those that are new.
    pub moved: Vec<Move>,
    /// Images that are no longer there.
    pub gone: Vec<Target>,
    /// Platforms that are watched and for which there is no image, with the tags; without those that
    /// are among `gone`.
    pub absent: Vec<Target>,
    /// Targets of which no tag has an image for a platform that is watched.
    pub barren: Vec<Barren>,
    /// Limits that are exceeded or could not be measured, the worst first.
    pub breached: Vec<Breached>,
    /// Tags and targets that could not be read.
    pub failures: Vec<Failure>,
    /// How many names the registries list that are no valid tags, by repository; these were left
    /// out.
    pub invalid: BTreeMap<String, usize>,
    /// Tags that were left for the next pass.
    pub left: Vec<Left>,
    /// The limits of each image that was looked at, for those who are told.
    pub standings: Vec<Standing>,
    /// How it went to read tags, and targets as a whole, for those who are told.
    pub readings: Vec<Reading>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Targets.
    pub targets: usize,
    /// Tags that are what they were.
    pub same: usize,
    /// Tags that were read.
    pub read: usize,
}

/// An image that is new, back, or another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which.
    pub subject: Target,
    /// The digest of its manifest.
    pub image: Digest,
    /// Since when it was gone, if it is back.
    pub gone: Option<Timestamp>,
    /// Whether it is back as it was.
    pub is_same: bool,
    /// What it was; `None` if it is new.
    pub before: Option<Sizes>,
    /// What it is.
    pub now: Sizes,
    /// Why; `None` if the image before is the same or not known.
    pub why: Option<Why>,
}

/// Sizes of an image in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// What a pull downloads.
    pub compressed: u64,
    /// The files that its layers store, if they were read.
    pub content: Option<u64>,
}

/// A target of which no tag has an image for a platform that is watched: most likely they are
/// misspelt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barren {
    /// The target's name.
    pub target: String,
    /// The platforms.
    pub platforms: Vec<Platform>,
}

impl fmt::Display for Barren {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let platforms: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
        write!(
            f,
            "no tag has an image for {}: look at the target's platforms",
            platforms.join(", ")
        )
    }
}

/// A limit that is exceeded or could not be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breached {
    /// Of which image.
    pub subject: Target,
    /// The limit's name.
    pub rule: String,
    /// How badly.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub message: String,
}

/// A tag or target that could not be read.
#[derive(Debug)]
pub struct Failure {
    /// Registry and repository.
    pub repository: String,
    /// The tag; `None` if it is about the target as a whole.
    pub tag: Option<String>,
    /// Why.
    pub error: Error,
}

/// A tag that was left for the next pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Registry and repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// Why.
    pub reason: String,
}

impl Move {
    /// How much more a pull downloads, in bytes; `None` if the image is new.
    pub fn growth(&self) -> Option<i128> {
        Some(i128::from(self.now.compressed) - i128::from(self.before?.compressed))
    }
}

impl Summary {
    /// The verdict on the images and on the pass: what failed or was left is not
    /// known, and without a history not what moved.
    pub fn verdict(&self) -> Verdict {
        let images = Verdict::worst(self.breached.iter().map(|breached| breached.verdict));
        let is_whole = self.failures.is_empty() && self.left.is_empty() && !self.is_blind;
        if is_whole { images } else { images.max(Verdict::Unknown) }
    }

    /// Puts all in an order that does not depend on which answer came first, and each once.
    pub(super) fn settle(&mut self) {
        self.moved.sort_by(|a, b| {
            // New images, of which no growth is known, come last.
            let size = |moved: &Move| moved.growth().map(i128::unsigned_abs);
            size(b).cmp(&size(a)).then_with(|| a.subject.cmp(&b.subject))
        });
        self.moved.dedup_by(|a, b| a.subject == b.subject);
        self.gone.sort();
        self.gone.dedup();
        self.absent.sort();
        self.absent.dedup();
        let key = |breached: &Breached| (breached.subject.clone(), breached.rule.clone());
        self.breached.sort_by(|a, b| b.verdict.cmp(&a.verdict).then_with(|| key(a).cmp(&key(b))));
        self.breached.dedup();
        self.failures.sort_by(|a, b| (&a.repository, &a.tag).cmp(&(&b.repository, &b.tag)));
        // Two targets may watch one repository.
        self.failures.dedup_by(|a, b| {
            let is_same = (&a.repository, &a.tag) == (&b.repository, &b.tag);
            is_same && a.error.to_string() == b.error.to_string()
        });
        self.left.sort_by(|a, b| (&a.repository, &a.tag).cmp(&(&b.repository, &b.tag)));
        self.standings.sort_by(|a, b| (&a.subject, &a.name).cmp(&(&b.subject, &b.name)));
        // What failed for one of two has failed.
        self.readings.sort_by(|a, b| {
            (&a.subject, &a.rule, &a.became).cmp(&(&b.subject, &b.rule, &b.became))
        });
        self.readings.dedup_by(|a, b| a.subject == b.subject && a.rule == b.rule);
    }
}
