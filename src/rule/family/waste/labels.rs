//! What hidden files are, in the words of the rules for visible ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::filesystem::{Amount, NodeId};
use crate::ledger::AtomId;
use crate::pattern::Patterns;
use crate::rule::{Detect, Facts, Table, Value, rules};

/// Rows that a finding lists.
const ROWS: usize = 8;

pub(super) struct Labels<'a> {
    facts: &'a Facts<'a>,
    patterns: Patterns<Label>,
    directories: HashMap<NodeId, Option<Label>>,
}

/// What a rule calls the files that it is about.
#[derive(Clone, Copy)]
struct Label {
    title: &'static str,
    only: Option<fn(&Facts<'_>, AtomId) -> bool>,
}

impl<'a> Labels<'a> {
    pub(super) fn new(facts: &'a Facts<'a>) -> Self {
        let mut patterns = Patterns::default();
        for rule in rules() {
            let Detect::Paths(paths) = &rule.detect else { continue };
            let label = Label { title: rule.title, only: paths.only };
            paths.any.iter().for_each(|row| patterns.add(row.as_bytes(), label));
        }
        Self { facts, patterns, directories: HashMap::from([(NodeId::ROOT, None)]) }
    }

    /// The bytes of some files by what they are; `None` if nothing is known of any.
    pub(super) fn table(&mut self, files: &[AtomId]) -> Option<Table> {
        let mut sums: BTreeMap<Option<&'static str>, Amount> = BTreeMap::new();
        for file in files {
            let amount = self.facts.ledger.atom(*file).amount();
            *sums.entry(self.of(*file)).or_default() += amount;
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

    fn of(&mut self, file: AtomId) -> Option<&'static str> {
        let node = self.facts.ledger.atom(file).node;
        let filesystem = self.facts.ledger.filesystem();
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
        // A directory may be named like one without being it.
        let is_it = |label: &Label| label.only.is_none_or(|only| only(self.facts, file));
        let label = label.filter(is_it).or_else(|| self.fitting(node, false).filter(is_it));
        label.map(|label| label.title)
    }

    fn fitting(&self, node: NodeId, is_directory: bool) -> Option<Label> {
        let path = self.facts.ledger.filesystem().path(node);
        let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        self.patterns.fitting(&components, is_directory).next().copied()
    }
}
