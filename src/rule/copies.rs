//! Directories with the same names and contents, apart from what goes anyway.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::{Claim, Detect, Facts, Phase, paths, rules};
use crate::filesystem::NodeId;
use crate::layer::{Kind, Link};
use crate::ledger::{AtomId, Ledger};

/// Smaller trees are no finding.
pub(super) const MIN: u64 = 5_000_000;
/// What is there more than once as a whole.
pub(super) struct Copies {
    /// By file, whether a rule takes it that claims before copies are looked for.
    pub(super) leaving: Vec<bool>,
    pub(super) trees: Vec<Tree>,
}

/// A directory and others that are like it.
pub(super) struct Tree {
    pub(super) kept: NodeId,
    pub(super) others: Vec<NodeId>,
    /// The files that go with the copies.
    pub(super) files: Vec<AtomId>,
}

impl Copies {
    pub(super) fn new(facts: &Facts<'_>) -> Self {
        let leaving = leaving(facts);
        Self { trees: trees(facts.ledger, &leaving), leaving }
    }
}

/// By file, whether a rule takes it that claims before copies are looked for.
fn leaving(facts: &Facts<'_>) -> Vec<bool> {
    let mut leaving = vec![false; facts.ledger.atoms().len()];
    for rule in rules().iter().filter(|rule| rule.phase == Phase::Unread) {
        let Detect::Paths(rows) = &rule.detect else { continue };
        for candidate in paths::detect(facts, rule, rows) {
            let Claim::Files(files) = candidate.claim else { continue };
            let sum = facts.ledger.sum(files.iter().map(|(file, _)| *file));
            if sum.bytes.max(sum.compressed) >= rule.min {
                for (file, _) in files {
                    leaving[file.index()] = true;
                }
            }
        }
    }
    leaving
}

/// The largest directories with equal ones, each file at most once. Takes time linear in the paths
/// and, for large directories, their depth.
///
/// A file that goes with a copy always has its like in a directory that stays.
fn trees(ledger: &Ledger, leaving: &[bool]) -> Vec<Tree> {
    let (digests, sizes) = digests(ledger, leaving);
    let mut groups: HashMap<u128, Vec<NodeId>> = HashMap::new();
    for node in ledger.tree().iter().skip(1) {
        if sizes[node.index()] >= MIN && is_whole(ledger, *node) {
            groups.entry(digests[node.index()]).or_default().push(*node);
        }
    }
    let mut groups: Vec<Vec<NodeId>> =
        groups.into_values().filter(|nodes| nodes.len() > 1).collect();
    // What holds another tree comes before it.
    groups.sort_by_cached_key(|nodes| {
        (Reverse(sizes[nodes[0].index()]), depth(ledger, nodes[0]), nodes[0])
    });
    let mut going: HashSet<NodeId> = HashSet::new();
    let mut found = Vec::new();
    for mut nodes in groups {
        nodes.retain(|node| !is_in(ledger, *node, &going));
        nodes.sort_by_cached_key(|node| rank(ledger, *node));
        let [kept, copies @ ..] = &nodes[..] else { continue };
        if copies.is_empty() {
            continue;
        }
        going.extend(copies);
        let mut files = ledger.select(copies);
        files.retain(|file| !leaving[file.index()]);
        found.push(Tree { kept: *kept, others: copies.to_vec(), files });
    }
    found
}

/// Whether a node is a directory that has more in it than one directory.
fn is_whole(ledger: &Ledger, node: NodeId) -> bool {
    let kind = |node: NodeId| ledger.filesystem().node(node).kind;
    if kind(node) != Kind::Directory {
        return false;
    }
    let children = ledger.filesystem().children(node);
    children.len() > 1 || children.first().is_some_and(|child| kind(*child) != Kind::Directory)
}

/// The earliest stays, then the one of the shortest path.
fn rank(ledger: &Ledger, node: NodeId) -> (usize, usize, Vec<u8>) {
    let first = ledger.inside(node).first();
    let path = ledger.filesystem().path(node);
    (first.map_or(usize::MAX, |file| ledger.atom(*file).layer), path.len(), path)
}

fn depth(ledger: &Ledger, node: NodeId) -> usize {
    above(ledger, node).count()
}

/// A node and the directories above it.
fn above(ledger: &Ledger, node: NodeId) -> impl Iterator<Item = NodeId> {
    let parent = |node: &NodeId| (*node != NodeId::ROOT).then(|| ledger.filesystem().parent(*node));
    std::iter::successors(Some(node), parent)
}

fn is_in(ledger: &Ledger, node: NodeId, directories: &HashSet<NodeId>) -> bool {
    above(ledger, node).any(|node| directories.contains(&node))
}

/// By node: a digest of what is there and below, and the bytes of files that do not leave.
fn digests(ledger: &Ledger, leaving: &[bool]) -> (Vec<u128>, Vec<u64>) {
    let filesystem = ledger.filesystem();
    let nodes = filesystem.ids().count();
    let mut digests = vec![0_u128; nodes];
    let mut sizes = vec![0_u64; nodes];
    let mut buffer = Vec::new();
    // What is in a directory comes before it, each time in the same order.
    for node in ledger.tree().iter().rev() {
        let at = node.index();
        let shown = filesystem.node(*node);
        if shown.kind != Kind::Directory {
            digests[at] = leaf(ledger, *node, &mut buffer);
            if let Some(file) = ledger.atom_at(*node).filter(|_| shown.counted)
                && !leaving[file.index()]
            {
                sizes[at] = ledger.atom(file).bytes;
            }
        }
        if *node == NodeId::ROOT {
            break;
        }
        let parent = filesystem.parent(*node).index();
        buffer.clear();
        buffer.extend_from_slice(&digests[parent].to_le_bytes());
        buffer.extend_from_slice(&digests[at].to_le_bytes());
        buffer.extend_from_slice(filesystem.name(*node));
        digests[parent] = hash(&buffer);
        sizes[parent] = sizes[parent].saturating_add(sizes[at]);
    }
    (digests, sizes)
}

/// A digest of what is not a directory: kind, mode and content. What is not known is like nothing
/// else.
fn leaf(ledger: &Ledger, node: NodeId, buffer: &mut Vec<u8>) -> u128 {
    let filesystem = ledger.filesystem();
    buffer.clear();
    if let Some(file) = ledger.atom_at(node)
        && let Some((hashing, size, hash)) = ledger.identity(file)
    {
        buffer.extend_from_slice(&[1, hashing as u8]);
        buffer.extend_from_slice(&size.to_le_bytes());
        buffer.extend_from_slice(&hash.0);
        buffer.extend_from_slice(&ledger.attributes(file).mode.to_le_bytes());
        return self::hash(buffer);
    }
    let shown = filesystem.node(node);
    let toc = shown.layer.and_then(|layer| filesystem.toc(layer));
    let entry = toc.zip(shown.entry).and_then(|(toc, entry)| Some((toc, toc.entries.get(entry)?)));
    if let Some((toc, Link::Symbolic(text))) =
        entry.and_then(|(toc, entry)| Some((toc, entry.link?)))
    {
        buffer.push(2);
        buffer.extend_from_slice(toc.text(text));
    } else {
        buffer.push(3);
        buffer.extend_from_slice(&(node.index() as u64).to_le_bytes());
    }
    hash(buffer)
}

fn hash(bytes: &[u8]) -> u128 {
    twox_hash::XxHash3_128::oneshot(bytes)
}
