//! What a later layer stores in the place of a hidden file.

use std::collections::HashMap;

use crate::filesystem::{How, NodeId};
use crate::layer::{Attributes, Entry, Kind};
use crate::ledger::{AtomId, Ledger};

/// The entries that replaced files, by layer and path.
pub(super) struct Successors<'a> {
    ledger: &'a Ledger,
    entries: HashMap<(usize, NodeId), Option<u32>>,
}

impl<'a> Successors<'a> {
    /// Looks once at the layers that replace something.
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        let replaces =
            |how| matches!(how, How::OverwriteSame | How::OverwriteChanged | How::Overwrite);
        let mut entries: HashMap<(usize, NodeId), Option<u32>> = HashMap::new();
        let filesystem = ledger.filesystem();
        let mut layers = vec![false; filesystem.layers()];
        for file in ledger.dead() {
            let atom = ledger.atom(file);
            if let Some(hidden) = atom.hidden.filter(|hidden| replaces(hidden.how)) {
                entries.insert((hidden.layer, atom.node), None);
                layers[hidden.layer] = true;
            }
        }
        for layer in (0..layers.len()).filter(|layer| layers[*layer]) {
            let Some(toc) = filesystem.toc(layer) else { continue };
            for (at, entry) in (0..).zip(&toc.entries) {
                if matches!(entry.kind, Kind::File | Kind::Hardlink)
                    && let Some(place) = entries.get_mut(&(layer, filesystem.place(layer, entry)))
                {
                    *place = Some(at);
                }
            }
        }
        Self { ledger, entries }
    }

    /// Where a hidden file was, what its mode and owner became; `None` if it was hidden under
    /// another name.
    pub(super) fn attributes(&self, file: AtomId) -> Option<Attributes> {
        let toc = self.ledger.filesystem().toc(self.ledger.atom(file).hidden?.layer)?;
        Some(toc.attributes(self.entry(file)?))
    }

    /// The size of what replaced a hidden file; `None` also for another name of a file.
    pub(super) fn size(&self, file: AtomId) -> Option<u64> {
        self.entry(file).filter(|entry| entry.kind == Kind::File).map(|entry| entry.size)
    }

    fn entry(&self, file: AtomId) -> Option<&'a Entry> {
        let atom = self.ledger.atom(file);
        let hidden = atom.hidden?;
        let at = (*self.entries.get(&(hidden.layer, atom.node))?)?;
        self.ledger.filesystem().toc(hidden.layer)?.entries.get(at as usize)
    }
}
