//! Whose the bytes of an image are, and what could be done about them.

use super::AnalysisOptions;
use crate::component;
use crate::image::Image;
use crate::ledger::{Documents, Ledger};
use crate::owner::{Owner, Owners};
use crate::package::Inventory;
use crate::rule::{Facts, Finding, findings};

/// Owners, packages, components and findings of one image.
#[derive(Clone, Debug)]
pub struct Study {
    /// What is installed, and what was. The files of packages are left out.
    pub inventory: Inventory,
    /// Whose the stored files are; those of the most visible bytes first.
    pub owners: Vec<Owner>,
    /// What the rules found, the most important first.
    pub findings: Vec<Finding>,
}

/// Studies an image of which all layers were read.
pub(super) fn study(image: &Image, ledger: &Ledger, options: &AnalysisOptions) -> Study {
    let documents = Documents::new(ledger);
    let mut inventory = Inventory::read(ledger, &documents);
    let components = component::find(image, ledger, &documents, &inventory, &options.knowledge);
    let owners = Owners::attribute(image, ledger, &inventory, &components);
    let facts = Facts::new(image, ledger, &documents, &inventory, &components, &owners);
    let findings = findings(&facts, &options.selection);
    for package in &mut inventory.packages {
        package.files = Vec::new();
        package.directories = Vec::new();
    }
    Study { inventory, owners: owners.list, findings }
}
