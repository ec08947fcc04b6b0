//! Decompression of a layer's blob, piece by piece, by what its bytes are.
//!
//! Gzip with any number of members (RFC 1952), zstd with any number of frames and skippable
//! frames (RFC 8878), and bytes that are not compressed. The media type is not asked: it may lie.
//! The input is read to its end, so that whoever hands it in can verify it; what follows the
//! compressed stream is counted.
//!
//! Refused: a stream that is cut anywhere, checksums and lengths that do not match, reserved
//! bits, gzip headers above 1 MiB, zstd dictionaries, and zstd windows above 128 MiB.

mod gzip;
mod input;
mod windows;
mod zstd;

#[cfg(test)]
mod tests;

use super::Error;
pub(super) use input::Input;
pub(super) use windows::Windows;
pub(super) use zstd::window;

/// Decoded bytes of one piece, at least, where there are more.
const SMALLEST_PIECE: usize = 32 << 10;
/// Decoded bytes of one piece, at most, with the rest of an entry that would be small.
const LARGEST_PIECE: usize = (256 << 10) + SMALLEST_PIECE;

/// Where decoded bytes go.
pub(super) trait Output {
    /// Decoded bytes after which a piece had best end.
    fn ahead(&self) -> u64;
    /// Takes the next bytes, which came from the blob's bytes up to `position` from where the
    /// piece before ended.
    fn piece(&mut self, bytes: &[u8], position: u64) -> Result<(), Error>;
}

/// How a blob is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Plain,
    Gzip,
    Zstd,
}

/// Where the parts of a blob end that was read to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The end of the last member or frame that holds something.
    pub content: u64,
    /// What follows the last member or frame.
    pub trailing: Trailing,
}

/// Bytes after a compressed stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trailing {
    /// How many.
    pub bytes: u64,
    /// Whether they are all zero.
    pub zeros: bool,
}

impl Format {
    /// Tells the format by a blob's first bytes.
    fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [a, b, c, d, ..] if zstd::is_frame([*a, *b, *c, *d]) => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Whether a blob that starts so is compressed by zstd.
pub(super) fn is_zstd(start: &[u8]) -> bool {
    Format::of(start) == Format::Zstd
}

/// Decodes a blob to its end.
pub(super) fn decode(
    input: &mut Input<'_>,
    windows: &Windows,
    output: &mut dyn Output,
) -> Result<Extent, Error> {
    match Format::of(input.peek(4)?) {
        Format::Plain => plain(input, output),
        Format::Gzip => gzip::decode(input, output),
        Format::Zstd => zstd::decode(input, windows, output),
    }
}

fn plain(input: &mut Input<'_>, output: &mut dyn Output) -> Result<Extent, Error> {
    loop {
        let bytes = input.fill()?;
        if bytes.is_empty() {
            return Ok(Extent { content: input.position(), ..Extent::default() });
        }
        let length = bytes.len();
        let position = input.position() + length as u64;
        output.piece(input.fill()?, position)?;
        input.consume(length);
    }
}

fn trailing(input: &mut Input<'_>) -> Result<Trailing, Error> {
    let mut trailing = Trailing { bytes: 0, zeros: true };
    loop {
        let bytes = input.fill()?;
        if bytes.is_empty() {
            return Ok(trailing);
        }
        trailing.zeros &= is_zero(bytes);
        let length = bytes.len();
        trailing.bytes += length as u64;
        input.consume(length);
    }
}

/// Whether there is nothing but zeros.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(512).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}

fn piece_length(ahead: u64) -> usize {
    let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
    if ahead <= LARGEST_PIECE { ahead.max(SMALLEST_PIECE) } else { LARGEST_PIECE - SMALLEST_PIECE }
}

fn cut(format: &str, input: &Input<'_>) -> Error {
    Error::bad(format!("its {format} stream is cut off after {} bytes", input.position()))
}
