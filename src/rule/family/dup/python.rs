//! Python packages and interpreters.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::MB;
use super::roots::{SearchPath, bytes, child, named, text};
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::package::{Ecosystem, Package};
use crate::rule::{Candidate, Claim, Facts, Phrase, Risk, Table, Value};

/// Smaller packages are not looked at.
const PACKAGE: u64 = 5 * MB;
/// Fewer bytes of two environments are no finding.
const ENVIRONMENT: u64 = 20 * MB;
/// Rows of a table.
const ROWS: usize = 15;
/// The packages that the distribution's own tools use.
const SYSTEM: &[u8] = b"usr/lib/python3";

struct Installed<'a> {
    package: &'a Package,
    files: Vec<AtomId>,
    bytes: u64,
}

/// The visible files of a package.
pub(super) fn files_of(ledger: &Ledger, package: &Package) -> Vec<AtomId> {
    let nodes: Vec<NodeId> = package.files.iter().chain(&package.directories).copied().collect();
    ledger.select(&nodes)
}

fn installed<'a>(facts: &Facts<'a>, package: &'a Package) -> Installed<'a> {
    let files = files_of(facts.ledger, package);
    Installed { package, bytes: bytes(facts.ledger, &files), files }
}

pub(super) fn packages(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = repeated(facts);
    found.extend(by_both(facts));
    found
}

/// A package that stays and one that it makes superfluous.
type Row<'a, 'b> = (&'b Installed<'a>, &'b Installed<'a>);

/// Packages that several environments have, by pair of environments.
fn repeated(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for (_, package) in facts.inventory.of(Ecosystem::Python) {
        by_name.entry(&package.name).or_default().push(package);
    }
    by_name.retain(|_, packages| {
        packages.iter().any(|package| package.location != packages[0].location)
    });
    let by_name: Vec<Vec<Installed<'_>>> = by_name
        .into_values()
        .map(|packages| packages.into_iter().map(|package| installed(facts, package)).collect())
        .collect();
    let mut totals: HashMap<&[u8], u64> = HashMap::new();
    for one in by_name.iter().flatten() {
        *totals.entry(&one.package.location).or_default() += one.bytes;
    }
    let mut pairs: BTreeMap<(&[u8], &[u8]), Vec<Row<'_, '_>>> = BTreeMap::new();
    for copies in &by_name {
        let Some(kept) = copies.iter().min_by(|a, b| rank(a, &totals).cmp(&rank(b, &totals)))
        else {
            continue;
        };
        for other in copies {
            let location = &other.package.location[..];
            let is_other = location != kept.package.location && !location.starts_with(SYSTEM);
            if is_other && other.bytes >= PACKAGE {
                pairs.entry((&kept.package.location, location)).or_default().push((kept, other));
            }
        }
    }
    let pairs = pairs.into_iter();
    pairs.filter_map(|((kept, other), rows)| repetition(facts, kept, other, rows)).collect()
}

/// The environment with the most of the packages stays, but for that of the distribution.
fn rank<'a>(
    one: &Installed<'a>,
    totals: &HashMap<&[u8], u64>,
) -> (bool, Reverse<Option<u64>>, &'a [u8]) {
    let location = &one.package.location[..];
    (location.starts_with(SYSTEM), Reverse(totals.get(location).copied()), location)
}

fn repetition(
    facts: &Facts<'_>,
    kept: &[u8],
    other: &[u8],
    mut rows: Vec<Row<'_, '_>>,
) -> Option<Candidate> {
    rows.sort_by_key(|(_, one)| (Reverse(one.bytes), &one.package.name));
    let files: BTreeSet<AtomId> =
        rows.iter().flat_map(|(_, one)| one.files.iter().copied()).collect();
    if facts.ledger.sum(files.iter().copied()).bytes < ENVIRONMENT {
        return None;
    }
    let path = |path: &[u8]| format!("/{}", String::from_utf8_lossy(path));
    let message =
        Phrase::words("Packages of ").name(path(other)).and(" are also in ").name(path(kept));
    let same = rows.iter().all(|(a, b)| a.package.version == b.package.version);
    let first = rows.first().map(|(_, one)| one.package.name.clone()).unwrap_or_default();
    let anchor = format!("{}\n{}", path(kept), path(other));
    let mut candidate = Candidate::new(anchor, message, Claim::files(files))
        .risk(if same { Risk::Test } else { Risk::Review })
        .fill("venv", venv(other))
        .fill("package", first.replace('-', "_"));
    let text = |text: &Option<String>| text.clone().map_or(Value::Unknown, Value::Text);
    let row = |(kept, one): &Row<'_, '_>| {
        vec![
            Value::Text(one.package.name.clone()),
            text(&kept.package.version),
            text(&one.package.version),
            Value::Bytes(one.bytes),
        ]
    };
    let rows = rows.iter().take(ROWS).map(row).collect();
    let columns = vec!["Package", "Version that stays", "Version", "Size"];
    candidate.table = Some(Table { columns, rows });
    Some(candidate)
}

