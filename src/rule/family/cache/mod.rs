//! Caches of package managers and tools that are still visible.

mod languages;
mod python;
mod system;
mod tools;

use crate::rule::{Bands, Phase, Risk, Rule};

/// What the rules of this family have in common.
const CACHE: Rule = Rule {
    phase: Phase::Unread,
    risk: Risk::Safe,
    bands: Bands::Waste,
    min: 1_000_000,
    ..Rule::BLANK
};

/// Caches of the distribution's package managers and of the system.
pub(in crate::rule) const SYSTEM: &[Rule] = system::RULES;
/// Caches of package managers for Python.
pub(in crate::rule) const PYTHON: &[Rule] = python::RULES;
/// Caches of other languages' package managers.
pub(in crate::rule) const LANGUAGES: &[Rule] = languages::RULES;
/// Caches of compilers, installers and all other tools.
pub(in crate::rule) const TOOLS: &[Rule] = tools::RULES;
