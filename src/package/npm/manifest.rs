//! A `package.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::keys::Keys;
use super::super::text::{json, summary, word};

/// What it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) depends: Vec<String>,
    pub(super) optional: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    name: Lenient<String>,
    #[serde(default)]
    version: Lenient<String>,
    #[serde(default)]
    description: Lenient<String>,
    #[serde(default)]
    dependencies: Keys,
    #[serde(default)]
    optional_dependencies: Keys,
    #[serde(default)]
    peer_dependencies: Keys,
    #[serde(default)]
    peer_dependencies_meta: Lenient<BTreeMap<String, Meta>>,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    optional: bool,
}

/// A value, or nothing where it is of another kind, as old packages have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Value(T),
    Other(IgnoredAny),
}

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl<T> Lenient<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}

/// Reads one.
pub(super) fn read(content: &[u8]) -> Result<Manifest, serde_json::Error> {
    let raw: Raw = serde_json::from_slice(json(content))?;
    let optional = raw.optional_dependencies.0;
    let meta = raw.peer_dependencies_meta.value().unwrap_or_default();
    let is_optional = |name: &String| meta.get(name).is_some_and(|meta| meta.optional);
    let peers = raw.peer_dependencies.0.into_iter().filter(|name| !is_optional(name));
    let depends = raw.dependencies.0.into_iter().chain(peers);
    Ok(Manifest {
        name: raw.name.value().as_deref().and_then(word),
        version: raw.version.value().as_deref().and_then(word),
        description: raw.description.value().as_deref().and_then(summary),
        depends: depends.filter(|name| !optional.contains(name)).collect(),
        optional: optional.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_told_from_wishes() {
        let text = br#"{"name":"a","version":"1.0.0","description":"Does\nit","dependencies":
            {"b":"^1","o":"1"},"optionalDependencies":{"o":"1"},"peerDependencies":{"p":"*","q":"*"},
            "peerDependenciesMeta":{"q":{"optional":true}},"devDependencies":{"d":"1"}}"#;
        let manifest = read(text).unwrap();
        assert_eq!(manifest.name.as_deref(), Some("a"));
        assert_eq!(manifest.description.as_deref(), Some("Does"));
        assert_eq!(
            (manifest.depends, manifest.optional),
            (vec!["b".to_owned(), "p".to_owned()], vec!["o".to_owned()])
        );
    }

    #[test]
    fn fields_of_other_kinds_are_passed_over() {
        let manifest = read(b"\xef\xbb\xbf{\"name\":\"a\",\"version\":null,\"dependencies\":[\"b\"],\"description\":[]}").unwrap();
        assert_eq!(manifest, Manifest { name: Some("a".to_owned()), ..Manifest::default() });
        for text in ["", "5", "{", "{\"name\":\"a\"} x"] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
