//! A [`Toc`] as it is made, entry by entry.

use std::collections::HashMap;

use super::toc::{ATTRIBUTES_COST, ENTRY_COST, PATH_COST};
use super::{
    Attributes, Entry, Error, Hashing, Kind, Limits, Link, MAX_COMPONENTS, MAX_PATH, Memory,
    OddityKind, PathId, PathsBuilder, Source, TextId, Toc, normalize,
};

/// What to do about too many bytes of names.
const MORE_NAMES: &str = "allow more: --limit names=SIZE";

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

    /// Counts what is collected as part of a run's memory.
    #[must_use]
    pub fn within(mut self, memory: &Memory) -> Self {
        self.toc.held = memory.hold();
        self
    }

    /// Counts so many bytes more, of what is put into [`Self::toc`].
    pub fn charge(&mut self, bytes: usize) -> Result<(), Error> {
        self.toc.held.add(bytes)
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
        self.charge(ENTRY_COST)?;
        let (path, kind) = self.place(name, kind, size)?;
        let attributes = self.intern(attributes)?;
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
        self.charge(target.len())?;
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
            let known = self.paths.paths().len();
            let path = self.paths.child(at, component);
            if self.paths.paths().len() > known {
                self.charge(PATH_COST + 2 * component.len())?;
            }
            at = path.filter(|_| self.paths.names_len() <= limit).ok_or_else(|| {
                let text = format!("the names in it are longer than {limit} bytes");
                Error::ceiling(text, Some(MORE_NAMES))
            })?;
        }
        Ok(at)
    }

    fn intern(&mut self, attributes: Attributes) -> Result<u32, Error> {
        if let Some(known) = self.attributes.get(&attributes) {
            return Ok(*known);
        }
        self.charge(ATTRIBUTES_COST)?;
        // There are no more combinations than entries.
        let at = u32::try_from(self.toc.attributes.len()).unwrap_or(u32::MAX);
        self.toc.attributes.push(attributes);
        self.attributes.insert(attributes, at);
        Ok(at)
    }
}

fn too_long(length: usize) -> Error {
    let text = format!(
        "a name in it is {length} bytes long or too deep; the ceilings are {MAX_PATH} bytes and {MAX_COMPONENTS} components"
    );
    Error::ceiling(text, None)
}
