//! The table of layers: which step costs how much, and whose bytes they are.

use std::cmp::Reverse;

use super::Sort;
use crate::image::{Image, Layer, Origin};
use crate::report::document::{Block, Column, Overflow, Piece, Row, Share, Style, Table, Text};
use crate::report::words::{
    footnotes, instruction, layer_uncompressed, lines, only_file, source, step, uncompressed,
};

const COLUMNS: [Column; 9] = [
    Column::right("layer"),
    Column::right("step"),
    Column::right("compressed"),
    Column::right("uncompressed"),
    Column::right("share").ranked(1),
    Column::bar().ranked(4),
    Column::left("from").ranked(2),
    Column::left("lines").ranked(3),
    Column::rest("instruction", Overflow::Cut),
];

/// The table of an image's layers and what its marks mean.
pub(super) fn blocks(image: &Image, sort: Sort) -> Vec<Block> {
    if image.layers.is_empty() {
        return vec![Block::Paragraph("no layers".into())];
    }
    let whole = image.compressed();
    let largest = super::largest(image).map(|layer| layer.index);
    let rows = in_order(image, sort)
        .into_iter()
        .map(|layer| row(image, layer, whole, largest == Some(layer.index)))
        .collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: totals(image) };
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(footnotes(std::slice::from_ref(&image)));
    blocks
}

/// The layers in the order they are listed.
pub(in crate::report) fn in_order(image: &Image, sort: Sort) -> Vec<&Layer> {
    let mut layers: Vec<&Layer> = image.layers.iter().collect();
    if sort == Sort::Size {
        layers.sort_by_key(|layer| (Reverse(layer.compressed), layer.index));
    }
    layers
}

/// The compressed and uncompressed bytes of the layers of one origin.
pub(in crate::report) fn subtotal(image: &Image, origin: Origin) -> (u128, Option<u128>, bool) {
    let layers = || image.layers.iter().filter(|layer| layer.origin == origin);
    (
        layers().map(|layer| u128::from(layer.compressed)).sum(),
        layers().map(|layer| layer.uncompressed.map(|known| u128::from(known.bytes))).sum(),
        layers().any(|layer| layer.uncompressed.is_some_and(|known| known.inferred)),
    )
}

/// Whether it is known of each layer whose it is.
pub(in crate::report) fn origins_known(image: &Image) -> bool {
    let known = |layer: &Layer| layer.origin != Origin::Unknown;
    image.layers.iter().all(known) && (image.base.is_some() || !image.layers.is_empty())
}

fn row(image: &Image, layer: &Layer, whole: u128, is_largest: bool) -> Row {
    let part = u128::from(layer.compressed);
    let share = Share { part, whole };
    let style = match layer.origin {
        _ if is_largest => Style::Strong,
        Origin::Base => Style::Dim,
        Origin::Own | Origin::Unknown => Style::Plain,
    };
    let number = step(image, layer).and_then(|step| step.number);
    let texts = [
        Text::number(layer.index),
        number.map_or_else(Text::default, Text::number),
        Piece::Bytes(part).into(),
        layer_uncompressed(layer),
        Piece::Share(share).into(),
        Text::from(Piece::Bar(share)).styled(origin_style(layer.origin)),
        origin(layer.origin),
        place(image, layer),
        instruction(image, layer),
    ];
    texts.into_iter().map(|text| text.styled(style)).collect()
}

/// The lines that made a layer; the file's name stands above the table if there is just one.
pub(in crate::report) fn place(image: &Image, layer: &Layer) -> Text {
    match &layer.source {
        Some(known) if only_file(image).is_some() => Text::name(lines(known)),
        Some(known) => source(known),
        None => Text::default(),
    }
}

/// Whose a layer is.
pub(in crate::report) fn origin(origin: Origin) -> Text {
    match origin {
        Origin::Unknown => Text::default(),
        known => Text::from(known.as_str()).styled(origin_style(known)),
    }
}

fn origin_style(origin: Origin) -> Style {
    match origin {
        Origin::Own | Origin::Unknown => Style::Own,
        Origin::Base => Style::Base,
    }
}

fn totals(image: &Image) -> Vec<Row> {
    let all = (image.compressed(), image.uncompressed(), image.uncompressed_inferred());
    let mut totals = vec![total(image, "total", all, Style::Strong)];
    let is_split = image.layers.iter().any(|layer| layer.origin != Origin::Unknown);
    for origin in [Origin::Own, Origin::Base, Origin::Unknown].into_iter().filter(|_| is_split) {
        let is_present = image.layers.iter().any(|layer| layer.origin == origin);
        if is_present || origin != Origin::Unknown {
            totals.push(total(
                image,
                origin.as_str(),
                subtotal(image, origin),
                origin_style(origin),
            ));
        }
    }
    totals
}

fn total(
    image: &Image,
    name: &'static str,
    (part, bytes, inferred): (u128, Option<u128>, bool),
    style: Style,
) -> Row {
    let share = Share { part, whole: image.compressed() };
    let is_whole = style == Style::Strong;
    vec![
        Text::from(name).styled(style),
        Text::default(),
        Text::from(Piece::Bytes(part)).styled(if is_whole { style } else { Style::Plain }),
        uncompressed(bytes, inferred),
        Piece::Share(share).into(),
        if is_whole { Text::default() } else { Text::from(Piece::Bar(share)).styled(style) },
        Text::default(),
        Text::default(),
        Text::default(),
    ]
}
