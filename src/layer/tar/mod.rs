//! Tar streams: from bytes, however they are cut, to entries.
//!
//! [`Walker`] is pushed bytes and tells a [`Sink`] what they are. It does no I/O, keeps no
//! content, and never allocates by a number that the stream declares. Where tar readers disagree
//! it reads as Go's `archive/tar` does, which the container runtimes use, and flags the place:
//!
//! - links, directories and devices have no content, whatever size their headers give;
//! - PAX records count before GNU long names are applied, and those before `GNU.sparse.name`;
//! - the last of several PAX headers counts, alone; a global one is not applied and, as for Go,
//!   an entry of its own, so that extension headers before it are lost;
//! - a type `\0` entry whose name ends in `/` is a directory;
//! - a single block of zeros before another entry is an error, and what follows two of them is
//!   counted and not read.
//!
//! It differs from Go in four places. A PAX size is digits only. A sparse file's map must be as
//! long as the data at once, not when that is read. There are ceilings for sizes (2^62) and for
//! the number of extension headers of one entry. A GNU volume label is no entry, and a GNU dump
//! directory is a directory.

mod detect;
mod entry;
mod header;
mod numeric;
mod pax;
mod sparse;
#[cfg(test)]
mod tests;
mod walker;

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod archive;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;

use super::{Attributes, Error, Kind, OddityKind};

pub(super) use detect::detect;
pub(super) use walker::Walker;

/// Bytes that the data of an extension header, or a sparse file's map, may have.
const MAX_EXTENSION: usize = 1 << 20;
/// Bytes that a file may say it has.
const MAX_SIZE: u64 = 1 << 62;

/// What a walker tells about; implemented by the reader of layers.
///
/// For each entry the calls are `begins`, `entry`, `content` as often as there are bytes, `ends`.
/// Extension headers that no entry follows have a `begins` alone.
pub(super) trait Sink {
    /// The first header block (extension headers included) of the next entry starts at this
    /// offset of the tar stream; called once that block is complete.
    fn begins(&mut self, offset: u64);
    /// The entry's headers are complete.
    ///
    /// For a regular file, [`Header::stored`] bytes follow by [`Sink::content`].
    fn entry(&mut self, header: &Header<'_>) -> Result<(), Error>;
    /// The next content bytes of a regular file; of a sparse file as stored, without the holes
    /// and without a map in the data.
    fn content(&mut self, bytes: &[u8]);
    /// All content of the entry was given; called for every entry, also one without content.
    fn ends(&mut self) -> Result<(), Error>;
    /// Something odd that is not about one entry's header.
    fn odd(&mut self, kind: OddityKind);
}

/// What the headers of an entry say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    /// Its name as the archive has it.
    pub name: &'a [u8],
    /// What it is: one of the kinds that archives know, not a marker.
    pub kind: Kind,
    /// Content bytes, the apparent ones of a sparse file; 0 for what is not a regular file.
    pub size: u64,
    /// Content bytes that are in the stream.
    pub stored: u64,
    /// Whether it is a sparse file.
    pub sparse: bool,
    /// Modification time in seconds since 1970.
    pub mtime: i64,
    /// Mode, owner and the like.
    pub attributes: Attributes,
    /// The target of a link; empty for what is none.
    pub link: &'a [u8],
    /// What is odd about the headers.
    pub oddities: &'a [OddityKind],
}

/// Why the headers of an entry cannot be read; the walker adds where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// They are not what the format wants.
    Bad(&'static str),
    /// They want more than a ceiling allows.
    Ceiling(&'static str),
    /// A PAX record of this key has a value that it cannot have.
    Record(&'static str),
}
