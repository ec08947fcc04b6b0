//! What is installed, with versions: the large tools, and the largest packages of each ecosystem.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::executive::name;
use super::words::unknown;
use super::{Studied, section as titled};
use crate::analysis::PackageUsage;
use crate::package::{Ecosystem, Package};
use crate::report::analyze::words::step_name;
use crate::report::document::{Block, Column, Fact, Overflow, Row, Section, Style, Table, Text};

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

/// A package and what it takes.
type Installed<'a> = (&'a Package, &'a PackageUsage);

/// The section; none if nothing is known to be installed.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let study = studied.study;
    let mut blocks = Vec::new();
    let versions = versions(studied);
    if !versions.is_empty() {
        blocks.push(Block::Facts(versions));
    }
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

fn versions(studied: Studied<'_>) -> Vec<Fact> {
    let image = studied.image;
    let mut facts = Vec::new();
    facts.extend(image.os_name.as_deref().map(|os| Fact::new("system", Text::sentence(os))));
    let base = image.base.as_ref().and_then(|base| base.name.as_deref());
    facts.extend(base.map(|base| Fact::new("base", Text::name(base))));
    let tools = Text::joined(studied.components().into_iter().map(name), ", ");
    if !tools.is_empty() {
        facts.push(Fact::new("tools", tools));
    }
    facts
}

fn packages_of(
    studied: Studied<'_>,
    ecosystem: Ecosystem,
    packages: &[Installed<'_>],
) -> Vec<Block> {
    let bytes =
        packages.iter().fold(0_u64, |sum, (_, usage)| sum.saturating_add(usage.visible.bytes));
    let heading = Text::from(ecosystem.as_str())
        .with(": ")
        .with(Text::count(packages.len(), "package", "packages"))
        .with(", ")
        .with(Text::bytes(bytes));
    let rows = packages.iter().take(LISTED).map(|(package, usage)| row(studied, package, usage));
    let table = Table { columns: COLUMNS.to_vec(), rows: rows.collect(), totals: Vec::new() };
    let mut blocks = vec![Block::Heading(heading), Block::Table(table)];
    if packages.len() > LISTED {
        let more = Text::count(packages.len() - LISTED, "more package", "more packages");
        blocks.push(Block::Paragraph(more.with(": see regsize packages").styled(Style::Dim)));
    }
    blocks
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
