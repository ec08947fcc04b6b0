//! What was asked for, and what came with it.

use std::collections::HashSet;

use super::super::build::is_compiler;
use super::{
    ROWS, atoms, by_location, bytes, ecosystems, files, names, place, ranked, sum, table, version,
};
use crate::package::{Ecosystem, PackageId};
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Less than this by itself is no row of its own.
const ROW: u64 = 20_000_000;
/// A package that only brings others holds less than this itself, and they at least that much.
const NEXT_TO_NOTHING: u64 = 1_000_000;
const COLLECTION: u64 = 100_000_000;
/// What is never removed automatically.
const KEPT: &[&str] = &["linux-image*", "linux-headers*", "linux-modules*", "dkms", "kernel*"];

/// Packages that nothing needs but some recommend.
pub(super) fn recommended(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for ecosystem in [Ecosystem::Dpkg, Ecosystem::Rpm] {
        if !tells_requests(facts, ecosystem) {
            continue;
        }
        let graph = facts.graph(ecosystem);
        let needed = graph.closure(false);
        let only = graph.closure(true).into_iter().filter(|package| !needed.contains(package));
        let only = ranked(facts, only);
        let by: Vec<PackageId> =
            only.iter().filter_map(|package| graph.way(*package).first().copied()).collect();
        let message = Phrase::default()
            .counted(only.len(), " package is", " packages are")
            .and(" installed only because others recommend ")
            .and(if only.len() == 1 { "it" } else { "them" });
        let mut candidate = Candidate::new(ecosystem.as_str(), message, files(facts, &only))
            .fill("pkgs", names(facts, &by));
        candidate.snippet = Some(without_recommended(ecosystem).to_owned());
        candidate.table = Some(table(facts, ecosystem, &only));
        found.push(candidate);
    }
    found
}

fn without_recommended(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Rpm => {
            "RUN dnf install -y --setopt=install_weak_deps=False {{pkgs}} \\\n && dnf clean all"
        }
        _ => {
            "RUN apt-get update \\\n && apt-get install -y --no-install-recommends {{pkgs}} \\\n && rm -rf /var/lib/apt/lists/*"
        }
    }
}

/// Packages that came with others and that nothing needs.
pub(super) fn orphaned(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for ecosystem in [Ecosystem::Dpkg, Ecosystem::Apk, Ecosystem::Rpm, Ecosystem::Conda] {
        let used = facts.graph(ecosystem).closure(true);
        let left = facts.inventory.of(ecosystem).filter(|(id, package)| {
            package.requested == Some(false)
                && !used.contains(id)
                && !super::is_any(&package.name, KEPT)
        });
        for (location, packages) in by_location(facts, left.map(|(id, _)| id)) {
            let packages = ranked(facts, packages);
            let place = place(ecosystem, location);
            let message = Phrase::default()
                .counted(packages.len(), " package of ", " packages of ")
                .name(place.clone())
                .and(" came with others and nothing needs ")
                .and(if packages.len() == 1 { "it now" } else { "them now" });
            let mut candidate = Candidate::new(place, message, files(facts, &packages))
                .fill("pkgs", names(facts, &packages));
            candidate.snippet = Some(autoremove(ecosystem).to_owned());
            candidate.table = Some(table(facts, ecosystem, &packages));
            found.push(candidate);
        }
    }
    found
}

fn autoremove(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Apk => {
            "# In the RUN that removes what needed {{pkgs}}:\nRUN {{cmd}} \\\n && apk del {{pkgs}}"
        }
        Ecosystem::Rpm => {
            "# In the RUN that removes what needed {{pkgs}}:\nRUN {{cmd}} \\\n && dnf autoremove -y && dnf clean all"
        }
        Ecosystem::Conda => {
            "# In the RUN that removes what needed {{pkgs}}, or in a new environment without it:\nRUN {{cmd}} \\\n && mamba remove -y {{pkgs}} && mamba clean -afy"
        }
        _ => {
            "# In the RUN that removes what needed {{pkgs}}:\nRUN {{cmd}} \\\n && apt-get autoremove -y --purge"
        }
    }
}

