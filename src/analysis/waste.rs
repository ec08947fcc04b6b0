//! Shadowed bytes by the layers that store and hide them, and the paths that hold most of them.

use std::collections::{BTreeMap, HashMap};

use super::{PathUsage, Waste, largest};
use crate::filesystem::{Amount, Filesystem, Hidden, NodeId};
use crate::layer::{Kind, PathId, Toc};

/// What the content below a path of one layer comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// There is none.
    Empty,
    /// All of it is hidden by one layer in one way.
    Hidden(Hidden),
    /// Some of it is visible, or it is hidden in several ways.
    Mixed,
}

impl Fate {
    fn join(&mut self, other: Self) {
        *self = match (*self, other) {
            (fate, Self::Empty) | (Self::Empty, fate) => fate,
            (a, b) if a == b => a,
            _ => Self::Mixed,
        };
    }
}

/// The waste that has content, the most bytes first, with the `top` largest paths of each; and what
/// is hidden besides.
///
/// A path is a directory where all files that the layer stores in it are hidden by the same layer
/// in the same way: the uppermost such, or, where that has a single child, the one in which the
/// ways part. Takes time linear in entries and paths.
pub(super) fn waste(filesystem: &Filesystem, top: usize) -> (Vec<Waste>, Amount) {
    let mut all = Vec::new();
    let mut bare = Amount::default();
    for layer in 0..filesystem.layers() {
        if let Some(toc) = filesystem.toc(layer) {
            all.extend(of_layer(filesystem, layer, toc, top, &mut bare));
        }
    }
    all.sort_by(|a, b| {
        let key = |waste: &Waste| (waste.written_in, waste.hidden);
        b.amount.bytes.cmp(&a.amount.bytes).then_with(|| key(a).cmp(&key(b)))
    });
    (all, bare)
}

fn of_layer(
    filesystem: &Filesystem,
    layer: usize,
    toc: &Toc,
    top: usize,
    bare: &mut Amount,
) -> Vec<Waste> {
    let mut rows: BTreeMap<Hidden, Amount> = BTreeMap::new();
    let mut fates = vec![Fate::Empty; toc.paths.len()];
    let mut sums = vec![Amount::default(); toc.paths.len()];
    let mut kinds = vec![Kind::Directory; toc.paths.len()];
    for (at, entry) in toc.entries.iter().enumerate() {
        let hidden = filesystem.hidden(layer, at);
        if let Some(hidden) = hidden {
            *rows.entry(hidden).or_default() += Amount::of(entry);
        }
        if entry.kind == Kind::File || entry.size > 0 {
            let path = entry.path.index();
            fates[path].join(hidden.map_or(Fate::Mixed, Fate::Hidden));
            sums[path] += Amount::of(entry);
            kinds[path] = entry.kind;
        }
    }
    rows.retain(|_, amount| {
        let has_content = amount.bytes > 0;
        if !has_content {
            *bare += *amount;
        }
        has_content
    });
    if rows.is_empty() {
        return Vec::new();
    }
    let mut paths: BTreeMap<Hidden, Vec<(u64, NodeId)>> = BTreeMap::new();
    let mut found: HashMap<NodeId, (Kind, Amount)> = HashMap::new();
    for (path, hidden) in whole(toc, &mut fates, &mut sums) {
        let node = filesystem.place_of(layer, path);
        found.insert(node, (kinds[path.index()], sums[path.index()]));
        paths.entry(hidden).or_default().push((sums[path.index()].bytes, node));
    }
    let waste = rows.into_iter().map(|(hidden, amount)| Waste {
        written_in: layer,
        hidden,
        amount,
        paths: largest(filesystem, paths.remove(&hidden).unwrap_or_default(), top)
            .into_iter()
            .map(|node| PathUsage {
                path: filesystem.path(node),
                kind: found[&node].0,
                amount: found[&node].1,
                layer: Some(layer),
            })
            .collect(),
    });
    waste.collect()
}

/// The paths that are hidden as a whole.
fn whole(toc: &Toc, fates: &mut [Fate], sums: &mut [Amount]) -> Vec<(PathId, Hidden)> {
    let paths: Vec<_> = toc.paths.ids().skip(1).collect();
    // Of each directory, the one child with content; `None` where there are several.
    let own: Vec<bool> = fates.iter().map(|fate| *fate != Fate::Empty).collect();
    let mut only = vec![None; toc.paths.len()];
    for path in paths.iter().rev() {
        let (at, parent) = (path.index(), toc.paths.parent(*path).index());
        if fates[at] == Fate::Empty {
            continue;
        }
        let alone = fates[parent] == Fate::Empty;
        only[parent] = alone.then_some(*path);
        let (fate, sum) = (fates[at], sums[at]);
        fates[parent].join(fate);
        sums[parent] += sum;
    }
    let uppermost = paths.into_iter().filter_map(|path| {
        let parent = toc.paths.parent(path);
        let is_top = parent == PathId::ROOT || fates[parent.index()] == Fate::Mixed;
        let Fate::Hidden(hidden) = fates[path.index()] else { return None };
        is_top.then_some((path, hidden))
    });
    let descend = |(mut path, hidden): (PathId, Hidden)| {
        while let Some(child) = only[path.index()].filter(|_| !own[path.index()]) {
            path = child;
        }
        (path, hidden)
    };
    uppermost.map(descend).collect()
}
