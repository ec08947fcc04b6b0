//! Images in files of this machine: OCI image layouts, archives of them, archives of `docker save`.
//!
//! A [`Local`] answers what a registry answers, from files: the document that a name stands for,
//! documents and blobs by digest, verified, and parts of blobs. Nothing is written and nothing is
//! sent. A directory and an archive that can be read at any place are read where they lie. One that
//! comes as a stream (a pipe, or compressed as a whole) is read once, when it is opened: documents
//! stay in memory up to a ceiling, and of a layer its listing.
//!
//! **Docker's archives** have no manifest and most often store layers as plain tars, whose digests
//! are those in the config. A manifest is made of that, so its digest is no registry's.
//!
//! **Refused:** links that lead out of a layout, blobs that are no plain files or of another size
//! or digest, members of archives that were stored with holes, and more of anything than a ceiling
//! allows. Names of members never become paths. See image-spec `image-layout.md`.

mod blob;
mod choice;
mod directory;
mod fault;
mod index;
mod layout;
mod members;
mod name;
mod open;
mod saved;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

pub use self::blob::Blob;
use self::blob::Part;
use self::directory::Directory;
use self::fault::Place;
use self::index::Index;
pub use self::open::open;
use self::stream::Passed;
pub use self::stream::{Reading, Step};
use crate::layer::Toc;
use crate::oci::{Descriptor, Digest};
use crate::registry::{Error, ErrorKind, Fetched};

/// An image in files of this machine, ready to be asked.
pub struct Local {
    place: Place,
    files: Files,
    /// The document that was named.
    root: Fetched,
    /// Where blobs are that are not under their digest, as in docker's archives.
    names: BTreeMap<Digest, String>,
    /// The documents that stand in no file.
    made: BTreeMap<Digest, Bytes>,
}

/// Files by the names that a layout or archive gives them.
enum Files {
    Directory(Directory),
    Index(Index),
    Stream(Passed),
}

impl Local {
    /// The document that the source names.
    pub fn root(&self) -> Fetched {
        self.root.clone()
    }

    /// Reads a manifest or index by its digest; with `size`, it must be of that size.
    pub fn manifest(
        &self,
        digest: &Digest,
        size: Option<u64>,
        ceiling: u64,
    ) -> Result<Fetched, Error> {
        if *digest == self.root.digest {
            return Ok(self.root.clone());
        }
        let bytes = self.verified(digest, size, ceiling, "the manifest")?;
        Ok(Fetched { digest: digest.clone(), bytes, media_type: None })
    }

    /// Reads a small blob whole, of the size and digest that its descriptor gives.
    pub fn small_blob(
        &self,
        descriptor: &Descriptor,
        ceiling: u64,
        what: &'static str,
    ) -> Result<Bytes, Error> {
        if descriptor.size > ceiling {
            return Err(fault::too_large(what, descriptor.size, ceiling));
        }
        self.verified(&descriptor.digest, Some(descriptor.size), ceiling, what)
    }

    /// Whether there is a blob of this digest, whatever its size.
    pub fn has(&self, digest: &Digest) -> bool {
        self.made.contains_key(digest)
            || self.files.size(&self.place, &self.name_of(digest)).is_ok_and(|size| size.is_some())
    }

    /// Whether a blob is there and of its descriptor's size; the content is not read.
    pub fn check(&self, descriptor: &Descriptor) -> Result<(), Error> {
        let name = self.name_of(&descriptor.digest);
        let size = self.files.size(&self.place, &name)?;
        let size = size.ok_or_else(|| self.place.missing("the layer", &descriptor.digest))?;
        self.check_size("the layer", &descriptor.digest, descriptor.size, size)?;
        match &self.files {
            Files::Stream(passed) => passed.check(&self.place, &name, &descriptor.digest),
            _ => Ok(()),
        }
    }

    /// Reads `length` bytes of a blob from `start` on. They are not verified: no digest covers a
    /// part of a blob.
    pub fn range(
        &self,
        digest: &Digest,
        size: u64,
        start: u64,
        length: u64,
    ) -> Result<Bytes, Error> {
        let name = self.name_of(digest);
        if let Files::Stream(passed) = &self.files {
            return passed.tail(&name, start, length).ok_or_else(|| {
                let text = "parts of an archive that comes as a stream cannot be read again";
                Error::new(ErrorKind::Local, text)
            });
        }
        let part = self.part(&name, digest, size)?;
        part.read(start, length).map_err(|error| self.place.unreadable(&name, error))
    }

    /// Starts to read a blob.
    pub fn blob(&self, descriptor: &Descriptor) -> Result<Blob, Error> {
        let Descriptor { digest, size, .. } = descriptor;
        let name = self.name_of(digest);
        Ok(Blob::new(self.place.clone(), &name, self.part(&name, digest, *size)?, digest))
    }

