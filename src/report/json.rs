//! The published schemas: types of their own, in a fixed order of keys.
//!
//! `regsize.inspect/1` is here; `regsize.analyze/1`, which adds to it, `regsize.files/1`,
//! `regsize.packages/1`, `regsize.compare/1` (with `regsize.compare-many/1` and
//! `regsize.compare-platforms/1`), `regsize.rules/1`, `regsize.tags/1` and `regsize.check/1` are in
//! modules of their own.
//!
//! `snapshot` of an image is `regsize.snapshot/1`, see [`crate::snapshot`]: what `compare` and
//! `check` read back from a report of an earlier run.
//!
//! Numbers are bytes or counts; what is not known is `null`. `step` in a layer is the number among
//! the steps that made a layer, counted from 1; `layer` in a step is the layer's index, counted
//! from 0. A meaning that changes gets another schema name.

mod analyze;
mod audit;
mod check;
mod compare;
mod files;
mod finding;
mod inspected;
mod packages;
mod pass;
mod rules;
mod study;
mod tags;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::encode::write_json;
use super::inspect::{Failure, Outcome, origins_known, subtotal};
use super::words::is_foreign;
use crate::image::{
    Attachment, AttachmentKind, Base, Image, Inspection, Layer, Origin, RateLimit, SourceLines,
    Step,
};
use crate::oci::Digest;
use crate::rule::{Finding, Selection, index_findings};

pub use self::analyze::write_analyze_json;
use self::analyze::{PathJson, text_and_bytes};
pub(super) use self::audit::write_overview_json;
pub(super) use self::check::write_check_json;
pub(super) use self::compare::{write_compare_json, write_matrix_json, write_platforms_json};
pub(super) use self::files::write_files_failure;
pub use self::files::write_files_json;
use self::inspected::{IndexFindings, InspectedJson};
pub(super) use self::packages::write_packages_json;
pub(super) use self::pass::{write_pass_json, write_watchlist_json};
pub(super) use self::rules::write_rules_json;
pub(super) use self::tags::write_tags_json;

const SCHEMA: &str = "regsize.inspect/1";

/// Writes one object for one reference and an array of objects for several.
pub fn write_inspect_json(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    match outcomes {
        [outcome] => write_json(&inspected(outcome), out),
        _ => write_json(&outcomes.iter().map(inspected).collect::<Vec<_>>(), out),
    }
}

fn inspected(outcome: &Outcome) -> OutcomeJson<'_, InspectedJson<'_>> {
    OutcomeJson::new(SCHEMA, outcome, |inspection| {
        let image = |image| InspectedJson::new(inspection, image);
        let images = inspection.images.iter().map(image).collect();
        let findings = Cow::Owned(index_findings(inspection, &Selection::default()));
        InspectionJson::new(SCHEMA, inspection, images, findings)
    })
}

/// The error of a command line that could not be understood.
pub fn usage_json(message: &str, hint: Option<&str>) -> Vec<u8> {
    let error = ErrorJson { kind: "usage", message: message.trim_end(), hint };
    let mut out = Vec::new();
    let failed = FailureJson { schema: "regsize.error/1", reference: None, error };
    // Writing into memory does not fail.
    let _ = write_json(&failed, &mut out);
    out
}

/// Writes the object that stands for a report that cannot be made, about `reference` if it is
/// about one.
pub(super) fn write_no_report(
    schema: &'static str,
    reference: Option<&str>,
    failure: &Failure,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_json(&FailureJson::new(schema, reference, failure), out)
}

#[derive(Serialize)]
#[serde(untagged)]
enum OutcomeJson<'a, I> {
    Found(Box<InspectionJson<'a, I>>),
    Failed(FailureJson<'a>),
}

#[derive(Serialize)]
struct FailureJson<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct InspectionJson<'a, I> {
    schema: &'static str,
    reference: &'a str,
    digest: &'a str,
    media_type: &'a str,
    shown: usize,
    images: Vec<I>,
    findings: IndexFindings<'a>,
    platforms: Vec<String>,
    attestations: Vec<AttachmentJson<'a>>,
    shared: SharedJson,
    rate_limit: Option<RateLimitJson<'a>>,
    warnings: Cow<'a, [String]>,
}

