//! Where to begin: the steps to edit, in the order of the build, each with what to do in it.

mod edit;

use std::collections::BTreeMap;

use self::edit::{Edit, joined, setting};
use super::words::{less, saves, saving_text, step_and_lines, will_save};
use super::{Studied, section as titled};
use crate::analysis::{Stage, saved};
use crate::filesystem::How;
use crate::image::Origin;
use crate::report::analyze::words::step_name;
use crate::report::document::{Block, Mark, Section, Text};
use crate::report::words::{phrase, step};
use crate::rule::{Finding, Phase, Risk, Saving, StepShare};

/// What no line is known for is told from this many bytes on.
const MATTERS: u64 = 1_000_000;

/// Directories that the setting of dpkg leaves out.
const LEFT_OUT: [&[u8]; 3] = [b"usr/share/doc", b"usr/share/man", b"usr/share/locale"];

/// What one finding has to do with one step.
struct Item<'a> {
    finding: &'a Finding,
    /// The lines that it adds.
    edit: Edit<'a>,
    /// What they free.
    frees: Saving,
    /// What they do not reach.
    rest: Saving,
}

/// The steps to edit.
#[derive(Default)]
struct Plan<'a> {
    items: BTreeMap<usize, Vec<Item<'a>>>,
    /// Layers whose step goes, with the layer whose step does the same.
    moved: BTreeMap<usize, usize>,
}

/// The section; none if no step can be edited.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let plan = Plan::new(studied);
    let mut blocks = Vec::new();
    let mut layers: Vec<usize> = plan.items.keys().chain(plan.moved.keys()).copied().collect();
    layers.sort_unstable();
    layers.dedup();
    let mut told = Vec::new();
    for layer in layers {
        let items = plan.items.get(&layer).map(Vec::as_slice).unwrap_or_default();
        blocks.extend(match plan.moved.get(&layer) {
            Some(kept) => deleted(studied, layer, *kept),
            None => changed(studied, layer, items, &mut told),
        });
    }
    if blocks.is_empty() {
        return None;
    }
    let lead = "What is deleted has to go in the step that makes it: a later step only hides it.";
    blocks.insert(0, Block::Paragraph(lead.into()));
    blocks.extend(plan.others(studied));
    Some(titled("Implementation, step by step", blocks))
}

impl<'a> Plan<'a> {
    fn new(studied: Studied<'a>) -> Self {
        let edits = || studied.study.findings.iter().filter(|finding| is_edit(finding));
        let moved = edits().filter_map(|finding| moved(studied, finding)).collect();
        let mut plan = Self { items: BTreeMap::new(), moved };
        plan.set(studied, edits());
        for finding in edits().filter(|finding| setting(&finding.snippet).is_none()) {
            for share in own_shares(studied, finding) {
                let item = item(studied, finding, share);
                let matters = item.rest.content.max(item.rest.compressed) >= MATTERS;
                if matters || !item.edit.is_empty() {
                    let layer = plan.moved.get(&share.layer).copied().unwrap_or(share.layer);
                    plan.items.entry(layer).or_default().push(item);
                }
            }
        }
        plan
    }

    /// Puts what dpkg is told to leave out before the first step that installs some of it.
    fn set(&mut self, studied: Studied<'a>, edits: impl Iterator<Item = &'a Finding>) {
        let with: Vec<(&Finding, &str)> =
            edits.filter_map(|finding| Some((finding, setting(&finding.snippet)?))).collect();
        let layers = with.iter().flat_map(|(finding, _)| own_shares(studied, finding));
        let is_run = |share: &&StepShare| instruction(studied, share.layer).starts_with("RUN ");
        let Some(first) = layers.filter(is_run).map(|share| share.layer).min() else { return };
        for (finding, line) in with {
            let rest = not_left_out(studied, finding);
            let frees = less(saved(finding), rest);
            let edit = Edit { before: vec![line], ..Edit::default() };
            self.items.entry(first).or_default().push(Item { finding, edit, frees, rest });
        }
    }

