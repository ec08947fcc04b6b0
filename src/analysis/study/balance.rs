//! Sums that must come out the same from two sides; what is left over is told.

use std::collections::BTreeMap;

use super::PackageUsage;
use crate::image::Image;
use crate::ledger::Ledger;
use crate::owner::Owners;
use crate::package::{Ecosystem, Inventory};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// Content bytes of all owners, and of the image.
    Owners,
    /// Content bytes of all layers, and of what is visible and shadowed.
    Layers,
    /// Bytes of blobs by entries and overhead, and by the manifest.
    Blobs,
    /// Build steps that are said to have made a layer, and layers.
    Steps,
}

/// One sum from two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What is compared.
    pub identity: Identity,
    /// What was added up.
    pub found: u128,
    /// What it has to be.
    pub expected: u128,
}

/// What the packages of an ecosystem say that they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The ecosystem.
    pub ecosystem: Ecosystem,
    /// Installed packages that say so.
    pub packages: usize,
    /// Bytes by their records.
    pub declared: u64,
    /// Visible content bytes of their files.
    pub measured: u64,
}

impl Balance {
    /// What is not explained.
    pub fn residue(&self) -> u128 {
        self.found.abs_diff(self.expected)
    }
}

impl Identity {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owners => "owners",
            Self::Layers => "layers",
            Self::Blobs => "blobs",
            Self::Steps => "steps",
        }
    }
}

pub(super) fn balances(image: &Image, ledger: &Ledger, owners: &Owners) -> Vec<Balance> {
    let filesystem = ledger.filesystem();
    let content = u128::from(filesystem.content());
    let tocs = || (0..filesystem.layers()).filter_map(|layer| filesystem.toc(layer));
    let owned = owners.list.iter();
    let owned =
        owned.map(|owner| u128::from(owner.visible.bytes) + u128::from(owner.shadowed.bytes));
    let blobs = u128::from(ledger.sum(ledger.ids()).compressed)
        + u128::from(ledger.structure().compressed)
        + tocs().map(|toc| u128::from(toc.overhead)).sum::<u128>();
    let balance = |identity, found, expected| Balance { identity, found, expected };
    let steps = image.steps.iter().filter(|step| !step.empty).count();
    vec![
        balance(Identity::Owners, owned.sum(), content),
        balance(
            Identity::Layers,
            tocs().map(|toc| u128::from(toc.content())).sum(),
            u128::from(filesystem.visible().bytes) + u128::from(filesystem.shadowed().bytes),
        ),
        balance(Identity::Blobs, blobs, image.compressed()),
        balance(Identity::Steps, steps as u128, image.layers.len() as u128),
    ]
}

pub(super) fn declared(inventory: &Inventory, usages: &[PackageUsage]) -> Vec<Declared> {
    let mut sums: BTreeMap<Ecosystem, Declared> = BTreeMap::new();
    let installed =
        inventory.packages.iter().zip(usages).filter(|(package, _)| package.removed.is_none());
    for (package, usage) in installed {
        let (ecosystem, Some(bytes)) = (package.ecosystem, package.declared) else { continue };
        // What has no files of its own is part of another package.
        if usage.visible.bytes == 0 {
            continue;
        }
        let empty = Declared { ecosystem, packages: 0, declared: 0, measured: 0 };
        let sum = sums.entry(ecosystem).or_insert(empty);
        sum.packages += 1;
        sum.declared = sum.declared.saturating_add(bytes);
        sum.measured = sum.measured.saturating_add(usage.visible.bytes);
    }
    sums.into_values().collect()
}
