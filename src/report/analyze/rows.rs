//! The table behind the CSV report: one row per layer, with all that `inspect` has of it.

use super::words::toc_source;
use crate::analysis::{Analysis, LayerUsage};
use crate::report::document::{Column, Piece, Row, Table, Text};
use crate::report::inspect::{LAYER_COLUMNS, Outcome, layer_row};

const COLUMNS: [Column; 8] = [
    Column::right("content"),
    Column::right("entries"),
    Column::right("files"),
    Column::right("shadowed"),
    Column::right("shadowed_files"),
    Column::right("shadowed_compressed"),
    Column::left("toc_source"),
    Column::right("transferred"),
];

/// One row per layer of each image that was analysed.
pub(super) fn analysis_rows(outcomes: &[Outcome<Analysis>]) -> Table {
    let found = outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
    let columns = LAYER_COLUMNS.into_iter().chain(COLUMNS).collect();
    Table { columns, rows: found.flat_map(rows).collect(), totals: Vec::new() }
}

fn rows(analysis: &Analysis) -> Vec<Row> {
    let mut rows = Vec::new();
    for super::Subject { image, found } in super::subjects(analysis) {
        for layer in &image.layers {
            let mut row = layer_row(&analysis.inspection, image, layer);
            let usage = found.layers.get(layer.index).copied().flatten();
            row.extend(figures(usage, found.is_complete()));
            rows.push(row);
        }
    }
    rows
}

fn figures(usage: Option<LayerUsage>, complete: bool) -> Row {
    let Some(usage) = usage else { return vec![Text::default(); COLUMNS.len()] };
    let number = |number: u64| Text::from(Piece::Number(number.into()));
    let merged = |text: Text| if complete { text } else { Text::default() };
    vec![
        Text::bytes(usage.content),
        number(usage.entries),
        number(usage.files),
        merged(Text::bytes(usage.shadowed.bytes)),
        merged(number(usage.shadowed.files)),
        merged(Text::bytes(usage.shadowed.compressed)),
        toc_source(usage).into(),
        Text::bytes(usage.transferred),
    ]
}
