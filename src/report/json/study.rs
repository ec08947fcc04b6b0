//! The part of `regsize.analyze/1` on whose the bytes are and what could be done about them.
//!
//! All of it is `null` if a layer was left out. `visible`, `shadowed` and `bytes` are content
//! bytes, `compressed` what the visible ones cost of blobs. In `optimized`, `safe` and `test` are
//! what the image would come to; `review_up_to` is what a review may free beside that, at most. Of
//! an image without a known base, all layers count as its own.

use serde::Serialize;

use super::PathJson;
use super::finding::FindingJson;
use crate::analysis::{Group, ImageAnalysis, Optimized, PackageUsage, Study};
use crate::image::Image;
use crate::owner::Owner;
use crate::package::Package;
use crate::rule::{ComponentUsage, DuplicateGroup, Duplicates, LayerUsage, PartUsage, Saving};

#[derive(Default, Serialize)]
pub(super) struct StudyJson<'a> {
    owners: Option<Vec<OwnerJson<'a>>>,
    packages: Option<Vec<PackageJson<'a>>>,
    components: Option<Vec<ComponentJson<'a>>>,
    duplicates: Option<DuplicatesJson<'a>>,
    findings: Option<Vec<FindingJson<'a>>>,
    optimized: Option<OptimizedJson>,
    balances: Option<Vec<BalanceJson>>,
}

#[derive(Serialize)]
struct OwnerJson<'a> {
    kind: &'static str,
    name: &'a str,
    version: Option<&'a str>,
    origin: &'static str,
    visible: u64,
    shadowed: u64,
    compressed: u64,
    files: u64,
}

#[derive(Serialize)]
pub(super) struct PackageJson<'a> {
    ecosystem: &'static str,
    name: &'a str,
    version: Option<&'a str>,
    bytes: u64,
    compressed: u64,
    #[serde(flatten)]
    location: LocationJson,
    layer: usize,
    step: Option<usize>,
    requested: Option<bool>,
    exclusive: Option<u64>,
}

#[derive(Serialize)]
struct LocationJson {
    location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location_bytes: Option<String>,
}

#[derive(Serialize)]
struct ComponentJson<'a> {
    id: &'a str,
    title: &'a str,
    version: Option<&'a str>,
    version_source: Option<&'a str>,
    root: Option<PathJson<'a>>,
    visible: u64,
    shadowed: u64,
    compressed: u64,
    layer: Option<usize>,
    step: Option<usize>,
    inside: Option<&'a str>,
    parts: Vec<PartJson<'a>>,
    slimmer: &'a [String],
    check_cmd: Option<&'a str>,
}

#[derive(Serialize)]
struct PartJson<'a> {
    name: &'a str,
    role: &'a str,
    risk: &'a str,
    needed_by: Option<&'a str>,
    bytes: u64,
    compressed: u64,
}

#[derive(Serialize)]
struct DuplicatesJson<'a> {
    bytes: u64,
    compressed: u64,
    groups: Vec<DuplicateGroupJson<'a>>,
}

#[derive(Serialize)]
struct DuplicateGroupJson<'a> {
    hash: String,
    size: u64,
    compressed: u64,
    files: u64,
    paths: Vec<PathJson<'a>>,
}

#[derive(Serialize)]
struct OptimizedJson {
    safe: SizesJson,
    test: SizesJson,
    review_up_to: SizesJson,
}

#[derive(Serialize)]
struct SizesJson {
    content: u64,
    compressed: u64,
}

#[derive(Serialize)]
struct BalanceJson {
    identity: &'static str,
    found: u128,
    expected: u128,
}

impl<'a> StudyJson<'a> {
    pub(super) fn new(image: &'a Image, found: &'a ImageAnalysis) -> Self {
        let Some(study) = &found.study else { return Self::default() };
        let whole = Some(found.content());
        let findings = study.findings.iter();
        let balances = study.balances.iter().map(|balance| BalanceJson {
            identity: balance.identity.as_str(),
            found: balance.found,
            expected: balance.expected,
        });
        Self {
            owners: Some(study.owners.iter().map(|o| OwnerJson::new(image, study, o)).collect()),
            packages: Some(installed(image, study, |_| true)),
            components: Some(
                study.components.iter().map(|c| ComponentJson::new(image, study, c)).collect(),
            ),
            duplicates: Some(DuplicatesJson::new(&study.duplicates)),
            findings: Some(
                findings
                    .map(|finding| FindingJson::new(image, &study.owners, whole, finding))
                    .collect(),
            ),
            optimized: Some(OptimizedJson::new(study.optimized)),
            balances: Some(balances.collect()),
        }
    }
}

