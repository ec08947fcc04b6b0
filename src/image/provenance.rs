//! Reads BuildKit's provenance: which Dockerfile lines made a layer, and what the base image is.
//!
//! The input is one in-toto statement with a SLSA provenance predicate, v0.2 or v1, whose bytes
//! were verified. A statement about another image is refused. With `mode=max` it holds the
//! build's steps, their places in the Dockerfile and the layer chains they led to; with
//! `mode=min` it only names the images that took part, and the caller has to find out which of
//! them is the base. What a statement leaves out is unknown; what it gets wrong is an error.

mod chains;
mod materials;
mod purl;
mod statement;

use super::SourceLines;
use crate::oci::{Digest, JsonError, decode};
use chains::{Build, Source};
pub(crate) use materials::Material;
use statement::{Record, Statement, Step};

/// What provenance tells about an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// The Dockerfile lines that made each layer; for layers of the base image its `FROM` line.
    pub lines: Vec<Option<SourceLines>>,
    /// The base image, where the layers prove it.
    pub base: Option<ProvenanceBase>,
    /// Images that took part in the build and may be the base image, in document order.
    pub materials: Vec<Material>,
    /// What a reader has to know about the above, one sentence each.
    pub warnings: Vec<String>,
}

/// A base image as a build step names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProvenanceBase {
    /// The reference with host, as in `docker.io/library/debian:12`; `None` for an image that
    /// came from a local directory.
    pub name: Option<String>,
    /// The digest that the reference resolved to, often of an index.
    pub digest: Option<Digest>,
    /// How many of the image's layers, counted from the bottom, are the base image's.
    pub layers: Option<usize>,
}

/// Why bytes are no provenance of the image.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProvenanceError {
    /// The bytes are no statement.
    #[error("not a provenance statement: {0}")]
    Malformed(#[from] JsonError),
    /// The statement says something else than where the image comes from.
    #[error(
        "predicate type {given:?} is not provenance: expected {} or {}",
        statement::V0_2,
        statement::V1
    )]
    PredicateType {
        /// The predicate type of the statement.
        given: String,
    },
    /// The statement is about another image.
    #[error("the statement is about {given}: expected {expected}")]
    Subject {
        /// The subjects' digests, or that there are none.
        given: String,
        /// The digest of the image's manifest.
        expected: Digest,
    },
}

/// A longer file name is not one, and it would be repeated for each layer.
const MAX_FILE_NAME: usize = 4096;

/// Reads the statement `bytes` about the image with the given manifest and layers, base first.
pub(crate) fn read(
    bytes: &[u8],
    manifest: &Digest,
    layers: &[Digest],
) -> Result<Provenance, ProvenanceError> {
    let decoded = decode::<Statement>(bytes)?;
    let mut warnings = repeated_keys(&decoded.repeated_keys);
    let record = decoded.value.into_record(manifest)?;
    let materials = materials::candidates(&record.materials, &record.frontends);
    let build = Build::new(&record, layers);
    warnings.extend(build.warning(layers.len()));
    let base = build.base();
    Ok(Provenance {
        lines: lines(&record, &build, base, layers.len()),
        base: base.map(|(layers, source)| describe(layers, source, &materials)),
        materials,
        warnings,
    })
}

fn repeated_keys(places: &[String]) -> Vec<String> {
    let warning = |places: &[String]| {
        format!("the provenance repeats keys, of which the last counts: {}", places.join(", "))
    };
    if places.is_empty() { Vec::new() } else { vec![warning(places)] }
}

fn lines(
    record: &Record,
    build: &Build<'_>,
    base: Option<(usize, Source<'_>)>,
    layers: usize,
) -> Vec<Option<SourceLines>> {
    let own = |layer| build.makers(layer).find_map(|step| source_lines(record, step));
    let from = base.and_then(|(_, source)| source_lines(record, source.step));
    let base_layers = base.map_or(0, |(layers, _)| layers);
    (0..layers).map(|layer| if layer < base_layers { from.clone() } else { own(layer) }).collect()
}

fn source_lines(record: &Record, step: &Step) -> Option<SourceLines> {
    let place = record.places.get(&step.id)?;
    let file = record.files.get(place.file).map(String::as_str).filter(|name| !name.is_empty());
    let file = file.or(record.config_file.as_deref())?;
    (file.len() <= MAX_FILE_NAME).then(|| SourceLines {
        file: file.to_owned(),
        start_line: place.start,
        end_line: place.end,
        given: false,
    })
}

fn describe(layers: usize, source: Source<'_>, materials: &[Material]) -> ProvenanceBase {
    let (name, digest) = match source.identifier.rsplit_once('@') {
        Some((name, digest)) => (name, digest.parse().ok()),
        None => (source.identifier, None),
    };
    let name = source.in_registry.then(|| purl::with_host(name)).flatten();
    let listed = || materials.iter().find(|material| Some(&material.name) == name.as_ref());
    let digest = digest.or_else(|| listed()?.digest.clone());
    ProvenanceBase { name, digest, layers: Some(layers) }
}

#[cfg(test)]
mod tests;
