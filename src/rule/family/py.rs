//! What Python's run-time trees hold beside programs: bytecode, tests, records.

use std::collections::BTreeSet;

use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::rule::purpose::{has_child, shows, starts_with_text};
use crate::rule::{Bands, Candidate, Claim, Detect, Facts, Paths, Phase, Phrase, Risk, Rule};

/// What the rules of this family have in common.
const PY: Rule = Rule {
    phase: Phase::Rare,
    risk: Risk::Test,
    bands: Bands::Normal,
    min: 5_000_000,
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "py-bytecode",
        title: "Compiled Python bytecode",
        detect: Detect::Layers(bytecode),
        why: "Python compiles each module on import where it finds no bytecode: the first start is \
              slower, and each start where the user of the container may not write there.",
        fix: "ENV PYTHONDONTWRITEBYTECODE=1\nRUN {{cmd}} \\\n\
              \x20&& find {{roots}} -name __pycache__ -type d -prune -exec rm -rf {} +",
        caution: "Keep it where containers start often, as in autoscaled services. Bytecode \
                  without a source is the program itself and is not counted.",
        check: "python -X importtime -c 'import {{module}}'",
        links: &["https://docs.python.org/3/using/cmdline.html#envvar-PYTHONDONTWRITEBYTECODE"],
        ..PY
    },
    Rule {
        id: "py-bytecode-stale",
        title: "Bytecode that no Python loads",
        phase: Phase::Unread,
        risk: Risk::Safe,
        bands: Bands::Waste,
        min: 1_000_000,
        detect: Detect::Layers(stale_bytecode),
        why: "Python loads bytecode of its own version only, from __pycache__ only beside the \
              source, and optimized bytecode only when it is started with -O.",
        fix: "RUN {{cmd}} \\\n && find {{site}} -name '*.opt-[12].pyc' -delete",
        caution: "A Python that is mounted when the container starts would load it.",
        links: &["https://peps.python.org/pep-3147/", "https://peps.python.org/pep-0488/"],
        ..PY
    },
    Rule {
        id: "py-stdlib-extras",
        title: "Tests, editor and static library of Python itself",
        detect: Detect::Paths(
            Paths::any(&[
                "**/lib/python3.*/test/",
                "**/lib/python3.*/idlelib/",
                "**/lib/python3.*/lib2to3/tests/",
                "**/lib/python3.*/turtledemo/",
                "**/lib/python3.*/tkinter/test/",
                "**/lib/python3.*/ensurepip/_bundled/",
                "**/lib/python3.*/ctypes/test/",
                "**/lib/python3.*/distutils/tests/",
                "**/lib/python3.*/unittest/test/",
                "**/lib/python3.*/sqlite3/test/",
                "**/lib/python3.*/config-*/libpython*.a",
                "**/lib/libpython*.a",
            ])
            .then(stdlib_of_distribution),
        ),
        why: "Programs import none of them. A few packages' own tests import test.support.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{prefix}}/lib/python3.*/test {{prefix}}/lib/python3.*/idlelib \
              {{prefix}}/lib/python3.*/turtledemo {{prefix}}/lib/python3.*/config-*/libpython*.a",
        caution: "`python -m venv` installs pip from ensurepip/_bundled. Programs that embed Python \
                  are linked with libpython*.a when they are built.",
        check: "python -c 'import sqlite3, ssl, unittest'",
        ..PY
    },
    Rule {
        id: "py-manager-metadata",
        title: "Backups of conda's records",
        risk: Risk::Safe,
        detect: Detect::Paths(Paths::any(&["**/conda-meta/*.json.bak", "**/conda-meta/*.json.c~"])),
        why: "conda reads its records, not the copies that it moved out of the way.",
        fix: "RUN {{cmd}} \\\n && rm -f {{prefix}}/conda-meta/*.json.bak {{prefix}}/conda-meta/*.c~",
        caution: "The records themselves (conda-meta/*.json, *.dist-info) stay: conda, pip and \
                  scanners need them.",
        ..PY
    },
];

