//! Every field of a manifest, an index and a config gets, one at a time, values of every wrong
//! kind. Optional fields may be null; whatever else does not fit is refused by its path.

use serde_json::{Value, json};

use crate::support::image::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, descriptor, with};
use crate::support::{Image, Index, Layer, Registry, Sandbox, check_text};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Text,
    Digest,
    Size,
    /// The size of a document that is read, so that no other size fits.
    ExactSize,
    Truth,
    List,
    /// A list that must not be empty.
    Images,
    Map,
    /// An object without required fields.
    Object,
    /// An object with required fields.
    FullObject,
    /// Nothing that is read.
    Anything,
}

use Holds::{
    Anything, Digest, ExactSize, FullObject, Images, List, Map, Object, Size, Text, Truth,
};

/// A field by its path, what it holds and whether it may be null.
type Field = (&'static str, Holds, bool);

const MANIFEST: &[Field] = &[
    ("schemaVersion", Anything, true),
    ("mediaType", Text, true),
    ("artifactType", Text, true),
    ("config", FullObject, false),
    ("config.mediaType", Text, false),
    ("config.digest", Digest, false),
    ("config.size", ExactSize, false),
    ("config.annotations", Map, true),
    ("config.annotations.key", Text, false),
    ("layers", List, true),
    ("layers[0]", FullObject, false),
    ("layers[0].mediaType", Text, false),
    ("layers[0].digest", Digest, false),
    ("layers[0].size", Size, false),
    ("layers[0].annotations", Map, true),
    ("layers[0].annotations.key", Text, false),
    ("layers[0].urls", List, true),
    ("layers[0].urls[0]", Text, false),
    ("layers[0].data", Text, true),
    ("layers[0].artifactType", Text, true),
    ("layers[0].platform", Object, true),
    ("layers[0].platform.os", Text, true),
    ("layers[0].other", Anything, true),
    ("subject", FullObject, true),
    ("subject.mediaType", Text, false),
    ("subject.digest", Digest, false),
    ("subject.size", Size, false),
    ("annotations", Map, true),
    ("annotations.key", Text, false),
    ("other", Anything, true),
];

const INDEX: &[Field] = &[
    ("schemaVersion", Anything, true),
    ("mediaType", Text, true),
    ("artifactType", Text, true),
    ("manifests", Images, false),
    ("manifests[0]", FullObject, false),
    ("manifests[0].mediaType", Text, false),
    ("manifests[0].digest", Digest, false),
    ("manifests[0].size", ExactSize, false),
    ("manifests[0].annotations", Map, true),
    ("manifests[0].annotations.key", Text, false),
    ("manifests[0].artifactType", Text, true),
    ("manifests[0].urls", List, true),
    ("manifests[0].urls[0]", Text, false),
    ("manifests[0].data", Text, true),
    ("manifests[0].platform", Object, true),
    ("manifests[0].platform.os", Text, true),
    ("manifests[0].platform.architecture", Text, true),
    ("manifests[0].platform.variant", Text, true),
    ("manifests[0].platform['os.version']", Text, true),
    ("manifests[0].platform['os.features']", List, true),
    ("manifests[0].platform['os.features'][0]", Text, false),
    ("annotations", Map, true),
    ("annotations.key", Text, false),
    ("other", Anything, true),
];

const CONFIG: &[Field] = &[
    ("created", Text, true),
    ("os", Text, true),
    ("architecture", Text, true),
    ("variant", Text, true),
    ("['os.version']", Text, true),
    ("['os.features']", List, true),
    ("['os.features'][0]", Text, false),
    ("config", Object, true),
    ("config.Labels", Map, true),
    ("config.Labels.key", Text, false),
    ("config.Shell", List, true),
    ("config.Shell[0]", Text, false),
    ("config.Env", Anything, true),
    ("rootfs", Object, true),
    ("rootfs.type", Anything, true),
    ("rootfs.diff_ids", List, true),
    ("rootfs.diff_ids[0]", Digest, false),
    ("history", List, true),
    ("history[0]", Object, false),
    ("history[0].created", Text, true),
    ("history[0].created_by", Text, true),
    ("history[0].author", Text, true),
    ("history[0].comment", Text, true),
    ("history[0].empty_layer", Truth, true),
    ("other", Anything, true),
];

/// The values that each field gets, as JSON.
const VALUES: [&str; 12] = [
    "null",
    "true",
    "-1",
    "7",
    "1.0",
    "1e3",
    "9223372036854775808",
    "18446744073709551616",
    "\"\"",
    "\"5\"",
    "[]",
    "{}",
];

fn fits(holds: Holds, nullable: bool, value: &Value) -> bool {
    match (holds, value) {
        (Anything, _)
        | (Text, Value::String(_))
        | (Truth, Value::Bool(_))
        | (List, Value::Array(_))
        | (Map | Object, Value::Object(_)) => true,
        (Size, Value::Number(number)) => number.as_i64().is_some_and(|number| number >= 0),
        (_, Value::Null) => nullable,
        _ => false,
    }
}

/// A document with every field of a table filled in.
struct Example {
    fields: &'static [Field],
    document: Value,
}

/// One changed document: where, what, and whether it can be used.
struct Case {
    path: &'static str,
    value: &'static str,
    usable: bool,
    document: String,
}

impl Example {
    fn cases(&self) -> Vec<Case> {
        let changes = self.fields.iter().flat_map(|field| VALUES.map(|value| (field, value)));
        let case = |((path, holds, nullable), value): (&Field, &'static str)| {
            let mut document = self.document.clone();
            let place = document.pointer_mut(&pointer(path));
            *place.unwrap_or_else(|| panic!("{path} is missing")) = json!("the changed field");
            Case {
                path,
                value,
                usable: fits(*holds, *nullable, &serde_json::from_str(value).unwrap()),
                document: document.to_string().replace("\"the changed field\"", value),
            }
        };
        changes.map(case).collect()
    }
}

/// `layers[0].size` as `/layers/0/size`; keys with a dot stand in `['…']`.
fn pointer(path: &str) -> String {
    let dots = path.replace("['os.", ".os\0").replace("']", "");
    let keys = dots.split(['.', '[', ']']).filter(|key| !key.is_empty());
    keys.flat_map(|key| ["/".to_owned(), key.replace('\0', ".")]).collect()
}

/// Inspects the documents of all cases in one run; `put` stores one of them under a tag.
fn check(example: &Example, put: impl Fn(Registry, &str, &str) -> Registry) {
    let cases = example.cases();
    let mut content = Registry::new();
    for (number, case) in cases.iter().enumerate() {
        content = put(content, &format!("case-{number}"), &case.document);
    }
    let registry = content.start();
    let references: Vec<String> = (0..cases.len())
        .map(|number| registry.reference(&format!("team/app:case-{number}")))
        .collect();
    let mut arguments = vec!["inspect", "--format", "json"];
    arguments.extend(references.iter().map(String::as_str));
    let output = Sandbox::new().run(&arguments);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    check_text(&output.stderr);
    let reports = output.json();
    let problems: Vec<String> = cases
        .iter()
        .zip(reports.as_array().unwrap())
        .filter_map(|(case, report)| problem(case, report))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What is wrong with the outcome of a case.
fn problem(case: &Case, report: &Value) -> Option<String> {
    let Case { path, value, usable, .. } = case;
    let error = &report["error"];
    let message = error["message"].as_str().unwrap_or_default();
    let path_in_message = path.replace("['", ".").replace("']", "");
    let path_in_message = path_in_message.trim_start_matches('.');
    let right = match usable {
        true => error.is_null() && !report["images"].as_array()?.is_empty(),
        false if message.contains("its descriptor says 7") => *value == "7",
        false if message.contains("the index lists no image") => *value == "[]",
        false => error["kind"] == "bad_data" && message.contains(path_in_message),
    };
    (!right).then(|| format!("{path} = {value}: usable is {usable}, but {error}"))
}

fn image() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/")
}

#[test]
fn every_field_of_a_manifest_is_checked() {
    let image = image();
    let annotated = json!({"annotations": {"key": "value"}});
    let more = json!({
        "urls": ["https://example.com/x"], "data": "e30=", "artifactType": "x/y", "other": 1,
        "platform": {"os": "linux", "architecture": "amd64"},
    });
    let layer = with(with(image.layer_descriptors().remove(0), annotated.clone()), more);
    let document = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "x/y",
        "config": with(descriptor(OCI_CONFIG, &image.config()), annotated.clone()),
        "layers": [layer], "subject": descriptor(OCI_MANIFEST, b"subject"),
        "annotations": {"key": "value"}, "other": 1,
    });
    check(&Example { fields: MANIFEST, document }, |content, tag, text| {
        content
            .put_blob("team/app", image.config())
            .put_blob("team/app", image.layers()[0].blob.clone())
            .put_manifest("team/app", tag, text.to_owned(), "text/plain")
    });
}

