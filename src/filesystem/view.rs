//! The merged filesystem as it is asked.

use std::collections::HashMap;
use std::sync::Arc;

use super::merge::{self, Mark, Merger, NONE, Odd, Place, Stack};
use super::{Amount, Hidden};
use crate::layer::{Entry, Kind, OddityKind, PathId, PathIndex, Paths, Toc};

/// The merged filesystem of an image's layers.
///
/// Beside the tables of contents it takes about 45 bytes for each path and entry, and the names.
pub struct Filesystem {
    stack: Stack,
    paths: Paths,
    index: PathIndex,
    places: Vec<Place>,
    live: Vec<bool>,
    /// By entry: how its bytes were hidden; for a file, those of the last of its names.
    marks: Vec<Mark>,
    replaced: HashMap<u32, u32>,
    links: Vec<(u32, u32)>,
    /// The names that carry the bytes of files whose own names are hidden.
    carriers: HashMap<u32, u32>,
    odd: Vec<Odd>,
    odd_dropped: u64,
    /// By layer.
    visible: Vec<Amount>,
    shadowed: Vec<Amount>,
}

/// A path of any layer, visible or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(PathId);

/// What is at a visible path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The layer that wrote it; `None` for a directory that no layer lists.
    pub layer: Option<usize>,
    /// Its entry's position in the layer's table of contents.
    pub entry: Option<usize>,
    /// What it is. A visible hard link is one, whether or not it carries the bytes.
    pub kind: Kind,
    /// The file that it is a name of, by layer and entry. `None` for what is not a file and for a
    /// hard link to nothing.
    pub file: Option<(usize, usize)>,
    /// Whether the file's bytes count at this name: at the file's own one if it is visible, else
    /// at the first in byte order that is.
    pub counted: bool,
}

impl NodeId {
    /// The root.
    pub const ROOT: Self = Self(PathId::ROOT);

    /// Position among all ids, for tables beside them.
    pub fn index(self) -> usize {
        self.0.index()
    }
}

impl Filesystem {
    /// Merges layers, base first; `None` for those that were not read.
    ///
    /// Takes time linear in entries and paths. A layer with which there would be more than 2³²
    /// entries or 4 GiB of distinct names is left out: [`Self::toc`] is `None` for it.
    pub fn merge(layers: Vec<Option<Arc<Toc>>>) -> Self {
        let Merger {
            stack,
            paths,
            index,
            places,
            live,
            marks,
            replaced,
            links,
            odd,
            odd_dropped,
            ..
        } = merge::merge(layers);
        let layers = stack.tocs.len();
        let mut filesystem = Self {
            stack,
            paths,
            index,
            places,
            live,
            marks,
            replaced,
            links,
            carriers: HashMap::new(),
            odd,
            odd_dropped,
            visible: vec![Amount::default(); layers],
            shadowed: vec![Amount::default(); layers],
        };
        filesystem.settle_links();
        filesystem.sum();
        filesystem
    }

    /// Finds for each file whose own name is hidden where its bytes count, or what hid its last
    /// name.
    fn settle_links(&mut self) {
        let mut links: Vec<_> = self.links.iter().map(|(link, file)| (*file, *link)).collect();
        links.sort_unstable();
        for names in links.chunk_by(|a, b| a.0 == b.0) {
            let file = names[0].0;
            if !self.marks[file as usize].is_set() {
                continue;
            }
            let names = names.iter().map(|(_, link)| *link);
            let visible = names.clone().filter(|link| !self.marks[*link as usize].is_set());
            let first = visible.min_by_key(|link| self.paths.join(self.stack.path(*link)));
            let mut mark = self.marks[file as usize];
            if let Some(first) = first {
                self.carriers.insert(file, first);
                mark = Mark::default();
            } else {
                for other in names.map(|link| self.marks[link as usize]) {
                    if other.layer() > mark.layer() {
                        mark = other;
                    }
                }
            }
            self.marks[file as usize] = mark;
        }
    }

    fn sum(&mut self) {
        for (layer, toc) in self.stack.tocs.iter().enumerate() {
            let marks = &self.marks[self.stack.starts[layer] as usize..];
            for (entry, mark) in toc.entries.iter().zip(marks) {
                let sums = if mark.is_set() { &mut self.shadowed } else { &mut self.visible };
                sums[layer] += Amount::of(entry);
            }
        }
    }

