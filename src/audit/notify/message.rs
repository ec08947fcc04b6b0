//! The message about breaches: words for people, and JSON that chat services take.
//!
//! `text` is what Slack and services like it show; `breaches` is for programs. Names and messages
//! come from others, so they are folded to one line, and what such services take for links and
//! commands is escaped.

use serde::Serialize;

use super::{Planned, Step};

/// Breaches that the words name; `breaches` has all.
const MOST_NAMED: usize = 20;

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    schema: &'static str,
    text: String,
    breaches: Vec<BreachJson>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct BreachJson {
    state: &'static str,
    repository: String,
    tag: String,
    platform: String,
    rule: String,
    message: String,
}

impl Message {
    /// The message about what is planned; `None` if there is nothing to tell.
    pub fn new(planned: &[Planned]) -> Option<Self> {
        let told: Vec<&Planned> = planned.iter().filter(|planned| planned.is_told()).collect();
        if told.is_empty() {
            return None;
        }
        let count = |step| told.iter().filter(|planned| planned.step == step).count();
        let (cleared, ended) = (count(Step::Clear), count(Step::End));
        let opened = told.len() - cleared - ended;
        let parts =
            [(opened, "exceeded"), (cleared, "kept again"), (ended, "of images that are gone")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> =
            parts.map(|(count, what)| format!("{} {what}", budgets(*count))).collect();
        let mut lines = vec![format!("regsize: {}", parts.join(", "))];
        lines.extend(told.iter().take(MOST_NAMED).map(|planned| line(planned)));
        if told.len() > MOST_NAMED {
            lines.push(format!("and {} more", told.len() - MOST_NAMED));
        }
        Some(Self {
            schema: "regsize.breaches/1",
            text: lines.join("\n"),
            breaches: told.into_iter().map(BreachJson::new).collect(),
        })
    }

    /// The words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The body for a webhook or a command.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn budgets(count: usize) -> String {
    if count == 1 { "1 budget".to_owned() } else { format!("{count} budgets") }
}

fn line(planned: &Planned) -> String {
    let subject = &planned.subject;
    let name = format!("{}:{} {}", subject.repository, subject.tag, subject.platform);
    let message = shown(&planned.message);
    match planned.step {
        Step::Clear => format!("- {}: kept again: {}", shown(&name), shown(&planned.rule)),
        Step::End => {
            format!("- {}: gone, and exceeded until then: {}", shown(&name), shown(&planned.rule))
        }
        _ => format!("- {}: {message}", shown(&name)),
    }
}

/// Text of others on one line, in which nothing is a link, a mention or a command.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        for character in word.chars().filter(|c| !is_hidden(*c)) {
            match character {
                '&' => shown.push_str("&amp;"),
                '<' => shown.push_str("&lt;"),
                '>' => shown.push_str("&gt;"),
                '@' => shown.push_str("@\u{200b}"),
                character => shown.push(character),
            }
        }
    }
    shown
}

/// Whether a character has no width or turns the direction of text.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

impl BreachJson {
    fn new(planned: &Planned) -> Self {
        Self {
            state: match planned.step {
                Step::Open | Step::Remind => "exceeded",
                Step::Clear | Step::Forget => "cleared",
                Step::End => "gone",
            },
            repository: planned.subject.repository.clone(),
            tag: planned.subject.tag.clone(),
            platform: planned.subject.platform.clone(),
            rule: planned.rule.clone(),
            message: planned.message.clone(),
        }
    }
}
