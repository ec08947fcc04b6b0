//! The report of platforms beside each other.

use super::columns::{NUMBERS, absent, columns, package_table, packages, versions};
use super::{CompareTable, instruction, more};
use crate::compare::{Compared, ComponentVariant, Platforms, Skew, StepRow, Variant};
use crate::report::document::{
    Block, Column, Document, Fact, Overflow, Row, Section, Style, Table, Text,
};
use crate::report::words::{date, unknown};

/// Composes the report.
pub(super) fn compose(reference: &str, platforms: &Platforms, top: usize) -> Document {
    let section = |heading: &'static str, blocks| Section {
        heading: if heading.is_empty() { Text::default() } else { heading.into() },
        blocks,
    };
    let titles = titles(&platforms.images);
    let mut sections = vec![
        section("", vec![Block::Facts(facts(platforms)), images(platforms)]),
        section("Findings", findings(&platforms.skew)),
        section(
            "Steps: compressed bytes, and content of files that are the same in all",
            steps(platforms, &titles, top),
        ),
        section("Components that differ", components(platforms, &titles, top)),
        section("Packages that differ", packages(&platforms.packages, &titles, top)),
        section("Notes", notes(platforms)),
    ];
    sections.retain(|section| !section.blocks.is_empty());
    let count = Text::count(platforms.images.len(), "platform", "platforms");
    Document { title: Text::name(reference).with(", ").with(count), sections }
}

const KNOWN: [(&str, &str); 11] = [
    ("linux/amd64", "amd64"),
    ("linux/arm64", "arm64"),
    ("linux/arm64/v8", "arm64"),
    ("linux/arm/v5", "arm/v5"),
    ("linux/arm/v6", "arm/v6"),
    ("linux/arm/v7", "arm/v7"),
    ("linux/386", "386"),
    ("linux/ppc64le", "ppc64le"),
    ("linux/riscv64", "riscv64"),
    ("linux/s390x", "s390x"),
    ("linux/mips64le", "mips64le"),
];

/// Architectures where each image has one of its own, else numbers.
fn titles(images: &[Compared]) -> Vec<&'static str> {
    let known = |image: &Compared| {
        KNOWN.iter().find(|(platform, _)| *platform == image.platform).map(|(_, title)| *title)
    };
    let found: Option<Vec<&str>> = images.iter().map(known).collect();
    let is_clear = |titles: &Vec<&str>| {
        titles.iter().enumerate().all(|(at, title)| !titles[..at].contains(title))
    };
    let numbers = || NUMBERS[..images.len().min(NUMBERS.len())].to_vec();
    found.filter(is_clear).unwrap_or_else(numbers)
}

fn facts(platforms: &Platforms) -> Vec<Fact> {
    let shared = Text::bytes(platforms.shared).with(" in layers that all platforms have");
    let identical = match platforms.identical {
        None => unknown().with(", as not all layers were read"),
        Some(found) if found.files == 0 => "nothing of which that is known".into(),
        Some(found) => Text::bytes(found.bytes)
            .with(" or more in ")
            .with(Text::count(found.files, "file", "files"))
            .with(", the same on all platforms but stored in a layer of each"),
    };
    vec![Fact::new("shared", shared), Fact::new("could be", identical)]
}

fn images(platforms: &Platforms) -> Block {
    let columns = vec![
        Column::right("no."),
        Column::left("platform"),
        Column::right("compressed"),
        Column::right("content").ranked(1),
        Column::right("visible").ranked(2),
        Column::right("layers").ranked(3),
        Column::left("created").ranked(4),
    ];
    let bytes = |bytes: Option<u64>| bytes.map_or_else(unknown, Text::bytes);
    let row = |(at, image): (usize, &Compared)| -> Row {
        vec![
            Text::number(at + 1),
            Text::name(&*image.platform),
            Text::bytes(image.sizes.compressed),
            bytes(image.sizes.content),
            bytes(image.sizes.visible),
            Text::number(image.layers.len()),
            image.created.as_deref().map_or_else(unknown, date),
        ]
    };
    let rows = platforms.images.iter().enumerate().map(row).collect();
    Block::Table(Table { columns, rows, totals: Vec::new() })
}

fn findings(skew: &[Skew]) -> Vec<Block> {
    if skew.is_empty() {
        return Vec::new();
    }
    let columns = vec![Column::left("severity"), Column::rest("what", Overflow::Wrap)];
    let row = |skew: &Skew| -> Row {
        let what = Text::name(&*skew.rule).with(": ").with(Text::sentence(&skew.message));
        vec![skew.severity.as_str().into(), what]
    };
    let rows = skew.iter().map(row).collect();
    vec![Block::Table(Table { columns, rows, totals: Vec::new() })]
}

