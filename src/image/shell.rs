//! The commands of an instruction: what a `RUN`, `COPY` or `ADD` does, as far as its words tell.
//!
//! A shell's text is cut at `&&`, `||`, `;`, `|`, `&` and line breaks, with quotes, substitutions
//! and here-documents respected, and the words of each command are looked at. What is not known
//! stays [`Action::Other`]; scripts are [`Action::Script`], since what they do is not in the text.
//! It explains figures and never makes them. Nothing is expanded, and time and memory are linear
//! in the text, of which only so much is read.

mod action;
mod manager;
mod words;

pub use action::Action;
pub use manager::{Manager, PackageVerb};

use super::instruction::is_instruction;
use words::{Raw, split};

/// Bytes of an instruction that are read.
const MAX_TEXT: usize = 256 << 10;
/// Commands that are kept of one instruction.
const MAX_COMMANDS: usize = 2000;
/// How deep shells within shells are looked into.
const MAX_DEPTH: usize = 3;

/// Instructions that copy files.
const FILES: [&str; 2] = ["COPY", "ADD"];

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its text as it stands in the instruction.
    pub text: String,
    /// Its words without quotes, from the program's name on: assignments, `sudo` and the like are
    /// left out.
    pub words: Vec<String>,
    /// What it does.
    pub action: Action,
}

/// The commands of an instruction in the form of [`super::Step::instruction`], in their order.
///
/// `COPY` and `ADD` are one command each; instructions that change the config alone are none.
pub fn commands(instruction: &str) -> Vec<Command> {
    let mut end = instruction.len().min(MAX_TEXT);
    while !instruction.is_char_boundary(end) {
        end -= 1;
    }
    let mut found = Vec::new();
    for part in instructions(&instruction[..end]) {
        let (verb, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
        if verb == "RUN" {
            run(rest, &mut found, 0);
        } else if FILES.contains(&verb) {
            found.extend(action::copy(part, verb, rest));
        }
        if found.len() >= MAX_COMMANDS {
            break;
        }
    }
    found.truncate(MAX_COMMANDS);
    found
}

/// A step may be several instructions, each on a line of its own: where one starts, the one before
/// ends.
fn instructions(text: &str) -> Vec<&str> {
    let starts = |line: &str| {
        let verb = line.split(char::is_whitespace).next().unwrap_or_default();
        verb == "FROM" || is_instruction(verb)
    };
    let mut parts = Vec::new();
    let (mut from, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if at > from && starts(line) {
            parts.push(text[from..at].trim());
            from = at;
        }
        at += line.len();
    }
    parts.push(text[from..].trim());
    parts
}

/// Adds the commands of what follows `RUN`.
fn run(text: &str, found: &mut Vec<Command>, depth: usize) {
    let text = without_flags(text);
    if let Some(words) = exec_form(text) {
        return add(Raw { text: text.to_owned(), words, body: String::new() }, found, depth);
    }
    for raw in split(text) {
        if found.len() >= MAX_COMMANDS {
            return;
        }
        add(raw, found, depth);
    }
}

/// What follows the options of `RUN`.
fn without_flags(mut text: &str) -> &str {
    text = text.trim_start();
    while text.starts_with("--") {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        text = text[end..].trim_start();
    }
    text
}

/// The words of a command in brackets.
fn exec_form(text: &str) -> Option<Vec<String>> {
    if !text.starts_with('[') {
        return None;
    }
    serde_json::from_str(text).ok().filter(|words: &Vec<String>| !words.is_empty())
}

fn add(raw: Raw, found: &mut Vec<Command>, depth: usize) {
    let Raw { text, words, body } = raw;
    let words = action::program(words);
    let inner = match action::inner_script(&words) {
        Some(script) => Some(script.to_owned()),
        None if !body.is_empty() && action::reads_script(&words) => Some(body),
        None => None,
    };
    match inner {
        Some(script) if depth < MAX_DEPTH => run(&script, found, depth + 1),
        _ if words.is_empty() || text.is_empty() => {}
        _ => {
            let action = action::of(&words, !found.is_empty());
            found.push(Command { text, words, action });
        }
    }
}

#[cfg(test)]
mod tests;
