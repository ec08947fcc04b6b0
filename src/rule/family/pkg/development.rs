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

/// Package managers of Node.js, the commands that they have, and where they are installed.
const NODE: &[&str] = &["npm", "corepack", "yarn", "pnpm"];
const NODE_COMMANDS: &[&str] =
    &["npm", "npx", "yarn", "yarnpkg", "pnpm", "pnpx", "corepack", "sh", "bash"];
const GLOBAL: &[u8] = b"lib/node_modules";

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
    let mut found = node(facts);
    for (ecosystem, tools, snippet) in [
        (
            Ecosystem::Conda,
            CONDA,
            "FROM mambaorg/micromamba AS build\nRUN micromamba create -y -p /opt/env {{asked}}\n# in the last stage:\nCOPY --from=build /opt/env /opt/env",
        ),
        (
            Ecosystem::Python,
            PIP,
            "# in a stage of its own, called build:\nRUN python -m venv --without-pip /opt/venv \\\n && pip --python /opt/venv/bin/python install {{asked}}\n# in the last stage:\nCOPY --from=build /opt/venv /opt/venv",
        ),
    ] {
        let tools: HashSet<PackageId> = named(facts, ecosystem, tools);
        for (location, packages) in by_location(facts, facts.graph(ecosystem).unasked(&tools)) {
            let packages = ranked(facts, packages);
            let place = place(ecosystem, location);
            let message = Phrase::words("The package manager of ")
                .name(place.clone())
                .and(" and what only it needs");
            let mut candidate = Candidate::new(place, message, files(facts, &packages))
                .fill("asked", asked(facts, ecosystem, location, &packages));
            candidate.snippet = Some(snippet.to_owned());
            candidate.table = Some(table(facts, ecosystem, &packages));
            found.push(candidate);
        }
    }
    found
}

/// The packages of a location that somebody asked for, without some.
fn asked(
    facts: &Facts<'_>,
    ecosystem: Ecosystem,
    location: &[u8],
    without: &[PackageId],
) -> String {
    let all = facts.inventory.of(ecosystem).filter(|(id, package)| {
        package.location == location && package.requested == Some(true) && !without.contains(id)
    });
    let asked = ranked(facts, all.map(|(id, _)| id));
    if asked.is_empty() { "…".to_owned() } else { names(facts, &asked) }
}

/// Package managers of Node.js where what a container starts is none of them.
fn node(facts: &Facts<'_>) -> Vec<Candidate> {
    let runtime = &facts.image.runtime;
    let words = runtime.entrypoint.iter().chain(&runtime.cmd).flat_map(|word| word.split(' '));
    let starts =
        words.filter_map(|word| word.rsplit('/').next()).any(|word| NODE_COMMANDS.contains(&word));
    let is_global = |id: &PackageId| facts.inventory.package(*id).location.ends_with(GLOBAL);
    let tools = named(facts, Ecosystem::Npm, NODE).into_iter().filter(is_global);
    let tools = ranked(facts, tools);
    if starts || tools.is_empty() || runtime.entrypoint.len() + runtime.cmd.len() == 0 {
        return Vec::new();
    }
    let message = Phrase::words("Package managers of Node.js: ").name(names(facts, &tools));
    let mut candidate = Candidate::new("npm", message, files(facts, &tools)).note(Phrase::words(
        "In place of an entry point that is a script, look whether the script calls one of them.",
    ));
    candidate.snippet = Some(
        "# copy the program alone out of a stage with Node.js, called build:\nCOPY --from=build /usr/local/bin/node /usr/local/bin/"
            .to_owned(),
    );
    candidate.table = Some(table(facts, Ecosystem::Npm, &tools));
    vec![candidate]
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
    fn node_manager_left() {
        let image = |start: &str| {
            format!(
                "CMD {start}\nRUN x\n  usr/local/lib/node_modules/npm/a 16_000_000\n  usr/local/lib/node_modules/corepack/a 5_000_000\n  app/node_modules/npm/a 30_000_000\n"
            )
        };
        let packages = "
npm +npm 10 @usr/local/lib/node_modules usr/local/lib/node_modules/npm
npm +corepack 1 @usr/local/lib/node_modules usr/local/lib/node_modules/corepack
npm ?npm 10 @app/node_modules app/node_modules/npm
";
        let rule = "pkg-manager-left";
        check_with(rule, &image("node server.js"), packages, &[21_000_000]);
        for start in ["npm start", "/usr/local/bin/yarn start", "sh -c npm"] {
            check_with(rule, &image(start), packages, &[]);
        }
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
        let found = found_with(image, packages, &["pkg-manager-left"]);
        assert!(found[0].snippet.contains("-p /opt/env numpy\n"), "{}", found[0].snippet);
        let jupyter = format!("{packages}\nconda +jupyterlab 4 @opt/conda");
        check_with("pkg-manager-left", image, &jupyter, &[]);
    }
}