#[derive(Serialize)]
struct ImageJson<'a, S = SizesJson, L = LayerJson<'a>> {
    platform: String,
    digest: &'a str,
    manifest_size: u64,
    config_digest: &'a str,
    config_size: u64,
    created: Option<&'a str>,
    os: Option<&'a str>,
    sizes: S,
    layers: Vec<L>,
    history: Vec<StepJson<'a>>,
    base: Option<BaseJson<'a>>,
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct SizesJson {
    compressed: u128,
    uncompressed: Option<u128>,
    uncompressed_inferred: bool,
    own: Option<PartJson>,
    base: Option<PartJson>,
}

#[derive(Serialize)]
struct PartJson {
    compressed: u128,
    uncompressed: Option<u128>,
}

#[derive(Serialize)]
struct LayerJson<'a> {
    index: usize,
    digest: &'a str,
    diff_id: Option<&'a str>,
    media_type: &'a str,
    compressed: u64,
    uncompressed: Option<u64>,
    uncompressed_inferred: bool,
    foreign: bool,
    step: Option<usize>,
    origin: &'static str,
    source: Option<SourceJson<'a>>,
}

#[derive(Serialize)]
struct SourceJson<'a> {
    file: &'a str,
    start_line: u32,
    end_line: u32,
}

#[derive(Serialize)]
struct StepJson<'a> {
    step: Option<usize>,
    created: Option<&'a str>,
    instruction: &'a str,
    created_by: &'a str,
    comment: &'a str,
    empty: bool,
    layer: Option<usize>,
}

#[derive(Serialize)]
struct BaseJson<'a> {
    name: Option<&'a str>,
    digest: Option<&'a str>,
    layers: Option<usize>,
    evidence: &'static str,
    confirmed: bool,
}

#[derive(Serialize)]
struct AttachmentJson<'a> {
    kind: &'static str,
    artifact_type: Option<&'a str>,
    digest: &'a str,
    size: u64,
    subject: Option<&'a str>,
    predicates: &'a [String],
    compressed: Option<u64>,
}

#[derive(Serialize)]
struct SharedJson {
    compressed_all_platforms: u128,
    compressed_unique: u128,
}

#[derive(Serialize)]
struct RateLimitJson<'a> {
    limit: u64,
    remaining: u64,
    window_seconds: Option<u64>,
    source: Option<&'a str>,
}

impl<'a, I> OutcomeJson<'a, I> {
    fn new<T>(
        schema: &'static str,
        outcome: &'a Outcome<T>,
        found: impl FnOnce(&'a T) -> InspectionJson<'a, I>,
    ) -> Self {
        match &outcome.result {
            Ok(result) => Self::Found(Box::new(found(result))),
            Err(failure) => {
                Self::Failed(FailureJson::new(schema, Some(&outcome.reference), failure))
            }
        }
    }
}

impl<'a> FailureJson<'a> {
    fn new(schema: &'static str, reference: Option<&'a str>, failure: &'a Failure) -> Self {
        let Failure { kind, message, hint } = failure;
        Self { schema, reference, error: ErrorJson { kind, message, hint: hint.as_deref() } }
    }
}

impl<'a, I> InspectionJson<'a, I> {
    fn new(
        schema: &'static str,
        inspection: &'a Inspection,
        images: Vec<I>,
        findings: Cow<'a, [Finding]>,
    ) -> Self {
        Self {
            schema,
            reference: &inspection.reference,
            digest: inspection.digest.as_str(),
            media_type: inspection.media_type.as_str(),
            shown: inspection.shown,
            images,
            findings: IndexFindings { inspection, findings },
            platforms: inspection.platforms.iter().map(ToString::to_string).collect(),
            attestations: inspection.attachments.iter().map(AttachmentJson::new).collect(),
            shared: SharedJson {
                compressed_all_platforms: inspection.shared.all_platforms,
                compressed_unique: inspection.shared.unique,
            },
            rate_limit: inspection.rate_limit.as_ref().map(RateLimitJson::new),
            warnings: Cow::Borrowed(&inspection.warnings),
        }
    }
}

impl<I> InspectionJson<'_, I> {
    /// The same with more warnings.
    fn warning(mut self, more: impl IntoIterator<Item = String>) -> Self {
        let mut more = more.into_iter().peekable();
        if more.peek().is_some() {
            self.warnings.to_mut().extend(more);
        }
        self
    }
}

