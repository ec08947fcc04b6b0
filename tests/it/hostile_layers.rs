//! Layers that are made to mislead, to exhaust or to speak: flagged, stopped at a ceiling, escaped.

use std::fmt::Write as _;

use serde_json::json;

use crate::hostile_text::{check_csv, check_markdown};
use crate::support::analysis::{
    analyzed, arguments, in_every_format, kinds, listed, registry_of, run, tar_with,
};
use crate::support::layer::{Compression, tar};
use crate::support::{Layer, Sandbox, check_text, refused};

/// Sets the size in a header.
fn size(header: &mut [u8], bytes: u64) {
    header[124..136].copy_from_slice(format!("{bytes:011o}\0").as_bytes());
}

fn layer(tar: Vec<u8>) -> Layer {
    Layer::from_tar(tar, Compression::Gzip)
}

/// An image of this layer is read, with these oddities, and refused by `--strict`.
fn check_ambiguous(tar: Vec<u8>, oddities: &[&str], paths: &[&str]) {
    let registry = registry_of(&[layer(tar)]);
    let sandbox = Sandbox::new();
    let report = analyzed(&sandbox, &registry, &[]);
    assert_eq!(kinds(&report["images"][0]["ambiguous"]), oddities, "{report}");
    let found = listed(&sandbox, &registry, &["--all", "--sort", "path"]);
    assert_eq!(found, paths);
    let strict = run(&sandbox, &registry, &["analyze", "--strict"]);
    assert_eq!(strict.code, Some(2), "{strict}");
    assert!(strict.stdout.contains("visible"), "the report is there: {strict}");
}

#[test]
fn entries_without_content_hide_nothing_however_large_they_say_they_are() {
    for kind in *b"123456" {
        let tar = tar_with("x -> y\n next 700", 0, |header| {
            header[156] = kind;
            size(header, 1024);
        });
        let found: &[&str] = &[" 700", "next 700", "x 0"];
        let registry = registry_of(&[layer(tar.clone())]);
        let report = analyzed(&Sandbox::new(), &registry, &[]);
        let oddities = kinds(&report["images"][0]["ambiguous"]);
        assert!(oddities.contains(&"size-without-content"), "{report}");
        assert_eq!(listed(&Sandbox::new(), &registry, &["--all", "--sort", "path"]), found);
        let strict = run(&Sandbox::new(), &registry, &["analyze", "--strict"]);
        assert_eq!(strict.code, Some(2), "{strict}");
    }
}

#[test]
fn a_path_that_is_stored_twice_counts_once_and_costs_twice() {
    check_ambiguous(tar("a 100\n a 200 seed=b"), &["repeated-path"], &[" 200", "a 200"]);
    let registry = registry_of(&[Layer::gzip("a 100\n a 200 seed=b")]);
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    let waste = &report["images"][0]["waste"][0];
    assert_eq!((&waste["how"], &waste["bytes"]), (&json!("repeated"), &json!(100)));
}

#[test]
fn an_archive_that_goes_on_after_its_end_is_flagged() {
    let two = [tar("a 100"), tar("hidden 100")].concat();
    check_ambiguous(two, &["bytes-after-end"], &[" 100", "a 100"]);
    let lone = [&tar("a 100")[..1024 + 512], &tar("hidden 100")].concat();
    let registry = registry_of(&[layer(lone)]);
    let reference = registry.reference("team/app:latest");
    refused(&Sandbox::new(), &["analyze", &reference], "bad_data");
    let zeros = [tar("a 100"), vec![0; 100_000]].concat();
    let registry = registry_of(&[layer(zeros)]);
    let report = analyzed(&Sandbox::new(), &registry, &["--strict"]);
    assert_eq!(report["images"][0]["visible"]["bytes"], 100);
}

