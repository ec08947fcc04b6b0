//! Finds components in one pass over the visible tree, and one over the steps.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Component;
use super::knowledge::{Knowledge, Row, Signature};
use super::parts::PartPatterns;
use super::programs::trial;
use super::version::Sources;
use crate::filesystem::NodeId;
use crate::image::Image;
use crate::layer::Kind;
use crate::ledger::{Documents, Ledger};
use crate::package::{Ecosystem, Inventory, PackageId};
use crate::pattern::{Patterns, component_fits};

/// Directories that many tools share.
const SHARED: [&str; 14] = [
    "",
    "bin",
    "etc",
    "home",
    "lib",
    "opt",
    "root",
    "root/.local",
    "srv",
    "usr",
    "usr/bin",
    "usr/lib",
    "usr/local",
    "usr/local/bin",
];

/// Places of one component that are told.
const PLACES: usize = 50;
/// Shorter ids are names of directories by chance.
const SHORTEST: usize = 3;

/// A path of a signature: its row, the signature's position there, and its own.
#[derive(Clone, Copy, Debug)]
struct Term {
    row: usize,
    signature: usize,
    at: usize,
    /// Components from the root to what fits.
    depth: usize,
}

/// A place of a component: where it is and what packages make it.
#[derive(Default)]
struct Place {
    root: Option<NodeId>,
    packages: Vec<PackageId>,
}

/// Finds the components of an image, the largest first.
pub fn find(
    image: &Image,
    ledger: &Ledger,
    documents: &Documents<'_>,
    inventory: &Inventory,
    knowledge: &Knowledge,
) -> Vec<Component> {
    let mut roots = roots(ledger, &knowledge.rows);
    give_way(&knowledge.rows, &mut roots);
    go_by_name(ledger, &knowledge.rows, &mut roots);
    let installers = named::installers(image, &knowledge.rows);
    let named = named::add(image, ledger, &knowledge.rows, &installers, &mut roots);
    let all: Vec<NodeId> = roots.iter().flatten().copied().collect();
    let mut packages = packages(inventory, &knowledge.rows);
    let sources = Sources { image, ledger, documents, inventory };
    let mut found: Vec<(u64, Component)> = Vec::new();
    for (at, row) in knowledge.rows.iter().enumerate() {
        let roots = roots.get(at).into_iter().flatten().copied().collect();
        let packages = packages.remove(&at).unwrap_or_default();
        let patterns = PartPatterns::new(row);
        let places = places(ledger, inventory, roots, packages);
        let several = places.len() > 1;
        for place in places {
            let mut component = row.component();
            component.steps =
                installers.get(&at).into_iter().flat_map(|all| all.keys().copied()).collect();
            component.named = place.root.and_then(|root| named.get(&(at, root)).cloned());
            component.version = sources
                .version(&row.versions, place.root, &place.packages, several)
                .or_else(|| sources.checked_out(row, &component.steps, place.root));
            component.parts =
                place.root.map(|root| patterns.find(ledger, root, &all)).unwrap_or_default();
            // Of what is known by a name alone, nobody knows what it could have.
            if component.named.is_none() {
                component.absent = patterns.absent(place.root, &component.parts);
                let trial = |check: &String| trial(ledger, image, place.root, check);
                component.check = row.check.as_ref().and_then(trial);
            } else {
                component.check = None;
            }
            component.root = place.root;
            component.packages = place.packages;
            found.push((content(ledger, inventory, &component), component));
        }
    }
    // Of places with as many bytes, the order of the tree decides, which is that of the search.
    found.sort_by(|(a, left), (b, right)| (Reverse(a), &left.id).cmp(&(Reverse(b), &right.id)));
    found.into_iter().map(|(_, component)| component).collect()
}

impl Row {
    fn component(&self) -> Component {
        Component {
            id: self.id.clone(),
            title: self.title.clone(),
            about: self.about.clone(),
            making: self.making,
            slimmer: self.slimmer.clone(),
            program: self
                .check
                .as_deref()
                .and_then(|check| Some(check.split(' ').next()?.to_owned())),
            optional: self.optional,
            env: self.env.clone(),
            audience: self.audience.clone(),
            ..Component::default()
        }
    }
}

