//! The Markdown encoder: text that GitHub-flavoured Markdown shows as it is.
//!
//! Names and commands become code spans, in which no markup, mention, issue number or address is
//! looked for. Sentences keep plain words and put every other word into a code span. A backslash
//! before a bar has no portable spelling in a table's code span, so such a text is written as an
//! HTML `code` element of character references.

use std::fmt::Write as _;

use super::{Symbols, Untrusted, printable};

/// Where in a Markdown document a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Place {
    /// In a cell of a table, where a bar ends the cell.
    Cell,
    /// Anywhere else.
    Flow,
}

/// Encodes a name or a command; `limit` is the number of characters after which it is cut.
pub(in crate::report) fn markdown_code(text: &Untrusted, place: Place, limit: usize) -> String {
    code_span(&cut(printable(text, Symbols::Unicode), limit), place)
}

/// Encodes lines to copy, as a block behind a fence that none of them can close.
pub(in crate::report) fn markdown_fence(language: &str, text: &Untrusted) -> String {
    let lines: Vec<String> = text.lines().map(|line| printable(&line, Symbols::Unicode)).collect();
    let content = lines.join("\n");
    let fence = "`".repeat(longest_run_of_backticks(&content).max(2) + 1);
    format!("{fence}{language}\n{content}\n{fence}")
}

/// Encodes a sentence.
pub(in crate::report) fn markdown_prose(text: &Untrusted, place: Place) -> String {
    let shown = printable(text, Symbols::Unicode);
    let words = shown.split(' ').filter(|word| !word.is_empty()).enumerate();
    let words: Vec<Word> = words.map(|(at, word)| Word::new(word, at == 0)).collect();
    let runs = words.chunk_by(Word::is_joined_with);
    runs.map(|run| prose_run(run, place)).collect::<Vec<_>>().join(" ")
}

/// Encodes the program's own words, which hold no names.
pub(in crate::report) fn markdown_own(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for character in words.chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '~' | '<' | '[' | ']' | '|' | '#') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

fn cut(mut shown: String, limit: usize) -> String {
    if let Some((end, _)) = shown.char_indices().nth(limit) {
        shown.truncate(end);
        shown.push('\u{2026}');
    }
    shown
}

fn code_span(shown: &str, place: Place) -> String {
    if shown.is_empty() {
        return String::new();
    }
    if place == Place::Cell && shown.contains("\\|") {
        return code_element(shown);
    }
    let fence = "`".repeat(longest_run_of_backticks(shown) + 1);
    let edge = |c: char| c == '`' || c == ' ';
    let pad = if shown.starts_with(edge) || shown.ends_with(edge) { " " } else { "" };
    let content = match place {
        Place::Cell => shown.replace('|', "\\|"),
        Place::Flow => shown.to_owned(),
    };
    format!("{fence}{pad}{content}{pad}{fence}")
}

fn code_element(shown: &str) -> String {
    let mut element = "<code>".to_owned();
    for character in shown.chars() {
        if character.is_ascii_punctuation() {
            // Writing into a String cannot fail.
            let _ = write!(element, "&#{};", u32::from(character));
        } else {
            element.push(character);
        }
    }
    element + "</code>"
}

fn longest_run_of_backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A word and the punctuation after it.
struct Word<'a> {
    core: &'a str,
    after: &'a str,
    is_harmless: bool,
}

impl<'a> Word<'a> {
    fn new(word: &'a str, is_first: bool) -> Self {
        let end = |c: char| ",.;:?!".contains(c) || (c == ')' && !word.contains('('));
        let core = word.trim_end_matches(end);
        let is_number = !core.is_empty() && core.bytes().all(|b| b.is_ascii_digit());
        if core.is_empty() || (is_first && is_number && core != word) {
            // A number with a point at the beginning would start a list.
            return Self { core: word, after: "", is_harmless: false };
        }
        Self { core, after: &word[core.len()..], is_harmless: is_harmless(core) }
    }

    /// Whether both words go into one code span.
    fn is_joined_with(&self, next: &Self) -> bool {
        !self.is_harmless && !next.is_harmless && self.after.is_empty()
    }
}

