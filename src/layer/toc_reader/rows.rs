//! The rows of a table of contents in JSON, as eStargz and zstd:chunked have it, one by one into a
//! [`TocBuilder`]; stargz-snapshotter `docs/estargz.md`, containers/storage `pkg/chunked/toc`.
//!
//! Refuses what does not add up: payloads outside of the blob's data, chunks that leave gaps,
//! overlap or are not as long as their file, and names whose bytes JSON could not carry.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher as _;
use std::io::{self, Read};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash3_64;

use crate::layer::{
    Attributes, ContentHash, Error, ErrorKind, Hashing, Hold, Keep, Kind, OddityKind, Source,
    TocBuilder, capture,
};

use super::TocRequest;

/// Bytes of a row, which is in memory whole while it is read.
const LONGEST_ROW: usize = 2 << 20;

/// A row as it is written; fields that it does not have are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    modtime: Option<String>,
    #[serde(default)]
    link_name: String,
    #[serde(default)]
    mode: i64,
    #[serde(default)]
    uid: u64,
    #[serde(default)]
    gid: u64,
    #[serde(default)]
    xattrs: Option<BTreeMap<String, String>>,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    end_offset: u64,
    #[serde(default)]
    inner_offset: u64,
    #[serde(default)]
    chunk_offset: u64,
    #[serde(default)]
    chunk_size: u64,
}

/// Content in the blob: a file's, or that of a chunk of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub entry: u32,
    /// Where its compressed bytes start.
    pub offset: u64,
    /// Where they end, if the table says so.
    pub end: Option<u64>,
    /// Where it starts in what they decompress to.
    pub inner: u64,
    /// Content bytes.
    pub length: u64,
    /// Its share among pieces of the same offset.
    pub weight: u64,
}

/// A file whose content is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub entry: u32,
    pub size: u64,
    pub digest: [u8; 32],
    /// Smaller ones first.
    pub rank: u8,
    pub keep: Keep,
}

/// What the rows gave.
pub(super) struct Rows {
    pub builder: TocBuilder,
    /// In the order of entries.
    pub pieces: Vec<Piece>,
    pub wanted: Vec<Wanted>,
    pub tar_split: Option<String>,
    version: Option<u64>,
    file: Option<File>,
    payload_end: u64,
    captures: bool,
    /// For pieces and wanted files, while they are needed.
    held: Hold,
    /// Bytes that may still be read of the row.
    ration: Rc<Cell<usize>>,
    failure: Option<Error>,
}

/// The file that chunks are of.
struct File {
    entry: u32,
    name: String,
    size: u64,
    covered: u64,
    /// Whether all of it is one piece.
    whole: bool,
}

/// Reads the JSON of a table; payloads end before `payload_end`.
pub(super) fn read(
    json: impl Read,
    source: Source,
    request: &TocRequest<'_>,
    payload_end: u64,
) -> Result<Rows, Error> {
    let ration = Rc::new(Cell::new(LONGEST_ROW));
    let json = Rationed { inner: json, ration: Rc::clone(&ration) };
    let mut rows = Rows {
        builder: TocBuilder::new(source, Hashing::Sha256, request.limits).within(request.memory),
        pieces: Vec::new(),
        wanted: Vec::new(),
        tar_split: None,
        version: None,
        file: None,
        payload_end,
        captures: request.captures,
        held: request.memory.hold(),
        ration,
        failure: None,
    };
    let mut decoder = serde_json::Deserializer::from_reader(json);
    let result = Document(&mut rows).deserialize(&mut decoder).and_then(|()| decoder.end());
    if let Some(failure) = rows.failure.take() {
        return Err(failure);
    }
    result.map_err(|error| bad(&format!("is not the JSON that it should be: {error}")))?;
    rows.close()?;
    if rows.version != Some(1) {
        return Err(bad("is not of version 1"));
    }
    Ok(rows)
}

