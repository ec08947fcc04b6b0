use super::*;
use crate::analysis::testing;
use crate::analysis::{AnalysisOptions, PathSum};

const IMAGE: &str = "
base: ADD rootfs /
  bin/sh 1_000_000 hash=sh
  usr/share/doc/a 2_000
RUN build
  bin/sh 1_000_000 hash=other
  opt/tool/bin/x 3_000_000
  opt/tool/lib/y 500
";

fn snapshot(text: &str) -> Snapshot {
    let (inspection, found) = testing::analysed(text, &options());
    let image = &inspection.images[0];
    Snapshot::of_analysis(&inspection, image, &found)
}

fn options() -> AnalysisOptions {
    AnalysisOptions { paths: true, ..AnalysisOptions::default() }
}

fn row<'a>(snapshot: &'a Snapshot, layer: usize, path: &str) -> &'a PathSum {
    let contents = snapshot.layers[layer].contents.as_ref().expect("a layer that was read");
    contents.paths.rows.iter().find(|row| row.path == path).expect("a row")
}

#[test]
fn shares_are_what_layers_hold() {
    let snapshot = snapshot(IMAGE);
    assert_eq!(snapshot.sizes.content, Some(5_002_500));
    assert_eq!(snapshot.sizes.shadowed, Some(1_000_000));
    for layer in &snapshot.layers {
        let contents = layer.contents.as_ref().expect("a layer that was read");
        let sum: u64 = contents.shares.iter().map(|share| share.content).sum();
        assert_eq!(sum, contents.content);
    }
    assert_eq!(row(&snapshot, 0, "").content, 1_002_000);
    assert_eq!(row(&snapshot, 1, "").content, 4_000_500);
}

#[test]
fn directories_hold_the_sums_of_what_is_in_them() {
    let snapshot = snapshot(IMAGE);
    let tool = row(&snapshot, 1, "opt/tool");
    assert_eq!((tool.content, tool.files, tool.directory), (3_000_500, 2, true));
    assert!(!row(&snapshot, 1, "opt/tool/lib/y").directory);
}

#[test]
fn a_change_that_keeps_the_size_changes_the_hash_up_to_the_root() {
    let (old, new) =
        (snapshot(IMAGE), snapshot(&IMAGE.replace("x 3_000_000", "x 3_000_000 hash=z")));
    let hashes = |path: &str| (row(&old, 1, path).hash.clone(), row(&new, 1, path).hash.clone());
    for path in ["", "opt", "opt/tool/bin", "opt/tool/bin/x"] {
        let (old, new) = hashes(path);
        assert!(old.is_some() && old != new, "{path}");
    }
    let (old, new) = hashes("opt/tool/lib");
    assert_eq!(old, new);
}

#[test]
fn json_reads_back() {
    let snapshot = snapshot(IMAGE);
    let text = serde_json::to_string(&snapshot).expect("a document");
    assert_eq!(read(text.as_bytes()), Ok(vec![snapshot.clone()]));
    let report =
        format!(r#"{{"schema":"regsize.analyze/1","images":[{{"snapshot":{text}}},{{}}]}}"#);
    assert_eq!(read(report.as_bytes()), Ok(vec![snapshot]));
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let refused = |text: &str| read(text.as_bytes()).expect_err(text).to_string();
    let cases = [
        ("{", "it is not JSON"),
        ("[]", "it holds no snapshot"),
        ("{}", "its schema is missing"),
        (r#"{"schema":"regsize.analyze/2"}"#, "its schema is regsize.analyze/2"),
        (r#"{"schema":"regsize.analyze/1","error":{"message":"no"}}"#, "a run that failed: no"),
        (r#"{"schema":"regsize.analyze/1","images":[{}]}"#, "it holds no snapshot"),
        (r#"{"schema":"regsize.snapshot/1","digest":1}"#, "its snapshot cannot be read"),
    ];
    for (text, expected) in cases {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
    let mut text = serde_json::to_value(snapshot(IMAGE)).expect("a document");
    text["layers"][0]["contents"]["shares"][0]["owner"] = 99.into();
    assert!(refused(&text.to_string()).contains("an owner that is not listed"));
}
