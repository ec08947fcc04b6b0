//! Packages for development, and compilers.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::super::steps::is_base;
use super::{BUILD, stage, weighed};
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::package::{Ecosystem, Package, PackageId};
use crate::pattern::component_fits;
use crate::rule::purpose::is_interactive;
use crate::rule::{Candidate, Claim, Detect, Facts, Phrase, Risk, Rule, Table, Value};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "build-dev-packages",
        title: "Packages for development",
        detect: Detect::Layers(development),
        why: "They hold headers and what linkers read. Programs that are linked need the run-time \
              packages alone.",
        caution: "Some hold the plain name of a library (libx.so) that a program opens by that \
                  name. Triton and torch.compile compile while they run. The image itself \
                  needs the libraries that the program is linked with.",
        check: "ldd {{program}}",
        ..BUILD
    },
    Rule {
        id: "build-compilers",
        title: "Compilers, build systems and version control",
        min: 20_000_000,
        detect: Detect::Layers(compilers),
        why: "Programs that are compiled do not need the compiler.",
        caution: "Triton, torch.compile, Cython at run time and R packages from source compile \
                  while they run; numba and Julia bring their own compiler.",
        check: "ldd {{program}}",
        ..BUILD
    },
];

/// Packages that compile, and libraries of programs that are compiled to look for errors, by name.
const COMPILERS: [&str; 54] = [
    "gcc",
    "gcc-*",
    "g++",
    "g++-*",
    "gfortran",
    "gfortran-*",
    "cpp",
    "cpp-*",
    "clang",
    "clang-*",
    "libclang-*",
    "llvm",
    "llvm-*",
    "cmake",
    "cmake-data",
    "ninja*",
    "make",
    "automake",
    "autoconf",
    "libtool",
    "bison",
    "flex",
    "swig",
    "patch",
    "pkg-config",
    "pkgconf*",
    "bazel*",
    "cargo",
    "rustc",
    "rust-*",
    "golang*",
    "go",
    "dpkg-dev",
    "fakeroot",
    "build-essential",
    "git",
    "git-lfs",
    "git-man",
    "subversion",
    "mercurial",
    "gcc_impl_linux-*",
    "gxx_impl_linux-*",
    "gfortran_impl_linux-*",
    "binutils*",
    "libasan*",
    "libtsan*",
    "liblsan*",
    "libubsan*",
    "libcc1-*",
    "libgprofng*",
    "sysroot_linux-*",
    "kernel-headers_linux-*",
    "llvmdev",
    "clangdev",
];

/// Those of them that people use who do not compile.
const HISTORIES: [&str; 5] = ["git", "git-lfs", "git-man", "subversion", "mercurial"];

/// Names among these that programs need: libraries of compilers, and their data.
const LIBRARIES: [&str; 6] =
    ["gcc-*-base", "libgcc*", "libclang-cpp*", "libclang1*", "ninja-ide*", "gcc-libs*"];

/// Trees of compilers that no package manager knows: the directory, and names in it.
const TREES: [(&str, &[&str]); 3] =
    [("opt", &["gcc*", "llvm*", "cmake*"]), ("usr/lib", &["gcc"]), ("usr/local", &["cmake*"])];

/// Package managers that install compilers.
const SYSTEMS: [Ecosystem; 4] = [Ecosystem::Dpkg, Ecosystem::Apk, Ecosystem::Rpm, Ecosystem::Conda];
/// Names that a snippet shows.
const NAMES: usize = 20;

/// Files of a package for development are closer described by it than by any pattern.
const CLOSENESS: u32 = 60;

fn development(facts: &Facts<'_>) -> Vec<Candidate> {
    let installed = facts.inventory.installed();
    let (ids, packages): (HashSet<PackageId>, Vec<&Package>) =
        installed.filter(|(_, package)| is_development(facts.ledger, package)).unzip();
    let words = "Packages with what only compilers and linkers read";
    let found = candidate(facts, words, &packages, &[]);
    found.into_iter().map(|found| with_company(facts, &ids, found)).collect()
}

