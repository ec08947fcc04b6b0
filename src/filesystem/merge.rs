//! Applies layers one on another.
//!
//! Each layer takes two passes. First its whiteouts and then its opaque markers hide what lower
//! layers have, wherever they stand in the archive; then its entries are stored in their order. A
//! path becomes a directory where something is stored below it; links are not followed.
//!
//! Every path of every layer has one place in a few flat tables. What is visible hangs in lists of
//! children, so that removing a directory costs as much as what is in it, once. Nothing recurses.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Hidden, How};
use crate::layer::{Entry, Kind, Link, OddityKind, PathId, PathIndex, Paths, PathsBuilder, Toc};

/// No entry: a directory that no layer lists, or a path that was never stored.
pub(super) const NONE: u32 = u32::MAX;

/// Remarks that are kept; the others are counted.
const KEPT: usize = 1000;

/// An entry's [`Hidden`] in four bytes; 0 while it is visible.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark(u32);

const HOWS: [How; 9] = [
    How::Whiteout,
    How::OpaqueDirectory,
    How::OverwriteChanged,
    How::OverwriteSame,
    How::Overwrite,
    How::TypeChange,
    How::AncestorReplaced,
    How::Repeated,
    How::Marker,
];

impl Mark {
    fn new(layer: u32, how: How) -> Self {
        Self(layer << 4 | (how as u32 + 1))
    }

    pub(super) fn is_set(self) -> bool {
        self.0 != 0
    }

    pub(super) fn layer(self) -> u32 {
        self.0 >> 4
    }

    pub(super) fn hidden(self) -> Option<Hidden> {
        let how = (self.0 & 15).checked_sub(1)?;
        Some(Hidden { layer: self.layer() as usize, how: HOWS[how as usize] })
    }
}

/// What is at a path, and its neighbours. The root is nobody's child and stands for no neighbour.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The entry stored here last, by number over all layers; it stays when the path is hidden.
    pub(super) entry: u32,
    pub(super) first: PathId,
    pub(super) next: PathId,
    previous: PathId,
}

const VACANT: Place =
    Place { entry: NONE, first: PathId::ROOT, next: PathId::ROOT, previous: PathId::ROOT };

/// The layers by the numbers that their entries have over all layers.
pub(super) struct Stack {
    /// The layers; empty where none was read.
    pub(super) tocs: Vec<Arc<Toc>>,
    pub(super) read: Vec<bool>,
    /// The number of each layer's first entry, and that after the last.
    pub(super) starts: Vec<u32>,
    /// The merged path of each path of each layer.
    pub(super) maps: Vec<Arc<[PathId]>>,
}

impl Stack {
    pub(super) fn layer(&self, number: u32) -> usize {
        self.starts.partition_point(|start| *start <= number) - 1
    }

    pub(super) fn entry(&self, number: u32) -> (&Toc, &Entry) {
        let layer = self.layer(number);
        let toc = &self.tocs[layer];
        (toc, &toc.entries[(number - self.starts[layer]) as usize])
    }

    pub(super) fn path(&self, number: u32) -> PathId {
        self.maps[self.layer(number)][self.entry(number).1.path.index()]
    }
}

/// Something odd that shows when layers are put together.
pub(super) struct Odd {
    pub(super) layer: u32,
    pub(super) path: PathId,
    pub(super) kind: OddityKind,
}

/// The state between two layers.
pub(super) struct Merger {
    pub(super) stack: Stack,
    pub(super) paths: Paths,
    pub(super) index: PathIndex,
    pub(super) places: Vec<Place>,
    pub(super) live: Vec<bool>,
    /// By entry: how its name was hidden.
    pub(super) marks: Vec<Mark>,
    /// The entry of the same directory that an entry replaced without hiding it.
    pub(super) replaced: HashMap<u32, u32>,
    /// Hard links and the files that they are names of, in order of the links.
    pub(super) links: Vec<(u32, u32)>,
    pub(super) odd: Vec<Odd>,
    pub(super) odd_dropped: u64,
    /// The layer that is being applied.
    layer: u32,
    missing: Vec<PathId>,
    buried: Vec<PathId>,
}

