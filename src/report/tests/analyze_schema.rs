//! The schemas of `analyze` and `files`, read back: the keys in their order, and their types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{analyze, files, format, one};
use crate::analysis::Analysis;
use crate::report::{Format, Listing, sample};

fn decoded(analysis: Analysis) -> Value {
    let document = analyze::one(analysis, &analyze::options(Format::Json, 80));
    serde_json::from_str(&document).unwrap()
}

fn listed(listing: &Listing<'_>, paths: &[&[u8]]) -> String {
    files::text(listing, sample::usage_rows(paths), (Format::Json, 80))
}

#[test]
fn an_analysis_has_all_that_an_inspection_has() {
    for analysis in [sample::ml_analysis(), sample::ml_platforms(), sample::partial()] {
        let inspected = one(analysis.inspection.clone(), &format(Format::Json));
        let mut inspected: Value = serde_json::from_str(&inspected).unwrap();
        inspected["schema"] = json!("regsize.analyze/1");
        // The rules that run are the analysis' own choice.
        inspected.as_object_mut().unwrap().remove("findings");
        // Those that need no layer are told among the others, once all layers were read.
        for image in inspected["images"].as_array_mut().unwrap() {
            let image = image.as_object_mut().unwrap();
            image.remove("findings");
            image.remove("snapshot");
        }
        contains(&decoded(analysis), &inspected, "$");
    }
}

