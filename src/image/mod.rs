//! Images: one platform's manifest and config, joined and checked, as plain data.
//!
//! Layers stand base first and are numbered from 0; build steps that made a layer are numbered
//! from 1. Sizes are compressed bytes (the descriptor's, exact) and uncompressed bytes (the tar
//! stream's length, known or inferred or unknown); they are never added to one another.

mod base;
mod dockerfile;
mod history;
mod instruction;
mod join;
mod provenance;
mod shell;
mod time;

use std::collections::BTreeMap;

pub use dockerfile::name_lines;
pub(crate) use join::Parts;
#[cfg(test)]
pub(crate) use join::label;
pub(crate) use provenance::{Provenance, read as read_provenance};

use crate::oci::{Annotations, Compression, DiffId, Digest, Kind, MediaType, Platform};
pub use crate::registry::RateLimit;
use crate::secrecy::Secret;
pub use shell::{Action, Command, Manager, PackageVerb, commands};

/// What a reference stands for: its images, one per platform, and what is attached to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// The reference as the user wrote it.
    pub reference: String,
    /// The digest that the reference resolved to.
    pub digest: Digest,
    /// The media type of the document the reference resolved to.
    pub media_type: MediaType,
    /// The images, in the order of the index. With a platform asked for, just that one.
    pub images: Vec<Image>,
    /// Position in `images` of the image that a report shows in detail.
    pub shown: usize,
    /// Platforms that the index lists, whether read or not, in its order.
    pub platforms: Vec<Platform>,
    /// Attestations, SOCI indexes and other documents that are not images.
    pub attachments: Vec<Attachment>,
    /// Compressed bytes over all `images`.
    pub shared: Shared,
    /// The pull limit that the registry reported last, if it did.
    pub rate_limit: Option<RateLimit>,
    /// What a reader has to know to trust the figures, one sentence each.
    pub warnings: Vec<String>,
}

/// Compressed bytes of several images' layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Each image's layers counted for each image.
    pub all_platforms: u128,
    /// Each distinct layer counted once.
    pub unique: u128,
}

/// A document of an index that is not an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What it is.
    pub kind: AttachmentKind,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The manifest's size in bytes.
    pub size: u64,
    /// The digest of the image manifest it is about, if it says so.
    pub subject: Option<Digest>,
    /// The predicate types of its statements, where the manifest was read.
    pub predicates: Vec<String>,
    /// Bytes of its layers, where the manifest was read.
    pub compressed: Option<u64>,
}

/// Kinds of documents that are attached to images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachmentKind {
    /// A BuildKit attestation manifest: provenance, SBOM.
    Attestation,
    /// A SOCI index.
    Soci,
    /// A Nydus image of the same platform.
    Nydus,
    /// Any other artifact, by its type.
    Artifact(String),
}

/// One platform's image.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The platform, from the config where the index does not tell.
    pub platform: Platform,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's size in bytes.
    pub manifest_size: u64,
    /// The config's digest.
    pub config_digest: Digest,
    /// The config's size in bytes.
    pub config_size: u64,
    /// When the image was made, as RFC 3339 in UTC; `None` when the config does not tell.
    pub created: Option<String>,
    /// Operating system name and version where labels tell, as in `Ubuntu 24.04`.
    pub os_name: Option<String>,
    /// The layers, base first.
    pub layers: Vec<Layer>,
    /// The build steps, oldest first, with those that made no layer.
    pub steps: Vec<Step>,
    /// The base image, if there is evidence of one.
    pub base: Option<Base>,
    /// How a container of the image runs.
    pub runtime: Runtime,
    /// The config's labels; secrets are hidden.
    pub labels: BTreeMap<String, String>,
    /// The secrets that were in them, each with its label.
    pub label_secrets: Vec<(String, Secret)>,
    /// Annotations of the manifest; secrets are hidden.
    pub annotations: Annotations,
    /// The secrets that were in them, each with its annotation.
    pub annotation_secrets: Vec<(String, Secret)>,
    /// Whether it lies in files, where layers may be stored as they are: a push compresses those.
    pub in_files: bool,
}

