//! What would be left if findings were acted on, and in which order to do it.

use std::collections::BTreeMap;

use crate::rule::{Effort, Finding, Risk, Saving, Severity};

/// What the image would come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Optimized {
    /// Today.
    pub whole: Saving,
    /// With all that is safe done in the image's own steps.
    pub safe: Saving,
    /// With that, and with all that has to be tested.
    pub test: Saving,
    /// What a review may free beside that, at most.
    pub review_up_to: Saving,
    /// What is safe or to be tested, and in the base image's layers.
    pub in_base: Saving,
}

/// Findings that change about as much of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Edits in steps, steps merged.
    Quick,
    /// A builder stage.
    Medium,
    /// Another base image, several images in place of one.
    Major,
    /// The image packed anew.
    Advanced,
}

/// A part of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// Which part.
    pub stage: Stage,
    /// The findings, by position.
    pub findings: Vec<usize>,
    /// What those save that are safe or to be tested.
    pub saves: Saving,
    /// The same with all milestones before.
    pub cumulative: Saving,
    /// What those save, at most, that somebody has to agree to.
    pub up_to: Saving,
}

impl Stage {
    /// Where a finding belongs.
    pub fn of(effort: Effort) -> Self {
        match effort {
            Effort::Line | Effort::Step => Self::Quick,
            Effort::Stage => Self::Medium,
            Effort::Base | Effort::Split => Self::Major,
            Effort::Transport => Self::Advanced,
        }
    }
}

/// What a finding saves in the image's own layers, those among them that may be the base's.
pub fn saved(finding: &Finding) -> Saving {
    let mut saved = finding.origins.own;
    saved += finding.origins.unknown;
    saved
}

/// What would be left of an image.
pub fn optimized(findings: &[Finding], whole: Saving) -> Optimized {
    let up_to = |most: Risk| total(findings, |finding| finding.risk <= most, saved);
    let (safe, test, review) = (up_to(Risk::Safe), up_to(Risk::Test), up_to(Risk::Review));
    let in_base = |finding: &Finding| finding.origins.base;
    Optimized {
        whole,
        safe: less(whole, safe),
        test: less(whole, test),
        review_up_to: less(review, test),
        in_base: total(findings, |finding| finding.risk <= Risk::Test, in_base),
    }
}

/// The findings that free something or matter by themselves, by how much of a build they change.
pub fn milestones(findings: &[Finding]) -> Vec<Milestone> {
    let mut cumulative = Saving::default();
    let mut milestones = Vec::new();
    for stage in [Stage::Quick, Stage::Medium, Stage::Major, Stage::Advanced] {
        let of = |finding: &Finding| Stage::of(finding.rule.effort) == stage;
        let matters = |finding: &Finding| {
            saved(finding) != Saving::default() && finding.severity > Severity::Info
        };
        let listed = findings.iter().enumerate().filter(|(_, found)| of(found) && matters(found));
        let listed: Vec<usize> = listed.map(|(at, _)| at).collect();
        if listed.is_empty() {
            continue;
        }
        let sum = |most: Risk| {
            total(findings, |found| of(found) && matters(found) && found.risk <= most, saved)
        };
        let saves = sum(Risk::Test);
        cumulative += saves;
        let up_to = less(sum(Risk::Review), saves);
        milestones.push(Milestone { stage, findings: listed, saves, cumulative, up_to });
    }
    milestones
}

/// The sum over the findings that are wanted; of a group, only the largest of them counts.
fn total(
    findings: &[Finding],
    wanted: impl Fn(&Finding) -> bool,
    figure: impl Fn(&Finding) -> Saving,
) -> Saving {
    let mut sum = Saving::default();
    let mut groups: BTreeMap<&str, Saving> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| wanted(finding)) {
        let saving = figure(finding);
        match &finding.group {
            None => sum += saving,
            Some(group) => {
                let most = groups.entry(group).or_default();
                let key = |saving: &Saving| (saving.content, saving.compressed);
                if key(&saving) > key(most) {
                    *most = saving;
                }
            }
        }
    }
    for saving in groups.into_values() {
        sum += saving;
    }
    sum
}

fn less(from: Saving, saving: Saving) -> Saving {
    Saving {
        content: from.content.saturating_sub(saving.content),
        compressed: from.compressed.saturating_sub(saving.compressed),
    }
}