/// Whether `all` has every key and value of `part`.
fn contains(all: &Value, part: &Value, place: &str) {
    match (all, part) {
        (Value::Object(all), Value::Object(part)) => {
            for (key, value) in part {
                contains(&all[key], value, &format!("{place}.{key}"));
            }
        }
        (Value::Array(all), Value::Array(part)) => {
            // Findings have warnings of their own.
            let more = place == "$.warnings" && all.len() > part.len();
            assert!(all.len() == part.len() || more, "{place}");
            for (index, (all, part)) in all.iter().zip(part).enumerate() {
                contains(all, part, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(all, part, "{place}"),
    }
}

#[test]
fn content_is_visible_and_shadowed_and_sums_over_layers() {
    let document = decoded(sample::ml_analysis());
    let image = &document["images"][0];
    let number = |value: &Value| value.as_u64().unwrap();
    let content = number(&image["sizes"]["content"]);
    assert_eq!(content, number(&image["visible"]["bytes"]) + number(&image["shadowed"]["bytes"]));
    let layers = image["layers"].as_array().unwrap();
    assert_eq!(content, layers.iter().map(|layer| number(&layer["content"])).sum::<u64>());
    let shadowed = number(&image["shadowed"]["bytes"]);
    assert_eq!(shadowed, layers.iter().map(|layer| number(&layer["shadowed"])).sum::<u64>());
    let waste = image["waste"].as_array().unwrap();
    assert_eq!(shadowed, waste.iter().map(|pair| number(&pair["bytes"])).sum::<u64>());
    let transferred = layers.iter().map(|layer| number(&layer["transferred"])).sum::<u64>();
    assert_eq!(number(&image["transferred"]), transferred);
}

#[test]
fn what_was_not_read_or_not_asked_for_is_null() {
    let partial = decoded(sample::partial());
    let image = &partial["images"][0];
    assert!(image["sizes"]["content"].is_null() && image["dive"].is_null());
    for key in ["visible", "shadowed", "efficiency"].into_iter().chain(STUDIED) {
        assert!(image.as_object().unwrap().contains_key(key) && image[key].is_null(), "{key}");
    }
    assert!(image["layers"][1]["shadowed"].is_null(), "a layer above may hide anything");
    for key in ["content", "entries", "files", "overhead", "toc_source", "transferred"] {
        assert!(image["layers"][2][key].is_null() && !image["layers"][1][key].is_null(), "{key}");
    }
    let other = &decoded(sample::ml_analysis())["images"][1];
    for key in ["visible", "shadowed", "efficiency", "waste", "ambiguous", "transferred"] {
        assert!(other.as_object().unwrap().contains_key(key) && other[key].is_null(), "{key}");
    }
    let nothing = &decoded(sample::nothing())["images"][0];
    assert!(nothing["efficiency"].is_null() && nothing["dive"]["user_wasted_percent"].is_null());
    assert_eq!(nothing["sizes"]["content"], 0);
}

/// What is told of images of which all layers were read.
const STUDIED: [&str; 7] =
    ["owners", "packages", "components", "duplicates", "findings", "optimized", "balances"];

#[test]
fn findings_have_all_that_is_known_of_them() {
    let document = decoded(sample::ml_analysis());
    let image = &document["images"][0];
    let finding = &image["findings"][1];
    assert_eq!((&finding["rule"], &finding["family"]), (&json!("cache-conda"), &json!("cache")));
    assert_eq!(finding["net"], json!({"u": 900_000_000, "d": 300_000_000}));
    assert_eq!(finding["origin_split"]["own"]["u"], 700_000_000);
    assert_eq!(finding["steps"][1]["layer"], 6);
    assert_eq!(finding["paths"][0]["path"], "opt/conda/pkgs/cache");
    assert_eq!(finding["extra"]["notes"], json!(["of it 620 MB are archives"]));
    assert!(finding["check_cmd"].is_null() && finding["exclusion_group"].is_null());
    let optimized = &image["optimized"];
    let number = |value: &Value| value.as_u64().unwrap();
    assert_eq!(number(&optimized["safe"]["content"]), 25_537_000_000 - 700_000_000);
    assert!(number(&optimized["test"]["content"]) < number(&optimized["safe"]["content"]));
    assert_eq!(optimized["review_up_to"]["content"], 6_500_000_000_u64);
}

#[test]
fn paths_that_are_not_text_are_there_in_base64() {
    let check = |path: &[u8], text: &str, has_bytes: bool| {
        let document = decoded(sample::hostile_analysis(&[path]));
        let file = &document["images"][0]["largest_files"][0];
        assert_eq!(file["path"], text);
        let inspection = sample::ml();
        let document = listed(&files::listing(&inspection), &[path]);
        let listed: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(listed["entries"][0]["path"], text);
        for holder in [file, &listed["entries"][0]] {
            let bytes = holder.get("path_bytes").map(|bytes| bytes.as_str().unwrap());
            assert_eq!(bytes.is_some(), has_bytes, "{holder}");
            let bytes = bytes.map_or(text.as_bytes().to_vec(), |b| STANDARD.decode(b).unwrap());
            assert_eq!(bytes, path);
        }
        let target = listed["entries"][2]["target_bytes"].as_str().unwrap();
        assert_eq!(STANDARD.decode(target).unwrap(), b"../li\xffb");
    };
    check(b"usr/bin", "usr/bin", false);
    check(b"caf\xe9", "caf\\xe9", true);
    check(b"a\\xff", "a\\xff", false);
    check("caf\u{e9}\n".as_bytes(), "caf\u{e9}\n", false);
}

#[test]
fn several_references_are_an_array_with_failures_in_their_place() {
    let failure = sample::failed().result.unwrap_err();
    let failed = crate::report::Outcome { reference: "a/b:1".into(), result: Err(failure) };
    let outcomes = [sample::analyzed(sample::nothing()), failed];
    let document = analyze::text(&outcomes, &analyze::options(Format::Json, 80));
    let all: Vec<Value> = serde_json::from_str(&document).unwrap();
    assert_eq!(all[1]["schema"], "regsize.analyze/1");
    assert_eq!(all[1]["error"]["kind"], "not_found");
    assert_eq!(all[0]["images"][0]["layers"], json!([]));
}

#[test]
fn the_documents_are_indented_and_in_a_fixed_order() {
    let options = analyze::options(Format::Json, 80);
    assert_snapshot!("analyze_schema", analyze::one(sample::ml_analysis(), &options));
    let inspection = sample::plain();
    let mut listing = files::listing(&inspection);
    listing.left_out = &[1, 2];
    assert_snapshot!("files_schema", listed(&listing, sample::HOSTILE_PATHS));
}
