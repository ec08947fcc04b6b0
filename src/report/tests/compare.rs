//! The report of `compare`.

use insta::assert_snapshot;
use serde_json::Value;

use super::check_harmless;
use crate::compare::testing::{narrow, partly, whole};
use crate::compare::{Comparison, compare};
use crate::image::Origin;
use crate::report::{
    CompareOptions, CompareTable, Comparisons, Format, Outcome, RenderOptions, TerminalOptions,
    render_comparison, sample,
};
use crate::snapshot::{Base, Snapshot};

pub(super) const OLD: &str = "
base: ADD rootfs.tar /
  bin/sh 1_000_000
RUN apt-get install -y jq gtk
  var/lib/dpkg/status = \"Package: gtk\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 3.9-1\\n\\nPackage: jq\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 1.6-1\\n\"
  var/lib/dpkg/info/gtk.list = \"/usr/lib/gtk\\n\"
  var/lib/dpkg/info/jq.list = \"/usr/bin/jq\\n\"
  usr/lib/gtk 5_000_000
  usr/bin/jq 300_000
RUN python fslinstaller.py -d /opt/fsl
  opt/fsl/etc/fslversion = \"6.0.5\"
  opt/fsl/bin/flirt 20_000_000
RUN make -C /src install
  opt/tool/bin/x 2_000_000 hash=a
  opt/tool/lib/y 500_000
COPY app /srv/app
  srv/app/main 90_000
RUN npm run build
  srv/www/bundle.js 700_000
";

/// A step more.
pub(super) const NEW_STEP: &str = "RUN fetch-more\n  opt/more/weights.bin 30_000_000\n";

/// The same with a version, a package, a step and a size more, and a step less.
pub(super) fn new() -> String {
    let wx =
        "Package: wx\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 4.2\\n\\n";
    OLD.replace("Package: jq", &format!("{wx}Package: jq"))
        .replace("  usr/bin/jq", "  var/lib/dpkg/info/wx.list = \"/usr/lib/wx\\n\"\n  usr/bin/jq")
        .replace("usr/lib/gtk 5_000_000", "usr/lib/wx 54_000_000\n  usr/lib/gtk 5_600_000")
        .replace("3.9-1", "3.10-1")
        .replace("6.0.5", "6.0.7")
        .replace("flirt 20_000_000", "flirt 23_000_000")
        .replace("hash=a", "hash=b")
        .replace("COPY app", "RUN fetch-models\n  opt/models/weights.bin 9_000_000\nCOPY app")
        .replace("RUN npm run build\n  srv/www/bundle.js 700_000\n", "")
}

pub(super) fn named(mut image: Snapshot, reference: &str) -> Snapshot {
    reference.clone_into(&mut image.reference);
    image
}

fn compared((old, new): (Snapshot, Snapshot)) -> Comparison {
    compare(&named(old, "team/app:1.2"), &named(new, "team/app:1.3"))
}

fn sampled() -> Comparison {
    let mut comparison = compared(narrow(OLD, &new()));
    comparison.next_pull.as_mut().unwrap().documents = Some(5_600);
    comparison
}

fn text(comparison: Comparison, format: Format, table: CompareTable, width: usize) -> String {
    let terminal = TerminalOptions { width, ..TerminalOptions::default() };
    let options = RenderOptions { format, show: CompareOptions { top: 10, table }, terminal };
    rendered(Comparisons::Two(Box::new(comparison)), &options)
}

pub(super) fn rendered(found: Comparisons, options: &RenderOptions<CompareOptions>) -> String {
    let outcome = Outcome { reference: "team/app:1.2 team/app:1.3".into(), result: Ok(found) };
    let mut out = Vec::new();
    render_comparison(&outcome, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn terminal(comparison: Comparison) -> String {
    text(comparison, Format::Terminal, CompareTable::Layers, 100)
}

#[test]
fn two_versions_fit_terminals_and_comments() {
    for width in [60, 100, 160] {
        let report = text(sampled(), Format::Terminal, CompareTable::Layers, width);
        assert_snapshot!(format!("compare_{width}"), report);
    }
    let report = text(sampled(), Format::Markdown, CompareTable::Layers, 80);
    assert_snapshot!("compare_markdown", report);
}

#[test]
fn each_table_can_be_had_as_csv() {
    let tables = [
        ("layers", CompareTable::Layers),
        ("causes", CompareTable::Causes),
        ("packages", CompareTable::Packages),
        ("components", CompareTable::Components),
        ("paths", CompareTable::Paths),
    ];
    for (name, table) in tables {
        let report = text(sampled(), Format::Csv, table, 80);
        assert_snapshot!(format!("compare_csv_{name}"), report);
    }
}

#[test]
fn the_document_has_a_fixed_order_of_keys() {
    let report = text(sampled(), Format::Json, CompareTable::Layers, 80);
    assert_snapshot!("compare_schema", report);
    let document: Value = serde_json::from_str(&report).unwrap();
    let changes = document["layers"].as_array().unwrap().iter().map(|row| row["delta"].clone());
    let sum: i64 = changes.map(|delta| delta["content"].as_i64().unwrap()).sum();
    assert_eq!(document["delta"]["content"], sum);
}

#[test]
fn what_was_read_as_a_whole_is_told_as_a_whole() {
    assert_snapshot!("compare_whole", terminal(compared((whole(OLD), whole(&new())))));
}

#[test]
fn what_was_not_read_is_not_told() {
    let unread = |text: &str| partly(text, |_| false);
    assert_snapshot!("compare_unread", terminal(compared((unread(OLD), unread(&new())))));
    let mixed = compared((whole(OLD), narrow(OLD, &new()).1));
    let report = terminal(mixed);
    assert!(report.contains("Findings are not compared"), "{report}");
}

#[test]
fn the_same_image_has_a_short_report() {
    assert_snapshot!("compare_same", terminal(compared((whole(OLD), whole(OLD)))));
}

#[test]
fn another_base_image_and_layers_built_anew_are_told() {
    let based = |text: &str, tag: &str| {
        let mut image = whole(text);
        let name = Some(format!("library/base:{tag}"));
        image.base = Some(Base { name, digest: None, layers: Some(1) });
        image.layers[0].origin = Origin::Base;
        image
    };
    let mut after = based(&OLD.replace("bin/sh 1_000_000", "bin/sh 1_200_000"), "13");
    after.layers[3].digest = crate::oci::Digest::of(b"built anew");
    let report = terminal(compared((based(OLD, "12"), after)));
    for part in
        ["library/base:12 to library/base:13", "1 rebuilt", "1 layer is stored in another blob"]
    {
        assert!(report.contains(part), "{part} in {report}");
    }
}

#[test]
fn hostile_names_stay_names() {
    let hostile = |path: &[u8]| {
        let analysis = sample::hostile_analysis(&[path]);
        Snapshot::all_of(&analysis).remove(0)
    };
    for path in sample::HOSTILE_PATHS {
        let comparison = compare(&whole(OLD), &hostile(path));
        for format in [Format::Terminal, Format::Markdown, Format::Csv, Format::Json] {
            for table in [CompareTable::Paths, CompareTable::Causes, CompareTable::Packages] {
                check_harmless(&text(comparison.clone(), format, table, 100));
            }
        }
    }
}
