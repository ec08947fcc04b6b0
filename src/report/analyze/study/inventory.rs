//! What is installed, with versions: the large tools, and the largest packages of each ecosystem.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::card::figures;
use super::words::unknown;
use super::{Studied, section as titled};
use crate::analysis::PackageUsage;
use crate::package::{Ecosystem, Package};
use crate::report::analyze::words::step_name;
use crate::report::document::{Block, Column, Fact, Overflow, Row, Section, Style, Table, Text};
use crate::report::words::phrase;
use crate::rule::{Finding, Piece, VersionKind, VersionRow};

const COLUMNS: [Column; 7] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::right("exclusive"),
    Column::left("asked for").ranked(2),
    Column::left("step").ranked(1),
    Column::left("version"),
    Column::rest("package", Overflow::Wrap),
];

/// Packages of each ecosystem that are listed.
const LISTED: usize = 20;

/// The rule that tells what each request brings.
const REQUESTED: &str = "pkg-requested-exclusive";

/// A package and what it takes.
type Installed<'a> = (&'a Package, &'a PackageUsage);

/// The section; none if nothing is known to be installed.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let study = studied.study;
    let mut blocks = Vec::new();
    blocks.extend(base(studied));
    blocks.extend(versions(studied));
    let mut ecosystems: BTreeMap<Ecosystem, Vec<Installed<'_>>> = BTreeMap::new();
    for (package, usage) in study.installed() {
        ecosystems.entry(package.ecosystem).or_default().push((package, usage));
    }
    for (ecosystem, mut packages) in ecosystems {
        packages.sort_by(|a, b| {
            let key = |(_, usage): &Installed<'_>| Reverse(usage.visible.bytes);
            key(a).cmp(&key(b)).then_with(|| a.0.name.cmp(&b.0.name))
        });
        blocks.extend(packages_of(studied, ecosystem, &packages));
    }
    (!blocks.is_empty()).then(|| titled("Version inventory", blocks))
}

fn base(studied: Studied<'_>) -> Option<Block> {
    let base = studied.image.base.as_ref().and_then(|base| base.name.as_deref());
    base.map(|base| Block::Facts(vec![Fact::new("base", Text::name(base))]))
}

/// The versions of the distribution, of tools and of what was asked for.
fn versions(studied: Studied<'_>) -> Option<Block> {
    const COLUMNS: [Column; 4] = [
        Column::left("what"),
        Column::left("version"),
        Column::rest("name", Overflow::Wrap),
        Column::rest("told by", Overflow::Wrap).ranked(1),
    ];
    let row = |row: &VersionRow| -> Row {
        vec![
            kind(row.kind).into(),
            row.version.as_deref().map_or_else(unknown, Text::name),
            Text::name(&*row.name),
            row.source.as_deref().map(Text::name).unwrap_or_default(),
        ]
    };
    let rows: Vec<Row> = studied.study.versions.iter().map(row).collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    (!table.rows.is_empty()).then_some(Block::Table(table))
}

fn kind(kind: VersionKind) -> &'static str {
    match kind {
        VersionKind::System => "system",
        VersionKind::Component | VersionKind::Tool => "tool",
        VersionKind::Runtime => "runtime",
        VersionKind::Packages => "packages",
        VersionKind::Requested => "asked for",
    }
}

fn packages_of(
    studied: Studied<'_>,
    ecosystem: Ecosystem,
    packages: &[Installed<'_>],
) -> Vec<Block> {
    let (own, shared): (Vec<Installed<'_>>, Vec<Installed<'_>>) =
        packages.iter().copied().partition(|(_, usage)| usage.visible.bytes > 0);
    let bytes =
        packages.iter().fold(0_u64, |sum, (_, usage)| sum.saturating_add(usage.visible.bytes));
    let heading = Text::from(ecosystem.as_str())
        .with(": ")
        .with(Text::count(packages.len(), "package", "packages"))
        .with(", ")
        .with(if own.is_empty() {
            "all in files of other packages".into()
        } else {
            Text::bytes(bytes)
        });
    let rows = own.iter().take(LISTED).map(|(package, usage)| row(studied, package, usage));
    let table = Table { columns: COLUMNS.to_vec(), rows: rows.collect(), totals: Vec::new() };
    let mut blocks = vec![Block::Heading(heading)];
    blocks.extend((!table.rows.is_empty()).then_some(Block::Table(table)));
    if !own.is_empty() && !shared.is_empty() {
        let text = Text::count(shared.len(), "package has", "packages have");
        blocks.push(Block::Paragraph(
            text.with(" no visible bytes: other packages own the files, or there are none"),
        ));
    }
    blocks.extend(requested(studied, ecosystem));
    if own.len() > LISTED {
        let more = Text::count(own.len() - LISTED, "more package", "more packages");
        blocks.push(Block::Paragraph(more.with(": see regsize packages").styled(Style::Dim)));
    }
    blocks
}

/// What each requested package brings, as a rule found it.
fn requested(studied: Studied<'_>, ecosystem: Ecosystem) -> Vec<Block> {
    let name = ecosystem.as_str();
    let is_of = |finding: &&Finding| {
        let words = &finding.message.0;
        finding.rule.id == REQUESTED
            && words.iter().any(|piece| match piece {
                Piece::Name(place) => place == name || place.starts_with(&format!("{name} in ")),
                _ => false,
            })
    };
    let found = studied.study.findings.iter().filter(is_of);
    found
        .filter_map(|finding| {
            let table = figures(finding.table.as_ref()?);
            let message = Block::Paragraph(phrase(&finding.message).with(":"));
            Some([message, Block::Table(table)])
        })
        .flatten()
        .collect()
}

fn row(studied: Studied<'_>, package: &Package, usage: &PackageUsage) -> Row {
    let requested = match package.requested {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    vec![
        Text::bytes(usage.visible.bytes),
        Text::bytes(usage.visible.compressed),
        usage.exclusive.map_or_else(unknown, Text::bytes),
        requested.into(),
        step_name(studied.image, package.layer),
        package.version.as_deref().map_or_else(unknown, Text::name),
        Text::name(&*package.name),
    ]
}
