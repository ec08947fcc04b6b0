//! Names and values in text: where they begin and end.

use std::ops::Range;

/// Longer names are none.
const LONGEST_NAME: usize = 128;
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
    start..start + rest.find(ends).unwrap_or(rest.len())
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
