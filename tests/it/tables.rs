//! Layers that are listed from a table of contents: which one, at what cost, and what becomes of
//! tables that are damaged or lie.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::analysis::{
    analyzed, asked_for, content, image_of, kinds, listing, odd_layer, registry_of, run,
};
use crate::support::image::{Document, OCI_MANIFEST, with};
use crate::support::layer::{gzip, tar};
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Index, Layer, Registry, Sandbox};

const STARGZ: &str = "containerd.io/snapshot/stargz/toc.digest";
const CHUNKED: &str = "io.github.containers.zstd-chunked.manifest-checksum";
/// Layers of fewer bytes have no SOCI table.
const LARGE: usize = 10 << 20;

/// Every kind of table that is in a layer.
const TABLES: [(&str, &str); 8] = [
    ("estargz-library", "estargz"),
    ("estargz-inner", "estargz"),
    ("estargz-lossless", "estargz"),
    ("stargz-legacy", "estargz"),
    ("zstd-gen1", "zstd-chunked"),
    ("zstd-broken", "zstd-chunked"),
    ("zstd-gen2", "zstd-chunked"),
    ("zstd-containerd", "zstd-chunked"),
];

fn read(name: &str) -> Vec<u8> {
    let path = format!("{}/testdata/toc/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A layer of the test data.
pub(crate) fn fixture(name: &str) -> Layer {
    let annotations: BTreeMap<String, String> =
        serde_json::from_slice(&read(&format!("{name}.annotations.json"))).unwrap();
    let kind = if name.starts_with("zstd") { Layer::zstd("") } else { Layer::gzip("") };
    Layer { blob: read(&format!("{name}.blob")).into(), annotations, ..kind }
}

/// What an independent reader finds in it: path, kind, size, mode, uid, gid, time.
fn expected(name: &str) -> Vec<Value> {
    let text = String::from_utf8(read(&format!("{name}.listing.jsonl"))).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut rows: Vec<Value> = lines.map(|line| json!(line.as_array().unwrap()[..7])).collect();
    rows.sort_by_key(|row| row[0].to_string());
    rows
}

/// A marker as the file that it is in the layer.
fn as_in_tar(path: &str, kind: &str) -> (String, String) {
    let (parent, name) = path
        .rsplit_once('/')
        .map_or(("", path), |(_, name)| (&path[..path.len() - name.len()], name));
    match kind {
        "whiteout" => (format!("{parent}.wh.{name}"), "file".to_owned()),
        "opaque" => (format!("{path}/.wh..wh..opq"), "file".to_owned()),
        _ => (path.to_owned(), kind.to_owned()),
    }
}

/// The entries that the layer itself stores, in the same form.
fn stored(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Vec<Value> {
    let report = listing(sandbox, registry, &[&["--layer", "0", "--all"], options].concat());
    let row = |entry: &Value| {
        let mode = u64::from_str_radix(entry["mode"].as_str().unwrap(), 8).unwrap();
        let size = if entry["kind"] == "directory" { json!(0) } else { entry["content"].clone() };
        let (path, kind) =
            as_in_tar(entry["path"].as_str().unwrap(), entry["kind"].as_str().unwrap());
        json!([path, kind, size, mode, entry["uid"], entry["gid"], entry["mtime"]])
    };
    let entries = report["entries"].as_array().unwrap();
    let entries = entries.iter().filter(|entry| entry["mode"].is_string());
    let mut rows: Vec<Value> =
        entries.filter(|entry| entry["path"] != "stargz.index.json").map(row).collect();
    rows.sort_by_key(|row| row[0].to_string());
    rows
}

/// The layer itself stores what the independent reader finds.
fn assert_stored(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str], name: &str) {
    let (found, expected) = (stored(sandbox, registry, options), expected(name));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(found.len(), expected.len(), "{name}");
}

pub(crate) fn first_layer(report: &Value) -> &Value {
    &report["images"][0]["layers"][0]
}

/// Whether every request for the layer was for a part of it.
pub(crate) fn only_parts(registry: &RunningRegistry, layer: &Layer) -> bool {
    let digest = Digest::of(&layer.blob).to_string();
    let mut requests = registry.requests().into_iter().filter(|r| r.path().ends_with(&digest));
    requests.all(|request| request.header("range").is_some())
}

#[test]
fn a_table_is_read_instead_of_its_layer_and_lists_the_same() {
    for (name, source) in TABLES {
        let layer = fixture(name);
        let registry = registry_of(std::slice::from_ref(&layer));
        let sandbox = Sandbox::new();
        let report = analyzed(&sandbox, &registry, &["--strict"]);
        let read = first_layer(&report);
        assert_eq!(read["toc_source"], source, "{name}");
        assert!(only_parts(&registry, &layer), "{name}: {:?}", registry.lines());
        let before = asked_for(&registry, &layer);
        assert_stored(&sandbox, &registry, &[], name);
        let warm = analyzed(&sandbox, &registry, &[]);
        assert_eq!(first_layer(&warm)["toc_source"], "cache", "{name}");
        assert_eq!(asked_for(&registry, &layer), before, "{name}");

        let whole = Sandbox::new();
        let report = analyzed(&whole, &registry, &["--no-toc"]);
        assert_eq!(first_layer(&report)["toc_source"], "stream", "{name}");
        assert_eq!(first_layer(&report)["transferred"], layer.blob.len(), "{name}");
        assert_stored(&whole, &registry, &["--no-toc"], name);
    }
}

#[test]
fn what_is_found_is_the_same_from_a_table_and_from_its_layer() {
    // `stargz-legacy` has no digests of contents, and what is not checked is not read.
    for (name, source) in TABLES.into_iter().filter(|(name, _)| *name != "stargz-legacy") {
        let registry = registry_of(&[fixture(name)]);
        let found = |options: &[&str]| {
            let report = analyzed(&Sandbox::new(), &registry, options);
            let image = &report["images"][0];
            let of = |field: &str, keys: &[&str]| -> Vec<Value> {
                let rows = image[field].as_array().unwrap().iter();
                rows.map(|row| keys.iter().map(|key| row[key].clone()).collect()).collect()
            };
            let owners = ["kind", "name", "version", "visible", "shadowed", "files"];
            // The table itself is in the root of the tree, and tables do not list it.
            let mut owners = of("owners", &owners);
            owners.retain(|owner| owner[1] != "/");
            let packages = of("packages", &["ecosystem", "name", "version", "bytes", "location"]);
            let findings = of("findings", &["rule", "id", "severity", "message", "files"]);
            let read = image["layers"][0]["toc_source"].clone();
            (read, (owners, packages, findings, image["duplicates"]["bytes"].clone()))
        };
        let (read, by_table) = found(&[]);
        let (streamed, by_stream) = found(&["--no-toc"]);
        assert_eq!((read, streamed), (source.into(), "stream".into()));
        assert_eq!(by_table, by_stream, "{name}");
    }
}

#[test]
fn honest_tables_agree_with_their_layers() {
    for (name, _) in TABLES {
        let registry = registry_of(&[fixture(name)]);
        let report = analyzed(&Sandbox::new(), &registry, &["--verify-toc"]);
        assert_eq!(report["warnings"], json!([]), "{name}");
        // BuildKit's kind has its table behind the end of the archive.
        let oddities = kinds(&report["images"][0]["ambiguous"]);
        assert!(oddities.iter().all(|kind| *kind == "bytes-after-end"), "{name}: {oddities:?}");
        assert_eq!(first_layer(&report)["toc_source"], "stream", "{name}");
    }
}

/// The layer is read whole, with a warning, and lists what it holds.
fn check_streamed(name: &str, layer: Layer, warning: Option<&str>, options: &[&str]) {
    let size = layer.blob.len() as u64;
    let registry = registry_of(&[layer]);
    let sandbox = Sandbox::new();
    let report = analyzed(&sandbox, &registry, options);
    assert_eq!(first_layer(&report)["toc_source"], "stream", "{name}");
    assert!(first_layer(&report)["transferred"].as_u64() >= Some(size), "{name}");
    let warnings = report["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), usize::from(warning.is_some()), "{name}: {warnings:?}");
    for part in warning.into_iter().chain(warning.map(|_| "table of contents of layer")) {
        assert!(warnings[0].as_str().unwrap().contains(part), "{name}: {warnings:?}");
    }
    assert_stored(&sandbox, &registry, options, name);
    // What is wrong with the table is told also when it is not looked at, unless it is a ceiling.
    let again = analyzed(&sandbox, &registry, &[]);
    assert_eq!(first_layer(&again)["toc_source"], "cache", "{name}");
    let expected = if options.is_empty() { &report["warnings"] } else { &json!([]) };
    assert_eq!(&again["warnings"], expected, "{name}");
}

/// The layer with the bytes `from`, as near to its end as they are, made `to`.
fn patched(name: &str, from: &[u8], to: &[u8]) -> Layer {
    let layer = fixture(name);
    let mut blob = layer.blob.to_vec();
    let at = blob.windows(from.len()).rposition(|window| window == from).unwrap();
    blob[at..at + to.len()].copy_from_slice(to);
    Layer { blob: blob.into(), ..layer }
}

#[test]
fn tables_that_cannot_be_read_are_told_and_the_layer_is_read_whole() {
    let name = "estargz-lossless";
    check_streamed(name, patched(name, b"STARGZ", b"STARGX"), Some("is not used"), &[]);
    let at = fixture(name).blob.windows(6).rposition(|window| window == b"STARGZ").unwrap();
    let place = fixture(name).blob[at - 16..at].to_vec();
    for wrong in
        [b"ffffffffffffffff", b"7fffffffffffffff", b"0000000000000000", b"0000000000000010"]
    {
        check_streamed(name, patched(name, &place, wrong), Some("is not used"), &[]);
    }
    check_streamed("estargz-external", fixture("estargz-external"), Some("is not used"), &[]);
    let positions = "io.github.containers.zstd-chunked.manifest-position";
    let elsewhere = fixture("zstd-gen2").annotation(positions, "100:200:300:1");
    check_streamed("zstd-gen2", elsewhere, Some("is not used"), &[]);
}

#[test]
fn tables_without_their_digest_are_not_trusted() {
    let other = Digest::of(b"other").to_string();
    let check = |name: &str, key: &str| {
        let wrong = fixture(name).annotation(key, &other);
        check_streamed(name, wrong, Some("does not have the digest"), &[]);
        let nonsense = fixture(name).annotation(key, "sha256:nonsense");
        check_streamed(name, nonsense, None, &[]);
        let mut missing = fixture(name);
        missing.annotations.clear();
        check_streamed(name, missing, None, &[]);
    };
    check("estargz-library", STARGZ);
    check("zstd-gen2", CHUNKED);
}

#[test]
fn tables_beyond_a_ceiling_are_not_read() {
    for name in ["estargz-library", "zstd-gen2"] {
        check_streamed(name, fixture(name), Some("the ceiling is 300"), &["--limit", "toc=300"]);
    }
}

/// An eStargz layer of two files of a megabyte.
fn estargz() -> Layer {
    let mut blob = gzip(&tar("srv/")[..512]).to_vec();
    let time = "2023-11-14T22:13:20Z";
    let mut rows = vec![json!({"name": "srv/", "type": "dir", "mode": 493, "modtime": time})];
    for name in ["srv/a", "srv/b"] {
        let entry = tar(&format!("{name} 1000000"));
        let member = &entry[..entry.len() - 1024];
        let digest = Digest::of(&member[512..512 + 1_000_000]);
        rows.push(json!({
            "name": name, "type": "reg", "size": 1_000_000, "mode": 420, "offset": blob.len(),
            "modtime": time, "digest": digest, "chunkDigest": digest,
        }));
        let builder = flate2::GzBuilder::new();
        let mut encoder = builder.write(Vec::new(), flate2::Compression::none());
        encoder.write_all(member).unwrap();
        blob.extend(encoder.finish().unwrap());
    }
    let table = json!({"version": 1, "entries": rows}).to_string();
    let place = blob.len();
    let archive = tar(&format!("stargz.index.json {}", serde_json::to_string(&table).unwrap()));
    blob.extend(gzip(&archive));
    let footer = read("estargz-library.blob");
    let footer = &footer[footer.len() - 51..];
    let at = footer.windows(6).position(|window| window == b"STARGZ").unwrap();
    blob.extend([&footer[..at - 16], format!("{place:016x}").as_bytes(), &footer[at..]].concat());
    let digest = Digest::of(table.as_bytes()).to_string();
    odd_layer(blob).annotation(STARGZ, &digest)
}

#[test]
fn a_table_costs_a_small_part_of_its_layer() {
    let layer = estargz();
    let registry = registry_of(std::slice::from_ref(&layer));
    let report = analyzed(&Sandbox::new(), &registry, &["--strict"]);
    let read = first_layer(&report);
    assert_eq!(
        (read["toc_source"].as_str(), &read["content"]),
        (Some("estargz"), &json!(2_000_000))
    );
    assert!(read["transferred"].as_u64().unwrap() < layer.blob.len() as u64 / 20, "{read}");
    assert!(only_parts(&registry, &layer), "{:?}", registry.lines());
    let verified = analyzed(&Sandbox::new(), &registry, &["--verify-toc", "--strict"]);
    assert!(first_layer(&verified)["transferred"].as_u64().unwrap() > layer.blob.len() as u64);
}

#[test]
fn a_registry_that_serves_no_parts_costs_a_warning() {
    let registry = content(&[estargz()]).ignore_ranges().start();
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    assert_eq!(first_layer(&report)["toc_source"], "stream");
    let [warning] = &report["warnings"].as_array().unwrap()[..] else { panic!("{report}") };
    assert!(warning.as_str().unwrap().contains("does not serve parts"), "{warning}");
}

/// An eStargz layer whose table, vouched for by its digest, has another size for one file.
pub(crate) fn liar() -> Layer {
    let layer = fixture("estargz-lossless");
    let at = layer.blob.windows(6).rposition(|window| window == b"STARGZ").unwrap();
    let place = std::str::from_utf8(&layer.blob[at - 16..at]).unwrap();
    let place = usize::from_str_radix(place, 16).unwrap();
    let mut archive = Vec::new();
    flate2::read::GzDecoder::new(&layer.blob[place..]).read_to_end(&mut archive).unwrap();
    let length = archive.iter().rposition(|byte| *byte == b'}').unwrap() + 1;
    let mut table: Value = serde_json::from_slice(&archive[512..length]).unwrap();
    for row in table["entries"].as_array_mut().unwrap() {
        if row["size"] == 29 {
            row["size"] = json!(10);
        }
    }
    let text = table.to_string();
    let table = tar(&format!("stargz.index.json {}", serde_json::to_string(&text).unwrap()));
    let footer = &layer.blob[layer.blob.len() - 51..];
    let blob = [&layer.blob[..place], &gzip(&table), footer].concat();
    let digest = Digest::of(text.as_bytes()).to_string();
    Layer { blob: blob.into(), ..layer }.annotation(STARGZ, &digest)
}

#[test]
fn a_table_that_lies_is_found_out_by_reading_the_layer() {
    let registry = registry_of(&[liar()]);
    let sandbox = Sandbox::new();
    let believed = analyzed(&sandbox, &registry, &[]);
    assert_eq!(first_layer(&believed)["toc_source"], "estargz");
    let said = first_layer(&believed)["content"].as_u64().unwrap();
    let found = analyzed(&sandbox, &registry, &["--verify-toc"]);
    let stored = first_layer(&found)["content"].as_u64().unwrap();
    assert_eq!(stored, said + 19);
    assert!(kinds(&found["images"][0]["ambiguous"]).contains(&"toc-differs"), "{found}");
    let warning = found["warnings"][0].as_str().unwrap();
    for part in [said, stored].map(|bytes| bytes.to_string()) {
        assert!(warning.contains(&part), "{part}: {warning}");
    }
    let strict = run(&sandbox, &registry, &["analyze", "--verify-toc", "--strict"]);
    assert_eq!(strict.code, Some(2), "{strict}");
    // The layer itself is known now, and counts.
    let after = analyzed(&sandbox, &registry, &[]);
    assert_eq!(first_layer(&after)["content"], stored);
}

/// A layer that is large enough for a SOCI table.
fn large() -> Layer {
    let mut blob = read("soci-gzip.blob");
    blob.resize(LARGE, 0);
    Layer { blob: blob.into(), ..Layer::gzip("") }
}

/// A SOCI table of [`large`], in a version of the format.
fn ztoc(version: &str) -> Bytes {
    let mut table = Vec::new();
    let packed = read(&format!("soci-gzip.{version}.ztoc.gz"));
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut table).unwrap();
    let size = (read("soci-gzip.blob").len() as u64).to_le_bytes();
    let at = table.windows(8).position(|window| window == size).unwrap();
    table[at..at + 8].copy_from_slice(&(LARGE as u64).to_le_bytes());
    table.into()
}

/// A manifest that lists a table for the first layer of `image`.
fn soci_index(image: &Image, table: &Bytes, kind: &str, changes: Value) -> Document {
    let layer = &image.layer_descriptors()[0];
    let annotations = json!({
        "com.amazon.soci.image-layer-digest": layer["digest"],
        "com.amazon.soci.image-layer-mediaType": layer["mediaType"],
    });
    let ztoc = json!({
        "mediaType": "application/octet-stream",
        "digest": Digest::of(table),
        "size": table.len(),
        "annotations": annotations,
    });
    let config = json!({"mediaType": kind, "digest": Digest::of(b"{}"), "size": 2});
    let manifest =
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [ztoc]});
    Document::new(&with(manifest, changes), OCI_MANIFEST)
}

