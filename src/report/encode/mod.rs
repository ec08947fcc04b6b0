//! One encoder per sink for text that comes from images, registries and command lines.
//!
//! Such text is held as [`Untrusted`], which has no `Display` and whose content is private to this
//! module: the encoders below are the one way from it to a terminal, to Markdown, HTML or CSV. JSON
//! has a serializer of its own. The encoders refuse nothing; they show as an escape what could
//! move a cursor, hide, break a line, open a formula, ping a person or command a CI system.

mod csv;
mod html;
mod github;
mod json;
mod label;
mod markdown;
mod path;
mod printable;
mod xml;

use std::fmt;

pub(super) use self::csv::csv_field;
pub(super) use self::github::{github_message, github_property};
pub(super) use self::html::{html_own, html_text};
pub(super) use self::json::write_json;
pub(super) use self::label::label_value;
pub(super) use self::markdown::{
    Place, markdown_code, markdown_fence, markdown_own, markdown_prose,
};
pub(super) use self::path::path_text;
pub(super) use self::printable::{character_width, printable};
pub(super) use self::xml::xml_text;

/// Text that somebody else wrote.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untrusted(String);

/// Which characters the program's own marks are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbols {
    /// Bars, rules, an ellipsis and signs for line breaks and tabs.
    Unicode,
    /// ASCII alone; text of others keeps its letters.
    Ascii,
}

impl Untrusted {
    /// Takes `text` as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Takes `text` with every run of white space as one space, for summaries on one line.
    pub fn folded(text: &str) -> Self {
        let mut folded = String::with_capacity(text.len());
        for word in text.split_whitespace() {
            if !folded.is_empty() {
                folded.push(' ');
            }
            folded.push_str(word);
        }
        Self(folded)
    }

    /// Its lines, with spaces in place of tabs.
    pub fn lines(&self) -> impl Iterator<Item = Self> {
        self.0.trim_end().split('\n').map(|line| Self(line.trim_end().replace('\t', "    ")))
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", printable(self, Symbols::Ascii))
    }
}

/// Texts that have broken somebody's report, for the tests of every sink.
#[cfg(test)]
pub(crate) const HOSTILE: &[&str] = &[
    "",
    " ",
    "\u{1b}[31mred\u{1b}]8;;https://evil.example\u{7}link",
    "\u{9b}2J\u{7f}\u{85}",
    "line\nbreak\r\n\ttab",
    "::add-mask::x",
    " ::error::x",
    "##[error]x ##vso[task.complete]x ###[group]x ##teamcity[x",
    "\u{202e}txt.exe\u{2066}\u{200b}\u{200d}\u{feff}\u{2028}\u{2029}\u{ad}",
    "a|b\\|c\\\\|d\\",
    "`` ` ``` tick`",
    "<script>alert(1)</script><!-- x -->",
    "![x](http://evil.example/i.png) [y](javascript:alert(1)) <http://a.b> http://a.b www.a.b a@b.c",
    "@team #12 GH-3 owner/repo#4 0123456789abcdef :tada: $x$ ~~no~~ **no** __no__ &amp; [^1]",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\u{ff1d}cmd",
    "'=1",
    "\\u{1b} \\n C:\\users",
    "e\u{301} \u{1f469}\u{200d}\u{1f4bb} \u{8a9e}\u{3000}\u{a0}\u{2800}\u{3164}\u{e000}\u{e0041}",
    "- item\n# title\n1. one\n> quote\n```\nfence",
];
