//! The CSV encoder: a field that a spreadsheet takes for text.
//!
//! A text that could start a formula gets an apostrophe in front, and so does one that starts with
//! an apostrophe, so that the original can be had back. Quoting is left to the writer.

use super::{Symbols, Untrusted, printable};

/// Encodes `text` as the content of a CSV field.
pub(in crate::report) fn csv_field(text: &Untrusted) -> String {
    let shown = printable(text, Symbols::Ascii);
    if shown.starts_with(opens_formula) { format!("'{shown}") } else { shown }
}

fn opens_formula(first: char) -> bool {
    matches!(
        first,
        '=' | '+' | '-' | '@' | '\'' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_become_text() {
        let check = |text: &str, expected: &str| {
            assert_eq!(csv_field(&Untrusted::new(text)), expected);
        };
        check("RUN true", "RUN true");
        check("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check("'=1", "''=1");
        check("\t=1", "\\u{9}=1");
        check("a\nb", "a\\u{a}b");
    }

    proptest! {
        #[test]
        fn no_field_starts_a_formula_or_a_line(text: String) {
            let field = csv_field(&Untrusted::new(text));
            let first = field.chars().next().unwrap_or('x');
            prop_assert!(first == '\'' || !opens_formula(first));
            prop_assert!(!field.contains(|c: char| c.is_control()));
        }
    }
}
