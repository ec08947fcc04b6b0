//! Packages that somebody may do without.
//!
//! Bytes are those of the visible files that packages own. What would go with a package is told by
//! the graphs of [`crate::package::Graph`]: itself, and what nothing else needs.

mod choices;
mod development;
mod extensions;
mod requests;
mod tools;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::ledger::AtomId;
use crate::package::{Ecosystem, Package, PackageId};
use crate::pattern::component_fits;
use crate::rule::{Bands, Claim, Detect, Effort, Facts, Phase, Risk, Rule, Severity, Table, Value};

/// What the rules of this family have in common.
const PKG: Rule = Rule {
    phase: Phase::Decision,
    risk: Risk::Review,
    bands: Bands::Review,
    min: 20_000_000,
    detect: Detect::Layers(|_| Vec::new()),
    ..Rule::BLANK
};

/// Rows that a table shows.
const ROWS: usize = 30;
/// Names that a snippet shows.
const NAMES: usize = 12;

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "pkg-recommends-only",
        title: "Packages that are only recommended",
        risk: Risk::Test,
        bands: Bands::Normal,
        min: 5_000_000,
        detect: Detect::Layers(requests::recommended),
        why: "Nothing needs these packages: the package manager added them because others recommend them.",
        caution: "Some recommended packages are needed after all: certificates, fonts, drivers, plugins. Name those in the install command.",
        check: "apt-get check && ldconfig -p >/dev/null",
        links: &["https://github.com/hadolint/hadolint/wiki/DL3015"],
        ..PKG
    },
    Rule {
        id: "pkg-orphaned-auto",
        title: "Packages that nothing needs any more",
        risk: Risk::Test,
        bands: Bands::Normal,
        min: 5_000_000,
        detect: Detect::Layers(requests::orphaned),
        why: "They came with a package that is gone or that no longer needs them.",
        caution: "A program that was not installed by the package manager may still use them.",
        ..PKG
    },
    Rule {
        id: "pkg-requested-exclusive",
        title: "What each requested package brings",
        phase: Phase::View,
        detect: Detect::Layers(requests::exclusive),
        why: "Leaving out a package also leaves out what only it needs; what others need as well stays.",
        fix: "# Install what every user needs, and the rest in a variant of the image:\nFROM <this image> AS full\nRUN {{install}} {{pkgs}}",
        caution: "Programs may load a package only when they need it, so that no record shows the need.",
        ..PKG
    },
    Rule {
        id: "pkg-redundant-spec",
        title: "Requested packages that others bring anyway",
        phase: Phase::View,
        risk: Risk::Safe,
        bands: Bands::Fixed(Severity::Info),
        min: 0,
        detect: Detect::Layers(requests::redundant),
        why: "Each is installed without being asked for. A request of its own saves nothing, and with a version it may hold back others.",
        fix: "# Leave out of the install command: {{pkgs}}",
        caution: "The request may be there to keep a version.",
        ..PKG
    },
    Rule {
        id: "pkg-dev-dependencies",
        title: "Packages for development",
        risk: Risk::Test,
        bands: Bands::Normal,
        min: 5_000_000,
        detect: Detect::Layers(development::dependencies),
        why: "Tests, linters and builds use them; the application does not load them when it runs.",
        caution: "Images in which people develop or test need them.",
        ..PKG
    },
    Rule {
        id: "pkg-manager-left",
        title: "Package managers that no one is expected to use",
        effort: Effort::Stage,
        detect: Detect::Layers(development::managers),
        why: "A finished environment runs without the tool that installed it.",
        caution: "Without it, nobody can list or add packages in a container.",
        ..PKG
    },
    Rule {
        id: "pkg-blas-mkl",
        title: "Intel MKL",
        min: 200_000_000,
        detect: Detect::Layers(choices::mkl),
        why: "OpenBLAS does the same linear algebra in a tenth of the bytes.",
        fix: "RUN mamba install -y \"libblas=*=*openblas\" nomkl {{pkgs}} \\\n && mamba clean -afy",
        caution: "MKL may be faster on Intel processors, and some programs call it directly.",
        check: "python -c \"import numpy; numpy.show_config()\"",
        links: &[
            "https://conda-forge.org/docs/maintainer/knowledge_base/#switching-blas-implementation",
        ],
        ..PKG
    },
    Rule {
        id: "pkg-gui-on-headless",
        title: "Graphical libraries in an image that starts a server",
        min: 50_000_000,
        detect: Detect::Layers(choices::gui),
        why: "The image starts a server and no display: does anything in it open windows?",
        fix: "RUN apt-get update \\\n && apt-get install -y --no-install-recommends <what the server needs> \\\n && rm -rf /var/lib/apt/lists/*\n# and the graphical tools in a variant of the image",
        caution: "Plots in windows, and tools that link to these libraries even without a display, need them.",
        ..PKG
    },
    Rule {
        id: "pkg-texlive",
        title: "Large collections of TeX Live",
        min: 100_000_000,
        detect: Detect::Layers(choices::texlive),
        why: "To turn notebooks and reports into PDF takes XeTeX, the recommended fonts and a few packages.",
        fix: "RUN apt-get update \\\n && apt-get install -y --no-install-recommends texlive-xetex texlive-fonts-recommended texlive-plain-generic lmodern \\\n && rm -rf /var/lib/apt/lists/*",
        caution: "Documents in other scripts, or with unusual fonts, need more.",
        check: "jupyter nbconvert --to pdf notebook.ipynb",
        ..PKG
    },
    Rule {
        id: "pkg-ide-extensions",
        title: "Extensions of the editor",
        min: 10_000_000,
        detect: Detect::Layers(extensions::extensions),
        why: "Each extension is one person's choice; an editor can also recommend it and install it on first use.",
        fix: "# .vscode/extensions.json in the project\n{ \"recommendations\": [{{list}}] }",
        caution: "Where users have no network, extensions must be in the image.",
        ..PKG
    },
    Rule {
        id: "pkg-niche-cli",
        title: "A large command-line tool",
        detect: Detect::Layers(tools::tools),
        why: "The tool is one executable with all its libraries in it, installed whether or not it is used.",
        fix: "ARG INSTALL_{{arg}}=false\nRUN if [ \"$INSTALL_{{arg}}\" = true ]; then \\\n      <install {{tool}}>; \\\n    fi",
        caution: "It may be what the image is for.",
        ..PKG
    },
    Rule {
        id: "pkg-foreign-multiarch",
        title: "Packages of another architecture",
        detect: Detect::Layers(choices::foreign),
        why: "They were installed beside those of the image's own architecture.",
        fix: "# Leave out `dpkg --add-architecture {{arch}}` and the packages named with `:{{arch}}`.",
        caution: "Wine and programs of 32 bits need them.",
        ..PKG
    },
    Rule {
        id: "pkg-metapackages",
        title: "A package that only brings others",
        min: 100_000_000,
        detect: Detect::Layers(requests::metapackages),
        why: "It holds next to nothing itself and brings a whole collection, of which often a few are used.",
        fix: "# Instead of {{package}}, install those of its packages that are used:\n# {{pkgs}}",
        caution: "In an image that builds software, the collection may be used as a whole.",
        ..PKG
    },
];

