//! What is watched, as settings say it: repositories, their tags, when, within which limits, and
//! who is told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{GrowthLimit, Schedule};
use crate::check::Budget;
use crate::oci::Platform;
use crate::reference::Reference;
use crate::tags::{Filter, Selector};

/// All that is watched.
#[derive(Clone, Debug, Default)]
pub struct Watchlist {
    /// Where the history is, if the settings say it.
    pub store: Option<StorePlace>,
    /// The targets; no two have one name.
    pub targets: Vec<Target>,
    /// Ways to tell somebody, by name.
    pub channels: BTreeMap<String, Channel>,
}

/// Where a history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// A file, or a server without a password.
    Named(String),
    /// A file that names it, with a password.
    File(PathBuf),
}

/// Tags of a repository that are watched alike.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name: that of the repository, as in `ghcr.io/owner/name`, unless another was given.
    pub name: String,
    /// The repository.
    pub repository: Reference,
    /// Which tags, as it was written.
    pub selector: Selector,
    /// Which tags.
    pub filter: Filter,
    /// The platforms; none: all that are published.
    pub platforms: Vec<Platform>,
    /// What is read of an image.
    pub depth: Depth,
    /// When it is due; `None` if only on demand.
    pub schedule: Option<Schedule>,
    /// Limits for all platforms and for some.
    pub budgets: Vec<(Option<Platform>, Budget)>,
    /// Limits of growth over time.
    pub growth: Vec<GrowthLimit>,
    /// Whom to tell: keys of [`Watchlist::channels`].
    pub notify: Vec<String>,
}

/// What is read of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// The manifest and config: sizes of blobs, and steps.
    Manifest,
    /// The layers as well.
    #[default]
    Files,
}

/// A way to tell somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A document is posted to an address.
    Webhook(Address),
    /// A command gets it on its standard input.
    Exec(Vec<String>),
    /// It is added to the summary of a job of GitHub.
    GithubSummary,
}

/// Where the address of a webhook is, which is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// In a variable of the environment.
    Variable(String),
    /// In a file.
    File(PathBuf),
}

impl Target {
    /// Registry and repository, as a history has them.
    pub fn repository_name(&self) -> String {
        format!("{}/{}", self.repository.registry(), self.repository.repository())
    }

    /// The tags, if they are named one by one, so that nothing has to be listed.
    pub fn literal_tags(&self) -> Option<&[String]> {
        let Selector { patterns, regex, semver, exclude, newest } = &self.selector;
        let is_plain = regex.is_none() && semver.is_none() && exclude.is_empty();
        let is_literal = !patterns.is_empty() && !patterns.iter().any(|tag| tag.contains('*'));
        (is_plain && newest.is_none() && is_literal).then_some(patterns)
    }

    /// Whether images of a platform, as in `linux/arm64`, are watched.
    pub fn wants(&self, platform: &str) -> bool {
        let platform: Platform = platform.parse().unwrap_or_default();
        self.platforms.is_empty() || self.platforms.iter().any(|wanted| platform.satisfies(wanted))
    }
}

impl Depth {
    /// The word used in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Files => "files",
        }
    }
}
