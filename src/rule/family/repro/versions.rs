//! The versions of what is in an image, with what tells them.

use std::collections::BTreeMap;

use crate::package::Ecosystem;
use crate::rule::Facts;

/// A version of something in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// What it is.
    pub kind: VersionKind,
    /// Its name.
    pub name: String,
    /// Its version, or a count of packages; `None` where it is not known.
    pub version: Option<String>,
    /// The path, variable or ecosystem that tells.
    pub source: Option<String>,
}

/// What has a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionKind {
    /// The distribution.
    System,
    /// A large tool.
    Component,
    /// What runs programs of a language.
    Runtime,
    /// A tool that installs, fetches or serves.
    Tool,
    /// The packages of an ecosystem; the version is their number.
    Packages,
    /// A package that somebody asked for.
    Requested,
}

/// The name of a runtime, its packages, and variables that tell its version.
type Runtime = (&'static str, &'static [(Ecosystem, &'static str)], &'static [&'static str]);

/// Packages that are the runtimes of languages, and variables that tell their versions.
const RUNTIMES: &[Runtime] = &[
    (
        "Python",
        &[
            (Ecosystem::Conda, "python"),
            (Ecosystem::Dpkg, "python3"),
            (Ecosystem::Apk, "python3"),
            (Ecosystem::Rpm, "python3"),
        ],
        &["PYTHON_VERSION"],
    ),
    (
        "R",
        &[
            (Ecosystem::Conda, "r-base"),
            (Ecosystem::Dpkg, "r-base-core"),
            (Ecosystem::Rpm, "R-core"),
        ],
        &["R_VERSION"],
    ),
    (
        "Node.js",
        &[(Ecosystem::Conda, "nodejs"), (Ecosystem::Dpkg, "nodejs"), (Ecosystem::Apk, "nodejs")],
        &["NODE_VERSION"],
    ),
    ("Java", &[(Ecosystem::Conda, "openjdk")], &["JAVA_VERSION"]),
    ("CUDA", &[(Ecosystem::Conda, "cuda-version")], &["CUDA_VERSION"]),
    ("Go", &[(Ecosystem::Apk, "go")], &["GOLANG_VERSION"]),
    ("Rust", &[(Ecosystem::Conda, "rust")], &["RUST_VERSION"]),
    ("Ruby", &[(Ecosystem::Dpkg, "ruby")], &["RUBY_VERSION"]),
    ("PHP", &[(Ecosystem::Dpkg, "php-cli")], &["PHP_VERSION"]),
    ("Julia", &[], &["JULIA_VERSION"]),
];

/// A name, packages of it, and texts before its version.
type Tool = (&'static str, &'static [(Ecosystem, &'static str)], &'static [&'static str]);

/// Tools of which releases differ much, their packages, and what stands before the version where
/// a step downloads them.
const TOOLS: &[Tool] = &[
    (
        "rclone",
        &[(Ecosystem::Dpkg, "rclone"), (Ecosystem::Apk, "rclone"), (Ecosystem::Conda, "rclone")],
        &["rclone/rclone/releases/download/v", "downloads.rclone.org/v", "/rclone-v"],
    ),
    (
        "Git LFS",
        &[
            (Ecosystem::Dpkg, "git-lfs"),
            (Ecosystem::Apk, "git-lfs"),
            (Ecosystem::Rpm, "git-lfs"),
            (Ecosystem::Conda, "git-lfs"),
        ],
        &["git-lfs/git-lfs/releases/download/v"],
    ),
    (
        "uv",
        &[(Ecosystem::Python, "uv"), (Ecosystem::Conda, "uv")],
        &["astral-sh/uv:", "astral-sh/uv/releases/download/", "astral.sh/uv/"],
    ),
    ("conda", &[(Ecosystem::Conda, "conda")], &[]),
    ("mamba", &[(Ecosystem::Conda, "mamba")], &[]),
    ("JupyterLab", &[(Ecosystem::Conda, "jupyterlab"), (Ecosystem::Python, "jupyterlab")], &[]),
    (
        "Jupyter Server",
        &[
            (Ecosystem::Conda, "jupyter_server"),
            (Ecosystem::Conda, "jupyter-server"),
            (Ecosystem::Python, "jupyter-server"),
        ],
        &[],
    ),
    ("JupyterHub", &[(Ecosystem::Conda, "jupyterhub"), (Ecosystem::Python, "jupyterhub")], &[]),
];
/// Requested packages that are listed of one ecosystem.
const REQUESTED: usize = 100;

/// The versions of the distribution, of large tools and runtimes, and what was asked for.
pub fn version_inventory(facts: &Facts<'_>) -> Vec<VersionRow> {
    let mut rows: Vec<VersionRow> = system(facts).into_iter().collect();
    rows.extend(facts.components.iter().map(|component| {
        let (version, source) = component.version.clone().unzip();
        VersionRow { kind: VersionKind::Component, name: component.title.clone(), version, source }
    }));
    for (name, packages, variables) in RUNTIMES {
        rows.extend(runtimes(facts, name, packages, variables));
    }
    rows.extend(java(facts));
    for (name, packages, marks) in TOOLS {
        rows.extend(tools(facts, name, packages, marks));
    }
    let mut counts: BTreeMap<Ecosystem, usize> = BTreeMap::new();
    for (_, package) in facts.inventory.installed() {
        *counts.entry(package.ecosystem).or_default() += 1;
    }
    rows.extend(counts.iter().map(|(ecosystem, count)| VersionRow {
        kind: VersionKind::Packages,
        name: ecosystem.as_str().to_owned(),
        version: Some(count.to_string()),
        source: None,
    }));
    for ecosystem in counts.keys().filter(|ecosystem| **ecosystem != Ecosystem::Dpkg) {
        let asked = facts.inventory.of(*ecosystem);
        let asked = asked.filter(|(_, package)| package.requested == Some(true)).take(REQUESTED);
        rows.extend(asked.map(|(_, package)| VersionRow {
            kind: VersionKind::Requested,
            name: package.name.clone(),
            version: package.version.clone(),
            source: Some(ecosystem.as_str().to_owned()),
        }));
    }
    rows
}

/// The distribution, by its own file.
fn system(facts: &Facts<'_>) -> Option<VersionRow> {
    let paths: [&[u8]; 2] = [b"etc/os-release", b"usr/lib/os-release"];
    let document = paths.into_iter().find_map(|path| {
        let documents = facts.documents.named(b"os-release").iter();
        let mut visible = documents.filter(|document| document.hidden.is_none());
        let found = visible.find(|document| facts.ledger.filesystem().path(document.node) == path);
        found.map(|document| (path, document))
    });
    let (path, document) = document?;
    let text = String::from_utf8_lossy(document.head);
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    Some(VersionRow {
        kind: VersionKind::System,
        name: value("NAME").or_else(|| value("ID"))?,
        version: value("VERSION").or_else(|| value("VERSION_ID")),
        source: Some(format!("/{}", String::from_utf8_lossy(path))),
    })
}

/// A runtime: each package of it, or where there is none the variable that tells its version.
fn runtimes(
    facts: &Facts<'_>,
    name: &str,
    packages: &[(Ecosystem, &str)],
    variables: &[&str],
) -> Vec<VersionRow> {
    let mut rows = of_packages(facts, VersionKind::Runtime, name, packages);
    if rows.is_empty() {
        let mut set = variables.iter().filter_map(|variable| {
            let value = facts.image.runtime.env.get(*variable)?;
            Some(VersionRow {
                kind: VersionKind::Runtime,
                name: name.to_owned(),
                version: Some(value.clone()),
                source: Some((*variable).to_owned()),
            })
        });
        rows.extend(set.next());
    }
    rows
}

/// A tool: each package of it, or where there is none the step that downloads it.
fn tools(
    facts: &Facts<'_>,
    name: &str,
    packages: &[(Ecosystem, &str)],
    marks: &[&str],
) -> Vec<VersionRow> {
    let mut rows = of_packages(facts, VersionKind::Tool, name, packages);
    if rows.is_empty() {
        let mut steps = facts.image.steps.iter().filter_map(|step| {
            let version = marks.iter().find_map(|mark| after(&step.instruction, mark))?;
            Some(VersionRow {
                kind: VersionKind::Tool,
                name: name.to_owned(),
                version: Some(version),
                source: step.number.map(|number| format!("step {number}")),
            })
        });
        rows.extend(steps.next());
    }
    rows
}

/// The version that follows a mark; it begins with a digit.
fn after(text: &str, mark: &str) -> Option<String> {
    const LONGEST: usize = 40;
    let is_part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~');
    text.match_indices(mark).find_map(|(at, _)| {
        let version: String =
            text[at + mark.len()..].chars().take_while(is_part).take(LONGEST).collect();
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
    })
}

fn of_packages(
    facts: &Facts<'_>,
    kind: VersionKind,
    name: &str,
    packages: &[(Ecosystem, &str)],
) -> Vec<VersionRow> {
    let mut rows = Vec::new();
    for (ecosystem, known) in packages {
        let found = facts.inventory.of(*ecosystem).filter(|(_, package)| package.name == *known);
        rows.extend(found.map(|(_, package)| {
            let location = String::from_utf8_lossy(&package.location).into_owned();
            let place =
                if location.is_empty() { String::new() } else { format!(" in /{location}") };
            let (name, version) = (name.to_owned(), package.version.clone());
            let source = Some(format!("{}{place}", ecosystem.as_str()));
            VersionRow { kind, name, version, source }
        }));
    }
    rows
}

/// Java runtimes by the files that they carry.
fn java(facts: &Facts<'_>) -> Vec<VersionRow> {
    let documents = facts.documents.named(b"release").iter();
    let visible = documents.filter(|document| document.hidden.is_none());
    let version = |head: &[u8]| {
        let text = String::from_utf8_lossy(head);
        let line = text.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
        Some(line.trim().trim_matches('"').to_owned())
    };
    let row = |document: &crate::ledger::Document<'_>| {
        let path = facts.ledger.filesystem().path(document.node);
        Some(VersionRow {
            kind: VersionKind::Runtime,
            name: "Java".to_owned(),
            version: Some(version(document.head)?),
            source: Some(format!("/{}", String::from_utf8_lossy(&path))),
        })
    };
    visible.filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::with_packages;

    #[test]
    fn versions_are_told_with_their_sources() {
        let image = "
ENV NODE_VERSION=20.1
RUN curl https://downloads.rclone.org/v1.68.2/rclone-v1.68.2-linux-amd64.zip
  a 1
COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/
  etc/os-release = \"NAME=\\\"Debian GNU/Linux\\\"\\nVERSION=\\\"12 (bookworm)\\\"\\n\"
  opt/jdk/release = \"JAVA_VERSION=\\\"17.0.9\\\"\\n\"
";
        let packages = "
conda +python 3.12 @opt/conda
conda -numpy 2 @opt/conda
conda -conda 24.1 @opt/conda
dpkg +git-lfs 3.3
";
        let rows = with_packages(image, packages, version_inventory);
        let rows: Vec<String> = rows
            .iter()
            .map(|row| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                format!("{:?} {} {} {}", row.kind, row.name, text(&row.version), text(&row.source))
            })
            .collect();
        assert_eq!(
            rows,
            [
                "System Debian GNU/Linux 12 (bookworm) /etc/os-release",
                "Runtime Python 3.12 conda in /opt/conda",
                "Runtime Node.js 20.1 NODE_VERSION",
                "Runtime Java 17.0.9 /opt/jdk/release",
                "Tool rclone 1.68.2 step 1",
                "Tool Git LFS 3.3 dpkg",
                "Tool conda 24.1 conda in /opt/conda",
                "Packages dpkg 1 ",
                "Packages conda 3 ",
                "Requested python 3.12 conda",
            ]
        );
    }
}
