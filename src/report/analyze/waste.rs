//! What is stored in vain, by the steps that stored and hid it, and the paths that hold most.

use super::words::{amount_row, waste};
use super::{Subject, paths};
use crate::analysis::Waste;
use crate::filesystem::Amount;
use crate::report::document::{Block, Column, Overflow, Row, Section, Style, Table, Text};

const COLUMNS: [Column; 4] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::right("files").ranked(1),
    Column::rest("shadowed", Overflow::Wrap),
];

/// Paths of each pair of steps in a report that is not complete.
const PATHS: usize = 3;

/// The section on shadowed bytes; none if nothing is shadowed.
pub(super) fn section(subject: Subject<'_>, top: usize) -> Option<Section> {
    let all = &subject.found.waste;
    if all.is_empty() {
        return None;
    }
    let enough = enough(subject);
    let large = all.iter().take_while(|pair| pair.amount.bytes >= enough).count();
    let (shown, rest) = all.split_at(large.max(1).min(all.len()).min(top.max(1)));
    let paths = if top == usize::MAX { usize::MAX } else { PATHS };
    let mut rows: Vec<Row> =
        shown.iter().flat_map(|pair| pair_rows(subject, pair, paths)).collect();
    rows.extend(rest_row(rest, shown.len() == top));
    let mut total: Row = amount_row(subject.found.shadowed).into_iter().collect();
    total.push("in all".into());
    let totals = vec![total.into_iter().map(|text| text.styled(Style::Strong)).collect()];
    let table = Table { columns: COLUMNS.to_vec(), rows, totals };
    Some(Section { heading: "Shadowed".into(), blocks: vec![Block::Table(table)] })
}

/// From this many bytes on a row is worth reading: a megabyte, or a thousandth of the content.
fn enough(subject: Subject<'_>) -> u64 {
    (subject.found.content() / 1000).min(1_000_000)
}

fn pair_rows(subject: Subject<'_>, pair: &Waste, most: usize) -> Vec<Row> {
    let mut row: Row = amount_row(pair.amount).into_iter().collect();
    row.push(waste(subject.image, pair.written_in, pair.hidden, "files".into()));
    let enough = enough(subject);
    let large = pair.paths.iter().filter(|held| held.amount.bytes >= enough);
    let held = large.take(most).map(|held| {
        let mut row: Row = amount_row(held.amount).into_iter().collect();
        row.push(Text::from("- ").with(paths::name(held)));
        row.into_iter().map(|text| text.styled(Style::Dim)).collect()
    });
    std::iter::once(row).chain(held).collect()
}

/// The pairs that are not shown, because of their number or because they are small.
fn rest_row(rest: &[Waste], is_cut: bool) -> Option<Row> {
    if rest.is_empty() {
        return None;
    }
    let mut amount = Amount::default();
    for pair in rest {
        amount += pair.amount;
    }
    let mut row: Row = amount_row(amount).into_iter().collect();
    let more = Text::count(rest.len(), "more pair of steps", "more pairs of steps");
    row.push(more.with(if is_cut { "; --top NUMBER lists them" } else { ", smaller" }));
    Some(row)
}