impl Rows {
    fn add(&mut self, row: &Row) -> Result<(), Error> {
        if row.kind == "chunk" {
            return self.chunk(row);
        }
        self.close()?;
        if row.name.contains('\u{fffd}') || row.link_name.contains('\u{fffd}') {
            let text = "its table of contents has a name that is not UTF-8";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let kind = kind(&row.kind)?;
        let size = if kind == Kind::File { row.size } else { 0 };
        let attributes = row.attributes()?;
        let entry =
            self.builder.add(row.name.as_bytes(), kind, size, row.seconds()?, attributes)?;
        if size != row.size {
            self.builder.flag(OddityKind::SizeWithoutContent, Some(entry));
        }
        match kind {
            Kind::Hardlink => self.builder.link_hard(entry, row.link_name.as_bytes())?,
            Kind::Symlink => self.builder.link_symbolic(entry, row.link_name.as_bytes())?,
            Kind::File => self.file(entry, row)?,
            _ => {}
        }
        Ok(())
    }

    fn file(&mut self, entry: u32, row: &Row) -> Result<(), Error> {
        let digest = row.content_digest()?;
        self.builder.entry(entry).hash = digest.map(|digest| {
            let mut hash = [0; 16];
            hash.copy_from_slice(&digest[..16]);
            ContentHash(hash)
        });
        if row.size == 0 {
            return Ok(());
        }
        let keep = Keep::of(row.name.as_bytes());
        let may_tell = matches!(keep, Keep::Verdict(_));
        let is_wanted = may_tell || capture::is_listed(row.name.as_bytes());
        if self.captures && is_wanted {
            match digest.filter(|_| row.size <= capture::longest(row.name.as_bytes())) {
                Some(digest) => {
                    let rank = if may_tell { LAST } else { rank(&row.name) };
                    self.held.add(2 * size_of::<Wanted>())?;
                    let size = row.size;
                    self.wanted.push(Wanted { entry, size, digest, rank, keep });
                }
                None => self.builder.toc().captures_dropped += 1,
            }
        }
        let whole = row.end_offset > 0;
        let name = row.name.clone();
        self.file = Some(File { entry, name, size: row.size, covered: 0, whole });
        self.chunk(row)?;
        if whole {
            let end = row.end_offset;
            if end < row.offset || end > self.payload_end {
                return Err(bad("has a file that ends before it starts or after the data"));
            }
            let (end, weight) = (Some(end), end - row.offset);
            let (inner, length) = (0, row.size);
            self.piece(Piece { entry, offset: row.offset, end, inner, length, weight })?;
        }
        Ok(())
    }

    fn piece(&mut self, piece: Piece) -> Result<(), Error> {
        // It is there twice while contents are looked for.
        self.held.add(2 * size_of::<Piece>())?;
        self.pieces.push(piece);
        Ok(())
    }

    /// Takes a part of the file before.
    fn chunk(&mut self, row: &Row) -> Result<(), Error> {
        let Some(file) = self.file.as_mut().filter(|file| file.name == row.name) else {
            return Err(bad("has a chunk without its file"));
        };
        if row.chunk_offset != file.covered {
            return Err(bad("has chunks with gaps or overlaps"));
        }
        let left = file.size - file.covered;
        let length = if row.chunk_size == 0 { left } else { row.chunk_size };
        if length > left || length == 0 {
            return Err(bad("has more chunks than their file has bytes"));
        }
        file.covered += length;
        if row.offset == 0 || row.offset > self.payload_end {
            return Err(bad("has a file outside of the data"));
        }
        if !file.whole {
            let (offset, inner, weight) = (row.offset, row.inner_offset, length);
            if offset == self.payload_end {
                return Err(bad("has a file outside of the data"));
            }
            let entry = file.entry;
            self.piece(Piece { entry, offset, end: None, inner, length, weight })?;
        }
        Ok(())
    }

    /// Ends the file that chunks were of.
    fn close(&mut self) -> Result<(), Error> {
        match self.file.take() {
            Some(file) if file.covered != file.size => {
                Err(bad("has chunks shorter than their file"))
            }
            _ => Ok(()),
        }
    }
}

impl Row {
    fn attributes(&self) -> Result<Attributes, Error> {
        let mut xattrs = 0;
        if let Some(map) = self.xattrs.as_ref().filter(|map| !map.is_empty()) {
            let mut hasher = XxHash3_64::with_seed(0);
            for (key, value) in map {
                let value = BASE64
                    .decode(value)
                    .map_err(|_| bad("has an extended attribute that is not base64"))?;
                let key = format!("SCHILY.xattr.{key}");
                for part in [key.as_bytes(), &value] {
                    hasher.write(&(part.len() as u64).to_le_bytes());
                    hasher.write(part);
                }
            }
            xattrs = hasher.finish().max(1);
        }
        Ok(Attributes { mode: permissions(self.mode), uid: self.uid, gid: self.gid, xattrs })
    }