/// Merges layers, base first.
pub(super) fn merge(layers: Vec<Option<Arc<Toc>>>) -> Merger {
    let (stack, (paths, index)) = number(layers);
    let entries = stack.starts.last().map_or(0, |end| *end as usize);
    let mut merger = Merger {
        places: vec![VACANT; paths.len()],
        live: vec![false; paths.len()],
        marks: vec![Mark::default(); entries],
        stack,
        paths,
        index,
        replaced: HashMap::new(),
        links: Vec::new(),
        odd: Vec::new(),
        odd_dropped: 0,
        layer: 0,
        missing: Vec::new(),
        buried: Vec::new(),
    };
    merger.live[PathId::ROOT.index()] = true;
    for layer in 0..merger.stack.tocs.len() {
        if merger.stack.read[layer] {
            // Bounded by `number`.
            merger.layer = u32::try_from(layer).unwrap_or(NONE);
            let toc = merger.stack.tocs[layer].clone();
            merger.apply(&toc, merger.stack.starts[layer]);
        }
    }
    merger
}

/// Gives entries and paths their numbers. A layer with which they would need more than 32 bits
/// is left out. One that is there several times has its paths mapped once.
fn number(layers: Vec<Option<Arc<Toc>>>) -> (Stack, (Paths, PathIndex)) {
    let mut builder = PathsBuilder::default();
    let mut stack = Stack { tocs: Vec::new(), read: Vec::new(), starts: vec![0], maps: Vec::new() };
    for (position, toc) in layers.into_iter().enumerate() {
        let start = stack.starts[position];
        let end = |toc: &Toc| {
            let entries = u32::try_from(toc.entries.len()).ok()?;
            start.checked_add(entries).filter(|end| *end < NONE && position < 1 << 28)
        };
        let mut mapped = |toc: &Arc<Toc>| {
            let same = stack.tocs.iter().position(|other| Arc::ptr_eq(other, toc));
            same.map_or_else(
                || map(&mut builder, &toc.paths),
                |same| Some(stack.maps[same].clone()),
            )
        };
        let placed = toc.and_then(|toc| Some((end(&toc)?, mapped(&toc)?, toc)));
        let (end, map, toc) =
            placed.map_or((start, Arc::default(), None), |(end, map, toc)| (end, map, Some(toc)));
        stack.starts.push(end);
        stack.maps.push(map);
        stack.read.push(toc.is_some());
        stack.tocs.push(toc.unwrap_or_default());
    }
    (stack, builder.finish_with_index())
}

fn map(builder: &mut PathsBuilder, paths: &Paths) -> Option<Arc<[PathId]>> {
    let mut map: Vec<PathId> = Vec::with_capacity(paths.len());
    for path in paths.ids() {
        let merged = match path {
            PathId::ROOT => path,
            _ => builder.child(map[paths.parent(path).index()], paths.name(path))?,
        };
        map.push(merged);
    }
    Some(map.into())
}

impl Merger {
    fn apply(&mut self, toc: &Toc, start: u32) {
        for marker in [Kind::Whiteout, Kind::Opaque, Kind::Reserved] {
            for (number, entry) in (start..).zip(&toc.entries) {
                if entry.kind == marker {
                    self.mark(number, How::Marker);
                    self.obey(marker, self.path(entry.path));
                }
            }
        }
        for (number, entry) in (start..).zip(&toc.entries) {
            if !entry.kind.is_marker() {
                let path = self.path(entry.path);
                if let Some(Link::Hard(target)) = entry.link {
                    self.link(number, path, self.path(target));
                }
                self.store(path, number, entry.kind);
            }
        }
    }

    /// The merged path of a path of the layer that is being applied.
    fn path(&self, path: PathId) -> PathId {
        self.stack.maps[self.layer as usize][path.index()]
    }

