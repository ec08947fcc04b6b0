//! What the largest steps store, by kind of owner.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Studied;
use super::words::{group_name, share};
use crate::analysis::Group;
use crate::report::analyze::words::step_name;
use crate::report::document::{Column, Overflow, Row, Style, Table, Text};

const COLUMNS: [Column; 4] = [
    Column::left("step"),
    Column::right("content"),
    Column::right("share").ranked(1),
    Column::rest("made of", Overflow::Wrap),
];

/// Steps that the table has.
const ROWS: usize = 15;
/// Smaller parts of a step's bytes are not told, in percent.
const LEAST: u128 = 2;

/// The table, the steps that store the most content first.
pub(super) fn table(studied: Studied<'_>) -> Table {
    let mut layers: BTreeMap<usize, Vec<(Group, u64)>> = BTreeMap::new();
    for part in &studied.study.attribution.shares {
        let bytes = part.visible.bytes.saturating_add(part.shadowed.bytes);
        layers.entry(part.layer).or_default().push((part.group, bytes));
    }
    let sum = |groups: &[(Group, u64)]| {
        groups.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes))
    };
    let layers = layers.into_iter().map(|(layer, groups)| (layer, sum(&groups), groups));
    let mut layers: Vec<_> = layers.filter(|(_, bytes, _)| *bytes > 0).collect();
    layers.sort_by_key(|(layer, bytes, _)| (Reverse(*bytes), *layer));
    layers.truncate(ROWS);
    let rows = layers.into_iter().map(|(layer, bytes, groups)| -> Row {
        vec![
            step_name(studied.image, layer),
            Text::bytes(bytes),
            share(bytes, studied.content()),
            made_of(studied, layer, bytes, groups),
        ]
    });
    Table { columns: COLUMNS.to_vec(), rows: rows.collect(), totals: Vec::new() }
}

/// The kinds of owners with their bytes, each with the largest owner.
fn made_of(studied: Studied<'_>, layer: usize, whole: u64, mut groups: Vec<(Group, u64)>) -> Text {
    groups.sort_by_key(|(group, bytes)| (Reverse(*bytes), *group));
    let is_large = |bytes: u64| u128::from(bytes) * 100 >= u128::from(whole) * LEAST;
    let told = groups.into_iter().filter(|(_, bytes)| is_large(*bytes));
    let told = told.map(|(group, bytes)| {
        let text = Text::from(group_name(group)).with(" ").with(Text::bytes(bytes));
        match largest(studied, layer, group) {
            Some(owner) => text.with(Text::from(" (").with(owner).with(")").styled(Style::Dim)),
            None => text,
        }
    });
    Text::joined(told, ", ")
}

/// The largest owner of a kind that a layer stores, of those that are named.
fn largest(studied: Studied<'_>, layer: usize, group: Group) -> Option<Text> {
    let brought = studied.study.attribution.layers.get(layer)?;
    let mut owners = brought
        .largest
        .iter()
        .filter_map(|(owner, _)| studied.study.owners.get(usize::try_from(owner.0).ok()?));
    let owner = owners.find(|owner| Group::of(owner, &studied.study.inventory) == group)?;
    Some(Text::name(&*owner.name))
}
