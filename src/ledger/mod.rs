//! The stored files of an image one by one: where each counts, what hides it, and its contents
//! where they were kept.
//!
//! A view of the merged [`Filesystem`] for questions about many files at once. The visible tree is
//! numbered in depth-first order, so that what is in a directory is one slice. Takes time and
//! memory linear in entries and paths, after the sorting of names.

mod documents;
mod lookup;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashMap;
use std::ops::Range;

use crate::filesystem::{Amount, Filesystem, Hidden, NodeId};
use crate::layer::{Attributes, ContentHash, Elf, Entry, Hashing, Kind, Link};

pub use documents::{Document, Documents};
use tree::Tree;

/// A stored file of one layer, by its position in [`Ledger::atoms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtomId(u32);

/// A stored file: content that one layer holds once, under one name or several.
///
/// What has no content (directories, links) is none; its bytes of blobs are
/// [`Ledger::structure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Atom {
    /// The layer that stores it.
    pub layer: usize,
    /// Its entry's position in the layer's table of contents.
    pub entry: usize,
    /// Where it counts: its own path, or that of the link which keeps it visible.
    pub node: NodeId,
    /// Content bytes.
    pub bytes: u64,
    /// Bytes of the blob that it costs.
    pub compressed: u64,
    /// What hides it; `None` while it is visible.
    pub hidden: Option<Hidden>,
}

/// The stored files of an image.
pub struct Ledger {
    filesystem: Filesystem,
    atoms: Vec<Atom>,
    /// By visible node, the file that it is a name of.
    named: Vec<Option<AtomId>>,
    /// The visible ones in the order of the tree, and their positions in it.
    live: Vec<AtomId>,
    live_at: Vec<u32>,
    /// Their content bytes up to each of them.
    live_bytes: Vec<u64>,
    /// Visible names beside the one where a file counts.
    links: HashMap<AtomId, Vec<NodeId>>,
    /// Of visible files, the names in the same layer that later ones hide.
    hidden_names: HashMap<AtomId, Vec<NodeId>>,
    tree: Tree,
    structure: Amount,
}

impl AtomId {
    /// Position among the atoms, for tables beside them.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Atom {
    /// Whether the merged filesystem shows it.
    pub fn is_live(&self) -> bool {
        self.hidden.is_none()
    }

    /// What it costs.
    pub fn amount(&self) -> Amount {
        Amount { files: 1, bytes: self.bytes, compressed: self.compressed }
    }
}

impl Ledger {
    /// Takes stock of a merged filesystem.
    pub fn new(filesystem: Filesystem) -> Self {
        let (mut atoms, by_entry, structure) = stored(&filesystem);
        let tree = Tree::new(&filesystem);
        let mut named = vec![None; filesystem.ids().count()];
        let mut links: HashMap<AtomId, Vec<NodeId>> = HashMap::new();
        let mut live = Vec::new();
        let mut live_at = Vec::new();
        for (position, node) in (0..).zip(tree.order()) {
            let shown = filesystem.node(*node);
            let Some(atom) = shown.file.and_then(|(layer, entry)| by_entry.get(layer)?[entry])
            else {
                continue;
            };
            named[node.index()] = Some(atom);
            if shown.counted {
                atoms[atom.index()].node = *node;
                live.push(atom);
                live_at.push(position);
            } else {
                links.entry(atom).or_default().push(*node);
            }
        }
        let live_bytes = sums(live.iter().map(|id| atoms[id.index()].bytes));
        let mut hidden_names: HashMap<AtomId, Vec<NodeId>> = HashMap::new();
        for ((layer, entry), name) in filesystem.hidden_names() {
            if let Some(atom) = by_entry.get(layer).and_then(|ids| *ids.get(entry)?) {
                hidden_names.entry(atom).or_default().push(name);
            }
        }
        Self {
            filesystem,
            atoms,
            named,
            live,
            live_at,
            live_bytes,
            links,
            hidden_names,
            tree,
            structure,
        }
    }

    /// The merged filesystem.
    pub fn filesystem(&self) -> &Filesystem {
        &self.filesystem
    }

    /// All stored files, by layer and in the order of its archive.
    pub fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// One of them.
    pub fn atom(&self, id: AtomId) -> &Atom {
        &self.atoms[id.index()]
    }

    /// The ids of all.
    pub fn ids(&self) -> impl Iterator<Item = AtomId> + use<> {
        // No image has more than 2³² entries.
        (0..u32::try_from(self.atoms.len()).unwrap_or(u32::MAX)).map(AtomId)
    }

