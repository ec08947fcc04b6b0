//! A record of `conda-meta`, read in one pass that keeps what it has when the text ends early.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::text::{MAX_DEPENDENCIES, json, word};

/// What is read of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CondaRecord {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) build: Option<String>,
    pub(super) subdir: Option<String>,
    /// Match specifications.
    pub(super) depends: Vec<String>,
    /// Whether it says that it was asked for.
    pub(super) requested: bool,
    /// `files`, with a zero after each.
    pub(super) files: Vec<u8>,
    /// The same of `paths_data`.
    pub(super) paths: Vec<u8>,
    /// The sum of sizes in `paths_data`.
    pub(super) size: Option<u64>,
}

/// Reads a record, and says what is wrong with it.
pub(super) fn read(content: &[u8]) -> (CondaRecord, Option<serde_json::Error>) {
    let mut record = CondaRecord::default();
    let mut deserializer = serde_json::Deserializer::from_slice(json(content));
    let read = Fields(&mut record).deserialize(&mut deserializer);
    let error = read.and_then(|()| deserializer.end()).err();
    (record, error)
}

#[derive(Deserialize)]
struct Path {
    #[serde(rename = "_path")]
    path: Option<String>,
    size_in_bytes: Option<u64>,
}

impl CondaRecord {
    fn add_path(&mut self, path: &Path) {
        append(&mut self.paths, path.path.as_deref().unwrap_or_default());
        if let Some(size) = path.size_in_bytes {
            self.size = Some(self.size.unwrap_or(0).saturating_add(size));
        }
    }
}

fn append(paths: &mut Vec<u8>, path: &str) {
    if !path.is_empty() && !path.contains('\0') {
        paths.extend_from_slice(path.as_bytes());
        paths.push(0);
    }
}

/// The object of a record.
struct Fields<'r>(&'r mut CondaRecord);

/// The object in `paths_data`.
struct PathsData<'r>(&'r mut CondaRecord);

/// An array, given to a function element by element; nothing for `null`.
struct Each<T, F>(F, PhantomData<T>);

fn each<T, F: FnMut(T)>(take: F) -> Each<T, F> {
    Each(take, PhantomData)
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a record of a package")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(record) = self;
        while let Some(key) = map.next_key::<String>()? {
            let mut text = || map.next_value::<Option<String>>();
            match key.as_str() {
                "name" => record.name = text()?.as_deref().and_then(word),
                "version" => record.version = text()?.as_deref().and_then(word),
                "build" => record.build = text()?.as_deref().and_then(word),
                "subdir" => record.subdir = text()?.as_deref().and_then(word),
                "requested_spec" => {
                    let text = text()?.unwrap_or_default();
                    record.requested |= !text.is_empty() && text != "None";
                }
                "requested_specs" => {
                    map.next_value_seed(each(|_: IgnoredAny| record.requested = true))?;
                }
                "depends" => map.next_value_seed(each(|text: String| {
                    if record.depends.len() < MAX_DEPENDENCIES {
                        record.depends.push(text);
                    }
                }))?,
                "files" => {
                    map.next_value_seed(each(|path: String| append(&mut record.files, &path)))?;
                }
                "paths_data" => map.next_value_seed(PathsData(record))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for PathsData<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("paths")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "paths" {
                map.next_value_seed(each(|path: Path| self.0.add_path(&path)))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> DeserializeSeed<'de> for PathsData<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"arch":"x86_64","build":"py312_0","depends":["python >=3","__glibc"],
        "files":["bin/a","lib/b"],"link":{"type":1,"source":"x"},"name":"a","paths_data":
        {"paths":[{"_path":"bin/a","size_in_bytes":5,"path_type":"hardlink"},{"_path":"lib/b",
        "size_in_bytes":7}],"paths_version":1},"requested_spec":"a","subdir":"linux-64",
        "version":"1.0"}"#;

    #[test]
    fn a_record_tells_what_it_has_as_far_as_it_goes() {
        let (whole, error) = read(TEXT.as_bytes());
        assert!(error.is_none());
        assert_eq!(whole.name.as_deref(), Some("a"));
        assert_eq!(whole.version.as_deref(), Some("1.0"));
        assert_eq!(whole.build.as_deref(), Some("py312_0"));
        assert_eq!(whole.files, b"bin/a\0lib/b\0");
        assert_eq!(whole.paths, b"bin/a\0lib/b\0");
        assert_eq!((whole.size, whole.requested), (Some(12), true));
        for end in 0..TEXT.len() {
            let (part, error) = read(&TEXT.as_bytes()[..end]);
            assert!(error.is_some(), "{end}");
            assert!(whole.files.starts_with(&part.files), "{end}");
        }
    }

    #[test]
    fn what_is_odd_is_an_error_or_nothing() {
        let check = |text: &str, ok: bool| {
            assert_eq!(read(text.as_bytes()).1.is_none(), ok, "{text:.40}");
        };
        check("{}", true);
        check(r#"{"name":null,"depends":null,"paths_data":null,"requested_spec":null}"#, true);
        check(r#"{"files":["a\u0000b"]}"#, true);
        check(r#"{"name":5}"#, false);
        check("[]", false);
        check("", false);
        check(&format!("{{\"x\":{}", "[".repeat(1 << 20)), false);
    }
}
