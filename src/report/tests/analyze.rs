//! Reports of `analyze` as a reader gets them.

use insta::assert_snapshot;

use super::check_harmless;
use crate::analysis::Analysis;
use crate::report::{
    AnalysisTable, AnalyzeOptions, Format, Outcome, RenderOptions, Sort, TerminalOptions, encode,
    render_analysis, sample,
};
use crate::size::Units;

pub(super) fn text(
    outcomes: &[Outcome<Analysis>],
    options: &RenderOptions<AnalyzeOptions>,
) -> String {
    let mut out = Vec::new();
    render_analysis(outcomes, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

pub(super) fn one(analysis: Analysis, options: &RenderOptions<AnalyzeOptions>) -> String {
    text(&[sample::analyzed(analysis)], options)
}

pub(super) fn options(format: Format, width: usize) -> RenderOptions<AnalyzeOptions> {
    let show = AnalyzeOptions { dive: true, full: true, ..AnalyzeOptions::default() };
    let terminal = TerminalOptions { width, ..TerminalOptions::default() };
    RenderOptions { format, show, terminal }
}

const FORMATS: [Format; 4] = [Format::Terminal, Format::Markdown, Format::Json, Format::Csv];

fn samples() -> Vec<Analysis> {
    vec![
        sample::ml_analysis(),
        sample::ml_platforms(),
        sample::partial(),
        sample::nothing(),
        sample::hostile_analysis(sample::HOSTILE_PATHS),
    ]
}

#[test]
fn an_analysis_fits_terminals_of_every_width() {
    for width in [40, 60, 80, 100, 200] {
        let report = one(sample::ml_analysis(), &options(Format::Terminal, width));
        assert_snapshot!(format!("analysis_{width}"), report);
    }
}

#[test]
fn a_short_report_has_what_matters_most() {
    let mut options = options(Format::Terminal, 100);
    options.show = AnalyzeOptions { top: 3, ..AnalyzeOptions::default() };
    let report = one(sample::ml_analysis(), &options);
    assert_snapshot!("analysis_short", report);
    for part in ["Key findings", "Largest components", "Quick wins", "Estimated optimized size"] {
        assert!(report.contains(part), "{part} in {report}");
    }
    assert!(!report.contains("Testing checklist") && report.contains("--full"), "{report}");
    let report = one(sample::partial(), &options);
    assert!(report.contains("Layer-by-layer") && !report.contains("Quick wins"), "{report}");
}

#[test]
fn findings_packages_owners_and_components_have_tables_of_their_own() {
    let mut options = options(Format::Csv, 80);
    for (table, name) in [
        (AnalysisTable::Findings, "findings"),
        (AnalysisTable::Packages, "packages"),
        (AnalysisTable::Owners, "owners"),
        (AnalysisTable::Components, "components"),
    ] {
        options.show.table = table;
        let report = one(sample::ml_analysis(), &options);
        assert_snapshot!(format!("analysis_csv_{name}"), report);
        let columns = |line: &str| line.matches("\",\"").count();
        assert!(
            report.lines().all(|line| columns(line) == columns(report.lines().next().unwrap()))
        );
        check_harmless(&one(sample::hostile_analysis(sample::HOSTILE_PATHS), &options));
    }
}

#[test]
fn markdown_is_complete_and_csv_has_a_row_per_layer() {
    let mut options = options(Format::Markdown, 80);
    options.show.top = 2;
    assert_snapshot!("analysis_markdown", one(sample::ml_analysis(), &options));
    options.format = Format::Csv;
    assert_snapshot!("analysis_csv", one(sample::ml_analysis(), &options));
}

#[test]
fn lists_are_as_long_as_asked_for_and_say_what_is_missing() {
    let mut options = options(Format::Terminal, 100);
    options.show =
        AnalyzeOptions { top: 2, sort: Sort::Size, full: true, ..AnalyzeOptions::default() };
    options.terminal.units = Units::Binary;
    options.terminal.unicode = false;
    let report = one(sample::ml_analysis(), &options);
    assert_snapshot!("analysis_top_iec", report);
    assert!(report.contains("4 more pairs of steps"));
    assert!(!report.contains("dive"));
}

#[test]
fn platforms_have_sections_of_their_own() {
    let report = one(sample::ml_platforms(), &options(Format::Terminal, 100));
    assert_snapshot!("analysis_platforms", report);
}

#[test]
fn layers_that_were_not_read_are_unknown() {
    let report = one(sample::partial(), &options(Format::Terminal, 100));
    assert_snapshot!("analysis_partial", report);
    assert!(report.contains("dive's figures\n\nnot known"), "{report}");
}

#[test]
fn nothing_has_no_share_and_no_format_divides_by_it() {
    let report = one(sample::nothing(), &options(Format::Terminal, 100));
    assert_snapshot!("analysis_nothing", report);
    assert!(report.contains("n/a"));
    for format in FORMATS {
        let report = one(sample::nothing(), &options(format, 80));
        assert!(!report.contains("NaN") && !report.contains("inf "), "{report}");
    }
}

#[test]
fn all_bytes_shadowed_is_an_efficiency_of_zero() {
    let mut analysis = sample::ml_analysis();
    analysis.images[0].visible = crate::filesystem::Amount::default();
    let report = one(analysis, &options(Format::Terminal, 100));
    assert!(report.contains("0.0 % of the content is visible"), "{report}");
}

#[test]
fn several_references_stand_one_after_another() {
    let failed = sample::failed();
    let failed = Outcome { reference: failed.reference, result: Err(failed.result.unwrap_err()) };
    let outcomes = [sample::analyzed(sample::nothing()), failed];
    assert_snapshot!("analysis_several", text(&outcomes, &options(Format::Terminal, 80)));
    assert_snapshot!("analysis_several_markdown", text(&outcomes, &options(Format::Markdown, 80)));
}

#[test]
fn hostile_paths_stay_paths() {
    let hostile = || sample::hostile_analysis(sample::HOSTILE_PATHS);
    assert_snapshot!("hostile_analysis", one(hostile(), &options(Format::Terminal, 100)));
    assert_snapshot!("hostile_analysis_markdown", one(hostile(), &options(Format::Markdown, 100)));
    let texts = encode::HOSTILE.iter().map(|text| text.as_bytes());
    for path in texts.chain(sample::HOSTILE_PATHS.iter().copied()) {
        for format in FORMATS {
            for width in [20, 27, 80] {
                let hostile = sample::hostile_analysis(&[path]);
                check_harmless(&one(hostile, &options(format, width)));
            }
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_or_ends_in_a_space() {
    for columns in [0, 20, 27, 33, 40, 47, 57, 64, 73, 80, 99, 120, 200] {
        for analysis in samples() {
            let report = one(analysis, &options(Format::Terminal, columns));
            for line in report.lines() {
                let taken: usize = line.chars().map(encode::character_width).sum();
                // Code is left whole, under an indent.
                assert!(taken <= columns.max(20) || line.starts_with("  "), "{columns}: {line:?}");
                assert!(!line.ends_with(' '), "{columns}: {line:?}");
            }
        }
    }
}

#[test]
fn positions_that_point_nowhere_are_unknown() {
    let mut analysis = sample::ml_analysis();
    analysis.images[0].layers.truncate(2);
    analysis.images[0].waste[0].written_in = usize::MAX;
    analysis.images[0].waste[0].hidden.layer = usize::MAX;
    analysis.images.push(analysis.images[0].clone());
    analysis.images[1].image = usize::MAX;
    for format in FORMATS {
        one(analysis.clone(), &options(format, 80));
    }
}
