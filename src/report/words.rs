//! Phrases that several parts of the report share.

use crate::image::{Image, Inspection, Layer, SourceLines, Step};
use crate::oci::{Kind, LayerType, MediaType};
use crate::report::document::{Block, Piece, Share, Style, Text};
use crate::report::encode::Untrusted;
use crate::rule::{self, Phrase};
use crate::size;

/// Stands for a size that is not known.
pub(super) const UNKNOWN: &str = "?";

/// Stands before a size that was inferred.
pub(super) const INFERRED: &str = "~";

/// What stands for a size that is not known, as figures are.
pub(super) fn unknown() -> Text {
    Text::from(UNKNOWN).styled(Style::Dim)
}

/// An uncompressed size with its marks.
pub(super) fn uncompressed(bytes: Option<u128>, inferred: bool) -> Text {
    match bytes {
        None => unknown(),
        Some(bytes) if inferred => Text::from(INFERRED).with(Piece::Bytes(bytes)),
        Some(bytes) => Piece::Bytes(bytes).into(),
    }
}

/// An uncompressed size of one layer with its marks.
pub(super) fn layer_uncompressed(layer: &Layer) -> Text {
    let bytes = layer.uncompressed.map(|known| u128::from(known.bytes));
    uncompressed(bytes, layer.uncompressed.is_some_and(|known| known.inferred))
}

/// What the marks on uncompressed sizes mean, those that the images need.
pub(super) fn footnotes(images: &[&Image]) -> Option<Block> {
    let is_unknown = |layer: &Layer| layer.uncompressed.is_none();
    let mut notes = Vec::new();
    if images.iter().any(|image| image.uncompressed_inferred()) {
        notes.push(
            Text::from(INFERRED).with(" inferred from a trailer or an annotation, not counted"),
        );
    }
    if images.iter().any(|image| image.layers.iter().any(is_unknown)) {
        notes.push(Text::from(UNKNOWN).with(" not known without reading the layer"));
    }
    (!notes.is_empty()).then(|| Block::Paragraph(Text::joined(notes, "; ").styled(Style::Dim)))
}

/// The day of an RFC 3339 time; another text as it is.
pub(super) fn date(time: &str) -> Text {
    let day = time.split_once('T').map_or(time, |(day, _)| day);
    Text::sentence(if day.len() == 10 { day } else { time })
}

/// The step that made `layer`.
pub(super) fn step<'a>(image: &'a Image, layer: &Layer) -> Option<&'a Step> {
    layer.step.and_then(|step| image.steps.get(step))
}

/// What made `layer`, on one line, and what is unusual about the layer.
pub(super) fn instruction(image: &Image, layer: &Layer) -> Text {
    let text = match step(image, layer) {
        Some(step) => command(step),
        None => Text::from("no build step recorded").styled(Style::Dim),
    };
    match layer.media_type.kind() {
        Kind::Layer(LayerType { foreign: true, .. }) => {
            Text::from("foreign layer: ").styled(Style::Warn).with(text)
        }
        Kind::Layer(_) => text,
        _ => Text::from("not a file system layer: ")
            .styled(Style::Warn)
            .with(Text::name(layer.media_type.as_str())),
    }
}

/// The instruction of `step` on one line; the history's text where there is none.
pub(super) fn command(step: &Step) -> Text {
    let written =
        if step.instruction.trim().is_empty() { &step.created_by } else { &step.instruction };
    let folded = Untrusted::folded(written);
    if folded.is_empty() { Text::default() } else { Piece::Name(folded).into() }
}

/// A part of a whole in per cent, which may be more than the whole.
pub(super) fn percent(part: u128, whole: u128) -> Text {
    if part <= whole {
        return Piece::Share(Share { part, whole }).into();
    }
    size::percent(part, whole).map_or_else(unknown, |text| Text::sentence(&text))
}

/// A sentence of a rule.
pub(super) fn phrase(phrase: &Phrase) -> Text {
    let spans = phrase.0.iter().map(|piece| match piece {
        rule::Piece::Words(words) => Piece::Words(words),
        rule::Piece::Name(name) => Piece::Name(Untrusted::folded(name)),
        rule::Piece::Bytes(bytes) => Piece::Bytes((*bytes).into()),
        rule::Piece::Count(count) => Piece::Number((*count).into()),
        rule::Piece::Share(part) => Piece::Share(Share { part: (*part).into(), whole: 1000 }),
    });
    spans.fold(Text::default(), Text::with)
}

/// Whether `layer` is one that registries may leave out.
pub(super) fn is_foreign(layer: &Layer) -> bool {
    matches!(layer.media_type.kind(), Kind::Layer(LayerType { foreign: true, .. }))
}

/// File and lines, as in `Dockerfile:12-15`.
pub(super) fn source(source: &SourceLines) -> Text {
    Piece::Name(Untrusted::folded(&format!("{}:{}", source.file, lines(source)))).into()
}

/// Lines alone, as in `12-15`.
pub(super) fn lines(source: &SourceLines) -> String {
    let SourceLines { start_line, end_line, .. } = source;
    if start_line == end_line { start_line.to_string() } else { format!("{start_line}-{end_line}") }
}

/// The file that all known lines are of, if it is one.
pub(super) fn only_file(image: &Image) -> Option<(&str, bool)> {
    let sources = image.layers.iter().filter_map(|layer| layer.source.as_ref());
    let mut files = sources.map(|source| (source.file.as_str(), source.given));
    let first = files.next()?;
    files.all(|file| file == first).then_some(first)
}

/// What the reference stands for, in words.
pub(super) fn describe_type(inspection: &Inspection) -> Text {
    let name = type_name(&inspection.media_type);
    if inspection.media_type.kind() != Kind::Index {
        return name;
    }
    name.with(" of ").with(Text::count(inspection.platforms.len(), "platform", "platforms"))
}

fn type_name(media_type: &MediaType) -> Text {
    let is_docker = media_type.as_str().contains("docker");
    match (media_type.kind(), is_docker) {
        (Kind::Index, false) => "OCI image index".into(),
        (Kind::Index, true) => "Docker manifest list".into(),
        (Kind::Manifest, false) => "OCI image manifest".into(),
        (Kind::Manifest, true) => "Docker image manifest".into(),
        _ => Text::name(media_type.as_str()),
    }
}
