//! Build-time software in an image that runs programs.

mod files;
mod packages;
mod sdk;

use crate::rule::purpose::{compiles, is_for_building};
use crate::rule::{Bands, Candidate, Effort, Facts, Phase, Phrase, Risk, Rule, Severity};

/// What the rules of this family have in common.
const BUILD: Rule = Rule {
    phase: Phase::Rare,
    risk: Risk::Test,
    effort: Effort::Stage,
    bands: Bands::Normal,
    min: 5_000_000,
    fix: "# build in a stage of its own, and copy what was made:\nCOPY --from=build /usr/local /usr/local",
    links: &["https://docs.docker.com/build/building/multi-stage/"],
    ..Rule::BLANK
};

/// Packages for development and compilers.
pub(in crate::rule) const PACKAGES: &[Rule] = packages::RULES;
/// Files that only compilers and linkers read.
pub(in crate::rule) const FILES: &[Rule] = files::RULES;
/// Kits of development.
pub(in crate::rule) const SDK: &[Rule] = sdk::RULES;

/// What the image is for decides how much it matters: where people compile, somebody has to agree,
/// and an image that builds others is meant to have it.
fn weighed(facts: &Facts<'_>, mut candidate: Candidate) -> Candidate {
    if compiles(facts) {
        let note = "People work in this image and can compile: keep it if they install packages \
                    from source.";
        candidate = candidate.risk(Risk::Review).note(Phrase::words(note));
    }
    if is_for_building(facts.image) {
        let note = "The image's labels say that it builds others.";
        candidate = candidate.severity(Severity::Low).note(Phrase::words(note));
    }
    candidate
}
