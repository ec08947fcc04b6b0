//! PHP packages of Composer: `vendor/composer/installed.json`.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::ledger::{Documents, Ledger};

use super::keys::Keys;
use super::records::{Record, named};
use super::resolve::Resolver;
use super::text::{dependencies, json, summary, word};
use super::{Ecosystem, Inventory, Package};

#[derive(Deserialize)]
#[serde(untagged)]
enum Installed {
    /// Composer 2.
    Object {
        packages: Vec<Entry>,
        #[serde(default, rename = "dev-package-names")]
        development: Option<BTreeSet<String>>,
    },
    /// Composer 1.
    Array(Vec<Entry>),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    name: String,
    version: Option<String>,
    description: Option<String>,
    install_path: Option<String>,
    #[serde(default)]
    require: Keys,
}

/// Reads all directories of Composer.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    for record in named(ledger, documents, b"installed.json") {
        if ledger.filesystem().name(record.parent) != b"composer" {
            continue;
        }
        match serde_json::from_slice(json(record.content)) {
            Ok(installed) => add(ledger, &record, installed, inventory),
            Err(error) => {
                inventory.gap_at(ledger, record.node, &format!("cannot be read: {error}"));
            }
        }
    }
}

fn add(ledger: &Ledger, record: &Record<'_>, installed: Installed, inventory: &mut Inventory) {
    let vendor = ledger.filesystem().parent(record.parent);
    let (entries, development) = match installed {
        Installed::Object { packages, development } => (packages, development),
        Installed::Array(packages) => (packages, None),
    };
    let mut resolver = Resolver::new(ledger, record.parent);
    for entry in entries {
        let Some(name) = word(&entry.name) else { continue };
        let path = entry.install_path.unwrap_or_else(|| format!("../{name}"));
        let directory = resolver.one(path.as_bytes()).filter(|directory| *directory != vendor);
        inventory.packages.push(Package {
            version: entry.version.as_deref().and_then(word),
            summary: entry.description.as_deref().and_then(summary),
            development: development.as_ref().map(|names| names.contains(&name)),
            depends: dependencies(entry.require.0.into_iter().filter(|name| is_package(name))),
            directories: directory.into_iter().collect(),
            files: Vec::new(),
            name: name.to_lowercase(),
            ..record.package(ledger, Ecosystem::Composer, vendor)
        });
    }
}

/// Packages have a vendor; what PHP itself has to provide does not.
fn is_package(name: &str) -> bool {
    name.contains('/')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, one};

    const IMAGE: &str = r#"
COPY vendor
  app/vendor/composer/installed.json = "{\"packages\":[{\"name\":\"Monolog/monolog\",\"version\":\"3.5.0\",\"description\":\"Logs\",\"install-path\":\"../monolog/monolog\",\"require\":{\"php\":\">=8\",\"psr/log\":\"^2\"}},{\"name\":\"phpunit/phpunit\",\"version\":\"10.0\",\"install-path\":\"../..\",\"require\":[]}],\"dev\":true,\"dev-package-names\":[\"phpunit/phpunit\"]}"
  app/vendor/monolog/monolog/src/a.php 100
  old/vendor/composer/installed.json = "[{\"name\":\"a/b\",\"version\":\"v1\"}]"
  old/vendor/a/b/c.php 1
  bad/vendor/composer/installed.json = "[{]"
"#;

    #[test]
    fn packages_of_both_formats_are_told() {
        check(
            IMAGE,
            &[
                "composer monolog/monolog 3.5.0 in app/vendor",
                "composer phpunit/phpunit 10.0 in app/vendor",
                "composer a/b v1 in old/vendor",
                "note bad/vendor/composer/installed.json",
            ],
        );
        let monolog = one(IMAGE, "monolog/monolog");
        assert_eq!((monolog.development, monolog.directories.len()), (Some(false), 1));
        assert_eq!(monolog.depends[0].any, ["psr/log"]);
        assert_eq!(one(IMAGE, "phpunit/phpunit").development, Some(true));
        assert_eq!(one(IMAGE, "a/b").directories.len(), 1);
    }
}
