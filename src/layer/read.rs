//! A layer's blob, read once from its first byte to its last, as a [`Toc`].
//!
//! Decoding, walking the archive, hashing, and keeping what the capture list asks for happen in
//! one pass with memory that does not grow with the layer. The ceilings of [`Limits`] hold.

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
#[cfg(test)]
mod tests;

use std::io::BufRead;

use super::capture::Captures;
use super::cost::Marks;
use super::decode::{Extent, Input, Output, decode, is_zero, is_zstd};
use super::elf::ElfReader;
use super::hash::Hasher;
use super::tar::{Header, Sink, Walker, detect};
use super::trial::Sampler;
use super::{
    Capture, Error, ErrorKind, Hashing, Kind, Limits, Memory, OddityKind, Source, Toc, TocBuilder,
};
use crate::oci::{Digest, Verifier};

/// The ceiling on the ratio holds for longer streams.
const RATIO_FROM: u64 = 64 << 20;
/// Longer streams of a higher ratio are flagged.
const EXTREME_FROM: u64 = 1 << 30;
const EXTREME_RATIO: u64 = 1000;
/// Sections of ELF files that are kept of one layer.
const MAX_SECTIONS: usize = 1 << 20;
/// Bytes by which a format that is not read is told.
const START: usize = 512;
/// Compressions that layers have elsewhere, as [`detect`] calls them.
const COMPRESSIONS: [&str; 6] = ["xz", "bzip2", "lz4", "lzip", "lzma", "compress (.Z)"];

/// How to read a layer.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest<'a> {
    /// Bytes of the blob, as its descriptor says.
    pub blob_size: u64,
    /// Ceilings.
    pub limits: Limits,
    /// Whether to keep contents and the sections of ELF files.
    pub captures: bool,
    /// The digest that the uncompressed bytes are to be checked against.
    pub uncompressed: Option<&'a Digest>,
    /// Whether the layer's descriptor has the digest of an eStargz table of contents. Where the
    /// tar's own bytes are kept, that table stands after the archive's end, which then means
    /// nothing.
    pub table_at_end: bool,
    /// Shared by all layers of a run.
    pub memory: &'a Memory,
}

/// Reads a layer from its first byte to its last.
///
/// The compression is told by the bytes. The input is read to its end, also if the layer turns out
/// to be damaged, so that an input that verifies what passes has its say: its error is then the
/// one returned. Only a ceiling, and a format that is not read, end it before.
pub fn read_layer(input: &mut dyn BufRead, request: &ReadRequest<'_>) -> Result<Toc, Error> {
    let mut input = Input::new(input);
    let start = input.peek(START)?.to_vec();
    let mut reading = Reading {
        request,
        walker: Walker::new(),
        entries: Entries::new(request),
        sampler: (!is_zstd(&start)).then(|| Sampler::new(request.memory)),
        verifier: request.uncompressed.map(Verifier::new),
    };
    let extent = decode(&mut input, request.memory.windows(), &mut reading);
    let extent = extent.and_then(|extent| reading.end().map(|()| extent));
    // A tar archive may well begin as another format does.
    let is_tar = reading.entries.current.is_some();
    let read = extent.and_then(|extent| reading.finish(extent, input.position()));
    let Err(error) = read else { return read };
    if error.kind() != ErrorKind::BadData {
        return Err(error);
    }
    if let Some(name) = detect(&start).filter(|name| !is_tar && COMPRESSIONS.contains(name)) {
        let text = format!("it is compressed with {name}: not supported");
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    input.drain()?;
    Err(error)
}

/// Takes what the decoder puts out.
struct Reading<'a> {
    request: &'a ReadRequest<'a>,
    walker: Walker,
    entries: Entries,
    sampler: Option<Sampler>,
    verifier: Option<Verifier>,
}

