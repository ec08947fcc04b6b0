//! The summary: figures of the whole, and what matters most in a few sentences.

use std::cmp::Reverse;

use super::Studied;
use super::words::{saves, share, unknown};
use crate::analysis::saved;
use crate::filesystem::Amount;
use crate::image::{Layer, Origin};
use crate::report::document::{Block, Column, Mark, Overflow, Row, Section, Style, Table, Text};
use crate::report::words::phrase;
use crate::rule::{ComponentUsage, Effort, Finding, Phase, Risk, Saving, Severity};

const COLUMNS: [Column; 4] = [
    Column::left("metric"),
    Column::right("content"),
    Column::right("compressed"),
    Column::rest("what", Overflow::Wrap),
];

/// Sentences on what matters most.
const KEY_FINDINGS: usize = 5;

/// Parts of a hundred from which on a component or shadowed bytes are a key finding.
const MATTERS: u64 = 5;

/// The section of a complete report.
pub(super) fn section(studied: Studied<'_>) -> Section {
    let table = Table { columns: COLUMNS.to_vec(), rows: rows(studied), totals: Vec::new() };
    let mut blocks = vec![Block::Table(table)];
    let sentences = key_findings(studied);
    if !sentences.is_empty() {
        blocks.push(Block::Heading("Key findings".into()));
        blocks.push(Block::List(Mark::Number, sentences));
    }
    super::section("Executive summary", blocks)
}

/// The section of a short one.
pub(super) fn short(studied: Studied<'_>) -> Option<Section> {
    let sentences = key_findings(studied);
    (!sentences.is_empty())
        .then(|| super::section("Key findings", vec![Block::List(Mark::Number, sentences)]))
}

fn rows(studied: Studied<'_>) -> Vec<Row> {
    let Studied { image, found, study } = studied;
    let optimized = study.optimized;
    let mut rows = vec![row(
        "total",
        Text::bytes(studied.content()),
        Text::bytes(image.compressed()),
        layers(studied),
    )];
    rows.extend([Origin::Base, Origin::Own].into_iter().filter_map(|origin| part(studied, origin)));
    rows.push(amount(
        "visible",
        found.visible,
        share(found.visible.bytes, studied.content()).with(" of the content"),
    ));
    rows.push(amount("shadowed", found.shadowed, "stored but not shown".into()));
    rows.extend(studied.components().first().map(|largest| {
        let what =
            name(studied, largest).with(", ").with(share(largest.visible.bytes, studied.content()));
        amount("largest component", largest.visible, what)
    }));
    let duplicates = &study.duplicates;
    rows.push(row(
        "identical copies",
        Text::bytes(duplicates.bytes),
        Text::bytes(duplicates.compressed),
        "all but one of each".into(),
    ));
    let safe = Saving {
        content: optimized.whole.content.saturating_sub(optimized.safe.content),
        compressed: optimized.whole.compressed.saturating_sub(optimized.safe.compressed),
    };
    rows.push(saving("safe savings", safe, where_safe(studied)));
    let range = |test: u64, safe: u64| {
        let most = Text::bytes(safe);
        if test == safe { most } else { Text::bytes(test).with(" - ").with(most) }
    };
    rows.push(row(
        "optimized size",
        range(optimized.test.content, optimized.safe.content),
        range(optimized.test.compressed, optimized.safe.compressed),
        "estimated: with what is to be tested, and with what is safe alone".into(),
    ));
    rows
}

/// Where the safe savings are, and what of them does not come of files.
fn where_safe(studied: Studied<'_>) -> Text {
    let is_packing =
        |finding: &&Finding| finding.risk == Risk::Safe && finding.rule.effort == Effort::Transport;
    let mut packed = 0_u64;
    for finding in studied.study.findings.iter().filter(is_packing) {
        packed = packed.saturating_add(saved(finding).compressed);
    }
    let text = Text::from(studied.own_steps());
    if packed == 0 {
        return text;
    }
    text.with("; of the compressed bytes ")
        .with(Text::bytes(packed))
        .with(" by packing layers anew, as with zstd")
}

fn row(metric: &'static str, content: Text, compressed: Text, what: Text) -> Row {
    vec![Text::from(metric).styled(Style::Strong), content, compressed, what]
}

fn amount(metric: &'static str, amount: Amount, what: Text) -> Row {
    row(metric, Text::bytes(amount.bytes), Text::bytes(amount.compressed), what)
}

fn saving(metric: &'static str, saving: Saving, what: Text) -> Row {
    row(metric, Text::bytes(saving.content), Text::bytes(saving.compressed), what)
}

