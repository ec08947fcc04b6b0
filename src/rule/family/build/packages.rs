//! Packages for development, and compilers.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::super::steps::is_base;
use super::{BUILD, weighed};
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::package::{Ecosystem, Package, PackageId};
use crate::pattern::component_fits;
use crate::rule::{Candidate, Claim, Detect, Facts, Phrase, Rule, Table, Value};

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

/// Packages that compile, by name.
const COMPILERS: [&str; 48] = [
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
    "sysroot_linux-*",
    "kernel-headers_linux-*",
    "llvmdev",
    "clangdev",
];

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
    let system = |id: &&PackageId| facts.inventory.package(**id).ecosystem == Ecosystem::Dpkg;
    let kept: Vec<&str> = company
        .iter()
        .filter(system)
        .take(NAMES)
        .map(|id| facts.inventory.package(*id).name.as_str())
        .collect();
    if let Some(snippet) = candidate.snippet.as_mut().filter(|_| !kept.is_empty()) {
        snippet.push_str("\n# what was compiled may use:\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends {{company}} \\\n && rm -rf /var/lib/apt/lists/*");
    }
    candidate.fill("company", kept.join(" "))
}

/// How packages are kept out of the image: later steps may use them, so no step removes them.
fn stage(ecosystem: Ecosystem) -> Option<&'static str> {
    match ecosystem {
        Ecosystem::Dpkg => Some(
            "FROM {{base}} AS build\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends {{dev_pkgs}}\n# the steps that compile; then, in the last stage:\nCOPY --from=build /usr/local /usr/local",
        ),
        Ecosystem::Apk => Some(
            "RUN apk add --no-cache --virtual .build {{dev_pkgs}} \\\n# compile here, in the same step\n && apk del .build",
        ),
        Ecosystem::Rpm => Some(
            "FROM {{base}} AS build\nRUN dnf install -y {{dev_pkgs}}\n# the steps that compile; then, in the last stage:\nCOPY --from=build /usr/local /usr/local",
        ),
        _ => None,
    }
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
    candidate(facts, words, &packages, &trees).into_iter().collect()
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
        found.snippet = if names.is_empty() {
            Some(
                "# the base image has them: take a flavour of it without\nFROM {{base}}".to_owned(),
            )
        } else {
            stage(*first).map(str::to_owned)
        };
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
mod tests {
    use super::*;
    use crate::component::Component;
    use crate::ledger::Documents;
    use crate::ledger::testing::image;
    use crate::owner::Owners;
    use crate::package::Inventory;

    /// What rules claim of an image in which packages own files; each is `NAME SECTION FILE…`.
    fn check(
        detect: fn(&Facts<'_>) -> Vec<Candidate>,
        text: &str,
        packages: &[&str],
        expected: u64,
    ) {
        let (image, ledger) = image(text);
        let documents = Documents::new(&ledger);
        let package = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            Package {
                name: words[0].to_owned(),
                section: Some(words[1].to_owned()),
                files: words[2..].iter().filter_map(|path| ledger.find(path.as_bytes())).collect(),
                ..Package::default()
            }
        };
        let packages = packages.iter().map(package).collect();
        let inventory = Inventory { packages, ..Inventory::default() };
        let components: &[Component] = &[];
        let owners = Owners::attribute(&image, &ledger, &inventory, components);
        let facts = Facts::new(&image, &ledger, &documents, &inventory, components, &owners);
        let files = detect(&facts).into_iter().flat_map(|found| match found.claim {
            Claim::Files(files) => files,
            _ => Vec::new(),
        });
        assert_eq!(ledger.sum(files.map(|(file, _)| file)).bytes, expected, "{text}");
    }

    const IMAGE: &str = "
RUN apt-get install -y libx-dev gcc
  usr/include/x.h 3_000_000
  usr/lib/libx.a 4_000_000
  usr/lib/libx.so.1 5_000_000
  usr/bin/gcc 30_000_000
  usr/lib/gcc/x86_64-linux-gnu/12/cc1 40_000_000
";

    #[test]
    fn dev_packages() {
        let packages = [
            "libx-dev libdevel usr/include/x.h usr/lib/libx.a",
            "libx1 libs usr/lib/libx.so.1",
            "gcc devel usr/bin/gcc",
        ];
        check(development, IMAGE, &packages, 7_000_000);
        check(development, IMAGE, &packages[1..], 0);
    }

    #[test]
    fn compilers_and_their_trees() {
        check(compilers, IMAGE, &["gcc devel usr/bin/gcc"], 70_000_000);
        check(compilers, IMAGE, &["gcc-12-base libs usr/bin/gcc"], 40_000_000);
        check(compilers, "RUN a\n  usr/bin/x 9_000_000\n", &["ld_impl_linux-64 x usr/bin/x"], 0);
    }

    #[test]
    fn what_came_with_them_is_told() {
        let text = format!("{IMAGE}  usr/lib/libz.so.1 1_000_000\n");
        let packages = "
dpkg +libx-dev 1 usr/include/x.h usr/lib/libx.a > libx1 libz1
dpkg -libx1 1 usr/lib/libx.so.1
dpkg -libz1 1 usr/lib/libz.so.1
dpkg +app 1 > libz1
";
        let found = crate::rule::testing::found_with(&text, packages, &["build-dev-packages"]);
        let [found] = &found[..] else { panic!("{found:?}") };
        assert_eq!(found.gross.content, 7_000_000);
        assert!(found.snippet.contains("--no-install-recommends libx-dev\n"));
        assert!(found.snippet.contains("--no-install-recommends libx1 \\\n"));
        assert!(!found.snippet.contains("purge"), "{}", found.snippet);
        let bytes = found.notes[0]
            .0
            .iter()
            .filter(|piece| matches!(piece, crate::rule::Piece::Bytes(5_000_000)));
        assert_eq!(bytes.count(), 1, "{:?}", found.notes);
    }

    #[test]
    fn conda_packages_of_headers() {
        let text =
            "RUN a\n  c/include/x.h 9_000_000\n  c/lib/x.so 1_000_000\n  c/lib/y.so 8_000_000\n";
        let (_, ledger) = image(text);
        let package = |files: &[&str]| Package {
            ecosystem: Ecosystem::Conda,
            location: b"c".to_vec(),
            files: files.iter().filter_map(|path| ledger.find(path.as_bytes())).collect(),
            ..Package::default()
        };
        assert!(is_development(&ledger, &package(&["c/include/x.h", "c/lib/x.so"])));
        assert!(!is_development(&ledger, &package(&["c/include/x.h", "c/lib/y.so"])));
    }
}
