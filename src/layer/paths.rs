//! Paths as a tree of names, so that a million of them share their directories.
//!
//! A path is its parent's id and a name of its own. Parents stand before their children, so one
//! pass in order of ids meets every directory before what is in it. Names are bytes, compared byte
//! for byte; the empty path is the root, id 0.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

/// A path of one [`Paths`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PathId(u32);

/// Distinct paths, by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paths {
    nodes: Vec<Node>,
    #[serde(with = "serde_bytes")]
    names: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    parent: u32,
    /// Where the name ends in `names`; it begins where the one before ends.
    end: u32,
}

impl PathId {
    /// The root.
    pub const ROOT: Self = Self(0);

    pub(super) fn numbered(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// Position among the ids, for tables beside the paths.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self { nodes: vec![Node { parent: 0, end: 0 }], names: Vec::new() }
    }
}

impl Paths {
    /// How many there are, the root included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no path but the root.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// Bytes of all names.
    pub fn names_len(&self) -> usize {
        self.names.len()
    }

    /// All ids, parents before children.
    pub fn ids(&self) -> impl Iterator<Item = PathId> + use<> {
        // No more than `u32::MAX` nodes are ever made.
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(PathId)
    }

    /// The directory that the path is in; the root's is the root.
    pub fn parent(&self, path: PathId) -> PathId {
        PathId(self.nodes[path.index()].parent)
    }

    /// The last component; empty for the root.
    pub fn name(&self, path: PathId) -> &[u8] {
        let start = path.index().checked_sub(1).map_or(0, |before| self.nodes[before].end);
        &self.names[start as usize..self.nodes[path.index()].end as usize]
    }

    /// The components joined by slashes, without one at the start; empty for the root.
    pub fn join(&self, path: PathId) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = path;
        while at != PathId::ROOT {
            names.push(self.name(at));
            at = self.parent(at);
        }
        names.reverse();
        names.join(&b'/')
    }

    /// Whether the ids and names fit together, as those that came from a disk must.
    pub fn is_sound(&self) -> bool {
        let rooted = self.nodes.first() == Some(&Node { parent: 0, end: 0 });
        let ordered = (1..self.nodes.len()).all(|at| {
            let (before, node) = (self.nodes[at - 1], self.nodes[at]);
            (node.parent as usize) < at && before.end <= node.end
        });
        let complete = self.nodes.last().is_some_and(|node| node.end as usize == self.names.len());
        rooted && ordered && complete
    }
}

/// Finds the ids of paths again.
#[derive(Debug, Default)]
pub struct PathIndex {
    ids: HashTable<u32>,
    hasher: RandomState,
}

impl PathIndex {
    /// The path of `name` in `parent`, if it is among `paths`, of which this is the index.
    pub fn find(&self, paths: &Paths, parent: PathId, name: &[u8]) -> Option<PathId> {
        self.find_hashed(paths, parent, name, self.hash(parent, name))
    }

    fn hash(&self, parent: PathId, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }

    fn find_hashed(&self, paths: &Paths, parent: PathId, name: &[u8], hash: u64) -> Option<PathId> {
        let same = |id: &u32| {
            let id = PathId(*id);
            paths.parent(id) == parent && paths.name(id) == name
        };
        self.ids.find(hash, same).map(|id| PathId(*id))
    }

    fn insert(&mut self, paths: &Paths, id: u32, hash: u64) {
        let hasher = &self.hasher;
        let hash_of = |id: &u32| {
            let id = PathId(*id);
            hasher.hash_one((paths.parent(id), paths.name(id)))
        };
        self.ids.insert_unique(hash, id, hash_of);
    }
}

/// Collects paths and finds them again.
#[derive(Debug, Default)]
pub struct PathsBuilder {
    paths: Paths,
    index: PathIndex,
}

impl PathsBuilder {
    /// The paths so far.
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Bytes of all names so far.
    pub fn names_len(&self) -> usize {
        self.paths.names_len()
    }

    /// The path of `name` in `parent`, if it was collected.
    pub fn find(&self, parent: PathId, name: &[u8]) -> Option<PathId> {
        self.index.find(&self.paths, parent, name)
    }

    /// The path of `name` in `parent`. `None` if there is no room for another: beyond 4 GiB of
    /// names or 2³² paths.
    pub fn child(&mut self, parent: PathId, name: &[u8]) -> Option<PathId> {
        let hash = self.index.hash(parent, name);
        if let Some(found) = self.index.find_hashed(&self.paths, parent, name, hash) {
            return Some(found);
        }
        let id = u32::try_from(self.paths.nodes.len()).ok()?;
        let end = u32::try_from(self.paths.names.len() + name.len()).ok()?;
        self.paths.names.extend_from_slice(name);
        self.paths.nodes.push(Node { parent: parent.0, end });
        self.index.insert(&self.paths, id, hash);
        Some(PathId(id))
    }

    /// The paths, without the means to find one.
    pub fn finish(self) -> Paths {
        self.paths
    }

    /// The paths, and what finds them.
    pub fn finish_with_index(self) -> (Paths, PathIndex) {
        (self.paths, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(paths: &mut PathsBuilder, path: &str) -> PathId {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.fold(PathId::ROOT, |parent, name| paths.child(parent, name.as_bytes()).unwrap())
    }

    #[test]
    fn paths_are_kept_once_and_joined_again() {
        let mut builder = PathsBuilder::default();
        let tool = insert(&mut builder, "usr/bin/tool");
        assert_eq!(insert(&mut builder, "usr/bin/tool"), tool);
        let other = insert(&mut builder, "bin/tool");
        assert_ne!(tool, other);
        assert_eq!(builder.find(PathId::ROOT, b"usr"), Some(builder.paths().ids().nth(1).unwrap()));
        assert_eq!(builder.find(PathId::ROOT, b"us"), None);
        let paths = builder.finish();
        assert_eq!(paths.join(tool), b"usr/bin/tool");
        assert_eq!(paths.join(other), b"bin/tool");
        assert_eq!(paths.join(PathId::ROOT), b"");
        assert_eq!((paths.len(), paths.is_sound()), (6, true));
    }

    #[test]
    fn parents_stand_before_children() {
        let mut builder = PathsBuilder::default();
        for number in 0..1000 {
            insert(&mut builder, &format!("{}/{}/{number}", number % 7, number % 3));
        }
        let paths = builder.finish();
        assert!(paths.ids().skip(1).all(|id| paths.parent(id) < id));
    }

    #[test]
    fn what_does_not_fit_together_is_seen() {
        let node = |parent, end| Node { parent, end };
        let check = |nodes: Vec<Node>, names: &[u8], expected: bool| {
            assert_eq!(Paths { nodes, names: names.to_vec() }.is_sound(), expected);
        };
        check(vec![node(0, 0), node(0, 1)], b"a", true);
        check(vec![], b"", false);
        check(vec![node(1, 0), node(0, 1)], b"a", false);
        check(vec![node(0, 0), node(1, 1)], b"a", false);
        check(vec![node(0, 0), node(0, 2), node(0, 1)], b"a", false);
        check(vec![node(0, 0), node(0, 1)], b"ab", false);
    }
}
