//! The report of `analyze`: what the layers hold, what of it is stored in vain, and by which steps.
//!
//! Composes documents and tables, formats nothing. Content and compressed bytes stand side by
//! side; what was not read is unknown.

mod dive;
mod layers;
mod paths;
mod remarks;
mod rows;
mod study;
mod summary;
mod tables;
mod waste;
mod words;

pub(super) use self::remarks::{kind_name, sentence};
pub(super) use self::study::language;
pub(super) use self::tables::packages_table;
pub use self::tables::{AnalysisTable, analysis_table};
pub use self::words::how_hidden;
pub(super) use self::words::{amount_row, gaps, hidden_by, left_out, step_name, toc_source};

use self::study::Studied;
use super::document::{Block, Document, Section, Text};
use super::inspect::{Outcome, Sort, across, closing};
use crate::analysis::{Analysis, ImageAnalysis};
use crate::image::{Image, Inspection};

/// What the report of `analyze` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnalyzeOptions {
    /// The order of layers.
    pub sort: Sort,
    /// Rows of each list of paths and of waste.
    pub top: usize,
    /// Whether dive's figures were asked for.
    pub dive: bool,
    /// Whether the pull limit is shown.
    pub verbose: bool,
    /// Whether everything is told, instead of what matters most.
    pub full: bool,
    /// The table of a CSV report.
    pub table: AnalysisTable,
}

impl Default for AnalyzeOptions {
    fn default() -> Self {
        Self {
            sort: Sort::Step,
            top: 10,
            dive: false,
            verbose: false,
            full: false,
            table: AnalysisTable::Layers,
        }
    }
}

/// One image and what was found out about it.
#[derive(Clone, Copy)]
struct Subject<'a> {
    image: &'a Image,
    found: &'a ImageAnalysis,
}

/// Composes the report of one reference.
pub fn compose_analysis(analysis: &Analysis, options: &AnalyzeOptions) -> Document {
    let options = *options;
    let subjects = subjects(analysis);
    let mut sections = vec![summary::section(&analysis.inspection, &subjects)];
    for subject in &subjects {
        let name = (subjects.len() > 1).then(|| Text::name(subject.image.platform.to_string()));
        sections.extend(image_sections(&analysis.inspection, *subject, options).into_iter().map(
            |section| {
                let heading = match &name {
                    Some(name) if !section.heading.is_empty() => {
                        name.clone().with(": ").with(section.heading)
                    }
                    _ => section.heading,
                };
                Section { heading, ..section }
            },
        ));
    }
    sections.extend(across(&analysis.findings));
    sections.extend(closing(&analysis.inspection, options.verbose));
    Document { title: Text::name(&*analysis.inspection.reference), sections }
}

/// Composes the report of a reference that has none.
pub(super) fn compose_failure<T>(outcome: &Outcome<T>) -> Option<Document> {
    let failure = outcome.result.as_ref().err()?;
    let mut notes = vec![Text::sentence(&failure.message)];
    notes.extend(failure.hint.as_deref().map(Text::sentence));
    let section = Section { heading: Text::default(), blocks: vec![Block::Notes(notes)] };
    Some(Document { title: Text::name(&*outcome.reference), sections: vec![section] })
}

fn subjects(analysis: &Analysis) -> Vec<Subject<'_>> {
    let images = &analysis.inspection.images;
    let found = analysis.images.iter();
    found.filter_map(|found| Some(Subject { image: images.get(found.image)?, found })).collect()
}

fn image_sections(
    inspection: &Inspection,
    subject: Subject<'_>,
    options: AnalyzeOptions,
) -> Vec<Section> {
    let studied = Studied::new(subject);
    // Of an image of which layers were left out, there is nothing else to tell.
    let full = options.full || studied.is_none();
    let mut sections = Vec::new();
    sections.extend(studied.into_iter().flat_map(|studied| study::opening(studied, full)));
    if full {
        sections.extend(layers::sections(subject, options.sort));
        sections.extend(studied.into_iter().flat_map(|studied| study::full(inspection, studied)));
        sections.extend(paths_and_waste(subject, options.top));
        sections.extend(studied.map(study::owners));
    } else {
        sections.push(layers::largest(subject, options));
        sections.extend(studied.into_iter().flat_map(|studied| study::short(studied, options.top)));
    }
    if options.dive {
        sections.push(dive::section(subject.found));
    }
    sections.extend(remarks::section("Ambiguous", &subject.found.ambiguous));
    if full {
        sections.extend(remarks::section("Unusual", &subject.found.notes));
        sections.extend(remarks::dropped(subject.found));
        sections.extend(studied.into_iter().flat_map(|found| study::closing(inspection, found)));
    } else {
        sections.push(study::more());
    }
    sections
}

fn paths_and_waste(subject: Subject<'_>, top: usize) -> Vec<Section> {
    let Subject { image, found } = subject;
    let mut sections: Vec<Section> = waste::section(subject, top).into_iter().collect();
    sections.extend(paths::section("Largest directories", image, &found.directories, top));
    sections.extend(paths::section("Largest files", image, &found.files, top));
    sections
}
