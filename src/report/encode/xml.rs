//! The encoder for text and attributes of XML.

use super::{Symbols, Untrusted, printable};

/// Encodes `text` for an element's text or an attribute between double quotes.
pub(in crate::report) fn xml_text(text: &Untrusted) -> String {
    let mut encoded = String::new();
    for character in printable(text, Symbols::Unicode).chars() {
        match character {
            '&' => encoded.push_str("&amp;"),
            '<' => encoded.push_str("&lt;"),
            '>' => encoded.push_str("&gt;"),
            '"' => encoded.push_str("&quot;"),
            '\'' => encoded.push_str("&apos;"),
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
    fn no_text_opens_or_closes_anything() {
        for text in HOSTILE {
            let encoded = xml_text(&Untrusted::new(*text));
            assert!(!encoded.contains(['<', '>', '"', '\'', '\u{1b}', '\u{0}']), "{encoded}");
            assert!(!encoded.replace("&amp;", "").replace("&lt;", "").contains("&a;"), "{encoded}");
        }
        assert_eq!(xml_text(&Untrusted::new("a<b & \"c\"")), "a&lt;b &amp; &quot;c&quot;");
    }
}
