//! `regsize.rules/1`: the catalogue of rules.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::encode::write_json;
use crate::rule::{Needs, Rule};

const SCHEMA: &str = "regsize.rules/1";

#[derive(Serialize)]
struct RulesJson {
    schema: &'static str,
    rules: Vec<RuleJson>,
}

#[derive(Serialize)]
struct RuleJson {
    id: &'static str,
    family: &'static str,
    title: &'static str,
    phase: &'static str,
    risk: &'static str,
    effort: &'static str,
    needs: &'static str,
    min_bytes: u64,
    why: &'static str,
    snippet: Option<&'static str>,
    false_positive_note: Option<&'static str>,
    check_cmd: Option<&'static str>,
    links: &'static [&'static str],
}

/// Writes rules.
pub(in crate::report) fn write_rules_json(
    rules: &[&'static Rule],
    out: &mut dyn Write,
) -> io::Result<()> {
    let rules = rules.iter().map(|rule| RuleJson::new(rule)).collect();
    write_json(&RulesJson { schema: SCHEMA, rules }, out)
}

impl RuleJson {
    fn new(rule: &'static Rule) -> Self {
        let text = |text: &'static str| (!text.is_empty()).then_some(text);
        Self {
            id: rule.id,
            family: rule.family(),
            title: rule.title,
            phase: rule.phase.as_str(),
            risk: rule.risk.as_str(),
            effort: rule.effort.as_str(),
            needs: match rule.needs {
                Needs::Manifest => "manifest",
                Needs::Layers => "layers",
            },
            min_bytes: rule.min,
            why: rule.why,
            snippet: text(rule.fix),
            false_positive_note: text(rule.caution),
            check_cmd: text(rule.check),
            links: rule.links,
        }
    }
}
