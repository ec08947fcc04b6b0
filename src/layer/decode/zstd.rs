//! Zstd: frames and skippable frames one after another (RFC 8878).
//!
//! The decoder gets no more input than it asks for, so that it stops after every block (128 KiB
//! at most) and what a block costs is known. Its window is checked before it allocates one.

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::windows::Permit;
use super::{Extent, Input, LARGEST_PIECE, Output, Windows, cut, trailing};
use crate::layer::Error;

const FRAME: u32 = 0xfd2f_b528;
/// Skippable frames have any of sixteen numbers.
const SKIPPABLE: u32 = 0x184d_2a50;
/// The longest header of a frame.
const MAX_HEADER: usize = 18;
const MAX_WINDOW_LOG: u32 = 27;

/// Whether these bytes start a frame or a skippable one.
pub(super) fn is_frame(magic: [u8; 4]) -> bool {
    let magic = u32::from_le_bytes(magic);
    magic == FRAME || is_skippable(magic)
}

fn is_skippable(magic: u32) -> bool {
    magic & !0xf == SKIPPABLE
}

/// Whether these bytes, which are the last ones, could be the start of a frame's number.
fn is_cut_magic(bytes: &[u8]) -> bool {
    let skippable = bytes[0] & 0xf0 == 0x50 && [0x2a, 0x4d].starts_with(&bytes[1..]);
    skippable || FRAME.to_le_bytes().starts_with(bytes)
}

/// The window that the frame at the start of these bytes needs; 0 if there is none.
pub(in crate::layer) fn window(bytes: &[u8]) -> u64 {
    let header =
        if bytes.starts_with(&FRAME.to_le_bytes()) { Header::read(bytes, 0) } else { Ok(None) };
    header.ok().flatten().map_or(0, |header| header.window)
}

pub(super) fn decode(
    input: &mut Input<'_>,
    windows: &Windows,
    output: &mut dyn Output,
) -> Result<Extent, Error> {
    let mut frames =
        Frames { decoder: Decoder::new()?, buffer: vec![0; LARGEST_PIECE], windows, permit: None };
    frames.decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
    let mut extent = Extent::default();
    loop {
        let magic = match *input.peek(4)? {
            [] => return Ok(extent),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            ref bytes if is_cut_magic(bytes) => return Err(cut("zstd", input)),
            _ => 0,
        };
        if is_skippable(magic) {
            let head: [u8; 8] = input.take()?.ok_or_else(|| cut("zstd", input))?;
            let [_, _, _, _, length @ ..] = head;
            if !input.skip(u32::from_le_bytes(length).into())? {
                return Err(cut("zstd", input));
            }
        } else if magic == FRAME {
            if frames.decode(input, output)? {
                extent.content = input.position();
            }
        } else {
            extent.trailing = trailing(input)?;
            return Ok(extent);
        }
    }
}

struct Frames<'a> {
    decoder: Decoder<'static>,
    buffer: Vec<u8>,
    windows: &'a Windows,
    permit: Option<Permit<'a>>,
}

impl Frames<'_> {
    /// Decodes one frame; whether it holds something.
    fn decode(&mut self, input: &mut Input<'_>, output: &mut dyn Output) -> Result<bool, Error> {
        let start = input.position();
        let header = Header::read(input.peek(MAX_HEADER)?, start)?;
        let header = header.ok_or_else(|| cut("zstd", input))?;
        if header.window > 1 << MAX_WINDOW_LOG {
            return Err(Error::ceiling(
                format!(
                    "its zstd stream wants too much memory: window {} MiB > 128 MiB",
                    header.window.div_ceil(1 << 20)
                ),
                None,
            ));
        }
        if self.permit.is_none() {
            self.permit = self.windows.acquire_for(header.window);
        }
        let mut wanted = header.length;
        let mut holds = false;
        while wanted > 0 {
            let bytes = input.fill()?;
            if bytes.is_empty() {
                return Err(cut("zstd", input));
            }
            let mut piece = OutBuffer::around(self.buffer.as_mut_slice());
            let mut block = InBuffer::around(&bytes[..bytes.len().min(wanted)]);
            let result = self.decoder.run(&mut block, &mut piece);
            let (read, written) = (block.pos(), piece.pos());
            let at = input.position();
            input.consume(read);
            wanted = result.map_err(|error| {
                Error::bad(format!("its zstd stream is damaged near byte {at}: {error}"))
            })?;
            if written > 0 {
                holds = true;
                output.piece(&self.buffer[..written], input.position())?;
            }
        }
        Ok(holds)
    }
}

/// What a frame's header says.
struct Header {
    length: usize,
    window: u64,
}

impl Header {
    /// Reads a header; `None` if it is not all there.
    fn read(bytes: &[u8], start: u64) -> Result<Option<Self>, Error> {
        let Some(descriptor) = bytes.get(4) else { return Ok(None) };
        if descriptor & 0b1000 != 0 {
            return Err(Error::bad(format!("the zstd frame at byte {start} has a reserved bit")));
        }
        let single = descriptor & 0b10_0000 != 0;
        let mut at = 5;
        let mut number = |length: usize| {
            let bytes = bytes.get(at..at + length)?;
            at += length;
            Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        };
        let Some(window) = number(usize::from(!single)) else { return Ok(None) };
        let Some(dictionary) = number([0, 1, 2, 4][usize::from(descriptor & 0b11)]) else {
            return Ok(None);
        };
        let content = match descriptor >> 6 {
            0 => usize::from(single),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let Some(mut size) = number(content) else { return Ok(None) };
        if content == 2 {
            size += 256;
        }
        if dictionary != 0 {
            return Err(Error::bad(format!(
                "the zstd frame at byte {start} needs dictionary {dictionary}, which layers cannot have"
            )));
        }
        let base = 1 << (10 + (window >> 3));
        let window = if single { size } else { base + base / 8 * (window & 7) };
        Ok(Some(Self { length: at, window }))
    }
}
