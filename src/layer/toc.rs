//! A layer's table of contents, whatever it was read from.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    Error, Limits, MAX_COMPONENTS, MAX_PATH, Oddities, OddityKind, PathId, Paths, PathsBuilder,
    normalize,
};

/// What to do about too many bytes of names.
const MORE_NAMES: &str = "allow more: --limit names=SIZE";

/// The list of what is in one layer.
///
/// `Σ entry.compressed + overhead` is the size of the blob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toc {
    /// The paths of entries, of their directories and of the targets of hard links.
    pub paths: Paths,
    /// The entries in the order of the archive.
    pub entries: Vec<Entry>,
    /// Modes and owners, each combination once.
    pub attributes: Vec<Attributes>,
    /// Targets of symbolic links, one after another.
    #[serde(with = "serde_bytes")]
    pub texts: Vec<u8>,
    /// Bytes that sparse files take in the archive, by position in `entries`; their size is the
    /// apparent one.
    pub sparse: Vec<(u32, u64)>,
    /// Sections of ELF files, by position in `entries`.
    pub elf: Vec<(u32, Elf)>,
    /// Contents that were kept, in the order of `entries`.
    pub captures: Vec<Capture>,
    /// Files on the capture list whose contents were not kept because of a ceiling.
    pub captures_dropped: u64,
    /// Length of the tar stream in bytes, where it is known.
    pub tar_size: Option<u64>,
    /// Bytes of the blob that belong to no entry: a table of contents, a footer, bytes after the
    /// archive, or all of a layer without entries.
    pub overhead: u64,
    /// What it was read from.
    pub source: Source,
    /// How the contents of files were hashed.
    pub hashing: Hashing,
    /// What a reader should know.
    pub oddities: Oddities,
}

/// One entry of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is. For a whiteout, the path that it hides; for an opaque marker, the directory.
    pub path: PathId,
    /// What it is.
    pub kind: Kind,
    /// Content bytes; apparent ones of a sparse file; 0 for what has no content.
    pub size: u64,
    /// Bytes of the blob that it costs, headers and padding included.
    pub compressed: u64,
    /// Modification time in seconds since 1970.
    pub mtime: i64,
    /// Position in [`Toc::attributes`].
    pub attributes: u32,
    /// The target of a link.
    pub link: Option<Link>,
    /// Hash of the content of a regular file, where it is known.
    pub hash: Option<ContentHash>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file.
    Hardlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// Hides a path of lower layers.
    Whiteout,
    /// Hides what lower layers have in a directory.
    Opaque,
    /// A name that layers reserve (`.wh..wh.…`, a bare `.wh.`); shown by nothing.
    Reserved,
}

/// The target of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// The path that a hard link is another name of.
    Hard(PathId),
    /// The text of a symbolic link.
    Symbolic(TextId),
}

/// A text of [`Toc::texts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextId {
    start: u32,
    length: u32,
}

/// Mode, owner and the like, which many entries share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attributes {
    /// Permission bits with set-id and sticky bits.
    pub mode: u16,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// A hash of the extended attributes; 0 for none.
    pub xattrs: u64,
}

/// 128 bits of a hash of a file's content; equal ones mean equal contents among files of the same
/// [`Hashing`] and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentHash(pub [u8; 16]);

/// How contents were hashed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Hashing {
    /// XXH3, 128 bits, in the big-endian form.
    #[default]
    Xxh3,
    /// The first 128 bits of SHA-256, as tables of contents give it.
    Sha256,
}

/// What a table of contents was read from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Source {
    /// The whole layer.
    #[default]
    Stream,
    /// The table in an eStargz layer.
    EStargz,
    /// The table in a zstd:chunked layer.
    ZstdChunked,
    /// A SOCI ztoc.
    Soci,
}

/// What was kept of a file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Position in [`Toc::entries`].
    pub entry: u32,
    /// The first bytes; all of them if `tail` is empty and the length is the file's size.
    #[serde(with = "serde_bytes")]
    pub head: Vec<u8>,
    /// The last bytes, if some are missing in between.
    #[serde(with = "serde_bytes")]
    pub tail: Vec<u8>,
}

/// What the headers of an ELF file say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elf {
    /// `e_machine`.
    pub machine: u16,
    /// `e_type`.
    pub kind: u16,
    /// Whether it is of the 64-bit class.
    pub wide: bool,
    /// The sections, as far as their table could be read.
    pub sections: Vec<ElfSection>,
}

