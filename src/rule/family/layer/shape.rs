//! What the manifest and the history tell of layers.

use super::super::steps::{Anchors, name_step};
use crate::image::{Action, Command, Image, Layer, Origin, Step, commands};
use crate::oci::{DiffId, Digest};
use crate::rule::{Candidate, Claim, Phrase, Saving, Severity};

const MB: u64 = 1_000_000;
const GB: u64 = 1_000_000_000;

/// More layers than this are told, and from how many on they are worse.
const MANY: usize = 60;
const TOO_MANY: usize = 100;
const LIMIT: usize = 120;

/// A layer of fewer bytes is tiny, and so many in a row are told.
const TINY: u64 = 100_000;
const RUN: usize = 5;

/// A larger blob is told whatever its share; from this size on by its share, in percent.
const HUGE: u64 = 2 * GB;
const VERY_HUGE: u64 = 8 * GB;
const LARGE: u64 = GB;
const SHARE: u128 = 35;

/// What is built anew, from so many bytes on.
const REBUILT: u64 = 200 * MB;
const MUCH_REBUILT: u64 = 2 * GB;
/// A larger copy is a product, not a source that changes often.
const VOLATILE: u64 = 50 * MB;
/// A smaller copy of files by name is of settings rather than of sources.
const SETTLED: u64 = 10_000;

fn figure(compressed: u64) -> Claim {
    Claim::Figure(Saving { content: 0, compressed })
}

fn step<'a>(image: &'a Image, layer: &Layer) -> Option<&'a Step> {
    image.steps.get(layer.step?)
}

fn instruction(image: &Image, layer: &Layer) -> String {
    match step(image, layer) {
        Some(step) if !step.instruction.is_empty() => step.instruction.clone(),
        _ => format!("layer {}", layer.index),
    }
}

fn is_run(image: &Image, layer: &Layer) -> bool {
    step(image, layer).is_some_and(|step| step.instruction.starts_with("RUN "))
}

pub(super) fn too_many(image: &Image) -> Vec<Candidate> {
    let layers = image.layers.len();
    let severity = match layers {
        LIMIT.. => Severity::Critical,
        _ if layers > TOO_MANY => Severity::High,
        _ if layers > MANY => Severity::Medium,
        _ => return Vec::new(),
    };
    let base = image.layers.iter().filter(|layer| layer.origin == Origin::Base).count();
    let message = Phrase::words("The image has ").count(layers).and(" layers");
    let mut candidate = Candidate::new("", message, figure(0))
        .severity(severity)
        .note(Phrase::words("The base image has ").count(base).and(" of them."));
    let longest = image
        .layers
        .chunk_by(|a, b| is_run(image, a) && is_run(image, b))
        .filter(|run| run.len() > 1 && run.iter().all(|layer| layer.origin != Origin::Base))
        .max_by_key(|run| run.len());
    if let Some([first, .., last]) = longest {
        let number = |layer: &Layer| {
            let number = step(image, layer).and_then(|step| step.number);
            number.map_or_else(|| "?".to_owned(), |number| number.to_string())
        };
        candidate = candidate.fill("first", number(first)).fill("last", number(last));
    }
    vec![candidate]
}

pub(super) fn small(image: &Image) -> Vec<Candidate> {
    let is_tiny = |layer: &Layer| layer.origin != Origin::Base && layer.compressed < TINY;
    let mut anchors = Anchors::default();
    let runs = image.layers.chunk_by(|a, b| is_tiny(a) && is_tiny(b));
    let candidate = |run: &[Layer]| {
        let (first, last) = (run.first()?, run.last()?);
        let message = Phrase::default().count(run.len()).and(" layers in a row are tiny: ");
        let message = name_step(message, image, first.index).and(" to ");
        let bytes = run.iter().map(|layer| layer.compressed).sum();
        let anchor = anchors.unique(instruction(image, first));
        Some(Candidate::new(anchor, name_step(message, image, last.index), figure(bytes)))
    };
    runs.filter(|run| run.len() >= RUN).filter_map(candidate).collect()
}

/// Whether a layer is the archive without entries.
pub(in crate::rule::family) fn is_empty(layer: &Layer) -> bool {
    layer.diff_id.as_ref() == Some(&DiffId(Digest::of(&[0; 1024])))
}

pub(super) fn empty(image: &Image) -> Vec<Candidate> {
    let empty: Vec<&Layer> = image.layers.iter().filter(|layer| is_empty(layer)).collect();
    let Some(first) = empty.first() else { return Vec::new() };
    let message =
        Phrase::default().counted(empty.len(), " layer has no content", " layers have no content");
    let mut candidate = Candidate::new("", message, figure(0))
        .severity(Severity::Info)
        .fill("instruction", instruction(image, first));
    for layer in empty {
        let note = name_step(Phrase::default(), image, layer.index).and(" is: ");
        candidate = candidate.note(note.name(instruction(image, layer)));
    }
    vec![candidate]
}

