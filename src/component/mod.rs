//! Components: the large tools that a maintainer would name, found by the paths, packages and
//! installers that give them away.
//!
//! What is known of them is data (`knowledge.json`), which a user's file may extend.

use crate::filesystem::NodeId;
use crate::image::Image;
use crate::ledger::{Documents, Ledger};
use crate::package::{Inventory, PackageId};

/// What is known of components.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {}

/// Whether a step that builds a component can be left behind in a builder stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Making {
    /// Unpacked from an archive as it is: a builder stage saves nothing by itself.
    Prebuilt,
    /// Compiled in the image.
    Compiled,
    /// Installed by a package manager.
    Packages,
}

/// A component of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The id in the knowledge base, as `freesurfer`.
    pub id: String,
    /// Its name in reports.
    pub title: String,
    /// What it is, in one line.
    pub about: String,
    /// The directory that it is in, or its file; `None` where it is known by its packages alone.
    pub root: Option<NodeId>,
    /// Its version and where that was read, if it could be.
    pub version: Option<(String, String)>,
    /// How it is made.
    pub making: Making,
    /// The packages that it is made of.
    pub packages: Vec<PackageId>,
    /// Its trimmable parts.
    pub parts: Vec<Part>,
    /// Builds that are known to be smaller, one sentence each.
    pub slimmer: Vec<String>,
    /// A command that shows that it works.
    pub check: Option<String>,
}

/// A part of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is, as `subjects/bert`.
    pub name: String,
    /// What it is for: `data`, `docs`, `gui`, `gpu`, `build`, `source`, `cache`, `tool`, `core`.
    pub role: String,
    /// What removing it risks: `safe`, `test`, `review`, or `keep` where it must stay.
    pub risk: String,
    /// Who needs it, where that is known.
    pub needed_by: Option<String>,
    /// Where it is.
    pub nodes: Vec<NodeId>,
}

/// Finds the components of an image, the largest first.
pub fn find(
    image: &Image,
    ledger: &Ledger,
    documents: &Documents<'_>,
    inventory: &Inventory,
    knowledge: &Knowledge,
) -> Vec<Component> {
    let _ = (image, ledger, documents, inventory, knowledge);
    Vec::new()
}
