//! What the contents of layers tell.

use super::super::steps::{Anchors, installs, name_step};
use crate::image::{Image, Origin};
use crate::layer::Kind;
use crate::ledger::AtomId;
use crate::rule::{Candidate, Claim, Facts, Phrase, Saving, Severity};
use crate::secrecy::hide_in_words;

/// Steps of one package manager that are told.
const STEPS: usize = 3;
/// From so many bytes on it matters more.
const COSTLY: u64 = 30_000_000;
/// Databases of package managers, which each of their steps writes.
const DATABASES: [&[u8]; 8] = [
    b"var/lib/dpkg/",
    b"var/lib/apt/",
    b"var/cache/apt/",
    b"var/cache/debconf/",
    b"var/lib/rpm/",
    b"usr/lib/sysimage/rpm/",
    b"var/cache/dnf/",
    b"lib/apk/db/",
];

/// Entries of a layer that are told, and from how many on it matters more.
const MANY: usize = 200_000;
const VERY_MANY: usize = 1_000_000;
/// A header of an archive, to a multiple of which contents are filled up too.
const BLOCK: u64 = 512;

/// Shares of visible bytes below which it matters, in percent.
const LOW: u128 = 95;
const VERY_LOW: u128 = 85;

pub(super) fn split_packages(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut files: Option<Vec<AtomId>> = None;
    let mut found = Vec::new();
    for installs in installs(facts.image).into_iter().filter(|one| one.layers.len() >= STEPS) {
        let databases = files.get_or_insert_with(|| {
            let is_database = |file: &AtomId| {
                let path = ledger.path(*file);
                DATABASES.iter().any(|start| path.starts_with(start))
            };
            ledger.dead().filter(is_database).collect()
        });
        let of_steps = |file: &&AtomId| installs.layers.contains(&ledger.atom(**file).layer);
        let files: Vec<AtomId> = databases.iter().filter(of_steps).copied().collect();
        let sum = ledger.sum(files.iter().copied());
        let severity = if sum.bytes >= COSTLY { Severity::Medium } else { Severity::Low };
        let message =
            Phrase::default().count(installs.layers.len()).and(" steps install packages with ");
        let message = message.name(installs.manager.as_str());
        let mut candidate = Candidate::new(installs.manager.as_str(), message, Claim::View(files))
            .severity(severity)
            .note(
                Phrase::words("What merging them would free are databases of ")
                    .bytes(sum.bytes)
                    .and(", and nothing else."),
            )
            .fill("snippet", installs.snippet());
        candidate.snippet = Some("{{snippet}}".to_owned());
        found.push(candidate);
    }
    found
}

pub(super) fn many_entries(facts: &Facts<'_>) -> Vec<Candidate> {
    let filesystem = facts.ledger.filesystem();
    let mut anchors = Anchors::default();
    let mut found = Vec::new();
    for layer in 0..filesystem.layers() {
        let Some(toc) = filesystem.toc(layer).filter(|toc| toc.entries.len() > MANY) else {
            continue;
        };
        let padding = |size: u64| size.next_multiple_of(BLOCK).saturating_sub(size);
        let overhead = toc.entries.iter().fold(0, |sum: u64, entry| {
            sum.saturating_add(BLOCK).saturating_add(padding(entry.size.min(1 << 62)))
        });
        let mut sizes: Vec<u64> = toc
            .entries
            .iter()
            .filter(|entry| entry.kind == Kind::File)
            .map(|entry| entry.size)
            .collect();
        let middle = sizes.len() / 2;
        let median = if sizes.is_empty() { 0 } else { *sizes.select_nth_unstable(middle).1 };
        let message = name_step(Phrase::words("The layer of "), facts.image, layer).and(" has ");
        let message = message.counted(toc.entries.len(), " entry", " entries");
        let severity = if toc.entries.len() > VERY_MANY { Severity::Medium } else { Severity::Low };
        let anchor = anchors.unique(facts.instruction(layer));
        let candidate = Candidate::new(anchor, message, Claim::Figure(Saving::default()))
            .severity(severity)
            .note(Phrase::words("Half of its files are smaller than ").bytes(median).and("."))
            .note(
                Phrase::words("Headers and padding of the archive are ").bytes(overhead).and("."),
            );
        found.push(candidate);
    }
    found
}

pub(super) fn flatten(facts: &Facts<'_>) -> Vec<Candidate> {
    let hidden: Vec<AtomId> = facts.ledger.dead().collect();
    if hidden.is_empty() {
        return Vec::new();
    }
    let base = facts.image.layers.iter().filter(|layer| layer.origin == Origin::Base);
    let shared = base.fold(0, |sum: u64, layer| sum.saturating_add(layer.compressed));
    let freed = facts.ledger.sum(hidden.iter().copied()).compressed;
    let message = Phrase::words("In one layer the image would have no hidden bytes");
    let mut candidate = Candidate::new("", message, Claim::View(hidden))
        .fill("image", format!("<image>@{}", facts.image.digest))
        .fill("config", config(facts.image));
    if shared > 0 {
        let note = Phrase::words("It would no longer share ").bytes(shared);
        let note = note.and(" of download with its base image, and free ").bytes(freed);
        candidate = candidate.note(note.and(" of download."));
    }
    vec![candidate]
}

/// What has to be written again.
fn config(image: &Image) -> String {
    let runtime = &image.runtime;
    let list = |words: &[String]| {
        let words: Vec<String> =
            hide_in_words(words).0.iter().map(|word| format!("{word:?}")).collect();
        format!("[{}]", words.join(", "))
    };
    let mut lines: Vec<String> =
        runtime.env.keys().map(|name| format!("ENV {name}=<value>")).collect();
    if !runtime.user.is_empty() {
        lines.push(format!("USER {}", runtime.user));
    }
    if !runtime.working_dir.is_empty() {
        lines.push(format!("WORKDIR {}", runtime.working_dir));
    }
    if !runtime.entrypoint.is_empty() {
        lines.push(format!("ENTRYPOINT {}", list(&runtime.entrypoint)));
    }
    if !runtime.cmd.is_empty() {
        lines.push(format!("CMD {}", list(&runtime.cmd)));
    }
    lines.join("\n")
}

pub(super) fn efficiency(facts: &Facts<'_>) -> Vec<Candidate> {
    let filesystem = facts.ledger.filesystem();
    let (visible, all) = (filesystem.visible().bytes, filesystem.content());
    let is_below = |percent: u128| u128::from(visible) * 100 < u128::from(all) * percent;
    let severity = match (is_below(VERY_LOW), is_below(LOW)) {
        (true, _) => Severity::High,
        (_, true) => Severity::Medium,
        _ => return Vec::new(),
    };
    let message =
        Phrase::words("The image shows ").share(visible, all).and(" of the bytes that it stores");
    vec![Candidate::new("", message, Claim::Figure(Saving::default())).severity(severity)]
}
