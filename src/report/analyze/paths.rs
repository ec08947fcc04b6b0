//! The largest directories and files of the merged filesystem.

use super::words::{amount_row, step_name};
use crate::analysis::PathUsage;
use crate::image::Image;
use crate::layer::Kind;
use crate::report::document::{Block, Column, Overflow, Row, Section, Table, Text};

const COLUMNS: [Column; 5] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::right("files").ranked(2),
    Column::left("written in").ranked(1),
    Column::rest("path", Overflow::Wrap),
];

/// A section on paths; none if there are none.
pub(super) fn section(
    heading: &'static str,
    image: &Image,
    usages: &[PathUsage],
    top: usize,
) -> Option<Section> {
    if usages.is_empty() {
        return None;
    }
    let rows = usages.iter().take(top).map(|usage| row(image, usage)).collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    Some(Section { heading: heading.into(), blocks: vec![Block::Table(table)] })
}

/// The path, a directory's with a slash at its end.
pub(super) fn name(usage: &PathUsage) -> Text {
    let mut path = usage.path.clone();
    if usage.kind == Kind::Directory && !path.is_empty() {
        path.push(b'/');
    }
    Text::path(&path)
}

fn row(image: &Image, usage: &PathUsage) -> Row {
    let is_directory = usage.kind == Kind::Directory;
    let [content, compressed, files] = amount_row(usage.amount);
    // Many layers may write to a directory, whichever listed it last.
    let layer = usage.layer.filter(|_| !is_directory);
    vec![
        content,
        compressed,
        if is_directory { files } else { Text::default() },
        layer.map(|layer| step_name(image, layer)).unwrap_or_default(),
        name(usage),
    ]
}
