//! All rules, family by family.

use std::sync::LazyLock;

use super::{Rule, family};

/// The families, in the order of reports.
const FAMILIES: &[&[Rule]] = &[
    family::waste::RULES,
    family::dup::RULES,
    family::cache::RULES,
    family::pkg::RULES,
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