#[test]
fn paths_stay_inside_and_bare_whiteouts_delete_nothing() {
    let lower = Layer::gzip("etc/passwd 100\n srv/x 10");
    let upper = Layer::gzip("../../etc/passwd 5\n etc/.wh. 0\n etc/.wh... 0");
    let registry = registry_of(&[lower, upper]);
    let sandbox = Sandbox::new();
    let report = analyzed(&sandbox, &registry, &[]);
    let oddities = kinds(&report["images"][0]["ambiguous"]);
    assert_eq!(oddities, ["escaping-path", "nameless-whiteout", "nameless-whiteout"]);
    let found = listed(&sandbox, &registry, &["--all", "--sort", "path"]);
    assert_eq!(found, [" 15", "etc 5", "etc/passwd 5", "srv 10", "srv/x 10"]);
}

#[test]
fn a_size_that_nothing_stands_behind_is_an_error() {
    for claimed in [8_u64 << 30, 1 << 62] {
        let tar = tar_with("a 10\n b 20", 0, |header| {
            header[124..136].fill(0);
            header[124] = 0x80;
            header[128..136].copy_from_slice(&claimed.to_be_bytes());
        });
        for compression in [Compression::Gzip, Compression::None] {
            let registry = registry_of(&[Layer::from_tar(tar.clone(), compression)]);
            let reference = registry.reference("team/app:latest");
            refused(&Sandbox::new(), &["files", &reference], "bad_data");
        }
    }
}

#[test]
fn extension_headers_have_a_ceiling() {
    for claimed in [(1_u64 << 20) + 1, 1 << 30] {
        for kind in *b"xLKg" {
            let tar = tar_with("a 10", 0, |header| {
                header[156] = kind;
                size(header, claimed);
            });
            let registry = registry_of(&[layer(tar)]);
            let reference = registry.reference("team/app:latest");
            refused(&Sandbox::new(), &["analyze", &reference], "ceiling");
        }
    }
}

/// A block of a zstd frame: these bytes, or the one byte so many times.
fn block(bytes: &[u8], repeated: Option<usize>) -> Vec<u8> {
    let length = repeated.unwrap_or(bytes.len());
    let header = (length << 3) | (usize::from(repeated.is_some()) << 1);
    [&header.to_le_bytes()[..3], bytes].concat()
}

/// A zstd layer of these blocks that needs a window of two to the power of `window`.
fn zstd_layer(window: u8, blocks: &[u8]) -> Layer {
    let frame = [b"\x28\xb5\x2f\xfd\0", &[(window - 10) << 3][..], blocks, &[1, 0, 0]].concat();
    Layer { blob: frame.into(), ..Layer::zstd("") }
}

/// A layer with a file of `blocks` times 128 KiB of zeros.
pub(crate) fn bomb(blocks: usize) -> Layer {
    let header = tar_with("zeros 0", 0, |header| size(header, (blocks as u64) << 17));
    let runs = header[..512].chunk_by(|a, b| a == b);
    let header: Vec<u8> = runs.flat_map(|run| block(&run[..1], Some(run.len()))).collect();
    let zeros = block(&[0], Some(128 << 10)).repeat(blocks);
    zstd_layer(20, &[header, zeros, block(&[0], Some(1024))].concat())
}

#[test]
fn a_zstd_window_has_a_ceiling() {
    let tar = block(&tar("a 100"), None);
    let registry = registry_of(&[zstd_layer(27, &tar)]);
    assert_eq!(listed(&Sandbox::new(), &registry, &[]), [" 100"]);
    for window in [28, 31] {
        let registry = registry_of(&[zstd_layer(window, &tar)]);
        let reference = registry.reference("team/app:latest");
        refused(&Sandbox::new(), &["analyze", &reference], "ceiling").says(&["window"]);
    }
}

#[test]
fn bombs_end_at_a_ceiling_that_an_option_raises() {
    let bomb = bomb(800);
    let registry = registry_of(std::slice::from_ref(&bomb));
    let reference = registry.reference("team/app:latest");
    let refusal = refused(&Sandbox::new(), &["files", &reference], "ceiling");
    refusal.says(&["--limit ratio=NUMBER"]);
    let raised = ["--limit", "ratio=40000"];
    let report = analyzed(&Sandbox::new(), &registry, &raised);
    assert_eq!(report["images"][0]["sizes"]["content"], 800 << 17);
}

