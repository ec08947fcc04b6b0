//! Indexes that nest, repeat, lack platforms or list what is no image.

use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::image::{Document, OCI_INDEX, OCI_MANIFEST, descriptor, with};
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Index, Layer, Registry, Reply, Sandbox, accepted, refused};

fn image(platform: &str) -> Image {
    Image::new(platform).layer(Layer::gzip(&format!("{platform} 100")), "COPY a /")
}

fn serving(index: &Index) -> Registry {
    Registry::new().put_image("team/app", "latest", &index.bundle())
}

/// An index of these entries, as bytes and as an entry of another.
fn index_of(entries: &[Value]) -> Document {
    Document::new(&json!({"schemaVersion": 2, "manifests": entries}), OCI_INDEX)
}

fn accept(registry: &RunningRegistry, options: &[&str]) -> Value {
    let reference = registry.reference("team/app:latest");
    accepted(&Sandbox::new(), &[&["inspect", &reference], options].concat())
}

fn refuse(registry: &RunningRegistry, options: &[&str], kind: &str, parts: &[&str]) {
    let reference = registry.reference("team/app:latest");
    refused(&Sandbox::new(), &[&["inspect", &reference], options].concat(), kind).says(parts);
}

fn platforms(report: &Value) -> Vec<&str> {
    let images = report["images"].as_array().unwrap();
    images.iter().map(|image| image["platform"].as_str().unwrap()).collect()
}

#[test]
fn indexes_are_followed_three_deep_and_no_deeper() {
    let image = image("linux/amd64");
    let nested = |depth: usize| {
        let mut content = Registry::new().put_image("team/app", "parts", &image.bundle());
        let place = json!({"platform": {"os": "linux", "architecture": "amd64"}});
        let mut document = index_of(&[with(image.manifest().descriptor(), place)]);
        for _ in 1..depth {
            let bytes = document.bytes.clone();
            content = content.put_manifest("team/app", "", bytes, OCI_INDEX);
            document = index_of(&[document.descriptor()]);
        }
        content.put_manifest("team/app", "latest", document.bytes, OCI_INDEX).start()
    };
    for depth in 1..=3 {
        assert_eq!(platforms(&accept(&nested(depth), &[])), ["linux/amd64"], "{depth}");
    }
    for depth in [4, 20] {
        let registry = nested(depth);
        refuse(&registry, &[], "ceiling", &["indexes are nested more than 3 deep"]);
        assert!(registry.count("GET", "/manifests/") <= 4, "{:?}", registry.lines());
    }
}

#[test]
fn indexes_that_lead_in_a_circle_end() {
    // A digest cannot be in its own preimage; a registry that lies can still make a circle.
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    let entry = |digest: &Digest, size: usize| json!({"mediaType": OCI_INDEX, "digest": digest, "size": size});
    let bytes = |digest: &Digest| index_of(&[entry(digest, 100)]).bytes;
    let registry = Registry::new()
        .put_manifest("team/app", one.as_str(), bytes(&two), OCI_INDEX)
        .put_manifest("team/app", two.as_str(), bytes(&one), OCI_INDEX)
        .put_manifest("team/app", "latest", bytes(&one), OCI_INDEX)
        .start();
    refuse(&registry, &[], "bad_data", &["is not the content of"]);
    let listed_twice = with(image("linux/amd64").manifest().descriptor(), json!({}));
    let index = Index::new().image(&image("linux/amd64")).entry(listed_twice);
    let report = accept(&serving(&index).start(), &[]);
    assert_eq!(platforms(&report), ["linux/amd64"]);
    assert!(report["warnings"][0].as_str().unwrap().contains("more than once"), "{report}");
}

#[test]
fn the_number_of_entries_has_a_ceiling() {
    let image = image("linux/amd64");
    let with_entries = |count: usize| {
        let mut index = Index::new().image(&image);
        for number in 1..count {
            let other = Digest::of(&number.to_le_bytes());
            let entry = json!({
                "mediaType": OCI_MANIFEST, "digest": other, "size": 5,
                "artifactType": "application/vnd.example",
            });
            index = index.entry(entry);
        }
        serving(&index).start()
    };
    let report = accept(&with_entries(1000), &[]);
    assert_eq!(report["attestations"].as_array().unwrap().len(), 999);
    let registry = with_entries(1001);
    refuse(&registry, &[], "ceiling", &["more than 1000 entries", "--limit manifests=NUMBER"]);
    accept(&registry, &["--limit", "manifests=1001"]);
    let bytes = vec![b'['; 5 << 20];
    let content = Registry::new().put_manifest("team/app", "latest", bytes, OCI_INDEX);
    refuse(&content.start(), &[], "ceiling", &["--limit manifest=SIZE"]);
}

