//! R packages: directories with a `DESCRIPTION` that says when it was built.

use crate::ledger::{Documents, Ledger};

use super::records::named;
use super::text::{dependencies, fields, summary, word};
use super::{Ecosystem, Inventory, Package};

/// What a `DESCRIPTION` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Description {
    name: Option<String>,
    version: Option<String>,
    title: Option<String>,
    priority: Option<String>,
    /// The machine that it was compiled for.
    machine: Option<String>,
    is_built: bool,
    depends: Vec<String>,
}

/// Reads all libraries.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let filesystem = ledger.filesystem();
    for record in named(ledger, documents, b"DESCRIPTION") {
        let description = description(record.content);
        let directory = record.parent;
        let Some(name) = description.name.filter(|_| description.is_built) else { continue };
        if filesystem.name(directory) != name.as_bytes() {
            continue;
        }
        inventory.packages.push(Package {
            name,
            version: description.version,
            summary: description.title,
            architecture: description.machine,
            essential: description.priority.as_deref() == Some("base"),
            section: description.priority,
            depends: dependencies(description.depends),
            directories: vec![directory],
            ..record.package(ledger, Ecosystem::R, filesystem.parent(directory))
        });
    }
}

fn description(content: &[u8]) -> Description {
    let mut description = Description::default();
    for (key, value) in fields(content) {
        match key {
            "Package" => description.name = word(&value),
            "Version" => description.version = word(&value),
            "Title" => description.title = summary(&value),
            "Priority" => description.priority = word(&value),
            "Built" => {
                description.is_built = true;
                let machine = value.split(';').nth(1).and_then(word);
                description.machine = machine.and_then(|machine| word(machine.split('-').next()?));
            }
            "Depends" | "Imports" | "LinkingTo" => description.depends.extend(needed(&value)),
            _ => {}
        }
    }
    description
}

/// The names in `R (>= 3.5), methods`, without R itself.
fn needed(list: &str) -> impl Iterator<Item = String> {
    let names = list
        .split(',')
        .filter_map(|item| word(item.split(['(', ' ']).find(|part| !part.is_empty())?));
    names.filter(|name| name != "R")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, one};

    const IMAGE: &str = r#"
RUN install
  usr/lib/R/library/stats/DESCRIPTION = "Package: stats\nVersion: 4.3.1\nPriority: base\nTitle: The R Stats\n   Package\nImports: utils, grDevices\nBuilt: R 4.3.1; x86_64-pc-linux-gnu; 2023-06-17; unix\n"
  usr/lib/R/library/stats/libs/stats.so 100
  usr/local/lib/R/site-library/sf/DESCRIPTION = "Package: sf\nVersion: 1.0-14\nDepends: methods, R (>= 3.3.0)\nImports: stats,\n    units (>= 0.7-0)\nLinkingTo: Rcpp\nBuilt: R 4.3.1; ; x; unix\n"
  src/sf/DESCRIPTION = "Package: sf\nVersion: 1.0-14\n"
  src/other/DESCRIPTION = "Package: sf\nBuilt: x\n"
RUN remove
  -usr/local/lib/R/site-library/sf
"#;

    #[test]
    fn packages_are_the_directories_that_were_built() {
        check(
            IMAGE,
            &[
                "r stats 4.3.1 in usr/lib/R/library",
                "r sf 1.0-14 in usr/local/lib/R/site-library removed",
            ],
        );
        let stats = one(IMAGE, "stats");
        assert_eq!(stats.architecture.as_deref(), Some("x86_64"));
        assert_eq!(stats.summary.as_deref(), Some("The R Stats Package"));
        assert!(stats.essential);
        let sf = one(IMAGE, "sf");
        let depends: Vec<_> = sf.depends.iter().map(|each| each.any[0].as_str()).collect();
        assert_eq!(depends, ["methods", "stats", "units", "Rcpp"]);
    }
}
