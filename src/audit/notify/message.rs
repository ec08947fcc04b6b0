//! The message about breaches and failures: words for people, and JSON that chat services take.
//!
//! `text` is what Slack and services like it show; `breaches` and `failures` are for programs.
//! Names and messages come from others, so they are folded to one line, and what such services take
//! for links and commands is escaped.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reading::named;
use super::{Planned, Step};
use crate::audit::limit::{is_of_image, is_soft};

/// Lines of the words; `breaches` and `failures` have all.
const MOST_NAMED: usize = 20;
/// Tags of one line.
const MOST_TAGS: usize = 10;

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    schema: &'static str,
    text: String,
    breaches: Vec<BreachJson>,
    failures: Vec<FailureJson>,
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct FailureJson {
    state: &'static str,
    repository: String,
    /// `null` for the repository as a whole.
    tag: Option<String>,
    message: String,
}

impl Message {
    /// The message about what is due; `None` if there is nothing to tell.
    pub fn new(due: &[&Planned]) -> Option<Self> {
        if due.is_empty() {
            return None;
        }
        let (failures, breaches): (Vec<&Planned>, Vec<&Planned>) =
            due.iter().partition(|planned| planned.is_reading());
        let parts = [of_breaches(&breaches), of_failures(&failures)].concat();
        let mut lines = vec![format!("regsize: {}", parts.join(", "))];
        let about = breaches.iter().map(|planned| line(planned));
        let about: Vec<String> = about.chain(failure_lines(&failures)).collect();
        lines.extend(about.iter().take(MOST_NAMED).cloned());
        if about.len() > MOST_NAMED {
            lines.push(format!("and {} more", about.len() - MOST_NAMED));
        }
        Some(Self {
            schema: "regsize.breaches/1",
            text: lines.join("\n"),
            breaches: breaches.into_iter().map(BreachJson::new).collect(),
            failures: failures.into_iter().map(FailureJson::new).collect(),
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

/// What happened to limits, in numbers.
fn of_breaches(told: &[&Planned]) -> Vec<String> {
    let count = |step| told.iter().filter(|planned| planned.step == step).count();
    let parts = [
        (count(Step::Open) + count(Step::Stay), "exceeded"),
        (count(Step::Clear), "kept again"),
        (count(Step::End), "of images that are gone"),
        (count(Step::Drop), "no longer watched"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, what)| format!("{} {what}", number(*count, "budget", "budgets"))).collect()
}

/// What happened to readings, in numbers.
fn of_failures(told: &[&Planned]) -> Vec<String> {
    let mut parts = Vec::new();
    for (step, what) in [
        (Step::Stay, "cannot be read"),
        (Step::Clear, "can be read again"),
        (Step::End, "could not be read and went"),
        (Step::Drop, "could not be read and not watched any more"),
    ] {
        let of_step = told.iter().filter(|planned| planned.step == step);
        let (whole, tags): (Vec<&Planned>, Vec<&Planned>) =
            of_step.partition(|planned| planned.subject.tag.is_empty());
        let numbers = [(whole.len(), "repository", "repositories"), (tags.len(), "tag", "tags")];
        let some = numbers.into_iter().filter(|(count, ..)| *count > 0);
        parts.extend(some.map(|(count, one, many)| format!("{} {what}", number(count, one, many))));
    }
    parts
}

fn number(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// One line for all that happened alike to tags of a repository.
fn failure_lines(told: &[&Planned]) -> Vec<String> {
    let mut alike: BTreeMap<(&str, &str, &str, bool), Vec<&Planned>> = BTreeMap::new();
    for planned in told {
        let subject = &planned.subject;
        let key = (&*subject.repository, &*planned.rule, state(planned), subject.tag.is_empty());
        alike.entry(key).or_default().push(planned);
    }
    alike.values().filter_map(|alike| failure_line(alike)).collect()
}

fn failure_line(alike: &[&Planned]) -> Option<String> {
    let first = alike.first()?;
    let (subject, why) = (&first.subject, shown(&first.message));
    let tags = alike.iter().take(MOST_TAGS).map(|planned| shown(&planned.subject.tag));
    let tags: Vec<String> = tags.filter(|tag| !tag.is_empty()).collect();
    let mut what = shown(&subject.repository);
    if let Some(name) = named(&first.rule) {
        what = format!("{what} ({})", shown(name));
    }
    if !tags.is_empty() {
        what = format!("{what}: {}", tags.join(", "));
    }
    if alike.len() > MOST_TAGS {
        what = format!("{what} and {} more", alike.len() - MOST_TAGS);
    }
    Some(match (first.step, alike.len()) {
        (Step::Clear, _) => format!("- {what}: read again"),
        (Step::End, _) => format!("- {what}: gone, and not read until then"),
        (Step::Drop, _) => format!("- {what}: no longer watched, and not read until then"),
        (_, 1) => format!("- {what}: cannot be read: {why}"),
        _ => format!("- {what}: cannot be read, the first because: {why}"),
    })
}

fn line(planned: &Planned) -> String {
    let subject = &planned.subject;
    let name = format!("{}:{} {}", subject.repository, subject.tag, subject.platform);
    let (name, rule) = (shown(&name), shown(&planned.rule));
    let message = shown(&planned.message);
    match planned.step {
        Step::Clear if is_of_image(&planned.rule) => {
            format!("- {name}: another image now, no longer: {rule}")
        }
        Step::Clear => format!("- {name}: kept again: {rule}"),
        Step::End => format!("- {name}: gone, and exceeded until then: {rule}"),
        Step::Drop => format!("- {name}: no longer watched, and exceeded until then: {rule}"),
        Step::Open | Step::Stay if is_soft(&planned.rule) => {
            format!("- {name}: warning: {message}")
        }
        Step::Open | Step::Stay => format!("- {name}: {message}"),
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

/// The word for what happened to a failure.
fn state(planned: &Planned) -> &'static str {
    match planned.step {
        Step::Open | Step::Stay => "failing",
        Step::Clear => "cleared",
        Step::End => "gone",
        Step::Drop => "unwatched",
    }
}

impl FailureJson {
    fn new(planned: &Planned) -> Self {
        let subject = planned.subject.clone();
        Self {
            state: state(planned),
            repository: subject.repository,
            tag: Some(subject.tag).filter(|tag| !tag.is_empty()),
            message: planned.message.clone(),
        }
    }
}

impl BreachJson {
    fn new(planned: &Planned) -> Self {
        Self {
            state: match planned.step {
                Step::Open | Step::Stay => "exceeded",
                Step::Clear => "cleared",
                Step::End => "gone",
                Step::Drop => "unwatched",
            },
            repository: planned.subject.repository.clone(),
            tag: planned.subject.tag.clone(),
            platform: planned.subject.platform.clone(),
            rule: planned.rule.clone(),
            message: planned.message.clone(),
        }
    }
}
