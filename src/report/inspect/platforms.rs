//! The table of platforms: what the index lists, and what the images share.

use std::collections::{BTreeMap, VecDeque};

use super::InspectOptions;
use crate::image::{Image, Inspection, Shared};
use crate::oci::Platform;
use crate::report::document::{Block, Column, Piece, Row, Section, Style, Table, Text};
use crate::report::words::{UNKNOWN, date, uncompressed};

const COLUMNS: [Column; 6] = [
    Column::left("platform"),
    Column::right("compressed"),
    Column::right("uncompressed"),
    Column::right("layers"),
    Column::left("created").ranked(1),
    Column::left("").ranked(2),
];

/// The section on platforms; none for a reference to a single image.
pub(super) fn section(inspection: &Inspection, options: InspectOptions) -> Option<Section> {
    if inspection.platforms.len().max(inspection.images.len()) < 2 {
        return None;
    }
    let rows = entries(inspection)
        .into_iter()
        .map(|(platform, image)| {
            row(
                platform,
                image.map(|index| &inspection.images[index]),
                is_shown(image, inspection, options),
            )
        })
        .collect();
    let mut table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    let mut blocks = Vec::new();
    if inspection.images.len() > 1 {
        table.totals.push(total(inspection));
        blocks.push(Block::Paragraph(distinct(inspection.shared)));
    }
    blocks.insert(0, Block::Table(table));
    Some(Section { heading: "Platforms".into(), blocks })
}

/// The platforms that are listed, each with its image where that was read, and images beyond.
fn entries(inspection: &Inspection) -> Vec<(&Platform, Option<usize>)> {
    let images = || inspection.images.iter().enumerate();
    if inspection.images.len() == inspection.platforms.len() {
        return images().map(|(index, image)| (&image.platform, Some(index))).collect();
    }
    let mut unlisted: BTreeMap<&Platform, VecDeque<usize>> = BTreeMap::new();
    for (index, image) in images() {
        unlisted.entry(&image.platform).or_default().push_back(index);
    }
    let mut entries: Vec<_> = inspection
        .platforms
        .iter()
        .map(|platform| (platform, unlisted.get_mut(platform).and_then(VecDeque::pop_front)))
        .collect();
    let mut left: Vec<usize> = unlisted.into_values().flatten().collect();
    left.sort_unstable();
    entries.extend(left.into_iter().map(|index| (&inspection.images[index].platform, Some(index))));
    entries
}

fn is_shown(image: Option<usize>, inspection: &Inspection, options: InspectOptions) -> bool {
    !options.all_platforms && image == Some(inspection.shown)
}

fn row(platform: &Platform, image: Option<&Image>, is_shown: bool) -> Row {
    let name = Text::name(name(platform));
    let Some(image) = image else {
        let unknown = || Text::from(UNKNOWN).styled(Style::Dim);
        let mark = Text::from("not read").styled(Style::Dim);
        return vec![name, unknown(), unknown(), unknown(), unknown(), mark];
    };
    let style = if is_shown { Style::Strong } else { Style::Plain };
    let created = image.created.as_deref().map_or_else(|| UNKNOWN.into(), date);
    vec![
        name.styled(style),
        Text::from(Piece::Bytes(image.compressed())).styled(style),
        uncompressed(image.uncompressed(), image.uncompressed_inferred()).styled(style),
        Text::number(image.layers.len()),
        created.styled(Style::Dim),
        if is_shown { Text::from("shown below").styled(Style::Dim) } else { Text::default() },
    ]
}

/// The platform with its operating system's version, which tells Windows images apart.
fn name(platform: &Platform) -> String {
    match &platform.os_version {
        Some(version) => format!("{platform} ({version})"),
        None => platform.to_string(),
    }
}

fn total(inspection: &Inspection) -> Row {
    let images = &inspection.images;
    let all = images.len() >= inspection.platforms.len();
    let bytes: Option<u128> = images.iter().map(Image::uncompressed).sum();
    vec![
        Text::from(if all { "all platforms" } else { "platforms read" }).styled(Style::Strong),
        Text::from(Piece::Bytes(inspection.shared.all_platforms)).styled(Style::Strong),
        uncompressed(bytes, images.iter().any(Image::uncompressed_inferred)),
        Text::number(images.iter().map(|image| image.layers.len()).sum()),
        Text::default(),
        Text::default(),
    ]
}

fn distinct(shared: Shared) -> Text {
    Text::from("distinct layers: ")
        .with(Piece::Bytes(shared.unique))
        .with(", ")
        .with(Piece::Bytes(shared.all_platforms.saturating_sub(shared.unique)))
        .with(" shared")
}
