//! conda packages: `conda-meta/*.json` of every prefix, and what its `history` says was asked for.

mod history;
mod record;

use std::collections::{HashMap, HashSet};

use crate::filesystem::NodeId;
use crate::ledger::{Documents, Ledger};

use self::history::Requests;
use super::records::{Record, ending, named};
use super::resolve::Resolver;
use super::text::{dependencies, word};
use super::{Ecosystem, Inventory, Package};

/// Reads all prefixes.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let in_meta = |record: &Record<'_>| ledger.filesystem().name(record.parent) == b"conda-meta";
    let mut requests: HashMap<NodeId, Requests> = HashMap::new();
    for record in named(ledger, documents, b"history").into_iter().filter(in_meta) {
        // A later layer's has what the earlier ones have, too.
        requests.insert(record.parent, history::requests(record.content));
    }
    let first = inventory.packages.len();
    for record in ending(ledger, documents, b".json").into_iter().filter(in_meta) {
        if let Some(package) = package(ledger, &record, requests.get(&record.parent), inventory) {
            inventory.packages.push(package);
        }
    }
    let told: HashSet<Vec<u8>> = inventory.packages[first..]
        .iter()
        .filter(|package| package.requested == Some(true))
        .map(|package| package.location.clone())
        .collect();
    for package in &mut inventory.packages[first..] {
        if told.contains(&package.location) {
            package.requested.get_or_insert(false);
        }
    }
}

fn package(
    ledger: &Ledger,
    record: &Record<'_>,
    requests: Option<&Requests>,
    inventory: &mut Inventory,
) -> Option<Package> {
    let filesystem = ledger.filesystem();
    let prefix = filesystem.parent(record.parent);
    let (found, error) = record::read(record.content);
    let stem = String::from_utf8_lossy(filesystem.name(record.node)).into_owned();
    let mut parts = stem.trim_end_matches(".json").rsplitn(3, '-');
    let (build, version, name) = (parts.next(), parts.next(), parts.next());
    // Other documents are in some of these directories.
    let name = found.name.or_else(|| word(name?)).filter(|_| name.is_some())?;
    if !record.is_complete {
        let text = "is too long to be read as a whole: some files go without an owner";
        inventory.note_at(ledger, record.node, text);
    } else if let Some(error) = error {
        inventory.note_at(ledger, record.node, &format!("cannot be read as a whole: {error}"));
    }
    let mut resolver = Resolver::new(ledger, prefix);
    let listed = if found.files.is_empty() { &found.paths } else { &found.files };
    listed.split(|byte| *byte == 0).for_each(|path| resolver.add(path));
    let (files, outside) = resolver.finish();
    if outside > 0 {
        let text = format!("lists {outside} paths outside of the image, which are passed over");
        inventory.note_at(ledger, record.node, &text);
    }
    let name = name.to_lowercase();
    let asked = found.requested || requests.is_some_and(|requests| requests.has(&name));
    let mut package = Package {
        requested: asked.then_some(true),
        version: found.version.or_else(|| word(version?)),
        build: found.build.or_else(|| word(build?)),
        architecture: found.subdir,
        declared: found.size.filter(|_| record.is_complete),
        depends: dependencies(found.depends.iter().filter_map(|text| needed(text))),
        name,
        ..record.package(ledger, Ecosystem::Conda, prefix)
    };
    package.files.extend(files);
    package.files = super::resolve::unique(package.files);
    Some(package)
}

/// The name in a match specification. Virtual packages, which stand for the machine, are none.
fn needed(specification: &str) -> Option<String> {
    let name = history::name_of(specification)?;
    (!name.starts_with("__")).then_some(name)
}

#[cfg(test)]
mod tests;
