//! What would be left, and the way there.

use super::words::{less, number, saves, saving_text};
use super::{Studied, section as titled};
use crate::analysis::{Milestone, Stage};
use crate::report::document::{
    Block, Column, Fact, Mark, Overflow, Piece, Row, Section, Share, Table, Text,
};
use crate::report::words::phrase;
use crate::rule::Saving;

const COLUMNS: [Column; 4] = [
    Column::right("content"),
    Column::right("compressed"),
    Column::right("of today").ranked(1),
    Column::rest("image", Overflow::Wrap),
];

/// The size that is estimated.
pub(super) fn optimized(studied: Studied<'_>) -> Section {
    let plan = studied.study.optimized;
    let row = |saving: Saving, words: Text| -> Row {
        let of = Share { part: saving.content.into(), whole: plan.whole.content.into() };
        vec![
            Text::bytes(saving.content),
            Text::bytes(saving.compressed),
            Piece::Share(of).into(),
            words,
        ]
    };
    let rows = vec![
        row(plan.whole, "today".into()),
        row(plan.safe, Text::from("with all that is safe, ").with(studied.own_steps())),
        row(plan.test, "with that, and with all that has to be tested".into()),
    ];
    let table = Table { columns: COLUMNS.to_vec(), rows, totals: Vec::new() };
    let mut blocks = vec![Block::Table(table)];
    let mut facts = Vec::new();
    if plan.review_up_to != Saving::default() {
        let text = Text::from("up to ").with(saving_text(plan.review_up_to));
        facts.push(Fact::new("review", text.with(" more, if somebody agrees to do without")));
    }
    if plan.in_base != Saving::default() {
        let text = Text::from("up to ").with(saving_text(plan.in_base));
        facts.push(Fact::new("base", text.with(" more in the base image's layers")));
    }
    blocks.extend((!facts.is_empty()).then_some(Block::Facts(facts)));
    titled("Estimated optimized size", blocks)
}

/// The order of work; none if there is nothing to do.
pub(super) fn roadmap(studied: Studied<'_>) -> Option<Section> {
    let milestones = &studied.study.roadmap;
    let mut blocks = Vec::new();
    for (at, milestone) in (1_u64..).zip(milestones) {
        let heading = Text::from("Phase ").with(number(at)).with(": ").with(name(milestone.stage));
        blocks.push(Block::Heading(heading));
        blocks.push(Block::Paragraph(sums(milestone)));
        let findings = milestone.findings.iter().filter_map(|at| studied.study.findings.get(*at));
        let items = findings.map(|finding| {
            let text = Text::from(finding.rule.id).with(": ").with(phrase(&finding.message));
            let saves = saves(finding);
            if saves.is_empty() { text } else { text.with(", ").with(saves) }
        });
        blocks.push(Block::List(Mark::Number, items.collect()));
    }
    blocks.extend(small(studied));
    (!blocks.is_empty()).then(|| titled("Roadmap", blocks))
}

/// What the estimate counts beside the phases: findings of little importance.
fn small(studied: Studied<'_>) -> Vec<Block> {
    let plan = studied.study.optimized;
    let all = less(plan.whole, plan.test);
    let phases = studied.study.roadmap.last().map(|last| last.cumulative).unwrap_or_default();
    let rest = less(all, phases);
    if rest == Saving::default() {
        return Vec::new();
    }
    let text = Text::from("saves ").with(saving_text(rest)).with("; with all before ");
    let text = text.with(saving_text(all)).with("; JSON lists them");
    vec![Block::Heading("Beside the phases: small findings".into()), Block::Paragraph(text)]
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Quick => "quick wins (edits in steps)",
        Stage::Medium => "medium effort (builder stages)",
        Stage::Major => "major refactoring (another base, several images)",
        Stage::Advanced => "advanced (the image packed anew)",
    }
}

fn sums(milestone: &Milestone) -> Text {
    let mut parts = Vec::new();
    if milestone.saves != Saving::default() {
        parts.push(Text::from("saves ").with(saving_text(milestone.saves)));
        parts.push(Text::from("with all before ").with(saving_text(milestone.cumulative)));
    }
    if milestone.up_to != Saving::default() {
        parts.push(Text::from("up to ").with(saving_text(milestone.up_to)).with(" after a review"));
    }
    Text::joined(parts, "; ")
}
