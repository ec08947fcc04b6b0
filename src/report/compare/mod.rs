//! The report of `compare`: what differs between two images, and what made the difference.
//!
//! Composes documents and tables, formats nothing. Content and compressed bytes stand side by
//! side; what the causes do not explain is told as the rest, so that each column adds up.

mod columns;
mod lists;
mod matrix;
mod platforms;
mod rows;
mod summary;

use std::io::{self, Write};

use self::lists::{components, findings, packages, paths};
use self::rows::table;
use self::summary::{causes, facts, instruction, layers, notes};
use super::document::{Block, Document, Section, Style, Table, Text};
use super::json::{write_compare_json, write_matrix_json, write_no_report, write_platforms_json};
use super::words::unknown;
use super::{Format, Outcome, RenderOptions, markdown, terminal, write_csv};
use crate::compare::{Comparison, Difference, Matrix, Platforms};

pub use self::columns::MOST_IMAGES;

/// What the report of `compare` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompareOptions {
    /// Rows of each list.
    pub top: usize,
    /// The table of a CSV report.
    pub table: CompareTable,
}

/// Tables of a CSV report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompareTable {
    /// One row for each layer of either image.
    #[default]
    Layers,
    /// One row for each cause, and one for the rest.
    Causes,
    /// One row for each package that differs.
    Packages,
    /// One row for each component that differs.
    Components,
    /// One row for each path that differs.
    Paths,
}

/// What was compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparisons {
    /// Two images.
    Two(Box<Comparison>),
    /// Many images, each with each.
    Many(Matrix),
    /// The platforms of one reference.
    Platforms(Platforms),
}

/// Writes the report of images that were compared.
pub fn render_comparison(
    outcome: &Outcome<Comparisons>,
    options: &RenderOptions<CompareOptions>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let found = match &outcome.result {
        Ok(found) => found,
        Err(failure) if options.format == Format::Json => {
            return write_no_report("regsize.compare/1", Some(&outcome.reference), failure, out);
        }
        Err(_) => return Ok(()),
    };
    let CompareOptions { top, table } = options.show;
    let document = || match found {
        Comparisons::Two(comparison) => compose(comparison, top),
        Comparisons::Many(matrix) => matrix::compose(matrix, top),
        Comparisons::Platforms(found) => platforms::compose(&outcome.reference, found, top),
    };
    match options.format {
        Format::Json => json(found, out),
        Format::Csv => write_csv(&csv(found, table), out),
        Format::Terminal => out.write_all(terminal(&document(), &options.terminal).as_bytes()),
        Format::Markdown => out.write_all(markdown(&document(), options.terminal.units).as_bytes()),
    }
}

fn json(found: &Comparisons, out: &mut dyn Write) -> io::Result<()> {
    match found {
        Comparisons::Two(comparison) => write_compare_json(comparison, out),
        Comparisons::Many(matrix) => write_matrix_json(matrix, out),
        Comparisons::Platforms(found) => write_platforms_json(found, out),
    }
}

fn csv(found: &Comparisons, kind: CompareTable) -> Table {
    match found {
        Comparisons::Two(comparison) => table(comparison, kind),
        Comparisons::Many(found) => matrix::table(found, kind),
        Comparisons::Platforms(found) => platforms::table(found, kind),
    }
}

fn compose(comparison: &Comparison, top: usize) -> Document {
    let Comparison { old, new, .. } = comparison;
    let title = Text::name(&*old.reference).with(" to ").with(Text::name(&*new.reference));
    let mut sections =
        vec![Section { heading: Text::default(), blocks: vec![Block::Facts(facts(comparison))] }];
    if comparison.is_same() {
        let same = "Both are the same image: nothing differs, and no layer was read.";
        sections.push(Section {
            heading: Text::default(),
            blocks: vec![Block::Paragraph(same.into())],
        });
        return Document { title, sections };
    }
    let heading = |words: &'static str| Text::from(words);
    let found = [
        (heading("What made the difference"), causes(comparison, top)),
        (heading("Layers"), layers(comparison)),
        (heading("Packages"), packages(comparison, top)),
        (heading("Components"), components(comparison, top)),
        (heading("Directories and files"), paths(comparison, top)),
        (heading("Findings"), findings(comparison)),
        (heading("Notes"), notes(comparison)),
    ];
    let sections_of = found.into_iter().filter(|(_, blocks)| !blocks.is_empty());
    sections.extend(sections_of.map(|(heading, blocks)| Section { heading, blocks }));
    Document { title, sections }
}

/// A difference, in colours; unknown as that.
fn difference(bytes: Option<Difference>) -> Text {
    let Some(bytes) = bytes else { return unknown() };
    let text = Text::difference(bytes);
    match bytes {
        0 => text.styled(Style::Dim),
        1.. => text,
        _ => text.styled(Style::Good),
    }
}

/// A difference of compressed bytes; unknown where they are not those of a pull.
fn pulled(comparison: &Comparison, bytes: Difference) -> Text {
    difference(comparison.is_pulled().then_some(bytes))
}

/// How many rows were left out.
fn more(all: usize, shown: usize, one: &'static str, many: &'static str) -> Option<Block> {
    let left = all.checked_sub(shown).filter(|left| *left > 0)?;
    Some(Block::Paragraph(Text::count(left, one, many).styled(Style::Dim)))
}
