//! The report of `compare`: what differs between two images, and what made the difference.
//!
//! Composes documents and tables, formats nothing. Content and compressed bytes stand side by
//! side; what the causes do not explain is told as the rest, so that each column adds up.

mod lists;
mod rows;
mod summary;

use std::io::{self, Write};

use self::lists::{components, findings, packages, paths};
use self::rows::table;
use self::summary::{causes, facts, layers, notes};
use super::document::{Block, Document, Section, Style, Text};
use super::json::{write_compare_json, write_no_report};
use super::words::unknown;
use super::{Format, Outcome, RenderOptions, markdown, terminal, write_csv};
use crate::compare::{Comparison, Difference};

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

/// Writes the report of two images.
pub fn render_comparison(
    outcome: &Outcome<Comparison>,
    options: &RenderOptions<CompareOptions>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let comparison = match &outcome.result {
        Ok(comparison) => comparison,
        Err(failure) if options.format == Format::Json => {
            return write_no_report("regsize.compare/1", Some(&outcome.reference), failure, out);
        }
        Err(_) => return Ok(()),
    };
    match options.format {
        Format::Json => write_compare_json(comparison, out),
        Format::Csv => write_csv(&table(comparison, options.show.table), out),
        Format::Terminal => {
            let document = compose(comparison, options.show.top);
            out.write_all(terminal(&document, &options.terminal).as_bytes())
        }
        Format::Markdown => {
            let document = compose(comparison, options.show.top);
            out.write_all(markdown(&document, options.terminal.units).as_bytes())
        }
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

/// How many rows were left out.
fn more(all: usize, shown: usize, one: &'static str, many: &'static str) -> Option<Block> {
    let left = all.checked_sub(shown).filter(|left| *left > 0)?;
    Some(Block::Paragraph(Text::count(left, one, many).styled(Style::Dim)))
}
