//! Image configs that are broken, strange or do not fit their manifest.

use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::image::{OCI_CONFIG, OCI_MANIFEST, descriptor};
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Layer, Registry, Reply, Sandbox, accepted, check_text, refused};

/// A registry whose image of two layers has these bytes as its config.
fn serving(config: impl Into<bytes::Bytes>) -> RunningRegistry {
    let config = config.into();
    let image = Image::new("linux/amd64")
        .layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/")
        .layer(Layer::gzip("etc/issue 100"), "COPY issue /etc/")
        .change_manifest(json!({"config": descriptor(OCI_CONFIG, &config)}));
    Registry::new()
        .put_image("team/app", "latest", &image.bundle())
        .put_blob("team/app", config)
        .start()
}

fn report(config: &Value) -> Value {
    let registry = serving(config.to_string());
    accepted(&Sandbox::new(), &["inspect", &registry.reference("team/app:latest")])
}

fn refuse(registry: &RunningRegistry, kind: &str, parts: &[&str]) {
    let reference = registry.reference("team/app:latest");
    refused(&Sandbox::new(), &["inspect", &reference], kind).says(parts);
}

fn ids(count: u8) -> Vec<Digest> {
    (0..count).map(|number| Digest::of(&[number])).collect()
}

#[test]
fn layers_are_sized_whatever_the_config_says_of_them() {
    let check = |rootfs: Value, paired: bool| {
        let report = report(&json!({"os": "linux", "architecture": "amd64", "rootfs": rootfs}));
        let layers = report["images"][0]["layers"].as_array().unwrap();
        assert!(layers.iter().all(|layer| layer["compressed"].as_u64() > Some(0)), "{report}");
        assert!(layers.iter().all(|layer| layer["diff_id"].is_null() != paired), "{report}");
        let warned = report["warnings"].to_string().contains("they are not paired");
        assert_eq!(warned, !paired, "{report}");
    };
    check(Value::Null, false);
    check(json!({}), false);
    check(json!({"diff_ids": null}), false);
    check(json!({"diff_ids": ids(1)}), false);
    check(json!({"diff_ids": ids(3)}), false);
    check(json!({"diff_ids": ids(2)}), true);
}

#[test]
fn steps_that_cannot_be_matched_are_unknown() {
    let empty = json!({"created_by": "ENV A=b", "empty_layer": true});
    let step = json!({"created_by": "RUN x"});
    let check = |history: Value, steps: &[Option<u64>], warning: &str| {
        let config = json!({"rootfs": {"diff_ids": ids(2)}, "history": history});
        let report = report(&config);
        let layers = report["images"][0]["layers"].as_array().unwrap();
        let found: Vec<_> = layers.iter().map(|layer| layer["step"].as_u64()).collect();
        assert_eq!(found, steps, "{report}");
        assert!(report["warnings"].to_string().contains(warning), "{warning}: {report}");
    };
    check(Value::Null, &[None, None], "the image has no history");
    check(json!([]), &[None, None], "the image has no history");
    check(json!([empty, empty]), &[None, None], "steps for 0 layers but the image has 2");
    check(json!([step]), &[None, Some(1)], "the steps of the lowest 1 are unknown");
    check(json!([step, empty, step]), &[Some(1), Some(2)], "[]");
    check(json!([step, step, step]), &[Some(1), Some(2)], "steps for 3 layers");
    check(json!([{}, {}]), &[Some(1), Some(2)], "[]");
}

#[test]
fn times_of_any_form_are_shown_or_unknown() {
    let check = |time: Value, expected: Value| {
        let history = json!([{"created": time}, {"created": time}]);
        let report = report(&json!({"created": time, "history": history}));
        let image = &report["images"][0];
        assert_eq!((&image["created"], &image["history"][0]["created"]), (&expected, &expected));
    };
    check(Value::Null, Value::Null);
    check(json!("0001-01-01T00:00:00Z"), Value::Null);
    check(json!("9998-12-31T23:59:59Z"), json!("9998-12-31T23:59:59Z"));
    check(json!("9999-12-31T23:59:59Z"), Value::Null);
    check(json!("2016-12-31T23:59:60Z"), json!("2016-12-31T23:59:59Z"));
    check(json!("2026-01-02T03:04:05.123456789+01:00"), json!("2026-01-02T02:04:05Z"));
    for junk in ["", "yesterday", "2026-13-45T99:99:99Z", "99999-01-01T00:00:00Z", "\u{1b}[31m"] {
        check(json!(junk), Value::Null);
    }
}

#[test]
fn configs_that_are_no_config_are_refused() {
    let check = |bytes: &[u8], parts: &[&str]| {
        let parts = [&["the image config sha256:", "cannot be read"], parts].concat();
        refuse(&serving(bytes.to_vec()), "bad_data", &parts);
    };
    check(b"", &["EOF"]);
    check(b"not JSON", &["line 1"]);
    check(b"null", &["null"]);
    check(b"[]", &["object"]);
    check(b"\"x\"", &["string"]);
    check(b"{} {}", &["trailing characters"]);
    check("\u{feff}{}".as_bytes(), &["line 1 column 1"]);
    check(&crate::support::layer::gzip(b"{}"), &["line 1 column 1"]);
    check("[".repeat(100_000).as_bytes(), &["recursion limit"]);
    let odd = format!("{{\"history\":{}{}}}", "[".repeat(200), "]".repeat(200));
    check(odd.as_bytes(), &["recursion limit"]);
}

