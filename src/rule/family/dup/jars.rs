//! Java archives of one artifact in several versions, by their file names.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::roots::bytes;
use crate::ledger::AtomId;
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Rows of a table.
const ROWS: usize = 15;

/// The artifact and version of a file name, as `jackson-core` and `2.15.2`.
fn artifact(name: &[u8]) -> Option<(&str, &str)> {
    let stem = std::str::from_utf8(name).ok()?.strip_suffix(".jar")?;
    let digit = |at: &usize| stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    let at = stem.match_indices('-').map(|(at, _)| at).find(digit)?;
    Some((&stem[..at], &stem[at + 1..]))
}

/// Numbers of a version, for comparing.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

pub(super) fn versions(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut artifacts: BTreeMap<&str, Vec<(&str, AtomId)>> = BTreeMap::new();
    for file in ledger.live() {
        if let Some((artifact, version)) = artifact(ledger.name(*file)) {
            artifacts.entry(artifact).or_default().push((version, *file));
        }
    }
    let mut rows: Vec<(&str, String, Vec<AtomId>)> = Vec::new();
    for (name, mut jars) in artifacts {
        jars.sort_by_cached_key(|(version, file)| (Reverse(numbers(version)), *version, *file));
        let newest = jars[0].0;
        jars.retain(|(version, _)| *version != newest);
        if jars.is_empty() {
            continue;
        }
        let mut seen = HashSet::new();
        let older: Vec<&str> = jars
            .iter()
            .map(|(version, _)| *version)
            .filter(|version| seen.insert(*version))
            .collect();
        let versions = format!("{newest}, {}", older.join(", "));
        rows.push((name, versions, jars.into_iter().map(|(_, file)| file).collect()));
    }
    if rows.is_empty() {
        return Vec::new();
    }
    rows.sort_by_key(|(name, _, files)| (Reverse(bytes(ledger, files)), *name));
    let message = Phrase::default()
        .counted(rows.len(), " Java artifact is", " Java artifacts are")
        .and(" there in several versions");
    let claim = Claim::files(rows.iter().flat_map(|(_, _, files)| files.iter().copied()));
    let mut candidate = Candidate::new("", message, claim);
    let row = |(name, versions, files): &(&str, String, Vec<AtomId>)| {
        vec![
            Value::Text((*name).to_owned()),
            Value::Text(versions.clone()),
            Value::Bytes(bytes(ledger, files)),
        ]
    };
    let rows = rows.iter().take(ROWS).map(row).collect();
    candidate.table =
        Some(Table { columns: vec!["Artifact", "Versions", "Size of the older"], rows });
    vec![candidate]
}
