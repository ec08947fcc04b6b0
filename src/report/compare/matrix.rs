//! The report of many images, each with each.

use super::columns::{NUMBERS, absent, columns, package_table, packages};
use super::summary::plain;
use super::{CompareTable, difference};
use crate::compare::{Matrix, MatrixImage, Pair};
use crate::report::document::{
    Block, Column, Document, Overflow, Row, Section, Style, Table, Text,
};
use crate::report::words::{date, unknown};

/// Composes the report.
pub(super) fn compose(matrix: &Matrix, top: usize) -> Document {
    let section = |heading: &'static str, blocks| Section {
        heading: if heading.is_empty() { Text::default() } else { heading.into() },
        blocks,
    };
    let titles = &NUMBERS[..matrix.images.len().min(NUMBERS.len())];
    let shared = |pair: &Pair, _: bool| {
        Text::bytes(pair.shared).with(" in ").with(Text::number(pair.shared_layers))
    };
    let is_plain =
        |at: usize| matrix.images.get(at).is_some_and(|one| one.image.sizes.plain_layers > 0);
    let growth = |pair: &Pair, is_mirrored: bool| {
        let bytes = if is_mirrored { -pair.compressed } else { pair.compressed };
        difference((!is_plain(pair.old) && !is_plain(pair.new)).then_some(bytes))
    };
    let differing = |pair: &Pair, _: bool| pair.packages.map_or_else(unknown, Text::number);
    let mut sections = vec![
        section("", images(matrix)),
        section("Layers that both have", vec![grid(matrix, titles, shared)]),
        section(
            "Compressed bytes of the row less those of the column",
            vec![grid(matrix, titles, growth)],
        ),
    ];
    if matrix.pairs.iter().any(|pair| pair.packages.is_some()) {
        sections.push(section("Packages that differ", vec![grid(matrix, titles, differing)]));
    }
    sections.push(section("Packages", packages(&matrix.packages, titles, top)));
    sections.push(section("Notes", notes(matrix)));
    sections.retain(|section| !section.blocks.is_empty());
    Document { title: Text::count(matrix.images.len(), "image", "images"), sections }
}

fn images(matrix: &Matrix) -> Vec<Block> {
    let columns = vec![
        Column::right("no."),
        Column::rest("image", Overflow::Wrap),
        Column::right("compressed"),
        Column::right("layers").ranked(2),
        Column::right("unique"),
        Column::left("created").ranked(3),
    ];
    let least = matrix.images.iter().map(|one| one.image.sizes.compressed).min();
    let row = |(at, one): (usize, &MatrixImage)| -> Row {
        let size = one.image.sizes.compressed;
        let style = if Some(size) == least { Style::Good } else { Style::Plain };
        vec![
            Text::number(at + 1),
            Text::name(&*one.image.reference),
            Text::bytes(size).styled(style),
            Text::number(one.image.layers.len()),
            Text::bytes(one.unique).with(" in ").with(Text::number(one.unique_layers)),
            one.image.created.as_deref().map_or_else(unknown, date),
        ]
    };
    let rows = matrix.images.iter().enumerate().map(row).collect();
    let legend = Text::from("unique: in layers that no other image here has").styled(Style::Dim);
    let table = Block::Table(Table { columns, rows, totals: Vec::new() });
    vec![table, Block::Paragraph(legend)]
}

/// A cell for each pair, on both sides of the diagonal.
fn grid(matrix: &Matrix, titles: &[&'static str], cell: impl Fn(&Pair, bool) -> Text) -> Block {
    let all = matrix.images.len();
    let mut rows: Vec<Row> =
        (0..all).map(|at| [vec![Text::number(at + 1)], vec![absent(); all]].concat()).collect();
    for pair in &matrix.pairs {
        for (row, column, is_mirrored) in [(pair.new, pair.old, false), (pair.old, pair.new, true)]
        {
            if let Some(place) = rows.get_mut(row).and_then(|row| row.get_mut(column + 1)) {
                *place = cell(pair, is_mirrored);
            }
        }
    }
    let columns = [Column::right("")].into_iter().chain(columns(titles)).collect();
    Block::Table(Table { columns, rows, totals: Vec::new() })
}

fn notes(matrix: &Matrix) -> Vec<Block> {
    let mut notes: Vec<Text> = matrix.images.iter().filter_map(|one| plain(&one.image)).collect();
    let is_unread = matrix.pairs.iter().any(|pair| pair.content.is_none());
    if is_unread {
        notes.push("Layers that differ were not read, so packages are not compared.".into());
    } else if !matrix.is_whole {
        notes.push("Packages are those of the layers that not all images have (-: none there); --all-layers looks at the whole images.".into());
    }
    for kind in &matrix.unsure {
        notes.push(Text::from("Some image has no list of ").with(Text::name(&**kind)).with(
            " packages in those layers, so they are not compared with it: --all-layers tells.",
        ));
    }
    if notes.is_empty() { Vec::new() } else { vec![Block::Notes(notes)] }
}

/// The table of a CSV report.
pub(super) fn table(matrix: &Matrix, table: CompareTable) -> Table {
    let names: Vec<&str> = matrix.images.iter().map(|one| &*one.image.reference).collect();
    if table == CompareTable::Packages {
        return package_table(&matrix.packages, &names);
    }
    let columns = vec![
        Column::left("old"),
        Column::left("new"),
        Column::right("shared_layers"),
        Column::right("shared_compressed"),
        Column::right("compressed_delta"),
        Column::right("content_delta"),
        Column::right("packages"),
    ];
    let name = |at: usize| names.get(at).map(|name| Text::name(*name)).unwrap_or_default();
    let row = |pair: &Pair| -> Row {
        vec![
            name(pair.old),
            name(pair.new),
            Text::number(pair.shared_layers),
            Text::bytes(pair.shared),
            Text::difference(pair.compressed),
            pair.content.map(Text::difference).unwrap_or_default(),
            pair.packages.map(Text::number).unwrap_or_default(),
        ]
    };
    Table { columns, rows: matrix.pairs.iter().map(row).collect(), totals: Vec::new() }
}
