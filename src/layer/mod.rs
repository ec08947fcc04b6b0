//! Layers: from the bytes of one blob to a [`Toc`], the list of what is in it.
//!
//! Synchronous, and knows no network: a stream is a [`std::io::BufRead`], and parts of a blob come
//! through [`Ranges`]. Nothing here writes to a disk or extracts a file.

pub mod archive;
mod builder;
mod capture;
pub mod codec;
mod columns;
mod compare;
mod cost;
mod decode;
mod elf;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod hash;
mod limits;
mod memory;
mod oddity;
mod path;
mod paths;
mod read;
pub mod tail;
mod tar;
mod toc;
pub mod toc_reader;
mod trial;

use bytes::Bytes;

pub use builder::TocBuilder;
pub(crate) use capture::{Keep, MARK as SECRET_MARK, credential};
pub use compare::differs;
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use memory::{Hold, Memory};
pub use oddity::{Oddities, Oddity, OddityKind};
pub use path::{MAX_COMPONENTS, MAX_PATH, Normalized, normalize};
pub use paths::{PathId, PathIndex, Paths, PathsBuilder};
pub use read::{ReadRequest, read_layer};
pub use toc::{
    Attributes, Capture, ContentHash, Elf, ElfSection, Entry, Hashing, Kind, Link, Source, TextId,
    Toc,
};
pub use trial::{Trial, Trials};

/// Parts of one blob, by closed ranges.
///
/// The bytes are not verified: no digest covers a part of a blob.
pub trait Ranges {
    /// The bytes from `start` on, exactly `length` of them.
    fn read(&self, start: u64, length: u64) -> Result<Bytes, Error>;
}
