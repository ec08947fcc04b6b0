//! The first lines: what a pull costs, what is in it, what is in vain and how it was found out.

use super::words::{self, toc_source};
use super::{Subject, left_out};
use crate::analysis::Waste;
use crate::filesystem::Amount;
use crate::image::Inspection;
use crate::report::document::{
    Block, Column, Fact, Overflow, Piece, Row, Section, Share, Style, Table, Text,
};
use crate::report::words::{describe_type, unknown};

const COLUMNS: [Column; 6] = [
    Column::rest("platform", Overflow::Wrap),
    Column::right("compressed"),
    Column::right("content"),
    Column::right("visible").ranked(2),
    Column::right("shadowed"),
    Column::right("efficiency").ranked(1),
];

/// The section above all others.
pub(super) fn section(inspection: &Inspection, subjects: &[Subject<'_>]) -> Section {
    let mut blocks = match subjects {
        [] => vec![Block::Facts(vec![Fact::new("size", "no image in it")])],
        [subject] => vec![Block::Facts(facts(*subject))],
        several => vec![Block::Table(platforms(several))],
    };
    blocks.push(Block::Facts(vec![
        Fact::new("type", describe_type(inspection)),
        Fact::new("digest", Piece::Digest(inspection.digest.clone())),
    ]));
    let notes: Vec<Text> = subjects.iter().filter_map(|subject| not_read(*subject)).collect();
    blocks.extend((!notes.is_empty()).then_some(Block::Notes(notes)));
    Section { heading: Text::default(), blocks }
}

/// Content bytes of all layers; unknown if one was not read.
pub(super) fn content(subject: Subject<'_>) -> Text {
    if subject.found.is_complete() { Text::bytes(subject.found.content()) } else { unknown() }
}

/// Bytes that depend on how all layers are merged.
pub(super) fn merged(subject: Subject<'_>, bytes: u64) -> Text {
    if subject.found.is_complete() { Text::bytes(bytes) } else { unknown() }
}

/// Visible bytes as a share of content bytes.
fn efficiency(subject: Subject<'_>) -> Text {
    let found = subject.found;
    if !found.is_complete() {
        return unknown();
    }
    Piece::Share(Share { part: found.visible.bytes.into(), whole: found.content().into() }).into()
}

fn facts(subject: Subject<'_>) -> Vec<Fact> {
    let Subject { image, found } = subject;
    let size = Text::bytes(image.compressed())
        .styled(Style::Strong)
        .with(" compressed, ")
        .with(content(subject))
        .with(" content, ")
        .with(Text::count(image.layers.len(), "layer", "layers"))
        .with(" for ")
        .with(Text::name(image.platform.to_string()));
    let mut facts = vec![Fact::new("size", size)];
    let most = found.waste.first().map(|waste| Text::from("; most: ").with(most(subject, waste)));
    let most = most.unwrap_or_default();
    if found.is_complete() {
        let shadowed = amount(found.shadowed).with(", stored but not shown").with(most);
        facts.extend([
            Fact::new("visible", amount(found.visible).with(", shown by the merged filesystem")),
            Fact::new("shadowed", shadowed),
            Fact::new("efficiency", efficiency(subject).with(" of the content is visible")),
        ]);
    } else {
        let why = unknown().with(", as not all layers were read");
        facts.extend([
            Fact::new("visible", why.clone()),
            Fact::new("shadowed", why.clone().with(most)),
            Fact::new("efficiency", why),
        ]);
    }
    facts.push(Fact::new("read", read(subject)));
    facts
}

fn amount(amount: Amount) -> Text {
    let files = usize::try_from(amount.files).unwrap_or(usize::MAX);
    Text::bytes(amount.bytes)
        .styled(Style::Strong)
        .with(" content, ")
        .with(Text::bytes(amount.compressed))
        .with(" compressed in ")
        .with(Text::count(files, "file", "files"))
}

fn most(subject: Subject<'_>, waste: &Waste) -> Text {
    let what = Text::bytes(waste.amount.bytes).styled(Style::Strong);
    words::waste(subject.image, waste.written_in, waste.hidden, what)
}

/// How the layers were read and what that took.
fn read(subject: Subject<'_>) -> Text {
    let known = [
        ("stream", " whole"),
        ("cache", " from the cache"),
        ("estargz", " by eStargz tables of contents"),
        ("zstd-chunked", " by zstd:chunked tables of contents"),
        ("soci", " by SOCI indexes"),
    ];
    let usages = || subject.found.layers.iter().flatten();
    let ways = known.into_iter().filter_map(|(source, words)| {
        let count = usages().filter(|usage| toc_source(**usage) == source).count();
        (count > 0).then(|| Text::count(count, "layer", "layers").with(words))
    });
    let ways = Text::joined(ways, ", ");
    let ways = if ways.is_empty() { "no layer".into() } else { ways };
    ways.with("; ").with(Text::bytes(subject.found.transferred())).with(" transferred")
}

fn not_read(subject: Subject<'_>) -> Option<Text> {
    let layers = subject.found.layers.iter().enumerate();
    let missing: Vec<usize> =
        layers.filter(|(_, usage)| usage.is_none()).map(|(index, _)| index).collect();
    left_out(subject.image, &missing)
}

fn platforms(subjects: &[Subject<'_>]) -> Table {
    let row = |subject: &Subject<'_>| -> Row {
        vec![
            Text::name(subject.image.platform.to_string()),
            Text::bytes(subject.image.compressed()),
            content(*subject),
            merged(*subject, subject.found.visible.bytes),
            merged(*subject, subject.found.shadowed.bytes),
            efficiency(*subject),
        ]
    };
    Table {
        columns: COLUMNS.to_vec(),
        rows: subjects.iter().map(row).collect(),
        totals: Vec::new(),
    }
}
