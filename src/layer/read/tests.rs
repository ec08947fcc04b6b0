use std::io::{self, BufReader, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

const BLOCK: usize = 512;

/// The header block of an entry.
fn header(name: &str, flag: u8, size: usize, link: &str) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{size:011o}\x0000000000000\0        ").as_bytes());
    put(156, &[flag]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    let mut entry = header(name, b'0', content.len(), "");
    entry.extend_from_slice(content);
    entry.resize(entry.len().next_multiple_of(BLOCK), 0);
    entry
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 2 * BLOCK]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::stream::encode_all(bytes, 1).unwrap()
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&[0x50, 0x2a, 0x4d, 0x18], &length[..], content].concat()
}

type Pack = fn(&[u8]) -> Vec<u8>;

const PACKS: [Pack; 3] = [plain, gzip, zstd];

/// Bytes that hardly compress.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn read_cut(blob: &[u8], cut: usize, limits: Limits) -> Result<Toc, Error> {
    let memory = Memory::default();
    let request = ReadRequest {
        blob_size: blob.len() as u64,
        limits,
        captures: true,
        uncompressed: None,
        table_at_end: false,
        memory: &memory,
    };
    read_layer(&mut BufReader::with_capacity(cut, blob), &request)
}

fn read(blob: &[u8]) -> Result<Toc, Error> {
    read_cut(blob, 1 << 20, Limits::default())
}

fn costs(toc: &Toc) -> Vec<u64> {
    toc.entries.iter().map(|entry| entry.compressed).collect()
}

fn kinds(toc: &Toc) -> Vec<OddityKind> {
    toc.oddities.kept.iter().map(|oddity| oddity.kind).collect()
}

#[test]
fn entries_have_their_content_hashes_and_links() {
    let (a, large) = (noise(1000, 1), noise(700_000, 2));
    let tar = archive(&[
        header("d/", b'5', 0, ""),
        file("d/a", &a),
        file("d/large", &large),
        file("d/b", &a),
        file("empty", b""),
        header("s", b'2', 0, "d/a"),
        header("h", b'1', 0, "d/a"),
        file("d/.wh.gone", b"x"),
    ]);
    for pack in PACKS {
        let toc = read(&pack(&tar)).unwrap();
        assert!(toc.is_sound());
        let of = |bytes: &[u8]| {
            let mut hasher = Hasher::new(bytes.len() as u64);
            hasher.update(bytes);
            Some(hasher.finish())
        };
        let hashes: Vec<_> = toc.entries.iter().map(|entry| entry.hash).collect();
        let expected = [None, of(&a), of(&large), of(&a), of(b""), None, None, None];
        assert_eq!(hashes, expected);
        let kinds: Vec<_> = toc.entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds[5..], [Kind::Symlink, Kind::Hardlink, Kind::Whiteout]);
        assert!(toc.entries[5].link.is_some() && toc.entries[6].link.is_some());
        assert_eq!(toc.tar_size, Some(tar.len() as u64));
        assert_eq!((toc.source, toc.hashing), (Source::Stream, Hashing::Xxh3));
    }
}

#[test]
fn an_entry_costs_what_lies_before_the_next_one() {
    let check = |blob: &[u8], expected: &[u64], overhead: u64| {
        let toc = read(blob).unwrap();
        assert_eq!(costs(&toc), expected);
        assert_eq!(toc.overhead, overhead);
    };
    let entries = [file("a", &noise(1000, 1)), file("b", b""), file("c", &noise(9, 2))];
    let tar = archive(&entries);
    check(&tar, &[1536, 512, 1024 + 1024], 0);
    check(&[&tar[..], &[0; 5000]].concat(), &[1536, 512, 2048 + 5000], 0);
    check(&[&tar[..], &[0; 500], b"junk"].concat(), &[1536, 512, 2048 + 500], 4);
    check(&[&tar[..], &vec![0; 200_000], b"junk", &[0; 99]].concat(), &[1536, 512, 202_048], 103);
    check(b"", &[], 0);
    check(&[0; 1024], &[], 1024);

    for (pack, empty, trailing) in [
        (gzip as fn(&[u8]) -> Vec<u8>, gzip(b""), b"\x01\x02\x03\x04"),
        (zstd, skippable(b"a table of contents"), b"\x01\x02\x03\x04"),
    ] {
        let parts: Vec<_> = entries.iter().map(|entry| pack(entry)).collect();
        let end = pack(&[0; 1024]);
        let (a, b) = (parts[0].len() as u64, parts[1].len() as u64);
        let c = (parts[2].len() + end.len()) as u64;
        let blob = [parts.concat(), end].concat();
        check(&blob, &[a, b, c], 0);
        let extra = empty.len() as u64;
        check(&[&empty[..], &blob].concat(), &[a + extra, b, c], 0);
        check(&[&blob[..], &empty].concat(), &[a, b, c], extra);
        check(&[&blob[..], &[0; 77]].concat(), &[a, b, c + 77], 0);
        check(&[&blob[..], trailing].concat(), &[a, b, c], 4);
        let junk = pack(b"junk");
        check(&[&blob[..], &junk].concat(), &[a, b, c], junk.len() as u64);
        let none = pack(&[0; 1024]);
        check(&none, &[], none.len() as u64);
        check(&empty, &[], extra);
    }
}

