//! The reports about the history of published tags.
//!
//! Each change of a target is a row; what changed stands beside the size, with its sign. CSV has
//! the points alone, and JSON has amounts of bytes and RFC 3339 times.

mod json;

use std::io::{self, Write};

use jiff::Timestamp;

use super::document::{
    Block, Column, Document, Fact, Overflow, Piece, Row, Section, Share, Style, Table, Text,
};
use super::words::unknown;
use super::{Failure, Format, TerminalOptions, markdown, terminal, write_csv};
use crate::history::{Broken, Exported, Fault, Imported, Point, Pruned, Timeline, Verified};

/// A trend shows the last so many values.
const LONGEST_TREND: usize = 60;

/// What is reported about a history.
#[derive(Clone, Copy, Debug)]
pub enum HistoryReport<'a> {
    /// What targets were: the repository, the tag if one was asked for, and what is recorded.
    Timelines {
        /// Registry and repository.
        repository: &'a str,
        /// The tag that was asked for.
        tag: Option<&'a str>,
        /// What is recorded.
        timelines: &'a [Timeline],
    },
    /// Whether a history is sound.
    Verified {
        /// Where it is.
        place: &'a str,
        /// What was found.
        verified: &'a Verified,
    },
    /// What a pruning removed, or would.
    Pruned {
        /// Where the history is.
        place: &'a str,
        /// What went.
        pruned: Pruned,
        /// Whether it only would.
        dry_run: bool,
    },
    /// What was exported to a file.
    Exported {
        /// Where the history is.
        place: &'a str,
        /// What was written.
        exported: Exported,
    },
    /// What was recorded.
    Recorded {
        /// Where the history is.
        place: &'a str,
        /// What became of what was read.
        recorded: Recorded,
    },
    /// What was imported.
    Imported {
        /// Where the history is.
        place: &'a str,
        /// What was appended.
        imported: Imported,
    },
}

/// What became of images that were read to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Images that are new or another than before.
    pub changed: usize,
    /// Images that are what they were.
    pub same: usize,
    /// Tags that could not be read.
    pub failed: usize,
}

/// Writes a report about a history.
pub fn render_history(
    report: &HistoryReport<'_>,
    format: Format,
    options: &TerminalOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Terminal => out.write_all(terminal(&compose(report), options).as_bytes()),
        Format::Markdown => out.write_all(markdown(&compose(report), options.units).as_bytes()),
        Format::Json => json::write(report, out),
        Format::Csv => write_csv(&table(report), out),
    }
}

/// Writes why there is nothing to say about a history, in the schema of the command.
pub fn render_history_failure(
    command: &str,
    failure: &Failure,
    out: &mut dyn Write,
) -> io::Result<()> {
    super::json::write_no_report(json::schema(command), None, failure, out)
}

fn compose(report: &HistoryReport<'_>) -> Document {
    match report {
        HistoryReport::Timelines { repository, timelines, .. } => {
            let sections = timelines.iter().map(section).collect();
            Document { title: Text::name(*repository), sections }
        }
        HistoryReport::Verified { place, .. }
        | HistoryReport::Pruned { place, .. }
        | HistoryReport::Exported { place, .. }
        | HistoryReport::Recorded { place, .. }
        | HistoryReport::Imported { place, .. } => {
            let blocks = vec![Block::Facts(facts(report))];
            let sections = vec![Section { heading: Text::default(), blocks }];
            Document { title: Text::name(*place), sections }
        }
    }
}

fn facts(report: &HistoryReport<'_>) -> Vec<Fact> {
    let fact = |name, number: u64| Fact::new(name, count(number));
    match report {
        HistoryReport::Timelines { .. } => Vec::new(),
        HistoryReport::Verified { verified, .. } => verified_facts(verified),
        HistoryReport::Pruned { pruned, dry_run, .. } => {
            let name = if *dry_run { "would go" } else { "removed" };
            let carried = count(pruned.carried).with(" rows that still hold, to the end");
            let mut facts = vec![
                Fact::new("rows", count(pruned.rows).with(" ").with(name)),
                Fact::new("carried", carried),
            ];
            if !dry_run {
                facts.push(Fact::new("images", count(pruned.snapshots).with(" snapshots removed")));
            }
            facts
        }
        HistoryReport::Exported { exported, .. } => {
            vec![fact("rows", exported.rows), fact("damaged", exported.damaged)]
        }
        HistoryReport::Recorded { recorded, .. } => vec![
            Fact::new("recorded", Text::number(recorded.changed).with(" new or changed images")),
            Fact::new("same", Text::number(recorded.same).with(" images seen again")),
            Fact::new("failed", Text::number(recorded.failed).with(" tags could not be read")),
        ],
        HistoryReport::Imported { imported, .. } => vec![
            fact("rows", imported.rows),
            Fact::new("known", count(imported.known).with(" were there already")),
            Fact::new("damaged", count(imported.damaged).with(" were left out")),
        ],
    }
}

