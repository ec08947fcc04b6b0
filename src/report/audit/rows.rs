//! The rows of CSV: what each target was, and when it came and went.

use jiff::Timestamp;

use crate::audit::overview::{Came, Moment, Overview, Series};
use crate::report::document::{Column, Piece, Row, Table, Text};
use crate::report::words::phrase;

/// Every moment of every target, and every time that one came or went, in the order of time.
pub(super) fn moments(overview: &Overview) -> Table {
    let columns = vec![
        Column::left("repository"),
        Column::left("tag"),
        Column::left("platform"),
        Column::left("seen"),
        Column::left("event"),
        Column::left("image"),
        Column::right("compressed"),
        Column::right("content"),
        Column::left("causes"),
    ];
    let rows = overview.series.iter().flat_map(|series| rows(series, overview.since));
    Table { columns, rows: rows.collect(), totals: Vec::new() }
}

fn rows(series: &Series, since: Option<Timestamp>) -> Vec<Row> {
    let mut comings: Vec<(Timestamp, Came)> =
        series.comings(since).iter().map(|coming| (coming.at, coming.came)).collect();
    let mut rows: Vec<(Timestamp, Row)> = Vec::new();
    for moment in &series.moments {
        let is_it = |(at, came): &(Timestamp, Came)| *at == moment.seen && *came != Came::Gone;
        let came = comings.iter().position(is_it).map(|place| comings.remove(place).1);
        rows.push((moment.seen, row(series, moment.seen, came, Some(moment))));
    }
    let alone = comings.into_iter().map(|(at, came)| (at, row(series, at, Some(came), None)));
    rows.extend(alone);
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn row(series: &Series, at: Timestamp, came: Option<Came>, moment: Option<&Moment>) -> Row {
    let causes = moment.and_then(|moment| moment.why.as_ref()).into_iter();
    let causes = causes.flat_map(|why| &why.reasons).map(|reason| phrase(&reason.cause.text));
    vec![
        Text::name(series.target.repository.clone()),
        Text::name(series.target.tag.clone()),
        Text::name(series.target.platform.clone()),
        Text::name(at.to_string()),
        came.map_or_else(Text::default, |came| came.as_str().into()),
        moment.map_or_else(Text::default, |moment| Piece::Digest(moment.image.clone()).into()),
        moment.map_or_else(Text::default, |moment| Text::bytes(moment.compressed)),
        moment.and_then(|moment| moment.content).map_or_else(Text::default, Text::bytes),
        Text::joined(causes, "; "),
    ]
}
