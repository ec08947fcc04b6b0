//! The tables and lists of an audit's report.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::MOST_CHANGES;
use crate::audit::overview::{
    Change, Ended, Exceeded, FindingLife, Moment, Overview, Reason, Series, Shared, Why,
};
use crate::history::Target;
use crate::report::check::figure;
use crate::report::document::{
    Block, Column, Mark, Overflow, Piece, Row, Share, Style, Table, Text,
};
use crate::report::encode::Untrusted;
use crate::report::words::{percent, phrase, unknown};

/// Rows of tags that share layers.
const MOST_TAGS: usize = 30;

/// Findings of one target and state that are told.
const MOST_FINDINGS: usize = 10;

/// The day of a time, in UTC.
pub(in crate::report) fn day_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// The day of a time, in UTC.
pub(in crate::report) fn day(time: Timestamp) -> Text {
    Piece::Sentence(Untrusted::new(day_of(time))).into()
}

/// A tag of a repository; what failed as a whole has none.
pub(in crate::report) fn named(repository: &str, tag: &str) -> Text {
    let name = repository.to_owned();
    Text::name(if tag.is_empty() { name } else { format!("{name}:{tag}") })
}

/// A target.
pub(in crate::report) fn name(target: &Target) -> Text {
    let name = named(&target.repository, &target.tag);
    // A tag that was never read has none.
    if target.platform.is_empty() {
        return name;
    }
    name.with(" ").with(Text::name(target.platform.clone()).styled(Style::Dim))
}

/// Bytes with a sign.
pub(in crate::report) fn signed(bytes: i128) -> Text {
    let (sign, style) = match bytes {
        0 => return Text::bytes(0_u32),
        1.. => ("+", Style::Warn),
        _ => ("-", Style::Good),
    };
    Text::from(sign).with(Text::bytes(bytes.unsigned_abs())).styled(style)
}

/// A difference in percent of what was before.
fn growth(change: &Change) -> Text {
    let (part, whole) = (change.compressed.unsigned_abs(), u128::from(change.before));
    if whole == 0 {
        return unknown();
    }
    let sign = if change.compressed < 0 { "-" } else { "+" };
    Text::from(sign).with(percent(part, whole))
}

/// Limits that are exceeded.
pub(in crate::report) fn exceeded(overview: &Overview) -> Option<Block> {
    let columns = vec![
        Column::rest("target", Overflow::Wrap),
        Column::left("since"),
        Column::rest("when it opened", Overflow::Wrap),
        Column::right("now"),
    ];
    let row = |breach: &Exceeded| -> Row {
        let now = breach.now.as_ref().map(figure).unwrap_or_default().styled(Style::Warn);
        vec![name(&breach.target), day(breach.since), opened(breach), now]
    };
    table(columns, overview.breaches.iter().map(row).collect())
}

/// Limits that were exceeded and no longer are.
pub(in crate::report) fn ended(overview: &Overview) -> Option<Block> {
    let columns = vec![
        Column::rest("target", Overflow::Wrap),
        Column::left("from").ranked(1),
        Column::left("until"),
        Column::left("because"),
        Column::rest("when it opened", Overflow::Wrap),
    ];
    let row = |breach: &Exceeded| -> Row {
        let (until, how) = breach.until.unzip();
        let because = how.map_or_else(unknown, |how| match how {
            Ended::Kept => Text::from("kept again").styled(Style::Good),
            Ended::Replaced => "new image".into(),
            Ended::Gone => "gone".into(),
            Ended::Unwatched => "not watched".into(),
        });
        let until = until.map_or_else(unknown, day);
        vec![name(&breach.target), day(breach.since), until, because, opened(breach)]
    };
    table(columns, overview.ended.iter().map(row).collect())
}

/// A breach as it was told when it opened.
fn opened(breach: &Exceeded) -> Text {
    let message = Text::sentence(&breach.message);
    if breach.is_soft() {
        return Text::from("warning: ").styled(Style::Warn).with(message);
    }
    message
}

