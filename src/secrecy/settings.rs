//! Secrets in lines of settings that a command writes, or that a file has.

use super::places::Span;
use super::values::{lines, name_before, value_at};
use super::{is_literal, is_secret_name};

/// Words before the password in a line of `.netrc`.
const NETRC: usize = 6;

/// `password = value` and `password: value`, where a line or a quoted text begins with it.
pub(super) fn settings(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut done = 0;
    for (at, sign) in text.match_indices(['=', ':']) {
        let before = text[..at].trim_end_matches(' ');
        let rest = text[at + 1..].trim_start_matches(' ');
        let start = text.len() - rest.len();
        let is_apart = if sign == "=" { before.len() < at } else { start > at + 1 };
        let name = name_before(before);
        let head = &before[..before.len() - name.len()];
        if at < done || !is_apart || rest.starts_with('=') || !begins(head) || !is_secret_name(name)
        {
            continue;
        }
        let range = match head.chars().next_back().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => start..start + rest.find([quote, '\n', '\\']).unwrap_or(rest.len()),
            None => value_at(text, start),
        };
        if range.start == start {
            done = range.end;
        }
        let value = &text[range.clone()];
        if is_literal(value) && !value.contains(['(', '[']) {
            found.push((range, name.to_owned()));
        }
    }
    found
}

/// Whether a name after this text begins a line.
fn begins(before: &str) -> bool {
    let trimmed = before.trim_end_matches(' ');
    let by_blank =
        trimmed.is_empty() || ["\n", "\n-", "echo"].iter().any(|end| trimmed.ends_with(end));
    by_blank || before.ends_with(['"', '\'', '{', ',', '\\'])
}

/// `Name: value` of the lines of a record.
pub(super) fn fields(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, line) in lines(text) {
        let Some((name, rest)) = line.split_once(": ") else { continue };
        let value = rest.trim();
        let start = at + line.len() - rest.trim_start().len();
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_name && is_secret_name(name) && is_literal(value) {
            found.push((start..start + value.len(), name.to_owned()));
        }
    }
    found
}

/// `machine HOST login USER password VALUE`.
pub(super) fn netrc(text: &str) -> Vec<Span> {
    const WORD: &str = "password ";
    let mut found = Vec::new();
    for (at, _) in text.match_indices(WORD) {
        let mut before = text[..at].rsplit([' ', '\n', '"', '\'']).take(NETRC);
        let range = value_at(text, at + WORD.len());
        let value = text[range.clone()].split('\\').next().unwrap_or_default();
        let follows = text[..at].ends_with([' ', '\n']);
        if follows && before.any(|word| matches!(word, "machine" | "login")) && is_literal(value) {
            found.push((range.start..range.start + value.len(), "password".to_owned()));
        }
    }
    found
}
