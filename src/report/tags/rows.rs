//! Rows of the report of `tags`: one for each image, and in CSV one for each tag and platform.

use crate::report::document::{Column, Overflow, Piece, Row, Share, Style, Table, Text};
use crate::report::words::{date, unknown};
use crate::tags::{Group, Repository, TagImage, Unread};

const TAGS: Column = Column::rest("tags", Overflow::Wrap);
const PLATFORM: Column = Column::left("platform");
const COLUMNS: [Column; 7] = [
    Column::left("created").ranked(1),
    Column::right("compressed"),
    Column::bar().ranked(5),
    Column::right("next pull"),
    Column::right("own").ranked(2),
    Column::right("layers").ranked(3),
    Column::left("digest").ranked(4),
];

const CSV_COLUMNS: [Column; 12] = [
    Column::left("tag"),
    Column::left("state"),
    Column::left("digest"),
    Column::left("created"),
    Column::left("platform"),
    Column::left("image_digest"),
    Column::right("compressed"),
    Column::right("layers"),
    Column::right("next_pull"),
    Column::left("next_pull_after"),
    Column::right("own"),
    Column::left("error"),
];

/// The images, newest first, and below them the tags that could not be read.
pub(super) fn table(found: &Repository) -> Table {
    let groups = &found.shared.groups;
    let has_columns = super::platforms(found).len() > 1;
    let most = groups.iter().flat_map(|group| &group.images).map(|image| image.compressed).max();
    let mut columns = vec![TAGS];
    columns.extend(has_columns.then_some(PLATFORM));
    columns.extend(COLUMNS);
    let of_group = |group: &Group| -> Vec<Row> {
        let images = group.images.iter().enumerate();
        images.map(|(at, image)| row(group, at, image, has_columns, most.unwrap_or(0))).collect()
    };
    let mut rows: Vec<Row> = groups.iter().flat_map(of_group).collect();
    let failed = found.unread.iter().filter(|unread| !unread.is_left_out());
    rows.extend(failed.map(|unread| {
        vec![names(&unread.tags), Text::sentence(&unread.error.to_string()).styled(Style::Warn)]
    }));
    Table { columns, rows, totals: Vec::new() }
}

fn names(tags: &[String]) -> Text {
    Text::joined(tags.iter().map(|tag| Text::name(&**tag)), ", ")
}

/// One image; what is of the whole group stands with the first.
fn row(group: &Group, at: usize, image: &TagImage, has_platform: bool, most: u128) -> Row {
    let is_first = at == 0;
    let first = |text: Text| if is_first { text } else { Text::default() };
    let mut row = vec![first(names(&group.tags))];
    row.extend(has_platform.then(|| Text::name(image.platform.to_string())));
    let none = || Text::from("-").styled(Style::Dim);
    row.extend([
        image.created.as_deref().map_or_else(unknown, date),
        Text::bytes(image.compressed),
        Text::from(Piece::Bar(Share { part: image.compressed, whole: most })).styled(Style::Own),
        image.pull.as_ref().map_or_else(none, |pull| Text::bytes(pull.compressed)),
        first(Text::bytes(group.own)),
        Text::number(image.layers.len()),
        Text::from(Piece::ShortDigest(group.digest.clone())).styled(Style::Dim),
    ]);
    row
}

/// Bare figures, without which an unknown one is an empty field.
pub(super) fn csv_table(found: &Repository) -> Table {
    let groups = found.shared.groups.iter().flat_map(|group| {
        let of_tag = |tag: &'_ String| -> Vec<Row> {
            group.images.iter().map(|image| csv_row(tag, group, image)).collect()
        };
        group.tags.iter().flat_map(of_tag).collect::<Vec<_>>()
    });
    let unread = found.unread.iter().flat_map(|unread| {
        unread.tags.iter().map(|tag| csv_unread(tag, unread)).collect::<Vec<_>>()
    });
    Table {
        columns: CSV_COLUMNS.to_vec(),
        rows: groups.chain(unread).collect(),
        totals: Vec::new(),
    }
}

fn csv_row(tag: &str, group: &Group, image: &TagImage) -> Row {
    let pull = image.pull.as_ref();
    vec![
        Text::name(tag),
        "read".into(),
        Piece::Digest(group.digest.clone()).into(),
        image.created.as_deref().map_or_else(Text::default, Text::name),
        Text::name(image.platform.to_string()),
        Piece::Digest(image.digest.clone()).into(),
        Text::bytes(image.compressed),
        Text::number(image.layers.len()),
        pull.map_or_else(Text::default, |pull| Text::bytes(pull.compressed)),
        pull.map_or_else(Text::default, |pull| Text::name(&*pull.after)),
        Text::bytes(group.own),
        Text::default(),
    ]
}

fn csv_unread(tag: &str, unread: &Unread) -> Row {
    let state = if unread.is_left_out() { "left out" } else { "failed" };
    let mut row = vec![Text::name(tag), state.into()];
    row.resize(CSV_COLUMNS.len() - 1, Text::default());
    row.push(Text::sentence(&unread.error.to_string()));
    row
}
