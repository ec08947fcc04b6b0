//! The published schema, read back by types that know each key and no other.

#![expect(dead_code, reason = "the fields are there to be decoded")]

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde::Deserialize;

use super::{format, one, text};
use crate::report::{Format, sample};
use crate::snapshot::Snapshot;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inspection {
    schema: String,
    reference: String,
    digest: String,
    media_type: String,
    shown: usize,
    images: Vec<Image>,
    findings: Vec<serde_json::Value>,
    platforms: Vec<String>,
    attestations: Vec<Attestation>,
    shared: Shared,
    rate_limit: Option<RateLimit>,
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    schema: String,
    reference: String,
    error: Error,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Error {
    kind: String,
    message: String,
    hint: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    platform: String,
    digest: String,
    manifest_size: u64,
    config_digest: String,
    config_size: u64,
    created: Option<String>,
    os: Option<String>,
    sizes: Sizes,
    layers: Vec<Layer>,
    history: Vec<Step>,
    base: Option<Base>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    findings: Vec<serde_json::Value>,
    snapshot: Option<Snapshot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    compressed: u128,
    uncompressed: Option<u128>,
    uncompressed_inferred: bool,
    own: Option<Part>,
    base: Option<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    compressed: u128,
    uncompressed: Option<u128>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    index: usize,
    digest: String,
    diff_id: Option<String>,
    media_type: String,
    compressed: u64,
    uncompressed: Option<u64>,
    uncompressed_inferred: bool,
    foreign: bool,
    step: Option<usize>,
    origin: String,
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    file: String,
    start_line: u32,
    end_line: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the schema's key")]
struct Step {
    step: Option<usize>,
    created: Option<String>,
    instruction: String,
    created_by: String,
    comment: String,
    empty: bool,
    layer: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    name: Option<String>,
    digest: Option<String>,
    layers: Option<usize>,
    evidence: String,
    confirmed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attestation {
    kind: String,
    artifact_type: Option<String>,
    digest: String,
    size: u64,
    subject: Option<String>,
    predicates: Vec<String>,
    compressed: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    compressed_all_platforms: u128,
    compressed_unique: u128,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimit {
    limit: u64,
    remaining: u64,
    window_seconds: Option<u64>,
    source: Option<String>,
}

#[test]
fn every_sample_decodes_into_the_schema() {
    for found in super::all_samples() {
        let document = one(found.clone(), &format(Format::Json));
        let decoded: Inspection = serde_json::from_str(&document).unwrap();
        assert_eq!(decoded.schema, "regsize.inspect/1");
        assert_eq!(decoded.reference, found.reference);
        for (image, expected) in decoded.images.iter().zip(&found.images) {
            let layers: u128 = image.layers.iter().map(|layer| u128::from(layer.compressed)).sum();
            assert_eq!(image.sizes.compressed, layers);
            let texts: Vec<&String> = image.history.iter().map(|step| &step.instruction).collect();
            let written: Vec<&String> =
                expected.steps.iter().map(|step| &step.instruction).collect();
            assert_eq!(texts, written);
        }
        assert!(document.ends_with("}\n"));
    }
}

#[test]
fn own_and_base_add_up_or_are_unknown() {
    let decode = |found| -> Sizes {
        let document = one(found, &format(Format::Json));
        let mut decoded: Inspection = serde_json::from_str(&document).unwrap();
        decoded.images.remove(0).sizes
    };
    let sizes = decode(sample::ml());
    let (own, base) = (sizes.own.unwrap(), sizes.base.unwrap());
    assert_eq!(own.compressed + base.compressed, sizes.compressed);
    assert_eq!(own.uncompressed.unwrap() + base.uncompressed.unwrap(), sizes.uncompressed.unwrap());
    let sizes = decode(sample::plain());
    assert!(sizes.own.is_none() && sizes.base.is_none() && sizes.uncompressed.is_none());
}

#[test]
fn several_references_are_an_array_and_failures_are_in_their_place() {
    let document = text(&sample::candidates(), &format(Format::Json));
    let decoded: Vec<serde_json::Value> = serde_json::from_str(&document).unwrap();
    let failed: Failed = serde_json::from_value(decoded[3].clone()).unwrap();
    assert_eq!(
        (failed.schema.as_str(), failed.error.kind.as_str()),
        ("regsize.inspect/1", "not_found")
    );
    let alone = text(&[sample::failed()], &format(Format::Json));
    let alone: Failed = serde_json::from_str(&alone).unwrap();
    assert_eq!(alone.error.message, failed.error.message);
}

#[test]
fn totals_beyond_64_bits_are_numbers() {
    let mut found = sample::plain();
    found.shared.all_platforms = u128::from(u64::MAX) * 3;
    for layer in &mut found.images[0].layers {
        layer.compressed = u64::MAX;
    }
    let document = one(found, &format(Format::Json));
    let decoded: Inspection = serde_json::from_str(&document).unwrap();
    assert!(document.contains("\"compressed_all_platforms\": 55340232221128654845,"));
    assert_eq!(decoded.images[0].sizes.compressed, u128::from(u64::MAX) * 4);
}

#[test]
fn the_document_is_indented_and_in_a_fixed_order() {
    assert_snapshot!("schema", one(sample::plain(), &format(Format::Json)));
}
