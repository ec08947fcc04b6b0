//! Paths as a shell takes them, in a form that a report shows as it is.
//!
//! A report escapes what is not printable, and an escape means something else to a shell. Such a
//! path is spelled out for `printf`, which every shell has.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// Stands for a path that cannot be written down.
const UNWRITTEN: &str = "<path>";

/// A path, given without the slash at its start, as one word of a shell command.
pub(super) fn quoted(path: &[u8]) -> String {
    word(&[b"/", path].concat())
}

/// Several of them.
pub(super) fn all_quoted<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> String {
    paths.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A text as one word of a shell command.
pub(super) fn word(text: &[u8]) -> String {
    if text.iter().copied().all(is_plain) && !text.is_empty() {
        return String::from_utf8_lossy(text).into_owned();
    }
    match std::str::from_utf8(text).ok().filter(|text| is_shown(text)) {
        Some(text) => format!("'{}'", text.replace('\'', "'\\''")),
        // A shell takes line breaks away from the end of what a command prints.
        None if text.ends_with(b"\n") => UNWRITTEN.to_owned(),
        None => printed(text),
    }
}

/// A path in a Dockerfile where no shell reads it.
pub(super) fn unquoted(path: &[u8]) -> String {
    let is_whole = path.iter().copied().all(is_plain);
    if is_whole { format!("/{}", String::from_utf8_lossy(path)) } else { UNWRITTEN.to_owned() }
}

/// Whether a shell takes a byte as it is, wherever it stands.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._+-,@%=:".contains(&byte)
}

/// Whether reports show a text as it is.
fn is_shown(text: &str) -> bool {
    let is_shown = |c: char| match c {
        ' '..='~' => true,
        _ => c.is_alphanumeric() && c != '\u{115f}' && c.width().is_some_and(|width| width > 0),
    };
    // Escapes of reports begin with the first, orders to CI systems with the others.
    text.chars().all(is_shown) && ["\\u{", "::", "##"].iter().all(|part| !text.contains(part))
}

fn printed(text: &[u8]) -> String {
    let mut format = String::new();
    for byte in text {
        if is_plain(*byte) && !b"%:".contains(byte) {
            format.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(format, "\\{byte:03o}");
        }
    }
    format!("\"$(printf '{format}')\"")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn paths_are_quoted_where_a_shell_would_take_them_apart() {
        let check = |path: &str, expected: &str| assert_eq!(quoted(path.as_bytes()), expected);
        check("opt/a-1.0", "/opt/a-1.0");
        check("lib/x:amd64.list", "/lib/x:amd64.list");
        check("my tools/x", "'/my tools/x'");
        check("a;rm -rf/x'y", r"'/a;rm -rf/x'\''y'");
        check("tmp/übung", "'/tmp/übung'");
        check("a\u{202e}b", r#""$(printf '/a\342\200\256b')""#);
        check("a\n1", r#""$(printf '/a\0121')""#);
        check("a\\u{61} ::x", r#""$(printf '/a\134u\17361\175\040\072\072x')""#);
        check("a\n", "<path>");
    }

    #[test]
    fn a_shell_reads_what_was_quoted() {
        let paths: [&[u8]; 8] = [
            b"a b/c'd\"e",
            b"$(touch x)`y`$HOME",
            b"a\\nb%sc\\",
            b"\x01\x1b[31mx",
            b"\xff\xfe/100%",
            b"a\nb\tc",
            "\u{202e}x\u{301}".as_bytes(),
            b"~ *?[x]{a,b}#!",
        ];
        for path in paths {
            let script = format!("printf %s {}", quoted(path));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, [b"/", path].concat(), "{script}");
        }
    }
}
