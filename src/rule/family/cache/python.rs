//! Caches of package managers for Python.

use std::collections::HashSet;

use super::CACHE;
use crate::component::programs::program;
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::pattern::component_fits;
use crate::rule::purpose::{has_child, starts_with_text};
use crate::rule::quote::quoted;
use crate::rule::{Candidate, Claim, Detect, Facts, Paths, Phrase, Risk, Rule, Table, Value};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cache-conda-pkgs",
        title: "Package cache of conda",
        detect: Detect::Paths(
            Paths::any(&[
                "**/pkgs/",
                "**/.cache/conda/",
                "**/.cache/mamba/",
                "**/.cache/micromamba/",
                "**/.cache/rattler/",
                "**/.cache/pixi/",
                "**/conda-meta/*.c~",
                "**/.mamba_trash*",
                "**/.mamba_trash*/",
                "**/*.mamba_trash",
                "**/*.conda_trash",
            ])
            .env(&["CONDA_PKGS_DIRS", "MAMBA_ROOT_PREFIX/pkgs", "FSLDIR/pkgs", "RATTLER_CACHE_DIR"])
            .at(is_conda_cache)
            .then(conda_parts),
        ),
        why: "conda keeps each package as an archive and unpacked. Files of an environment are \
              links to the unpacked ones where one step made both, and cost nothing twice; only \
              what no environment shares is counted here.",
        fix: "RUN {{cmd}} \\\n && {{clean}}",
        caution: "Environments made with allow_softlinks have links into the cache. A later step \
                  cannot free what an earlier one stored.",
        links: &["https://docs.conda.io/projects/conda/en/stable/commands/clean.html"],
        ..CACHE
    },
    Rule {
        id: "cache-pip",
        title: "Cache of pip",
        detect: Detect::Paths(
            Paths::any(&["**/.cache/pip/", "tmp/pip-*/"]).env(&["PIP_CACHE_DIR"]),
        ),
        why: "pip keeps what it downloads for the next installation, which happens in another build.",
        fix: "ENV PIP_NO_CACHE_DIR=1\nRUN {{cmd}}\n# or: pip install --no-cache-dir …",
        caution: "A directory of wheels that is shipped on purpose is none.",
        links: &["https://pip.pypa.io/en/stable/topics/caching/"],
        ..CACHE
    },
    Rule {
        id: "cache-uv",
        title: "Cache of uv",
        detect: Detect::Paths(
            Paths::any(&["**/.cache/uv/"]).env(&["UV_CACHE_DIR"]).at(is_copied).then(uv_runs),
        ),
        why: "uv keeps wheels for the next installation, which happens in another build. Files \
              that it links into the environment in the same step cost nothing twice and are not \
              counted.",
        fix: "ENV UV_LINK_MODE=copy\nRUN --mount=type=cache,target=/root/.cache/uv {{cmd}}\n\
              # or: UV_NO_CACHE=1",
        caution: "What uvx and `uv run` make for scripts is in the cache as well.",
        links: &["https://docs.astral.sh/uv/guides/integration/docker/"],
        ..CACHE
    },
    Rule {
        id: "cache-python-managers",
        title: "Caches of Python tools",
        detect: Detect::Paths(
            Paths::any(&[
                "**/.cache/pypoetry/*",
                "**/.cache/pdm/",
                "**/.cache/pipenv/",
                "**/.cache/hatch/",
                "**/.cache/pipx/",
                "**/.cache/virtualenv/",
                "**/.cache/black/",
                "**/.cache/mypy/",
                "**/.cache/ruff/",
                "**/.local/share/pypoetry/cache/",
                "**/.local/share/hatch/cache/",
                "**/.local/share/hatch/env/.cache/",
                "**/.local/pipx/.cache/",
                "**/.mypy_cache/",
                "**/.pytest_cache/",
                "**/.ruff_cache/",
                "**/.ipynb_checkpoints/",
            ])
            .careful(&["**/.cache/pre-commit/"])
            .except(&["**/.cache/pypoetry/virtualenvs/"])
            .env(&["POETRY_CACHE_DIR/cache", "POETRY_CACHE_DIR/artifacts", "PIPENV_CACHE_DIR"])
            .only(is_no_environment),
        ),
        why: "Installers and checkers of code keep downloads and results for their next run, which \
              happens elsewhere.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "Below pypoetry/virtualenvs are environments, not a cache; they are not counted.",
        links: &["https://python-poetry.org/docs/configuration/"],
        ..CACHE
    },
    Rule {
        id: "cache-jupyterlab-staging",
        title: "Build tree of JupyterLab",
        detect: Detect::Paths(Paths::any(&[
            "**/share/jupyter/lab/staging/",
            "**/share/jupyter/lab/extensions/*.tgz",
        ])),
        why: "JupyterLab builds its pages there and serves them from another directory.",
        fix: "RUN {{cmd}} \\\n && jupyter lab clean && npm cache clean --force \
              && rm -rf ~/.cache/yarn",
        caution: "Keep static, schemas, settings and themes beside it, and labextensions.",
        check: "jupyter lab path",
        ..CACHE
    },
];

