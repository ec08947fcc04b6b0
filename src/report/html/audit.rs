//! The page of an audit: the tables of its report, and a chart for each target.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::chart::Chart;
use super::{Sheet, page};
use crate::audit::overview::{Measure, Overview, Series};
use crate::report::audit::{
    changes, comings, ended, exceeded, findings, half, left_out, missed, movers, name, old, shared,
    summary, title,
};
use crate::report::document::{Block, Column, Row, Table, Text};
use crate::size::Units;

/// Targets that have charts: those that moved most, then those that did not.
const MOST_CHARTS: usize = 60;

/// Moments that the table under a chart lists.
const MOST_MOMENTS: usize = 60;

/// The report of an audit as a page that needs nothing else.
pub fn html_overview(overview: &Overview, units: Units) -> String {
    let sheet = Sheet { units };
    let title = sheet.text(&title(overview));
    let mut content = format!("<h1>{title}</h1>\n{}", sheet.blocks(&summary(overview)));
    let mut add = |heading: &str, body: String| {
        if !body.is_empty() {
            // Writing into a String cannot fail.
            let _ = writeln!(content, "<section>\n<h2>{heading}</h2>\n{body}</section>");
        }
    };
    let table = |table: Option<Block>| table.map_or_else(String::new, |table| sheet.block(&table));
    add("Over budget", table(exceeded(overview)));
    add("No longer exceeded", table(ended(overview)));
    add("Not read", sheet.blocks(&missed(overview)));
    add("New and gone", sheet.blocks(&comings(overview)));
    let moved = movers(overview, MOST_CHARTS);
    add("What moved", table(moved.map(|(table, _)| table)));
    add("Targets", targets(sheet, overview));
    let together: Vec<Block> = overview.shared.iter().flat_map(shared).collect();
    add("Unique and shared bytes", sheet.blocks(&together));
    add("Findings", sheet.blocks(&findings(overview, MOST_CHARTS)));
    add("Passes that were not whole", sheet.blocks(&half(overview)));
    page(&plain(overview), &content)
}

/// The title without marks, for the window.
fn plain(overview: &Overview) -> String {
    let count = overview.known().count();
    format!("Audit of {count} targets until {}", crate::report::audit::day_of(overview.until))
}

fn targets(sheet: Sheet, overview: &Overview) -> String {
    let movers = overview.movers();
    let moved = movers.iter().map(|(series, _)| *series);
    let still = overview.series.iter().filter(|series| series.moments.len() == 1);
    let shown = moved.chain(still).take(MOST_CHARTS);
    let span = span(overview);
    let body: String =
        (1..).zip(shown).map(|(at, series)| target(sheet, span, series, at)).collect();
    let left = overview.known().count().saturating_sub(MOST_CHARTS);
    if left == 0 {
        return body;
    }
    body + &sheet.block(&Block::Notes(vec![left_out(left, "targets moved less")]))
}

/// When all charts begin and end, so that they can be compared.
fn span(overview: &Overview) -> (Timestamp, Timestamp) {
    let moments = || overview.series.iter().flat_map(|series| &series.moments).map(|m| m.seen);
    let until = moments().max().map_or(overview.until, |last| last.max(overview.until));
    let first = moments().min().unwrap_or(until);
    (overview.since.map_or(first, |since| since.max(first)), until)
}

fn target(
    sheet: Sheet,
    (from, until): (Timestamp, Timestamp),
    series: &Series,
    number: usize,
) -> String {
    let charts = [Measure::Compressed, Measure::Content].into_iter().filter_map(|measure| {
        let id = match measure {
            Measure::Compressed => format!("t{number}a"),
            Measure::Content => format!("t{number}b"),
        };
        let chart = Chart { series, measure, from, until, units: sheet.units, id: &id };
        let (name, drawing) = (chart.name(), chart.draw()?);
        Some(format!("<figure>\n<figcaption>{name}</figcaption>\n{drawing}</figure>\n"))
    });
    let charts: String = charts.collect();
    format!(
        "<article>\n<h3>{}</h3>\n{}<div class=\"charts\">\n{charts}</div>\n{}\
         <details><summary>Figures</summary>\n{}</details>\n</article>\n",
        sheet.text(&name(&series.target)),
        old(series).map_or_else(String::new, |block| sheet.block(&block)),
        sheet.blocks(&changes(series)),
        sheet.block(&figures(series))
    )
}

/// The chart's figures in words.
fn figures(series: &Series) -> Block {
    let columns = vec![
        Column::left("seen"),
        Column::left("image"),
        Column::right("compressed"),
        Column::right("content"),
    ];
    let row = |moment: &crate::audit::overview::Moment| -> Row {
        vec![
            Text::sentence(&moment.seen.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
            crate::report::document::Piece::ShortDigest(moment.image.clone()).into(),
            Text::bytes(moment.compressed),
            moment.content.map_or_else(crate::report::words::unknown, Text::bytes),
        ]
    };
    let rows = series.moments.iter().rev().take(MOST_MOMENTS).map(row).collect();
    Block::Table(Table { columns, rows, totals: Vec::new() })
}
