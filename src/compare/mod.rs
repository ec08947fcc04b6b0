//! Images compared by their figures: what differs between two of them, and what made the difference.
//!
//! Pure, over [`Snapshot`]s. Layers are aligned first ([`rows`]), and only those that differ are
//! looked into: what both images share cancels out, so that the differences in content and in
//! compressed bytes are exact although shared layers were never read. The causes and the rest add
//! up to the difference. What a difference needs of shared layers (what the merged filesystem
//! shows and hides) is `None` unless all layers were read.

mod align;
mod causes;
mod components;
mod findings;
mod matrix;
mod packages;
mod paths;
mod platforms;
mod side;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod variants;
mod version;

use std::collections::BTreeSet;

pub use align::{LayerRow, Status, rows};
pub use causes::{Cause, CauseKind};
pub use components::ComponentChange;
pub use findings::{FindingChanges, Scope};
pub use matrix::{Matrix, MatrixImage, Pair, common, matrix};
pub use packages::{PackageChange, PackageStatus};
pub use paths::{PathChange, PathStatus};
pub use platforms::{Identical, Platforms, Skew, StepRow, platforms};

pub use variants::{ComponentVariant, PackageVariant, Variant};

use self::side::Side;
use crate::image::Origin;
use crate::oci::Digest;
use crate::snapshot::{Base, Layer, Sizes, Snapshot, Step};

/// A difference in bytes: new less old.
pub type Difference = i128;

/// What differs between two images of one platform.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The old image.
    pub old: Compared,
    /// The new image.
    pub new: Compared,
    /// The differences of the totals.
    pub delta: Delta,
    /// What who has the old image downloads for the new one; `None` if an image is in files that hold
    /// layers uncompressed.
    pub next_pull: Option<NextPull>,
    /// The layers of both images, aligned; in the order of the new image, with those that went
    /// away where they were.
    pub layers: Vec<LayerRow>,
    /// Packages that came, went or changed, by bytes; only in layers that differ.
    pub packages: Vec<PackageChange>,
    /// Package managers of which one image has no list in the layers that differ, so that what
    /// came cannot be told from what changed.
    pub unsure: BTreeSet<String>,
    /// Components, likewise.
    pub components: Vec<ComponentChange>,
    /// Directories and files, likewise; without directories of which one thing in them says nearly
    /// all.
    pub paths: Vec<PathChange>,
    /// Findings that appeared or went away; `None` if the images were not studied alike.
    pub findings: Option<FindingChanges>,
    /// What made the difference, the most bytes first.
    pub causes: Vec<Cause>,
    /// What the causes leave of the difference.
    pub rest: Change,
}

/// One of the images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The reference as the user wrote it.
    pub reference: String,
    /// The digest of the image's manifest.
    pub digest: Digest,
    /// The platform.
    pub platform: String,
    /// When it was made.
    pub created: Option<String>,
    /// Its totals.
    pub sizes: Sizes,
    /// Its base image.
    pub base: Option<Base>,
    /// Its layers, base first.
    pub layers: Vec<ComparedLayer>,
}

/// A layer of one of the images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedLayer {
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes of the blob.
    pub compressed: u64,
    /// Content bytes, if it was read.
    pub content: Option<u64>,
    /// Whose layer it is.
    pub origin: Origin,
    /// The build step that made it.
    pub step: Option<Step>,
}

/// Differences of bytes in both measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Bytes of blobs.
    pub compressed: Difference,
    /// Content bytes; `None` if a layer that differs was not read.
    pub content: Option<Difference>,
}

/// Differences of the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Of blobs and of content.
    pub bytes: Change,
    /// Of what the merged filesystem shows; `None` unless all layers were read.
    pub visible: Option<Difference>,
    /// Of what it does not show.
    pub shadowed: Option<Difference>,
    /// Of the number of layers.
    pub layers: Difference,
}

/// What who has the old image downloads for the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextPull {
    /// Layers that the old image does not have.
    pub layers: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the manifest and the config, where they differ; `None` if they are not known.
    pub documents: Option<u64>,
}

impl Change {
    const ZERO: Self = Self { compressed: 0, content: Some(0) };

    /// The sum of both; unknown if one is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            compressed: self.compressed.saturating_add(other.compressed),
            content: self.content.zip(other.content).map(|(a, b)| a.saturating_add(b)),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            compressed: self.compressed.saturating_sub(other.compressed),
            content: self.content.zip(other.content).map(|(a, b)| a.saturating_sub(b)),
        }
    }

    /// What causes are ranked by.
    pub(crate) fn weight(self) -> (u128, u128) {
        let compressed = self.compressed.unsigned_abs();
        (self.content.map_or(compressed, Difference::unsigned_abs), compressed)
    }
}

