//! Packages of Debian and its kin: `var/lib/dpkg`, and `status.d` of images without a dpkg.

mod control;
mod files;

pub(super) use control::{Record, records};

use std::collections::HashSet;

use self::control::stanzas;
use self::files::FileLists;
use super::history::{History, by_node, versions};
use super::text::{bounded, parts};
use super::{CUT, EMPTY, Inventory, Package};
use crate::ledger::{Documents, Ledger};

const STATUS: &[u8] = b"var/lib/dpkg/status";
const STATUS_DIRECTORY: &[u8] = b"var/lib/dpkg/status.d";
const INFO: &[u8] = b"var/lib/dpkg/info";
const EXTENDED: &[u8] = b"var/lib/apt/extended_states";

/// Reads what dpkg installed in any layer.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let start = inventory.packages.len();
    let mut lists = FileLists::new(ledger, documents);
    read_status(ledger, documents, &mut lists, inventory);
    read_directory(ledger, documents, &mut lists, inventory);
    let packages = &mut inventory.packages[start..];
    mark_requested(ledger, documents, packages);
    inventory.notes.extend(lists.note());
}

fn read_status(
    ledger: &Ledger,
    documents: &Documents<'_>,
    lists: &mut FileLists<'_>,
    inventory: &mut Inventory,
) {
    inventory.note_missing(ledger, documents, &[STATUS]);
    let versions = versions(documents, ledger, STATUS);
    let mut history = History::default();
    for document in &versions {
        let found = parts(document, b"\n\n").into_iter().flat_map(records);
        let (mut records, is_all) = bounded(found, |record: &Record<'_>| &record.package);
        let is_all = is_all && document.is_complete();
        if !is_all {
            inventory.gap(STATUS, CUT);
        } else if records.is_empty() && !document.head.is_empty() {
            inventory.gap(STATUS, EMPTY);
        }
        let packages = records.iter_mut().map(|record| std::mem::take(&mut record.package));
        let packages = packages.collect();
        history.state(document.layer, is_all, packages, |at, package| {
            package.files = lists.files(INFO, package, records[at].conffiles());
        });
    }
    let hidden = versions.last().and_then(|document| document.hidden);
    inventory.packages.extend(history.finish(hidden));
}

/// Reads `status.d`: a file for each package, beside it one with checksums of its files.
fn read_directory(
    ledger: &Ledger,
    documents: &Documents<'_>,
    lists: &mut FileLists<'_>,
    inventory: &mut Inventory,
) {
    let Some(directory) = ledger.find(STATUS_DIRECTORY) else { return };
    let filesystem = ledger.filesystem();
    let within = documents.all().filter(|document| {
        filesystem.parent(document.node) == directory
            && !filesystem.name(document.node).ends_with(b".md5sums")
    });
    for (node, versions) in by_node(within) {
        let mut history = History::default();
        for document in &versions {
            let packages = records(document.head).take(1).map(|record| record.package).collect();
            history.state(document.layer, true, packages, |_, package| {
                package.files =
                    lists.files_beside(STATUS_DIRECTORY, filesystem.name(node), document.layer);
                package.files.push(node);
            });
        }
        let hidden = versions.last().and_then(|document| document.hidden);
        inventory.packages.extend(history.finish(hidden));
    }
}

/// Tells from apt's records which of the installed packages were asked for.
fn mark_requested(ledger: &Ledger, documents: &Documents<'_>, packages: &mut [Package]) {
    let node = ledger.find(EXTENDED);
    let Some(document) = node.and_then(|node| documents.at(ledger, node)) else { return };
    let mut automatic = HashSet::new();
    for part in parts(document, b"\n\n") {
        for stanza in stanzas(part) {
            if stanza.get("Auto-Installed").trim_ascii() == b"1" {
                automatic.insert((stanza.get("Package"), stanza.get("Architecture").trim_ascii()));
            }
        }
    }
    let names: HashSet<&[u8]> = automatic.iter().map(|(name, _)| name.trim_ascii()).collect();
    let exact: HashSet<(&[u8], &[u8])> =
        automatic.iter().map(|(name, architecture)| (name.trim_ascii(), *architecture)).collect();
    for package in packages.iter_mut().filter(|package| package.removed.is_none()) {
        let name = package.name.as_bytes();
        let is_automatic = match package.architecture.as_deref() {
            None | Some("all") => names.contains(name),
            Some(architecture) => {
                exact.contains(&(name, architecture.as_bytes()))
                    || exact.contains(&(name, b"all"))
                    || exact.contains(&(name, b""))
            }
        };
        package.requested = Some(!is_automatic);
    }
}

#[cfg(test)]
mod tests;