    fn obey(&mut self, marker: Kind, path: PathId) {
        let directory = if marker == Kind::Opaque { path } else { self.paths.parent(path) };
        if self.live[directory.index()] && !self.is_directory(directory) {
            // Some readers follow a link here and delete what is at its target.
            self.remark(directory, OddityKind::ParentNotDirectory);
        }
        match marker {
            Kind::Whiteout if path != PathId::ROOT && self.live[path.index()] => {
                self.detach(path);
                self.bury(path, How::Whiteout);
            }
            Kind::Opaque if self.live[path.index()] => {
                self.bury_children(path, How::OpaqueDirectory);
            }
            _ => {}
        }
    }

    /// Finds the file that a hard link is a name of: what is at the target now.
    fn link(&mut self, number: u32, path: PathId, target: PathId) {
        let at = self.places[target.index()].entry;
        if !self.live[target.index()] || self.is_directory(target) {
            // The target may be in a lower layer that was not read.
            if self.stack.read[..self.layer as usize].iter().all(|read| *read) {
                self.remark(path, OddityKind::MissingTarget);
            }
        } else if let Some(file) = self.file(at) {
            self.links.push((number, file));
        }
    }

    /// The file whose content an entry's name leads to.
    fn file(&self, number: u32) -> Option<u32> {
        match self.stack.entry(number).1.kind {
            Kind::File => Some(number),
            Kind::Hardlink => {
                let at = self.links.binary_search_by_key(&number, |(link, _)| *link).ok()?;
                Some(self.links[at].1)
            }
            _ => None,
        }
    }

    fn store(&mut self, path: PathId, number: u32, kind: Kind) {
        if path == PathId::ROOT && kind != Kind::Directory {
            self.mark(number, How::Marker);
            self.remark(path, OddityKind::EscapingPath);
            return;
        }
        self.make_parents(path);
        let old = self.places[path.index()].entry;
        if !self.live[path.index()] {
            self.reclassify(path, Some(number));
            self.attach(path);
        } else if self.is_directory(path) && kind == Kind::Directory {
            if old != NONE {
                self.replaced.insert(number, old);
            }
        } else {
            let own = self.bury_children(path, How::AncestorReplaced);
            if old != NONE {
                self.mark(old, self.replacement(old, number));
            }
            if old != NONE && self.is_own(old) {
                self.remark(path, OddityKind::RepeatedPath);
            } else if own {
                self.remark(path, OddityKind::ParentNotDirectory);
            }
        }
        self.places[path.index()].entry = number;
    }

    /// Makes everything above a path a visible directory.
    fn make_parents(&mut self, path: PathId) {
        let mut missing = std::mem::take(&mut self.missing);
        let mut at = self.paths.parent(path);
        while !self.live[at.index()] {
            missing.push(at);
            at = self.paths.parent(at);
        }
        if !self.is_directory(at) {
            let old = self.places[at.index()].entry;
            let how = if self.is_own(old) { How::Repeated } else { How::TypeChange };
            self.mark(old, how);
            self.places[at.index()].entry = NONE;
            self.remark(path, OddityKind::ParentNotDirectory);
        }
        while let Some(directory) = missing.pop() {
            self.reclassify(directory, None);
            self.places[directory.index()].entry = NONE;
            self.attach(directory);
        }
        self.missing = missing;
    }

    /// What this layer deleted and now has again (`None`: as a directory that it does not list)
    /// was replaced, not deleted.
    fn reclassify(&mut self, path: PathId, new: Option<u32>) {
        let old = self.places[path.index()].entry;
        if old == NONE {
            return;
        }
        let deleted = [How::Whiteout, How::OpaqueDirectory];
        if !deleted.iter().any(|how| self.marks[old as usize] == Mark::new(self.layer, *how)) {
            return;
        }
        let kind = |number| self.stack.entry(number).1.kind;
        let how = match new {
            _ if kind(old) == Kind::Directory && new.is_none_or(|new| kind(new) == kind(old)) => {
                return;
            }
            None => How::TypeChange,
            Some(new) => self.replacement(old, new),
        };
        self.marks[old as usize] = Mark::new(self.layer, how);
    }

