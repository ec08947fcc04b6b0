//! Bytes inside of executables, and executables that this platform cannot run.

mod detect;
mod strip;
#[cfg(test)]
mod tests;

use crate::ledger::AtomId;
use crate::rule::purpose::shows_any;
use crate::rule::{Bands, Candidate, Detect, Effort, Facts, Paths, Phase, Phrase, Risk, Rule};

const MB: u64 = 1_000_000;

/// What the rules of this family have in common.
const ELF: Rule =
    Rule { phase: Phase::Parts, risk: Risk::Test, bands: Bands::Normal, min: MB, ..Rule::BLANK };

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "elf-unstripped",
        title: "Symbols and debugging sections in programs and libraries",
        detect: Detect::Layers(detect::unstripped),
        why: "Linkers keep symbols and debugging data that no program loads to run; debuggers and \
              profilers read them, and some languages name functions in their backtraces by them.",
        fix: "RUN {{cmd}} \\\n && {{strip}}\n\
              # Rust: [profile.release] strip = true; Go: -ldflags '-s -w'; R: ENV _R_SHLIB_STRIP_=true",
        caution: "Files whose checksum or signature is verified must stay as they are, as must \
                  kernel modules; a file stripped in a later step is stored twice.",
        links: &["https://sourceware.org/binutils/docs/binutils/strip.html"],
        ..ELF
    },
    Rule {
        id: "elf-debug-files",
        title: "Debugging data in files of its own",
        phase: Phase::Rare,
        risk: Risk::Safe,
        min: 2 * MB,
        detect: Detect::Paths(
            Paths::any(&[
                "usr/lib/debug/",
                "**/.debug/",
                "**/*.debug",
                "**/*.dwo",
                "**/*.dwp",
                "**/*.dSYM/",
                "**/*.pdb",
            ])
            .only(is_debug_file)
            .then(debugged),
        ),
        why: "No program loads these files; debuggers alone do.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}\n\
              # packages: apt-get purge '*-dbgsym' '*-dbg'",
        caution: "An image that turns crash reports into names of functions needs them.",
        ..ELF
    },
    Rule {
        id: "elf-cuda-fatbins",
        title: "GPU code for several generations of GPUs",
        phase: Phase::View,
        risk: Risk::Review,
        effort: Effort::Base,
        bands: Bands::Review,
        min: 100 * MB,
        detect: Detect::Layers(detect::fatbins),
        why: "Libraries with GPU code have it once for each generation of GPUs, of which a machine \
              uses one. What could go depends on the GPUs that the image has to run on, so nothing \
              of it is added to the savings.",
        fix: "RUN TORCH_CUDA_ARCH_LIST=\"8.0;8.6\" pip install --no-cache-dir --no-binary {{name}} {{name}}",
        caution: "It needs a build of one's own; an image without a GPU had better have builds \
                  for CPUs.",
        ..ELF
    },
    Rule {
        id: "elf-static-bloat",
        title: "Many large programs with the same libraries inside",
        phase: Phase::View,
        risk: Risk::Review,
        effort: Effort::Stage,
        bands: Bands::Review,
        min: 500 * MB,
        detect: Detect::Layers(detect::static_programs),
        why: "Each of these programs seems to have its libraries linked in. A build with shared \
              libraries has them once, and often takes a third or a quarter of it. How much is \
              not known before it is built, so nothing is added to the savings.",
        fix: "# a build with shared libraries (as conda-forge's), or only the programs that are called\n\
              COPY --from=build {{dir}}/{{name}} {{dir}}/",
        caution: "Programs that have little in common gain nothing.",
        ..ELF
    },
    Rule {
        id: "elf-cpu-variants",
        title: "One library for several instruction sets",
        phase: Phase::View,
        risk: Risk::Review,
        bands: Bands::Review,
        min: 100 * MB,
        detect: Detect::Layers(detect::cpu_variants),
        why: "The library picks the variant of the machine's processor when it starts; the others \
              are for other processors. Which could go depends on the machines, so nothing is added \
              to the savings.",
        fix: "RUN {{cmd}} \\\n && rm {{path}}   # the variants of processors that you do not have",
        caution: "On a processor whose variant is missing the library fails or is slow.",
        ..ELF
    },
    Rule {
        id: "elf-foreign-arch",
        title: "Programs for another machine or system",
        phase: Phase::Rare,
        min: 5 * MB,
        detect: Detect::Layers(detect::foreign),
        why: "Packages often bring builds for all systems along, of which this platform runs one.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "Images that emulate or compile for another machine need them, and so do images \
                  that hand files out to other machines.",
        ..ELF
    },
];

/// Valgrind does not start without the symbols of the C library.
fn debugged(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    if !shows_any(facts.ledger, &["usr/bin/valgrind", "usr/local/bin/valgrind"]) {
        return candidate;
    }
    candidate.risk(Risk::Test).note(Phrase::words("Valgrind reads those of the C library."))
}

/// Whether a file has debugging data; a `.pdb` may also describe a protein.
fn is_debug_file(facts: &Facts<'_>, file: AtomId) -> bool {
    let name = facts.ledger.name(file);
    let Some(stem) = name.strip_suffix(b".pdb") else { return true };
    let directory = facts.ledger.filesystem().parent(facts.ledger.atom(file).node);
    [&b".dll"[..], b".exe"].iter().any(|extension| {
        let beside = facts.ledger.child(directory, &[stem, extension].concat());
        beside.is_some_and(|node| facts.ledger.atom_at(node).is_some())
    })
}