    /// Those that the merged filesystem shows, directory by directory.
    pub fn live(&self) -> &[AtomId] {
        &self.live
    }

    /// Those that it does not show, by layer.
    pub fn dead(&self) -> impl Iterator<Item = AtomId> {
        self.ids().filter(|id| !self.atom(*id).is_live())
    }

    /// The visible files that count at a node or below it.
    pub fn inside(&self, node: NodeId) -> &[AtomId] {
        &self.live[self.span(node)]
    }

    /// The positions of [`Self::inside`] in [`Self::live`].
    pub fn span(&self, node: NodeId) -> Range<usize> {
        self.tree.range(node).map_or(0..0, |range| self.live_between(range))
    }

    fn live_between(&self, (start, end): tree::Range) -> Range<usize> {
        let at = |position| self.live_at.partition_point(|live| *live < position);
        at(start)..at(end)
    }

    /// Content bytes of the visible files that count at a node or below it.
    pub fn bytes(&self, node: NodeId) -> u64 {
        let Range { start, end } = self.span(node);
        self.live_bytes[end].saturating_sub(self.live_bytes[start])
    }

    /// The positions of a visible node and of what is in it in [`Self::tree`].
    pub fn extent(&self, node: NodeId) -> Option<Range<u32>> {
        self.tree.range(node).map(|(start, end)| start..end)
    }

    /// The file that a visible node is a name of.
    pub fn atom_at(&self, node: NodeId) -> Option<AtomId> {
        self.named[node.index()]
    }

    /// The visible names of a file, first the one where it counts; of a hidden one, its own.
    pub fn names(&self, id: AtomId) -> impl Iterator<Item = NodeId> {
        let links = self.links.get(&id).into_iter().flatten().copied();
        std::iter::once(self.atom(id).node).chain(links)
    }

    /// The visible files all of whose names are at or below some of `roots`: what goes if these
    /// are deleted in the steps that made them. The names count that a file's own step gave it,
    /// whether a later one hides them or not. Each once, directory by directory.
    pub fn select(&self, roots: &[NodeId]) -> Vec<AtomId> {
        let ranges = self.tree.union(roots);
        let inside = |node: NodeId| self.tree.is_covered(node, &ranges);
        let mut selected = Vec::new();
        for range in &ranges {
            let atoms = &self.live[self.live_between(*range)];
            let goes = |id: &&AtomId| self.names(**id).chain(self.gone_from(**id)).all(inside);
            selected.extend(atoms.iter().filter(goes));
        }
        selected
    }

    /// The visible directories below which later layers hide names that a file's own layer gave it.
    fn gone_from(&self, id: AtomId) -> impl Iterator<Item = NodeId> {
        let names = self.hidden_names.get(&id).into_iter().flatten().copied();
        names.map(|mut name| {
            while name != NodeId::ROOT && !self.filesystem.is_visible(name) {
                name = self.filesystem.parent(name);
            }
            name
        })
    }

    /// Whether a visible node is another or is in it.
    pub fn is_inside(&self, node: NodeId, directory: NodeId) -> bool {
        let range = self.tree.range(directory);
        range.is_some_and(|range| self.tree.is_covered(node, &[range]))
    }

    /// The visible nodes, directories before what is in them and that by name.
    pub fn tree(&self) -> &[NodeId] {
        self.tree.order()
    }

    /// A visible node and the visible ones below it, in the order of [`Self::tree`].
    pub fn below(&self, node: NodeId) -> &[NodeId] {
        let Some((start, end)) = self.tree.range(node) else { return &[] };
        self.tree.order().get(start as usize..end as usize).unwrap_or_default()
    }

    /// Calls `visit` for each visible node below another with the components of its path from
    /// there, directories before what is in them, and whether it is a directory.
    pub fn for_each_below(&self, root: NodeId, mut visit: impl FnMut(NodeId, &[&[u8]], bool)) {
        let mut open: Vec<NodeId> = Vec::new();
        let mut components: Vec<&[u8]> = Vec::new();
        for node in self.below(root).iter().skip(1) {
            let parent = self.filesystem.parent(*node);
            while open.last().is_some_and(|last| *last != parent) {
                open.pop();
                components.pop();
            }
            open.push(*node);
            components.push(self.filesystem.name(*node));
            visit(*node, &components, self.filesystem.node(*node).kind == Kind::Directory);
        }
    }

