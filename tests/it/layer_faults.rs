//! Layers whose bytes are not what they should be: what is asked for again, what is an error, and
//! that no figure of them is shown.

use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::json;

use crate::support::analysis::{
    analyzed, arguments, asked_for, blob_path, kinds, listed, odd_layer, registry_of, run,
};
use crate::support::layer::{Compression, gzip, tar};
use crate::support::{Layer, Reply, Sandbox, refused};

fn layer() -> Layer {
    Layer::gzip("usr/lib/a 30000\n etc/motd 100")
}

fn flipped(layer: &Layer, at: usize) -> Bytes {
    let mut bytes = layer.blob.to_vec();
    bytes[at] ^= 1;
    bytes.into()
}

/// Both commands refuse an image of this layer, and show no figure of it.
fn check_refused(layer: &Layer, kind: &str, parts: &[&str]) {
    let registry = registry_of(&[Layer::gzip("a 100"), layer.clone()]);
    let reference = registry.reference("team/app:latest");
    for command in ["analyze", "files"] {
        let sandbox = Sandbox::new();
        let refusal = refused(&sandbox, &[command, &reference], kind);
        let short = Digest::of(&layer.blob).short().to_owned();
        refusal.says(parts).says(&[&short]);
        let json = run(&sandbox, &registry, &[command, "--format", "json"]).json();
        let fields: Vec<_> = json.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["error", "reference", "schema"], "{json}");
    }
}

#[test]
fn a_transfer_that_went_wrong_once_is_made_again() {
    let layer = layer();
    for at in [0, layer.blob.len() / 2, layer.blob.len() - 1] {
        let registry = registry_of(std::slice::from_ref(&layer));
        registry.script("GET", &blob_path(&layer), vec![Reply::pass().body(flipped(&layer, at))]);
        let sandbox = Sandbox::new();
        let report = analyzed(&sandbox, &registry, &[]);
        assert_eq!(report["images"][0]["visible"]["bytes"], 30_100, "{at}");
        assert_eq!(report["images"][0]["ambiguous"], json!([]));
        assert_eq!(asked_for(&registry, &layer), 2, "{at}");
        assert_eq!(listed(&sandbox, &registry, &["/etc"]), ["etc 100"]);
    }
}

#[test]
fn a_layer_with_another_digest_is_an_error_that_names_both() {
    let layer = layer();
    for at in [30, layer.blob.len() / 2, layer.blob.len() - 1] {
        let wrong = flipped(&layer, at);
        let registry = registry_of(std::slice::from_ref(&layer));
        let pass = Reply::pass().body(wrong.clone());
        registry.script_forever("GET", &blob_path(&layer), vec![pass]);
        let reference = registry.reference("team/app:latest");
        let digests = [Digest::of(&layer.blob).to_string(), Digest::of(&wrong).to_string()];
        for command in ["analyze", "files"] {
            let before = asked_for(&registry, &layer);
            let refusal = refused(&Sandbox::new(), &[command, &reference], "bad_data");
            refusal.says(&[&digests[0], &digests[1]]);
            assert_eq!(asked_for(&registry, &layer) - before, 4, "twice in each of two runs");
        }
    }
}

#[test]
fn nothing_of_a_wrong_layer_is_kept() {
    let layer = layer();
    let registry = registry_of(std::slice::from_ref(&layer));
    let twice = vec![Reply::pass().body(flipped(&layer, 40)); 2];
    registry.script("GET", &blob_path(&layer), twice);
    let sandbox = Sandbox::new();
    assert_eq!(run(&sandbox, &registry, &["analyze"]).code, Some(2));
    let report = analyzed(&sandbox, &registry, &[]);
    assert_eq!(report["images"][0]["layers"][0]["toc_source"], "stream");
    assert_eq!(report["images"][0]["visible"]["bytes"], 30_100);
}

#[test]
fn a_dropped_transfer_goes_on_where_it_was() {
    let layer = layer();
    let registry = registry_of(std::slice::from_ref(&layer));
    let cuts =
        vec![Reply::pass().truncate_after(900), Reply::pass().truncate_after(5000).then_reset()];
    registry.script("GET", &blob_path(&layer), cuts);
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    assert_eq!(report["images"][0]["visible"]["bytes"], 30_100);
    assert_eq!(asked_for(&registry, &layer), 3);
}

#[test]
fn a_gzip_stream_that_is_damaged_is_an_error() {
    let whole = layer();
    let blob = &whole.blob;
    let end = blob.len();
    for length in [12, end / 2, end - 8, end - 4, end - 1] {
        check_refused(&odd_layer(blob.slice(..length)), "bad_data", &["gzip"]);
    }
    for at in [end - 8, end - 3] {
        check_refused(&odd_layer(flipped(&whole, at)), "bad_data", &["gzip"]);
    }
}

