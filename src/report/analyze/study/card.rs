//! All that is known of one finding.

use std::collections::BTreeMap;

use super::Studied;
use super::words::{
    effort, language, number, origin, owner_name, risk, saves, saving_cells, saving_text, severity,
    step_and_lines, unknown,
};
use crate::report::analyze::words::step_name;
use crate::report::document::{
    Block, Column, Fact, Mark, Overflow, Piece, Row, Style, Table, Text,
};
use crate::report::words::{command, phrase, step};
use crate::rule::{self, Confidence, Finding, PathShare, Phase, Saving, StepShare, Value};

const PATH_COLUMNS: [Column; 5] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::right("files").ranked(1),
    Column::left("step").ranked(2),
    Column::rest("path", Overflow::Wrap),
];

const STEP_COLUMNS: [Column; 4] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::left("step"),
    Column::rest("instruction", Overflow::Cut),
];

/// The blocks of a finding's card; `told` are the snippets of those before it, each with the id of
/// its finding.
pub(super) fn card<'a>(
    studied: Studied<'_>,
    finding: &'a Finding,
    told: &mut BTreeMap<&'a str, &'a str>,
) -> Vec<Block> {
    let rule = finding.rule;
    let heading = Text::from(rule.title).with(" (").with(Text::name(&*finding.id)).with(")");
    let mut blocks = vec![
        Block::Heading(heading),
        Block::Paragraph(sentence(finding)),
        Block::Facts(facts(studied, finding)),
    ];
    blocks.extend(steps(studied, &finding.steps).map(Block::Table));
    blocks.extend(paths(studied, finding).map(Block::Table));
    blocks.extend(finding.table.as_ref().map(|table| Block::Table(figures(table))));
    if !finding.notes.is_empty() {
        let notes = finding.notes.iter().map(phrase).collect();
        blocks.push(Block::List(Mark::Bullet, notes));
    }
    if let Some(before) = told.get(&*finding.snippet) {
        let text = Text::from("The lines of ").with(Text::name(*before)).with(" do this, too.");
        blocks.push(Block::Paragraph(text));
    } else if !finding.snippet.is_empty() {
        told.insert(&finding.snippet, &finding.id);
        blocks.push(Block::code(language(&finding.snippet), &*finding.snippet));
    }
    blocks
}

fn sentence(finding: &Finding) -> Text {
    let message = phrase(&finding.message);
    if finding.rule.why.is_empty() { message } else { message.with(". ").with(finding.rule.why) }
}

fn facts(studied: Studied<'_>, finding: &Finding) -> Vec<Fact> {
    let rule = finding.rule;
    let mut facts = vec![Fact::new("level", severity(finding.severity))];
    let saves = saves(finding);
    if !saves.is_empty() {
        let estimated = finding.confidence == Confidence::Estimated;
        facts.push(Fact::new("saves", if estimated { saves.with(", estimated") } else { saves }));
    }
    if finding.gross != finding.net && finding.gross != Saving::default() {
        let name = if rule.phase == Phase::View { "about" } else { "alone" };
        facts.push(Fact::new(name, saving_text(finding.gross)));
    }
    facts.push(Fact::new("risk", risk(finding.risk)));
    facts.push(Fact::new("effort", effort(rule.effort)));
    let from = origin(finding);
    if !from.is_empty() {
        facts.push(Fact::new("from", from));
    }
    let owners = finding.owners.iter().map(|owner| owner_name(studied, *owner));
    let owners = Text::joined(owners, ", ");
    if !owners.is_empty() {
        facts.push(Fact::new("owners", owners));
    }
    facts.extend(finding.group.as_deref().map(|group| {
        Fact::new("either", Text::name(group).with(": of these findings, only the largest counts"))
    }));
    if !rule.caution.is_empty() {
        facts.push(Fact::new("caution", rule.caution));
    }
    if !finding.check.is_empty() {
        facts.push(Fact::new("check", Text::name(&*finding.check)));
    }
    facts
}

/// The steps that store it, where there are several.
fn steps(studied: Studied<'_>, steps: &[StepShare]) -> Option<Table> {
    let row = |share: &StepShare| -> Row {
        let layer = studied.image.layers.get(share.layer);
        let made = layer.and_then(|layer| step(studied.image, layer));
        let [content, compressed] = saving_cells(share.gross);
        vec![
            content,
            compressed,
            step_and_lines(studied.image, share.layer),
            made.map(command).unwrap_or_default(),
        ]
    };
    let rows: Vec<Row> = steps.iter().map(row).collect();
    let table = Table { columns: STEP_COLUMNS.to_vec(), rows, totals: Vec::new() };
    (!table.rows.is_empty()).then_some(table)
}

fn paths(studied: Studied<'_>, finding: &Finding) -> Option<Table> {
    let row = |share: &PathShare| -> Row {
        let [content, compressed] = saving_cells(share.gross);
        vec![
            content,
            compressed,
            number(share.files),
            step_name(studied.image, share.layer),
            Text::path(&share.path),
        ]
    };
    let mut rows: Vec<Row> = finding.paths.iter().map(row).collect();
    if finding.more_paths > 0 {
        let more = number(finding.more_paths);
        let more = more.with(if finding.more_paths == 1 { " more path" } else { " more paths" });
        let mut row = vec![Text::default(); PATH_COLUMNS.len() - 1];
        row.push(more.styled(Style::Dim));
        rows.push(row);
    }
    let table = Table { columns: PATH_COLUMNS.to_vec(), rows, totals: Vec::new() };
    (!table.rows.is_empty()).then_some(table)
}

/// The figures that a rule has beside its finding.
pub(super) fn figures(table: &rule::Table) -> Table {
    let is_number = |at: usize| {
        let mut values = table.rows.iter().filter_map(|row| row.get(at));
        values.all(|value| !matches!(value, Value::Text(_)))
    };
    let columns = table.columns.iter().enumerate().map(|(at, title)| {
        if is_number(at) { Column::right(title) } else { Column::rest(title, Overflow::Wrap) }
    });
    let cell = |value: &Value| match value {
        Value::Unknown => unknown(),
        Value::Text(text) => Text::name(&**text),
        Value::Bytes(bytes) => Text::bytes(*bytes),
        Value::Count(count) => Piece::Number((*count).into()).into(),
    };
    let rows = table.rows.iter().map(|row| row.iter().map(cell).collect());
    Table { columns: columns.collect(), rows: rows.collect(), totals: Vec::new() }
}
