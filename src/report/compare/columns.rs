//! Columns for images: their titles are numbers, or architectures.

use crate::compare::{PackageVariant, Variant};
use crate::report::document::{Block, Column, Overflow, Row, Style, Table, Text};
use crate::report::words::unknown;

use super::more;

/// Images that stand beside each other at most.
pub const MOST_IMAGES: usize = 16;

/// Titles of the columns of images.
pub(super) const NUMBERS: [&str; MOST_IMAGES] =
    ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];

/// A column for each title; a narrow terminal leaves out the last ones.
pub(super) fn columns(titles: &[&'static str]) -> impl Iterator<Item = Column> {
    (0..)
        .zip(titles.iter().take(MOST_IMAGES))
        .map(|(rank, title)| Column::right(title).ranked(rank))
}

/// What stands for what an image does not have.
pub(super) fn absent() -> Text {
    Text::from("-").styled(Style::Dim)
}

/// The versions of a package or component; all of them, should there be several.
pub(super) fn versions(variant: Option<&Variant>) -> Text {
    let Some(variant) = variant else { return absent() };
    if variant.versions.is_empty() {
        return unknown();
    }
    Text::joined(variant.versions.iter().map(|version| Text::name(&**version)), ", ")
}

/// Packages that differ, with their versions by image.
pub(super) fn packages(all: &[PackageVariant], titles: &[&'static str], top: usize) -> Vec<Block> {
    if all.is_empty() {
        return Vec::new();
    }
    let start = [Column::left("kind"), Column::rest("name", Overflow::Wrap)];
    let row = |package: &PackageVariant| -> Row {
        let versions = package.images.iter().map(|image| versions(image.as_ref()));
        let start = [Text::name(&*package.ecosystem), Text::name(&*package.name)];
        start.into_iter().chain(versions).collect()
    };
    let rows: Vec<Row> = all.iter().take(top).map(row).collect();
    let rest = more(all.len(), rows.len(), "more package differs", "more packages differ");
    let columns = start.into_iter().chain(columns(titles)).collect();
    let table = Block::Table(Table { columns, rows, totals: Vec::new() });
    [table].into_iter().chain(rest).collect()
}

/// The packages of a CSV report: one row for each and each image that has it.
pub(super) fn package_table(all: &[PackageVariant], names: &[&str]) -> Table {
    let columns = vec![
        Column::left("ecosystem"),
        Column::left("name"),
        Column::left("image"),
        Column::left("versions"),
        Column::right("visible"),
    ];
    let rows = all.iter().flat_map(|package| {
        let images = package.images.iter().zip(names);
        images.filter_map(|(variant, image)| {
            let variant = variant.as_ref()?;
            let versions = variant.versions.iter().map(|version| Text::name(&**version));
            Some(vec![
                Text::name(&*package.ecosystem),
                Text::name(&*package.name),
                Text::name(*image),
                Text::joined(versions, " "),
                Text::bytes(variant.visible),
            ])
        })
    });
    Table { columns, rows: rows.collect(), totals: Vec::new() }
}
