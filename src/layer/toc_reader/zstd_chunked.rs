//! zstd:chunked: a table of contents in a skippable frame, found by annotations or by a footer;
//! containers/storage `pkg/chunked`, and containerd's tools, which write eStargz's rows.

use std::io::{BufReader, Read};

use bytes::Bytes;
use zstd::stream::read::Decoder;

use super::parts::Parts;
use super::{Hashed, Position, TocRequest, contents, finish, mismatch, rows, too_long};
use crate::layer::decode::window;
use crate::layer::{Error, Source, Toc, tail};
use crate::oci::{Digest, MediaType};

/// The header of a skippable frame.
const FRAME: u64 = 8;
/// Before 1.50 of containers/storage, and since.
const OLD_MAGIC: &[u8] = b"GnUlInUx";
const MAGIC: &[u8] = b"GNUlInUx";
/// Memory for decoding.
const MAX_WINDOW_LOG: u32 = 27;
/// A tar-split that is larger than this share of the blob is not fetched.
const TAR_SPLIT_SHARE: u64 = 256;
const SMALL_TAR_SPLIT: u64 = 16 << 10;
/// The type of tables that are known.
const MANIFEST: u64 = 1;

/// A table by what a descriptor says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    pub position: Option<Position>,
    pub compressed: Option<&'a Digest>,
    pub json: Option<&'a Digest>,
    pub tar_split: Option<Position>,
    pub tar_size: Option<u64>,
}

impl Table<'_> {
    /// Reads it.
    pub(super) fn read(self, request: &TocRequest<'_>, mut parts: Parts<'_>) -> Result<Toc, Error> {
        let tail = if self.position.is_none() { Some(parts.tail()?) } else { None };
        let position = match (self.position, &tail) {
            (Some(position), _) => position,
            (None, Some((_, tail))) => footer(tail, request.blob_size)?,
            (None, None) => return Err(no_footer()),
        };
        let end = position.offset.saturating_sub(FRAME);
        let limits = request.limits;
        for (length, limit) in
            [(position.length, limits.toc), (position.unpacked, limits.toc_unpacked)]
        {
            if length > limit {
                return Err(too_long(length, limit));
            }
        }
        let near = self.tar_split.filter(|split| is_cheap(&position, split, request.blob_size));
        let split_end = near.map_or(0, |split| split.offset + split.length);
        let table_end = position.offset + position.length;
        let bytes = match &tail {
            Some(tail) => parts.complete(tail, position.offset, table_end)?,
            None => parts.read(position.offset, table_end.max(split_end))?,
        };
        let (table, rest) = split(&bytes, position.length);
        if self.compressed.is_some_and(|digest| !digest.matches(&table)) {
            return Err(mismatch());
        }
        let mut rows = parse(&table, position.unpacked, self.json, end, request)?;
        let split_size = near.and_then(|split| {
            let gap = usize::try_from(split.offset - table_end).ok()?;
            let length = usize::try_from(split.length).ok()?;
            let split = rest.get(gap..gap.checked_add(length)?)?;
            tar_size(split, rows.tar_split.as_deref(), request)
        });
        rows.builder.toc().tar_size = self.tar_size.or(split_size);
        finish(rows, end, contents::Format::Zstd, request, &mut parts)
    }
}

fn split(bytes: &Bytes, length: u64) -> (Bytes, Bytes) {
    let at = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
    (bytes.slice(..at), bytes.slice(at..))
}

/// Whether a tar-split comes right after the table and is short.
fn is_cheap(table: &Position, split: &Position, blob: u64) -> bool {
    let after = table.offset.checked_add(table.length).and_then(|end| end.checked_add(FRAME));
    after == Some(split.offset) && split.length <= (blob / TAR_SPLIT_SHARE).max(SMALL_TAR_SPLIT)
}

