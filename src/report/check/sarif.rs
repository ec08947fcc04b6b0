//! SARIF 2.1.0: a result for each limit that is broken and for each finding.
//!
//! Fingerprints are made of the platform and of what tells a result from others, so that they stay
//! from build to build. What could not be measured is a notification of the run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::super::encode::write_json;
use super::super::inspect::Outcome;
use crate::check::{Check, Checked, Figure, Measure, Row, Verdict};
use crate::rule::{Severity, rule};
use crate::snapshot::Finding;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A result before the places of rules are known.
struct Found {
    rule: String,
    level: &'static str,
    text: String,
    fingerprint: String,
    platform: String,
}

pub(super) fn write(outcome: &Outcome<Checked>, out: &mut dyn Write) -> io::Result<()> {
    let (found, missing) = match &outcome.result {
        Ok(checked) => {
            let images = || checked.images.iter();
            (images().flat_map(results).collect(), images().flat_map(unmeasured).collect())
        }
        Err(failure) => (Vec::new(), vec![failure.message.clone()]),
    };
    let (ids, descriptions) = rules(&found);
    let results: Vec<Value> =
        found.iter().map(|found| result(found, &ids, &outcome.reference)).collect();
    let notification = |text: &String| json!({"level": "error", "message": {"text": text}});
    let notifications: Vec<Value> = missing.iter().map(notification).collect();
    let driver = json!({
        "name": "regsize",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": descriptions,
    });
    let run = json!({
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{
            "executionSuccessful": missing.is_empty(),
            "toolExecutionNotifications": notifications,
        }],
        "results": results,
    });
    write_json(&json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}), out)
}

fn results(check: &Check) -> Vec<Found> {
    let mut found = Vec::new();
    let mut broken = BTreeMap::new();
    for row in &check.rows {
        let level = match row.verdict {
            Verdict::Fail => "error",
            Verdict::Warn => "warning",
            Verdict::Pass | Verdict::Unknown => continue,
        };
        if row.id == Measure::Findings.as_str() {
            broken = row.offences.iter().map(|offence| (offence.id.as_str(), level)).collect();
        } else {
            found.extend(of_row(check, row, level));
        }
    }
    found.extend(check.findings.iter().map(|finding| of_finding(check, finding, &broken)));
    found
}

/// One result, or one for each path or package that breaks the limit.
fn of_row(check: &Check, row: &Row, level: &'static str) -> Vec<Found> {
    let platform = &check.platform;
    let result = |text: &str, id: &str| Found {
        rule: row.id.clone(),
        level,
        text: format!("{platform}: {text}"),
        fingerprint: format!("{platform} {} {id}", row.id),
        platform: platform.clone(),
    };
    match &row.limit {
        Figure::Text(pattern) if !row.offences.is_empty() => {
            let text = |text: &str| format!("{text} is forbidden by {pattern}");
            row.offences.iter().map(|each| result(&text(&each.text), &each.id)).collect()
        }
        _ => vec![result(&format!("{}: {}", row.id, row.reason), "")],
    }
}

fn of_finding(check: &Check, finding: &Finding, broken: &BTreeMap<&str, &'static str>) -> Found {
    let usual = if finding.severity == Severity::Info { "none" } else { "note" };
    Found {
        rule: finding.rule.clone(),
        level: broken.get(finding.id.as_str()).copied().unwrap_or(usual),
        text: format!("{}: {}", check.platform, finding.message),
        fingerprint: format!("{} {}", check.platform, finding.id),
        platform: check.platform.clone(),
    }
}

fn unmeasured(check: &Check) -> Vec<String> {
    let rows = check.rows.iter().filter(|row| row.verdict == Verdict::Unknown);
    rows.map(|row| format!("{}: {}: {}", check.platform, row.id, row.reason)).collect()
}

/// The places of rules by id, and their descriptions in that order.
fn rules(found: &[Found]) -> (BTreeMap<&str, usize>, Vec<Value>) {
    let mut ids: BTreeMap<&str, usize> = found.iter().map(|found| (&*found.rule, 0)).collect();
    let mut descriptions = Vec::new();
    for (at, (id, place)) in ids.iter_mut().enumerate() {
        *place = at;
        descriptions.push(match rule(id) {
            Some(rule) => json!({
                "id": id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.why},
            }),
            None => json!({"id": id, "shortDescription": {"text": "A limit of the budget"}}),
        });
    }
    (ids, descriptions)
}

fn result(found: &Found, ids: &BTreeMap<&str, usize>, reference: &str) -> Value {
    json!({
        "ruleId": found.rule,
        "ruleIndex": ids.get(&*found.rule),
        "level": found.level,
        "message": {"text": found.text},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": relative_uri(reference)},
                "region": {"startLine": 1},
            },
            "logicalLocations": [{"name": found.platform, "kind": "image"}],
        }],
        "partialFingerprints": {"regsizeId/v1": found.fingerprint.trim_end()},
    })
}

/// A reference as a relative address: a colon in it would end a scheme.
fn relative_uri(reference: &str) -> String {
    let mut uri = String::new();
    for byte in reference.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
