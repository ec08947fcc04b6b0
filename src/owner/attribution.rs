//! Who owns a stored file, by what is known for certain first.
//!
//! 1. The package that lists it.
//! 2. For compiled Python, the owner of the source. The records of package managers and what the
//!    system's tools generate own themselves.
//! 3. The package whose directory it is in, the nearest one.
//! 4. The component it is in.
//! 5. The application, if a copy brought it.
//! 6. Nobody: its directory stands for it.

use super::OwnerKind;
use super::application::{Brings, brought};
use super::claims::{Claims, of_layer};
use super::places::{Places, Special};
use crate::component::Component;
use crate::filesystem::{Filesystem, NodeId};
use crate::image::Image;
use crate::ledger::{AtomId, Ledger};
use crate::package::{Inventory, PackageId};

/// An owner: what it is, and for those that are known by a path its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) kind: OwnerKind,
    pub(super) node: NodeId,
}

/// All that settles who owns files.
pub(super) struct Attribution<'a> {
    ledger: &'a Ledger,
    inventory: &'a Inventory,
    listed: Claims,
    directories: Claims,
    /// By node, the nearest directory at or above it that is some package's.
    nearest: Vec<Option<NodeId>>,
    places: Places,
    brought: Vec<Brings>,
}

impl<'a> Attribution<'a> {
    pub(super) fn new(
        image: &Image,
        ledger: &'a Ledger,
        inventory: &'a Inventory,
        components: &[Component],
    ) -> Self {
        let listed = Claims::new(ledger, inventory, |package| &package.files);
        let directories = Claims::new(ledger, inventory, |package| &package.directories);
        let filesystem = ledger.filesystem();
        let mut nearest = vec![None; filesystem.ids().count()];
        for node in filesystem.ids() {
            nearest[node.index()] = match directories.of(node) {
                [] => nearest[filesystem.parent(node).index()],
                _ => Some(node),
            };
        }
        let places = Places::new(ledger, components);
        let brought = brought(image, ledger);
        Self { ledger, inventory, listed, directories, nearest, places, brought }
    }

    /// The owners of all stored files, by atom.
    pub(super) fn owners(&self) -> Vec<Key> {
        let filesystem = self.ledger.filesystem();
        let mut compiled = Vec::new();
        let mut owners = Vec::with_capacity(self.ledger.atoms().len());
        for id in self.ledger.ids() {
            let (node, layer) = self.birth(id);
            if let Some(package) = self.lister(id, node, layer) {
                owners.push(of_package(package));
                continue;
            }
            let source = source_of(self.ledger, filesystem, node);
            compiled.extend(source.map(|source| (id, source)));
            owners.push(self.by_place(node, layer));
        }
        for (id, source) in compiled {
            let layer = self.ledger.atom(id).layer;
            let lister = of_layer(self.inventory, self.listed.of(source), layer);
            let visible = self.ledger.atom_at(source).map(|source| owners[source.index()]);
            if let Some(owner) = lister.map(of_package).or(visible) {
                owners[id.index()] = owner;
            }
        }
        owners
    }

    /// Where a layer has a file, and the layer.
    fn birth(&self, id: AtomId) -> (NodeId, usize) {
        let atom = self.ledger.atom(id);
        let entry = self.ledger.entry(id);
        let filesystem = self.ledger.filesystem();
        (entry.map_or(atom.node, |entry| filesystem.place(atom.layer, entry)), atom.layer)
    }

    /// The package that lists a file under any of its names.
    fn lister(&self, id: AtomId, birth: NodeId, layer: usize) -> Option<PackageId> {
        let by_name = |node| of_layer(self.inventory, self.listed.of(node), layer);
        by_name(birth).or_else(|| {
            let is_live = self.ledger.atom(id).is_live();
            is_live.then(|| self.ledger.names(id).find_map(by_name)).flatten()
        })
    }

    /// The owner of a file that no package lists.
    fn by_place(&self, node: NodeId, layer: usize) -> Key {
        let filesystem = self.ledger.filesystem();
        let without_node = |kind| Key { kind, node: NodeId::ROOT };
        match self.places.special(node) {
            Special::PackageDatabase => return without_node(OwnerKind::PackageDatabase),
            Special::Generated => return without_node(OwnerKind::Generated),
            Special::None => {}
        }
        let claims = self.nearest[node.index()].map(|directory| self.directories.of(directory));
        let package = claims.and_then(|claims| of_layer(self.inventory, claims, layer));
        if let Some(package) = package {
            return of_package(package);
        }
        if let Some(component) = self.places.component(node) {
            return without_node(OwnerKind::Component(component));
        }
        let bucket = self.places.bucket(filesystem, node);
        match self.brought.get(layer) {
            Some(Brings::Copies(to)) => {
                let to = to.filter(|to| is_at_or_in(filesystem, node, *to));
                Key { kind: OwnerKind::Application, node: to.unwrap_or(bucket) }
            }
            _ => Key { kind: OwnerKind::Unowned, node: bucket },
        }
    }
}

fn of_package(id: PackageId) -> Key {
    Key { kind: OwnerKind::Package(id), node: NodeId::ROOT }
}

fn is_at_or_in(filesystem: &Filesystem, mut node: NodeId, directory: NodeId) -> bool {
    while node != directory && node != NodeId::ROOT {
        node = filesystem.parent(node);
    }
    node == directory
}

/// The source of a compiled Python file, if some layer has it: `x.py` of `x.pyc` and of
/// `__pycache__/x.cpython-312.opt-1.pyc`.
fn source_of(ledger: &Ledger, filesystem: &Filesystem, node: NodeId) -> Option<NodeId> {
    let name = filesystem.name(node);
    let stem = name.strip_suffix(b".pyc").or_else(|| name.strip_suffix(b".pyo"))?;
    let directory = filesystem.parent(node);
    if filesystem.name(directory) != b"__pycache__" {
        return ledger.child(directory, &[stem, b".py"].concat());
    }
    let cut = |stem: &'_ [u8]| stem.iter().rposition(|byte| *byte == b'.');
    let mut end = cut(stem)?;
    if stem[end..].starts_with(b".opt-") {
        end = cut(&stem[..end])?;
    }
    ledger.child(filesystem.parent(directory), &[&stem[..end], b".py"].concat())
}
