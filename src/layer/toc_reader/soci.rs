//! SOCI: tables of contents (ztocs) that stand beside a layer as blobs of their own, and the index
//! manifest that lists them; soci-snapshotter `docs/soci-index-manifest-v2.md`, `ztoc.fbs`.
//!
//! A ztoc tells where files are in the tar, and by its checkpoints how far the compressed stream is
//! there; it has no digests of files, so contents have no hash, and those on the capture list are
//! not fetched: a checkpoint may be amid a byte, and one span is more than a layer's share.

use std::hash::Hasher as _;

use twox_hash::XxHash3_64;

use super::flatbuffer::{Table, Tables};
use super::rows::{kind, permissions, seconds};
use super::{TocRequest, too_long};
use crate::layer::{
    Attributes, Error, Hashing, Kind, OddityKind, Source, Toc, TocBuilder, capture,
};
use crate::oci::{Descriptor, Digest, Manifest};

const LAYER_DIGEST: &str = "com.amazon.soci.image-layer-digest";
const ZTOC: &str = "application/octet-stream";
const XATTR: &[u8] = b"SCHILY.xattr.";
const BLOCK: u64 = 512;
const GZIP: u8 = 1;
const PLAIN: u8 = 2;
/// Bytes of a checkpoint: two positions, a number of bits, a window.
const CHECKPOINT: usize = 8 + 8 + 1 + 32_768;
/// The header of a gzip member, where version 1 has its first span start.
const FIRST_SPAN: u64 = 10;

/// The table of contents of one layer, by a SOCI index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SociLayer {
    /// The digest of the layer's blob.
    pub layer: Digest,
    /// The ztoc.
    pub ztoc: Descriptor,
}

/// The tables of contents that a SOCI index, of either version, lists; other artifacts in it and
/// what names no layer are passed over.
pub fn soci_index(index: &Manifest) -> Vec<SociLayer> {
    let layer = |ztoc: &Descriptor| {
        let layer = ztoc.annotation(LAYER_DIGEST)?.parse().ok()?;
        (ztoc.media_type.as_str() == ZTOC).then(|| SociLayer { layer, ztoc: ztoc.clone() })
    };
    index.layers.iter().filter_map(layer).collect()
}

/// Reads a ztoc, whose bytes were verified against its digest.
pub fn read_ztoc(ztoc: &[u8], request: &TocRequest) -> Result<Toc, Error> {
    let length = ztoc.len() as u64;
    if length > request.limits.toc_unpacked {
        return Err(too_long(length, request.limits.toc_unpacked));
    }
    let table = Ztoc::open(ztoc)?;
    if table.compressed != request.blob_size {
        return Err(bad("is of a blob of another size"));
    }
    let mut listing = Listing {
        builder: TocBuilder::new(Source::Soci, Hashing::Sha256, request.limits),
        spans: table.spans()?,
        tar: table.tar,
        end: 0,
        charged: 0,
        captures: request.captures,
    };
    for file in table.files.iter() {
        listing.add(&file.ok_or_else(damaged)?)?;
    }
    Ok(listing.builder.finish(request.blob_size))
}

/// A ztoc taken apart.
struct Ztoc<'a> {
    compressed: u64,
    tar: u64,
    files: Tables<'a>,
    compression: u8,
    last_span: u32,
    checkpoints: &'a [u8],
}

/// A place in the tar and in the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    tar: u64,
    blob: u64,
}

impl<'a> Ztoc<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        let read = || {
            let root = Table::root(bytes)?;
            let info = root.table(5)?;
            Some(Self {
                compressed: root.long(2)?.try_into().ok()?,
                tar: root.long(3)?.try_into().ok()?,
                files: root.table(4)?.tables(0)?,
                compression: info.byte(0).unwrap_or(GZIP),
                last_span: info.int(1)?,
                checkpoints: info.bytes(3)?,
            })
        };
        read().ok_or_else(damaged)
    }

    /// Where spans start, from the start to the end of the tar, ascending.
    fn spans(&self) -> Result<Vec<Span>, Error> {
        let mut spans = vec![Span { tar: 0, blob: 0 }];
        match self.compression {
            PLAIN if self.tar <= self.compressed => {
                spans.push(Span { tar: self.tar, blob: self.tar });
                return Ok(spans);
            }
            GZIP => self.checkpoints(&mut spans).ok_or_else(damaged)?,
            _ => return Err(bad("is of a compression that is not known")),
        }
        spans.push(Span { tar: self.tar, blob: self.compressed });
        if spans.windows(2).any(|two| two[0].tar > two[1].tar || two[0].blob > two[1].blob) {
            return Err(bad("has spans that do not ascend"));
        }
        Ok(spans)
    }

    fn checkpoints(&self, spans: &mut Vec<Span>) -> Option<()> {
        let (count, rest) = self.checkpoints.split_first_chunk()?;
        let count = usize::try_from(i32::from_le_bytes(*count)).ok()?;
        let records = rest.get(8..)?;
        let implied = records.len() == count.checked_sub(1)?.checked_mul(CHECKPOINT)?;
        let whole = records.len() == count.checked_mul(CHECKPOINT)?;
        if !(implied || whole) || usize::try_from(self.last_span).ok()? + 1 != count {
            return None;
        }
        if implied {
            spans.push(Span { tar: 0, blob: FIRST_SPAN });
        }
        for record in records.chunks_exact(CHECKPOINT) {
            let number = |at: usize| {
                let bytes = record.get(at..)?.first_chunk()?;
                u64::try_from(i64::from_le_bytes(*bytes)).ok()
            };
            spans.push(Span { blob: number(0)?, tar: number(8)? });
        }
        Some(())
    }
}

