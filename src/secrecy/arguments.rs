//! Passwords among the arguments of programs that take them so.

use std::ops::Range;

use super::places::Span;
use super::values::{lines, opening, value_at};
use super::{is_literal, is_secret_name};

/// Programs whose password is the argument of an option.
struct Row {
    programs: &'static [&'static str],
    /// What stands before the word with the password.
    options: &'static [&'static str],
    /// What the word itself begins with.
    attached: &'static [&'static str],
    /// Whether a user and a colon stand before it.
    user: bool,
}

const ROWS: &[Row] = &[
    Row {
        programs: &["curl"],
        options: &["-u", "-U", "--user", "--proxy-user"],
        attached: &["-u", "-U", "--user=", "--proxy-user="],
        user: true,
    },
    Row {
        programs: &["openssl"],
        options: &["-pass", "-passin", "-passout"],
        attached: &[],
        user: true,
    },
    Row {
        programs: &["sshpass", "login", "useradd", "usermod", "twine", "mongo", "mongosh"],
        options: &["-p"],
        attached: &["-p"],
        user: false,
    },
    Row {
        programs: &[
            "mysql",
            "mysqladmin",
            "mysqldump",
            "mysqlimport",
            "mysqlsh",
            "mariadb",
            "mariadb-admin",
            "mariadb-dump",
            "mariadb-import",
        ],
        options: &[],
        attached: &["-p"],
        user: false,
    },
    Row { programs: &["redis-cli"], options: &["-a"], attached: &[], user: false },
    Row { programs: &["zip", "unzip"], options: &["-P"], attached: &[], user: false },
    Row { programs: &[HTPASSWD], options: &[], attached: &[], user: false },
];
const HTPASSWD: &str = "htpasswd";
/// Words after which a name and its value follow.
const WRITERS: &[&str] = &["config", "configure"];
/// Programs that need no more than `set` for that.
const SETTERS: &[&str] = &["npm", "pnpm", "yarn"];
/// Letters of one word of its options that are looked at.
const ESSENTIAL: usize = 8;
/// What may stand around a word.
const AROUND: &[char] = &['[', ']', '(', ')', '{', '}', '"', '\'', '`', '$', ',', ';'];

/// What is known of a command before a word of it.
#[derive(Default)]
struct Command<'a> {
    row: Option<&'static Row>,
    program: &'a str,
    /// The word before.
    before: &'a str,
    /// Whether it writes settings.
    writes: bool,
    /// Of `htpasswd`: its options of one letter, and how many words are none.
    letters: String,
    operands: usize,
}

/// What options of one letter give to programs that take a password by them, the words of
/// `htpasswd -b`, and values that are set by name.
pub(super) fn arguments(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut command = Command::default();
    for (at, line) in lines(text) {
        let mut count = 0;
        for (at, word) in words(at, line) {
            count += 1;
            if matches!(word, "&&" | "||" | "|" | ";") {
                command = Command::default();
                continue;
            }
            found.extend(command.next(text, at, word));
            if word.ends_with(';') {
                command = Command::default();
            }
        }
        // Lines of one word each are the words of one command.
        if count > 1 && !line.ends_with('\\') {
            command = Command::default();
        }
    }
    found
}

/// The words of a line; those of a JSON list may have no blanks between them.
fn words(start: usize, line: &str) -> impl Iterator<Item = (usize, &str)> {
    const COMMA: &str = "\",\"";
    let mut at = start;
    line.split([' ', '\t'])
        .flat_map(move |word| {
            let mut begins = at;
            at += word.len() + 1;
            word.split(COMMA).map(move |part| {
                let start = begins;
                begins += part.len() + COMMA.len();
                (start, part)
            })
        })
        .filter(|(_, word)| !word.is_empty())
}