/// Content bytes of the visible files that a package owns.
fn bytes(facts: &Facts<'_>, package: PackageId) -> u64 {
    facts.package_bytes(package).bytes
}

fn sum(facts: &Facts<'_>, packages: &[PackageId]) -> u64 {
    packages.iter().fold(0, |sum: u64, package| sum.saturating_add(bytes(facts, *package)))
}

/// The visible files that packages own.
fn atoms(facts: &Facts<'_>, packages: &[PackageId]) -> Vec<AtomId> {
    packages.iter().flat_map(|package| facts.package_atoms(*package)).copied().collect()
}

fn files(facts: &Facts<'_>, packages: &[PackageId]) -> Claim {
    Claim::files(atoms(facts, packages))
}

/// The largest first.
fn ranked(facts: &Facts<'_>, packages: impl IntoIterator<Item = PackageId>) -> Vec<PackageId> {
    let mut ranked: Vec<PackageId> = packages.into_iter().collect();
    ranked.sort_unstable_by_key(|package| (Reverse(bytes(facts, *package)), *package));
    ranked
}

/// Packages by their locations.
fn by_location<'a>(
    facts: &'a Facts<'_>,
    packages: impl IntoIterator<Item = PackageId>,
) -> BTreeMap<&'a [u8], Vec<PackageId>> {
    let mut locations: BTreeMap<&[u8], Vec<PackageId>> = BTreeMap::new();
    for package in packages {
        let location = facts.inventory.package(package).location.as_slice();
        locations.entry(location).or_default().push(package);
    }
    locations
}

