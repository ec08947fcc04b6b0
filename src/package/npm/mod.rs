//! Packages of Node.js: the directories right below a `node_modules` or a scope in one.

mod lock;
mod manifest;

use std::collections::HashMap;

use crate::filesystem::NodeId;
use crate::ledger::{Documents, Ledger};

use self::lock::{Lock, Project};
use super::records::{Record, ancestors, named};
use super::text::{dependencies, word};
use super::{Ecosystem, Inventory, Package};

/// What lock files say, by the directory of the project.
#[derive(Default)]
struct Locks(HashMap<NodeId, (Lock, Project)>);

/// Reads all packages.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let locks = Locks::read(ledger, documents, inventory);
    for record in named(ledger, documents, b"package.json") {
        let Some(modules) = modules_of(ledger, record.parent) else { continue };
        if let Some(package) = package(ledger, &record, modules, &locks, inventory) {
            inventory.packages.push(package);
        }
    }
}

/// The `node_modules` that a directory is a package in; `None` if it is none.
fn modules_of(ledger: &Ledger, directory: NodeId) -> Option<NodeId> {
    let filesystem = ledger.filesystem();
    let is_modules = |node| filesystem.name(node) == b"node_modules";
    let parent = filesystem.parent(directory);
    let name = filesystem.name(directory);
    if is_modules(parent) {
        return (!name.starts_with(b".") && !name.starts_with(b"@")).then_some(parent);
    }
    let above = filesystem.parent(parent);
    (filesystem.name(parent).starts_with(b"@") && is_modules(above)).then_some(above)
}

fn package(
    ledger: &Ledger,
    record: &Record<'_>,
    modules: NodeId,
    locks: &Locks,
    inventory: &mut Inventory,
) -> Option<Package> {
    let manifest = match manifest::read(record.content) {
        Ok(manifest) => manifest,
        Err(error) => {
            inventory.gap_at(ledger, record.node, &format!("cannot be read: {error}"));
            return None;
        }
    };
    let path = path_in(ledger, record.parent, modules);
    let name = manifest.name.or_else(|| word(&path))?;
    let (requested, development) = locks.ask(ledger, record.parent, modules, &path);
    // A package that is installed under another name answers to that.
    let alias = word(&path).filter(|alias| *alias != name);
    Some(Package {
        name,
        provides: alias.into_iter().collect(),
        version: manifest.version,
        summary: manifest.description,
        requested,
        development,
        depends: dependencies(manifest.depends),
        recommends: dependencies(manifest.optional),
        directories: vec![record.parent],
        ..record.package(ledger, Ecosystem::Npm, modules)
    })
}

/// `name` or `@scope/name`, as the directories are called.
fn path_in(ledger: &Ledger, package: NodeId, modules: NodeId) -> String {
    let filesystem = ledger.filesystem();
    let own = String::from_utf8_lossy(filesystem.name(package));
    let parent = filesystem.parent(package);
    if parent == modules {
        return own.into_owned();
    }
    format!("{}/{own}", String::from_utf8_lossy(filesystem.name(parent)))
}

impl Locks {
    fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) -> Self {
        let filesystem = ledger.filesystem();
        let mut locks = Self::default();
        // What npm wrote about what it installed goes before what it was told to.
        for name in [&b"package-lock.json"[..], b".package-lock.json"] {
            for record in named(ledger, documents, name) {
                let hidden = name.starts_with(b".");
                let project = if hidden { filesystem.parent(record.parent) } else { record.parent };
                // Those that packages bring along say nothing of what is installed.
                let is_modules = |node: NodeId| filesystem.name(node) == b"node_modules";
                if is_modules(filesystem.parent(project))
                    || ancestors(ledger, project).any(is_modules)
                {
                    continue;
                }
                let (lock, root) = match lock::read(record.content) {
                    Ok(read) => read,
                    Err(error) => {
                        inventory.gap_at(ledger, record.node, &format!("cannot be read: {error}"));
                        continue;
                    }
                };
                let entry = locks.0.entry(project).or_default();
                entry.0 = lock;
                if !root.is_empty() {
                    entry.1 = root;
                }
            }
        }
        locks
    }

    /// Whether a package was asked for, and whether it is for development only.
    fn ask(
        &self,
        ledger: &Ledger,
        package: NodeId,
        modules: NodeId,
        path: &str,
    ) -> (Option<bool>, Option<bool>) {
        let filesystem = ledger.filesystem();
        let parent = filesystem.parent(modules);
        if let Some((lock, project)) = self.0.get(&parent) {
            let development = lock.development(&format!("node_modules/{path}"));
            return (project.requests(path), development);
        }
        // Below another package: the lock file is further up.
        let mut above = ancestors(ledger, package).skip_while(|node| *node != modules).skip(1);
        if let Some(project) = above.find(|node| self.0.contains_key(node)) {
            let start = filesystem.path(project).len();
            let own = filesystem.path(package);
            let own = own.get(start..).map(String::from_utf8_lossy).unwrap_or_default();
            let development = self.0[&project].0.development(own.trim_start_matches('/'));
            return (Some(false), development);
        }
        // `npm install --global` puts what was asked for right into `lib/node_modules`.
        let is_modules = |node: &NodeId| filesystem.name(*node) == b"node_modules";
        let outermost = ancestors(ledger, modules).filter(is_modules).last();
        let is_global = |modules| filesystem.name(filesystem.parent(modules)) == b"lib";
        let requested = is_global(outermost.unwrap_or(modules)).then_some(outermost.is_none());
        (requested, None)
    }
}

#[cfg(test)]
mod tests;
