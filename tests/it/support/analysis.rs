//! `regsize analyze` and `regsize files` run on a registry, with figures that add up.
//!
//! ```ignore
//! let report = analyzed(&sandbox, &registry, &["--dive"]);
//! assert_eq!(report["images"][0]["visible"]["bytes"], 100);
//! let entries = listed(&sandbox, &registry, &["/etc", "--all"]);
//! ```

use regsize::oci::Digest;
use serde_json::Value;

use super::image::Image;
use super::layer::{Layer, tar};
use super::registry::{Registry, RunningRegistry};
use super::sandbox::{Output, Sandbox};
use super::verdict::{accepted, check_text};

/// An image of these layers, each made by a step of its own.
pub fn image_of(layers: &[Layer]) -> Image {
    layers.iter().enumerate().fold(Image::new("linux/amd64"), |image, (number, layer)| {
        image.layer(layer.clone(), &format!("RUN make {number} # buildkit"))
    })
}

/// A registry that has an image of these layers as `team/app:latest`.
pub fn content(layers: &[Layer]) -> Registry {
    Registry::new().put_image("team/app", "latest", &image_of(layers).bundle())
}

/// The same, running.
pub fn registry_of(layers: &[Layer]) -> RunningRegistry {
    content(layers).start()
}

/// Where `team/app` has a layer.
pub fn blob_path(layer: &Layer) -> String {
    format!("/v2/team/app/blobs/{}", Digest::of(&layer.blob))
}

/// How often a layer was asked for, in whole or in part.
pub fn asked_for(registry: &RunningRegistry, layer: &Layer) -> usize {
    registry.count("GET", &blob_path(layer))
}

/// A layer of any tar stream and blob under the media type for gzip.
pub fn odd_layer(blob: impl Into<bytes::Bytes>) -> Layer {
    Layer { blob: blob.into(), ..Layer::gzip("") }
}

/// The tar stream of `text`, with the header of the entry at `position` changed and its checksum
/// made right.
pub fn tar_with(text: &str, position: usize, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut archive = tar(text);
    let header = &mut archive[position..position + 512];
    change(header);
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive
}

/// Runs a command on `team/app:latest`.
pub fn run(sandbox: &Sandbox, registry: &RunningRegistry, command: &[&str]) -> Output {
    sandbox.run(&arguments(&registry.reference("team/app:latest"), command))
}

/// The command with the reference behind its first word.
pub fn arguments<'a>(reference: &'a str, command: &[&'a str]) -> Vec<&'a str> {
    [&command[..1], &[reference], &command[1..]].concat()
}

/// The report of `analyze` on `team/app:latest`; its numbers add up.
pub fn analyzed(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Value {
    let reference = registry.reference("team/app:latest");
    let report = accepted(sandbox, &[&["analyze", &reference], options].concat());
    assert_eq!(report["schema"], "regsize.analyze/1");
    for image in report["images"].as_array().expect("images") {
        if image["sizes"]["content"].is_u64() {
            assert_sums(image);
        }
    }
    report
}

/// The report of `files` on `team/app:latest`.
pub fn listing(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Value {
    let reference = registry.reference("team/app:latest");
    let report = accepted(sandbox, &[&["files", &reference], options].concat());
    assert_eq!(report["schema"], "regsize.files/1");
    report
}

/// What `files` lists of `team/app:latest`, as `path content` lines.
pub fn listed(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Vec<String> {
    let report = listing(sandbox, registry, options);
    let entries = report["entries"].as_array().expect("entries");
    let line =
        |entry: &Value| format!("{} {}", entry["path"].as_str().expect("a path"), entry["content"]);
    entries.iter().map(line).collect()
}

/// The kinds of oddities in a list of a report.
pub fn kinds(remarks: &Value) -> Vec<&str> {
    let remarks = remarks.as_array().expect("remarks");
    remarks.iter().map(|remark| remark["kind"].as_str().expect("a kind")).collect()
}

/// The sum of a field over a list.
pub fn sum(list: &Value, field: &str) -> u64 {
    let list = list.as_array().expect("a list");
    list.iter().map(|item| item[field].as_u64().unwrap_or_else(|| panic!("{item}"))).sum()
}

/// Runs a command on `team/app:latest` in every format, with all that it prints checked.
pub fn in_every_format(
    sandbox: &Sandbox,
    registry: &RunningRegistry,
    command: &[&str],
) -> [String; 4] {
    ["terminal", "markdown", "csv", "json"].map(|format| {
        let output =
            run(sandbox, registry, &[command, &["--format", format, "--width", "100"]].concat());
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        check_text(&output.stdout);
        for bad in ["NaN", "inf ", "null%"] {
            assert!(!output.stdout.contains(bad), "{bad}: {output}");
        }
        output.stdout
    })
}

fn assert_sums(image: &Value) {
    let content = image["sizes"]["content"].as_u64().expect("a sum");
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("no number in {image}"));
    let (visible, shadowed) = (number(&image["visible"]["bytes"]), &image["shadowed"]);
    assert_eq!(content, visible + number(&shadowed["bytes"]), "{image}");
    assert_eq!(content, sum(&image["layers"], "content"), "{image}");
    assert_eq!(number(&shadowed["bytes"]), sum(&image["layers"], "shadowed"), "{image}");
    for field in ["bytes", "files", "compressed"] {
        let wasted = sum(&image["waste"], field) + number(&image["waste_without_content"][field]);
        assert_eq!(number(&shadowed[field]), wasted, "{field}: {image}");
    }
    assert_eq!(image["waste_without_content"]["bytes"], 0, "{image}");
    assert_eq!(number(&image["transferred"]), sum(&image["layers"], "transferred"), "{image}");
    let files = number(&image["visible"]["files"]) + number(&shadowed["files"]);
    assert_eq!(files, sum(&image["layers"], "files"), "{image}");
}
