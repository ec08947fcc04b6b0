//! What a later layer stores in the place of a hidden file.

use crate::filesystem::{Filesystem, How};
use crate::layer::{Attributes, Entry, Kind};
use crate::ledger::{AtomId, Ledger};

const NONE: u32 = u32::MAX;

/// The entries that replaced files, by file.
pub(super) struct Successors(Vec<u32>);

impl Successors {
    /// Looks once at the layers that replace something.
    pub(super) fn new(ledger: &Ledger) -> Self {
        let filesystem = ledger.filesystem();
        let mut found = vec![NONE; ledger.atoms().len()];
        let mut replaced: Vec<Vec<AtomId>> = vec![Vec::new(); filesystem.layers()];
        for file in ledger.dead() {
            let hidden = ledger.atom(file).hidden.filter(|hidden| replaces(hidden.how));
            if let Some(files) = hidden.and_then(|hidden| replaced.get_mut(hidden.layer)) {
                files.push(file);
            }
        }
        // By node, an entry of the layer that is looked at.
        let mut entries = vec![NONE; filesystem.ids().count()];
        for (layer, files) in replaced.iter().enumerate().filter(|(_, files)| !files.is_empty()) {
            for (node, at) in stored(filesystem, layer) {
                entries[node] = at;
            }
            for file in files {
                found[file.index()] = entries[ledger.atom(*file).node.index()];
            }
            for (node, _) in stored(filesystem, layer) {
                entries[node] = NONE;
            }
        }
        Self(found)
    }

    /// Where a hidden file was, what its mode and owner became; `None` if it was hidden under
    /// another name.
    pub(super) fn attributes(&self, ledger: &Ledger, file: AtomId) -> Option<Attributes> {
        let toc = ledger.filesystem().toc(ledger.atom(file).hidden?.layer)?;
        Some(toc.attributes(self.entry(ledger, file)?))
    }

    /// The size of what replaced a hidden file; `None` also for another name of a file.
    pub(super) fn size(&self, ledger: &Ledger, file: AtomId) -> Option<u64> {
        self.entry(ledger, file).filter(|entry| entry.kind == Kind::File).map(|entry| entry.size)
    }

    fn entry<'a>(&self, ledger: &'a Ledger, file: AtomId) -> Option<&'a Entry> {
        let hidden = ledger.atom(file).hidden?;
        let at = *self.0.get(file.index()).filter(|at| **at != NONE)?;
        ledger.filesystem().toc(hidden.layer)?.entries.get(at as usize)
    }
}

fn replaces(how: How) -> bool {
    matches!(how, How::OverwriteSame | How::OverwriteChanged | How::Overwrite)
}

/// The places of a layer's files and links to them, and their entries.
fn stored(filesystem: &Filesystem, layer: usize) -> impl Iterator<Item = (usize, u32)> {
    let entries = filesystem.toc(layer).map_or(&[][..], |toc| &toc.entries);
    let files =
        (0..).zip(entries).filter(|(_, entry)| matches!(entry.kind, Kind::File | Kind::Hardlink));
    files.map(move |(at, entry)| (filesystem.place(layer, entry).index(), at))
}
