//! Telling secrets in text by the names that they are given and by their looks, and hiding them.
//!
//! What is told of a secret is its name and, where it can hardly be guessed, a fingerprint by which
//! two places can be seen to have the same one. A value is never kept. It errs on the side of
//! hiding: a harmless value under a telling name is hidden, too.

use std::ops::Range;

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

/// Words of a name that call its value a secret.
const WORDS: &[&str] = &["token", "secret", "password", "passwd", "passphrase", "apikey"];
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
const PUBLIC: &[&str] = &["gpg", "pgp", "keyring", "public", "pub"];
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
/// Shorter values may be found by trying.
const LONG: usize = 20;
/// So may those with less entropy, in bits per byte.
const RANDOM: f64 = 3.5;
/// Longer names are none.
const LONGEST_NAME: usize = 128;

/// Whether the value of what has this name is a secret.
pub fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(last) = words.last() else { return false };
    if ABOUT.contains(last) || words.iter().any(|word| PUBLIC.contains(word)) {
        return false;
    }
    let telling = |word: &&str| WORDS.iter().any(|known| word.ends_with(known));
    let pair = |two: &[&str]| PAIRS.iter().any(|(one, other)| two == [*one, *other]);
    words.iter().any(telling)
        || words.windows(2).any(pair)
        || (words.len() == 1 && matches!(*last, "auth" | "pass" | "sig"))
        || (words.len() > 1 && matches!(*last, "pass" | "pwd"))
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
    let refers = value.starts_with(['$', '<', '{', '%', '`', '@'])
        || value.contains("${")
        || value.contains("$(");
    let same = value.chars().all(|c| value.starts_with(c));
    !(refers
        || same
        || PLACEHOLDERS.contains(&lower.as_str())
        || PLACEHOLDER_PARTS.iter().any(|part| lower.contains(part)))
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
    let mut spans = urls(text);
    spans.extend(assignments(text));
    spans.extend(options(text));
    spans.extend(headers(text));
    spans.extend(members(text));
    spans.extend(short_options(text));
    spans.extend(tokens(text));
    spans.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let (mut hidden, mut secrets) = (String::with_capacity(text.len()), Vec::new());
    let mut at = 0;
    for (range, name) in spans {
        if range.start < at {
            continue;
        }
        let fingerprint = fingerprint(text[range.clone()].as_bytes());
        secrets.push(Secret { name, fingerprint });
        hidden.push_str(&text[at..range.start]);
        hidden.push_str(HIDDEN);
        at = range.end;
    }
    hidden.push_str(&text[at..]);
    (hidden, secrets)
}

/// Where a secret stands, and its name.
type Span = (Range<usize>, String);

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
    for (at, _) in text.match_indices(" --") {
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
        } else if matches!(word, "curl" | "wget" | "sshpass" | "login" | "mysql" | "mysqladmin") {
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
        ("sshpass" | "login", "-p") => Some(whole),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_secrets() {
        let check = |expected: bool, names: &[&str]| {
            for name in names {
                assert_eq!(is_secret_name(name), expected, "{name}");
            }
        };
        check(
            true,
            &[
                "TOKEN",
                "GITHUB_TOKEN",
                "_authToken",
                "DB_PASSWORD",
                "dbpassword",
                "API_KEY",
                "aws_secret_access_key",
                "client-key-data",
                "--api-key",
                "OPENAI_APIKEY",
                "pass",
                "auth",
                "_auth",
                "MYSQL_PWD",
                "private_key",
                "identitytoken",
                "NPM_SECRET",
            ],
        );
        check(
            false,
            &[
                "",
                "PATH",
                "PWD",
                "GPG_KEY",
                "SSH_PUBLIC_KEY",
                "TOKENIZERS_PARALLELISM",
                "aws_access_key_id",
                "token_uri",
                "MAX_TOKENS",
                "PASSWORD_FILE",
                "DEBIAN_FRONTEND",
                "SECRET_VERSION",
                "KEY",
                "password-stdin",
                "author",
                "NODE_AUTH_TOKEN_TYPE",
            ],
        );
    }

    #[test]
    fn secrets_are_hidden_in_texts() {
        let check = |text: &str, expected: &str, names: &[&str]| {
            let (hidden, secrets) = hide(text);
            let found: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
            assert_eq!((hidden.as_str(), &found[..]), (expected, names), "{text}");
        };
        check("ENV TOKEN=a1b2c3", "ENV TOKEN=***", &["TOKEN"]);
        check("ENV TOKEN a1b2 c3", "ENV TOKEN ***", &["TOKEN"]);
        check(
            "RUN |2 A=b API_KEY=x9 /bin/sh -c y",
            "RUN |2 A=b API_KEY=*** /bin/sh -c y",
            &["API_KEY"],
        );
        check("RUN PASSWORD=\"a b\" c && d", "RUN PASSWORD=\"***\" c && d", &["PASSWORD"]);
        check(
            "RUN git clone https://me:t0psecret@git.example/x",
            "RUN git clone https://me:***@git.example/x",
            &["password for git.example"],
        );
        check("RUN login --password hunter2 -u x", "RUN login --password *** -u x", &["password"]);
        check(
            "RUN curl -H \"Authorization: Bearer abc.def\" u",
            "RUN curl -H \"Authorization: Bearer ***\" u",
            &["Authorization"],
        );
        check(
            "RUN hf login x ghp_0123456789abcdefghijABCDEFGHIJ012345",
            "RUN hf login x ***",
            &["token that begins with ghp_"],
        );
        check("RUN curl -u me:s3cr3t u", "RUN curl -u me:*** u", &["password of curl"]);
        check("RUN sshpass -p s3cr3t ssh x", "RUN sshpass -p *** ssh x", &["password of sshpass"]);
        check(
            "RUN docker login -u a -p 'h2' r && mysql -u root -ph2 x",
            "RUN docker login -u a -p '***' r && mysql -u root -p*** x",
            &["password of login", "password of mysql"],
        );
        check(
            r#"CMD ["x","--password","h2","-v"]"#,
            r#"CMD ["x","--password","***","-v"]"#,
            &["password"],
        );
        check(r#"RUN echo {"auth":"YTpi"}"#, r#"RUN echo {"auth":"***"}"#, &["auth"]);
        check("RUN wget https://x/y?sig=ab12", "RUN wget https://x/y?sig=***", &["sig"]);
        check("RUN az --account-key ab12==", "RUN az --account-key ***", &["account-key"]);
        for harmless in [
            "RUN mkdir -p /a/b && mysql -u root -p && ssh-keygen -p x && curl -u me u",
            "ENV GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
            "RUN --mount=type=secret,id=npm TOKEN=$(cat /run/secrets/npm) npm ci",
            "ARG TOKEN",
            "ENV TOKEN=",
            "RUN docker login --password-stdin registry.example",
            "RUN curl https://user@host.example/x http://a.example/@scope",
            "ENV JUPYTER_TOKEN=changeme TOKENIZERS_PARALLELISM=false",
            "RUN if [ \"$SECRET\" == \"\" ]; then x; fi",
            "RUN pip install hf_transfer sk-learn",
        ] {
            check(harmless, harmless, &[]);
        }
    }

    #[test]
    fn what_could_be_guessed_has_no_fingerprint() {
        assert_eq!(fingerprint(b"hunter2"), None);
        assert_eq!(fingerprint(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaa"), None);
        let random = b"9fQ2xLr8Vb1TzK6mWc3HsY7d";
        assert_eq!(fingerprint(random).map(|digits| digits.len()), Some(8));
    }
}
