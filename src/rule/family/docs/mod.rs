//! Documentation, translations and what programs look like.

mod system;
mod tools;

use crate::rule::purpose::{is_interactive, shows};
use crate::rule::{Bands, Candidate, Facts, Phase, Phrase, Risk, Rule};

/// What the rules of this family have in common.
const DOCS: Rule = Rule {
    phase: Phase::Rare,
    risk: Risk::Test,
    bands: Bands::Normal,
    min: 2_000_000,
    fix: "RUN printf 'path-exclude=/usr/share/doc/*\\npath-include=/usr/share/doc/*/copyright\\n\
          path-exclude=/usr/share/man/*\\npath-exclude=/usr/share/locale/*/LC_MESSAGES/*.mo\\n' \\\n\
          \x20> /etc/dpkg/dpkg.cfg.d/01-nodoc\n# before the first installation; dnf: --nodocs",
    ..Rule::BLANK
};

/// Documentation and looks of the system.
pub(in crate::rule) const SYSTEM: &[Rule] = system::RULES;
/// Documentation of languages and tools.
pub(in crate::rule) const TOOLS: &[Rule] = tools::RULES;

/// Where people work in the image, help goes only after they agreed.
fn read_by_people(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let has_shell = ["usr/bin/man", "usr/bin/zsh"].iter().all(|path| shows(facts.ledger, path));
    if !(has_shell || is_interactive(facts)) {
        return candidate;
    }
    candidate.risk(Risk::Review).note(Phrase::words("People work in this image, and may read it."))
}
