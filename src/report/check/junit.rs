//! Test cases as JUnit writes them: a suite for each image, a case for each limit.
//!
//! A soft limit that is broken is told in the case's output: JUnit has no warnings.

use std::fmt::Write as _;

use super::super::encode::{Untrusted, xml_text};
use super::super::inspect::Outcome;
use crate::check::{Check, Checked, Figure, Row, Verdict};

pub(super) fn document(outcome: &Outcome<Checked>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    match &outcome.result {
        Ok(checked) => {
            let (fails, errors) = (checked.count(Verdict::Fail), checked.count(Verdict::Unknown));
            let all = checked.images.iter().map(|check| check.rows.len()).sum();
            open(&mut text, "testsuites", "", "regsize check", [all, fails, errors]);
            for check in &checked.images {
                suite(&mut text, checked, check);
            }
        }
        Err(failure) => {
            open(&mut text, "testsuites", "", "regsize check", [1, 0, 1]);
            open(&mut text, "testsuite", "  ", &outcome.reference, [1, 0, 1]);
            let reference = xml(&outcome.reference);
            let _ = writeln!(text, "    <testcase classname=\"regsize\" name=\"{reference}\">");
            close(&mut text, "error", failure.kind, &failure.message, "");
            text.push_str("    </testcase>\n  </testsuite>\n");
        }
    }
    text + "</testsuites>\n"
}

fn suite(text: &mut String, checked: &Checked, check: &Check) {
    let count = |verdict| check.rows.iter().filter(|row| row.verdict == verdict).count();
    let name = format!("{} {}", checked.reference, check.platform);
    let counts = [check.rows.len(), count(Verdict::Fail), count(Verdict::Unknown)];
    open(text, "testsuite", "  ", &name, counts);
    for row in &check.rows {
        case(text, check, row);
    }
    text.push_str("  </testsuite>\n");
}

fn case(text: &mut String, check: &Check, row: &Row) {
    let name = match &row.limit {
        Figure::Text(pattern) => format!("{} {pattern}", row.id),
        _ => row.id.clone(),
    };
    let class = xml(&format!("regsize.{}", check.platform));
    let _ = write!(text, "    <testcase classname=\"{class}\" name=\"{}\"", xml(&name));
    let offences: Vec<String> = row.offences.iter().map(|offence| xml(&offence.text)).collect();
    match row.verdict {
        Verdict::Pass => text.push_str("/>\n"),
        Verdict::Warn => {
            let _ = writeln!(
                text,
                ">\n      <system-out>WARN: {}</system-out>\n    </testcase>",
                xml(&row.reason)
            );
        }
        Verdict::Fail | Verdict::Unknown => {
            let element = if row.verdict == Verdict::Fail { "failure" } else { "error" };
            text.push_str(">\n");
            close(text, element, row.verdict.as_str(), &row.reason, &offences.join("\n"));
            text.push_str("    </testcase>\n");
        }
    }
}

fn open(text: &mut String, element: &str, indent: &str, name: &str, counts: [usize; 3]) {
    let [tests, failures, errors] = counts;
    // Writing into a String cannot fail.
    let _ = writeln!(
        text,
        "{indent}<{element} name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"{errors}\">",
        xml(name)
    );
}

fn close(text: &mut String, element: &str, kind: &str, message: &str, content: &str) {
    let (kind, message) = (xml(kind), xml(message));
    let _ = writeln!(
        text,
        "      <{element} type=\"{kind}\" message=\"{message}\">{content}</{element}>"
    );
}

fn xml(text: &str) -> String {
    xml_text(&Untrusted::folded(text))
}
