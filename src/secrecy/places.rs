//! Where secrets stand in a text: in URLs, assignments, options, headers and members, or by their
//! looks.

use std::ops::Range;

use super::pipes::pipes;
use super::{LONG, fingerprint, is_literal, is_secret_name};

/// How tokens of known services begin.
const TOKENS: &[&str] = &[
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hf_",
    "npm_",
    "pypi-",
    "xoxb-",
    "xoxp-",
    "sk-ant-",
    "sk-proj-",
    "dckr_pat_",
    "AIza",
    "dop_v1_",
    "shpat_",
    "sq0atp-",
    "sk_live_",
    "rk_live_",
];
/// Fewer characters after that are something else.
const TOKEN: usize = 16;
/// Shorter parts of a channel's URL are names.
const CHANNEL: usize = 8;
/// Longer names are none.
const LONGEST_NAME: usize = 128;

/// Where a secret stands, and its name.
pub(super) type Span = (Range<usize>, String);

/// All of them, in no order; one may be found in several ways.
pub(super) fn all(text: &str) -> Vec<Span> {
    let finders =
        [urls, channels, assignments, options, headers, members, short_options, pipes, tokens];
    finders.iter().flat_map(|find| find(text)).collect()
}

/// Those that are told by more than a name.
pub(super) fn in_record(text: &str) -> Vec<Span> {
    [urls, channels, queries, tokens].iter().flat_map(|find| find(text)).collect()
}

