//! Findings that appeared or went away.
//!
//! They are the same by their ids. An id may name layers by their numbers, which an inserted step
//! shifts: findings of one rule about layers that are each other's are the same, too.

use std::collections::{BTreeSet, HashMap};

use super::LayerRow;
use super::side::Side;
use crate::snapshot::Finding;

/// What the rules looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole images.
    Images,
    /// The layers that differ, by themselves.
    Layers,
}

/// Findings that only one image has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingChanges {
    /// What the rules looked at.
    pub scope: Scope,
    /// Those of the new image alone, in its order.
    pub new: Vec<Finding>,
    /// Those of the old image alone.
    pub gone: Vec<Finding>,
}

impl Scope {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Layers => "layers",
        }
    }
}

/// Compares the findings, if both images were studied alike.
pub(super) fn changes(old: &Side<'_>, new: &Side<'_>, rows: &[LayerRow]) -> Option<FindingChanges> {
    let scope = if old.is_whole {
        Scope::Images
    } else if old.is_narrow() && new.is_narrow() {
        Scope::Layers
    } else {
        return None;
    };
    let (before, after) = (&old.snapshot.findings, &new.snapshot.findings);
    let place: HashMap<usize, usize> = rows.iter().filter_map(|row| row.old.zip(row.new)).collect();
    let mut gone = without(before, &ids(after));
    let mut new = without(after, &ids(before));
    gone.retain(|finding| {
        let layers: Option<Vec<usize>> =
            finding.layers.iter().map(|layer| place.get(layer).copied()).collect();
        let is_same = |other: &Finding| {
            other.rule == finding.rule
                && !other.layers.is_empty()
                && Some(&other.layers) == layers.as_ref()
        };
        let found = new.iter().position(is_same);
        found.map(|at| new.remove(at)).is_none()
    });
    Some(FindingChanges { scope, new, gone })
}

fn ids(findings: &[Finding]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding.id.as_str()).collect()
}

fn without(findings: &[Finding], known: &BTreeSet<&str>) -> Vec<Finding> {
    let findings = findings.iter();
    findings.filter(|finding| !known.contains(finding.id.as_str())).cloned().collect()
}
