//! The terminal renderer: a document in as many columns as the terminal has.
//!
//! Lines are never wider than asked for, down to 20 columns; text of others comes through the
//! terminal's encoder and never starts a line that a CI system would obey. Colours repeat what the
//! text already says.

mod glyph;
mod table;

pub(super) use self::table::Rows;

use self::glyph::{Line, Lines, cut, glyphs, pad_to, plain, wrap};
use super::document::{Block, Document, Fact, Mark, Overflow, Section, Style, Text};
use super::encode::{Symbols, Untrusted, printable};
use crate::size::Units;

/// The terminal that a report is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Columns; below 20 is taken for 20.
    pub width: usize,
    /// Whether to colour.
    pub color: bool,
    /// Whether bars, rules and marks may leave ASCII.
    pub unicode: bool,
    /// The units that sizes are printed in.
    pub units: Units,
}

impl Default for TerminalOptions {
    fn default() -> Self {
        Self { width: 80, color: false, unicode: true, units: Units::Decimal }
    }
}

const MIN_WIDTH: usize = 20;

/// Columns between two columns.
const GAP: usize = 2;

/// What the functions of this module share.
#[derive(Clone, Copy)]
struct Sheet {
    width: usize,
    symbols: Symbols,
    units: Units,
}

/// Renders `document` for a terminal.
pub fn terminal(document: &Document, options: &TerminalOptions) -> String {
    let sheet = Sheet::new(options);
    let mut lines = wrap(sheet.glyphs(&document.title.clone().styled(Style::Heading)), sheet.width);
    for section in &document.sections {
        lines.push(Line::new());
        lines.extend(sheet.section(section));
    }
    glyph::print(&lines, options.color)
}

impl Sheet {
    fn new(options: &TerminalOptions) -> Self {
        Self {
            width: options.width.max(MIN_WIDTH),
            symbols: if options.unicode { Symbols::Unicode } else { Symbols::Ascii },
            units: options.units,
        }
    }

    fn section(self, section: &Section) -> Lines {
        let mut lines = Lines::new();
        if !section.heading.is_empty() {
            lines.extend(wrap(
                self.glyphs(&section.heading.clone().styled(Style::Heading)),
                self.width,
            ));
        }
        for block in &section.blocks {
            if !lines.is_empty() {
                lines.push(Line::new());
            }
            lines.extend(self.block(block));
        }
        lines
    }

    fn block(self, block: &Block) -> Lines {
        match block {
            Block::Paragraph(text) => wrap(self.glyphs(text), self.width),
            Block::Facts(facts) => self.facts(facts),
            Block::Table(table) => self.table(table),
            Block::Notes(notes) => notes.iter().flat_map(|note| self.note(note)).collect(),
            Block::Heading(text) => {
                wrap(self.glyphs(&text.clone().styled(Style::Heading)), self.width)
            }
            Block::List(mark, items) => {
                (1..).zip(items).flat_map(|(number, item)| self.item(*mark, number, item)).collect()
            }
            Block::Code(code) => code.text.lines().flat_map(|line| self.code(&line)).collect(),
        }
    }

    fn facts(self, facts: &[Fact]) -> Lines {
        let names = facts.iter().map(|fact| fact.name.len()).max().unwrap_or(0);
        let indent = (names + GAP).min(self.width / 2);
        facts.iter().flat_map(|fact| self.fact(fact, indent)).collect()
    }

    fn fact(self, fact: &Fact, indent: usize) -> Lines {
        let room = self.width - indent;
        let value = self.glyphs(&fact.value);
        let values = match fact.overflow {
            Overflow::Wrap => wrap(value, room),
            Overflow::Cut => vec![cut(value, room, self.symbols)],
        };
        hang(plain(fact.name, Style::Dim), values, indent)
    }

    fn note(self, note: &Text) -> Lines {
        const LABEL: &str = "note: ";
        let text = wrap(self.glyphs(note), self.width - LABEL.len());
        hang(plain(LABEL, Style::Warn), text, LABEL.len())
    }

    fn item(self, mark: Mark, number: usize, item: &Text) -> Lines {
        let label = match mark {
            Mark::Bullet => "- ".to_owned(),
            Mark::Number => format!("{number}. "),
            Mark::Box => "[ ] ".to_owned(),
        };
        let text = wrap(self.glyphs(item), self.width - label.len());
        hang(plain(&label, Style::Dim), text, label.len())
    }

    fn code(self, line: &Untrusted) -> Lines {
        const INDENT: usize = 2;
        let text = plain(&printable(line, self.symbols), Style::Own);
        // Broken, it would be other code: the terminal is left to break it.
        hang(Line::new(), vec![text], INDENT)
    }

    fn glyphs(self, text: &Text) -> Line {
        glyphs(text, self)
    }
}

/// Puts `label` before the first line and as much space before the others.
fn hang(label: Line, lines: Lines, indent: usize) -> Lines {
    let mut label = Some(label);
    let hung = lines.into_iter().map(|line| {
        let mut whole = label.take().unwrap_or_default();
        pad_to(&mut whole, indent);
        whole.extend(line);
        whole
    });
    hung.collect()
}
