//! The table of build steps, newest first, with their full text.

use crate::image::{Image, Layer, Step};
use crate::report::document::{Block, Column, Overflow, Piece, Row, Style, Table, Text};
use crate::report::words::{UNKNOWN, footnotes, layer_uncompressed, uncompressed};

const COLUMNS: [Column; 6] = [
    Column::right("step"),
    Column::left("created").ranked(1),
    Column::right("compressed"),
    Column::right("uncompressed"),
    Column::left("comment").ranked(2),
    Column::rest("created by", Overflow::Wrap),
];

/// The table of an image's build steps and what its marks mean.
pub(super) fn blocks(image: &Image) -> Vec<Block> {
    let steps = image.steps.iter().rev().map(|step| step_row(image, step));
    let without_step = image.layers.iter().rev().filter(|layer| layer.step.is_none());
    let rows: Vec<Row> = steps.chain(without_step.map(layer_row)).collect();
    if rows.is_empty() {
        return vec![Block::Paragraph("no history and no layers".into())];
    }
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: vec![total(image)] };
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(footnotes(std::slice::from_ref(&image)));
    blocks
}

fn step_row(image: &Image, step: &Step) -> Row {
    let text = if step.created_by.is_empty() { &step.instruction } else { &step.created_by };
    let [compressed, uncompressed] = sizes(image, step);
    let row = vec![
        step.number.map_or_else(Text::default, Text::number),
        step.created.as_deref().map_or_else(|| UNKNOWN.into(), Text::sentence),
        compressed,
        uncompressed,
        if step.comment.is_empty() { Text::default() } else { Text::name(&*step.comment) },
        Text::name(&**text),
    ];
    let style = if step.empty { Style::Dim } else { Style::Plain };
    row.into_iter().map(|text| text.styled(style)).collect()
}

/// The sizes of a step's layer; zero for a step that made none.
fn sizes(image: &Image, step: &Step) -> [Text; 2] {
    match step.layer.and_then(|layer| image.layers.get(layer)) {
        Some(layer) => [Piece::Bytes(layer.compressed.into()).into(), layer_uncompressed(layer)],
        None if step.empty => [Piece::Bytes(0).into(), Piece::Bytes(0).into()],
        None => [UNKNOWN.into(), UNKNOWN.into()],
    }
}

fn layer_row(layer: &Layer) -> Row {
    vec![
        Text::default(),
        UNKNOWN.into(),
        Piece::Bytes(layer.compressed.into()).into(),
        layer_uncompressed(layer),
        Text::default(),
        Text::from("layer ").with(Text::number(layer.index)).with(", no build step recorded"),
    ]
}

fn total(image: &Image) -> Row {
    vec![
        Text::from("total").styled(Style::Strong),
        Text::default(),
        Text::from(Piece::Bytes(image.compressed())).styled(Style::Strong),
        uncompressed(image.uncompressed(), image.uncompressed_inferred()),
        Text::default(),
        Text::default(),
    ]
}
