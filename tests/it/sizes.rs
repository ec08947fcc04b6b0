//! The uncompressed sizes that are told without reading a layer are the true ones, or none.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::json;

use crate::support::image::{descriptor, with};
use crate::support::layer::{gzip, noise, tar as entries};
use crate::support::{Image, Layer, Registry, Reply, Report, Sandbox};

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
const FILES: &str = "usr/lib/a 30000\n usr/lib/b 50000 seed=0\n etc/c 700";

fn report(layers: &[Layer]) -> Report {
    let image = layers.iter().fold(Image::new("linux/amd64"), |image, layer| {
        image.layer(layer.clone(), "RUN make # buildkit")
    });
    let registry = Registry::new().put_image("r", "t", &image.bundle()).start();
    let reference = registry.reference("r:t");
    Report::of(&Sandbox::new().run(&["inspect", &reference, "--format", "json"]))
}

fn layer(tar: &[u8], blob: impl Into<Bytes>, media_type: &str) -> Layer {
    let media_type = media_type.to_owned();
    let tar = Bytes::copy_from_slice(tar);
    Layer { tar, blob: blob.into(), media_type, annotations: [].into() }
}

/// The uncompressed size that is told: the true one, or none.
fn check(name: &str, layer: Layer, is_told: bool) {
    let expected = is_told.then_some(layer.tar.len() as u64);
    let report = report(&[layer]);
    assert_eq!(report.uncompressed(), [expected], "{name}");
    assert_eq!(report.shown().sizes.uncompressed, expected, "{name}");
    assert_eq!(report.shown().layers[0].uncompressed_inferred, is_told, "{name}");
}

fn gzip_level(bytes: &[u8], level: u32) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().filename("layer.tar").mtime(1_700_000_000);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The members that start at these offsets of the tar stream.
fn members(tar: &[u8], starts: &[usize]) -> Vec<u8> {
    let ends = starts[1..].iter().copied().chain([tar.len()]);
    starts.iter().zip(ends).flat_map(|(start, end)| gzip(&tar[*start..end])).collect()
}

#[test]
fn one_gzip_member_tells_its_length() {
    let tar = entries(FILES);
    for level in [0, 1, 6, 9] {
        check("one member", layer(&tar, gzip_level(&tar, level), GZIP), true);
    }
    check("empty archive", Layer::gzip(""), true);
    check("zeros", Layer::gzip("hole 4000000 seed=0"), true);
    let docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    check("Docker's name", layer(&tar, gzip(&tar), docker), true);
}

#[test]
fn several_gzip_members_are_not_taken_for_one() {
    let tar = entries("usr/lib/a 30000\n usr/lib/b 20000");
    check("a short last member", layer(&tar, members(&tar, &[0, 40_960]), GZIP), false);
    check("the end mark alone", layer(&tar, members(&tar, &[0, tar.len() - 1024]), GZIP), false);
    let starts: Vec<usize> = (0..tar.len()).step_by(5120).collect();
    check("a member for every ten blocks", layer(&tar, members(&tar, &starts), GZIP), false);
    let small = entries("etc/a 400");
    check("a small blob", layer(&small, members(&small, &[0, small.len() - 1024]), GZIP), false);
    let block_format = [members(&tar, &[0]), gzip(b"").to_vec()].concat();
    check("an empty last member", layer(&tar, block_format, GZIP), false);
}

/// An eStargz blob: a member for each part, the table of contents, and the footer that has its
/// place in an extra field.
fn stargz(tar: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let toc = entries("stargz.index.json 3000");
    let body = &tar[..tar.len() - 1024];
    let mut blob = members(body, &[0, 512, 4096]);
    let place = blob.len();
    blob.extend(gzip(&toc));
    let mut extra = b"SG\x16\0".to_vec();
    extra.extend(format!("{place:016x}STARGZ").bytes());
    let encoder = flate2::GzBuilder::new().extra(extra);
    blob.extend(encoder.write(Vec::new(), flate2::Compression::none()).finish().unwrap());
    ([body, &toc].concat(), blob)
}

#[test]
fn layers_with_a_table_of_contents_tell_their_length_by_annotation() {
    let (stream, blob) = stargz(&entries(FILES));
    let plain = layer(&stream, blob, GZIP);
    check("footer alone", plain.clone(), false);
    let length = stream.len().to_string();
    let key = "io.containers.estargz.uncompressed-size";
    check("annotated", plain.clone().annotation(key, &length), true);
    check("nonsense", plain.clone().annotation(key, "many"), false);
    check("more than deflate can do", plain.annotation(key, "999999999999"), false);
}

/// A zstd:chunked blob: the stream, then the tar-split in a skippable frame.
fn zstd_chunked(tar: &[u8], content: std::ops::Range<usize>) -> (Vec<u8>, String) {
    let piece = |bytes: &[u8], position: usize| json!({"type": 2, "payload": STANDARD.encode(bytes), "position": position});
    let file =
        json!({"type": 1, "name": "a", "size": content.len(), "payload": "x", "position": 1});
    let lines = [piece(&tar[..content.start], 0), file, piece(&tar[content.end..], 2)];
    let split = lines.map(|line| line.to_string()).join("\n") + "\n";
    let packed = zstd::bulk::compress(split.as_bytes(), 3).unwrap();
    let mut blob = zstd::bulk::compress(tar, 3).unwrap();
    blob.extend(0x184d_2a50_u32.to_le_bytes());
    blob.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
    let place = format!("{}:{}:{}", blob.len(), packed.len(), split.len());
    blob.extend(packed);
    (blob, place)
}

