//! `regsize.analyze/1`: everything of `regsize.inspect/1`, and what the layers hold.
//!
//! What was not read or not asked for is `null`. A layer's `overhead` is what of its blob belongs
//! to no entry: the `compressed` of its entries and it make the blob. `waste` has what is shadowed
//! where there is content among it, and `waste_without_content` the rest (whiteouts, links,
//! directories, empty files): together they are `shadowed`, in files, bytes and compressed. If a
//! layer was left out, what is visible and shadowed is not known, and they are what is hidden for
//! certain. A path is exact, unless `path_bytes` stands beside it: then it is not UTF-8,
//! `path_bytes` is it in base64, and `path` shows each byte that is not text as `\xNN`.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::super::analyze::{gaps as gap_phrase, kind_name, sentence, toc_source};
use super::super::encode::{path_text, write_json};
use super::super::inspect::Outcome;
use super::study::StudyJson;
use super::{ImageJson, InspectionJson, LayerJson, OutcomeJson, SizesJson};
use crate::analysis::{Analysis, Dive, Gaps, ImageAnalysis, LayerUsage, PathUsage, Remark, Waste};
use crate::filesystem::Amount;
use crate::image::{Image, Inspection, Layer};
use crate::snapshot::Snapshot;

const SCHEMA: &str = "regsize.analyze/1";

/// Writes one object for one reference and an array of objects for several.
pub fn write_analyze_json(outcomes: &[Outcome<Analysis>], out: &mut dyn Write) -> io::Result<()> {
    match outcomes {
        [outcome] => write_json(&analyzed(outcome), out),
        _ => write_json(&outcomes.iter().map(analyzed).collect::<Vec<_>>(), out),
    }
}

fn analyzed(outcome: &Outcome<Analysis>) -> OutcomeJson<'_, AnalyzedJson<'_>> {
    OutcomeJson::new(SCHEMA, outcome, |analysis| {
        let images = analysis.inspection.images.iter().enumerate().map(|(index, image)| {
            let found = analysis.images.iter().find(|found| found.image == index);
            AnalyzedJson::new(&analysis.inspection, image, found)
        });
        let findings = Cow::Borrowed(analysis.findings.as_slice());
        InspectionJson::new(SCHEMA, &analysis.inspection, images.collect(), findings)
            .warning(gaps(analysis))
    })
}

/// What findings do not know of layers that were listed from tables of contents.
fn gaps(analysis: &Analysis) -> impl Iterator<Item = String> {
    analysis.images.iter().filter_map(|found| {
        let image = analysis.inspection.images.get(found.image)?;
        Some(format!("{}: {}", image.platform, gap_phrase(&Gaps::of(found)?)))
    })
}

#[derive(Serialize)]
struct AnalyzedJson<'a> {
    #[serde(flatten)]
    image: ImageJson<'a, AnalyzedSizesJson, AnalyzedLayerJson<'a>>,
    visible: Option<AmountJson>,
    shadowed: Option<AmountJson>,
    efficiency: Option<f64>,
    waste: Option<Vec<WasteJson<'a>>>,
    waste_without_content: Option<AmountJson>,
    dive: Option<DiveJson>,
    transferred: Option<u64>,
    ambiguous: Option<Vec<RemarkJson<'a>>>,
    notes: Option<Vec<RemarkJson<'a>>>,
    remarks_dropped: Option<u64>,
    largest_directories: Option<Vec<UsageJson<'a>>>,
    largest_files: Option<Vec<UsageJson<'a>>>,
    #[serde(flatten)]
    study: StudyJson<'a>,
    snapshot: Option<Snapshot>,
}

#[derive(Serialize)]
struct AnalyzedSizesJson {
    #[serde(flatten)]
    sizes: SizesJson,
    content: Option<u64>,
}

#[derive(Serialize)]
struct AnalyzedLayerJson<'a> {
    #[serde(flatten)]
    layer: LayerJson<'a>,
    content: Option<u64>,
    entries: Option<u64>,
    files: Option<u64>,
    shadowed: Option<u64>,
    overhead: Option<u64>,
    toc_source: Option<&'static str>,
    transferred: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct AmountJson {
    files: u64,
    bytes: u64,
    compressed: u64,
}

#[derive(Serialize)]
struct WasteJson<'a> {
    written_in: usize,
    hidden_in: usize,
    how: &'static str,
    files: u64,
    bytes: u64,
    compressed: u64,
    paths: Vec<UsageJson<'a>>,
}

#[derive(Serialize)]
struct UsageJson<'a> {
    #[serde(flatten)]
    path: PathJson<'a>,
    kind: &'static str,
    files: u64,
    content: u64,
    compressed: u64,
    layer: Option<usize>,
}

#[derive(Serialize)]
struct RemarkJson<'a> {
    layer: usize,
    kind: &'static str,
    message: String,
    #[serde(flatten)]
    path: Option<PathJson<'a>>,
}