fn layers(studied: Studied<'_>) -> Text {
    let Studied { image, found, .. } = studied;
    let full = found.layers.iter().flatten().filter(|layer| layer.content > 0).count();
    let numbered = image.steps.iter().filter(|step| step.number.is_some()).count();
    Text::count(image.layers.len(), "layer", "layers")
        .with(", ")
        .with(Text::number(full))
        .with(" with content; ")
        .with(Text::number(numbered))
        .with(" numbered build steps; ")
        .with(Text::name(image.platform.to_string()))
}

/// What the base image or the own steps make of the whole; none where that is not known.
fn part(studied: Studied<'_>, origin: Origin) -> Option<Row> {
    let Studied { image, found, .. } = studied;
    let layers = || image.layers.iter().filter(|layer| layer.origin == origin);
    layers().next()?;
    let compressed: u128 = layers().map(|layer| u128::from(layer.compressed)).sum();
    let usage = |layer: &Layer| found.layers.get(layer.index).copied().flatten();
    let content =
        layers().map(|layer| usage(layer).map(|usage| usage.content)).sum::<Option<u64>>();
    let (metric, what) = match origin {
        Origin::Base => ("base image", base(studied)),
        _ => ("own steps", Text::count(layers().count(), "layer", "layers")),
    };
    Some(row(metric, content.map_or_else(unknown, Text::bytes), Text::bytes(compressed), what))
}

fn base(studied: Studied<'_>) -> Text {
    let Some(base) = &studied.image.base else { return Text::default() };
    let name = base.name.as_deref().map_or_else(unknown, Text::name);
    name.with(", ").with(base.evidence.describe())
}

/// The title of a component and its version, and its place where another one has that title.
pub(super) fn name(studied: Studied<'_>, component: &ComponentUsage) -> Text {
    let title = Text::name(&*component.title);
    let title = match &component.version {
        Some((version, _)) => title.with(" ").with(Text::name(&**version)),
        None => title,
    };
    let others = studied.study.components.iter();
    let same = others.filter(|other| other.title == component.title).count();
    match component.root.as_deref().filter(|_| same > 1) {
        Some(root) => title.with(" in ").with(Text::path(root)),
        None => title,
    }
}

/// What matters most.
fn key_findings(studied: Studied<'_>) -> Vec<Text> {
    let content = studied.content();
    let matters = |bytes: u64| bytes > 0 && bytes >= content / 100 * MATTERS;
    let mut sentences: Vec<Text> = largest(studied).into_iter().collect();
    let shadowed = studied.found.shadowed;
    if matters(shadowed.bytes) {
        sentences.push(
            Text::bytes(shadowed.bytes)
                .styled(Style::Strong)
                .with(" (")
                .with(share(shadowed.bytes, content))
                .with(") is stored and pulled, but never shown"),
        );
    }
    let mut important: Vec<&Finding> =
        studied.study.findings.iter().filter(|finding| is_key(finding)).collect();
    important.sort_by_key(|finding| Reverse((finding.severity, saved(finding).content)));
    sentences.extend(important.into_iter().map(|finding| {
        let sentence = phrase(&finding.message);
        let saves = saves(finding);
        if saves.is_empty() { sentence } else { sentence.with(": ").with(saves) }
    }));
    sentences.truncate(KEY_FINDINGS);
    sentences
}

fn is_key(finding: &Finding) -> bool {
    finding.severity >= Severity::Medium
        && !finding.is_observation()
        && (finding.rule.phase != Phase::View || finding.gross == Saving::default())
        && (finding.risk != Risk::Review || finding.severity >= Severity::High)
}

/// What the largest component takes, with the next one if that stands beside it.
fn largest(studied: Studied<'_>) -> Option<Text> {
    let content = studied.content();
    let mut components = studied.components();
    components.retain(|tool| tool.inside.is_none());
    let (first, others) = components.split_first()?;
    if first.visible.bytes < content / 100 * MATTERS {
        return None;
    }
    let is_large = |other: &&ComponentUsage| other.visible.bytes >= content / 100 * MATTERS;
    let tell = |names: Text, words: &'static str, bytes: u64| {
        names
            .with(words)
            .with(Text::bytes(bytes).styled(Style::Strong))
            .with(", ")
            .with(share(bytes, content))
            .with(" of the content")
    };
    let second = others.first().filter(|other| is_large(other));
    Some(match second {
        Some(second) if second.title == first.title => {
            let alike = || components.iter().filter(|tool| tool.title == first.title);
            let places = Text::count(alike().count(), "place", "places");
            tell(
                Text::name(&*first.title).with(", in ").with(places),
                ", accounts for ",
                alike().fold(0, |sum: u64, tool| sum.saturating_add(tool.visible.bytes)),
            )
        }
        Some(second) => tell(
            name(studied, first).with(" and ").with(name(studied, second)),
            " together account for ",
            first.visible.bytes.saturating_add(second.visible.bytes),
        ),
        None => tell(name(studied, first), " accounts for ", first.visible.bytes),
    })
}
