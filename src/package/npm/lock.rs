//! A `package-lock.json`, or the one that npm keeps in `node_modules`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::keys::Keys;
use super::super::text::json;

/// Which packages are for development, by their paths from the project on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lock(BTreeMap<String, bool>);

/// What the project itself asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Project(BTreeSet<String>);

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    packages: BTreeMap<String, Entry>,
}

/// A package as lock files of version 1 have it, with those in its own `node_modules`; and such a
/// file itself.
#[derive(Default, Deserialize)]
struct Old {
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, Old>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: Keys,
    #[serde(default)]
    dev_dependencies: Keys,
    #[serde(default)]
    optional_dependencies: Keys,
}

impl Lock {
    /// Whether a package is for development only; `None` if it is not listed.
    pub(super) fn development(&self, path: &str) -> Option<bool> {
        self.0.get(path).copied()
    }
}

impl Project {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it asks for a package; `None` if that is not known.
    pub(super) fn requests(&self, name: &str) -> Option<bool> {
        (!self.is_empty()).then(|| self.0.contains(name))
    }
}

/// Reads one.
pub(super) fn read(content: &[u8]) -> Result<(Lock, Project), serde_json::Error> {
    let mut raw: Raw = serde_json::from_slice(json(content))?;
    let project = raw.packages.remove("").map_or_else(Project::default, |root| {
        let names = [root.dependencies, root.dev_dependencies, root.optional_dependencies];
        Project(names.into_iter().flat_map(|names| names.0).collect())
    });
    let packages = raw.packages.into_iter();
    let mut lock: BTreeMap<String, bool> =
        packages.map(|(path, entry)| (path, entry.dev)).collect();
    if lock.is_empty() {
        let old: Old = serde_json::from_slice(json(content)).unwrap_or_default();
        let mut left = vec![(String::new(), old.dependencies)];
        while let Some((above, packages)) = left.pop() {
            for (name, old) in packages {
                let path = format!("{above}node_modules/{name}");
                left.push((format!("{path}/"), old.dependencies));
                lock.insert(path, old.dev);
            }
        }
    }
    Ok((Lock(lock), project))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_tells_what_is_for_development() {
        let text = br#"{"name":"x","lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"},
            "devDependencies":{"d":"1"}},"node_modules/a":{"version":"1.0.0"},"node_modules/d":
            {"version":"1","dev":true},"node_modules/d/node_modules/e":{"devOptional":true}}}"#;
        let (lock, project) = read(text).unwrap();
        let check = |path: &str, expected: Option<bool>| {
            assert_eq!(lock.development(path), expected, "{path}");
        };
        check("node_modules/a", Some(false));
        check("node_modules/d", Some(true));
        check("node_modules/d/node_modules/e", Some(false));
        check("node_modules/e", None);
        assert_eq!((project.requests("a"), project.requests("e")), (Some(true), Some(false)));
        assert_eq!(Project::default().requests("a"), None);
    }

    #[test]
    fn lock_files_of_version_1_are_nested() {
        let text = br#"{"lockfileVersion":1,"dependencies":{"a":{"version":"1"},"d":{"dev":true,
            "requires":{"e":"1"},"dependencies":{"e":{"dev":true}}}}}"#;
        let (lock, project) = read(text).unwrap();
        assert_eq!(lock.development("node_modules/a"), Some(false));
        assert_eq!(lock.development("node_modules/d/node_modules/e"), Some(true));
        assert_eq!(lock.development("node_modules/e"), None);
        assert!(project.is_empty());
    }

    #[test]
    fn other_documents_are_errors_or_empty() {
        assert_eq!(read(b"{}").unwrap(), Default::default());
        for text in ["", "[", "{\"packages\":[]}"] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
