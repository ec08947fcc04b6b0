//! Node.js and Java.

use std::cmp::Reverse;

use super::MB;
use super::roots::{SearchPath, bytes, child, named, text};
use crate::filesystem::NodeId;
use crate::ledger::AtomId;
use crate::rule::{Candidate, Claim, Facts, Phrase};

/// A smaller program named `node` is another.
const NODE: u64 = 20 * MB;

pub(super) fn node(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let search = SearchPath::new(facts.image);
    let mut programs: Vec<(NodeId, AtomId)> = named(ledger, |name| name == b"node")
        .into_iter()
        .filter_map(|node| Some((node, ledger.atom_at(node)?)))
        .filter(|(node, file)| ledger.atom(*file).bytes >= NODE && filesystem.node(*node).counted)
        .collect();
    if programs.len() < 2 {
        return Vec::new();
    }
    let is_bundled = |node: NodeId| filesystem.name(filesystem.parent(node)) != b"bin";
    let place = |node: NodeId| search.place(&filesystem.path(filesystem.parent(node)));
    programs.sort_by_key(|(node, file)| {
        (is_bundled(*node), place(*node).unwrap_or(usize::MAX), ledger.atom(*file).layer, *node)
    });
    let kept = text(ledger, programs[0].0);
    let others = programs.iter().skip(1).filter(|(node, _)| !is_bundled(*node));
    let candidate = |(node, file): &(NodeId, AtomId)| {
        let path = text(ledger, *node);
        let message = Phrase::words("Node.js is in ")
            .name(path.clone())
            .and(" as well as in ")
            .name(kept.clone());
        Candidate::new(path, message, Claim::files([*file]))
    };
    others.map(candidate).collect()
}

struct Java {
    home: NodeId,
    version: String,
    files: Vec<AtomId>,
    place: usize,
}

pub(super) fn java(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut all = runtimes(facts);
    all.sort_by_key(|one| (one.place, Reverse(bytes(ledger, &one.files)), one.home));
    let Some((kept, others)) = all.split_first() else { return Vec::new() };
    let major = |version: &str| {
        let version = version.strip_prefix("1.").unwrap_or(version);
        version.split('.').next().unwrap_or_default().to_owned()
    };
    let candidate = |one: &Java| {
        let home = text(ledger, one.home);
        let message = Phrase::words("Java ")
            .name(one.version.clone())
            .and(" is in ")
            .name(home.clone())
            .and(", Java ")
            .name(kept.version.clone())
            .and(" in ")
            .name(text(ledger, kept.home));
        Candidate::new(home, message, Claim::files(one.files.iter().copied()))
            .fill("package", format!("openjdk-{}-jre-headless", major(&kept.version)))
            .fill("home", text(ledger, kept.home))
    };
    others.iter().map(candidate).collect()
}

/// The directories with a `release` file of a Java runtime beside its classes.
fn runtimes(facts: &Facts<'_>) -> Vec<Java> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let search = SearchPath::new(facts.image);
    let home = facts.image.runtime.env.get("JAVA_HOME").map(|home| home.trim_matches('/'));
    let mut found = Vec::new();
    for document in facts.documents.named(b"release") {
        let root = filesystem.parent(document.node);
        let is_there = |path: &[&[u8]]| {
            path.iter().try_fold(root, |at, name| child(ledger, at, name)).is_some()
        };
        let has_classes = is_there(&[b"lib", b"modules"])
            || is_there(&[b"lib", b"rt.jar"])
            || is_there(&[b"jre", b"lib", b"rt.jar"]);
        let text = String::from_utf8_lossy(document.head);
        let version = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="));
        let Some(version) = version.filter(|_| document.hidden.is_none() && has_classes) else {
            continue;
        };
        let path = filesystem.path(root);
        let is_home = home.is_some_and(|home| home.as_bytes() == path);
        let bin = [&path[..], b"/bin"].concat();
        let place = search.place(&bin).map_or(usize::MAX, |place| place + 1);
        found.push(Java {
            home: root,
            version: version.trim_matches('"').to_owned(),
            files: ledger.select(&[root]),
            place: if is_home { 0 } else { place },
        });
    }
    found
}
