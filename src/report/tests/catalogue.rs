//! The report of `rules`.

use serde_json::Value;

use crate::report::{Format, TerminalOptions, render_rules};
use crate::rule::{rule, rules};

fn text(ids: &[&str], format: Format) -> String {
    let rules: Vec<_> = ids.iter().map(|id| rule(id).unwrap()).collect();
    let mut out = Vec::new();
    render_rules(&rules, format, &TerminalOptions::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn one_rule_has_a_card_and_several_a_table() {
    let card = text(&["cache-pip"], Format::Terminal);
    for part in ["cache-pip: ", "family", "safe", "PIP_NO_CACHE_DIR", "https://"] {
        assert!(card.contains(part), "{part} in {card}");
    }
    let table = text(&["cache-pip", "cache-apt-lists"], Format::Markdown);
    assert!(table.contains("| cache-pip | safe | line |"), "{table}");
    let csv = text(&["cache-pip"], Format::Csv);
    assert!(csv.contains("\"cache-pip\",\"safe\",\"line\",\"layers\",\"1000000\""), "{csv}");
}

#[test]
fn the_catalogue_is_there_for_programs() {
    let mut out = Vec::new();
    render_rules(rules(), Format::Json, &TerminalOptions::default(), &mut out).unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["schema"], "regsize.rules/1");
    assert_eq!(document["rules"].as_array().unwrap().len(), rules().len());
    for rule in document["rules"].as_array().unwrap() {
        let id = rule["id"].as_str().unwrap();
        assert!(id.starts_with(rule["family"].as_str().unwrap()), "{id}");
        assert!(!rule["title"].as_str().unwrap().is_empty(), "{id}");
    }
}
