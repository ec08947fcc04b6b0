//! What must hold for any bytes, and a writer of archives that are odd in every known way.

use super::archive::{Archive, GNU, Head, USTAR, part, record};
use super::{Header, Sink, Walker};
use crate::layer::fuzzing::Choices;
use crate::layer::{Attributes, Error, ErrorKind, Kind, OddityKind};

/// An entry as a walker told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where its first header starts in the stream.
    pub offset: u64,
    /// Its name.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Content bytes, holes included.
    pub size: u64,
    /// Content bytes that are stored.
    pub stored: u64,
    /// Whether it is sparse.
    pub sparse: bool,
    /// Modification time.
    pub mtime: i64,
    /// Mode, owner and the like.
    pub attributes: Attributes,
    /// The target of a link.
    pub link: Vec<u8>,
    /// What is odd about its headers.
    pub oddities: Vec<OddityKind>,
    /// The stored bytes that came.
    pub content: Vec<u8>,
    /// Whether all came.
    pub complete: bool,
}

/// All that a walker told about a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries.
    pub entries: Vec<Listed>,
    /// What is odd beside them.
    pub odd: Vec<OddityKind>,
    /// What is wrong with the stream.
    pub error: Option<(ErrorKind, String)>,
    begun: Option<u64>,
}

impl Listing {
    /// Whether readers may take the stream in different ways.
    pub fn is_ambiguous(&self) -> bool {
        let entries = self.entries.iter().flat_map(|entry| &entry.oddities);
        entries.chain(&self.odd).any(|oddity| oddity.is_ambiguous())
    }
}

impl Sink for Listing {
    fn begins(&mut self, offset: u64) {
        assert!(self.entries.last().is_none_or(|last| last.complete && last.offset < offset));
        assert!(offset.is_multiple_of(512) && self.begun.is_none());
        self.begun = Some(offset);
    }

    fn entry(&mut self, header: &Header<'_>) -> Result<(), Error> {
        assert!(header.kind == Kind::File || (header.size, header.stored) == (0, 0));
        assert!(header.sparse || header.size == header.stored);
        self.entries.push(Listed {
            offset: self.begun.take().expect("an entry begins first"),
            name: header.name.to_vec(),
            kind: header.kind,
            size: header.size,
            stored: header.stored,
            sparse: header.sparse,
            mtime: header.mtime,
            attributes: header.attributes,
            link: header.link.to_vec(),
            oddities: header.oddities.to_vec(),
            content: Vec::new(),
            complete: false,
        });
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) {
        let entry = self.entries.last_mut().expect("content is of an entry");
        assert!(!entry.complete && !bytes.is_empty());
        entry.content.extend_from_slice(bytes);
        assert!(entry.content.len() as u64 <= entry.stored);
    }

    fn ends(&mut self) -> Result<(), Error> {
        let entry = self.entries.last_mut().expect("an entry ends");
        assert!(!entry.complete && entry.content.len() as u64 == entry.stored);
        entry.complete = true;
        Ok(())
    }

    fn odd(&mut self, kind: OddityKind) {
        self.odd.push(kind);
    }
}

/// Lists a stream that comes at once.
pub fn list_tar(bytes: &[u8]) -> Listing {
    list(bytes, |_| usize::MAX)
}

/// Lists a stream that comes in pieces of the lengths that `cut` gives.
fn list(mut bytes: &[u8], mut cut: impl FnMut(&Walker) -> usize) -> Listing {
    let mut listing = Listing::default();
    let mut walker = Walker::new();
    let all = bytes.len() as u64;
    let result = loop {
        assert!(walker.ahead() > 0);
        if bytes.is_empty() {
            assert_eq!(walker.offset(), all);
            break walker.finish(&mut listing);
        }
        let (now, rest) = bytes.split_at(cut(&walker).clamp(1, bytes.len()));
        bytes = rest;
        if let Err(error) = walker.feed(now, &mut listing) {
            break Err(error);
        }
    };
    listing.error = result.err().map(|error| (error.kind(), error.to_string()));
    listing
}

