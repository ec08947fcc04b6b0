//! Packages of Alpine: the database of apk and the world file.

use std::collections::HashSet;

use super::history::{History, by_node};
use super::resolve::Resolver;
use super::text::{MOST_NAMES, bounded, lines, name_of, number, parts, some_text, text};
use super::{CUT, Dependency, EMPTY, Ecosystem, Inventory, Package};
use crate::filesystem::NodeId;
use crate::ledger::{Documents, Ledger};

/// Where a root has its database.
const PLACES: [&[u8]; 2] = [b"usr/lib/apk/db/installed", b"lib/apk/db/installed"];
const WORLD: &[u8] = b"etc/apk/world";

/// A package of the database.
pub(super) struct Record<'a> {
    /// What its lines tell; without files, layer and the like.
    pub(super) package: Package,
    /// The lines that name its files.
    files: &'a [u8],
}

/// Reads what apk installed in any layer, in the root and in roots below it.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    inventory.note_missing(ledger, documents, &PLACES);
    for (node, versions) in by_node(documents.named(b"installed").iter()) {
        let path = ledger.filesystem().path(node);
        let root = PLACES.iter().find_map(|place| super::root_of(&path, place));
        let Some(root) = root else { continue };
        if super::is_full(inventory, &path) {
            break;
        }
        let mut history = History::default();
        let mut resolver = Resolver::new(ledger, root);
        for document in &versions {
            let found = parts(document, b"\n\n").into_iter().flat_map(records);
            let (mut records, is_all) = bounded(found, |record: &Record<'_>| &record.package);
            let is_all = is_all && document.is_complete();
            if !is_all {
                inventory.gap(&path, CUT);
            } else if records.is_empty() && !document.head.is_empty() {
                inventory.gap(&path, EMPTY);
            }
            let packages =
                records.iter_mut().map(|record| std::mem::take(&mut record.package)).collect();
            history.state(document.layer, is_all, packages, |at, package| {
                package.location = root.to_vec();
                package.files = records[at].nodes(&mut resolver);
            });
        }
        let mut packages = history.finish(versions.last().and_then(|document| document.hidden));
        mark_requested(ledger, documents, root, &mut packages);
        inventory.packages.extend(packages);
    }
}

/// The packages of a database, as far as it can be understood.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
            let stanza = &rest[..end];
            rest = rest.get(end + 2..).unwrap_or_default();
            if let Some(record) = record(stanza) {
                return Some(record);
            }
        }
        None
    })
}

fn record(stanza: &[u8]) -> Option<Record<'_>> {
    let mut package = Package { ecosystem: Ecosystem::Apk, ..Package::default() };
    let mut at = 0;
    let mut files = None;
    for line in stanza.split(|byte| *byte == b'\n') {
        let start = at;
        at += line.len() + 1;
        let Some((key, value)) = field(line) else { continue };
        match key {
            b'P' => package.name = text(value),
            b'V' => package.version = some_text(value),
            b'A' => package.architecture = some_text(value),
            b'T' => package.summary = some_text(value),
            b'I' => package.declared = number(value),
            b'D' => package.depends = names(value).map(one).collect(),
            b'p' => package.provides = names(value).collect(),
            b'F' | b'R' if files.is_none() => files = Some(start),
            _ => {}
        }
    }
    let files = files.and_then(|start| stanza.get(start..)).unwrap_or_default();
    (!package.name.is_empty()).then_some(Record { package, files })
}

impl Record<'_> {
    /// Its files: `F:` names a directory, `R:` a file in it.
    fn nodes(&self, resolver: &mut Resolver<'_>) -> Vec<NodeId> {
        let mut directory: &[u8] = b"";
        let mut nodes = Vec::new();
        for line in lines(self.files) {
            match field(line) {
                Some((b'F', value)) => directory = value,
                Some((b'R', value)) => nodes.extend(resolver.file(directory, value)),
                _ => {}
            }
        }
        nodes
    }
}

/// A line `K:value`.
fn field(line: &[u8]) -> Option<(u8, &[u8])> {
    match line {
        [key, b':', value @ ..] => Some((*key, value)),
        _ => None,
    }
}

