//! An image in figures: what comparisons, budgets and histories need of it, and no more.
//!
//! A [`Snapshot`] holds no layer and no file: sizes, layers with the steps that made them, what
//! each layer stores by owner and by path, components and findings. It is plain, bounded, and
//! written into every JSON report (`snapshot` of an image), so that a report kept from an earlier
//! run stands for the image without a registry. Reading one back refuses other schemas.

mod read;
mod take;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use read::{ReadError, read};

use crate::analysis::LayerPaths;
use crate::image::Origin;
use crate::oci::Digest;
use crate::rule::{Risk, Severity};

/// The schema of a snapshot as JSON.
pub const SCHEMA: &str = "regsize.snapshot/1";

/// One platform's image in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SCHEMA`].
    pub schema: String,
    /// The reference as the user wrote it.
    pub reference: String,
    /// The digest that the reference resolved to.
    pub digest: Digest,
    /// The digest of this image's manifest.
    pub image: Digest,
    /// The platform, as in `linux/arm64`.
    pub platform: String,
    /// When the image was made, as RFC 3339 in UTC, if the config tells.
    pub created: Option<String>,
    /// The totals.
    pub sizes: Sizes,
    /// The base image, if there is evidence of one.
    pub base: Option<Base>,
    /// The layers, base first.
    pub layers: Vec<Layer>,
    /// Who owns what the layers store; empty if none was read.
    pub owners: Vec<Owner>,
    /// The large tools.
    pub components: Vec<Component>,
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// What nobody looked at, so that packages and findings may be missing. Left out of JSON if
    /// there is nothing.
    #[serde(default, skip_serializing_if = "Unread::is_none")]
    pub unread: Unread,
}

/// What of the contents of layers that were read nobody looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// Files that packages or secrets are read from, and that were not looked at whole.
    pub files: u64,
    /// Records of packages that could not be read.
    pub records: u64,
    /// Places at which programs unpack a layer differently.
    #[serde(default)]
    pub ambiguous: u64,
}

impl Unread {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Totals of an image in bytes. What needs layers is `None` unless all were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// What a pull downloads.
    pub compressed: u64,
    /// How many layers were in files as bare tars: if any, `compressed` is not what a pull
    /// downloads, because a push compresses them. Left out of JSON if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub plain_layers: usize,
    /// Length of the layers' tar streams.
    pub uncompressed: Option<u64>,
    /// Sizes of all files that the layers store.
    pub content: Option<u64>,
    /// What of it the merged filesystem shows.
    pub visible: Option<u64>,
    /// What of it the merged filesystem does not show.
    pub shadowed: Option<u64>,
    /// Visible bytes beyond the first copy of each content.
    pub duplicates: Option<u64>,
}

/// The base image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its reference, as the evidence gives it.
    pub name: Option<String>,
    /// Its digest, as the evidence gives it.
    pub digest: Option<Digest>,
    /// How many layers, counted from the bottom, are its.
    pub layers: Option<usize>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Digest of the blob.
    pub digest: Digest,
    /// Digest of the tar stream, if the config lists one.
    pub diff_id: Option<Digest>,
    /// Bytes of the blob.
    pub compressed: u64,
    /// Length of the tar stream.
    pub uncompressed: Option<u64>,
    /// Whose layer it is.
    pub origin: Origin,
    /// The build step that made it.
    pub step: Option<Step>,
    /// What it stores; `None` if it was not read.
    pub contents: Option<Contents>,
}

/// A build step that made a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number among those, counted from 1.
    pub number: usize,
    /// The Dockerfile instruction; secrets are hidden.
    pub instruction: String,
}

/// What a layer stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Sizes of its files.
    pub content: u64,
    /// Regular files.
    pub files: u64,
    /// What of the content the merged filesystem does not show; `None` unless all layers were read.
    pub shadowed: Option<u64>,
    /// The content by owner; the sum over them is `content`.
    pub shares: Vec<Share>,
    /// The content by path.
    pub paths: LayerPaths,
}

/// What one layer stores of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Position in [`Snapshot::owners`].
    pub owner: u32,
    /// Content bytes.
    pub content: u64,
    /// Bytes of the blob that they cost.
    pub compressed: u64,
}

/// Who owns bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The ecosystem of a package (`dpkg`, `python`, …), or `component`, `application`,
    /// `package-database`, `generated`, `unowned`.
    pub kind: String,
    /// The package's or component's name, or a path.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// More about a package.
    pub package: Option<Package>,
}

/// What is known of a package beside its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The directory that it is installed under; empty for those of the distribution.
    pub location: String,
    /// The architecture it was built for, if the record tells.
    pub architecture: Option<String>,
    /// The layer that stores its record.
    pub layer: usize,
    /// Whether the image has it still: a later step may have removed or replaced it.
    pub installed: bool,
    /// Whether somebody asked for it; `None` where the ecosystem does not tell.
    pub requested: Option<bool>,
    /// What the image shows of it, in content bytes.
    pub visible: u64,
}

/// A large tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// The id in the knowledge base.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Its version.
    pub version: Option<String>,
    /// Its root, without a slash at the start; `None` where it has none.
    pub root: Option<String>,
    /// What the image shows of it, in content bytes.
    pub visible: u64,
    /// What it does not show of it.
    pub shadowed: u64,
    /// By layer, base first.
    pub layers: Vec<ComponentShare>,
}

/// What one layer stores of a component. Components may be in one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentShare {
    /// The layer.
    pub layer: usize,
    /// Content bytes.
    pub content: u64,
    /// Bytes of the blob that they cost.
    pub compressed: u64,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The same from build to build.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// What it is about, in one sentence, with amounts in decimal units.
    pub message: String,
    /// How much it matters.
    pub severity: Severity,
    /// What its fix risks.
    pub risk: Risk,
    /// Content bytes that it adds to what the findings before it save.
    pub content: u64,
    /// Bytes of blobs that it adds.
    pub compressed: u64,
    /// The layers that it is about, base first.
    pub layers: Vec<usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Snapshot {
    /// Whether all layers were read.
    pub fn is_complete(&self) -> bool {
        self.layers.iter().all(|layer| layer.contents.is_some())
    }

    /// Visible bytes as a share of content bytes; `None` if that is not known or there are none.
    pub fn efficiency(&self) -> Option<f64> {
        let (visible, content) = (self.sizes.visible?, self.sizes.content?);
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        (content > 0).then(|| visible as f64 / content as f64)
    }
}
