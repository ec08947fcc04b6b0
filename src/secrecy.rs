//! Telling secrets in text by the names that they are given and by their looks, and hiding them.
//!
//! What is told of a secret is its name and, where it can hardly be guessed, a fingerprint by which
//! two places can be seen to have the same one. A value is never kept. It errs on the side of
//! hiding: a harmless value under a telling name is hidden, too.

mod arguments;
mod declared;
mod headers;
mod pipes;
mod places;
mod settings;
#[cfg(test)]
mod tests;
mod values;

use crate::oci::Digest;

/// What stands in place of a secret.
pub const HIDDEN: &str = "***";

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret {
    /// The name of the variable or option that has it, or what it is.
    pub name: String,
    /// Eight digits of its digest, if it is too random to be found by trying.
    pub fingerprint: Option<String>,
}

impl Secret {
    /// Whether the name says what it is, as in `password for HOST`, and is not one that somebody
    /// gave it.
    pub fn is_described(&self) -> bool {
        self.name.contains(' ')
    }
}

/// Words of a name that call its value a secret.
const WORDS: &[&str] =
    &["token", "secret", "password", "passwd", "passphrase", "apikey", "secretkey", "accesskey"];
/// Last words that do.
const LAST: &[&str] = &["secrets", "credentials", "credential", "creds"];
/// Two words in a row that do.
const PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("access", "key"),
    ("private", "key"),
    ("secret", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("account", "key"),
    ("auth", "key"),
    ("license", "key"),
    ("licence", "key"),
    ("key", "data"),
];
/// Last words of names that only tell of a secret.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "id",
    "name",
    "type",
    "ttl",
    "length",
    "size",
    "expiry",
    "expires",
    "timeout",
    "stdin",
    "version",
    "sha256",
    "sha512",
    "md5",
    "checksum",
    "fingerprint",
    "endpoint",
    "host",
    "user",
    "header",
    "algorithm",
    "method",
    "policy",
    "count",
    "enabled",
    "required",
    "parallelism",
    "limit",
    "prompt",
];
/// Words of names that are published.
const PUBLIC: &[&str] = &["keyring", "public", "pub"];
/// Words of names that are published unless they tell of more than a key.
const KEYS: &[&str] = &["gpg", "pgp"];
/// Values that stand for one.
const PLACEHOLDERS: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "dummy",
    "test",
    "empty",
    "unset",
    "value",
    "string",
    "xxx",
    "undefined",
    "default",
    "prompt",
];
const PLACEHOLDER_PARTS: &[&str] =
    &["example", "changeme", "change_me", "change-me", "your-", "your_", "placeholder", "replace"];
/// Shorter values may be found by trying.
const LONG: usize = 20;
/// So may those with less entropy, in bits per byte.
const RANDOM: f64 = 3.5;

/// Secrets of one text that are named; the rest are counted.
const MOST: usize = 100;

/// Whether the value of what has this name is a secret.
pub fn is_secret_name(name: &str) -> bool {
    let whole = words(name);
    let is_about = whole.last().is_none_or(|last| ABOUT.contains(&last.as_str()));
    // Names may be counted, as in `PASSWORD1`.
    let words: Vec<&str> = whole
        .iter()
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let Some(last) = words.last().filter(|_| !is_about && !has(PUBLIC)) else { return false };
    let telling = |word: &&str| WORDS.iter().any(|known| word.ends_with(known));
    let pair = |two: &[&str]| PAIRS.iter().any(|(one, other)| two == [*one, *other]);
    let is_one = words.len() == 1;
    // The variable for it, which has the name of a package.
    let is_known = name == "SSHPASS" || matches!(*last, "auth" | "pass");
    // It is the path of a file.
    let is_path = words.ends_with(&["application", "credentials"]);
    words.iter().any(telling)
        || (words.windows(2).any(pair) && (!has(KEYS) || has(&["private"])))
        || (LAST.contains(last) && !is_path)
        || is_known
        || (is_one && *last == "sig")
        || (!is_one && *last == "pwd")
}

