//! The report of `tags`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::check_harmless;
use crate::report::encode::{self, HOSTILE};
use crate::report::inspect::Failure;
use crate::report::{Format, Outcome, RenderOptions, TerminalOptions, render_tags, sample};
use crate::tags::Repository;

fn rendered(outcome: &Outcome<Repository>, format: Format, width: usize) -> String {
    let terminal = TerminalOptions { width, ..TerminalOptions::default() };
    let mut out = Vec::new();
    render_tags(outcome, &RenderOptions { format, show: (), terminal }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(found: Repository, format: Format, width: usize) -> String {
    rendered(&sample::listed(found), format, width)
}

#[test]
fn tags_are_told_in_every_format() {
    for width in [60, 110] {
        assert_snapshot!(
            format!("tags_{width}"),
            text(sample::repository(), Format::Terminal, width)
        );
    }
    assert_snapshot!("tags_markdown", text(sample::repository(), Format::Markdown, 0));
    assert_snapshot!("tags_csv", text(sample::repository(), Format::Csv, 0));
    assert_snapshot!("tags_json", text(sample::repository(), Format::Json, 0));
}

#[test]
fn what_could_not_be_found_out_is_said() {
    let doubtful = || sample::doubtful_repository("the registry is on fire");
    assert_snapshot!("tags_doubtful", text(doubtful(), Format::Terminal, 110));
    let document: Value = serde_json::from_str(&text(doubtful(), Format::Json, 0)).unwrap();
    assert_eq!(document["tags"]["incomplete"], "the registry is on fire");
    assert_eq!(document["unread"][0]["state"], "left_out");
    assert_eq!(document["unread"][12]["state"], "failed");
    assert_eq!(document["unread"][12]["tags"], json!(["1.99", "1.98"]));
    assert_eq!(document["unread"][12]["error"]["kind"], "not_found");
    assert_eq!(document["warnings"].as_array().unwrap().len(), 12);
    let table = text(doubtful(), Format::Csv, 0);
    let line = table.lines().find(|line| line.starts_with("\"1.98\"")).unwrap();
    let empty = "\"\",".repeat(9);
    assert_eq!(line, format!("\"1.98\",\"failed\",{empty}\"the registry is on fire\""));
}

#[test]
fn a_repository_that_failed_is_an_object_for_programs() {
    let failure =
        Failure { kind: "not_found", message: "no such repository".to_owned(), hint: None };
    let outcome = Outcome { reference: "r.example/a".to_owned(), result: Err(failure) };
    let document: Value = serde_json::from_str(&rendered(&outcome, Format::Json, 0)).unwrap();
    let error = json!({"kind": "not_found", "message": "no such repository", "hint": null});
    let expected = json!({"schema": "regsize.tags/1", "reference": "r.example/a", "error": error});
    assert_eq!(document, expected);
    assert_eq!(rendered(&outcome, Format::Csv, 0), "");
}

#[test]
fn lines_fit_and_hostile_text_is_harmless() {
    for said in HOSTILE {
        for format in [Format::Terminal, Format::Markdown, Format::Csv, Format::Json] {
            check_harmless(&text(sample::doubtful_repository(said), format, 80));
        }
    }
    for columns in [40, 60, 80, 120] {
        for found in [sample::repository(), sample::doubtful_repository("fire")] {
            let report = text(found, Format::Terminal, columns);
            for line in report.lines() {
                let taken: usize = line.chars().map(encode::character_width).sum();
                assert!(taken <= columns, "{columns}: {line:?}");
                assert!(!line.ends_with(' '), "{columns}: {line:?}");
            }
        }
    }
}
