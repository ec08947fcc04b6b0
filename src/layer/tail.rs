//! How long a layer's tar stream is, from a few bytes of its blob.
//!
//! A gzip member ends with its uncompressed length modulo 2^32 (RFC 1952, ISIZE), so the last
//! bytes of a blob that is one member give the length of its tar stream. eStargz layers carry it
//! in an annotation, current zstd:chunked layers in their tar-split, a JSON listing of the
//! stream's pieces. All of these are claims or inferences, and marked as such.
//!
//! What is refused: a length that is not one of a tar stream, one that deflate could not have
//! produced, and one where a multiple of 4 GiB more would be as likely. Those stay unknown.

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

use serde::Deserialize;

use crate::oci::{Annotations, Compression, Kind, MediaType};

/// The key under which eStargz builders note the length of the decompressed blob.
const ESTARGZ_SIZE: &str = "io.containers.estargz.uncompressed-size";
/// The key under which zstd:chunked builders note where the tar-split is.
const TAR_SPLIT: &str = "io.github.containers.zstd-chunked.tarsplit-position";

/// Bytes at a gzip blob's end that are read: enough for the footers of all known formats.
const TAIL: u64 = 72;
/// A larger tar-split is not worth its download here.
const MAX_TAR_SPLIT: u64 = 4 << 20;
const MAX_TAR_SPLIT_UNPACKED: u64 = 64 << 20;
/// A line of it, of which the longest have an extension header of at most 1 MiB in base64.
const LONGEST_LINE: u64 = 4 << 20;
/// Memory for decoding a tar-split.
const MAX_WINDOW_LOG: u32 = 27;
/// Deflate cannot do better than this.
const MAX_DEFLATE_RATIO: u128 = 1032;
/// Layers of files do not compress better than this, so a longer candidate is not a rival.
const PLAUSIBLE_RATIO: u128 = 8;
const TAR_BLOCK: u128 = 512;
/// How a gzip member starts: magic number and deflate.
const MEMBER: &[u8] = b"\x1f\x8b\x08";

/// What is known about the length of a layer's tar stream before reading from its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The descriptor tells.
    Known(u64),
    /// These bytes of the blob will tell, given to [`infer`].
    Read(Range<u64>),
    /// Nothing cheap tells.
    Unknown,
}

/// What the bytes told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inferred {
    /// The length of the tar stream in bytes.
    Length(u64),
    /// Several lengths are possible, the smallest of them first.
    Ambiguous(Vec<u64>),
    /// The bytes do not tell.
    Unknown,
}

/// Decides what to read for a layer of `size` compressed bytes.
pub fn plan(media_type: &MediaType, annotations: &Annotations, size: u64) -> Plan {
    if let Some(bytes) = annotations.get(ESTARGZ_SIZE).and_then(|value| value.parse().ok()) {
        return if u128::from(bytes) <= upper_bound(size) {
            Plan::Known(bytes)
        } else {
            Plan::Unknown
        };
    }
    let Kind::Layer(layer) = media_type.kind() else { return Plan::Unknown };
    match layer.compression {
        Compression::None if u128::from(size) % TAR_BLOCK == 0 => Plan::Known(size),
        Compression::None => Plan::Unknown,
        Compression::Gzip if size < 18 => Plan::Unknown,
        Compression::Gzip => Plan::Read(size.saturating_sub(TAIL)..size),
        Compression::Zstd => tar_split(annotations, size).map_or(Plan::Unknown, Plan::Read),
    }
}

fn tar_split(annotations: &Annotations, size: u64) -> Option<Range<u64>> {
    let mut numbers =
        annotations.get(TAR_SPLIT)?.split(':').map(|number| number.parse::<u64>().ok());
    let (start, length) = (numbers.next()??, numbers.next()??);
    let end = start.checked_add(length)?;
    (0 < length && length <= MAX_TAR_SPLIT && end <= size).then_some(start..end)
}

/// Reads the length of a layer's tar stream from the bytes that [`plan`] asked for.
pub fn infer(media_type: &MediaType, size: u64, bytes: &[u8]) -> Inferred {
    match media_type.kind() {
        Kind::Layer(layer) if layer.compression == Compression::Gzip => from_gzip_tail(size, bytes),
        Kind::Layer(layer) if layer.compression == Compression::Zstd => {
            from_tar_split(bytes).map_or(Inferred::Unknown, Inferred::Length)
        }
        _ => Inferred::Unknown,
    }
}