/// A table, if it has rows.
pub(super) fn table(columns: Vec<Column>, rows: Vec<Row>) -> Option<Block> {
    (!rows.is_empty()).then(|| Block::Table(Table { columns, rows, totals: Vec::new() }))
}

/// The targets that moved, and how many of them were left out.
pub(in crate::report) fn movers(overview: &Overview, most: usize) -> Option<(Block, usize)> {
    let columns = vec![
        Column::rest("target", Overflow::Wrap),
        Column::right("before").ranked(2),
        Column::right("now"),
        Column::right("change"),
        Column::right("%").ranked(1),
        Column::right("content").ranked(3),
        Column::right("times").ranked(4),
    ];
    let movers = overview.movers();
    let left = movers.len().saturating_sub(most);
    let row = |(series, change): &(&Series, Change)| -> Row {
        let now = series.moments.last().map_or(0, |moment| moment.compressed);
        vec![
            name(&series.target),
            Text::bytes(change.before),
            Text::bytes(now),
            signed(change.compressed),
            growth(change),
            change.content.map_or_else(unknown, signed),
            Text::number(series.moments.len().saturating_sub(1)),
        ]
    };
    table(columns, movers.iter().take(most).map(row).collect()).map(|table| (table, left))
}

/// The largest changes of a target in the order of time, each with what made it; beside those of a
/// percent or more, no smaller ones.
pub(in crate::report) fn changes(series: &Series) -> Vec<Block> {
    let mut all: Vec<_> = series.changes().collect();
    all.sort_by_key(|(at, _, change)| (Reverse(change.compressed.unsigned_abs()), *at));
    let jumps = all.iter().filter(|(_, _, change)| change.is_jump()).count();
    if jumps > 0 {
        all.sort_by_key(|(_, _, change)| !change.is_jump());
    }
    let most = if jumps > 0 { jumps.min(MOST_CHANGES) } else { MOST_CHANGES };
    let left = all.split_off(most.min(all.len()));
    all.sort_by_key(|(at, ..)| *at);
    let mut blocks = Vec::new();
    for (_, moment, change) in all {
        blocks.push(Block::Paragraph(told(moment, &change)));
        let causes = moment.why.as_ref().map(|why| causes(why, &change)).unwrap_or_default();
        if !causes.is_empty() {
            blocks.push(Block::List(Mark::Bullet, causes));
        }
    }
    if !left.is_empty() {
        let sum = left.iter().map(|(_, _, change)| change.compressed).fold(0, i128::saturating_add);
        let text = Text::count(left.len(), "smaller change", "smaller changes");
        blocks.push(Block::Notes(vec![text.with(" not told: ").with(signed(sum))]));
    }
    blocks
}

fn told(moment: &Moment, change: &Change) -> Text {
    let style = if change.is_jump() { Style::Strong } else { Style::Plain };
    let text = day(moment.seen).styled(style).with(": ").with(signed(change.compressed));
    let text = text.with(" compressed (").with(growth(change)).with(")");
    match change.content {
        Some(content) => text.with(", ").with(signed(content)).with(" content"),
        None => text,
    }
}

/// A part of a change of less than this is not worth a line.
const SMALL: u128 = 100;

/// Characters of an instruction that are shown.
const LONGEST: usize = 60;

/// A cause with the step's instruction, which its number alone does not tell.
pub(in crate::report) fn reason(reason: &Reason) -> Text {
    let Reason { cause, instruction } = reason;
    let text = signed(cause.change.compressed).with(" ").with(phrase(&cause.text));
    let Some(instruction) = instruction else { return text };
    let mut shown: String = instruction.chars().take(LONGEST).collect();
    if shown.len() < instruction.len() {
        shown.push('…');
    }
    text.with(": ").with(Piece::Name(Untrusted::folded(&shown)))
}