#[test]
fn what_follows_is_flagged() {
    let tar = archive(&[file("a", b"a")]);
    let check = |blob: &[u8], expected: &[OddityKind]| {
        assert_eq!(kinds(&read(blob).unwrap()), expected);
    };
    check(&tar, &[]);
    check(&[&tar[..], b"x"].concat(), &[OddityKind::BytesAfterEnd { bytes: 1 }]);
    for pack in [gzip, zstd] {
        let blob = pack(&tar);
        check(&[&blob[..], &[0; 9]].concat(), &[OddityKind::ZerosAfterStream { bytes: 9 }]);
        check(&[&blob[..], b"junk"].concat(), &[OddityKind::BytesAfterStream { bytes: 4 }]);
    }
}

#[test]
fn ceilings_say_what_raises_them() {
    let check = |blob: &[u8], limits: Limits, text: &str, hint: Option<&str>| {
        let error = read_cut(blob, 1 << 20, limits).expect_err(text);
        assert_eq!((error.kind(), error.hint()), (ErrorKind::Ceiling, hint), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    };
    let bomb = archive(&[file("zeros", &vec![0; 2 << 20])]);
    let limits = Limits { unpacked: 1 << 20, ..Limits::default() };
    for pack in [gzip, zstd] {
        let hint = Some("allow more: --limit unpacked=SIZE");
        check(&pack(&bomb), limits, "longer than 1048576 bytes", hint);
        let enough = Limits { unpacked: bomb.len() as u64, ratio: 1, ..Limits::default() };
        assert!(read_cut(&pack(&bomb), 1 << 20, enough).is_ok(), "no ratio below 64 MiB");
    }
    // 128 MiB of one byte in 4 KiB, as one frame.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    for block in 1..=1024 {
        let head: u32 = (128 << 10) << 3 | 1 << 1 | u32::from(block == 1024);
        frame.extend_from_slice(&[&head.to_le_bytes()[..3], &[0]].concat());
    }
    let frame = [zstd(&archive(&[])), frame].concat();
    let limits = Limits { ratio: 20_000, ..Limits::default() };
    check(&frame, limits, "20000 times longer", Some("allow more: --limit ratio=NUMBER"));
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x90][..], &[0; 9]].concat();
    check(&window, limits, "window 256 MiB > 128 MiB", None);
    // A header that says it has 1 GiB of records.
    let pax = [header("x", b'x', 1 << 30, ""), vec![b'9'; 1 << 20]].concat();
    for pack in PACKS {
        check(&pack(&pax), Limits::default(), "longer than 1 MiB", None);
    }
}