    /// What no block does, and what all of them free.
    fn others(&self, studied: Studied<'_>) -> Vec<Block> {
        let mut free = Saving::default();
        self.items.values().flatten().for_each(|item| free += item.frees);
        let is_here = |finding: &Finding| {
            self.items.values().flatten().any(|item| item.finding.id == finding.id)
        };
        let is_other = |finding: &&Finding| {
            super::is_shown(finding) && saved(finding) != Saving::default() && !is_here(finding)
        };
        let items: Vec<Text> = studied.study.findings.iter().filter(is_other).map(told).collect();
        let plan = studied.study.optimized;
        let rest = less(less(plan.whole, plan.test), free);
        let sum = Text::from("The blocks together free ")
            .with(saving_text(free))
            .with(" of what is safe or to be tested; the rest, ")
            .with(saving_text(rest))
            .with(", is not in them.");
        let mut blocks = vec![Block::Heading("Not in these blocks".into()), Block::Paragraph(sum)];
        blocks.extend((!items.is_empty()).then_some(Block::List(Mark::Bullet, items)));
        blocks
    }
}

/// A finding in a line of a list.
fn told(finding: &Finding) -> Text {
    let text = phrase(&finding.message).with(": ").with(saves(finding));
    let needs = match Stage::of(finding.rule.effort) {
        Stage::Quick => "; see ",
        Stage::Medium => "; in a builder stage, see ",
        Stage::Major => "; in another base image or several images, see ",
        Stage::Advanced => "; by packing the image anew, see ",
    };
    text.with(needs).with(Text::name(&*finding.id))
}

fn item<'a>(studied: Studied<'_>, finding: &'a Finding, share: &'a StepShare) -> Item<'a> {
    let text = share.fix.as_ref().map_or(&finding.snippet, |fix| &fix.snippet);
    let mut edit = Edit::new(text, instruction(studied, share.layer));
    if finding.rule.id != COPYUP {
        // What is all of another step is not moved.
        let steps = || studied.image.steps.iter();
        let is_step = |command: &str| {
            steps().any(|step| step.instruction.strip_prefix("RUN ") == Some(command))
        };
        edit.commands.retain(|command| !is_step(command));
    }
    if edit.commands.is_empty() {
        edit = Edit::default();
        return Item { finding, edit, frees: Saving::default(), rest: share.net };
    }
    let frees = share.fix.as_ref().map_or(share.net, |fix| fix.frees);
    Item { finding, edit, frees, rest: less(share.net, frees) }
}

/// A step that another one makes needless.
fn deleted(studied: Studied<'_>, layer: usize, kept: usize) -> Vec<Block> {
    let why = Text::from("Delete this step: ").with(step_name(studied.image, kept));
    vec![
        Block::Heading(step_and_lines(studied.image, layer)),
        Block::Paragraph(why.with(" does the same from now on.")),
        Block::code("dockerfile", instruction(studied, layer)),
    ]
}

/// One step: what is in it, what replaces it where that is known, and what that frees.
fn changed<'a>(
    studied: Studied<'a>,
    layer: usize,
    items: &[Item<'a>],
    told: &mut Vec<&'a str>,
) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(step_and_lines(studied.image, layer))];
    let instruction = instruction(studied, layer);
    let rewritten = rewritten(instruction, items, told);
    if !instruction.is_empty() {
        blocks.extend(rewritten.is_some().then(|| Block::Paragraph("Replace:".into())));
        blocks.push(Block::code("dockerfile", instruction));
    }
    let mut frees = Saving::default();
    for item in items {
        frees += item.frees;
    }
    if let Some(rewritten) = rewritten {
        blocks.push(Block::Paragraph("With:".into()));
        blocks.push(Block::code("dockerfile", rewritten));
        let sum = Text::from("This block frees ").with(saving_text(frees));
        blocks.push(Block::Paragraph(sum.with(":")));
    }
    blocks.push(Block::List(Mark::Bullet, items.iter().map(bullet).collect()));
    blocks
}

/// The instruction with all that items add; none if they add nothing.
fn rewritten<'a>(instruction: &str, items: &[Item<'a>], told: &mut Vec<&'a str>) -> Option<String> {
    let mut before: Vec<&str> = Vec::new();
    let mut commands: Vec<&str> = Vec::new();
    let mut after: Vec<&str> = Vec::new();
    let add = |lines: &mut Vec<&'a str>, line: &'a str, told: &mut Vec<&'a str>| {
        if !told.contains(&line) {
            lines.push(line);
            told.push(line);
        }
    };
    for item in items {
        item.edit.before.iter().for_each(|line| add(&mut before, line, told));
        item.edit.after.iter().for_each(|line| add(&mut after, line, told));
        for command in &item.edit.commands {
            if !commands.contains(command) {
                commands.push(command);
            }
        }
    }
    if before.is_empty() && commands.is_empty() {
        return None;
    }
    let step = joined(instruction, &commands);
    Some([before, vec![&*step], after].concat().join("\n"))
}

