//! What instructions of a Dockerfile declare: variables, arguments and labels.
//!
//! The history has their values without quotes, so that a value may have blanks: it ends where the
//! next name with a value begins.

use super::places::Span;
use super::values::lines;
use super::{is_literal, is_secret_name};

const INSTRUCTIONS: &[&str] = &["ENV ", "ARG ", "LABEL "];
/// What the classic builder puts before them.
const NO_OPERATION: &str = "#(nop)";

/// `ENV NAME=value NAME=value`, `ENV NAME value` and `|1 NAME=value /bin/sh -c …`.
pub(super) fn declared(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, line) in lines(text) {
        let rest = line.split_once(NO_OPERATION).map_or(line, |(_, rest)| rest).trim_start();
        let start = at + line.len() - rest.len();
        if let Some(verb) = INSTRUCTIONS.iter().find(|verb| rest.starts_with(**verb)) {
            let end = at + line.trim_end_matches(['\\', ' ', '\r']).len();
            found.extend(pairs(text, start + verb.len(), end));
        }
    }
    // The values of build arguments may have lines.
    if let Some(length) = arguments(text) {
        found.extend(pairs(text, 0, length));
    }
    found.extend(single(text));
    found
}

/// How long the list of build arguments is that a text begins with.
fn arguments(text: &str) -> Option<usize> {
    let list = text.strip_prefix("RUN ").unwrap_or(text).strip_prefix('|')?;
    if !list.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut at = text.len() - list.len();
    for word in list.split(' ') {
        if is_shell(word) {
            return Some(at);
        }
        at += word.len() + 1;
    }
    Some(text.len())
}

fn is_shell(word: &str) -> bool {
    (word.starts_with('/') && word.ends_with("sh")) || matches!(word, "cmd" | "powershell" | "pwsh")
}

/// Secrets in `NAME=value NAME=value`.
fn pairs(text: &str, start: usize, end: usize) -> Vec<Span> {
    let Some(list) = text.get(start..end) else { return Vec::new() };
    let mut names: Vec<(usize, &str)> = Vec::new();
    let mut at = start;
    for word in list.split(' ') {
        let name = word.split('=').next().unwrap_or_default();
        if name.len() < word.len() && is_name(name) {
            names.push((at, name));
        }
        at += word.len() + 1;
    }
    let ends = names.iter().skip(1).map(|(next, _)| *next).chain([end]);
    let mut found = Vec::new();
    for ((at, name), end) in names.iter().zip(ends) {
        let from = at + name.len() + 1;
        if !is_secret_name(name) {
            continue;
        }
        let value = text[from..end].trim_end();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inside =
            quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
        let from = from + usize::from(inside.len() < value.len());
        if is_literal(inside) {
            found.push((from..from + inside.len(), (*name).to_owned()));
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// `ENV NAME value`.
fn single(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut done = 0;
    for (at, _) in text.match_indices("ENV ") {
        let begins = at == 0 || text[..at].ends_with([' ', '\n']);
        let name = text[at + 4..].split([' ', '\n']).next().unwrap_or_default();
        let start = at + 4 + name.len() + 1;
        if at < done || !begins || name.contains('=') || !is_secret_name(name) {
            continue;
        }
        let line = text.get(start..).and_then(|rest| rest.split('\n').next()).unwrap_or_default();
        done = start + line.len();
        if text[..start.min(text.len())].ends_with(' ') && is_literal(line) {
            found.push((start..done, name.to_owned()));
        }
    }
    found
}
