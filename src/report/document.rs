//! What a report says, without a format: sections, tables and text made of typed pieces.
//!
//! The program's own words are `&'static str` and everything that somebody else wrote is
//! [`Untrusted`], so a name out of an image cannot pass for a word of the program. Sizes stay
//! numbers until a renderer formats them. Styles say what a text means; colours are the terminal
//! renderer's business.

use super::encode::{Untrusted, path_text};
use crate::oci::Digest;
use crate::size;

/// A report.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What the report is about.
    pub title: Text,
    /// The parts, in reading order.
    pub sections: Vec<Section>,
}

/// A part of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// The heading; empty for none.
    pub heading: Text,
    /// The content, in reading order.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A sentence or two.
    Paragraph(Text),
    /// Named values, one per line.
    Facts(Vec<Fact>),
    /// Rows and columns.
    Table(Table),
    /// Remarks that a reader has to know.
    Notes(Vec<Text>),
    /// A heading below the section's.
    Heading(Text),
    /// Items below one another.
    List(Mark, Vec<Text>),
    /// Lines to copy.
    Code(Code),
}

/// What stands before the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A dash.
    Bullet,
    /// Numbers from 1.
    Number,
    /// A box to tick.
    Box,
}

/// Lines to copy: a part of a Dockerfile, a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Code {
    /// What it is written in, as Markdown names it.
    pub language: &'static str,
    /// The lines.
    pub text: Untrusted,
}

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The name, at most seven characters so that a digest fits beside it in 80 columns.
    pub name: &'static str,
    /// The value.
    pub value: Text,
    /// Whether a long value is continued on the next line or cut.
    pub overflow: Overflow,
}

/// What becomes of text that is longer than its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// It goes on in the next line.
    Wrap,
    /// It ends in an ellipsis.
    Cut,
}

/// Rows under a header, and totals under a rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Sums of the rows.
    pub totals: Vec<Row>,
}

/// The texts of one row, one per column; with fewer, the last one takes the rest of the line.
pub type Row = Vec<Text>;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The header.
    pub title: &'static str,
    /// To which side short texts move.
    pub align: Align,
    /// How the column gets its width.
    pub fit: Fit,
    /// Rank 0 is always shown; of the others, a narrow terminal shows the lowest that fit.
    pub rank: u8,
}

/// Sides of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// How a column gets its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// As wide as its widest text.
    Whole,
    /// What the other columns leave.
    Rest(Overflow),
    /// As wide as bars are drawn.
    Bar,
}

/// Text of typed pieces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The pieces, in reading order.
    pub spans: Vec<Span>,
}

/// A piece of text and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The content.
    pub piece: Piece,
    /// The meaning.
    pub style: Style,
}

/// The smallest part of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// The program's own words.
    Words(&'static str),
    /// A count.
    Number(u128),
    /// An amount of bytes.
    Bytes(u128),
    /// A difference in bytes, with its sign.
    Difference(i128),
    /// A part of a whole, in percent.
    Share(Share),
    /// A part of a whole, as a bar.
    Bar(Share),
    /// Values one after another, as a line of columns; each is a part of the same whole.
    Trend(Vec<Share>),
    /// A digest in full.
    Digest(Digest),
    /// The first digits of a digest.
    ShortDigest(Digest),
    /// A name, path or command that somebody else wrote.
    Name(Untrusted),
    /// A sentence that may hold words of somebody else.
    Sentence(Untrusted),
    /// The address of a page that the program names itself.
    Link(&'static str),
}

/// What a text means to the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Nothing in particular.
    #[default]
    Plain,
    /// The first thing to look at.
    Strong,
    /// Of lesser interest.
    Dim,
    /// A heading.
    Heading,
    /// Something to be glad about.
    Good,
    /// Something to look into.
    Warn,
    /// The user's own steps.
    Own,
    /// The base image.
    Base,
}

/// A part and the whole it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u128,
    /// The whole; 0 when there is nothing to have a part of.
    pub whole: u128,
}

impl Share {
    /// The share in percent with one decimal; `n/a` of an empty whole.
    pub fn percent(self) -> String {
        let part = self.part.min(self.whole);
        size::percent(part, self.whole).unwrap_or_else(|| "n/a".to_owned())
    }

    /// The share in parts of `scale`, rounded and at most `scale`; `None` of an empty whole.
    pub fn scaled(self, scale: u128) -> Option<u128> {
        size::share(self.part, self.whole, scale)
    }
}

/// The columns of a trend, from the lowest to the highest of eight signs; a trend that never rises
/// is a line in the middle.
pub(super) fn trend(shares: &[Share], signs: [char; 8]) -> String {
    let level = |share: &Share| share.scaled(7).and_then(|level| usize::try_from(level).ok());
    shares.iter().map(|share| signs[level(share).unwrap_or(3).min(7)]).collect()
}

