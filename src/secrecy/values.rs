//! Names and values in text: where they begin and end.

use std::ops::Range;

/// Longer names are none.
const LONGEST_NAME: usize = 128;
/// Quoted parts of a word that are followed.
const MOST_QUOTES: usize = 8;
/// Of a line, so much is looked at.
const LONGEST_LINE: usize = 1024;
/// Quotes within quotes have backslashes; more than these are text.
const ESCAPES: usize = 3;

/// The name that a text ends with.
pub(super) fn name_before(text: &str) -> &str {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = text.bytes().rev().take(LONGEST_NAME).take_while(is_name).count();
    &text[text.len() - length..]
}

/// A description that has no more of a text than a name would.
pub(super) fn described(what: &str, name: &str) -> String {
    what.chars().chain(name.chars().take(LONGEST_NAME)).collect()
}

/// The value at a place: up to the closing quote, or the next blank or operator.
pub(super) fn value_at(text: &str, start: usize) -> Range<usize> {
    let rest = &text[start..];
    let quote = opening(rest);
    if !quote.is_empty() {
        let from = start + quote.len();
        return from..from + closing(&text[from..], quote);
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | ')' | '"' | '\'' | '<');
    let mut at = rest.find(ends).unwrap_or(rest.len());
    // A word of a shell goes on behind its quotes.
    for _ in 0..MOST_QUOTES {
        let quote = rest[at..].get(..1).filter(|sign| matches!(*sign, "\"" | "'"));
        let Some(quote) = quote.filter(|_| !rest[..at].ends_with('\\')) else { break };
        let after = at + 1 + closing(&rest[at + 1..], quote) + 1;
        if is_open(&text[..start], quote) || after > rest.len() {
            break;
        }
        at = after + rest[after..].find(ends).unwrap_or(rest.len() - after);
    }
    start..start + at
}

/// Whether a text ends within a quotation on its last line.
fn is_open(text: &str, quote: &str) -> bool {
    let signs = text.bytes().rev().take(LONGEST_LINE).take_while(|byte| *byte != b'\n');
    signs.filter(|byte| quote.as_bytes().contains(byte)).count() % 2 == 1
}

/// The quote that a text begins with, which may be escaped; empty if there is none.
pub(super) fn opening(text: &str) -> &str {
    let escapes = text.bytes().take(ESCAPES).take_while(|byte| *byte == b'\\').count();
    if text[escapes..].starts_with(['"', '\'']) { &text[..=escapes] } else { "" }
}

fn closing(text: &str, quote: &str) -> usize {
    if quote != "\"" {
        return text.find(quote).unwrap_or(text.len());
    }
    let mut escaped = false;
    let closes = |byte: u8| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    };
    text.bytes().position(closes).unwrap_or(text.len())
}

/// The lines of a text and where each begins.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let begins = at;
        at += line.len() + 1;
        (begins, line)
    })
}
