use std::fmt::Write as _;

use super::lines::{assert_sums, layer, merge};
use super::*;
use crate::layer::{Hashing, OddityKind, Toc};

/// `PATH/ LAYER` for directories, `PATH SIZE LAYER` for what carries bytes, else `PATH KIND LAYER`.
fn tree(filesystem: &Filesystem) -> String {
    let mut text = String::new();
    for (id, _) in filesystem.walk(filesystem.root()).skip(1) {
        let node = filesystem.node(id);
        let path = String::from_utf8_lossy(&filesystem.path(id)).into_owned();
        let layer = node.layer.map_or("implied".to_owned(), |layer| layer.to_string());
        match node.kind {
            Kind::Directory => writeln!(text, "{path}/ {layer}"),
            _ if node.counted => writeln!(text, "{path} {} {layer}", filesystem.amount(id).bytes),
            kind => writeln!(text, "{path} {} {layer}", kind.as_str()),
        }
        .unwrap();
    }
    text
}

/// `LAYER PATH SIZE: HOW LAYER` for what is hidden, except for markers without bytes.
fn ledger(filesystem: &Filesystem) -> String {
    let mut text = String::new();
    for layer in 0..filesystem.layers() {
        for (at, entry) in filesystem.toc(layer).unwrap().entries.iter().enumerate() {
            let Some(hidden) = filesystem.hidden(layer, at) else { continue };
            if entry.kind.is_marker() && entry.size == 0 {
                continue;
            }
            let path = filesystem.path(filesystem.place(layer, entry));
            let (path, how) = (String::from_utf8_lossy(&path), hidden.how.as_str());
            writeln!(text, "{layer} {path} {}: {how} {}", entry.size, hidden.layer).unwrap();
        }
    }
    text
}

fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().concat()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[track_caller]
fn check(layers: &[&str], expected_tree: &str, expected_ledger: &str) -> Filesystem {
    let filesystem = merge(layers);
    assert_eq!(lines(&tree(&filesystem)), lines(expected_tree), "the tree of {layers:?}");
    assert_eq!(lines(&ledger(&filesystem)), lines(expected_ledger), "the ledger of {layers:?}");
    assert_sums(&filesystem);
    filesystem
}

#[track_caller]
fn check_remarks(layers: &[&str], expected: &[(usize, &str, OddityKind)]) {
    let filesystem = merge(layers);
    let remarks: Vec<_> = filesystem
        .remarks()
        .map(|(layer, node, kind)| (layer, String::from_utf8(filesystem.path(node)).unwrap(), kind))
        .collect();
    let expected: Vec<_> =
        expected.iter().map(|(layer, path, kind)| (*layer, (*path).to_owned(), *kind)).collect();
    assert_eq!(remarks, expected, "{layers:?}");
}

#[test]
fn an_image_without_bytes_shows_nothing() {
    let none = check(&[], "", "");
    assert_eq!((none.visible(), none.shadowed(), none.content()), Default::default());
    check(&["", "dir ."], "", "");
    check(&["file a 0"], "a 0 0", "");
    let gone = check(&["file a 5", "file .wh.a 0"], "", "0 a 5: whiteout 1");
    assert_eq!((gone.visible().bytes, gone.content()), (0, 5));
}

#[test]
fn whiteouts_hide_lower_layers_whatever_their_place() {
    check(
        &["dir a\nfile a/b 5\nfile c 1", "file .wh.a 0"],
        "c 1 0",
        "0 a 0: whiteout 1\n0 a/b 5: whiteout 1",
    );
    check(&["file a 5", "file .wh.missing 0"], "a 5 0", "");
    let own = "dir d 0\nfile d/x 1";
    for layer in [format!("{own}\nfile .wh.d 0"), format!("file .wh.d 0\n{own}")] {
        check(
            &["dir d\nfile d/y 2", &layer],
            "d/ 1\nd/x 1 1",
            "0 d 0: whiteout 1\n0 d/y 2: whiteout 1",
        );
    }
    check(
        &["dir a\nfile a/b 5", "file .wh.a 0\nfile a/.wh.b 0"],
        "",
        "0 a 0: whiteout 1\n0 a/b 5: whiteout 1",
    );
    check(&["file x.wh.y 5", "file .wh.y 0"], "x.wh.y 5 0", "");
}

