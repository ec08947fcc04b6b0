//! Tables in a terminal: a header, aligned columns, totals under a thin rule, no boxes.
//!
//! Columns of rank 0 are always shown; the others, lowest rank first, as far as they fit. Where not
//! even the necessary ones fit, each row becomes a list of named values.

use super::glyph::{Line, Lines, bar, cut, pad_to, plain, print, rule, width, wrap};
use super::{GAP, Sheet, TerminalOptions, hang};
use crate::report::document::{Align, Column, Fit, Overflow, Piece, Row, Style, Table, Text};

const BAR_MIN: usize = 6;
const BAR_MAX: usize = 12;

/// Columns below which text that is cut says too little.
const CUT_MIN: usize = 18;

/// Columns that text that is cut gets before any column that can be left out.
const CUT_GOOD: usize = 24;

/// Columns below which text that goes on in the next line makes too many lines.
const WRAP_MIN: usize = 32;

/// Columns that text gets before bars grow beyond their least length.
const REST_GOOD: usize = 32;

/// A column that is shown: its place in the table and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    index: usize,
    width: usize,
}

/// Rows that are printed one by one, in columns that are known before.
pub(in crate::report) struct Rows {
    sheet: Sheet,
    columns: Vec<Column>,
    places: Option<Vec<Place>>,
    color: bool,
}

impl Rows {
    /// Gives the columns the widths that `widest` wants.
    pub(in crate::report) fn new(
        columns: &[Column],
        widest: Row,
        options: TerminalOptions,
    ) -> Self {
        let table = Table { columns: columns.to_vec(), rows: vec![widest], totals: Vec::new() };
        let sheet = Sheet::new(&options);
        let places = sheet.places(&table);
        Self { sheet, columns: table.columns, places, color: options.color }
    }

    /// The lines above the rows; none where each row is a list of named values.
    pub(in crate::report) fn header(&self) -> String {
        let lines = self.places.as_ref().map(|places| self.sheet.header(&self.columns, places));
        print(&lines.unwrap_or_default(), self.color)
    }

    /// The lines of a row.
    pub(in crate::report) fn row(&self, row: &Row) -> String {
        let lines = match &self.places {
            Some(places) => self.sheet.row(&self.columns, places, row),
            None => self.sheet.card(&self.columns, row),
        };
        print(&lines, self.color)
    }
}

impl Sheet {
    pub(super) fn table(self, table: &Table) -> Lines {
        let Some(places) = self.places(table) else {
            return self.cards(table);
        };
        let mut lines = self.header(&table.columns, &places);
        lines.extend(table.rows.iter().flat_map(|row| self.row(&table.columns, &places, row)));
        if !table.totals.is_empty() {
            lines.push(rule(total(&places), self.symbols));
        }
        let mut columns = table.columns.clone();
        if let Some(names) = columns.first_mut() {
            names.align = Align::Left;
        }
        lines.extend(table.totals.iter().flat_map(|row| self.row(&columns, &places, row)));
        lines
    }

    fn header(self, columns: &[Column], places: &[Place]) -> Lines {
        let titles = columns.iter().map(|column| Text::from(column.title).styled(Style::Dim));
        self.row(columns, places, &titles.collect())
    }

    /// The columns that fit and their widths; `None` when even the necessary ones do not.
    fn places(self, table: &Table) -> Option<Vec<Place>> {
        let natural: Vec<usize> =
            (0..table.columns.len()).map(|index| self.natural(table, index)).collect();
        let mut wanted: Vec<usize> =
            (0..table.columns.len()).filter(|&index| natural[index] > 0).collect();
        wanted.sort_by_key(|&index| table.columns[index].rank);
        let mut places: Vec<Place> = Vec::new();
        for index in wanted {
            let column = &table.columns[index];
            places.push(Place { index, width: least(column, natural[index]) });
            let spare = if column.rank > 0 { missing(table, &natural, &places) } else { 0 };
            if total(&places) + spare > self.width {
                places.pop().filter(|_| column.rank > 0)?;
            }
        }
        places.sort_by_key(|place| place.index);
        Some(self.widened(table, &natural, places))
    }

    /// The width that a column would take if there were room; 0 when it holds nothing.
    fn natural(self, table: &Table, index: usize) -> usize {
        let column = &table.columns[index];
        let rows = table.rows.iter().chain(&table.totals);
        let is_spanning = |row: &&Row| spanning(&table.columns, row) == Some(index);
        let cells = rows.filter(|row| !is_spanning(row)).filter_map(|row| row.get(index));
        let widest = match column.fit {
            Fit::Bar => BAR_MAX,
            Fit::Whole | Fit::Rest(_) => {
                cells.map(|cell| width(&self.glyphs(cell))).max().unwrap_or(0)
            }
        };
        if widest == 0 { 0 } else { widest.max(column.title.len()) }
    }

