//! What tests of readers have in common.

use super::{Inventory, Package};
use crate::ledger::Documents;
use crate::ledger::testing::image;

/// The inventory of an image written as text.
pub(super) fn read(text: &str) -> Inventory {
    let (_, ledger) = image(text);
    Inventory::read(&ledger, &Documents::new(&ledger))
}

/// Holds the packages of an image, and the records that there are notes about, to what is
/// expected: `ECOSYSTEM NAME VERSION in LOCATION`, perhaps `removed`, and `note PATH`.
pub(super) fn check(text: &str, expected: &[&str]) {
    let inventory = read(text);
    let packages = inventory.packages.iter().map(|package| {
        let removed = if package.removed.is_some() { " removed" } else { "" };
        let version = package.version.as_deref().unwrap_or("?");
        let location = String::from_utf8_lossy(&package.location);
        format!("{} {} {version} in {location}{removed}", package.ecosystem.as_str(), package.name)
    });
    let notes = inventory.notes.iter();
    let notes = notes.map(|note| format!("note {}", String::from_utf8_lossy(&note.path)));
    let found: Vec<String> = packages.chain(notes).collect();
    assert_eq!(found, expected);
}

/// The only package of a name.
pub(super) fn one(text: &str, name: &str) -> Package {
    let packages = read(text).packages;
    let mut named = packages.into_iter().filter(|package| package.name == name);
    let package = named.next().expect("a package of this name");
    assert!(named.next().is_none(), "several are called {name}");
    package
}

/// The names of what a package needs.
pub(super) fn needs(package: &Package) -> Vec<&str> {
    package.depends.iter().map(|need| need.any[0].as_str()).collect()
}

/// The paths of a package's files and directories.
pub(super) fn paths(text: &str, name: &str) -> Vec<String> {
    let (_, ledger) = image(text);
    let package = one(text, name);
    let nodes = package.files.iter().chain(&package.directories);
    let path = |node| String::from_utf8(ledger.filesystem().path(node)).unwrap();
    let mut paths: Vec<String> = nodes.map(|node| path(*node)).collect();
    paths.sort();
    paths
}
