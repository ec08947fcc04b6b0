//! Whole reports, as a reader gets them.

mod analyze;
mod analyze_schema;
mod catalogue;
mod compare;
mod compare_many;
mod files;
mod packages;
mod schema;
mod tags;

use insta::assert_snapshot;

use super::encode::HOSTILE;
use super::sample;
use super::*;
use crate::image::Inspection;
use crate::size::Units;

pub(super) fn text(outcomes: &[Outcome], options: &RenderOptions) -> String {
    let mut out = Vec::new();
    render(outcomes, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn one(inspection: Inspection, options: &RenderOptions) -> String {
    text(&[sample::outcome(inspection)], options)
}

fn width(width: usize) -> RenderOptions {
    let terminal = TerminalOptions { width, ..TerminalOptions::default() };
    RenderOptions { terminal, ..RenderOptions::default() }
}

fn format(format: Format) -> RenderOptions {
    RenderOptions { format, ..RenderOptions::default() }
}

fn inspect(inspect: InspectOptions) -> RenderOptions {
    RenderOptions { show: inspect, ..width(100) }
}

fn all_samples() -> Vec<Inspection> {
    vec![sample::ml(), sample::postgres(), sample::plain(), sample::empty(), sample::hostile()]
}

#[test]
fn a_large_image_fits_terminals_of_every_width() {
    for columns in [40, 60, 80, 100, 120] {
        let report = one(sample::ml(), &width(columns));
        assert_snapshot!(format!("large_image_{columns}"), report);
    }
}

#[test]
fn an_index_of_eight_platforms_has_them_in_one_table() {
    assert_snapshot!("eight_platforms", one(sample::postgres(), &width(80)));
}

#[test]
fn an_image_without_a_known_base_says_so_and_names_odd_layers() {
    assert_snapshot!("no_base", one(sample::plain(), &width(100)));
}

#[test]
fn an_image_without_layers_has_a_report() {
    assert_snapshot!("no_layers", one(sample::empty(), &width(80)));
}

#[test]
fn hostile_names_stay_names() {
    assert_snapshot!("hostile_terminal", one(sample::hostile(), &width(100)));
    assert_snapshot!("hostile_markdown", one(sample::hostile(), &format(Format::Markdown)));
    assert_snapshot!("hostile_csv", one(sample::hostile(), &format(Format::Csv)));
}

#[test]
fn colours_repeat_what_the_words_say() {
    let mut options = width(80);
    options.terminal.color = true;
    let report = one(sample::ml(), &options);
    assert_snapshot!("large_image_colour", report.replace('\u{1b}', "ESC"));
    let mut plain = String::new();
    for (index, part) in report.split('\u{1b}').enumerate() {
        plain += if index == 0 { part } else { part.split_once('m').unwrap().1 };
    }
    assert_eq!(plain, one(sample::ml(), &width(80)));
}

#[test]
fn ascii_and_binary_units_are_options() {
    let mut options = width(80);
    options.terminal.unicode = false;
    options.terminal.units = Units::Binary;
    let report = one(sample::ml(), &options);
    assert!(report.is_ascii());
    assert_snapshot!("large_image_ascii_iec", report);
}

#[test]
fn layers_can_be_listed_by_size() {
    let options = inspect(InspectOptions { sort: Sort::Size, ..InspectOptions::default() });
    assert_snapshot!("large_image_by_size", one(sample::ml(), &options));
}

#[test]
fn all_platforms_can_be_listed_with_every_attachment() {
    let options =
        InspectOptions { all_platforms: true, verbose: true, ..InspectOptions::default() };
    assert_snapshot!("large_image_all_platforms", one(sample::ml(), &inspect(options)));
}

#[test]
fn the_history_has_every_step_with_its_full_text() {
    let options = inspect(InspectOptions { history: true, ..InspectOptions::default() });
    assert_snapshot!("history", one(sample::ml(), &options));
    assert_snapshot!("history_without_steps", one(sample::plain(), &options));
}

#[test]
fn platforms_that_were_not_read_are_listed_as_unknown() {
    let mut found = sample::postgres();
    found.images.truncate(1);
    assert_snapshot!("one_platform_read", one(found, &width(80)));
}

#[test]
fn several_references_stand_side_by_side() {
    let candidates = sample::candidates();
    for columns in [40, 80, 120] {
        let report = text(&candidates, &width(columns));
        assert_snapshot!(format!("side_by_side_{columns}"), report);
    }
    assert_snapshot!("side_by_side_markdown", text(&candidates, &format(Format::Markdown)));
    assert_snapshot!("side_by_side_csv", text(&candidates, &format(Format::Csv)));
}

#[test]
fn markdown_and_csv_carry_the_same_figures() {
    assert_snapshot!("large_image_markdown", one(sample::ml(), &format(Format::Markdown)));
    assert_snapshot!("large_image_csv", one(sample::ml(), &format(Format::Csv)));
}

#[test]
fn a_reference_without_an_image_has_a_report() {
    let mut found = sample::ml();
    found.images.clear();
    found.platforms.clear();
    for format_of in [Format::Terminal, Format::Markdown, Format::Json, Format::Csv] {
        one(found.clone(), &format(format_of));
        text(&[sample::outcome(found.clone()), sample::failed()], &format(format_of));
        text(&[], &format(format_of));
    }
    assert!(one(found, &width(80)).contains("no image in it"));
}

#[test]
fn no_line_is_wider_than_the_terminal_or_ends_in_a_space() {
    let side_by_side: Vec<Outcome> = all_samples().into_iter().map(sample::outcome).collect();
    for columns in (0..=40).chain([57, 64, 73, 80, 81, 99, 120, 200, usize::MAX]) {
        let history = InspectOptions { history: true, verbose: true, ..InspectOptions::default() };
        for inspect in [InspectOptions::default(), history] {
            let options = RenderOptions { show: inspect, ..width(columns) };
            let mut reports: Vec<String> =
                all_samples().into_iter().map(|found| one(found, &options)).collect();
            reports.push(text(&side_by_side, &options));
            for line in reports.iter().flat_map(|report| report.lines()) {
                let taken: usize = line.chars().map(encode::character_width).sum();
                assert!(taken <= columns.max(20), "{columns}: {line:?}");
                assert!(!line.ends_with(' '), "{columns}: {line:?}");
            }
        }
    }
}

#[test]
fn no_format_lets_hostile_text_through() {
    for text_of in HOSTILE {
        let mut found = sample::hostile();
        found.reference = (*text_of).to_owned();
        found.warnings = vec![(*text_of).to_owned()];
        for step in &mut found.images[0].steps {
            step.instruction = (*text_of).to_owned();
        }
        for form in [Format::Terminal, Format::Markdown, Format::Json, Format::Csv] {
            for columns in [20, 27, 80] {
                check_harmless(&one(
                    found.clone(),
                    &RenderOptions { format: form, ..width(columns) },
                ));
            }
        }
    }
}

fn check_harmless(report: &str) {
    for line in report.lines() {
        let visible = |c: char| !c.is_control() && encode::character_width(c) > 0;
        assert!(line.chars().all(visible), "{line:?}");
        assert!(!line.trim_start().starts_with("::"), "{line:?}");
        assert!(!line.contains("##[") && !line.contains("##vso["), "{line:?}");
    }
}

#[test]
fn positions_that_point_nowhere_are_unknown() {
    let mut found = sample::ml();
    found.shown = 7;
    found.images[0].layers[0].step = Some(usize::MAX);
    found.images[0].steps[0].layer = Some(usize::MAX);
    let inspect = InspectOptions { all_platforms: true, ..InspectOptions::default() };
    for history in [false, true] {
        for format in [Format::Terminal, Format::Markdown, Format::Json, Format::Csv] {
            let inspect = InspectOptions { history, ..inspect };
            one(found.clone(), &RenderOptions { format, show: inspect, ..width(80) });
        }
    }
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    for form in [Format::Terminal, Format::Markdown, Format::Json, Format::Csv] {
        assert_eq!(one(sample::ml(), &format(form)), one(sample::ml(), &format(form)));
    }
}
