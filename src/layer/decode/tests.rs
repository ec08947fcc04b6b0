use std::io::{BufReader, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;
use crate::layer::ErrorKind;

/// Collects what comes.
#[derive(Debug, Default, PartialEq)]
struct Collected {
    bytes: Vec<u8>,
    pieces: Vec<(usize, u64)>,
}

impl Output for Collected {
    fn ahead(&self) -> u64 {
        // Some entries are large and some are small.
        [1, 40_000, 300_000][self.pieces.len() % 3]
    }

    fn piece(&mut self, bytes: &[u8], position: u64) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        self.pieces.push((bytes.len(), position));
        Ok(())
    }
}

fn run(blob: &[u8], cut: usize) -> Result<(Collected, Extent), Error> {
    let mut reader = BufReader::with_capacity(cut, blob);
    let mut input = Input::new(&mut reader);
    let mut collected = Collected::default();
    let extent = decode(&mut input, &Windows::default(), &mut collected)?;
    assert_eq!(input.position(), blob.len() as u64, "the input is read to its end");
    Ok((collected, extent))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::stream::encode_all(bytes, 3).unwrap()
}

fn skippable(length: usize) -> Vec<u8> {
    let mut frame = vec![0x5a, 0x2a, 0x4d, 0x18];
    frame.extend_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    frame.resize(8 + length, 7);
    frame
}

/// A frame of blocks of one repeated byte, with the header as given.
fn repeated(header: &[u8], blocks: usize, length: u32) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd];
    frame.extend_from_slice(header);
    for block in 1..=blocks {
        let head = length << 3 | 1 << 1 | u32::from(block == blocks);
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.push(b'r');
    }
    frame
}

/// Bytes that compress, but not too well.
fn sample(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24).to_le_bytes()[0] & 0x3f
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn members_and_frames_are_one_stream() {
    let check = |name: &str, blob: &[u8], expected: &[u8]| {
        for cut in [1, 1000, 1 << 20] {
            let (collected, extent) = run(blob, cut).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(collected.bytes == expected, "{name}");
            assert_eq!(extent.trailing.bytes, 0, "{name}");
        }
    };
    let (a, b) = (sample(100_000), sample(300_001));
    let both = [&a[..], &b].concat();
    check("nothing", b"", b"");
    check("plain", &b, &b);
    for (name, pack, empty) in [
        ("gzip", gzip as fn(&[u8]) -> Vec<u8>, gzip(b"")),
        ("stored", stored, stored(b"")),
        ("zstd", zstd, zstd(b"")),
    ] {
        check(name, &pack(&b), &b);
        check(name, &empty, b"");
        check(name, &[pack(&a), pack(&b)].concat(), &both);
        let parts = [&empty[..], &pack(&a), &empty, &empty, &pack(&b), &empty];
        check(name, &parts.concat(), &both);
        let tiny: Vec<u8> = a[..2000].iter().flat_map(|byte| pack(&[*byte])).collect();
        check(name, &tiny, &a[..2000]);
    }
    let frames = [&skippable(0)[..], &zstd(&a), &skippable(100_000), &zstd(&b), &skippable(9)];
    check("skippable frames", &frames.concat(), &both);
    check("only skippable frames", &[skippable(3), skippable(0)].concat(), b"");
}

#[test]
fn headers_may_have_all_their_fields() {
    let mut header = GzBuilder::new().extra(vec![1; 65_535]).filename("name").comment("words");
    header = header.mtime(77);
    let mut encoder = header.write(Vec::new(), Compression::fast());
    encoder.write_all(b"content").unwrap();
    let blob = encoder.finish().unwrap();
    assert_eq!(run(&blob, 1 << 20).unwrap().0.bytes, b"content");

    let mut plain = gzip(b"content");
    plain[3] |= 2;
    let mut crc = flate2::Crc::new();
    crc.update(&plain[..10]);
    let sum = crc.sum().to_le_bytes();
    plain.splice(10..10, [sum[0], sum[1]]);
    assert_eq!(run(&plain, 1 << 20).unwrap().0.bytes, b"content");
    plain[10] ^= 1;
    let error = run(&plain, 1 << 20).unwrap_err().to_string();
    assert!(error.contains("the checksum of the gzip header at byte 0"), "{error}");
}

