//! Layers written as text, one entry per line, and turned into the same bytes each time.
//!
//! ```ignore
//! let layer = Layer::gzip("
//!     usr/bin/                      a directory
//!     usr/bin/tool 1000             1000 bytes that depend on the path
//!     usr/lib/copy 1000 seed=a      1000 bytes that depend on `a`; of equal seeds one is a prefix of the other
//!     usr/lib/hole 1000 seed=0      1000 zeros
//!     etc/motd \"two\\nlines\"      this text, escaped as in JSON
//!     bin/sh -> busybox             a symbolic link
//!     bin/ls => bin/busybox         a hard link
//!     etc/.wh.passwd 0              a whiteout
//!     etc/shadow 9 mode=600 uid=1 gid=42 mtime=1700000000
//! ");
//! ```
//!
//! (The remarks behind the columns are not part of the format.)

use std::collections::BTreeMap;
use std::io::Write;

use bytes::Bytes;

const BLOCK: usize = 512;

/// The modification time of entries that give none.
const MTIME: u64 = 1_700_000_000;

/// How a layer's tar stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// One gzip member, level 6.
    Gzip,
    /// One zstd frame, level 3.
    Zstd,
    /// Not at all.
    None,
}

/// A layer as a tar stream and as a blob.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The tar stream.
    pub tar: Bytes,
    /// The blob.
    pub blob: Bytes,
    /// The media type of the descriptor.
    pub media_type: String,
    /// The annotations of the descriptor.
    pub annotations: BTreeMap<String, String>,
}

impl Layer {
    /// A gzip layer of these entries.
    pub fn gzip(text: &str) -> Self {
        Self::from_tar(tar(text), Compression::Gzip)
    }

    /// A zstd layer of these entries.
    pub fn zstd(text: &str) -> Self {
        Self::from_tar(tar(text), Compression::Zstd)
    }

    /// An uncompressed layer of these entries.
    pub fn plain(text: &str) -> Self {
        Self::from_tar(tar(text), Compression::None)
    }

    /// A layer of any bytes, tar or not.
    pub fn from_tar(tar: impl Into<Bytes>, compression: Compression) -> Self {
        let tar = tar.into();
        let (blob, suffix) = match compression {
            Compression::Gzip => (gzip(&tar), "+gzip"),
            Compression::Zstd => {
                (zstd::bulk::compress(&tar, 3).expect("compression in memory").into(), "+zstd")
            }
            Compression::None => (tar.clone(), ""),
        };
        let media_type = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
        Self { tar, blob, media_type, annotations: BTreeMap::new() }
    }

    /// The same blob under another media type.
    pub fn media_type(self, media_type: &str) -> Self {
        Self { media_type: media_type.to_owned(), ..self }
    }

    /// Adds an annotation to the descriptor.
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// One gzip member without name or time.
pub fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("compression in memory");
    encoder.finish().expect("compression in memory").into()
}

/// The tar stream of the entries that `text` lists, with its two end blocks.
pub fn tar(text: &str) -> Vec<u8> {
    let mut archive = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        Entry::parse(line).write(&mut archive);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// `length` bytes that depend on `seed` alone: 64 different ones, so that they shrink to about
/// three quarters. The seed `0` gives zeros.
pub fn noise(seed: &str, length: usize) -> Vec<u8> {
    if seed == "0" {
        return vec![0; length];
    }
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let missing = length - bytes.len();
        bytes.extend(state.to_le_bytes().iter().take(missing).map(|byte| b' ' + (byte >> 2)));
    }
    bytes
}

#[derive(Default)]
struct Entry {
    path: String,
    kind: u8,
    link: String,
    content: Vec<u8>,
    mode: u64,
    uid: u64,
    gid: u64,
    mtime: u64,
}

impl Entry {
    fn parse(line: &str) -> Self {
        let (path, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut entry = Self { path: path.to_owned(), mtime: MTIME, ..Self::default() };
        let mut words = rest.split_whitespace().peekable();
        let mut seed = path;
        let mut length = 0;
        (entry.kind, entry.mode) = (b'0', 0o644);
        if rest.starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let text = values.next().expect("a text").expect("a text in quotes");
            entry.content = text.into_bytes();
            words = rest[values.byte_offset()..].split_whitespace().peekable();
        } else if let Some(kind) = words.next_if(|&word| word == "->" || word == "=>") {
            entry.kind = if kind == "->" { b'2' } else { b'1' };
            words.next().expect("the target of a link").clone_into(&mut entry.link);
        } else if path.ends_with('/') {
            (entry.kind, entry.mode) = (b'5', 0o755);
        } else {
            length = words.next().expect("a size").parse().expect("a size in bytes");
        }
        for word in words {
            let (name, value) = word.split_once('=').expect("an option as in `mode=755`");
            match name {
                "seed" => seed = value,
                "mode" => entry.mode = u64::from_str_radix(value, 8).expect("an octal mode"),
                "uid" => entry.uid = value.parse().expect("a uid"),
                "gid" => entry.gid = value.parse().expect("a gid"),
                "mtime" => entry.mtime = value.parse().expect("seconds"),
                _ => panic!("unknown option {name:?} in {line:?}"),
            }
        }
        if length > 0 {
            entry.content = noise(seed, length);
        }
        entry
    }

    fn write(&self, archive: &mut Vec<u8>) {
        let long = [("path", &self.path), ("linkpath", &self.link)];
        let records: Vec<String> = long
            .iter()
            .filter(|(_, value)| value.len() > 100)
            .map(|(key, value)| pax_record(key, value))
            .collect();
        if !records.is_empty() {
            let content = records.concat().into_bytes();
            let header = Self {
                path: "PaxHeaders/entry".to_owned(),
                kind: b'x',
                content,
                mode: 0o644,
                ..Self::default()
            };
            header.write(archive);
        }
        archive.extend(self.header());
        archive.extend(&self.content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }

    fn header(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        put(&mut block[0..100], self.path.as_bytes());
        put(&mut block[100..107], format!("{:07o}", self.mode).as_bytes());
        put(&mut block[108..115], format!("{:07o}", self.uid).as_bytes());
        put(&mut block[116..123], format!("{:07o}", self.gid).as_bytes());
        put(&mut block[124..135], format!("{:011o}", self.content.len()).as_bytes());
        put(&mut block[136..147], format!("{:011o}", self.mtime).as_bytes());
        block[148..156].fill(b' ');
        block[156] = self.kind;
        put(&mut block[157..257], self.link.as_bytes());
        put(&mut block[257..265], b"ustar\x0000");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        put(&mut block[148..155], format!("{sum:06o}\0").as_bytes());
        block
    }
}

fn put(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

fn pax_record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}")
}
