//! From a path to its node, visible or not.

use super::Ledger;
use crate::filesystem::{Filesystem, NodeId};
use crate::layer::Kind;

/// Symbolic links that are followed on the way, as Linux does.
const MOST_LINKS: usize = 40;

/// Directories that many distributions have moved into `usr`, leaving a link.
const MERGED: [&[u8]; 6] = [b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libx32"];

pub(super) fn find(filesystem: &Filesystem, path: &[u8]) -> Option<NodeId> {
    let names = || path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let walk = |from: NodeId| names().try_fold(from, |at, name| filesystem.child(at, name));
    let is_merged =
        names().next().is_some_and(|first| MERGED.contains(&first) && is_moved(filesystem, first));
    if is_merged {
        return filesystem.child(NodeId::ROOT, b"usr").and_then(walk);
    }
    walk(NodeId::ROOT)
}

/// What a path leads to, by all links on the way and at its end.
pub(super) fn follow(ledger: &Ledger, path: &[u8]) -> Option<NodeId> {
    let filesystem = ledger.filesystem();
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect()
    };
    let (mut at, mut left, mut links) = (NodeId::ROOT, names(path), 0);
    while let Some(name) = left.pop() {
        match &name[..] {
            b"" | b"." => continue,
            b".." => {
                at = filesystem.parent(at);
                continue;
            }
            _ => {}
        }
        let child = filesystem.child(at, &name)?;
        if filesystem.node(child).kind != Kind::Symlink {
            at = child;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return None;
        }
        let target = ledger.target(child)?;
        if target.starts_with(b"/") {
            at = NodeId::ROOT;
        }
        left.extend(names(target));
    }
    Some(at)
}

/// Whether a directory at the root is a link, and there is one of its name in `usr`.
fn is_moved(filesystem: &Filesystem, name: &[u8]) -> bool {
    let at_root = filesystem.child(NodeId::ROOT, name);
    let is_link = at_root.is_some_and(|node| filesystem.node(node).kind == Kind::Symlink);
    let in_usr = filesystem.child(NodeId::ROOT, b"usr");
    is_link && in_usr.and_then(|usr| filesystem.child(usr, name)).is_some()
}