#[test]
fn what_a_layer_deletes_and_stores_again_is_replaced() {
    for layer in ["file .wh.a 0\nfile a 5 y", "file a 5 y\nfile .wh.a 0"] {
        check(&["file a 5 x", layer], "a 5 1", "0 a 5: overwrite-changed 1");
    }
    check(
        &["file d/a 5 x", "file .wh.d 0\nfile d/a 5 x"],
        "d/ implied\nd/a 5 1",
        "0 d/a 5: overwrite-same 1",
    );
    check(
        &["file d/a 5\nfile d/b 6", "file d/.wh..wh..opq 0\nfile d/a 4"],
        "d/ implied\nd/a 4 1",
        "0 d/a 5: overwrite-changed 1\n0 d/b 6: opaque-dir 1",
    );
    check(&["file a 5", "file .wh.a 0\nfile a/b 1"], "a/ implied\na/b 1 1", "0 a 5: type-change 1");
    check(&["file a 5", "file .wh.a 0", "file a 5"], "a 5 2", "0 a 5: whiteout 1");
    check(
        &["file a 1", "file .wh.a 0\nfile a 2\nfile a 3"],
        "a 3 1",
        "0 a 1: overwrite-changed 1\n1 a 2: repeated 1",
    );
}

#[test]
fn opaque_markers_hide_lower_layers_whatever_their_place() {
    let lower = "dir d\nfile d/a 1\ndir d/e\nfile d/e/f 2";
    let hidden = "0 d/a 1: opaque-dir 1\n0 d/e 0: opaque-dir 1\n0 d/e/f 2: opaque-dir 1";
    let opaque = "file d/.wh..wh..opq 0";
    for layer in [
        format!("dir d\n{opaque}\nfile d/n 4"),
        format!("file d/n 4\ndir d\n{opaque}"),
        format!("{opaque}\ndir d\n{opaque}\nfile d/n 4"),
    ] {
        check(&[lower, &layer], "d/ 1\nd/n 4 1", hidden);
    }
    check(
        &["file a 1\nfile b/c 2", "file .wh..wh..opq 0\nfile n 4"],
        "n 4 1",
        "0 a 1: opaque-dir 1\n0 b/c 2: opaque-dir 1",
    );
    check(&["file d 1", "file d/.wh..wh..opq 0"], "d 1 0", "");
    check(
        &["file d/a 1", "file d/.wh..wh..opq 7"],
        "d/ implied",
        "0 d/a 1: opaque-dir 1\n1 d 7: marker 1",
    );
    for layer in ["file .wh.d 0\nfile d/.wh..wh..opq 0", "file d/.wh..wh..opq 0\nfile .wh.d 0"] {
        check(&["file d/a 1", layer], "", "0 d/a 1: whiteout 1");
    }
}

#[test]
fn a_path_that_is_stored_twice_counts_once_and_all_of_it_is_stored() {
    check(&["file a 1\nfile a 2"], "a 2 0", "0 a 1: repeated 0");
    check(&["file a 1\ndir a\nfile a/b 2"], "a/ 0\na/b 2 0", "0 a 1: repeated 0");
    check(
        &["dir a\nfile a/b 2\nfile a 1"],
        "a 1 0",
        "0 a 0: repeated 0\n0 a/b 2: ancestor-replaced 0",
    );
    check(&["", "file a 1\nfile .wh.a 0\nfile a 2"], "a 2 1", "1 a 1: repeated 1");
    check(&["dir a\nfile a/b 1\ndir a"], "a/ 0\na/b 1 0", "");
    check_remarks(&["file a 1\nfile a 2\ndir b\ndir b"], &[(0, "a", OddityKind::RepeatedPath)]);
    check_remarks(&["file a 1", "file a 2"], &[]);
}

#[test]
fn files_are_replaced_by_files() {
    let changed = "0 a 5: overwrite-changed 1";
    check(&["file a 5 x", "file a 5 y"], "a 5 1", changed);
    check(&["file a 5 x", "file a 6 x"], "a 6 1", changed);
    check(&["file a 5 x", "file a 5 x"], "a 5 1", "0 a 5: overwrite-same 1");
    check(&["file a 5 x", "file a 5"], "a 5 1", "0 a 5: overwrite 1");
    check(&["file a 0", "file a 0"], "a 0 1", "0 a 0: overwrite-same 1");
    let sha = Toc { hashing: Hashing::Sha256, ..(*layer("file a 5 x")).clone() };
    let mixed = Filesystem::merge(vec![Some(layer("file a 5 x")), Some(sha.into())]);
    assert_eq!(mixed.hidden(0, 0), Some(Hidden { layer: 1, how: How::Overwrite }));
}

