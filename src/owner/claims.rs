//! Which packages claim a node, and which of them a stored file is of.

use crate::filesystem::NodeId;
use crate::ledger::Ledger;
use crate::package::{Inventory, Package, PackageId};

/// Packages by the nodes that they claim: of each node the slice between two starts.
pub(super) struct Claims {
    starts: Vec<u32>,
    packages: Vec<PackageId>,
}

impl Claims {
    /// Collects what the packages claim, in their order.
    pub(super) fn new<'a>(
        ledger: &Ledger,
        inventory: &'a Inventory,
        nodes: impl Fn(&'a Package) -> &'a [NodeId],
    ) -> Self {
        let mut starts = vec![0_u32; ledger.filesystem().ids().count() + 1];
        let claims = || {
            let packages = (0..).map(PackageId).zip(&inventory.packages);
            packages.flat_map(|(id, package)| nodes(package).iter().map(move |node| (*node, id)))
        };
        // Counted one place too far, summed up, and moved back while the packages are placed.
        let mut count = 0_u32;
        for (node, _) in claims() {
            let Some(more) = count.checked_add(1) else { break };
            count = more;
            starts[node.index()] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut packages = vec![PackageId(0); count as usize];
        for (node, id) in claims().take(count as usize) {
            let start = &mut starts[node.index()];
            *start -= 1;
            packages[*start as usize] = id;
        }
        Self { starts, packages }
    }

    /// Those that claim a node.
    pub(super) fn of(&self, node: NodeId) -> &[PackageId] {
        let at = |index: usize| self.starts[index] as usize;
        &self.packages[at(node.index())..at(node.index() + 1)]
    }
}

/// Which of some packages a file that a layer stores is of.
///
/// The one whose record the same layer wrote; else the last before it, rather one that was not
/// removed by then; else the first after it.
pub(super) fn of_layer(
    inventory: &Inventory,
    claims: &[PackageId],
    layer: usize,
) -> Option<PackageId> {
    if let [one] = claims {
        return Some(*one);
    }
    let rank = |id: &PackageId| {
        let package = inventory.package(*id);
        let is_gone = package.removed.is_some_and(|hidden| hidden.layer <= layer);
        let kind = match package.layer.cmp(&layer) {
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Less if !is_gone => 1,
            std::cmp::Ordering::Less => 2,
            std::cmp::Ordering::Greater => 3,
        };
        (kind, package.layer.abs_diff(layer), package.ecosystem, *id)
    };
    claims.iter().copied().min_by_key(rank)
}
