//! Tables of contents against what Python's `tarfile` finds in the same layers.

mod documents;

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::fuzzing::{Blob, END, estargz, request, zstd_chunked};
use super::*;
use crate::layer::{ErrorKind, Hold, Kind, Link, OddityKind, Source};
use crate::oci::{Annotations, Manifest, MediaType};

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/toc").join(name)
}

fn load(name: &str) -> (Vec<u8>, Annotations) {
    let annotations = fs::read(path(&format!("{name}.annotations.json"))).unwrap();
    let blob = fs::read(path(&format!("{name}.blob"))).unwrap();
    (blob, serde_json::from_slice(&annotations).unwrap())
}

fn ztoc(name: &str) -> Vec<u8> {
    let packed = fs::read(path(&format!("{name}.ztoc.gz"))).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

fn media_type(name: &str) -> MediaType {
    MediaType(if name.starts_with("zstd") { ZSTD } else { GZIP }.into())
}

fn claim_of(name: &str, annotations: &Annotations, size: usize) -> Claim {
    claim(&media_type(name), annotations, size as u64).unwrap()
}

fn read(name: &str) -> Result<Toc, Error> {
    let (bytes, annotations) = load(name);
    let claim = claim_of(name, &annotations, bytes.len());
    read_claimed(&claim, &request(bytes.len()), &Blob::new(bytes))
}

/// Path, kind, size, mode, uid, gid, time, link, the start of the content's hash.
type Line = (String, String, u64, u16, u64, u64, i64, Option<String>, Option<String>);

fn listing(name: &str, hashes: bool) -> Vec<Line> {
    let text = fs::read_to_string(path(&format!("{name}.listing.jsonl"))).unwrap();
    let lines = text.lines().map(|line| {
        let mut line: Line = serde_json::from_str(line).unwrap();
        let (parent, last) = line.0.rsplit_once('/').unwrap_or(("", &line.0));
        if last == ".wh..wh..opq" {
            (line.1, line.0) = ("opaque".into(), parent.into());
        } else if let Some(hidden) = last.strip_prefix(".wh.") {
            (line.1, line.0) = ("whiteout".into(), format!("{parent}/{hidden}"));
        }
        line.8 = line.8.filter(|_| hashes);
        line
    });
    lines.collect()
}

fn lines(toc: &Toc) -> Vec<Line> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lines = toc.entries.iter().map(|entry| {
        let attributes = toc.attributes(entry);
        let link = entry.link.map(|link| match link {
            Link::Hard(target) => text(&toc.paths.join(target)),
            Link::Symbolic(target) => text(toc.text(target)),
        });
        (
            text(&toc.paths.join(entry.path)),
            entry.kind.as_str().into(),
            entry.size,
            attributes.mode,
            attributes.uid,
            attributes.gid,
            entry.mtime,
            link,
            entry.hash.map(|hash| hex::encode(hash.0)),
        )
    });
    lines.collect()
}

fn sum(toc: &Toc) -> u64 {
    toc.entries.iter().map(|entry| entry.compressed).sum::<u64>() + toc.overhead
}

fn check_captures(name: &str, toc: &Toc) {
    let kept: Vec<_> = toc
        .captures
        .iter()
        .map(|capture| {
            let entry = toc.entries[capture.entry as usize];
            let digest = hex::encode(&Sha256::digest(&capture.head)[..16]);
            assert_eq!(Some(digest), entry.hash.map(|hash| hex::encode(hash.0)), "{name}");
            String::from_utf8(toc.paths.join(entry.path)).unwrap()
        })
        .collect();
    let mut expected = vec!["etc/os-release", "etc/passwd", "var/lib/dpkg/status"];
    let mut sorted = kept;
    sorted.sort();
    expected.sort_unstable();
    assert_eq!(
        (sorted, toc.captures_dropped),
        (expected.into_iter().map(str::to_owned).collect(), 0)
    );
}

