//! What components take.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::component::{Component, Making, Part};
use crate::filesystem::Amount;
use crate::ledger::{AtomId, Ledger};
use crate::owner::OwnerKind;
use crate::package::PackageId;
use crate::rule::Facts;

/// A component and what it takes: what is in its directory, and the files of its packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentUsage {
    /// The id in the knowledge base.
    pub id: String,
    /// Its name.
    pub title: String,
    /// What it is, in one line.
    pub about: String,
    /// Where it is, without a slash at the start.
    pub root: Option<Vec<u8>>,
    /// Its version and where that was read.
    pub version: Option<(String, String)>,
    /// How it is made.
    pub making: Making,
    /// Packages that it is made of.
    pub packages: usize,
    /// What the image shows of it.
    pub visible: Amount,
    /// What it does not show of it.
    pub shadowed: Amount,
    /// The layer that stores most of it.
    pub layer: Option<usize>,
    /// Its trimmable parts, the largest first.
    pub parts: Vec<PartUsage>,
    /// Builds that are known to be smaller.
    pub slimmer: Vec<String>,
    /// A command that shows that it works.
    pub check: Option<String>,
}

/// A part of a component and what the image shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartUsage {
    /// What it is.
    pub name: String,
    /// What it is for.
    pub role: String,
    /// What removing it risks; `keep` where it must stay.
    pub risk: String,
    /// Who needs it.
    pub needed_by: Option<String>,
    /// What would go with it.
    pub visible: Amount,
}

/// Bytes of one component.
#[derive(Default)]
struct Sum {
    visible: Amount,
    shadowed: Amount,
    layers: BTreeMap<usize, u64>,
}

/// What each component takes, the largest first.
pub(super) fn usage(facts: &Facts<'_>) -> Vec<ComponentUsage> {
    let sums = sums(facts);
    let components = facts.components.iter().zip(sums);
    let mut usages: Vec<ComponentUsage> =
        components.map(|(component, sum)| component_usage(facts.ledger, component, sum)).collect();
    usages.sort_by(|a, b| {
        let key = |usage: &ComponentUsage| Reverse((usage.visible.bytes, usage.shadowed.bytes));
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id)).then_with(|| a.root.cmp(&b.root))
    });
    usages
}

fn sums(facts: &Facts<'_>) -> Vec<Sum> {
    let ledger = facts.ledger;
    let mut sums: Vec<Sum> = Vec::new();
    let mut by_package: HashMap<PackageId, Vec<usize>> = HashMap::new();
    for (at, component) in facts.components.iter().enumerate() {
        let mut sum = Sum::default();
        let inside = component.root.map_or(&[][..], |root| ledger.inside(root));
        inside.iter().for_each(|file| sum.add(ledger, *file));
        sums.push(sum);
        for package in &component.packages {
            by_package.entry(*package).or_default().push(at);
        }
    }
    let is_counted = |file: AtomId, component: &Component| {
        let atom = ledger.atom(file);
        atom.is_live() && component.root.is_some_and(|root| ledger.is_inside(atom.node, root))
    };
    for file in ledger.ids() {
        let own;
        let of: &[usize] = match facts.owners.owner(facts.owners.of(file)).kind {
            OwnerKind::Package(package) => by_package.get(&package).map_or(&[], Vec::as_slice),
            OwnerKind::Component(at) => {
                own = [at];
                &own
            }
            _ => &[],
        };
        for at in of {
            let (Some(component), Some(sum)) = (facts.components.get(*at), sums.get_mut(*at))
            else {
                continue;
            };
            if !is_counted(file, component) {
                sum.add(ledger, file);
            }
        }
    }
    sums
}

impl Sum {
    fn add(&mut self, ledger: &Ledger, file: AtomId) {
        let atom = ledger.atom(file);
        *if atom.is_live() { &mut self.visible } else { &mut self.shadowed } += atom.amount();
        let layer = self.layers.entry(atom.layer).or_default();
        *layer = layer.saturating_add(atom.bytes);
    }
}

fn component_usage(ledger: &Ledger, component: &Component, sum: Sum) -> ComponentUsage {
    let heaviest = sum.layers.iter().max_by_key(|(layer, bytes)| (**bytes, Reverse(**layer)));
    let mut parts: Vec<PartUsage> =
        component.parts.iter().map(|part| part_usage(ledger, part)).collect();
    parts.sort_by(|a, b| {
        Reverse(a.visible.bytes).cmp(&Reverse(b.visible.bytes)).then_with(|| a.name.cmp(&b.name))
    });
    ComponentUsage {
        id: component.id.clone(),
        title: component.title.clone(),
        about: component.about.clone(),
        root: component.root.map(|root| ledger.filesystem().path(root)),
        version: component.version.clone(),
        making: component.making,
        packages: component.packages.len(),
        visible: sum.visible,
        shadowed: sum.shadowed,
        layer: heaviest.map(|(layer, _)| *layer),
        parts,
        slimmer: component.slimmer.clone(),
        check: component.check.clone(),
    }
}

fn part_usage(ledger: &Ledger, part: &Part) -> PartUsage {
    PartUsage {
        name: part.name.clone(),
        role: part.role.clone(),
        risk: part.risk.clone(),
        needed_by: part.needed_by.clone(),
        visible: ledger.sum(ledger.select(&part.nodes)),
    }
}