#[test]
fn every_field_of_an_index_is_checked() {
    let (image, other) = (image(), Image::new("linux/arm64"));
    let place = json!({
        "annotations": {"key": "value"}, "artifactType": OCI_CONFIG, "data": "e30=",
        "urls": ["https://example.com/x"],
        "platform": {
            "os": "linux", "architecture": "amd64", "variant": "v1", "os.version": "1",
            "os.features": ["x"],
        },
    });
    let document = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "artifactType": "x/y",
        "manifests": [with(image.manifest().descriptor(), place), other.manifest().descriptor()],
        "annotations": {"key": "value"}, "other": 1,
    });
    let parts = Index::new().image(&image).image(&other).bundle();
    let mut example = Example { fields: INDEX, document };
    // A size that is right as a number and wrong for the manifest is another test's.
    example.document["manifests"][0]["size"] = image.manifest().bytes.len().into();
    check(&example, |content, tag, text| {
        content.put_image("team/app", "parts", &parts).put_manifest(
            "team/app",
            tag,
            text.to_owned(),
            "text/plain",
        )
    });
}

#[test]
fn every_field_of_a_config_is_checked() {
    let image = image();
    let document = json!({
        "created": "2026-01-02T03:04:05Z", "os": "linux", "architecture": "amd64",
        "variant": "v1", "os.version": "1", "os.features": ["x"],
        "config": {"Labels": {"key": "value"}, "Shell": ["/bin/sh", "-c"], "Env": ["A=b"]},
        "rootfs": {"type": "layers", "diff_ids": [regsize::oci::Digest::of(b"tar")]},
        "history": [{
            "created": "2026-01-02T03:04:05Z", "created_by": "COPY", "author": "me",
            "comment": "c", "empty_layer": false,
        }],
        "other": 1,
    });
    check(&Example { fields: CONFIG, document }, |content, tag, text| {
        let changes = json!({"config": descriptor(OCI_CONFIG, text.as_bytes())});
        let manifest = image.clone().change_manifest(changes).manifest();
        content
            .put_blob("team/app", text.to_owned())
            .put_blob("team/app", image.layers()[0].blob.clone())
            .put_manifest("team/app", tag, manifest.bytes, OCI_MANIFEST)
    });
}