/// The signs of trends where the output takes Unicode.
pub(super) const TREND: [char; 8] = [
    '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}',
];

impl Column {
    /// A column of words that is always shown whole.
    pub const fn left(title: &'static str) -> Self {
        Self { title, align: Align::Left, fit: Fit::Whole, rank: 0 }
    }

    /// A column of numbers that is always shown whole.
    pub const fn right(title: &'static str) -> Self {
        Self { title, align: Align::Right, fit: Fit::Whole, rank: 0 }
    }

    /// A column of words that gets what the others leave.
    pub const fn rest(title: &'static str, overflow: Overflow) -> Self {
        Self { title, align: Align::Left, fit: Fit::Rest(overflow), rank: 0 }
    }

    /// A column of bars, without a header.
    pub const fn bar() -> Self {
        Self { title: "", align: Align::Left, fit: Fit::Bar, rank: 0 }
    }

    /// The column with another rank.
    #[must_use]
    pub const fn ranked(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

impl Block {
    /// Lines to copy.
    pub fn code(language: &'static str, text: impl Into<String>) -> Self {
        Self::Code(Code { language, text: Untrusted::new(text) })
    }
}

impl Fact {
    /// A named value that is continued on the next line when it is long.
    pub fn new(name: &'static str, value: impl Into<Text>) -> Self {
        Self { name, value: value.into(), overflow: Overflow::Wrap }
    }

    /// A named value that is cut when it is long.
    pub fn cut(name: &'static str, value: impl Into<Text>) -> Self {
        Self { name, value: value.into(), overflow: Overflow::Cut }
    }
}

impl Text {
    /// Whether there are no pieces.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The text with `other` after it.
    #[must_use]
    pub fn with(mut self, other: impl Into<Self>) -> Self {
        self.spans.extend(other.into().spans);
        self
    }

    /// The text with `style` wherever it had none.
    #[must_use]
    pub fn styled(mut self, style: Style) -> Self {
        for span in self.spans.iter_mut().filter(|span| span.style == Style::Plain) {
            span.style = style;
        }
        self
    }

    /// A count and the noun that fits it, as in `1 layer` and `2 layers`.
    pub fn count(count: usize, one: &'static str, many: &'static str) -> Self {
        Self::number(count).with(" ").with(if count == 1 { one } else { many })
    }

    /// A count.
    pub fn number(count: usize) -> Self {
        Piece::Number(u128::try_from(count).unwrap_or(u128::MAX)).into()
    }

    /// A name, path or command that somebody else wrote.
    pub fn name(name: impl Into<String>) -> Self {
        Piece::Name(Untrusted::new(name)).into()
    }

    /// A path out of a layer; `/` for the root.
    pub fn path(path: &[u8]) -> Self {
        if path.is_empty() { "/".into() } else { Self::name(path_text(path)) }
    }

    /// An amount of bytes.
    pub fn bytes(bytes: impl Into<u128>) -> Self {
        Piece::Bytes(bytes.into()).into()
    }

    /// A difference in bytes, with its sign.
    pub fn difference(bytes: i128) -> Self {
        Piece::Difference(bytes).into()
    }

    /// Words that somebody else wrote.
    pub fn sentence(sentence: &str) -> Self {
        Piece::Sentence(Untrusted::folded(sentence)).into()
    }

    /// `texts` with `separator` between them.
    pub fn joined(texts: impl IntoIterator<Item = Self>, separator: &'static str) -> Self {
        texts.into_iter().fold(Self::default(), |joined, text| {
            if joined.is_empty() { text } else { joined.with(separator).with(text) }
        })
    }
}

impl From<Piece> for Text {
    fn from(piece: Piece) -> Self {
        Self { spans: vec![Span { piece, style: Style::Plain }] }
    }
}

impl From<&'static str> for Text {
    fn from(words: &'static str) -> Self {
        Piece::Words(words).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_and_never_divide_by_zero() {
        let check = |part, whole, percent: &str, eighths| {
            let share = Share { part, whole };
            assert_eq!((share.percent().as_str(), share.scaled(8)), (percent, eighths));
        };
        check(429, 1000, "42.9 %", Some(3));
        check(1, 1, "100 %", Some(8));
        check(0, 5, "0.0 %", Some(0));
        check(1, 1_000_000, "<0.1 %", Some(0));
        check(0, 0, "n/a", None);
        check(7, 0, "n/a", None);
        check(9, 3, "100 %", Some(8));
        check(u128::MAX, u128::MAX, "100 %", Some(8));
        check(u128::MAX, 1, "100 %", None);
    }
}