#[test]
fn zstd_layers_tell_their_length_only_by_a_tar_split() {
    let key = "io.github.containers.zstd-chunked.tarsplit-position";
    let tar = entries("usr/lib/a 5000");
    check("plain zstd", Layer::zstd(FILES), false);
    let (blob, place) = zstd_chunked(&tar, 512..5512);
    let chunked = layer(&tar, blob, ZSTD);
    check("tar-split", chunked.clone().annotation(key, &place), true);
    check("without its place", chunked.clone(), false);
    check("a place outside", chunked.clone().annotation(key, "0:99999999:1"), false);
    check("a wrong place", chunked.annotation(key, "4:40:80"), false);
}

#[test]
fn uncompressed_layers_are_as_long_as_their_blobs() {
    check("plain tar", Layer::plain(FILES), true);
    check("no whole blocks", layer(&noise("x", 1000), noise("x", 1000), PLAIN), false);
}

#[test]
fn bytes_that_are_not_what_the_media_type_says_tell_nothing() {
    let tar = entries(FILES);
    check("a tar named gzip", layer(&tar, tar.clone(), GZIP), false);
    check("zstd named gzip", layer(&tar, zstd::bulk::compress(&tar, 3).unwrap(), GZIP), false);
    check("gzip named tar", layer(&tar, gzip(&tar), PLAIN), false);
    check("too short for gzip", layer(&tar, Bytes::from_static(b"\x1f\x8b\x08"), GZIP), false);
    check("empty", layer(b"", Bytes::new(), GZIP), false);
    let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    check("encrypted", layer(&tar, gzip(&tar), encrypted), false);
}

#[test]
fn one_unknown_layer_makes_the_total_unknown() {
    let report = report(&[Layer::gzip("a 100"), Layer::zstd("b 100")]);
    assert_eq!(report.uncompressed(), [Some(2048), None]);
    assert_eq!(report.shown().sizes.uncompressed, None);
    assert!(!report.shown().sizes.uncompressed_inferred);
}

/// The report on a layer of `size` bytes whose last member ends with the length `low`.
fn large(size: u64, low: u32) -> Report {
    let digest = Digest::of(b"a large layer");
    let mut tail = noise("tail", 68);
    tail.extend(low.to_le_bytes());
    let entry = with(descriptor(GZIP, b""), json!({"size": size, "digest": digest}));
    let image = Image::new("linux/amd64")
        .history(json!({"created_by": "RUN make # buildkit"}))
        .change_manifest(json!({"layers": [entry]}))
        .change_config(json!({"rootfs": {"type": "layers", "diff_ids": [digest]}}));
    let range = format!("bytes {}-{}/{size}", size - 72, size - 1);
    let registry = Registry::new()
        .put_image("r", "t", &image.bundle())
        .script(
            "GET",
            &format!("/v2/r/blobs/{digest}"),
            vec![Reply::status(206).body(tail).header("Content-Range", range)],
        )
        .start();
    let reference = registry.reference("r:t");
    Report::of(&Sandbox::new().run(&["inspect", &reference, "--format", "json"]))
}

#[test]
fn lengths_of_more_than_4_gib_are_told_only_if_no_other_is_possible() {
    const GIB: u32 = 1 << 30;
    let small = large(300_000_000, GIB);
    assert_eq!((small.uncompressed(), small.warnings.len()), (vec![Some(1 << 30)], 0));
    let ambiguous = large(700_000_000, GIB);
    assert_eq!(ambiguous.uncompressed(), [None]);
    let [warning] = &ambiguous.warnings[..] else { panic!("{:?}", ambiguous.warnings) };
    assert!(warning.contains("it is one of 1.07 GB, 5.37 GB"), "{warning}");
    // Stored data alone would be longer than 1 GiB, and 9 GiB would be more than files shrink.
    assert_eq!(large(1_100_000_000, GIB).uncompressed(), [Some(5 << 30)]);
}

#[test]
fn what_one_registry_says_about_a_blob_is_not_said_of_anothers() {
    let sandbox = Sandbox::new();
    let layer = Layer::gzip("a 600");
    let mut other = layer.blob.to_vec();
    let end = other.len();
    other[end - 4..].copy_from_slice(&51_200_u32.to_le_bytes());
    let image = Image::new("linux/amd64").layer(layer.clone(), "RUN a");
    let honest = Registry::new().put_image("team/app", "latest", &image.bundle());
    let digest = regsize::oci::Digest::of(&layer.blob);
    let hostile = Registry::new().put_image("team/app", "latest", &image.bundle()).put_blob_as(
        "team/app",
        digest.as_str(),
        other,
    );
    let (honest, hostile) = (honest.start(), hostile.start());
    let length = |registry: &crate::support::registry::RunningRegistry| {
        let reference = registry.reference("team/app:latest");
        let report = sandbox.run(&["inspect", &reference, "--format", "json"]).json();
        report["images"][0]["layers"][0]["uncompressed"].clone()
    };
    let told = length(&hostile);
    assert_ne!(length(&honest), told);
}
