//! The report of `files`: paths with what they cost, written one by one.
//!
//! A listing may have millions of rows, so no format collects them: the columns get their widths
//! before the first row.

mod cells;

use std::io::{self, Write};

use self::cells::{COLUMNS, CSV_COLUMNS, csv_row, row, widest};
use super::analyze::left_out;
use super::document::{Block, Document, Fact, Section, Style, Text};
use super::inspect::Failure;
use super::json::write_files_failure;
use super::words::instruction;
use super::{Format, RenderOptions, csv, markdown, terminal, write_files_json};
use crate::analysis::UsageRow;
use crate::filesystem::Amount;
use crate::image::{Image, Inspection};

/// What is listed of an image.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// What the reference stands for.
    pub inspection: &'a Inspection,
    /// The image that is listed.
    pub image: &'a Image,
    /// The path that the listing is of, without a slash at the start; empty for all.
    pub root: &'a [u8],
    /// The layer that the listing is of; `None` for the merged filesystem.
    pub layer: Option<usize>,
    /// Whether it lists what the merged filesystem does not show.
    pub shadowed: bool,
    /// Whether modes and owners are shown.
    pub detailed: bool,
    /// What is below the path, whether listed or not.
    pub totals: Amount,
    /// Bytes of the layer's blob that belong to no entry; `None` for the merged filesystem.
    pub overhead: Option<u64>,
    /// Bytes that were transferred for the layers.
    pub transferred: u64,
    /// The layers that were not read, by their positions.
    pub left_out: &'a [usize],
}

/// Writes a listing, taking one row after another.
pub fn render_files(
    listing: &Listing<'_>,
    rows: impl Iterator<Item = UsageRow>,
    options: &RenderOptions<()>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let cells = |found: UsageRow| row(listing, &found);
    match options.format {
        Format::Json => write_files_json(listing, rows, out),
        Format::Csv => csv::write_rows(&CSV_COLUMNS, rows.map(|found| csv_row(&found)), out),
        Format::Terminal => {
            out.write_all(terminal(&head(listing), &options.terminal).as_bytes())?;
            let lines = terminal::Rows::new(&COLUMNS, widest(listing), options.terminal);
            write!(out, "\n{}", lines.header())?;
            rows.map(cells).try_for_each(|cells| out.write_all(lines.row(&cells).as_bytes()))
        }
        Format::Markdown => {
            let units = options.terminal.units;
            writeln!(out, "{}", markdown(&head(listing), units))?;
            let lines = markdown::Rows::new(&COLUMNS, widest(listing), units);
            writeln!(out, "{}", lines.header())?;
            rows.map(cells).try_for_each(|cells| writeln!(out, "{}", lines.row(&cells)))
        }
    }
}

/// Writes what there is of a reference that could not be listed: an object for programs.
pub fn render_files_failure(
    reference: &str,
    failure: &Failure,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json { write_files_failure(reference, failure, out) } else { Ok(()) }
}

/// What stands above the rows.
fn head(listing: &Listing<'_>) -> Document {
    let Amount { files, bytes, compressed } = listing.totals;
    let size = Text::bytes(bytes)
        .styled(Style::Strong)
        .with(" content, ")
        .with(Text::bytes(compressed))
        .with(" compressed in ")
        .with(Text::count(usize::try_from(files).unwrap_or(usize::MAX), "file", "files"));
    let mut facts = vec![Fact::new("of", what(listing)), Fact::new("size", size)];
    let read = Text::bytes(listing.transferred).with(" transferred");
    facts.push(Fact::new("read", read));
    let mut notes: Vec<Text> = left_out(listing.image, listing.left_out).into_iter().collect();
    let warnings = listing.inspection.warnings.iter();
    notes.extend(warnings.map(|warning| Text::sentence(warning)));
    let mut blocks = vec![Block::Facts(facts)];
    blocks.extend((!notes.is_empty()).then_some(Block::Notes(notes)));
    let sections = vec![Section { heading: Text::default(), blocks }];
    Document { title: Text::name(&*listing.inspection.reference), sections }
}

/// Which files are listed.
fn what(listing: &Listing<'_>) -> Text {
    let path = if listing.root.is_empty() { "/".into() } else { Text::path(listing.root) };
    let platform = Text::from(" for ").with(Text::name(listing.image.platform.to_string()));
    let of = match listing.layer {
        None if listing.shadowed => path.with(", what the merged filesystem does not show"),
        None => path.with(" of the merged filesystem"),
        Some(number) => {
            let layer = listing.image.layers.get(number);
            let made = layer.map(|layer| instruction(listing.image, layer)).unwrap_or_default();
            let of = path.with(" of layer ").with(Text::number(number)).with(" alone");
            return of.with(platform).with(": ").with(made);
        }
    };
    of.with(platform)
}