const SOCI_V1: &str = "application/vnd.amazon.soci.index.v1+json";
const SOCI_V2: &str = "application/vnd.amazon.soci.index.v2+json";

/// A registry with an image of one large layer and a table for it, found by the referrers list.
fn referred() -> (Registry, Image) {
    let image = image_of(&[large()]);
    let table = ztoc("v1");
    let subject = json!({"subject": image.manifest().descriptor()});
    let index = soci_index(&image, &table, SOCI_V1, subject);
    let registry = Registry::new()
        .put_image("team/app", "latest", &image.bundle())
        .put_manifest("team/app", "", index.bytes, OCI_MANIFEST)
        .put_blob("team/app", table);
    (registry, image)
}

/// The layer is listed from its SOCI table alone.
fn check_soci(registry: Registry) {
    let registry = registry.start();
    let sandbox = Sandbox::new();
    let report = analyzed(&sandbox, &registry, &["--strict"]);
    assert_eq!(first_layer(&report)["toc_source"], "soci", "{report}");
    assert!(first_layer(&report)["transferred"].as_u64().unwrap() < 200_000);
    assert_eq!(asked_for(&registry, &large()), 0, "{:?}", registry.lines());
    assert_stored(&sandbox, &registry, &[], "soci-gzip");
    let warm = analyzed(&sandbox, &registry, &[]);
    assert_eq!(first_layer(&warm)["toc_source"], "cache");
}

