//! Who needs whom: the dependency graph of one ecosystem's installed packages.
//!
//! A need is met by the first of its alternatives that is installed where the package looks: in
//! its own location, above it (Node.js), or in another one of the same interpreter (R, the two
//! directories of a distribution's Python). The roots are the packages that somebody asked for.
//! Where the records do not tell, packages that no other one needs stand for them, and of those
//! that only need each other the first.

use std::collections::{HashMap, HashSet, VecDeque};

use super::dominators::Dominators;
use super::{Dependency, Ecosystem, Inventory, Package, PackageId};

/// Packages of a name in one location that are looked at; more are of no package manager.
const SAME_NAME: usize = 8;
const MODULES: &[u8] = b"node_modules";

/// The dependency graph of one ecosystem.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    packages: Vec<PackageId>,
    nodes: HashMap<PackageId, usize>,
    depends: Vec<Vec<usize>>,
    /// What is needed or wanted.
    wants: Vec<Vec<usize>>,
    roots: Vec<bool>,
    asked: Vec<bool>,
    /// By node that a root leads to, the node before it on a shortest way.
    before: Vec<Option<usize>>,
}

impl Graph {
    /// The graph of an ecosystem's installed packages, in all locations.
    pub fn new(inventory: &Inventory, ecosystem: Ecosystem) -> Self {
        let of: Vec<(PackageId, &Package)> = inventory.of(ecosystem).collect();
        let names = Names::new(&of);
        let resolve = |node: usize, needs: &[Dependency]| -> Vec<usize> {
            let found = needs.iter().filter_map(|need| names.resolve(node, need));
            found.filter(|found| *found != node).collect()
        };
        let depends: Vec<Vec<usize>> =
            of.iter().enumerate().map(|(node, (_, own))| resolve(node, &own.depends)).collect();
        let wants = of.iter().enumerate().map(|(node, (_, own))| {
            let mut wants = resolve(node, &own.recommends);
            wants.extend(&depends[node]);
            wants
        });
        let wants: Vec<Vec<usize>> = wants.collect();
        let (roots, asked) = roots(&of, &wants);
        let before = ways(&wants, &roots);
        let packages: Vec<PackageId> = of.iter().map(|(id, _)| *id).collect();
        let nodes = packages.iter().enumerate().map(|(node, id)| (*id, node)).collect();
        Self { packages, nodes, depends, wants, roots, asked, before }
    }

    /// The packages.
    pub fn packages(&self) -> &[PackageId] {
        &self.packages
    }

    /// Whether the records tell that somebody asked for a package.
    pub fn is_asked_for(&self, package: PackageId) -> bool {
        self.nodes.get(&package).is_some_and(|node| self.asked[*node])
    }

    /// Whether a package stands at the top: it was asked for, or stands for such.
    pub fn is_root(&self, package: PackageId) -> bool {
        self.nodes.get(&package).is_some_and(|node| self.roots[*node])
    }

    /// What the roots need: with `recommends` also what those packages want.
    pub fn closure(&self, recommends: bool) -> HashSet<PackageId> {
        let edges = if recommends { &self.wants } else { &self.depends };
        let starts = self.starts(|_| true);
        self.named(reached(edges, starts, |_| true))
    }

    /// What would go with some packages: they, and what nothing else needs or wants.
    pub fn freed(&self, without: &HashSet<PackageId>) -> HashSet<PackageId> {
        let stays = |node: usize| !without.contains(&self.packages[node]);
        let left = reached(&self.wants, self.starts(stays), stays);
        self.named(self.before_and_not(&left))
    }

    /// What would go if nobody had asked for some packages; those that others need stay.
    pub fn unasked(&self, without: &HashSet<PackageId>) -> HashSet<PackageId> {
        let stays = |node: usize| !without.contains(&self.packages[node]);
        let left = reached(&self.wants, self.starts(stays), |_| true);
        self.named(self.before_and_not(&left))
    }

    /// A shortest way from a root to a package, both included; empty for one that none leads to.
    pub fn way(&self, package: PackageId) -> Vec<PackageId> {
        let node = self.nodes.get(&package).copied();
        let reached = |node: &usize| self.roots[*node] || self.before[*node].is_some();
        let mut way: Vec<PackageId> =
            std::iter::successors(node.filter(reached), |node| self.before[*node])
                .map(|node| self.packages[node])
                .collect();
        way.reverse();
        way
    }