#[test]
fn formats_that_are_not_read_are_named() {
    let check = |start: &[u8], kind: ErrorKind, text: &str| {
        for length in [start.len(), 5000] {
            let mut blob = start.to_vec();
            blob.resize(length, 7);
            let error = read(&blob).expect_err(text);
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    };
    let unsupported = ErrorKind::Unsupported;
    check(b"\xfd7zXZ\0", unsupported, "compressed with xz: not supported");
    check(b"BZh9", unsupported, "compressed with bzip2: not supported");
    check(b"\x04\x22\x4d\x18", unsupported, "compressed with lz4: not supported");
    check(b"PK\x03\x04", ErrorKind::BadData, "it looks like zip");
    let named = archive(&[file("BZhang", b"x")]);
    assert_eq!(read(&named).unwrap().entries.len(), 1);
    // The second entry is what is damaged, not the format.
    let error = read(&[file("BZhang", b"x"), vec![1; BLOCK]].concat()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadData);
    // What is packed twice is not opened twice.
    let error = read(&gzip(&gzip(&named))).unwrap_err();
    assert!(error.to_string().contains("it looks like gzip"), "{error}");
}

#[test]
fn the_uncompressed_bytes_are_verified_where_that_is_asked_for() {
    let tar = archive(&[file("a", b"a")]);
    let whole = [&tar[..], b"after the end"].concat();
    let memory = Memory::default();
    for (digest, expected) in [(Digest::of(&whole), true), (Digest::of(&tar), false)] {
        let blob = gzip(&whole);
        let request = ReadRequest {
            blob_size: blob.len() as u64,
            limits: Limits::default(),
            captures: false,
            uncompressed: Some(&digest),
            table_at_end: false,
            memory: &memory,
        };
        let result = read_layer(&mut &blob[..], &request);
        assert_eq!(result.is_ok(), expected);
        if let Err(error) = result {
            assert!(error.to_string().contains(digest.as_str()), "{error}");
        }
    }
}

#[test]
fn a_table_after_the_archive_is_flagged_only_if_no_annotation_has_its_digest() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/toc/estargz-lossless.blob");
    let blob = std::fs::read(path).unwrap();
    let memory = Memory::default();
    let read = |table_at_end| {
        let request = ReadRequest {
            blob_size: blob.len() as u64,
            limits: Limits::default(),
            captures: false,
            uncompressed: None,
            table_at_end,
            memory: &memory,
        };
        read_layer(&mut &blob[..], &request).unwrap()
    };
    let (mut flagged, expected) = (read(false), read(true));
    assert!(matches!(kinds(&flagged)[..], [OddityKind::BytesAfterEnd { .. }]));
    assert_eq!(kinds(&expected), []);
    flagged.oddities = expected.oddities.clone();
    assert_eq!(flagged, expected);
}

/// Fails at its end, as a reader does that found the digest to be another.
struct Unverified<'a>(&'a [u8]);

impl Read for Unverified<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("another digest")),
            length => Ok(length),
        }
    }
}

#[test]
fn the_input_has_its_say_before_the_bytes_mean_anything() {
    let tar = archive(&[file("a", &noise(300_000, 1))]);
    let memory = Memory::default();
    for pack in PACKS {
        let blob = [pack(&tar), vec![0; 100_000]].concat();
        let mut damaged = blob.clone();
        damaged[12] ^= 0xff;
        for blob in [blob, damaged] {
            let request = ReadRequest {
                blob_size: blob.len() as u64,
                limits: Limits::default(),
                captures: false,
                uncompressed: None,
                table_at_end: false,
                memory: &memory,
            };
            let error = read_layer(&mut BufReader::new(Unverified(&blob)), &request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert_eq!(error.into_input().unwrap().to_string(), "another digest");
        }
    }
}

#[test]
fn what_a_layer_takes_is_counted_and_has_a_ceiling() {
    let elf = [&b"\x7fELF\x02\x01\x01"[..], &vec![0; 300_000]].concat();
    let entries = [
        file("etc/os-release", b"ID=x\n"),
        file("usr/bin/tool", &elf),
        header("usr/bin/t", b'1', 0, "usr/bin/tool"),
        header("usr/bin/s", b'2', 0, "tool"),
    ];
    let blob = gzip(&archive(&entries));
    let read = |memory: &Memory| {
        let (blob_size, limits) = (blob.len() as u64, Limits::default());
        let (uncompressed, table_at_end) = (None, false);
        let request =
            ReadRequest { blob_size, limits, captures: true, uncompressed, table_at_end, memory };
        read_layer(&mut &blob[..], &request)
    };
    let memory = Memory::default();
    let mut toc = read(&memory).unwrap();
    let all = memory.used();
    assert!((5000..7000).contains(&all), "{all}");
    let mut counted = toc.clone();
    counted.count(&memory).unwrap();
    assert_eq!(memory.used(), 2 * all);
    drop(counted);
    toc.drop_captures();
    assert!(memory.used() < all - 4096, "{}", memory.used());
    drop(toc);
    assert_eq!(memory.used(), 0);
    for enough in [0, 200, 1000, 4000, all - 1, all] {
        let memory = Memory::new(enough);
        let kind = read(&memory).map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind, if enough < all { Err(ErrorKind::Memory) } else { Ok(()) }, "{enough}");
        assert_eq!(memory.used(), 0);
    }
}

