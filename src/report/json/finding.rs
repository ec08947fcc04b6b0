//! Findings: in `regsize.analyze/1` all of them, in `regsize.inspect/1` those that need no layer.
//!
//! `u` are content bytes and `d` bytes of blobs. `net` is what a finding adds to the others and
//! may be added up, `gross` what it would save alone. Sentences hold amounts in decimal units.

use serde::Serialize;

use super::PathJson;
use crate::image::Image;
use crate::owner::Owner;
use crate::rule::{self, Confidence, Finding, OriginSplit, PathShare, Saving, StepShare, Value};

#[derive(Serialize)]
pub(super) struct FindingJson<'a> {
    rule: &'static str,
    id: &'a str,
    family: &'static str,
    severity: &'static str,
    risk: &'static str,
    effort: &'static str,
    phase: &'static str,
    title: &'static str,
    message: String,
    why: &'static str,
    quick_win: bool,
    net: SavingJson,
    gross: SavingJson,
    share: Option<f64>,
    confidence: &'static str,
    origin_split: OriginSplitJson,
    files: u64,
    steps: Vec<StepJson<'a>>,
    owners: Vec<OwnerNameJson<'a>>,
    paths: Vec<SharePathJson<'a>>,
    more: u64,
    extra: ExtraJson<'a>,
    exclusion_group: Option<&'a str>,
    snippet: Option<&'a str>,
    false_positive_note: Option<&'static str>,
    check_cmd: Option<&'a str>,
    links: &'static [&'static str],
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct SavingJson {
    u: u64,
    d: u64,
}

#[derive(Serialize)]
struct OriginSplitJson {
    own: SavingJson,
    base: SavingJson,
    unknown: SavingJson,
}

#[derive(Serialize)]
struct StepJson<'a> {
    n: Option<usize>,
    layer: usize,
    line: Option<u32>,
    text: Option<&'a str>,
    u: u64,
    d: u64,
}

#[derive(Serialize)]
struct OwnerNameJson<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

#[derive(Serialize)]
struct SharePathJson<'a> {
    #[serde(flatten)]
    path: PathJson<'a>,
    u: u64,
    d: u64,
    layer: usize,
    files: u64,
}

#[derive(Serialize)]
struct ExtraJson<'a> {
    notes: Vec<String>,
    table: Option<TableJson<'a>>,
}

#[derive(Serialize)]
struct TableJson<'a> {
    columns: &'a [&'static str],
    rows: Vec<Vec<ValueJson<'a>>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValueJson<'a> {
    Unknown,
    Text(&'a str),
    Number(u64),
}

impl<'a> FindingJson<'a> {
    /// A finding of an image; `whole` are the image's content bytes, if they are known.
    pub(super) fn new(
        image: &'a Image,
        owners: &'a [Owner],
        whole: Option<u64>,
        finding: &'a Finding,
    ) -> Self {
        let rule = finding.rule;
        let named = finding.owners.iter().filter_map(|owner| owners.get(owner.0 as usize));
        let text = |text: &'static str| (!text.is_empty()).then_some(text);
        Self {
            rule: rule.id,
            id: &finding.id,
            family: rule.family(),
            severity: finding.severity.as_str(),
            risk: finding.risk.as_str(),
            effort: rule.effort.as_str(),
            phase: rule.phase.as_str(),
            title: rule.title,
            message: finding.message.to_string(),
            why: rule.why,
            quick_win: finding.quick_win,
            net: finding.net.into(),
            gross: finding.gross.into(),
            share: whole.and_then(|whole| share(finding.net.content, whole)),
            confidence: Confidence::as_str(finding.confidence),
            origin_split: OriginSplitJson::new(finding.origins),
            files: finding.files,
            steps: finding.steps.iter().map(|share| StepJson::new(image, share)).collect(),
            owners: named.map(OwnerNameJson::new).collect(),
            paths: finding.paths.iter().map(SharePathJson::new).collect(),
            more: finding.more_paths,
            extra: ExtraJson::new(finding),
            exclusion_group: finding.group.as_deref(),
            snippet: Some(finding.snippet.as_str()).filter(|snippet| !snippet.is_empty()),
            false_positive_note: text(rule.caution),
            check_cmd: Some(finding.check.as_str()).filter(|check| !check.is_empty()),
            links: rule.links,
        }
    }
}

/// A part of a whole; none of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl From<Saving> for SavingJson {
    fn from(saving: Saving) -> Self {
        Self { u: saving.content, d: saving.compressed }
    }
}

impl OriginSplitJson {
    fn new(split: OriginSplit) -> Self {
        Self { own: split.own.into(), base: split.base.into(), unknown: split.unknown.into() }
    }
}

impl<'a> StepJson<'a> {
    fn new(image: &'a Image, share: &StepShare) -> Self {
        let layer = image.layers.get(share.layer);
        let step = layer.and_then(|layer| image.steps.get(layer.step?));
        Self {
            n: step.and_then(|step| step.number),
            layer: share.layer,
            line: layer.and_then(|layer| Some(layer.source.as_ref()?.start_line)),
            text: step.map(|step| step.instruction.as_str()),
            u: share.gross.content,
            d: share.gross.compressed,
        }
    }
}

impl<'a> OwnerNameJson<'a> {
    fn new(owner: &'a Owner) -> Self {
        Self { name: &owner.name, version: owner.version.as_deref() }
    }
}

impl<'a> SharePathJson<'a> {
    fn new(share: &'a PathShare) -> Self {
        Self {
            path: PathJson::new(&share.path),
            u: share.gross.content,
            d: share.gross.compressed,
            layer: share.layer,
            files: share.files,
        }
    }
}

impl<'a> ExtraJson<'a> {
    fn new(finding: &'a Finding) -> Self {
        let table = finding.table.as_ref().map(TableJson::new);
        Self { notes: finding.notes.iter().map(ToString::to_string).collect(), table }
    }
}

impl<'a> TableJson<'a> {
    fn new(table: &'a rule::Table) -> Self {
        let value = |value: &'a Value| match value {
            Value::Unknown => ValueJson::Unknown,
            Value::Text(text) => ValueJson::Text(text),
            Value::Bytes(number) | Value::Count(number) => ValueJson::Number(*number),
        };
        let rows = table.rows.iter().map(|row| row.iter().map(value).collect());
        Self { columns: &table.columns, rows: rows.collect() }
    }
}
