//! Rules: what in an image is waste or could be smaller, and what to do about it.
//!
//! A [`Rule`] is data: texts, a detection, and what its savings risk. What it detects is a
//! [`Candidate`], which claims stored files or parts of them. Candidates claim in phases, and what
//! is claimed cannot be claimed again, so that no byte is saved twice: a [`Finding`] has what it
//! would save alone (gross) and what it adds (net). Views claim nothing.
//!
//! Pure: the same listings make the same findings. A listing that comes from a table of contents in
//! or beside a layer tells less than one of the whole layer ([`crate::analysis::Gaps`]).

mod candidate;
mod catalogue;
mod claims;
mod components;
mod copies;
mod duplicates;
mod facts;
mod family;
mod finding;
mod fix;
mod needed;
mod packages;
mod paths;
mod platforms;
mod purpose;
#[cfg(test)]
mod properties;
mod quote;
mod reach;
mod severity;
mod shares;
mod successors;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

use crate::layer::Toc;

pub use candidate::{Candidate, Claim, Phrase, Piece, Table, Value};
pub use catalogue::{rule, rules};
pub use claims::{Selection, findings, index_findings, manifest_findings};
pub use components::{ComponentUsage, LayerUsage, PartUsage};
pub use duplicates::{DuplicateGroup, Duplicates, duplicates};
pub use facts::Facts;
pub use family::repro::{VersionKind, VersionRow, version_inventory};
pub use finding::{Confidence, Finding, OriginSplit, PathShare, Saving, StepFix, StepShare};
pub use paths::Paths;
pub use platforms::{Stacks, platform_findings};
pub use severity::{Bands, Severity};

/// One rule of the catalogue.
#[derive(Debug)]
pub struct Rule {
    /// Its name: the family and a word, as `cache-pip`.
    pub id: &'static str,
    /// What it finds, as a heading.
    pub title: &'static str,
    /// When it claims.
    pub phase: Phase,
    /// What its fix risks.
    pub risk: Risk,
    /// How much of a build its fix changes.
    pub effort: Effort,
    /// How findings are graded.
    pub bands: Bands,
    /// What has to be known.
    pub needs: Needs,
    /// Less content than this is no finding.
    pub min: u64,
    /// How it finds.
    pub detect: Detect,
    /// Why the bytes are there and what depends on them, in a sentence or two.
    pub why: &'static str,
    /// A snippet; `{{name}}` stands for what the candidate fills in.
    pub fix: &'static str,
    /// What else it may be, so that it had better stay.
    pub caution: &'static str,
    /// A command that shows that the fix broke nothing; empty where none is needed.
    pub check: &'static str,
    /// Pages to read.
    pub links: &'static [&'static str],
}

/// The order in which claims are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// What the image does not show.
    Dead,
    /// Whole files that nothing reads when a container runs.
    Unread,
    /// All but one of identical files.
    Copies,
    /// Whole files that are rarely needed.
    Rare,
    /// What somebody has to decide about.
    Decision,
    /// Parts of files that remain.
    Parts,
    /// Nothing: what others claim is told from another side.
    View,
}

/// What a fix risks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing documented depends on the bytes.
    Safe,
    /// A known few uses break; the rule names them.
    Test,
    /// Function or data goes; somebody has to agree.
    Review,
}

/// How much of a build a fix changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// An edit in one step.
    Line,
    /// Steps merged or reordered.
    Step,
    /// A builder stage.
    Stage,
    /// Another base image.
    Base,
    /// Several images in place of one.
    Split,
    /// The image is packed anew.
    Transport,
}

/// What has to be known of an image before a rule can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Needs {
    /// Its manifest and config.
    Manifest,
    /// All its layers.
    Layers,
}

/// Finds in an inspection and the layers of each of its images.
pub type DetectPlatforms = fn(&crate::image::Inspection, &[&[Arc<Toc>]]) -> Vec<Candidate>;

/// How a rule finds.
#[derive(Debug)]
pub enum Detect {
    /// By paths: one candidate of all that fits.
    Paths(Paths),
    /// By a function over the layers.
    Layers(fn(&Facts<'_>) -> Vec<Candidate>),
    /// By a function over the manifest and config alone.
    Manifest(fn(&crate::image::Image) -> Vec<Candidate>),
    /// By a function over the manifest and config, and where the layers were read by another.
    Both(fn(&crate::image::Image) -> Vec<Candidate>, fn(&Facts<'_>) -> Vec<Candidate>),
    /// By a function over all images of a reference.
    Index(fn(&crate::image::Inspection) -> Vec<Candidate>),
    /// By a function over the layers of all images of a reference.
    Platforms(DetectPlatforms),
}

impl Rule {
    /// What rules have in common unless they say otherwise.
    const BLANK: Self = Self {
        id: "",
        title: "",
        phase: Phase::View,
        risk: Risk::Review,
        effort: Effort::Line,
        bands: Bands::Fixed(Severity::Info),
        needs: Needs::Layers,
        min: 0,
        detect: Detect::Paths(Paths::any(&[])),
        why: "",
        fix: "",
        caution: "",
        check: "",
        links: &[],
    };

    /// The family: the id up to the first hyphen.
    pub fn family(&self) -> &'static str {
        self.id.split('-').next().unwrap_or(self.id)
    }
}

impl Phase {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Unread => "unread",
            Self::Copies => "copies",
            Self::Rare => "rare",
            Self::Decision => "decision",
            Self::Parts => "parts",
            Self::View => "view",
        }
    }
}

impl Risk {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Test => "test",
            Self::Review => "review",
        }
    }
}

impl Effort {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Step => "step",
            Self::Stage => "stage",
            Self::Base => "base",
            Self::Split => "split",
            Self::Transport => "transport",
        }
    }
}
