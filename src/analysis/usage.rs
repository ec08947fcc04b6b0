//! Usage by path: what `du` would tell of an image that was unpacked.

use std::cmp::Reverse;

use crate::collect::ImageLayers;
use crate::filesystem::{Amount, Filesystem, Hidden, NodeId};
use crate::layer::{Attributes, Entry, Kind, Link, Toc, normalize};

/// What to list, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageOptions {
    /// Where to start, in any form; empty for the root.
    pub path: Vec<u8>,
    /// List nothing deeper below the start than this.
    pub depth: Option<usize>,
    /// List so many at most, the largest; the start beside them if it is a directory.
    pub top: Option<usize>,
    /// The order of the rows.
    pub sort: Sort,
    /// List every entry; without it, directories, and the start whatever it is.
    pub all: bool,
    /// List what this layer stores, its markers included, instead of what is visible.
    pub layer: Option<usize>,
    /// List what is not visible instead of what is, with `layer` that of the layer.
    pub shadowed: bool,
}

/// Orders of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The most content bytes first.
    #[default]
    Size,
    /// By path: a directory, then what is in it by the bytes of its names.
    Path,
    /// The most compressed bytes first.
    Compressed,
}

/// Why there is no usage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// The path is not among what was to be listed.
    #[error("the path is not in the image")]
    NoSuchPath(NoSuchPath),
    /// The layer does not exist or was not read.
    #[error("the layer was not read")]
    NoSuchLayer,
}

/// A path that is not among what was to be listed, and what is around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoSuchPath {
    /// The part of it that is there, from the root, without a slash at the start.
    pub parent: Vec<u8>,
    /// The name that is missing there; empty if the path is too long for any to be looked for.
    pub missing: Vec<u8>,
    /// The names that are there, in the order of bytes.
    pub names: Vec<Vec<u8>>,
    /// By which layer the path is hidden and how, if it was to be visible and a layer stores it.
    pub hidden: Option<Hidden>,
}

/// What is below a path.
///
/// Rows are kept as sixteen bytes each and made when they are asked for, so that a list of a million
/// entries costs no more than the tables behind it (24 bytes for each path).
pub struct Usage {
    filesystem: Filesystem,
    sums: Vec<Amount>,
    rows: Vec<Row>,
    merged: bool,
    start: NodeId,
}

/// What one row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// The path from the root, without a slash at the start; empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Directories between it and the start; 0 for the start.
    pub depth: usize,
    /// What it costs; a directory with all that is in it.
    pub amount: Amount,
    /// The layer that wrote it; `None` for a directory that no layer lists.
    pub layer: Option<usize>,
    /// Mode, owner and the like; `None` for a directory that no layer lists.
    pub attributes: Option<Attributes>,
    /// Modification time in seconds since 1970.
    pub mtime: Option<i64>,
    /// The target of a link: as it is written, or the path from the root for a hard link.
    pub target: Option<Vec<u8>>,
    /// By which layer it is hidden and how; `None` while it is visible.
    pub hidden: Option<Hidden>,
}

/// A path and an entry that is there.
#[derive(Clone, Copy)]
struct Row {
    node: NodeId,
    layer: u32,
    /// Position in the layer's table of contents.
    entry: u32,
    depth: u32,
}

/// The position of no entry: a directory that no layer lists.
const IMPLIED: u32 = u32::MAX;

/// Lists what an image's layers hold below a path.
pub fn usage(image: &ImageLayers, options: &UsageOptions) -> Result<Usage, UsageError> {
    let tocs = image.layers.iter().map(|layer| layer.as_ref().map(|read| read.toc.clone()));
    let filesystem = Filesystem::merge(tocs.collect());
    if options.layer.is_some_and(|layer| filesystem.toc(layer).is_none()) {
        return Err(UsageError::NoSuchLayer);
    }
    let merged = options.layer.is_none() && !options.shadowed;
    let items = if merged { visible(&filesystem) } else { stored(&filesystem, options) };
    let mut usage = Usage {
        sums: vec![Amount::default(); filesystem.ids().count()],
        rows: Vec::new(),
        start: NodeId::ROOT,
        filesystem,
        merged,
    };
    for item in &items {
        let own = usage.own(item);
        usage.sums[item.node.index()] += own;
    }
    usage.filesystem.add_up(&mut usage.sums, |sum, amount| *sum += amount);
    let tree = Tree::new(&usage.filesystem, items);
    let start = tree.find(&usage.filesystem, &options.path);
    usage.start = start.map_err(|mut absent| {
        if merged {
            absent.hidden = hidden(&usage.filesystem, &options.path);
        }
        UsageError::NoSuchPath(absent)
    })?;
    usage.rows = tree.rows(&usage.filesystem, usage.start, options);
    usage.arrange(options);
    Ok(usage)
}

