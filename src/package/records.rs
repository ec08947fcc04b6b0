//! The kept documents as records of packages: under each visible name, and not those of caches.

use std::collections::HashMap;

use super::{Ecosystem, Package};
use crate::filesystem::{Hidden, NodeId};
use crate::ledger::{Document, Documents, Ledger};

/// Names of one document that are looked at: one for each environment that shares its files.
const MAX_LINKS: usize = 32;
/// Directories above a record that are looked at.
const MAX_DEPTH: usize = 64;

/// A document at one of its names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// Where it is.
    pub(super) node: NodeId,
    /// The directory that it is in.
    pub(super) parent: NodeId,
    /// The layer that stores it.
    pub(super) layer: usize,
    /// What hides it.
    pub(super) removed: Option<Hidden>,
    /// Its content, the first part of it if it is not complete.
    pub(super) content: &'a [u8],
    /// Whether nothing of the content is missing.
    pub(super) is_complete: bool,
}

/// Records by directory, to be found beside others.
pub(super) struct Siblings<'a>(HashMap<NodeId, Vec<Record<'a>>>);

/// The records with a name, base layers first.
pub(super) fn named<'a>(
    ledger: &'a Ledger,
    documents: &Documents<'a>,
    name: &[u8],
) -> Vec<Record<'a>> {
    let documents = documents.named(name).iter();
    documents.flat_map(|document| at_each_name(ledger, document)).collect()
}

/// The records whose names end with some text, by name and layer.
pub(super) fn ending<'a>(
    ledger: &'a Ledger,
    documents: &Documents<'a>,
    end: &[u8],
) -> Vec<Record<'a>> {
    let name = |document: &Document<'_>| ledger.filesystem().name(document.node);
    let documents = documents.all().filter(|document| name(document).ends_with(end));
    documents.flat_map(|document| at_each_name(ledger, document)).collect()
}

fn at_each_name<'a>(
    ledger: &'a Ledger,
    document: &Document<'a>,
) -> impl Iterator<Item = Record<'a>> + use<'a> {
    let nodes: Vec<NodeId> = match document.hidden {
        Some(_) => vec![document.node],
        None => ledger.names(document.atom).take(MAX_LINKS).collect(),
    };
    let document = *document;
    let nodes = nodes.into_iter().filter(|node| !is_cached(ledger, *node));
    nodes.map(move |node| Record {
        node,
        parent: ledger.filesystem().parent(node),
        layer: document.layer,
        removed: document.hidden,
        content: document.head,
        is_complete: document.is_complete(),
    })
}

/// Whether a file is in an unpacked package that is kept for installing it again.
fn is_cached(ledger: &Ledger, node: NodeId) -> bool {
    let filesystem = ledger.filesystem();
    let mut above = ancestors(ledger, node);
    above.any(|directory| {
        // uv's, and conda's with its description of the package.
        filesystem.name(directory).starts_with(b"archive-v")
            || (filesystem.name(filesystem.parent(directory)) == b"pkgs"
                && ledger.child(directory, b"info").is_some())
    })
}

/// The directories that a node is in, the nearest first, without the root.
pub(super) fn ancestors(ledger: &Ledger, node: NodeId) -> impl Iterator<Item = NodeId> {
    let filesystem = ledger.filesystem();
    let parent = |node: &NodeId| Some(filesystem.parent(*node));
    let above = std::iter::successors(parent(&node), parent);
    above.take_while(|directory| *directory != NodeId::ROOT).take(MAX_DEPTH)
}

impl Record<'_> {
    /// A package of which this is the record.
    pub(super) fn package(&self, ledger: &Ledger, of: Ecosystem, location: NodeId) -> Package {
        Package {
            ecosystem: of,
            location: ledger.filesystem().path(location),
            layer: self.layer,
            removed: self.removed,
            files: vec![self.node],
            ..Package::default()
        }
    }
}

impl<'a> Siblings<'a> {
    /// Those with a name.
    pub(super) fn named(ledger: &'a Ledger, documents: &Documents<'a>, name: &[u8]) -> Self {
        let mut siblings: HashMap<NodeId, Vec<Record<'a>>> = HashMap::new();
        for record in named(ledger, documents, name) {
            siblings.entry(record.parent).or_default().push(record);
        }
        Self(siblings)
    }

    /// The one in a directory that goes with a record: the last up to its layer, else the first.
    pub(super) fn beside(&self, directory: NodeId, record: &Record<'_>) -> Option<&Record<'a>> {
        // In the order of layers, as the documents are.
        let all = self.0.get(&directory)?;
        let up_to = all.partition_point(|sibling| sibling.layer <= record.layer);
        all.get(up_to.saturating_sub(1))
    }
}
