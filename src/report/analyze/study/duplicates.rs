//! The same thing more than once: identical files, and what rules found of tools and libraries.

use super::findings::table;
use super::words::number;
use super::{Studied, section as titled};
use crate::report::document::{Block, Column, Overflow, Row, Section, Style, Table, Text};
use crate::rule::DuplicateGroup;

const COLUMNS: [Column; 5] = [
    Column::right("wasted"),
    Column::right("compressed"),
    Column::right("size"),
    Column::right("copies"),
    Column::rest("paths", Overflow::Wrap),
];

/// Contents that are listed.
const GROUPS: usize = 15;

/// Paths that are named of each group.
const PATHS: usize = 4;

/// Groups that waste less are left to JSON.
const LEAST: u64 = 100_000;

/// The section; none if nothing is there twice.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let duplicates = &studied.study.duplicates;
    let mut blocks = Vec::new();
    let of_rules = studied.study.findings.iter().filter(|found| found.rule.family() == "dup");
    let of_rules = table(of_rules);
    if !of_rules.rows.is_empty() {
        blocks.push(Block::Table(of_rules));
    }
    let groups = duplicates.groups.iter().take(GROUPS).filter(|group| group.wasted() >= LEAST);
    let rows: Vec<Row> = groups.map(row).collect();
    if duplicates.bytes > 0 {
        let text = Text::bytes(duplicates.bytes)
            .styled(Style::Strong)
            .with(" content, ")
            .with(Text::bytes(duplicates.compressed))
            .with(" compressed is in visible files that are the same as another");
        blocks.push(Block::Paragraph(text));
    }
    if !rows.is_empty() {
        blocks.push(Block::Table(Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() }));
    }
    (!blocks.is_empty()).then(|| titled("Duplicates", blocks))
}

fn row(group: &DuplicateGroup) -> Row {
    let paths = Text::joined(group.paths.iter().take(PATHS).map(|path| Text::path(path)), ", ");
    let more = group.files.saturating_sub(PATHS.min(group.paths.len()) as u64);
    let paths = match more {
        0 => paths,
        more => paths.with(" and ").with(number(more)).with(" more"),
    };
    vec![
        Text::bytes(group.wasted()),
        Text::bytes(group.compressed),
        Text::bytes(group.size),
        number(group.files),
        paths,
    ]
}
