//! The JSON report as a reader of the schema would decode it: every field named, no others.
//!
//! ```ignore
//! let report = Report::of(&sandbox.run(&["inspect", &reference, "--format", "json"]));
//! assert_eq!(report.shown().layers[0].compressed, 1234);
//! ```

#![expect(dead_code, reason = "what no test reads is decoded all the same")]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sandbox::Output;

/// A report on one reference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub schema: String,
    pub reference: String,
    pub digest: String,
    pub media_type: String,
    pub shown: usize,
    pub images: Vec<ImageReport>,
    pub platforms: Vec<String>,
    pub attestations: Vec<Attached>,
    pub shared: Shared,
    pub findings: Vec<serde_json::Value>,
    pub rate_limit: Option<RateLimit>,
    pub warnings: Vec<String>,
}

/// One platform's image.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageReport {
    pub platform: String,
    pub digest: String,
    pub manifest_size: u64,
    pub config_digest: String,
    pub config_size: u64,
    pub created: Option<String>,
    pub os: Option<String>,
    pub sizes: Sizes,
    pub layers: Vec<LayerReport>,
    pub history: Vec<Step>,
    pub base: Option<Base>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub findings: Vec<serde_json::Value>,
    pub snapshot: serde_json::Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    pub compressed: u64,
    pub uncompressed: Option<u64>,
    pub uncompressed_inferred: bool,
    pub own: Option<Part>,
    pub base: Option<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub compressed: u64,
    pub uncompressed: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerReport {
    pub index: usize,
    pub digest: String,
    pub diff_id: Option<String>,
    pub media_type: String,
    pub compressed: u64,
    pub uncompressed: Option<u64>,
    pub uncompressed_inferred: bool,
    pub foreign: bool,
    pub step: Option<usize>,
    pub origin: String,
    pub source: Option<Source>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub file: String,
    pub start_line: u32,
    pub end_line: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(rename = "step")]
    pub number: Option<usize>,
    pub created: Option<String>,
    pub instruction: String,
    pub created_by: String,
    pub comment: String,
    pub empty: bool,
    pub layer: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    pub name: Option<String>,
    pub digest: Option<String>,
    pub layers: Option<usize>,
    pub evidence: String,
    pub confirmed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    pub kind: String,
    pub artifact_type: Option<String>,
    pub digest: String,
    pub size: u64,
    pub subject: Option<String>,
    pub predicates: Vec<String>,
    pub compressed: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    pub compressed_all_platforms: u64,
    pub compressed_unique: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub limit: u64,
    pub remaining: u64,
    pub window_seconds: Option<u64>,
    pub source: Option<String>,
}

/// What stands in the place of a report that could not be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureReport {
    pub schema: String,
    pub reference: Option<String>,
    pub error: Failure,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    pub kind: String,
    pub message: String,
    pub hint: Option<String>,
}

impl Report {
    /// The report of a run that succeeded; its numbers add up.
    pub fn of(output: &Output) -> Self {
        assert_eq!(output.code, Some(0), "{output}");
        let report: Self = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("{error} in {output}"));
        assert_eq!(report.schema, "regsize.inspect/1");
        report.assert_sums();
        report
    }

    /// The image that is shown in detail.
    pub fn shown(&self) -> &ImageReport {
        &self.images[self.shown]
    }

    /// The base image of the image that is shown: layers, evidence, confirmed.
    pub fn base(&self) -> Option<(Option<usize>, &str, bool)> {
        let base = self.shown().base.as_ref();
        base.map(|base| (base.layers, base.evidence.as_str(), base.confirmed))
    }

    /// The uncompressed sizes of the layers of the image that is shown.
    pub fn uncompressed(&self) -> Vec<Option<u64>> {
        self.shown().layers.iter().map(|layer| layer.uncompressed).collect()
    }

    fn assert_sums(&self) {
        for image in &self.images {
            image.assert_sums();
        }
        let layers = || self.images.iter().flat_map(|image| &image.layers);
        let all: u64 = layers().map(|layer| layer.compressed).sum();
        let distinct: BTreeMap<&str, u64> =
            layers().map(|layer| (layer.digest.as_str(), layer.compressed)).collect();
        assert_eq!(self.shared.compressed_all_platforms, all);
        assert_eq!(self.shared.compressed_unique, distinct.values().sum::<u64>());
    }
}

impl ImageReport {
    fn assert_sums(&self) {
        let Sizes { compressed, uncompressed, own, base, .. } = &self.sizes;
        let known = self.layers.iter().map(|layer| layer.uncompressed).sum::<Option<u64>>();
        assert_eq!(*compressed, self.layers.iter().map(|layer| layer.compressed).sum::<u64>());
        assert_eq!(*uncompressed, known);
        let (Some(own), Some(base)) = (own, base) else {
            assert!(own.is_none() && base.is_none());
            return;
        };
        assert_eq!(own.compressed + base.compressed, *compressed);
        if let (Some(own), Some(base)) = (own.uncompressed, base.uncompressed) {
            assert_eq!(Some(own + base), *uncompressed);
        }
    }
}
