//! The HTML encoder: text that is text in an element and in a quoted attribute.
//!
//! On top of the terminal's form, so that nothing invisible gets through; the five characters that
//! mark up become entities.

use super::{Symbols, Untrusted, printable};

/// Encodes `text` for an element or a quoted attribute.
pub(in crate::report) fn html_text(text: &Untrusted) -> String {
    html_own(&printable(text, Symbols::Unicode))
}

/// Encodes the program's own words.
pub(in crate::report) fn html_own(words: &str) -> String {
    let mut shown = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            character => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::HOSTILE;
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) {
        let shown = html_text(&Untrusted::new(text));
        assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
        assert!(!shown.contains(|c: char| c.is_control()), "{shown}");
        for part in shown.split('&').skip(1) {
            let entities = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            assert!(entities.iter().any(|entity| part.starts_with(entity)), "{shown}");
        }
    }

    #[test]
    fn hostile_text_marks_nothing_up() {
        for text in HOSTILE {
            check(text);
        }
        check("</style><script>alert(1)</script>");
        check("\" onload=\"alert(1)");
        check("]]> --> <![CDATA[");
        assert_eq!(html_text(&Untrusted::new("a & b")), "a &amp; b");
    }

    proptest! {
        #[test]
        fn no_text_marks_anything_up(text: String) {
            check(&text);
        }
    }
}