fn bullet(item: &Item<'_>) -> Text {
    let finding = item.finding;
    let see = |text: Text| text.with("; see ").with(Text::name(&*finding.id));
    if item.edit.is_empty() {
        let text = Text::from("not in this block: ").with(phrase(&finding.message));
        return see(text.with(": ").with(will_save(finding.risk, item.rest)));
    }
    let text = phrase(&finding.message).with(": ").with(will_save(finding.risk, item.frees));
    if item.rest.content < MATTERS {
        return see(text);
    }
    see(text.with("; not in this block: ").with(saving_text(item.rest)))
}

const COPYUP: &str = "waste-metadata-copyup";

/// The layer whose step only changes modes or owners that the step of another sets from now on,
/// and that other one.
fn moved(studied: Studied<'_>, finding: &Finding) -> Option<(usize, usize)> {
    let [share] = finding.steps.as_slice() else { return None };
    let item = (finding.rule.id == COPYUP).then(|| item(studied, finding, share))?;
    if item.edit.is_empty() {
        return None;
    }
    let is_all = |layer: &usize| {
        let usage = studied.found.layers.get(*layer).copied().flatten();
        usage.is_some_and(|usage| usage.content == share.gross.content)
            && changes_attributes_alone(instruction(studied, *layer))
    };
    let pairs = studied.found.waste.iter().filter(|pair| pair.written_in == share.layer);
    let by =
        pairs.filter(|pair| pair.hidden.how == How::OverwriteSame).map(|pair| pair.hidden.layer);
    by.filter(is_all).map(|layer| (layer, share.layer)).next()
}

/// Whether an instruction is one `chmod`, `chown` or `chgrp`.
fn changes_attributes_alone(instruction: &str) -> bool {
    let command = instruction.strip_prefix("RUN ").unwrap_or_default();
    let is_one = !command.contains([';', '|', '&', '\n', '`']) && !command.contains("$(");
    is_one && ["chmod ", "chown ", "chgrp "].iter().any(|name| command.starts_with(name))
}

/// What of a finding is at listed paths that the setting of dpkg does not touch.
fn not_left_out(studied: Studied<'_>, finding: &Finding) -> Saving {
    let mut sum = Saving::default();
    let is_out = |path: &[u8]| LEFT_OUT.iter().any(|directory| path.starts_with(directory));
    let others = finding.paths.iter().filter(|share| !is_out(&share.path));
    others.filter(|share| is_own(studied, share.layer)).for_each(|share| sum += share.gross);
    let own = saved(finding);
    less(own, less(own, sum))
}

/// The parts of a finding that the image's own steps store, as far as it claims them.
fn own_shares<'a>(
    studied: Studied<'a>,
    finding: &'a Finding,
) -> impl Iterator<Item = &'a StepShare> {
    let shares = finding.steps.iter();
    shares.filter(move |share| share.net != Saving::default() && is_own(studied, share.layer))
}

fn is_own(studied: Studied<'_>, layer: usize) -> bool {
    studied.image.layers.get(layer).is_some_and(|layer| layer.origin != Origin::Base)
}

fn instruction(studied: Studied<'_>, layer: usize) -> &str {
    let made = studied.image.layers.get(layer).and_then(|layer| step(studied.image, layer));
    made.map(|step| step.instruction.as_str()).unwrap_or_default()
}

fn is_edit(finding: &Finding) -> bool {
    super::is_shown(finding)
        && finding.rule.phase != Phase::View
        && finding.risk <= Risk::Test
        && Stage::of(finding.rule.effort) == Stage::Quick
        && saved(finding) != Saving::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_only_changes_attributes_is_one_command() {
        let check = |instruction: &str, expected: bool| {
            assert_eq!(changes_attributes_alone(instruction), expected, "{instruction}");
        };
        check("RUN chmod -R a+rwX ${HOME}/x", true);
        check("RUN chown user:user /srv", true);
        check("RUN chmod x y && rm z", false);
        check("RUN chmod x $(find /)", false);
        check("RUN rm x", false);
        check("COPY a b", false);
    }
}
