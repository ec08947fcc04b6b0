//! The parts of the report on whose the bytes are and what could be done about them.
//!
//! What a finding saves beside others (net) is what is added up; what somebody has to agree to is
//! "up to" and apart. Names, paths and steps of the image are untrusted text throughout.

mod card;
mod checklist;
mod components;
mod duplicates;
mod executive;
mod findings;
mod implementation;
mod inventory;
mod method;
mod owners;
mod plan;
mod stages;
mod stored;
mod words;

use self::findings::is_shown;
pub(in crate::report) use self::words::language;

use std::cmp::Reverse;

use super::Subject;
use crate::analysis::{ImageAnalysis, Study};
use crate::image::{Image, Inspection, Origin};
use crate::report::document::{Block, Section, Style, Text};
use crate::rule::ComponentUsage;

/// Rows of lists that have no end of their own.
const ROWS: usize = 50;

/// An image of which all layers were read.
#[derive(Clone, Copy)]
pub(super) struct Studied<'a> {
    pub(super) image: &'a Image,
    pub(super) found: &'a ImageAnalysis,
    pub(super) study: &'a Study,
}

impl<'a> Studied<'a> {
    /// None if layers were left out.
    pub(super) fn new(subject: Subject<'a>) -> Option<Self> {
        let study = subject.found.study.as_ref()?;
        Some(Self { image: subject.image, found: subject.found, study })
    }

    /// The large tools, those of the most visible bytes first.
    fn components(self) -> Vec<&'a ComponentUsage> {
        let mut components: Vec<&ComponentUsage> = self.study.components.iter().collect();
        components.sort_by_key(|component| Reverse(component.visible.bytes));
        components
    }

    /// All content bytes.
    fn content(self) -> u64 {
        self.found.content()
    }

    /// Whose steps savings are counted in.
    fn own_steps(self) -> &'static str {
        if self.image.layers.iter().any(|layer| layer.origin == Origin::Base) {
            "in the image's own steps"
        } else {
            "in all steps, as the base image's are not known"
        }
    }
}

/// What comes before the layers.
pub(super) fn opening(studied: Studied<'_>, full: bool) -> Vec<Section> {
    if full {
        vec![executive::section(studied)]
    } else {
        executive::short(studied).into_iter().collect()
    }
}

/// What a short report has after the layers.
pub(super) fn short(studied: Studied<'_>, top: usize) -> Vec<Section> {
    let mut sections = Vec::new();
    let components = components::short(studied, top);
    sections.push(components.unwrap_or_else(|| owners::short(studied, top)));
    sections.extend(findings::short(studied, top));
    sections.extend(findings::quick_wins(studied));
    sections.push(plan::optimized(studied));
    sections
}

/// How to see the rest of a short report.
pub(super) fn more() -> Section {
    let more = Text::from("--full shows all of it, --format markdown writes a report");
    section("", vec![Block::Paragraph(more.styled(Style::Dim))])
}

/// Whose the bytes are, owner by owner.
pub(super) fn owners(studied: Studied<'_>) -> Section {
    owners::section(studied)
}

/// What a complete report has between the layers and the tables on paths and owners.
pub(super) fn full(inspection: &Inspection, studied: Studied<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = components::section(studied).into_iter().collect();
    sections.extend(duplicates::section(studied));
    sections.extend(findings::section(studied));
    sections.extend(findings::quick_wins(studied));
    sections.extend(implementation::section(studied));
    sections.extend(stages::section(studied));
    sections.extend(inventory::section(studied));
    sections.push(plan::optimized(studied));
    sections.extend(plan::roadmap(studied));
    sections.extend(checklist::testing(studied));
    sections.push(checklist::monitoring(inspection));
    sections
}

/// What a complete report ends with.
pub(super) fn closing(inspection: &Inspection, studied: Studied<'_>) -> Vec<Section> {
    let mut sections = vec![method::section(inspection, studied)];
    sections.extend(method::resources(studied));
    sections
}

fn section(heading: &'static str, blocks: Vec<Block>) -> Section {
    let heading = if heading.is_empty() { Text::default() } else { heading.into() };
    Section { heading, blocks }
}