#[test]
fn platforms_are_matched_and_odd_ones_explained() {
    let (amd, arm) = (image("linux/amd64"), image("linux/arm64/v8"));
    let index = Index::new().image(&amd).image(&arm);
    let registry = serving(&index).start();
    let published = "linux/amd64, linux/arm64/v8";
    let asked = ["--platform", "windows/amd64"];
    refuse(&registry, &asked, "not_found", &["no image for windows/amd64", published]);
    assert_eq!(platforms(&accept(&registry, &["--platform", "linux/arm64"])), ["linux/arm64/v8"]);
    let again = with(
        image("linux/amd64").label("second", "yes").manifest().descriptor(),
        json!({"platform": {"os": "linux", "architecture": "amd64"}}),
    );
    let twice = serving(&Index::new().image(&amd).entry(again));
    let second = image("linux/amd64").label("second", "yes");
    let twice = twice.put_image("team/app", "second", &second.bundle()).start();
    let report = accept(&twice, &["--platform", "linux/amd64"]);
    assert_eq!(report["images"][0]["digest"], amd.digest().to_string());
    assert!(report["warnings"][0].as_str().unwrap().contains("2 images are for linux/amd64"));
    let report = accept(&twice, &[]);
    assert_eq!(platforms(&report), ["linux/amd64", "linux/amd64"]);
}

#[test]
fn entries_without_a_platform_take_the_configs() {
    let arm = image("linux/arm64");
    for place in [json!({}), json!({"platform": null})] {
        let entry = with(arm.manifest().descriptor(), place);
        let registry = serving(&Index::new().entry(entry))
            .put_image("team/app", "parts", &arm.bundle())
            .start();
        let report = accept(&registry, &[]);
        assert_eq!(platforms(&report), ["linux/arm64"]);
        accept(&registry, &["--platform", "linux/arm64"]);
        let asked = ["--platform", "linux/s390x"];
        refuse(&registry, &asked, "not_found", &["no image for linux/s390x", "linux/arm64"]);
    }
}

#[test]
fn what_is_no_image_is_not_taken_for_one() {
    let image = image("linux/amd64");
    let unknown = with(
        descriptor(OCI_MANIFEST, b"unknown"),
        json!({"platform": {"os": "unknown", "architecture": "unknown"}}),
    );
    let strange = descriptor("application/vnd.example+json", b"strange");
    let index = Index::new().entry(unknown.clone()).image(&image).entry(strange);
    let report = accept(&serving(&index).start(), &[]);
    assert_eq!(platforms(&report), ["linux/amd64"]);
    assert_eq!(report["attestations"].as_array().unwrap().len(), 2);
    for index in [Index::new(), Index::new().entry(unknown)] {
        refuse(&serving(&index).start(), &[], "bad_data", &["the index lists no image"]);
        let asked = ["--platform", "linux/amd64"];
        refuse(&serving(&index).start(), &asked, "bad_data", &["the index lists no image"]);
    }
}

#[test]
fn entries_that_are_something_else_than_they_say_are_refused() {
    let image = image("linux/amd64");
    let inner = Index::new().image(&image).bundle().top;
    let claim = |document: &Document, media_type: &str| {
        let entry = with(document.descriptor(), json!({"mediaType": media_type}));
        serving(&Index::new().entry(entry))
            .put_image("team/app", "parts", &image.bundle())
            .put_manifest("team/app", "", inner.bytes.clone(), OCI_INDEX)
            .start()
    };
    refuse(&claim(&inner, OCI_MANIFEST), &[], "bad_data", &["named a manifest but is an index"]);
    let manifest = image.manifest();
    refuse(&claim(&manifest, OCI_INDEX), &[], "bad_data", &["named an index but is a manifest"]);
    let size = json!({"size": manifest.bytes.len() + 1});
    let entry = with(manifest.descriptor(), size);
    let content = serving(&Index::new().entry(entry)).put_image("team/app", "p", &image.bundle());
    refuse(&content.start(), &[], "bad_data", &["its descriptor says"]);
}

#[test]
fn one_bad_manifest_is_named_by_its_platform() {
    let (amd, arm) = (image("linux/amd64"), image("linux/arm64"));
    let index = Index::new().image(&amd).image(&arm);
    let path = format!("/v2/team/app/manifests/{}", arm.digest());
    let registry = serving(&index).script("GET", &path, vec![Reply::ok("{}")]).forever().start();
    refuse(&registry, &[], "bad_data", &["the manifest for linux/arm64", "is not the content of"]);
    assert_eq!(platforms(&accept(&registry, &["--platform", "linux/amd64"])), ["linux/amd64"]);
}

#[test]
fn repeated_keys_of_an_index_are_flagged() {
    let index = Index::new().image(&image("linux/amd64"));
    let text = String::from_utf8(index.bundle().top.bytes.to_vec()).unwrap();
    let registry = Registry::new()
        .put_image("team/app", "parts", &index.bundle())
        .put_manifest("team/app", "latest", text.replacen('{', "{\"manifests\":[],", 1), OCI_INDEX)
        .start();
    let report = accept(&registry, &[]);
    assert!(report["warnings"][0].as_str().unwrap().contains("repeats manifests"), "{report}");
    let strict = ["inspect", &registry.reference("team/app:latest"), "--strict"];
    assert_eq!(Sandbox::new().run(&strict).code, Some(2));
}