/// Any bytes give the same listing, however they are cut, and one that the bytes could hold.
///
/// # Panics
///
/// Where that does not hold.
pub fn tar_walker(bytes: &[u8]) {
    let whole = list_tar(bytes);
    for length in [1, 7, 511, 512, 513, 4096] {
        assert_eq!(list(bytes, |_| length), whole, "in pieces of {length}");
    }
    let ahead = list(bytes, |walker| usize::try_from(walker.ahead()).unwrap_or(usize::MAX));
    assert_eq!(ahead, whole, "in pieces of what is ahead");
    let mut seed = bytes.len();
    let mixed = list(bytes, |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % 1500
    });
    assert_eq!(mixed, whole, "in mixed pieces");
    let least: usize = whole.entries.iter().map(|entry| 512 + entry.content.len()).sum();
    assert!(least <= bytes.len(), "more is listed than there is");
    let complete = whole.entries.iter().all(|entry| entry.complete);
    assert!(complete || whole.error.is_some(), "an entry is cut without an error");
}

/// As [`tar_walker`], for the archive that the bytes choose.
///
/// # Panics
///
/// As that does.
pub fn tar_archives(choices: &[u8]) {
    tar_walker(&tar_archive(choices));
}

/// Writes an archive by choices, one byte for each; most are readable for the most part.
pub fn tar_archive(choices: &[u8]) -> Vec<u8> {
    let mut choices = Choices::new(choices);
    let mut archive = Archive::default();
    for _ in 0..=choices.below(8) {
        archive = piece(archive, &mut choices);
    }
    match choices.below(16) {
        0 => archive.0,
        1 => archive.raw(&[0; 512]).0,
        2 => archive.raw(&[0; 700]).0,
        3 => {
            let end = archive.0.len() * (1 + choices.below(255)) / 256;
            archive.0[..end].to_vec()
        }
        4 => archive.raw(&[0; 2048]).raw(b"more").pad().0,
        5 => archive.raw(&[0; 512]).file("behind", b"").end(),
        _ => archive.end(),
    }
}

const NAMES: [&[u8]; 14] = [
    b"a",
    b"b",
    b"dir/a",
    b"dir/",
    b"./a",
    b"/a",
    b"../a",
    b"",
    b".wh.a",
    b"dir/.wh..wh..opq",
    b"caf\xe9",
    b"a\nb",
    b"a//b",
    b"long/long/long/long/long/long/long/long/long/long/long/name",
];
const FLAGS: &[u8] = b"00000000012345670\0\0\0SVMNDXAZz\xff";
const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "3",
    "512",
    "513",
    "1024",
    "1536",
    "-1",
    "+5",
    "05",
    "5.0",
    "0x5",
    "",
    " 1",
    "1 ",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "4611686018427387905",
    "-9223372036854775808",
    "1.5",
    "-1.5",
];
const FIELDS: [&[u8]; 16] = [
    b"00000000003\0",
    b"      3 \0\0\0\0",
    b"\0\0\0\0\0\0\0\0\0\0\0\0",
    b"777777777777",
    b"77777777777\0",
    b"3\x004         ",
    b"3 4         ",
    b"-3          ",
    b"0x3         ",
    b"9           ",
    b"\x80\0\0\0\0\0\0\0\0\0\0\x03",
    b"\x80\0\0\0\x40\0\0\0\0\0\0\0",
    b"\x80\0\0\0\x80\0\0\0\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0",
    b"\xc0\0\0\0\0\0\0\0\0\0\0\0",
];
/// Where numbers are in a header, with their lengths; the size thrice, as it matters most.
const PLACES: [(usize, usize); 14] = [
    (124, 12),
    (124, 12),
    (124, 12),
    (100, 8),
    (108, 8),
    (116, 8),
    (136, 12),
    (329, 8),
    (337, 8),
    (345, 12),
    (357, 12),
    (476, 12),
    (488, 12),
    (483, 12),
];
const KEYS: [&str; 30] = [
    "path",
    "linkpath",
    "size",
    "uid",
    "gid",
    "mtime",
    "atime",
    "ctime",
    "uname",
    "comment",
    "SCHILY.xattr.user.a",
    "SCHILY.xattr.user.b",
    "LIBARCHIVE.xattr.c",
    "GNU.sparse.major",
    "GNU.sparse.minor",
    "GNU.sparse.name",
    "GNU.sparse.size",
    "GNU.sparse.realsize",
    "GNU.sparse.numblocks",
    "GNU.sparse.map",
    "GNU.sparse.offset",
    "GNU.sparse.numbytes",
    "size",
    "path",
    "size",
    "mtime",
    "path",
    "GNU.sparse.other",
    "a\0b",
    "hdrcharset",
];

