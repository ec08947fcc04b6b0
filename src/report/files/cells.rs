//! The cells of a row, for readers and for CSV.

use super::Listing;
use crate::analysis::UsageRow;
use crate::filesystem::{Amount, Hidden, How};
use crate::layer::{Attributes, Kind};
use crate::report::analyze::{amount_row, hidden_by};
use crate::report::document::{Column, Overflow, Piece, Row, Style, Text};

pub(super) const COLUMNS: [Column; 8] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::right("files").ranked(3),
    Column::right("layer").ranked(1),
    Column::left("mode").ranked(4),
    Column::left("owner").ranked(5),
    Column::left("why").ranked(2),
    Column::rest("path", Overflow::Wrap),
];

pub(super) const CSV_COLUMNS: [Column; 13] = [
    Column::left("path"),
    Column::left("kind"),
    Column::right("files"),
    Column::right("content"),
    Column::right("compressed"),
    Column::right("layer"),
    Column::left("mode"),
    Column::right("uid"),
    Column::right("gid"),
    Column::right("mtime"),
    Column::left("target"),
    Column::right("shadowed_in"),
    Column::left("how"),
];

/// A size that takes as many columns as any.
const WIDE: u64 = 1_024_000;

/// The cells of a row.
pub(super) fn row(listing: &Listing<'_>, found: &UsageRow) -> Row {
    let [content, compressed, files] = amount_row(found.amount);
    let attributes = found.attributes.filter(|_| listing.detailed);
    let is_directory = found.kind == Kind::Directory;
    let hidden = found.hidden.filter(|_| listing.shadowed);
    vec![
        content,
        compressed,
        if is_directory && !listing.detailed { files } else { Text::default() },
        found.layer.filter(|_| listing.layer.is_none()).map(Text::number).unwrap_or_default(),
        attributes.map(mode).unwrap_or_default(),
        attributes.map(owner).unwrap_or_default(),
        hidden.map(|hidden| hidden_by(listing.image, hidden)).unwrap_or_default(),
        name(found),
    ]
}

/// A row as wide as they come, which decides the columns.
pub(super) fn widest(listing: &Listing<'_>) -> Row {
    let last = listing.image.layers.len().saturating_sub(1);
    let hidden = Hidden { layer: last, how: How::OverwriteSame };
    let found = UsageRow {
        path: vec![b'x'; 4096],
        kind: Kind::Directory,
        depth: 0,
        amount: Amount { files: listing.totals.files.max(1), bytes: WIDE, compressed: WIDE },
        layer: Some(last),
        attributes: Some(Attributes { mode: 0o7777, uid: 65534, gid: 65534, xattrs: 0 }),
        mtime: None,
        target: None,
        hidden: Some(hidden),
    };
    row(listing, &found)
}

/// The figures of a row, each in a column of its own.
pub(super) fn csv_row(found: &UsageRow) -> Row {
    let number = |number: u64| Text::from(Piece::Number(number.into()));
    let [content, compressed, files] = amount_row(found.amount);
    let target = found.target.as_deref().filter(|target| !target.is_empty());
    vec![
        Text::path(&found.path),
        found.kind.as_str().into(),
        files,
        content,
        compressed,
        found.layer.map(Text::number).unwrap_or_default(),
        found.attributes.map(mode).unwrap_or_default(),
        found.attributes.map(|attributes| number(attributes.uid)).unwrap_or_default(),
        found.attributes.map(|attributes| number(attributes.gid)).unwrap_or_default(),
        found.mtime.map(|mtime| Text::name(mtime.to_string())).unwrap_or_default(),
        target.map(Text::path).unwrap_or_default(),
        found.hidden.map(|hidden| Text::number(hidden.layer)).unwrap_or_default(),
        found.hidden.map(|hidden| hidden.how.as_str().into()).unwrap_or_default(),
    ]
}

fn mode(attributes: Attributes) -> Text {
    Text::name(format!("{:04o}", attributes.mode))
}

fn owner(attributes: Attributes) -> Text {
    Text::name(format!("{}:{}", attributes.uid, attributes.gid))
}

/// The path, with a slash after a directory, the target after a link, and what else it may be.
fn name(found: &UsageRow) -> Text {
    let path = Text::path(&found.path);
    let path = match &found.target {
        Some(target) => path.with(" -> ").with(Text::path(target)),
        None => path,
    };
    let kind = match found.kind {
        Kind::File | Kind::Symlink => return path,
        Kind::Directory if found.path.is_empty() => return path,
        Kind::Directory => return Text::path(&[&found.path, &b"/"[..]].concat()),
        Kind::Hardlink => " (hard link)",
        Kind::Character => " (character device)",
        Kind::Block => " (block device)",
        Kind::Fifo => " (named pipe)",
        Kind::Whiteout => " (deletes it)",
        Kind::Opaque => " (hides what lower layers have in it)",
        Kind::Reserved => " (a reserved name)",
    };
    path.with(Text::from(kind).styled(Style::Dim))
}
