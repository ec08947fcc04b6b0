//! From what was found out about an image to its snapshot.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Base, Component, ComponentShare, Contents, Finding, Layer, Owner, Package, SCHEMA, Share,
    Sizes, Snapshot, Step, Unread,
};
use crate::analysis::{Analysis, Group, ImageAnalysis, Study, text_of_path};
use crate::filesystem::Amount;
use crate::image::{self, Image, Inspection};
use crate::owner::OwnerKind;
use crate::package::{self, PackageId};
use crate::rule::{self, ComponentUsage};

impl Snapshot {
    /// An image of which no layer was read; `image` is its position among the inspection's.
    pub fn of_inspection(inspection: &Inspection, image: &Image) -> Self {
        Self::new(inspection, image, None)
    }

    /// An image of which layers were read.
    pub fn of_analysis(inspection: &Inspection, image: &Image, found: &ImageAnalysis) -> Self {
        Self::new(inspection, image, Some(found))
    }

    /// The images that were analysed, in their order.
    pub fn all_of(analysis: &Analysis) -> Vec<Self> {
        let inspection = &analysis.inspection;
        let found = analysis.images.iter().filter_map(|found| {
            let image = inspection.images.get(found.image)?;
            Some(Self::new(inspection, image, Some(found)))
        });
        found.collect()
    }

    fn new(inspection: &Inspection, image: &Image, found: Option<&ImageAnalysis>) -> Self {
        let study = found.and_then(|found| found.study.as_ref());
        let owners = study.map(Owners::new);
        let layer = |layer| snapshot_layer(image, layer, found, owners.as_ref());
        let layers = image.layers.iter().map(layer).collect();
        Self {
            schema: SCHEMA.to_owned(),
            reference: inspection.reference.clone(),
            digest: inspection.digest.clone(),
            image: image.digest.clone(),
            platform: image.platform.to_string(),
            created: image.created.clone(),
            sizes: sizes(image, found),
            base: image.base.as_ref().map(|base| Base {
                name: base.name.clone(),
                digest: base.digest.clone(),
                layers: base.layers,
            }),
            layers,
            owners: owners.map(|owners| owners.list).unwrap_or_default(),
            components: study.map(components).unwrap_or_default(),
            findings: study.map(findings).unwrap_or_default(),
            unread: found.map(unread).unwrap_or_default(),
        }
    }
}

fn unread(found: &ImageAnalysis) -> Unread {
    let notes = found.study.iter().flat_map(|study| &study.inventory.notes);
    Unread {
        files: found.layers.iter().flatten().map(|layer| layer.unread).sum(),
        records: notes.filter(|note| note.is_gap).map(|_| 1).sum(),
        ambiguous: found.ambiguous.iter().map(|_| 1).sum(),
    }
}

fn sizes(image: &Image, found: Option<&ImageAnalysis>) -> Sizes {
    let complete = found.filter(|found| found.is_complete());
    let study = complete.and_then(|found| found.study.as_ref());
    let narrow = |bytes| u64::try_from(bytes).unwrap_or(u64::MAX);
    Sizes {
        compressed: narrow(image.compressed()),
        plain_layers: image.plain_layers(),
        uncompressed: image.uncompressed().map(narrow),
        content: complete.map(ImageAnalysis::content),
        visible: complete.map(|found| found.visible.bytes),
        shadowed: complete.map(|found| found.shadowed.bytes),
        duplicates: study.map(|study| study.duplicates.bytes),
    }
}

fn snapshot_layer(
    image: &Image,
    layer: &image::Layer,
    found: Option<&ImageAnalysis>,
    owners: Option<&Owners>,
) -> Layer {
    let step = layer.step.and_then(|step| image.steps.get(step));
    let step = step.and_then(|step| {
        Some(Step { number: step.number?, instruction: step.instruction.clone() })
    });
    Layer {
        digest: layer.digest.clone(),
        diff_id: layer.diff_id.as_ref().map(|id| id.0.clone()),
        compressed: layer.compressed,
        uncompressed: layer.uncompressed.map(|known| known.bytes),
        origin: layer.origin,
        step,
        contents: found.and_then(|found| contents(found, layer.index, owners)),
    }
}