/// A section of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElfSection {
    /// Its name; empty where it was out of reach.
    #[serde(with = "serde_bytes")]
    pub name: Vec<u8>,
    /// Bytes that it takes in the file.
    pub size: u64,
    /// Whether a program needs it in memory (`SHF_ALLOC`).
    pub loaded: bool,
}

impl Toc {
    /// The attributes of an entry.
    pub fn attributes(&self, entry: &Entry) -> Attributes {
        self.attributes.get(entry.attributes as usize).copied().unwrap_or_default()
    }

    /// The bytes of a text.
    pub fn text(&self, id: TextId) -> &[u8] {
        let start = id.start as usize;
        self.texts.get(start..start + id.length as usize).unwrap_or_default()
    }

    /// Content bytes of all entries.
    pub fn content(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// Bytes of the blob that it lists.
    pub fn blob_size(&self) -> u64 {
        self.entries.iter().fold(self.overhead, |sum, entry| sum.saturating_add(entry.compressed))
    }

    /// Whether what refers to one another fits together, as what came from a disk must.
    pub fn is_sound(&self) -> bool {
        let path = |path: PathId| path.index() < self.paths.len();
        let entry = |at: u32| (at as usize) < self.entries.len();
        let link = |link: Option<Link>| match link {
            Some(Link::Hard(target)) => path(target),
            Some(Link::Symbolic(text)) => {
                (text.start as usize).saturating_add(text.length as usize) <= self.texts.len()
            }
            None => true,
        };
        self.paths.is_sound()
            && self.entries.iter().all(|entry| {
                path(entry.path)
                    && (entry.attributes as usize) < self.attributes.len()
                    && link(entry.link)
            })
            && self.sparse.iter().all(|(at, _)| entry(*at))
            && self.elf.iter().all(|(at, _)| entry(*at))
            && self.captures.iter().all(|capture| entry(capture.entry))
            && self.oddities.kept.iter().all(|oddity| oddity.path.is_none_or(path))
    }
}

impl Source {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::EStargz => "estargz",
            Self::ZstdChunked => "zstd-chunked",
            Self::Soci => "soci",
        }
    }
}

impl Kind {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Hardlink => "hardlink",
            Self::Character => "character",
            Self::Block => "block",
            Self::Fifo => "fifo",
            Self::Whiteout => "whiteout",
            Self::Opaque => "opaque",
            Self::Reserved => "reserved",
        }
    }

    /// Whether it says something about other entries and is shown by nothing.
    pub fn is_marker(self) -> bool {
        matches!(self, Self::Whiteout | Self::Opaque | Self::Reserved)
    }
}

/// Collects entries into a [`Toc`], normalising their names and recognising markers.
///
/// The ceilings of [`Limits`] hold; what is ambiguous about a name is flagged.
#[derive(Debug)]
pub struct TocBuilder {
    toc: Toc,
    paths: PathsBuilder,
    attributes: HashMap<Attributes, u32>,
    limits: Limits,
}

const MARKER: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

impl TocBuilder {
    /// Starts an empty one.
    pub fn new(source: Source, hashing: Hashing, limits: Limits) -> Self {
        let toc = Toc { source, hashing, ..Toc::default() };
        Self { toc, paths: PathsBuilder::default(), attributes: HashMap::new(), limits }
    }

    /// Adds an entry by its name as the archive has it; `kind` is that of the archive, and the
    /// names that mark whiteouts make it one of theirs. Gives its position.
    pub fn add(
        &mut self,
        name: &[u8],
        kind: Kind,
        size: u64,
        mtime: i64,
        attributes: Attributes,
    ) -> Result<u32, Error> {
        if self.toc.entries.len() >= self.limits.entries {
            let text = format!("it has more than {} entries", self.limits.entries);
            return Err(Error::ceiling(text, Some("allow more: --limit entries=NUMBER")));
        }
        let (path, kind) = self.place(name, kind, size)?;
        let attributes = self.intern(attributes);
        let at = self.toc.entries.len();
        self.toc.entries.push(Entry {
            path,
            kind,
            size,
            compressed: 0,
            mtime,
            attributes,
            link: None,
            hash: None,
        });
        u32::try_from(at).map_err(|_| Error::ceiling("it has more than 2^32 entries", None))
    }

    /// The entry at a position.
    pub fn entry(&mut self, at: u32) -> &mut Entry {
        &mut self.toc.entries[at as usize]
    }

    /// Names the target of a hard link.
    pub fn link_hard(&mut self, at: u32, target: &[u8]) -> Result<(), Error> {
        let target = self.path(target)?;
        self.entry(at).link = Some(Link::Hard(target));
        Ok(())
    }

