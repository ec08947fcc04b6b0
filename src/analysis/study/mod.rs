//! Whose the bytes of an image are, and what could be done about them.
//!
//! Plain data: paths and figures instead of positions in the filesystem, which is gone when a
//! report is made. Bytes of the same files are told from several sides (packages, components,
//! owners), which are never added to one another.

mod attribution;
mod balance;
mod plan;
#[cfg(test)]
mod tests;

pub use attribution::{Attribution, Brought, Group, GroupShare, OwnerShare, PackageUsage};
pub use balance::{Balance, Declared, Identity};
pub use plan::{Milestone, Optimized, Stage, milestones, optimized, saved};

use super::AnalysisOptions;
use crate::component;
use crate::image::Image;
use crate::ledger::{Documents, Ledger};
use crate::owner::{Owner, Owners};
use crate::package::{Inventory, Package};
use crate::rule::{
    ComponentUsage, Duplicates, Facts, Finding, VersionRow, duplicates, findings, version_inventory,
};

/// Owners, packages, components and findings of one image.
#[derive(Clone, Debug)]
pub struct Study {
    /// What is installed, and what was. The files of packages are left out.
    pub inventory: Inventory,
    /// What each package takes, in the order of the inventory.
    pub packages: Vec<PackageUsage>,
    /// Whose the stored files are; those of the most visible bytes first.
    pub owners: Vec<Owner>,
    /// The same by kind of owner and by layer.
    pub attribution: Attribution,
    /// The large tools. One may be in another, whose bytes it is then part of.
    pub components: Vec<ComponentUsage>,
    /// Visible files with the same content.
    pub duplicates: Duplicates,
    /// The versions of the distribution, of tools and runtimes, and of what was asked for.
    pub versions: Vec<VersionRow>,
    /// What the rules found, the most important first.
    pub findings: Vec<Finding>,
    /// What would be left.
    pub optimized: Optimized,
    /// The findings by how much of a build they change.
    pub roadmap: Vec<Milestone>,
    /// Sums that have to be the same, and whether they are.
    pub balances: Vec<Balance>,
    /// What packages say that they take, beside what they do.
    pub declared: Vec<Declared>,
}

impl Study {
    /// The packages that are installed, with what each takes.
    pub fn installed(&self) -> impl Iterator<Item = (&Package, &PackageUsage)> {
        let all = self.inventory.packages.iter().zip(&self.packages);
        all.filter(|(package, _)| package.removed.is_none())
    }
}

/// Studies an image of which all layers were read.
pub(super) fn study(image: &Image, ledger: &Ledger, options: &AnalysisOptions) -> Study {
    let documents = Documents::new(ledger);
    let mut inventory = Inventory::read(ledger, &documents);
    let components = component::find(image, ledger, &documents, &inventory, &options.knowledge);
    let owners = Owners::attribute(image, ledger, &inventory, &components);
    let facts = Facts::new(image, ledger, &documents, &inventory, &components, &owners);
    let findings = findings(&facts, &options.selection);
    let packages = attribution::packages(&facts);
    let study = Study {
        attribution: Attribution::new(ledger, &inventory, &owners),
        components: facts.component_usage().to_vec(),
        duplicates: duplicates(&facts),
        versions: version_inventory(&facts),
        optimized: optimized(&findings, facts.whole()),
        roadmap: milestones(&findings),
        balances: balance::balances(image, ledger, &owners),
        declared: balance::declared(&inventory, &packages),
        findings,
        packages,
        owners: Vec::new(),
        inventory: Inventory::default(),
    };
    for package in &mut inventory.packages {
        package.files = Vec::new();
        package.directories = Vec::new();
    }
    Study { owners: owners.list, inventory, ..study }
}
