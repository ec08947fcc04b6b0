//! Detection by paths.

use std::collections::HashMap;

use super::{Candidate, Claim, Detect, Facts, Phrase, Rule, rules};
use crate::filesystem::NodeId;
use crate::image::Image;
use crate::ledger::{AtomId, Ledger};
use crate::pattern::Patterns;

/// What a rule takes by its path. A directory that fits stands for all that is in it.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    /// Patterns of [`crate::pattern`].
    pub any: &'static [&'static str],
    /// Patterns of what stays nevertheless.
    pub except: &'static [&'static str],
    /// Variables of the image's environment that name such a directory.
    pub env: &'static [&'static str],
    /// What else must hold of a file.
    pub only: Option<fn(&Facts<'_>, AtomId) -> bool>,
}

/// A visible path that fits a rule's pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) node: NodeId,
    /// Bytes of the pattern without its stars: how closely it describes the path.
    pub(super) closeness: u32,
    /// Whether it is one of those that stay.
    pub(super) stays: bool,
}

impl Paths {
    /// Those that fit any of some patterns.
    pub const fn any(any: &'static [&'static str]) -> Self {
        Self { any, except: &[], env: &[], only: None }
    }

    /// Without those that fit some others.
    #[must_use]
    pub const fn except(self, except: &'static [&'static str]) -> Self {
        Self { except, ..self }
    }

    /// With the directories that variables of the environment name.
    #[must_use]
    pub const fn env(self, env: &'static [&'static str]) -> Self {
        Self { env, ..self }
    }

    /// Of those, the ones for which something holds.
    #[must_use]
    pub const fn only(self, only: fn(&Facts<'_>, AtomId) -> bool) -> Self {
        Self { only: Some(only), ..self }
    }
}

/// What fits the paths of each rule.
pub(super) fn hits(image: &Image, ledger: &Ledger) -> HashMap<&'static str, Vec<Hit>> {
    let mut patterns = Patterns::default();
    for rule in rules() {
        let Detect::Paths(paths) = &rule.detect else { continue };
        let variables = paths.env.iter().filter_map(|name| image.runtime.env.get(*name));
        for directory in variables.filter(|value| value.len() > 1 && value.starts_with('/')) {
            if !directory.contains('*') {
                patterns.add(directory.as_bytes(), (rule.id, closeness(directory), false));
            }
        }
        for (stays, rows) in [(false, paths.any), (true, paths.except)] {
            for row in rows {
                patterns.add(row.as_bytes(), (rule.id, closeness(row), stays));
            }
        }
    }
    let mut hits: HashMap<&'static str, Vec<Hit>> = HashMap::new();
    ledger.for_each_below(NodeId::ROOT, |node, components, is_directory| {
        for (rule, closeness, stays) in patterns.fitting(components, is_directory) {
            let hit = Hit { node, closeness: *closeness, stays: *stays };
            hits.entry(rule).or_default().push(hit);
        }
    });
    hits
}

fn closeness(pattern: &str) -> u32 {
    u32::try_from(pattern.bytes().filter(|byte| *byte != b'*').count()).unwrap_or(u32::MAX)
}

/// One candidate of all files that a rule takes by their paths; none if there are none.
pub(super) fn detect(facts: &Facts<'_>, rule: &'static Rule, paths: &Paths) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let Some(hits) = facts.hits.get(rule.id) else { return Vec::new() };
    let nodes = |stays: bool| -> Vec<NodeId> {
        hits.iter().filter(|hit| hit.stays == stays).map(|hit| hit.node).collect()
    };
    let staying: Vec<AtomId> = {
        let mut staying: Vec<_> =
            nodes(true).into_iter().flat_map(|node| ledger.inside(node)).copied().collect();
        staying.sort_unstable();
        staying
    };
    // Hits come in the order of the tree, so the last one that holds a file is the nearest.
    let mut closeness: HashMap<AtomId, u32> = HashMap::new();
    for hit in hits.iter().filter(|hit| !hit.stays) {
        for atom in ledger.inside(hit.node) {
            let close = closeness.entry(*atom).or_default();
            *close = hit.closeness.max(*close);
        }
    }
    let files: Vec<(AtomId, u32)> = ledger
        .select(&nodes(false))
        .into_iter()
        .filter(|atom| staying.binary_search(atom).is_err())
        .filter(|atom| paths.only.is_none_or(|only| only(facts, *atom)))
        .map(|atom| (atom, closeness.get(&atom).copied().unwrap_or_default()))
        .collect();
    if files.is_empty() {
        return Vec::new();
    }
    vec![Candidate::new("", Phrase::words(rule.title), Claim::Files(files))]
}