#[test]
fn tables_list_what_is_in_their_layers() {
    let check = |name: &str, source: Source, tar_size: Option<u64>| {
        let toc = read(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (blob, _) = load(name);
        assert_eq!(lines(&toc), listing(name, true), "{name}");
        assert_eq!(sum(&toc), blob.len() as u64, "{name}");
        assert_eq!((toc.source, toc.tar_size), (source, tar_size), "{name}");
        assert!(toc.is_sound(), "{name}");
        let tool = toc.entries.iter().find(|entry| entry.size == 20_000).unwrap();
        assert!((20_000..22_000).contains(&tool.compressed), "{name}: {}", tool.compressed);
        let xattrs = toc.attributes.iter().filter(|attributes| attributes.xattrs != 0).count();
        assert_eq!(xattrs, 1, "{name}");
        check_captures(name, &toc);
    };
    check("estargz-library", Source::EStargz, Some(92_672));
    check("estargz-inner", Source::EStargz, Some(93_184));
    check("estargz-lossless", Source::EStargz, None);
    check("stargz-legacy", Source::EStargz, None);
    check("zstd-gen1", Source::ZstdChunked, None);
    check("zstd-broken", Source::ZstdChunked, Some(92_160));
    check("zstd-gen2", Source::ZstdChunked, Some(92_160));
    check("zstd-containerd", Source::ZstdChunked, None);
}

#[test]
fn footers_tell_where_a_table_is_that_no_annotation_locates() {
    for name in ["zstd-gen1", "zstd-broken", "zstd-gen2", "zstd-containerd"] {
        let (bytes, annotations) = load(name);
        let Claim::ZstdChunked { compressed, json, .. } = claim_of(name, &annotations, bytes.len())
        else {
            panic!("{name}")
        };
        let (position, tar_split, tar_size) = (None, None, None);
        let claim = Claim::ZstdChunked { position, compressed, json, tar_split, tar_size };
        let toc = read_claimed(&claim, &request(bytes.len()), &Blob::new(bytes)).unwrap();
        assert_eq!(lines(&toc), listing(name, true), "{name}");
    }
}

#[test]
fn a_ztoc_lists_what_is_in_its_layer() {
    let gzip = load("soci-gzip").0.len();
    for (name, size) in [("soci-gzip.v1", gzip), ("soci-gzip.v2", gzip), ("soci-plain.v2", 92_160)]
    {
        let toc = read_ztoc(&ztoc(name), &request(size)).unwrap();
        assert_eq!(lines(&toc), listing("soci-gzip", false), "{name}");
        assert_eq!((sum(&toc), toc.captures_dropped), (size as u64, 3), "{name}");
        assert!(toc.is_sound() && toc.source == Source::Soci);
        let tool = toc.entries.iter().find(|entry| entry.size == 20_000).unwrap();
        assert!(tool.compressed > 5_000, "{name}: {}", tool.compressed);
        assert!(toc.attributes.iter().any(|attributes| attributes.xattrs != 0));
        let error = read_ztoc(&ztoc(name), &request(size + 1)).unwrap_err();
        assert!(error.to_string().contains("another size"), "{error}");
    }
}

#[test]
fn an_index_lists_the_ztocs_of_layers_and_nothing_else() {
    for version in ["v1", "v2"] {
        let bytes = fs::read(path(&format!("soci-index.{version}.json"))).unwrap();
        let index: Manifest = serde_json::from_slice(&bytes).unwrap();
        let layers = soci_index(&index);
        let expected = ["soci-gzip.v1", "soci-gzip.v2", "soci-plain.v2"];
        assert_eq!((index.layers.len(), layers.len()), (5, 3));
        for (layer, name) in layers.iter().zip(expected) {
            assert!(layer.ztoc.digest.matches(&ztoc(name)), "{name}");
        }
        assert!(layers[0].layer.matches(&load("soci-gzip").0));
    }
}

#[test]
fn what_cannot_be_trusted_is_no_claim() {
    let check = |name: &str, key: &str, value: Option<&str>, expected: bool| {
        let (bytes, mut annotations) = load(name);
        let key = annotations.keys().find(|known| known.contains(key)).unwrap().clone();
        match value {
            Some(value) => annotations.insert(key.clone(), value.into()),
            None => annotations.remove(&key),
        };
        let found = claim(&media_type(name), &annotations, bytes.len() as u64);
        assert_eq!(found.is_some(), expected, "{name} {key} {value:?}: {found:?}");
    };
    check("estargz-library", "toc.digest", None, false);
    check("estargz-library", "toc.digest", Some("sha256:xyz"), false);
    check("estargz-library", "uncompressed", None, true);
    check("zstd-gen2", "manifest-checksum", None, false);
    check("zstd-gen2", "manifest-checksum", Some("md5:1"), false);
    check("zstd-gen2", "manifest-position", None, false);
    check("zstd-gen2", "tarsplit", Some("1:2"), true);
    for position in [
        "",
        "1",
        "1:2:3",
        "1:2:3:2",
        "1:2:3:1:1",
        "-1:2:3:1",
        "+1:2:3:1",
        "0:2:3:1",
        "1:0:3:1",
        "18446744073709551615:2:3:1",
        "24676:1:3:1",
        "99999999999999999999:2:3:1",
    ] {
        check("zstd-gen2", "manifest-position", Some(position), false);
    }
    check("zstd-containerd", "manifest-checksum", None, true);
    check("zstd-containerd", "toc.digest", None, true);
    check("zstd-containerd", "toc.digest", Some(""), false);
    let (bytes, annotations) = load("estargz-library");
    let plain = MediaType("application/vnd.oci.image.layer.v1.tar".into());
    assert_eq!(claim(&plain, &annotations, bytes.len() as u64), None);
}

#[test]
fn a_table_without_its_digest_is_refused() {
    let other = Digest::of(b"other");
    for name in ["estargz-library", "zstd-gen2", "zstd-containerd"] {
        let (bytes, annotations) = load(name);
        for key in annotations.keys().filter(|key| key.ends_with("digest") || key.ends_with("sum"))
        {
            let mut annotations = annotations.clone();
            annotations.insert(key.clone(), other.to_string());
            let claim = claim_of(name, &annotations, bytes.len());
            let error = read_claimed(&claim, &request(bytes.len()), &Blob::new(bytes.clone()));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("does not have the digest"), "{name} {key}: {error}");
        }
    }
}

