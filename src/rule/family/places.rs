//! Where the files of one step are, without those of the steps before it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::steps::common_directory;
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};

/// A file or directory of a step.
pub(super) struct Place {
    /// Without a slash at the start.
    pub(super) path: Vec<u8>,
    /// The bytes of the files there.
    pub(super) bytes: u64,
    pub(super) is_file: bool,
}

/// The files of a layer, given with their bytes, or directories of them in which no earlier layer
/// has a file that matters; the largest first.
pub(super) fn places(
    ledger: &Ledger,
    layer: usize,
    files: &[(AtomId, u64)],
    matters: impl Fn(AtomId) -> bool,
) -> Vec<Place> {
    let filesystem = ledger.filesystem();
    let mixed = directories_below(ledger, layer, matters);
    let mut groups: BTreeMap<NodeId, Vec<(AtomId, u64)>> = BTreeMap::new();
    for (file, bytes) in files {
        let mut at = ledger.atom(*file).node;
        loop {
            let above = filesystem.parent(at);
            if above == NodeId::ROOT || mixed.contains(&above) {
                break;
            }
            at = above;
        }
        groups.entry(at).or_default().push((*file, *bytes));
    }
    let place = |files: Vec<(AtomId, u64)>| {
        let bytes = files.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        if let [(file, _)] = files[..] {
            return Place { path: ledger.path(file), bytes, is_file: true };
        }
        let files: Vec<AtomId> = files.into_iter().map(|(file, _)| file).collect();
        let path = filesystem.path(common_directory(ledger, &files));
        Place { path, bytes, is_file: false }
    };
    let mut places: Vec<Place> = groups.into_values().map(place).collect();
    places.sort_by(|a, b| (Reverse(a.bytes), &a.path).cmp(&(Reverse(b.bytes), &b.path)));
    places
}

/// The directories with files that matter and that a layer finds there.
fn directories_below(
    ledger: &Ledger,
    layer: usize,
    matters: impl Fn(AtomId) -> bool,
) -> HashSet<NodeId> {
    let filesystem = ledger.filesystem();
    let mut found = HashSet::from([NodeId::ROOT]);
    let is_there = |file: &AtomId| {
        let atom = ledger.atom(*file);
        let stays = atom.hidden.is_none_or(|hidden| hidden.layer > layer);
        atom.layer < layer && stays && matters(*file)
    };
    for file in ledger.ids().filter(is_there) {
        for name in ledger.names(file) {
            let mut at = filesystem.parent(name);
            while found.insert(at) {
                at = filesystem.parent(at);
            }
        }
    }
    found
}