#[test]
fn bytes_that_are_wasted_again_count_for_each_copy() {
    let filesystem = check(
        &["file a 5 x", "file a 6 x", "file a 6 x", "file .wh.a 0"],
        "",
        "0 a 5: overwrite-changed 1\n1 a 6: overwrite-same 2\n2 a 6: whiteout 3",
    );
    assert_eq!((filesystem.visible().bytes, filesystem.shadowed().bytes), (0, 17));
}

#[test]
fn kinds_replace_each_other() {
    check(&["file a 5", "link a b"], "a symlink 1", "0 a 5: type-change 1");
    check(
        &["link a b", "link a b", "link a c"],
        "a symlink 2",
        "0 a 0: overwrite-same 1\n1 a 0: overwrite-changed 2",
    );
    check(&["file a 5", "dir a"], "a/ 1", "0 a 5: type-change 1");
    check(
        &["dir a\ndir a/b\nfile a/b/c 5", "file a 1"],
        "a 1 1",
        "0 a 0: type-change 1\n0 a/b 0: ancestor-replaced 1\n0 a/b/c 5: ancestor-replaced 1",
    );
    check(&["fifo a", "fifo a"], "a fifo 1", "0 a 0: overwrite 1");
    check(&["file a 5", "char a"], "a character 1", "0 a 5: type-change 1");
    check(&["file a 5\nfile b 1", "char .wh.b"], "a 5 0", "0 b 1: whiteout 1");
}

#[test]
fn directories_over_directories_change_attributes_only() {
    check(&["dir a\nfile a/b 5", "dir a"], "a/ 1\na/b 5 0", "");
    check(
        &["dir .\ndir a", "dir .\ndir a", "dir a", "file .wh.a 0"],
        "",
        "0 a 0: whiteout 3\n1 a 0: whiteout 3\n2 a 0: whiteout 3",
    );
}

#[test]
fn what_is_below_a_link_or_file_makes_a_directory_of_it() {
    check(
        &["link lib usr/lib\nfile usr/lib/a 5", "file lib/b 1"],
        "lib/ implied\nlib/b 1 1\nusr/ implied\nusr/lib/ implied\nusr/lib/a 5 0",
        "0 lib 0: type-change 1",
    );
    check(&["file a 5\nfile a/b/c 1"], "a/ implied\na/b/ implied\na/b/c 1 0", "0 a 5: repeated 0");
    let parent = OddityKind::ParentNotDirectory;
    check_remarks(&["link lib usr/lib", "file lib/b 1"], &[(1, "lib/b", parent)]);
    check_remarks(&["file a/b 1\nfile a 5"], &[(0, "a", parent)]);
    check_remarks(&["file a 5", "dir a\nfile a/b 1"], &[]);
    check_remarks(&["link lib usr/lib", "file lib/.wh.a 0"], &[(1, "lib", parent)]);
    check_remarks(&["link lib usr/lib", "file lib/.wh..wh..opq 0"], &[(1, "lib", parent)]);
    check_remarks(&["dir lib\nfile lib/a 1", "file lib/.wh.a 0"], &[]);
}

#[test]
fn links_are_never_followed() {
    check(
        &["link a b\nlink b a\nlink r /\nlink self self"],
        "a symlink 0\nb symlink 0\nr symlink 0\nself symlink 0",
        "",
    );
    let chain = numbered(10_000, |at| format!("link l{at} l{}\n", at + 1));
    assert_eq!(merge(&[&chain]).walk(NodeId::ROOT).count(), 10_001);
}

#[test]
fn a_file_counts_once_for_all_its_names() {
    check(&["file a 5\nhard b a\nhard c b"], "a 5 0\nb hardlink 0\nc hardlink 0", "");
    check(&["file b 5\nhard c b\nhard a b", "file .wh.b 0"], "a 5 0\nc hardlink 0", "");
    check(
        &["file a 5\nhard b a", "file .wh.a 0", "file .wh.b 0"],
        "",
        "0 a 5: whiteout 2\n0 b 0: whiteout 2",
    );
    check(
        &["file a 5\nhard b a", "file .wh.a 0\nfile b 9"],
        "b 9 1",
        "0 a 5: whiteout 1\n0 b 0: overwrite-changed 1",
    );
    check(&["file a 5 x\nhard b a", "file b 5 x"], "a 5 0\nb 5 1", "0 b 0: overwrite-same 1");
    check(&["file a 5\nhard a a"], "a 5 0", "");
    check(&["file a 5\nfile a 6\nhard b a\nfile a 7"], "a 7 0\nb 6 0", "0 a 5: repeated 0");
}

