//! The report of an audit: what moved and why, limits that are exceeded, what tags share.

mod looks;
mod rows;
#[cfg(test)]
pub(super) mod sample;
mod tables;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use jiff::Timestamp;

use super::document::{Block, Document, Fact, Section, Style, Text};
use super::json::write_overview_json;
use super::{Format, TerminalOptions, markdown, terminal, write_csv};
use crate::audit::overview::{Came, Overview, Series};

pub(super) use self::looks::{comings, half, missed, old};
pub(super) use self::tables::{
    changes, day, day_of, ended, exceeded, findings, movers, name, named, reason, shared, signed,
};

/// Changes of one target that are told one by one; of more, the largest are.
pub(super) const MOST_CHANGES: usize = 12;

/// Targets that are told of in detail where something scrolls away.
const MOST_TARGETS: usize = 10;

/// Writes the report of an audit; CSV is one row for each moment.
pub fn render_overview(
    overview: &Overview,
    format: Format,
    options: &TerminalOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Terminal => {
            out.write_all(terminal(&compose_overview(overview, MOST_TARGETS), options).as_bytes())
        }
        Format::Markdown => {
            let document = compose_overview(overview, usize::MAX);
            out.write_all(markdown(&document, options.units).as_bytes())
        }
        Format::Json => write_overview_json(overview, out),
        Format::Csv => write_csv(&rows::moments(overview), out),
    }
}

/// The report as a document; at most `most` targets are told of in detail, the largest movers.
pub fn compose_overview(overview: &Overview, most: usize) -> Document {
    let movers = overview.movers();
    let mut sections = vec![Section { heading: Text::default(), blocks: summary(overview) }];
    let mut add = |heading: &'static str, blocks: Vec<Block>| {
        if !blocks.is_empty() {
            sections.push(Section { heading: heading.into(), blocks });
        }
    };
    add("Over budget", exceeded(overview).into_iter().collect());
    add("No longer exceeded", ended(overview).into_iter().collect());
    add("Not read", missed(overview));
    add("New and gone", comings(overview));
    add("What moved", movers_blocks(overview, most));
    let told = movers.iter().take(most).map(|(series, _)| *series);
    add("When and why", told.flat_map(target).collect());
    add("Unique and shared bytes", overview.shared.iter().flat_map(shared).collect());
    add("Findings", findings(overview, most));
    add("Passes that were not whole", half(overview));
    Document { title: title(overview), sections }
}

pub(super) fn title(overview: &Overview) -> Text {
    let targets = overview.known().count();
    let from = overview.since.or_else(|| first(overview));
    let span = from.map(|from| Text::from(" from ").with(day(from)).with(" to "));
    let span = span.unwrap_or_else(|| " until ".into());
    Text::from("Audit of ")
        .with(Text::count(targets, "target", "targets"))
        .with(span)
        .with(day(overview.until))
}

fn first(overview: &Overview) -> Option<Timestamp> {
    let moments = overview.series.iter().filter_map(|series| series.moments.first());
    moments.map(|moment| moment.seen).min()
}

/// The figures above everything.
pub(super) fn summary(overview: &Overview) -> Vec<Block> {
    let count = |is: fn(&Series) -> bool| overview.series.iter().filter(|s| is(s)).count();
    let moved = count(|series| series.moments.len() > 1);
    let mut facts = vec![
        Fact::new("targets", Text::number(overview.known().count())),
        Fact::new("moved", Text::number(moved)),
        Fact::new("budgets", budgets(overview)),
    ];
    let comings = overview.comings();
    let came = |came: Came| comings.iter().filter(|(_, coming)| coming.came == came).count();
    for (name, count, style) in [
        ("new", came(Came::New), Style::Plain),
        ("gone", count(|series| series.gone().is_some()), Style::Warn),
        ("back", came(Came::Back), Style::Plain),
        ("not read", count(|series| series.missed.is_some()), Style::Warn),
        ("not listed", overview.unlisted.len(), Style::Warn),
    ] {
        if count > 0 {
            facts.push(Fact::new(name, Text::number(count).styled(style)));
        }
    }
    facts.push(Fact::new("last pass", last_pass(overview)));
    if let Some(head) = &overview.head {
        facts.push(Fact::cut("history", Text::name(head.clone())));
    }
    vec![Block::Facts(facts)]
}

fn budgets(overview: &Overview) -> Text {
    let soft = overview.breaches.iter().filter(|breach| breach.is_soft()).count();
    let text = over(overview.breaches.len().saturating_sub(soft), soft);
    match overview.ended.len() {
        0 => text,
        ended => text.with(", ").with(Text::number(ended)).with(" no longer"),
    }
}

/// How many limits are exceeded, and beside them how many soft ones.
pub(super) fn over(hard: usize, soft: usize) -> Text {
    let style = if hard > 0 { Style::Warn } else { Style::Good };
    let text = Text::number(hard).with(" exceeded").styled(style);
    match soft {
        0 => text,
        _ => text.with(", ").with(Text::count(soft, "warning", "warnings").styled(Style::Warn)),
    }
}

/// Whole days after which the last pass is called old.
const OLD: i64 = 2;

fn last_pass(overview: &Overview) -> Text {
    let Some(at) = overview.last_pass else {
        let text = match overview.pruned {
            Some(before) => Text::from("none since ").with(day(before)),
            None => "never".into(),
        };
        return text.styled(Style::Warn);
    };
    let text = looks::minute(at);
    let days = overview.until.duration_since(at).as_hours() / 24;
    let text = match usize::try_from(days) {
        Ok(count) if count > 0 => {
            let ago = Text::from(" (").with(Text::count(count, "day", "days")).with(" ago)");
            text.with(ago.styled(if days >= OLD { Style::Warn } else { Style::Plain }))
        }
        _ => text,
    };
    let is_half = overview.half.last().is_some_and(|half| half.at == at);
    if is_half { text.with(Text::from(", not whole").styled(Style::Warn)) } else { text }
}

fn movers_blocks(overview: &Overview, most: usize) -> Vec<Block> {
    if overview.series.is_empty() {
        return vec![Block::Paragraph("The history holds nothing of this time.".into())];
    }
    match movers(overview, most) {
        Some((table, 0)) => vec![table],
        Some((table, left)) => vec![table, Block::Notes(vec![left_out(left, "target moved less")])],
        None => vec![Block::Paragraph("Nothing moved.".into())],
    }
}

pub(super) fn left_out(count: usize, what: &'static str) -> Text {
    Text::number(count).with(" more: ").with(what)
}

/// A target's heading and its changes.
fn target(series: &Series) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(name(&series.target))];
    blocks.extend(old(series));
    blocks.extend(changes(series));
    blocks
}
