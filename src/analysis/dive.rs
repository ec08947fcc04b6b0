//! dive's figures by its formulas (dive 0.13, `filetree.Efficiency`), for those who compare.
//!
//! dive looks at the leaves of each layer's own tree. A path that several layers have is wasted as
//! often as it is stored, its smallest size is what would do. A whiteout is one more occurrence: of
//! 0 bytes, or, of a directory that a lower layer lists, of the bytes that it has; of something that
//! is not there it ends what dive counts of the layer. Opaque markers and reserved names are left
//! out, so that what an opaque directory hides stays in the tree.

use super::Dive;
use crate::filesystem::{Filesystem, NodeId};
use crate::layer::{Kind, PathId, Toc};

/// What was seen at one path.
#[derive(Clone, Copy, Default)]
struct Seen {
    times: u32,
    bytes: u64,
    smallest: u64,
}

/// What the layers so far have at a path.
#[derive(Clone, Copy, Default)]
struct Stacked {
    present: bool,
    directory: bool,
    size: u64,
}

/// One layer's own tree, by its paths.
struct Tree {
    /// The entry that is there last; `None` for a directory that is not listed.
    entries: Vec<Option<usize>>,
    present: Vec<bool>,
    inner: Vec<bool>,
    whiteouts: Vec<bool>,
}

/// Computes the figures; all layers must have been read.
pub(super) fn dive(filesystem: &Filesystem) -> Dive {
    let paths = filesystem.ids().count();
    let mut seen = vec![Seen::default(); paths];
    let mut stack = vec![Stacked::default(); paths];
    let mut sizes = Vec::new();
    for layer in 0..filesystem.layers() {
        let Some(toc) = filesystem.toc(layer) else { continue };
        let tree = Tree::new(toc);
        sizes.push(toc.content());
        if layer == 0 {
            tree.apply(filesystem, layer, toc, &mut stack);
        }
        let subtrees = tree.subtrees(filesystem, &stack);
        for (node, bytes) in tree.leaves(filesystem, layer, toc, &stack, &subtrees) {
            let seen = &mut seen[node.index()];
            seen.smallest = if seen.times == 0 { bytes } else { seen.smallest.min(bytes) };
            seen.times += 1;
            seen.bytes = seen.bytes.saturating_add(bytes);
        }
        if layer > 0 {
            tree.delete(filesystem, layer, toc, &mut stack);
            tree.apply(filesystem, layer, toc, &mut stack);
        }
    }
    figures(&seen, &sizes)
}

#[expect(clippy::cast_precision_loss, reason = "shares")]
fn figures(seen: &[Seen], sizes: &[u64]) -> Dive {
    let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
    let discovered = sum(&mut seen.iter().map(|seen| seen.bytes));
    let smallest = sum(&mut seen.iter().map(|seen| seen.smallest));
    let wasted = sum(&mut seen.iter().filter(|seen| seen.times > 1).map(|seen| seen.bytes));
    let user = sum(&mut sizes.iter().skip(1).copied());
    let share = |part: u64, all: u64, none| if all == 0 { none } else { part as f64 / all as f64 };
    Dive {
        efficiency: share(smallest, discovered, 1.0),
        size_bytes: sum(&mut sizes.iter().copied()),
        user_size_bytes: user,
        wasted_bytes: wasted,
        user_wasted_percent: share(wasted, user, 0.0),
    }
}

impl Tree {
    fn new(toc: &Toc) -> Self {
        let paths = toc.paths.len();
        let mut tree = Self {
            entries: vec![None; paths],
            present: vec![false; paths],
            inner: vec![false; paths],
            whiteouts: vec![false; paths],
        };
        for (at, entry) in toc.entries.iter().enumerate() {
            match entry.kind {
                Kind::Whiteout => {
                    tree.whiteouts[entry.path.index()] = true;
                    tree.add_above(toc, entry.path);
                }
                Kind::Opaque => tree.add(toc, entry.path),
                Kind::Reserved => tree.add(toc, toc.paths.parent(entry.path)),
                _ => {
                    tree.entries[entry.path.index()] = Some(at);
                    tree.add(toc, entry.path);
                }
            }
        }
        tree
    }