/// What becomes of a file of bytecode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Python loads it.
    Loaded,
    /// It has no source, but Python loads it all the same.
    Program,
    /// No Python of the image loads it.
    Stale,
    /// Only a Python started with `-O` loads it.
    Optimized,
}

fn bytecode(facts: &Facts<'_>) -> Vec<Candidate> {
    let files = compiled(facts, |found| found == Use::Loaded);
    let files = files.into_iter().map(|(file, _)| file).collect();
    candidate("", "Compiled Python bytecode beside its sources", files).into_iter().collect()
}

fn stale_bytecode(facts: &Facts<'_>) -> Vec<Candidate> {
    let stale = "Bytecode of a Python that the image does not have, or without its source";
    let files = compiled(facts, |found| matches!(found, Use::Stale | Use::Optimized));
    let of = |wanted: Use| {
        files.iter().filter(|(_, found)| *found == wanted).map(|(file, _)| *file).collect()
    };
    let stale = candidate("", stale, of(Use::Stale));
    let runtime = &facts.image.runtime;
    let is_started_so = runtime.env.contains_key("PYTHONOPTIMIZE")
        || [" -O ", " -OO "].iter().any(|flag| starts_with_text(facts.image, flag));
    let optimized = (!is_started_so).then(|| of(Use::Optimized));
    let title = "Bytecode for Python started with -O, which nothing here does";
    let optimized = optimized.and_then(|files| candidate("optimized", title, files));
    stale.into_iter().chain(optimized.map(|found| found.risk(Risk::Test))).collect()
}

fn candidate(anchor: &str, title: &'static str, files: Vec<AtomId>) -> Option<Candidate> {
    let files: Vec<_> = files.into_iter().map(|file| (file, 40)).collect();
    let message = Phrase::words(title);
    (!files.is_empty()).then(|| Candidate::new(anchor, message, Claim::Files(files)))
}

/// The visible files of bytecode with such a use.
fn compiled(facts: &Facts<'_>, is_wanted: impl Fn(Use) -> bool) -> Vec<(AtomId, Use)> {
    let ledger = facts.ledger;
    let versions = interpreters(ledger);
    let is_bytecode = |name: &[u8]| name.ends_with(b".pyc") || name.ends_with(b".pyo");
    let files = ledger.live().iter().copied().filter(|file| is_bytecode(ledger.name(*file)));
    let uses = files.map(|file| (file, use_of(ledger, ledger.atom(file).node, &versions)));
    uses.filter(|(_, found)| is_wanted(*found)).collect()
}

/// Versions of Python of which the image has a program, a library or a standard library.
fn interpreters(ledger: &Ledger) -> BTreeSet<String> {
    let filesystem = ledger.filesystem();
    let digits = |text: &[u8]| {
        let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        (end > 0).then(|| String::from_utf8_lossy(&text[..end]).into_owned())
    };
    let mut versions = BTreeSet::new();
    for node in ledger.tree() {
        let name = filesystem.name(*node);
        let minor = name.strip_prefix(b"python3.").or_else(|| name.strip_prefix(b"libpython3."));
        let Some(minor) = minor.and_then(digits) else { continue };
        // A directory of modules alone is no Python.
        let modules = name.starts_with(b"python") && !ledger.inside(*node).is_empty();
        let is_directory = modules && filesystem.name(filesystem.parent(*node)) != b"bin";
        if !is_directory || has_child(ledger, *node, "os.py") || has_child(ledger, *node, "os.pyc")
        {
            versions.insert(minor);
        }
    }
    versions
}

