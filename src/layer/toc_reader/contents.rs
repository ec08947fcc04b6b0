//! Contents of files on the capture list, fetched by ranges from a layer with a table of contents.
//!
//! As many as cost few bytes: table and contents together stay below 5 % of the blob, or below
//! 64 KiB where that is more, which all of them seldom take. Each is checked against the digest that the table has for it.

use std::collections::HashMap;
use std::io::Read;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::TocRequest;
use super::parts::Parts;
use super::rows::{Piece, Wanted};
use crate::layer::decode::window;
use crate::layer::{Capture, Error, Hold, Memory};

/// Bytes that are read for nothing rather than asking twice.
const GAP: u64 = 32 << 10;
/// Requests for one layer.
const MOST_RANGES: usize = 128;
/// Per mille of the blob.
const SHARE: u64 = 50;
const FLOOR: u64 = 64 << 10;
/// Bytes that are decompressed to get to a content that shares its member with others.
const FARTHEST: u64 = 8 << 20;
const MAX_WINDOW_LOG: u32 = 27;
/// Windows that need no permit.
const FREE_WINDOW_LOG: u32 = 23;

/// How payloads are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Zstd,
}

/// The files that are wanted, with their pieces.
pub(super) struct Plan {
    files: Vec<(Wanted, Vec<Piece>)>,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Contents {
    pub kept: Vec<Capture>,
    pub dropped: u64,
}

/// Bytes of the blob that were or are to be fetched.
struct Extent {
    start: u64,
    end: u64,
}

impl Plan {
    /// Finds the pieces of files; both are in the order of entries.
    pub(super) fn new(wanted: Vec<Wanted>, pieces: &[Piece]) -> Self {
        let files = wanted.into_iter().map(|file| {
            let first = pieces.partition_point(|piece| piece.entry < file.entry);
            let own = pieces[first..].iter().take_while(|piece| piece.entry == file.entry);
            let own = own.copied().collect();
            (file, own)
        });
        Self { files: files.collect() }
    }

    /// Fetches what fits; `sorted` are all pieces by offset, and the last ends at `end`.
    pub(super) fn fetch(
        self,
        sorted: &[Piece],
        end: u64,
        format: Format,
        request: &TocRequest<'_>,
        parts: &mut Parts<'_>,
        held: &mut Hold,
    ) -> Result<Contents, Error> {
        let share = request.blob_size / 1000 * SHARE;
        let mut budget = share.max(FLOOR).saturating_sub(parts.total());
        let all = self.files.len();
        let files = self.choose(sorted, end, budget, request.limits.captured);
        let extents = join(&files, &mut budget);
        let mut blob = HashMap::new();
        for extent in &extents {
            blob.insert(extent.start, parts.read(extent.start, extent.end)?);
        }
        let mut contents = Contents::default();
        let mut read = 0;
        for (file, pieces) in &files {
            let within = |piece: &Piece| slice(&extents, &blob, piece);
            let Some(parts) = pieces.iter().map(within).collect::<Option<Vec<_>>>() else {
                continue;
            };
            // Below the ceiling on captures, which is a size in memory.
            held.add(Capture::cost_of(usize::try_from(file.size).unwrap_or(usize::MAX)))?;
            let mut content = unpack(file, pieces, &parts, format, request.memory)?;
            read += 1;
            content = file.keep.of_content(content);
            if !content.is_empty() {
                contents.kept.push(Capture { entry: file.entry, head: content, tail: Vec::new() });
            }
        }
        contents.kept.sort_by_key(|capture| capture.entry);
        contents.dropped = (all - read) as u64;
        Ok(contents)
    }

    /// The files that fit, the most telling and smallest first, with the ends of their pieces.
    fn choose(
        self,
        sorted: &[Piece],
        end: u64,
        budget: u64,
        ceiling: usize,
    ) -> Vec<(Wanted, Vec<Piece>)> {
        let mut files = self.files;
        for piece in files.iter_mut().flat_map(|(_, pieces)| pieces) {
            let next = sorted.partition_point(|other| other.offset <= piece.offset);
            let next = sorted.get(next).map_or(end, |next| next.offset);
            piece.end = Some(piece.end.unwrap_or(next));
        }
        files.sort_by_key(|(file, pieces)| (file.rank, length(pieces), file.entry));
        let (mut left, mut kept) = (budget, ceiling as u64);
        files.retain(|(file, pieces)| {
            let near = pieces.iter().all(|piece| piece.inner <= FARTHEST);
            let fits = near && length(pieces) <= left && file.size <= kept;
            if fits {
                left -= length(pieces);
                kept -= file.size;
            }
            fits
        });
        files
    }
}

fn length(pieces: &[Piece]) -> u64 {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(stop(piece) - piece.offset))
}

