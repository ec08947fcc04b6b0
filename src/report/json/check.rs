//! `regsize.check/1`: limits, and whether the images of a reference keep them.
//!
//! `limit` and `actual` are bytes, counts or shares from 0 to 1 as `unit` says; growth has an
//! object of `bytes` and `percent` as `actual` and a text as `limit`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::ErrorJson;
use crate::check::{Check, Checked, Exempted, Figure, Offence, Row, Verdict};
use crate::report::Outcome;
use crate::report::encode::write_json;

const SCHEMA: &str = "regsize.check/1";

#[derive(Serialize)]
struct CheckJson<'a> {
    schema: &'static str,
    reference: &'a str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson<'a>>,
    digest: Option<&'a str>,
    baseline: Option<&'a str>,
    images: Vec<ImageJson<'a>>,
    rules: Vec<RuleJson<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct ImageJson<'a> {
    platform: &'a str,
    digest: &'a str,
    verdict: &'static str,
    ignored: Vec<IgnoredJson<'a>>,
    idle: &'a [String],
}

#[derive(Serialize)]
struct IgnoredJson<'a> {
    what: &'a str,
    reason: &'a str,
    until: Option<&'a str>,
    count: u64,
}

#[derive(Serialize)]
struct RuleJson<'a> {
    id: &'a str,
    platform: &'a str,
    unit: &'static str,
    limit: Value,
    actual: Option<Value>,
    verdict: &'static str,
    reason: &'a str,
    offences: Vec<OffenceJson<'a>>,
}

#[derive(Serialize)]
struct OffenceJson<'a> {
    id: &'a str,
    text: &'a str,
    layer: Option<usize>,
}

/// Writes one object.
pub(in crate::report) fn write_check_json(
    outcome: &Outcome<Checked>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match &outcome.result {
        Ok(checked) => write_json(&document(checked), out),
        Err(failure) => {
            let (kind, message) = (failure.kind, &*failure.message);
            let error = ErrorJson { kind, message, hint: failure.hint.as_deref() };
            let failed = CheckJson {
                schema: SCHEMA,
                reference: &outcome.reference,
                verdict: Verdict::Unknown.as_str(),
                error: Some(error),
                digest: None,
                baseline: None,
                images: Vec::new(),
                rules: Vec::new(),
                warnings: &[],
            };
            write_json(&failed, out)
        }
    }
}

fn document(checked: &Checked) -> CheckJson<'_> {
    let rules = checked
        .images
        .iter()
        .flat_map(|check| check.rows.iter().map(move |row| rule(&check.platform, row)));
    CheckJson {
        schema: SCHEMA,
        reference: &checked.reference,
        verdict: checked.verdict().as_str(),
        error: None,
        digest: Some(checked.digest.as_str()),
        baseline: checked.baseline.as_deref(),
        images: checked.images.iter().map(image).collect(),
        rules: rules.collect(),
        warnings: &checked.warnings,
    }
}

fn image(check: &Check) -> ImageJson<'_> {
    ImageJson {
        platform: &check.platform,
        digest: check.image.as_str(),
        verdict: check.verdict.as_str(),
        ignored: check.ignored.iter().map(ignored).collect(),
        idle: &check.idle,
    }
}

fn ignored(exempted: &Exempted) -> IgnoredJson<'_> {
    let Exempted { what, reason, until, count } = exempted;
    IgnoredJson { what, reason, until: until.as_deref(), count: *count }
}

fn rule<'a>(platform: &'a str, row: &'a Row) -> RuleJson<'a> {
    let offence = |offence: &'a Offence| {
        let Offence { id, text, layer } = offence;
        OffenceJson { id, text, layer: *layer }
    };
    RuleJson {
        id: &row.id,
        platform,
        unit: row.actual.as_ref().unwrap_or(&row.limit).unit(),
        limit: value(&row.limit),
        actual: row.actual.as_ref().map(value),
        verdict: row.verdict.as_str(),
        reason: &row.reason,
        offences: row.offences.iter().map(offence).collect(),
    }
}

/// A figure as a number, a text, or an object of growth.
pub(super) fn value(figure: &Figure) -> Value {
    match figure {
        Figure::Bytes(number) | Figure::Count(number) => json!(number),
        Figure::Share(share) if share.is_finite() => json!(share),
        Figure::Share(_) => json!("infinite"),
        Figure::Growth(grown) => {
            // What does not fit is as good as the largest number.
            let bytes = i64::try_from(grown.bytes).unwrap_or(i64::MAX);
            json!({"bytes": bytes, "percent": grown.percent})
        }
        Figure::Text(text) => json!(text),
    }
}
