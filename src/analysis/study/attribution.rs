//! Bytes by package, by kind of owner and by layer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::filesystem::Amount;
use crate::ledger::Ledger;
use crate::owner::{Owner, OwnerId, OwnerKind, Owners};
use crate::package::{Ecosystem, Inventory, PackageId};
use crate::rule::Facts;

/// Owners that are named of each layer.
const NAMED: usize = 5;

/// What a package takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageUsage {
    /// The package.
    pub package: PackageId,
    /// What the image shows of it.
    pub visible: Amount,
    /// What it does not show of it.
    pub shadowed: Amount,
    /// Content bytes that would go with it: its own and those of what only it needs. `None` where
    /// that is not known.
    pub exclusive: Option<u64>,
}

/// What owners have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Packages of an ecosystem.
    Packages(Ecosystem),
    /// The records of package managers.
    PackageDatabase,
    /// What the system's tools generate.
    Generated,
    /// Components, beside what packages own of them.
    Components,
    /// What `COPY` or `ADD` brought.
    Application,
    /// None of these.
    Unowned,
}

/// What one layer stores of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupShare {
    /// The group.
    pub group: Group,
    /// The layer.
    pub layer: usize,
    /// What the image shows of it.
    pub visible: Amount,
    /// What it does not show of it.
    pub shadowed: Amount,
}

/// What one layer stores of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerShare {
    /// The layer.
    pub layer: usize,
    /// The owner.
    pub owner: OwnerId,
    /// What it stores of it.
    pub amount: Amount,
}

/// What one layer stores, by owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// The owners of the most content, that first; some at most.
    pub largest: Vec<(OwnerId, Amount)>,
    /// How many owners there are.
    pub owners: usize,
}

/// All stored files, by kind of owner and layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// By group, and then by layer.
    pub shares: Vec<GroupShare>,
    /// By layer.
    pub layers: Vec<Brought>,
    /// By layer and owner.
    pub owned: Vec<OwnerShare>,
}

impl Group {
    /// The group of an owner.
    pub fn of(owner: &Owner, inventory: &Inventory) -> Self {
        match owner.kind {
            OwnerKind::Package(id) => Self::Packages(inventory.package(id).ecosystem),
            OwnerKind::PackageDatabase => Self::PackageDatabase,
            OwnerKind::Generated => Self::Generated,
            OwnerKind::Component(_) => Self::Components,
            OwnerKind::Application => Self::Application,
            OwnerKind::Unowned => Self::Unowned,
        }
    }

    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packages(ecosystem) => ecosystem.as_str(),
            Self::PackageDatabase => "package-database",
            Self::Generated => "generated",
            Self::Components => "component",
            Self::Application => "application",
            Self::Unowned => "unowned",
        }
    }
}

impl Attribution {
    /// Adds up all stored files.
    pub(super) fn new(ledger: &Ledger, inventory: &Inventory, owners: &Owners) -> Self {
        let mut sums: HashMap<(usize, OwnerId), (Amount, Amount)> = HashMap::new();
        for (id, atom) in ledger.ids().zip(ledger.atoms()) {
            let (visible, shadowed) = sums.entry((atom.layer, owners.of(id))).or_default();
            *if atom.is_live() { visible } else { shadowed } += atom.amount();
        }
        let mut groups: BTreeMap<(Group, usize), (Amount, Amount)> = BTreeMap::new();
        let mut layers: Vec<Vec<(OwnerId, Amount)>> = Vec::new();
        layers.resize_with(ledger.filesystem().layers(), Vec::new);
        for ((layer, owner), (visible, shadowed)) in sums {
            let group = Group::of(owners.owner(owner), inventory);
            let sum = groups.entry((group, layer)).or_default();
            sum.0 += visible;
            sum.1 += shadowed;
            let mut all = visible;
            all += shadowed;
            layers[layer].push((owner, all));
        }
        let owned = owned(&layers);
        let share =
            |((group, layer), (visible, shadowed))| GroupShare { group, layer, visible, shadowed };
        Self {
            shares: groups.into_iter().map(share).collect(),
            layers: layers.into_iter().map(brought).collect(),
            owned,
        }
    }
}

fn owned(layers: &[Vec<(OwnerId, Amount)>]) -> Vec<OwnerShare> {
    let of_layer = |(layer, owners): (usize, &Vec<(OwnerId, Amount)>)| {
        let share = |(owner, amount): &(OwnerId, Amount)| OwnerShare {
            layer,
            owner: *owner,
            amount: *amount,
        };
        let mut shares: Vec<OwnerShare> = owners.iter().map(share).collect();
        shares.sort_unstable_by_key(|share| share.owner);
        shares
    };
    layers.iter().enumerate().flat_map(of_layer).collect()
}

fn brought(mut owners: Vec<(OwnerId, Amount)>) -> Brought {
    let count = owners.len();
    owners.sort_unstable_by_key(|(owner, amount)| (Reverse(amount.bytes), *owner));
    owners.truncate(NAMED);
    Brought { largest: owners, owners: count }
}

/// What each package takes.
pub(super) fn packages(facts: &Facts<'_>) -> Vec<PackageUsage> {
    let packages = &facts.inventory.packages;
    let mut usages: Vec<PackageUsage> = (0..)
        .map(PackageId)
        .zip(packages)
        .map(|(package, _)| PackageUsage {
            package,
            visible: Amount::default(),
            shadowed: Amount::default(),
            exclusive: None,
        })
        .collect();
    for owner in &facts.owners.list {
        let OwnerKind::Package(id) = owner.kind else { continue };
        let Some(usage) = usages.get_mut(id.0 as usize) else { continue };
        usage.visible += owner.visible;
        usage.shadowed += owner.shadowed;
    }
    let ecosystems: BTreeSet<Ecosystem> =
        packages.iter().map(|package| package.ecosystem).filter(|it| has_graph(*it)).collect();
    for ecosystem in ecosystems {
        let bytes = |package| facts.package_bytes(package).bytes;
        for (package, bytes) in facts.graph(ecosystem).exclusive(bytes) {
            if let Some(usage) = usages.get_mut(package.0 as usize) {
                usage.exclusive = Some(bytes);
            }
        }
    }
    usages
}

/// Whether the records of an ecosystem tell which packages need which.
fn has_graph(ecosystem: Ecosystem) -> bool {
    !matches!(ecosystem, Ecosystem::VsCode | Ecosystem::Go | Ecosystem::Rust | Ecosystem::Tex)
}