    /// The node at a path, visible or not, given without a slash at the start.
    ///
    /// Where the image has `bin`, `sbin` or a `lib…` as a link into `usr`, a path below it is
    /// found below `usr`.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        lookup::find(&self.filesystem, path)
    }

    /// Whether there is a file with bytes of its own at a node.
    pub fn has_bytes(&self, node: NodeId) -> bool {
        self.atom_at(node).is_some_and(|atom| self.atom(atom).bytes > 0)
    }

    /// Whether a directory has something in it, visible or not.
    pub fn has_children(&self, node: NodeId) -> bool {
        !self.filesystem.children(node).is_empty()
    }

    /// What a path leads to, visible or not, by all symbolic links on the way and at its end.
    pub fn follow(&self, path: &[u8]) -> Option<NodeId> {
        lookup::follow(self, path)
    }

    /// The child of a node, visible or not.
    pub fn child(&self, node: NodeId, name: &[u8]) -> Option<NodeId> {
        self.filesystem.child(node, name)
    }

    /// The path of a file where it counts.
    pub fn path(&self, id: AtomId) -> Vec<u8> {
        self.filesystem.path(self.atom(id).node)
    }

    /// The last component of that.
    pub fn name(&self, id: AtomId) -> &[u8] {
        self.filesystem.name(self.atom(id).node)
    }

    /// The entry of a file.
    pub fn entry(&self, id: AtomId) -> Option<&Entry> {
        let atom = self.atom(id);
        self.filesystem.toc(atom.layer)?.entries.get(atom.entry)
    }

    /// Mode and owner of a file.
    pub fn attributes(&self, id: AtomId) -> Attributes {
        let toc = self.filesystem.toc(self.atom(id).layer);
        let found = toc.zip(self.entry(id)).map(|(toc, entry)| toc.attributes(entry));
        found.unwrap_or_default()
    }

    /// What two files that are the same have in common: how they were hashed, size and hash.
    /// `None` where the hash is not known.
    pub fn identity(&self, id: AtomId) -> Option<(Hashing, u64, ContentHash)> {
        let toc = self.filesystem.toc(self.atom(id).layer)?;
        let entry = self.entry(id)?;
        Some((toc.hashing, entry.size, entry.hash?))
    }

    /// The sections of an ELF file.
    pub fn elf(&self, id: AtomId) -> Option<&Elf> {
        let atom = self.atom(id);
        let elf = &self.filesystem.toc(atom.layer)?.elf;
        let at = elf.binary_search_by_key(&atom.entry, |(entry, _)| *entry as usize).ok()?;
        Some(&elf[at].1)
    }

    /// Where a symbolic link leads, as it is written.
    pub fn target(&self, node: NodeId) -> Option<&[u8]> {
        let shown = self.filesystem.node(node);
        let toc = self.filesystem.toc(shown.layer?)?;
        match toc.entries.get(shown.entry?)?.link? {
            Link::Symbolic(text) => Some(toc.text(text)),
            Link::Hard(_) => None,
        }
    }

    /// What the files together cost.
    pub fn sum(&self, ids: impl IntoIterator<Item = AtomId>) -> Amount {
        let mut sum = Amount::default();
        ids.into_iter().for_each(|id| sum += self.atom(id).amount());
        sum
    }

    /// What directories, links and markers cost: no content, but bytes of blobs.
    pub fn structure(&self) -> Amount {
        self.structure
    }
}

/// The sums up to each number, from nothing on.
fn sums(numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut sums = vec![0_u64];
    for number in numbers {
        sums.push(sums.last().copied().unwrap_or_default().saturating_add(number));
    }
    sums
}

/// The stored files, their ids by layer and entry, and the sum of all else.
fn stored(filesystem: &Filesystem) -> (Vec<Atom>, Vec<Vec<Option<AtomId>>>, Amount) {
    let mut atoms = Vec::new();
    let mut by_entry = Vec::new();
    let mut structure = Amount::default();
    for layer in 0..filesystem.layers() {
        let entries = filesystem.toc(layer).map_or(&[][..], |toc| &toc.entries);
        let mut ids = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if entry.kind != Kind::File && entry.size == 0 {
                structure += Amount::of(entry);
                ids.push(None);
                continue;
            }
            ids.push(u32::try_from(atoms.len()).ok().map(AtomId));
            atoms.push(Atom {
                layer,
                entry: at,
                node: filesystem.place(layer, entry),
                bytes: entry.size,
                compressed: entry.compressed,
                hidden: filesystem.hidden(layer, at),
            });
        }
        by_entry.push(ids);
    }
    (atoms, by_entry, structure)
}
