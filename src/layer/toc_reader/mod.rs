//! Tables of contents that come with a layer, read instead of the layer: eStargz and zstd:chunked,
//! which are in the blob, and SOCI's, which are blobs of their own.
//!
//! A table is what the image's author says is in the layer; the bytes that are unpacked may
//! differ. It is read only if a descriptor has its digest. Whatever does not add up is an error,
//! after which the layer can be read whole. A library's eStargz layer has its table as the file
//! `stargz.index.json`, which no table lists: its bytes are overhead.

mod claim;
mod contents;
mod cost;
mod estargz;
mod flatbuffer;
mod parts;
mod rows;
mod soci;
mod zstd_chunked;

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
#[cfg(test)]
mod tests;

pub use claim::{Claim, Position, claim};
pub use soci::{SociLayer, read_ztoc, soci_index};

use std::io::Read;

use super::{Error, Limits, Memory, Ranges, Toc};
use crate::oci::{Digest, Verifier};
use parts::Parts;
use rows::Rows;

/// The ceiling on the ratio holds for longer streams.
const SMALL: u64 = 64 << 20;

/// What to read of a table, and with which ceilings.
#[derive(Clone, Copy, Debug)]
pub struct TocRequest<'a> {
    /// The size of the layer's blob, from its descriptor.
    pub blob_size: u64,
    /// Ceilings.
    pub limits: Limits,
    /// Whether to fetch the contents of files on the capture list, as far as they are few bytes.
    pub captures: bool,
    /// Shared by all layers of a run.
    pub memory: &'a Memory,
}

/// Reads the table of contents that a descriptor claims. An error says why it is not to be had or
/// not to be trusted; what it is about is the table, so the layer itself may be sound.
pub fn read_claimed(
    claim: &Claim,
    request: &TocRequest<'_>,
    ranges: &dyn Ranges,
) -> Result<Toc, Error> {
    let parts = Parts::new(ranges, request.blob_size, request.memory.hold());
    match claim {
        Claim::EStargz { json, tar_size } => estargz::read(json, *tar_size, request, parts),
        Claim::ZstdChunked { position, compressed, json, tar_split, tar_size } => {
            let table = zstd_chunked::Table {
                position: *position,
                compressed: compressed.as_ref(),
                json: json.as_ref(),
                tar_split: *tar_split,
                tar_size: *tar_size,
            };
            table.read(request, parts)
        }
    }
}

/// Charges entries for the bytes before `end`, fetches contents, and finishes the table.
fn finish(
    mut rows: Rows,
    end: u64,
    format: contents::Format,
    request: &TocRequest<'_>,
    parts: &mut Parts<'_>,
) -> Result<Toc, Error> {
    let wanted = std::mem::take(&mut rows.wanted);
    let mut pieces = std::mem::take(&mut rows.pieces);
    let plan = contents::Plan::new(wanted, &pieces);
    pieces.sort_by_key(|piece| piece.offset);
    cost::charge(&mut rows.builder, &pieces, end);
    let toc = rows.builder.toc();
    let wanted = plan.fetch(&pieces, end, format, request, parts, &mut toc.held)?;
    toc.captures = wanted.kept;
    toc.captures_dropped += wanted.dropped;
    check_content(toc, request)?;
    Ok(rows.builder.finish(request.blob_size))
}

/// Refuses what no layer can hold: more than its tar stream, than the ceilings or than its blob
/// could be decompressed to.
fn check_content(toc: &Toc, request: &TocRequest<'_>) -> Result<(), Error> {
    let Limits { unpacked, ratio, .. } = request.limits;
    let possible = request.blob_size.saturating_mul(ratio).max(SMALL);
    let possible = possible.min(unpacked).min(toc.tar_size.unwrap_or(u64::MAX));
    let content: u128 = toc.entries.iter().map(|entry| u128::from(entry.size)).sum();
    if content <= u128::from(possible) {
        return Ok(());
    }
    let text = format!("its table of contents lists {content} bytes, of {possible} at the most");
    Err(Error::bad(text))
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    verifier: Option<Verifier>,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R, expected: Option<&Digest>) -> Self {
        Self { inner, verifier: expected.map(Verifier::new) }
    }

    /// Reads to the end; whether all of it has the expected digest.
    fn finish(mut self) -> Result<bool, std::io::Error> {
        std::io::copy(&mut self, &mut std::io::sink())?;
        Ok(self.verifier.is_none_or(Verifier::finish))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        if let Some(verifier) = &mut self.verifier {
            verifier.update(&buffer[..length]);
        }
        Ok(length)
    }
}

fn too_long(length: u64, limit: u64) -> Error {
    let text = format!("its table of contents has {length} bytes; the ceiling is {limit}");
    Error::ceiling(text, None)
}

fn mismatch() -> Error {
    Error::bad("its table of contents does not have the digest that the descriptor says")
}
