//! Lines of characters that know their style: measuring, cutting, breaking, printing.
//!
//! Each character's width counts for itself, as terminals advance; encoded text has no characters
//! without a width.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects};

use super::super::document::{Piece, Share, Style, TREND, Text, trend};
use super::super::encode::{Symbols, character_width, printable};
use super::Sheet;

/// A character of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    character: char,
    style: Style,
}

impl Glyph {
    fn is(self, character: char) -> bool {
        self.character == character
    }
}

/// A line of output.
pub(super) type Line = Vec<Glyph>;

/// Lines of output.
pub(super) type Lines = Vec<Line>;

/// The characters of `text`; bars are left out, they need a width.
pub(super) fn glyphs(text: &Text, sheet: Sheet) -> Line {
    let mut line = Line::new();
    for span in &text.spans {
        let shown = match &span.piece {
            Piece::Words(words) | Piece::Link(words) => (*words).to_owned(),
            Piece::Number(number) => number.to_string(),
            Piece::Bytes(bytes) => sheet.units.format(*bytes),
            Piece::Difference(bytes) => sheet.units.format_difference(*bytes),
            Piece::Share(share) => share.percent(),
            Piece::Bar(_) => String::new(),
            Piece::Trend(shares) => trend(shares, trend_signs(sheet.symbols)),
            Piece::Digest(digest) => digest.to_string(),
            Piece::ShortDigest(digest) => {
                format!("{}:{}{}", digest.algorithm(), digest.short(), ellipsis(sheet.symbols))
            }
            Piece::Name(text) | Piece::Sentence(text) => printable(text, sheet.symbols),
        };
        line.extend(plain(&shown, span.style));
    }
    line
}

/// The characters of `text` in one style.
pub(super) fn plain(text: &str, style: Style) -> Line {
    text.chars().map(|character| Glyph { character, style }).collect()
}

/// A bar as long as the share of `width`, in eighths of a column where the output takes Unicode.
pub(super) fn bar(share: Share, width: usize, symbols: Symbols, style: Style) -> Line {
    const EIGHTHS: [&str; 8] =
        ["", "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}"];
    let parts = |scale: usize| {
        let parts = share.scaled(u128::try_from(scale).unwrap_or(u128::MAX));
        parts.and_then(|parts| usize::try_from(parts).ok()).unwrap_or(0)
    };
    let text = match symbols {
        Symbols::Unicode => {
            let eighths = parts(width * 8);
            "\u{2588}".repeat(eighths / 8) + EIGHTHS[eighths % 8]
        }
        Symbols::Ascii => "=".repeat(parts(width)),
    };
    plain(&text, style)
}

fn trend_signs(symbols: Symbols) -> [char; 8] {
    match symbols {
        Symbols::Unicode => TREND,
        Symbols::Ascii => ['_', '.', '-', '~', '=', '+', '*', '#'],
    }
}

/// A thin line.
pub(super) fn rule(width: usize, symbols: Symbols) -> Line {
    let stroke = match symbols {
        Symbols::Unicode => '\u{2500}',
        Symbols::Ascii => '-',
    };
    vec![Glyph { character: stroke, style: Style::Dim }; width]
}

/// Columns that `line` takes.
pub(super) fn width(line: &[Glyph]) -> usize {
    line.iter().map(|glyph| character_width(glyph.character)).sum()
}

/// Adds spaces until `line` takes `width` columns.
pub(super) fn pad_to(line: &mut Line, columns: usize) {
    let missing = columns.saturating_sub(width(line));
    line.extend(std::iter::repeat_n(Glyph { character: ' ', style: Style::Plain }, missing));
}

/// The line, or as much of it as fits in `columns` with an ellipsis.
pub(super) fn cut(mut line: Line, columns: usize, symbols: Symbols) -> Line {
    if width(&line) <= columns {
        return line;
    }
    let mark = ellipsis(symbols);
    let room = columns.saturating_sub(mark.chars().count());
    let end = fitting(&line, room);
    let style = line.get(end).map_or(Style::Plain, |glyph| glyph.style);
    line.truncate(end);
    line.extend(plain(mark, style));
    line.truncate(columns);
    line
}

/// The line in pieces of at most `columns`, broken at spaces where there are any.
pub(super) fn wrap(line: Line, columns: usize) -> Lines {
    if width(&line) <= columns {
        return vec![line];
    }
    let mut lines = Lines::new();
    let mut rest = line.as_slice();
    while !rest.is_empty() {
        // A line that continues another must not begin with the sign of a workflow command.
        let is_command =
            !lines.is_empty() && rest.len() > 1 && rest[..2].iter().all(|glyph| glyph.is(':'));
        let end = if is_command { 1 } else { break_at(rest, columns) };
        lines.push(rest[..end].to_vec());
        let spaces = rest[end..].iter().take_while(|glyph| glyph.is(' ')).count();
        rest = &rest[end + spaces..];
    }
    lines
}

