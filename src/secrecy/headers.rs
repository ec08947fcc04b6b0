//! Secrets in the headers of requests.

use super::places::Span;
use super::values::{name_before, opening, value_at};
use super::{is_literal, is_secret_name};

/// How credentials may be sent; the value follows.
const SCHEMES: &[&str] =
    &["bearer", "basic", "token", "digest", "apikey", "negotiate", "oauth", "jwt", "bot", "splunk"];
const LONGEST_SCHEME: usize = 16;

/// `Authorization: Bearer value`, `Cookie: value` and `Private-Token: value`.
pub(super) fn headers(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut done = 0;
    for (at, _) in text.match_indices(':') {
        let before = text[..at].trim_end_matches(['"', '\'', '\\']);
        let word = name_before(before);
        let name = word.strip_prefix("-H").unwrap_or(word);
        if at < done || name.is_empty() {
            continue;
        }
        let rest = text[at + 1..].trim_start_matches(' ');
        let mut start = text.len() - rest.len();
        let is_member = before.len() < at;
        if is_member {
            start += opening(rest).len();
        }
        let head = &before[..before.len() - name.len()];
        let is_apart = rest.len() + at + 1 < text.len();
        let range = match name.to_ascii_lowercase().as_str() {
            "authorization" | "proxy-authorization" => authorization(text, head, start),
            "cookie" | "set-cookie" => start..start + line(&text[start..]),
            lower if !is_member && is_secret_name(name) => {
                let is_header = name.contains('-') && (is_apart || lower.starts_with("x-"));
                if !is_header && !is_argument(head) {
                    continue;
                }
                value_at(text, start)
            }
            _ => continue,
        };
        if range.start == start {
            done = range.end;
        }
        if is_literal(&text[range.clone()]) {
            found.push((range, name.to_owned()));
        }
    }
    found
}

/// Up to the end of a line or of a quoted text.
fn line(text: &str) -> usize {
    text.find(['"', '\'', '\n']).unwrap_or(text.len())
}

/// The value after a known scheme; without one, all that the header has.
fn authorization(text: &str, head: &str, start: usize) -> std::ops::Range<usize> {
    let rest = &text[start..];
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric();
    let length = rest.bytes().take(LONGEST_SCHEME).take_while(is_scheme).count();
    let word = rest[..length].to_ascii_lowercase();
    if SCHEMES.contains(&word.as_str()) && rest[length..].starts_with(' ') {
        return value_at(text, start + length + 1);
    }
    if head.ends_with(['"', '\'']) && opening(rest).is_empty() {
        return start..start + line(rest);
    }
    value_at(text, start)
}

/// Whether a header's option stands before its name.
fn is_argument(head: &str) -> bool {
    let head = head.trim_end_matches(['"', '\'']);
    ["-H", "-H ", "--header ", "--header="].iter().any(|option| head.ends_with(option))
}
