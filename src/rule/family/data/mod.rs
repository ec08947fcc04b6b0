//! Datasets, models and other large files.

mod large;
mod models;
mod samples;

use crate::rule::{Bands, Phase, Risk, Rule};

/// What the rules of this family have in common.
const DATA: Rule = Rule {
    phase: Phase::Decision,
    risk: Risk::Review,
    bands: Bands::Review,
    min: 20_000_000,
    ..Rule::BLANK
};

/// Models.
pub(in crate::rule) const MODELS: &[Rule] = models::RULES;
/// Samples and databases.
pub(in crate::rule) const SAMPLES: &[Rule] = samples::RULES;
/// Large files.
pub(in crate::rule) const LARGE: &[Rule] = large::RULES;
