//! The tables of a CSV report, complete.

use super::CompareTable;
use super::summary::instruction;
use crate::compare::{Comparison, Difference, LayerRow};
use crate::report::document::{Column, Piece, Row, Table, Text};
use crate::report::words::phrase;

/// One of the tables.
pub(super) fn table(comparison: &Comparison, table: CompareTable) -> Table {
    let (columns, rows): (&[Column], Vec<Row>) = match table {
        CompareTable::Layers => {
            (&LAYERS, comparison.layers.iter().map(|row| layer(comparison, row)).collect())
        }
        CompareTable::Causes => (&CAUSES, causes(comparison)),
        CompareTable::Packages => (&PACKAGES, packages(comparison)),
        CompareTable::Components => (&COMPONENTS, components(comparison)),
        CompareTable::Paths => (&PATHS, paths(comparison)),
    };
    Table { columns: columns.to_vec(), rows, totals: Vec::new() }
}

const LAYERS: [Column; 10] = [
    Column::left("status"),
    Column::right("old_layer"),
    Column::right("new_layer"),
    Column::right("content_delta"),
    Column::right("compressed_delta"),
    Column::right("old_compressed"),
    Column::right("new_compressed"),
    Column::left("old_digest"),
    Column::left("new_digest"),
    Column::left("instruction"),
];

fn number(at: Option<usize>) -> Text {
    at.map(Text::number).unwrap_or_default()
}

fn delta(bytes: Option<Difference>) -> Text {
    bytes.map(Text::difference).unwrap_or_default()
}

fn name(text: Option<&str>) -> Text {
    text.map(Text::name).unwrap_or_default()
}

fn layer(comparison: &Comparison, row: &LayerRow) -> Row {
    let old = row.old.and_then(|at| comparison.old.layers.get(at));
    let new = row.new.and_then(|at| comparison.new.layers.get(at));
    let digest =
        |layer: &crate::compare::ComparedLayer| Text::from(Piece::Digest(layer.digest.clone()));
    vec![
        row.status.as_str().into(),
        number(row.old),
        number(row.new),
        delta(row.change.content),
        delta(Some(row.change.compressed)),
        old.map(|layer| Text::bytes(layer.compressed)).unwrap_or_default(),
        new.map(|layer| Text::bytes(layer.compressed)).unwrap_or_default(),
        old.map(digest).unwrap_or_default(),
        new.map(digest).unwrap_or_default(),
        comparison.layer(row).map(instruction).unwrap_or_default(),
    ]
}

const CAUSES: [Column; 4] = [
    Column::left("kind"),
    Column::right("content_delta"),
    Column::right("compressed_delta"),
    Column::left("cause"),
];

fn causes(comparison: &Comparison) -> Vec<Row> {
    let rest = comparison.rest;
    let rest = vec!["rest".into(), delta(rest.content), delta(Some(rest.compressed)), "".into()];
    let rows = comparison.causes.iter().map(|cause| {
        vec![
            cause.kind.as_str().into(),
            delta(cause.change.content),
            delta(Some(cause.change.compressed)),
            phrase(&cause.text),
        ]
    });
    rows.chain([rest]).collect()
}

const PACKAGES: [Column; 8] = [
    Column::left("change"),
    Column::left("ecosystem"),
    Column::left("name"),
    Column::left("old_version"),
    Column::left("new_version"),
    Column::right("content_delta"),
    Column::right("compressed_delta"),
    Column::left("location"),
];

fn packages(comparison: &Comparison) -> Vec<Row> {
    let row = |change: &crate::compare::PackageChange| {
        vec![
            change.status.as_str().into(),
            Text::name(&*change.ecosystem),
            Text::name(&*change.name),
            name(change.old_version.as_deref()),
            name(change.new_version.as_deref()),
            delta(change.change.content),
            delta(Some(change.change.compressed)),
            Text::name(&*change.location),
        ]
    };
    comparison.packages.iter().map(row).collect()
}

const COMPONENTS: [Column; 7] = [
    Column::left("change"),
    Column::left("id"),
    Column::left("old_version"),
    Column::left("new_version"),
    Column::right("content_delta"),
    Column::right("compressed_delta"),
    Column::left("root"),
];

fn components(comparison: &Comparison) -> Vec<Row> {
    let row = |change: &crate::compare::ComponentChange| {
        vec![
            change.status.as_str().into(),
            Text::name(&*change.id),
            name(change.old_version.as_deref()),
            name(change.new_version.as_deref()),
            delta(change.change.content),
            delta(Some(change.change.compressed)),
            name(change.root.as_deref()),
        ]
    };
    comparison.components.iter().map(row).collect()
}

const PATHS: [Column; 6] = [
    Column::left("change"),
    Column::right("content_delta"),
    Column::right("old_content"),
    Column::right("new_content"),
    Column::right("uncertainty"),
    Column::left("path"),
];

fn paths(comparison: &Comparison) -> Vec<Row> {
    let row = |change: &crate::compare::PathChange| {
        vec![
            change.status.as_str().into(),
            delta(Some(change.delta())),
            Text::bytes(change.old),
            Text::bytes(change.new),
            Text::bytes(change.uncertainty),
            Text::name(&*change.path),
        ]
    };
    comparison.paths.iter().map(row).collect()
}