impl Output for Reading<'_> {
    fn ahead(&self) -> u64 {
        let sample = self.sampler.as_ref().map_or(u64::MAX, Sampler::ahead);
        self.walker.ahead().min(sample)
    }

    fn piece(&mut self, bytes: &[u8], position: u64) -> Result<(), Error> {
        let unpacked = self.walker.offset() + bytes.len() as u64;
        self.check_ceilings(unpacked)?;
        if let Some(verifier) = &mut self.verifier {
            verifier.update(bytes);
        }
        if let Some(sampler) = &mut self.sampler {
            sampler.piece(bytes, position)?;
        }
        let entries = &mut self.entries;
        entries.marks.add(unpacked, position);
        // Nothing else goes on for ever.
        let is_over = self.walker.ahead() == u64::MAX;
        if !is_over {
            entries.archive = entries.marks;
        } else if entries.rest.is_none() && !is_zero(bytes) {
            entries.rest = Some(entries.marks);
        }
        self.walker.feed(bytes, entries)
    }
}

impl Reading<'_> {
    fn check_ceilings(&self, unpacked: u64) -> Result<(), Error> {
        let Limits { unpacked: longest, ratio, .. } = self.request.limits;
        if unpacked > longest {
            return Err(Error::ceiling(
                format!("it is longer than {longest} bytes once it is decompressed"),
                Some("allow more: --limit unpacked=SIZE"),
            ));
        }
        let allowed = self.request.blob_size.saturating_mul(ratio).max(RATIO_FROM);
        if unpacked > allowed {
            return Err(Error::ceiling(
                format!("it is more than {ratio} times longer once it is decompressed"),
                Some("allow more: --limit ratio=NUMBER"),
            ));
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.walker.finish(&mut self.entries)
    }

    fn finish(mut self, extent: Extent, blob: u64) -> Result<Toc, Error> {
        let expected = self.request.blob_size;
        if blob != expected {
            return Err(Error::bad(format!("it is {blob} bytes long instead of {expected}")));
        }
        if let (Some(verifier), Some(digest)) = (self.verifier, self.request.uncompressed)
            && !verifier.finish()
        {
            return Err(Error::bad(format!("its uncompressed bytes are not those of {digest}")));
        }
        if let Some(sampler) = self.sampler {
            let trials = sampler.finish();
            self.entries.builder.charge(trials.cost())?;
            self.entries.builder.toc().trials = trials;
        }
        let unpacked = self.walker.offset();
        if unpacked > EXTREME_FROM.max(blob.saturating_mul(EXTREME_RATIO)) {
            self.entries.builder.flag(OddityKind::ExtremeRatio, None);
        }
        Ok(self.entries.finish(unpacked, extent, blob))
    }
}

/// Makes a table of contents of what the walker meets.
struct Entries {
    builder: TocBuilder,
    marks: Marks,
    /// The marks of the piece in which the archive ended, and those of the first one after it
    /// that is not all zeros.
    archive: Marks,
    rest: Option<Marks>,
    /// Bytes at the end of the decoded stream that are not of the archive.
    surplus: u64,
    /// Whether those are expected.
    table_at_end: bool,
    /// The entry that is being read or was the last one.
    current: Option<u32>,
    /// Where the blob stood when it began, and when what follows it began.
    start: u64,
    next: u64,
    hasher: Option<Hasher>,
    keeper: Option<Keeper>,
}

/// Keeps what may be kept of files.
struct Keeper {
    captures: Captures,
    elf: ElfReader,
    sections: usize,
    dropped: u64,
}

impl Sink for Entries {
    fn begins(&mut self, offset: u64) {
        self.next = self.marks.position(offset);
    }

