//! Hidden files by the layer that stores them and the one that hides them.

use std::collections::BTreeMap;

use super::super::steps::{Anchors, is_base, joined, name_step, quote};
use crate::filesystem::Hidden;
use crate::image::Step;
use crate::ledger::AtomId;
use crate::rule::{Candidate, Claim, Facts, Phrase, Saving};

/// Fewer bytes of a pair are no finding.
pub(super) const MIN: u64 = 1_000_000;

/// Hidden files of one layer that another hides.
pub(super) struct Pair {
    /// The layer that stores them.
    pub(super) born: usize,
    /// The layer that hides them.
    pub(super) hidden: usize,
    pub(super) files: Vec<AtomId>,
}

/// The hidden files for which something holds, by pair; those with enough bytes.
pub(super) fn pairs(facts: &Facts<'_>, fits: impl Fn(AtomId, Hidden) -> bool) -> Vec<Pair> {
    let mut pairs: BTreeMap<(usize, usize), Vec<AtomId>> = BTreeMap::new();
    for file in facts.ledger.dead() {
        let atom = facts.ledger.atom(file);
        if let Some(hidden) = atom.hidden.filter(|hidden| fits(file, *hidden)) {
            pairs.entry((atom.layer, hidden.layer)).or_default().push(file);
        }
    }
    let pairs = pairs.into_iter().map(|((born, hidden), files)| Pair { born, hidden, files });
    pairs.filter(|pair| pair.is_enough(facts)).collect()
}

impl Pair {
    pub(super) fn sum(&self, facts: &Facts<'_>) -> Saving {
        facts.ledger.sum(self.files.iter().copied()).into()
    }

    pub(super) fn is_enough(&self, facts: &Facts<'_>) -> bool {
        let sum = self.sum(facts);
        sum.content.max(sum.compressed) >= MIN
    }

    /// A candidate with a sentence that names both steps: `words` stand between them.
    pub(super) fn candidate(
        self,
        facts: &Facts<'_>,
        anchors: &mut Anchors,
        words: &'static str,
        closeness: u32,
    ) -> Candidate {
        let (born, hidden) = (facts.instruction(self.born), facts.instruction(self.hidden));
        let anchor = anchors.unique(format!("{born}\n{hidden}"));
        let message = name_step(Phrase::default(), facts.image, self.hidden).and(words);
        let message = name_step(message, facts.image, self.born);
        let files = self.files.iter().map(|file| (*file, closeness)).collect();
        let mut candidate = Candidate::new(anchor, message, Claim::Files(files));
        candidate = candidate.note(quote(facts, self.born));
        if self.hidden != self.born {
            candidate = candidate.note(quote(facts, self.hidden));
        }
        candidate
    }
}

/// Sets the snippet: the text as it is, or what to do where the base image stores the files.
pub(super) fn with_snippet(
    candidate: Candidate,
    facts: &Facts<'_>,
    born: usize,
    snippet: String,
) -> Candidate {
    let mut candidate = candidate;
    if is_base(facts.image, born) {
        candidate.snippet = Some(
            "# the base image stores them: only a base image without them, or flattening, frees them\nFROM {{base}}"
                .to_owned(),
        );
        return candidate;
    }
    candidate.snippet = Some("{{snippet}}".to_owned());
    candidate.fill("snippet", snippet)
}

/// A `RUN` of two steps' commands, if nothing that they may depend on comes between them.
pub(super) fn merged(facts: &Facts<'_>, born: usize, hidden: usize, change: &str) -> String {
    let step = |layer: usize| facts.image.layers.get(layer)?.step;
    let between = step(born).zip(step(hidden));
    let between = between.and_then(|(from, to)| facts.image.steps.get(from + 1..to));
    let moves = |step: &Step| {
        let verb = step.instruction.split(' ').next().unwrap_or_default();
        ["COPY", "ADD", "ENV", "ARG", "WORKDIR", "USER", "SHELL"].contains(&verb)
    };
    if between.is_some_and(|steps| !steps.iter().any(moves)) {
        return joined(facts, born, change);
    }
    format!(
        "# write the files once: leave out of the earlier step what this one stores:\nRUN {change}"
    )
}