    /// Bytes of each package that a root leads to, together with those of what only it brings:
    /// what nothing would need without it.
    pub fn exclusive(&self, bytes: impl Fn(PackageId) -> u64) -> HashMap<PackageId, u64> {
        let mut weights: Vec<u64> = self.packages.iter().map(|id| bytes(*id)).collect();
        weights.push(0);
        let sums = self.dominators().sums(&weights);
        let known = self.packages.iter().zip(sums);
        known.filter_map(|(package, sum)| Some((*package, sum?))).collect()
    }

    /// By root, the packages that only it brings, itself included. No package is in two of them.
    pub fn brought(&self) -> HashMap<PackageId, Vec<PackageId>> {
        let mut brought: HashMap<PackageId, Vec<PackageId>> = HashMap::new();
        for (package, top) in self.packages.iter().zip(self.dominators().tops()) {
            if let Some(top) = top.filter(|top| self.roots[*top]) {
                brought.entry(self.packages[top]).or_default().push(*package);
            }
        }
        brought
    }

    /// Bytes of what a package needs or wants, itself included.
    pub fn reach(&self, package: PackageId, bytes: impl Fn(PackageId) -> u64) -> u64 {
        let Some(node) = self.nodes.get(&package) else { return 0 };
        let reached = self.named(reached(&self.wants, vec![*node], |_| true));
        reached.into_iter().fold(0, |sum: u64, id| sum.saturating_add(bytes(id)))
    }

    /// The packages that somebody asked for although another one brings them, each with one that
    /// needs it.
    pub fn redundant(&self) -> Vec<(PackageId, PackageId)> {
        let tops = self.dominators().tops();
        let mut needed_by: HashMap<usize, usize> = HashMap::new();
        for (from, needs) in self.depends.iter().enumerate() {
            for node in needs.iter().filter(|node| self.asked[**node]) {
                // What only the package itself brings is no reason for it.
                if tops[from].is_some_and(|top| top != *node) {
                    needed_by.entry(*node).or_insert(from);
                }
            }
        }
        let mut found: Vec<(PackageId, PackageId)> = needed_by
            .into_iter()
            .map(|(node, from)| (self.packages[node], self.packages[from]))
            .collect();
        found.sort_unstable();
        found
    }

    /// Dominators from a node above the roots, which is the last one.
    fn dominators(&self) -> Dominators {
        let mut edges = self.wants.clone();
        edges.push(self.starts(|_| true));
        Dominators::new(&edges, self.packages.len())
    }

    fn starts(&self, keep: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.packages.len()).filter(|node| self.roots[*node] && keep(*node)).collect()
    }

    fn named(&self, nodes: Vec<bool>) -> HashSet<PackageId> {
        let chosen = self.packages.iter().zip(nodes).filter(|(_, chosen)| *chosen);
        chosen.map(|(id, _)| *id).collect()
    }

    fn before_and_not(&self, left: &[bool]) -> Vec<bool> {
        let all = reached(&self.wants, self.starts(|_| true), |_| true);
        all.iter().zip(left).map(|(all, left)| *all && !left).collect()
    }
}

/// The nodes that some lead to, themselves included, through those that `keep` holds for.
fn reached(edges: &[Vec<usize>], starts: Vec<usize>, keep: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut waiting = starts;
    while let Some(node) = waiting.pop() {
        if keep(node) && !std::mem::replace(&mut seen[node], true) {
            waiting.extend(&edges[node]);
        }
    }
    seen
}

/// For each node that the roots lead to, the one before it on a shortest way.
fn ways(edges: &[Vec<usize>], roots: &[bool]) -> Vec<Option<usize>> {
    let mut before = vec![None; edges.len()];
    let mut seen = roots.to_vec();
    let mut waiting: VecDeque<usize> = (0..roots.len()).filter(|node| roots[*node]).collect();
    while let Some(node) = waiting.pop_front() {
        for next in &edges[node] {
            if !std::mem::replace(&mut seen[*next], true) {
                before[*next] = Some(node);
                waiting.push_back(*next);
            }
        }
    }
    before
}

