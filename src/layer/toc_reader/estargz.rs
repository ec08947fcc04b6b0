//! eStargz, and stargz before it: a gzip member with a tar of one JSON file, found by a footer;
//! stargz-snapshotter `docs/estargz.md`.
//!
//! A table in another image (the footer of 46 bytes) is not followed.

use std::io::{BufReader, Read};

use flate2::bufread::GzDecoder;

use super::parts::Parts;
use super::{Hashed, TocRequest, contents, finish, mismatch, rows, too_long};
use crate::layer::{Error, ErrorKind, Source, Toc};
use crate::oci::Digest;

/// How a footer starts: gzip, deflate, with an extra field.
const MAGIC: &[u8] = b"\x1f\x8b\x08\x04";
const FOOTER: usize = 51;
const LEGACY_FOOTER: usize = 47;
const EXTERNAL_FOOTER: usize = 46;
/// The end of an empty member.
const EMPTY: &[u8] = b"\x01\0\0\xff\xff\0\0\0\0\0\0\0\0";
const BLOCK: usize = 512;
const NAME: &[u8] = b"stargz.index.json";

/// Where the table is in a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    offset: u64,
    length: usize,
}

/// Reads the footer at the end of `tail`, which is the end of a blob of `size` bytes.
fn footer(tail: &[u8], size: u64) -> Result<Footer, Error> {
    let none = || Error::bad("it has no footer of eStargz at its end");
    let of = |length: usize, extra: &[u8]| {
        let footer = &tail[tail.len().checked_sub(length)?..];
        let framed = footer.starts_with(MAGIC) && footer.ends_with(EMPTY);
        (framed && footer[10..].starts_with(extra)).then_some(&footer[10 + extra.len()..])
    };
    let found = of(FOOTER, b"\x1a\0SG\x16\0")
        .map(|rest| (rest, FOOTER))
        .or_else(|| of(LEGACY_FOOTER, b"\x16\0").map(|rest| (rest, LEGACY_FOOTER)));
    let Some((rest, length)) = found else {
        if of(EXTERNAL_FOOTER, b"\x15\0SG\x11\0STARGZEXTERNALTOC").is_some() {
            let text = "its table of contents is in another image, which is not looked for";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        return Err(none());
    };
    let (digits, magic) = rest.split_at_checked(16).ok_or_else(none)?;
    let digits = std::str::from_utf8(digits).ok().filter(|_| magic.starts_with(b"STARGZ"));
    let hex = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let offset = hex.and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or_else(none)?;
    if offset == 0 || offset >= size.saturating_sub(length as u64) {
        return Err(Error::bad("the footer of its table of contents points out of the layer"));
    }
    Ok(Footer { offset, length })
}

/// Reads the table of a blob.
pub(super) fn read(
    json: &Digest,
    tar_size: Option<u64>,
    request: &TocRequest<'_>,
    mut parts: Parts<'_>,
) -> Result<Toc, Error> {
    let tail = parts.tail()?;
    let Footer { offset, length } = footer(&tail.1, request.blob_size)?;
    let end = request.blob_size - length as u64;
    if end - offset > request.limits.toc {
        return Err(too_long(end - offset, request.limits.toc));
    }
    let member = parts.complete(&tail, offset, end)?;
    let mut rows = parse(&member, json, offset, request)?;
    rows.builder.toc().tar_size = tar_size;
    finish(rows, offset, contents::Format::Gzip, request, &mut parts)
}

fn parse(
    member: &[u8],
    digest: &Digest,
    payload_end: u64,
    request: &TocRequest<'_>,
) -> Result<rows::Rows, Error> {
    let damaged = |error: std::io::Error| rows::bad(&format!("does not decompress: {error}"));
    let mut tar = GzDecoder::new(member);
    let mut header = [0; BLOCK];
    tar.read_exact(&mut header).map_err(damaged)?;
    let size = json_size(&header).ok_or_else(|| rows::bad("is not the file that it should be"))?;
    if size > request.limits.toc_unpacked {
        return Err(too_long(size, request.limits.toc_unpacked));
    }
    let mut json = BufReader::new(Hashed::new(tar.take(size), Some(digest)));
    let rows = rows::read(&mut json, Source::EStargz, request, payload_end);
    // What is damaged is reported as that, whatever was read of it.
    if json.into_inner().finish().map_err(damaged)? { rows } else { Err(mismatch()) }
}

/// The size of the JSON by its tar header.
fn json_size(header: &[u8; BLOCK]) -> Option<u64> {
    let name = header[..100].split(|byte| *byte == 0).next()?;
    let digits = std::str::from_utf8(&header[124..136]).ok()?.trim_matches([' ', '\0']);
    (name == NAME && matches!(header[156], b'0' | 0))
        .then(|| u64::from_str_radix(digits, 8).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(extra: &[u8]) -> Vec<u8> {
        [MAGIC, b"\0\0\0\0\0\xff", extra, EMPTY].concat()
    }

    #[test]
    fn footers_of_each_kind_are_read() {
        let check = |footer_bytes: &[u8], size: u64, expected: Result<(u64, usize), ErrorKind>| {
            let found = footer(footer_bytes, size)
                .map(|footer| (footer.offset, footer.length))
                .map_err(|error| error.kind());
            assert_eq!(found, expected, "{footer_bytes:?} {size}");
        };
        let bad = Err(ErrorKind::BadData);
        let current = extra(b"\x1a\0SG\x16\x0000000000008ac4caSTARGZ");
        check(&current, 9_095_600, Ok((9_094_346, 51)));
        check(&current[1..], 9_095_600, bad);
        check(&current, 9_094_346 + 51, bad);
        check(&current, 40, bad);
        let legacy = extra(b"\x16\x0000000000008ac4caSTARGZ");
        assert_eq!(legacy.len(), LEGACY_FOOTER);
        check(&legacy, 9_095_600, Ok((9_094_346, 47)));
        let external = extra(b"\x15\0SG\x11\0STARGZEXTERNALTOC");
        assert_eq!(external.len(), EXTERNAL_FOOTER);
        check(&external, 9_095_600, Err(ErrorKind::Unsupported));
        check(&extra(b"\x1a\0SX\x16\x0000000000008ac4caSTARGZ"), 9_095_600, bad);
        check(&extra(b"\x1a\0SG\x16\x00-000000008ac4caxSTARGZ"), 9_095_600, bad);
        check(&extra(b"\x1a\0SG\x16\x00+0000000008ac4caSTARGZ"), 9_095_600, bad);
        check(&extra(b"\x1a\0SG\x16\0ffffffffffffffffSTARGZ"), 9_095_600, bad);
        check(&extra(b"\x1a\0SG\x16\x000000000000000000STARGZ"), 9_095_600, bad);
        check(&extra(b""), 9_095_600, bad);
        check(b"", 9_095_600, bad);
    }
}
