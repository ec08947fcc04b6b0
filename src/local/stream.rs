//! An archive that comes as a stream: read once, from its first byte to its last.
//!
//! Which members are layers is said only at the end of most archives. So each member that is no
//! JSON document is read as a layer, if layers are wanted at all, and its listing is kept; what is
//! no layer after all costs nothing but the attempt. Documents are kept whole, up to a ceiling.

use std::io::{self, BufRead, Read};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::fault::{Place, too_large};
use super::members::Members;
use super::name;
use crate::layer::archive::{Archive, Stream, decompressed};
use crate::layer::{self, Limits, Memory, ReadRequest, read_layer};
use crate::oci::{Digest, Verifier};
use crate::registry::{Error, ErrorKind};

/// Bytes of all documents together.
const DOCUMENTS: u64 = 128 << 20;
/// Bytes that are read at a time.
const BUFFER: usize = 64 << 10;
/// The last bytes that are kept of a member: what tells the length of a gzip stream.
const TAIL: usize = 72;
/// The first bytes that are kept of it: what tells a compression.
const START: usize = 4;

/// How layers are read that pass.
pub struct Reading<'a> {
    /// Whether they are read at all.
    pub layers: bool,
    /// Smaller ones are not.
    pub min_size: u64,
    /// Ceilings of layers.
    pub limits: Limits,
    /// What the listings may take together.
    pub memory: &'a Memory,
    /// Told how far it is; asked whether to go on.
    pub observer: &'a dyn Fn(Step) -> bool,
}

/// Something that happens while members pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member is being read.
    Started {
        /// Its position among the members that are read so.
        member: usize,
        /// The first digits of its digest, or its name.
        name: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// More bytes of it were read.
    Advanced {
        /// Which.
        member: usize,
        /// How many more.
        bytes: u64,
    },
    /// It is done.
    Finished {
        /// Which.
        member: usize,
    },
}

/// What was kept of an archive that has passed.
pub(super) struct Passed(Members<Kept>);

/// What was kept of a member.
struct Kept {
    size: u64,
    digest: Digest,
    start: Vec<u8>,
    tail: Vec<u8>,
    /// All of it, of a document.
    document: Option<Bytes>,
    listing: Mutex<Option<super::Given>>,
}

impl Passed {
    /// Reads an archive to its end; no document is longer than `longest`.
    pub(super) fn read(
        input: impl BufRead,
        longest: u64,
        reading: &Reading<'_>,
    ) -> Result<Self, layer::Error> {
        let mut archive = Archive::new(Stream(decompressed(input)?));
        let mut members = Members::default();
        let (mut number, mut documents) = (0_usize, 0_u64);
        while let Some(member) = archive.next_member()? {
            let end = archive.position().saturating_add(member.size);
            if end > reading.limits.unpacked {
                let text = format!("it is longer than {} bytes", reading.limits.unpacked);
                return Err(layer::Error::ceiling(text, Some("allow more: --limit unpacked=SIZE")));
            }
            let Some(name) = members.name(&member)? else { continue };
            let mut content = archive.content();
            let mut passing = Passing::new(&mut content, &name, member.size, (number, reading));
            let kept = if member.size <= longest && passing.is_json()? {
                documents = documents.saturating_add(member.size);
                if documents > DOCUMENTS {
                    let text = format!("it has more than {DOCUMENTS} bytes of documents");
                    return Err(layer::Error::ceiling(text, None));
                }
                passing.document()?
            } else {
                number = number.saturating_add(1);
                passing.layer(&name)?
            };
            members.add(name, kept);
        }
        Ok(Self(members))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.0.get(name).map(|kept| kept.size)
    }

    pub(super) fn digest(&self, name: &str) -> Option<Digest> {
        self.0.get(name).map(|kept| kept.digest.clone())
    }

    /// The first bytes of a member.
    pub(super) fn start(&self, name: &str) -> &[u8] {
        self.0.get(name).map_or(&[], |kept| &kept.start)
    }

    /// A document; `None` if there is none of that name.
    pub(super) fn small(
        &self,
        place: &Place,
        name: &str,
        ceiling: u64,
        what: &str,
    ) -> Result<Option<Bytes>, Error> {
        let Some(kept) = self.0.get(name) else { return Ok(None) };
        if kept.size > ceiling {
            return Err(too_large(what, kept.size, ceiling));
        }
        let document = kept.document.clone().ok_or_else(|| {
            Error::new(ErrorKind::BadData, format!("{what} in {place} is no JSON document"))
        })?;
        Ok(Some(document))
    }

    /// Whether a member has the content that it should have.
    pub(super) fn check(&self, place: &Place, name: &str, digest: &Digest) -> Result<(), Error> {
        match self.0.get(name) {
            Some(kept) if kept.digest != *digest => Err(place.changed("the layer", digest)),
            _ => Ok(()),
        }
    }

