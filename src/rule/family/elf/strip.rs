//! The command that strips what one step wrote, and no file of the steps before it: to rewrite
//! such a file stores it a second time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::super::steps::{common_directory, run_of};
use super::MB;
use crate::filesystem::NodeId;
use crate::image::{Image, Origin};
use crate::ledger::{AtomId, Ledger};
use crate::package::Ecosystem;
use crate::rule::purpose::installs_through_apt;
use crate::rule::quote::all_quoted;
use crate::rule::{Candidate, Facts, Phrase};

/// Places that a command names; of more, those with the most bytes.
const MOST: usize = 20;
/// Installing a program rewrites the databases of packages, which is not worth less than this.
const WORTH: u64 = 10 * MB;

/// A file or directory, and what stripping takes away there.
struct Place {
    path: Vec<u8>,
    bytes: u64,
    is_file: bool,
}

/// Adds the command to a candidate of a layer's files, or says what to do where there is none.
pub(super) fn advise(
    facts: &Facts<'_>,
    layer: usize,
    files: &[(AtomId, u64)],
    candidate: Candidate,
) -> Candidate {
    let candidate = candidate.fill("strip", command(facts.ledger, layer, files));
    let mut candidate = candidate;
    if run_of(facts, layer).is_none() {
        candidate.snippet = Some("# strip the files before they are copied into the image: in their build, or in\n# the stage that they come from\n# {{strip}}".to_owned());
        return candidate;
    }
    if has_strip(facts, layer) {
        return candidate;
    }
    let is_worth = files.iter().map(|(_, bytes)| bytes).sum::<u64>() >= WORTH;
    candidate.snippet = Some(if is_worth && can_install(facts, layer) {
        "RUN {{cmd}} \\\n && apt-get update && apt-get install -y --no-install-recommends binutils && {{strip}} && apt-get purge -y --auto-remove binutils && rm -rf /var/lib/apt/lists/*".to_owned()
    } else {
        "# strip is in the package binutils; install and remove it in the step that makes the files,\n# or strip them in a builder stage:\n# {{strip}}".to_owned()
    });
    let note = "The image has no strip when the step runs: binutils has to be installed in it first, and removed there again.";
    candidate.note(Phrase::words(note))
}

/// Strips a layer's files, and does not fail where one of them cannot be.
fn command(ledger: &Ledger, layer: usize, files: &[(AtomId, u64)]) -> String {
    let places = places(ledger, layer, files);
    let (single, trees): (Vec<&Place>, Vec<&Place>) = places.iter().partition(|at| at.is_file);
    let list = |places: &[&Place]| all_quoted(places.iter().map(|place| place.path.as_slice()));
    let mut commands = Vec::new();
    if !single.is_empty() {
        commands.push(format!("strip --strip-unneeded {}", list(&single)));
    }
    if !trees.is_empty() {
        let which = "-xdev -type f \\( -name '*.so*' -o -perm /111 \\)";
        let run = "-exec strip --strip-unneeded {} + 2>/dev/null";
        commands.push(format!("find {} {which} {run}", list(&trees)));
    }
    format!("{{ {} || true; }}", commands.join("; "))
}

/// The files, or directories of them in which no earlier layer has an executable.
fn places(ledger: &Ledger, layer: usize, files: &[(AtomId, u64)]) -> Vec<Place> {
    let filesystem = ledger.filesystem();
    let mixed = directories_below(ledger, layer);
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
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        if let [(file, _)] = files[..] {
            return Place { path: ledger.path(file), bytes, is_file: true };
        }
        let files: Vec<AtomId> = files.into_iter().map(|(file, _)| file).collect();
        let path = filesystem.path(common_directory(ledger, &files));
        Place { path, bytes, is_file: false }
    };
    let mut places: Vec<Place> = groups.into_values().map(place).collect();
    places.sort_by(|a, b| (Reverse(a.bytes), &a.path).cmp(&(Reverse(b.bytes), &b.path)));
    places.truncate(MOST);
    places
}

/// The directories with executables that a layer finds there.
fn directories_below(ledger: &Ledger, layer: usize) -> HashSet<NodeId> {
    let filesystem = ledger.filesystem();
    let mut found = HashSet::from([NodeId::ROOT]);
    let is_there = |file: &AtomId| {
        let atom = ledger.atom(*file);
        let stays = atom.hidden.is_none_or(|hidden| hidden.layer > layer);
        atom.layer < layer && stays && ledger.elf(*file).is_some()
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

/// Whether a step finds `strip`, as far as it is still there in the end.
fn has_strip(facts: &Facts<'_>, layer: usize) -> bool {
    const PLACES: [&[u8]; 6] = [
        b"usr/bin/strip",
        b"usr/bin/x86_64-linux-gnu-strip",
        b"usr/bin/aarch64-linux-gnu-strip",
        b"usr/local/bin/strip",
        b"opt/conda/bin/strip",
        b"bin/strip",
    ];
    let files = PLACES.iter().filter_map(|path| facts.ledger.atom_at(facts.ledger.find(path)?));
    files.into_iter().any(|file| facts.ledger.atom(file).layer <= layer)
}

/// Whether a step can install and remove a package of Debian's: as root, and where nothing else is
/// removed because nothing needs it.
fn can_install(facts: &Facts<'_>, layer: usize) -> bool {
    let mut packages = facts.inventory.of(Ecosystem::Dpkg).peekable();
    let needed = facts.graph(Ecosystem::Dpkg).closure(true);
    packages.peek().is_some()
        && facts.image.layers.get(layer).is_some_and(|layer| layer.origin != Origin::Base)
        && runs_as_root(facts.image, layer)
        && !installs_through_apt(facts)
        && packages.all(|(id, package)| {
            package.requested != Some(false) || package.essential || needed.contains(&id)
        })
}

/// Whether no `USER` before a layer's step names another account.
fn runs_as_root(image: &Image, layer: usize) -> bool {
    let Some(step) = image.layers.get(layer).and_then(|layer| layer.step) else { return false };
    let before = image.steps.iter().take(step).rev();
    let mut users = before.filter_map(|step| step.instruction.strip_prefix("USER "));
    let user = users.next().map(|user| user.split(':').next().unwrap_or_default().trim());
    matches!(user, None | Some("root" | "0"))
}