#[test]
fn hard_links_lead_to_what_is_there_when_they_come() {
    let missing = OddityKind::MissingTarget;
    check(&["file a 5", "hard b a", "file .wh.a 0"], "b 5 1", "");
    check(&["hard b a\nfile a 5"], "a 5 0\nb hardlink 0", "");
    check(&["file a 5", "file .wh.a 0\nhard b a"], "b hardlink 1", "0 a 5: whiteout 1");
    check(&["file a 5", "hard a a"], "a 5 1", "");
    check_remarks(&["hard b a\nfile a 5"], &[(0, "b", missing)]);
    check_remarks(&["hard a a"], &[(0, "a", missing)]);
    check_remarks(&["dir d\nhard b d\nlink s x\nhard t s"], &[(0, "b", missing)]);
    check_remarks(&["file a 5", "hard b a"], &[]);
    check_remarks(&["file a 5", "file .wh.a 0\nhard b a"], &[(1, "b", missing)]);
    let unread = Filesystem::merge(vec![None, Some(layer("hard b a"))]);
    assert_eq!(unread.remarks().count(), 0);
}

#[test]
fn reserved_names_hide_nothing_and_are_not_shown() {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh.", ".wh..wh.plnk", ".wh..wh.aufs"] {
        let layer = format!("file {name} 3");
        let filesystem = merge(&["file d/a 1\nfile plnk 1", &layer]);
        assert_eq!(filesystem.visible().bytes, 2, "{name}");
        assert_eq!(filesystem.hidden(1, 0), Some(Hidden { layer: 1, how: How::Marker }), "{name}");
        assert_sums(&filesystem);
    }
    check(
        &["file a/.wh./b 1\ndir .wh.c\nfile c 2", "dir .wh.c"],
        ".wh.c/ 1\na/ implied\na/.wh./ implied\na/.wh./b 1 0\nc 2 0",
        "",
    );
}

#[test]
fn nothing_takes_the_place_of_the_root() {
    check(&["file a 1", "file . 7"], "a 1 0", "1  7: marker 1");
    check_remarks(&["link . x"], &[(0, "", OddityKind::EscapingPath)]);
}

#[test]
fn paths_are_bytes() {
    check(
        &["file A 1\nfile a 2\nfile é 3\nfile e\u{301} 4\nfile a\\b 5", "file .wh.A 0"],
        "a 2 0\na\\b 5 0\ne\u{301} 4 0\né 3 0",
        "0 A 1: whiteout 1",
    );
}

#[test]
fn layers_that_were_not_read_are_left_out() {
    let filesystem = Filesystem::merge(vec![None, Some(layer("file a/b 1")), None]);
    assert_eq!((filesystem.layers(), filesystem.toc(0), filesystem.toc(3)), (3, None, None));
    let found = filesystem.find(b"a/b").unwrap();
    assert_eq!(filesystem.node(found).layer, Some(1));
    assert_eq!(filesystem.find(b""), Some(NodeId::ROOT));
    assert_eq!(filesystem.find(b"a/c"), None);
}

#[test]
fn deep_and_wide_directories_are_merged_without_recursion() {
    let deep = "d/".repeat(4095);
    let filesystem = merge(&[
        &format!("file {deep}f 1"),
        "file .wh.d 0",
        &format!("file {deep}g 1"),
        "file d 2",
    ]);
    assert_eq!((filesystem.visible().bytes, filesystem.shadowed().bytes), (2, 2));
    let wide = numbered(50_000, |at| format!("file w/{at} 1\n"));
    let whiteouts = numbered(50_000, |at| format!("file w/.wh.{at} 0\n"));
    let filesystem = merge(&[&wide, &whiteouts, &wide, "file .wh..wh..opq 0"]);
    assert_eq!(filesystem.shadowed().bytes, 100_000);
    let again = "file same 1\n".repeat(100_000);
    let filesystem = merge(&[&again]);
    assert_eq!((filesystem.visible().bytes, filesystem.shadowed().bytes), (1, 99_999));
    assert_eq!(filesystem.remarks().count() as u64 + filesystem.remarks_dropped(), 99_999);
}