#[test]
fn what_follows_the_stream_is_counted() {
    let check = |blob: &[u8], rest: &[u8], zeros: bool| {
        let whole = [blob, rest].concat();
        for cut in [1, 1 << 20] {
            let (collected, extent) = run(&whole, cut).unwrap();
            assert_eq!(collected.bytes, b"content");
            let trailing = Trailing { bytes: rest.len() as u64, zeros };
            assert_eq!(extent, Extent { content: blob.len() as u64, trailing }, "{rest:?}");
        }
    };
    for blob in [gzip(b"content"), zstd(b"content")] {
        check(&blob, &[0], true);
        check(&blob, &vec![0; 100_000], true);
        check(&blob, &[&[0; 1000][..], b"x"].concat(), false);
        check(&blob, b"junk", false);
        check(&blob, b"\x1e", false);
        check(&blob, b"\x28\xb5\x2e", false);
        check(&blob, &[&b"j"[..], &blob].concat(), false);
    }
}

#[test]
fn members_without_content_are_not_of_the_content() {
    let check = |blob: &[u8], rest: &[u8]| {
        let extent = run(&[blob, rest].concat(), 1 << 20).unwrap().1;
        assert_eq!(extent, Extent { content: blob.len() as u64, ..Extent::default() });
    };
    check(&[gzip(b""), gzip(b"a")].concat(), &gzip(b""));
    check(&[skippable(9), zstd(b"a")].concat(), &[skippable(9), zstd(b"")].concat());
}

