//! What is installed: the packages of every ecosystem that left a record in the image.
//!
//! Read from the documents that were kept while the layers passed, in all layers: a package that a
//! later step upgrades or removes is told as it was. Pure; a record that cannot be read makes a
//! note, and its files go without an owner.

mod binary;
mod composer;
mod conda;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod java;
mod julia;
mod keys;
mod machine;
mod dominators;
mod graph;
mod name;
mod npm;
mod python;
mod r;
mod records;
mod resolve;
mod ruby;
#[doc(hidden)]
pub mod system;
#[cfg(test)]
mod testing;
mod tex;
mod text;
mod vscode;

pub use graph::Graph;
pub use name::Ecosystem;
pub use python::normalize_python_name;

use crate::filesystem::{Hidden, NodeId};
use crate::ledger::{Documents, Ledger};

/// A package by its position in [`Inventory::packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

/// One installed package, or one that was installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Which package manager's.
    pub ecosystem: Ecosystem,
    /// Its name as the ecosystem compares names.
    pub name: String,
    /// Its version, if the record tells.
    pub version: Option<String>,
    /// The architecture it was built for, if the record tells.
    pub architecture: Option<String>,
    /// The directory that it is installed under (a conda prefix, a `site-packages`, a library), or
    /// for a single file its path; empty for the packages of the distribution.
    pub location: Vec<u8>,
    /// The layer that stores its record.
    pub layer: usize,
    /// What hides the record; `None` while the package is installed.
    pub removed: Option<Hidden>,
    /// Whether somebody asked for it, as opposed to a package that needs it; `None` where the
    /// ecosystem does not tell.
    pub requested: Option<bool>,
    /// Whether the distribution cannot do without it.
    pub essential: bool,
    /// Whether it is only needed for development, where the ecosystem tells.
    pub development: Option<bool>,
    /// Section or category.
    pub section: Option<String>,
    /// Build string or variant, as `cpu_py312_0`.
    pub build: Option<String>,
    /// One line of description.
    pub summary: Option<String>,
    /// The tool that installed it, as `pip` or `uv`.
    pub installer: Option<String>,
    /// Bytes that the record says it takes.
    pub declared: Option<u64>,
    /// What it needs.
    pub depends: Vec<Dependency>,
    /// What it wants but can do without.
    pub recommends: Vec<Dependency>,
    /// Other names that it answers to.
    pub provides: Vec<String>,
    /// The files that its record lists, wherever they are.
    pub files: Vec<NodeId>,
    /// Directories that are its own as a whole.
    pub directories: Vec<NodeId>,
}

impl Package {
    /// What packages are sorted by.
    fn place(&self) -> (Ecosystem, &[u8], &str, usize) {
        (self.ecosystem, &self.location, &self.name, self.layer)
    }
}

/// A need of a package: any of some names will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependency {
    /// The names, the preferred one first.
    pub any: Vec<String>,
}

/// Something about the records that a reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The path of the record.
    pub path: Vec<u8>,
    /// What is wrong with it and what follows, in one sentence.
    pub text: String,
    /// Whether packages may be missing from the inventory for that.
    pub is_gap: bool,
}

/// All packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// By ecosystem, location, name and layer.
    pub packages: Vec<Package>,
    /// What could not be read.
    pub notes: Vec<Note>,
}

/// Adds what one ecosystem has.
type Reader = fn(&Ledger, &Documents<'_>, &mut Inventory);

/// The readers. That of programs is last: it takes what the others leave.
const READERS: &[Reader] = &[
    system::read,
    conda::read,
    python::read,
    r::read,
    npm::read,
    vscode::read,
    ruby::read,
    composer::read,
    java::read,
    julia::read,
    tex::read,
    binary::read,
];

/// Notes of one image; there may be as many broken records as files.
const MAX_NOTES: usize = 1000;

impl Inventory {
    /// Reads the records of all ecosystems.
    pub fn read(ledger: &Ledger, documents: &Documents<'_>) -> Self {
        let mut inventory = Self::default();
        for read in READERS {
            read(ledger, documents, &mut inventory);
        }
        inventory.packages.sort_by(|a, b| a.place().cmp(&b.place()));
        inventory.notes.sort_by(|a, b| (&a.path, &a.text).cmp(&(&b.path, &b.text)));
        inventory
    }

    /// Notes which of the places of a record hold one that was not read: its content was not kept,
    /// or links lead to it from there.
    fn note_missing(&mut self, ledger: &Ledger, documents: &Documents<'_>, places: &[&[u8]]) {
        for place in places {
            let Some(node) = ledger.follow(place).filter(|node| ledger.has_bytes(*node)) else {
                continue;
            };
            if !places.contains(&&ledger.filesystem().path(node)[..]) {
                self.gap(place, "Links lead from it to another place, where none is read, so its packages are not known.");
            } else if documents.at(ledger, node).is_none() {
                self.gap(place, "It was not kept, so its packages are not known.");
            }
        }
    }

    /// Notes something about a record.
    fn note_at(&mut self, ledger: &Ledger, record: NodeId, text: &str) {
        let path = ledger.filesystem().path(record);
        self.note(Note { path, text: text.to_owned(), is_gap: false });
    }

    /// Notes that packages of a record may be missing.
    fn gap_at(&mut self, ledger: &Ledger, record: NodeId, text: &str) {
        self.gap(&ledger.filesystem().path(record), text);
    }

    /// Notes that packages of the record at a path may be missing.
    fn gap(&mut self, path: &[u8], text: &str) {
        self.note(Note { path: path.to_vec(), text: text.to_owned(), is_gap: true });
    }

    /// Notes something; no more than some number of times.
    fn note(&mut self, note: Note) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        }
    }

    /// One package.
    pub fn package(&self, id: PackageId) -> &Package {
        &self.packages[id.0 as usize]
    }

    /// Those that are installed.
    pub fn installed(&self) -> impl Iterator<Item = (PackageId, &Package)> {
        let all = (0..).map(PackageId).zip(&self.packages);
        all.filter(|(_, package)| package.removed.is_none())
    }

    /// Those of an ecosystem that are installed.
    pub fn of(&self, ecosystem: Ecosystem) -> impl Iterator<Item = (PackageId, &Package)> {
        self.installed().filter(move |(_, package)| package.ecosystem == ecosystem)
    }

    /// Those of an ecosystem and a name that are installed. Looks at each package.
    pub fn by_name(
        &self,
        ecosystem: Ecosystem,
        name: &str,
    ) -> impl Iterator<Item = (PackageId, &Package)> {
        self.of(ecosystem).filter(move |(_, package)| package.name == name)
    }
}
