//! The merged filesystem of an image's layers, and the ledger of what it does not show.
//!
//! Pure: no input, no clock. Layers are applied in order as OCI image-spec `layer.md` says, paths
//! are compared byte for byte, and links are not followed: what is stored below a link or a file
//! makes a directory of it. `content = visible + shadowed`, exactly.
//!
//! A file's bytes are visible while one of its names (hard links) is. Markers (whiteouts and names
//! that layers reserve) are never shown, nor is anything else than a directory at the root.

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod lines;
mod merge;
#[cfg(any(test, feature = "fuzzing"))]
mod model;
#[cfg(test)]
mod tests;
mod view;

use std::ops::AddAssign;

use crate::layer::{Entry, Kind};

pub use view::{Filesystem, Node, NodeId, Walk};

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Regular files, empty ones included: inodes, not names.
    pub files: u64,
    /// Content bytes.
    pub bytes: u64,
    /// Bytes of blobs that they cost.
    pub compressed: u64,
}

/// Why the merged filesystem does not show bytes that a layer stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// A later layer deletes the path or a directory that it is in.
    Whiteout,
    /// A later layer hides what lower layers have in the directory.
    OpaqueDirectory,
    /// A later layer stores the path with other content.
    OverwriteChanged,
    /// A later layer stores the path with the same content.
    OverwriteSame,
    /// A later layer stores the path; whether with the same content is not known, as the two were
    /// hashed in different ways.
    Overwrite,
    /// A later layer has something of another kind at the path.
    TypeChange,
    /// A later layer has something that is not a directory in the place of a directory above.
    AncestorReplaced,
    /// The same layer stores the path again.
    Repeated,
    /// A whiteout or a reserved name, which is never shown, holds bytes.
    Marker,
}

/// By which layer something is hidden and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hidden {
    /// The layer, by its position in the image.
    pub layer: usize,
    /// How.
    pub how: How,
}

impl How {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whiteout => "whiteout",
            Self::OpaqueDirectory => "opaque-dir",
            Self::OverwriteChanged => "overwrite-changed",
            Self::OverwriteSame => "overwrite-same",
            Self::Overwrite => "overwrite",
            Self::TypeChange => "type-change",
            Self::AncestorReplaced => "ancestor-replaced",
            Self::Repeated => "repeated",
            Self::Marker => "marker",
        }
    }
}

impl Amount {
    /// What one entry costs.
    pub fn of(entry: &Entry) -> Self {
        let files = u64::from(entry.kind == Kind::File);
        Self { files, bytes: entry.size, compressed: entry.compressed }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.compressed = self.compressed.saturating_add(other.compressed);
    }
}
