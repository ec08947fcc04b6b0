//! The bytes of a blob in blocks of one length, however they arrive.
//!
//! What a decoder consumes depends a little on how its input is cut, and the bytes that entries
//! cost are read off that. Blocks that start at the same places every time make the figures the
//! same every time.

use std::io::{BufRead, ErrorKind};

use crate::layer::Error;

const BLOCK: usize = 64 << 10;

/// A blob that is being read.
pub(in crate::layer) struct Input<'a> {
    reader: &'a mut dyn BufRead,
    block: Box<[u8]>,
    /// The bytes of the block that are not consumed yet.
    start: usize,
    end: usize,
    position: u64,
    ended: bool,
}

impl<'a> Input<'a> {
    /// Starts at the reader's place, which is taken for the blob's start.
    pub(in crate::layer) fn new(reader: &'a mut dyn BufRead) -> Self {
        let block = vec![0; BLOCK].into_boxed_slice();
        Self { reader, block, start: 0, end: 0, position: 0, ended: false }
    }

    /// Bytes consumed.
    pub(in crate::layer) fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes; none at the end of the blob.
    pub(super) fn fill(&mut self) -> Result<&[u8], Error> {
        self.peek(1)?;
        Ok(&self.block[self.start..self.end])
    }

    /// The next `length` bytes, or as many as there are.
    pub(in crate::layer) fn peek(&mut self, length: usize) -> Result<&[u8], Error> {
        if self.end - self.start < length && !self.ended {
            self.block.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            self.refill()?;
        }
        Ok(&self.block[self.start..self.end.min(self.start + length)])
    }

    /// Marks bytes as used.
    pub(super) fn consume(&mut self, length: usize) {
        self.start += length;
        self.position += length as u64;
    }

    /// Takes the next bytes if all of them are there.
    pub(super) fn take<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Error> {
        let bytes = self.peek(N)?.first_chunk().copied();
        if bytes.is_some() {
            self.consume(N);
        }
        Ok(bytes)
    }

    /// Skips bytes; whether all of them were there.
    pub(super) fn skip(&mut self, mut length: u64) -> Result<bool, Error> {
        while length > 0 {
            let available = self.fill()?.len();
            if available == 0 {
                return Ok(false);
            }
            let step = available.min(usize::try_from(length).unwrap_or(usize::MAX));
            self.consume(step);
            length -= step as u64;
        }
        Ok(true)
    }

    /// Reads what is left, for the sake of whoever verifies it.
    pub(in crate::layer) fn drain(&mut self) -> Result<(), Error> {
        self.skip(u64::MAX).map(drop)
    }

    fn refill(&mut self) -> Result<(), Error> {
        while self.end < self.block.len() {
            let bytes = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if bytes.is_empty() {
                self.ended = true;
                break;
            }
            let step = bytes.len().min(self.block.len() - self.end);
            self.block[self.end..self.end + step].copy_from_slice(&bytes[..step]);
            self.reader.consume(step);
            self.end += step;
        }
        Ok(())
    }
}
