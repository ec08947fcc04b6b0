//! The verdict as a document: one table of limits for each image, and below it what breaks them.

use super::super::document::{
    Block, Column, Document, Mark, Overflow, Piece, Row as Cells, Section, Share, Style, Table,
    Text,
};
use super::super::inspect::{Failure, Outcome};
use super::super::words::UNKNOWN;
use crate::check::{Check, Checked, Exempted, Figure, Row, Verdict};

/// Things that a list shows at most.
const LISTED: usize = 20;

const COLUMNS: [Column; 5] = [
    Column::left("verdict"),
    Column::left("limit"),
    Column::right("actual").ranked(1),
    Column::right("allowed"),
    Column::rest("why", Overflow::Wrap),
];

const CSV_COLUMNS: [Column; 7] = [
    Column::left("platform"),
    Column::left("limit"),
    Column::left("unit"),
    Column::right("allowed"),
    Column::right("actual"),
    Column::left("verdict"),
    Column::left("reason"),
];

/// Composes the report of an image that was checked.
pub fn compose_check(checked: &Checked) -> Document {
    let mut sections: Vec<Section> = checked.images.iter().map(section).collect();
    if let Some(baseline) = &checked.baseline {
        let text = Text::from("baseline: ").with(Text::name(&**baseline)).styled(Style::Dim);
        sections.push(Section { heading: Text::default(), blocks: vec![Block::Paragraph(text)] });
    }
    if !checked.warnings.is_empty() {
        let warnings = checked.warnings.iter().map(|warning| Text::sentence(warning)).collect();
        let blocks = vec![Block::Notes(warnings)];
        sections.push(Section { heading: Text::default(), blocks });
    }
    let title = Text::name(&*checked.reference).with(": ").with(verdict(checked.verdict()));
    Document { title, sections }
}

/// Composes the report of an image that could not be checked.
pub(super) fn compose_no_check(outcome: &Outcome<Checked>, failure: &Failure) -> Document {
    let mut notes = vec![Text::sentence(&failure.message)];
    notes.extend(failure.hint.as_deref().map(Text::sentence));
    let section = Section { heading: Text::default(), blocks: vec![Block::Notes(notes)] };
    let title = Text::name(&*outcome.reference).with(": ").with(verdict(Verdict::Unknown));
    Document { title, sections: vec![section] }
}

fn section(check: &Check) -> Section {
    let rows = check.rows.iter().map(cells).collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    let mut blocks = vec![Block::Table(table)];
    for row in check.rows.iter().filter(|row| row.verdict != Verdict::Pass) {
        blocks.extend(offences(row));
    }
    let notes: Vec<Text> =
        check.ignored.iter().map(ignored).chain(check.idle.iter().map(idle)).collect();
    if !notes.is_empty() {
        blocks.push(Block::Notes(notes));
    }
    let heading = Text::name(&*check.platform).with(": ").with(verdict(check.verdict));
    Section { heading, blocks }
}

fn cells(row: &Row) -> Cells {
    vec![
        verdict(row.verdict),
        Text::name(&*row.id),
        row.actual.as_ref().map_or_else(|| UNKNOWN.into(), figure),
        figure(&row.limit),
        Text::sentence(&row.reason),
    ]
}

/// The verdict as a word that stands out without a colour.
fn verdict(verdict: Verdict) -> Text {
    match verdict {
        Verdict::Pass => Text::from("pass").styled(Style::Good),
        Verdict::Warn => Text::from("WARN").styled(Style::Warn),
        Verdict::Unknown => Text::from("UNKNOWN").styled(Style::Warn),
        Verdict::Fail => Text::from("FAIL").styled(Style::Warn),
    }
}

/// An amount of any kind.
pub(in crate::report) fn figure(figure: &Figure) -> Text {
    match figure {
        Figure::Bytes(bytes) => Text::bytes(*bytes),
        Figure::Count(count) => Piece::Number((*count).into()).into(),
        Figure::Share(share) if (0.0..=1.0).contains(share) => permyriad(*share),
        Figure::Share(_) | Figure::Growth(_) => Text::sentence(&figure.to_string()),
        Figure::Text(text) => Text::name(&**text),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share from 0 to 1")]
fn permyriad(share: f64) -> Text {
    Piece::Share(Share { part: (share * 1e9).round() as u128, whole: 1_000_000_000 }).into()
}

/// What breaks a limit, if it is more than the reason tells.
fn offences(row: &Row) -> Vec<Block> {
    if row.offences.len() < 2 {
        return Vec::new();
    }
    let shown = row.offences.iter().take(LISTED).map(|offence| Text::sentence(&offence.text));
    let mut items: Vec<Text> = shown.collect();
    let all = match row.actual {
        Some(Figure::Count(count)) => usize::try_from(count).unwrap_or(usize::MAX),
        _ => row.offences.len(),
    };
    if all > items.len() {
        items.push(Text::number(all - items.len()).with(" more").styled(Style::Dim));
    }
    let heading = Text::name(&*row.id).with(" ").with(figure(&row.limit));
    vec![Block::Heading(heading), Block::List(Mark::Bullet, items)]
}

fn ignored(exempted: &Exempted) -> Text {
    let Exempted { what, reason, until, count } = exempted;
    let until = until.as_ref().map_or_else(String::new, |until| format!(" (until {until})"));
    Text::sentence(&format!("ignored {count} by {what}: {reason}{until}"))
}

fn idle(what: &String) -> Text {
    Text::sentence(&format!("{what} is to be ignored, but there is none"))
}

/// The rows of all images, with bare numbers.
pub(super) fn table(checked: Option<&Checked>) -> Table {
    let images = checked.map(|checked| &checked.images[..]).unwrap_or_default();
    let rows = images.iter().flat_map(|check| {
        check.rows.iter().map(|row| {
            vec![
                Text::name(&*check.platform),
                Text::name(&*row.id),
                row.limit.unit().into(),
                bare(&row.limit),
                row.actual.as_ref().map_or_else(Text::default, bare),
                row.verdict.as_str().into(),
                Text::sentence(&row.reason),
            ]
        })
    });
    Table { columns: CSV_COLUMNS.to_vec(), rows: rows.collect(), totals: Vec::new() }
}

fn bare(figure: &Figure) -> Text {
    match figure {
        Figure::Share(share) => Text::sentence(&share.to_string()),
        Figure::Growth(grown) => Text::sentence(&grown.bytes.to_string()),
        other => self::figure(other),
    }
}