#[test]
fn configs_above_the_ceiling_are_left_unread() {
    let config = format!("{{{}}}", " ".repeat(8 << 20));
    let registry = serving(config.clone());
    let parts = ["the image config is 8388610 bytes", "8388608", "--limit config=SIZE"];
    refuse(&registry, "ceiling", &parts);
    assert_eq!(registry.count("*", &Digest::of(config.as_bytes()).to_string()), 0);
    let larger = ["inspect", &registry.reference("team/app:latest"), "--limit", "config=9MB"];
    accepted(&Sandbox::new(), &larger);
    // The descriptor says little, the registry sends without end.
    let registry = serving("{}");
    let path = format!("/v2/team/app/blobs/{}", Digest::of(b"{}"));
    let endless = Reply::ok("{").without_length().flood(vec![b' '; 65_536]);
    registry.script_forever("GET", &path, vec![endless]);
    refuse(&registry, "ceiling", &["the image config is larger than"]);
    assert!(registry.sent() / 2 < (8 << 20) + (32 << 20), "{}", registry.sent());
}

#[test]
fn configs_of_other_bytes_are_refused() {
    let registry = serving("{}");
    registry.update(|content| {
        content.put_blob_as("team/app", Digest::of(b"{}").as_str(), "{\"os\":\"plan9\"}")
    });
    refuse(&registry, "bad_data", &["the image config", "is not the content of"]);
}

#[test]
fn repeated_keys_of_a_config_are_flagged() {
    let registry = serving("{\"os\":\"linux\",\"os\":\"plan9\",\"architecture\":\"x\"}");
    let reference = registry.reference("team/app:latest");
    let report = accepted(&Sandbox::new(), &["inspect", &reference]);
    assert_eq!(report["images"][0]["platform"], "plan9/x");
    assert!(report["warnings"].to_string().contains("repeats os, of which the last counts"));
    assert_eq!(Sandbox::new().run(&["inspect", &reference, "--strict"]).code, Some(2));
}

#[test]
fn missing_and_enormous_platforms_are_shown_shortened() {
    let unknown = report(&json!({}));
    assert_eq!(unknown["images"][0]["platform"], "unknown/unknown");
    let registry =
        serving(json!({"os": "x".repeat(1 << 20), "architecture": "\u{1b}[2J"}).to_string());
    let reference = registry.reference("team/app:latest");
    for arguments in [
        &["inspect", &reference][..],
        &["inspect", &reference, &reference],
        &["inspect", &reference, "--format", "markdown"],
    ] {
        let output = Sandbox::new().run(arguments);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        check_text(&output.stdout);
        assert!(output.stdout.len() < 100_000, "{arguments:?}: {} bytes", output.stdout.len());
    }
    let refused = Sandbox::new().run(&["inspect", &reference, "--platform", "linux/amd64"]);
    assert!(refused.stderr.len() < 10_000, "{} bytes", refused.stderr.len());
}

#[test]
fn long_and_many_steps_are_shown_in_time() {
    let long = format!("RUN <<EOF\n{}\n\u{1b}[31m\nEOF", "x".repeat(1 << 20));
    let config = json!({"rootfs": {"diff_ids": ids(2)}, "history": [{"created_by": long}, {}]});
    let registry = serving(config.to_string());
    let reference = registry.reference("team/app:latest");
    let output = Sandbox::new().run(&["inspect", &reference]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    check_text(&output.stdout);
    assert!(output.stdout.len() < 20_000, "{} bytes", output.stdout.len());
    let many = format!("{{\"history\":[{}{{}}]}}", "{},".repeat(100_000));
    let registry = serving(many);
    let reference = registry.reference("team/app:latest");
    refuse(&registry, "ceiling", &["100001 build steps", "--limit steps=NUMBER"]);
    let output = Sandbox::new().run(&["inspect", &reference, "--limit", "steps=200000"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let text = format!("{{\"history\":[{}{{}}]}}", "{},".repeat(3_000_000));
    refuse(&serving(text), "ceiling", &["--limit config=SIZE"]);
}

#[test]
fn a_missing_layer_is_named_and_the_rest_is_shown() {
    let image = Image::new("linux/amd64").layer(Layer::gzip("a 100"), "COPY a /");
    let digest = Digest::of(&image.layers()[0].blob);
    let registry = Registry::new()
        .put_image("team/app", "latest", &image.bundle())
        .remove("team/app", digest.as_str())
        .put_manifest("team/app", "", image.manifest().bytes, OCI_MANIFEST)
        .start();
    let report = accepted(&Sandbox::new(), &["inspect", &registry.reference("team/app:latest")]);
    let warning = format!("layer {}, which the registry does not have", digest.short());
    assert!(report["warnings"].to_string().contains(&warning), "{report}");
}
