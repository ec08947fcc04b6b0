//! Packages that builds and developers use.

use std::collections::HashSet;

use super::{
    by_location, ecosystems, files, has, is_interactive, named, names, place, ranked, table,
};
use crate::package::{Ecosystem, PackageId};
use crate::rule::{Candidate, Facts, Phrase, Risk};

/// Python packages of which programs that run have no use.
const PYTHON: &[&str] = &[
    "pytest",
    "pytest-*",
    "mypy",
    "mypy-extensions",
    "ruff",
    "black",
    "flake8",
    "isort",
    "pylint",
    "tox",
    "nox",
    "pre-commit",
    "debugpy",
    "types-*",
    "coverage",
    "hypothesis",
    "bandit",
    "autopep8",
    "yapf",
    "pyright",
    "twine",
    "sphinx",
    "sphinx-*",
    "mkdocs",
    "mkdocs-*",
    "cython-lint",
    "ipdb",
    "locust",
    "snakeviz",
];
/// Tools that install packages into a conda prefix, and a Python.
const CONDA: &[&str] =
    &["conda", "mamba", "micromamba", "conda-build", "conda-libmamba-solver", "libmambapy", "boa"];
const PIP: &[&str] = &[
    "pip",
    "setuptools",
    "wheel",
    "pip-tools",
    "poetry",
    "poetry-core",
    "pdm",
    "pipenv",
    "hatch",
    "virtualenv",
    "uv",
];

/// Packages that only development needs.
pub(super) fn dependencies(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for ecosystem in ecosystems(facts) {
        let marked = facts.inventory.of(ecosystem).filter(|(_, own)| own.development == Some(true));
        let marked = ranked(facts, marked.map(|(id, _)| id));
        if !marked.is_empty() {
            found.push(candidate(facts, ecosystem, &marked, Risk::Test));
        }
    }
    if !is_interactive(facts) {
        for ecosystem in [Ecosystem::Python, Ecosystem::Conda] {
            let tools = named(facts, ecosystem, PYTHON);
            let packages = ranked(facts, facts.graph(ecosystem).unasked(&tools));
            if !packages.is_empty() {
                found.push(candidate(facts, ecosystem, &packages, Risk::Review));
            }
        }
    }
    found
}

fn candidate(
    facts: &Facts<'_>,
    ecosystem: Ecosystem,
    packages: &[PackageId],
    risk: Risk,
) -> Candidate {
    let message = Phrase::default()
        .counted(packages.len(), " package of ", " packages of ")
        .name(ecosystem.as_str())
        .and(if packages.len() == 1 { " is" } else { " are" })
        .and(" for development alone");
    let anchor = format!("{} {}", ecosystem.as_str(), risk.as_str());
    let mut candidate = Candidate::new(anchor, message, files(facts, packages))
        .risk(risk)
        .fill("pkgs", names(facts, packages));
    let snippet = match ecosystem {
        Ecosystem::Npm => "RUN npm ci --omit=dev",
        Ecosystem::Composer => "RUN composer install --no-dev --no-interaction",
        Ecosystem::Ruby => {
            "RUN bundle config set --local without 'development test' \\\n && bundle install"
        }
        Ecosystem::Python => "RUN poetry install --only main\n# or: uv sync --no-dev",
        _ => "# Leave out of the install command: {{pkgs}}",
    };
    candidate.snippet = Some(snippet.to_owned());
    candidate.table = Some(table(facts, ecosystem, packages));
    candidate
}

/// Package managers in images where nobody is expected to install anything.
pub(super) fn managers(facts: &Facts<'_>) -> Vec<Candidate> {
    if is_interactive(facts) || has(facts, &["sudo"]) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (ecosystem, tools, snippet) in [
        (
            Ecosystem::Conda,
            CONDA,
            "FROM <builder image> AS build\nRUN micromamba create -y -p /opt/env <packages>\n# in the last stage:\nCOPY --from=build /opt/env /opt/env",
        ),
        (
            Ecosystem::Python,
            PIP,
            "FROM {{base}} AS build\nRUN python -m venv --without-pip /opt/venv \\\n && pip --python /opt/venv/bin/python install <packages>\n# in the last stage:\nCOPY --from=build /opt/venv /opt/venv",
        ),
    ] {
        let tools: HashSet<PackageId> = named(facts, ecosystem, tools);
        for (location, packages) in by_location(facts, facts.graph(ecosystem).unasked(&tools)) {
            let packages = ranked(facts, packages);
            let place = place(ecosystem, location);
            let message = Phrase::words("The package manager of ")
                .name(place.clone())
                .and(" and what only it needs");
            let mut candidate = Candidate::new(place, message, files(facts, &packages));
            candidate.snippet = Some(snippet.to_owned());
            candidate.table = Some(table(facts, ecosystem, &packages));
            found.push(candidate);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check_with, found_with};

    const IMAGE: &str = "
COPY . .
  app/node_modules/jest/a 12_000_000
  app/node_modules/express/a 3_000_000
  venv/pytest 4_000_000
  venv/hypothesis 3_000_000
  venv/attrs 1_000_000
  venv/flask 2_000_000
";

    #[test]
    fn dev_dependencies() {
        let check = |packages: &str, expected: &[u64]| {
            check_with("pkg-dev-dependencies", IMAGE, packages, expected);
        };
        check(
            "npm ?jest 29 app/node_modules/jest dev=true
             npm ?express 4 app/node_modules/express dev=false",
            &[12_000_000],
        );
        let python = "
python +pytest 8 @venv venv/pytest
python +hypothesis 6 @venv venv/hypothesis > attrs
python -attrs 1 @venv venv/attrs
python +flask 3 @venv venv/flask
";
        check(python, &[8_000_000]);
        let found = found_with(IMAGE, python, &["pkg-dev-dependencies"]);
        assert_eq!(found[0].risk, crate::rule::Risk::Review);
        // Something that stays needs them.
        check(&format!("{python}\npython +numpy 1 @venv > pytest hypothesis"), &[]);
        // People work in it.
        check(&format!("{python}\npython +jupyterlab 4 @venv"), &[]);
    }

    #[test]
    fn manager_left() {
        let image = "
RUN micromamba install
  opt/conda/conda 15_000_000
  opt/conda/libmamba 10_000_000
  opt/conda/python 90_000_000
";
        let packages = "
conda +conda 24 @opt/conda opt/conda/conda > libmambapy python
conda -libmambapy 1 @opt/conda opt/conda/libmamba
conda +numpy 2 @opt/conda > python
conda -python 3 @opt/conda opt/conda/python
";
        check_with("pkg-manager-left", image, packages, &[25_000_000]);
        let sudo = format!("{packages}\ndpkg +sudo 1");
        check_with("pkg-manager-left", image, &sudo, &[]);
        let jupyter = format!("{packages}\nconda +jupyterlab 4 @opt/conda");
        check_with("pkg-manager-left", image, &jupyter, &[]);
    }
}