#[test]
fn contents_and_sections_are_kept_if_asked_for() {
    let elf = [&b"\x7fELF\x02\x01\x01"[..], &vec![0; 300_000]].concat();
    let entries = [
        file("etc/os-release", b"ID=x\n"),
        file("usr/bin/tool", &elf),
        file("etc/passwd", b""),
        file("home/notes", b"no"),
    ];
    let blob = gzip(&archive(&entries));
    let toc = read(&blob).unwrap();
    let kept: Vec<_> =
        toc.captures.iter().map(|kept| (kept.entry, kept.head.len(), kept.tail.len())).collect();
    assert_eq!(kept, [(0, 5, 0), (1, 4096, 0)]);
    assert_eq!(toc.elf.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1]);
    assert_eq!(toc.captures_dropped, 0);
    let few = Limits { captured: 4, ..Limits::default() };
    assert_eq!(read_cut(&blob, 1 << 20, few).unwrap().captures_dropped, 1);
    let memory = Memory::default();
    let blob_size = blob.len() as u64;
    let limits = Limits::default();
    let request = ReadRequest {
        blob_size,
        limits,
        captures: false,
        uncompressed: None,
        table_at_end: false,
        memory: &memory,
    };
    let toc = read_layer(&mut &blob[..], &request).unwrap();
    assert!(toc.captures.is_empty() && toc.elf.is_empty() && toc.captures_dropped == 0);
    let short = ReadRequest { blob_size: blob_size + 1, ..request };
    let error = read_layer(&mut &blob[..], &short).unwrap_err().to_string();
    assert!(error.contains("bytes long instead of"), "{error}");
}

#[test]
fn a_layer_that_is_cut_anywhere_is_an_error() {
    let tar = archive(&[file("a", &noise(700, 1)), file("b", b"")]);
    for pack in [gzip, zstd] {
        let blob = pack(&tar);
        for cut in 1..blob.len() {
            assert!(read(&blob[..cut]).is_err(), "{cut} of {}", blob.len());
        }
    }
    for cut in 1..tar.len() {
        match read(&tar[..cut]) {
            Err(_) => {}
            // A tar stream alone cannot tell that entries are missing.
            Ok(toc) => assert!(
                cut.is_multiple_of(BLOCK) || kinds(&toc) == [OddityKind::NoEndMarker],
                "{cut}"
            ),
        }
    }
}

fn entries() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let size = prop_oneof![0usize..600, 0usize..10_000, 30_000usize..40_000];
    let entry = (size, any::<u32>(), 0u8..4);
    proptest::collection::vec(entry, 0..8).prop_map(|entries| {
        let entry = |(at, (size, seed, kind)): (usize, &(usize, u32, u8))| match kind {
            0 => header(&format!("d{at}/"), b'5', 0, ""),
            1 => file(&format!("zeros{at}"), &vec![0; *size]),
            _ => file(&format!("noise{at}"), &noise(*size, *seed)),
        };
        entries.iter().enumerate().map(entry).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn changed_bytes_are_read_or_refused(
        format in 0usize..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let tar = archive(&[file("a", &noise(700, 1)), file("etc/passwd", b"root:x:0:0\n")]);
        let mut blob = PACKS[format](&tar);
        for (at, byte) in changes {
            let at = at.index(blob.len());
            blob[at] = byte;
        }
        fuzzing::layer(&blob);
    }

    #[test]
    fn costs_and_overhead_are_the_blob(
        entries in entries(),
        format in 0usize..3,
        splits in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        after_end in proptest::collection::vec(0u8..2, 0..2000),
        after_stream in proptest::collection::vec(0u8..2, 0..50),
        cut in 1usize..200_000,
    ) {
        let tar = [archive(&entries), after_end].concat();
        let mut splits: Vec<_> = splits.iter().map(|split| split.index(tar.len())).collect();
        splits.sort_unstable();
        let mut blob = Vec::new();
        let mut from = 0;
        for to in splits.into_iter().chain([tar.len()]) {
            blob.extend(PACKS[format](&tar[from..to]));
            from = to;
        }
        if format > 0 {
            blob.extend(after_stream);
        }
        let toc = read(&blob).unwrap();
        prop_assert_eq!(toc.entries.len(), entries.len());
        let sum = costs(&toc).iter().sum::<u64>() + toc.overhead;
        prop_assert_eq!(sum, blob.len() as u64);
        prop_assert_eq!(toc.tar_size, Some(tar.len() as u64));
        if format == 0 {
            let lengths: Vec<_> = entries.iter().map(|entry| entry.len() as u64).collect();
            let last = entries.len().saturating_sub(1);
            prop_assert_eq!(&costs(&toc)[..last], &lengths[..last]);
        }
        prop_assert_eq!(read_cut(&blob, cut, Limits::default()).unwrap(), toc);
    }
}