#[test]
fn required_fields_that_are_missing_are_named() {
    let image = image();
    let manifest: Value = serde_json::from_slice(&image.manifest().bytes).unwrap();
    let index = Index::new().image(&image).bundle();
    let index: Value = serde_json::from_slice(&index.top.bytes).unwrap();
    let mut content = Registry::new().put_image("team/app", "whole", &image.bundle());
    let mut expected = Vec::new();
    for (document, parent, key, shown) in [
        (&manifest, "", "config", "config"),
        (&manifest, "/config", "mediaType", "config: missing field `mediaType`"),
        (&manifest, "/config", "digest", "config: missing field `digest`"),
        (&manifest, "/config", "size", "config: missing field `size`"),
        (&manifest, "/layers/0", "size", "layers[0]: missing field `size`"),
        (&index, "/manifests/0", "size", "manifests[0]: missing field `size`"),
        (&index, "/manifests/0", "digest", "manifests[0]: missing field `digest`"),
        (&index, "", "manifests", "neither an image index"),
    ] {
        let mut changed = document.clone();
        changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
        changed.as_object_mut().unwrap().remove("mediaType");
        let tag = format!("case-{}", expected.len());
        content = content.put_manifest("team/app", &tag, changed.to_string(), "text/plain");
        expected.push(shown);
    }
    let registry = content.start();
    for (number, shown) in expected.into_iter().enumerate() {
        let reference = registry.reference(&format!("team/app:case-{number}"));
        crate::support::refused(&Sandbox::new(), &["inspect", &reference], "bad_data")
            .says(&[shown]);
    }
}
