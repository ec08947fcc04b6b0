//! The packages of distributions: one database for the whole system, which each step rewrites.

mod apk;
mod dpkg;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod resolve;
mod rpm;
mod text;

use super::{Dependency, Ecosystem, Inventory, Package};
use crate::ledger::{Documents, Ledger};

/// What to say of a database of which not all was read.
const CUT: &str = "It is too long; some of its packages are not known.";

/// What to say of one in which there is none.
const EMPTY: &str = "No package can be read from it.";
/// What to say of those of an image with too many.
const TOO_MANY: &str = "There are too many packages; those of it are not known.";
/// What to say of one of another package manager.
const OTHER: &str =
    "What this package manager installs is not read, so its packages are not known.";
/// Packages of an image after which no further database is read.
const MOST_PACKAGES: usize = 300_000;
/// Where package managers that are not read have their databases.
const OTHERS: [&[u8]; 6] = [
    b"var/lib/pacman/local",
    b"usr/lib/opkg/status",
    b"var/lib/opkg/status",
    b"var/db/pkg",
    b"nix/var/nix/db/db.sqlite",
    b"var/db/xbps",
];

/// Reads the databases.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    for read in [dpkg::read, apk::read, rpm::read] {
        read(ledger, documents, inventory);
    }
    for place in OTHERS {
        let found = ledger.follow(place);
        let is_used = |node| ledger.has_bytes(node) || ledger.has_children(node);
        if found.is_some_and(is_used) {
            inventory.gap(place, OTHER);
        }
    }
}

/// Whether no more databases are read; says so of this one.
fn is_full(inventory: &mut Inventory, path: &[u8]) -> bool {
    let is_full = inventory.packages.len() >= MOST_PACKAGES;
    if is_full {
        inventory.gap(path, TOO_MANY);
    }
    is_full
}

/// The root whose database of a package manager a path is; `place` is where a root has it.
fn root_of<'a>(path: &'a [u8], place: &[u8]) -> Option<&'a [u8]> {
    let root = path.strip_suffix(place)?;
    if root.is_empty() { Some(root) } else { root.strip_suffix(b"/") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::image;
    use crate::package::Package;

    #[test]
    fn after_very_many_packages_no_further_database_is_read_and_that_is_told() {
        let record = r#"
ADD rootfs /
  lib/apk/db/installed = "P:a\nV:1\n\n"
  rootfs/lib/apk/db/installed = "P:b\nV:1\n\n"
"#;
        let (_, ledger) = image(record);
        let check = |packages: usize, expected: (usize, usize)| {
            let packages = vec![Package::default(); packages];
            let mut inventory = Inventory { packages, notes: Vec::new() };
            read(&ledger, &Documents::new(&ledger), &mut inventory);
            let gaps = inventory.notes.iter().filter(|note| note.is_gap && note.text == TOO_MANY);
            assert_eq!((inventory.packages.len(), gaps.count()), expected);
        };
        check(0, (2, 0));
        check(MOST_PACKAGES - 1, (MOST_PACKAGES, 1));
        check(MOST_PACKAGES, (MOST_PACKAGES, 1));
    }
}