/// Whether a directory of packages belongs to an installation of conda, or a file to a trash.
fn is_conda_cache(facts: &Facts<'_>, node: NodeId) -> bool {
    let ledger = facts.ledger;
    let filesystem = ledger.filesystem();
    if filesystem.name(node) != b"pkgs" {
        return true;
    }
    let parent = filesystem.parent(node);
    let named = [&b"micromamba"[..], b".conda", b".fslconda", b".mamba"];
    let root = named.contains(&filesystem.name(parent))
        || has_child(ledger, parent, "conda-meta")
        || has_child(ledger, parent, "condabin");
    let variables = ["CONDA_PKGS_DIRS", "MAMBA_ROOT_PREFIX"];
    root || variables.iter().any(|name| {
        let value = facts.image.runtime.env.get(*name);
        value.is_some_and(|value| {
            ledger.find(value.as_bytes()).is_some_and(|at| at == node || at == parent)
        })
    })
}

/// What of conda's cache are archives, indexes, trash and unpacked packages.
fn conda_parts(facts: &Facts<'_>, mut candidate: Candidate) -> Candidate {
    let Claim::Files(files) = &candidate.claim else { return candidate };
    let directory = files.first().map(|(file, _)| cache_of(facts.ledger, *file));
    let titles = ["archives", "indexes", "left by deletions", "unpacked packages"];
    let mut sums = [0_u64; 4];
    for (file, _) in files {
        let at = conda_part(facts.ledger, *file);
        sums[at] = sums[at].saturating_add(facts.ledger.atom(*file).bytes);
    }
    let rows = titles.iter().zip(sums).filter(|(_, bytes)| *bytes > 0);
    let rows =
        rows.map(|(title, bytes)| vec![Value::Text((*title).to_owned()), Value::Bytes(bytes)]);
    candidate.table = Some(Table { columns: vec!["Part", "Content"], rows: rows.collect() });
    let replaced = directory.as_deref().map_or(0, |directory| replaced(facts.ledger, directory));
    if replaced > 0 {
        candidate = candidate.note(Phrase::default().bytes(replaced).and(
            " more in the cache are files that its steps also stored in an environment, from where \
             later steps remove them. They go with the cache only if the step installs at once what \
             stays in the end.",
        ));
    }
    if let Some(directory) = directory {
        let clean = cleaner(facts, &directory).map_or_else(
            || format!("rm -rf {}", quoted(directory.trim_start_matches('/').as_bytes())),
            |program| format!("{program} clean -afy"),
        );
        candidate = candidate.fill("clean", clean);
    }
    let installs = ["mamba install", "conda install", "mamba create", "mamba env"];
    if installs.iter().any(|text| starts_with_text(facts.image, text)) {
        return candidate.risk(Risk::Test).note(Phrase::words(
            "The image installs packages when it starts, and may read the cache then.",
        ));
    }
    candidate
}

/// The program that a directory of packages belongs to, as a step calls it; none if the image
/// shows none.
fn cleaner(facts: &Facts<'_>, directory: &str) -> Option<String> {
    let prefix = directory.strip_suffix("/pkgs").unwrap_or(directory);
    let own = [format!("{prefix}/bin"), format!("{prefix}/condabin")];
    ["conda", "mamba", "micromamba"]
        .iter()
        .find_map(|name| program(facts.ledger, facts.image, name, own.iter().map(String::as_str)))
}

/// Bytes of the files that show in a cache alone, as later steps hide the other names that the step
/// of the cache gave them.
fn replaced(ledger: &Ledger, directory: &str) -> u64 {
    let Some(root) = ledger.find(directory.trim_start_matches('/').as_bytes()) else { return 0 };
    let freed: HashSet<AtomId> = ledger.select(&[root]).into_iter().collect();
    let shows_here = |file: &AtomId| ledger.names(*file).all(|name| ledger.is_inside(name, root));
    let kept = ledger.inside(root).iter().filter(|file| !freed.contains(file) && shows_here(file));
    ledger.sum(kept.copied()).bytes
}

/// The directory of packages that a file is in, or its own.
fn cache_of(ledger: &Ledger, file: AtomId) -> String {
    let path = ledger.path(file);
    let text = format!("/{}", String::from_utf8_lossy(&path));
    let end = text.find("/pkgs/").map(|at| at + "/pkgs".len()).or_else(|| text.rfind('/'));
    text[..end.unwrap_or(text.len())].to_owned()
}

fn conda_part(ledger: &Ledger, file: AtomId) -> usize {
    let name = ledger.name(file);
    let is = |patterns: &[&str]| patterns.iter().any(|row| component_fits(row.as_bytes(), name));
    if is(&["*.conda", "*.tar.bz2"]) {
        0
    } else if is(&["*.c~", "*_trash*"]) {
        2
    } else if is(&["*.solv"]) || ledger.path(file).windows(12).any(|part| part == b"/pkgs/cache/") {
        1
    } else {
        3
    }
}

/// Whether uv copies or links files, so that the environment stands without the cache.
fn is_copied(facts: &Facts<'_>, _: NodeId) -> bool {
    facts.image.runtime.env.get("UV_LINK_MODE").is_none_or(|mode| mode != "symlink")
}

