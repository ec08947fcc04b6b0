//! The JSON encoder: pretty-printed and exact, with everything invisible as `\u` escapes.
//!
//! JSON keeps text as it is, so this form is also the one to compute with. Besides what RFC 8259
//! wants escaped, characters that are not graphic and words that CI systems obey are escaped, for
//! readers that print the document.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::printable::{commands_ci, is_plain};

/// Writes `value` as an indented JSON document with a line feed at its end.
pub(in crate::report) fn write_json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let formatter = Visible(PrettyFormatter::new());
    value.serialize(&mut Serializer::with_formatter(&mut out, formatter))?;
    out.write_all(b"\n")?;
    out.flush()
}

struct Visible(PrettyFormatter<'static>);

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut written = 0;
        let mut before = ' ';
        for (position, character) in fragment.char_indices() {
            if !is_plain(character) || commands_ci(&fragment[position..], before) {
                writer.write_all(&fragment.as_bytes()[written..position])?;
                write_escaped(writer, character)?;
                written = position + character.len_utf8();
            }
            before = character;
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

fn write_escaped<W: ?Sized + Write>(writer: &mut W, character: char) -> io::Result<()> {
    for unit in character.encode_utf16(&mut [0; 2]) {
        write!(writer, "\\u{unit:04x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::HOSTILE;
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> String {
        let mut out = Vec::new();
        write_json(&[text], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn check_invariants(text: &str) {
        let document = json(text);
        let decoded: Vec<String> = serde_json::from_str(&document).unwrap();
        assert_eq!(decoded, [text]);
        assert!(document.chars().all(|c| c == '\n' || is_plain(c)), "{document:?}");
        assert!(!document.contains("##["), "{document:?}");
    }

    #[test]
    fn invisible_characters_are_escaped() {
        let check = |text: &str, expected: &str| {
            assert_eq!(json(text), format!("[\n  \"{expected}\"\n]\n"));
        };
        check("caf\u{e9}\u{7f}\u{9b}", "caf\u{e9}\\u007f\\u009b");
        check("\u{202e}\u{2028}\u{e0041}", "\\u202e\\u2028\\udb40\\udc41");
        check("##[error]", "\\u0023#[error]");
        check("\u{1b}\n", "\\u001b\\n");
    }

    #[test]
    fn hostile_texts_are_kept() {
        for text in HOSTILE {
            check_invariants(text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_kept(text: String) {
            check_invariants(&text);
        }
    }
}