/// Passwords in URLs, or user names that stand alone and are long.
fn urls(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let rest = &text[start..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`');
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let Some((user, host)) = authority.rsplit_once('@') else { continue };
        let (from, value) = match user.split_once(':') {
            Some((name, password)) => (start + name.len() + 1, password),
            None => (start, user),
        };
        if is_literal(value) && (from > start || value.len() >= LONG) {
            found.push((from..from + value.len(), format!("password for {host}")));
        }
    }
    found
}

/// `/t/TOKEN/` in URLs of conda's channels.
fn channels(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("/t/") {
        let url = text[..at].rfind("://").map(|start| &text[start + 3..at]);
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
        let Some(before) = url.filter(|url| !url.contains(ends)) else { continue };
        let start = at + mark.len();
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = text[start..].bytes().take_while(is_token).count();
        let value = &text[start..start + length];
        let is_ended = text[start + length..].chars().next().is_none_or(|c| c == '/' || ends(c));
        let has_digits = value.bytes().any(|byte| byte.is_ascii_digit());
        if is_ended && has_digits && length >= CHANNEL && is_literal(value) {
            let authority = before.split('/').next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            found.push((start..start + length, format!("token for {host}")));
        }
    }
    found
}

/// Those assignments that are in the query of a URL.
fn queries(text: &str) -> Vec<Span> {
    let is_query = |(range, name): &Span| {
        let before = range.start.checked_sub(name.len() + 2).and_then(|at| text.as_bytes().get(at));
        matches!(before, Some(b'?' | b'&'))
    };
    assignments(text).into_iter().filter(is_query).collect()
}

/// `NAME=value` and `ENV NAME value`.
fn assignments(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('=') {
        let name = name_before(&text[..at]);
        let follows = text[at + 1..].starts_with('=');
        if follows || !is_secret_name(name) {
            continue;
        }
        let range = value_at(text, at + 1);
        if is_literal(&text[range.clone()]) {
            found.push((range, name.trim_start_matches('-').to_owned()));
        }
    }
    for (at, _) in text.match_indices("ENV ") {
        let mut words = text[at + 4..].splitn(2, ' ');
        let (name, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let first = at == 0 || text[..at].ends_with([' ', '\n']);
        if first && !name.contains('=') && is_secret_name(name) && is_literal(value) {
            let start = at + 4 + name.len() + 1;
            let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
            found.push((start..end, name.to_owned()));
        }
    }
    found
}

fn name_before(text: &str) -> &str {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = text.bytes().rev().take(LONGEST_NAME).take_while(is_name).count();
    &text[text.len() - length..]
}

/// The value at a place: up to the closing quote, or the next blank or operator.
fn value_at(text: &str, start: usize) -> Range<usize> {
    let rest = &text[start..];
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inside = &rest[1..];
        let end = inside.find(quote).unwrap_or(inside.len());
        return start + 1..start + 1 + end;
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | ')' | '"' | '\'' | '<');
    start..start + rest.find(ends).unwrap_or(rest.len())
}

/// `--password value`.
fn options(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, _) in
        text.match_indices([' ', '\n']).filter(|(at, _)| text[at + 1..].starts_with("--"))
    {
        let word = &text[at + 1..];
        let Some(end) = word.find(char::is_whitespace) else { continue };
        let name = word[..end].trim_start_matches('-');
        let start = at + 1 + end + 1;
        if name.contains('=') || !is_secret_name(name) || start > text.len() {
            continue;
        }
        let Some(rest) = text.get(start..) else { continue };
        let range = value_at(text, start);
        let value = &text[range.clone()];
        // Base64 may end with it.
        let is_value = !value.trim_end_matches('=').contains('=');
        if !rest.starts_with('-') && is_value && is_literal(value) {
            found.push((range, name.to_owned()));
        }
    }
    found
}

/// `Authorization: Bearer value` and `Private-Token: value`.
fn headers(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(": ") {
        let name = name_before(&text[..at]);
        let mut start = at + 2;
        if name.eq_ignore_ascii_case("authorization") {
            let rest = &text[start..];
            start += rest.find(' ').map_or(0, |end| end + 1);
        } else if !(name.contains('-') && is_secret_name(name)) {
            continue;
        }
        let range = value_at(text, start);
        if is_literal(&text[range.clone()]) {
            found.push((range, name.to_owned()));
        }
    }
    found
}

/// `"password": "value"` and `"--password", "value"`.
fn members(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for separator in ["\":", "\","] {
        for (at, _) in text.match_indices(separator) {
            let name = name_before(&text[..at]);
            let rest = &text[at + 2..];
            let start = at + 2 + (rest.len() - rest.trim_start().len());
            let is_option = separator == "\":" || name.starts_with("--");
            if !is_option || !text[start..].starts_with('"') || !is_secret_name(name) {
                continue;
            }
            let range = value_at(text, start);
            if is_literal(&text[range.clone()]) {
                found.push((range, name.trim_start_matches('-').to_owned()));
            }
        }
    }
    found
}

/// What options of one letter give to programs that take a password by them.
fn short_options(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut program = "";
    let mut option = "";
    let mut at = 0;
    for word in text.split([' ', '\t', '\n']) {
        let start = at;
        at += word.len() + 1;
        let is_operator = matches!(word, "&&" | "||" | "|" | ";" | "\\");
        if is_operator {
            (program, option) = ("", "");
        } else if matches!(
            word,
            "curl" | "wget" | "sshpass" | "login" | "mysql" | "mysqladmin" | "useradd" | "usermod"
        ) {
            (program, option) = (word, "");
        } else if let Some(range) = password_in(program, option, word, start) {
            let range = range.start + quotes(&text[range.clone()])..range.end;
            let end = range.start + text[range.clone()].trim_end_matches(['"', '\'', ';']).len();
            if is_literal(&text[range.start..end]) && range.start < end {
                found.push((range.start..end, format!("password of {program}")));
            }
            option = "";
        } else {
            option = word;
        }
    }
    found
}

fn quotes(value: &str) -> usize {
    value.len() - value.trim_start_matches(['"', '\'']).len()
}

/// The part of a word after an option of a program that is a password.
fn password_in(program: &str, option: &str, word: &str, start: usize) -> Option<Range<usize>> {
    let whole = start..start + word.len();
    match (program, option) {
        ("curl", "-u" | "--user" | "--proxy-user") => {
            let colon = word.find(':')?;
            Some(start + colon + 1..whole.end)
        }
        ("sshpass" | "login" | "useradd" | "usermod", "-p") => Some(whole),
        ("mysql" | "mysqladmin", _) if word.len() > 2 && word.starts_with("-p") => {
            Some(start + 2..whole.end)
        }
        _ => None,
    }
}

/// Tokens of known services, wherever they stand.
fn tokens(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for prefix in TOKENS {
        for (at, _) in text.match_indices(prefix) {
            let inside = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let length = text[at..].bytes().take_while(is_token).count();
            let random = fingerprint(&text.as_bytes()[at..at + length]).is_some();
            if !inside && length >= prefix.len() + TOKEN && random {
                found.push((at..at + length, format!("token that begins with {prefix}")));
            }
        }
    }
    found
}
