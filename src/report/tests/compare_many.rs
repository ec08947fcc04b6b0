//! The reports of `compare` on many images and on platforms.

use insta::assert_snapshot;

use super::check_harmless;
use super::compare::{NEW_STEP, OLD, named, new, rendered};
use crate::compare::testing::{partly, whole};
use crate::compare::{Skew, matrix, platforms};
use crate::report::{
    CompareOptions, CompareTable, Comparisons, Format, RenderOptions, TerminalOptions, sample,
};
use crate::rule::Severity;
use crate::snapshot::Snapshot;

fn text(found: &Comparisons, format: Format, table: CompareTable) -> String {
    let terminal = TerminalOptions { width: 110, ..TerminalOptions::default() };
    let show = CompareOptions { top: 10, table };
    rendered(found.clone(), &RenderOptions { format, show, terminal })
}

fn check(name: &str, found: &Comparisons) {
    for (format, kind) in [
        (Format::Terminal, ""),
        (Format::Markdown, "_markdown"),
        (Format::Csv, "_csv"),
        (Format::Json, "_schema"),
    ] {
        assert_snapshot!(format!("{name}{kind}"), text(found, format, CompareTable::Layers));
    }
    let packages = text(found, Format::Csv, CompareTable::Packages);
    assert_snapshot!(format!("{name}_csv_packages"), packages);
}

fn tags() -> [Snapshot; 3] {
    let latest = new();
    let more = format!("{latest}{NEW_STEP}");
    [(OLD, "1.2"), (&latest, "1.3"), (&more, "1.3-models")]
        .map(|(text, tag)| named(whole(text), &format!("team/app:{tag}")))
}

fn architectures() -> [Snapshot; 3] {
    let large = OLD.replace("COPY app", "RUN fetch\n  opt/only 9_000_000\nCOPY app");
    let other = OLD.replace("flirt 20_000_000", "flirt 21_000_000").replace("6.0.5", "6.0.7");
    let images = [(OLD, "linux/amd64"), (&large, "linux/arm64"), (&other, "linux/riscv64")];
    images.map(|(text, platform)| Snapshot { platform: platform.into(), ..whole(text) })
}

fn skew() -> Vec<Skew> {
    let message = "linux/arm64 is 9.00 MB larger than linux/amd64".to_owned();
    vec![Skew { rule: "platform-asymmetry".into(), severity: Severity::Medium, message }]
}

#[test]
fn many_images_have_a_matrix() {
    check("compare_many", &Comparisons::Many(matrix(&tags())));
}

#[test]
fn platforms_have_a_table_of_steps() {
    check("compare_platforms", &Comparisons::Platforms(platforms(&architectures(), skew())));
}

#[test]
fn what_was_not_read_is_said_of_many() {
    let unread = [OLD, &new()].map(|text| partly(text, |_| false));
    let many = text(&Comparisons::Many(matrix(&unread)), Format::Terminal, CompareTable::Layers);
    assert!(many.contains("packages are not compared"), "{many}");
    let found = Comparisons::Platforms(platforms(&unread, Vec::new()));
    let found = text(&found, Format::Terminal, CompareTable::Layers);
    assert!(found.contains("files are not compared") && found.contains('?'), "{found}");
}

#[test]
fn hostile_names_stay_names_beside_each_other() {
    for path in sample::HOSTILE_PATHS {
        let hostile = Snapshot::all_of(&sample::hostile_analysis(&[path])).remove(0);
        let images = [whole(OLD), hostile];
        let found = [
            Comparisons::Many(matrix(&images)),
            Comparisons::Platforms(platforms(&images, skew())),
        ];
        for found in &found {
            for format in [Format::Terminal, Format::Markdown, Format::Csv, Format::Json] {
                for table in [CompareTable::Layers, CompareTable::Packages] {
                    check_harmless(&text(found, format, table));
                }
            }
        }
    }
}
