//! The table of layers: what each costs, holds and holds in vain, and which step made it.

use super::Subject;
use super::summary::{content, merged};
use super::words::toc_source;
use crate::analysis::LayerUsage;
use crate::image::{Layer, Origin};
use crate::report::document::{Block, Column, Overflow, Piece, Row, Section, Style, Table, Text};
use crate::report::inspect::{Sort, in_order, origin, origin_facts, place, subtotal};
use crate::report::words::{instruction, step, unknown};

const COLUMNS: [Column; 10] = [
    Column::right("layer"),
    Column::right("step"),
    Column::right("compressed"),
    Column::right("content"),
    Column::right("shadowed"),
    Column::right("files").ranked(2),
    Column::left("read").ranked(4),
    Column::left("from").ranked(1),
    Column::left("lines").ranked(3),
    Column::rest("instruction", Overflow::Cut),
];

/// The section on the layers of one image.
pub(super) fn section(subject: Subject<'_>, sort: Sort) -> Section {
    let image = subject.image;
    let mut blocks = vec![Block::Facts(origin_facts(image, true))];
    if image.layers.is_empty() {
        blocks.push(Block::Paragraph("no layers".into()));
        return Section { heading: "Layers".into(), blocks };
    }
    let rows = in_order(image, sort).into_iter().map(|layer| row(subject, layer)).collect();
    blocks.push(Block::Table(Table { columns: COLUMNS.to_vec(), rows, totals: totals(subject) }));
    Section { heading: "Layers".into(), blocks }
}

fn usage(subject: Subject<'_>, layer: &Layer) -> Option<LayerUsage> {
    *subject.found.layers.get(layer.index)?
}

fn row(subject: Subject<'_>, layer: &Layer) -> Row {
    let image = subject.image;
    let usage = usage(subject, layer);
    let number = step(image, layer).and_then(|step| step.number);
    let [content, shadowed, files, source] = match usage {
        Some(usage) => [
            Text::bytes(usage.content),
            shadowed(subject, usage.shadowed.bytes),
            Piece::Number(usage.files.into()).into(),
            toc_source(usage).into(),
        ],
        None => [unknown(), unknown(), unknown(), Text::from("not read").styled(Style::Dim)],
    };
    let style = if layer.origin == Origin::Base { Style::Dim } else { Style::Plain };
    let texts = [
        Text::number(layer.index),
        number.map_or_else(Text::default, Text::number),
        Text::bytes(layer.compressed),
        content,
        shadowed,
        files,
        source,
        origin(layer.origin),
        place(image, layer),
        instruction(image, layer),
    ];
    texts.into_iter().map(|text| text.styled(style)).collect()
}

fn shadowed(subject: Subject<'_>, bytes: u64) -> Text {
    merged(subject, bytes).styled(if bytes > 0 { Style::Warn } else { Style::Dim })
}

fn totals(subject: Subject<'_>) -> Vec<Row> {
    let Subject { image, found } = subject;
    let whole = |text: Text| text.styled(Style::Strong);
    let sums = [
        whole(Text::bytes(image.compressed())),
        whole(content(subject)),
        shadowed(subject, found.shadowed.bytes),
        sum(subject, |_| true, |usage| usage.files, Piece::Number),
    ];
    let mut totals = vec![total("total", sums, Style::Strong)];
    for origin in [Origin::Own, Origin::Base] {
        let of = |layer: &Layer| layer.origin == origin;
        if image.layers.iter().any(of) {
            let sums = [
                Text::bytes(subtotal(image, origin).0),
                sum(subject, of, |usage| usage.content, Piece::Bytes),
                shadowed_of(subject, of),
                sum(subject, of, |usage| usage.files, Piece::Number),
            ];
            totals.push(total(origin.as_str(), sums, Style::Plain));
        }
    }
    totals
}

/// What the layers that are `wanted` have together; unknown if one was not read.
fn sum(
    subject: Subject<'_>,
    wanted: impl Fn(&Layer) -> bool,
    figure: impl Fn(LayerUsage) -> u64,
    piece: impl Fn(u128) -> Piece,
) -> Text {
    let layers = subject.image.layers.iter().filter(|layer| wanted(layer));
    let figures = layers.map(|layer| usage(subject, layer).map(|known| u128::from(figure(known))));
    figures.sum::<Option<u128>>().map_or_else(unknown, |sum| piece(sum).into())
}

/// What of the layers that are `wanted` is shadowed.
fn shadowed_of(subject: Subject<'_>, wanted: impl Fn(&Layer) -> bool) -> Text {
    if !subject.found.is_complete() {
        return unknown();
    }
    sum(subject, wanted, |usage| usage.shadowed.bytes, Piece::Bytes)
}

fn total(name: &'static str, sums: [Text; 4], style: Style) -> Row {
    let [compressed, content, shadowed, files] = sums;
    let mut row = vec![Text::from(name).styled(style), Text::default()];
    row.extend([compressed, content, shadowed, files]);
    row.resize_with(COLUMNS.len(), Text::default);
    row
}