/// The roots of each row, in the order of the tree.
fn roots(ledger: &Ledger, rows: &[Row]) -> Vec<Vec<NodeId>> {
    let mut patterns = Patterns::default();
    for (row, known) in rows.iter().enumerate() {
        for (signature, given) in known.signatures.iter().enumerate() {
            for (at, path) in given.terms().enumerate() {
                let depth = path.split('/').filter(|name| !name.is_empty()).count();
                let pattern = match path {
                    "" => given.at.clone(),
                    path => format!("{}/{path}", given.at),
                };
                patterns.add(pattern.as_bytes(), Term { row, signature, at, depth });
            }
        }
    }
    let filesystem = ledger.filesystem();
    // By row, root and signature, the terms that it has.
    let mut had: BTreeMap<(usize, NodeId, usize), BTreeSet<usize>> = BTreeMap::new();
    ledger.for_each_below(NodeId::ROOT, |node, components, is_directory| {
        for term in patterns.fitting(components, is_directory) {
            let root = (0..term.depth).fold(node, |node, _| filesystem.parent(node));
            had.entry((term.row, root, term.signature)).or_default().insert(term.at);
        }
    });
    let mut found: Vec<BTreeSet<NodeId>> = vec![BTreeSet::new(); rows.len()];
    for ((row, root, signature), terms) in had {
        let Some(given) = rows.get(row).and_then(|row| row.signatures.get(signature)) else {
            continue;
        };
        if given.is_met(&terms) && is_root(ledger, root, given.least) {
            found[row].insert(root);
        }
    }
    found.into_iter().map(|roots| outermost(ledger, roots)).collect()
}

/// The names from the root of the tree to a node.
fn components(ledger: &Ledger, node: NodeId) -> Vec<Vec<u8>> {
    ledger.filesystem().path(node).split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
}

/// Those that are in no other, in the order of the tree.
fn outermost(ledger: &Ledger, roots: BTreeSet<NodeId>) -> Vec<NodeId> {
    let mut roots: Vec<NodeId> = roots.into_iter().collect();
    roots.sort_by_cached_key(|root| components(ledger, *root));
    let mut kept: Vec<NodeId> = Vec::new();
    for root in roots {
        if kept.len() < PLACES && !kept.last().is_some_and(|last| ledger.is_inside(root, *last)) {
            kept.push(root);
        }
    }
    kept
}

impl Signature {
    /// The paths below the root, or the root itself.
    fn terms(&self) -> impl Iterator<Item = &str> {
        let itself = (self.all.is_empty() && self.any.is_empty()).then_some("");
        self.all.iter().chain(&self.any).map(String::as_str).chain(itself)
    }

    fn is_met(&self, terms: &BTreeSet<usize>) -> bool {
        let all = (0..self.all.len()).all(|term| terms.contains(&term));
        let any = terms.last().is_some_and(|last| *last >= self.all.len());
        all && (any || self.any.is_empty())
    }
}

/// Whether a component can be told by a node: a file, or a directory that is not everybody's.
fn is_root(ledger: &Ledger, node: NodeId, least: u64) -> bool {
    let filesystem = ledger.filesystem();
    let fits = match filesystem.node(node).kind {
        Kind::File | Kind::Hardlink => ledger.atom_at(node).is_some(),
        Kind::Directory => {
            let path = filesystem.path(node);
            let in_home = path.strip_prefix(b"home/").is_some_and(|rest| !rest.contains(&b'/'));
            !in_home && !SHARED.iter().any(|shared| shared.as_bytes() == path)
        }
        _ => false,
    };
    let size = || {
        let inside = ledger.inside(node).iter().copied();
        ledger.sum(inside.chain(ledger.atom_at(node))).bytes
    };
    fits && (least == 0 || size() >= least)
}

/// Takes away the roots of rows that yield where another row has the same.
fn give_way(rows: &[Row], roots: &mut [Vec<NodeId>]) {
    let firm: BTreeSet<NodeId> = rows
        .iter()
        .zip(roots.iter())
        .filter(|(row, _)| !row.yields)
        .flat_map(|(_, roots)| roots.iter().copied())
        .collect();
    for (_, roots) in rows.iter().zip(roots).filter(|(row, _)| row.yields) {
        roots.retain(|root| !firm.contains(root));
    }
}

