//! All rules, family by family.

use std::sync::LazyLock;

use super::{Rule, family};

/// The families, in the order of reports.
const FAMILIES: &[&[Rule]] = &[
    family::waste::RULES,
    family::dup::RULES,
    family::cache::SYSTEM,
    family::cache::PYTHON,
    family::cache::LANGUAGES,
    family::cache::TOOLS,
    family::py::RULES,
    family::left::ARCHIVES,
    family::left::SOURCES,
    family::left::TRACES,
    family::left::CONTEXT,
    family::docs::SYSTEM,
    family::docs::TOOLS,
    family::suites::RULES,
    family::web::RULES,
    family::build::PACKAGES,
    family::build::FILES,
    family::build::SDK,
    family::data::MODELS,
    family::data::SAMPLES,
    family::data::LARGE,
    family::elf::RULES,
    family::gpu::RULES,
    family::pkg::RULES,
    family::comp::RULES,
    family::secret::RULES,
    family::layer::RULES,
    family::blob::RULES,
    family::base::RULES,
    family::platform::RULES,
    family::repro::RULES,
];

static RULES: LazyLock<Vec<&'static Rule>> =
    LazyLock::new(|| FAMILIES.iter().copied().flatten().collect());

/// All rules.
pub fn rules() -> &'static [&'static Rule] {
    &RULES
}

/// The rule of an id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().iter().find(|rule| rule.id == id).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::rules;
    use crate::rule::{Detect, Phase, Rule};

    const KNOWN: [&str; 21] = [
        "waste", "dup", "cache", "py", "left", "docs", "tests", "web", "build", "elf", "gpu",
        "data", "pkg", "comp", "secret", "layer", "blob", "base", "platform", "compare", "repro",
    ];

    #[test]
    fn ids_are_of_a_family_and_unique() {
        let mut ids = BTreeSet::new();
        for rule in rules() {
            assert!(KNOWN.contains(&rule.family()), "{}", rule.id);
            assert!(rule.id.contains('-'), "{}", rule.id);
            assert!(ids.insert(rule.id), "{} twice", rule.id);
        }
    }

    #[test]
    fn rules_have_their_texts() {
        for rule in rules() {
            for (name, text) in texts(rule) {
                // A function may fill in a snippet of its own.
                let is_own = name == "fix" && !matches!(rule.detect, Detect::Paths(_));
                let is_optional = is_own || name == "check" || rule.phase == Phase::View;
                assert!(is_optional || !text.is_empty(), "{} has no {name}", rule.id);
                assert!(
                    name == "fix" || !text.contains("  "),
                    "{}: two spaces in {name}: {text}",
                    rule.id
                );
                for line in text.lines() {
                    let end = line.trim_end();
                    assert_eq!(end, line, "{}: blanks at the end of {name}", rule.id);
                }
                assert_eq!(text.trim(), text, "{}: blanks around {name}", rule.id);
            }
            assert!(!rule.title.ends_with('.'), "{}: a title is no sentence", rule.id);
            for text in [rule.why, rule.caution] {
                assert!(
                    text.is_empty() || text.ends_with(['.', '?', '`', ')']),
                    "{}: no sentence: {text}",
                    rule.id
                );
            }
        }
    }

    #[test]
    fn snippets_close_what_they_open() {
        for rule in rules() {
            let count = |part: &str| rule.fix.matches(part).count();
            assert_eq!(count("{{"), count("}}"), "{}", rule.id);
        }
    }

    fn texts(rule: &Rule) -> [(&'static str, &'static str); 5] {
        [
            ("title", rule.title),
            ("why", rule.why),
            ("fix", rule.fix),
            ("caution", rule.caution),
            ("check", rule.check),
        ]
    }
}
