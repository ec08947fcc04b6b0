//! Where secrets stand in a text: in URLs, assignments, options, headers and members, or by their
//! looks.

use std::ops::Range;

use super::arguments::arguments;
use super::declared::declared;
use super::headers::headers;
use super::pipes::pipes;
use super::settings::{fields, netrc, settings};
use super::values::{described, name_before, opening, value_at};
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

/// What stands between the scheme of a URL and its authority.
const SCHEME_END: &str = "://";
/// Longer kinds of keys are none.
const LONGEST_KIND: usize = 64;
/// Members of a package's record that are settings, unless their value is a version.
const OWN: &[&str] =
    &["auth", "password", "passwd", "token", "secret", "api_key", "apiKey", "authToken"];

/// Where a secret stands, and its name.
pub(super) type Span = (Range<usize>, String);

/// All of them, in no order; one may be found in several ways.
pub(super) fn all(text: &str) -> Vec<Span> {
    let finders = [
        urls,
        channels,
        declared,
        assignments,
        options,
        headers,
        members,
        arguments,
        pipes,
        settings,
        netrc,
        keys,
        tokens,
    ];
    finders.iter().flat_map(|find| find(text)).collect()
}

/// Those that are told by more than a name, or by a name that no package has.
pub(super) fn in_record(text: &str) -> Vec<Span> {
    let finders = [urls, channels, queries, own_members, fields, keys, tokens];
    finders.iter().flat_map(|find| find(text)).collect()
}

/// Passwords in URLs, or user names that stand for one.
pub(super) fn urls(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (start, word) in after_schemes(text) {
        let authority = word.split(['/', '?', '#']).next().unwrap_or_default();
        let whole = if is_cut(word, authority) { word } else { authority };
        let Some((user, host)) = whole.rsplit_once('@') else { continue };
        let (from, value) = match user.split_once(':') {
            Some((name, "x-oauth-basic")) => (start, name),
            Some((name, "")) => (start, if is_long_name(name) { name } else { "" }),
            Some((name, password)) => (start + name.len() + 1, password),
            None => (start, if user.len() >= LONG { user } else { "" }),
        };
        if is_literal(value) {
            let host = host.split(['/', '?', '#']).next().unwrap_or_default();
            found.push((from..from + value.len(), described("password for ", host)));
        }
    }
    found
}

/// What follows each `://` in its URL, and where that starts.
fn after_schemes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    let parts = text.split(SCHEME_END).map(move |part| {
        let start = next;
        next += part.len() + SCHEME_END.len();
        (start, part.split(ends_url).next().unwrap_or_default())
    });
    parts.skip(1)
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`')
}

/// Whether a user name without a password is a token.
fn is_long_name(name: &str) -> bool {
    let has_digit = name.bytes().any(|byte| byte.is_ascii_digit());
    name.len() >= LONG || (name.len() >= CHANNEL && has_digit)
}

/// Whether a password has the sign that ended the authority; what follows a host is a port.
fn is_cut(word: &str, authority: &str) -> bool {
    let port = authority.split_once(':').map(|(_, port)| port);
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_password = port.is_some_and(|port| !is_port(port) && !port.starts_with(['$', '<', '{']));
    is_password
        && !authority.starts_with('[')
        && !authority.contains('@')
        && word[authority.len()..].contains('@')
}

/// `/t/TOKEN/` in URLs of conda's channels.
fn channels(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (start, word) in after_schemes(text) {
        let authority = word.split('/').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let (mut at, mut before) = (start, "");
        for value in word.split('/') {
            let has_digits = value.bytes().any(|byte| byte.is_ascii_digit());
            let is_channel = before == "t" && value.len() >= CHANNEL && has_digits;
            if is_channel && value.bytes().all(is_token) && is_literal(value) {
                found.push((at..at + value.len(), described("token for ", host)));
            }
            before = value;
            at += value.len() + 1;
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

/// `NAME=value`.
fn assignments(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut done = 0;
    for (at, _) in text.match_indices('=') {
        let name = name_before(&text[..at]);
        let follows = text[at + 1..].starts_with('=');
        if at < done || follows || !is_secret_name(name) {
            continue;
        }
        let range = value_at(text, at + 1);
        // A value without quotes has no other assignment in it.
        if range.start == at + 1 {
            done = range.end;
        }
        if is_literal(&text[range.clone()]) {
            found.push((range, name.trim_start_matches('-').to_owned()));
        }
    }
    found
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

/// `"password": "value"` and `"--password", "value"`, in quotes of either kind or escaped ones.
fn members(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, separator) in text.match_indices([':', ',']) {
        let before = text[..at].trim_end_matches(' ');
        let quoted = before.strip_suffix(['"', '\'']);
        let Some(inside) = quoted.map(|quoted| quoted.trim_end_matches('\\')) else { continue };
        let name = name_before(inside);
        let rest = text[at + 1..].trim_start();
        let is_option = separator == ":" || name.starts_with("--");
        if !is_option || opening(rest).is_empty() || !is_secret_name(name) {
            continue;
        }
        let range = value_at(text, text.len() - rest.len());
        if is_literal(&text[range.clone()]) {
            found.push((range, name.trim_start_matches('-').to_owned()));
        }
    }
    found
}

/// Those members of a record that are settings by their name, and whose value is no version.
fn own_members(text: &str) -> Vec<Span> {
    let is_own = |(range, name): &Span| {
        let is_version = text[range.clone()].starts_with(|c: char| {
            c.is_ascii_digit() || matches!(c, '^' | '~' | '>' | '<' | '=' | '*')
        });
        name.starts_with('_') || (OWN.contains(&name.as_str()) && !is_version)
    };
    members(text).into_iter().filter(is_own).collect()
}

/// Private keys, as far as they go.
fn keys(text: &str) -> Vec<Span> {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let mut found = Vec::new();
    let mut done = 0;
    for (at, _) in text.match_indices(BEGIN) {
        let kind = text[at + BEGIN.len()..].split("-----").next().unwrap_or_default();
        if at < done || kind.len() > LONGEST_KIND || !kind.contains("PRIVATE KEY") {
            continue;
        }
        let from = at + BEGIN.len() + kind.len();
        done = text[from..].find(END).map_or(text.len(), |end| {
            let end = from + end + END.len();
            text[end..].find("-----").map_or(text.len(), |rest| end + rest + "-----".len())
        });
        found.push((at..done, "private key".to_owned()));
    }
    found
}

/// Tokens of known services, wherever they stand.
fn tokens(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for prefix in TOKENS {
        let mut done = 0;
        for (at, _) in text.match_indices(prefix) {
            let inside = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
            if at < done || inside {
                continue;
            }
            let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let length = text[at..].bytes().take_while(is_token).count();
            done = at + length;
            let random = fingerprint(&text.as_bytes()[at..done]).is_some();
            if length >= prefix.len() + TOKEN && random {
                found.push((at..done, format!("token that begins with {prefix}")));
            }
        }
    }
    found
}