/// Gives roots that are named after another row to that one: a tool may ship what gives others away.
fn go_by_name(ledger: &Ledger, rows: &[Row], roots: &mut [Vec<NodeId>]) {
    let filesystem = ledger.filesystem();
    let mut moved: BTreeMap<usize, BTreeSet<NodeId>> = BTreeMap::new();
    for (row, roots) in roots.iter_mut().enumerate() {
        roots.retain(|root| {
            let bears = |other: &Row| is_name_of(filesystem.name(*root), &other.id);
            let named = rows.iter().position(bears).filter(|named| *named != row);
            let named = named.filter(|_| filesystem.node(*root).kind == Kind::Directory);
            named.is_none_or(|named| {
                moved.entry(named).or_default().insert(*root);
                false
            })
        });
    }
    for (row, mut all) in moved {
        if let Some(roots) = roots.get_mut(row) {
            all.extend(std::mem::take(roots));
            *roots = outermost(ledger, all);
        }
    }
}

/// Whether a directory has an id as its name, alone or with a version.
fn is_name_of(name: &[u8], id: &str) -> bool {
    let rest = (id.len() >= SHORTEST).then(|| name.get(..id.len())).flatten();
    let is_same = rest.is_some_and(|start| start.eq_ignore_ascii_case(id.as_bytes()));
    is_same && matches!(name.get(id.len()..), Some([] | [b'-' | b'_', b'0'..=b'9', ..]))
}

/// The installed packages of each row.
fn packages(inventory: &Inventory, rows: &[Row]) -> BTreeMap<usize, Vec<PackageId>> {
    let mut by_ecosystem: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        for (ecosystem, name) in row.packages.iter().filter_map(|name| name.split_once(':')) {
            by_ecosystem.entry(ecosystem).or_default().push((name, at));
        }
    }
    let mut found: BTreeMap<usize, Vec<PackageId>> = BTreeMap::new();
    for (id, package) in inventory.installed() {
        let patterns = by_ecosystem.get(package.ecosystem.as_str());
        for (pattern, at) in patterns.into_iter().flatten() {
            if component_fits(pattern.as_bytes(), package.name.as_bytes()) {
                let packages = found.entry(*at).or_default();
                if packages.last() != Some(&id) {
                    packages.push(id);
                }
            }
        }
    }
    found
}

/// Where a component is: its roots, each with the packages of the same prefix, and prefixes that
/// have its packages and no root.
fn places(
    ledger: &Ledger,
    inventory: &Inventory,
    roots: Vec<NodeId>,
    packages: Vec<PackageId>,
) -> Vec<Place> {
    let paths: Vec<Vec<u8>> = roots.iter().map(|root| ledger.filesystem().path(*root)).collect();
    let mut places: Vec<Place> =
        roots.into_iter().map(|root| Place { root: Some(root), ..Place::default() }).collect();
    let mut others: BTreeMap<&[u8], Vec<PackageId>> = BTreeMap::new();
    for id in packages {
        let package = inventory.package(id);
        let prefix = prefix(package.ecosystem, &package.location);
        let near = paths.iter().position(|path| is_in(path, prefix) || is_in(prefix, path));
        match near.and_then(|near| places.get_mut(near)) {
            Some(place) => place.packages.push(id),
            None => others.entry(prefix).or_default().push(id),
        }
    }
    places.extend(others.into_values().map(|packages| Place { root: None, packages }));
    places
}

/// What an environment is known by, for packages that are in it.
fn prefix(ecosystem: Ecosystem, location: &[u8]) -> &[u8] {
    let inner: &[u8] = match ecosystem {
        Ecosystem::Python => b"/lib/python",
        _ => return location,
    };
    let end = location.windows(inner.len()).position(|window| window == inner);
    end.and_then(|end| location.get(..end)).unwrap_or(location)
}

fn is_in(path: &[u8], directory: &[u8]) -> bool {
    let rest = path.strip_prefix(directory);
    directory.is_empty() || rest.is_some_and(|rest| rest.first().is_none_or(|next| *next == b'/'))
}

/// Visible content bytes in the root and of the files that the packages list beside it.
fn content(ledger: &Ledger, inventory: &Inventory, component: &Component) -> u64 {
    let mut atoms: BTreeSet<_> = BTreeSet::new();
    let in_root = component.root.map(|root| ledger.inside(root)).unwrap_or_default();
    for id in &component.packages {
        let package = inventory.package(*id);
        atoms.extend(package.files.iter().filter_map(|file| ledger.atom_at(*file)));
        atoms.extend(package.directories.iter().flat_map(|node| ledger.inside(*node)).copied());
    }
    if atoms.is_empty() {
        return ledger.sum(in_root.iter().copied()).bytes;
    }
    atoms.extend(in_root.iter().copied());
    ledger.sum(atoms).bytes
}

mod named;
#[cfg(test)]
mod tests;
