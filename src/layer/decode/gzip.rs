//! Gzip: members one after another, each with its header, checksum and length (RFC 1952).
//!
//! The headers are read here and not by the inflater, which does not bound them.

use crc32fast::Hasher as Crc;
use flate2::{Decompress, FlushDecompress, Status};

use super::{Extent, Input, LARGEST_PIECE, Output, cut, piece_length, trailing};
use crate::layer::Error;

/// Bytes that a member's header may have.
const MAX_HEADER: u64 = 1 << 20;

const DEFLATE: u8 = 8;
const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

pub(super) fn decode(input: &mut Input<'_>, output: &mut dyn Output) -> Result<Extent, Error> {
    let mut inflate = Decompress::new(false);
    let mut buffer = vec![0; LARGEST_PIECE];
    let mut extent = Extent::default();
    loop {
        match input.peek(2)? {
            [] => return Ok(extent),
            [0x1f] => return Err(cut("gzip", input)),
            [0x1f, 0x8b] => {}
            _ => {
                extent.trailing = trailing(input)?;
                return Ok(extent);
            }
        }
        header(input)?;
        inflate.reset(false);
        if member(input, &mut inflate, &mut buffer, output)? {
            extent.content = input.position();
        }
    }
}

/// Decodes what stands between a member's header and the next one; whether it holds something.
fn member(
    input: &mut Input<'_>,
    inflate: &mut Decompress,
    buffer: &mut [u8],
    output: &mut dyn Output,
) -> Result<bool, Error> {
    let mut checksum = Crc::new();
    loop {
        let wanted = piece_length(output.ahead());
        let (length, ended) = fill(input, inflate, &mut buffer[..wanted])?;
        let piece = &buffer[..length];
        checksum.update(piece);
        if ended {
            trailer(input, checksum.clone().finalize(), inflate.total_out())?;
        }
        if length > 0 {
            output.piece(piece, input.position())?;
        }
        if ended {
            return Ok(inflate.total_out() > 0);
        }
    }
}

/// Inflates until the piece is full or the deflate stream ends; its length and whether that was
/// the end.
fn fill(
    input: &mut Input<'_>,
    inflate: &mut Decompress,
    piece: &mut [u8],
) -> Result<(usize, bool), Error> {
    let mut filled = 0;
    while filled < piece.len() {
        let bytes = input.fill()?;
        let at_end = bytes.is_empty();
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let result = inflate.decompress(bytes, &mut piece[filled..], FlushDecompress::None);
        // Both are bounded by the slices given.
        let read = usize::try_from(inflate.total_in() - before_in).unwrap_or(usize::MAX);
        let written = usize::try_from(inflate.total_out() - before_out).unwrap_or(usize::MAX);
        let at = input.position();
        input.consume(read);
        filled += written;
        let status = result.map_err(|_| damaged(at))?;
        if status == Status::StreamEnd {
            return Ok((filled, true));
        }
        if read == 0 && written == 0 {
            return Err(if at_end { cut("gzip", input) } else { damaged(at) });
        }
    }
    Ok((filled, false))
}

fn damaged(position: u64) -> Error {
    Error::bad(format!("its gzip stream is damaged near byte {position}"))
}

fn trailer(input: &mut Input<'_>, checksum: u32, length: u64) -> Result<(), Error> {
    let at = input.position();
    let trailer: [u8; 8] = input.take()?.ok_or_else(|| cut("gzip", input))?;
    let [a, b, c, d, low @ ..] = trailer;
    if u32::from_le_bytes([a, b, c, d]) != checksum {
        return Err(Error::bad(format!(
            "the checksum at byte {at} of its gzip stream does not match the content"
        )));
    }
    if u64::from(u32::from_le_bytes(low)) != length & u64::from(u32::MAX) {
        return Err(Error::bad(format!(
            "the length at byte {} of its gzip stream does not match the content",
            at + 4
        )));
    }
    Ok(())
}

fn header(input: &mut Input<'_>) -> Result<(), Error> {
    let start = input.position();
    let fixed: [u8; 10] = input.take()?.ok_or_else(|| cut("gzip", input))?;
    let flags = fixed[3];
    if fixed[2] != DEFLATE || flags & RESERVED != 0 {
        return Err(Error::bad(format!(
            "the gzip header at byte {start} has a method or flags that are not defined"
        )));
    }
    let mut checksum = Crc::new();
    checksum.update(&fixed);
    if flags & EXTRA != 0 {
        let length: [u8; 2] = input.take()?.ok_or_else(|| cut("gzip", input))?;
        checksum.update(&length);
        let mut left = usize::from(u16::from_le_bytes(length));
        while left > 0 {
            let bytes = input.fill()?;
            let step = bytes.len().min(left);
            checksum.update(&bytes[..step]);
            if step == 0 {
                return Err(cut("gzip", input));
            }
            input.consume(step);
            left -= step;
        }
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            skip_text(input, start, &mut checksum)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        let expected: [u8; 2] = input.take()?.ok_or_else(|| cut("gzip", input))?;
        if u32::from(u16::from_le_bytes(expected)) != checksum.clone().finalize() & 0xffff {
            return Err(Error::bad(format!(
                "the checksum of the gzip header at byte {start} does not match"
            )));
        }
    }
    Ok(())
}

/// Skips a text that a zero ends.
fn skip_text(input: &mut Input<'_>, start: u64, checksum: &mut Crc) -> Result<(), Error> {
    loop {
        let bytes = input.fill()?;
        if bytes.is_empty() {
            return Err(cut("gzip", input));
        }
        let end = bytes.iter().position(|byte| *byte == 0);
        let step = end.map_or(bytes.len(), |end| end + 1);
        checksum.update(&bytes[..step]);
        input.consume(step);
        if input.position() - start > MAX_HEADER {
            return Err(Error::bad(format!(
                "the gzip header at byte {start} is longer than {MAX_HEADER} bytes"
            )));
        }
        if end.is_some() {
            return Ok(());
        }
    }
}