    /// The bytes of a member from `start` on, if they are its last.
    pub(super) fn tail(&self, name: &str, start: u64, length: u64) -> Option<Bytes> {
        let kept = self.0.get(name)?;
        let length = usize::try_from(length).ok()?;
        let is_last = start.checked_add(length as u64)? == kept.size;
        let from = kept.tail.len().checked_sub(length).filter(|_| is_last)?;
        kept.tail.get(from..).map(Bytes::copy_from_slice)
    }

    /// The listing of a layer, which is given away.
    pub(super) fn take(&self, name: &str, reading: &Reading<'_>) -> super::Given {
        let absent = || layer::Error::bad("it was not read while the archive passed");
        let kept = self.0.get(name).ok_or_else(absent)?;
        if let Some(document) = &kept.document {
            return read_layer(&mut &document[..], &request(kept.size, reading));
        }
        let listing = kept.listing.lock().unwrap_or_else(PoisonError::into_inner).take();
        listing.unwrap_or_else(|| Err(absent()))
    }
}

fn request<'a>(size: u64, reading: &Reading<'a>) -> ReadRequest<'a> {
    ReadRequest {
        blob_size: size,
        limits: reading.limits,
        captures: true,
        uncompressed: None,
        table_at_end: false,
        memory: reading.memory,
    }
}

/// A member that passes: hashed, and its first and last bytes kept.
struct Passing<'a> {
    content: &'a mut dyn BufRead,
    size: u64,
    verifier: Verifier,
    start: Vec<u8>,
    tail: Vec<u8>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were used.
    used: usize,
    number: usize,
    reading: &'a Reading<'a>,
}

impl<'a> Passing<'a> {
    fn new(
        content: &'a mut dyn BufRead,
        name: &str,
        size: u64,
        (number, reading): (usize, &'a Reading<'a>),
    ) -> Self {
        let digest = name::blob_of(name).unwrap_or_else(|| Digest::of(&[]));
        Self {
            content,
            size,
            verifier: Verifier::new(&digest),
            start: Vec::new(),
            tail: Vec::with_capacity(TAIL),
            buffer: Vec::with_capacity(BUFFER),
            used: 0,
            number,
            reading,
        }
    }

    /// Whether it begins as the documents of images do.
    fn is_json(&mut self) -> Result<bool, layer::Error> {
        let first = self.fill_buf()?.trim_ascii_start().first().copied();
        Ok(matches!(first, Some(b'{' | b'[')))
    }

    fn document(mut self) -> Result<Kept, layer::Error> {
        let mut document = Vec::new();
        self.read_to_end(&mut document)?;
        Ok(self.kept(Some(document.into()), None))
    }

    /// Reads it as a layer, if that is wanted, and to its end in any case.
    fn layer(mut self, name: &str) -> Result<Kept, layer::Error> {
        let Reading { layers, min_size, observer, .. } = *self.reading;
        if !layers || self.size < min_size {
            self.drain()?;
            return Ok(self.kept(None, None));
        }
        let member = self.number;
        let shown = name::blob_of(name).map_or_else(|| name.to_owned(), |id| id.short().to_owned());
        observer(Step::Started { member, name: shown, bytes: self.size });
        let request = request(self.size, self.reading);
        let listing = read_layer(&mut self, &request);
        observer(Step::Finished { member });
        // The input is the archive, and the memory that of all layers.
        let is_of_all = |kind| matches!(kind, layer::ErrorKind::Input | layer::ErrorKind::Memory);
        match listing {
            Err(error) if is_of_all(error.kind()) => Err(error),
            listing => {
                self.drain()?;
                Ok(self.kept(None, Some(listing)))
            }
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        loop {
            let length = self.fill_buf()?.len();
            if length == 0 {
                return Ok(());
            }
            self.used += length;
        }
    }

    fn kept(self, document: Option<Bytes>, listing: Option<super::Given>) -> Kept {
        let Self { size, verifier, start, tail, .. } = self;
        let listing = Mutex::new(listing);
        Kept { size, digest: verifier.found(), start, tail, document, listing }
    }

    /// Reads the next bytes into the buffer, as many as fit.
    fn refill(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.used = 0;
        let mut part = (&mut *self.content).take(BUFFER as u64);
        part.read_to_end(&mut self.buffer)?;
        self.verifier.update(&self.buffer);
        let missing = START.saturating_sub(self.start.len()).min(self.buffer.len());
        self.start.extend_from_slice(&self.buffer[..missing]);
        self.tail.extend_from_slice(&self.buffer[self.buffer.len().saturating_sub(TAIL)..]);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
        let bytes = self.buffer.len() as u64;
        if !(self.reading.observer)(Step::Advanced { member: self.number, bytes }) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl BufRead for Passing<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used >= self.buffer.len() {
            self.refill()?;
        }
        Ok(self.buffer.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, length: usize) {
        self.used += length;
    }
}

impl Read for Passing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}
