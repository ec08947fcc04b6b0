//! The report of one pass over what is watched, and what a file of settings watches.

use std::io::{self, Write};

use jiff::Timestamp;

use super::audit::{day, name, named, over, reason, signed};
use super::document::{
    Block, Column, Document, Fact, Mark, Overflow, Row, Section, Style, Table, Text,
};
use super::json::{write_pass_json, write_watchlist_json};
use super::words::unknown;
use super::{Format, TerminalOptions, markdown, terminal, write_csv};
use crate::audit::notify::Undelivered;
use crate::audit::pass::{Barren, Move, Summary};
use crate::audit::{Target, Watchlist};
use crate::check::Verdict;

/// Rows of a table where something scrolls away.
const MOST: usize = 20;

/// What is reported of a pass.
#[derive(Clone, Copy, Debug)]
pub struct RunReport<'a> {
    /// What was found out.
    pub summary: &'a Summary,
    /// Where the history is.
    pub place: &'a str,
    /// Whether all of it was recorded.
    pub saved: bool,
    /// Who could not be told.
    pub undelivered: &'a [Undelivered],
}

/// Writes the report of a pass; CSV is one row for each image that moved.
pub fn render_run(
    report: &RunReport<'_>,
    format: Format,
    options: &TerminalOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Terminal => out.write_all(terminal(&compose(report, MOST), options).as_bytes()),
        Format::Markdown => {
            let document = compose(report, usize::MAX);
            out.write_all(markdown(&document, options.units).as_bytes())
        }
        Format::Json => write_pass_json(report, out),
        Format::Csv => {
            let moved = &report.summary.moved;
            let plain = |moved: &Move| moves_row(moved).into_iter().take(SIZES).collect();
            let rows = moved.iter().map(plain).collect();
            let columns = moves_columns().into_iter().take(SIZES).collect();
            write_csv(&Table { columns, rows, totals: Vec::new() }, out)
        }
    }
}

/// Writes what is watched.
pub fn render_watchlist(
    watched: &Watchlist,
    now: Timestamp,
    format: Format,
    options: &TerminalOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Terminal => out.write_all(terminal(&targets(watched, now), options).as_bytes()),
        Format::Markdown => {
            out.write_all(markdown(&targets(watched, now), options.units).as_bytes())
        }
        Format::Json => write_watchlist_json(watched, now, out),
        Format::Csv => write_csv(&targets_table(watched, now), out),
    }
}

fn compose(report: &RunReport<'_>, most: usize) -> Document {
    let summary = report.summary;
    let mut sections = vec![Section { heading: Text::default(), blocks: facts(report) }];
    let mut add = |heading: &'static str, blocks: Vec<Block>| {
        if !blocks.is_empty() {
            sections.push(Section { heading: heading.into(), blocks });
        }
    };
    add("Budgets", budgets(summary));
    add("What moved", moved(summary, most));
    add("Gone", list(summary.gone.iter().map(name)));
    add("Not published", list(summary.absent.iter().map(name)));
    add("Not read", list(summary.failures.iter().map(failure)));
    let left =
        summary.left.iter().map(|left| Text::name(format!("{}:{}", left.repository, left.tag)));
    add("Left for the next run", list(left));
    add("Not told", list(report.undelivered.iter().map(untold)));
    Document { title: "Audit run".into(), sections }
}

fn facts(report: &RunReport<'_>) -> Vec<Block> {
    let summary = report.summary;
    let counts = summary.counts;
    let state = match summary.verdict() {
        Verdict::Pass => Text::from("pass").styled(Style::Good),
        verdict => Text::from(verdict.as_str()).styled(Style::Warn),
    };
    let tags = Text::number(counts.read).with(" read, ").with(Text::number(counts.same));
    let mut facts = vec![
        Fact::new("verdict", state),
        Fact::new("targets", Text::number(counts.targets)),
        Fact::new("tags", tags.with(" not moved")),
        Fact::new("history", Text::name(report.place)),
    ];
    if !summary.breached.is_empty() {
        let count = |of| summary.breached.iter().filter(|it| it.verdict == of).count();
        let told = over(count(Verdict::Fail), count(Verdict::Warn));
        let told = match count(Verdict::Unknown) {
            0 => told,
            unknown => told.with(", ").with(Text::number(unknown)).with(" unknown"),
        };
        facts.insert(1, Fact::new("budgets", told));
    }
    if !report.saved {
        facts.push(Fact::new("saved", Text::from("no").styled(Style::Warn)));
    }
    let mut blocks = vec![Block::Facts(facts)];
    let note = |(repository, names): (&String, &usize)| {
        let names = Text::count(*names, "listed name is", "listed names are");
        Text::name(&**repository).with(": ").with(names).with(" no valid tag and left out")
    };
    let barren = |barren: &Barren| {
        Text::name(&*barren.target).with(": ").with(Text::sentence(&barren.to_string()))
    };
    let notes = summary.invalid.iter().map(note).chain(summary.barren.iter().map(barren));
    let notes: Vec<Text> = notes.collect();
    blocks.extend((!notes.is_empty()).then_some(Block::Notes(notes)));
    blocks
}

fn budgets(summary: &Summary) -> Vec<Block> {
    let columns = vec![
        Column::left("verdict"),
        Column::rest("image", Overflow::Wrap),
        Column::rest("budget", Overflow::Wrap),
    ];
    let row = |breached: &crate::audit::pass::Breached| -> Row {
        let verdict = match breached.verdict {
            Verdict::Warn => "warning",
            other => other.as_str(),
        };
        let verdict = Text::from(verdict).styled(Style::Warn);
        vec![verdict, name(&breached.subject), Text::sentence(&breached.message)]
    };
    table(columns, summary.breached.iter().map(row).collect())
}