    /// Gives what is left of the line to text, then to bars, then to text again.
    fn widened(self, table: &Table, natural: &[usize], mut places: Vec<Place>) -> Vec<Place> {
        let mut left = self.width - total(&places);
        let mut grow = |wanted: fn(Fit) -> bool, limit: usize| {
            for place in places.iter_mut().filter(|place| wanted(table.columns[place.index].fit)) {
                let more = natural[place.index].min(limit).saturating_sub(place.width).min(left);
                place.width += more;
                left -= more;
            }
        };
        let is_rest = |fit| matches!(fit, Fit::Rest(_));
        grow(is_rest, REST_GOOD);
        grow(|fit| fit == Fit::Bar, BAR_MAX);
        grow(is_rest, usize::MAX);
        places
    }

    fn row(self, columns: &[Column], places: &[Place], row: &Row) -> Lines {
        let empty = Text::default();
        let span = spanning(columns, row).unwrap_or(usize::MAX);
        let single = places.iter().take_while(|place| place.index < span).count();
        let cell = |place: &Place| {
            let text = row.get(place.index).unwrap_or(&empty);
            self.cell(&columns[place.index], text, place.width)
        };
        let (places, rest) = places.split_at(single);
        let mut cells: Vec<Lines> = places.iter().map(cell).collect();
        let mut places = places.to_vec();
        if let Some(text) = row.get(span) {
            let start = if places.is_empty() { 0 } else { total(&places) + GAP };
            let width = self.width.saturating_sub(start).max(total(rest));
            cells.push(wrap(self.glyphs(text), width));
            places.push(Place { index: span, width });
        }
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        (0..height).map(|line| join(&places, &cells, line)).collect()
    }

    fn cell(self, column: &Column, cell: &Text, columns: usize) -> Lines {
        if let [span] = cell.spans.as_slice()
            && let Piece::Bar(share) = span.piece
        {
            return vec![bar(share, columns, self.symbols, span.style)];
        }
        let line = self.glyphs(cell);
        let lines = match column.fit {
            Fit::Rest(Overflow::Wrap) => wrap(line, columns),
            _ => vec![cut(line, columns, self.symbols)],
        };
        match column.align {
            Align::Left => lines,
            Align::Right => lines.into_iter().map(|line| pushed_right(line, columns)).collect(),
        }
    }

    /// The rows as lists of named values, for terminals too narrow for the table.
    fn cards(self, table: &Table) -> Lines {
        let mut columns = table.columns.clone();
        let mut lines: Lines = table.rows.iter().flat_map(|row| self.card(&columns, row)).collect();
        if !table.totals.is_empty() {
            lines.push(rule(self.width, self.symbols));
        }
        if let Some(names) = columns.first_mut() {
            names.title = "";
        }
        lines.extend(table.totals.iter().flat_map(|row| self.card(&columns, row)));
        lines
    }

    fn card(self, columns: &[Column], row: &Row) -> Lines {
        let span = spanning(columns, row);
        let mut lines = Lines::new();
        for (index, (column, cell)) in columns.iter().zip(row).enumerate() {
            let value = self.glyphs(cell);
            if value.is_empty() {
                continue;
            }
            let mut line = Line::new();
            if span != Some(index) && !column.title.is_empty() {
                line.extend(plain(column.title, Style::Dim));
                line.extend(plain(" ", Style::Plain));
            }
            line.extend(value);
            let indent = if lines.is_empty() { 0 } else { GAP };
            let room = self.width - indent;
            let wrapped = match column.fit {
                Fit::Rest(Overflow::Cut) if span.is_none() => vec![cut(line, room, self.symbols)],
                _ => wrap(line, room),
            };
            lines.extend(hang(Line::new(), wrapped, indent));
        }
        lines
    }
}

/// The place of the text that takes the rest of the line, in a row that has one.
fn spanning(columns: &[Column], row: &Row) -> Option<usize> {
    if row.len() < columns.len() { row.len().checked_sub(1) } else { None }
}

/// What text that is cut misses to tell enough.
fn missing(table: &Table, natural: &[usize], places: &[Place]) -> usize {
    let is_cut = |place: &&Place| table.columns[place.index].fit == Fit::Rest(Overflow::Cut);
    let missing = |place: &Place| natural[place.index].min(CUT_GOOD).saturating_sub(place.width);
    places.iter().filter(is_cut).map(missing).sum()
}

fn least(column: &Column, natural: usize) -> usize {
    match column.fit {
        Fit::Whole => natural,
        Fit::Rest(Overflow::Cut) => natural.min(CUT_MIN),
        Fit::Rest(Overflow::Wrap) => natural.min(WRAP_MIN),
        Fit::Bar => BAR_MIN,
    }
}

fn total(places: &[Place]) -> usize {
    let widths: usize = places.iter().map(|place| place.width).sum();
    widths + GAP * places.len().saturating_sub(1)
}

fn join(places: &[Place], cells: &[Lines], line: usize) -> Line {
    let mut whole = Line::new();
    let mut start = 0;
    for (place, cell) in places.iter().zip(cells) {
        pad_to(&mut whole, start);
        whole.extend(cell.get(line).into_iter().flatten());
        start += place.width + GAP;
    }
    whole
}

fn pushed_right(line: Line, columns: usize) -> Line {
    let mut pushed = Line::new();
    pad_to(&mut pushed, columns.saturating_sub(width(&line)));
    pushed.extend(line);
    pushed
}
