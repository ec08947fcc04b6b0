//! Hidden bytes told from the side of the step that hides them, and of the base image.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::super::steps::{Anchors, commands_of, is_base, joined, name_step, quote};
use super::deleted::cleanup;
use super::pairs::{MIN, Pair};
use crate::filesystem::{Amount, How};
use crate::image::Action;
use crate::ledger::AtomId;
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// A step that stores more than this share of what it deletes, in percent, does something else.
const OWN_SHARE: u64 = 10;
/// Steps that a snippet mends.
const SNIPPETS: usize = 3;

pub(super) fn ineffective(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut deleted: BTreeMap<usize, Vec<AtomId>> = BTreeMap::new();
    let mut rewritten: BTreeMap<usize, Vec<AtomId>> = BTreeMap::new();
    for file in facts.ledger.dead() {
        let Some(hidden) = facts.ledger.atom(file).hidden else { continue };
        match hidden.how {
            How::Whiteout | How::OpaqueDirectory => {
                deleted.entry(hidden.layer).or_default().push(file);
            }
            How::OverwriteChanged => rewritten.entry(hidden.layer).or_default().push(file),
            _ => {}
        }
    }
    let mut anchors = Anchors::default();
    let mut found = Vec::new();
    for (layer, mut files) in deleted {
        let sum = facts.ledger.sum(files.iter().copied()).bytes;
        let adds = stored(facts, layer);
        let is_cleanup = u128::from(adds) * 100 < u128::from(sum) * u128::from(OWN_SHARE);
        if sum >= MIN && is_cleanup {
            rewritten.remove(&layer);
            found.push(cleaning(
                facts,
                &mut anchors,
                layer,
                &mut files,
                " deletes files of earlier steps and frees nothing",
            ));
        }
    }
    for (layer, mut files) in rewritten {
        let strips =
            commands_of(facts, layer).iter().any(|command| command.action == Action::Strip);
        if strips && facts.ledger.sum(files.iter().copied()).bytes >= MIN {
            found.push(cleaning(
                facts,
                &mut anchors,
                layer,
                &mut files,
                " strips files of earlier steps and adds the stripped ones",
            ));
        }
    }
    found
}

/// Content bytes that a layer stores.
fn stored(facts: &Facts<'_>, layer: usize) -> u64 {
    let filesystem = facts.ledger.filesystem();
    filesystem.visible_in(layer).bytes.saturating_add(filesystem.shadowed_in(layer).bytes)
}

fn cleaning(
    facts: &Facts<'_>,
    anchors: &mut Anchors,
    layer: usize,
    files: &mut Vec<AtomId>,
    words: &'static str,
) -> Candidate {
    let files = std::mem::take(files);
    let snippet = where_born(facts, layer, &files);
    let message = name_step(Phrase::default(), facts.image, layer).and(words);
    let anchor = anchors.unique(facts.instruction(layer));
    let mut candidate = Candidate::new(anchor, message, Claim::View(files))
        .note(quote(facts, layer))
        .note(
            Phrase::words("The step itself adds ")
                .bytes(stored(facts, layer))
                .and(" of files to the image."),
        )
        .fill("snippet", snippet);
    candidate.snippet = Some("{{snippet}}".to_owned());
    candidate
}

/// Each of the steps that store most of what a step deletes, with what deletes its files.
fn where_born(facts: &Facts<'_>, hidden: usize, files: &[AtomId]) -> String {
    let mut born: BTreeMap<usize, Vec<AtomId>> = BTreeMap::new();
    for file in files {
        born.entry(facts.ledger.atom(*file).layer).or_default().push(*file);
    }
    let mut pairs: Vec<Pair> =
        born.into_iter().map(|(born, files)| Pair { born, hidden, files }).collect();
    pairs.sort_by_cached_key(|pair| Reverse(pair.sum(facts).content));
    pairs.truncate(SNIPPETS);
    let text = |pair: &Pair| {
        let text = joined(facts, pair.born, &cleanup(facts, pair));
        let is_base = is_base(facts.image, pair.born);
        if is_base { format!("# in the base image's Dockerfile:\n{text}") } else { text }
    };
    pairs.iter().map(text).collect::<Vec<_>>().join("\n")
}

pub(super) fn base(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut rows: BTreeMap<Option<usize>, Amount> = BTreeMap::new();
    let mut files = Vec::new();
    for file in ledger.dead() {
        let atom = ledger.atom(file);
        let Some(hidden) = atom.hidden.filter(|_| is_base(facts.image, atom.layer)) else {
            continue;
        };
        let by = Some(hidden.layer).filter(|layer| !is_base(facts.image, *layer));
        *rows.entry(by).or_default() += atom.amount();
        files.push(file);
    }
    if files.is_empty() {
        return Vec::new();
    }
    let message = Phrase::words("The base image stores files that the image does not show");
    let mut candidate = Candidate::new("", message, Claim::View(files));
    let row = |(by, sum): (Option<usize>, Amount)| {
        let by =
            by.map_or_else(|| "the base image itself".to_owned(), |layer| facts.instruction(layer));
        vec![
            Value::Text(by),
            Value::Count(sum.files),
            Value::Bytes(sum.bytes),
            Value::Bytes(sum.compressed),
        ]
    };
    let rows = rows.into_iter().map(row).collect();
    candidate.table = Some(Table { columns: vec!["Hidden by", "Files", "Size", "Download"], rows });
    vec![candidate]
}