/// What the config says of a container of the image. Values of variables may be secrets: they are
/// matched, and never shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Variables of the environment with their values; the last one of a name counts.
    pub env: BTreeMap<String, String>,
    /// The program that a container starts.
    pub entrypoint: Vec<String>,
    /// Its arguments, or the program where there is no entry point.
    pub cmd: Vec<String>,
    /// The user that it runs as; empty for root.
    pub user: String,
    /// The directory that it starts in.
    pub working_dir: String,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Position in the image; the base is 0.
    pub index: usize,
    /// Digest of the blob.
    pub digest: Digest,
    /// Digest of the tar stream, if the config lists one.
    pub diff_id: Option<DiffId>,
    /// The media type of the descriptor.
    pub media_type: MediaType,
    /// Size of the blob in bytes: what a pull downloads.
    pub compressed: u64,
    /// Length of the tar stream in bytes.
    pub uncompressed: Option<Uncompressed>,
    /// Position in `Image::steps` of the step that made the layer.
    pub step: Option<usize>,
    /// Whose layer it is.
    pub origin: Origin,
    /// The Dockerfile lines that made it.
    pub source: Option<SourceLines>,
    /// Annotations of the descriptor.
    pub annotations: Annotations,
}

/// The length of a tar stream and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncompressed {
    /// Bytes of the tar stream.
    pub bytes: u64,
    /// Whether the figure was inferred (from a trailer or an annotation) instead of counted.
    pub inferred: bool,
}

/// Whose bytes a layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Made by the image's own steps.
    Own,
    /// Part of the base image.
    Base,
    /// There is no evidence of where the base image ends.
    Unknown,
}

/// Lines of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLines {
    /// The file's name as the build recorded it.
    pub file: String,
    /// First line, counted from 1.
    pub start_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// Whether the user gave the file; the build's provenance told of it if not.
    pub given: bool,
}

/// One build step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Number among the steps that made a layer, counted from 1; `None` for those that made none.
    pub number: Option<usize>,
    /// When the step was made, as RFC 3339 in UTC.
    pub created: Option<String>,
    /// The clean Dockerfile instruction, as in `RUN apt-get update`; secrets are hidden.
    pub instruction: String,
    /// The text of the config's history; secrets are hidden.
    pub created_by: String,
    /// The secrets that were in it.
    pub secrets: Vec<Secret>,
    /// The remark of the config's history; secrets are hidden.
    pub comment: String,
    /// Whether the step made no layer.
    pub empty: bool,
    /// The layer it made, by its position in the image.
    pub layer: Option<usize>,
}

/// The base image and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The reference of the base image, as the evidence gives it.
    pub name: Option<String>,
    /// The digest of the base image, as the evidence gives it.
    pub digest: Option<Digest>,
    /// How many of the image's layers, counted from the bottom, are the base image's.
    pub layers: Option<usize>,
    /// Where the knowledge comes from.
    pub evidence: Evidence,
    /// Whether the base image's own layer list was read and found to be a prefix of the image's.
    pub confirmed: bool,
}

/// Sources of knowledge about the base image, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The user named it with `--base`.
    Given,
    /// BuildKit provenance.
    Provenance,
    /// Annotations of the manifest or the index.
    Annotation,
    /// Labels of the config.
    Label,
    /// The shape of the history: another build tool, or a remark that names the base.
    History,
}

impl Evidence {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Provenance => "provenance",
            Self::Annotation => "annotation",
            Self::Label => "label",
            Self::History => "history",
        }
    }

    /// How the base image is known, in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Given => "named by --base",
            Self::Provenance => "named by the build's provenance",
            Self::Annotation => "named by an annotation",
            Self::Label => "named by a label",
            Self::History => "seen in the history",
        }
    }
}

impl Origin {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Base => "base",
            Self::Unknown => "unknown",
        }
    }
}

impl Layer {
    /// Whether its media type says that its blob is a tar stream as it is.
    pub fn is_plain(&self) -> bool {
        matches!(self.media_type.kind(), Kind::Layer(kind) if kind.compression == Compression::None)
    }
}

impl Image {
    /// How many layers are stored in files as bare tars, which a push would compress.
    pub fn plain_layers(&self) -> usize {
        let layers = self.layers.iter().filter(|_| self.in_files);
        layers.filter(|layer| layer.is_plain()).count()
    }

    /// Compressed bytes of all layers: what a pull downloads, besides config and manifest.
    pub fn compressed(&self) -> u128 {
        self.layers.iter().map(|layer| u128::from(layer.compressed)).sum()
    }

    /// Uncompressed bytes of all layers, if known for each of them.
    pub fn uncompressed(&self) -> Option<u128> {
        self.layers
            .iter()
            .map(|layer| layer.uncompressed.map(|known| u128::from(known.bytes)))
            .sum()
    }

    /// Whether any layer's uncompressed size was inferred.
    pub fn uncompressed_inferred(&self) -> bool {
        self.layers.iter().any(|layer| layer.uncompressed.is_some_and(|known| known.inferred))
    }
}
