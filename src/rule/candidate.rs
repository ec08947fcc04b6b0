//! What a rule detects.

use std::fmt;

use super::{Risk, Saving, Severity};
use crate::ledger::AtomId;
use crate::size::{self, Units};

/// What a rule detected: one thing to do.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What tells it from the rule's other candidates, in words that stay the same from build to
    /// build: a step's instruction, a path, a name. Empty where there is only one.
    pub anchor: String,
    /// What it is, in one sentence without its size.
    pub message: Phrase,
    /// What it would save.
    pub claim: Claim,
    /// In place of the rule's risk.
    pub risk: Option<Risk>,
    /// In place of the severity by bytes.
    pub severity: Option<Severity>,
    /// Of candidates of one group, only the largest counts.
    pub group: Option<String>,
    /// What the placeholders of the rule's snippet stand for.
    pub fill: Vec<(&'static str, String)>,
    /// A snippet in place of the rule's.
    pub snippet: Option<String>,
    /// More about it, one sentence each.
    pub notes: Vec<Phrase>,
    /// Figures beside it.
    pub table: Option<Table>,
}

/// What a candidate would save.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Stored files as a whole, each with how closely the candidate describes it: of two of one
    /// phase that want a file, the closer one gets it.
    Files(Vec<(AtomId, u32)>),
    /// So many content bytes of stored files; what they cost in a blob is taken in proportion.
    Parts(Vec<(AtomId, u64)>),
    /// Bytes of blobs alone, estimated, by layer: what its visible part would be smaller by. Only
    /// the share of it counts that no other finding takes.
    Download(Vec<(usize, u64)>),
    /// Nothing. The files are those it is about.
    View(Vec<AtomId>),
    /// Nothing. The bytes are what it is about, where the files are not known.
    Figure(Saving),
}

/// A sentence of which some parts are amounts or somebody else's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrase(pub Vec<Piece>);

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words of this program.
    Words(&'static str),
    /// A name, path or command out of the image.
    Name(String),
    /// An amount of bytes.
    Bytes(u64),
    /// A count.
    Count(u64),
    /// A share, in thousandths.
    Share(u64),
}

/// Rows of figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What the columns are.
    pub columns: Vec<&'static str>,
    /// A value for each column.
    pub rows: Vec<Vec<Value>>,
}

/// A figure or text of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Not known, or none.
    Unknown,
    /// A text out of the image.
    Text(String),
    /// An amount of bytes.
    Bytes(u64),
    /// A count.
    Count(u64),
}

impl Candidate {
    /// A candidate that differs from others of its rule by `anchor`.
    pub fn new(anchor: impl Into<String>, message: Phrase, claim: Claim) -> Self {
        Self {
            anchor: anchor.into(),
            message,
            claim,
            risk: None,
            severity: None,
            group: None,
            fill: Vec::new(),
            snippet: None,
            notes: Vec::new(),
            table: None,
        }
    }

    /// Fills a placeholder of the snippet.
    #[must_use]
    pub fn fill(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.fill.push((name, text.into()));
        self
    }

    /// Adds a sentence.
    #[must_use]
    pub fn note(mut self, note: Phrase) -> Self {
        self.notes.push(note);
        self
    }

    /// Replaces the rule's risk.
    #[must_use]
    pub fn risk(mut self, risk: Risk) -> Self {
        self.risk = Some(risk);
        self
    }

    /// Replaces the severity by bytes.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
}

impl Claim {
    /// Files of which none is described more closely than another.
    pub fn files(files: impl IntoIterator<Item = AtomId>) -> Self {
        Self::Files(files.into_iter().map(|file| (file, 0)).collect())
    }
}

/// The sentence as text, with amounts in decimal units.
impl fmt::Display for Phrase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Words(words) => out.write_str(words),
            Piece::Name(name) => out.write_str(name),
            Piece::Bytes(bytes) => out.write_str(&Units::Decimal.format((*bytes).into())),
            Piece::Count(count) => write!(out, "{count}"),
            Piece::Share(part) => write!(out, "{}.{} %", part / 10, part % 10),
        })
    }
}

impl Phrase {
    /// Words of this program.
    pub fn words(words: &'static str) -> Self {
        Self(vec![Piece::Words(words)])
    }

    /// More words of this program.
    #[must_use]
    pub fn and(mut self, words: &'static str) -> Self {
        self.0.push(Piece::Words(words));
        self
    }

    /// A name, path or command out of the image.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.push(Piece::Name(name.into()));
        self
    }

    /// A path out of the image, with a slash at the start.
    #[must_use]
    pub fn path(self, path: &[u8]) -> Self {
        self.name(format!("/{}", String::from_utf8_lossy(path)))
    }

    /// An amount of bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.0.push(Piece::Bytes(bytes));
        self
    }

    /// A count.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.0.push(Piece::Count(count as u64));
        self
    }

    /// A count and what is counted: the words for one, or for another number.
    #[must_use]
    pub fn counted(self, count: usize, one: &'static str, more: &'static str) -> Self {
        self.count(count).and(if count == 1 { one } else { more })
    }

    /// A share of a whole; unknown without a whole.
    #[must_use]
    pub fn share(mut self, part: u64, whole: u64) -> Self {
        let thousandths = size::share(part.into(), whole.into(), 1000).unwrap_or(0);
        self.0.push(Piece::Share(u64::try_from(thousandths).unwrap_or(u64::MAX)));
        self
    }
}
