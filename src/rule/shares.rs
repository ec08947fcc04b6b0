//! Where a candidate's bytes are: by layer, path and owner.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::Facts;
use super::candidate::Claim;
use super::finding::{PathShare, Saving, StepShare};
use crate::filesystem::{Amount, NodeId};
use crate::ledger::{AtomId, Ledger};
use crate::owner::OwnerId;

/// Paths that a finding lists.
const PATHS: usize = 10;
/// Paths of each layer that a fix is written for.
const LAYER_PATHS: usize = 2000;
/// Owners that it lists.
const OWNERS: usize = 10;
/// Hidden files are told by directories of so many components.
const DEPTH: usize = 4;

#[derive(Default)]
pub(super) struct Shares {
    pub(super) files: u64,
    pub(super) steps: Vec<StepShare>,
    pub(super) paths: Vec<PathShare>,
    pub(super) more_paths: u64,
    pub(super) owners: Vec<OwnerId>,
    /// The largest paths of each layer, and how many there are beside those.
    pub(super) by_layer: BTreeMap<usize, (Vec<PathShare>, u64)>,
}

/// The shares of a claim; those of paths by layer only if they are wanted.
pub(super) fn shares(facts: &Facts<'_>, claim: &Claim, by_layer: bool) -> Shares {
    let files: Vec<AtomId> = match claim {
        Claim::Files(files) => files.iter().map(|(file, _)| *file).collect(),
        Claim::Parts(files) => files.iter().map(|(file, _)| *file).collect(),
        Claim::View(files) => files.clone(),
        Claim::Download(_) | Claim::Figure(_) => Vec::new(),
    };
    let ledger = facts.ledger;
    let mut steps: BTreeMap<usize, Saving> = BTreeMap::new();
    let mut owners: HashMap<OwnerId, u64> = HashMap::new();
    for file in &files {
        let atom = ledger.atom(*file);
        *steps.entry(atom.layer).or_default() += atom.amount().into();
        *owners.entry(facts.owners.of(*file)).or_default() += atom.bytes;
    }
    let mut owners: Vec<(OwnerId, u64)> = owners.into_iter().collect();
    owners.sort_unstable_by_key(|(owner, bytes)| (Reverse(*bytes), *owner));
    let (live, dead): (Vec<AtomId>, Vec<AtomId>) =
        files.iter().partition(|file| ledger.atom(**file).is_live());
    let mut paths = live_paths(ledger, &live);
    paths.extend(dead_paths(ledger, &dead));
    let by_layer = if by_layer { of_layers(ledger, &paths) } else { BTreeMap::new() };
    let (paths, more_paths) = largest(ledger, paths, PATHS);
    Shares {
        files: files.len() as u64,
        steps: steps
            .into_iter()
            .map(|(layer, gross)| StepShare { layer, gross, ..StepShare::default() })
            .collect(),
        paths,
        more_paths,
        by_layer,
        owners: owners.into_iter().take(OWNERS).map(|(owner, _)| owner).collect(),
    }
}

/// A path and the files at or below it.
type Share = (NodeId, usize, Amount);

fn of_layers(ledger: &Ledger, shares: &[Share]) -> BTreeMap<usize, (Vec<PathShare>, u64)> {
    let mut layers: BTreeMap<usize, Vec<Share>> = BTreeMap::new();
    for share in shares {
        layers.entry(share.1).or_default().push(*share);
    }
    let of = |(layer, shares)| (layer, largest(ledger, shares, LAYER_PATHS));
    layers.into_iter().map(of).collect()
}

fn largest(ledger: &Ledger, mut shares: Vec<Share>, most: usize) -> (Vec<PathShare>, u64) {
    let key = |(node, layer, amount): &Share| (Reverse(amount.bytes), *node, *layer);
    if shares.len() > most {
        shares.select_nth_unstable_by_key(most - 1, key);
    }
    let more = shares.len().saturating_sub(most);
    shares.truncate(most);
    shares.sort_unstable_by_key(key);
    let share = |(node, layer, amount): Share| PathShare {
        path: ledger.filesystem().path(node),
        layer,
        gross: amount.into(),
        files: amount.files,
    };
    (shares.into_iter().map(share).collect(), more as u64)
}

/// The directories of which all visible files are among these, and the files beside them.
///
/// A directory is the uppermost such, or, where that has a single child, the one in which the ways
/// part.
fn live_paths(ledger: &Ledger, files: &[AtomId]) -> Vec<Share> {
    let place = |file: &AtomId| ledger.span(ledger.atom(*file).node).start;
    let mut places: Vec<usize> = files.iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    let mut found = Vec::new();
    let mut rest = &places[..];
    while let Some(start) = rest.first() {
        let (node, length) = uppermost(ledger, ledger.live()[*start], rest);
        let inside = &ledger.live()[*start..start + length];
        let heaviest = inside.iter().max_by_key(|file| ledger.atom(**file).bytes);
        let layer = heaviest.map_or(0, |file| ledger.atom(*file).layer);
        found.push((narrowest(ledger, node, inside), layer, ledger.sum(inside.iter().copied())));
        rest = &rest[length..];
    }
    found
}

/// The highest directory that begins with a file and holds wanted ones alone, and how many.
/// `places` are those of the wanted ones among the visible, from the file on.
fn uppermost(ledger: &Ledger, file: AtomId, places: &[usize]) -> (NodeId, usize) {
    let (mut node, mut length) = (ledger.atom(file).node, 1);
    loop {
        let parent = ledger.filesystem().parent(node);
        let range = ledger.span(parent);
        let wanted = places.partition_point(|place| *place < range.end);
        if parent == NodeId::ROOT || Some(&range.start) != places.first() || wanted < range.len() {
            return (node, length);
        }
        (node, length) = (parent, wanted);
    }
}

/// The lowest directory at or below `node` that has all of the files.
fn narrowest(ledger: &Ledger, node: NodeId, files: &[AtomId]) -> NodeId {
    let (Some(first), Some(last)) = (files.first(), files.last()) else { return node };
    let (first, last) = (ledger.atom(*first).node, ledger.atom(*last).node);
    let mut common = first;
    while common != node && !ledger.is_inside(last, common) {
        common = ledger.filesystem().parent(common);
    }
    common
}

/// Hidden files by directories near the root.
fn dead_paths(ledger: &Ledger, files: &[AtomId]) -> Vec<Share> {
    let filesystem = ledger.filesystem();
    let mut groups: HashMap<(NodeId, usize), (Amount, AtomId)> = HashMap::new();
    for file in files {
        let atom = ledger.atom(*file);
        let mut above = vec![filesystem.parent(atom.node)];
        while let Some(last) = above.last().filter(|last| **last != NodeId::ROOT) {
            above.push(filesystem.parent(*last));
        }
        above.pop();
        let group = above.len().checked_sub(DEPTH).map_or(above.first(), |at| above.get(at));
        let group = group.copied().unwrap_or(atom.node);
        let (sum, _) = groups.entry((group, atom.layer)).or_insert((Amount::default(), *file));
        *sum += atom.amount();
    }
    let share = |((node, layer), (amount, file)): ((NodeId, usize), (Amount, AtomId))| {
        let node = if amount.files == 1 { ledger.atom(file).node } else { node };
        (node, layer, amount)
    };
    groups.into_iter().map(share).collect()
}
