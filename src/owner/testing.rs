//! Owners of packages' files and directories alone, for tests of what reads them.

use std::collections::HashMap;

use super::{Owner, OwnerId, OwnerKind, Owners};
use crate::filesystem::Amount;
use crate::ledger::Ledger;
use crate::package::{Inventory, PackageId};

impl Owners {
    /// Gives packages what their records list; the rest has no owner.
    pub(crate) fn by_hand(ledger: &Ledger, inventory: &Inventory) -> Self {
        let mut of = vec![OwnerId(0); ledger.atoms().len()];
        let mut list = vec![owner(OwnerKind::Unowned, "/")];
        let mut by_node = HashMap::new();
        for (id, package) in (0..).map(PackageId).zip(&inventory.packages) {
            let own = OwnerId(u32::try_from(list.len()).unwrap());
            list.push(owner(OwnerKind::Package(id), &package.name));
            for node in package.files.iter().chain(&package.directories) {
                by_node.insert(*node, own);
            }
        }
        for id in ledger.ids() {
            let atom = ledger.atom(id);
            let up = |node: &_| Some(ledger.filesystem().parent(*node)).filter(|up| up != node);
            let above = std::iter::successors(Some(atom.node), up);
            let own = above.into_iter().find_map(|node| by_node.get(&node));
            of[id.index()] = own.copied().unwrap_or(OwnerId(0));
            let owner = &mut list[of[id.index()].0 as usize];
            let sum = if atom.is_live() { &mut owner.visible } else { &mut owner.shadowed };
            *sum += atom.amount();
        }
        Self { list, of }
    }
}

fn owner(kind: OwnerKind, name: &str) -> Owner {
    Owner {
        kind,
        name: name.to_owned(),
        version: None,
        visible: Amount::default(),
        shadowed: Amount::default(),
        layer: 0,
    }
}