fn stop(piece: &Piece) -> u64 {
    piece.end.unwrap_or(piece.offset).max(piece.offset)
}

/// The ranges to ask for: neighbours are one, while the bytes between them are few.
fn join(files: &[(Wanted, Vec<Piece>)], budget: &mut u64) -> Vec<Extent> {
    let pieces = || files.iter().flat_map(|(_, pieces)| pieces);
    let mut all: Vec<_> = pieces().map(|piece| (piece.offset, stop(piece))).collect();
    all.sort_unstable();
    let own = files.iter().fold(0, |sum: u64, (_, own)| sum.saturating_add(length(own)));
    *budget = budget.saturating_sub(own);
    let mut joined: Vec<(Extent, usize)> = Vec::new();
    for (start, end) in all {
        if let Some((last, count)) = joined.last_mut() {
            let gap = start.saturating_sub(last.end);
            if gap <= GAP && gap <= *budget {
                *budget -= gap;
                last.end = last.end.max(end);
                *count += 1;
                continue;
            }
        }
        joined.push((Extent { start, end }, 1));
    }
    joined.sort_by_key(|(extent, count)| (std::cmp::Reverse(*count), extent.start));
    joined.truncate(MOST_RANGES);
    let mut extents: Vec<_> = joined.into_iter().map(|(extent, _)| extent).collect();
    extents.sort_by_key(|extent| extent.start);
    extents
}

/// The compressed bytes of a piece, if they were fetched.
fn slice(extents: &[Extent], blob: &HashMap<u64, Bytes>, piece: &Piece) -> Option<Bytes> {
    let after = extents.partition_point(|extent| extent.start <= piece.offset);
    let extent = &extents[after.checked_sub(1)?];
    if stop(piece) > extent.end {
        return None;
    }
    let at = |position: u64| usize::try_from(position - extent.start).ok();
    Some(blob.get(&extent.start)?.slice(at(piece.offset)?..at(stop(piece))?))
}

/// Decompresses the pieces of a file and checks the whole.
fn unpack(
    file: &Wanted,
    pieces: &[Piece],
    parts: &[Bytes],
    format: Format,
    memory: &Memory,
) -> Result<Vec<u8>, Error> {
    let damaged = || Error::bad("a file in it is not what its table of contents says");
    let mut content = Vec::new();
    for (piece, bytes) in pieces.iter().zip(parts) {
        let read = match format {
            Format::Gzip => take(GzDecoder::new(&bytes[..]), piece, &mut content),
            Format::Zstd => {
                let permit = memory.windows().acquire_for(widest(bytes));
                let longest = if permit.is_some() { MAX_WINDOW_LOG } else { FREE_WINDOW_LOG };
                zstd::stream::read::Decoder::with_buffer(&bytes[..]).and_then(|mut decoder| {
                    decoder.window_log_max(longest)?;
                    take(decoder, piece, &mut content)
                })
            }
        };
        read.map_err(|_| damaged())?;
    }
    let digest: [u8; 32] = Sha256::digest(&content).into();
    if digest == file.digest { Ok(content) } else { Err(damaged()) }
}

/// The largest window of the frames that some bytes are.
fn widest(mut bytes: &[u8]) -> u64 {
    let mut widest = 0;
    while !bytes.is_empty() {
        widest = widest.max(window(bytes));
        let length = zstd::zstd_safe::find_frame_compressed_size(bytes).unwrap_or(bytes.len());
        bytes = bytes.get(length..).unwrap_or_default();
    }
    widest
}

fn take(mut reader: impl Read, piece: &Piece, content: &mut Vec<u8>) -> std::io::Result<()> {
    std::io::copy(&mut reader.by_ref().take(piece.inner), &mut std::io::sink())?;
    reader.take(piece.length).read_to_end(content)?;
    Ok(())
}