/// Tells what else goes with packages because nothing else needs it. Programs that were compiled
/// with them may use it, so it is not claimed.
fn with_company(facts: &Facts<'_>, ids: &HashSet<PackageId>, candidate: Candidate) -> Candidate {
    let freed = SYSTEMS.iter().flat_map(|system| facts.graph(*system).freed(ids));
    let mut company: Vec<PackageId> = freed.filter(|id| !ids.contains(id)).collect();
    let bytes = |id: &PackageId| facts.package_bytes(*id).bytes;
    company.sort_unstable_by_key(|id| (Reverse(bytes(id)), *id));
    if company.is_empty() {
        return candidate;
    }
    let names: Vec<&str> =
        company.iter().take(NAMES).map(|id| facts.inventory.package(*id).name.as_str()).collect();
    let note = Phrase::words("Nothing else needs ")
        .count(company.len())
        .and(" packages that they brought, of ")
        .bytes(company.iter().map(bytes).fold(0, u64::saturating_add))
        .and(" together; what was compiled here may use some of them: ")
        .name(names.join(", "));
    let mut candidate = candidate.note(note);
    let kept = |id: &&PackageId| {
        let package = facts.inventory.package(**id);
        package.ecosystem == Ecosystem::Dpkg && !is_companion(package)
    };
    let kept: Vec<&str> = company
        .iter()
        .filter(kept)
        .take(NAMES)
        .map(|id| facts.inventory.package(*id).name.as_str())
        .collect();
    if let Some(snippet) = candidate.snippet.as_mut().filter(|_| !kept.is_empty()) {
        snippet.push_str("\n# what was compiled may use, as ldd tells: {{company}}");
    }
    candidate.fill("company", kept.join(" "))
}

/// Whether a package only goes with compilers: tools of development, and what finds errors in
/// programs that were compiled for that.
fn is_companion(package: &Package) -> bool {
    const NAMES: [&str; 9] = [
        "libasan*",
        "libtsan*",
        "liblsan*",
        "libubsan*",
        "libitm*",
        "libcc1-*",
        "*-dev-tools",
        "*-dev-bin",
        "*-qmake*",
    ];
    let section = package.section.as_deref().unwrap_or_default();
    let section = section.rsplit('/').next().unwrap_or_default();
    matches!(section, "devel" | "libdevel")
        || NAMES.iter().any(|row| component_fits(row.as_bytes(), package.name.as_bytes()))
}

/// How packages are kept out of the image: later steps may use them, so no step removes them.
fn stage(facts: &Facts<'_>, ecosystem: Ecosystem, found: Candidate) -> Candidate {
    let Claim::Files(files) = &found.claim else { return found };
    let files: Vec<AtomId> = files.iter().map(|(file, _)| *file).collect();
    let known = stage::steps(facts, &files);
    let snippet = match (ecosystem, known) {
        (Ecosystem::Apk, _) => {
            "RUN apk add --no-cache --virtual .build {{dev_pkgs}} \\\n# compile here, in the same step\n && apk del .build"
        }
        (Ecosystem::Dpkg | Ecosystem::Rpm | Ecosystem::Conda, Some((steps, copies))) => {
            let found = found.fill("stage", steps).fill("copies", copies);
            return Candidate {
                snippet: Some("FROM {{base}} AS build\n{{stage}}\n# in the last stage, in place of the steps that compile:\n{{copies}}\n# or install {{dev_pkgs}}, compile and purge them in one RUN".to_owned()),
                ..found
            };
        }
        _ => BUILD.fix,
    };
    Candidate { snippet: Some(snippet.to_owned()), ..found }
}

/// Whether a package is for development alone.
fn is_development(ledger: &Ledger, package: &Package) -> bool {
    let name = package.name.as_str();
    match package.ecosystem {
        Ecosystem::Dpkg => {
            let section = package.section.as_deref().unwrap_or_default();
            let section = section.rsplit('/').next().unwrap_or_default();
            name.ends_with("-dev") || section == "libdevel"
        }
        Ecosystem::Apk => name.ends_with("-dev"),
        Ecosystem::Rpm => name.ends_with("-devel") || name.ends_with("-headers"),
        Ecosystem::Conda => is_mostly_headers(ledger, package),
        _ => false,
    }
}

/// Whether nearly all of a package are headers and what linkers read.
fn is_mostly_headers(ledger: &Ledger, package: &Package) -> bool {
    const MOST: u64 = 80;
    let prefix = package.location.len();
    let (mut all, mut development) = (0_u64, 0_u64);
    for file in ledger.select(&package.files) {
        let (path, bytes) = (ledger.path(file), ledger.atom(file).bytes);
        let inner = path.get(prefix..).unwrap_or_default();
        let inner = inner.strip_prefix(b"/").unwrap_or(inner);
        let starts = [&b"include/"[..], b"lib/pkgconfig/", b"lib/cmake/", b"share/cmake/"];
        all = all.saturating_add(bytes);
        if inner.ends_with(b".a") || starts.iter().any(|start| inner.starts_with(start)) {
            development = development.saturating_add(bytes);
        }
    }
    all > 0 && development.saturating_mul(100) >= all.saturating_mul(MOST)
}