impl Comparison {
    /// Whether both are the same image.
    pub fn is_same(&self) -> bool {
        self.old.digest == self.new.digest
    }

    /// The new layer of a row; the old one if there is no new one.
    pub fn layer(&self, row: &LayerRow) -> Option<&ComparedLayer> {
        let new = row.new.and_then(|at| self.new.layers.get(at));
        new.or_else(|| self.old.layers.get(row.old?))
    }

    /// Whether the compressed sizes of both are those of a pull.
    pub fn is_pulled(&self) -> bool {
        [&self.old, &self.new].iter().all(|image| image.sizes.plain_layers == 0)
    }

    /// Layers of a status.
    pub fn with(&self, status: Status) -> impl Iterator<Item = &LayerRow> {
        self.layers.iter().filter(move |row| row.status == status)
    }
}

/// What differs between two images.
pub fn compare(old: &Snapshot, new: &Snapshot) -> Comparison {
    let rows = rows(old, new);
    let (before, after) = (Side::old(old, new, &rows), Side::new(old, new, &rows));
    let bytes = rows.iter().map(|row| row.change).fold(Change::ZERO, Change::plus);
    let (packages, unsure) = packages::changes(&before, &after);
    let paths = paths::changes(&before, &after);
    let causes = causes::causes(&before, &after, &rows, &packages);
    let explained = causes.iter().map(|cause| cause.change).fold(Change::ZERO, Change::plus);
    Comparison {
        old: Compared::new(old),
        new: Compared::new(new),
        delta: Delta {
            bytes,
            visible: difference(old.sizes.visible, new.sizes.visible),
            shadowed: difference(old.sizes.shadowed, new.sizes.shadowed),
            layers: new.layers.len() as Difference - old.layers.len() as Difference,
        },
        next_pull: next_pull(old, new),
        components: components::changes(&before, &after),
        findings: findings::changes(&before, &after, &rows),
        rest: bytes.minus(explained),
        layers: rows,
        packages,
        unsure,
        paths,
        causes,
    }
}

/// The layers of two images that say nothing about how they differ: the registry need not be asked
/// for them.
pub fn shared(old: &Snapshot, new: &Snapshot) -> BTreeSet<Digest> {
    let rows = rows(old, new);
    let digests = |row: &LayerRow| {
        let old = row.old.and_then(|at| old.layers.get(at)).map(|layer| layer.digest.clone());
        let new = row.new.and_then(|at| new.layers.get(at)).map(|layer| layer.digest.clone());
        old.into_iter().chain(new)
    };
    let differing: BTreeSet<Digest> =
        rows.iter().filter(|row| row.differs()).flat_map(digests).collect();
    let same = rows.iter().filter(|row| !row.differs()).flat_map(digests);
    same.filter(|digest| !differing.contains(digest)).collect()
}

fn next_pull(old: &Snapshot, new: &Snapshot) -> Option<NextPull> {
    if [old, new].iter().any(|image| image.sizes.plain_layers > 0) {
        return None;
    }
    let mut known: BTreeSet<&Digest> = old.layers.iter().map(|layer| &layer.digest).collect();
    let missing = new.layers.iter().filter(|layer| known.insert(&layer.digest));
    let start =
        NextPull { documents: (old.image == new.image).then_some(0), ..NextPull::default() };
    Some(missing.fold(start, |pull, layer| NextPull {
        layers: pull.layers + 1,
        bytes: pull.bytes.saturating_add(layer.compressed),
        ..pull
    }))
}

fn difference(old: Option<u64>, new: Option<u64>) -> Option<Difference> {
    Some(Difference::from(new?) - Difference::from(old?))
}

impl Compared {
    fn new(snapshot: &Snapshot) -> Self {
        Self {
            reference: snapshot.reference.clone(),
            digest: snapshot.image.clone(),
            platform: snapshot.platform.clone(),
            created: snapshot.created.clone(),
            sizes: snapshot.sizes,
            base: snapshot.base.clone(),
            layers: snapshot.layers.iter().map(ComparedLayer::new).collect(),
        }
    }
}

impl ComparedLayer {
    fn new(layer: &Layer) -> Self {
        Self {
            digest: layer.digest.clone(),
            compressed: layer.compressed,
            content: layer.contents.as_ref().map(|contents| contents.content),
            origin: layer.origin,
            step: layer.step.clone(),
        }
    }
}
