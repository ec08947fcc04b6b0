//! What hidden files are, in the words of the rules for visible ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::filesystem::{Amount, NodeId};
use crate::ledger::{AtomId, Ledger};
use crate::pattern::Patterns;
use crate::rule::{Detect, Table, Value, rules};

/// Rows that a finding lists.
const ROWS: usize = 8;

pub(super) struct Labels<'a> {
    ledger: &'a Ledger,
    patterns: Patterns<&'static str>,
    directories: HashMap<NodeId, Option<&'static str>>,
}

impl<'a> Labels<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        let mut patterns = Patterns::default();
        for rule in rules() {
            let Detect::Paths(paths) = &rule.detect else { continue };
            paths.any.iter().for_each(|row| patterns.add(row.as_bytes(), rule.title));
        }
        Self { ledger, patterns, directories: HashMap::from([(NodeId::ROOT, None)]) }
    }

    /// The bytes of some files by what they are; `None` if nothing is known of any.
    pub(super) fn table(&mut self, files: &[AtomId]) -> Option<Table> {
        let mut sums: BTreeMap<Option<&'static str>, Amount> = BTreeMap::new();
        for file in files {
            let atom = self.ledger.atom(*file);
            *sums.entry(self.of(atom.node)).or_default() += atom.amount();
        }
        if sums.keys().all(Option::is_none) {
            return None;
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(label, amount)| (Reverse(amount.bytes), *label));
        let row = |(label, amount): (Option<&str>, Amount)| {
            let label = label.unwrap_or("Other files").to_owned();
            vec![Value::Text(label), Value::Count(amount.files), Value::Bytes(amount.bytes)]
        };
        let rows = sums.into_iter().take(ROWS).map(row).collect();
        Some(Table { columns: vec!["What", "Files", "Size"], rows })
    }

    fn of(&mut self, node: NodeId) -> Option<&'static str> {
        let filesystem = self.ledger.filesystem();
        let mut above = Vec::new();
        let mut at = filesystem.parent(node);
        while !self.directories.contains_key(&at) {
            above.push(at);
            at = filesystem.parent(at);
        }
        let mut label = self.directories[&at];
        for directory in above.into_iter().rev() {
            label = label.or_else(|| self.fitting(directory, true));
            self.directories.insert(directory, label);
        }
        label.or_else(|| self.fitting(node, false))
    }

    fn fitting(&self, node: NodeId, is_directory: bool) -> Option<&'static str> {
        let path = self.ledger.filesystem().path(node);
        let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        self.patterns.fitting(&components, is_directory).next().copied()
    }
}
