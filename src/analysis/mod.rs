//! What the layers of an image tell: usage by layer and path, waste by step pair, efficiency.
//!
//! Pure: composes what [`crate::collect`] read with the merged filesystem. Layers that were not
//! read are left out, and the result says which.

mod analyze;
mod dive;
mod gaps;
mod paths;
mod search;
mod study;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod usage;
mod waste;

use std::cmp::Reverse;
use std::collections::BTreeSet;

pub use analyze::{AnalysisOptions, analyze};
pub use gaps::Gaps;
pub use paths::{LayerPaths, PathSum, text_of_path};
pub use search::{PathMatch, PathMatches, PathSearch};
pub use study::{
    Attribution, Balance, Brought, Declared, Group, GroupShare, Identity, Milestone, Optimized,
    OwnerShare, PackageUsage, Stage, Study, milestones, optimized, saved,
};
pub use usage::{NoSuchPath, Sort, Usage, UsageError, UsageOptions, UsageRow, usage};

use crate::filesystem::{Amount, Filesystem, Hidden, NodeId};
use crate::image::Inspection;
use crate::layer::{Kind, OddityKind, Source};
use crate::rule::Finding;

/// What was found out about the images of a reference.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// What the manifests and configs tell. The uncompressed sizes of layers that were read are
    /// counted ones.
    pub inspection: Inspection,
    /// The analysed images; the rest of the inspection's were not asked for.
    pub images: Vec<ImageAnalysis>,
    /// What the rules found that compare the images with one another.
    pub findings: Vec<Finding>,
}

/// What was found out about one image.
#[derive(Clone, Debug)]
pub struct ImageAnalysis {
    /// Position in the inspection's images.
    pub image: usize,
    /// The layers, base first; `None` for those that were not read.
    pub layers: Vec<Option<LayerUsage>>,
    /// What the merged filesystem shows of the layers that were read.
    pub visible: Amount,
    /// What it does not show of them.
    pub shadowed: Amount,
    /// The shadowed bytes by the layers that wrote and hid them and how, the largest first, where
    /// there is content among them.
    pub waste: Vec<Waste>,
    /// What is shadowed besides: whiteouts, links, directories and empty files, which have no
    /// content but cost bytes of the blob. It and `waste` are `shadowed`.
    pub waste_without_content: Amount,
    /// The largest directories of the merged filesystem by content, the largest first; without
    /// those of which one directory in them holds nearly everything.
    pub directories: Vec<PathUsage>,
    /// The largest files of the merged filesystem, the largest first.
    pub files: Vec<PathUsage>,
    /// dive's figures, if they were asked for and all layers were read.
    pub dive: Option<Dive>,
    /// Places that two readers would take differently.
    pub ambiguous: Vec<Remark>,
    /// What is unusual but clear.
    pub notes: Vec<Remark>,
    /// Oddities that are counted but not listed.
    pub remarks_dropped: u64,
    /// What each layer stores by path, by layer; `None` for those that were not read, or if it was
    /// not asked for.
    pub paths: Vec<Option<LayerPaths>>,
    /// The paths that were looked for, in the layers that were read; one for each pattern.
    pub matches: Vec<PathMatches>,
    /// Owners, packages, components and findings; `None` if layers were left out, unless it was
    /// asked for all the same.
    pub study: Option<Study>,
}

/// What one layer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerUsage {
    /// Content bytes of its entries.
    pub content: u64,
    /// Entries, directories and markers included.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// What the merged filesystem does not show of it.
    pub shadowed: Amount,
    /// Bytes of its blob that belong to no entry: a table of contents, a footer, bytes after the
    /// archive.
    pub overhead: u64,
    /// Files whose contents tell packages or secrets, of which not all was looked at.
    pub unread: u64,
    /// What its table of contents was read from in the first place.
    pub source: Source,
    /// Whether the table of contents came from the cache.
    pub cached: bool,
    /// Bytes of the blob, and of tables of contents, that were transferred for it in this run.
    pub transferred: u64,
}

/// Bytes that one layer stores and another (or the same) hides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waste {
    /// The layer that stores them.
    pub written_in: usize,
    /// The layer that hides them and how.
    pub hidden: Hidden,
    /// How much.
    pub amount: Amount,
    /// The paths that hold most of it, the largest first, shortened to the directories that are
    /// hidden as a whole.
    pub paths: Vec<PathUsage>,
}

/// A path and what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathUsage {
    /// The path from the root, without a slash at the start; empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// What it and all that is in it costs.
    pub amount: Amount,
    /// The layer that wrote it; `None` for a directory that no layer lists.
    pub layer: Option<usize>,
}

/// dive's figures, by its formulas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dive {
    /// The share of the bytes that are stored once, or once would do; 1 without any bytes.
    pub efficiency: f64,
    /// Bytes of all layers.
    pub size_bytes: u64,
    /// Bytes of all layers but the first.
    pub user_size_bytes: u64,
    /// Bytes of all copies of paths that are stored more than once.
    pub wasted_bytes: u64,
    /// Wasted bytes as a share of the bytes of all layers but the first.
    pub user_wasted_percent: f64,
}

/// Something odd about a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The layer.
    pub layer: usize,
    /// The path it is about, if it is about one.
    pub path: Option<Vec<u8>>,
    /// What it is.
    pub kind: OddityKind,
}

impl ImageAnalysis {
    /// Whether all layers were read. Otherwise what the merged filesystem shows and hides is not
    /// known: a layer that was left out may add, delete or replace anything.
    pub fn is_complete(&self) -> bool {
        self.layers.iter().all(Option::is_some)
    }

    /// Content bytes of the layers that were read.
    pub fn content(&self) -> u64 {
        self.visible.bytes.saturating_add(self.shadowed.bytes)
    }

    /// Visible bytes as a share of content bytes; `None` without content.
    pub fn efficiency(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        (self.content() > 0).then(|| self.visible.bytes as f64 / self.content() as f64)
    }

    /// Bytes that were transferred for the layers in this run.
    pub fn transferred(&self) -> u64 {
        self.layers.iter().flatten().map(|layer| layer.transferred).sum()
    }
}

/// The `top` paths of the most bytes, ties by path. Of the others no path is kept.
fn largest(
    filesystem: &Filesystem,
    sized: impl IntoIterator<Item = (u64, NodeId)>,
    top: usize,
) -> Vec<NodeId> {
    let mut found: BTreeSet<(Reverse<u64>, Vec<u8>, NodeId)> = BTreeSet::new();
    for (bytes, node) in sized {
        let full = found.len() >= top;
        let smallest = found.last().map(|(Reverse(bytes), ..)| *bytes);
        if full && smallest.is_none_or(|smallest| bytes < smallest) {
            continue;
        }
        found.insert((Reverse(bytes), filesystem.path(node), node));
        if full {
            found.pop_last();
        }
    }
    found.into_iter().map(|(_, _, node)| node).collect()
}
