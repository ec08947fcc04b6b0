//! A blob in a file, or a part of a file.

use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;

use super::SharedFile;
use super::fault::Place;
use crate::oci::{Digest, Verifier};
use crate::registry::Error;

/// Bytes that are read at a time.
const CHUNK: u64 = 256 << 10;

/// Where bytes are.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) file: SharedFile,
    pub(super) start: u64,
    pub(super) size: u64,
}

impl Part {
    /// Reads `length` bytes from `start` on, as far as they belong to it.
    pub(super) fn read(&self, start: u64, length: u64) -> io::Result<Bytes> {
        let inside = start.checked_add(length).is_some_and(|end| end <= self.size);
        let length = usize::try_from(length).ok().filter(|_| inside);
        let mut bytes = vec![0; length.ok_or(io::ErrorKind::UnexpectedEof)?];
        self.file.read_exact_at(&mut bytes, self.start.saturating_add(start))?;
        Ok(bytes.into())
    }

    /// The digest of all of it.
    pub(super) fn digest(&self) -> io::Result<Digest> {
        let mut verifier = Verifier::new(&Digest::of(&[]));
        let mut at = 0;
        while at < self.size {
            let length = CHUNK.min(self.size - at);
            verifier.update(&self.read(at, length)?);
            at += length;
        }
        Ok(verifier.found())
    }
}

/// A blob that is read from its first byte on; its end comes only after its digest was verified.
pub struct Blob {
    place: Place,
    name: String,
    part: Part,
    digest: Digest,
    verifier: Option<Verifier>,
    at: u64,
}

impl Blob {
    pub(super) fn new(place: Place, name: &str, part: Part, digest: &Digest) -> Self {
        let verifier = Some(Verifier::new(digest));
        Self { place, name: name.to_owned(), part, digest: digest.clone(), verifier, at: 0 }
    }

    /// Bytes that were read so far.
    pub fn received(&self) -> u64 {
        self.at
    }
}

impl Iterator for Blob {
    type Item = Result<Bytes, Error>;

    /// The next bytes; `None` after the last of a blob that has its digest.
    fn next(&mut self) -> Option<Result<Bytes, Error>> {
        let length = CHUNK.min(self.part.size.saturating_sub(self.at));
        if length == 0 {
            let verifier = self.verifier.take()?;
            return (!verifier.finish())
                .then(|| Err(self.place.changed("the layer", &self.digest)));
        }
        let bytes = match self.part.read(self.at, length) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(self.place.unreadable(&self.name, error))),
        };
        self.at = self.at.saturating_add(length);
        if let Some(verifier) = &mut self.verifier {
            verifier.update(&bytes);
        }
        Some(Ok(bytes))
    }
}