#[test]
fn soci_tables_are_found_by_the_manifests_annotation() {
    let plain = image_of(&[large()]);
    let index = soci_index(&plain, &ztoc("v2"), SOCI_V2, json!({}));
    let named = json!({"com.amazon.soci.index-digest": index.digest()});
    let image = plain.annotations(&named);
    let registry = Registry::new()
        .put_image("team/app", "latest", &image.bundle())
        .put_manifest("team/app", "", index.bytes, OCI_MANIFEST)
        .put_blob("team/app", ztoc("v2"));
    check_soci(registry);
}

#[test]
fn soci_tables_are_found_in_the_index() {
    let image = image_of(&[large()]);
    let index = Index::new().image(&image).soci(&image, &[(0, ztoc("v2"))]);
    check_soci(Registry::new().put_image("team/app", "latest", &index.bundle()));
}

#[test]
fn soci_tables_are_found_by_the_referrers_api_and_by_the_fallback_tag() {
    let (registry, image) = referred();
    check_soci(registry.clone().referrers());
    check_soci(registry.put_fallback_tag("team/app", &image.digest()));
}

#[test]
fn a_registry_without_referrers_is_no_reason_to_warn() {
    let registry = registry_of(&[large()]);
    let report = analyzed(&Sandbox::new(), &registry, &["--strict"]);
    assert_eq!(
        (first_layer(&report)["toc_source"].as_str(), &report["warnings"]),
        (Some("stream"), &json!([]))
    );
    assert_eq!(kinds(&report["images"][0]["notes"]), ["zeros-after-stream"]);
    let small = registry_of(&[Layer::gzip("a 100")]);
    analyzed(&Sandbox::new(), &small, &[]);
    assert!(small.lines().iter().all(|line| !line.contains("referrers")), "{:?}", small.lines());
}

