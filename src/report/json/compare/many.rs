//! `regsize.compare-many/1` and `regsize.compare-platforms/1`: many images beside each other.
//!
//! Lists by image have one item for each of `images`, in their order.

use std::io::{self, Write};

use serde::Serialize;

use super::{ImageJson, LayerJson};
use crate::compare::{
    Compared, ComponentVariant, Difference, Matrix, MatrixImage, PackageVariant, Pair, Platforms,
    Skew, StepRow, Variant,
};
use crate::report::encode::write_json;

#[derive(Serialize)]
struct MatrixJson<'a> {
    schema: &'static str,
    images: Vec<MatrixImageJson<'a>>,
    pairs: Vec<PairJson>,
    packages: Vec<PackageJson<'a>>,
    /// Ecosystems of which not all images have a list in the layers that were read.
    unsure: Vec<&'a str>,
    /// Whether all layers were read, and not only those that some image does not have.
    whole: bool,
}

#[derive(Serialize)]
struct MatrixImageJson<'a> {
    #[serde(flatten)]
    image: ImageJson<'a>,
    layers: usize,
    unique: PartJson,
}

#[derive(Serialize)]
struct PartJson {
    layers: usize,
    compressed: u64,
}

#[derive(Serialize)]
struct PairJson {
    /// Positions in `images`.
    old: usize,
    new: usize,
    shared: PartJson,
    delta: DeltaJson,
    /// `null` if the layers that were read do not tell.
    packages: Option<usize>,
}

#[derive(Serialize)]
struct DeltaJson {
    compressed: Difference,
    content: Option<Difference>,
}

#[derive(Serialize)]
struct PackageJson<'a> {
    ecosystem: &'a str,
    name: &'a str,
    images: Vec<Option<VariantJson<'a>>>,
}

#[derive(Serialize)]
struct VariantJson<'a> {
    versions: Vec<&'a str>,
    visible: u64,
}

#[derive(Serialize)]
struct PlatformsJson<'a> {
    schema: &'static str,
    images: Vec<ImageJson<'a>>,
    /// Bytes of the layers that all images have.
    shared: u64,
    /// At least; `null` unless all layers were read.
    identical: Option<IdenticalJson>,
    steps: Vec<StepJson<'a>>,
    components: Vec<ComponentJson<'a>>,
    packages: Vec<PackageJson<'a>>,
    findings: Vec<SkewJson<'a>>,
}

#[derive(Serialize)]
struct IdenticalJson {
    files: usize,
    content: u64,
}

#[derive(Serialize)]
struct StepJson<'a> {
    layers: Vec<Option<LayerJson<'a>>>,
    identical: Option<u64>,
}

#[derive(Serialize)]
struct ComponentJson<'a> {
    id: &'a str,
    title: &'a str,
    images: Vec<Option<VariantJson<'a>>>,
}

#[derive(Serialize)]
struct SkewJson<'a> {
    rule: &'a str,
    severity: &'static str,
    message: &'a str,
}

/// Writes many images, each with each.
pub(in crate::report) fn write_matrix_json(matrix: &Matrix, out: &mut dyn Write) -> io::Result<()> {
    let document = MatrixJson {
        schema: "regsize.compare-many/1",
        images: matrix.images.iter().map(matrix_image).collect(),
        pairs: matrix.pairs.iter().map(pair).collect(),
        packages: matrix.packages.iter().map(package).collect(),
        unsure: matrix.unsure.iter().map(String::as_str).collect(),
        whole: matrix.is_whole,
    };
    write_json(&document, out)
}

fn matrix_image(one: &MatrixImage) -> MatrixImageJson<'_> {
    MatrixImageJson {
        image: ImageJson::new(&one.image),
        layers: one.image.layers.len(),
        unique: PartJson { layers: one.unique_layers, compressed: one.unique },
    }
}

fn pair(pair: &Pair) -> PairJson {
    PairJson {
        old: pair.old,
        new: pair.new,
        shared: PartJson { layers: pair.shared_layers, compressed: pair.shared },
        delta: DeltaJson { compressed: pair.compressed, content: pair.content },
        packages: pair.packages,
    }
}

fn package(package: &PackageVariant) -> PackageJson<'_> {
    PackageJson {
        ecosystem: &package.ecosystem,
        name: &package.name,
        images: variants(&package.images),
    }
}

fn variants(images: &[Option<Variant>]) -> Vec<Option<VariantJson<'_>>> {
    images.iter().map(|found| found.as_ref().map(variant)).collect()
}

fn variant(found: &Variant) -> VariantJson<'_> {
    let versions = found.versions.iter().map(String::as_str).collect();
    VariantJson { versions, visible: found.visible }
}

/// Writes the images of platforms.
pub(in crate::report) fn write_platforms_json(
    platforms: &Platforms,
    out: &mut dyn Write,
) -> io::Result<()> {
    let identical = platforms.identical;
    let document = PlatformsJson {
        schema: "regsize.compare-platforms/1",
        images: platforms.images.iter().map(ImageJson::new).collect(),
        shared: platforms.shared,
        identical: identical
            .map(|found| IdenticalJson { files: found.files, content: found.bytes }),
        steps: platforms.steps.iter().map(|row| step(platforms, row)).collect(),
        components: platforms.components.iter().map(component).collect(),
        packages: platforms.packages.iter().map(package).collect(),
        findings: platforms.skew.iter().map(skew).collect(),
    };
    write_json(&document, out)
}

fn step<'a>(platforms: &'a Platforms, row: &StepRow) -> StepJson<'a> {
    let layer = |(image, layer): (&'a Compared, &Option<usize>)| {
        layer.and_then(|at| Some(LayerJson::new(at, image.layers.get(at)?)))
    };
    StepJson {
        layers: platforms.images.iter().zip(&row.layers).map(layer).collect(),
        identical: platforms.identical.map(|_| row.identical),
    }
}

fn component(component: &ComponentVariant) -> ComponentJson<'_> {
    let images = variants(&component.images);
    ComponentJson { id: &component.id, title: &component.title, images }
}

fn skew(skew: &Skew) -> SkewJson<'_> {
    SkewJson { rule: &skew.rule, severity: skew.severity.as_str(), message: &skew.message }
}