/// What each requested package brings that nothing else needs.
pub(super) fn exclusive(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for ecosystem in ecosystems(facts) {
        let Some(install) = installer(ecosystem) else { continue };
        let graph = facts.graph(ecosystem);
        let redundant: HashSet<PackageId> =
            graph.redundant().into_iter().map(|(package, _)| package).collect();
        let mut brought = graph.brought();
        brought.retain(|root, brought| {
            let counts = graph.is_asked_for(*root) || !facts.inventory.package(*root).essential;
            counts && !redundant.contains(root) && sum(facts, brought) >= ROW
        });
        for (location, mut roots) in by_location(facts, brought.keys().copied()) {
            roots.sort_unstable_by_key(|root| {
                (std::cmp::Reverse(sum(facts, &brought[root])), *root)
            });
            roots.truncate(ROWS);
            let all: Vec<PackageId> =
                roots.iter().flat_map(|root| &brought[root]).copied().collect();
            let place = place(ecosystem, location);
            let message = Phrase::words("What packages of ").name(place.clone()).and(
                " bring that nothing else needs, the most first; what they share with others stays",
            );
            let mut candidate = Candidate::new(place, message, Claim::View(atoms(facts, &all)))
                .fill("install", install.to_owned())
                .fill("pkgs", names(facts, &roots));
            if !roots.iter().any(|root| graph.is_asked_for(*root)) {
                candidate = candidate.note(Phrase::words(
                    "No record tells what was asked for; packages that no other one needs stand for it.",
                ));
            }
            let row = |root: &PackageId| {
                let package = facts.inventory.package(*root);
                let own = sum(facts, &brought[root]);
                let all = graph.reach(*root, |id| bytes(facts, id));
                vec![
                    Value::Text(package.name.clone()),
                    version(package),
                    Value::Bytes(own),
                    Value::Bytes(all.saturating_sub(own)),
                    Value::Count(brought[root].len() as u64),
                ]
            };
            let columns = vec!["package", "version", "alone", "shared", "packages"];
            candidate.table = Some(Table { columns, rows: roots.iter().map(row).collect() });
            found.push(candidate);
        }
    }
    found
}

/// What installs packages of an ecosystem; none where a package is no more than a file.
fn installer(ecosystem: Ecosystem) -> Option<&'static str> {
    Some(match ecosystem {
        Ecosystem::Dpkg => "apt-get update && apt-get install -y --no-install-recommends",
        Ecosystem::Apk => "apk add --no-cache",
        Ecosystem::Rpm => "dnf install -y --setopt=install_weak_deps=False",
        Ecosystem::Conda => "mamba install -y",
        Ecosystem::Python => "pip install --no-cache-dir",
        Ecosystem::Npm => "npm install -g",
        Ecosystem::R => "install2.r --error",
        Ecosystem::Ruby => "gem install --no-document",
        Ecosystem::Composer => "composer require",
        _ => return None,
    })
}

/// Requests that another request brings.
pub(super) fn redundant(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for ecosystem in [Ecosystem::Conda, Ecosystem::Python] {
        let pairs = facts.graph(ecosystem).redundant();
        let by: std::collections::HashMap<_, _> = pairs.iter().copied().collect();
        for (location, packages) in by_location(facts, pairs.iter().map(|(package, _)| *package)) {
            let place = place(ecosystem, location);
            let message = Phrase::default()
                .counted(packages.len(), " requested package of ", " requested packages of ")
                .name(place.clone())
                .and(if packages.len() == 1 { " comes" } else { " come" })
                .and(" with other requested ones anyway");
            let name = |id: PackageId| Value::Text(facts.inventory.package(id).name.clone());
            let row = |id: &PackageId| {
                let version = version(facts.inventory.package(*id));
                vec![name(*id), version, by.get(id).map_or(Value::Unknown, |by| name(*by))]
            };
            let rows = packages.iter().take(ROWS).map(row).collect();
            let mut candidate = Candidate::new(place, message, Claim::View(Vec::new()))
                .fill("pkgs", names(facts, &packages));
            candidate.table =
                Some(Table { columns: vec!["package", "version", "needed by"], rows });
            found.push(candidate);
        }
    }
    found
}

/// Requested packages that hold next to nothing and bring a collection.
pub(super) fn metapackages(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for ecosystem in [Ecosystem::Dpkg, Ecosystem::Apk, Ecosystem::Rpm, Ecosystem::Conda] {
        let graph = facts.graph(ecosystem);
        for (root, brought) in graph.brought() {
            let collection = sum(facts, &brought) >= COLLECTION && brought.len() > 1;
            if !graph.is_asked_for(root) || !collection || bytes(facts, root) >= NEXT_TO_NOTHING {
                continue;
            }
            let brought = ranked(facts, brought);
            let package = facts.inventory.package(root);
            // Without it there is no compiler; `build-compilers` says how it stays out.
            if is_compiler(package) {
                continue;
            }
            let message = Phrase::name(Phrase::default(), package.name.clone())
                .and(" holds ")
                .bytes(bytes(facts, root))
                .and(" itself and brings ")
                .counted(brought.len() - 1, " package", " packages")
                .and(" that nothing else needs");
            let anchor = format!("{} {}", place(ecosystem, &package.location), package.name);
            let mut candidate = Candidate::new(anchor, message, files(facts, &brought))
                .fill("package", package.name.clone())
                .fill("pkgs", names(facts, &brought));
            candidate.table = Some(table(facts, ecosystem, &brought));
            found.push(candidate);
        }
    }
    found
}

/// Whether the records tell what was asked for and what came with it.
fn tells_requests(facts: &Facts<'_>, ecosystem: Ecosystem) -> bool {
    let is = |requested| {
        facts.inventory.of(ecosystem).any(|(_, package)| package.requested == Some(requested))
    };
    is(true) && is(false)
}