/// What made a change, in compressed bytes.
fn causes(why: &Why, change: &Change) -> Vec<Text> {
    let told = why.reasons.iter();
    let told = told.map(reason);
    let others = why.others.map(|(count, change)| {
        let text = Text::count(count, "smaller change", "smaller changes");
        signed(change.compressed).with(" ").with(text)
    });
    let rest = why.rest.compressed;
    let is_large = rest.unsigned_abs().saturating_mul(SMALL) > change.compressed.unsigned_abs();
    let rest = (rest != 0 && is_large)
        .then(|| signed(rest).with(" what archives take beside the contents of files"));
    told.chain(others).chain(rest).collect()
}

/// The tags of a repository with what is theirs alone.
pub(in crate::report) fn shared(shared: &Shared) -> Vec<Block> {
    let columns = vec![
        Column::rest("tag", Overflow::Cut),
        Column::right("compressed"),
        Column::right("unique"),
        Column::right("shared"),
        Column::bar().ranked(1),
    ];
    let rows = shared.tags.iter().take(MOST_TAGS).map(|tag| -> Row {
        vec![
            Text::joined(tag.tags.iter().map(|tag| Text::name(tag.clone())), ", "),
            Text::bytes(tag.compressed),
            Text::bytes(tag.unique),
            Text::bytes(tag.compressed.saturating_sub(tag.unique)),
            Piece::Bar(Share { part: tag.unique, whole: tag.compressed }).into(),
        ]
    });
    let table = Table { columns, rows: rows.collect(), totals: Vec::new() };
    let heading = Text::name(shared.repository.clone()).with(" ");
    let heading = heading.with(Text::name(shared.platform.clone()));
    let all = Text::from("All tags together, each layer once: ").with(Text::bytes(shared.once));
    let mut blocks = vec![Block::Heading(heading), Block::Paragraph(all), Block::Table(table)];
    let left = shared.tags.len().saturating_sub(MOST_TAGS);
    if left > 0 {
        blocks
            .push(Block::Notes(vec![super::left_out(left, "tags with fewer bytes of their own")]));
    }
    blocks
}

/// What rules find, and what they found and do not find any more, without what is not worth to be
/// told.
pub(in crate::report) fn findings(overview: &Overview, most: usize) -> Vec<Block> {
    let of = |series: &Series| -> Vec<FindingLife> {
        series.findings.iter().filter(|life| life.matters()).cloned().collect()
    };
    let all = overview.series.iter().map(|series| (series, of(series)));
    let all: Vec<_> = all.filter(|(_, findings)| !findings.is_empty()).collect();
    let mut blocks = Vec::new();
    for (series, findings) in all.iter().take(most) {
        let (open, closed): (Vec<_>, Vec<_>) =
            findings.iter().partition(|life| life.closed.is_none());
        blocks.push(Block::Heading(name(&series.target)));
        blocks.extend(lives("Open: ", &open));
        blocks.extend(lives("Closed: ", &closed));
    }
    if all.len() > most {
        blocks.push(Block::Notes(vec![left_out_targets(all.len() - most)]));
    }
    blocks
}

fn left_out_targets(count: usize) -> Text {
    Text::count(count, "more target has findings", "more targets have findings")
}

fn lives(heading: &'static str, lives: &[&FindingLife]) -> Vec<Block> {
    if lives.is_empty() {
        return Vec::new();
    }
    let total = lives.iter().fold(0_u128, |sum, life| sum + u128::from(life.content));
    let heading = Text::from(heading).with(Text::count(lives.len(), "finding", "findings"));
    let heading = heading.with(", ").with(Text::bytes(total));
    let items = lives.iter().take(MOST_FINDINGS).map(|life| {
        let text = Text::bytes(life.content).with(" ").with(life_rule(life));
        let text = text.with(": ").with(Text::sentence(&life.message));
        let text = match life.opened {
            Some(opened) => text.with(" (since ").with(day(opened)),
            None => text.with(" (from the beginning"),
        };
        match life.closed {
            Some(closed) => text.with(", until ").with(day(closed)).with(")"),
            None => text.with(")"),
        }
    });
    vec![Block::Paragraph(heading), Block::List(Mark::Bullet, items.collect())]
}

fn life_rule(life: &FindingLife) -> Text {
    Text::name(life.rule.clone()).styled(Style::Strong)
}
