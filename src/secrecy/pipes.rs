//! Passwords that a command prints for another one to read.

use super::is_literal;
use super::places::Span;
use super::values::described;

/// Programs that read lines of `user:password`.
const USERS: &str = "chpasswd";
/// Options by which programs read a password from a pipe.
const STDIN: &[&str] = &["--password-stdin", "--with-token", "--stdin", "--passphrase-fd"];

/// `echo user:password | chpasswd`, `chpasswd <<< user:password` and
/// `echo password | PROGRAM --password-stdin`.
pub(super) fn pipes(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('|') {
        if text[at + 1..].starts_with('|') || text[..at].ends_with('|') {
            continue;
        }
        let Some(start) = printed(&text[..at]) else { continue };
        let reader = command(&text[at + 1..]);
        if reads_users(reader) {
            found.extend(users(text, start, at));
        } else if reads_password(reader) {
            found.extend(last(text, start, at, reader));
        }
    }
    let mut start = 0;
    for part in text.split_inclusive(is_separator) {
        let before = part.split("<<<").next().unwrap_or_default();
        let runs = before.trim_start();
        if before.len() < part.len() && reads_users(runs.strip_prefix("RUN ").unwrap_or(runs)) {
            let end = start + part.trim_end_matches(is_separator).len();
            found.extend(users(text, (start + before.len() + 3).min(end), end));
        }
        start += part.len();
    }
    found
}

fn is_separator(c: char) -> bool {
    matches!(c, '|' | '&' | ';' | '\n')
}

/// A command up to the next one.
fn command(text: &str) -> &str {
    &text[..text.find(is_separator).unwrap_or(text.len())]
}

fn reads_users(command: &str) -> bool {
    let mut words = command.split_whitespace().skip_while(|word| *word == "sudo");
    words.next().is_some_and(|word| word.rsplit('/').next() == Some(USERS))
}

fn reads_password(command: &str) -> bool {
    let by_sudo = command.trim_start().starts_with("sudo ");
    command.split_whitespace().any(|word| STDIN.contains(&word) || (by_sudo && word == "-S"))
}

/// Where that begins which the last command of a text prints.
fn printed(text: &str) -> Option<usize> {
    let from = text.rfind(is_separator).map_or(0, |separator| separator + 1);
    let after = |name: &str| text[from..].rfind(name).map(|at| from + at + name.len());
    after("echo ").or_else(|| after("printf "))
}

/// The passwords of `user:password` words.
fn users(text: &str, start: usize, end: usize) -> Vec<Span> {
    let mut found = Vec::new();
    let lines = words(text, start, end).flat_map(|(mut at, word)| {
        word.split("\\n").map(move |line| {
            let begins = at;
            at += line.len() + 2;
            (begins, line)
        })
    });
    for (at, line) in lines {
        let Some((user, password)) = line.split_once(':') else { continue };
        if !user.is_empty() && !password.is_empty() && is_literal(password) {
            let from = at + user.len() + 1;
            found.push((from..from + password.len(), described("password of ", user)));
        }
    }
    found
}

/// The last word that is printed.
fn last(text: &str, start: usize, end: usize, reader: &str) -> Option<Span> {
    let (at, word) = words(text, start, end).last()?;
    let password = word.split("\\n").next().unwrap_or_default();
    let reader = reader.split_whitespace().next().unwrap_or_default();
    let is_value = !password.is_empty() && !password.starts_with('-') && is_literal(password);
    is_value.then(|| (at..at + password.len(), described("password for ", reader)))
}

/// The words between two places, without quotes.
fn words(text: &str, start: usize, end: usize) -> impl Iterator<Item = (usize, &str)> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let mut at = start;
    text[start..end]
        .split(ends)
        .map(move |word| {
            let begins = at;
            at += word.len() + 1;
            (begins, word)
        })
        .filter(|(_, word)| !word.is_empty())
}
