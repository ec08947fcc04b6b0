//! Paths of layers, which are bytes, as text.
//!
//! What is UTF-8 stays as it is. Each byte that is not becomes `\xNN`, and a backslash that would
//! read as the start of such an escape becomes `\x5c`, so two paths never look the same.

use std::fmt::Write as _;

/// The text that stands for `path`.
pub(in crate::report) fn path_text(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        text.push_str(&chunk.valid().replace("\\x", "\\x5cx"));
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(text: &str) -> Vec<u8> {
        let mut path = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\\x") {
            path.extend(before.as_bytes());
            path.push(u8::from_str_radix(&after[..2], 16).unwrap());
            rest = &after[2..];
        }
        path.extend(rest.as_bytes());
        path
    }

    #[test]
    fn bytes_that_are_not_text_are_escaped() {
        let check = |path: &[u8], expected: &str| assert_eq!(path_text(path), expected);
        check(b"usr/bin", "usr/bin");
        check("caf\u{e9}".as_bytes(), "caf\u{e9}");
        check(b"caf\xe9/x", "caf\\xe9/x");
        check(b"\xff\xfe", "\\xff\\xfe");
        check(b"a\\xff", "a\\x5cxff");
        check(b"C:\\users", "C:\\users");
    }

    proptest! {
        #[test]
        fn any_path_reads_back(path in proptest::collection::vec(
            prop_oneof![Just(b'\\'), Just(b'x'), Just(b'5'), Just(b'c'), any::<u8>()], 0..24,
        )) {
            prop_assert_eq!(decode(&path_text(&path)), path);
        }
    }
}