impl<'a> ImageJson<'a> {
    fn new(image: &'a Image) -> Self {
        let layers = image.layers.iter().map(|layer| LayerJson::new(image, layer)).collect();
        Self::with(image, SizesJson::new(image), layers)
    }
}

impl<'a, S, L> ImageJson<'a, S, L> {
    fn with(image: &'a Image, sizes: S, layers: Vec<L>) -> Self {
        Self {
            platform: image.platform.to_string(),
            digest: image.digest.as_str(),
            manifest_size: image.manifest_size,
            config_digest: image.config_digest.as_str(),
            config_size: image.config_size,
            created: image.created.as_deref(),
            os: image.os_name.as_deref(),
            sizes,
            layers,
            history: image.steps.iter().map(StepJson::new).collect(),
            base: image.base.as_ref().map(BaseJson::new),
            labels: &image.labels,
            annotations: &image.annotations,
        }
    }
}

impl SizesJson {
    fn new(image: &Image) -> Self {
        let part = |origin| {
            origins_known(image).then(|| {
                let (compressed, uncompressed, _) = subtotal(image, origin);
                PartJson { compressed, uncompressed }
            })
        };
        Self {
            compressed: image.compressed(),
            uncompressed: image.uncompressed(),
            uncompressed_inferred: image.uncompressed().is_some() && image.uncompressed_inferred(),
            own: part(Origin::Own),
            base: part(Origin::Base),
        }
    }
}

impl<'a> LayerJson<'a> {
    fn new(image: &'a Image, layer: &'a Layer) -> Self {
        Self {
            index: layer.index,
            digest: layer.digest.as_str(),
            diff_id: layer.diff_id.as_ref().map(|diff_id| diff_id.0.as_str()),
            media_type: layer.media_type.as_str(),
            compressed: layer.compressed,
            uncompressed: layer.uncompressed.map(|known| known.bytes),
            uncompressed_inferred: layer.uncompressed.is_some_and(|known| known.inferred),
            foreign: is_foreign(layer),
            step: layer.step.and_then(|step| image.steps.get(step)).and_then(|step| step.number),
            origin: layer.origin.as_str(),
            source: layer.source.as_ref().map(SourceJson::new),
        }
    }
}

impl<'a> SourceJson<'a> {
    fn new(lines: &'a SourceLines) -> Self {
        Self { file: &lines.file, start_line: lines.start_line, end_line: lines.end_line }
    }
}

impl<'a> StepJson<'a> {
    fn new(step: &'a Step) -> Self {
        Self {
            step: step.number,
            created: step.created.as_deref(),
            instruction: &step.instruction,
            created_by: &step.created_by,
            comment: &step.comment,
            empty: step.empty,
            layer: step.layer,
        }
    }
}

impl<'a> BaseJson<'a> {
    fn new(base: &'a Base) -> Self {
        Self {
            name: base.name.as_deref(),
            digest: base.digest.as_ref().map(Digest::as_str),
            layers: base.layers,
            evidence: base.evidence.as_str(),
            confirmed: base.confirmed,
        }
    }
}

impl<'a> AttachmentJson<'a> {
    fn new(attachment: &'a Attachment) -> Self {
        let (kind, artifact_type) = match &attachment.kind {
            AttachmentKind::Attestation => ("attestation", None),
            AttachmentKind::Soci => ("soci", None),
            AttachmentKind::Nydus => ("nydus", None),
            AttachmentKind::Artifact(artifact_type) => ("artifact", Some(artifact_type.as_str())),
        };
        Self {
            kind,
            artifact_type,
            digest: attachment.digest.as_str(),
            size: attachment.size,
            subject: attachment.subject.as_ref().map(Digest::as_str),
            predicates: &attachment.predicates,
            compressed: attachment.compressed,
        }
    }
}

impl<'a> RateLimitJson<'a> {
    fn new(limit: &'a RateLimit) -> Self {
        Self {
            limit: limit.limit,
            remaining: limit.remaining,
            window_seconds: limit.window_seconds,
            source: limit.source.as_deref(),
        }
    }
}