/// The roots, and which of them somebody asked for.
fn roots(of: &[(PackageId, &Package)], wants: &[Vec<usize>]) -> (Vec<bool>, Vec<bool>) {
    let asked: Vec<bool> = of.iter().map(|(_, own)| own.requested == Some(true)).collect();
    let told: HashSet<&[u8]> = of
        .iter()
        .filter(|(_, own)| own.requested == Some(true))
        .map(|(_, own)| own.location.as_slice())
        .collect();
    let stands: Vec<bool> = of
        .iter()
        .map(|(_, own)| own.requested.is_none() || !told.contains(own.location.as_slice()))
        .collect();
    let mut wanted = vec![false; of.len()];
    wants.iter().flatten().for_each(|node| wanted[*node] = true);
    let is_root = |(node, (_, own)): (usize, &(PackageId, &Package))| {
        asked[node] || own.essential || (stands[node] && !wanted[node])
    };
    let mut roots: Vec<bool> = of.iter().enumerate().map(is_root).collect();
    let starts = (0..of.len()).filter(|node| roots[*node]).collect();
    let mut seen = reached(wants, starts, |_| true);
    for first in 0..of.len() {
        if seen[first] || !stands[first] {
            continue;
        }
        roots[first] = true;
        let mut waiting = vec![first];
        while let Some(node) = waiting.pop() {
            if !std::mem::replace(&mut seen[node], true) {
                waiting.extend(&wants[node]);
            }
        }
    }
    (roots, asked)
}

/// Packages by what they answer to.
struct Names<'a> {
    of: &'a [(PackageId, &'a Package)],
    /// By name and location, those of that name before those that provide it.
    here: HashMap<(&'a str, &'a [u8]), Vec<usize>>,
    /// By name, in any location that others see too.
    anywhere: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    fn new(of: &'a [(PackageId, &'a Package)]) -> Self {
        let mut names = Self { of, here: HashMap::new(), anywhere: HashMap::new() };
        for (node, (_, own)) in of.iter().enumerate() {
            names.add(&own.name, node, own);
        }
        for (node, (_, own)) in of.iter().enumerate() {
            own.provides.iter().for_each(|name| names.add(name, node, own));
        }
        names
    }

    fn add(&mut self, name: &'a str, node: usize, own: &'a Package) {
        let same = self.here.entry((name, home(own))).or_default();
        if same.len() < SAME_NAME {
            same.push(node);
        }
        if is_shared(own) {
            self.anywhere.entry(name).or_insert(node);
        }
    }

    /// The package that meets a need.
    fn resolve(&self, node: usize, need: &Dependency) -> Option<usize> {
        need.any.iter().find_map(|name| self.find(node, name))
    }

    fn find(&self, node: usize, name: &str) -> Option<usize> {
        let (_, own) = self.of[node];
        if own.ecosystem == Ecosystem::Npm {
            return module(own).find_map(|home| self.in_location(node, name, &home));
        }
        let other = || self.anywhere.get(name).copied().filter(|_| is_shared(own));
        self.in_location(node, name, &own.location).or_else(other)
    }

    /// One of a name in a location, of the package's own architecture where there are several.
    fn in_location(&self, node: usize, name: &str, location: &[u8]) -> Option<usize> {
        let same = self.here.get(&(name, location))?;
        let (_, own) = self.of[node];
        let fits = |other: &&usize| self.of[**other].1.architecture == own.architecture;
        same.iter().find(fits).or_else(|| same.first()).copied()
    }
}

/// Whether packages in other locations find this one: all libraries of R are searched, and a
/// distribution's Python looks into all `dist-packages`.
fn is_shared(package: &Package) -> bool {
    match package.ecosystem {
        Ecosystem::R => true,
        Ecosystem::Python => package.location.ends_with(b"/dist-packages"),
        _ => false,
    }
}

/// The directory that a package is found in: of Node.js the `node_modules`, whatever the record's
/// location names.
fn home(package: &Package) -> &[u8] {
    let location = package.location.as_slice();
    let own = |location: &'_ [u8]| -> Option<usize> {
        let rest = location.strip_suffix(package.name.as_bytes())?.strip_suffix(b"/")?;
        rest.ends_with(MODULES).then_some(rest.len())
    };
    match own(location) {
        Some(end) if package.ecosystem == Ecosystem::Npm => &location[..end],
        _ => location,
    }
}

/// The directories in which Node.js looks for what a package needs, the nearest first.
fn module(package: &Package) -> impl Iterator<Item = Vec<u8>> {
    let home = home(package);
    let own = if home.ends_with(MODULES) {
        [home, package.name.as_bytes()].join(&b'/')
    } else {
        home.to_vec()
    };
    let up = std::iter::successors(Some(own), |directory| {
        if directory.is_empty() {
            return None;
        }
        let end = directory.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(directory[..end].to_vec())
    });
    up.filter(|directory| !directory.ends_with(MODULES)).map(|directory| {
        if directory.is_empty() { MODULES.to_vec() } else { [&directory[..], MODULES].join(&b'/') }
    })
}

#[cfg(test)]
mod tests;
