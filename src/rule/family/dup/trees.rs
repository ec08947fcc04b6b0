//! Directories with the same names and contents.

use super::super::steps::{Anchors, joined, run_of};
use super::roots::text;
use crate::filesystem::NodeId;
use crate::rule::copies::Tree;
use crate::rule::quote::quoted;
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Rows of a table.
const ROWS: usize = 10;

pub(super) fn copied(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut anchors = Anchors::default();
    let candidate = |group: &Tree| {
        let kept = text(ledger, group.kept);
        let path = |node: &NodeId| ledger.filesystem().path(*node);
        let first = group.others.first().map(path).unwrap_or_default();
        let message = Phrase::words("The directory ").name(kept.clone()).and(" is there ");
        let message = message.count(group.others.len() + 1).and(" times");
        let anchor = anchors.unique(format!("{kept}\n{}", String::from_utf8_lossy(&first)));
        let mut candidate =
            Candidate::new(anchor, message, Claim::files(group.files.iter().copied()))
                .fill("kept", quoted(&path(&group.kept)))
                .fill("copy", quoted(&first))
                .fill("snippet", snippet(facts, group));
        let row = |node: &NodeId| {
            let layer = ledger.inside(*node).first().map(|file| ledger.atom(*file).layer);
            let step = layer.map_or(Value::Unknown, |layer| Value::Text(facts.instruction(layer)));
            vec![Value::Text(text(ledger, *node)), step]
        };
        let rows = std::iter::once(&group.kept).chain(&group.others).take(ROWS).map(row).collect();
        candidate.table = Some(Table { columns: vec!["Directory", "Instruction"], rows });
        candidate
    };
    facts.copies().trees.iter().map(candidate).collect()
}

/// What to write in the step that stores most of the first copy.
fn snippet(facts: &Facts<'_>, group: &Tree) -> String {
    let ledger = facts.ledger;
    let path = |node: NodeId| quoted(&ledger.filesystem().path(node));
    let Some(first) = group.others.first().copied() else { return String::new() };
    let largest = ledger.inside(first).iter().max_by_key(|file| ledger.atom(**file).bytes);
    let layer = largest.map_or(0, |file| ledger.atom(*file).layer);
    // Without the rm, the link would be made in the directory.
    let link = format!("ln -s {} {}", path(group.kept), path(first));
    if run_of(facts, layer).is_some() {
        return joined(facts, layer, &format!("rm -rf {} && {link}", path(first)));
    }
    format!("# leave {} out of the step that stores it, and after it:\nRUN {link}", path(first))
}
