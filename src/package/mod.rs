//! What is installed: the packages of every ecosystem that left a record in the image.
//!
//! Read from the documents that were kept while the layers passed, in all layers: a package that a
//! later step upgrades or removes is told as it was. Pure; a record that cannot be read makes a
//! note, and its files go without an owner.

mod dominators;
mod graph;
mod name;

pub use graph::Graph;
pub use name::Ecosystem;

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
}

/// All packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// By ecosystem, location, name and layer.
    pub packages: Vec<Package>,
    /// What could not be read.
    pub notes: Vec<Note>,
}

impl Inventory {
    /// Reads the records of all ecosystems.
    pub fn read(ledger: &Ledger, documents: &Documents<'_>) -> Self {
        let _ = (ledger, documents);
        Self::default()
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
}
