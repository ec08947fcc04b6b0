//! Files of the same content, by the directories that they are in.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::super::steps::{Anchors, joined, run_of};
use super::roots::text;
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::rule::duplicates::groups_of;
use crate::rule::quote::quoted;
use crate::rule::{Candidate, Claim, Facts, Phrase, Risk};

/// Smaller files are not looked at.
const SMALLEST: u64 = 64 << 10;
/// Fewer bytes of a pair of directories are no finding of their own.
const MIN: u64 = 1_000_000;
/// Pairs of directories that are findings of their own.
const PAIRS: usize = 30;
/// Links that a snippet names one by one.
const LINKS: usize = 3;

/// A file that stays and one like it.
type Copy = (AtomId, AtomId);

pub(super) fn identical(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut out = facts.copies().leaving.clone();
    for tree in &facts.copies().trees {
        tree.files.iter().for_each(|file| out[file.index()] = true);
    }
    let mut pairs: HashMap<(NodeId, NodeId), Vec<Copy>> = HashMap::new();
    let fits = |file: AtomId| ledger.atom(file).bytes >= SMALLEST && !out[file.index()];
    for (_, mut files) in groups_of(ledger, fits) {
        files.sort_by_cached_key(|file| rank(facts, *file));
        let Some((kept, others)) = files.split_first() else { continue };
        let directory = |file: AtomId| ledger.filesystem().parent(ledger.atom(file).node);
        for copy in others {
            let pair = (directory(*kept), directory(*copy));
            pairs.entry(pair).or_default().push((*kept, *copy));
        }
    }
    let sum = |copies: &[Copy]| ledger.sum(copies.iter().map(|(_, copy)| *copy)).bytes;
    let mut pairs: Vec<_> = pairs.into_iter().filter(|(_, copies)| sum(copies) >= MIN).collect();
    pairs.sort_by_cached_key(|(pair, copies)| (Reverse(sum(copies)), *pair));
    let rest: Vec<Copy> = pairs
        .split_off(pairs.len().min(PAIRS))
        .into_iter()
        .flat_map(|(_, copies)| copies)
        .collect();
    let mut anchors = Anchors::default();
    let mut found: Vec<Candidate> = pairs
        .into_iter()
        .map(|(pair, copies)| candidate(facts, &mut anchors, pair, &copies))
        .collect();
    if !rest.is_empty() {
        let message = Phrase::words("Many more directories have files in common");
        let claim = Claim::files(rest.into_iter().map(|(_, copy)| copy));
        found.push(Candidate::new("rest", message, claim));
    }
    found
}

/// What stays: the earliest, then what a package owns, then the shortest path.
fn rank(facts: &Facts<'_>, file: AtomId) -> (usize, bool, usize, Vec<u8>) {
    let path = facts.ledger.path(file);
    let is_loose = facts.owners.package(file).is_none();
    (facts.ledger.atom(file).layer, is_loose, path.len(), path)
}

fn candidate(
    facts: &Facts<'_>,
    anchors: &mut Anchors,
    (kept, copy): (NodeId, NodeId),
    copies: &[Copy],
) -> Candidate {
    let ledger = facts.ledger;
    let (from, to) = (text(ledger, kept), text(ledger, copy));
    let message = if kept == copy {
        Phrase::words("Files of ").name(from.clone()).and(" have the same content")
    } else {
        Phrase::words("Files of ").name(to.clone()).and(" are also in ").name(from.clone())
    };
    let anchor = anchors.unique(format!("{from}\n{to}"));
    let claim = Claim::files(copies.iter().map(|(_, copy)| *copy));
    let mut candidate = Candidate::new(anchor, message, claim).risk(risk(facts, copies));
    if is_vendored(to.as_bytes()) {
        candidate = candidate.note(Phrase::words(
            "Wheels bring libraries of their own on purpose; a link works only as long as neither is upgraded.",
        ));
    }
    candidate.snippet = Some("{{snippet}}".to_owned());
    candidate.fill("snippet", snippet(facts, (kept, copy), copies))
}

fn is_vendored(path: &[u8]) -> bool {
    path.ends_with(b".libs") || path.ends_with(b".dylibs")
}

/// A hard link in the step that makes both is safe; to replace what two packages own is not.
fn risk(facts: &Facts<'_>, copies: &[Copy]) -> Risk {
    let ledger = facts.ledger;
    let owned = |(kept, copy): &&Copy| {
        facts.owners.package(*kept).is_some() && facts.owners.package(*copy).is_some()
    };
    let sum =
        |copies: &mut dyn Iterator<Item = &Copy>| ledger.sum(copies.map(|(_, copy)| *copy)).bytes;
    if sum(&mut copies.iter().filter(owned)) * 2 > sum(&mut copies.iter()) {
        Risk::Review
    } else if copies.iter().all(|(kept, copy)| ledger.atom(*kept).layer == ledger.atom(*copy).layer)
    {
        Risk::Safe
    } else {
        Risk::Test
    }
}

fn snippet(facts: &Facts<'_>, (from, to): (NodeId, NodeId), copies: &[Copy]) -> String {
    let ledger = facts.ledger;
    if from != to && copies.iter().any(|pair| is_program(ledger, *pair)) {
        // Interpreters look for their libraries beside the place that they are started from.
        return format!(
            "# no links between programs of two installations: leave out the one of {} or of {}",
            quoted(&ledger.filesystem().path(from)),
            quoted(&ledger.filesystem().path(to))
        );
    }
    let heaviest = copies.iter().max_by_key(|(_, copy)| ledger.atom(*copy).bytes);
    let Some((kept, copy)) = heaviest else { return String::new() };
    let layer = ledger.atom(*copy).layer;
    let is_same = ledger.atom(*kept).layer == layer;
    // A hard link to a file of a lower layer would store it again.
    let link = if is_same { "ln -f" } else { "ln -sf" };
    let path = |file: &AtomId| quoted(&ledger.path(*file));
    let directory = |node: NodeId| quoted(&ledger.filesystem().path(node));
    let tail = if copies.len() <= LINKS {
        let links: Vec<String> = copies
            .iter()
            .map(|(kept, copy)| format!("{link} {} {}", path(kept), path(copy)))
            .collect();
        links.join(" \\\n && ")
    } else if is_same {
        format!("jdupes -r -L {} {}", directory(from), directory(to))
    } else {
        format!("# replace the files of {} by links to those of {}", directory(to), directory(from))
    };
    if run_of(facts, layer).is_some() && !tail.starts_with('#') {
        joined(facts, layer, &tail)
    } else {
        format!("# in the step that stores {}:\n{tail}", directory(to))
    }
}

/// Whether both of two files are commands of an installation.
fn is_program(ledger: &Ledger, (kept, copy): Copy) -> bool {
    let filesystem = ledger.filesystem();
    [kept, copy].into_iter().all(|file| {
        let directory = filesystem.parent(ledger.atom(file).node);
        [&b"bin"[..], b"sbin"].contains(&filesystem.name(directory))
    })
}