/// The words of a name: `AWS_SECRET`, `authToken` and `api-key` have two each.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && lower) {
            words.push(std::mem::take(&mut word));
        }
        lower = c.is_ascii_lowercase();
        word.extend(Some(c.to_ascii_lowercase()).filter(char::is_ascii_alphanumeric));
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value is given itself, and not a reference or a placeholder.
pub fn is_literal(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let lower = value.to_ascii_lowercase();
    let is_json = ["{\"", "{\\", "{'"].iter().any(|start| value.starts_with(start));
    let refers = value.starts_with(['$', '<', '%', '`', '@'])
        || (value.starts_with('{') && !is_json)
        || is_path(value)
        || value.contains("${")
        || value.contains("$(");
    let same = value.chars().all(|c| value.starts_with(c));
    !(refers
        || same
        || PLACEHOLDERS.contains(&lower.as_str())
        || PLACEHOLDER_PARTS.iter().any(|part| lower.contains(part)))
}

/// Whether a value is the path of a file that has it.
fn is_path(value: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    value.starts_with(['/', '.', '~'])
        && value.trim_start_matches('~').bytes().all(is_part)
        && value.matches('/').count() > 1
}

/// Digits by which a secret can be told again, if nobody can find it by trying.
pub fn fingerprint(value: &[u8]) -> Option<String> {
    let random = value.len() >= LONG && entropy(value) >= RANDOM;
    random.then(|| Digest::of(value).short()[..8].to_owned())
}

/// Bits per byte, by how often each occurs.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    let whole: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let parts = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / whole);
    parts.map(|part| -part * part.log2()).sum()
}

/// The text with [`HIDDEN`] in place of secrets, and those.
pub fn hide(text: &str) -> (String, Vec<Secret>) {
    replaced(text, places::all(text))
}

/// The same of a record of packages, in which names are those of packages and tell nothing: only
/// what is a secret wherever it stands.
pub fn hide_in_record(text: &str) -> (String, Vec<Secret>) {
    replaced(text, places::in_record(text))
}

/// The same of the words of a command.
pub fn hide_in_words(words: &[String]) -> (Vec<String>, Vec<Secret>) {
    if words.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let lines: Vec<String> = words.iter().map(|word| word.replace('\n', " ")).collect();
    let (hidden, secrets) = hide(&lines.join("\n"));
    (hidden.split('\n').map(str::to_owned).collect(), secrets)
}

/// The same of what a distribution publishes: URLs may have been written into it.
pub fn hide_in_published(text: &str) -> (String, Vec<Secret>) {
    replaced(text, places::urls(text))
}

fn replaced(text: &str, spans: Vec<places::Span>) -> (String, Vec<Secret>) {
    let (mut hidden, mut secrets) = (String::with_capacity(text.len()), Vec::new());
    let (mut at, mut more) = (0, 0_usize);
    for (range, name) in joined(spans) {
        if secrets.len() < MOST {
            let fingerprint = fingerprint(text[range.clone()].as_bytes());
            secrets.push(Secret { name, fingerprint });
        } else {
            more += 1;
        }
        hidden.push_str(&text[at..range.start]);
        hidden.push_str(HIDDEN);
        at = range.end;
    }
    hidden.push_str(&text[at..]);
    if more > 0 {
        secrets
            .push(Secret { name: format!("group of {more} further secrets"), fingerprint: None });
    }
    (hidden, secrets)
}

/// Those that overlap as one, which has the name of the first.
fn joined(mut spans: Vec<places::Span>) -> Vec<places::Span> {
    spans.sort_by_key(|(range, _)| range.start);
    let mut joined: Vec<places::Span> = Vec::new();
    for (range, name) in spans {
        match joined.last_mut() {
            Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
            _ => joined.push((range, name)),
        }
    }
    joined
}