fn from_gzip_tail(size: u64, tail: &[u8]) -> Inferred {
    let Some((_, trailer)) = tail.split_last_chunk::<8>() else { return Inferred::Unknown };
    // An empty last member: the footer of eStargz, the end mark of BGZF.
    if trailer == &[0; 8] || tail.windows(6).any(|window| window == b"STARGZ") {
        return Inferred::Unknown;
    }
    // A member that starts behind the blob's first byte is not the only one.
    let first = usize::from(tail.len() as u64 == size);
    if tail.windows(MEMBER.len()).skip(first).any(|window| window == MEMBER) {
        return Inferred::Unknown;
    }
    let low = u128::from(u32::from_le_bytes([trailer[4], trailer[5], trailer[6], trailer[7]]));
    if low % TAR_BLOCK != 0 {
        return Inferred::Unknown;
    }
    let all: Vec<u64> = candidates(size, low).filter_map(|length| length.try_into().ok()).collect();
    match all.as_slice() {
        [] => Inferred::Unknown,
        [one] => Inferred::Length(*one),
        _ => Inferred::Ambiguous(all),
    }
}

/// The lengths that a member of `size` bytes may have if its trailer says `low`, shortest first.
/// A length that wraps is taken for possible only if files compress that well.
fn candidates(size: u64, low: u128) -> impl Iterator<Item = u128> {
    const WRAP: u128 = 1 << 32;
    const MOST: usize = 8;
    let (lower, plausible) = (lower_bound(size), u128::from(size) * PLAUSIBLE_RATIO);
    let unwrapped = (lower..=upper_bound(size)).contains(&low).then_some(low);
    let first_wrap = lower.saturating_sub(low).div_ceil(WRAP).max(1);
    let wrapped = (first_wrap..)
        .map(move |wraps| low + wraps * WRAP)
        .take_while(move |length| *length <= plausible);
    unwrapped.into_iter().chain(wrapped.take(MOST))
}

/// The shortest stream that one deflate member of `size` bytes can hold: stored blocks add 5
/// bytes to every 65,535, and header and trailer are small.
fn lower_bound(size: u64) -> u128 {
    (u128::from(size).saturating_sub(512) * 65_535 / 65_540).saturating_sub(512)
}

fn upper_bound(size: u64) -> u128 {
    u128::from(size) * MAX_DEFLATE_RATIO
}

/// Sums the pieces that a tar-split lists.
fn from_tar_split(bytes: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Piece {
        #[serde(rename = "type")]
        kind: u8,
        #[serde(default)]
        size: u64,
        #[serde(default)]
        payload: Option<String>,
    }
    const FILE: u8 = 1;
    const BYTES: u8 = 2;

    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).ok()?.single_frame();
    decoder.window_log_max(MAX_WINDOW_LOG).ok()?;
    let mut lines = BufReader::new(decoder.take(MAX_TAR_SPLIT_UNPACKED + 1));
    let (mut line, mut total, mut unpacked) = (String::new(), 0_u64, 0_u64);
    while lines.by_ref().take(LONGEST_LINE + 1).read_line(&mut line).ok()? > 0 {
        unpacked += line.len() as u64;
        if line.len() as u64 > LONGEST_LINE {
            return None;
        }
        let piece: Piece = serde_json::from_str(&line).ok()?;
        let length = match piece.kind {
            FILE => piece.size,
            BYTES => base64_length(&piece.payload.unwrap_or_default())?,
            _ => return None,
        };
        total = total.checked_add(length)?;
        line.clear();
    }
    let ended = lines.into_inner().into_inner().finish().is_empty();
    let complete = ended && unpacked <= MAX_TAR_SPLIT_UNPACKED;
    (complete && u128::from(total) % TAR_BLOCK == 0).then_some(total)
}

