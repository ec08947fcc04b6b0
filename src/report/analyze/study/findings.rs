//! What rules found: a table by severity with sums, and a card for each.

use std::collections::BTreeMap;

use super::card::card;
use super::words::{net_cells, origin, saving_text, severity};
use super::{Studied, section as titled};
use crate::analysis::saved;
use crate::report::document::{Block, Column, Overflow, Row, Section, Style, Table, Text};
use crate::report::words::phrase;
use crate::rule::{Finding, Risk, Saving, Severity};

const COLUMNS: [Column; 7] = [
    Column::left("severity"),
    Column::right("content"),
    Column::right("compressed"),
    Column::left("risk").ranked(1),
    Column::left("effort").ranked(3),
    Column::left("from").ranked(2),
    Column::rest("finding", Overflow::Wrap),
];

const SEVERITIES: [(Severity, &str); 4] = [
    (Severity::Critical, "Critical"),
    (Severity::High, "High"),
    (Severity::Medium, "Medium"),
    (Severity::Low, "Low"),
];

/// Rules that tell once more what other sections say in detail.
const REPEATED: [&str; 4] =
    ["comp-known-slim", "comp-step-dominant", "comp-top", "pkg-requested-exclusive"];

const ABOUT_OBSERVATIONS: &str =
    "They show from another side what other findings save, and save nothing themselves.";

/// What is of little importance is left to JSON and CSV.
fn matters(finding: &Finding) -> bool {
    finding.severity > Severity::Info
}

/// Whether something is to be done about a finding, and it is worth it.
pub(super) fn is_shown(finding: &Finding) -> bool {
    matters(finding) && !finding.is_observation()
}

fn is_seen(finding: &Finding) -> bool {
    matters(finding) && finding.is_observation()
}

fn is_repeated(finding: &Finding) -> bool {
    REPEATED.contains(&finding.rule.id)
}

/// The section of a complete report; none without findings.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let mut blocks = Vec::new();
    for (severity, name) in SEVERITIES {
        let of = || {
            let fits = |found: &&Finding| found.severity == severity && !found.is_observation();
            studied.study.findings.iter().filter(fits)
        };
        if of().next().is_none() {
            continue;
        }
        blocks.push(Block::Heading(Text::from(name).with(" priority")));
        blocks.push(Block::Paragraph(sums(of())));
        blocks.push(Block::Table(table(of())));
    }
    let findings = || studied.study.findings.iter();
    let mut told = BTreeMap::new();
    for finding in findings().filter(|finding| is_shown(finding)) {
        blocks.extend(card(studied, finding, &mut told));
    }
    let observations = || findings().filter(|finding| is_seen(finding) && !is_repeated(finding));
    if observations().next().is_some() {
        blocks.push(Block::Heading("Observations".into()));
        blocks.push(Block::Paragraph(ABOUT_OBSERVATIONS.into()));
        blocks.push(Block::Table(table(observations())));
    }
    for finding in observations() {
        blocks.extend(card(studied, finding, &mut told));
    }
    blocks.extend(left_out(studied).map(Block::Paragraph));
    (!blocks.is_empty()).then(|| titled("Findings", blocks))
}

/// The table of a short report; none without findings.
pub(super) fn short(studied: Studied<'_>, top: usize) -> Option<Section> {
    let shown = || studied.study.findings.iter().filter(|finding| is_shown(finding));
    let count = shown().count();
    if count == 0 {
        return None;
    }
    let mut blocks = vec![Block::Table(table(shown().take(top)))];
    if count > top {
        let more = Text::count(count - top, "more finding", "more findings");
        blocks.push(Block::Paragraph(more.with("; --full lists them").styled(Style::Dim)));
    }
    Some(titled("Findings", blocks))
}

/// What is worth doing at once; none if nothing is.
pub(super) fn quick_wins(studied: Studied<'_>) -> Option<Section> {
    const COLUMNS: [Column; 5] = [
        Column::right("content"),
        Column::right("compressed"),
        Column::right("together"),
        Column::left("rule").ranked(1),
        Column::rest("quick win", Overflow::Wrap),
    ];
    let mut together = Saving::default();
    let wins = studied.study.findings.iter().filter(|finding| finding.quick_win);
    let rows: Vec<Row> = wins
        .map(|finding| {
            let saving = saved(finding);
            together += saving;
            vec![
                Text::bytes(saving.content),
                Text::bytes(saving.compressed),
                Text::bytes(together.content),
                finding.rule.id.into(),
                phrase(&finding.message),
            ]
        })
        .collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    (!table.rows.is_empty()).then(|| titled("Quick wins", vec![Block::Table(table)]))
}

/// One row for each finding.
pub(super) fn table<'a>(findings: impl Iterator<Item = &'a Finding>) -> Table {
    let rows = findings.map(finding_row).collect();
    Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() }
}

fn finding_row(finding: &Finding) -> Row {
    let [content, compressed] = net_cells(finding);
    let what = Text::from(finding.rule.id).styled(Style::Strong).with(": ");
    vec![
        severity(finding.severity),
        content,
        compressed,
        finding.risk.as_str().into(),
        finding.rule.effort.as_str().into(),
        origin(finding),
        what.with(phrase(&finding.message)),
    ]
}

/// What findings save together, by what it risks.
fn sums<'a>(findings: impl Iterator<Item = &'a Finding>) -> Text {
    let (mut safe, mut test, mut review) =
        (Saving::default(), Saving::default(), Saving::default());
    let mut count = 0;
    for finding in findings {
        count += 1;
        *match finding.risk {
            Risk::Safe => &mut safe,
            Risk::Test => &mut test,
            Risk::Review => &mut review,
        } += finding.net;
    }
    let parts =
        [(safe, " that is safe"), (test, " to be tested"), (review, " to be reviewed, at most")];
    let parts = parts.into_iter().filter(|(saving, _)| *saving != Saving::default());
    let parts = Text::joined(parts.map(|(saving, words)| saving_text(saving).with(words)), "; ");
    let count = Text::count(count, "finding", "findings");
    if parts.is_empty() { count.with("; no bytes to save") } else { count.with(": ").with(parts) }
}

fn left_out(studied: Studied<'_>) -> Option<Text> {
    let hidden = studied.study.findings.iter().filter(|finding| !matters(finding)).count();
    let text = Text::count(hidden, "finding", "findings").with(" of little importance: see JSON");
    (hidden > 0).then(|| text.styled(Style::Dim))
}
