//! Decodes a JSON document, naming the place that is wrong and the keys that occur twice.
//!
//! Of repeated keys the last one counts, as in Go's decoder and so in the container runtimes;
//! that is a choice another reader may not make, so each repetition is reported. Keys that differ
//! in case alone are one key to Go, so they are reported as well. Nesting is
//! bounded by the JSON library (128 levels), so no document can exhaust the stack.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A decoded document and the places of keys that occur more than once in one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<T> {
    /// The document.
    pub value: T,
    /// Paths of repeated keys, as in `layers[3].size`.
    pub repeated_keys: Vec<String>,
}

/// Why bytes are not the expected document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path == "." { String::new() } else { format!("{path}: ") })]
pub struct JsonError {
    /// The place in the document, as in `layers[3].size`; `.` for the document itself.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// At most this many repeated keys are reported.
const MAX_REPORTED: usize = 20;

/// Decodes `bytes` as a `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Decoded<T>, JsonError> {
    let repeated_keys = repeated_keys(bytes)?;
    // Through a value, where the last of repeated keys counts; serde's own structs refuse them.
    let mut tree: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| at_document(&error))?;
    let value = serde_path_to_error::deserialize(tree.take()).map_err(|error| JsonError {
        path: shortened(&error.path().to_string()),
        message: shortened(&error.into_inner().to_string()),
    })?;
    Ok(Decoded { value, repeated_keys })
}

/// Keys and values that an error repeats are as long as their writer likes.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 300;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn at_document(error: &serde_json::Error) -> JsonError {
    JsonError { path: ".".to_owned(), message: error.to_string() }
}

fn repeated_keys(bytes: &[u8]) -> Result<Vec<String>, JsonError> {
    let mut found = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Walk { path: String::new(), found: &mut found }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| at_document(&error))?;
    Ok(found)
}

/// Whether the object at a path has keys of its author's choice, in which case counts.
fn has_free_keys(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    ["annotations", "labels", "exposedports", "volumes"]
        .iter()
        .any(|free| name.eq_ignore_ascii_case(free))
}

/// The key as Go's decoder compares it: without case, and with the two letters that fold to ASCII.
fn folded(key: &str) -> String {
    let lower = key.chars().flat_map(char::to_lowercase);
    lower.map(|letter| if letter == 'ſ' { 's' } else { letter }).collect()
}

struct Walk<'a> {
    path: String,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        let free = has_free_keys(&self.path);
        while let Some(key) = map.next_key::<String>()? {
            let path =
                if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            let same = if free { key } else { folded(&key) };
            if !seen.insert(same) && self.found.len() < MAX_REPORTED {
                self.found.push(shortened(&path));
            }
            map.next_value_seed(Walk { path, found: self.found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        while seq
            .next_element_seed(Walk { path: format!("{}[{index}]", self.path), found: self.found })?
            .is_some()
        {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Sample {
        size: u64,
        #[serde(default)]
        inner: Vec<Sample>,
    }

    #[test]
    fn the_last_of_repeated_keys_counts_and_is_reported() {
        let decoded =
            decode::<Sample>(br#"{"size":1,"inner":[{"size":2,"size":3}],"size":4}"#).unwrap();
        assert_eq!(decoded.value.size, 4);
        assert_eq!(decoded.value.inner[0].size, 3);
        assert_eq!(decoded.repeated_keys, ["inner[0].size", "size"]);
    }

    #[test]
    fn keys_that_are_one_to_go_are_reported() {
        let check = |json: &str, expected: &[&str]| {
            assert_eq!(repeated_keys(json.as_bytes()).unwrap(), expected, "{json}");
        };
        check(r#"{"layers":[],"Layers":[]}"#, &["Layers"]);
        check(r#"{"layers":[],"layer\u017f":[]}"#, &["layerſ"]);
        check(r#"{"layers":[{"size":1,"\u017fIZE":2}]}"#, &["layers[0].ſIZE"]);
        check(r#"{"annotations":{"a":"","A":""},"config":{"Labels":{"v":"","V":""}}}"#, &[]);
        check(r#"{"annotations":{"a":"","a":""}}"#, &["annotations.a"]);
    }

    #[test]
    fn errors_name_the_place() {
        let check = |text: &str, expected: &str| {
            let error = decode::<Sample>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check(r#"{"size":1,"inner":[{"size":-1}]}"#, "inner[0].size: invalid value: integer `-1`");
        check(r#"{"size":1e3}"#, "size: invalid type: floating point");
        check(r#"{"size":"5"}"#, "size: invalid type: string");
        check(r#"{"size":18446744073709551616}"#, "size: invalid type: floating point");
        check(r#"{"size":null}"#, "size: invalid type: null");
        check("{}", "missing field `size`");
        check(r#"{"size":1} x"#, "trailing characters");
        check("", "EOF while parsing");
        check("null", "invalid type: null");
        check("[]", "invalid length 0");
        check("\u{feff}{}", "expected value");
        check(&"[".repeat(4000), "recursion limit");
        let long = format!(r#"{{"size":"{}"}}"#, "x".repeat(9000));
        assert!(decode::<Sample>(long.as_bytes()).unwrap_err().to_string().len() < 400);
    }
}