    /// Keeps the target of a symbolic link as it is written.
    pub fn link_symbolic(&mut self, at: u32, target: &[u8]) -> Result<(), Error> {
        if target.len() > MAX_PATH {
            return Err(too_long(target.len()));
        }
        let full = || {
            let limit = self.limits.names;
            let text = format!("the targets of its links are longer than {limit} bytes");
            Error::ceiling(text, Some(MORE_NAMES))
        };
        let start = u32::try_from(self.toc.texts.len()).map_err(|_| full())?;
        if self.toc.texts.len() + target.len() > self.limits.names {
            return Err(full());
        }
        // Bounded by `MAX_PATH`.
        let length = u32::try_from(target.len()).unwrap_or(u32::MAX);
        self.toc.texts.extend_from_slice(target);
        self.entry(at).link = Some(Link::Symbolic(TextId { start, length }));
        Ok(())
    }

    /// Flags something about an entry, or about the layer.
    pub fn flag(&mut self, kind: OddityKind, entry: Option<u32>) {
        let path = entry.map(|at| self.toc.entries[at as usize].path);
        self.toc.oddities.add(kind, path);
    }

    /// What was collected, except for the paths.
    pub fn toc(&mut self) -> &mut Toc {
        &mut self.toc
    }

    /// The finished table; `blob` is the size of the layer's blob, of which the entries' parts
    /// are taken to be a part.
    pub fn finish(mut self, blob: u64) -> Toc {
        let used = self.toc.entries.iter().fold(0, |sum: u64, entry| sum + entry.compressed);
        self.toc.overhead = blob.saturating_sub(used);
        self.toc.paths = self.paths.finish();
        self.toc
    }

    fn place(&mut self, name: &[u8], kind: Kind, size: u64) -> Result<(PathId, Kind), Error> {
        let normalized = normalize(name).ok_or_else(|| too_long(name.len()))?;
        let (parent, last) = match normalized.components.split_last() {
            Some((last, parents)) => (parents, *last),
            None => (&[][..], &b""[..]),
        };
        let marker = if kind == Kind::Directory { None } else { last.strip_prefix(MARKER) };
        let (kind, hidden) = match marker {
            None => (kind, last),
            Some(_) if last == OPAQUE => (Kind::Opaque, &b""[..]),
            Some(b"" | b"." | b"..") => (Kind::Reserved, last),
            Some(hidden) if hidden.starts_with(MARKER) => (Kind::Reserved, last),
            Some(hidden) => (Kind::Whiteout, hidden),
        };
        let directory = self.walk(PathId::ROOT, parent)?;
        let path = if hidden.is_empty() { directory } else { self.walk(directory, &[hidden])? };
        let mut flag = |kind| self.toc.oddities.add(kind, Some(path));
        if normalized.escapes {
            flag(OddityKind::EscapingPath);
        } else if normalized.dots {
            flag(OddityKind::DottedPath);
        }
        if kind == Kind::Directory && last.starts_with(MARKER) {
            flag(OddityKind::MarkerDirectory);
        }
        if matches!(marker, Some(b"" | b"." | b"..")) {
            flag(OddityKind::NamelessWhiteout);
        }
        if kind.is_marker() && size > 0 {
            flag(OddityKind::MarkerWithContent);
        }
        Ok((path, kind))
    }

    fn path(&mut self, name: &[u8]) -> Result<PathId, Error> {
        let normalized = normalize(name).ok_or_else(|| too_long(name.len()))?;
        self.walk(PathId::ROOT, &normalized.components)
    }

    fn walk(&mut self, from: PathId, components: &[&[u8]]) -> Result<PathId, Error> {
        let mut at = from;
        for component in components {
            let limit = self.limits.names;
            let path = self.paths.child(at, component);
            at = path.filter(|_| self.paths.names_len() <= limit).ok_or_else(|| {
                let text = format!("the names in it are longer than {limit} bytes");
                Error::ceiling(text, Some(MORE_NAMES))
            })?;
        }
        Ok(at)
    }

    fn intern(&mut self, attributes: Attributes) -> u32 {
        let known = &mut self.toc.attributes;
        *self.attributes.entry(attributes).or_insert_with(|| {
            known.push(attributes);
            // There are no more combinations than entries.
            u32::try_from(known.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

fn too_long(length: usize) -> Error {
    let text = format!(
        "a name in it is {length} bytes long or too deep; the ceilings are {MAX_PATH} bytes and {MAX_COMPONENTS} components"
    );
    Error::ceiling(text, None)
}
