//! Whose the bytes are: by kind of owner, and owner by owner.

use std::collections::BTreeMap;

use super::words::{group_name, share};
use super::{ROWS, Studied, section as titled, stored};
use crate::analysis::Group;
use crate::filesystem::Amount;
use crate::image::Origin;
use crate::owner::Owner;
use crate::report::analyze::words::step_name;
use crate::report::document::{
    Block, Column, Overflow, Piece, Row, Section, Share, Style, Table, Text,
};

const GROUP_COLUMNS: [Column; 8] = [
    Column::left("owners"),
    Column::right("visible"),
    Column::right("compressed"),
    Column::right("shadowed"),
    Column::right("own").ranked(2),
    Column::right("base").ranked(2),
    Column::right("share").ranked(1),
    Column::bar().ranked(3),
];

const OWNER_COLUMNS: [Column; 7] = [
    Column::right("visible"),
    Column::right("compressed"),
    Column::right("shadowed"),
    Column::right("share").ranked(1),
    Column::left("kind").ranked(2),
    Column::left("since").ranked(3),
    Column::rest("owner", Overflow::Wrap),
];

/// What a group takes.
#[derive(Clone, Copy, Default)]
struct Sum {
    visible: Amount,
    shadowed: Amount,
    own: u64,
    base: u64,
}

/// The section of a complete report.
pub(super) fn section(studied: Studied<'_>) -> Section {
    let mut blocks = vec![Block::Table(groups(studied))];
    let stored = stored::table(studied);
    if !stored.rows.is_empty() {
        blocks.push(Block::Heading("What the largest steps store".into()));
        blocks.push(Block::Table(stored));
    }
    blocks.push(Block::Heading("Largest owners".into()));
    blocks.push(Block::Table(owners(studied, ROWS)));
    titled("Whose the bytes are", blocks)
}

/// The section of a short one.
pub(super) fn short(studied: Studied<'_>, top: usize) -> Section {
    titled("Largest owners", vec![Block::Table(owners(studied, top))])
}

fn groups(studied: Studied<'_>) -> Table {
    let mut sums: BTreeMap<Group, Sum> = BTreeMap::new();
    for part in &studied.study.attribution.shares {
        let sum = sums.entry(part.group).or_default();
        sum.visible += part.visible;
        sum.shadowed += part.shadowed;
        let bytes = part.visible.bytes.saturating_add(part.shadowed.bytes);
        match studied.image.layers.get(part.layer).map(|layer| layer.origin) {
            Some(Origin::Own) => sum.own = sum.own.saturating_add(bytes),
            Some(Origin::Base) => sum.base = sum.base.saturating_add(bytes),
            _ => {}
        }
    }
    let mut all = Sum::default();
    for sum in sums.values() {
        all.visible += sum.visible;
        all.shadowed += sum.shadowed;
        all.own = all.own.saturating_add(sum.own);
        all.base = all.base.saturating_add(sum.base);
    }
    let mut sums: Vec<(Group, Sum)> = sums.into_iter().collect();
    sums.sort_by_key(|(group, sum)| (std::cmp::Reverse(sum.visible.bytes), *group));
    let rows = sums.into_iter().map(|(group, sum)| row(group_name(group).into(), sum, all));
    let total = row("all".into(), all, all);
    Table {
        columns: GROUP_COLUMNS.to_vec(),
        rows: rows.collect(),
        totals: vec![total.into_iter().map(|text| text.styled(Style::Strong)).collect()],
    }
}

fn row(name: Text, sum: Sum, all: Sum) -> Row {
    let known = |bytes: u64| {
        // Without a known base, neither part is known.
        if all.own == 0 && all.base == 0 { Text::default() } else { Text::bytes(bytes) }
    };
    let part = Share { part: sum.visible.bytes.into(), whole: all.visible.bytes.into() };
    vec![
        name,
        Text::bytes(sum.visible.bytes),
        Text::bytes(sum.visible.compressed),
        Text::bytes(sum.shadowed.bytes),
        known(sum.own),
        known(sum.base),
        Piece::Share(part).into(),
        Piece::Bar(part).into(),
    ]
}

fn owners(studied: Studied<'_>, top: usize) -> Table {
    let all = &studied.study.owners;
    let (shown, rest) = all.split_at(all.len().min(top));
    let mut rows: Vec<Row> = shown.iter().map(|owner| owner_row(studied, owner)).collect();
    if !rest.is_empty() {
        let (mut visible, mut shadowed) = (Amount::default(), Amount::default());
        for owner in rest {
            visible += owner.visible;
            shadowed += owner.shadowed;
        }
        let mut row = amounts(studied, visible, shadowed);
        row.extend([Text::default(), Text::default()]);
        row.push(Text::count(rest.len(), "more owner", "more owners"));
        rows.push(row.into_iter().map(|text| text.styled(Style::Dim)).collect());
    }
    Table { columns: OWNER_COLUMNS.to_vec(), rows, totals: Vec::new() }
}

fn amounts(studied: Studied<'_>, visible: Amount, shadowed: Amount) -> Row {
    vec![
        Text::bytes(visible.bytes),
        Text::bytes(visible.compressed),
        Text::bytes(shadowed.bytes),
        share(visible.bytes, studied.found.visible.bytes),
    ]
}

fn owner_row(studied: Studied<'_>, owner: &Owner) -> Row {
    let mut row = amounts(studied, owner.visible, owner.shadowed);
    let name = Text::name(&*owner.name);
    row.extend([
        group_name(Group::of(owner, &studied.study.inventory)).into(),
        step_name(studied.image, owner.layer),
        match &owner.version {
            Some(version) => name.with(" ").with(Text::name(&**version)),
            None => name,
        },
    ]);
    row
}