#[test]
fn a_table_elsewhere_is_not_followed() {
    let error = read("estargz-external").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("another image"));
}

#[test]
fn tables_beyond_the_ceilings_are_refused() {
    for name in ["estargz-library", "zstd-gen2", "zstd-containerd"] {
        let (bytes, annotations) = load(name);
        let claim = claim_of(name, &annotations, bytes.len());
        let check = |limits: Limits| {
            let request = TocRequest { limits, ..request(bytes.len()) };
            let error = read_claimed(&claim, &request, &Blob::new(bytes.clone())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Ceiling, "{name}: {error}");
        };
        check(Limits { toc: 100, ..Limits::default() });
        check(Limits { toc_unpacked: 1000, ..Limits::default() });
        check(Limits { entries: 5, ..Limits::default() });
        check(Limits { names: 50, ..Limits::default() });
    }
    let size = load("soci-gzip").0.len();
    let limits = Limits { toc_unpacked: 1000, ..Limits::default() };
    let request = TocRequest { limits, ..request(size) };
    assert_eq!(read_ztoc(&ztoc("soci-gzip.v1"), &request).unwrap_err().kind(), ErrorKind::Ceiling);
}

#[test]
fn what_a_table_takes_is_counted_and_has_a_ceiling() {
    let check = |name: &str, read: &dyn Fn(&Memory) -> Result<Toc, Error>| {
        let memory = Memory::default();
        let toc = read(&memory).unwrap();
        let all = memory.used();
        let mut counted = toc.clone();
        counted.count(&memory).unwrap();
        assert_eq!(memory.used(), 2 * all, "{name}");
        drop((toc, counted));
        assert_eq!(memory.used(), 0, "{name}");
        for few in [0, 100, 1000, all - 1] {
            let memory = Memory::new(few);
            assert_eq!(read(&memory).unwrap_err().kind(), ErrorKind::Memory, "{name} {few}");
            assert_eq!(memory.used(), 0, "{name}");
        }
    };
    for name in ["estargz-library", "stargz-legacy", "zstd-gen2", "zstd-containerd"] {
        let (bytes, annotations) = load(name);
        let claim = claim_of(name, &annotations, bytes.len());
        let (size, blob) = (bytes.len(), Blob::new(bytes));
        check(name, &|memory| read_claimed(&claim, &TocRequest { memory, ..request(size) }, &blob));
    }
    let (size, table) = (load("soci-gzip").0.len(), ztoc("soci-gzip.v1"));
    check("soci", &|memory| read_ztoc(&table, &TocRequest { memory, ..request(size) }));
}

#[test]
fn a_table_takes_two_requests_at_most() {
    for name in ["estargz-library", "stargz-legacy", "zstd-gen2", "zstd-containerd"] {
        let (bytes, annotations) = load(name);
        let claim = claim_of(name, &annotations, bytes.len());
        let request = TocRequest { captures: false, ..request(bytes.len()) };
        let blob = Blob::new(bytes);
        read_claimed(&claim, &request, &blob).unwrap();
        assert!(blob.read.borrow().len() <= 2, "{name}: {:?}", blob.read);
    }
}
