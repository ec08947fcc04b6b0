//! dive's figures beside the exact ones.

use crate::analysis::{Dive, ImageAnalysis};
use crate::report::document::{Block, Column, Overflow, Piece, Row, Section, Share, Table, Text};
use crate::report::words::percent;

const COLUMNS: [Column; 4] = [
    Column::left("figure"),
    Column::right("exact"),
    Column::right("dive"),
    Column::rest("dive's formula", Overflow::Wrap).ranked(1),
];

/// Parts of one that a share of dive's is rounded to.
const PARTS: f64 = 1e9;

/// The section on dive's figures.
pub(super) fn section(found: &ImageAnalysis) -> Section {
    let block = match found.dive {
        Some(dive) => Block::Table(Table {
            columns: COLUMNS.to_vec(),
            rows: rows(found, dive),
            totals: Vec::new(),
        }),
        None => Block::Paragraph("not known: they are of all layers, and not all were read".into()),
    };
    Section { heading: "dive's figures".into(), blocks: vec![block] }
}

fn rows(found: &ImageAnalysis, dive: Dive) -> Vec<Row> {
    let exact = Share { part: found.visible.bytes.into(), whole: found.content().into() };
    let bytes = |bytes: u64| Text::bytes(bytes);
    vec![
        row(
            "efficiency",
            Piece::Share(exact).into(),
            share(dive.efficiency, dive.size_bytes),
            "smallest sizes of each path as a share of all its sizes",
        ),
        row("content", bytes(found.content()), bytes(dive.size_bytes), "sizes in all layers"),
        row(
            "above layer 0",
            Text::default(),
            bytes(dive.user_size_bytes),
            "the same without the first layer",
        ),
        row(
            "wasted",
            bytes(found.shadowed.bytes),
            bytes(dive.wasted_bytes),
            "all sizes of paths that occur more than once",
        ),
        row(
            "user wasted",
            Text::default(),
            wasted(dive),
            "wasted as a share of what is above layer 0",
        ),
    ]
}

fn row(figure: &'static str, exact: Text, dive: Text, formula: &'static str) -> Row {
    vec![figure.into(), exact, dive, formula.into()]
}

/// dive counts every copy as wasted, so it may be more than all there is.
fn wasted(dive: Dive) -> Text {
    if dive.user_wasted_percent > 1.0 && dive.user_wasted_percent.is_finite() {
        return percent(dive.wasted_bytes.into(), dive.user_size_bytes.max(1).into());
    }
    share(dive.user_wasted_percent, dive.user_size_bytes)
}

/// A share that came as a number; none of nothing.
fn share(value: f64, of: u64) -> Text {
    let whole = if of > 0 && value.is_finite() { PARTS } else { 0.0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats saturate, and a share is not negative"
    )]
    let parts = |share: f64| (share * whole).round() as u128;
    Piece::Share(Share { part: parts(value), whole: parts(1.0) }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dive_counts_twice_may_be_more_than_all() {
        let check = |wasted_bytes: u64, user_size_bytes: u64, expected: &str| {
            #[expect(clippy::cast_precision_loss, reason = "a share, as dive makes it")]
            let user_wasted_percent = wasted_bytes as f64 / user_size_bytes as f64;
            let dive = Dive {
                efficiency: 1.0,
                size_bytes: 0,
                user_size_bytes,
                wasted_bytes,
                user_wasted_percent,
            };
            let shown = wasted(dive).spans.into_iter().map(|span| match span.piece {
                Piece::Sentence(text) => crate::report::encode::csv_field(&text),
                Piece::Share(share) => share.percent(),
                other => panic!("{other:?}"),
            });
            assert_eq!(shown.collect::<String>(), expected);
        };
        check(900_000, 565_000, "159.3 %");
        check(1, 2, "50.0 %");
        check(0, 0, "n/a");
        check(3, 0, "n/a");
    }
}
