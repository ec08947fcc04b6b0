//! Packages of conda, R and npm that are installed more than once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::MB;
use super::python::files_of;
use super::roots::bytes;
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::package::{Ecosystem, Package};
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Rows of a table.
const ROWS: usize = 15;
/// Smaller packages of R are not looked at.
const R_PACKAGE: u64 = MB;

fn text(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

/// Those of one ecosystem with what makes them the same, where there are several.
fn groups<'a, K: Ord>(
    facts: &Facts<'a>,
    ecosystem: Ecosystem,
    key: impl Fn(&'a Package) -> K,
) -> Vec<Vec<&'a Package>> {
    let mut groups: BTreeMap<K, Vec<&Package>> = BTreeMap::new();
    for (_, package) in facts.inventory.of(ecosystem) {
        groups.entry(key(package)).or_default().push(package);
    }
    groups.into_values().filter(|packages| packages.len() > 1).collect()
}

/// What one environment repeats of another.
#[derive(Default)]
struct Repeated<'a> {
    files: Vec<AtomId>,
    packages: Vec<(&'a Package, u64)>,
}

impl Repeated<'_> {
    fn table(mut self, columns: Vec<&'static str>) -> Table {
        self.packages.sort_by_key(|(package, bytes)| (Reverse(*bytes), &package.name));
        let row = |(package, bytes): &(&Package, u64)| {
            let version = package.version.clone().map_or(Value::Unknown, Value::Text);
            vec![Value::Text(package.name.clone()), version, Value::Bytes(*bytes)]
        };
        Table { columns, rows: self.packages.iter().take(ROWS).map(row).collect() }
    }
}

pub(super) fn conda(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut pairs: BTreeMap<(&[u8], &[u8]), Repeated<'_>> = BTreeMap::new();
    for mut packages in
        groups(facts, Ecosystem::Conda, |package| (&package.name, &package.version, &package.build))
    {
        packages.sort_by_key(|package| (package.location.len(), &package.location));
        let Some((kept, others)) = packages.split_first() else { continue };
        let contents: HashSet<_> =
            files_of(ledger, kept).iter().filter_map(|file| ledger.identity(*file)).collect();
        for other in others.iter().filter(|other| other.location != kept.location) {
            let mut files = files_of(ledger, other);
            files
                .retain(|file| ledger.identity(*file).is_some_and(|same| contents.contains(&same)));
            let pair = pairs.entry((&kept.location, &other.location)).or_default();
            pair.packages.push((other, bytes(ledger, &files)));
            pair.files.extend(files);
        }
    }
    let candidate = |((kept, other), pair): ((&[u8], &[u8]), Repeated<'_>)| {
        let (kept, other) = (text(kept), text(other));
        let message = Phrase::words("The conda environment ")
            .name(other.clone())
            .and(" repeats packages of ")
            .name(kept.clone());
        let files: BTreeSet<AtomId> = pair.files.iter().copied().collect();
        let mut candidate =
            Candidate::new(format!("{kept}\n{other}"), message, Claim::files(files))
                .fill("first", kept)
                .fill("second", other);
        candidate.table = Some(pair.table(vec!["Package", "Version", "Size"]));
        candidate
    };
    pairs.into_iter().map(candidate).collect()
}

/// The libraries of the system's R in the order in which it looks into them.
const LIBRARIES: [&[u8]; 5] = [
    b"usr/local/lib/R/site-library",
    b"usr/lib/R/site-library",
    b"usr/local/lib/R/library",
    b"usr/lib/R/library",
    b"usr/share/R/library",
];

