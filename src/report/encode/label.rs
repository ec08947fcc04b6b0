//! The encoder for label values of metrics in the text format of Prometheus.

use super::{Symbols, Untrusted, printable};

/// Encodes `text` for a label's value, between double quotes.
pub(in crate::report) fn label_value(text: &Untrusted) -> String {
    let mut encoded = String::new();
    for character in printable(text, Symbols::Unicode).chars() {
        match character {
            '\\' => encoded.push_str("\\\\"),
            '"' => encoded.push_str("\\\""),
            '\n' => encoded.push_str("\\n"),
            other => encoded.push(other),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::HOSTILE;
    use super::*;

    #[test]
    fn no_text_ends_its_value() {
        for text in HOSTILE {
            let encoded = label_value(&Untrusted::new(*text));
            let rest = encoded.replace("\\\\", "").replace("\\\"", "");
            assert!(!rest.contains(['"', '\\', '\n', '\r', '\u{1b}', '\u{0}']), "{encoded}");
        }
        let check = |text: &str, expected: &str| {
            assert_eq!(label_value(&Untrusted::new(text)), expected);
        };
        check("ghcr.io/owner/name", "ghcr.io/owner/name");
        check("a\"b\\c", "a\\\"b\\\\c");
    }
}
