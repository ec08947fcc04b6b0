//! A shell's text cut into commands and words.

/// A command with its words as they are written, without quotes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) words: Vec<String>,
    /// The lines of its here-documents.
    pub(super) body: String,
}

struct Splitter<'a> {
    text: &'a str,
    at: usize,
    /// Where the command starts.
    start: usize,
    word: Option<String>,
    raw: Raw,
    /// Ends of here-documents that are due at the next line break, and whether tabs before them
    /// are dropped.
    due: Vec<(String, bool)>,
    /// The commands of the line with the here-documents, by position in `done`.
    done: Vec<Raw>,
}

/// Cuts a text into commands.
pub(super) fn split(text: &str) -> Vec<Raw> {
    let mut splitter = Splitter {
        text,
        at: 0,
        start: 0,
        word: None,
        raw: Raw::default(),
        due: Vec::new(),
        done: Vec::new(),
    };
    while let Some(next) = splitter.peek() {
        splitter.step(next);
    }
    splitter.end_command(0);
    splitter.done
}

impl Splitter<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn starts(&self, text: &str) -> bool {
        self.text[self.at..].starts_with(text)
    }

    fn push(&mut self, next: char) {
        self.word.get_or_insert_default().push(next);
        self.at += next.len_utf8();
    }

    fn step(&mut self, next: char) {
        match next {
            '\\' => self.escape(),
            '\'' => self.quoted('\''),
            '"' => self.quoted('"'),
            '`' => self.verbatim(1, '`', '`'),
            '$' if self.starts("$(") => self.verbatim(2, '(', ')'),
            '$' if self.starts("${") => self.verbatim(2, '{', '}'),
            '#' if self.word.is_none() => self.skip_comment(),
            '<' if self.starts("<<<") => self.skip_operator(3),
            '<' if self.starts("<<") => self.here_document(),
            '>' | '<' => self.redirection(),
            '&' | '|' | ';' | '(' | ')' => {
                let double = self.starts("&&") || self.starts("||") || self.starts(";;");
                self.end_command(if double { 2 } else { 1 });
            }
            '\n' => {
                self.end_command(1);
                self.read_due();
            }
            _ if next.is_whitespace() => {
                self.end_word();
                self.at += next.len_utf8();
            }
            _ => self.push(next),
        }
    }

    fn escape(&mut self) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(next) => self.push(next),
            None => {}
        }
    }

    fn quoted(&mut self, quote: char) {
        self.at += 1;
        self.word.get_or_insert_default();
        while let Some(next) = self.peek() {
            if next == quote {
                self.at += 1;
                return;
            }
            if next == '\\' && quote == '"' {
                self.at += 1;
                let Some(escaped) = self.peek() else { return };
                if !matches!(escaped, '"' | '\\' | '$' | '`' | '\n') {
                    self.word.get_or_insert_default().push('\\');
                }
                self.push(escaped);
                continue;
            }
            self.push(next);
        }
    }

    /// A substitution, which is kept as it is written.
    fn verbatim(&mut self, opening: usize, open: char, close: char) {
        let mut depth = 1;
        let from = self.at;
        self.at += opening;
        while let Some(next) = self.peek() {
            self.at += next.len_utf8();
            if next == close {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            } else if next == open {
                depth += 1;
            }
        }
        let text = &self.text[from..self.at];
        self.word.get_or_insert_default().push_str(text);
    }

    /// A comment ends the command.
    fn skip_comment(&mut self) {
        self.end_command(0);
        let rest = &self.text[self.at..];
        self.at += rest.find('\n').unwrap_or(rest.len());
        self.start = self.at;
    }

    fn skip_operator(&mut self, length: usize) {
        self.end_word();
        self.at += length;
    }

    /// `> file`, `2>&1` and the like; the number before it and the file after it are no words.
    fn redirection(&mut self) {
        if self.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        let rest = &self.text[self.at..];
        let operator =
            rest.find(|c: char| !matches!(c, '>' | '<' | '&' | '|')).unwrap_or(rest.len());
        let after = rest[operator..].trim_start_matches([' ', '\t']);
        self.at = self.text.len() - after.len();
        let stop = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')');
        self.at += after.find(stop).unwrap_or(after.len());
    }

    fn here_document(&mut self) {
        self.end_word();
        self.at += 2;
        let tabs = self.starts("-");
        self.at += usize::from(tabs);
        let rest = self.text[self.at..].trim_start_matches([' ', '\t']);
        let stop = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '>' | '<');
        let end = rest.find(stop).unwrap_or(rest.len());
        let name = rest[..end].trim_matches(['"', '\'', '\\']);
        self.at = self.text.len() - rest.len() + end;
        if !name.is_empty() {
            self.due.push((name.to_owned(), tabs));
        }
    }

    /// Takes the lines of here-documents, which belong to the command before.
    fn read_due(&mut self) {
        for (name, tabs) in std::mem::take(&mut self.due) {
            let from = self.at;
            let mut end = from;
            for line in self.text[from..].split_inclusive('\n') {
                let text = line.trim_end_matches(['\n', '\r']);
                let text = if tabs { text.trim_start_matches('\t') } else { text };
                self.at += line.len();
                if text == name {
                    break;
                }
                end = self.at;
            }
            let body = &self.text[from..end];
            if let Some(raw) = self.done.last_mut() {
                raw.body.push_str(body);
                raw.text.push('\n');
                raw.text.push_str(self.text[from..self.at].trim_end());
            }
        }
        self.start = self.at;
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take() {
            self.raw.words.push(word);
        }
    }

    /// Ends the command at an operator of some bytes.
    fn end_command(&mut self, operator: usize) {
        self.end_word();
        let text = self.text[self.start..self.at].trim();
        // A line that goes on where the next command starts.
        let text = text.strip_suffix('\\').map_or(text, str::trim_end);
        let mut raw = std::mem::take(&mut self.raw);
        if !raw.words.is_empty() || !self.due.is_empty() && !text.is_empty() {
            text.clone_into(&mut raw.text);
            self.done.push(raw);
        }
        self.at += operator;
        self.start = self.at;
    }
}