fn verified_facts(verified: &Verified) -> Vec<Fact> {
    let state = match &verified.broken {
        None => Text::from("sound").styled(Style::Good),
        Some(broken) => describe(broken).styled(Style::Warn),
    };
    let mut facts = vec![
        Fact::new("state", state),
        Fact::new("rows", count(verified.rows)),
        Fact::new("images", count(verified.snapshots).with(" snapshots")),
        Fact::new("head", Text::name(&*verified.head)),
    ];
    if verified.first > 1 {
        let pruned = u64::try_from(verified.first - 1).unwrap_or_default();
        facts.push(Fact::new("pruned", Text::from("rows up to ").with(count(pruned))));
    }
    facts
}

/// What is broken, as in `row 12, debian:12 linux/amd64, is not what was written`.
fn describe(broken: &Broken) -> Text {
    let mut text = Text::default();
    if let Ok(seq) = u64::try_from(broken.seq)
        && seq > 0
    {
        text = text.with("row ").with(count(seq));
        if let Some(target) = &broken.target {
            let name = format!("{}:{} {}", target.repository, target.tag, target.platform);
            text = text.with(", ").with(Text::name(name)).with(",");
        }
        text = text.with(" ");
    }
    match &broken.fault {
        Fault::Changed => text.with("is not what was written"),
        Fault::Missing => text.with("is missing"),
        Fault::Unreadable(reason) => text.with("cannot be read: ").with(Text::sentence(reason)),
        Fault::Extra => text.with("is outside of the chain"),
        Fault::Head => text.with("the chain does not end where its head says"),
        Fault::Snapshot(image) => {
            let text = if text.is_empty() { text } else { text.with("names ") };
            text.with("a snapshot that is not what was written: ")
                .with(Piece::ShortDigest(image.clone()))
        }
        Fault::Database(reason) => {
            text.with("the database is damaged: ").with(Text::sentence(reason))
        }
    }
}

fn section(timeline: &Timeline) -> Section {
    let heading =
        Text::name(&*timeline.target.tag).with(" ").with(Text::name(&*timeline.target.platform));
    let mut facts = Vec::new();
    if timeline.points.len() > 1 {
        facts.push(Fact::new("trend", Piece::Trend(trend(&timeline.points))));
    }
    if let Some(seen) = timeline.last_seen {
        facts.push(Fact::new("last seen", Text::name(minute(seen))));
    }
    if let Some(gone) = timeline.gone() {
        let text = Text::from("since ").with(Text::name(minute(gone)));
        facts.push(Fact::new("gone", text.styled(Style::Warn)));
    }
    if let Some((at, kind, message)) = &timeline.failure {
        let text = Text::name(minute(*at)).with(" ").with(Text::name(&**kind)).with(": ");
        facts.push(Fact::new("failed", text.with(Text::sentence(message)).styled(Style::Warn)));
    }
    let mut blocks = vec![Block::Facts(facts)];
    if !timeline.points.is_empty() {
        blocks.push(Block::Table(points(timeline)));
    }
    if timeline.more {
        blocks
            .push(Block::Paragraph(Text::from("there is more: --last NUMBER").styled(Style::Dim)));
    }
    Section { heading, blocks }
}

/// The compressed sizes between the smallest and the largest.
fn trend(points: &[Point]) -> Vec<Share> {
    let shown = &points[points.len().saturating_sub(LONGEST_TREND)..];
    let sizes = || shown.iter().map(|point| u128::from(point.figures.compressed));
    let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
    sizes().map(|size| Share { part: size - least, whole: most - least }).collect()
}

fn points(timeline: &Timeline) -> Table {
    let columns = vec![
        Column::left("since"),
        Column::left("image"),
        Column::right("compressed"),
        Column::right("change"),
        Column::right("content").ranked(1),
        Column::right("change").ranked(1),
        Column::right("shadowed").ranked(3),
        Column::right("layers").ranked(2),
    ];
    let before = std::iter::once(None).chain(timeline.points.iter().map(Some));
    let row = |(point, before): (&Point, Option<&Point>)| -> Row {
        let (figures, then) = (point.figures, before.map(|point| point.figures));
        vec![
            Text::name(minute(point.seen)),
            Piece::ShortDigest(point.image.clone()).into(),
            Text::bytes(figures.compressed),
            change(then.map(|then| then.compressed), Some(figures.compressed)),
            amount(figures.content),
            change(then.and_then(|then| then.content), figures.content),
            amount(figures.shadowed),
            count(figures.layers),
        ]
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut absences = timeline.absences.iter().peekable();
    for (point, before) in timeline.points.iter().zip(before) {
        while let Some(absence) = absences.next_if(|absence| absence.back == Some(point.seen)) {
            let mut gone: Row = vec![Text::default(); columns.len()];
            let since = Text::name(minute(absence.gone));
            gone.splice(..2, [since, Text::from("gone").styled(Style::Warn)]);
            rows.push(gone);
        }
        rows.push(row((point, before)));
    }
    // The newest first.
    rows.reverse();
    Table { columns, rows, totals: Vec::new() }
}

/// By how much a size grew or shrank; nothing where either is not known.
fn change(before: Option<u64>, now: Option<u64>) -> Text {
    match (before, now) {
        (Some(before), Some(now)) if now > before => {
            Text::from("+").with(Text::bytes(now - before))
        }
        (Some(before), Some(now)) if now < before => {
            Text::from("-").with(Text::bytes(before - now))
        }
        (Some(_), Some(_)) => "=".into(),
        _ => Text::default(),
    }
}

fn amount(bytes: Option<u64>) -> Text {
    bytes.map_or_else(unknown, Text::bytes)
}

fn count(number: u64) -> Text {
    Piece::Number(number.into()).into()
}

/// A time to the minute, in UTC.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{}Z", text.get(..16).unwrap_or(&text).replace('T', " "))
}

