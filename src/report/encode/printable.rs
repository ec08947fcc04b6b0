//! The terminal's encoder: text that stays on its line and looks like itself alone.
//!
//! A character that is not graphic, has no width or looks like a space is shown as `\u{..}`, and
//! so is a backslash that would read as the start of such an escape; hence two texts never look
//! the same, homoglyphs aside. Line breaks and tabs have signs of their own where the output takes
//! Unicode. Words that CI systems obey (`::` where a line may begin, `##[`, `##vso[`) lose their
//! first character to an escape. Markdown and CSV build on this form.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use super::{Symbols, Untrusted};

const LINE_BREAK: char = '\u{23ce}';
const TAB: char = '\u{21e5}';

/// Encodes `text` for a terminal or a log.
pub(in crate::report) fn printable(text: &Untrusted, symbols: Symbols) -> String {
    let text = text.0.as_str();
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    for (position, character) in text.char_indices() {
        match (character, symbols) {
            ('\n', Symbols::Unicode) => shown.push(LINE_BREAK),
            ('\t', Symbols::Unicode) => shown.push(TAB),
            _ if is_plain(character) && !misleads(&text[position..], before) => {
                shown.push(character);
            }
            _ => escape(&mut shown, character),
        }
        before = character;
    }
    shown
}

/// Columns that a character of encoded text takes.
pub(in crate::report) fn character_width(character: char) -> usize {
    character.width().unwrap_or(0)
}

/// Whether a character is graphic, has a width and cannot pass for another sign or a space.
pub(super) fn is_plain(character: char) -> bool {
    match character {
        ' '..='~' => true,
        LINE_BREAK | TAB | '\u{2800}' | '\u{115f}' => false,
        _ => character.escape_debug().len() == 1 && character_width(character) > 0,
    }
}

/// Whether `rest` starts a word that a CI system would obey, `before` being the character before.
pub(super) fn commands_ci(rest: &str, before: char) -> bool {
    if let Some(word) = rest.strip_prefix("##") {
        return word.trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('[');
    }
    before == ' ' && rest.starts_with("::")
}

fn misleads(rest: &str, before: char) -> bool {
    rest.starts_with("\\u{") || commands_ci(rest, before)
}

fn escape(shown: &mut String, character: char) {
    // Writing into a String cannot fail.
    let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
}

#[cfg(test)]
mod tests {
    use super::super::HOSTILE;
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        printable(&Untrusted::new(text), Symbols::Unicode)
    }

    fn decode(shown: &str) -> String {
        let mut text = String::new();
        let mut rest = shown;
        while let Some(character) = rest.chars().next() {
            if let Some((code, after)) =
                rest.strip_prefix("\\u{").and_then(|escape| escape.split_once('}'))
            {
                text.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
                rest = after;
                continue;
            }
            text.push(match character {
                LINE_BREAK => '\n',
                TAB => '\t',
                other => other,
            });
            rest = &rest[character.len_utf8()..];
        }
        text
    }

    fn check_invariants(text: &str) {
        for symbols in [Symbols::Unicode, Symbols::Ascii] {
            let shown = printable(&Untrusted::new(text), symbols);
            assert_eq!(decode(&shown), text);
            assert!(shown.chars().all(|c| !c.is_control() && character_width(c) > 0), "{shown:?}");
            assert!(!shown.trim_start().starts_with("::") && !shown.contains(" ::"), "{shown:?}");
            for command in ["##[", "##vso[", "##teamcity["] {
                assert!(!shown.contains(command), "{shown:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown_as_an_escape() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected);
        check("RUN apt-get update && x::y", "RUN apt-get update && x::y");
        check("caf\u{e9} \u{8a9e}", "caf\u{e9} \u{8a9e}");
        check("\u{1b}[31m", "\\u{1b}[31m");
        check("a\nb\tc\r", "a\u{23ce}b\u{21e5}c\\u{d}");
        check("\u{23ce}", "\\u{23ce}");
        check("\u{202e}x\u{200b}\u{2028}", "\\u{202e}x\\u{200b}\\u{2028}");
        check("e\u{301}", "e\\u{301}");
        check("C:\\users \\n \\u{1b}", "C:\\users \\n \\u{5c}u{1b}");
        check("::error::x ::1", "\\u{3a}:error::x \\u{3a}:1");
        check("##[x ##vso[x ${x##*/} ## y", "\\u{23}#[x \\u{23}#vso[x ${x##*/} ## y");
    }

    #[test]
    fn ascii_output_escapes_line_breaks_too() {
        assert_eq!(printable(&Untrusted::new("a\nb\tc"), Symbols::Ascii), "a\\u{a}b\\u{9}c");
    }

    #[test]
    fn hostile_texts_keep_the_invariants() {
        for text in HOSTILE {
            check_invariants(text);
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back_and_stays_on_its_line(text: String) {
            check_invariants(&text);
        }

        #[test]
        fn text_of_troublesome_characters_reads_back(text in "[\\\\u{}0-9a\u{1b}\n\t:# \\[vso\u{202e}\u{23ce}\u{301}]{0,24}") {
            check_invariants(&text);
        }
    }
}
