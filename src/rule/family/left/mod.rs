//! Things that a build left behind.

mod archives;
mod context;
mod sources;
mod tar;
mod traces;
mod zip;

use crate::rule::{Bands, Phase, Risk, Rule};

/// What the rules of this family have in common.
const LEFT: Rule = Rule {
    phase: Phase::Unread,
    risk: Risk::Safe,
    bands: Bands::Waste,
    min: 256_000,
    ..Rule::BLANK
};

/// Archives and installers.
pub(in crate::rule) const ARCHIVES: &[Rule] = archives::RULES;
/// Histories, sources and build trees.
pub(in crate::rule) const SOURCES: &[Rule] = sources::RULES;
/// Temporary files, logs and other traces.
pub(in crate::rule) const TRACES: &[Rule] = traces::RULES;
/// The build context.
pub(in crate::rule) const CONTEXT: &[Rule] = context::RULES;
