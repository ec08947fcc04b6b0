//! What was found, with what it would save.

use std::cmp::Reverse;
use std::ops::AddAssign;

use super::{Phase, Phrase, Risk, Rule, Severity, Table};
use crate::filesystem::Amount;
use crate::image::Origin;
use crate::owner::OwnerId;

/// Bytes to save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saving {
    /// Content bytes.
    pub content: u64,
    /// Bytes of blobs.
    pub compressed: u64,
}

/// How well savings are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// Summed over stored files.
    Measured,
    /// Computed from a part of what would have to be known.
    Estimated,
}

/// Net savings by whose layers they are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OriginSplit {
    /// Made by the image's own steps.
    pub own: Saving,
    /// Part of the base image.
    pub base: Saving,
    /// It is not known where the base image ends.
    pub unknown: Saving,
}

/// The part of a finding that one layer stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepShare {
    /// The layer.
    pub layer: usize,
    /// Its part, gross.
    pub gross: Saving,
    /// What it adds to the findings before it.
    pub net: Saving,
    /// The fix, written into the step that made the layer, and what it frees; none where the
    /// finding's own fix is the only one.
    pub fix: Option<StepFix>,
}

/// A finding's fix in one of the steps that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFix {
    /// The finding's snippet, with the command and the paths of this step.
    pub snippet: String,
    /// What it frees, net: less than the step's part where it does not reach all of its paths.
    pub frees: Saving,
}

/// The part of a finding at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathShare {
    /// The path, without a slash at the start.
    pub path: Vec<u8>,
    /// The layer that stores most of it.
    pub layer: usize,
    /// Its part, gross.
    pub gross: Saving,
    /// Files in it.
    pub files: u64,
}

/// What a rule found in an image.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The same from build to build: the rule, and a digest of what tells its findings apart.
    pub id: String,
    /// What it is, in one sentence.
    pub message: Phrase,
    /// How much it matters.
    pub severity: Severity,
    /// What its fix risks.
    pub risk: Risk,
    /// Whether it is worth doing at once: safe, a small edit, and in the image's own steps.
    pub quick_win: bool,
    /// What it would save alone.
    pub gross: Saving,
    /// What it adds to the findings before it.
    pub net: Saving,
    /// That, by origin.
    pub origins: OriginSplit,
    /// How well the savings are known.
    pub confidence: Confidence,
    /// Files that it is about.
    pub files: u64,
    /// By layer, base first.
    pub steps: Vec<StepShare>,
    /// The largest paths.
    pub paths: Vec<PathShare>,
    /// How many paths there are beside those.
    pub more_paths: u64,
    /// Whose files they are, those of the most bytes first; ten at most.
    pub owners: Vec<OwnerId>,
    /// Of findings of one group, only the largest counts.
    pub group: Option<String>,
    /// What to write in the Dockerfile or elsewhere.
    pub snippet: String,
    /// A command that shows that the fix broke nothing; empty where none is known.
    pub check: String,
    /// More about it.
    pub notes: Vec<Phrase>,
    /// Figures beside it.
    pub table: Option<Table>,
}

/// Families whose findings say what to do even where they claim no bytes.
const ACTIONS: [&str; 6] = ["base", "blob", "layer", "platform", "repro", "secret"];

impl Finding {
    /// Whether it only tells from another side what other findings save: bytes are what it is
    /// about, and it claims none of them.
    pub fn is_observation(&self) -> bool {
        self.rule.phase == Phase::View
            && self.gross != Saving::default()
            && self.net == Saving::default()
            && !ACTIONS.contains(&self.rule.family())
    }
}

impl AddAssign for Saving {
    fn add_assign(&mut self, other: Self) {
        self.content = self.content.saturating_add(other.content);
        self.compressed = self.compressed.saturating_add(other.compressed);
    }
}

impl From<Amount> for Saving {
    fn from(amount: Amount) -> Self {
        Self { content: amount.bytes, compressed: amount.compressed }
    }
}

impl OriginSplit {
    /// The net savings of findings together: what a user's own steps can free, what only the
    /// base image can, and what is not known. Of a group only the finding with the most counts.
    pub fn sum(findings: &[Finding]) -> Self {
        let mut sum = Self::default();
        for (at, finding) in findings.iter().enumerate() {
            let key = |other: &Finding, at| (other.net.content, other.net.compressed, Reverse(at));
            let is_outdone = finding.group.is_some()
                && findings.iter().enumerate().any(|(position, other)| {
                    other.group == finding.group && key(other, position) > key(finding, at)
                });
            if !is_outdone {
                sum.own += finding.origins.own;
                sum.base += finding.origins.base;
                sum.unknown += finding.origins.unknown;
            }
        }
        sum
    }

    /// The part of an origin.
    pub fn of(&mut self, origin: Origin) -> &mut Saving {
        match origin {
            Origin::Own => &mut self.own,
            Origin::Base => &mut self.base,
            Origin::Unknown => &mut self.unknown,
        }
    }
}

impl Confidence {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Estimated => "estimated",
        }
    }
}