pub(super) fn huge(image: &Image) -> Vec<Candidate> {
    let total = image.compressed();
    let is_huge = |layer: &&Layer| {
        let share = u128::from(layer.compressed) * 100 > total * SHARE;
        layer.compressed > HUGE || (layer.compressed >= LARGE && share)
    };
    let mut anchors = Anchors::default();
    let candidate = |layer: &Layer| {
        let bytes = layer.compressed;
        let message = name_step(Phrase::words("The layer of "), image, layer.index).and(" is ");
        let message =
            message.share(bytes, u64::try_from(total).unwrap_or(u64::MAX)).and(" of the download");
        let severity = if bytes > VERY_HUGE { Severity::High } else { Severity::Medium };
        let anchor = anchors.unique(instruction(image, layer));
        Candidate::new(anchor, message, figure(bytes)).severity(severity)
    };
    image.layers.iter().filter(is_huge).map(candidate).collect()
}

pub(super) fn order(image: &Image) -> Vec<Candidate> {
    let own: Vec<&Layer> =
        image.layers.iter().filter(|layer| layer.origin != Origin::Base).collect();
    for (at, layer) in own.iter().enumerate() {
        let Some(sources) = volatile(image, layer) else { continue };
        let later = own.iter().skip(at + 1).filter(|later| is_run(image, later));
        let later: Vec<&&Layer> = later.collect();
        let is_read = |later: &&&Layer| {
            let text = instruction(image, later);
            sources.iter().any(|name| text.contains(name.as_str()))
        };
        if !sources.is_empty() && later.iter().any(is_read) {
            continue;
        }
        let bytes = later.iter().fold(0, |sum: u64, later| sum.saturating_add(later.compressed));
        if let Some(last) = later.last().filter(|_| bytes >= REBUILT) {
            return vec![reorder(image, layer, last, bytes, &sources)];
        }
    }
    Vec::new()
}

fn reorder(image: &Image, copy: &Layer, last: &Layer, bytes: u64, sources: &[String]) -> Candidate {
    let message = Phrase::words("When the files of ");
    let message = name_step(message, image, copy.index).and(" change, ").bytes(bytes);
    let severity = match bytes {
        _ if is_settled(copy, sources) => Severity::Low,
        MUCH_REBUILT.. => Severity::High,
        _ => Severity::Medium,
    };
    let instruction = instruction(image, copy);
    let mut candidate = Candidate::new(
        instruction.clone(),
        message.and(" are built and downloaded anew"),
        figure(bytes),
    )
    .severity(severity)
    .note(Phrase::words("The step is: ").name(instruction.clone()))
    .fill("from", name_step(Phrase::default(), image, copy.index).to_string())
    .fill("last", name_step(Phrase::default(), image, last.index).to_string())
    .fill("copy", instruction);
    if sources.is_empty() {
        candidate.snippet = Some("# copy before an installation only the files that it reads, and below {{last}} the rest:\n{{copy}}".to_owned());
    }
    candidate
}

/// Whether a copy brings a few small files by their names, as a licence, which seldom change.
fn is_settled(copy: &Layer, sources: &[String]) -> bool {
    let is_file = |name: &String| name.contains('.') || name.to_lowercase().starts_with("licen");
    copy.compressed < SETTLED && !sources.is_empty() && sources.iter().all(is_file)
}

/// For a copy of the build context: the names of the files that it brings, none of which stands
/// for a whole directory. `None` for what is not such a copy, or changes seldom.
fn volatile(image: &Image, layer: &Layer) -> Option<Vec<String>> {
    if layer.compressed > VOLATILE {
        return None;
    }
    let commands = commands(&step(image, layer)?.instruction);
    let [Command { action: Action::Copy { from: None, sources, .. }, .. }] = &commands[..] else {
        return None;
    };
    let is_known = |source: &String| source != "…" && !source.contains("://");
    if sources.is_empty() || !sources.iter().all(is_known) {
        return None;
    }
    if sources.iter().any(|source| matches!(source.as_str(), "." | "./" | "/")) {
        return Some(Vec::new());
    }
    let name = |source: &String| {
        let trimmed = source.trim_end_matches('/');
        trimmed.rsplit('/').next().unwrap_or(trimmed).replace('*', "")
    };
    Some(sources.iter().map(name).filter(|name| !name.is_empty()).collect())
}
