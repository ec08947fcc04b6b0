//! Where to begin: the steps to edit, in the order of the build, each with what to do in it.

use std::collections::BTreeMap;

use super::words::{saves, step_and_lines};
use super::{Studied, section as titled};
use crate::analysis::{Stage, saved};
use crate::image::Origin;
use crate::report::document::{Block, Mark, Section, Text};
use crate::report::words::{phrase, step};
use crate::rule::{Finding, Phase, Risk, Saving, StepShare};

/// The section; none if no step can be edited.
pub(super) fn section(studied: Studied<'_>) -> Option<Section> {
    let mut steps: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for finding in studied.study.findings.iter().filter(|finding| is_edit(finding)) {
        if let Some(layer) = place(studied, finding) {
            steps.entry(layer).or_default().push(finding);
        }
    }
    let mut blocks = Vec::new();
    for (layer, findings) in steps {
        blocks.extend(edit(studied, layer, &findings));
    }
    if blocks.is_empty() {
        return None;
    }
    let lead = "What is deleted has to go in the step that makes it: a later step only hides it.";
    blocks.insert(0, Block::Paragraph(lead.into()));
    Some(titled("Implementation, step by step", blocks))
}

/// The layer that stores most of a finding, of those that the image's own steps made.
fn place(studied: Studied<'_>, finding: &Finding) -> Option<usize> {
    let is_own = |share: &&StepShare| {
        let layer = studied.image.layers.get(share.layer);
        layer.is_some_and(|layer| layer.origin != Origin::Base)
    };
    let own = finding.steps.iter().filter(is_own);
    own.max_by_key(|share| share.gross.content).map(|share| share.layer)
}

/// One step: what is in it, what replaces it where that is known, and what that frees.
fn edit(studied: Studied<'_>, layer: usize, findings: &[&Finding]) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(step_and_lines(studied.image, layer))];
    let made = studied.image.layers.get(layer).and_then(|layer| step(studied.image, layer));
    let instruction = made.map(|step| step.instruction.as_str()).unwrap_or_default();
    let snippets: Vec<&str> = findings.iter().map(|finding| finding.snippet.as_str()).collect();
    let steps = studied.image.steps.iter();
    let commands: Vec<&str> =
        steps.filter_map(|step| step.instruction.strip_prefix("RUN ")).collect();
    let rewritten = joined(instruction, &snippets, &commands);
    if !instruction.is_empty() {
        blocks.extend(rewritten.is_some().then(|| Block::Paragraph("Replace:".into())));
        blocks.push(Block::code("dockerfile", instruction));
    }
    if let Some(rewritten) = rewritten {
        blocks.push(Block::Paragraph("With:".into()));
        blocks.push(Block::code("dockerfile", rewritten));
    }
    let items = findings.iter().map(|finding| {
        let text = phrase(&finding.message).with(": ").with(saves(finding)).with("; see ");
        text.with(Text::name(&*finding.id))
    });
    blocks.push(Block::List(Mark::Bullet, items.collect()));
    blocks
}

/// The instruction with the commands that snippets add to it; none if no snippet adds any. What is
/// all of another step is not moved.
fn joined(instruction: &str, snippets: &[&str], steps: &[&str]) -> Option<String> {
    let mut added: Vec<&str> = Vec::new();
    for snippet in snippets {
        let lines = snippet.lines().skip_while(|line| line.starts_with('#'));
        let text = snippet.split_once(instruction).map_or("", |(_, after)| after);
        if !lines.clone().next().is_some_and(|line| line.starts_with("RUN ")) {
            continue;
        }
        for command in commands(text) {
            if !added.contains(&command) && !steps.contains(&command) {
                added.push(command);
            }
        }
    }
    if !instruction.starts_with("RUN ") || added.is_empty() {
        return None;
    }
    Some(added.into_iter().fold(instruction.to_owned(), |text, line| text + " \\\n && " + line))
}

/// The commands, one a line, that stand after the instruction; none if one is not told in full.
fn commands(after: &str) -> Vec<&str> {
    let lines = after.lines().skip(1).take_while(|line| !line.starts_with('#'));
    let commands: Option<Vec<&str>> = lines
        .map(|line| {
            let command = line.trim().strip_prefix("&& ")?;
            let command = command.strip_suffix('\\').unwrap_or(command).trim_end();
            (!command.is_empty() && !has_gap(command)).then_some(command)
        })
        .collect();
    let continues = after.lines().next().is_some_and(|rest| rest.trim() == "\\");
    commands.filter(|_| continues).unwrap_or_default()
}

/// Whether something in it stands as `<name>`.
fn has_gap(command: &str) -> bool {
    let mut words = command.split('<').skip(1);
    words.any(|word| {
        let name = word.split_once('>').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    })
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
    fn cleanups_of_one_step_become_one_instruction() {
        let check = |instruction: &str, snippets: &[&str], expected: Option<&str>| {
            let joined = joined(instruction, snippets, &["a", "make all"]);
            assert_eq!(joined.as_deref(), expected, "{snippets:?}");
        };
        check(
            "RUN a",
            &["RUN a \\\n && rm x", "# first\nRUN a \\\n && rm x \\\n && rm y\n# or: b"],
            Some("RUN a \\\n && rm x \\\n && rm y"),
        );
        check("RUN a", &["RUN a \\\n && find <prefix> -delete"], None);
        check("RUN a", &["RUN b \\\n && rm x", "ENV x=1", ""], None);
        check("RUN a", &["RUN a \\\n && make all"], None);
        check("RUN a", &["RUN ab \\\n && rm x"], None);
        check("COPY a b", &["COPY a b \\\n && rm x"], None);
        check("", &["RUN a \\\n && rm x"], None);
        check("RUN a", &["RUN a \\\n && for x in y; do \\\n  z; done"], None);
        check("RUN a", &["RUN a \\\n && x <in >out"], Some("RUN a \\\n && x <in >out"));
    }
}