    /// How many layers there are, those that were not read included.
    pub fn layers(&self) -> usize {
        self.stack.tocs.len()
    }

    /// A layer's table of contents; `None` if it was not read.
    pub fn toc(&self, layer: usize) -> Option<&Toc> {
        let read = *self.stack.read.get(layer)?;
        read.then(|| &*self.stack.tocs[layer])
    }

    /// The root.
    pub fn root(&self) -> NodeId {
        NodeId::ROOT
    }

    /// The visible node at a path in the form of [`crate::layer::normalize`], joined by slashes.
    pub fn find(&self, path: &[u8]) -> Option<NodeId> {
        let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        names.try_fold(NodeId::ROOT, |at, name| {
            self.visit(at).find(|child| self.name(*child) == name)
        })
    }

    /// The path of a name in a directory, if any layer has it, visible or not.
    pub fn child(&self, node: NodeId, name: &[u8]) -> Option<NodeId> {
        self.index.find(&self.paths, node.0, name).map(NodeId)
    }

    /// What is visible in a directory, by the bytes of its names.
    pub fn children(&self, node: NodeId) -> Vec<NodeId> {
        let mut children: Vec<_> = self.visit(node).collect();
        children.sort_unstable_by_key(|child| self.name(*child));
        children
    }

    /// What is visible in a directory, in no order.
    fn visit(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let some = |path: PathId| (path != PathId::ROOT).then_some(NodeId(path));
        let first = some(self.places[node.index()].first).filter(|_| self.is_visible(node));
        std::iter::successors(first, move |child| some(self.places[child.index()].next))
    }

    /// What is at a visible path. For a path that is not, what was stored there last.
    pub fn node(&self, node: NodeId) -> Node {
        let number = self.places[node.index()].entry;
        if number == NONE {
            let kind = Kind::Directory;
            return Node { layer: None, entry: None, kind, file: None, counted: false };
        }
        let kind = self.stack.entry(number).1.kind;
        let file = self.file(number);
        let carrier = file.map(|file| self.carriers.get(&file).copied().unwrap_or(file));
        let (layer, entry) = self.position(number);
        Node {
            layer: Some(layer),
            entry: Some(entry),
            kind,
            file: file.map(|file| self.position(file)),
            counted: self.is_visible(node) && carrier == Some(number),
        }
    }

    /// What a visible path costs by itself. The sum over all of them is [`Self::visible`].
    ///
    /// A directory's entries in lower layers, which change its attributes only, count with it.
    pub fn amount(&self, node: NodeId) -> Amount {
        let mut amount = Amount::default();
        let first = self.places[node.index()].entry;
        if first == NONE || !self.is_visible(node) {
            return amount;
        }
        let (carrier, kind) = (self.node(node).counted, self.stack.entry(first).1.kind);
        let mut at = Some(first).filter(|_| carrier || kind != Kind::File);
        while let Some(number) = at {
            amount += Amount::of(self.stack.entry(number).1);
            at = self.replaced.get(&number).copied();
        }
        if let Some(file) = self.file(first).filter(|file| carrier && *file != first) {
            amount += Amount::of(self.stack.entry(file).1);
        }
        amount
    }

    /// The last component of a path; empty for the root.
    pub fn name(&self, node: NodeId) -> &[u8] {
        self.paths.name(node.0)
    }