fn moved(summary: &Summary, most: usize) -> Vec<Block> {
    if summary.is_blind {
        return vec![Block::Paragraph("Not known: the history cannot be read.".into())];
    }
    if summary.moved.is_empty() {
        return vec![Block::Paragraph("Nothing moved.".into())];
    }
    let rows = summary.moved.iter().take(most).map(moves_row).collect();
    let mut blocks = table(moves_columns(), rows);
    let left = summary.moved.len().saturating_sub(most);
    if left > 0 {
        blocks.push(Block::Notes(vec![Text::number(left).with(" more moved less")]));
    }
    blocks
}

/// Columns before the causes.
const SIZES: usize = 5;

fn moves_columns() -> Vec<Column> {
    vec![
        Column::rest("image", Overflow::Wrap),
        Column::right("before").ranked(2),
        Column::right("now"),
        Column::right("change"),
        Column::right("content").ranked(3),
        Column::rest("first cause", Overflow::Wrap),
    ]
}

fn moves_row(moved: &Move) -> Row {
    let bytes = |of: Option<u64>| of.map(i128::from);
    let before = moved.before.map(|before| bytes(before.content));
    let grown = bytes(moved.now.content).zip(before.flatten()).map(|(now, then)| now - then);
    let content = match (grown, moved.before) {
        (Some(grown), _) => signed(grown),
        (None, Some(_)) => unknown(),
        (None, None) => Text::default(),
    };
    vec![
        name(&moved.subject),
        moved.before.map(|before| Text::bytes(before.compressed)).unwrap_or_default(),
        Text::bytes(moved.now.compressed),
        moved.growth().map(signed).unwrap_or_default(),
        content,
        told(moved),
    ]
}

/// What happened to an image.
fn told(moved: &Move) -> Text {
    let first = moved.why.as_ref().and_then(|why| why.reasons.first());
    let cause = match (first, moved.before) {
        (Some(first), _) => reason(first),
        (None, None) => "new".into(),
        (None, Some(_)) if moved.is_same => "the same image".into(),
        (None, Some(_)) => unknown(),
    };
    match moved.gone {
        Some(gone) => Text::from("back, was gone since ").with(day(gone)).with("; ").with(cause),
        None => cause,
    }
}

fn failure(failure: &crate::audit::pass::Failure) -> Text {
    let named = named(&failure.repository, failure.tag.as_deref().unwrap_or_default());
    named.with(": ").with(Text::sentence(&failure.error.to_string()))
}

fn untold(undelivered: &Undelivered) -> Text {
    let channel = Text::name(&*undelivered.channel);
    channel.with(": ").with(Text::sentence(&undelivered.reason))
}

fn list(items: impl Iterator<Item = Text>) -> Vec<Block> {
    let items: Vec<Text> = items.collect();
    if items.is_empty() { Vec::new() } else { vec![Block::List(Mark::Bullet, items)] }
}

fn table(columns: Vec<Column>, rows: Vec<Row>) -> Vec<Block> {
    if rows.is_empty() {
        return Vec::new();
    }
    vec![Block::Table(Table { columns, rows, totals: Vec::new() })]
}

fn targets(watched: &Watchlist, now: Timestamp) -> Document {
    let blocks = vec![Block::Table(targets_table(watched, now))];
    let title = Text::count(watched.targets.len(), "target is watched", "targets are watched");
    Document { title, sections: vec![Section { heading: Text::default(), blocks }] }
}

fn targets_table(watched: &Watchlist, now: Timestamp) -> Table {
    let columns = vec![
        Column::rest("target", Overflow::Wrap),
        Column::rest("tags", Overflow::Wrap),
        Column::left("platforms").ranked(2),
        Column::left("depth").ranked(3),
        Column::left("due next"),
        Column::left("told").ranked(1),
    ];
    let row = |target: &Target| -> Row {
        let platforms: Vec<String> = target.platforms.iter().map(ToString::to_string).collect();
        let named = |names: &[String], none: &'static str| {
            if names.is_empty() { none.into() } else { Text::name(names.join(", ")) }
        };
        vec![
            Text::name(&*target.name),
            named(&tags(target), "all"),
            named(&platforms, "all"),
            target.depth.as_str().into(),
            due(target, now).map_or_else(|| "on demand".into(), Text::name),
            named(&target.notify, "nobody"),
        ]
    };
    Table { columns, rows: watched.targets.iter().map(row).collect(), totals: Vec::new() }
}

/// When a target is due next, in UTC.
pub(super) fn due(target: &Target, now: Timestamp) -> Option<String> {
    let due = target.schedule.as_ref()?.next(&target.name, now)?;
    Some(due.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// Which tags are meant, in words.
pub(super) fn tags(target: &Target) -> Vec<String> {
    let selector = &target.selector;
    let mut words = selector.patterns.clone();
    words.extend(selector.regex.iter().map(|regex| format!("/{regex}/")));
    words.extend(selector.semver.iter().map(|range| format!("semver {range}")));
    words.extend(selector.exclude.iter().map(|pattern| format!("not {pattern}")));
    words.extend(selector.newest.map(|newest| format!("the newest {newest}")));
    words
}
