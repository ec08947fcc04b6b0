//! The table of layers: what each costs, holds and holds in vain, and which step made it.

use std::cmp::Reverse;

use super::summary::{content, merged};
use super::words::toc_source;
use super::{AnalyzeOptions, Subject};
use crate::analysis::LayerUsage;
use crate::image::{Layer, Origin};
use crate::report::document::{
    Block, Column, Overflow, Piece, Row, Section, Share, Style, Table, Text,
};
use crate::report::inspect::{Sort, in_order, origin, origin_facts, place, subtotal};
use crate::report::words::{instruction, step, unknown};

const COLUMNS: [Column; 12] = [
    Column::right("layer"),
    Column::right("step"),
    Column::right("compressed"),
    Column::right("content"),
    Column::right("share").ranked(2),
    Column::right("shadowed"),
    Column::right("files").ranked(3),
    Column::left("read").ranked(6),
    Column::left("from").ranked(1),
    Column::left("lines").ranked(4),
    Column::rest("instruction", Overflow::Cut),
    Column::rest("brings", Overflow::Cut).ranked(5),
];

/// Owners that a row names.
const NAMED: usize = 3;

/// The sections on the layers of one image: its own, and those of its base where that is known.
pub(super) fn sections(subject: Subject<'_>, sort: Sort) -> Vec<Section> {
    let image = subject.image;
    let (base, own): (Vec<&Layer>, Vec<&Layer>) =
        in_order(image, sort).into_iter().partition(|layer| layer.origin == Origin::Base);
    let mut blocks = vec![Block::Facts(origin_facts(image, true))];
    if image.layers.is_empty() {
        blocks.push(Block::Paragraph("no layers".into()));
    } else {
        blocks.push(Block::Table(table(subject, &own, totals(subject))));
    }
    let mut sections = vec![Section { heading: "Layer-by-layer analysis".into(), blocks }];
    if !base.is_empty() {
        let blocks = vec![Block::Table(table(subject, &base, Vec::new()))];
        sections.push(Section { heading: "Base image breakdown".into(), blocks });
    }
    sections
}

/// The section of a short report: the largest layers, and the rest in one row.
pub(super) fn largest(subject: Subject<'_>, options: AnalyzeOptions) -> Section {
    let image = subject.image;
    let content = |layer: &Layer| usage(subject, layer).map_or(0, |usage| usage.content);
    let mut by_size: Vec<&Layer> = image.layers.iter().collect();
    by_size.sort_by_key(|layer| Reverse((content(layer), layer.compressed)));
    by_size.truncate(options.top);
    let is_shown = |layer: &&Layer| by_size.iter().any(|shown| shown.index == layer.index);
    let (shown, rest): (Vec<&Layer>, Vec<&Layer>) =
        in_order(image, options.sort).into_iter().partition(is_shown);
    let mut table = table(subject, &shown, totals(subject));
    table.rows.extend(other(subject, &rest));
    let blocks = vec![Block::Facts(origin_facts(image, true)), Block::Table(table)];
    Section { heading: "Layers".into(), blocks }
}

fn table(subject: Subject<'_>, layers: &[&Layer], totals: Vec<Row>) -> Table {
    let rows = layers.iter().map(|layer| row(subject, layer)).collect();
    Table { columns: COLUMNS.to_vec(), rows, totals }
}

/// The layers that are not listed, in one row; none if all are.
fn other(subject: Subject<'_>, rest: &[&Layer]) -> Option<Row> {
    if rest.is_empty() {
        return None;
    }
    let among = |layer: &Layer| rest.iter().any(|other| other.index == layer.index);
    let compressed: u128 = rest.iter().map(|layer| u128::from(layer.compressed)).sum();
    let sums = [
        Text::bytes(compressed),
        sum(subject, among, |usage| usage.content, Piece::Bytes),
        Text::default(),
        shadowed_of(subject, among),
        sum(subject, among, |usage| usage.files, Piece::Number),
    ];
    let mut row = total("other", sums, Style::Dim);
    if let Some(last) = row.get_mut(INSTRUCTION) {
        *last = Text::count(rest.len(), "smaller layer", "smaller layers").styled(Style::Dim);
    }
    Some(row)
}

/// The column of the instruction.
const INSTRUCTION: usize = 10;

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
        share(subject, usage),
        shadowed,
        files,
        source,
        origin(layer.origin),
        place(image, layer),
        instruction(image, layer),
        brings(subject, layer),
    ];
    texts.into_iter().map(|text| text.styled(style)).collect()
}

fn share(subject: Subject<'_>, usage: Option<LayerUsage>) -> Text {
    let whole = Some(subject.found).filter(|found| found.is_complete());
    usage.zip(whole).map_or_else(unknown, |(usage, whole)| {
        Piece::Share(Share { part: usage.content.into(), whole: whole.content().into() }).into()
    })
}

/// The owners of most that a layer stores.
fn brings(subject: Subject<'_>, layer: &Layer) -> Text {
    let Some(study) = &subject.found.study else { return Text::default() };
    let Some(brought) = study.attribution.layers.get(layer.index) else { return Text::default() };
    let owners = brought.largest.iter().filter(|(_, amount)| amount.bytes > 0).take(NAMED);
    let named: Vec<Text> = owners
        .filter_map(|(owner, _)| study.owners.get(owner.0 as usize))
        .map(|owner| Text::name(&*owner.name))
        .collect();
    let more = brought.owners.saturating_sub(named.len());
    let text = Text::joined(named, ", ");
    match (text.is_empty(), more) {
        (true, _) | (_, 0) => text,
        (false, more) => text.with(" and ").with(Text::number(more)).with(" more"),
    }
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
        Text::default(),
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
                Text::default(),
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

fn total(name: &'static str, sums: [Text; 5], style: Style) -> Row {
    let [compressed, content, share, shadowed, files] = sums;
    let mut row = vec![Text::from(name).styled(style), Text::default()];
    row.extend([compressed, content, share, shadowed, files]);
    row.resize_with(COLUMNS.len(), Text::default);
    row
}
