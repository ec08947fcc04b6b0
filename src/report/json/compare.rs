//! `regsize.compare/1`: what differs between two images.
//!
//! Differences are new less old, in bytes. The causes and the rest add up to `delta`.

mod many;

use std::io::{self, Write};

use serde::Serialize;

use crate::compare::{
    Cause, Change, Compared, ComparedLayer, Comparison, ComponentChange, Difference, LayerRow,
    PackageChange, PathChange,
};
use crate::report::encode::write_json;
use crate::snapshot::{Finding, Sizes};

pub(in crate::report) use many::{write_matrix_json, write_platforms_json};

const SCHEMA: &str = "regsize.compare/1";

#[derive(Serialize)]
struct CompareJson<'a> {
    schema: &'static str,
    old: ImageJson<'a>,
    new: ImageJson<'a>,
    delta: DeltaJson,
    /// `null` if an image is in files that hold layers uncompressed; compressed bytes are then those of
    /// the files.
    next_pull: Option<PullJson>,
    layers: Vec<RowJson<'a>>,
    packages: Vec<PackageJson<'a>>,
    /// Ecosystems of which what is `stored` may have been there before.
    unsure: Vec<&'a str>,
    components: Vec<ComponentJson<'a>>,
    paths: Vec<PathJson<'a>>,
    /// `null` if the images were not studied alike.
    findings: Option<FindingsJson<'a>>,
    causes: Vec<CauseJson>,
    rest: BytesJson,
}

#[derive(Serialize)]
struct ImageJson<'a> {
    reference: &'a str,
    digest: &'a str,
    platform: &'a str,
    created: Option<&'a str>,
    base: Option<BaseJson<'a>>,
    sizes: Sizes,
}

#[derive(Serialize)]
struct BaseJson<'a> {
    name: Option<&'a str>,
    digest: Option<&'a str>,
    layers: Option<usize>,
}

#[derive(Serialize)]
struct DeltaJson {
    compressed: Difference,
    content: Option<Difference>,
    visible: Option<Difference>,
    shadowed: Option<Difference>,
    layers: Difference,
}

#[derive(Serialize)]
struct PullJson {
    layers: usize,
    bytes: u64,
    documents: Option<u64>,
}

#[derive(Serialize)]
struct BytesJson {
    compressed: Difference,
    content: Option<Difference>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    status: &'static str,
    old: Option<LayerJson<'a>>,
    new: Option<LayerJson<'a>>,
    delta: BytesJson,
}

#[derive(Serialize)]
struct LayerJson<'a> {
    index: usize,
    digest: &'a str,
    compressed: u64,
    content: Option<u64>,
    origin: &'static str,
    step: Option<usize>,
    instruction: Option<&'a str>,
}

#[derive(Serialize)]
struct PackageJson<'a> {
    change: &'static str,
    ecosystem: &'a str,
    name: &'a str,
    location: &'a str,
    old_version: Option<&'a str>,
    new_version: Option<&'a str>,
    requested: Option<bool>,
    delta: BytesJson,
}

#[derive(Serialize)]
struct ComponentJson<'a> {
    change: &'static str,
    id: &'a str,
    title: &'a str,
    root: Option<&'a str>,
    old_version: Option<&'a str>,
    new_version: Option<&'a str>,
    delta: BytesJson,
}

#[derive(Serialize)]
struct PathJson<'a> {
    change: &'static str,
    path: &'a str,
    directory: bool,
    old: u64,
    new: u64,
    delta: Difference,
    /// By how much `delta` may be off.
    uncertainty: u64,
}

#[derive(Serialize)]
struct FindingsJson<'a> {
    /// `images`, or `layers` if only those that differ were looked at.
    scope: &'static str,
    new: &'a [Finding],
    gone: &'a [Finding],
}

#[derive(Serialize)]
struct CauseJson {
    kind: &'static str,
    text: String,
    /// The difference in content; in compressed bytes where that is not known.
    bytes: Difference,
    delta: BytesJson,
    /// Positions in `layers`.
    layers: Vec<usize>,
}

/// Writes one object.
pub(in crate::report) fn write_compare_json(
    comparison: &Comparison,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_json(&CompareJson::new(comparison), out)
}

