//! What a layer would take if it were compressed anew, tried on small parts of its stream.
//!
//! Every 16 MiB a part of some 128 KiB is compressed at zstd's level 3, and every eighth of them
//! at gzip's level 6 as well. What stands before a part is known to the compressor as it would be
//! in the whole stream: 1 MiB for zstd, 32 KiB for gzip. Beside it stands what the same part takes
//! in the blob. Positions are those of the stream, so that the same layer gives the same figures.
//!
//! Refused: layers that zstd compresses already, and those of fewer than 8 MiB.

use flate2::{Compress, Compression, FlushCompress, Status};
use serde::{Deserialize, Serialize};
use zstd::zstd_safe::{CCtx, CParameter, compress_bound};

use super::{Error, Hold, Memory};

/// Where parts begin: here, and so many bytes on.
const FIRST: u64 = 8 << 20;
const EVERY: u64 = 16 << 20;
/// Bytes of a part, and the most that it can be longer.
const PART: usize = 128 << 10;
const SURPLUS: usize = 320 << 10;
/// Bytes before a part that a compressor knows.
const BEFORE: usize = 1 << 20;
const GZIP_BEFORE: usize = 32 << 10;
/// Of so many parts one is compressed by gzip.
const GZIP_EVERY: usize = 8;
const ZSTD_LEVEL: i32 = 3;
const GZIP_LEVEL: u32 = 6;
/// Binary logarithm of the window, as zstd has it for long streams at this level.
const WINDOW_LOG: u32 = 21;
/// Memory for a part, what stands before it, and the compressors.
const MEMORY: usize = 2 * (BEFORE + PART + SURPLUS) + (4 << 20);

/// What parts of a layer's stream take, as they are and compressed anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trials {
    /// By zstd at its level 3.
    pub zstd: Vec<Trial>,
    /// By gzip at its level 6.
    pub gzip: Vec<Trial>,
}

/// What one part takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// In the blob.
    pub stored: u32,
    /// Compressed anew.
    pub anew: u32,
}

impl Trials {
    /// Bytes of memory that they take.
    pub(super) fn cost(&self) -> usize {
        (self.zstd.len() + self.gzip.len()) * size_of::<Trial>()
    }
}

/// Takes the parts while a stream passes.
pub(super) struct Sampler {
    memory: Memory,
    /// Bytes that passed.
    offset: u64,
    /// Where the next part begins.
    next: u64,
    /// What stands before a part, and the part.
    bytes: Vec<u8>,
    part: Option<Part>,
    held: Hold,
    trials: Trials,
}

/// A part that is being taken.
#[derive(Clone, Copy)]
struct Part {
    /// Its start in the bytes taken.
    start: usize,
    /// Where the blob stood there.
    position: u64,
}

impl Sampler {
    pub(super) fn new(memory: &Memory) -> Self {
        Self {
            memory: memory.clone(),
            offset: 0,
            next: FIRST,
            bytes: Vec::new(),
            part: None,
            held: Hold::default(),
            trials: Trials::default(),
        }
    }

    /// Bytes after which a piece had best end.
    pub(super) fn ahead(&self) -> u64 {
        match self.part {
            Some(part) => (part.start + PART).saturating_sub(self.bytes.len()) as u64,
            None if self.bytes.is_empty() => self.begin().saturating_sub(self.offset).max(1),
            None => self.next.saturating_sub(self.offset),
        }
    }

    /// Where what stands before the next part begins.
    fn begin(&self) -> u64 {
        self.next - BEFORE as u64
    }

    /// Takes the next bytes of the stream, after which the blob stands at `position`.
    pub(super) fn piece(&mut self, bytes: &[u8], position: u64) -> Result<(), Error> {
        self.offset += bytes.len() as u64;
        if self.offset <= self.begin() {
            return Ok(());
        }
        if self.bytes.capacity() == 0 {
            self.held = self.memory.hold();
            self.held.add(MEMORY)?;
        }
        self.bytes.extend_from_slice(bytes);
        match self.part {
            None if self.offset >= self.next => {
                self.part = Some(Part { start: self.bytes.len(), position });
            }
            Some(part) if self.bytes.len() - part.start >= PART => {
                self.compress(part, position);
                self.bytes.clear();
                self.part = None;
                self.next += EVERY;
            }
            _ => {}
        }
        Ok(())
    }

    fn compress(&mut self, Part { start, position: from }: Part, to: u64) {
        let (before, part) = self.bytes.split_at(start);
        let Ok(stored) = u32::try_from(to.saturating_sub(from)) else { return };
        let is_turn = self.trials.zstd.len().is_multiple_of(GZIP_EVERY);
        let Some(anew) = zstd(last(before, BEFORE), part) else { return };
        self.trials.zstd.push(Trial { stored, anew });
        if let Some(anew) = is_turn.then(|| gzip(last(before, GZIP_BEFORE), part)).flatten() {
            self.trials.gzip.push(Trial { stored, anew });
        }
    }