#[cfg(test)]
mod tests {
    use crate::rule::Value;
    use crate::rule::testing::{check_with, found_with};

    const IMAGE: &str = "
RUN apt-get install -y app
  usr/bin/app 1_000_000
  usr/share/docs/a 40_000_000
  usr/lib/viewer 6_000_000
  usr/lib/libc.so.6 30_000_000
  usr/lib/old 8_000_000
";

    #[test]
    fn recommends_only() {
        let packages = "
dpkg +app 1 usr/bin/app > libc ~ docs
dpkg -docs 1 usr/share/docs > libc ~ viewer
dpkg -viewer 1 usr/lib/viewer
dpkg -libc 1 usr/lib/libc.so.6
";
        check_with("pkg-recommends-only", IMAGE, packages, &[46_000_000]);
        let found = found_with(IMAGE, packages, &["pkg-recommends-only"]);
        assert!(
            found[0].snippet.contains("--no-install-recommends app \\"),
            "{}",
            found[0].snippet
        );
        let rows = &found[0].table.as_ref().unwrap().rows;
        assert_eq!(rows[1][3], Value::Text("docs".to_owned()));
        // Something needs it, too.
        let needed = format!("{packages}\ndpkg +tool 1 > docs viewer");
        check_with("pkg-recommends-only", IMAGE, &needed, &[]);
        // No record of what was asked for.
        check_with("pkg-recommends-only", IMAGE, &packages.replace(" -", " +"), &[]);
        check_with(
            "pkg-recommends-only",
            IMAGE,
            &packages.replace(" -", " ?").replace(" +", " ?"),
            &[],
        );
    }

    #[test]
    fn orphaned_auto() {
        let packages = "
dpkg +app 1 usr/bin/app > libc
dpkg -libc 1 usr/lib/libc.so.6
dpkg -old 1 usr/lib/old > libc
";
        check_with("pkg-orphaned-auto", IMAGE, packages, &[8_000_000]);
        check_with("pkg-orphaned-auto", IMAGE, &packages.replace("-old", "-linux-image-6"), &[]);
        check_with(
            "pkg-orphaned-auto",
            IMAGE,
            &packages.replace("> libc\n", "> libc ~ old\n"),
            &[],
        );
        check_with("pkg-orphaned-auto", IMAGE, &packages.replace('+', "-"), &[]);
    }

    const CONDA: &str = "
RUN mamba install gdal torch numpy
  opt/conda/gdal 50_000_000
  opt/conda/proj 20_000_000
  opt/conda/torch 900_000_000
  opt/conda/numpy 30_000_000
  opt/conda/small 5_000_000
";
    const SPECS: &str = "
conda +gdal 3 @opt/conda opt/conda/gdal > proj numpy
conda -proj 9 @opt/conda opt/conda/proj
conda +torch 2 @opt/conda opt/conda/torch > numpy
conda +numpy 1 @opt/conda opt/conda/numpy
conda +small 1 @opt/conda opt/conda/small
";

    #[test]
    fn requested_exclusive() {
        check_with("pkg-requested-exclusive", CONDA, SPECS, &[970_000_000]);
        let found = found_with(CONDA, SPECS, &["pkg-requested-exclusive"]);
        assert_eq!((found[0].net.content, found[0].notes.len()), (0, 0));
        let rows = &found[0].table.as_ref().unwrap().rows;
        assert_eq!(
            rows[1][2..],
            [Value::Bytes(70_000_000), Value::Bytes(30_000_000), Value::Count(2)]
        );
        // Shared with each other, so that neither has much alone.
        let shared = "
conda +a 1 @opt/conda > torch
conda +b 1 @opt/conda > torch
conda -torch 2 @opt/conda opt/conda/torch
";
        check_with("pkg-requested-exclusive", CONDA, shared, &[]);
    }

    #[test]
    fn redundant_spec() {
        check_with("pkg-redundant-spec", CONDA, SPECS, &[0]);
        check_with("pkg-redundant-spec", CONDA, &SPECS.replace("+numpy", "-numpy"), &[]);
    }

    #[test]
    fn metapackages() {
        let packages = "
conda +all 1 @opt/conda > torch gdal
conda -torch 2 @opt/conda opt/conda/torch
conda -gdal 3 @opt/conda opt/conda/gdal
";
        check_with("pkg-metapackages", CONDA, packages, &[950_000_000]);
        let found = found_with(CONDA, packages, &["pkg-metapackages"]);
        assert!(found[0].snippet.contains("Instead of all"), "{}", found[0].snippet);
        // To install what a compiler brings in its place saves nothing.
        let compiler = packages.replace("+all", "+g++");
        check_with("pkg-metapackages", CONDA, &compiler, &[]);
        // It holds most itself.
        check_with("pkg-metapackages", CONDA, SPECS, &[]);
    }
}