/// Prints lines, each with a line feed and without spaces at its end.
pub(super) fn print(lines: &[Line], color: bool) -> String {
    let mut out = String::new();
    for line in lines {
        let end = line.iter().rposition(|glyph| !glyph.is(' ')).map_or(0, |last| last + 1);
        for run in line[..end].chunk_by(|a, b| a.style == b.style) {
            let text: String = run.iter().map(|glyph| glyph.character).collect();
            let style = if color { ansi(run[0].style) } else { anstyle::Style::new() };
            // Writing into a String cannot fail.
            let _ = write!(out, "{style}{text}{style:#}");
        }
        out.push('\n');
    }
    out
}

/// Where a line of at most `columns` ends: before a space, or where it has to.
fn break_at(rest: &[Glyph], columns: usize) -> usize {
    let end = fitting(rest, columns).max(1);
    if end == rest.len() {
        return end;
    }
    let last_word = rest[..=end].iter().rposition(|glyph| glyph.is(' ')).unwrap_or(0);
    if last_word > 0 { last_word } else { end }
}

/// How many characters of `line` fit in `columns`.
fn fitting(line: &[Glyph], columns: usize) -> usize {
    let mut used = 0;
    let fits = |glyph: &&Glyph| {
        used += character_width(glyph.character);
        used <= columns
    };
    line.iter().take_while(fits).count()
}

fn ellipsis(symbols: Symbols) -> &'static str {
    match symbols {
        Symbols::Unicode => "\u{2026}",
        Symbols::Ascii => "...",
    }
}

fn ansi(style: Style) -> anstyle::Style {
    let plain = anstyle::Style::new();
    match style {
        Style::Plain => plain,
        Style::Strong | Style::Heading => plain.effects(Effects::BOLD),
        Style::Dim => plain.effects(Effects::DIMMED),
        Style::Good => plain.fg_color(Some(AnsiColor::Green.into())),
        Style::Warn => plain.fg_color(Some(AnsiColor::Yellow.into())),
        Style::Own => plain.fg_color(Some(AnsiColor::Cyan.into())),
        Style::Base => plain.fg_color(Some(AnsiColor::Blue.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(line: &[Glyph]) -> String {
        line.iter().map(|glyph| glyph.character).collect()
    }

    #[test]
    fn cutting_counts_columns_and_not_characters() {
        let check = |text: &str, columns, expected: &str| {
            let line = cut(plain(text, Style::Plain), columns, Symbols::Unicode);
            assert_eq!(shown(&line), expected);
        };
        check("abc", 3, "abc");
        check("abcd", 3, "ab\u{2026}");
        check("\u{8a9e}\u{8a9e}\u{8a9e}", 4, "\u{8a9e}\u{2026}");
        check("abc", 0, "");
        assert_eq!(shown(&cut(plain("abcdef", Style::Plain), 5, Symbols::Ascii)), "ab...");
        assert_eq!(shown(&cut(plain("abcdef", Style::Plain), 2, Symbols::Ascii)), "..");
    }

    #[test]
    fn lines_break_at_spaces_and_never_before_a_command() {
        let check = |text: &str, columns, expected: &[&str]| {
            let lines = wrap(plain(text, Style::Plain), columns);
            assert_eq!(lines.iter().map(|line| shown(line)).collect::<Vec<_>>(), expected);
        };
        check("", 5, &[""]);
        check("one two three", 7, &["one two", "three"]);
        check("abcdefgh", 3, &["abc", "def", "gh"]);
        check("abc::error", 3, &["abc", ":", ":er", "ror"]);
        check("a \u{8a9e}", 1, &["a", "\u{8a9e}"]);
    }

    #[test]
    fn bars_are_as_long_as_the_share() {
        let check = |part, symbols, expected: &str| {
            let line = bar(Share { part, whole: 100 }, 10, symbols, Style::Plain);
            assert_eq!(shown(&line), expected);
        };
        check(0, Symbols::Unicode, "");
        check(43, Symbols::Unicode, "\u{2588}\u{2588}\u{2588}\u{2588}\u{258e}");
        check(
            100,
            Symbols::Unicode,
            "\u{2588}\u{2588}\u{2588}\u{2588}\u{2588}\u{2588}\u{2588}\u{2588}\u{2588}\u{2588}",
        );
        check(43, Symbols::Ascii, "====");
    }

    #[test]
    fn colours_surround_text_and_leave_no_space_at_the_end() {
        let mut line = plain("a", Style::Strong);
        pad_to(&mut line, 4);
        assert_eq!(print(std::slice::from_ref(&line), true), "\u{1b}[1ma\u{1b}[0m\n");
        assert_eq!(print(&[line], false), "a\n");
    }

    proptest! {
        #[test]
        fn wrapped_lines_fit_and_keep_every_word(text in "[a-z:\u{8a9e} ]{0,60}", columns in 2_usize..30) {
            let lines = wrap(plain(&text, Style::Plain), columns);
            for (index, line) in lines.iter().enumerate() {
                prop_assert!(width(line) <= columns);
                prop_assert!(index == 0 || !shown(line).starts_with("::"));
            }
            let joined: String = lines.iter().map(|line| shown(line)).collect();
            prop_assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
        }
    }
}