fn row(node: NodeId, position: Option<(usize, usize)>) -> Row {
    // The filesystem numbers layers and entries with 32 bits.
    let short = |number| u32::try_from(number).unwrap_or(IMPLIED);
    let (layer, entry) = position.map_or((0, IMPLIED), |(layer, at)| (short(layer), short(at)));
    Row { node, layer, entry, depth: 0 }
}

fn visible(filesystem: &Filesystem) -> Vec<Row> {
    let nodes = filesystem.ids().filter(|id| filesystem.is_visible(*id));
    nodes
        .map(|id| (id, filesystem.node(id)))
        .map(|(id, node)| row(id, node.layer.zip(node.entry)))
        .collect()
}

fn stored(filesystem: &Filesystem, options: &UsageOptions) -> Vec<Row> {
    let mut items = Vec::new();
    let wanted = |layer: &usize| options.layer.is_none_or(|only| only == *layer);
    for layer in (0..filesystem.layers()).filter(wanted) {
        let entries = filesystem.toc(layer).map_or(&[][..], |toc| &toc.entries);
        for (at, entry) in entries.iter().enumerate() {
            let hidden = filesystem.hidden(layer, at);
            if !options.shadowed || hidden.is_some() {
                items.push(row(filesystem.place(layer, entry), Some((layer, at))));
            }
        }
    }
    items
}

/// By which layer what was stored last at a path is hidden, and how. A directory that no layer
/// lists is hidden by what hid the last in it.
fn hidden(filesystem: &Filesystem, path: &[u8]) -> Option<Hidden> {
    let mut names = normalize(path)?.components.into_iter().peekable();
    let mut at = NodeId::ROOT;
    // Directories stand before what is in them.
    for id in filesystem.ids().skip(1) {
        let Some(name) = names.peek() else { break };
        if filesystem.parent(id) == at && filesystem.name(id) == *name {
            at = id;
            names.next();
        }
    }
    if names.peek().is_some() {
        return None;
    }
    let fate = |id: NodeId| {
        let node = filesystem.node(id);
        node.layer.zip(node.entry).map(|(layer, entry)| filesystem.hidden(layer, entry))
    };
    let is_below = |id: &NodeId| {
        let parent = |id: &NodeId| (*id != NodeId::ROOT).then(|| filesystem.parent(*id));
        std::iter::successors(parent(id), parent).any(|above| above == at)
    };
    let below = || filesystem.ids().filter(is_below).filter_map(fate).flatten();
    fate(at).unwrap_or_else(|| below().max_by_key(|hidden| hidden.layer))
}

/// The paths that are listed, with those above them.
struct Tree {
    /// In the order of paths' ids; of several at a path, in the order of layers and entries.
    items: Vec<Row>,
    /// By path: the first and the next of lists of children; the root stands for none.
    links: Vec<(NodeId, NodeId)>,
}

impl Tree {
    fn new(filesystem: &Filesystem, mut items: Vec<Row>) -> Self {
        items.sort_by_key(|item| item.node);
        let mut present = vec![0_u8; filesystem.ids().count()];
        for item in &items {
            present[item.node.index()] = 1;
        }
        filesystem.add_up(&mut present, |above, below| *above |= below);
        let mut links = vec![(NodeId::ROOT, NodeId::ROOT); present.len()];
        for id in filesystem.ids().skip(1).filter(|id| present[id.index()] != 0) {
            let parent = filesystem.parent(id).index();
            links[id.index()].1 = links[parent].0;
            links[parent].0 = id;
        }
        Self { items, links }
    }

    fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let some = |node: NodeId| (node != NodeId::ROOT).then_some(node);
        std::iter::successors(some(self.links[node.index()].0), move |child| {
            some(self.links[child.index()].1)
        })
    }

    fn find(&self, filesystem: &Filesystem, path: &[u8]) -> Result<NodeId, NoSuchPath> {
        let names = normalize(path).ok_or_else(NoSuchPath::default)?.components;
        names.into_iter().try_fold(NodeId::ROOT, |at, name| {
            let found = self.children(at).find(|child| filesystem.name(*child) == name);
            found.ok_or_else(|| {
                let names = self.children(at).map(|child| filesystem.name(child).to_vec());
                let mut names: Vec<_> = names.collect();
                names.sort_unstable();
                let (parent, missing) = (filesystem.path(at), name.to_vec());
                NoSuchPath { parent, missing, names, hidden: None }
            })
        })
    }

    /// The rows of a path: of directories that are stored there several times, the last.
    fn at<'a>(
        &'a self,
        filesystem: &'a Filesystem,
        node: NodeId,
    ) -> impl Iterator<Item = Row> + 'a {
        let from = self.items.partition_point(|item| item.node < node);
        let items = self.items[from..].iter().take_while(move |item| item.node == node);
        let is_directory = |item: &Row| {
            item.entry == IMPLIED
                || entry(filesystem, item).is_some_and(|(_, entry)| entry.kind == Kind::Directory)
        };
        let directory = items.clone().filter(|item| is_directory(item)).last().copied();
        let implied = || self.children(node).next().or((node == NodeId::ROOT).then_some(node));
        let directory = directory.or_else(|| implied().map(|_| row(node, None)));
        items.filter(move |item| !is_directory(item)).copied().chain(directory)
    }

    fn rows(&self, filesystem: &Filesystem, start: NodeId, options: &UsageOptions) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut waiting = vec![(start, 0)];
        while let Some((node, depth)) = waiting.pop() {
            for row in self.at(filesystem, node) {
                let directory = kind(filesystem, &row) == Kind::Directory;
                if directory || options.all || depth == 0 {
                    rows.push(Row { depth, ..row });
                }
            }
            if options.depth.is_none_or(|limit| (depth as usize) < limit) {
                let from = waiting.len();
                waiting.extend(self.children(node).map(|child| (child, depth + 1)));
                waiting[from..].sort_unstable_by_key(|(child, _)| Reverse(filesystem.name(*child)));
            }
        }
        rows
    }
}

fn entry<'a>(filesystem: &'a Filesystem, row: &Row) -> Option<(&'a Toc, &'a Entry)> {
    let toc = filesystem.toc(row.layer as usize)?;
    Some((toc, toc.entries.get(row.entry as usize)?))
}

fn kind(filesystem: &Filesystem, row: &Row) -> Kind {
    entry(filesystem, row).map_or(Kind::Directory, |(_, entry)| entry.kind)
}

impl Usage {
    /// The rows, in the order that was asked for.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = UsageRow> {
        self.rows.iter().map(|row| self.show(row))
    }

    /// What is below the path, all of it.
    pub fn total(&self) -> Amount {
        self.sums[self.start.index()]
    }

    fn arrange(&mut self, options: &UsageOptions) {
        if options.sort == Sort::Path && options.top.is_none() {
            return;
        }
        let rank = |(at, row): (usize, &Row)| {
            let amount = self.amount(row);
            let compressed = options.sort == Sort::Compressed;
            (Reverse(if compressed { amount.compressed } else { amount.bytes }), at)
        };
        let mut order: Vec<_> = self.rows.iter().enumerate().map(rank).collect();
        order.sort_unstable();
        if let Some(top) = options.top {
            let mut left = top;
            order.retain(|(_, at)| {
                let row = &self.rows[*at];
                let is_start = row.depth == 0 && kind(&self.filesystem, row) == Kind::Directory;
                let room = left > 0;
                left -= usize::from(room && !is_start);
                is_start || room
            });
        }
        if options.sort == Sort::Path {
            order.sort_unstable_by_key(|(_, at)| *at);
        }
        self.rows = order.into_iter().map(|(_, at)| self.rows[at]).collect();
    }

    /// What an entry costs by itself.
    fn own(&self, row: &Row) -> Amount {
        if self.merged {
            return self.filesystem.amount(row.node);
        }
        entry(&self.filesystem, row).map_or_else(Amount::default, |(_, entry)| Amount::of(entry))
    }

    fn amount(&self, row: &Row) -> Amount {
        if kind(&self.filesystem, row) == Kind::Directory {
            return self.sums[row.node.index()];
        }
        self.own(row)
    }

    fn show(&self, row: &Row) -> UsageRow {
        let entry = entry(&self.filesystem, row);
        let (layer, at) = (row.layer as usize, row.entry as usize);
        let hidden =
            if self.merged { None } else { entry.and_then(|_| self.filesystem.hidden(layer, at)) };
        let target = entry.and_then(|(toc, entry)| match entry.link? {
            Link::Hard(target) => Some(toc.paths.join(target)),
            Link::Symbolic(text) => Some(toc.text(text).to_vec()),
        });
        UsageRow {
            path: self.filesystem.path(row.node),
            kind: kind(&self.filesystem, row),
            depth: row.depth as usize,
            amount: self.amount(row),
            layer: entry.map(|_| layer),
            attributes: entry.map(|(toc, entry)| toc.attributes(entry)),
            mtime: entry.map(|(_, entry)| entry.mtime),
            target,
            hidden,
        }
    }
}
