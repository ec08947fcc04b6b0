//! The versions that came of inputs without one, as commands would name them.

use std::collections::HashMap;

use super::{commands, install, is_package, packages, trimmed, unpinned};
use crate::package::{Ecosystem, normalize_python_name};
use crate::rule::{Candidate, Facts};

/// Versions of installed packages by ecosystem and name.
type Versions<'a> = HashMap<(Ecosystem, &'a str), &'a str>;

/// What [`unpinned`] finds, with the versions that are installed.
pub(super) fn resolved(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut versions = Versions::new();
    for (_, package) in facts.inventory.installed() {
        if let Some(version) = &package.version {
            versions.entry((package.ecosystem, &package.name)).or_insert(version);
        }
    }
    let mut found = unpinned(facts.image);
    for candidate in &mut found {
        let lines: Vec<String> = commands(&candidate.anchor)
            .iter()
            .filter_map(|words| pinned(words, &versions))
            .collect();
        if !lines.is_empty() {
            let lines = lines.join("\n");
            candidate.snippet = Some(format!("# With the versions of this image:\n{lines}"));
        }
    }
    found
}

/// A command that installs, with the versions of its packages that are known.
fn pinned(words: &[&str], versions: &Versions<'_>) -> Option<String> {
    let (tool, rest) = install(words)?;
    let (ecosystem, command, sign) = match tool {
        "pip" | "pip3" => (Ecosystem::Python, "pip install", "=="),
        "conda" => (Ecosystem::Conda, "conda install -y", "="),
        "mamba" => (Ecosystem::Conda, "mamba install -y", "="),
        "micromamba" => (Ecosystem::Conda, "micromamba install -y", "="),
        "npm" => (Ecosystem::Npm, "npm install -g", "@"),
        "gem" => (Ecosystem::Ruby, "gem install", ":"),
        "apt-get" | "apt" => (Ecosystem::Dpkg, "apt-get install -y --no-install-recommends", "="),
        _ => return None,
    };
    let names: Vec<&str> = match ecosystem {
        Ecosystem::Dpkg => {
            let words = rest.iter().map(|word| trimmed(word));
            words.filter(|word| is_package(word) && !word.contains('=')).collect()
        }
        _ => packages(words),
    };
    let known = names.into_iter().filter_map(|word| {
        let name = word.split(['[', '<', '>', '=', '!', '~', ';']).next()?;
        let plain = match ecosystem {
            Ecosystem::Python => normalize_python_name(name),
            _ => name.to_owned(),
        };
        let version = versions.get(&(ecosystem, plain.as_str()))?;
        Some(format!("{name}{sign}{version}"))
    });
    let known: Vec<String> = known.collect();
    (!known.is_empty()).then(|| format!("RUN {command} {}", known.join(" ")))
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::found_with;

    #[test]
    fn snippets_have_the_versions_of_the_image() {
        let packages = "
python +numpy 1.26.4 @venv
python +scikit-learn 1.4 @venv
dpkg +curl 7.88.1-10 usr/bin/curl
npm +yarn 1.22
";
        let check = |step: &str, expected: &[&str]| {
            let image = format!("RUN {step}\n  usr/bin/curl 1\n");
            let found = found_with(&image, packages, &["repro-unpinned-inputs"]);
            let snippets: Vec<&str> =
                found.iter().map(|found| found.snippet.split_once('\n').unwrap().1).collect();
            assert_eq!(snippets, expected, "{step}");
        };
        check(
            "apt-get install -y curl && pip install numpy 'Scikit_Learn[x]>=1' unknown",
            &[
                "RUN apt-get install -y --no-install-recommends curl=7.88.1-10\nRUN pip install numpy==1.26.4 Scikit_Learn==1.4",
            ],
        );
        check("npm install -g yarn", &["RUN npm install -g yarn@1.22"]);
        // All of them have a version already.
        check("pip install numpy==1.26.4", &[]);
        let unknown = "pip install unknown";
        let found = found_with(&format!("RUN {unknown}\n  a 1\n"), packages, &["repro"]);
        assert!(found[0].snippet.starts_with("# Name a version"), "{}", found[0].snippet);
    }
}
