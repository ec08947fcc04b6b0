//! A builder stage out of an image's own steps: those that install what compiles, those that
//! compile, and what these wrote.

use std::collections::BTreeMap;

use super::super::places::places;
use super::super::steps::{commands_of, is_base, run_of, set_before, user_of};
use crate::image::Action;
use crate::ledger::AtomId;
use crate::rule::Facts;
use crate::rule::quote::unquoted;

/// A step that installs less of the packages than this, in percent, is not moved for them.
const SHARE: u64 = 10;
/// More places than these are not copied one by one.
const MOST: usize = 8;

/// The steps of a stage and the copies out of it, as lines of a Dockerfile; `None` if no step is
/// seen to compile, or what it wrote is among files of others.
pub(super) fn steps(facts: &Facts<'_>, files: &[AtomId]) -> Option<(String, String)> {
    let mut stored: BTreeMap<usize, u64> = BTreeMap::new();
    for file in files.iter().map(|file| facts.ledger.atom(*file)) {
        let sum = stored.entry(file.layer).or_default();
        *sum = sum.saturating_add(file.bytes);
    }
    stored.retain(|layer, _| !is_base(facts.image, *layer));
    let whole = stored.values().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
    stored.retain(|_, bytes| bytes.saturating_mul(100) >= whole.saturating_mul(SHARE));
    let first = *stored.keys().next()?;
    let compiling: Vec<usize> =
        (first..facts.image.layers.len()).filter(|layer| compiles(facts, *layer)).collect();
    let mut copies: Vec<String> = Vec::new();
    for layer in &compiling {
        copies.extend(copied(facts, *layer)?);
    }
    let mut layers: Vec<usize> = stored.into_keys().chain(compiling).collect();
    layers.sort_unstable();
    layers.dedup();
    let mut lines: Vec<String> = Vec::new();
    let mut directory = None;
    for layer in layers {
        // Nothing tells the whole of a here-document.
        let command = run_of(facts, layer).filter(|command| !command.starts_with("<<"))?;
        let place = set_before(facts.image, layer, "WORKDIR");
        if place != directory {
            lines.extend(place.map(|place| format!("WORKDIR {place}")));
            directory = place;
        }
        lines.push(format!("RUN {command}"));
    }
    (!copies.is_empty()).then(|| (lines.join("\n"), copies.join("\n")))
}

/// Whether a step compiles what it downloads or has got: by a program that does, or by the scripts
/// of a repository that it clones.
fn compiles(facts: &Facts<'_>, layer: usize) -> bool {
    let commands = commands_of(facts, layer);
    let has = |is: fn(&Action) -> bool| commands.iter().any(|command| is(&command.action));
    has(|action| matches!(action, Action::Build))
        || has(|action| matches!(action, Action::Clone { .. }))
            && has(|action| matches!(action, Action::Script))
}

/// What copies the files of a step that no package owns.
fn copied(facts: &Facts<'_>, layer: usize) -> Option<Vec<String>> {
    const CHANGING: [&[u8]; 5] = [b"etc/", b"root/.cache/", b"run/", b"tmp/", b"var/"];
    let ledger = facts.ledger;
    let is_made = |file: &AtomId| {
        let path = ledger.path(*file);
        ledger.atom(*file).layer == layer
            && facts.owners.package(*file).is_none()
            && !CHANGING.iter().any(|start| path.starts_with(start))
    };
    let made = ledger.live().iter().copied().filter(is_made);
    let files: Vec<(AtomId, u64)> = made.map(|file| (file, ledger.atom(file).bytes)).collect();
    let places = places(ledger, layer, &files, |_| true);
    if places.is_empty() || places.len() > MOST {
        return None;
    }
    let owner =
        user_of(facts.image, layer).map_or_else(String::new, |user| format!(" --chown={user}"));
    let copy = |path: &[u8]| {
        let path = unquoted(path);
        path.starts_with('/').then(|| format!("COPY --from=build{owner} {path} {path}"))
    };
    places.iter().map(|place| copy(&place.path)).collect()
}
