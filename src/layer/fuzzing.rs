//! Bodies of the fuzz targets of this module; `fuzz/README.md` says how they are used.
//!
//! Each is a function of bytes that panics where a promise is broken. The properties of the unit
//! tests call the same ones.

pub use super::codec::fuzzing::codec;
pub use super::path::fuzzing::path;
pub use super::read::fuzzing::layer;
pub use super::tar::fuzzing::{Listed, Listing, list_tar, tar_archive, tar_archives, tar_walker};
pub use super::toc_reader::fuzzing::{estargz, zstd_chunked, ztoc};

/// Bytes as choices among few; zeros when they are used up.
pub(crate) struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    /// A number below `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default()) % end
    }

    pub(crate) fn of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
