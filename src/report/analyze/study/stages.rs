//! What a builder stage would and would not save.

use super::executive::name;
use super::findings::table;
use super::{Studied, section as titled};
use crate::analysis::Stage;
use crate::component::Making;
use crate::report::document::{Block, Column, Overflow, Row, Section, Table, Text};
use crate::rule::ComponentUsage;

const COLUMNS: [Column; 4] = [
    Column::right("visible"),
    Column::left("made"),
    Column::left("component"),
    Column::rest("builder stage", Overflow::Wrap),
];

/// The section; none if there is nothing to stage and nothing that cannot be.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let mut blocks = Vec::new();
    let rows: Vec<Row> =
        studied.components().into_iter().map(|component| row(studied, component)).collect();
    if !rows.is_empty() {
        blocks.push(Block::Table(Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() }));
    }
    let findings = studied.study.findings.iter();
    let staged = findings.filter(|finding| {
        super::is_shown(finding) && Stage::of(finding.rule.effort) == Stage::Medium
    });
    let staged = table(staged);
    if !staged.rows.is_empty() {
        blocks.push(Block::Paragraph("What a builder stage would leave behind:".into()));
        blocks.push(Block::Table(staged));
    }
    (!blocks.is_empty()).then(|| titled("Multi-stage build consideration", blocks))
}

fn row(studied: Studied<'_>, component: &ComponentUsage) -> Row {
    let effect = match component.making {
        Making::Prebuilt => "saves nothing by itself; unpack only the parts that are needed",
        Making::Compiled => "keeps compilers, sources and objects out; copy what is installed",
        Making::Packages => "saves nothing by itself; install fewer packages",
    };
    vec![
        Text::bytes(component.visible.bytes),
        component.making.as_str().into(),
        name(studied, component),
        effect.into(),
    ]
}
