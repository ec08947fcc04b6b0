//! Histories, sources and build trees of compiled software.

use super::LEFT;
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::rule::purpose::has_child;
use crate::rule::{
    Bands, Candidate, Claim, Detect, Effort, Facts, Paths, Phase, Phrase, Risk, Rule,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "left-vcs-history",
        title: "Histories of version control",
        detect: Detect::Paths(
            Paths::any(&["**/.git/", "**/.svn/", "**/.hg/", "**/.bzr/"])
                .careful(&[
                    "**/.dvc/cache/",
                    "**/nvim/**/.git/",
                    "**/.vim/**/.git/",
                    "**/.zinit/**/.git/",
                    "**/.tmux/**/.git/",
                    "**/.rvm/**/.git/",
                    "**/tfenv/.git/",
                    "**/.tfenv/.git/",
                    "**/vcpkg/.git/",
                    "**/spack/.git/",
                    "**/.oh-my-zsh/.git/",
                    "**/.pyenv/.git/",
                    "**/.nvm/.git/",
                    "**/.rbenv/.git/",
                    "**/.asdf/.git/",
                    "**/pyenv/.git/",
                    "**/nvm/.git/",
                    "**/Homebrew/.git/",
                    "**/registries/*/.git/",
                    "**/sct*/.git/",
                    "**/spinalcordtoolbox*/.git/",
                    "**/flutter/.git/",
                ])
                .at(is_history)
                .then(versioned),
        ),
        why: "The history of the sources is in their repository; a program does not read it. It is \
              compressed already and costs its full size in each pull.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}\n\
              # or fetch less of it, with git clone --depth 1, or with ADD, which leaves it out",
        caution: "Some programs tell their version or update themselves through it: oh-my-zsh, \
                  pyenv, nvm, Homebrew, editable installations with setuptools_scm. A bare repository may \
                  be the data of a server, and is not counted.",
        links: &["https://docs.docker.com/reference/dockerfile/#add"],
        ..LEFT
    },
    Rule {
        id: "left-build-tree",
        title: "Object files and build directories",
        phase: Phase::Rare,
        risk: Risk::Test,
        effort: Effort::Stage,
        bands: Bands::Normal,
        min: 5_000_000,
        detect: Detect::Paths(
            Paths::any(&[
                "**/*.o",
                "**/*.lo",
                "**/*.obj",
                "**/*.gcno",
                "**/*.gcda",
                "**/*.o.d",
                "**/*.dwo",
                "**/CMakeFiles/",
                "**/CMakeCache.txt",
                "**/config.log",
                "**/config.status",
                "**/build/temp.*/",
                "**/meson-private/",
                "**/meson-logs/",
                "**/.ninja_log",
                "**/.ninja_deps",
                "**/autom4te.cache/",
                "**/bazel-out/",
                "**/mrtrix3*/tmp/",
                "**/mrtrix3*/src/",
                "**/mrtrix3*/core/",
                "**/mrtrix3*/cmd/",
                "**/mrtrix3*/testing/",
            ])
            .except(&[
                "**/crt*.o",
                "**/*crt1.o",
                "**/lib/gcc/",
                "**/lib/clang/",
                "**/lib/modules/",
                "**/sysroot/",
                "usr/lib/debug/",
                "usr/lib/ghc*/",
                "usr/lib/ocaml/",
                "usr/local/go/",
                "usr/lib/go*/",
                "usr/share/go*/",
                "**/rustlib/",
                "**/.cargo/registry/",
                "**/config-3*/",
            ])
            .at(is_of_build),
        ),
        why: "Compilers write them for the linker; the programs that they make do not read them.",
        fix: "FROM {{builder_base}} AS build\nRUN git clone --depth 1 --branch {{tag}} {{url}} /src && cd /src && make\n\
              FROM {{final_base}}\nCOPY --from=build /src/bin {{target}}/bin\nCOPY --from=build /src/lib {{target}}/lib",
        caution: "A tool that runs from its build directory needs its bin, lib and share.",
        links: &["https://docs.docker.com/build/building/multi-stage/"],
        ..LEFT
    },
    Rule {
        id: "left-source-tree",
        title: "Sources of compiled software",
        phase: Phase::Rare,
        risk: Risk::Review,
        effort: Effort::Stage,
        bands: Bands::Normal,
        min: 10_000_000,
        detect: Detect::Layers(source_trees),
        why: "Once it is compiled and installed, a program does not read its sources.",
        fix: "FROM {{builder_base}} AS build\nRUN cd {{dir}} && make && make install DESTDIR=/out\n\
              FROM {{final_base}}\nCOPY --from=build /out/ /",
        caution: "Editable installations and languages that are interpreted run from their sources. \
                  Kernel headers serve tools that trace the kernel.",
        links: &["https://docs.docker.com/build/building/multi-stage/"],
        ..LEFT
    },
];

/// Whether a directory holds a history, not only a name like one.
fn is_history(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let name = ledger.filesystem().name(node);
    let has = |child: &str| has_child(ledger, node, child);
    match name {
        b".git" => has("objects") || has("packed-refs") || has("annex") || has("modules"),
        b".svn" | b".hg" | b".bzr" | b"cache" => true,
        _ => false,
    }
}