fn prose_run(run: &[Word<'_>], place: Place) -> String {
    let text = run.iter().map(|word| word.core).collect::<Vec<_>>().join(" ");
    let is_harmless = run.iter().all(|word| word.is_harmless);
    let shown = if is_harmless { text } else { code_span(&text, place) };
    run.last().map_or_else(String::new, |last| shown + last.after)
}

/// Whether no Markdown reader sees more in a word than a word.
fn is_harmless(word: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "()'\"/.,%-".contains(c);
    let is_commit = word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let lower = word.to_ascii_lowercase();
    let unsigned = word.trim_start_matches('(').strip_prefix('+');
    let rest = unsigned.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    word == "%"
        || rest.unwrap_or(word).chars().all(plain)
            && word.chars().any(char::is_alphanumeric)
            && !lower.contains("www.")
            && !lower.contains("gh-")
            && !is_commit
}

#[cfg(test)]
mod tests {
    use super::super::HOSTILE;
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    fn code(text: &str) -> String {
        markdown_code(&Untrusted::new(text), Place::Cell, usize::MAX)
    }

    fn prose(text: &str) -> String {
        markdown_prose(&Untrusted::new(text), Place::Cell)
    }

    /// The texts of a one-row table's cells; panics on any markup that cells must not hold.
    fn cells(row: &str) -> Vec<String> {
        let source = format!("| a | b |\n| --- | --- |\n{row}\n");
        let mut cells = Vec::new();
        let mut body = false;
        for event in Parser::new_ext(&source, Options::all() - Options::ENABLE_SMART_PUNCTUATION) {
            match event {
                Event::End(TagEnd::TableHead) => body = true,
                Event::Start(Tag::TableCell) if body => cells.push(String::new()),
                Event::Text(text) | Event::Code(text) if body => {
                    cells.last_mut().unwrap().push_str(&text);
                }
                Event::InlineHtml(tag) if body => {
                    assert!(["<code>", "</code>"].contains(&tag.as_ref()), "{row:?}: {tag:?}");
                }
                Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow | Tag::TableCell)
                | Event::End(TagEnd::Table | TagEnd::TableRow | TagEnd::TableCell)
                | Event::Text(_) => {}
                other => panic!("{row:?}: {other:?}"),
            }
        }
        cells
    }

    fn check_invariants(text: &str) {
        let shown = printable(&Untrusted::new(text), Symbols::Unicode);
        let row = format!("| {} | {} |", code(text), prose(text));
        let found = cells(&row);
        let words =
            |text: &str| text.split(' ').filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
        assert_eq!(found.len(), 2, "{row:?}");
        assert_eq!(words(&found[0]), words(&shown), "{row:?}");
        assert_eq!(words(&found[1]), words(&shown), "{row:?}");
    }

    #[test]
    fn commands_become_code() {
        let check = |text: &str, expected: &str| assert_eq!(code(text), expected);
        check("RUN a | b", "`RUN a \\| b`");
        check("a`b``c", "```a`b``c```");
        check("`x", "`` `x ``");
        check("<script>", "`<script>`");
        check("", "");
        check("a\\|b", "<code>a&#92;&#124;b</code>");
        assert_eq!(markdown_code(&Untrusted::new("a | b"), Place::Flow, 3), "`a |\u{2026}`");
    }

    #[test]
    fn sentences_keep_their_words_and_quote_the_rest() {
        let check = |text: &str, expected: &str| assert_eq!(prose(text), expected);
        check("3 of 8 platforms were not read.", "3 of 8 platforms were not read.");
        check("ask @team about #12", "ask `@team` about `#12`");
        check("see http://a.b or www.a.b", "see `http://a.b` or `www.a.b`");
        check("**bold** :tada: (GH-3)", "`**bold** :tada`: `(GH-3)`");
        check("run `docker login` (once)", "run `` `docker login` `` (once)");
        check("docker.io has no a/b:c: 404", "docker.io has no `a/b:c`: 404");
        check("- deadbeef", "`- deadbeef`");
        check("1. or 1) twice", "`1.` or 1) twice");
        check("Connection refused (os error 111)", "Connection refused (os error 111)");
        check("exit code 111.", "exit code 111.");
        check(": a", "`:` a");
    }

    #[test]
    fn hostile_texts_keep_the_table_and_show_as_they_are() {
        for text in HOSTILE {
            check_invariants(text);
        }
    }

    #[test]
    fn lines_to_copy_stay_in_their_block() {
        let check = |text: &str, expected: &str| {
            assert_eq!(markdown_fence("sh", &Untrusted::new(text)), expected);
        };
        check("a\n\tb\n", "```sh\na\n    b\n```");
        check("```\n# x", "````sh\n```\n# x\n````");
        check("\u{1b}[31m\r\n::error::x", "```sh\n\\u{1b}[31m\n\\u{3a}:error::x\n```");
        for text in HOSTILE {
            let source = markdown_fence("sh", &Untrusted::new(*text));
            let events: Vec<Event<'_>> = Parser::new(&source).collect();
            let inside = &events[1..events.len() - 1];
            assert!(matches!(events[0], Event::Start(Tag::CodeBlock(_))), "{source}");
            assert!(inside.iter().all(|event| matches!(event, Event::Text(_))), "{source}");
        }
    }

    proptest! {
        #[test]
        fn any_text_keeps_the_table(text: String) {
            check_invariants(&text);
        }

        #[test]
        fn text_of_markup_keeps_the_table(text in "[`|\\\\<>!\\[\\]()@#*_~&;:/.a1 -]{0,24}") {
            check_invariants(&text);
        }
    }
}
