//! The catalogue of rules: a list, or all that is known of one.

use std::io::{self, Write};

use super::analyze::language;
use super::document::{
    Block, Column, Document, Fact, Mark, Overflow, Piece, Row, Section, Style, Table, Text,
};
use super::json::write_rules_json;
use super::{Format, TerminalOptions, markdown, terminal, write_csv};
use crate::rule::{Needs, Rule};

const COLUMNS: [Column; 6] = [
    Column::left("rule"),
    Column::left("risk"),
    Column::left("effort"),
    Column::left("needs").ranked(2),
    Column::right("from").ranked(1),
    Column::rest("finds", Overflow::Wrap),
];

/// Writes rules: a table of several, a card of one.
pub fn render_rules(
    rules: &[&'static Rule],
    format: Format,
    options: &TerminalOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let document = || match rules {
        [rule] => card(rule),
        several => list(several),
    };
    match format {
        Format::Terminal => out.write_all(terminal(&document(), options).as_bytes()),
        Format::Markdown => out.write_all(markdown(&document(), options.units).as_bytes()),
        Format::Json => write_rules_json(rules, out),
        Format::Csv => write_csv(&table(rules), out),
    }
}

fn list(rules: &[&'static Rule]) -> Document {
    let blocks = vec![Block::Table(table(rules))];
    let sections = vec![Section { heading: Text::default(), blocks }];
    Document { title: Text::count(rules.len(), "rule", "rules"), sections }
}

fn table(rules: &[&'static Rule]) -> Table {
    let row = |rule: &&'static Rule| -> Row {
        vec![
            rule.id.into(),
            rule.risk.as_str().into(),
            rule.effort.as_str().into(),
            needs(rule).into(),
            Text::bytes(rule.min),
            rule.title.into(),
        ]
    };
    let rows = rules.iter().map(row).collect();
    Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() }
}

fn needs(rule: &Rule) -> &'static str {
    match rule.needs {
        Needs::Manifest => "manifest",
        Needs::Layers => "layers",
    }
}

fn card(rule: &'static Rule) -> Document {
    let mut facts = vec![
        Fact::new("family", rule.family()),
        Fact::new("risk", rule.risk.as_str()),
        Fact::new("effort", rule.effort.as_str()),
        Fact::new("phase", rule.phase.as_str()),
        Fact::new("needs", needs(rule)),
        Fact::new("from", Text::bytes(rule.min).with(" on")),
    ];
    if !rule.caution.is_empty() {
        facts.push(Fact::new("caution", rule.caution));
    }
    if !rule.check.is_empty() {
        facts.push(Fact::new("check", Text::name(rule.check)));
    }
    let mut blocks = Vec::new();
    if !rule.why.is_empty() {
        blocks.push(Block::Paragraph(rule.why.into()));
    }
    blocks.push(Block::Facts(facts));
    if !rule.fix.is_empty() {
        blocks.push(Block::code(language(rule.fix), rule.fix));
    }
    if !rule.links.is_empty() {
        let links = rule.links.iter().map(|link| Piece::Link(link).into()).collect();
        blocks.push(Block::List(Mark::Bullet, links));
    }
    let title = Text::from(rule.id).styled(Style::Strong).with(": ").with(rule.title);
    Document { title, sections: vec![Section { heading: Text::default(), blocks }] }
}
