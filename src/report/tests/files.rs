//! Listings as a reader gets them.

use insta::assert_snapshot;

use super::check_harmless;
use crate::analysis::UsageRow;
use crate::filesystem::Amount;
use crate::image::Inspection;
use crate::report::{
    Format, Listing, RenderOptions, TerminalOptions, encode, render_files, render_files_failure,
    sample,
};
use crate::size::Units;

const FORMATS: [Format; 4] = [Format::Terminal, Format::Markdown, Format::Json, Format::Csv];

const PATHS: &[&[u8]] = &[
    b"opt/conda",
    b"opt/conda/lib/libtorch_cuda.so",
    b"usr/bin/python",
    b"usr/bin/python3.12",
    b"dev/null",
    b"a/path/that/is/so/long/that/it/needs/more/than/one/line/in/most/terminals/of/the/world",
];

pub(super) fn listing(inspection: &Inspection) -> Listing<'_> {
    Listing {
        inspection,
        image: &inspection.images[0],
        root: b"",
        layer: None,
        shadowed: false,
        detailed: false,
        totals: Amount { files: 418_220, bytes: 23_910_400_000, compressed: 9_100_000_000 },
        overhead: None,
        transferred: 9_648_000_000,
        left_out: &[],
    }
}

pub(super) fn text(
    listing: &Listing<'_>,
    rows: Vec<UsageRow>,
    (format, width): (Format, usize),
) -> String {
    let terminal = TerminalOptions { width, ..TerminalOptions::default() };
    let options = RenderOptions { format, show: (), terminal };
    let mut out = Vec::new();
    render_files(listing, rows.into_iter(), &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_listing_fits_terminals_of_every_width() {
    let inspection = sample::ml();
    for width in [40, 60, 80, 100, 200] {
        let report =
            text(&listing(&inspection), sample::usage_rows(PATHS), (Format::Terminal, width));
        assert_snapshot!(format!("files_{width}"), report);
    }
}

#[test]
fn details_shadowed_files_and_layers_of_their_own_have_columns() {
    let inspection = sample::ml();
    let detailed = Listing { detailed: true, ..listing(&inspection) };
    let shadowed = Listing { shadowed: true, root: b"opt", ..listing(&inspection) };
    let layer = Listing { layer: Some(5), left_out: &[1, 3], ..detailed };
    let shown =
        |listing: &Listing<'_>, format| text(listing, sample::usage_rows(PATHS), (format, 120));
    assert_snapshot!("files_detailed", shown(&detailed, Format::Terminal));
    assert_snapshot!("files_shadowed", shown(&shadowed, Format::Terminal));
    assert_snapshot!("files_of_a_layer", shown(&layer, Format::Terminal));
    assert_snapshot!("files_markdown", shown(&layer, Format::Markdown));
    assert_snapshot!("files_csv", shown(&detailed, Format::Csv));
}

#[test]
fn hostile_paths_stay_paths() {
    let inspection = sample::hostile();
    let all = Listing { detailed: true, shadowed: true, ..listing(&inspection) };
    let rows = || sample::usage_rows(sample::HOSTILE_PATHS);
    assert_snapshot!("hostile_files", text(&all, rows(), (Format::Terminal, 160)));
    assert_snapshot!("hostile_files_csv", text(&all, rows(), (Format::Csv, 80)));
    let texts = encode::HOSTILE.iter().map(|text| text.as_bytes());
    for path in texts.chain(sample::HOSTILE_PATHS.iter().copied()) {
        for format in FORMATS {
            for width in [20, 27, 80] {
                let listing = Listing { root: path, ..all };
                check_harmless(&text(&listing, sample::usage_rows(&[path]), (format, width)));
            }
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_or_ends_in_a_space() {
    let inspection = sample::hostile();
    for columns in (0..=60).chain([73, 80, 120, 200]) {
        for detailed in [false, true] {
            let listing = Listing { detailed, shadowed: true, ..listing(&inspection) };
            let rows = sample::usage_rows(PATHS);
            for line in text(&listing, rows, (Format::Terminal, columns)).lines() {
                let taken: usize = line.chars().map(encode::character_width).sum();
                assert!(taken <= columns.max(20), "{columns}: {line:?}");
                assert!(!line.ends_with(' '), "{columns}: {line:?}");
            }
        }
    }
}

#[test]
fn every_size_keeps_to_its_column() {
    let inspection = sample::ml();
    for units in [Units::Decimal, Units::Binary] {
        let terminal = TerminalOptions { units, width: 100, ..TerminalOptions::default() };
        let options = RenderOptions { format: Format::Terminal, show: (), terminal };
        for exponent in 0..60 {
            let mut rows = sample::usage_rows(&[b"x"]);
            rows.truncate(1);
            rows[0].amount.bytes = 1_u64 << exponent;
            let mut out = Vec::new();
            render_files(&listing(&inspection), rows.into_iter(), &options, &mut out).unwrap();
            let report = String::from_utf8(out).unwrap();
            let last = report.lines().last().unwrap();
            assert!(last.ends_with("  x/") && !last.contains('\u{2026}'), "{report}");
        }
    }
}

#[test]
fn a_listing_without_rows_and_a_failure_have_a_form() {
    let inspection = sample::ml();
    for format in FORMATS {
        text(&listing(&inspection), Vec::new(), (format, 80));
    }
    let failure = sample::failed().result.unwrap_err();
    let mut out = Vec::new();
    render_files_failure("a/b:1", &failure, Format::Json, &mut out).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["schema"], "regsize.files/1");
    assert_eq!(value["error"]["kind"], "not_found");
}
