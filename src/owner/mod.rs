//! Whose the bytes are: every stored file has exactly one owner, hidden ones the owner they were
//! born with.

#[cfg(test)]
mod testing;

use crate::component::Component;
use crate::filesystem::Amount;
use crate::image::Image;
use crate::ledger::{AtomId, Ledger};
use crate::package::{Inventory, PackageId};

/// An owner by its position in [`Owners::list`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(pub u32);

/// What an owner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwnerKind {
    /// A package; its id is of the inventory.
    Package(PackageId),
    /// The records of package managers.
    PackageDatabase,
    /// What the system's tools generate: caches of the linker, of fonts and icons.
    Generated,
    /// A component, by its position among them, beside what packages own of it.
    Component(usize),
    /// Files that `COPY` or `ADD` brought, by destination.
    Application,
    /// None of these, by directory.
    Unowned,
}

/// Who owns bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What it is.
    pub kind: OwnerKind,
    /// Its name: the package's, the component's title, or a path.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// What the image shows of it.
    pub visible: Amount,
    /// What it does not show of it.
    pub shadowed: Amount,
    /// The lowest layer that stores some of it.
    pub layer: usize,
}

/// The owners of all stored files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// The owners; those of the most visible bytes first.
    pub list: Vec<Owner>,
    /// By atom.
    of: Vec<OwnerId>,
}

impl Owners {
    /// Finds an owner for each stored file.
    pub fn attribute(
        image: &Image,
        ledger: &Ledger,
        inventory: &Inventory,
        components: &[Component],
    ) -> Self {
        let _ = (image, inventory, components);
        let mut all = Owner {
            kind: OwnerKind::Unowned,
            name: "/".to_owned(),
            version: None,
            visible: Amount::default(),
            shadowed: Amount::default(),
            layer: 0,
        };
        for atom in ledger.atoms() {
            let sum = if atom.is_live() { &mut all.visible } else { &mut all.shadowed };
            *sum += atom.amount();
        }
        Self { list: vec![all], of: vec![OwnerId(0); ledger.atoms().len()] }
    }

    /// The owner of a stored file.
    pub fn of(&self, atom: AtomId) -> OwnerId {
        self.of[atom.index()]
    }

    /// One owner.
    pub fn owner(&self, id: OwnerId) -> &Owner {
        &self.list[id.0 as usize]
    }

    /// The package that owns a stored file.
    pub fn package(&self, atom: AtomId) -> Option<PackageId> {
        match self.owner(self.of(atom)).kind {
            OwnerKind::Package(id) => Some(id),
            _ => None,
        }
    }
}