/// The table of CSV: points, or what else the report is about.
fn table(report: &HistoryReport<'_>) -> Table {
    let HistoryReport::Timelines { timelines, .. } = report else {
        let rows = facts(report).into_iter().map(|fact| vec![fact.name.into(), fact.value]);
        let columns = vec![Column::left("what"), Column::rest("value", Overflow::Wrap)];
        return Table { columns, rows: rows.collect(), totals: Vec::new() };
    };
    let columns = [
        "tag",
        "platform",
        "seen",
        "root",
        "image",
        "compressed",
        "uncompressed",
        "content",
        "visible",
        "shadowed",
        "layers",
    ];
    let optional = |bytes: Option<u64>| bytes.map_or_else(Text::default, Text::bytes);
    let row = |point: &Point| -> Row {
        let figures = point.figures;
        vec![
            Text::name(&*point.target.tag),
            Text::name(&*point.target.platform),
            Text::name(point.seen.to_string()),
            Piece::Digest(point.root.clone()).into(),
            Piece::Digest(point.image.clone()).into(),
            Text::bytes(figures.compressed),
            optional(figures.uncompressed),
            optional(figures.content),
            optional(figures.visible),
            optional(figures.shadowed),
            count(figures.layers),
        ]
    };
    let rows = timelines.iter().flat_map(|timeline| &timeline.points).map(row).collect();
    Table { columns: columns.map(Column::left).to_vec(), rows, totals: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Figures, Target};
    use crate::oci::Digest;
    use crate::report::document::trend as columns;

    fn timeline(sizes: &[u64]) -> Timeline {
        let target = Target {
            repository: "docker.io/library/debian".into(),
            tag: "12".into(),
            platform: "linux/amd64".into(),
        };
        let point = |(day, size): (i64, &u64)| Point {
            target: target.clone(),
            seen: Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap(),
            root: Digest::of(b"index"),
            image: Digest::of(&day.to_be_bytes()),
            figures: Figures { compressed: *size, layers: 3, ..Figures::default() },
        };
        let points: Vec<Point> = (0..).zip(sizes).map(point).collect();
        let last_seen = points.last().map(|point| point.seen);
        Timeline { target, points, more: true, last_seen, absences: Vec::new(), failure: None }
    }

    #[test]
    fn a_timeline_shows_changes_newest_first_and_a_trend() {
        let timelines = [timeline(&[1000, 3000, 2000])];
        let report = HistoryReport::Timelines {
            repository: "docker.io/library/debian",
            tag: Some("12"),
            timelines: &timelines,
        };
        let mut out = Vec::new();
        let options = TerminalOptions { width: 100, unicode: true, ..TerminalOptions::default() };
        render_history(&report, Format::Terminal, &options, &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn changes_have_a_sign_and_need_both_sizes() {
        let check = |before, now, expected: &Text| assert_eq!(change(before, now), *expected);
        check(Some(1), Some(3), &Text::from("+").with(Text::bytes(2_u64)));
        check(Some(3), Some(1), &Text::from("-").with(Text::bytes(2_u64)));
        check(Some(3), Some(3), &"=".into());
        check(None, Some(3), &Text::default());
        check(Some(3), None, &Text::default());
    }

    #[test]
    fn trends_reach_from_the_smallest_to_the_largest() {
        let signs = ['0', '1', '2', '3', '4', '5', '6', '7'];
        let check = |sizes: &[u64], expected: &str| {
            assert_eq!(columns(&trend(&timeline(sizes).points), signs), expected);
        };
        check(&[], "");
        check(&[5], "3");
        check(&[5, 5], "33");
        check(&[10, 20, 30], "047");
        check(&[0, u64::MAX], "07");
    }
}