fn piece(archive: Archive, choices: &mut Choices<'_>) -> Archive {
    match choices.below(20) {
        0..=7 => entry(archive, choices),
        8..=10 => {
            let records = records(choices);
            let flag = choices.of(b"xxxxxxg");
            entry(archive.entry(flag, b"PaxHeaders/x", &records), choices)
        }
        11 | 12 => {
            let name = [choices.of(&NAMES), choices.of(&[b"\0" as &[u8], b"", b"\0x"])].concat();
            entry(archive.entry(choices.of(b"LLLK"), b"././@LongLink", &name), choices)
        }
        13 | 14 => old_sparse(archive, choices),
        15 | 16 => sparse_records(archive, choices),
        17 | 18 => sparse_lines(archive, choices),
        _ => match choices.below(6) {
            0 => archive.raw(&[0; 512]),
            1 => archive.raw(&[choices.of(b"\x01a\xff"); 512]),
            2 => archive.entry(
                b'x',
                b"x",
                choices.of(&[b"5 a=\n" as &[u8], b"4 =\n", b"x", b"9 a=b\n"]),
            ),
            3 => archive.head(Head::new(choices.of(b"xgLK"), b"x", 1 << 21)),
            4 => archive.entry(choices.of(b"gxLKV"), b"x", b""),
            _ => entry(archive, choices),
        },
    }
}

fn entry(archive: Archive, choices: &mut Choices<'_>) -> Archive {
    let flag = choices.of(FLAGS);
    let content = &[b'c'; 1600][..choices.of(&[0, 0, 1, 3, 511, 512, 513, 1024, 1536])];
    let mut head = Head::new(flag, choices.of(&NAMES), content.len() as u64);
    head =
        head.magic(choices.of(&[USTAR, USTAR, USTAR, GNU, GNU, b"\0\0\0\0\0\0\0\0", b"ustar  0"]));
    if choices.below(8) == 0 {
        head = head.put(508, b"tar\0");
    }
    if choices.below(4) == 0 {
        head = head.put(345, choices.of(&[b"prefix" as &[u8], b"7", b"\xe9", b"0000000000\0\0x"]));
    }
    if choices.below(3) == 0 {
        head = head.link(choices.of(&NAMES));
    }
    for _ in 0..choices.below(40).saturating_sub(37) {
        let (at, length) = choices.of(&PLACES);
        head = head.put(at, &choices.of(&FIELDS)[..length]);
    }
    let mut block = head.sealed();
    if choices.below(64) == 0 {
        block[choices.below(256)] ^= 1;
    }
    let has_payload = !matches!(flag, b'1'..=b'6') || choices.below(16) == 0;
    let archive = archive.raw(&block);
    if has_payload { archive.data(content) } else { archive }
}

fn records(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut data = Vec::new();
    for _ in 0..choices.below(5) {
        let key = choices.of(&KEYS);
        let value = match key {
            "path" | "linkpath" | "GNU.sparse.name" | "uname" => choices.of(&NAMES),
            _ if choices.below(8) > 0 => choices.of(&NUMBERS[..7]).as_bytes(),
            _ => choices.of(&NUMBERS).as_bytes(),
        };
        data.extend_from_slice(&record(key.as_bytes(), value));
    }
    data
}