#[test]
fn a_zstd_stream_that_is_damaged_is_an_error() {
    let whole = Layer::zstd("usr/lib/a 30000");
    let half = Layer { blob: whole.blob.slice(..whole.blob.len() / 2), ..whole.clone() };
    check_refused(&half, "bad_data", &["zstd"]);
    let wrong = Layer { blob: flipped(&whole, 5), ..whole };
    let registry = registry_of(&[wrong]);
    let output = run(&Sandbox::new(), &registry, &["analyze"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output}");
}

#[test]
fn an_archive_that_is_cut_is_an_error_whatever_it_is_packed_in() {
    let whole = tar("a 1000\n b 700");
    for length in [1, 511, 513, 1000, 1537, 2047, 2048, 2747] {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let layer = Layer::from_tar(whole[..length].to_vec(), compression);
            let registry = registry_of(&[layer]);
            let output = run(&Sandbox::new(), &registry, &["analyze"]);
            assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{length}: {output}");
        }
    }
    check_refused(&Layer::from_tar(whole[..1000].to_vec(), Compression::Gzip), "bad_data", &["a"]);
}

#[test]
fn an_archive_without_its_end_mark_is_whole() {
    let whole = tar("a 1000\n b 700");
    for length in [1536, 2748, 2900, 3072, 3584] {
        let layer = Layer::from_tar(whole[..length].to_vec(), Compression::Gzip);
        let registry = registry_of(&[layer]);
        let report = analyzed(&Sandbox::new(), &registry, &["--strict"]);
        assert_eq!(kinds(&report["images"][0]["notes"]), ["no-end-marker"], "{length}");
        assert_eq!(report["images"][0]["ambiguous"], json!([]), "{length}");
    }
}

#[test]
fn what_follows_a_compressed_stream_is_told() {
    let whole = layer();
    let with = |tail: &[u8]| odd_layer([&whole.blob[..], tail].concat());
    let junk = with(b"left over");
    let registry = registry_of(std::slice::from_ref(&junk));
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    let image = &report["images"][0];
    assert_eq!(kinds(&image["ambiguous"]), ["bytes-after-stream"]);
    assert!(image["ambiguous"][0]["message"].as_str().unwrap().contains("9 bytes"));
    assert_eq!(
        (&image["visible"]["bytes"], &image["transferred"]),
        (&json!(30_100), &json!(junk.blob.len()))
    );
    assert_eq!(run(&Sandbox::new(), &registry, &["analyze", "--strict"]).code, Some(2));

    let registry = registry_of(&[with(&[0; 700])]);
    let report = analyzed(&Sandbox::new(), &registry, &["--strict"]);
    assert_eq!(kinds(&report["images"][0]["notes"]), ["zeros-after-stream"]);

    let more = [gzip(b""), gzip(&tar("c 10")[..1024]), gzip(&[0; 1024])].concat();
    let members =
        [&gzip(&whole.tar[..512])[..], &gzip(&whole.tar[512..whole.tar.len() - 1024]), &more]
            .concat();
    let registry = registry_of(&[odd_layer(members)]);
    let report = analyzed(&Sandbox::new(), &registry, &["--strict"]);
    assert_eq!(report["images"][0]["visible"]["bytes"], 30_110, "all members are one stream");
}

#[test]
fn a_layer_in_another_format_is_left_out_with_its_size_told() {
    let xz = [b"\xfd7zXZ\0".as_slice(), &[7; 500]].concat();
    let plain = "application/vnd.oci.image.layer.v1.tar";
    let odd = odd_layer(xz).media_type(plain);
    let registry = registry_of(&[Layer::gzip("a 100"), odd.clone()]);
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(warning.contains("xz") && warning.contains("left out"), "{warning}");
    let left = &report["images"][0]["layers"][1];
    assert_eq!((&left["compressed"], &left["content"]), (&json!(odd.blob.len()), &json!(null)));
    let strict = run(&Sandbox::new(), &registry, &["analyze", "--strict"]);
    assert_eq!(strict.code, Some(2), "{strict}");
    // The media type is not believed, in either direction.
    let gzip = odd_layer(layer().blob).media_type(plain);
    let tar = odd_layer(layer().tar);
    let registry = registry_of(&[gzip, tar]);
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    assert_eq!(report["images"][0]["sizes"]["content"], 60_200);
}

#[test]
fn what_is_no_archive_is_an_error() {
    let page = b"<html><body>log in to the network</body></html>".repeat(40);
    let registry = registry_of(&[odd_layer(page)]);
    let reference = registry.reference("team/app:latest");
    let output = run(&Sandbox::new(), &registry, &["analyze"]);
    assert_eq!(output.code, Some(2), "{output}");
    refused(&Sandbox::new(), &arguments(&reference, &["files"]), "bad_data");
}