fn sizes(platforms: &Platforms, row: &StepRow) -> Vec<Option<u64>> {
    let size = |(image, layer): (&Compared, &Option<usize>)| {
        image.layers.get((*layer)?).map(|layer| layer.compressed)
    };
    platforms.images.iter().zip(&row.layers).map(size).collect()
}

fn steps(platforms: &Platforms, titles: &[&'static str], top: usize) -> Vec<Block> {
    let largest = |row: &StepRow| sizes(platforms, row).into_iter().flatten().max().unwrap_or(0);
    let mut order: Vec<(usize, u64)> = platforms.steps.iter().map(largest).enumerate().collect();
    order.sort_by_key(|(at, size)| (std::cmp::Reverse(*size), *at));
    order.truncate(top);
    order.sort_unstable();
    let shown = order.iter().filter_map(|(at, _)| platforms.steps.get(*at));
    let rows: Vec<Row> = shown.map(|row| step(platforms, row)).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let rest = more(platforms.steps.len(), rows.len(), "smaller step", "smaller steps");
    let end = [Column::right("content in all"), Column::rest("instruction", Overflow::Cut)];
    let table = Table { columns: columns(titles).chain(end).collect(), rows, totals: Vec::new() };
    [Block::Table(table)].into_iter().chain(rest).collect()
}

fn step(platforms: &Platforms, row: &StepRow) -> Row {
    let sizes = sizes(platforms, row);
    let (least, most) = (sizes.iter().min(), sizes.iter().max());
    let cell = |size: &Option<u64>| match size {
        None => absent(),
        Some(bytes) if Some(size) == most && most != least => {
            Text::bytes(*bytes).styled(Style::Strong)
        }
        Some(bytes) => Text::bytes(*bytes),
    };
    let mut layers = platforms.images.iter().zip(&row.layers);
    let named = layers.find_map(|(image, layer)| image.layers.get((*layer)?));
    let identical = match platforms.identical {
        None => unknown(),
        Some(_) if row.identical == 0 => Text::default(),
        Some(_) => Text::bytes(row.identical),
    };
    let end = [identical, named.map(instruction).unwrap_or_default()];
    sizes.iter().map(cell).chain(end).collect()
}

fn components(platforms: &Platforms, titles: &[&'static str], top: usize) -> Vec<Block> {
    let all = &platforms.components;
    if all.is_empty() {
        return Vec::new();
    }
    let cell = |variant: &Option<Variant>| match variant {
        None => absent(),
        Some(found) if found.versions.is_empty() => Text::bytes(found.visible),
        Some(found) => versions(Some(found)).with(", ").with(Text::bytes(found.visible)),
    };
    let row = |one: &ComponentVariant| -> Row {
        [Text::name(&*one.title)].into_iter().chain(one.images.iter().map(cell)).collect()
    };
    let rows: Vec<Row> = all.iter().take(top).map(row).collect();
    let rest = more(all.len(), rows.len(), "more component", "more components");
    let start = [Column::rest("name", Overflow::Wrap)];
    let columns = start.into_iter().chain(columns(titles)).collect();
    let table = Block::Table(Table { columns, rows, totals: Vec::new() });
    [table].into_iter().chain(rest).collect()
}

fn notes(platforms: &Platforms) -> Vec<Block> {
    if platforms.identical.is_some() {
        return Vec::new();
    }
    let text = "Not all layers were read, so components, packages and files are not compared.";
    vec![Block::Notes(vec![text.into()])]
}

/// The table of a CSV report: one row for each step and platform.
pub(super) fn table(platforms: &Platforms, table: CompareTable) -> Table {
    if table == CompareTable::Packages {
        let names: Vec<&str> = platforms.images.iter().map(|image| &*image.platform).collect();
        return package_table(&platforms.packages, &names);
    }
    let columns = vec![
        Column::right("row"),
        Column::left("platform"),
        Column::right("layer"),
        Column::right("compressed"),
        Column::right("content"),
        Column::right("identical"),
        Column::left("instruction"),
    ];
    let rows = platforms.steps.iter().enumerate().flat_map(|(at, row)| {
        let images = platforms.images.iter().zip(&row.layers);
        images.filter_map(move |(image, layer)| {
            let found = image.layers.get((*layer)?)?;
            Some(vec![
                Text::number(at),
                Text::name(&*image.platform),
                Text::number((*layer)?),
                Text::bytes(found.compressed),
                found.content.map(Text::bytes).unwrap_or_default(),
                platforms.identical.map(|_| Text::bytes(row.identical)).unwrap_or_default(),
                instruction(found),
            ])
        })
    });
    Table { columns, rows: rows.collect(), totals: Vec::new() }
}
