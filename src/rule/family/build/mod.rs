//! Build-time software in an image that runs programs.

mod files;
mod packages;
mod sdk;
mod stage;

pub(super) use self::packages::is_compiler;

use super::steps::{commands_of, is_base};
use crate::image::{Action, Command, Manager, PackageVerb};
use crate::rule::purpose::{compiles, is_for_building};
use crate::rule::{Bands, Candidate, Claim, Effort, Facts, Phase, Phrase, Risk, Rule, Severity};

/// What the rules of this family have in common.
const BUILD: Rule = Rule {
    phase: Phase::Rare,
    risk: Risk::Test,
    effort: Effort::Stage,
    bands: Bands::Normal,
    min: 5_000_000,
    fix: "# compile in a stage of its own, and copy from it only what was made",
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

/// The same for what a step that compiles reads: where a later step may, no step deletes it.
fn read_later(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let mut candidate = weighed(facts, candidate);
    if is_compiled_later(facts, &candidate) {
        candidate.snippet = Some(format!("# later steps compile\n{}", BUILD.fix));
    }
    candidate
}

/// Whether a step after the first that stores some files may compile with them.
fn is_compiled_later(facts: &Facts<'_>, candidate: &Candidate) -> bool {
    let Claim::Files(files) = &candidate.claim else { return false };
    let layers = files.iter().map(|(file, _)| facts.ledger.atom(*file).layer);
    let Some(first) = layers.filter(|layer| !is_base(facts.image, *layer)).min() else {
        return false;
    };
    let compiles = |command: &Command| match &command.action {
        Action::Build | Action::Script | Action::Clone { .. } => true,
        Action::Packages { manager, verb, .. } => {
            *verb == PackageVerb::Install && *manager == Manager::Pip
        }
        _ => false,
    };
    let later = first.saturating_add(1)..facts.image.layers.len();
    later.into_iter().any(|layer| commands_of(facts, layer).iter().any(compiles))
}