    /// What was tried.
    pub(super) fn finish(self) -> Trials {
        self.trials
    }
}

fn last(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[bytes.len().saturating_sub(most)..]
}

/// Bytes that a part takes at zstd's level; `None` if there is no memory for a compressor.
fn zstd(before: &[u8], part: &[u8]) -> Option<u32> {
    let mut context = CCtx::try_create()?;
    let level = CParameter::CompressionLevel(ZSTD_LEVEL);
    for parameter in [level, CParameter::WindowLog(WINDOW_LOG)] {
        context.set_parameter(parameter).ok()?;
    }
    context.ref_prefix(before).ok()?;
    let mut compressed = Vec::with_capacity(compress_bound(part.len()));
    let length = context.compress2(&mut compressed, part).ok()?;
    u32::try_from(length).ok()
}

/// The same at gzip's level.
fn gzip(before: &[u8], part: &[u8]) -> Option<u32> {
    let mut deflate = Compress::new(Compression::new(GZIP_LEVEL), false);
    deflate.set_dictionary(before).ok()?;
    let mut compressed = Vec::with_capacity(compress_bound(part.len()) + GZIP_BEFORE);
    let status = deflate.compress_vec(part, &mut compressed, FlushCompress::Finish).ok()?;
    (status == Status::StreamEnd).then(|| u32::try_from(deflate.total_out()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of which half repeat what stands 200,000 bytes before.
    fn stream(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut bytes: Vec<u8> = Vec::with_capacity(length);
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let fresh = (state >> 40).to_le_bytes()[0] & 15;
            let is_fresh = (bytes.len() / 64).is_multiple_of(2) || bytes.len() < 200_000;
            bytes.push(if is_fresh { fresh } else { bytes[bytes.len() - 200_000] });
        }
        bytes
    }

    fn tried(stream: &[u8], piece: usize, factor: u64) -> Trials {
        let memory = Memory::new(16 << 20);
        let mut sampler = Sampler::new(&memory);
        let mut offset = 0;
        for bytes in stream.chunks(piece) {
            offset += bytes.len() as u64;
            sampler.piece(bytes, offset / factor).unwrap();
        }
        sampler.finish()
    }

    #[test]
    fn parts_are_taken_at_fixed_places() {
        let stream = stream(25 << 20);
        let check = |length: usize, zstd: usize, gzip: usize| {
            let trials = tried(&stream[..length], 32 << 10, 2);
            assert_eq!((trials.zstd.len(), trials.gzip.len()), (zstd, gzip), "{length}");
            assert!(trials.zstd.iter().all(|trial| trial.stored == 64 << 10), "{trials:?}");
        };
        check(8 << 20, 0, 0);
        check((8 << 20) + PART - 1, 0, 0);
        check((8 << 20) + PART, 1, 1);
        check(24 << 20, 1, 1);
        check(25 << 20, 2, 1);
    }

    #[test]
    fn compressors_know_what_stands_before() {
        let stream = stream(9 << 20);
        let Trials { zstd, gzip } = tried(&stream, 32 << 10, 1);
        // Half of the bytes are four bits each, and only zstd reaches the other half.
        assert!((32_000..40_000).contains(&zstd[0].anew), "{zstd:?}");
        assert!((62_000..72_000).contains(&gzip[0].anew), "{gzip:?}");
    }

    #[test]
    fn memory_is_counted_while_parts_are_taken() {
        let memory = Memory::new(MEMORY);
        let mut sampler = Sampler::new(&memory);
        sampler.piece(&vec![0; 1 << 20], 1).unwrap();
        assert_eq!(memory.used(), 0);
        let piece = vec![0; 8 << 20];
        sampler.piece(&piece, 2).unwrap();
        assert_eq!(memory.used(), MEMORY);
        let mut other = Sampler::new(&memory);
        assert!(other.piece(&piece, 2).is_err());
        drop(sampler);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn pieces_end_where_parts_do() {
        let mut sampler = Sampler::new(&Memory::default());
        assert_eq!(sampler.ahead(), 7 << 20);
        sampler.piece(&vec![0; (7 << 20) + 5], 1).unwrap();
        assert_eq!(sampler.ahead(), (1 << 20) - 5);
        sampler.piece(&vec![0; 1 << 20], 1).unwrap();
        assert_eq!(sampler.ahead(), PART as u64);
    }
}
