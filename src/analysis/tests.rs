use std::fmt::Write as _;
use std::sync::Arc;

use super::analyze::analyze_image;
use super::*;
use crate::collect::{ImageLayers, LayerRead};
use crate::filesystem::How;
use crate::filesystem::lines::layer;
use crate::image::Image;
use crate::layer::{Attributes, Hashing, Limits, Toc, TocBuilder};

fn image(layers: &[&str]) -> ImageLayers {
    image_of(layers.iter().map(|text| Some(layer(text))).collect())
}

fn image_of(tocs: Vec<Option<Arc<Toc>>>) -> ImageLayers {
    let read = |toc| LayerRead { toc, cached: true, transferred: 3 };
    ImageLayers { image: 0, layers: tocs.into_iter().map(|toc| toc.map(read)).collect() }
}

fn analysis(layers: &[&str]) -> ImageAnalysis {
    analyze_image(&described(layers.len()), &image(layers), &options(true))
}

fn options(dive: bool) -> AnalysisOptions {
    AnalysisOptions { dive, top: 3, ..AnalysisOptions::default() }
}

/// A manifest and config of so many layers.
fn described(layers: usize) -> Image {
    crate::ledger::testing::image(&"RUN a\n".repeat(layers)).0
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn paths(usages: &[PathUsage]) -> String {
    let one = |usage: &PathUsage| format!("{} {}", text(&usage.path), usage.amount.bytes);
    usages.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn an_image_without_bytes_has_figures_without_shares_of_nothing() {
    for layers in [&[][..], &["", "dir a"]] {
        let image = analysis(layers);
        assert_eq!((image.content(), image.efficiency()), (0, None));
        let dive = image.dive.unwrap();
        assert_eq!((dive.efficiency, dive.user_wasted_percent), (1.0, 0.0));
        assert!(image.waste.is_empty() && image.files.is_empty() && image.directories.is_empty());
    }
    assert_eq!(analysis(&["file a 5", "file .wh.a 0"]).efficiency(), Some(0.0));
}

#[test]
fn layers_are_summed_and_unread_ones_left_out() {
    let unread = image_of(vec![None, Some(layer("file a 5\ndir d\nhard b a\nfile a 2"))]);
    let analysis = analyze_image(&described(2), &unread, &options(true));
    assert_eq!((analysis.layers[0], analysis.dive), (None, None));
    let usage = analysis.layers[1].unwrap();
    assert_eq!((usage.content, usage.entries, usage.files, usage.transferred), (7, 4, 2, 3));
    // The first `a` is visible as `b`.
    assert_eq!((usage.shadowed, analysis.visible.bytes), (Amount::default(), 7));
    let kinds: Vec<_> = analysis.ambiguous.iter().map(|remark| remark.kind).collect();
    assert_eq!(kinds, [OddityKind::RepeatedPath]);
}

#[test]
fn what_a_layer_and_the_merge_both_remark_is_told_once() {
    let mut toc = TocBuilder::new(Source::Stream, Hashing::default(), Limits::default());
    for size in 1..3 {
        let at = toc.add(b"a", Kind::File, size, 0, Attributes::default()).unwrap();
        if size == 2 {
            toc.flag(OddityKind::RepeatedPath, Some(at));
        }
    }
    toc.flag(OddityKind::NoEndMarker, None);
    let layers = image_of(vec![Some(toc.finish(0).into())]);
    let analysis = analyze_image(&described(1), &layers, &options(false));
    assert_eq!((analysis.ambiguous.len(), analysis.notes.len()), (1, 1));
}

#[test]
fn waste_is_told_by_the_directories_that_are_hidden_as_a_whole() {
    let check = |layers: &[&str], expected: &[&str]| {
        let image = analysis(layers);
        let row = |waste: &Waste| {
            let Hidden { layer, how } = waste.hidden;
            let bytes = waste.amount.bytes;
            let paths = paths(&waste.paths);
            format!("{}>{layer} {} {bytes}: {paths}", waste.written_in, how.as_str())
        };
        assert_eq!(image.waste.iter().map(row).collect::<Vec<_>>(), expected, "{layers:?}");
        let sum: u64 = image.waste.iter().map(|waste| waste.amount.bytes).sum();
        assert_eq!(sum, image.shadowed.bytes);
    };
    let lists = "file var/lib/apt/lists/a 5\nfile var/lib/apt/lists/b 6\nfile var/lib/dpkg/s 1";
    check(&[lists, "file var/lib/apt/.wh.lists 0"], &["0>1 whiteout 11: var/lib/apt/lists 11"]);
    check(&[lists, "file .wh.var 0"], &["0>1 whiteout 12: var/lib 12"]);
    check(
        &["file opt/a 5 x\nfile opt/b 6 x", "file opt/a 5 x\nfile opt/b 6 y"],
        &["0>1 overwrite-changed 6: opt/b 6", "0>1 overwrite-same 5: opt/a 5"],
    );
    check(
        &["file a 1\nfile b 2\nfile c/d 3\nfile c/e 4\nfile f 5", "file .wh..wh..opq 0"],
        &["0>1 opaque-dir 15: c 7, f 5, b 2"],
    );
    check(
        &["file a 1", "file a 2", "file .wh.a 0"],
        &["1>2 whiteout 2: a 2", "0>1 overwrite-changed 1: a 1"],
    );
    check(&["file .wh.a 9"], &["0>0 marker 9: a 9"]);
    check(&["dir a\nlink b c", "file .wh.a 0\nfile .wh.b 0"], &[]);
}

#[test]
fn directories_that_one_in_them_fills_are_not_listed() {
    let image = analysis(&["file usr/lib/x/big 95\nfile usr/lib/y 4\nfile usr/z 1\nfile etc/a 2"]);
    assert_eq!(paths(&image.directories), "usr/lib/x 95, etc 2");
    let image = analysis(&["file usr/lib/a 60\nfile usr/bin/b 40"]);
    assert_eq!(paths(&image.directories), "usr 100, usr/lib 60, usr/bin 40");
}

#[test]
fn files_count_where_their_bytes_do() {
    let image = analysis(&["file z 9\nhard a z\nfile c 3\nfile b 3\nfile d 1", "file .wh.z 0"]);
    assert_eq!(paths(&image.files), "a 9, b 3, c 3");
    assert_eq!((image.files[0].kind, image.files[0].layer), (Kind::File, Some(0)));
}

const LAYERS: [&str; 2] = [
    "dir .\ndir usr\nfile usr/a 5\nfile usr/lib/b 7\nhard usr/c usr/a\nlink l usr\nfile old 3",
    "file .wh.old 0\nfile usr/lib/b 8\nfile n 1",
];

fn check_usage(options: &UsageOptions, total: u64, expected: &[&str]) {
    let usage = usage(&image(&LAYERS), options).unwrap();
    let rows = usage.rows().map(|row| {
        let mut line = format!("{} {} {}", row.depth, text(&row.path), row.amount.bytes);
        if row.kind != Kind::Directory {
            write!(line, " {}", row.kind.as_str()).unwrap();
        }
        if let Some(target) = row.target {
            write!(line, " -> {}", text(&target)).unwrap();
        }
        if let Some(hidden) = row.hidden {
            write!(line, " ({} {})", hidden.how.as_str(), hidden.layer).unwrap();
        }
        line
    });
    assert_eq!(rows.collect::<Vec<_>>(), expected, "{options:?}");
    assert_eq!(usage.total().bytes, total, "{options:?}");
}

#[test]
fn usage_is_listed_as_it_is_asked_for() {
    let options = |path: &str, sort| UsageOptions { path: path.into(), sort, ..Default::default() };
    check_usage(&options("", Sort::Size), 14, &["0  14", "1 usr 13", "2 usr/lib 8"]);
    check_usage(&options("./usr//", Sort::Path), 13, &["0 usr 13", "1 usr/lib 8"]);
    check_usage(&options("usr/a", Sort::Size), 5, &["0 usr/a 5 file"]);
    check_usage(
        &UsageOptions { depth: Some(1), ..options("", Sort::Path) },
        14,
        &["0  14", "1 usr 13"],
    );
    let all = UsageOptions { all: true, ..options("", Sort::Path) };
    let rows = [
        "0  14",
        "1 l 0 symlink -> usr",
        "1 n 1 file",
        "1 usr 13",
        "2 usr/a 5 file",
        "2 usr/c 0 hardlink -> usr/a",
        "2 usr/lib 8",
        "3 usr/lib/b 8 file",
    ];
    check_usage(&all, 14, &rows);
    let top = UsageOptions { top: Some(3), ..all.clone() };
    check_usage(&top, 14, &["0  14", "1 usr 13", "2 usr/lib 8", "3 usr/lib/b 8 file"]);
    let largest = UsageOptions { sort: Sort::Size, top: Some(1), ..all.clone() };
    check_usage(&largest, 14, &["0  14", "1 usr 13"]);
    check_usage(&UsageOptions { path: "n".into(), ..largest }, 1, &["0 n 1 file"]);
    let layer = UsageOptions { layer: Some(1), ..all.clone() };
    check_usage(
        &layer,
        9,
        &[
            "0  9",
            "1 n 1 file",
            "1 old 0 whiteout (marker 1)",
            "1 usr 8",
            "2 usr/lib 8",
            "3 usr/lib/b 8 file",
        ],
    );
    let shadowed = UsageOptions { shadowed: true, ..all.clone() };
    check_usage(
        &shadowed,
        10,
        &[
            "0  10",
            "1 old 3 file (whiteout 1)",
            "1 old 0 whiteout (marker 1)",
            "1 usr 7",
            "2 usr/lib 7",
            "3 usr/lib/b 7 file (overwrite-changed 1)",
        ],
    );
    check_usage(
        &UsageOptions { layer: Some(1), ..shadowed },
        0,
        &["0  0", "1 old 0 whiteout (marker 1)"],
    );
}

#[test]
fn usage_of_what_is_not_there_is_an_error() {
    let of = |options| usage(&image(&LAYERS), &options).err();
    let path = |path: &str| UsageOptions { path: path.into(), ..Default::default() };
    let absent = |path: &str, missing: &str, names: &[&str], hidden| {
        let (parent, missing) = (path.as_bytes().to_vec(), missing.as_bytes().to_vec());
        let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        Some(UsageError::NoSuchPath(NoSuchPath { parent, missing, names, hidden }))
    };
    let deleted = Some(Hidden { layer: 1, how: How::Whiteout });
    assert_eq!(of(path("usr/none")), absent("usr", "none", &["a", "c", "lib"], None));
    assert_eq!(of(path("usr/./none/more")), absent("usr", "none", &["a", "c", "lib"], None));
    assert_eq!(of(path("old")), absent("", "old", &["l", "n", "usr"], deleted));
    let implied = ["file d/e/x 1\nfile y 2", "file .wh.d 0"];
    let found = usage(&image(&implied), &path("d/e")).err();
    let UsageError::NoSuchPath(found) = found.unwrap() else { panic!("of another kind") };
    assert_eq!((found.missing, found.hidden), (b"d".to_vec(), deleted));
    let alone = UsageOptions { layer: Some(0), ..path("nowhere") };
    assert_eq!(of(alone), absent("", "nowhere", &["l", "old", "usr"], None));
    let long = "a".repeat(crate::layer::MAX_PATH + 1);
    assert_eq!(of(path(&long)), absent("", "", &[], None));
    assert_eq!(of(UsageOptions { shadowed: true, ..path("old") }), None);
    assert_eq!(of(UsageOptions { layer: Some(2), ..path("") }), Some(UsageError::NoSuchLayer));
}

fn dive_of(layers: &[&str]) -> Dive {
    analysis(layers).dive.unwrap()
}

#[test]
fn dives_figures_are_those_of_dive() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/dive");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let layers: Vec<String> = files
        .iter()
        .map(|file| {
            let mut lines = String::new();
            for line in std::fs::read_to_string(file).unwrap().lines() {
                let fields: Vec<_> = line.split('\t').collect();
                let third = if fields[0] == "file" { Some(&fields[1]) } else { fields.get(3) };
                writeln!(lines, "{} {} {}", fields[0], fields[2], third.unwrap_or(&"")).unwrap();
            }
            lines
        })
        .collect();
    let image = analysis(&layers.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = Dive {
        efficiency: 0.984_421_213_418_430_9,
        size_bytes: 1_220_598,
        user_size_bytes: 66_237,
        wasted_bytes: 32_025,
        user_wasted_percent: 0.483_491_100_140_404_9,
    };
    assert_eq!(image.dive, Some(expected));
    assert_eq!((layers.len(), image.visible.bytes, image.shadowed.bytes), (14, 1_188_573, 32_025));
}

#[test]
fn dive_counts_whiteouts_as_one_more_occurrence() {
    let check = |layers: &[&str], wasted: u64| {
        assert_eq!(dive_of(layers).wasted_bytes, wasted, "{layers:?}");
    };
    check(&["file a 5", "file .wh.a 0"], 5);
    // The directory has one occurrence only, and its file is no leaf of the second layer.
    check(&["dir d\nfile d/a 5", "file .wh.d 0"], 0);
    check(&["dir d\nfile d/a 5", "file .wh.d 0", "dir d", "file .wh.d 0"], 5);
    check(&["file d/a 5", "file .wh.d 0", "dir d"], 0);
    check(&["dir d\nfile d/a 5", "file d/.wh..wh..opq 0\nfile d/b 1"], 0);
    // What is not there ends the layer: `z` comes after it, `b` before.
    check(&["file b 1\nfile z 2", "file b 1\nfile m/.wh.x 0\nfile z 2"], 2);
}
