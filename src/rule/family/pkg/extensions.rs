//! Extensions of VS Code and its kin.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{ROWS, bytes, files, ranked, version};
use crate::package::{Ecosystem, Package, PackageId};
use crate::rule::{Candidate, Facts, Phrase, Risk, Table, Value};

/// Directories of the extensions that are parts of the editor itself.
const BUILT_IN: &[&str] = &["lib/vscode/extensions", "resources/app/extensions"];

/// Extensions that somebody installed; and versions beside a newer one.
pub(super) fn extensions(facts: &Facts<'_>) -> Vec<Candidate> {
    let all: Vec<PackageId> = facts
        .inventory
        .of(Ecosystem::VsCode)
        .filter(|(_, package)| !is_built_in(facts, package))
        .map(|(id, _)| id)
        .collect();
    let (newest, older) = split(facts, &all);
    let mut found = Vec::new();
    if !newest.is_empty() {
        let mut message = Phrase::default().counted(
            newest.len(),
            " extension of the editor",
            " extensions of the editor",
        );
        if !older.is_empty() {
            let all = newest.iter().chain(&older).map(|id| bytes(facts, *id));
            message = message.and(", and ").counted(
                older.len(),
                " older version beside them, in all ",
                " older versions beside them, in all ",
            );
            message = message.bytes(all.fold(0, u64::saturating_add));
        }
        let quoted: Vec<String> = newest
            .iter()
            .take(super::NAMES)
            .map(|id| format!("\"{}\"", facts.inventory.package(*id).name))
            .collect();
        let mut candidate =
            Candidate::new("", message, files(facts, &newest)).fill("list", quoted.join(", "));
        candidate.table = Some(table(facts, &newest));
        found.push(candidate);
    }
    found.extend(beside_newer(facts, &older, &newest));
    found
}

/// Versions that a newer one of the same extension is beside.
fn beside_newer(facts: &Facts<'_>, older: &[PackageId], newest: &[PackageId]) -> Option<Candidate> {
    let first = facts.inventory.package(*older.first()?);
    let newer = |package: &Package| {
        let same = |id: &&PackageId| {
            let other = facts.inventory.package(**id);
            other.name == package.name && directory(facts, other) == directory(facts, package)
        };
        let id = newest.iter().find(same)?;
        facts.inventory.package(*id).version.clone()
    };
    let text = |version: Option<String>| version.unwrap_or_else(|| "?".to_owned());
    let message = match older {
        [_] => Phrase::default()
            .name(format!("{} {}", first.name, text(first.version.clone())))
            .and(" is an older version beside ")
            .name(text(newer(first))),
        _ => Phrase::default()
            .counted(older.len(), " extension", " extensions")
            .and(" beside a newer version of the same one"),
    };
    let mut candidate = Candidate::new("older", message, files(facts, older)).risk(Risk::Test);
    candidate.snippet = Some(format!(
        "# Where the extensions are listed, name one version of each:\n\
         RUN code-server --install-extension {}@{}",
        first.name,
        newer(first).unwrap_or_else(|| "<version>".to_owned()),
    ));
    let mut table = table(facts, older);
    table.columns.push("newer");
    for (row, id) in table.rows.iter_mut().zip(older) {
        let version = newer(facts.inventory.package(*id));
        row.push(version.map_or(Value::Unknown, Value::Text));
    }
    candidate.table = Some(table);
    Some(candidate)
}

fn is_built_in(facts: &Facts<'_>, package: &Package) -> bool {
    let directory = package.directories.first();
    let path = directory.map(|node| facts.ledger.filesystem().path(*node));
    let paths = [Some(package.location.as_slice()), path.as_deref()];
    paths.into_iter().flatten().any(|path| {
        let path = String::from_utf8_lossy(path);
        BUILT_IN.iter().any(|directory| path.contains(directory))
    })
}

/// The newest of each extension in its directory, and the others; the largest first.
fn split(facts: &Facts<'_>, all: &[PackageId]) -> (Vec<PackageId>, Vec<PackageId>) {
    let mut newest: BTreeMap<(&str, Vec<u8>), PackageId> = BTreeMap::new();
    let mut older = Vec::new();
    for id in all {
        let package = facts.inventory.package(*id);
        let key = (package.name.as_str(), directory(facts, package));
        let Some(held) = newest.insert(key.clone(), *id) else { continue };
        if compare(facts.inventory.package(held), package) == Ordering::Greater {
            newest.insert(key, held);
            older.push(*id);
        } else {
            older.push(held);
        }
    }
    (ranked(facts, newest.into_values()), ranked(facts, older))
}

/// The directory that an extension's own is in.
fn directory(facts: &Facts<'_>, package: &Package) -> Vec<u8> {
    let filesystem = facts.ledger.filesystem();
    let own = package.directories.first();
    own.map_or_else(|| package.location.clone(), |node| filesystem.path(filesystem.parent(*node)))
}

/// Versions by their numbers.
fn compare(one: &Package, other: &Package) -> Ordering {
    let numbers = |package: &Package| -> Vec<u64> {
        let version = package.version.as_deref().unwrap_or_default();
        let parts = version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        parts.map(|part| part.parse().unwrap_or(u64::MAX)).collect()
    };
    numbers(one).cmp(&numbers(other))
}

fn table(facts: &Facts<'_>, packages: &[PackageId]) -> Table {
    let row = |id: &PackageId| {
        let package = facts.inventory.package(*id);
        let summary = package.summary.clone().map_or(Value::Unknown, Value::Text);
        let name = Value::Text(package.name.clone());
        vec![name, version(package), Value::Bytes(bytes(facts, *id)), summary]
    };
    Table {
        columns: vec!["extension", "version", "content", "about"],
        rows: packages.iter().take(ROWS).map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check_with, found_with};

    #[test]
    fn ide_extensions() {
        let image = "
RUN code-server --install-extension ms-python.python
  ext/ms-python.python-2024.9.1/a 40_000_000
  ext/ms-python.python-2024.10.0/a 50_000_000
  ext/ms-toolsai.jupyter-1.0.0/a 15_000_000
  usr/lib/code-server/lib/vscode/extensions/git/a 90_000_000
";
        let packages = "
vscode ?ms-python.python 2024.10.0 @ext ext/ms-python.python-2024.10.0
vscode ?ms-python.python 2024.9.1 @ext ext/ms-python.python-2024.9.1
vscode ?ms-toolsai.jupyter 1.0.0 @ext ext/ms-toolsai.jupyter-1.0.0
vscode ?vscode.git 1.0.0 usr/lib/code-server/lib/vscode/extensions/git
";
        check_with("pkg-ide-extensions", image, packages, &[65_000_000, 40_000_000]);
        let found = found_with(image, packages, &["pkg-ide-extensions"]);
        let list = "\"ms-python.python\", \"ms-toolsai.jupyter\"";
        assert!(found.iter().any(|finding| finding.snippet.contains(list)));
        let messages: Vec<String> = found.iter().map(|found| found.message.to_string()).collect();
        assert!(messages.iter().any(|message| {
            message == "ms-python.python 2024.9.1 is an older version beside 2024.10.0"
        }));
        assert!(messages.iter().any(|message| {
            message
                .starts_with("2 extensions of the editor, and 1 older version beside them, in all")
        }));
        // Those of the editor itself must stay.
        let own = packages.lines().last().unwrap();
        check_with("pkg-ide-extensions", image, own, &[]);
    }
}