pub(super) fn r(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let place = |package: &Package| {
        // The location of a package is its library, or its directory in that.
        LIBRARIES.iter().position(|library| {
            package
                .location
                .strip_prefix(*library)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    };
    let mut shadowed = Repeated::default();
    for packages in groups(facts, Ecosystem::R, |package| &package.name) {
        let mut packages: Vec<(usize, &Package)> =
            packages.into_iter().filter_map(|package| Some((place(package)?, package))).collect();
        packages.sort_by_key(|(place, _)| *place);
        let first = packages.first().map(|(place, _)| *place);
        for (_, package) in packages.iter().filter(|(place, _)| Some(*place) != first) {
            let files = files_of(ledger, package);
            let bytes = bytes(ledger, &files);
            if bytes >= R_PACKAGE {
                shadowed.packages.push((package, bytes));
                shadowed.files.extend(files);
            }
        }
    }
    if shadowed.files.is_empty() {
        return Vec::new();
    }
    let message = Phrase::count(Phrase::default(), shadowed.packages.len())
        .and(" R packages are hidden by others of their name");
    let names: Vec<String> =
        shadowed.packages.iter().map(|(package, _)| format!("\"{}\"", package.name)).collect();
    let files: BTreeSet<AtomId> = shadowed.files.iter().copied().collect();
    let mut candidate =
        Candidate::new("", message, Claim::files(files)).fill("packages", names.join(", "));
    candidate.table = Some(shadowed.table(vec!["Package", "Version", "Size"]));
    vec![candidate]
}

/// Programs that bring Node.js modules of their own.
const BUNDLES: [&str; 7] =
    ["code-server", "rstudio", "vscode", "openvscode", "/resources/app/", "playwright", "electron"];

/// What a tree of modules belongs to.
fn application(location: &[u8]) -> &[u8] {
    let start = location.windows(12).position(|part| part == b"node_modules");
    start.map_or(location, |start| {
        location[..start].strip_suffix(b"/").unwrap_or(&location[..start])
    })
}

pub(super) fn npm(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let mut pairs: BTreeMap<(&[u8], &[u8]), Repeated<'_>> = BTreeMap::new();
    for mut packages in groups(facts, Ecosystem::Npm, |package| (&package.name, &package.version)) {
        packages.retain(|package| {
            let location = String::from_utf8_lossy(&package.location);
            package.version.is_some() && !BUNDLES.iter().any(|bundle| location.contains(bundle))
        });
        packages.sort_by_key(|package| (package.location.len(), &package.location));
        let Some((kept, others)) = packages.split_first() else { continue };
        for other in others {
            let files = module_files(ledger, other);
            let key = (application(&kept.location), application(&other.location));
            let pair = pairs.entry(key).or_default();
            pair.packages.push((other, bytes(ledger, &files)));
            pair.files.extend(files);
        }
    }
    let candidate = |((kept, other), pair): ((&[u8], &[u8]), Repeated<'_>)| {
        let (kept, other) = (text(kept), text(other));
        let message = if kept == other {
            Phrase::words("The node_modules of ")
                .name(other.clone())
                .and(" have packages more than once")
        } else {
            Phrase::words("The node_modules of ")
                .name(other.clone())
                .and(" repeat packages of ")
                .name(kept.clone())
        };
        let files: BTreeSet<AtomId> = pair.files.iter().copied().collect();
        let mut candidate =
            Candidate::new(format!("{kept}\n{other}"), message, Claim::files(files));
        candidate.table = Some(pair.table(vec!["Package", "Version", "Size"]));
        candidate
    };
    pairs.into_iter().map(candidate).collect()
}

/// The files of a module, without the modules in it.
fn module_files(ledger: &Ledger, package: &Package) -> Vec<AtomId> {
    let filesystem = ledger.filesystem();
    let mut files = files_of(ledger, package);
    if package.directories.is_empty() {
        return files;
    }
    let roots: HashSet<NodeId> = package.directories.iter().copied().collect();
    let mut nested: HashMap<NodeId, bool> = HashMap::new();
    files.retain(|file| {
        let mut above = Vec::new();
        let mut at = filesystem.parent(ledger.atom(*file).node);
        let mut is_nested = false;
        while !roots.contains(&at) && at != NodeId::ROOT {
            if let Some(known) = nested.get(&at) {
                is_nested = *known;
                break;
            }
            above.push(at);
            at = filesystem.parent(at);
        }
        for directory in above.into_iter().rev() {
            is_nested |= filesystem.name(directory) == b"node_modules";
            nested.insert(directory, is_nested);
        }
        !is_nested
    });
    files
}
