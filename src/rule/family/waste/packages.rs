//! What package managers leave behind in lower layers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::super::steps::{Anchors, installs, is_base, run_of};
use super::pairs::{Pair, merged, with_snippet};
use super::{CHURN, PACKAGE};
use crate::filesystem::{Amount, NodeId};
use crate::image::{Action, Manager, PackageVerb, commands};
use crate::ledger::AtomId;
use crate::package::{Ecosystem, Package, PackageId};
use crate::pattern::Patterns;
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Rows of a table.
const ROWS: usize = 15;

/// Files that package managers and the tools they call write anew.
const DATABASES: &[&str] = &[
    "var/lib/dpkg/**",
    "var/lib/apt/**",
    "var/lib/rpm/**",
    "usr/lib/sysimage/rpm/**",
    "var/lib/dnf/**",
    "var/lib/yum/**",
    "**/lib/apk/db/**",
    "etc/ld.so.cache",
    "var/cache/debconf/**",
    "var/cache/ldconfig/**",
    "var/cache/fontconfig/**",
    "var/cache/man/**",
    "usr/share/mime/**",
    "**/icon-theme.cache",
    "**/conda-meta/history",
    "**/ls-R",
    "var/lib/texmf/**",
    "etc/ssl/certs/ca-certificates.crt",
    "**/cacerts",
    "usr/lib/locale/locale-archive",
];
const NOT_DATABASES: &[&str] = &["var/lib/apt/lists/**"];

pub(super) fn churn(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut patterns = Patterns::default();
    for (rows, is_database) in [(DATABASES, true), (NOT_DATABASES, false)] {
        for row in rows {
            patterns.add(row.as_bytes(), is_database);
        }
    }
    let ledger = facts.ledger;
    let mut files: Vec<AtomId> = Vec::new();
    let mut steps: BTreeMap<usize, Amount> = BTreeMap::new();
    for file in ledger.dead() {
        let path = ledger.path(file);
        let components: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let mut fitting = patterns.fitting(&components, false).peekable();
        if fitting.peek().is_some() && fitting.all(|is_database| *is_database) {
            let atom = ledger.atom(file);
            *steps.entry(atom.layer).or_default() += atom.amount();
            files.push(file);
        }
    }
    if files.is_empty() {
        return Vec::new();
    }
    let message = Phrase::words("The databases of package managers are stored in ")
        .count(steps.len())
        .and(" layers and then written anew");
    let claim = Claim::Files(files.into_iter().map(|file| (file, CHURN)).collect());
    let mut candidate = Candidate::new("", message, claim);
    let row = |(layer, sum): (usize, Amount)| {
        let number = facts.step(layer).and_then(|step| step.number);
        vec![
            number.map_or(Value::Unknown, |number| Value::Count(number as u64)),
            Value::Text(facts.instruction(layer)),
            Value::Bytes(sum.bytes),
        ]
    };
    let installs = installs(facts.image);
    let merged = installs.first().filter(|one| one.layers.len() > 1);
    // The last step's databases are those that show.
    for layer in merged.iter().flat_map(|one| &one.layers) {
        steps.entry(*layer).or_default();
    }
    let rows = steps.into_iter().map(row).collect();
    candidate.table = Some(Table { columns: vec!["Step", "Instruction", "Size"], rows });
    if let Some(installs) = merged {
        candidate.snippet = Some("{{snippet}}".to_owned());
        candidate = candidate.fill("snippet", installs.snippet());
    }
    vec![candidate]
}

/// A replaced version of a package and the hidden files that it had.
type Replaced<'a> = (&'a Package, Vec<AtomId>);

pub(super) fn upgraded(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut pairs: BTreeMap<(usize, usize), BTreeMap<PackageId, Replaced<'_>>> = BTreeMap::new();
    let places = Places::new(facts);
    for file in facts.ledger.dead() {
        let atom = facts.ledger.atom(file);
        let Some(hidden) = atom.hidden else { continue };
        let Some(id) = places.find(facts, atom.node, hidden.layer) else { continue };
        let packages = pairs.entry((atom.layer, hidden.layer)).or_default();
        let replaced = || (facts.inventory.package(id), Vec::new());
        packages.entry(id).or_insert_with(replaced).1.push(file);
    }
    let mut anchors = Anchors::default();
    let mut found = Vec::new();
    for ((born, hidden), packages) in pairs {
        let files = packages.values().flat_map(|(_, files)| files.iter().copied()).collect();
        let pair = Pair { born, hidden, files };
        if pair.is_enough(facts) {
            let table = table(facts, &places, packages.into_values().collect());
            let words = " upgrades or removes packages of ";
            let mut candidate = pair.candidate(facts, &mut anchors, words, PACKAGE);
            candidate.table = Some(table);
            found.push(with_fix(candidate, facts, born, hidden));
        }
    }
    found
}