/// The number of bytes that padded base64 stands for.
fn base64_length(text: &str) -> Option<u64> {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let whole = text.len().is_multiple_of(4) && padding <= 2;
    whole.then(|| (text.len() / 4 * 3).saturating_sub(padding) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
    const GIB: u64 = 1 << 30;

    fn media_type(text: &str) -> MediaType {
        MediaType(text.into())
    }

    fn trailer(length: u64) -> Vec<u8> {
        let low = u32::try_from(length & 0xffff_ffff).unwrap();
        [&[0x19, 0xc6, 0xe1, 0x17], &low.to_le_bytes()[..]].concat()
    }

    #[test]
    fn the_descriptor_decides_what_to_read() {
        let check = |kind: &str, annotation: Option<(&str, &str)>, size, expected: Plan| {
            let annotations =
                annotation.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
            assert_eq!(
                plan(&media_type(kind), &annotations, size),
                expected,
                "{kind} {annotation:?} {size}"
            );
        };
        check(GZIP, None, 1000, Plan::Read(928..1000));
        check(GZIP, None, 32, Plan::Read(0..32));
        check(GZIP, None, 17, Plan::Unknown);
        check(GZIP, Some((ESTARGZ_SIZE, "4096")), 1000, Plan::Known(4096));
        check(GZIP, Some((ESTARGZ_SIZE, "9999999999")), 1000, Plan::Unknown);
        check(GZIP, Some((ESTARGZ_SIZE, "-1")), 1000, Plan::Read(928..1000));
        check(PLAIN, None, 1024, Plan::Known(1024));
        check(PLAIN, None, 1000, Plan::Unknown);
        check(ZSTD, None, 1000, Plan::Unknown);
        check(ZSTD, Some((TAR_SPLIT, "100:50:900")), 1000, Plan::Read(100..150));
        check(ZSTD, Some((TAR_SPLIT, "100:901:900")), 1000, Plan::Unknown);
        check(ZSTD, Some((TAR_SPLIT, "18446744073709551615:2:2")), 1000, Plan::Unknown);
        check(ZSTD, Some((TAR_SPLIT, "junk")), 1000, Plan::Unknown);
        check("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", None, 1000, Plan::Unknown);
    }

    #[test]
    fn a_trailer_tells_the_length_if_only_one_length_is_possible() {
        let check = |size: u64, length: u64, expected: Inferred| {
            assert_eq!(
                infer(&media_type(GZIP), size, &trailer(length)),
                expected,
                "{size} {length}"
            );
        };
        check(5_000_000, 14_206_976, Inferred::Length(14_206_976));
        // Not a multiple of the tar block.
        check(5_000_000, 14_206_977, Inferred::Unknown);
        // Shorter than stored data would be: the last of several members.
        check(5_000_000, 1_048_576, Inferred::Unknown);
        // Longer than deflate can compress.
        check(1000, 2_048_000, Inferred::Unknown);
        // A wrapped length that no unwrapped one could be.
        check(700_000_000, 5 * GIB, Inferred::Ambiguous(vec![GIB, 5 * GIB]));
        check(300_000_000, GIB, Inferred::Length(GIB));
        check(2 * GIB, 7 * GIB, Inferred::Ambiguous(vec![3 * GIB, 7 * GIB, 11 * GIB, 15 * GIB]));
    }

    #[test]
    fn footers_of_other_formats_are_not_taken_for_lengths() {
        let footer = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16\x0000000000008ac4caSTARGZ\x01\0\0\xff\xff\0\0\0\0\0\0\0\0";
        assert_eq!(infer(&media_type(GZIP), 9_095_600, footer), Inferred::Unknown);
        assert_eq!(infer(&media_type(GZIP), 9_095_600, &[0; 8]), Inferred::Unknown);
        assert_eq!(infer(&media_type(GZIP), 9_095_600, b"short"), Inferred::Unknown);
    }

    #[test]
    fn a_tar_split_lists_all_pieces_of_the_stream() {
        let check = |lines: &str, expected: Inferred| {
            let bytes = zstd::encode_all(lines.as_bytes(), 0).unwrap();
            assert_eq!(infer(&media_type(ZSTD), 1000, &bytes), expected, "{lines}");
        };
        let header = "A".repeat(684);
        let lines = format!("{{\"type\":2,\"payload\":\"{}==\",\"position\":0}}\n", &header[..682]);
        check(&format!("{lines}{{\"type\":1,\"size\":512,\"name\":\"x\"}}\n"), Inferred::Unknown);
        check(
            "{\"type\":1,\"size\":1024}\n{\"type\":2,\"payload\":\"\"}\n",
            Inferred::Length(1024),
        );
        check(
            "{\"type\":1,\"size\":18446744073709551104}\n{\"type\":1,\"size\":512}\n",
            Inferred::Unknown,
        );
        check("{\"type\":3}\n", Inferred::Unknown);
        let padded = |spaces: u64| {
            let spaces = " ".repeat(usize::try_from(spaces).unwrap());
            format!("{{\"type\":1,{spaces}\"size\":512}}\n").repeat(2)
        };
        check(&padded(LONGEST_LINE - 100), Inferred::Length(1024));
        check(&padded(LONGEST_LINE), Inferred::Unknown);
        let one = zstd::encode_all(padded(1).as_bytes(), 0).unwrap();
        let two = [&one[..], &one].concat();
        assert_eq!(infer(&media_type(ZSTD), 1000, &two), Inferred::Unknown);
        assert_eq!(infer(&media_type(ZSTD), 1000, b"junk"), Inferred::Unknown);
    }

    proptest! {
        #[test]
        fn the_true_length_of_one_member_is_always_among_the_candidates(blocks in 2_u64..40_000_000, percent in 3_u64..100) {
            let length = blocks * 512;
            let size = (length * percent / 100).max(18);
            match infer(&media_type(GZIP), size, &trailer(length)) {
                Inferred::Length(found) if length <= 8 * size => prop_assert_eq!(found, length),
                Inferred::Ambiguous(found) if length <= 8 * size => prop_assert!(found.contains(&length)),
                Inferred::Unknown if length <= 8 * size => prop_assert!(u128::from(length) < lower_bound(size)),
                _ => {}
            }
        }

        #[test]
        fn any_bytes_are_read_or_ignored(bytes in proptest::collection::vec(any::<u8>(), 0..100), size: u64) {
            let _ = infer(&media_type(GZIP), size, &bytes);
            let _ = infer(&media_type(ZSTD), size, &bytes);
        }
    }
}
