//! Workflow commands of GitHub: an annotation for every limit that is not kept.

use std::fmt::Write as _;

use super::super::encode::{Untrusted, github_message, github_property};
use super::super::inspect::Outcome;
use crate::check::{Checked, Verdict};

pub(super) fn annotations(outcome: &Outcome<Checked>) -> String {
    let mut text = String::from("\n");
    let checked = match &outcome.result {
        Ok(checked) => checked,
        Err(failure) => {
            annotate(&mut text, "error", "regsize could not tell", &failure.message);
            return text;
        }
    };
    for check in &checked.images {
        for row in &check.rows {
            let (command, word) = match row.verdict {
                Verdict::Pass => continue,
                Verdict::Warn => ("warning", "is over its soft limit"),
                Verdict::Unknown => ("error", "could not be measured"),
                Verdict::Fail => ("error", "is not kept"),
            };
            let title = format!("regsize: {} {word}", row.id);
            let (reference, platform) = (&checked.reference, &check.platform);
            let message = format!("{reference} ({platform}): {}", row.reason);
            annotate(&mut text, command, &title, &message);
        }
    }
    text
}

fn annotate(text: &mut String, command: &str, title: &str, message: &str) {
    let title = github_property(&Untrusted::new(title));
    let message = github_message(&Untrusted::folded(message));
    // Writing into a String cannot fail.
    let _ = writeln!(text, "::{command} title={title}::{message}");
}
