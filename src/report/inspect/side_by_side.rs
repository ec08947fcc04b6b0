//! Several references in one table, to choose between them.

use super::{Failure, Outcome};
use crate::image::{Image, Inspection};
use crate::oci::Platform;
use crate::report::document::{
    Block, Column, Document, Overflow, Piece, Row, Section, Share, Style, Table, Text,
};
use crate::report::encode::Untrusted;
use crate::report::words::{UNKNOWN, date, footnotes, uncompressed};

const COLUMNS: [Column; 8] = [
    Column::rest("reference", Overflow::Wrap),
    Column::left("os").ranked(1),
    Column::right("compressed"),
    Column::bar().ranked(6),
    Column::right("uncompressed").ranked(2),
    Column::right("layers").ranked(4),
    Column::left("created").ranked(5),
    Column::rest("platforms", Overflow::Cut).ranked(3),
];

/// Composes one table of all references, in the order they were asked for.
pub fn compose_side_by_side(outcomes: &[Outcome]) -> Document {
    let images: Vec<&Image> = outcomes.iter().filter_map(shown).collect();
    let compressed = images.iter().map(|image| image.compressed());
    let (least, most) = (compressed.clone().min(), compressed.max().unwrap_or(0));
    let row = |outcome: &Outcome| match &outcome.result {
        Ok(inspection) => found(outcome, inspection, most, least),
        Err(failure) => failed(outcome, failure),
    };
    let rows = outcomes.iter().map(row).collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(footnotes(&images));
    blocks.extend(notes(outcomes));
    Document {
        title: Text::count(outcomes.len(), "image", "images"),
        sections: vec![Section { heading: Text::default(), blocks }],
    }
}

/// The architectures of Linux, and other platforms in full.
fn platform_names(platforms: &[Platform]) -> Text {
    let name = |platform: &Platform| {
        let full = platform.to_string();
        full.strip_prefix("linux/").map(str::to_owned).unwrap_or(full)
    };
    let names: Vec<String> = platforms.iter().map(name).collect();
    Piece::Name(Untrusted::folded(&names.join(", "))).into()
}

fn shown(outcome: &Outcome) -> Option<&Image> {
    outcome.result.as_ref().ok().and_then(|inspection| inspection.images.get(inspection.shown))
}

fn found(outcome: &Outcome, inspection: &Inspection, most: u128, least: Option<u128>) -> Row {
    let reference = Text::name(&*outcome.reference);
    let Some(image) = inspection.images.get(inspection.shown) else {
        return vec![reference, Text::from("no image in it").styled(Style::Warn)];
    };
    let part = image.compressed();
    let style = if least == Some(part) { Style::Good } else { Style::Plain };
    let unknown = || Text::from(UNKNOWN);
    vec![
        reference.styled(style),
        image.os_name.as_deref().map_or_else(unknown, Text::sentence),
        Text::from(Piece::Bytes(part)).styled(style),
        Text::from(Piece::Bar(Share { part, whole: most })).styled(Style::Own),
        uncompressed(image.uncompressed(), image.uncompressed_inferred()),
        Text::number(image.layers.len()),
        image.created.as_deref().map_or_else(unknown, date),
        platform_names(&inspection.platforms),
    ]
}

fn failed(outcome: &Outcome, failure: &Failure) -> Row {
    // The reference stands in the first column already.
    let message = failure.message.strip_prefix(&outcome.reference);
    let message = message.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&failure.message);
    let message = Text::sentence(message).styled(Style::Warn);
    vec![Text::name(&*outcome.reference), message]
}

/// The warnings and hints of each reference, with the reference before them.
fn notes(outcomes: &[Outcome]) -> Option<Block> {
    let mut notes = Vec::new();
    for outcome in outcomes {
        let sentences: Vec<&String> = match &outcome.result {
            Ok(inspection) => inspection.warnings.iter().collect(),
            Err(failure) => failure.hint.iter().collect(),
        };
        for sentence in sentences {
            let reference = Text::name(&*outcome.reference);
            notes.push(reference.with(": ").with(Text::sentence(sentence)));
        }
    }
    (!notes.is_empty()).then_some(Block::Notes(notes))
}
