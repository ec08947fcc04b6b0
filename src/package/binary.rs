//! Large programs that their sections show to be of Go or Rust, and that no package has.

use crate::filesystem::NodeId;
use crate::layer::Elf;
use crate::ledger::{Documents, Ledger};

use super::machine::machine_name;
use super::text::word;
use super::{Ecosystem, Inventory, Package};

/// Bytes from which on a program is told.
const LARGE: u64 = 1_000_000;

/// Reads all programs. To be called after all that find packages.
pub(super) fn read(ledger: &Ledger, _: &Documents<'_>, inventory: &mut Inventory) {
    let filesystem = ledger.filesystem();
    let mut owned = vec![false; filesystem.ids().count()];
    for package in &inventory.packages {
        let nodes = package.files.iter().chain(&package.directories);
        nodes.for_each(|node| owned[node.index()] = true);
    }
    for id in ledger.ids() {
        let atom = ledger.atom(id);
        if atom.bytes < LARGE || has_owner(ledger, atom.node, &owned) {
            continue;
        }
        let elf = ledger.elf(id);
        let Some((elf, ecosystem)) = elf.and_then(|elf| Some((elf, language(elf)?))) else {
            continue;
        };
        let Some(name) = word(&String::from_utf8_lossy(ledger.name(id))) else { continue };
        inventory.packages.push(Package {
            ecosystem,
            name,
            architecture: machine_name(elf.machine).map(str::to_owned),
            location: ledger.path(id),
            layer: atom.layer,
            removed: atom.hidden,
            files: vec![atom.node],
            ..Package::default()
        });
    }
}

fn has_owner(ledger: &Ledger, node: NodeId, owned: &[bool]) -> bool {
    let mut at = node;
    while at != NodeId::ROOT {
        if owned[at.index()] {
            return true;
        }
        at = ledger.filesystem().parent(at);
    }
    false
}

fn language(elf: &Elf) -> Option<Ecosystem> {
    elf.sections.iter().find_map(|section| match &*section.name {
        b".go.buildinfo" | b".note.go.buildid" | b".gopclntab" => Some(Ecosystem::Go),
        // What `cargo auditable` leaves.
        b".dep-v0" => Some(Ecosystem::Rust),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::ElfSection;

    #[test]
    fn sections_tell_the_language() {
        let check = |names: &[&str], expected: Option<Ecosystem>| {
            let section =
                |name: &&str| ElfSection { name: name.as_bytes().to_vec(), size: 1, loaded: true };
            let elf = Elf { sections: names.iter().map(section).collect(), ..Elf::default() };
            assert_eq!(language(&elf), expected, "{names:?}");
        };
        check(&[".text", ".go.buildinfo"], Some(Ecosystem::Go));
        check(&[".text", ".gopclntab"], Some(Ecosystem::Go));
        check(&[".dep-v0", ".text"], Some(Ecosystem::Rust));
        check(&[".text", ".comment"], None);
        check(&[], None);
    }
}