    /// What was made of a layer while the archive passed; `None` for files that can be read at any
    /// time. It is given once.
    pub fn passed(&self, descriptor: &Descriptor, reading: &Reading<'_>) -> Option<Given> {
        let Files::Stream(passed) = &self.files else { return None };
        Some(passed.take(&self.name_of(&descriptor.digest), reading))
    }

    /// Whether the archive was read as a stream, so that nothing of it can be read again.
    pub fn is_stream(&self) -> bool {
        matches!(self.files, Files::Stream(_))
    }

    fn verified(
        &self,
        digest: &Digest,
        size: Option<u64>,
        ceiling: u64,
        what: &str,
    ) -> Result<Bytes, Error> {
        let bytes = match self.made.get(digest) {
            Some(bytes) => bytes.clone(),
            None => self
                .files
                .small(&self.place, &self.name_of(digest), ceiling, what)?
                .ok_or_else(|| self.place.missing(what, digest))?,
        };
        if let Some(size) = size {
            self.check_size(what, digest, size, bytes.len() as u64)?;
        }
        if digest.matches(&bytes) { Ok(bytes) } else { Err(self.place.changed(what, digest)) }
    }

    fn part(&self, name: &str, digest: &Digest, size: u64) -> Result<Part, Error> {
        let part = self.files.part(&self.place, name)?;
        let part = part.ok_or_else(|| self.place.missing("the layer", digest))?;
        self.check_size("the layer", digest, size, part.size)?;
        Ok(part)
    }

    fn check_size(
        &self,
        what: &str,
        digest: &Digest,
        expected: u64,
        size: u64,
    ) -> Result<(), Error> {
        if size == expected {
            return Ok(());
        }
        let text = format!(
            "{what} {} is {size} bytes long in {}, its descriptor says {expected}",
            digest.short(),
            self.place
        );
        Err(Error::new(ErrorKind::BadData, text).hint(fault::AGAIN))
    }

    fn name_of(&self, digest: &Digest) -> String {
        self.names.get(digest).cloned().unwrap_or_else(|| name::of_blob(digest))
    }
}

/// A listing, or why there is none.
pub type Given = Result<Toc, crate::layer::Error>;

impl Files {
    /// The size of a file; `None` if there is none of that name.
    fn size(&self, place: &Place, name: &str) -> Result<Option<u64>, Error> {
        match self {
            Self::Directory(directory) => Ok(directory.part(place, name)?.map(|part| part.size)),
            Self::Index(index) => index.size(place, name),
            Self::Stream(passed) => Ok(passed.size(name)),
        }
    }

    /// A file as a whole; `None` if there is none of that name.
    fn small(
        &self,
        place: &Place,
        name: &str,
        ceiling: u64,
        what: &str,
    ) -> Result<Option<Bytes>, Error> {
        if let Self::Stream(passed) = self {
            return passed.small(place, name, ceiling, what);
        }
        let Some(part) = self.part(place, name)? else { return Ok(None) };
        if part.size > ceiling {
            return Err(fault::too_large(what, part.size, ceiling));
        }
        let bytes = part.read(0, part.size).map_err(|error| place.unreadable(name, error))?;
        Ok(Some(bytes))
    }

    /// The first bytes of a file.
    fn start(&self, place: &Place, name: &str) -> Result<Bytes, Error> {
        if let Self::Stream(passed) = self {
            return Ok(Bytes::copy_from_slice(passed.start(name)));
        }
        let Some(part) = self.part(place, name)? else { return Ok(Bytes::new()) };
        part.read(0, part.size.min(START)).map_err(|error| place.unreadable(name, error))
    }

    /// The digest of a file's content; `None` if there is none of that name.
    fn digest(&self, place: &Place, name: &str) -> Result<Option<Digest>, Error> {
        if let Self::Stream(passed) = self {
            return Ok(passed.digest(name));
        }
        let Some(part) = self.part(place, name)? else { return Ok(None) };
        part.digest().map(Some).map_err(|error| place.unreadable(name, error))
    }

    /// Where a file's bytes are; `None` if there is none of that name, or the bytes have passed.
    fn part(&self, place: &Place, name: &str) -> Result<Option<Part>, Error> {
        match self {
            Self::Directory(directory) => directory.part(place, name),
            Self::Index(index) => index.part(place, name),
            Self::Stream(_) => Ok(None),
        }
    }
}

/// Bytes by which a compression is told.
const START: u64 = 4;

/// Shares a file among those who read parts of it.
type SharedFile = Arc<std::fs::File>;
