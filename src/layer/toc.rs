//! A layer's table of contents, whatever it was read from.

use serde::{Deserialize, Serialize};

use super::{Error, Hold, Memory, Oddities, PathId, Paths, Trials};

/// Bytes that an entry is reckoned with: here, and in the tables of a merge and of a listing.
pub(super) const ENTRY_COST: usize = size_of::<Entry>() + 48;
/// The same of a path without its name, which is here and in the merge.
pub(super) const PATH_COST: usize = 112;
/// Attributes here, and while they are looked up.
pub(super) const ATTRIBUTES_COST: usize = 3 * size_of::<Attributes>();

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
    /// Files on the capture list whose contents were not kept, or not looked at to their ends: because
    /// of a ceiling, or because the name that is on the list is a hard link.
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
    /// What parts of it take compressed anew; none where it was not read whole.
    pub trials: Trials,
    /// What it takes of a run's memory.
    #[serde(skip)]
    pub(crate) held: Hold,
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
    pub(super) start: u32,
    pub(super) length: u32,
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

    /// Counts it as part of a run's memory.
    pub fn count(&mut self, memory: &Memory) -> Result<(), Error> {
        let mut held = memory.hold();
        held.add(self.cost())?;
        self.held = held;
        Ok(())
    }

    /// Forgets the contents that were kept.
    pub fn drop_captures(&mut self) {
        let captures = std::mem::take(&mut self.captures);
        self.held.give_back(captures.iter().map(Capture::cost).sum());
    }

    /// Bytes of memory that it is reckoned with.
    fn cost(&self) -> usize {
        let paths = (self.paths.len() - 1) * PATH_COST + 2 * self.paths.names_len();
        let entries = self.entries.len() * ENTRY_COST + self.attributes.len() * ATTRIBUTES_COST;
        let elf: usize = self.elf.iter().map(|(_, elf)| elf.cost()).sum();
        let captures: usize = self.captures.iter().map(Capture::cost).sum();
        paths + entries + self.texts.len() + elf + captures + self.trials.cost()
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

impl Capture {
    /// Bytes of memory that so many bytes of content take.
    pub(super) fn cost_of(content: usize) -> usize {
        size_of::<Self>() + content
    }

    fn cost(&self) -> usize {
        Self::cost_of(self.head.len() + self.tail.len())
    }
}

impl Elf {
    /// Bytes of memory that it takes.
    pub(super) fn cost(&self) -> usize {
        let sections = self.sections.iter();
        let sections = sections.map(|section| size_of::<ElfSection>() + section.name.len());
        size_of::<(u32, Self)>() + sections.sum::<usize>()
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
