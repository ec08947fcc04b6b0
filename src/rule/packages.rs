//! Files and graphs of packages, computed once for all rules.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::filesystem::Amount;
use crate::ledger::{AtomId, Ledger};
use crate::owner::Owners;
use crate::package::{Ecosystem, Graph, Inventory, PackageId};

/// What rules ask of packages.
pub(super) struct Packages {
    /// The visible files of packages, package after package.
    atoms: Vec<AtomId>,
    /// By package, where its files begin; and where the last one's end.
    starts: Vec<usize>,
    amounts: Vec<Amount>,
    graphs: OnceLock<BTreeMap<Ecosystem, Graph>>,
    none: Graph,
}

impl Packages {
    pub(super) fn new(ledger: &Ledger, inventory: &Inventory, owners: &Owners) -> Self {
        let count = inventory.packages.len();
        let mut owned: Vec<(usize, AtomId)> = Vec::new();
        let mut amounts = vec![Amount::default(); count];
        for atom in ledger.live() {
            let Some(package) = owners.package(*atom) else { continue };
            let package = package.0 as usize;
            let Some(amount) = amounts.get_mut(package) else { continue };
            *amount += ledger.atom(*atom).amount();
            owned.push((package, *atom));
        }
        // The files of a package stay in the order of the tree.
        owned.sort_by_key(|(package, _)| *package);
        let start = |package: usize| owned.partition_point(|(owner, _)| *owner < package);
        Self {
            starts: (0..=count).map(start).collect(),
            atoms: owned.into_iter().map(|(_, atom)| atom).collect(),
            amounts,
            graphs: OnceLock::new(),
            none: Graph::default(),
        }
    }

    pub(super) fn atoms(&self, package: PackageId) -> &[AtomId] {
        let at = package.0 as usize;
        let range = self.starts.get(at).copied().zip(self.starts.get(at + 1).copied());
        range.and_then(|(start, end)| self.atoms.get(start..end)).unwrap_or_default()
    }

    pub(super) fn amount(&self, package: PackageId) -> Amount {
        self.amounts.get(package.0 as usize).copied().unwrap_or_default()
    }

    pub(super) fn graph(&self, inventory: &Inventory, ecosystem: Ecosystem) -> &Graph {
        let all = || {
            let mut graphs = BTreeMap::new();
            for (_, package) in inventory.installed() {
                let ecosystem = package.ecosystem;
                graphs.entry(ecosystem).or_insert_with(|| Graph::new(inventory, ecosystem));
            }
            graphs
        };
        self.graphs.get_or_init(all).get(&ecosystem).unwrap_or(&self.none)
    }
}
