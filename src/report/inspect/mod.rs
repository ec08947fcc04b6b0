//! The report of `inspect`: sizes per platform, layer and build step.
//!
//! Composes documents and tables, formats nothing. The first lines answer how much a pull costs
//! and which step costs most; what follows adds up to it.

mod attachments;
mod base;
mod findings;
mod history;
mod layers;
mod platforms;
mod rows;
mod side_by_side;

pub(super) use self::findings::across;
pub(super) use self::layers::{in_order, origin, place};
pub(super) use self::layers::{origins_known, subtotal};
pub(super) use self::rows::{LAYER_COLUMNS, layer_row};
pub use self::rows::{layer_rows, side_by_side_rows};
pub use self::side_by_side::compose_side_by_side;

use std::error::Error as _;

use super::document::{Block, Document, Fact, Piece, Section, Share, Style, Text};
use super::words::{describe_type, instruction, only_file, uncompressed};
use crate::image::{Image, Inspection, Layer, RateLimit};
use crate::registry::Error;

/// What the report of `inspect` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InspectOptions {
    /// Whether each platform's layers are listed, not just those of one.
    pub all_platforms: bool,
    /// The order of layers.
    pub sort: Sort,
    /// Whether every build step is listed with its full text, instead of the layers.
    pub history: bool,
    /// Whether each attachment and the pull limit are shown.
    pub verbose: bool,
}

/// Orders of layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// As they lie on one another, the base first.
    #[default]
    Step,
    /// The largest compressed size first.
    Size,
}

/// What became of one reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<T = Inspection> {
    /// The reference as the user wrote it.
    pub reference: String,
    /// What was found, or why nothing was.
    pub result: Result<T, Failure>,
}

/// Why a reference could not be inspected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class of the error, for programs.
    pub kind: &'static str,
    /// The error with its causes on one line.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            message.push_str(": ");
            message.push_str(&source.to_string());
            cause = source.source();
        }
        let hint = error.what_to_do().map(str::to_owned);
        Self { kind: error.kind().as_str(), message, hint }
    }
}

/// Composes the report of one reference.
pub fn compose(inspection: &Inspection, options: &InspectOptions) -> Document {
    let options = *options;
    let mut sections = vec![summary(inspection)];
    sections.extend(platforms::section(inspection, options));
    for image in detailed(inspection, options) {
        sections.push(image_section(image, options));
        sections.extend(findings::section(image));
    }
    sections.extend(findings::of_index(inspection));
    sections.extend(attachments::section(inspection, options));
    sections.extend(closing(inspection, options.verbose));
    Document { title: Text::name(&*inspection.reference), sections }
}

/// The images whose layers are listed.
fn detailed(inspection: &Inspection, options: InspectOptions) -> &[Image] {
    if options.all_platforms {
        return &inspection.images;
    }
    let shown = inspection.shown;
    inspection.images.get(shown..=shown).unwrap_or_default()
}

fn summary(inspection: &Inspection) -> Section {
    let mut facts = match inspection.images.get(inspection.shown) {
        Some(image) => image_facts(image),
        None => vec![Fact::new("size", "no image in it")],
    };
    facts.push(Fact::new("type", describe_type(inspection)));
    facts.push(Fact::new("digest", Piece::Digest(inspection.digest.clone())));
    Section { heading: Text::default(), blocks: vec![Block::Facts(facts)] }
}

fn image_facts(image: &Image) -> Vec<Fact> {
    let size = Text::from(Piece::Bytes(image.compressed()))
        .styled(Style::Strong)
        .with(" compressed, ")
        .with(uncompressed(image.uncompressed(), image.uncompressed_inferred()))
        .with(" uncompressed, ")
        .with(Text::count(image.layers.len(), "layer", "layers"))
        .with(" for ")
        .with(Text::name(image.platform.to_string()));
    let mut facts = vec![Fact::new("size", size)];
    facts.extend(largest(image).map(|layer| largest_fact(image, layer)));
    facts
}

/// The layer with the most compressed bytes, the lowest of several.
fn largest(image: &Image) -> Option<&Layer> {
    image
        .layers
        .iter()
        .rev()
        .max_by_key(|layer| layer.compressed)
        .filter(|layer| layer.compressed > 0)
}

fn largest_fact(image: &Image, layer: &Layer) -> Fact {
    let part = u128::from(layer.compressed);
    let number = layer.step.and_then(|step| image.steps.get(step)).and_then(|step| step.number);
    let place = match number {
        Some(number) => Text::from("step ").with(Text::number(number)),
        None => Text::from("layer ").with(Text::number(layer.index)),
    };
    let value = Text::from(Piece::Bytes(part))
        .styled(Style::Strong)
        .with(" (")
        .with(Piece::Share(Share { part, whole: image.compressed() }))
        .with(") in ")
        .with(place)
        .with(": ")
        .with(instruction(image, layer));
    Fact::cut("largest", value)
}

fn image_section(image: &Image, options: InspectOptions) -> Section {
    let mut blocks = vec![Block::Facts(origin_facts(image, !options.history))];
    blocks.extend(if options.history {
        history::blocks(image)
    } else {
        layers::blocks(image, options.sort)
    });
    Section { heading: Text::name(image.platform.to_string()), blocks }
}

/// What an image is made of: its system, its base, the file of its lines if those are shown.
pub(super) fn origin_facts(image: &Image, shows_lines: bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(image.os_name.as_deref().map(|name| Fact::new("os", Text::sentence(name))));
    facts.extend(
        image.created.as_deref().map(|created| Fact::new("created", Text::sentence(created))),
    );
    facts.push(Fact::new("base", base::describe(image.base.as_ref())));
    facts.extend(only_file(image).filter(|_| shows_lines).map(|(file, given)| {
        let by = if given { ", the given file" } else { ", by the build's provenance" };
        Fact::new("lines", Text::from("of ").with(Text::name(file)).with(by))
    }));
    facts
}

/// The pull limit, if wanted, and the warnings.
pub(super) fn closing(inspection: &Inspection, verbose: bool) -> Option<Section> {
    let limit = inspection.rate_limit.as_ref().filter(|_| verbose).map(pulls_left);
    let notes: Vec<Text> =
        inspection.warnings.iter().map(|warning| Text::sentence(warning)).collect();
    let mut blocks: Vec<Block> = limit.into_iter().collect();
    blocks.extend((!notes.is_empty()).then_some(Block::Notes(notes)));
    (!blocks.is_empty()).then(|| Section { heading: Text::default(), blocks })
}

fn pulls_left(limit: &RateLimit) -> Block {
    let mut value = Text::from(Piece::Number(limit.remaining.into()))
        .with(" of ")
        .with(Piece::Number(limit.limit.into()))
        .with(" left");
    if let Some(seconds) = limit.window_seconds {
        value = value.with(" per ").with(duration(seconds));
    }
    if let Some(source) = &limit.source {
        value = value.with(", counted for ").with(Text::name(&**source));
    }
    Block::Facts(vec![Fact::new("pulls", value)])
}

fn duration(seconds: u64) -> Text {
    let whole = |unit: u64, name: &'static str| {
        (seconds > 0 && seconds.is_multiple_of(unit))
            .then(|| Text::from(Piece::Number(u128::from(seconds / unit))).with(name))
    };
    whole(3600, " h")
        .or_else(|| whole(60, " min"))
        .or_else(|| whole(1, " s"))
        .unwrap_or_else(|| "0 s".into())
}