#[derive(Serialize)]
struct DiveJson {
    efficiency: f64,
    size_bytes: u64,
    user_size_bytes: u64,
    wasted_bytes: u64,
    user_wasted_percent: f64,
}

/// A path as text, and its bytes where the text is not exact.
#[derive(Serialize)]
pub(super) struct PathJson<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

impl<'a> PathJson<'a> {
    pub(super) fn new(path: &'a [u8]) -> Self {
        let (path, path_bytes) = text_and_bytes(path);
        Self { path, path_bytes }
    }
}

/// The text that stands for `path`, and its bytes in base64 if it is not UTF-8.
pub(super) fn text_and_bytes(path: &[u8]) -> (Cow<'_, str>, Option<String>) {
    match std::str::from_utf8(path) {
        Ok(text) => (Cow::Borrowed(text), None),
        Err(_) => (Cow::Owned(path_text(path)), Some(STANDARD.encode(path))),
    }
}

impl<'a> AnalyzedJson<'a> {
    fn new(inspection: &Inspection, image: &'a Image, found: Option<&'a ImageAnalysis>) -> Self {
        let complete = found.filter(|found| found.is_complete());
        let layers = image.layers.iter().map(|layer| {
            let usage = found.and_then(|found| *found.layers.get(layer.index)?);
            AnalyzedLayerJson::new(image, layer, usage, complete.is_some())
        });
        let sizes = AnalyzedSizesJson {
            sizes: SizesJson::new(image),
            content: complete.map(ImageAnalysis::content),
        };
        let usages = |usages: &'a [PathUsage]| usages.iter().map(UsageJson::new).collect();
        let remarks = |remarks: &'a [Remark]| remarks.iter().map(RemarkJson::new).collect();
        Self {
            image: ImageJson::with(image, sizes, layers.collect()),
            visible: complete.map(|found| AmountJson::new(found.visible)),
            shadowed: complete.map(|found| AmountJson::new(found.shadowed)),
            efficiency: complete.and_then(ImageAnalysis::efficiency),
            waste: found.map(|found| found.waste.iter().map(WasteJson::new).collect()),
            waste_without_content: found.map(|found| AmountJson::new(found.waste_without_content)),
            dive: found.and_then(|found| found.dive).map(DiveJson::new),
            transferred: found.map(ImageAnalysis::transferred),
            ambiguous: found.map(|found| remarks(&found.ambiguous)),
            notes: found.map(|found| remarks(&found.notes)),
            remarks_dropped: found.map(|found| found.remarks_dropped),
            largest_directories: found.map(|found| usages(&found.directories)),
            largest_files: found.map(|found| usages(&found.files)),
            study: found.map(|found| StudyJson::new(image, found)).unwrap_or_default(),
            snapshot: found.map(|found| Snapshot::of_analysis(inspection, image, found)),
        }
    }
}

impl<'a> AnalyzedLayerJson<'a> {
    fn new(image: &'a Image, layer: &'a Layer, usage: Option<LayerUsage>, complete: bool) -> Self {
        Self {
            layer: LayerJson::new(image, layer),
            content: usage.map(|usage| usage.content),
            entries: usage.map(|usage| usage.entries),
            files: usage.map(|usage| usage.files),
            shadowed: usage.filter(|_| complete).map(|usage| usage.shadowed.bytes),
            overhead: usage.map(|usage| usage.overhead),
            toc_source: usage.map(toc_source),
            transferred: usage.map(|usage| usage.transferred),
        }
    }
}

impl AmountJson {
    pub(super) fn new(amount: Amount) -> Self {
        let Amount { files, bytes, compressed } = amount;
        Self { files, bytes, compressed }
    }
}

impl<'a> WasteJson<'a> {
    fn new(waste: &'a Waste) -> Self {
        let Amount { files, bytes, compressed } = waste.amount;
        Self {
            written_in: waste.written_in,
            hidden_in: waste.hidden.layer,
            how: waste.hidden.how.as_str(),
            files,
            bytes,
            compressed,
            paths: waste.paths.iter().map(UsageJson::new).collect(),
        }
    }
}

impl<'a> UsageJson<'a> {
    fn new(usage: &'a PathUsage) -> Self {
        Self {
            path: PathJson::new(&usage.path),
            kind: usage.kind.as_str(),
            files: usage.amount.files,
            content: usage.amount.bytes,
            compressed: usage.amount.compressed,
            layer: usage.layer,
        }
    }
}

impl<'a> RemarkJson<'a> {
    fn new(remark: &'a Remark) -> Self {
        Self {
            layer: remark.layer,
            kind: kind_name(remark.kind),
            message: sentence(remark.kind),
            path: remark.path.as_deref().map(PathJson::new),
        }
    }
}

impl DiveJson {
    fn new(dive: Dive) -> Self {
        let Dive { efficiency, size_bytes, user_size_bytes, wasted_bytes, user_wasted_percent } =
            dive;
        Self { efficiency, size_bytes, user_size_bytes, wasted_bytes, user_wasted_percent }
    }
}
