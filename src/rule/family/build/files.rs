//! Files that only compilers and linkers read.

use super::{BUILD, read_later, weighed};
use crate::filesystem::NodeId;
use crate::ledger::AtomId;
use crate::rule::purpose::{has_child, has_compiler, has_r, is_interactive, shows_any};
use crate::rule::{Candidate, Detect, Effort, Facts, Paths, Phrase, Risk, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "build-static-libs",
        title: "Static libraries",
        effort: Effort::Line,
        min: 2_000_000,
        detect: Detect::Paths(
            Paths::any(&["**/*.a", "**/*.lib"])
                .except(&[
                    "usr/local/cuda*/",
                    "usr/lib/**/libcu*_static*.a",
                    "usr/lib/**/libnv*_static*.a",
                    "usr/local/go/",
                    "usr/lib/go*/",
                    "**/go/pkg/",
                    "usr/lib/ghc*/",
                    "**/.ghcup/",
                    "**/emscripten/",
                    "**/emsdk/",
                    "**/rustlib/",
                    "**/lib/ocaml/",
                ])
                .only(is_static_library)
                .then(read_later),
        ),
        why: "Only linkers read them; a linked program has its own copy.",
        fix: "RUN {{cmd}} \\\n && find {{prefix}}/lib -name '*.a' -delete",
        caution: "Where a compiler stays, so do libc.a and its like. Libraries of Go, GHC and \
                  Emscripten are read by their compilers.",
        ..BUILD
    },
    Rule {
        id: "build-libtool",
        title: "Descriptions of libraries for build systems",
        risk: Risk::Safe,
        effort: Effort::Line,
        min: 256_000,
        detect: Detect::Paths(
            Paths::any(&[
                "**/lib/*.la",
                "**/lib64/*.la",
                "**/lib/*-linux-*/*.la",
                "**/pkgconfig/*.pc",
                "**/cmake/**/*.cmake",
                "**/aclocal/*.m4",
            ])
            .except(&[
                "**/ImageMagick*/",
                "**/GraphicsMagick*/",
                "**/site-packages/cmake/",
                "**/share/cmake/",
                "**/share/cmake-*/",
            ])
            .then(described),
        ),
        why: "Only configure scripts, pkg-config and CMake read them.",
        fix: "RUN {{cmd}} \\\n && find {{prefix}} \\( -name '*.la' -o -name '*.pc' \\) -delete",
        caution: "Installing R packages from source asks pkg-config. Programs that open modules \
                  through libltdl read the *.la in directories of modules, as slapd and ImageMagick do; \
                  these are not counted.",
        ..BUILD
    },
    Rule {
        id: "build-headers",
        title: "Headers",
        effort: Effort::Line,
        detect: Detect::Paths(
            Paths::any(&[
                "usr/include/",
                "usr/local/include/",
                "opt/*/include/",
                "opt/*/*/include/",
                "**/site-packages/**/include/",
                "**/dist-packages/**/include/",
                "**/library/*/include/",
                "**/site-library/*/include/",
                "**/include/",
            ])
            .except(&["**/pyconfig*.h", "usr/local/go/"])
            .at(is_of_headers)
            .then(compiled_against),
        ),
        why: "Only compilers read them.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "R packages from source, extensions of PyTorch and tools that trace the kernel \
                  compile against them.",
        ..BUILD
    },
    Rule {
        id: "build-cython-sources",
        title: "Sources of compiled Python modules",
        effort: Effort::Line,
        detect: Detect::Paths(
            Paths::any(&[
                "**/site-packages/**/*.pyx",
                "**/site-packages/**/*.pxd",
                "**/site-packages/**/*.pxi",
                "**/site-packages/**/*.c",
                "**/site-packages/**/*.cc",
                "**/site-packages/**/*.cpp",
                "**/site-packages/**/*.cxx",
                "**/site-packages/**/*.cu",
                "**/site-packages/**/*.f",
                "**/site-packages/**/*.f90",
                "**/site-packages/**/*.rs",
                "**/site-packages/**/*.go",
                "**/dist-packages/**/*.pyx",
                "**/dist-packages/**/*.pxd",
            ])
            .except(&[
                "**/cupy/",
                "**/cupyx/",
                "**/triton/",
                "**/torch/_inductor/",
                "**/torch/utils/",
                "**/numba/",
                "**/pycuda/",
                "**/pyopencl/",
                "**/deepspeed/",
                "**/tvm/",
            ])
            .then(weighed),
        ),
        why: "The modules are compiled; their sources serve only who compiles against them.",
        fix: "RUN {{cmd}} \\\n && find {{roots}} -regextype posix-extended -type f \
              -regex '.*/(site-packages/.*\\.(pyx|pxd|pxi|c|cc|cpp|cxx|cu|f|f90|rs|go)|\
              dist-packages/.*\\.(pyx|pxd))' ! -regex '.*/(cupy|cupyx|triton|torch/_inductor|\
              torch/utils|numba|pycuda|pyopencl|deepspeed|tvm)/.*' -delete",
        caution: "Packages that compile while they run read theirs; the known ones are not \
                  counted.",
        check: "python -c 'import {{module}}'",
        ..BUILD
    },
];