    /// The path from the root, without a slash at the start.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        self.paths.join(node.0)
    }

    /// The directory of a path; the root's is the root.
    pub fn parent(&self, node: NodeId) -> NodeId {
        NodeId(self.paths.parent(node.0))
    }

    /// Whether a path is visible.
    pub fn is_visible(&self, node: NodeId) -> bool {
        self.live[node.index()]
    }

    /// All paths of all layers, directories before what is in them.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        self.paths.ids().map(NodeId)
    }

    /// Adds to each directory's value those of what is in it, at any depth; `values` is a table by
    /// [`NodeId::index`].
    pub fn add_up<T: Copy>(&self, values: &mut [T], mut add: impl FnMut(&mut T, T)) {
        let ids: Vec<NodeId> = self.ids().skip(1).collect();
        for id in ids.into_iter().rev() {
            let value = values[id.index()];
            add(&mut values[self.parent(id).index()], value);
        }
    }

    /// The path of an entry of a layer that was read.
    pub fn place(&self, layer: usize, entry: &Entry) -> NodeId {
        self.place_of(layer, entry.path)
    }

    /// A path of a layer that was read.
    pub fn place_of(&self, layer: usize, path: PathId) -> NodeId {
        NodeId(self.stack.maps[layer][path.index()])
    }

    /// The names of visible files that layers above the one with the file hide, each with the file
    /// by layer and entry, in no order. Names that another layer gave are left out.
    pub fn hidden_names(&self) -> impl Iterator<Item = ((usize, usize), NodeId)> {
        let is_later = |(link, file): &&(u32, u32)| {
            let layer = self.stack.layer(*file);
            let hidden = self.marks[*link as usize].hidden();
            self.stack.layer(*link) == layer && hidden.is_some_and(|hidden| hidden.layer > layer)
        };
        let links = self.links.iter().filter(is_later).map(|(link, file)| (*file, *link));
        let own = self.carriers.keys().map(|file| (*file, *file));
        let shown = |(file, _): &(u32, u32)| !self.marks[*file as usize].is_set();
        let names = links.chain(own).filter(shown);
        names.map(|(file, name)| (self.position(file), NodeId(self.stack.path(name))))
    }

    /// By which layer an entry's bytes are hidden and how; of a file, when all its names are.
    /// `None` while they are visible.
    pub fn hidden(&self, layer: usize, entry: usize) -> Option<Hidden> {
        self.marks[self.stack.starts[layer] as usize + entry].hidden()
    }

    /// What the merged filesystem shows.
    pub fn visible(&self) -> Amount {
        total(&self.visible)
    }

    /// What it does not show.
    pub fn shadowed(&self) -> Amount {
        total(&self.shadowed)
    }

    /// What it shows of one layer.
    pub fn visible_in(&self, layer: usize) -> Amount {
        self.visible[layer]
    }

    /// What it does not show of one layer.
    pub fn shadowed_in(&self, layer: usize) -> Amount {
        self.shadowed[layer]
    }

    /// Content bytes of the layers that were read.
    pub fn content(&self) -> u64 {
        self.visible().bytes.saturating_add(self.shadowed().bytes)
    }

    /// What is odd about how the layers fit together, by layer and path.
    pub fn remarks(&self) -> impl Iterator<Item = (usize, NodeId, OddityKind)> {
        self.odd.iter().map(|odd| (odd.layer as usize, NodeId(odd.path), odd.kind))
    }

    /// How many remarks there are beside those kept.
    pub fn remarks_dropped(&self) -> u64 {
        self.odd_dropped
    }

    /// The visible nodes from one on, with their depths below it: directories before what is in
    /// them, and that by the bytes of its names.
    pub fn walk(&self, from: NodeId) -> Walk<'_> {
        let start = self.is_visible(from).then_some((from, 0));
        Walk { filesystem: self, waiting: start.into_iter().collect() }
    }

    fn position(&self, number: u32) -> (usize, usize) {
        let layer = self.stack.layer(number);
        (layer, (number - self.stack.starts[layer]) as usize)
    }

    fn file(&self, number: u32) -> Option<u32> {
        if self.stack.entry(number).1.kind == Kind::File {
            return Some(number);
        }
        let at = self.links.binary_search_by_key(&number, |(link, _)| *link).ok()?;
        Some(self.links[at].1)
    }
}

fn total(amounts: &[Amount]) -> Amount {
    let mut sum = Amount::default();
    for amount in amounts {
        sum += *amount;
    }
    sum
}

/// Visible nodes and their depths, in order.
pub struct Walk<'a> {
    filesystem: &'a Filesystem,
    waiting: Vec<(NodeId, usize)>,
}

impl Iterator for Walk<'_> {
    type Item = (NodeId, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (node, depth) = self.waiting.pop()?;
        let children = self.filesystem.children(node);
        self.waiting.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
        Some((node, depth))
    }
}
