//! Directories that the text of a step tells: an installer's word is in it, and what it stored is in
//! a directory that bears the component's name.

use std::collections::BTreeMap;

use super::{is_name_of, is_root, outermost};
use crate::component::knowledge::Row;
use crate::component::version::words;
use crate::component::{Making, Naming};
use crate::filesystem::NodeId;
use crate::image::Image;
use crate::ledger::Ledger;
use crate::pattern::component_fits;

/// The steps that install each row, by their positions in the image, each with the word that says so.
pub(super) type Installers = BTreeMap<usize, BTreeMap<usize, String>>;

/// The directories that are told so, by their rows.
pub(super) type Named = BTreeMap<(usize, NodeId), Naming>;

/// Words of all steps that are looked at.
const WORDS: usize = 200_000;
/// Bytes of a word that are kept.
const LONGEST: usize = 200;

/// The steps that install each row.
pub(super) fn installers(image: &Image, rows: &[Row]) -> Installers {
    let mut found = Installers::new();
    let mut left = WORDS;
    for (position, step) in image.steps.iter().enumerate().filter(|(_, step)| !step.empty) {
        for word in words(&step.instruction).take(left) {
            left -= 1;
            for row in (0..rows.len())
                .filter(|at| rows.get(*at).is_some_and(|row| row.is_installed_by(word)))
            {
                let kept = word.get(..word.floor_char_boundary(LONGEST)).unwrap_or_default();
                let steps = found.entry(row).or_default();
                steps.entry(position).or_insert_with(|| kept.to_owned());
            }
        }
    }
    found
}

impl Row {
    pub(in crate::component) fn is_installed_by(&self, word: &str) -> bool {
        let mut patterns = self.installers.iter();
        patterns.any(|pattern| component_fits(pattern.as_bytes(), word.as_bytes()))
    }
}

/// Adds the directories that bear a row's name and hold what a step that installs it stored: of
/// each step the one with the most bytes, if more than half of them are of that step.
pub(super) fn add(
    image: &Image,
    ledger: &Ledger,
    rows: &[Row],
    installers: &Installers,
    roots: &mut [Vec<NodeId>],
) -> Named {
    let candidates = candidates(ledger, rows, installers);
    let mut named = Named::new();
    for (row, steps) in installers {
        let nodes = candidates.get(row).map_or(&[][..], Vec::as_slice);
        for (step, word) in steps {
            let stored = nodes.iter().map(|node| (stored_by(image, ledger, *node, *step), *node));
            let most = stored.filter(|(bytes, _)| *bytes > 0).max_by_key(|(bytes, _)| *bytes);
            let Some((bytes, node)) = most else { continue };
            if u128::from(bytes) * 2 > u128::from(all_bytes(ledger, node)) {
                let naming = Naming { step: *step, word: word.clone() };
                named.entry((*row, node)).or_insert(naming);
            }
        }
    }
    for (row, known) in roots.iter_mut().enumerate() {
        let told = named.range((row, NodeId::ROOT)..).take_while(|((at, _), _)| *at == row);
        let told: Vec<NodeId> = told.map(|((_, node), _)| *node).collect();
        named.retain(|(at, node), _| *at != row || !known.contains(node));
        if !told.is_empty() {
            *known = outermost(ledger, known.iter().copied().chain(told).collect());
        }
    }
    named
}

/// The outermost directories that bear the name of a row that a step installs.
fn candidates(
    ledger: &Ledger,
    rows: &[Row],
    installers: &Installers,
) -> BTreeMap<usize, Vec<NodeId>> {
    let mut found: BTreeMap<usize, Vec<NodeId>> = BTreeMap::new();
    // Packages say themselves where they are.
    let asked = installers.keys().filter_map(|at| Some((*at, rows.get(*at)?)));
    let asked: Vec<(usize, &Row)> =
        asked.filter(|(_, row)| row.making != Making::Packages).collect();
    if asked.is_empty() {
        return found;
    }
    ledger.for_each_below(NodeId::ROOT, |node, names, is_directory| {
        let Some(name) = names.last().filter(|_| is_directory) else { return };
        for (at, _) in asked.iter().filter(|(_, row)| is_name_of(name, &row.id)) {
            if is_root(ledger, node, 0) {
                found.entry(*at).or_default().push(node);
            }
        }
    });
    found
}

/// Visible content bytes in a directory that a step stored.
fn stored_by(image: &Image, ledger: &Ledger, node: NodeId, step: usize) -> u64 {
    let is_of = |layer: usize| image.layers.get(layer).is_some_and(|at| at.step == Some(step));
    let files = ledger.inside(node).iter().copied();
    ledger.sum(files.filter(|file| is_of(ledger.atom(*file).layer))).bytes
}

fn all_bytes(ledger: &Ledger, node: NodeId) -> u64 {
    ledger.sum(ledger.inside(node).iter().copied()).bytes
}