/// The packages that are installed and `wanted`.
pub(super) fn installed<'a>(
    image: &'a Image,
    study: &'a Study,
    wanted: impl Fn(&Package) -> bool,
) -> Vec<PackageJson<'a>> {
    let installed = study.installed().filter(|(package, _)| wanted(package));
    installed.map(|(package, usage)| PackageJson::new(image, package, usage)).collect()
}

fn step_of(image: &Image, layer: usize) -> Option<usize> {
    image.steps.get(image.layers.get(layer)?.step?)?.number
}

impl<'a> OwnerJson<'a> {
    fn new(image: &Image, study: &Study, owner: &'a Owner) -> Self {
        let origin = image.layers.get(owner.layer).map(|layer| layer.origin.as_str());
        Self {
            kind: Group::of(owner, &study.inventory).as_str(),
            name: &owner.name,
            version: owner.version.as_deref(),
            origin: origin.unwrap_or("unknown"),
            visible: owner.visible.bytes,
            shadowed: owner.shadowed.bytes,
            compressed: owner.visible.compressed,
            files: owner.visible.files,
        }
    }
}

impl<'a> PackageJson<'a> {
    fn new(image: &Image, package: &'a Package, usage: &PackageUsage) -> Self {
        let (location, location_bytes) = super::text_and_bytes(&package.location);
        Self {
            ecosystem: package.ecosystem.as_str(),
            name: &package.name,
            version: package.version.as_deref(),
            bytes: usage.visible.bytes,
            compressed: usage.visible.compressed,
            location: LocationJson { location: location.into_owned(), location_bytes },
            layer: package.layer,
            step: step_of(image, package.layer),
            requested: package.requested,
            exclusive: usage.exclusive,
        }
    }
}

impl<'a> ComponentJson<'a> {
    fn new(image: &Image, study: &'a Study, component: &'a ComponentUsage) -> Self {
        let bytes = |usage: &LayerUsage| usage.visible.bytes.saturating_add(usage.shadowed.bytes);
        let heaviest = component.layers.iter().max_by_key(|usage| bytes(usage));
        let layer = heaviest.map(|usage| usage.layer);
        let outer = component.inside.and_then(|outer| study.components.get(outer));
        let part = |part: &'a PartUsage| PartJson {
            name: &part.name,
            role: &part.role,
            risk: &part.risk,
            needed_by: part.needed_by.as_deref(),
            bytes: part.visible.bytes,
            compressed: part.visible.compressed,
        };
        Self {
            id: &component.id,
            title: &component.title,
            version: component.version.as_ref().map(|(version, _)| version.as_str()),
            version_source: component.version.as_ref().map(|(_, source)| source.as_str()),
            root: component.root.as_deref().map(PathJson::new),
            visible: component.visible.bytes,
            shadowed: component.shadowed.bytes,
            compressed: component.visible.compressed,
            layer,
            step: layer.and_then(|layer| step_of(image, layer)),
            inside: outer.map(|outer| outer.id.as_str()),
            parts: component.parts.iter().map(part).collect(),
            slimmer: &component.slimmer,
            check_cmd: component.check.as_deref(),
        }
    }
}

impl<'a> DuplicatesJson<'a> {
    fn new(duplicates: &'a Duplicates) -> Self {
        let group = |group: &'a DuplicateGroup| DuplicateGroupJson {
            hash: hex::encode(group.hash.0),
            size: group.size,
            compressed: group.compressed,
            files: group.files,
            paths: group.paths.iter().map(|path| PathJson::new(path)).collect(),
        };
        Self {
            bytes: duplicates.bytes,
            compressed: duplicates.compressed,
            groups: duplicates.groups.iter().map(group).collect(),
        }
    }
}

impl OptimizedJson {
    fn new(optimized: Optimized) -> Self {
        let sizes =
            |saving: Saving| SizesJson { content: saving.content, compressed: saving.compressed };
        Self {
            safe: sizes(optimized.safe),
            test: sizes(optimized.test),
            review_up_to: sizes(optimized.review_up_to),
        }
    }
}
