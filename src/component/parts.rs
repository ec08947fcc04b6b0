//! The parts of components that could be left out.

use std::collections::BTreeMap;

use super::Part;
use super::knowledge::{PartRisk, PartRow, Row};
use crate::filesystem::NodeId;
use crate::ledger::Ledger;
use crate::pattern::Patterns;

/// The patterns of one component's parts.
pub(super) struct PartPatterns<'a> {
    rows: &'a [PartRow],
    /// By the part, and whether what fits is none of it.
    patterns: Patterns<(usize, bool)>,
}

impl<'a> PartPatterns<'a> {
    pub(super) fn new(row: &'a Row) -> Self {
        let mut patterns = Patterns::default();
        for (at, part) in row.parts.iter().enumerate() {
            part.paths.iter().for_each(|path| patterns.add(path.as_bytes(), (at, false)));
            part.except.iter().for_each(|path| patterns.add(path.as_bytes(), (at, true)));
        }
        Self { rows: &row.parts, patterns }
    }

    /// The parts below a root; what is in another component's root below it is none.
    pub(super) fn find(&self, ledger: &Ledger, root: NodeId, others: &[NodeId]) -> Vec<Part> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let nested: Vec<NodeId> = others
            .iter()
            .copied()
            .filter(|other| *other != root && ledger.is_inside(*other, root))
            .collect();
        let mut found: BTreeMap<usize, Vec<NodeId>> = BTreeMap::new();
        ledger.for_each_below(root, |node, components, is_directory| {
            for (part, stays) in self.patterns.fitting(components, is_directory) {
                let nodes = found.entry(*part).or_default();
                let is_foreign =
                    || nested.iter().any(|other| *other != node && ledger.is_inside(node, *other));
                let is_in_last = |nodes: &[NodeId]| {
                    nodes.last().is_some_and(|last| ledger.is_inside(node, *last))
                };
                if !stays
                    && !self.stays(*part, components, is_directory)
                    && !is_in_last(nodes)
                    && !is_foreign()
                {
                    nodes.push(node);
                }
            }
        });
        let parts = found.into_iter().filter(|(_, nodes)| !nodes.is_empty());
        parts.filter_map(|(part, nodes)| Some(self.rows.get(part)?.found(nodes))).collect()
    }

    /// Names of the parts that could be left out and that a root does not have.
    pub(super) fn absent(&self, root: Option<NodeId>, parts: &[Part]) -> Vec<String> {
        let has = |row: &PartRow| parts.iter().any(|part| part.name == row.name);
        let absent = |row: &&PartRow| row.risk != PartRisk::Keep && !has(row);
        let rows = self.rows.iter().filter(|_| root.is_some());
        rows.filter(absent).map(|row| row.name.clone()).collect()
    }

    fn stays(&self, part: usize, components: &[&[u8]], is_directory: bool) -> bool {
        self.patterns.fitting(components, is_directory).any(|(at, stays)| *at == part && *stays)
    }
}

impl PartRow {
    fn found(&self, nodes: Vec<NodeId>) -> Part {
        Part {
            name: self.name.clone(),
            role: self.role.as_str().to_owned(),
            risk: self.risk.as_str().to_owned(),
            needed_by: self.needed_by.clone(),
            nodes,
        }
    }
}