    fn entry(&mut self, header: &Header<'_>) -> Result<(), Error> {
        let Header { name, kind, size, mtime, attributes, link, .. } = *header;
        let at = self.builder.add(name, kind, size, mtime, attributes)?;
        if self.current.is_some() {
            self.charge(self.next);
        }
        self.current = Some(at);
        match kind {
            Kind::Hardlink => {
                self.builder.link_hard(at, link)?;
                if let Some(keeper) = &mut self.keeper {
                    keeper.captures.link(name, link);
                }
            }
            Kind::Symlink => self.builder.link_symbolic(at, link)?,
            _ => {}
        }
        for oddity in header.oddities {
            self.builder.flag(*oddity, Some(at));
        }
        if header.sparse {
            self.builder.toc().sparse.push((at, header.stored));
        } else if self.builder.entry(at).kind == Kind::File {
            self.hasher = Some(Hasher::new(size));
            if let Some(keeper) = &mut self.keeper {
                keeper.elf.begin(size);
                if let Some(bytes) = keeper.captures.begin(at, name, size) {
                    // Below the ceiling on captures, which is a size in memory.
                    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                    self.builder.charge(Capture::cost_of(bytes))?;
                }
            }
        }
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) {
        let Some(hasher) = &mut self.hasher else { return };
        hasher.update(bytes);
        if let Some(keeper) = &mut self.keeper {
            keeper.captures.content(bytes);
            keeper.elf.content(bytes);
        }
    }

    fn ends(&mut self) -> Result<(), Error> {
        let (Some(hasher), Some(at)) = (self.hasher.take(), self.current) else { return Ok(()) };
        self.builder.entry(at).hash = Some(hasher.finish());
        if let Some(keeper) = &mut self.keeper {
            keeper.captures.end();
            if let Some(elf) = keeper.elf.end() {
                keeper.sections += elf.sections.len();
                if keeper.sections <= MAX_SECTIONS {
                    self.builder.charge(elf.cost())?;
                    self.builder.toc().elf.push((at, elf));
                } else {
                    keeper.dropped += 1;
                }
            }
        }
        Ok(())
    }

    fn odd(&mut self, kind: OddityKind) {
        if let OddityKind::BytesAfterEnd { bytes } = kind {
            self.surplus = bytes;
            if self.table_at_end {
                return;
            }
        }
        self.builder.flag(kind, None);
    }
}

impl Entries {
    fn new(request: &ReadRequest<'_>) -> Self {
        let keeper = Keeper {
            captures: Captures::new(request.limits.captured),
            elf: ElfReader::default(),
            sections: 0,
            dropped: 0,
        };
        Self {
            builder: TocBuilder::new(Source::Stream, Hashing::Xxh3, request.limits)
                .within(request.memory),
            marks: Marks::default(),
            archive: Marks::default(),
            rest: None,
            surplus: 0,
            table_at_end: request.table_at_end,
            current: None,
            start: 0,
            next: 0,
            hasher: None,
            keeper: request.captures.then_some(keeper),
        }
    }

    /// Charges the current entry with what lies before `end`, where the next one begins.
    fn charge(&mut self, end: u64) {
        if let Some(at) = self.current {
            self.builder.entry(at).compressed = end - self.start;
            self.start = end;
        }
    }

    /// Where the blob stood when what the archive holds was over.
    fn archive_end(&self, unpacked: u64, extent: Extent) -> u64 {
        let end = unpacked - self.surplus;
        if self.surplus == 0 {
            extent.content
        } else if end < self.archive.offset() {
            self.archive.position(end)
        } else {
            self.rest.as_ref().unwrap_or(&self.archive).position(end)
        }
    }

    fn finish(mut self, unpacked: u64, extent: Extent, blob: u64) -> Toc {
        let trailing = extent.trailing;
        let padding = if trailing.zeros { trailing.bytes } else { 0 };
        self.charge(self.archive_end(unpacked, extent) + padding);
        if trailing.bytes > 0 {
            let bytes = trailing.bytes;
            let kind = if trailing.zeros {
                OddityKind::ZerosAfterStream { bytes }
            } else {
                OddityKind::BytesAfterStream { bytes }
            };
            self.builder.flag(kind, None);
        }
        let toc = self.builder.toc();
        toc.tar_size = Some(unpacked);
        if let Some(keeper) = self.keeper {
            let (captures, dropped) = keeper.captures.finish();
            toc.captures = captures;
            toc.captures_dropped = dropped + keeper.dropped;
        }
        self.builder.finish(blob)
    }
}
