//! The command that strips what one step wrote, and no file of the steps before it: to rewrite
//! such a file stores it a second time.

use super::super::places::{Place, places};
use super::super::steps::{is_base, run_of, user_of};
use super::MB;
use crate::ledger::{AtomId, Ledger};
use crate::package::Ecosystem;
use crate::rule::purpose::installs_through_apt;
use crate::rule::quote::all_quoted;
use crate::rule::{Candidate, Facts, Phrase};

/// Places that a command names; of more, those with the most bytes.
const MOST: usize = 20;
/// Installing a program rewrites the databases of packages, which is not worth less than this.
const WORTH: u64 = 10 * MB;

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
    let is_elf = |file| ledger.elf(file).is_some();
    let mut places = places(ledger, layer, files, is_elf);
    places.truncate(MOST);
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
        && !is_base(facts.image, layer)
        && user_of(facts.image, layer).is_none()
        && !installs_through_apt(facts)
        && packages.all(|(id, package)| {
            package.requested != Some(false) || package.essential || needed.contains(&id)
        })
}