fn uv_runs(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    let runs = ["uvx", "uv tool run", "uv run"];
    if !runs.iter().any(|text| starts_with_text(facts.image, text)) {
        return candidate;
    }
    let note = "The image starts a program through uv, which may take it from the cache.";
    candidate.risk(Risk::Test).note(Phrase::words(note))
}

/// Whether a file is in no virtual environment.
fn is_no_environment(facts: &Facts<'_>, file: AtomId) -> bool {
    let filesystem = facts.ledger.filesystem();
    let mut node = facts.ledger.atom(file).node;
    while node != filesystem.root() {
        node = filesystem.parent(node);
        if has_child(facts.ledger, node, "pyvenv.cfg") {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn conda_pkgs() {
        let image = "
RUN conda install x
  opt/conda/bin/python 1_000
  opt/conda/conda-meta/history 10
  opt/conda/pkgs/x-1.conda 2_000_000
  opt/conda/pkgs/x-1/lib/y.so => opt/conda/lib/y.so
  opt/conda/lib/y.so 5_000_000
  opt/conda/pkgs/cache/a.json 3_000_000
  srv/pkgs/z 7_000_000
";
        check("cache-conda-pkgs", image, &[5_000_000]);
        let [finding] = &found(image, &["cache-conda-pkgs"])[..] else { panic!("one") };
        assert_eq!(finding.table.as_ref().unwrap().rows.len(), 2);
        check("cache-conda-pkgs", "ENV CONDA_PKGS_DIRS=/c\nRUN a\n  c/x 2_000_000\n", &[2_000_000]);
        // `conda clean` frees nothing of what the same step has under another name, whatever
        // becomes of that name later.
        let gone = "
RUN a
  opt/conda/conda-meta/history 10
  opt/conda/pkgs/x-1/lib/y.so 5_000_000
  opt/conda/pkgs/x-1/lib/z.so 6_000_000
  opt/conda/pkgs/x-1/lib/w.so 4_000_000
  opt/conda/lib/z.so => opt/conda/pkgs/x-1/lib/z.so
  opt/conda/pkgs/x-1/lib/v.so => opt/conda/pkgs/x-1/lib/w.so
RUN b
  -opt/conda/lib/z.so
  -opt/conda/pkgs/x-1/lib/v.so
";
        check("cache-conda-pkgs", gone, &[9_000_000]);
        let [finding] = &found(gone, &["cache-conda-pkgs"])[..] else { panic!("one") };
        let note = finding.notes.iter().map(ToString::to_string).collect::<String>();
        assert!(note.contains("6.00 MB more in the cache"), "{note}");
        let first = "
RUN a
  opt/conda/conda-meta/history 10
  opt/conda/lib/z.so 6_000_000
  opt/conda/pkgs/x-1/lib/z.so => opt/conda/lib/z.so
RUN b
  opt/conda/lib/z.so 7_000_000
";
        check("cache-conda-pkgs", first, &[]);
        // An environment of symbolic links needs the cache.
        let soft = "
RUN a
  opt/conda/conda-meta/history 10
  opt/conda/pkgs/x-1/lib/y.so 5_000_000
  opt/conda/lib/y.so -> ../pkgs/x-1/lib/y.so
";
        check("cache-conda-pkgs", soft, &[]);
    }

    #[test]
    fn pip() {
        let image = "
ENV PIP_CACHE_DIR=/var/pip
RUN pip install x
  root/.cache/pip/http/a 2_000_000
  var/pip/b 3_000_000
  wheels/c.whl 4_000_000
";
        check("cache-pip", image, &[5_000_000]);
    }

    #[test]
    fn uv() {
        let image = "
RUN uv sync
  root/.cache/uv/archive-v0/a/x.so 2_000_000
  app/.venv/lib/x.so => root/.cache/uv/archive-v0/a/x.so
  root/.cache/uv/archive-v0/a/y.so 3_000_000
  root/.local/share/uv/python/z 4_000_000
";
        check("cache-uv", image, &[3_000_000]);
        check("cache-uv", &format!("ENV UV_LINK_MODE=symlink\n{image}"), &[]);
    }

    #[test]
    fn python_managers() {
        let image = "
RUN poetry install
  root/.cache/pypoetry/artifacts/a 2_000_000
  root/.cache/pypoetry/virtualenvs/v/pyvenv.cfg 10
  root/.cache/pypoetry/virtualenvs/v/lib/b 5_000_000
  app/.mypy_cache/c 3_000_000
  root/.cache/pdm/venv/pyvenv.cfg 10
  root/.cache/pdm/venv/lib/d 7_000_000
";
        check("cache-python-managers", image, &[5_000_000]);
    }

    #[test]
    fn jupyterlab_staging() {
        let image = "
RUN jupyter lab build
  opt/conda/share/jupyter/lab/staging/node_modules/a 4_000_000
  opt/conda/share/jupyter/lab/static/b 5_000_000
";
        check("cache-jupyterlab-staging", image, &[4_000_000]);
    }
}
