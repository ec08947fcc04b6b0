//! The tables behind the CSV reports: every figure in a column of its own.

use super::Outcome;
use crate::image::{Image, Inspection, Layer};
use crate::oci::Platform;
use crate::report::document::{Column, Piece, Row, Table, Text};
use crate::report::words::{command, source, step};

pub(in crate::report) const LAYER_COLUMNS: [Column; 12] = [
    Column::left("reference"),
    Column::left("platform"),
    Column::right("index"),
    Column::right("step"),
    Column::left("digest"),
    Column::left("media_type"),
    Column::right("compressed"),
    Column::right("uncompressed"),
    Column::left("uncompressed_inferred"),
    Column::left("origin"),
    Column::left("instruction"),
    Column::left("source"),
];

const SIDE_BY_SIDE_COLUMNS: [Column; 10] = [
    Column::left("reference"),
    Column::left("digest"),
    Column::left("os"),
    Column::right("compressed"),
    Column::right("uncompressed"),
    Column::left("uncompressed_inferred"),
    Column::right("layers"),
    Column::left("platforms"),
    Column::left("created"),
    Column::left("error"),
];

/// One row per layer of each image that was read.
pub fn layer_rows(inspection: &Inspection) -> Table {
    let mut rows = Vec::new();
    for image in &inspection.images {
        rows.extend(image.layers.iter().map(|layer| layer_row(inspection, image, layer)));
    }
    Table { columns: LAYER_COLUMNS.to_vec(), rows, totals: Vec::new() }
}

/// One row per reference.
pub fn side_by_side_rows(outcomes: &[Outcome]) -> Table {
    let rows = outcomes.iter().map(outcome_row).collect();
    Table { columns: SIDE_BY_SIDE_COLUMNS.to_vec(), rows, totals: Vec::new() }
}

/// The figures of one layer.
pub(in crate::report) fn layer_row(inspection: &Inspection, image: &Image, layer: &Layer) -> Row {
    let number = step(image, layer).and_then(|step| step.number);
    vec![
        Text::name(&*inspection.reference),
        Text::name(image.platform.to_string()),
        Text::number(layer.index),
        number.map_or_else(Text::default, Text::number),
        Piece::Digest(layer.digest.clone()).into(),
        Text::name(layer.media_type.as_str()),
        Piece::Bytes(layer.compressed.into()).into(),
        bytes(layer.uncompressed.map(|known| known.bytes.into())),
        inferred(layer.uncompressed.map(|known| known.inferred)),
        layer.origin.as_str().into(),
        step(image, layer).map(command).unwrap_or_default(),
        layer.source.as_ref().map(source).unwrap_or_default(),
    ]
}

fn outcome_row(outcome: &Outcome) -> Row {
    let inspection = outcome.result.as_ref().ok();
    let image = inspection.and_then(|found| found.images.get(found.shown));
    let total = image.and_then(Image::uncompressed);
    let name = |text: Option<&str>| text.map(Text::name).unwrap_or_default();
    vec![
        Text::name(&*outcome.reference),
        inspection.map(|found| Piece::Digest(found.digest.clone()).into()).unwrap_or_default(),
        name(image.and_then(|image| image.os_name.as_deref())),
        bytes(image.map(Image::compressed)),
        bytes(total),
        inferred(total.and(image).map(Image::uncompressed_inferred)),
        image.map(|image| Text::number(image.layers.len())).unwrap_or_default(),
        inspection.map(|found| platforms(&found.platforms)).unwrap_or_default(),
        name(image.and_then(|image| image.created.as_deref())),
        name(outcome.result.as_ref().err().map(|failure| failure.message.as_str())),
    ]
}

fn platforms(platforms: &[Platform]) -> Text {
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    Text::name(names.join(", "))
}

fn bytes(bytes: Option<u128>) -> Text {
    bytes.map(|bytes| Piece::Bytes(bytes).into()).unwrap_or_default()
}

fn inferred(inferred: Option<bool>) -> Text {
    match inferred {
        Some(true) => "true".into(),
        Some(false) => "false".into(),
        None => Text::default(),
    }
}