/// Parts of a map that mostly fit a file, with the bytes they stand for.
fn parts(choices: &mut Choices<'_>) -> (Vec<(u64, u64)>, u64, u64) {
    let (mut parts, mut at, mut stored) = (Vec::new(), 0_u64, 0_u64);
    for _ in 0..choices.of(&[0, 1, 2, 3, 4, 5, 26, 60]) {
        let length = choices.of(&[0, 1, 512, 512, 700]);
        at += choices.of(&[0, 512, 512, 1024]);
        parts.push((at, length));
        at += length;
        stored += length;
    }
    match choices.below(40) {
        0 => parts.push((0, 1)),
        1 => at = at.saturating_sub(1),
        2 => stored += 1,
        3 => parts.push((u64::MAX >> 2, 1)),
        _ => at += choices.of(&[0, 512]),
    }
    (parts, at, stored)
}

fn old_sparse(archive: Archive, choices: &mut Choices<'_>) -> Archive {
    let (parts, size, stored) = parts(choices);
    let (first, more) = parts.split_at(parts.len().min(4));
    let bytes = |parts: &[(u64, u64)]| {
        parts
            .iter()
            .flat_map(|(at, length)| part(*at, *length))
            .map(|b| if b > b'x' { b'7' } else { b })
            .collect::<Vec<u8>>()
    };
    let head = Head::new(b'S', choices.of(&NAMES), stored);
    let head = head.magic(choices.of(&[GNU, GNU, GNU, USTAR])).put(386, &clip(bytes(first), 96));
    let head = head.put(483, format!("{size:011o}\0").as_bytes());
    let mut archive = archive.head(head.put(482, &[u8::from(!more.is_empty())]));
    for (at, chunk) in more.chunks(21).enumerate() {
        let mut block = clip(bytes(chunk), 504);
        block.resize(512, 0);
        block[504] = u8::from((at + 1) * 21 < more.len());
        archive = archive.raw(&block);
    }
    archive.data(&vec![b's'; usize::try_from(stored).unwrap_or_default()])
}

fn clip(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.truncate(length);
    bytes
}

fn sparse_records(archive: Archive, choices: &mut Choices<'_>) -> Archive {
    let (parts, size, stored) = parts(choices);
    let mut data = Vec::new();
    let mut put =
        |key: &str, value: &str| data.extend_from_slice(&record(key.as_bytes(), value.as_bytes()));
    put(choices.of(&["GNU.sparse.size", "GNU.sparse.realsize"]), &size.to_string());
    put("GNU.sparse.numblocks", &parts.len().to_string());
    let minor = choices.of(&["0", "1", "2", ""]);
    if !minor.is_empty() {
        put("GNU.sparse.major", "0");
        put("GNU.sparse.minor", minor);
    }
    if choices.below(2) == 0 {
        for (offset, length) in &parts {
            put("GNU.sparse.offset", &offset.to_string());
            put("GNU.sparse.numbytes", &length.to_string());
        }
    } else {
        let map: Vec<_> = parts.iter().map(|(at, length)| format!("{at},{length}")).collect();
        put("GNU.sparse.map", &map.join(","));
    }
    if choices.below(2) == 0 {
        put("GNU.sparse.name", "sparse");
    }
    let content = vec![b's'; usize::try_from(stored).unwrap_or_default()];
    archive.entry(b'x', b"x", &data).entry(
        choices.of(b"00000000\x007S"),
        choices.of(&NAMES),
        &content,
    )
}

fn sparse_lines(archive: Archive, choices: &mut Choices<'_>) -> Archive {
    let (parts, size, stored) = parts(choices);
    let mut map = format!("{}{}\n", choices.of(&["", "", "", "000", "+", " "]), parts.len());
    for (offset, length) in &parts {
        for number in [offset, length] {
            map.push_str(&number.to_string());
            map.push('\n');
        }
    }
    let size = size.to_string();
    let mut records =
        vec![("GNU.sparse.major", "1"), ("GNU.sparse.minor", choices.of(&["0", "0", "0", "1"]))];
    if choices.below(8) > 0 {
        records.push(("GNU.sparse.realsize", &size));
    }
    records.push(("GNU.sparse.name", "sparse"));
    let content = vec![b's'; usize::try_from(stored).unwrap_or_default()];
    let data = Archive::default().data(map.as_bytes()).raw(&content).0;
    archive.pax(&records).entry(choices.of(b"00000000\x007"), choices.of(&NAMES), &data)
}
