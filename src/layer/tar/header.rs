//! One header block: its checksum, its format, its fields.
//!
//! The formats are V7, ustar (which PAX uses, too), star and old GNU. A number that is none makes
//! the whole header unreadable, whichever field it is in.

use super::numeric;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;

/// A block of the tar stream.
pub(super) type Block = [u8; BLOCK];

/// What a header block says by itself.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    /// The type flag.
    pub flag: u8,
    /// What stands before the name; empty if nothing does.
    pub prefix: &'a [u8],
    pub name: &'a [u8],
    pub link: &'a [u8],
    pub size: i64,
    pub mode: i64,
    pub uid: i64,
    pub gid: i64,
    pub mtime: i64,
    /// Major and minor number, where the format has them.
    pub device: Option<(i64, i64)>,
    /// Whether it is of the old GNU format.
    pub gnu: bool,
}

/// Why a block is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Neither the unsigned nor the signed sum of the bytes is the one it gives.
    Checksum,
    /// A field of this name is not a number.
    Number(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Raw<'a> {
    /// Reads a block that is not all zeros.
    pub(super) fn parse(block: &'a Block) -> Result<Self, Unreadable> {
        if !has_checksum(block) {
            return Err(Unreadable::Checksum);
        }
        let format = format(block);
        let number = |name, start: usize, length: usize| {
            numeric::field(&block[start..start + length]).ok_or(Unreadable::Number(name))
        };
        let mut raw = Self {
            flag: block[156],
            prefix: &[],
            name: text(&block[..100]),
            link: text(&block[157..257]),
            size: number("size", 124, 12)?,
            mode: number("mode", 100, 8)?,
            uid: number("owner", 108, 8)?,
            gid: number("group", 116, 8)?,
            mtime: number("time", 136, 12)?,
            device: None,
            gnu: format == Format::Gnu,
        };
        if format != Format::V7 {
            raw.device = Some((number("device", 329, 8)?, number("device", 337, 8)?));
        }
        match format {
            Format::V7 => {}
            Format::Ustar => raw.prefix = text(&block[345..500]),
            Format::Star => {
                raw.prefix = text(&block[345..476]);
                number("access time", 476, 12)?;
                number("change time", 488, 12)?;
            }
            Format::Gnu => raw.prefix = gnu_prefix(block),
        }
        Ok(raw)
    }
}

/// Whether an entry of this type has no content, whatever size its header gives.
pub(super) fn is_header_only(flag: u8) -> bool {
    matches!(flag, b'1'..=b'6')
}

/// The bytes before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// The checksum counts its own field as spaces. Some old writers summed signed bytes.
fn has_checksum(block: &Block) -> bool {
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let high = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(byte >> 7)).sum::<u32>();
    let (before, after) = (&block[..148], &block[156..]);
    let Some(given) = numeric::octal(&block[148..156]) else { return false };
    let unsigned = i64::from(sum(before) + sum(after) + 8 * u32::from(b' '));
    given == unsigned || given == unsigned - 256 * i64::from(high(before) + high(after))
}

fn format(block: &Block) -> Format {
    match (&block[257..263], &block[263..265]) {
        (b"ustar\0", _) if &block[508..] == b"tar\0" => Format::Star,
        (b"ustar\0", _) => Format::Ustar,
        (b"ustar ", b" \0") => Format::Gnu,
        _ => Format::V7,
    }
}

/// The old GNU format has times where ustar has its prefix; some writers put a prefix there all
/// the same, which shows by times that are no numbers.
fn gnu_prefix(block: &Block) -> &[u8] {
    let times = [&block[345..357], &block[357..369]];
    let are_times = times.iter().all(|time| time[0] == 0 || numeric::field(time).is_some());
    let prefix = text(&block[345..500]);
    if are_times || !prefix.is_ascii() { &[] } else { prefix }
}
