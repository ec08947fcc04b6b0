//! Tags that are recorded, and what their history tells.

use serde_json::Value;

use crate::support::analysis::asked_for;
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Index, Layer, Registry, Sandbox};

const CONTENT: u64 = 40_700;

fn layer() -> Layer {
    Layer::gzip("etc/passwd 700\n usr/lib/libc.so 40000 seed=libc")
}

fn registry() -> RunningRegistry {
    let image = |platform| Image::new(platform).layer(layer(), "ADD rootfs.tar / # base");
    let index = Index::new().image(&image("linux/amd64")).image(&image("linux/arm64"));
    Registry::new().put_image("team/app", "latest", &index.bundle()).start()
}

/// Runs a subcommand on a history of the sandbox.
fn audit(sandbox: &Sandbox, arguments: &[&str], code: i32) -> Value {
    let store = sandbox.path("history.sqlite").display().to_string();
    let fixed = ["--store", &store, "--format", "json"];
    let output = sandbox.run(&[&["audit"], arguments, &fixed].concat());
    assert_eq!(output.code, Some(code), "{output}");
    output.json()
}

#[test]
fn what_tags_are_is_recorded_once_and_seen_again() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let latest = registry.reference("team/app:latest");
    let counts = |arguments: &[&str]| {
        let report = audit(&sandbox, &[&["record", &latest], arguments].concat(), 0);
        assert_eq!(report["schema"], "regsize.audit-record/1");
        [&report["changed"], &report["same"], &report["failed"]].map(|n| n.as_u64().unwrap())
    };
    assert_eq!(counts(&["--manifest-only"]), [2, 0, 0]);
    assert_eq!(asked_for(&registry, &layer()), 0);
    assert_eq!(counts(&["--manifest-only"]), [0, 2, 0]);
    // What the layers hold is new, though the images are the same.
    assert_eq!(counts(&[]), [2, 0, 0]);
    assert_eq!(asked_for(&registry, &layer()), 1);
    assert_eq!(counts(&["--platform", "linux/arm64"]), [0, 1, 0]);
    let history = audit(&sandbox, &["history", &latest], 0);
    let points = history["points"].as_array().unwrap();
    assert_eq!(points.len(), 4);
    for platform in ["linux/amd64", "linux/arm64"] {
        let contents: Vec<&Value> = points
            .iter()
            .filter(|point| point["platform"] == platform)
            .map(|point| &point["content"])
            .collect();
        assert_eq!(contents, [&Value::Null, &Value::from(CONTENT)], "{platform}");
    }
    assert_eq!(audit(&sandbox, &["verify"], 0)["sound"], true);
}

#[test]
fn a_tag_that_cannot_be_read_stops_no_other() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let (latest, none) =
        (registry.reference("team/app:latest"), registry.reference("team/app:none"));
    let report = audit(&sandbox, &["record", &none, &latest], 2);
    assert_eq!((&report["changed"], &report["failed"]), (&Value::from(2), &Value::from(1)));
    let history = audit(&sandbox, &["history", &latest], 0);
    assert_eq!(history["points"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_has_no_history_is_refused() {
    let sandbox = Sandbox::new();
    let digest = format!("localhost:5/app@sha256:{}", "0".repeat(64));
    for (typed, reason) in [(digest.as_str(), "a digest never changes"), ("oci:layout", "files")] {
        let report = audit(&sandbox, &["record", typed], 2);
        let message = report["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason), "{message}");
    }
    assert!(!sandbox.path("history.sqlite").exists());
}