/// The environment of a `site-packages`.
fn venv(location: &[u8]) -> String {
    let text = String::from_utf8_lossy(location);
    let end = text.find("/lib/python").or_else(|| text.find("/lib64/python"));
    format!("/{}", end.map_or(&*text, |end| &text[..end]))
}

/// Packages that conda and another installer have put at the same place: what is left of conda's.
fn by_both(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut others: HashMap<&str, Vec<&Package>> = HashMap::new();
    for (_, package) in facts.inventory.of(Ecosystem::Python) {
        if package.installer.as_deref().is_some_and(|installer| installer != "conda") {
            others.entry(&package.name).or_default().push(package);
        }
    }
    let mut found = Vec::new();
    for (_, package) in facts.inventory.of(Ecosystem::Conda) {
        let is_in = |other: &&&Package| {
            let rest = other.location.strip_prefix(&package.location[..]);
            rest.is_some_and(|rest| rest.starts_with(b"/lib/python") || rest.is_empty())
        };
        let other = others.get(&package.name[..]).and_then(|others| others.iter().find(is_in));
        let Some(other) = other else { continue };
        let theirs: BTreeSet<AtomId> = files_of(facts.ledger, other).into_iter().collect();
        let mut files = files_of(facts.ledger, package);
        files.retain(|file| !theirs.contains(file));
        let prefix = format!("/{}", String::from_utf8_lossy(&package.location));
        let message = Phrase::words("conda and ")
            .name(other.installer.clone().unwrap_or_default())
            .and(" have both installed ")
            .name(package.name.clone())
            .and(" in ")
            .name(prefix.clone());
        let mut candidate = Candidate::new(
            format!("{prefix}\n{}", package.name),
            message,
            Claim::files(files),
        )
        .note(Phrase::words(
            "conda's record of the package is no longer true, and its next change may break it.",
        ))
        .fill("package", package.name.replace('-', "_"))
        .fill("name", package.name.clone());
        candidate.snippet =
            Some("# name {{name}} once: in environment.yml, not below its pip: section".to_owned());
        found.push(candidate);
    }
    found
}

struct Interpreter {
    prefix: NodeId,
    name: Vec<u8>,
    files: Vec<AtomId>,
    place: Option<usize>,
}

pub(super) fn interpreters(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    // The tools of the distribution need theirs.
    let mut all = found_interpreters(facts);
    all.retain(|one| ledger.filesystem().path(one.prefix) != b"usr");
    let key = |one: &&Interpreter| {
        (one.place.unwrap_or(usize::MAX), Reverse(bytes(ledger, &one.files)), one.prefix)
    };
    let Some(kept) = all.iter().min_by_key(key).filter(|_| all.len() > 1) else {
        return Vec::new();
    };
    let kept_at = (kept.prefix, &kept.name);
    let python =
        format!("{}/bin/{}", text(ledger, kept.prefix), String::from_utf8_lossy(&kept.name));
    let others = all.iter().filter(|one| (one.prefix, &one.name) != kept_at);
    let candidate = |one: &Interpreter| {
        let prefix = text(ledger, one.prefix);
        let name = String::from_utf8_lossy(&one.name).into_owned();
        let message = Phrase::words("A second interpreter, ")
            .name(name.clone())
            .and(", is in ")
            .name(prefix.clone());
        Candidate::new(
            format!("{prefix}\n{name}"),
            message,
            Claim::files(one.files.iter().copied()),
        )
        .note(
            Phrase::words("Its packages are not counted. The first on PATH is ")
                .name(python.clone())
                .and("."),
        )
        .fill("python", python.clone())
    };
    others.map(candidate).collect()
}

/// The interpreters with their standard libraries, without packages.
fn found_interpreters(facts: &Facts<'_>) -> Vec<Interpreter> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let search = SearchPath::new(facts.image);
    let mut found = Vec::new();
    for marker in named(ledger, |name| name == b"os.py") {
        let library = filesystem.parent(marker);
        let name = filesystem.name(library).to_vec();
        let lib = filesystem.parent(library);
        let is_version =
            name.strip_prefix(b"python").and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit);
        if !is_version || !matches!(filesystem.name(lib), b"lib" | b"lib64") {
            continue;
        }
        let prefix = filesystem.parent(lib);
        let is_package =
            |node: &NodeId| matches!(filesystem.name(*node), b"site-packages" | b"dist-packages");
        let mut roots: Vec<NodeId> =
            filesystem.children(library).into_iter().filter(|node| !is_package(node)).collect();
        let bin = child(ledger, prefix, b"bin");
        roots.extend(bin.and_then(|bin| child(ledger, bin, &name)));
        let shared = [&b"lib"[..], &name[..], b".so.1.0"].concat();
        roots.extend(child(ledger, lib, &shared));
        let place = bin.and_then(|bin| search.place(&filesystem.path(bin)));
        found.push(Interpreter { prefix, name, files: ledger.select(&roots), place });
    }
    found
}