    /// How an entry hides another at the same path.
    fn replacement(&self, old: u32, new: u32) -> How {
        if self.is_own(old) {
            return How::Repeated;
        }
        if let (Some(old), Some(new)) = (self.file(old), self.file(new)) {
            return self.rewrite(old, new);
        }
        let ((old_toc, old), (new_toc, new)) = (self.stack.entry(old), self.stack.entry(new));
        match (old.link, new.link) {
            _ if old.kind != new.kind => How::TypeChange,
            (Some(Link::Symbolic(old)), Some(Link::Symbolic(new))) => {
                let same = old_toc.text(old) == new_toc.text(new);
                if same { How::OverwriteSame } else { How::OverwriteChanged }
            }
            _ => How::Overwrite,
        }
    }

    fn rewrite(&self, old: u32, new: u32) -> How {
        let ((old_toc, a), (new_toc, b)) = (self.stack.entry(old), self.stack.entry(new));
        let comparable = old_toc.hashing == new_toc.hashing;
        match (a.hash, b.hash) {
            _ if old == new => How::OverwriteSame,
            _ if a.size != b.size => How::OverwriteChanged,
            _ if a.size == 0 => How::OverwriteSame,
            (Some(a), Some(b)) if comparable && a == b => How::OverwriteSame,
            (Some(_), Some(_)) if comparable => How::OverwriteChanged,
            _ => How::Overwrite,
        }
    }

    /// Whether an entry is of the layer that is being applied.
    fn is_own(&self, number: u32) -> bool {
        number >= self.stack.starts[self.layer as usize]
    }

    /// Whether a visible path is a directory.
    fn is_directory(&self, path: PathId) -> bool {
        let number = self.places[path.index()].entry;
        number == NONE || self.stack.entry(number).1.kind == Kind::Directory
    }

    /// Hides an entry, and those of the same directory that it replaced.
    fn mark(&mut self, number: u32, how: How) {
        let mut at = Some(number);
        while let Some(number) = at {
            self.marks[number as usize] = Mark::new(self.layer, how);
            at = self.replaced.remove(&number);
        }
    }

    fn attach(&mut self, path: PathId) {
        let parent = self.paths.parent(path).index();
        let next = self.places[parent].first;
        let place = &mut self.places[path.index()];
        (place.first, place.next, place.previous) = (PathId::ROOT, next, PathId::ROOT);
        if next != PathId::ROOT {
            self.places[next.index()].previous = path;
        }
        self.places[parent].first = path;
        self.live[path.index()] = true;
    }

    fn detach(&mut self, path: PathId) {
        let Place { next, previous, .. } = self.places[path.index()];
        if previous == PathId::ROOT {
            let parent = self.paths.parent(path);
            self.places[parent.index()].first = next;
        } else {
            self.places[previous.index()].next = next;
        }
        if next != PathId::ROOT {
            self.places[next.index()].previous = previous;
        }
    }

    /// Hides everything in a directory; whether some of it is of this layer.
    fn bury_children(&mut self, path: PathId, how: How) -> bool {
        let mut own = false;
        let mut child = std::mem::replace(&mut self.places[path.index()].first, PathId::ROOT);
        while child != PathId::ROOT {
            let next = self.places[child.index()].next;
            own |= self.bury(child, how);
            child = next;
        }
        own
    }

    /// Hides a path that was taken from its list, and what is below; whether some of it is of
    /// this layer.
    fn bury(&mut self, path: PathId, how: How) -> bool {
        let mut own = false;
        let mut buried = std::mem::take(&mut self.buried);
        buried.push(path);
        while let Some(path) = buried.pop() {
            self.live[path.index()] = false;
            let number = self.places[path.index()].entry;
            if number != NONE {
                own |= self.is_own(number);
                self.mark(number, how);
            }
            let mut child = std::mem::replace(&mut self.places[path.index()].first, PathId::ROOT);
            while child != PathId::ROOT {
                buried.push(child);
                child = self.places[child.index()].next;
            }
        }
        self.buried = buried;
        own
    }

    fn remark(&mut self, path: PathId, kind: OddityKind) {
        if self.odd.len() < KEPT {
            self.odd.push(Odd { layer: self.layer, path, kind });
        } else {
            self.odd_dropped += 1;
        }
    }
}
