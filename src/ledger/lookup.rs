//! From a path to its node, visible or not.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::filesystem::{Filesystem, NodeId};

/// Directories that many distributions have moved into `usr`, leaving a link.
const MERGED: [&[u8]; 6] = [b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libx32"];

pub(super) struct Lookup {
    index: HashTable<NodeId>,
    hasher: RandomState,
}

impl Lookup {
    pub(super) fn new(filesystem: &Filesystem) -> Self {
        let hasher = RandomState::new();
        let hash = |node: &NodeId| {
            hasher.hash_one((filesystem.parent(*node).index(), filesystem.name(*node)))
        };
        let mut index = HashTable::with_capacity(filesystem.ids().count());
        for node in filesystem.ids().skip(1) {
            index.insert_unique(hash(&node), node, hash);
        }
        Self { index, hasher }
    }

    pub(super) fn child(
        &self,
        filesystem: &Filesystem,
        parent: NodeId,
        name: &[u8],
    ) -> Option<NodeId> {
        let hash = self.hasher.hash_one((parent.index(), name));
        let same =
            |node: &NodeId| filesystem.parent(*node) == parent && filesystem.name(*node) == name;
        self.index.find(hash, same).copied()
    }

    pub(super) fn find(&self, filesystem: &Filesystem, path: &[u8]) -> Option<NodeId> {
        let names = || path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        let walk =
            |from: NodeId| names().try_fold(from, |at, name| self.child(filesystem, at, name));
        let is_merged = names()
            .next()
            .is_some_and(|first| MERGED.contains(&first) && self.is_moved(filesystem, first));
        if is_merged {
            return self.child(filesystem, NodeId::ROOT, b"usr").and_then(walk);
        }
        walk(NodeId::ROOT)
    }

    /// Whether a directory at the root is a link, and there is one of its name in `usr`.
    fn is_moved(&self, filesystem: &Filesystem, name: &[u8]) -> bool {
        let at_root = self.child(filesystem, NodeId::ROOT, name);
        let is_link =
            at_root.is_some_and(|node| filesystem.node(node).kind == crate::layer::Kind::Symlink);
        let in_usr = self.child(filesystem, NodeId::ROOT, b"usr");
        is_link && in_usr.and_then(|usr| self.child(filesystem, usr, name)).is_some()
    }
}
