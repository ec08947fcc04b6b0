//! Secrets in contents that are kept: they are left out, and the length stays.
//!
//! What is no text stays as it is.

use crate::secrecy::{HIDDEN, hide, hide_in_published, hide_in_record};

/// What the names in a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Settings and commands: names may tell that a value is a secret.
    Settings,
    /// Packages and what they say of themselves.
    Packages,
    /// Files; there is nothing to hide.
    Lists,
    /// Packages as a distribution publishes them; only URLs have secrets.
    Published,
}

/// A content without the secrets in it, as long as it was.
pub(crate) fn without_secrets(names: Names, content: Vec<u8>) -> Vec<u8> {
    let hide = match names {
        Names::Lists => return content,
        Names::Published => hide_in_published,
        Names::Packages => hide_in_record,
        Names::Settings => hide,
    };
    if content.contains(&0) {
        return content;
    }
    let mut found = false;
    let mut hidden = Vec::new();
    for chunk in content.utf8_chunks() {
        let (text, secrets) = hide(chunk.valid());
        found |= !secrets.is_empty();
        hidden.extend_from_slice(text.as_bytes());
        hidden.extend_from_slice(chunk.invalid());
    }
    if !found {
        return content;
    }
    // A file's records are complete as long as their length is the file's.
    fitted(hidden, content.len())
}

/// Blank lines make up for what is missing; what is too much are signs that stand for a secret.
fn fitted(mut content: Vec<u8>, length: usize) -> Vec<u8> {
    let mut excess = content.len().saturating_sub(length);
    let sign = HIDDEN.as_bytes();
    let (mut from, mut to) = (0, 0);
    while from < content.len() {
        content[to] = content[from];
        if excess > 0 && content[from..].starts_with(sign) {
            from += sign.len();
            excess = excess.saturating_sub(sign.len() - 1);
        } else {
            from += 1;
        }
        to += 1;
    }
    content.truncate(to);
    content.resize(length, b'\n');
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_lengths_stay() {
        let check = |names: Names, content: &str, expected: &str| {
            let hidden = without_secrets(names, content.as_bytes().to_vec());
            assert_eq!(hidden.len(), content.len(), "{content}");
            assert_eq!(String::from_utf8_lossy(&hidden).trim_end(), expected);
        };
        let url = r#"{"url": "https://me:hunter2@git.example/x"}"#;
        let hidden = r#"{"url": "https://me:***@git.example/x"}"#;
        check(Names::Packages, url, hidden);
        check(Names::Settings, url, hidden);
        check(Names::Published, url, hidden);
        check(Names::Lists, url, url);
        check(Names::Published, "Secret: a\nTOKEN=b", "Secret: a\nTOKEN=b");
        let named = r#"{"jsonwebtoken": "^9.0.2"}"#;
        check(Names::Packages, named, named);
        check(Names::Settings, "API_TOKEN=hunter2\nA=b", "API_TOKEN=***\nA=b");
        check(Names::Settings, "API_TOKEN=h2 B_TOKEN=j3", "API_TOKEN=* B_TOKEN=***");
        check(Names::Settings, "", "");
    }

    #[test]
    fn what_is_no_text_stays() {
        let check = |content: &[u8], expected: &[u8]| {
            assert_eq!(without_secrets(Names::Settings, content.to_vec()), expected);
        };
        check(b"\0TOKEN=hunter2", b"\0TOKEN=hunter2");
        check(b"\xff TOKEN=hunter2 \xfe", b"\xff TOKEN=*** \xfe\n\n\n\n");
    }
}
