//! Maps of sparse files: where in the file the stored bytes belong.
//!
//! A map is checked while it is read and not kept: its parts are in order, do not overlap, do not
//! leave the file, and are as long together as what is stored. The formats are the old GNU one
//! (in the header block and blocks after it) and PAX 0.0, 0.1 (in records) and 1.0 (before the
//! data).

use super::header::{BLOCK, Block};
use super::numeric::{self, Decimal};
use super::pax::{Records, SparseKeys};
use super::{Fault, MAX_EXTENSION};

/// Parts that a map may have.
const MAX_PARTS: u32 = 1 << 20;
/// Bytes of a part in the old GNU format: two numbers.
const PART: usize = 24;
/// Blocks after the header that may hold a map in the old GNU format.
const MAX_BLOCKS: usize = MAX_EXTENSION / BLOCK - 1;

const NOT_NUMBERS: Fault = Fault::Bad("the map of a sparse file is not made of numbers");
const TOO_LONG: Fault = Fault::Ceiling("the map of a sparse file is longer than 1 MiB");

/// A map as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// Bytes of the file with its holes.
    size: i64,
    /// Where the last part ends.
    end: i64,
    /// Bytes of all parts together.
    data: u64,
    parts: u32,
    blocks: usize,
}

impl Map {
    /// An empty map of a file of `size` bytes, holes included.
    pub(super) fn new(size: i64) -> Self {
        Self { size, ..Self::default() }
    }

    /// Adds the next part.
    fn add(&mut self, offset: i64, length: i64) -> Result<(), Fault> {
        let bad = Fault::Bad("the map of a sparse file has parts that are not in the file");
        let end = offset.checked_add(length).ok_or(bad)?;
        let length = u64::try_from(length).map_err(|_| bad)?;
        if offset < 0 || end > self.size {
            return Err(bad);
        }
        if offset < self.end {
            return Err(Fault::Bad("the map of a sparse file has parts that overlap"));
        }
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(TOO_LONG);
        }
        self.end = end;
        self.data += length;
        Ok(())
    }

    /// Holds the finished map against the bytes that are stored.
    pub(super) fn finish(&self, stored: u64) -> Result<(), Fault> {
        if self.data == stored {
            Ok(())
        } else {
            Err(Fault::Bad("the map of a sparse file is for more or fewer bytes than are stored"))
        }
    }

    /// Adds the parts that a header block of the old GNU format holds; whether blocks with more
    /// of them follow.
    pub(super) fn old_header(&mut self, block: &Block) -> Result<bool, Fault> {
        self.old_parts(&block[386..482])?;
        Ok(block[482] != 0)
    }

    /// Adds the parts of a block that follows such a header; whether more blocks follow.
    pub(super) fn old_block(&mut self, block: &Block) -> Result<bool, Fault> {
        self.blocks += 1;
        if self.blocks > MAX_BLOCKS {
            return Err(TOO_LONG);
        }
        self.old_parts(&block[..504])?;
        Ok(block[504] != 0)
    }

    fn old_parts(&mut self, area: &[u8]) -> Result<(), Fault> {
        for part in area.chunks_exact(PART).take_while(|part| part[0] != 0) {
            let (offset, length) = part.split_at(PART / 2);
            let number = |field| numeric::field(field).ok_or(NOT_NUMBERS);
            self.add(number(offset)?, number(length)?)?;
        }
        Ok(())
    }

    /// Adds the parts that PAX records give (formats 0.0 and 0.1).
    pub(super) fn records(&mut self, records: &Records, keys: &SparseKeys) -> Result<(), Fault> {
        let parts = numeric::decimal(keys.blocks).ok_or(NOT_NUMBERS)?;
        if keys.has_pairs {
            self.texts(records.pairs(), parts)
        } else if keys.map.is_empty() {
            self.texts([].into_iter(), parts)
        } else {
            self.texts(keys.map.split(|byte| *byte == b','), parts)
        }
    }

    fn texts<'a>(
        &mut self,
        mut texts: impl Iterator<Item = &'a [u8]>,
        parts: i64,
    ) -> Result<(), Fault> {
        let uneven = Fault::Bad("the map of a sparse file does not have the parts it says");
        let number = |text| numeric::decimal(text).ok_or(NOT_NUMBERS);
        while let Some(offset) = texts.next() {
            let length = texts.next().ok_or(uneven)?;
            self.add(number(offset)?, number(length)?)?;
        }
        if i64::from(self.parts) == parts { Ok(()) } else { Err(uneven) }
    }
}

/// A map before the data (format 1.0): lines of decimal numbers, the count of parts first, then
/// offset and length of each; zeros fill its last block.
#[derive(Debug)]
pub(super) struct Lines {
    /// The map.
    pub map: Map,
    number: Decimal,
    /// Parts that are still to come, once it is known.
    parts: Option<i64>,
    offset: Option<i64>,
}

impl Lines {
    /// Starts such a map.
    pub(super) fn new(map: Map) -> Self {
        Self { map, number: Decimal::default(), parts: None, offset: None }
    }

    /// Reads the next block; whether the map is complete.
    pub(super) fn block(&mut self, block: &Block) -> Result<bool, Fault> {
        self.map.blocks += 1;
        if self.map.blocks * BLOCK > MAX_EXTENSION {
            return Err(TOO_LONG);
        }
        for byte in block {
            if *byte != b'\n' {
                self.number.push(*byte).ok_or(NOT_NUMBERS)?;
                continue;
            }
            let number = std::mem::take(&mut self.number).finish().ok_or(NOT_NUMBERS)?;
            self.line(number)?;
            if self.parts == Some(0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn line(&mut self, number: i64) -> Result<(), Fault> {
        match (self.parts, self.offset.take()) {
            (None, _) if number < 0 => return Err(NOT_NUMBERS),
            (None, _) => self.parts = Some(number),
            (Some(_), None) => self.offset = Some(number),
            (Some(parts), Some(offset)) => {
                self.map.add(offset, number)?;
                self.parts = Some(parts - 1);
            }
        }
        Ok(())
    }
}
