//! What an image may take and hold.

use std::collections::BTreeMap;

use super::{Bound, DiveRules, Levels, Measure};
use crate::oci::Platform;
use crate::package::Ecosystem;
use crate::pattern::component_fits;

/// What an image may take and hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    /// Limits of figures.
    pub limits: BTreeMap<Measure, Levels<Bound>>,
    /// Limits of figures of components, by id.
    pub components: BTreeMap<String, BTreeMap<Measure, Levels<Bound>>>,
    /// Paths that no layer may store, as patterns.
    pub paths: Vec<Forbidden>,
    /// Packages that may not be installed: names as patterns, with or without the ecosystem, as in
    /// `python:torch*`.
    pub packages: Vec<Forbidden>,
    /// The rules of dive.
    pub dive: Option<DiveRules>,
    /// What does not count.
    pub ignores: Vec<Ignore>,
}

/// A pattern of what must not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The pattern.
    pub pattern: String,
    /// Whether what fits it only warns.
    pub soft: bool,
}

/// Something that does not count, for a reason and for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// What.
    pub what: Ignored,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, as in `2027-01-31`.
    pub until: Option<String>,
}

/// What an [`Ignore`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// One finding, by its id.
    Finding(String),
    /// All findings of rules, by id, family or pattern.
    Rule(String),
    /// Paths that fit a pattern.
    Path(String),
    /// Packages that fit a pattern.
    Package(String),
}

/// What has to be read to hold an image against a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// All layers; the manifest and config alone if not.
    pub layers: bool,
    /// What the layers tell of packages and components.
    pub study: bool,
    /// What the rules find.
    pub findings: bool,
}

/// Budgets for all platforms and for some.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budgets {
    /// In this order; a later one replaces limits of those before it, and adds to their lists.
    pub parts: Vec<(Option<Platform>, Budget)>,
    /// What replaces limits of all of those, level by level: the command line's.
    pub flags: Budget,
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
            && self.components.is_empty()
            && self.paths.is_empty()
            && self.packages.is_empty()
            && self.dive.is_none()
    }

    /// What has to be read.
    pub fn need(&self) -> Need {
        let has = |measure: &Measure| self.limits.contains_key(measure);
        let study =
            !self.components.is_empty() || !self.packages.is_empty() || has(&Measure::Findings);
        Need {
            layers: study
                || !self.paths.is_empty()
                || self.dive.is_some()
                || self.limits.keys().any(|measure| !measure.is_of_manifest()),
            study,
            findings: has(&Measure::Findings),
        }
    }

    /// The budget with what another replaces and adds.
    #[must_use]
    fn with(mut self, other: &Self) -> Self {
        self.limits.extend(other.limits.clone());
        for (id, limits) in &other.components {
            self.components.entry(id.clone()).or_default().extend(limits.clone());
        }
        self.paths.extend(other.paths.iter().cloned());
        self.packages.extend(other.packages.iter().cloned());
        self.ignores.extend(other.ignores.iter().cloned());
        self.dive = other.dive.or(self.dive);
        self
    }
}

impl Budget {
    /// The budget with levels that another gives. A soft limit that is looser than the hard one
    /// that comes with another is of no use and goes.
    fn under(self, other: &Self) -> Self {
        let mut limits = self.limits.clone();
        let mut all = self.with(other);
        for (measure, given) in &other.limits {
            let before = limits.remove(measure).unwrap_or_default();
            let mut levels =
                Levels { warn: given.warn.or(before.warn), fail: given.fail.or(before.fail) };
            if measure.contradicts(&levels) {
                levels.warn = None;
            }
            all.limits.insert(*measure, levels);
        }
        all
    }

    /// The patterns of paths that are forbidden.
    pub fn path_patterns(&self) -> Vec<String> {
        self.paths.iter().map(|forbidden| forbidden.pattern.clone()).collect()
    }

    /// The patterns of paths that do not count.
    pub fn ignored_paths(&self) -> Vec<String> {
        let pattern = |ignore: &Ignore| match &ignore.what {
            Ignored::Path(pattern) => Some(pattern.clone()),
            _ => None,
        };
        self.ignores.iter().filter_map(pattern).collect()
    }
}

impl Budgets {
    /// The budget for a platform.
    pub fn of(&self, platform: &Platform) -> Budget {
        let fits = |wanted: &Option<Platform>| {
            wanted.as_ref().is_none_or(|wanted| platform.satisfies(wanted))
        };
        let parts = self.parts.iter().filter(|(wanted, _)| fits(wanted));
        parts.fold(Budget::default(), |budget, (_, part)| budget.with(part)).under(&self.flags)
    }

    /// Everything that any of them limits.
    pub fn all(&self) -> Budget {
        let parts = self.parts.iter().map(|(_, part)| part);
        parts.fold(Budget::default(), Budget::with).under(&self.flags)
    }
}

impl Ignore {
    /// What it is about, in words.
    pub fn describe(&self) -> String {
        match &self.what {
            Ignored::Finding(id) => format!("finding {id}"),
            Ignored::Rule(name) => format!("rule {name}"),
            Ignored::Path(pattern) => format!("path {pattern}"),
            Ignored::Package(pattern) => format!("package {pattern}"),
        }
    }
}

/// The ecosystem that a pattern of packages names, if there is none that fits it.
pub fn unknown_ecosystem(pattern: &str) -> Option<&str> {
    let (named, _) = pattern.split_once(':')?;
    let wanted = named.to_lowercase();
    let fits = |known: Ecosystem| component_fits(wanted.as_bytes(), known.as_str().as_bytes());
    (!Ecosystem::ALL.into_iter().any(fits)).then_some(named)
}

/// Whether a text is a pattern of paths that can fit something: other wild cards than `*` and `**`
/// have no meaning in it.
pub fn is_pattern(text: &str) -> bool {
    !text.trim_matches('/').is_empty() && !text.contains(['?', '[', '{'])
}
