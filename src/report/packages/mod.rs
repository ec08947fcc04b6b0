//! The report of `packages`: what is installed, with versions, sizes and where it came from.

mod manifest;

use std::cmp::Reverse;
use std::io::{self, Write};

use super::analyze::{compose_failure, packages_table, step_name};
use super::document::{Block, Column, Document, Overflow, Row, Section, Style, Table, Text};
use super::json::write_packages_json;
use super::words::UNKNOWN;
use super::{Format, Outcome, RenderOptions, markdown, terminal, write_csv};
use crate::analysis::{Analysis, ImageAnalysis, PackageUsage};
use crate::image::Image;
use crate::package::{Ecosystem, Note, Package};

/// What the report of `packages` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackagesOptions {
    /// Rows at most, the largest packages.
    pub top: Option<usize>,
    /// The ecosystems whose packages are listed; all where it is empty.
    pub ecosystems: Vec<Ecosystem>,
    /// Whether to write names and versions for other programs, whatever the format.
    pub manifest: bool,
}

impl PackagesOptions {
    /// Whether a package is listed.
    pub(super) fn has(&self, package: &Package) -> bool {
        self.ecosystems.is_empty() || self.ecosystems.contains(&package.ecosystem)
    }
}

const COLUMNS: [Column; 8] = [
    Column::right("content"),
    Column::right("compressed").ranked(1),
    Column::right("exclusive").ranked(3),
    Column::left("kind"),
    Column::left("step").ranked(2),
    Column::left("version"),
    Column::rest("package", Overflow::Wrap),
    Column::rest("where", Overflow::Cut).ranked(4),
];

/// Writes the report.
pub fn render_packages(
    outcomes: &[Outcome<Analysis>],
    options: &RenderOptions<PackagesOptions>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if options.show.manifest {
        return out.write_all(manifest::manifest(outcomes, &options.show).as_bytes());
    }
    match options.format {
        Format::Json => return write_packages_json(outcomes, &options.show, out),
        Format::Csv => {
            return write_csv(&packages_table(outcomes, |package| options.show.has(package)), out);
        }
        Format::Terminal | Format::Markdown => {}
    }
    for (index, outcome) in outcomes.iter().enumerate() {
        let found = outcome.result.as_ref().ok().map(|found| compose(found, &options.show));
        let Some(document) = found.or_else(|| compose_failure(outcome)) else { continue };
        if index > 0 {
            out.write_all(b"\n")?;
        }
        let text = match options.format {
            Format::Terminal => terminal(&document, &options.terminal),
            _ => markdown(&document, options.terminal.units),
        };
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn compose(analysis: &Analysis, options: &PackagesOptions) -> Document {
    let images = &analysis.inspection.images;
    let sections = analysis.images.iter().filter_map(|found| {
        let image = images.get(found.image)?;
        let blocks = blocks(image, found, options);
        Some(Section { heading: Text::name(image.platform.to_string()), blocks })
    });
    Document { title: Text::name(&*analysis.inspection.reference), sections: sections.collect() }
}

fn blocks(image: &Image, found: &ImageAnalysis, options: &PackagesOptions) -> Vec<Block> {
    let Some(study) = &found.study else {
        return vec![Block::Paragraph("not known, as not all layers were read".into())];
    };
    let mut installed: Vec<_> =
        study.installed().filter(|(package, _)| options.has(package)).collect();
    let notes: Vec<Text> = study.inventory.notes.iter().map(note).collect();
    let notes = (!notes.is_empty()).then_some(Block::Notes(notes));
    if installed.is_empty() {
        let none = "no package manager left a record that could be read";
        return notes.into_iter().chain([Block::Paragraph(none.into())]).collect();
    }
    installed.sort_by(|a, b| {
        let key = |(_, usage): &(&Package, &PackageUsage)| Reverse(usage.visible.bytes);
        key(a).cmp(&key(b)).then_with(|| a.0.name.cmp(&b.0.name))
    });
    let count = installed.len();
    installed.truncate(options.top.unwrap_or(usize::MAX));
    let rows = installed.iter().map(|(package, usage)| row(image, package, usage)).collect();
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    let mut blocks = vec![Block::Table(table)];
    if count > installed.len() {
        let more = Text::count(count - installed.len(), "more package", "more packages");
        let more = more.with("; --top NUMBER lists more");
        blocks.push(Block::Paragraph(more.styled(Style::Dim)));
    }
    blocks.extend(notes);
    blocks
}

/// What could not be read of a record.
fn note(note: &Note) -> Text {
    Text::path(&note.path).with(": ").with(Text::sentence(&note.text))
}

fn row(image: &Image, package: &Package, usage: &PackageUsage) -> Row {
    let unknown = || Text::from(UNKNOWN).styled(Style::Dim);
    vec![
        Text::bytes(usage.visible.bytes),
        Text::bytes(usage.visible.compressed),
        usage.exclusive.map_or_else(unknown, Text::bytes),
        package.ecosystem.as_str().into(),
        step_name(image, package.layer),
        package.version.as_deref().map_or_else(unknown, Text::name),
        Text::name(&*package.name),
        if package.location.is_empty() { Text::default() } else { Text::path(&package.location) },
    ]
}
