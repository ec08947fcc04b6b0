//! Where distributions are installed, and what that tells of Python.

use crate::filesystem::NodeId;
use crate::ledger::Ledger;

use super::super::machine::machine_name;
use super::super::records::ancestors;

/// Directories in which packages keep copies of others.
const VENDORED: [&[u8]; 4] = [b"_vendor", b"vendor", b"_vendored", b"vendored"];

/// Whether a directory of this name is where distributions are installed.
pub(super) fn is_site(name: &[u8]) -> bool {
    matches!(name, b"site-packages" | b"dist-packages")
}

/// The directory that a `*.dist-info` or `*.egg-info` is installed under; `None` for those of
/// copies in other packages.
pub(super) fn site_of(ledger: &Ledger, info: NodeId) -> Option<NodeId> {
    let filesystem = ledger.filesystem();
    let parent = filesystem.parent(info);
    let nearest = ancestors(ledger, info).find(|above| is_site(filesystem.name(*above)));
    let is_vendored = || VENDORED.contains(&filesystem.name(parent));
    match nearest {
        Some(nearest) => (nearest == parent).then_some(parent),
        None => (!is_vendored()).then_some(parent),
    }
}

/// The version of Python that a directory belongs to, as `(3, 12)`.
pub(super) fn python_of(ledger: &Ledger, site: NodeId) -> Option<(u64, u64)> {
    let filesystem = ledger.filesystem();
    let mut names = ancestors(ledger, site).map(|above| filesystem.name(above)).take(2);
    names.find_map(|name| {
        let version = str::from_utf8(name.strip_prefix(b"python")?).ok()?;
        let (major, minor) = version.trim_end_matches('t').split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    })
}

/// Whether a distribution may have come with its virtual environment: the tools that making one
/// installs are marked as if somebody had asked for them.
pub(super) fn comes_with(ledger: &Ledger, site: NodeId, layer: usize, name: &str) -> bool {
    let parent = |node: NodeId| ledger.filesystem().parent(node);
    let settings = ledger.child(parent(parent(parent(site))), b"pyvenv.cfg");
    let made = settings.and_then(|node| ledger.atom_at(node)).map(|file| ledger.atom(file).layer);
    matches!(name, "pip" | "setuptools" | "wheel") && made == Some(layer)
}

/// The machine that the image's programs are for, by the first one.
pub(super) fn machine(ledger: &Ledger) -> Option<&'static str> {
    let filesystem = ledger.filesystem();
    let tables = (0..filesystem.layers()).filter_map(|layer| filesystem.toc(layer));
    let mut machines = tables.filter_map(|toc| toc.elf.first()).map(|(_, elf)| elf.machine);
    machines.find_map(machine_name)
}