fn contents(found: &ImageAnalysis, layer: usize, owners: Option<&Owners>) -> Option<Contents> {
    let usage = (*found.layers.get(layer)?)?;
    let shares = owners.and_then(|owners| owners.shares.get(&layer));
    Some(Contents {
        content: usage.content,
        files: usage.files,
        shadowed: found.is_complete().then_some(usage.shadowed.bytes),
        shares: shares.cloned().unwrap_or_default(),
        paths: found.paths.get(layer).cloned().flatten().unwrap_or_default(),
    })
}

/// Owners and packages, and what each layer stores of them.
struct Owners {
    list: Vec<Owner>,
    shares: BTreeMap<usize, Vec<Share>>,
}

impl Owners {
    fn new(study: &Study) -> Self {
        let mut list: Vec<Owner> = study.owners.iter().map(|owner| known(study, owner)).collect();
        let packages = study.owners.iter().filter_map(|owner| match owner.kind {
            OwnerKind::Package(id) => Some(id),
            _ => None,
        });
        let owning: BTreeSet<PackageId> = packages.collect();
        let all = (0..).map(PackageId).zip(&study.inventory.packages);
        let without_files = all.filter(|(id, _)| !owning.contains(id));
        list.extend(without_files.map(|(id, found)| owner_of(study, id, found)));
        let mut shares: BTreeMap<usize, Vec<Share>> = BTreeMap::new();
        for share in &study.attribution.owned {
            let Amount { bytes: content, compressed, .. } = share.amount;
            let share_of = Share { owner: share.owner.0, content, compressed };
            shares.entry(share.layer).or_default().push(share_of);
        }
        Self { list, shares }
    }
}

fn known(study: &Study, owner: &crate::owner::Owner) -> Owner {
    if let OwnerKind::Package(id) = owner.kind {
        return owner_of(study, id, study.inventory.package(id));
    }
    Owner {
        kind: Group::of(owner, &study.inventory).as_str().to_owned(),
        name: owner.name.clone(),
        version: owner.version.clone(),
        package: None,
    }
}

fn owner_of(study: &Study, id: PackageId, found: &package::Package) -> Owner {
    let usage = study.packages.get(id.0 as usize);
    Owner {
        kind: found.ecosystem.as_str().to_owned(),
        name: found.name.clone(),
        version: found.version.clone(),
        package: Some(Package {
            location: text_of_path(&found.location),
            architecture: found.architecture.clone(),
            layer: found.layer,
            installed: found.removed.is_none(),
            requested: found.requested,
            visible: usage.map_or(0, |usage| usage.visible.bytes),
        }),
    }
}

fn components(study: &Study) -> Vec<Component> {
    let share = |usage: &rule::LayerUsage| ComponentShare {
        layer: usage.layer,
        content: usage.visible.bytes.saturating_add(usage.shadowed.bytes),
        compressed: usage.visible.compressed.saturating_add(usage.shadowed.compressed),
    };
    let component = |usage: &ComponentUsage| Component {
        id: usage.id.clone(),
        title: usage.title.clone(),
        version: usage.version.as_ref().map(|(version, _)| version.clone()),
        root: usage.root.as_deref().map(text_of_path),
        visible: usage.visible.bytes,
        shadowed: usage.shadowed.bytes,
        layers: usage.layers.iter().map(share).collect(),
    };
    study.components.iter().map(component).collect()
}

fn findings(study: &Study) -> Vec<Finding> {
    let finding = |finding: &rule::Finding| Finding {
        id: finding.id.clone(),
        rule: finding.rule.id.to_owned(),
        message: finding.message.to_string(),
        severity: finding.severity,
        risk: finding.risk,
        content: finding.net.content,
        compressed: finding.net.compressed,
        layers: finding.steps.iter().map(|step| step.layer).collect(),
    };
    study.findings.iter().map(finding).collect()
}
