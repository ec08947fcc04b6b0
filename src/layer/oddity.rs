//! What a reader of a layer should know: places that two readers would take differently, and
//! things that are unusual but clear.

use serde::{Deserialize, Serialize};

use super::PathId;

/// Oddities that are kept of one layer; the others are counted.
const KEPT: usize = 1000;

/// Something odd about a layer or one of its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// What it is.
    pub kind: OddityKind,
    /// The path it is about, if it is about one.
    pub path: Option<PathId>,
}

/// Kinds of oddities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OddityKind {
    /// An entry without content (a link, a directory, a device) has a size.
    SizeWithoutContent,
    /// The PAX header and the tar header give different sizes.
    SizesDiffer,
    /// A key is repeated in one PAX header; the last one counts.
    RepeatedPaxKey,
    /// An entry has more than one PAX header; the last one counts.
    RepeatedPaxHeader,
    /// An entry has its name from a PAX header and from a GNU one, or from two GNU ones (`L`, or `K`
    /// for its target).
    TwoLongNames,
    /// A global PAX header sets what only entries have; it is not applied.
    GlobalPax,
    /// An extension header stands before no entry.
    DanglingExtension,
    /// A sparse file's map is not all there, or there is one without a sparse file.
    OrphanSparse,
    /// The archive goes on after its end.
    BytesAfterEnd {
        /// Decompressed bytes that are not zero or stand after such.
        bytes: u64,
    },
    /// The compressed stream is followed by bytes that are not of it.
    BytesAfterStream {
        /// Bytes of the blob.
        bytes: u64,
    },
    /// A path is in the layer more than once; the last one counts.
    RepeatedPath,
    /// A path leads out of the root; it is taken to stay in it.
    EscapingPath,
    /// A path has `..` in it.
    DottedPath,
    /// A hard link's target is not there when the link comes: neither in the layers below nor
    /// before it in its own.
    MissingTarget,
    /// Something is below a link or file of this layer or a lower one; some readers follow a link.
    ParentNotDirectory,
    /// A whiteout without the name of what it hides; it is ignored.
    NamelessWhiteout,
    /// A whiteout or other marker holds bytes.
    MarkerWithContent,
    /// The table of contents and the stream do not agree.
    TocDiffers,
    /// An entry of a type that readers skip or know differently.
    UnknownType {
        /// The type flag.
        flag: u8,
    },
    /// The archive ends without its two blocks of zeros.
    NoEndMarker,
    /// The compressed stream is followed by zeros.
    ZerosAfterStream {
        /// How many.
        bytes: u64,
    },
    /// A device 0/0, which is a whiteout for overlayfs but not in a layer.
    WhiteoutDevice,
    /// The stream is more than a thousand times longer than the blob.
    ExtremeRatio,
    /// A directory has a name that is reserved for markers; some readers take it for one.
    MarkerDirectory,
}

/// The oddities of a layer, in the order they were met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddities {
    /// The first of them.
    pub kept: Vec<Oddity>,
    /// How many there are beside those kept.
    pub dropped: u64,
}

impl OddityKind {
    /// Whether two readers would list or size the layer differently.
    pub fn is_ambiguous(self) -> bool {
        !matches!(
            self,
            Self::UnknownType { .. }
                | Self::NoEndMarker
                | Self::ZerosAfterStream { .. }
                | Self::WhiteoutDevice
                | Self::ExtremeRatio
        )
    }
}

impl Oddities {
    /// Adds one.
    pub fn add(&mut self, kind: OddityKind, path: Option<PathId>) {
        if self.kept.len() < KEPT {
            self.kept.push(Oddity { kind, path });
        } else {
            self.dropped += 1;
        }
    }

    /// Forgets those that turned out to be as they should be.
    pub fn forget(&mut self, is_right: impl Fn(OddityKind) -> bool) {
        self.kept.retain(|oddity| !is_right(oddity.kind));
    }
}
