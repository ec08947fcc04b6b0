//! HTML: one file that needs nothing else, runs nothing and asks nobody.
//!
//! The style is the only thing besides text and drawings, and the page's own policy allows just
//! that by its hash. Text of others goes through the encoder of HTML.

mod audit;
mod axes;
mod chart;
mod labels;
mod place;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

pub use self::audit::html_overview;

use super::document::{
    Align, Block, Fact, Fit, Mark, Piece, Row, Share, Span, Style, TREND, Table, Text, trend,
};
use super::encode::{html_own, html_text};
use crate::size::Units;

/// The style of all pages.
const STYLE: &str = include_str!("page.css");

/// Parts that a bar is drawn in.
const BAR: u32 = 100;

/// A page around its content.
fn page(title: &str, content: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'sha256-{hash}'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{content}\
         </main>\n</body>\n</html>\n"
    )
}

/// What the functions of this module share.
#[derive(Clone, Copy)]
struct Sheet {
    units: Units,
}

impl Sheet {
    fn blocks(self, blocks: &[Block]) -> String {
        blocks.iter().map(|block| self.block(block)).collect()
    }

    fn block(self, block: &Block) -> String {
        match block {
            Block::Paragraph(text) => format!("<p>{}</p>\n", self.text(text)),
            Block::Facts(facts) => {
                let facts: String = facts.iter().map(|fact| self.fact(fact)).collect();
                format!("<dl class=\"facts\">\n{facts}</dl>\n")
            }
            Block::Table(table) => self.table(table),
            Block::Notes(notes) => {
                let note = |note: &Text| format!("<p class=\"note\">{}</p>\n", self.text(note));
                notes.iter().map(note).collect()
            }
            Block::Heading(text) => format!("<h3>{}</h3>\n", self.text(text)),
            Block::List(mark, items) => {
                let name = if *mark == Mark::Number { "ol" } else { "ul" };
                let item = |item: &Text| format!("<li>{}</li>\n", self.text(item));
                format!("<{name}>\n{}</{name}>\n", items.iter().map(item).collect::<String>())
            }
            Block::Code(code) => {
                let lines: Vec<String> = code.text.lines().map(|line| html_text(&line)).collect();
                format!("<pre><code>{}</code></pre>\n", lines.join("\n"))
            }
        }
    }

    fn fact(self, fact: &Fact) -> String {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", html_own(fact.name), self.text(&fact.value))
    }

    fn table(self, table: &Table) -> String {
        let class = |index: usize| match table.columns.get(index) {
            Some(column) if column.align == Align::Right => " class=\"number\"",
            Some(column) if column.fit == Fit::Whole => " class=\"short\"",
            _ => "",
        };
        let mut header = String::new();
        for (at, column) in (0..).zip(&table.columns) {
            let (class, title) = (class(at), html_own(column.title));
            // Writing into a String cannot fail.
            let _ = write!(header, "<th scope=\"col\"{class}>{title}</th>");
        }
        let row = |row: &Row| {
            let mut cells = String::new();
            for (at, cell) in (0..).zip(row) {
                let _ = write!(cells, "<td{}>{}</td>", class(at), self.text(cell));
            }
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = table.rows.iter().chain(&table.totals).map(row).collect();
        format!(
            "<div class=\"wide\"><table>\n<thead><tr>{header}</tr></thead>\n\
             <tbody>\n{rows}</tbody></table></div>\n"
        )
    }

    fn text(self, text: &Text) -> String {
        text.spans.iter().map(|span| self.span(span)).collect()
    }

    fn span(self, span: &Span) -> String {
        let piece = self.piece(&span.piece);
        match class(span.style) {
            None => piece,
            Some(class) => format!("<span class=\"{class}\">{piece}</span>"),
        }
    }

    fn piece(self, piece: &Piece) -> String {
        match piece {
            Piece::Words(words) => html_own(words),
            Piece::Number(number) => number.to_string(),
            Piece::Bytes(bytes) => html_own(&self.units.format(*bytes)),
            Piece::Difference(bytes) => html_own(&self.units.format_difference(*bytes)),
            Piece::Share(share) => html_own(&share.percent()),
            Piece::Trend(shares) => html_own(&trend(shares, TREND)),
            Piece::Bar(share) => bar(*share),
            Piece::Digest(digest) => format!("<code>{digest}</code>"),
            Piece::ShortDigest(digest) => {
                format!("<code>{}:{}</code>", digest.algorithm(), digest.short())
            }
            Piece::Name(text) => format!("<code>{}</code>", html_text(text)),
            Piece::Sentence(text) => html_text(text),
            Piece::Link(address) => {
                let address = html_own(address);
                format!("<a href=\"{address}\" rel=\"noreferrer\">{address}</a>")
            }
        }
    }
}

fn class(style: Style) -> Option<&'static str> {
    Some(match style {
        Style::Plain => return None,
        Style::Strong | Style::Heading => "strong",
        Style::Dim => "dim",
        Style::Good => "good",
        Style::Warn => "warn",
        Style::Own => "own",
        Style::Base => "base",
    })
}

/// A bar; its value stands in a column beside it.
fn bar(share: Share) -> String {
    let filled = share.scaled(u128::from(BAR)).unwrap_or(0);
    format!(
        "<svg class=\"bar\" width=\"{BAR}\" height=\"10\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"{BAR}\" height=\"10\"/>\
         <rect class=\"fill\" width=\"{filled}\" height=\"10\"/></svg>"
    )
}