/// What tells an ecosystem's location from others, for anchors and messages.
fn place(ecosystem: Ecosystem, location: &[u8]) -> String {
    match location {
        b"" => ecosystem.as_str().to_owned(),
        _ => format!("{} in /{}", ecosystem.as_str(), String::from_utf8_lossy(location)),
    }
}

/// Names for a snippet, those that come first; the same one once.
fn names(facts: &Facts<'_>, packages: &[PackageId]) -> String {
    let mut seen = HashSet::new();
    let all: Vec<&str> = packages
        .iter()
        .map(|package| facts.inventory.package(*package).name.as_str())
        .filter(|name| seen.insert(*name))
        .collect();
    let more = if all.len() > NAMES { " …" } else { "" };
    format!("{}{more}", all[..all.len().min(NAMES)].join(" "))
}

/// A row for each of the first packages: name, version, bytes, and what brought it.
fn table(facts: &Facts<'_>, ecosystem: Ecosystem, packages: &[PackageId]) -> Table {
    let graph = facts.graph(ecosystem);
    let row = |id: &PackageId| {
        let package = facts.inventory.package(*id);
        let way = graph.way(*id);
        let above = way.len().checked_sub(2).and_then(|at| way.get(at));
        vec![
            Value::Text(package.name.clone()),
            version(package),
            Value::Bytes(bytes(facts, *id)),
            above.map_or(Value::Unknown, |above| {
                Value::Text(facts.inventory.package(*above).name.clone())
            }),
        ]
    };
    Table {
        columns: vec!["package", "version", "content", "brought by"],
        rows: packages.iter().take(ROWS).map(row).collect(),
    }
}

fn version(package: &Package) -> Value {
    package.version.clone().map_or(Value::Unknown, Value::Text)
}

fn is_any(name: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| component_fits(pattern.as_bytes(), name.as_bytes()))
}

/// The installed packages of an ecosystem with names that fit.
fn named(facts: &Facts<'_>, ecosystem: Ecosystem, patterns: &[&str]) -> HashSet<PackageId> {
    let all = facts.inventory.of(ecosystem);
    all.filter(|(_, package)| is_any(&package.name, patterns)).map(|(id, _)| id).collect()
}

/// Whether any ecosystem has a package with a name that fits.
fn has(facts: &Facts<'_>, patterns: &[&str]) -> bool {
    facts.inventory.installed().any(|(_, package)| is_any(&package.name, patterns))
}

/// Whether people work in the image interactively, and install packages as they need them.
fn is_interactive(facts: &Facts<'_>) -> bool {
    const TOOLS: &[&str] =
        &["jupyterlab", "notebook", "jupyter-server", "jupyter_server", "jupyterhub", "ipykernel"];
    has(facts, TOOLS)
}

/// The ecosystems of the installed packages.
fn ecosystems(facts: &Facts<'_>) -> BTreeSet<Ecosystem> {
    facts.inventory.installed().map(|(_, package)| package.ecosystem).collect()
}