fn use_of(ledger: &Ledger, node: NodeId, versions: &BTreeSet<String>) -> Use {
    let filesystem = ledger.filesystem();
    let (name, parent) = (filesystem.name(node), filesystem.parent(node));
    let Some(stem) = name.strip_suffix(b".pyc").or_else(|| name.strip_suffix(b".pyo")) else {
        return Use::Program;
    };
    let source = |directory: NodeId, module: &[u8]| {
        let child = ledger.child(directory, &[module, b".py"].concat());
        child.is_some_and(|child| filesystem.is_visible(child))
    };
    if filesystem.name(parent) != b"__pycache__" {
        return if source(parent, stem) { Use::Loaded } else { Use::Program };
    }
    let text = String::from_utf8_lossy(stem);
    let Some((module, tag)) = text.split_once(".cpython-3") else { return Use::Loaded };
    let (minor, optimized) =
        tag.split_once(".opt-").map_or((tag, false), |(minor, _)| (minor, true));
    // What pytest compiles has its version behind that of Python.
    let minor = minor.split('-').next().unwrap_or(minor);
    if !source(filesystem.parent(parent), module.as_bytes()) {
        return Use::Stale;
    }
    if !versions.is_empty() && !versions.contains(minor) {
        return Use::Stale;
    }
    if optimized { Use::Optimized } else { Use::Loaded }
}

/// Where the distribution owns the files, its packages have to go instead.
fn stdlib_of_distribution(facts: &Facts<'_>, mut candidate: Candidate) -> Candidate {
    let Claim::Files(files) = &candidate.claim else { return candidate };
    let is_of_system = |file: &(AtomId, u32)| {
        let path = facts.ledger.path(file.0);
        path.starts_with(b"usr/lib/python3") || path.starts_with(b"usr/lib/x86_64-linux-gnu/")
    };
    if shows(facts.ledger, "var/lib/dpkg/status") && files.iter().all(is_of_system) {
        let snippet = "RUN {{cmd}} \\\n && apt-get purge -y libpython3-testsuite idle \\\n \
                       && apt-get autoremove -y --purge && rm -rf /var/lib/apt/lists/*";
        candidate.snippet = Some(snippet.to_owned());
    }
    candidate
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    const PYTHON: &str = "
RUN pip install x
  usr/bin/python3.12 1_000
  usr/lib/python3.12/os.py 100
  usr/lib/python3.12/site-packages/a.py 100
  usr/lib/python3.12/site-packages/__pycache__/a.cpython-312.pyc 6_000_000
  usr/lib/python3.12/site-packages/__pycache__/a.cpython-312-pytest-8.pyc 1_000_000
  usr/lib/python3.12/site-packages/__pycache__/a.cpython-312.opt-1.pyc 2_000_000
  usr/lib/python3.12/site-packages/__pycache__/a.cpython-39.pyc 3_000_000
  usr/lib/python3.12/site-packages/__pycache__/gone.cpython-312.pyc 4_000_000
  usr/lib/python3.12/site-packages/program.pyc 7_000_000
";

    #[test]
    fn bytecode() {
        check("py-bytecode", PYTHON, &[7_000_000]);
        check("py-bytecode", "RUN a\n  app/main.pyc 9_000_000\n", &[]);
    }

    #[test]
    fn bytecode_stale() {
        check("py-bytecode-stale", PYTHON, &[7_000_000, 2_000_000]);
        let findings = found(PYTHON, &["py-bytecode-stale"]);
        let risks: Vec<_> = findings.iter().map(|finding| finding.risk.as_str()).collect();
        assert_eq!(risks, ["safe", "test"]);
        check("py-bytecode-stale", &format!("ENV PYTHONOPTIMIZE=1\n{PYTHON}"), &[7_000_000]);
        // No Python is known: it may be of any version.
        let unknown = "
RUN a
  app/a.py 1
  app/__pycache__/a.cpython-39.pyc 3_000_000
";
        check("py-bytecode-stale", unknown, &[]);
    }

    #[test]
    fn stdlib_extras() {
        let image = "
RUN make install
  usr/local/lib/python3.12/test/test_a.py 4_000_000
  usr/local/lib/python3.12/config-3.12-x86_64-linux-gnu/libpython3.12.a 5_000_000
  usr/local/lib/python3.12/site-packages/x/test/b 7_000_000
";
        check("py-stdlib-extras", image, &[9_000_000]);
    }

    #[test]
    fn manager_metadata() {
        let image = "
RUN a
  opt/conda/conda-meta/x.json 7_000_000
  opt/conda/conda-meta/x.json.bak 6_000_000
";
        check("py-manager-metadata", image, &[6_000_000]);
    }
}