/// The listing as it grows, file by file in the order of the tar.
struct Listing {
    builder: TocBuilder,
    spans: Vec<Span>,
    tar: u64,
    /// Where the last file's padding ends in the tar.
    end: u64,
    /// Bytes of the blob that files were charged for.
    charged: u64,
    captures: bool,
}

impl Listing {
    fn add(&mut self, file: &Table<'_>) -> Result<(), Error> {
        let positive = |id| file.long(id).and_then(|n| u64::try_from(n).ok()).ok_or_else(damaged);
        let text = |id| file.bytes(id).ok_or_else(damaged);
        let ascii = |id| text(id).map(|text| str::from_utf8(text).unwrap_or("?"));
        let (name, kind) = (text(0)?, kind(ascii(1)?)?);
        let (offset, written) = (positive(2)?, positive(3)?);
        let size = if kind == Kind::File { written } else { 0 };
        let entry = self.builder.add(name, kind, size, seconds(ascii(10)?)?, attributes(file)?)?;
        if size != written {
            self.builder.flag(OddityKind::SizeWithoutContent, Some(entry));
        }
        match kind {
            Kind::Hardlink => self.builder.link_hard(entry, text(4)?)?,
            Kind::Symlink => self.builder.link_symbolic(entry, text(4)?)?,
            Kind::File if self.captures && size > 0 && is_wanted(name) => {
                self.builder.toc().captures_dropped += 1;
            }
            _ => {}
        }
        let end = offset.checked_add(size).filter(|end| {
            self.end.checked_add(BLOCK).is_some_and(|least| least <= offset) && *end <= self.tar
        });
        let end = end.ok_or_else(|| bad("has files that overlap or are not in the tar"))?;
        self.end = end.next_multiple_of(BLOCK).min(self.tar);
        let cost = position(&self.spans, self.end);
        self.builder.entry(entry).compressed = cost - self.charged;
        self.charged = cost;
        Ok(())
    }
}

fn is_wanted(name: &[u8]) -> bool {
    capture::is_listed(name) || capture::credential(name).is_some()
}

/// How far the blob is where the tar is at `tar`; between spans in proportion.
fn position(spans: &[Span], tar: u64) -> u64 {
    let after = spans.partition_point(|span| span.tar <= tar);
    let before = after.checked_sub(1).map_or(Span { tar: 0, blob: 0 }, |at| spans[at]);
    let Some(next) = spans.get(after) else { return before.blob };
    let (width, part) = (u128::from(next.tar - before.tar), u128::from(tar - before.tar));
    let bytes = u128::from(next.blob - before.blob) * part / width.max(1);
    before.blob + u64::try_from(bytes).unwrap_or(0)
}

fn attributes(file: &Table<'_>) -> Result<Attributes, Error> {
    let read = || {
        let (mode, uid, gid) = (file.long(5)?, file.int(6)?, file.int(7)?);
        let mut hasher = None;
        for record in file.tables(13)?.iter() {
            let record = record?;
            let (key, value) = (record.bytes(0)?, record.bytes(1)?);
            if key.starts_with(XATTR) {
                let hasher = hasher.get_or_insert_with(|| XxHash3_64::with_seed(0));
                for part in [key, value] {
                    hasher.write(&(part.len() as u64).to_le_bytes());
                    hasher.write(part);
                }
            }
        }
        let xattrs = hasher.map_or(0, |hasher| hasher.finish().max(1));
        Some(Attributes { mode: permissions(mode), uid: uid.into(), gid: gid.into(), xattrs })
    };
    read().ok_or_else(damaged)
}

fn bad(what: &str) -> Error {
    Error::bad(format!("its SOCI table of contents {what}"))
}

fn damaged() -> Error {
    bad("is damaged")
}