impl<'a> CompareJson<'a> {
    fn new(comparison: &'a Comparison) -> Self {
        let Comparison { old, new, delta, next_pull, .. } = comparison;
        let findings = comparison.findings.as_ref();
        Self {
            schema: SCHEMA,
            old: ImageJson::new(old),
            new: ImageJson::new(new),
            delta: DeltaJson {
                compressed: delta.bytes.compressed,
                content: delta.bytes.content,
                visible: delta.visible,
                shadowed: delta.shadowed,
                layers: delta.layers,
            },
            next_pull: next_pull.map(|pull| PullJson {
                layers: pull.layers,
                bytes: pull.bytes,
                documents: pull.documents,
            }),
            layers: comparison.layers.iter().map(|row| RowJson::new(comparison, row)).collect(),
            packages: comparison.packages.iter().map(PackageJson::new).collect(),
            unsure: comparison.unsure.iter().map(String::as_str).collect(),
            components: comparison.components.iter().map(ComponentJson::new).collect(),
            paths: comparison.paths.iter().map(PathJson::new).collect(),
            findings: findings.map(|found| FindingsJson {
                scope: found.scope.as_str(),
                new: &found.new,
                gone: &found.gone,
            }),
            causes: comparison.causes.iter().map(CauseJson::new).collect(),
            rest: bytes(comparison.rest),
        }
    }
}

fn bytes(change: Change) -> BytesJson {
    BytesJson { compressed: change.compressed, content: change.content }
}

impl<'a> ImageJson<'a> {
    fn new(image: &'a Compared) -> Self {
        Self {
            reference: &image.reference,
            digest: image.digest.as_str(),
            platform: &image.platform,
            created: image.created.as_deref(),
            base: image.base.as_ref().map(|base| BaseJson {
                name: base.name.as_deref(),
                digest: base.digest.as_ref().map(crate::oci::Digest::as_str),
                layers: base.layers,
            }),
            sizes: image.sizes,
        }
    }
}

impl<'a> RowJson<'a> {
    fn new(comparison: &'a Comparison, row: &LayerRow) -> Self {
        let listed = |image: &'a Compared, at: Option<usize>| {
            at.and_then(|at| Some(LayerJson::new(at, image.layers.get(at)?)))
        };
        Self {
            status: row.status.as_str(),
            old: listed(&comparison.old, row.old),
            new: listed(&comparison.new, row.new),
            delta: bytes(row.change),
        }
    }
}

impl<'a> LayerJson<'a> {
    fn new(index: usize, layer: &'a ComparedLayer) -> Self {
        Self {
            index,
            digest: layer.digest.as_str(),
            compressed: layer.compressed,
            content: layer.content,
            origin: layer.origin.as_str(),
            step: layer.step.as_ref().map(|step| step.number),
            instruction: layer.step.as_ref().map(|step| step.instruction.as_str()),
        }
    }
}

impl<'a> PackageJson<'a> {
    fn new(change: &'a PackageChange) -> Self {
        Self {
            change: change.status.as_str(),
            ecosystem: &change.ecosystem,
            name: &change.name,
            location: &change.location,
            old_version: change.old_version.as_deref(),
            new_version: change.new_version.as_deref(),
            requested: change.requested,
            delta: bytes(change.change),
        }
    }
}

impl<'a> ComponentJson<'a> {
    fn new(change: &'a ComponentChange) -> Self {
        Self {
            change: change.status.as_str(),
            id: &change.id,
            title: &change.title,
            root: change.root.as_deref(),
            old_version: change.old_version.as_deref(),
            new_version: change.new_version.as_deref(),
            delta: bytes(change.change),
        }
    }
}

impl<'a> PathJson<'a> {
    fn new(change: &'a PathChange) -> Self {
        Self {
            change: change.status.as_str(),
            path: &change.path,
            directory: change.directory,
            old: change.old,
            new: change.new,
            delta: change.delta(),
            uncertainty: change.uncertainty,
        }
    }
}

impl CauseJson {
    fn new(cause: &Cause) -> Self {
        Self {
            kind: cause.kind.as_str(),
            text: cause.text.to_string(),
            bytes: cause.change.content.unwrap_or(cause.change.compressed),
            delta: bytes(cause.change),
            layers: cause.rows.clone(),
        }
    }
}
