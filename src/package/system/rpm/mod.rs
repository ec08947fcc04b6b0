//! Packages of Red Hat, SUSE and their kin: the database of rpm where it is a file of `SQLite`.
//!
//! Its older formats, Berkeley DB and `ndb`, are not read; a note says so.

mod header;
mod sqlite;

pub(super) use header::Header;
pub(super) use sqlite::column;

use std::borrow::Cow;

use super::history::{History, by_node};
use super::resolve::Resolver;
use super::text::bounded;
use super::{CUT, Inventory};
use crate::ledger::{Document, Documents, Ledger};

/// Where a root may have its database.
const DIRECTORIES: [&str; 4] =
    ["usr/lib/sysimage/rpm", "var/lib/rpm", "usr/share/rpm", "usr/lib/rpm"];
const NAME: &str = "rpmdb.sqlite";
/// What the database is called in other formats.
const OTHERS: [&str; 2] = ["Packages.db", "Packages"];

/// Reads what rpm installed in any layer, in the root and in roots below it.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let places = DIRECTORIES.map(|directory| format!("{directory}/{NAME}"));
    let places = places.each_ref().map(String::as_bytes);
    inventory.note_missing(ledger, documents, &places);
    for directory in DIRECTORIES {
        note_others(ledger, directory, inventory);
    }
    for (node, versions) in by_node(documents.named(NAME.as_bytes()).iter()) {
        let path = ledger.filesystem().path(node);
        let root = places.iter().find_map(|place| super::root_of(&path, place));
        let Some(root) = root else { continue };
        if super::is_full(inventory, &path) {
            break;
        }
        let mut history = History::default();
        let mut resolver = Resolver::new(ledger, root);
        for document in &versions {
            let Some(blobs) = blobs(document) else {
                inventory.gap(&path, "It cannot be read; its packages are not known.");
                continue;
            };
            let headers: Vec<Header<'_>> =
                blobs.iter().filter_map(|blob| Header::parse(blob)).collect();
            let is_whole = headers.len() == blobs.len();
            let found = headers.into_iter().filter_map(|header| Some((header, header.package()?)));
            let (found, is_all) = bounded(found, |(_, package)| package);
            if !is_whole || found.is_empty() {
                inventory.gap(&path, "Not all of its packages can be read.");
            }
            if !is_all {
                inventory.gap(&path, CUT);
            }
            let (headers, packages): (Vec<_>, Vec<_>) = found.into_iter().unzip();
            history.state(document.layer, is_all, packages, |at, package| {
                package.location = root.to_vec();
                let files = headers[at].files();
                package.files =
                    files.filter_map(|(directory, name)| resolver.file(directory, name)).collect();
            });
        }
        let hidden = versions.last().and_then(|document| document.hidden);
        inventory.packages.extend(history.finish(hidden));
    }
}

/// The headers of a database.
fn blobs<'a>(document: &Document<'a>) -> Option<Vec<Cow<'a, [u8]>>> {
    // The columns: number, header.
    document.is_complete().then(|| column(document.head, b"Packages", 1)).flatten()
}

/// Notes what is there and not read.
fn note_others(ledger: &Ledger, directory: &str, inventory: &mut Inventory) {
    let has_bytes = |path: &str| {
        let node = ledger.find(path.as_bytes());
        let atom = node.and_then(|node| ledger.atom_at(node));
        atom.is_some_and(|atom| ledger.atom(atom).bytes > 0)
    };
    for name in OTHERS {
        let path = format!("{directory}/{name}");
        if has_bytes(&path) {
            let text = "The format of this rpm database is not read, so its packages are not known and their files have no owner.";
            inventory.gap(path.as_bytes(), text);
        }
    }
    let log = format!("{directory}/{NAME}-wal");
    if has_bytes(&log) {
        let text = "The last changes of the rpm database are in this log, which is not read.";
        inventory.gap(log.as_bytes(), text);
    }
}

#[cfg(test)]
mod tests;