fn with_fix(candidate: Candidate, facts: &Facts<'_>, born: usize, hidden: usize) -> Candidate {
    if is_base(facts.image, born) {
        // The rule's own snippet is about the base image.
        return candidate;
    }
    let run = run_of(facts, hidden).unwrap_or("…");
    let installs = commands(&format!("RUN {run}")).into_iter().find_map(|command| {
        let Action::Packages { manager: Manager::Conda, verb, packages } = command.action else {
            return None;
        };
        matches!(verb, PackageVerb::Install | PackageVerb::Upgrade).then_some(packages)
    });
    let snippet = match installs {
        Some(packages) => format!(
            "# keep what is installed already:\nRUN mamba install -y --freeze-installed {} && mamba clean -afy",
            packages.join(" ")
        ),
        None => merged(facts, born, hidden, run),
    };
    with_snippet(candidate, facts, born, snippet)
}

fn table(facts: &Facts<'_>, places: &Places<'_>, mut packages: Vec<Replaced<'_>>) -> Table {
    let bytes = |files: &[AtomId]| facts.ledger.sum(files.iter().copied()).bytes;
    packages.sort_by_cached_key(|(package, files)| (Reverse(bytes(files)), package.name.clone()));
    let row = |(package, files): &Replaced<'_>| {
        let text = |text: Option<&String>| text.cloned().map_or(Value::Unknown, Value::Text);
        vec![
            Value::Text(package.name.clone()),
            Value::Text(package.ecosystem.as_str().to_owned()),
            text(package.version.as_ref()),
            text(places.successor(package).and_then(|package| package.version.as_ref())),
            Value::Bytes(bytes(files)),
        ]
    };
    let rows = packages.iter().take(ROWS).map(row).collect();
    Table { columns: vec!["Package", "Ecosystem", "Before", "After", "Size"], rows }
}

type Key<'a> = (Ecosystem, &'a str, &'a [u8]);

/// Where packages that are gone had their files.
struct Places<'a> {
    nodes: HashMap<NodeId, Vec<(PackageId, usize)>>,
    directories: HashMap<NodeId, Vec<(PackageId, usize)>>,
    /// All packages of a name, by the layer of their records.
    versions: HashMap<Key<'a>, Vec<&'a Package>>,
}

impl<'a> Places<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        let mut places =
            Self { nodes: HashMap::new(), directories: HashMap::new(), versions: HashMap::new() };
        for package in &facts.inventory.packages {
            places.versions.entry(key(package)).or_default().push(package);
        }
        for (id, package) in (0..).map(PackageId).zip(&facts.inventory.packages) {
            let Some(removed) = package.removed else { continue };
            let same = |next: &Package| next.version == package.version;
            if places.successor(package).is_some_and(same) {
                continue;
            }
            for (nodes, table) in [
                (&package.files, &mut places.nodes),
                (&package.directories, &mut places.directories),
            ] {
                for node in nodes {
                    table.entry(*node).or_default().push((id, removed.layer));
                }
            }
        }
        places
    }

    /// The package that had a file, and went with the layer that hides the file.
    fn find(&self, facts: &Facts<'_>, node: NodeId, hidden: usize) -> Option<PackageId> {
        let of = |table: &HashMap<NodeId, Vec<(PackageId, usize)>>, node: NodeId| {
            let packages = table.get(&node)?;
            packages.iter().find(|(_, layer)| *layer == hidden).map(|(id, _)| *id)
        };
        let mut found = of(&self.nodes, node);
        let mut at = node;
        while found.is_none() && !self.directories.is_empty() && at != NodeId::ROOT {
            at = facts.ledger.filesystem().parent(at);
            found = of(&self.directories, at);
        }
        found
    }

    /// The version that took a package's place.
    fn successor(&self, package: &Package) -> Option<&'a Package> {
        let removed = package.removed?.layer;
        let versions = self.versions.get(&key(package))?;
        let later = |next: &&&Package| next.layer >= removed && next.layer > package.layer;
        versions.iter().filter(later).min_by_key(|next| next.layer).copied()
    }
}

fn key(package: &Package) -> Key<'_> {
    (package.ecosystem, &package.name, &package.location)
}