/// Where an installation may take its version from the history, that is not safe.
fn versioned(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let Claim::Files(files) = &candidate.claim else { return candidate };
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let is_python = |(file, _): &(AtomId, u32)| {
        let mut node = ledger.atom(*file).node;
        while node != filesystem.root() && filesystem.name(node) != b".git" {
            node = filesystem.parent(node);
        }
        let tree = filesystem.parent(node);
        node != filesystem.root()
            && ["pyproject.toml", "setup.py"].iter().any(|name| has_child(ledger, tree, name))
    };
    if candidate.risk.is_some() || !files.iter().any(is_python) {
        return candidate;
    }
    let note = "Some of it is of Python projects, which may read their version from it when they \
                are installed as editable.";
    candidate.risk(Risk::Test).note(Phrase::words(note))
}

/// Whether a file or directory is of a build, not a model or a program's data.
fn is_of_build(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let (name, parent) = (filesystem.name(node), filesystem.parent(node));
    if name.ends_with(b".obj") {
        // Files of that name are three-dimensional models as well, which are text.
        let document = facts.documents.at(ledger, node);
        return document.is_some_and(|document| document.head.starts_with(b"\x64\x86"));
    }
    let in_tree = [&b"src"[..], b"core", b"cmd", b"tmp", b"testing"].contains(&name);
    !in_tree || (has_child(ledger, parent, "build") && has_child(ledger, parent, "configure"))
}

/// What sources are called.
const SOURCES: [&[u8]; 22] = [
    b"c", b"cc", b"cpp", b"cxx", b"c++", b"h", b"hh", b"hpp", b"hxx", b"inl", b"f", b"f77", b"f90",
    b"f95", b"go", b"rs", b"pyx", b"pxd", b"cu", b"cuh", b"s", b"asm",
];

/// What sources have at their top.
const SYSTEMS: [&str; 6] =
    ["CMakeLists.txt", "configure", "configure.ac", "Makefile.am", "Cargo.toml", "meson.build"];

/// Source files are at least so many hundredths of a tree of sources.
const MOST: u64 = 60;
const SMALLEST: u64 = 1_000_000;

/// Trees of sources, and what is in the directory that is there for sources.
fn source_trees(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let sources = source_bytes(ledger);
    let mut roots: Vec<NodeId> = ledger.find(b"usr/src").into_iter().collect();
    let mut end = 0;
    for node in ledger.tree() {
        let name = filesystem.name(*node);
        let is_system = SYSTEMS.iter().any(|system| system.as_bytes() == name);
        let is_extension = name == b"setup.py";
        if !is_system && !is_extension {
            continue;
        }
        let root = filesystem.parent(*node);
        let span = ledger.span(root);
        let all = ledger.bytes(root);
        let own = sources[span.end].saturating_sub(sources[span.start]);
        let enough = own.saturating_mul(100) >= all.saturating_mul(MOST);
        if span.start < end || root == filesystem.root() || all < SMALLEST || !enough {
            continue;
        }
        end = span.end;
        roots.push(root);
    }
    let files = ledger.select(&roots).into_iter();
    let files = files.filter(|file| facts.owners.package(*file).is_none());
    let files: Vec<(AtomId, u32)> = files.map(|file| (file, 0)).collect();
    let message = Phrase::words("Sources of software that is compiled");
    let found = Candidate::new("", message, Claim::Files(files));
    let is_empty = matches!(&found.claim, Claim::Files(files) if files.is_empty());
    (!is_empty).then_some(found).into_iter().collect()
}

/// Bytes of source files up to each visible file.
fn source_bytes(ledger: &Ledger) -> Vec<u64> {
    let mut sums = vec![0_u64];
    let mut sum = 0_u64;
    for file in ledger.live() {
        let name = ledger.name(*file);
        let dot = name.iter().rposition(|byte| *byte == b'.');
        let extension = dot.map(|dot| name[dot + 1..].to_ascii_lowercase());
        if extension.is_some_and(|extension| SOURCES.contains(&extension.as_slice())) {
            sum = sum.saturating_add(ledger.atom(*file).bytes);
        }
        sums.push(sum);
    }
    sums
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn vcs_history() {
        let image = "
RUN git clone x
  opt/x/.git/objects/pack/a.pack 5_000_000
  opt/x/main.c 10
  srv/mirror.git/HEAD 10
  srv/mirror.git/objects/b 3_000_000
  srv/mirror.git/refs/c 10
  opt/y/.git 300_000
  data/not.git/d 9_000_000
  root/.oh-my-zsh/.git/objects/e 2_000_000
";
        check("left-vcs-history", image, &[5_000_000, 2_000_000]);
    }

    #[test]
    fn vcs_history_of_python_projects_is_not_safe() {
        let image = "
RUN git clone x && pip install -e x
  x/pyproject.toml 10
  x/.git/objects/a 5_000_000
";
        assert_eq!(found(image, &["left-vcs-history"])[0].risk.as_str(), "test");
    }

    #[test]
    fn build_tree() {
        let image = "
RUN make
  opt/x/main.o 6_000_000
  opt/x/CMakeFiles/a 1_000_000
  usr/lib/gcc/x86_64-linux-gnu/12/crtbegin.o 7_000_000
  opt/models/teapot.obj 8_000_000
";
        check("left-build-tree", image, &[7_000_000]);
    }

    #[test]
    fn source_tree() {
        let image = "
RUN make install
  opt/x/CMakeLists.txt 100_000
  opt/x/src/a.cpp 20_000_000
  opt/x/README 1_000_000
  opt/y/CMakeLists.txt 10
  opt/y/data.bin 90_000_000
  usr/src/linux-headers/a.h 11_000_000
";
        check("left-source-tree", image, &[32_100_000]);
        check("left-source-tree", "RUN a\n  app/main.py 30_000_000\n  app/setup.py 10\n", &[]);
    }
}
