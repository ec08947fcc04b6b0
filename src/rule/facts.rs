//! All that rules may ask.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::components::{self, ComponentUsage};
use super::copies::Copies;
use super::needed::Uses;
use super::packages::Packages;
use super::paths::{self, Hit};
use super::successors::Successors;
use super::{Detect, Risk, Rule, Saving, rules};
use crate::component::Component;
use crate::filesystem::Amount;
use crate::image::{Image, Layer, Origin, Step};
use crate::ledger::{AtomId, Documents, Ledger};
use crate::owner::Owners;
use crate::package::{Ecosystem, Graph, Inventory, PackageId};

/// What is known of one image.
pub struct Facts<'a> {
    /// Its manifest and config.
    pub image: &'a Image,
    /// Its stored files.
    pub ledger: &'a Ledger,
    /// The contents that were kept of them.
    pub documents: &'a Documents<'a>,
    /// What is installed.
    pub inventory: &'a Inventory,
    /// Its large tools.
    pub components: &'a [Component],
    /// Whose the files are.
    pub owners: &'a Owners,
    /// What fits the paths of rules, by the rule's id.
    pub(super) hits: HashMap<&'static str, Vec<Hit>>,
    /// What the image is known to use.
    pub(super) needed: Uses,
    usage: OnceCell<(Vec<ComponentUsage>, Vec<Vec<AtomId>>)>,
    packages: Packages,
    copies: OnceCell<Copies>,
    successors: OnceCell<Successors>,
}

impl<'a> Facts<'a> {
    /// Puts them together; looks at every visible path once.
    pub fn new(
        image: &'a Image,
        ledger: &'a Ledger,
        documents: &'a Documents<'a>,
        inventory: &'a Inventory,
        components: &'a [Component],
        owners: &'a Owners,
    ) -> Self {
        let hits = paths::hits(image, ledger);
        let caches: Vec<&str> = rules().iter().flat_map(|rule| cache_variables(rule)).collect();
        let needed = Uses::new(image, ledger, &caches);
        let usage = OnceCell::new();
        let packages = Packages::new(ledger, inventory, owners);
        Self {
            image,
            ledger,
            documents,
            inventory,
            components,
            owners,
            hits,
            needed,
            usage,
            packages,
            copies: OnceCell::new(),
            successors: OnceCell::new(),
        }
    }

    /// What the components take, in their order.
    pub fn component_usage(&self) -> &[ComponentUsage] {
        &self.members().0
    }

    /// The stored files of a component, by its position.
    pub(super) fn of_component(&self, component: usize) -> &[AtomId] {
        self.members().1.get(component).map_or(&[], Vec::as_slice)
    }

    fn members(&self) -> &(Vec<ComponentUsage>, Vec<Vec<AtomId>>) {
        self.usage.get_or_init(|| components::usage(self))
    }

    /// Directories that are there more than once.
    pub(super) fn copies(&self) -> &Copies {
        self.copies.get_or_init(|| Copies::new(self))
    }

    /// What replaced hidden files.
    pub(super) fn successors(&self) -> &Successors {
        self.successors.get_or_init(|| Successors::new(self.ledger))
    }

    /// The step that made a layer.
    pub fn step(&self, layer: usize) -> Option<&'a Step> {
        self.image.steps.get(self.image.layers.get(layer)?.step?)
    }

    /// The instruction that made a layer; a word for it where that is not known.
    pub fn instruction(&self, layer: usize) -> String {
        match self.step(layer) {
            Some(step) if !step.instruction.is_empty() => step.instruction.clone(),
            _ => format!("layer {layer}"),
        }
    }

    /// Whose layer stores a file.
    pub fn origin(&self, atom: AtomId) -> Origin {
        let layer = self.ledger.atom(atom).layer;
        self.image.layers.get(layer).map_or(Origin::Unknown, |layer| layer.origin)
    }

    /// Bytes of a layer's blob, without those of what is hidden.
    pub(super) fn shown_of(&self, layer: &Layer) -> u64 {
        let hidden = self.ledger.filesystem().shadowed_in(layer.index).compressed;
        layer.compressed.saturating_sub(hidden)
    }

    /// The visible files that a package owns.
    pub fn package_atoms(&self, package: PackageId) -> &[AtomId] {
        self.packages.atoms(package)
    }

    /// What they cost.
    pub fn package_bytes(&self, package: PackageId) -> Amount {
        self.packages.amount(package)
    }

    /// Who needs whom among an ecosystem's installed packages.
    pub fn graph(&self, ecosystem: Ecosystem) -> &Graph {
        self.packages.graph(self.inventory, ecosystem)
    }

    /// All bytes of the image.
    pub fn whole(&self) -> Saving {
        let compressed = u64::try_from(self.image.compressed()).unwrap_or(u64::MAX);
        Saving { content: self.ledger.filesystem().content(), compressed }
    }
}

/// The variables that name a directory of nothing but what a rule takes as safe.
fn cache_variables(rule: &'static Rule) -> impl Iterator<Item = &'static str> {
    let env = match &rule.detect {
        Detect::Paths(paths) if rule.risk == Risk::Safe => paths.env,
        _ => &[],
    };
    env.iter().copied().filter(|variable| !variable.contains('/'))
}
