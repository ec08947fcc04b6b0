//! Parts of a blob as they are asked for: the end first, on the guess that the table is in it.

use bytes::Bytes;

use crate::layer::{Error, Hold, Ranges};

/// Bytes at the end of a blob that are read first.
const TAIL: u64 = 16 << 10;
const LONGEST_TAIL: u64 = 1 << 20;
/// The share of a blob that its table of contents seldom exceeds.
const SHARE: u64 = 128;

/// Reads parts of one blob and counts their bytes.
pub(super) struct Parts<'a> {
    ranges: &'a dyn Ranges,
    size: u64,
    read: u64,
    held: Hold,
}

impl<'a> Parts<'a> {
    /// Counts them in `held`, too.
    pub(super) fn new(ranges: &'a dyn Ranges, size: u64, held: Hold) -> Self {
        Self { ranges, size, read: 0, held }
    }

    /// Bytes read so far.
    pub(super) fn total(&self) -> u64 {
        self.read
    }

    /// The bytes from `start` to before `end`.
    pub(super) fn read(&mut self, start: u64, end: u64) -> Result<Bytes, Error> {
        let length = end.checked_sub(start).filter(|_| end <= self.size).ok_or_else(|| {
            Error::bad(format!("a part of it, {start} to {end}, is not in its {} bytes", self.size))
        })?;
        self.held.add(usize::try_from(length).unwrap_or(usize::MAX))?;
        let bytes = self.ranges.read(start, length)?;
        self.read = self.read.saturating_add(length);
        if bytes.len() as u64 != length {
            let text = format!("{length} bytes of it were asked for and {} came", bytes.len());
            return Err(Error::bad(text));
        }
        Ok(bytes)
    }

    /// The last bytes, and where they start.
    pub(super) fn tail(&mut self) -> Result<(u64, Bytes), Error> {
        let start = self.size.saturating_sub((self.size / SHARE).clamp(TAIL, LONGEST_TAIL));
        Ok((start, self.read(start, self.size)?))
    }

    /// The bytes from `start` to before `end`, of which those from `tail.0` on are in hand.
    pub(super) fn complete(
        &mut self,
        tail: &(u64, Bytes),
        start: u64,
        end: u64,
    ) -> Result<Bytes, Error> {
        let (known, bytes) = tail;
        let at = |position: u64| usize::try_from(position.saturating_sub(*known)).ok();
        let last = at(end).filter(|last| *last <= bytes.len());
        match (at(start), last) {
            (Some(first), Some(last)) if start >= *known && first <= last => {
                Ok(bytes.slice(first..last))
            }
            (_, Some(last)) if start < *known && end > *known => {
                let front = self.read(start, *known)?;
                Ok([&front[..], &bytes[..last]].concat().into())
            }
            _ => self.read(start, end),
        }
    }
}
