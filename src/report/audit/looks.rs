//! What came and went, what was not looked at, and which passes were not whole.

use jiff::Timestamp;

use super::tables::{day, name, named, table};
use crate::audit::overview::{Came, Coming, Half, How, Missed, Overview, Series, Unlisted};
use crate::report::document::{Block, Column, Mark, Overflow, Piece, Row, Style, Text};
use crate::report::words::unknown;

/// Rows of a table and items of a list that are told where something scrolls away.
const MOST_ROWS: usize = 30;

/// The time of a pass, to the minute, in UTC.
pub(super) fn minute(time: Timestamp) -> Text {
    Text::name(time.strftime("%Y-%m-%d %H:%MZ").to_string())
}

/// Targets that are new, gone or back, the last of them if there are many.
pub(in crate::report) fn comings(overview: &Overview) -> Vec<Block> {
    let columns = vec![
        Column::left("day"),
        Column::left("what"),
        Column::rest("target", Overflow::Wrap),
        Column::right("size"),
    ];
    let all = overview.comings();
    let earlier = all.len().saturating_sub(MOST_ROWS);
    let row = |(series, coming): &(&Series, Coming)| -> Row {
        let style = if coming.came == Came::Gone { Style::Warn } else { Style::Plain };
        let what = Text::from(coming.came.as_str()).styled(style);
        let size = coming.compressed.map_or_else(unknown, Text::bytes);
        vec![day(coming.at), what, name(&series.target), size]
    };
    let mut blocks: Vec<Block> =
        table(columns, all.iter().skip(earlier).map(row).collect()).into_iter().collect();
    if earlier > 0 {
        blocks.push(Block::Notes(vec![Text::number(earlier).with(" earlier ones not told")]));
    }
    blocks
}

/// Targets whose figures are older than the last pass, the oldest first.
pub(in crate::report) fn missed(overview: &Overview) -> Vec<Block> {
    let columns = vec![
        Column::rest("target", Overflow::Wrap),
        Column::left("last seen"),
        Column::rest("not read", Overflow::Wrap),
    ];
    let all = || overview.series.iter().filter_map(|it| Some((it, it.missed.as_ref()?)));
    let is_of = |unlisted: &Unlisted, (series, missed): &(&Series, &Missed)| {
        missed.whole && series.target.repository == unlisted.repository
    };
    let is_told = |of: &(&Series, &Missed)| overview.unlisted.iter().any(|it| is_of(it, of));
    let wholes = overview.unlisted.iter().map(|unlisted| {
        let with = all().filter(|of| is_of(unlisted, of)).count();
        let which = named(&unlisted.repository, "");
        let which = match with {
            0 => which,
            _ => which.with(" and its ").with(Text::count(with, "target", "targets")),
        };
        let (at, reason) = &unlisted.failure;
        let why = Text::from("not listed; ").with(failed(*at, reason));
        (unlisted.last_seen, which, why)
    });
    // What is true of a repository as a whole is said once.
    let alone = all().filter(|of| !is_told(of));
    let alone = alone.map(|(it, missed)| (it.last_seen, name(&it.target), why(missed)));
    let mut told: Vec<(Option<Timestamp>, Text, Text)> = wholes.chain(alone).collect();
    told.sort_by_key(|(seen, ..)| *seen);
    let left = told.len().saturating_sub(MOST_ROWS);
    let row = |(seen, which, why): (Option<Timestamp>, Text, Text)| -> Row {
        let seen = seen.map_or_else(|| "never".into(), day);
        vec![which, seen.styled(Style::Warn), why]
    };
    let mut blocks: Vec<Block> =
        table(columns, told.into_iter().take(MOST_ROWS).map(row).collect()).into_iter().collect();
    if left > 0 {
        blocks.push(Block::Notes(vec![Text::count(left, "more target", "more targets")]));
    }
    blocks
}

fn failed(at: Timestamp, reason: &str) -> Text {
    Text::from("failed on ").with(day(at)).with(": ").with(Text::sentence(reason))
}

fn why(missed: &Missed) -> Text {
    match (&missed.failure, missed.pass) {
        (Some((at, reason)), _) => failed(*at, reason),
        (None, Some(pass)) => {
            Text::from("the pass of ").with(day(pass)).with(" did not look at it")
        }
        (None, None) => unknown(),
    }
}

/// Since when the figures of a target are old, if they are.
pub(in crate::report) fn old(series: &Series) -> Option<Block> {
    let missed = series.missed.as_ref()?;
    let seen = series.last_seen?;
    let text = Text::from("Last seen on ").with(day(seen)).with("; ").styled(Style::Warn);
    Some(Block::Paragraph(text.with(why(missed))))
}

/// The passes that did not do all they were to do, the last of them if there are many.
pub(in crate::report) fn half(overview: &Overview) -> Vec<Block> {
    let earlier = overview.half.len().saturating_sub(MOST_ROWS);
    let item = |half: &Half| {
        let text = minute(half.at).with(" ").with(Text::name(half.name.clone())).with(": ");
        match half.how {
            How::Open => text.with("goes on, or was killed"),
            How::Killed => text.with("was killed"),
            How::Incomplete { failed, left } => {
                let counts = [(failed, " failed"), (left, " left for the next pass")];
                let counts = counts.into_iter().filter(|(count, _)| *count > 0);
                let counts =
                    counts.map(|(count, what)| Text::from(Piece::Number(count.into())).with(what));
                text.with(Text::joined(counts, ", "))
            }
        }
    };
    let items: Vec<Text> = overview.half.iter().skip(earlier).map(item).collect();
    if items.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![Block::List(Mark::Bullet, items)];
    if earlier > 0 {
        let text = Text::count(earlier, "earlier pass", "earlier passes").with(" not told");
        blocks.push(Block::Notes(vec![text]));
    }
    blocks
}