    fn add(&mut self, toc: &Toc, path: PathId) {
        self.present[path.index()] = true;
        self.add_above(toc, path);
    }

    fn add_above(&mut self, toc: &Toc, path: PathId) {
        let mut at = path;
        while at != PathId::ROOT {
            at = toc.paths.parent(at);
            let known = self.inner[at.index()];
            (self.present[at.index()], self.inner[at.index()]) = (true, true);
            if known {
                return;
            }
        }
    }

    /// The bytes below each path of the layers so far; nothing where no whiteout asks for them.
    fn subtrees(&self, filesystem: &Filesystem, stack: &[Stacked]) -> Vec<u64> {
        if !self.whiteouts.contains(&true) {
            return Vec::new();
        }
        let mut sums: Vec<u64> =
            stack.iter().map(|at| if at.present { at.size } else { 0 }).collect();
        filesystem.add_up(&mut sums, |sum, bytes| *sum = sum.saturating_add(bytes));
        sums
    }

    fn leaves(
        &self,
        filesystem: &Filesystem,
        layer: usize,
        toc: &Toc,
        stack: &[Stacked],
        subtrees: &[u64],
    ) -> Vec<(NodeId, u64)> {
        let place = |path| filesystem.place_of(layer, path);
        let paths = || toc.paths.ids().skip(1);
        let missing = paths()
            .filter(|path| self.whiteouts[path.index()] && !stack[place(*path).index()].present)
            .map(|path| order(toc, path, true))
            .min();
        let counts = |path: PathId, whiteout: bool| {
            missing.as_ref().is_none_or(|missing| order(toc, path, whiteout) < *missing)
        };
        let mut leaves = Vec::new();
        for path in paths() {
            let (at, node) = (path.index(), place(path));
            if self.present[at] && !self.inner[at] && counts(path, false) {
                leaves.push((node, self.entries[at].map_or(0, |entry| toc.entries[entry].size)));
            }
            if self.whiteouts[at] && counts(path, true) {
                let directory = stack[node.index()].directory;
                leaves.push((node, if directory { subtrees[node.index()] } else { 0 }));
            }
        }
        leaves
    }

    /// Takes away what the layer's whiteouts name.
    fn delete(&self, filesystem: &Filesystem, layer: usize, toc: &Toc, stack: &mut [Stacked]) {
        if !self.whiteouts.contains(&true) {
            return;
        }
        let mut deleted = vec![false; stack.len()];
        for path in toc.paths.ids().filter(|path| self.whiteouts[path.index()]) {
            deleted[filesystem.place_of(layer, path).index()] = true;
        }
        for node in filesystem.ids().skip(1) {
            deleted[node.index()] |= deleted[filesystem.parent(node).index()];
            if deleted[node.index()] {
                stack[node.index()] = Stacked::default();
            }
        }
    }

    fn apply(&self, filesystem: &Filesystem, layer: usize, toc: &Toc, stack: &mut [Stacked]) {
        for path in toc.paths.ids().filter(|path| self.present[path.index()]) {
            let at = &mut stack[filesystem.place_of(layer, path).index()];
            // A directory that is not listed keeps what lower layers say of it.
            if let Some(entry) = self.entries[path.index()].map(|entry| &toc.entries[entry]) {
                at.directory = entry.kind == Kind::Directory;
                at.size = entry.size;
            }
            at.present = true;
        }
    }
}

/// dive's order of leaves: by names, of which whiteouts keep their marks.
fn order(toc: &Toc, path: PathId, whiteout: bool) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> =
        toc.paths.join(path).split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
    if let Some(last) = names.last_mut().filter(|_| whiteout) {
        last.splice(0..0, *b".wh.");
    }
    names
}