    fn seconds(&self) -> Result<i64, Error> {
        self.modtime.as_deref().map_or(Ok(0), seconds)
    }

    fn content_digest(&self) -> Result<Option<[u8; 32]>, Error> {
        if self.digest.is_empty() {
            return Ok((self.size == 0).then(|| Sha256::digest(b"").into()));
        }
        let mut digest = [0; 32];
        let hex = self.digest.strip_prefix("sha256:").unwrap_or_default();
        hex::decode_to_slice(hex, &mut digest).map_err(|_| bad("has a malformed digest"))?;
        Ok(Some(digest))
    }
}

/// The bits of a mode that are permissions; some writers add the file's type.
pub(super) fn permissions(mode: i64) -> u16 {
    u16::try_from(mode & 0o7777).unwrap_or_default()
}

/// Seconds since 1970 of an RFC 3339 time, rounded down; the year 1 stands for none.
pub(super) fn seconds(text: &str) -> Result<i64, Error> {
    if text.is_empty() || text == "0001-01-01T00:00:00Z" {
        return Ok(0);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| bad("has a time that is not RFC 3339"))?;
    Ok(time.as_second() - i64::from(time.subsec_nanosecond() < 0))
}

/// The kind that a row's type names.
pub(super) fn kind(text: &str) -> Result<Kind, Error> {
    Ok(match text {
        "reg" => Kind::File,
        "dir" => Kind::Directory,
        "symlink" => Kind::Symlink,
        "hardlink" => Kind::Hardlink,
        "char" => Kind::Character,
        "block" => Kind::Block,
        "fifo" => Kind::Fifo,
        _ => return Err(bad("has an entry of an unknown type")),
    })
}

/// What is fetched first when not all can be.
/// What is read if anything is left.
const LAST: u8 = 3;

fn rank(name: &str) -> u8 {
    let name = name.trim_start_matches(['.', '/']);
    match name.rsplit('/').next() {
        Some("os-release" | "installed" | "rpmdb.sqlite") => 0,
        _ if name.contains("var/lib/dpkg/status") => 0,
        Some("METADATA") => 1,
        _ => 2,
    }
}

pub(super) fn bad(what: &str) -> Error {
    Error::bad(format!("its table of contents {what}"))
}

/// Reads no more bytes than the ration, which somebody else renews.
struct Rationed<R> {
    inner: R,
    ration: Rc<Cell<usize>>,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.ration.get();
        if left == 0 {
            return Err(io::Error::other(format!("a row is longer than {LONGEST_ROW} bytes")));
        }
        let longest = buffer.len().min(left);
        let length = self.inner.read(&mut buffer[..longest])?;
        self.ration.set(left - length);
        Ok(length)
    }
}

/// The document: an object with a version and rows.
struct Document<'a>(&'a mut Rows);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, decoder: D) -> Result<(), D::Error> {
        decoder.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut entries = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => self.0.version = Some(map.next_value()?),
                "entries" if entries => return Err(A::Error::duplicate_field("entries")),
                "entries" => {
                    entries = true;
                    map.next_value_seed(Entries(self.0))?;
                }
                "tarSplitDigest" => self.0.tar_split = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if entries { Ok(()) } else { Err(A::Error::missing_field("entries")) }
    }
}

struct Entries<'a>(&'a mut Rows);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, decoder: D) -> Result<(), D::Error> {
        decoder.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    /// What containers/storage writes for a layer of nothing.
    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, decoder: D) -> Result<(), D::Error> {
        decoder.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element()? {
            self.0.ration.set(LONGEST_ROW);
            if let Err(failure) = self.0.add(&row) {
                self.0.failure = Some(failure);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
