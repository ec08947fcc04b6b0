//! Datasets, models and other large files.

mod large;
mod models;
mod samples;

use crate::rule::{Bands, Detect, Effort, Needs, Paths, Phase, Risk, Rule};

/// What the rules of this family have in common.
const DATA: Rule = Rule {
    id: "data",
    title: "",
    phase: Phase::Decision,
    risk: Risk::Review,
    effort: Effort::Line,
    bands: Bands::Review,
    needs: Needs::Layers,
    min: 20_000_000,
    detect: Detect::Paths(Paths::any(&[])),
    why: "",
    fix: "",
    caution: "",
    check: "",
    links: &[],
};

/// Models.
pub(in crate::rule) const MODELS: &[Rule] = models::RULES;
/// Samples and databases.
pub(in crate::rule) const SAMPLES: &[Rule] = samples::RULES;
/// Large files.
pub(in crate::rule) const LARGE: &[Rule] = large::RULES;