#[test]
fn soci_tables_that_cannot_be_read_are_told_and_the_layer_is_read_whole() {
    let (registry, _) = referred();
    let registry = registry.referrers();
    let digest = Digest::of(&ztoc("v1"));
    let check = |registry: Registry| {
        let registry = registry.start();
        let report = analyzed(&Sandbox::new(), &registry, &[]);
        assert_eq!(first_layer(&report)["toc_source"], "stream", "{report}");
        assert_eq!(report["warnings"].as_array().unwrap().len(), 1, "{report}");
    };
    check(registry.clone().remove("team/app", digest.as_str()));
    let mut damaged = ztoc("v1").to_vec();
    damaged[9] ^= 1;
    check(registry.put_blob_as("team/app", digest.as_str(), damaged));
}

#[test]
fn a_forged_table_of_one_image_is_not_believed_of_another() {
    let victim = image_of(&[large()]).label("of", "the victim");
    let mut forged = ztoc("v2").to_vec();
    let at = forged.windows(10).position(|window| window == b"os-release").unwrap();
    forged[at..at + 10].copy_from_slice(b"forged-one");
    let forged = Bytes::from(forged);
    let attacker = image_of(&[large()]);
    let bait = Index::new().image(&attacker).soci(&attacker, &[(0, forged)]);
    let registry = Registry::new()
        .put_image("team/app", "latest", &victim.bundle())
        .put_image("team/app", "bait", &bait.bundle())
        .start();
    let sandbox = Sandbox::new();
    let bait = registry.reference("team/app:bait");
    let listed = sandbox.run(&["files", &bait, "--all", "--format", "json"]);
    assert!(listed.stdout.contains("forged-one"), "{listed}");
    assert_stored(&sandbox, &registry, &[], "soci-gzip");
    let report = analyzed(&sandbox, &registry, &[]);
    assert_eq!(first_layer(&report)["toc_source"], "cache", "of the stream");
}
