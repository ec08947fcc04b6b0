//! Many images, each with each.

use std::collections::{BTreeMap, BTreeSet};

use super::packages::PackageStatus;
use super::side::Side;
use super::variants::PackageVariant;
use super::{Compared, Difference, difference, packages, rows, variants};
use crate::oci::Digest;
use crate::snapshot::Snapshot;

/// Several images of one platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The images, in the order they were asked for.
    pub images: Vec<MatrixImage>,
    /// Each pair of them, the first before the second.
    pub pairs: Vec<Pair>,
    /// Packages that differ, the most bytes first; only in layers that not all images share.
    pub packages: Vec<PackageVariant>,
    /// Package managers of which some image has no list in those layers.
    pub unsure: BTreeSet<String>,
    /// Whether all layers of all images were read.
    pub is_whole: bool,
}

/// One of the images.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixImage {
    /// What it is.
    pub image: Compared,
    /// Layers that no other one has.
    pub unique_layers: usize,
    /// Their bytes.
    pub unique: u64,
}

/// Two of the images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Position of the first.
    pub old: usize,
    /// Position of the second.
    pub new: usize,
    /// Distinct layers that both have.
    pub shared_layers: usize,
    /// Their bytes.
    pub shared: u64,
    /// Compressed bytes of the second less those of the first.
    pub compressed: Difference,
    /// Likewise of content, if it is known.
    pub content: Option<Difference>,
    /// Packages that differ; `None` if the layers that differ do not tell.
    pub packages: Option<usize>,
}

/// Compares each image with each.
pub fn matrix(images: &[Snapshot]) -> Matrix {
    let mut owners: BTreeMap<&Digest, BTreeSet<usize>> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        for layer in &image.layers {
            owners.entry(&layer.digest).or_default().insert(at);
        }
    }
    let described = images.iter().map(|image| {
        let mut known = BTreeSet::new();
        let own = image.layers.iter().filter(|layer| {
            known.insert(&layer.digest) && owners.get(&layer.digest).is_some_and(|of| of.len() == 1)
        });
        let sizes: Vec<u64> = own.map(|layer| layer.compressed).collect();
        let unique = sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
        MatrixImage { image: Compared::new(image), unique_layers: sizes.len(), unique }
    });
    let mut found = Differing::default();
    let mut pairs = Vec::new();
    for (new, after) in images.iter().enumerate() {
        for (old, before) in images.iter().enumerate().take(new) {
            pairs.push(found.pair((old, before), (new, after)));
        }
    }
    pairs.sort_by_key(|pair| (pair.old, pair.new));
    let is_wanted = |kind: &str, name: &str| {
        !found.unsure.contains(kind) && found.names.contains(&(kind.to_owned(), name.to_owned()))
    };
    Matrix {
        images: described.collect(),
        pairs,
        packages: variants::packages(images, is_wanted),
        is_whole: images.iter().all(Snapshot::is_complete),
        unsure: found.unsure,
    }
}

/// The layers that all images have: they say nothing about how the images differ.
pub fn common(images: &[Snapshot]) -> BTreeSet<Digest> {
    let digests = |image: &Snapshot| -> BTreeSet<Digest> {
        image.layers.iter().map(|layer| layer.digest.clone()).collect()
    };
    let all = images.iter().map(digests);
    all.reduce(|common, more| common.intersection(&more).cloned().collect()).unwrap_or_default()
}

/// The packages that differ in some pair.
#[derive(Default)]
struct Differing {
    names: BTreeSet<(String, String)>,
    unsure: BTreeSet<String>,
}

impl Differing {
    fn pair(
        &mut self,
        (old, before): (usize, &Snapshot),
        (new, after): (usize, &Snapshot),
    ) -> Pair {
        let rows = rows(before, after);
        let sides = (Side::old(before, after, &rows), Side::new(before, after, &rows));
        let (changes, unsure) = packages::changes(&sides.0, &sides.1);
        let differing = rows.iter().filter(|row| row.differs());
        let is_read = differing.clone().all(|row| row.change.content.is_some());
        let is_other = |status| !matches!(status, PackageStatus::Rewritten | PackageStatus::Stored);
        let others = changes.iter().filter(|change| is_other(change.status));
        self.names.extend(others.clone().map(|one| (one.ecosystem.clone(), one.name.clone())));
        let is_known = is_read && unsure.is_empty();
        self.unsure.extend(unsure);
        let known: BTreeMap<&Digest, u64> =
            before.layers.iter().map(|layer| (&layer.digest, layer.compressed)).collect();
        let digests: BTreeSet<&Digest> = after.layers.iter().map(|layer| &layer.digest).collect();
        let shared: Vec<u64> = digests.iter().filter_map(|one| known.get(one).copied()).collect();
        let content = rows.iter().map(|row| row.change.content).sum();
        Pair {
            old,
            new,
            shared_layers: shared.len(),
            shared: shared.iter().fold(0_u64, |sum, size| sum.saturating_add(*size)),
            compressed: difference(Some(before.sizes.compressed), Some(after.sizes.compressed))
                .unwrap_or_default(),
            content,
            packages: is_known.then(|| others.count()),
        }
    }
}
