//! The texts that describe a Python distribution: `METADATA` or `PKG-INFO`, `RECORD`,
//! `requires.txt`, `direct_url.json`.

use serde::Deserialize;

use super::super::text::{MAX_DEPENDENCIES, fields, json, lines, summary, word};
use super::name::{Requirement, requirement};

/// Bytes of a condition that requirements share.
const MAX_SECTION: usize = 512;

/// What `METADATA` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) requires: Vec<Requirement>,
}

/// Reads `METADATA` or `PKG-INFO`.
pub(super) fn metadata(content: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    for (key, value) in fields(content) {
        match key.to_ascii_lowercase().as_str() {
            "name" => metadata.name = word(&value),
            "version" => metadata.version = word(&value),
            "summary" => {
                metadata.summary = summary(&value).filter(|summary| summary != "UNKNOWN");
            }
            "requires-dist" if metadata.requires.len() < MAX_DEPENDENCIES => {
                metadata.requires.extend(requirement(&value));
            }
            _ => {}
        }
    }
    metadata
}

/// Reads `requires.txt` of an `egg-info`: requirements in sections by extra and condition.
pub(super) fn requires(content: &[u8]) -> Vec<Requirement> {
    let mut requires = Vec::new();
    let mut condition = String::new();
    for line in lines(content).map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let section = Some(section).filter(|section| section.len() <= MAX_SECTION);
            let (extra, marker) = section
                .map_or(("", ""), |section| section.split_once(':').unwrap_or((section, "")));
            let extra =
                if extra.is_empty() { String::new() } else { format!("extra == '{extra}'") };
            condition = match (extra.is_empty(), marker.is_empty()) {
                (false, false) => format!("{extra} and ({marker})"),
                _ => extra + marker,
            };
        } else if let Some(mut found) = requirement(line) {
            if found.marker.is_empty() {
                found.marker.clone_from(&condition);
            }
            requires.push(found);
        }
        if requires.len() == MAX_DEPENDENCIES {
            break;
        }
    }
    requires
}

/// Reads `RECORD`: gives each path with its size, if it has one.
pub(super) fn record(content: &[u8], mut row: impl FnMut(&[u8], Option<u64>)) {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content);
    let mut fields = csv::ByteRecord::new();
    while reader.read_byte_record(&mut fields).unwrap_or(false) {
        let size = fields.get(2).and_then(|size| str::from_utf8(size).ok());
        if let Some(path) = fields.get(0).filter(|path| !path.is_empty()) {
            row(path, size.and_then(|size| size.trim().parse().ok()));
        }
    }
}

/// The directory that an editable installation is of, from `direct_url.json`; absolute.
pub(super) fn editable(content: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct DirectUrl {
        url: String,
        dir_info: Option<DirInfo>,
    }
    #[derive(Deserialize)]
    struct DirInfo {
        #[serde(default)]
        editable: bool,
    }
    let direct: DirectUrl = serde_json::from_slice(json(content)).ok()?;
    let is_editable = direct.dir_info.is_some_and(|info| info.editable);
    let path = direct.url.strip_prefix("file://").filter(|_| is_editable)?;
    path.starts_with('/').then(|| path.to_owned())
}

/// The machine of a wheel, from the tags of `WHEEL`; `None` for any.
pub(super) fn architecture(content: &[u8]) -> Option<String> {
    let fields = fields(content);
    let tag = fields.iter().find(|(key, _)| *key == "Tag")?.1.rsplit('-').next()?.to_owned();
    let known = ["x86_64", "aarch64", "i686", "armv7l", "ppc64le", "s390x", "riscv64"];
    known.into_iter().find(|known| tag.ends_with(known)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_tells_name_version_and_needs() {
        let text = b"Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0+cu12\nSummary: Does it\n\
            Requires-Dist: numpy>=1\nRequires-Dist: pytest ; extra == 'test'\n\nName: other\n";
        let found = metadata(text);
        assert_eq!(found.name.as_deref(), Some("Foo.Bar"));
        assert_eq!(found.version.as_deref(), Some("1.0+cu12"));
        assert_eq!(found.summary.as_deref(), Some("Does it"));
        let requires: Vec<_> =
            found.requires.iter().map(|each| (&*each.name, &*each.marker)).collect();
        assert_eq!(requires, [("numpy", ""), ("pytest", "extra == 'test'")]);
    }

    #[test]
    fn sections_of_requires_are_conditions() {
        let text = b"six\n\n[:python_version<'3']\nenum34\n[test]\npytest>=3\n\
            [socks:sys_platform=='linux']\npysocks\n";
        let found = requires(text);
        let found: Vec<_> = found.iter().map(|each| (&*each.name, &*each.marker)).collect();
        let expected = [
            ("six", ""),
            ("enum34", "python_version<'3'"),
            ("pytest", "extra == 'test'"),
            ("pysocks", "extra == 'socks' and (sys_platform=='linux')"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_of_a_record_are_quoted_or_not() {
        let mut rows = Vec::new();
        let text =
            b"a/b.py,sha256=x,12\r\n\"a/x,y \"\"z\"\".py\",,\n\n../../bin/x,sha256=q,9\nbare\n,,\n";
        record(text, |path, size| rows.push((String::from_utf8(path.to_vec()).unwrap(), size)));
        let expected = [
            ("a/b.py", Some(12)),
            ("a/x,y \"z\".py", None),
            ("../../bin/x", Some(9)),
            ("bare", None),
        ];
        assert_eq!(rows, expected.map(|(path, size)| (path.to_owned(), size)));
    }

    #[test]
    fn editable_installations_name_their_directory() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(editable(text.as_bytes()).as_deref(), expected, "{text}");
        };
        check(r#"{"url":"file:///src/a","dir_info":{"editable":true}}"#, Some("/src/a"));
        check(r#"{"url":"file:///src/a","dir_info":{}}"#, None);
        check(r#"{"url":"file://host","dir_info":{"editable":true}}"#, None);
        check(r#"{"url":"https://x/a.whl","archive_info":{}}"#, None);
        check("{", None);
    }

    #[test]
    fn tags_tell_the_machine() {
        let text = b"Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_17_x86_64\n";
        assert_eq!(architecture(text).as_deref(), Some("x86_64"));
        assert_eq!(architecture(b"Tag: py3-none-any\n"), None);
    }
}