fn compilers(facts: &Facts<'_>) -> Vec<Candidate> {
    let packages = facts.inventory.installed().map(|(_, package)| package);
    let packages: Vec<&Package> = packages.filter(|package| is_compiler(package)).collect();
    let trees = trees(facts);
    let words = "Compilers and what goes with them";
    let found = candidate(facts, words, &packages, &trees);
    let is_history = |package: &&Package| HISTORIES.contains(&package.name.as_str());
    // Who works in an image works with histories.
    let is_tool = trees.is_empty() && packages.iter().all(is_history) && is_interactive(facts);
    let as_tool = |found: Candidate| Candidate {
        message: Phrase::words("Version control"),
        snippet: Some(
            "# leave out {{dev_pkgs}} if nobody works with repositories in the image".to_owned(),
        ),
        ..found.risk(Risk::Review)
    };
    found.map(|found| if is_tool { as_tool(found) } else { found }).into_iter().collect()
}

/// Whether a package compiles, or brings what does.
pub(in crate::rule::family) fn is_compiler(package: &Package) -> bool {
    let is = |known: &[&str]| {
        known.iter().any(|row| component_fits(row.as_bytes(), package.name.as_bytes()))
    };
    SYSTEMS.contains(&package.ecosystem) && is(&COMPILERS) && !is(&LIBRARIES)
}

/// Trees of compilers that are visible.
fn trees(facts: &Facts<'_>) -> Vec<NodeId> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let mut found = Vec::new();
    for (directory, names) in TREES {
        let Some(parent) = ledger.find(directory.as_bytes()) else { continue };
        for child in filesystem.children(parent) {
            let name = filesystem.name(child);
            if names.iter().any(|row| component_fits(row.as_bytes(), name)) {
                found.push(child);
            }
        }
    }
    let packages = facts.inventory.of(Ecosystem::Conda).map(|(_, package)| &package.location);
    let mut prefixes: Vec<&Vec<u8>> = packages.collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    for prefix in prefixes {
        for machine in ["x86_64", "aarch64"] {
            let path = format!("/{machine}-conda-linux-gnu/sysroot");
            found.extend(ledger.find(&[prefix.as_slice(), path.as_bytes()].concat()));
        }
    }
    found
}

/// One candidate of packages and trees, with what each package costs.
fn candidate(
    facts: &Facts<'_>,
    words: &'static str,
    packages: &[&Package],
    trees: &[NodeId],
) -> Option<Candidate> {
    let ledger = facts.ledger;
    let nodes = |package: &Package| -> Vec<NodeId> {
        package.files.iter().chain(&package.directories).copied().collect()
    };
    let mut rows: Vec<(u64, &str, Ecosystem)> = packages
        .iter()
        .map(|package| {
            let bytes = ledger.sum(ledger.select(&nodes(package))).bytes;
            (bytes, package.name.as_str(), package.ecosystem)
        })
        .collect();
    rows.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let all: Vec<NodeId> =
        packages.iter().flat_map(|package| nodes(package)).chain(trees.iter().copied()).collect();
    let files: Vec<(AtomId, u32)> =
        ledger.select(&all).into_iter().map(|file| (file, CLOSENESS)).collect();
    if files.is_empty() {
        return None;
    }
    let mut found = Candidate::new("", Phrase::words(words), Claim::Files(files));
    let is_own = |package: &&&Package| !is_base(facts.image, package.layer);
    let own: HashSet<&str> =
        packages.iter().filter(is_own).map(|package| package.name.as_str()).collect();
    if let Some((.., first)) = rows.first() {
        let alike =
            rows.iter().filter(|(_, name, ecosystem)| ecosystem == first && own.contains(name));
        let alike = alike.take(NAMES);
        let names: Vec<&str> = alike.map(|(_, name, _)| *name).collect();
        if names.is_empty() {
            let words = "# the base image has them: take a flavour of it without\nFROM {{base}}";
            found.snippet = Some(words.to_owned());
        } else {
            found = stage(facts, *first, found);
        }
        found = found.fill("dev_pkgs", names.join(" "));
        let rows = rows.iter().take(NAMES);
        let listed = |(bytes, name, _): &(u64, &str, Ecosystem)| {
            vec![Value::Text((*name).to_owned()), Value::Bytes(*bytes)]
        };
        found.table =
            Some(Table { columns: vec!["Package", "Content"], rows: rows.map(listed).collect() });
    }
    Some(weighed(facts, found))
}

#[cfg(test)]
mod tests;