/// Names without versions; what must not be there is left out.
fn names(value: &[u8]) -> impl Iterator<Item = String> {
    let words = value.split(u8::is_ascii_whitespace);
    let words = words.filter(|word| !word.is_empty() && !word.starts_with(b"!")).take(MOST_NAMES);
    words.map(|word| text(name_of(word, b"<>=~@")))
}

fn one(name: String) -> Dependency {
    Dependency { any: vec![name] }
}

/// Tells from the world file which of the installed packages were asked for.
fn mark_requested(
    ledger: &Ledger,
    documents: &Documents<'_>,
    root: &[u8],
    packages: &mut [Package],
) {
    let slash: &[u8] = if root.is_empty() { b"" } else { b"/" };
    let world = ledger.find(&[root, slash, WORLD].concat());
    let Some(world) = world.and_then(|node| documents.at(ledger, node)) else { return };
    let asked: HashSet<String> = names(world.head).collect();
    for package in packages.iter_mut().filter(|package| package.removed.is_none()) {
        let is_asked = asked.contains(&package.name)
            || package.provides.iter().any(|name| asked.contains(name));
        package.requested = Some(is_asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::image;

    const IMAGE: &str = r#"
ADD rootfs /
  bin/busybox 100
  etc/apk/world = "busybox>1 tzdata@edge\n!no\n"
  usr/lib/libc.so 10
  lib/apk/db/installed = "C:Q1x=\nP:busybox\nV:1.36-r0\nA:x86_64\nS:5\nI:120\nT:Many tools\nD:so:libc.so>=1 !x\np:cmd:sh=1.36-r0\nF:bin\nR:busybox\na:0:0:755\nZ:Q1\nF:etc\n\nP:musl\nV:1\nF:usr/lib\nR:libc.so\n\n"
  rootfs/usr/lib/apk/db/installed = "P:b\nV:1\nF:\nR:top\n"
  rootfs/top 7
RUN apk upgrade
  bin/busybox 101
  lib/apk/db/installed = "P:busybox\nV:1.37-r0\nF:bin\nR:busybox\n\nP:musl\nV:1\n\n"
"#;

    #[test]
    fn databases_are_compared_layer_by_layer() {
        let (_, ledger) = image(IMAGE);
        let documents = Documents::new(&ledger);
        let mut inventory = Inventory::default();
        read(&ledger, &documents, &mut inventory);
        let path = |node: &NodeId| String::from_utf8(ledger.filesystem().path(*node)).unwrap();
        let mut told: Vec<_> = inventory
            .packages
            .iter()
            .map(|package| {
                let version = package.version.as_deref().unwrap();
                let files: Vec<String> = package.files.iter().map(path).collect();
                let removed = package.removed.map(|hidden| hidden.layer);
                let (name, layer, asked) = (&package.name, package.layer, package.requested);
                format!("{name} {version} {layer} {removed:?} {asked:?} {}", files.join(" "))
            })
            .collect();
        told.sort();
        let expected = [
            "b 1 0 None None rootfs/top",
            "busybox 1.36-r0 0 Some(1) None bin/busybox",
            "busybox 1.37-r0 1 None Some(true) bin/busybox",
            "musl 1 0 None Some(false) usr/lib/libc.so",
        ];
        assert_eq!(told, expected);
        let busybox = inventory.packages.iter().find(|package| package.removed.is_some()).unwrap();
        assert_eq!(busybox.declared, Some(120));
        assert_eq!(busybox.depends, [one("so:libc.so".to_owned())]);
        assert_eq!(busybox.provides, ["cmd:sh"]);
        assert_eq!(busybox.summary.as_deref(), Some("Many tools"));
    }

    #[test]
    fn broken_databases_tell_what_they_can() {
        let check = |bytes: &[u8], expected: &[&str]| {
            let names: Vec<String> = records(bytes).map(|record| record.package.name).collect();
            assert_eq!(names, expected);
        };
        check(b"", &[]);
        check(b"\n\n\n\n", &[]);
        check(b"P:\n\nV:1\n\nP:a", &["a"]);
        check(b"P", &[]);
        check(b"R:x\nP:a\nF:", &["a"]);
        check(b"P:\xff\n", &["\u{fffd}"]);
    }
}
