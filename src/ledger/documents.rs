//! The contents that were kept while layers passed, by name.

use std::collections::BTreeMap;

use super::{AtomId, Ledger};
use crate::filesystem::{Hidden, NodeId};

/// What was kept of one stored file's content.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// The file.
    pub atom: AtomId,
    /// Where its layer has it.
    pub node: NodeId,
    /// The layer that stores it.
    pub layer: usize,
    /// What hides it; `None` while it is visible.
    pub hidden: Option<Hidden>,
    /// The first bytes; all of them if it [is complete](Self::is_complete).
    pub head: &'a [u8],
    /// The last bytes, where some are missing in between.
    pub tail: &'a [u8],
    /// Content bytes of the file.
    pub size: u64,
}

impl Document<'_> {
    /// Whether nothing of the content is missing.
    pub fn is_complete(&self) -> bool {
        self.head.len() as u64 == self.size
    }
}

/// The documents of all layers.
#[derive(Debug, Default)]
pub struct Documents<'a> {
    by_name: BTreeMap<&'a [u8], Vec<Document<'a>>>,
}

impl<'a> Documents<'a> {
    /// Collects them.
    pub fn new(ledger: &'a Ledger) -> Self {
        let filesystem = ledger.filesystem();
        let mut by_name: BTreeMap<&[u8], Vec<Document<'_>>> = BTreeMap::new();
        for (id, atom) in ledger.ids().zip(ledger.atoms()) {
            let Some(toc) = filesystem.toc(atom.layer) else { continue };
            let position = |entry: u32| entry as usize;
            let Ok(at) =
                toc.captures.binary_search_by_key(&atom.entry, |capture| position(capture.entry))
            else {
                continue;
            };
            let capture = &toc.captures[at];
            let node = filesystem.place(atom.layer, &toc.entries[atom.entry]);
            by_name.entry(filesystem.name(node)).or_default().push(Document {
                atom: id,
                node,
                layer: atom.layer,
                hidden: atom.hidden,
                head: &capture.head,
                tail: &capture.tail,
                size: atom.bytes,
            });
        }
        Self { by_name }
    }

    /// Those with a name, base layers first.
    pub fn named(&self, name: &[u8]) -> &[Document<'a>] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// All, by name and then by layer.
    pub fn all(&self) -> impl Iterator<Item = &Document<'a>> {
        self.by_name.values().flatten()
    }

    /// The visible one at a node.
    pub fn at(&self, ledger: &Ledger, node: NodeId) -> Option<&Document<'a>> {
        let atom = ledger.atom_at(node)?;
        let own = ledger.filesystem().place(ledger.atom(atom).layer, ledger.entry(atom)?);
        self.named(ledger.filesystem().name(own)).iter().find(|document| document.atom == atom)
    }
}
