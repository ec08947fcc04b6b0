//! When the listing of a layer is believed: what is read again although it is kept, and what an
//! image's layers come to together.

use std::io::Read as _;

use serde_json::json;

use crate::support::analysis::{analyzed, asked_for, image_of, listed, registry_of, run};
use crate::support::image::with;
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Layer, Registry, Sandbox, refused};
use crate::tables::{first_layer, fixture};

/// A registry with the image as `team/app:latest` after one layer's size was changed to `size`.
fn with_size(image: Image, layer: usize, size: usize) -> RunningRegistry {
    let mut layers = image.layer_descriptors();
    layers[layer] = with(layers[layer].clone(), json!({"size": size}));
    let image = image.change_manifest(json!({"layers": layers}));
    Registry::new().put_image("team/app", "latest", &image.bundle()).start()
}

#[test]
fn digests_of_the_config_are_checked_on_layers_with_a_table_by_reading_them_whole() {
    for name in ["estargz-library", "zstd-gen2"] {
        let mut layer = fixture(name);
        let mut tar = Vec::new();
        if name.starts_with("zstd") {
            tar = zstd::decode_all(&layer.blob[..]).unwrap();
        } else {
            flate2::read::MultiGzDecoder::new(&layer.blob[..]).read_to_end(&mut tar).unwrap();
        }
        layer.tar = tar.into();
        let registry = registry_of(std::slice::from_ref(&layer));
        let sandbox = Sandbox::new();
        analyzed(&sandbox, &registry, &[]);
        for _ in 0..2 {
            let before = asked_for(&registry, &layer);
            let report = analyzed(&sandbox, &registry, &["--verify-diff-ids"]);
            let read = first_layer(&report);
            assert_eq!(read["toc_source"], "stream", "{name}");
            assert_eq!(read["transferred"], layer.blob.len(), "{name}");
            assert_eq!(asked_for(&registry, &layer), before + 1, "{name}");
        }
        let other = Layer { tar: b"other".to_vec().into(), ..layer };
        let registry = registry_of(&[other]);
        let reference = registry.reference("team/app:latest");
        let command = ["analyze", &reference, "--verify-diff-ids"];
        refused(&Sandbox::new(), &command, "bad_data").says(&["uncompressed bytes are not those"]);
    }
}

#[test]
fn a_listing_is_not_believed_of_a_blob_of_another_size() {
    for layer in [Layer::gzip("a 100"), fixture("zstd-gen2")] {
        let sandbox = Sandbox::new();
        let registry = registry_of(std::slice::from_ref(&layer));
        analyzed(&sandbox, &registry, &[]);
        let wrong = with_size(image_of(std::slice::from_ref(&layer)), 0, layer.blob.len() + 1);
        let reference = wrong.reference("team/app:latest");
        refused(&sandbox, &["analyze", &reference], "bad_data");
        assert!(asked_for(&wrong, &layer) > 0, "{:?}", wrong.lines());
    }
}

#[test]
fn a_table_of_one_registry_is_not_believed_of_another_and_a_whole_layer_is() {
    let check = |layer: Layer, first: &str, second: &str| {
        let sandbox = Sandbox::new();
        for source in [first, second] {
            let registry = registry_of(std::slice::from_ref(&layer));
            let report = analyzed(&sandbox, &registry, &[]);
            assert_eq!(first_layer(&report)["toc_source"], source);
            assert_eq!(asked_for(&registry, &layer) > 0, source != "cache");
        }
    };
    check(fixture("estargz-library"), "estargz", "estargz");
    check(fixture("zstd-gen2"), "zstd-chunked", "zstd-chunked");
    check(Layer::gzip("a 100"), "stream", "cache");
}

#[test]
fn a_layer_that_is_listed_with_two_sizes_is_an_error() {
    let layer = Layer::gzip("a 100");
    let twice = || image_of(&[layer.clone(), Layer::gzip("b 5"), layer.clone()]);
    let size = layer.blob.len();
    let registry = with_size(twice(), 2, size);
    assert_eq!(listed(&Sandbox::new(), &registry, &["--all"]), [" 105", "a 100", "b 5"]);
    let registry = with_size(twice(), 2, size + 1);
    let reference = registry.reference("team/app:latest");
    let words = format!("is listed with {size} and with {} bytes", size + 1);
    for command in ["analyze", "files"] {
        refused(&Sandbox::new(), &[command, &reference], "bad_data").says(&[&words]);
    }
    assert_eq!(asked_for(&registry, &layer), 0);
}

#[test]
fn the_ceiling_of_entries_holds_for_the_layers_of_an_image_together() {
    let layers = [Layer::gzip("a 1\n b 2"), Layer::gzip("c 3\n d 4")];
    let registry = registry_of(&layers);
    let reference = registry.reference("team/app:latest");
    let sandbox = Sandbox::new();
    let three = ["--limit", "entries=3"];
    let command = [&["analyze", &reference][..], &three].concat();
    for _ in 0..2 {
        let refusal = refused(&sandbox, &command, "ceiling");
        refusal.says(&["have 4 entries together", "--limit entries=NUMBER"]);
    }
    analyzed(&sandbox, &registry, &["--limit", "entries=4"]);
    let one = run(&sandbox, &registry, &[&["files", "--layer", "1"][..], &three].concat());
    assert_eq!(one.code, Some(0), "{one}");
}
