//! The Markdown renderer: the same document for a pull request, an issue or a job summary.
//!
//! GitHub-flavoured, without HTML of its own, images or bars; the only links are the program's.

use super::document::{
    Align, Block, Code, Column, Document, Fact, Fit, Mark, Overflow, Piece, Row, Span, Style,
    TREND, Table, Text, trend,
};
use super::encode::{Place, markdown_code, markdown_fence, markdown_own, markdown_prose};
use crate::size::Units;

/// Characters of a command that a cell shows.
const CELL_LIMIT: usize = 100;

/// Renders `document` as Markdown.
pub fn markdown(document: &Document, units: Units) -> String {
    let page = Page { units };
    let mut parts = vec![format!("# {}", page.flow(&document.title))];
    for section in &document.sections {
        if !section.heading.is_empty() {
            parts.push(format!("## {}", page.flow(&section.heading)));
        }
        parts.extend(section.blocks.iter().map(|block| page.block(block)));
    }
    parts.join("\n\n") + "\n"
}

/// Rows of a table that are printed one by one.
pub(super) struct Rows {
    page: Page,
    table: Table,
    shown: Vec<usize>,
}

impl Rows {
    /// Takes the columns that `widest` has something in.
    pub(super) fn new(columns: &[Column], widest: Row, units: Units) -> Self {
        let table = Table { columns: columns.to_vec(), rows: vec![widest], totals: Vec::new() };
        let shown = shown(&table);
        Self { page: Page { units }, table, shown }
    }

    /// The two lines above the rows.
    pub(super) fn header(&self) -> String {
        header(&self.table, &self.shown)
    }

    /// The line of a row.
    pub(super) fn row(&self, row: &Row) -> String {
        self.page.row(&self.table, &self.shown, row)
    }
}

#[derive(Clone, Copy)]
struct Page {
    units: Units,
}

impl Page {
    fn block(self, block: &Block) -> String {
        match block {
            Block::Paragraph(text) => self.flow(text),
            Block::Facts(facts) => lines(facts.iter().map(|fact| self.fact(fact))),
            Block::Table(table) => self.table(table),
            Block::Notes(notes) => {
                lines(notes.iter().map(|note| format!("- note: {}", self.flow(note))))
            }
            Block::Heading(text) => format!("### {}", self.flow(text)),
            Block::List(mark, items) => lines((1..).zip(items).map(|(number, item)| {
                let item = self.flow(item);
                match mark {
                    Mark::Bullet => format!("- {item}"),
                    Mark::Number => format!("{number}. {item}"),
                    Mark::Box => format!("- [ ] {item}"),
                }
            })),
            Block::Code(Code { language, text }) => markdown_fence(language, text),
        }
    }

    fn fact(self, fact: &Fact) -> String {
        let limit = limit(fact.overflow);
        format!("- **{}**: {}", fact.name, self.text(&fact.value, Place::Flow, limit))
    }

    fn table(self, table: &Table) -> String {
        let shown = shown(table);
        let header = header(table, &shown);
        let rows = table.rows.iter().chain(&table.totals).map(|row| self.row(table, &shown, row));
        lines(std::iter::once(header).chain(rows))
    }

    fn row(self, table: &Table, shown: &[usize], row: &Row) -> String {
        table_row(shown.iter().map(|&index| {
            let limit = match table.columns[index].fit {
                Fit::Rest(overflow) => limit(overflow),
                Fit::Whole | Fit::Bar => usize::MAX,
            };
            row.get(index).map_or_else(String::new, |cell| self.text(cell, Place::Cell, limit))
        }))
    }

    fn flow(self, text: &Text) -> String {
        self.text(text, Place::Flow, usize::MAX)
    }

    fn text(self, text: &Text, place: Place, limit: usize) -> String {
        let is_strong = |span: &Span| span.style == Style::Strong;
        let mut shown = String::new();
        for run in text.spans.chunk_by(|a, b| is_strong(a) == is_strong(b)) {
            let content: String =
                run.iter().map(|span| self.piece(&span.piece, place, limit)).collect();
            let is_strong = run.first().is_some_and(is_strong) && content.trim() == content;
            let mark = if is_strong && !content.is_empty() { "**" } else { "" };
            shown.extend([mark, content.as_str(), mark]);
        }
        shown
    }

    fn piece(self, piece: &Piece, place: Place, limit: usize) -> String {
        match piece {
            Piece::Words(words) => markdown_own(words),
            Piece::Number(number) => number.to_string(),
            Piece::Bytes(bytes) => self.units.format(*bytes),
            Piece::Difference(bytes) => self.units.format_difference(*bytes),
            Piece::Share(share) => markdown_own(&share.percent()),
            Piece::Bar(_) => String::new(),
            Piece::Trend(shares) => trend(shares, TREND),
            Piece::Digest(digest) => format!("`{digest}`"),
            Piece::ShortDigest(digest) => format!("`{}:{}`", digest.algorithm(), digest.short()),
            Piece::Name(text) => markdown_code(text, place, limit),
            Piece::Sentence(text) => markdown_prose(text, place),
            Piece::Link(address) => format!("<{address}>"),
        }
    }
}

/// The header and the line under it.
fn header(table: &Table, shown: &[usize]) -> String {
    let columns =
        |of: fn(&Column) -> String| table_row(shown.iter().map(|&index| of(&table.columns[index])));
    let header = columns(|column| markdown_own(column.title));
    let dashes = columns(|column| match column.align {
        Align::Left => "---".to_owned(),
        Align::Right => "---:".to_owned(),
    });
    lines([header, dashes])
}

/// The columns that have anything to show.
fn shown(table: &Table) -> Vec<usize> {
    (0..table.columns.len()).filter(|&index| has_content(table, index)).collect()
}

/// Whether a column has anything to show where there are no bars.
fn has_content(table: &Table, index: usize) -> bool {
    let has_text = |row: &Row| row.get(index).is_some_and(|cell| !cell.is_empty());
    table.columns[index].fit != Fit::Bar && table.rows.iter().any(has_text)
}

fn limit(overflow: Overflow) -> usize {
    match overflow {
        Overflow::Wrap => usize::MAX,
        Overflow::Cut => CELL_LIMIT,
    }
}

fn table_row(cells: impl Iterator<Item = String>) -> String {
    cells.fold("|".to_owned(), |row, cell| format!("{row} {cell} |"))
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join("\n")
}