/// The tar's length by a tar-split of which the table has the digest.
fn tar_size(split: &[u8], digest: Option<&str>, request: &TocRequest<'_>) -> Option<u64> {
    let digest: Digest = digest?.parse().ok()?;
    let _permit = request.memory.windows().acquire_for(window(split));
    let zstd = MediaType("application/vnd.oci.image.layer.v1.tar+zstd".into());
    match tail::infer(&zstd, request.blob_size, split) {
        tail::Inferred::Length(length) if digest.matches(split) => Some(length),
        _ => None,
    }
}

fn parse(
    table: &[u8],
    unpacked: u64,
    json: Option<&Digest>,
    payload_end: u64,
    request: &TocRequest<'_>,
) -> Result<rows::Rows, Error> {
    let damaged = |error: std::io::Error| rows::bad(&format!("does not decompress: {error}"));
    let _permit = request.memory.windows().acquire_for(window(table));
    let mut decoder = Decoder::with_buffer(table).map_err(damaged)?.single_frame();
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(damaged)?;
    let mut text = BufReader::new(Hashed::new(decoder.take(unpacked), json));
    let rows = rows::read(&mut text, Source::ZstdChunked, request, payload_end);
    if text.into_inner().finish().map_err(damaged)? { rows } else { Err(mismatch()) }
}

/// Where the table is by the footer at the end of `tail`, which is the end of a blob of `size`
/// bytes. Versions 1.47 to 1.49 wrote one whose magic stands before its end.
fn footer(tail: &[u8], size: u64) -> Result<Position, Error> {
    let of = |length: usize, magic_at: usize, magic: &[u8]| {
        let frame = &tail[tail.len().checked_sub(length + 8)?..];
        let (header, payload) = frame.split_at(8);
        let length = u32::try_from(length).ok()?.to_le_bytes();
        let framed = header[..4] == *b"\x50\x2a\x4d\x18" && header[4..] == length;
        (framed && payload[magic_at..].starts_with(magic)).then_some((payload, length))
    };
    let (payload, length) = of(64, 56, MAGIC)
        .or_else(|| of(56, 32, OLD_MAGIC))
        .or_else(|| of(40, 32, OLD_MAGIC))
        .ok_or_else(no_footer)?;
    let number = |at: usize| {
        payload
            .get(at..)
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |b| u64::from_le_bytes(*b))
    };
    let position = Position { offset: number(0), length: number(8), unpacked: number(16) };
    let data = size.saturating_sub(u64::from(u32::from_le_bytes(length)) + FRAME);
    if number(24) != MANIFEST || !position.is_within(data) {
        return Err(Error::bad("the footer of its table of contents points out of the layer"));
    }
    Ok(position)
}

fn no_footer() -> Error {
    Error::bad("it has no footer of zstd:chunked at its end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn footers_of_each_generation_are_read() {
        let check = |text: &str, size: u64, expected: Option<(u64, u64, u64)>| {
            let bytes = hex::decode(text.replace(' ', "")).unwrap();
            let found = footer(&bytes, size).ok();
            let found = found.map(|found| (found.offset, found.length, found.unpacked));
            assert_eq!(found, expected, "{text} {size}");
        };
        let first = "502a4d18 28000000 cca38a0000000000 d427000000000000 fe96000000000000 0100000000000000 476e556c496e5578";
        check(first, 9_096_144, Some((9_085_900, 10_196, 38_654)));
        check(first, 9_096_143, None);
        check(&first.replace("0100000000000000", "0200000000000000"), 9_096_144, None);
        check(&first.replace("cca38a0000000000", "ffffffffffffffff"), 9_096_144, None);
        let broken = "502a4d18 38000000 feb38a0000000000 e827000000000000 9990000000000000 0100000000000000 476e556c496e5578 0000000000000000 0000000000000000";
        check(broken, 9_200_000, Some((9_090_046, 10_216, 37_017)));
        let second = "502a4d18 40000000 feb38a0000000000 e827000000000000 9990000000000000 0100000000000000 eedb8a0000000000 eb05000000000000 4e77000000000000 474e556c496e5578";
        check(second, 9_200_000, Some((9_090_046, 10_216, 37_017)));
        check(&second[9..], 9_200_000, None);
        check(&second.replace("474e55", "476e55"), 9_200_000, None);
        check("", 9_200_000, None);
    }
}
