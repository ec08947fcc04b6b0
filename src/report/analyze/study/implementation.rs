//! Where to begin: the steps to edit, in the order of the build, each with what to do in it.

use std::collections::BTreeMap;

use super::words::{saves, step_and_lines};
use super::{Studied, section as titled};
use crate::analysis::{Stage, saved};
use crate::report::document::{Block, Mark, Section, Text};
use crate::report::words::{phrase, step};
use crate::rule::{Finding, Phase, Risk, Saving};

/// The section; none if no step can be edited.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let mut steps: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for finding in studied.study.findings.iter().filter(|finding| is_edit(finding)) {
        let heaviest = finding.steps.iter().max_by_key(|share| share.gross.content);
        if let Some(share) = heaviest {
            steps.entry(share.layer).or_default().push(finding);
        }
    }
    let mut blocks = Vec::new();
    for (layer, findings) in steps {
        blocks.push(Block::Heading(step_and_lines(studied.image, layer)));
        let made = studied.image.layers.get(layer).and_then(|layer| step(studied.image, layer));
        let made = made.filter(|step| !step.instruction.is_empty());
        blocks.extend(made.map(|step| Block::code("dockerfile", &*step.instruction)));
        let items = findings.iter().map(|finding| {
            let text = phrase(&finding.message).with(": ").with(saves(finding)).with("; see ");
            text.with(Text::name(&*finding.id))
        });
        blocks.push(Block::List(Mark::Bullet, items.collect()));
    }
    if blocks.is_empty() {
        return None;
    }
    let lead = "What is deleted has to go in the step that makes it: a later step only hides it.";
    blocks.insert(0, Block::Paragraph(lead.into()));
    Some(titled("Implementation, step by step", blocks))
}

fn is_edit(finding: &Finding) -> bool {
    super::is_shown(finding)
        && finding.rule.phase != Phase::View
        && finding.risk <= Risk::Test
        && Stage::of(finding.rule.effort) == Stage::Quick
        && saved(finding) != Saving::default()
}
