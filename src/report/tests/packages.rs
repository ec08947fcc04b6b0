//! The report of `packages`.

use insta::assert_snapshot;
use serde_json::Value;

use super::check_harmless;
use crate::analysis::Analysis;
use crate::package::Ecosystem;
use crate::report::{
    Format, PackagesOptions, RenderOptions, TerminalOptions, render_packages, sample,
};

fn text(analysis: Analysis, format: Format, show: PackagesOptions) -> String {
    let terminal = TerminalOptions { width: 120, ..TerminalOptions::default() };
    let options = RenderOptions { format, show, terminal };
    let mut out = Vec::new();
    render_packages(&[sample::analyzed(analysis)], &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn manifest() -> PackagesOptions {
    PackagesOptions { manifest: true, ..PackagesOptions::default() }
}

#[test]
fn packages_are_listed_by_size() {
    let all = PackagesOptions::default;
    assert_snapshot!("packages", text(sample::ml_analysis(), Format::Terminal, all()));
    assert_snapshot!("packages_markdown", text(sample::ml_analysis(), Format::Markdown, all()));
    let top = PackagesOptions { top: Some(1), ecosystems: vec![Ecosystem::Dpkg], manifest: false };
    let report = text(sample::ml_analysis(), Format::Terminal, top.clone());
    assert!(report.contains("libcurl4") && report.contains("1 more package"), "{report}");
    assert!(!report.contains("pytorch"), "{report}");
    let document: Value =
        serde_json::from_str(&text(sample::ml_analysis(), Format::Json, top)).unwrap();
    assert_eq!(document["schema"], "regsize.packages/1");
    assert_eq!(document["images"][0]["packages"].as_array().unwrap().len(), 2);
    let report = text(sample::partial(), Format::Terminal, all());
    assert!(report.contains("not known"), "{report}");
}

#[test]
fn a_manifest_has_what_was_asked_for() {
    let report = text(sample::ml_analysis(), Format::Terminal, manifest());
    assert_snapshot!("packages_manifest", report);
    assert!(!report.contains("LIBCURL4"), "{report}");
}

#[test]
fn hostile_packages_stay_names() {
    for format in [Format::Terminal, Format::Markdown, Format::Csv, Format::Json] {
        let hostile = sample::hostile_analysis(sample::HOSTILE_PATHS);
        check_harmless(&text(hostile, format, PackagesOptions::default()));
    }
    for path in sample::HOSTILE_PATHS {
        let report = text(sample::hostile_analysis(&[path]), Format::Terminal, manifest());
        check_harmless(&report);
        let is_line = |line: &str| line.is_empty() || line.starts_with('#') || line.contains('=');
        assert!(report.lines().all(is_line), "{report}");
    }
}