impl<'a> Command<'a> {
    /// Takes the next word; gives the secret in it.
    fn next(&mut self, text: &'a str, at: usize, word: &'a str) -> Option<Span> {
        let bare = word.trim_matches(AROUND);
        let secret = self.secret(text, at, word, bare);
        if secret.is_none() {
            self.learn(bare);
        }
        self.before = bare;
        secret
    }

    fn secret(&mut self, text: &str, at: usize, word: &str, bare: &str) -> Option<Span> {
        if self.writes && is_setting(self.before) && !bare.starts_with('-') && !bare.contains('=') {
            let name = self.before.rsplit([':', '/']).next().unwrap_or_default();
            return literal(text, value(text, at, word), name.to_owned());
        }
        let row = self.row?;
        let program = self.program;
        let name = || format!("password of {program}");
        if program == HTPASSWD {
            return self.is_password(bare).then(|| literal(text, value(text, at, word), name()))?;
        }
        let is_bundle = program == "curl"
            && self.before.starts_with('-')
            && !self.before.starts_with("--")
            && self.before.ends_with('u');
        if row.options.contains(&self.before) || is_bundle {
            return literal(text, part(row, text, value(text, at, word))?, name());
        }
        let quotes = word.len() - word.trim_start_matches(['"', '\'', '[']).len();
        let attached = row
            .attached
            .iter()
            .find(|option| word[quotes..].starts_with(**option) && bare.len() > option.len())?;
        // Options of one dash may have long names.
        if attached.len() == 2 && bare.trim_end_matches('=').contains('=') && !row.user {
            return None;
        }
        let start = at + quotes + attached.len();
        let rest = &word[quotes + attached.len()..];
        literal(text, part(row, text, value(text, start, rest))?, name())
    }

    /// Counts the words of `htpasswd`.
    fn is_password(&mut self, bare: &str) -> bool {
        if let Some(letters) = bare.strip_prefix('-') {
            self.letters.extend(letters.chars().take(ESSENTIAL));
            return false;
        }
        // What the hash costs.
        if self.before.starts_with('-') && self.before.ends_with(['C', 'r']) {
            return false;
        }
        self.operands += 1;
        let last = if self.letters.contains('n') { 2 } else { 3 };
        self.letters.contains('b') && self.operands == last
    }

    fn learn(&mut self, bare: &'a str) {
        // A command may stand within another one's word.
        let bare = bare.rsplit(['(', '`']).next().unwrap_or_default();
        let is_path = bare.contains('/');
        let is_program = !is_path || (self.row.is_none() && bare.starts_with(['/', '.']));
        let program = bare.rsplit('/').next().unwrap_or_default();
        let row = ROWS.iter().find(|row| is_program && row.programs.contains(&program));
        if let Some(row) = row {
            *self = Self { row: Some(row), program, ..Self::default() };
        }
        self.writes |= WRITERS.contains(&bare) || (bare == "set" && SETTERS.contains(&self.before));
    }
}

/// Where the value is that a word begins: all of a quoted text, or the word.
fn value(text: &str, start: usize, word: &str) -> Range<usize> {
    if !opening(&text[start..]).is_empty() {
        return value_at(text, start);
    }
    start..start + word.trim_end_matches(['"', '\'', ';', ')', ']', ',', '\\']).len()
}

/// What of it is the password.
fn part(row: &Row, text: &str, range: Range<usize>) -> Option<Range<usize>> {
    if !row.user {
        return Some(range);
    }
    let (user, password) = text[range.clone()].split_once(':')?;
    let is_other = password.starts_with("//") || matches!(user, "file" | "env" | "fd");
    (!is_other).then(|| range.start + user.len() + 1..range.end)
}

fn literal(text: &str, range: Range<usize>, name: String) -> Option<Span> {
    is_literal(&text[range.clone()]).then_some((range, name))
}

/// Whether a word names a setting that is a secret; prose has no such words.
fn is_setting(word: &str) -> bool {
    let is_compound =
        word.contains(['_', '-', '.', ':']) || word.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    is_compound && !word.starts_with('-') && !word.contains('=') && is_secret_name(word)
}