#[test]
fn ceilings_of_entries_and_names_can_be_set() {
    let registry = registry_of(&[Layer::gzip("a/b 1\n a/c 1\n a/d 1")]);
    let reference = registry.reference("team/app:latest");
    let check = |limit: &str, hint: &str| {
        let command = arguments(&reference, &["analyze", "--limit", limit]);
        refused(&Sandbox::new(), &command, "ceiling").says(&[hint]);
    };
    check("entries=2", "--limit entries=NUMBER");
    check("names=3", "--limit names=SIZE");
    check("unpacked=1kB", "--limit unpacked=SIZE");
    analyzed(&Sandbox::new(), &registry, &["--limit", "entries=3", "--limit", "names=1kB"]);
    // What the cache has was read under other ceilings.
    let sandbox = Sandbox::new();
    analyzed(&sandbox, &registry, &[]);
    let warm = run(&sandbox, &registry, &["analyze", "--limit", "entries=2"]);
    assert_eq!(warm.code, Some(2), "{warm}");
}

/// A tar of files with these names, by PAX headers.
fn named(names: &[&[u8]]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let rest = 7 + name.len();
        let length = (rest + 2..rest + 9).find(|n| n.to_string().len() + rest == *n).unwrap();
        let record = [format!("{length} path=").as_bytes(), name, b"\n"].concat();
        let extended = tar_with("pax 0", 0, |header| {
            header[156] = b'x';
            size(header, record.len() as u64);
        });
        archive.extend(&extended[..512]);
        archive.extend(&record);
        archive.resize(archive.len().next_multiple_of(512), 0);
        let mut line = String::new();
        write!(line, "f{number} {}", 10 + number).unwrap();
        let entry = tar(&line);
        archive.extend(&entry[..1024]);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

#[test]
fn names_cannot_speak_through_the_report() {
    let names: [&[u8]; 9] = [
        b"\x1b[31mred\x1b]8;;https://evil.example\x07",
        "\u{9b}2J\u{202e}\u{200b}\u{2028}\u{85}".as_bytes(),
        b"x\nbreak\r\n::add-mask::x",
        b"::set-env name=PATH",
        b"##[error]y",
        b"##vso[task.complete]z\t",
        b"=cmd|' C calc'!A0|b\\|c | d",
        b"<script>alert(1)<b>![x](http:evil)`t`",
        b"not\xff\xfetext",
    ];
    let lower = layer(named(&names));
    let links = tar_with("l -> t", 0, |header| {
        header[157..162].copy_from_slice(b"\x1b[2Jx");
    });
    let upper = layer([&links[..512], &named(&names[..4])].concat());
    let registry = registry_of(&[lower, upper]);
    for command in [
        &["analyze"][..],
        &["analyze", "--full", "--dive", "--top", "50"],
        &["files", "--all"],
        &["files", "--all", "--shadowed"],
        &["files", "--all", "--layer", "1"],
    ] {
        let texts = in_every_format(&Sandbox::new(), &registry, command);
        check_markdown(&texts[1]);
        check_csv(&texts[2]);
    }
    let json = analyzed(&Sandbox::new(), &registry, &["--top", "50"]);
    let files = json["images"][0]["largest_files"].as_array().unwrap();
    let odd = files.iter().find(|file| file["path_bytes"].is_string()).unwrap();
    assert_eq!(odd["path"], r"not\xff\xfetext");
    let missing = run(&Sandbox::new(), &registry, &["files", "/\u{1b}[31mrev"]);
    assert_eq!(missing.code, Some(2), "{missing}");
    check_text(&missing.stderr);
}

#[test]
fn names_cannot_speak_through_errors_and_remarks() {
    let twice: [&[u8]; 2] = [b"\x1b[31m\n::set-env name=x"; 2];
    let registry = registry_of(&[layer(named(&twice))]);
    let texts = in_every_format(&Sandbox::new(), &registry, &["analyze"]);
    assert!(texts[0].contains("more than once"), "{}", texts[0]);
    let mut cut = named(&twice);
    cut.truncate(1024 + 520);
    let registry = registry_of(&[layer(cut)]);
    let reference = registry.reference("team/app:latest");
    refused(&Sandbox::new(), &["analyze", &reference], "bad_data");
}