/// What every linked program needs from the C library and the compiler.
const BASIC: [&[u8]; 10] = [
    b"libc.a",
    b"libm.a",
    b"libpthread.a",
    b"libdl.a",
    b"librt.a",
    b"libc_nonshared.a",
    b"libpthread_nonshared.a",
    b"libgcc.a",
    b"libgcc_eh.a",
    b"libstdc++.a",
];

/// Whether a file is a library, and none that a compiler of the image needs for each program.
fn is_static_library(facts: &Facts<'_>, file: AtomId) -> bool {
    let name = facts.ledger.name(file);
    if BASIC.contains(&name) && has_compiler(facts) {
        return false;
    }
    let document = facts.documents.at(facts.ledger, facts.ledger.atom(file).node);
    let is_library = document.map(|document| {
        [&b"!<arch>"[..], b"!<thin>"].iter().any(|magic| document.head.starts_with(magic))
    });
    is_library.unwrap_or(name.ends_with(b".a"))
}

fn described(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let candidate = read_later(facts, candidate);
    if candidate.risk.is_some() || !(has_compiler(facts) || has_r(facts)) {
        return candidate;
    }
    let note = "The image can compile, and asks for these then.";
    candidate.risk(Risk::Test).note(Phrase::words(note))
}

/// Whether a directory called `include` is of an installation, not of a tree of sources.
fn is_of_headers(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    let parent = filesystem.parent(node);
    let path = filesystem.path(node);
    let known = path.starts_with(b"usr/") || path.starts_with(b"opt/");
    let is_python = [&b"site-packages/"[..], b"dist-packages/"]
        .iter()
        .any(|part| path.windows(part.len()).any(|window| window == *part));
    let is_import = has_child(ledger, node, "__init__.py");
    let is_r =
        [&b"library"[..], b"site-library"].contains(&filesystem.name(filesystem.parent(parent)));
    !is_import
        && (is_python
            || is_r
            || has_child(ledger, parent, "conda-meta")
            || (known && path.split(|byte| *byte == b'/').count() <= 4))
}

/// Where something may compile against the headers, somebody has to agree.
fn compiled_against(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let candidate = read_later(facts, candidate);
    let has_torch = facts.inventory.installed().any(|(_, package)| package.name == "torch");
    let tracers = ["usr/sbin/bpftrace", "usr/bin/bpftrace", "usr/share/bcc"];
    let compiles = has_compiler(facts) && (has_r(facts) || has_torch || is_interactive(facts));
    if candidate.risk.is_some() || !(compiles || shows_any(facts.ledger, &tracers)) {
        return candidate;
    }
    let note = "The image can compile against them: R packages, extensions of PyTorch, probes of \
                the kernel.";
    candidate.risk(Risk::Review).note(Phrase::words(note))
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn static_libs() {
        let image = "
RUN a
  usr/lib/libx.a 3_000_000
  usr/lib/libc.a 5_000_000
  usr/local/go/pkg/y.a 7_000_000
  opt/x/cells.lib 9_000_000
";
        check("build-static-libs", image, &[8_000_000]);
        let snippet = |image: &str| found(image, &["build-static-libs"])[0].snippet.clone();
        assert!(snippet(image).contains("-delete"));
        // A later step may link with them.
        assert!(
            snippet(&format!("{image}RUN make\n  x 1\n")).contains("compile in a stage of its own")
        );
        check("build-static-libs", &format!("{image}  usr/bin/gcc 10\n"), &[3_000_000]);
    }

    #[test]
    fn libtool() {
        let image = "
RUN a
  usr/lib/libx.la 200_000
  usr/lib/cmake/vtk/a.cmake 100_000
  usr/lib/x86_64-linux-gnu/ImageMagick-6/modules/coders/png.la 900_000
";
        check("build-libtool", image, &[300_000]);
        let r = format!("{image}  usr/lib/R/bin/R 10\n");
        assert_eq!(found(&r, &["build-libtool"])[0].risk.as_str(), "test");
        // Descriptions of modules stand in directories below; programs open these.
        let modules = "
RUN a
  usr/lib/ldap/back_mdb.la 400_000
  usr/lib/x86_64-linux-gnu/libsasl2.la 300_000
  opt/x/lib64/liby.la 100_000
  opt/x/share/z.la 900_000
";
        check("build-libtool", modules, &[400_000]);
    }

    #[test]
    fn headers() {
        let image = "
RUN a
  usr/include/x.h 3_000_000
  opt/conda/conda-meta/history = \"\"
  opt/conda/include/y.h 2_000_000
  opt/conda/include/python3.12/pyconfig.h 1_000_000
  app/include/template.html 9_000_000
";
        check("build-headers", image, &[5_000_000]);
        let r = format!("{image}  usr/lib/R/bin/R 10\n  usr/bin/gcc 10\n");
        assert_eq!(found(&r, &["build-headers"])[0].risk.as_str(), "review");
    }

    #[test]
    fn cython_sources() {
        let image = "
RUN a
  opt/lib/python3.12/site-packages/x/a.pyx 6_000_000
  opt/lib/python3.12/site-packages/cupy/_core/b.cu 7_000_000
  opt/src/c.pyx 8_000_000
";
        check("build-cython-sources", image, &[6_000_000]);
    }
}