#[test]
fn damage_is_an_error_that_says_where() {
    let check = |name: &str, blob: &[u8], kind: ErrorKind, expected: &str| {
        let error = run(blob, 1 << 20).expect_err(name);
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert_eq!(error.kind(), kind, "{name}");
    };
    let bad = ErrorKind::BadData;
    let good = gzip(b"content");
    let (data, end) = (10, good.len() - 8);
    let change = |at: usize, byte: u8| {
        let mut blob = good.clone();
        blob[at] ^= byte;
        blob
    };
    check("checksum", &change(end, 1), bad, "the checksum at byte 19 of its gzip stream");
    check("length", &change(end + 4, 1), bad, "the length at byte 23 of its gzip stream");
    check("length mod 2^32", &change(end + 7, 1), bad, "the length at byte");
    check("reserved flags", &change(3, 0x20), bad, "method or flags");
    check("method", &change(2, 1), bad, "method or flags");
    check("block type", &change(data, 6), bad, "damaged near byte 10");
    let second = [good.clone(), change(2, 1)].concat();
    check("second header", &second, bad, "the gzip header at byte 27");
    // A match before the first byte, with the codes that deflate has by itself.
    let far = [&good[..data], &[0x03, 0x02, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    check("distance too far", &far, bad, "damaged near byte");
    let mut endless = good[..data].to_vec();
    endless[3] = 8;
    endless.resize(3 << 20, b'n');
    check("a name without end", &endless, bad, "the gzip header at byte 0 is longer than 1048576");

    let mut sum = zstd_with_checksum(b"content");
    let last = sum.len() - 1;
    sum[last] ^= 1;
    check("zstd checksum", &sum, bad, "its zstd stream is damaged");
    check("reserved bit", &repeated(&[0x08, 0x58], 1, 9), bad, "a reserved bit");
    check("dictionary", &repeated(&[0x01, 0x58, 7], 1, 9), bad, "needs dictionary 7");
    check("content too short", &repeated(&[0x20, 8], 1, 9), bad, "its zstd stream is damaged");
    check("content too long", &repeated(&[0x20, 10], 1, 9), bad, "its zstd stream is damaged");
    let huge = [&[0xa0][..], &(1u32 << 27).to_le_bytes()].concat();
    check("content said to be huge", &repeated(&huge, 1, 9), bad, "its zstd stream is damaged");
    let ceiling = ErrorKind::Ceiling;
    for (window, expected) in [(0x89, "window 144 MiB > 128"), (0x90, "window 256 MiB > 128")] {
        check("window", &repeated(&[0, window], 1, 9), ceiling, expected);
    }
    let single = [&[0xe0][..], &u64::MAX.to_le_bytes()].concat();
    check("window of one segment", &repeated(&single, 1, 9), ceiling, "MiB > 128 MiB");
}

fn zstd_with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn windows_up_to_128_mib_are_read_and_dictionary_0_is_none() {
    for window in [0x00, 0x58, 0x68, 0x69, 0x88] {
        let blob = repeated(&[0, window], 3, 1000);
        assert_eq!(run(&blob, 1 << 20).unwrap().0.bytes, [b'r'; 3000], "{window:x}");
    }
    let blob = repeated(&[0x01, 0x58, 0], 1, 9);
    assert_eq!(run(&blob, 1 << 20).unwrap().0.bytes, [b'r'; 9]);
}

#[test]
fn pieces_stay_small_however_much_comes_out() {
    let zeros = vec![0; 3 << 20];
    let bombs = [gzip(&zeros), zstd(&zeros), repeated(&[0, 0x88], 24, 128 << 10), stored(&zeros)];
    for blob in bombs {
        let collected = run(&blob, 1 << 20).unwrap().0;
        assert_eq!(collected.bytes.len(), 3 << 20);
        let longest = collected.pieces.iter().map(|(length, _)| *length).max().unwrap();
        assert!(longest <= LARGEST_PIECE, "{longest}");
        assert!(collected.pieces.is_sorted_by_key(|(_, position)| *position));
    }
}

#[test]
fn pieces_end_where_entries_do() {
    let check = |ahead: u64, expected: usize| assert_eq!(piece_length(ahead), expected, "{ahead}");
    check(0, 32 << 10);
    check(512, 32 << 10);
    check(100_000, 100_000);
    check(288 << 10, 288 << 10);
    check((288 << 10) + 1, 256 << 10);
    check(u64::MAX, 256 << 10);
}

#[test]
fn a_stream_that_is_cut_anywhere_is_an_error() {
    let content = sample(3000);
    let gzips = [gzip(&content), gzip(b""), stored(&content)];
    let zstds = [zstd(&content), skippable(20), zstd_with_checksum(&content)];
    for parts in [gzips, zstds] {
        let whole = parts.concat();
        let mut ends = vec![0];
        for part in &parts {
            ends.push(ends[ends.len() - 1] + part.len());
        }
        for cut in 0..whole.len() {
            let result = run(&whole[..cut], 1 << 20);
            // One to three bytes are the start of nothing known.
            if ends.contains(&cut) || (cut < 4 && Format::of(&whole[..cut]) == Format::Plain) {
                assert!(result.is_ok(), "{cut}");
            } else {
                let error = result.expect_err(&cut.to_string());
                assert_eq!(error.kind(), ErrorKind::BadData, "{cut}");
                assert!(error.to_string().contains("is cut off after"), "{cut}: {error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn how_the_input_is_cut_does_not_matter(
        length in 0usize..100_000,
        split in 0usize..100_000,
        cut in 1usize..70_000,
        format in 0usize..3,
        zeros in 0usize..3,
    ) {
        let content = sample(length);
        let (a, b) = content.split_at(split.min(length));
        let pack = [gzip as fn(&[u8]) -> Vec<u8>, stored, zstd][format];
        let blob = [pack(a), pack(b), vec![0; zeros]].concat();
        let (collected, extent) = run(&blob, 1 << 20).unwrap();
        prop_assert!(collected.bytes == content);
        prop_assert!(extent.content + extent.trailing.bytes <= blob.len() as u64);
        prop_assert_eq!(run(&blob, cut).unwrap(), (collected, extent));
    }

    #[test]
    fn changed_bytes_never_panic_and_never_pass_for_others(
        length in 0usize..3000,
        at in any::<prop::sample::Index>(),
        change in 1u8..,
        format in 0usize..2,
    ) {
        let content = sample(length);
        let pack = [gzip as fn(&[u8]) -> Vec<u8>, zstd_with_checksum][format];
        let mut blob = pack(&content);
        let at = at.index(blob.len());
        blob[at] ^= change;
        if let Ok((collected, _)) = run(&blob, 1 << 20)
            && Format::of(&blob) != Format::Plain
        {
            prop_assert!(collected.bytes == content || collected.bytes.is_empty());
        }
    }
}
