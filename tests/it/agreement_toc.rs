//! Layers that are listed from their tables of contents hold what their tar streams hold, and cost
//! a small part of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::agreement::{Agreement, Found};
use crate::support::image::{Bundle, Document, OCI_INDEX, OCI_MANIFEST, descriptor};
use crate::support::layer::{Compression, noise};
use crate::support::{Image, Layer, RealRegistry, Workshop};

/// The entry that a tar stream has for the table itself.
const ESTARGZ_TABLE: &str = "stargz.index.json";

/// A layer of `testdata/toc`.
fn fixture(name: &str) -> Layer {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/toc"));
    let read = |suffix: &str| std::fs::read(directory.join(format!("{name}.{suffix}"))).unwrap();
    let blob = Bytes::from(read("blob"));
    let annotations: BTreeMap<String, String> =
        serde_json::from_slice(&read("annotations.json")).unwrap();
    let mut tar = Vec::new();
    let suffix = if blob.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&blob[..]).read_to_end(&mut tar).unwrap();
        "+gzip"
    } else {
        zstd::stream::copy_decode(&blob[..], &mut tar).unwrap();
        "+zstd"
    };
    let media_type = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
    Layer { tar: tar.into(), blob, media_type, annotations }
}

#[test]
fn layers_with_tables_of_contents_agree_with_their_streams() {
    let check = |name: &str, source: &str, without: &str, option: &str| {
        let workshop = Workshop::new();
        let layer = fixture(name);
        let image = Image::new("linux/amd64")
            .layer(layer, "ADD tree /")
            .layer(Layer::gzip("etc/.wh.passwd 0\n etc/os-release 30"), "RUN it");
        let registry = RealRegistry::start();
        let agreement = Agreement::new(&registry).without(without);
        let agreement = if option.is_empty() { agreement } else { agreement.option(option) };
        let found = agreement.check("team/app:1", &workshop.layout(&image));
        assert_eq!(found.sources, [source, "stream"], "{name} {option}");
    };
    for name in ["estargz-library", "estargz-inner", "estargz-lossless", "stargz-legacy"] {
        check(name, "estargz", ESTARGZ_TABLE, "");
        check(name, "stream", "nothing", "--no-toc");
    }
    for name in ["zstd-gen1", "zstd-gen2", "zstd-broken", "zstd-containerd"] {
        check(name, "zstd-chunked", "nothing", "");
        check(name, "stream", "nothing", "--no-toc");
    }
}

/// A layer that is large enough for SOCI to make a table of it.
fn large_layer(workshop: &Workshop) -> Layer {
    workshop.shell("mkdir -p tree/many; for i in {1..300}; do seq $i > tree/many/$i; done");
    workshop.shell("ln tree/many/7 tree/same; ln -s many tree/link; touch -d @7 tree/many/9");
    std::fs::write(workshop.path("tree/large"), noise("large", 15_000_000)).unwrap();
    workshop.gnu_tar(&["--format=pax", "-C", "tree", "."])
}

/// The ztoc of a layer, and the SOCI index of an image that has no other.
fn soci_index(workshop: &Workshop, layer: &Layer, version: &str, subject: Value) -> Bundle {
    std::fs::write(workshop.path("blob"), &layer.blob).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/ztoc.py");
    workshop.program("python3", "python3", &[script, "blob", "ztoc"]);
    let ztoc = Bytes::from(std::fs::read(workshop.path("ztoc")).unwrap());
    let mut listed = descriptor("application/octet-stream", &ztoc);
    listed["annotations"] = json!({
        "com.amazon.soci.image-layer-digest": Digest::of(&layer.blob),
        "com.amazon.soci.image-layer-mediaType": layer.media_type,
        "com.amazon.soci.span-size": "4194304",
    });
    let mut index = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(&format!("application/vnd.amazon.soci.index.{version}+json"), b"{}"),
        "layers": [listed],
    });
    if !subject.is_null() {
        index["subject"] = subject;
    }
    let blobs = vec![ztoc, Bytes::from_static(b"{}")];
    Bundle { top: Document::new(&index, OCI_MANIFEST), documents: Vec::new(), blobs }
}

fn assert_cheap(found: &Found) {
    assert_eq!(found.sources, ["soci", "stream"]);
    let (transferred, whole) = (found.transferred[0], found.extracted.layers[0].compressed);
    assert!(transferred * 20 < whole, "{transferred} of {whole}");
}

#[test]
fn a_layer_with_a_ztoc_that_its_manifest_names_agrees_for_a_part_of_its_bytes() {
    let workshop = Workshop::new();
    let layer = large_layer(&workshop);
    let index = soci_index(&workshop, &layer, "v2", Value::Null);
    let image = Image::new("linux/amd64")
        .layer(layer, "ADD tree /")
        .layer(Layer::from_tar(vec![0; 1024], Compression::Gzip), "RUN it")
        .annotations(&json!({"com.amazon.soci.index-digest": index.top.digest()}));
    let registry = RealRegistry::start();
    registry.push("team/app", "soci", &index);
    assert_cheap(&Agreement::new(&registry).check("team/app:1", &workshop.layout(&image)));
}

#[test]
fn a_layer_with_a_ztoc_that_is_attached_agrees_for_a_part_of_its_bytes() {
    let workshop = Workshop::new();
    let layer = large_layer(&workshop);
    let image = Image::new("linux/amd64")
        .layer(layer.clone(), "ADD tree /")
        .layer(Layer::zstd("many/.wh.7 0\n .wh.same 0"), "RUN it");
    let index = soci_index(&workshop, &layer, "v1", image.manifest().descriptor());
    let mut attached = index.top.descriptor();
    attached["artifactType"] = "application/vnd.amazon.soci.index.v1+json".into();
    // The registry has no referrers API: what is attached is listed under a tag.
    let listed = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [attached]});
    let registry = RealRegistry::start();
    registry.push("team/app", "soci", &index);
    let tag = image.digest().to_string().replace(':', "-");
    let referrers = Document::new(&listed, OCI_INDEX);
    registry.push("team/app", &tag, &Bundle { top: referrers, ..Bundle::default() });
    assert_cheap(&Agreement::new(&registry).check("team/app:1", &workshop.layout(&image)));
}
