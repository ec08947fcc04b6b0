//! The control files of dpkg: stanzas of fields, as `status` has them.

use crate::package::text::{MOST_NAMES, name_of, number, some_text, text};
use crate::package::{Dependency, Ecosystem, Package};

/// Consecutive fields that tell about one thing.
pub(in crate::package) struct Stanza<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
}

/// An installed package of a control file.
pub(in crate::package) struct Record<'a> {
    /// What the stanza tells; without files, layer and the like.
    pub package: Package,
    /// The value of its field for configuration files.
    conffiles: &'a [u8],
}

/// The stanzas of a control file. A line that is neither a field nor part of one is passed over.
pub(in crate::package) fn stanzas(bytes: &[u8]) -> impl Iterator<Item = Stanza<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let stanza = stanza(&mut rest);
            if !stanza.fields.is_empty() {
                return Some(stanza);
            }
        }
        None
    })
}

fn stanza<'a>(rest: &mut &'a [u8]) -> Stanza<'a> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (field, after) = rest.split_at(field_end(rest));
        *rest = after;
        if field.trim_ascii().is_empty() {
            break;
        }
        if let Some(colon) = field.iter().position(|byte| *byte == b':')
            && !field[..colon].contains(&b'\n')
        {
            fields.push((&field[..colon], field[colon + 1..].trim_ascii_end()));
        }
    }
    Stanza { fields }
}

/// Where a line and those that continue it end.
fn field_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let line = bytes[at..].iter().position(|byte| *byte == b'\n');
        let Some(line) = line else { return bytes.len() };
        let blank = bytes[at..at + line].trim_ascii().is_empty();
        at += line + 1;
        if blank || !matches!(bytes.get(at), Some(b' ' | b'\t')) {
            return at;
        }
        let next = bytes[at..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        if next.trim_ascii().is_empty() {
            return at;
        }
    }
}

impl<'a> Stanza<'a> {
    /// The value of a field; empty without it.
    pub(in crate::package) fn get(&self, name: &str) -> &'a [u8] {
        let found = self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        found.map_or(b"", |(_, value)| value)
    }

    /// The package, if it has a name and its files are there.
    fn record(&self) -> Option<Record<'a>> {
        let name = some_text(self.get("Package"))?;
        if !is_present(self.get("Status")) {
            return None;
        }
        let priority = self.get("Priority").trim_ascii();
        let description = self.get("Description").split(|byte| *byte == b'\n').next();
        let depends = [self.get("Pre-Depends"), self.get("Depends")];
        let package = Package {
            ecosystem: Ecosystem::Dpkg,
            name,
            version: some_text(self.get("Version")),
            architecture: some_text(self.get("Architecture")),
            essential: self.get("Essential").trim_ascii() == b"yes"
                || matches!(priority, b"required" | b"important"),
            section: some_text(self.get("Section")),
            summary: description.and_then(some_text),
            declared: number(self.get("Installed-Size")).and_then(|kib| kib.checked_mul(1024)),
            depends: depends.into_iter().flat_map(dependencies).collect(),
            recommends: dependencies(self.get("Recommends")).collect(),
            provides: dependencies(self.get("Provides")).flat_map(|any| any.any).collect(),
            ..Package::default()
        };
        Some(Record { package, conffiles: self.get("Conffiles") })
    }
}

impl<'a> Record<'a> {
    /// The paths of configuration files.
    pub(in crate::package) fn conffiles(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let lines = self.conffiles.split(|byte| *byte == b'\n');
        lines.filter_map(|line| {
            line.split(u8::is_ascii_whitespace).find(|word| word.starts_with(b"/"))
        })
    }
}

/// Whether a package in this state has files: the last of `want flag state` tells.
fn is_present(status: &[u8]) -> bool {
    let state = status.split(u8::is_ascii_whitespace).rfind(|word| !word.is_empty());
    !matches!(state, Some(b"not-installed" | b"config-files"))
}

/// What a field of needs lists, without versions and architectures.
fn dependencies(field: &[u8]) -> impl Iterator<Item = Dependency> {
    field.split(|byte| *byte == b',').take(MOST_NAMES).filter_map(|need| {
        let names = need.split(|byte| *byte == b'|').map(|name| name_of(name, b"(:[<"));
        let any: Vec<String> = names.filter(|name| !name.is_empty()).map(text).collect();
        (!any.is_empty()).then_some(Dependency { any })
    })
}

/// The packages of a control file whose files are there.
pub(in crate::package) fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    stanzas(bytes).filter_map(|stanza| stanza.record())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "\
Package: libc6
Status: install ok installed
Priority: optional
Section: libs
Installed-Size: 12
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
Provides: libc6-2.36 (= 1), libc-any
Pre-Depends: dpkg (>= 1.15) | dpkg-old
Depends: libgcc-s1, libcrypt1 (>= 1:4.4.10-10) [linux-any], python3:any <!nocheck>,
 more
Recommends: libidn2-0 (>= 2.0.5~)
Conffiles:
 /etc/ld.so.conf.d/x.conf d4e7a7b88a71b5ffd9e2644e71a0cfab
 /etc/b 1 obsolete
Description: GNU C Library: Shared libraries
 Contains the standard libraries.
 .
 And more.

Package: gone
Status: deinstall ok config-files
Version: 1

no field here
package: bash
Essential: yes
Version: 5
Installed-Size: 99999999999999999999
 
Package: adduser
Priority: important
Status: install ok half-configured
";

    #[test]
    fn stanzas_become_packages() {
        let found: Vec<Record<'_>> = records(STATUS.as_bytes()).collect();
        let names: Vec<&str> = found.iter().map(|record| &*record.package.name).collect();
        assert_eq!(names, ["libc6", "bash", "adduser"]);
        let any = |names: &[&str]| Dependency {
            any: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let expected = Package {
            name: "libc6".to_owned(),
            version: Some("2.36-9".to_owned()),
            architecture: Some("amd64".to_owned()),
            section: Some("libs".to_owned()),
            summary: Some("GNU C Library: Shared libraries".to_owned()),
            declared: Some(12 * 1024),
            depends: vec![
                any(&["dpkg", "dpkg-old"]),
                any(&["libgcc-s1"]),
                any(&["libcrypt1"]),
                any(&["python3"]),
                any(&["more"]),
            ],
            recommends: vec![any(&["libidn2-0"])],
            provides: vec!["libc6-2.36".to_owned(), "libc-any".to_owned()],
            ..Package::default()
        };
        assert_eq!(found[0].package, expected);
        let conffiles: Vec<&[u8]> = found[0].conffiles().collect();
        assert_eq!(conffiles, [&b"/etc/ld.so.conf.d/x.conf"[..], b"/etc/b"]);
        assert!(found[1].package.essential && found[1].package.declared.is_none());
        assert!(found[2].package.essential);
    }

    #[test]
    fn broken_control_files_tell_what_they_can() {
        let check = |bytes: &[u8], expected: &[&str]| {
            let names: Vec<String> = records(bytes).map(|record| record.package.name).collect();
            assert_eq!(names, expected);
        };
        check(b"", &[]);
        check(b"\n\n \n:\n: x\n", &[]);
        check(b"Package", &[]);
        check(b"Package:", &[]);
        check(b" Package: a\n", &[]);
        check(b"Package: \xff\xfe\nVersion: \xff", &["\u{fffd}\u{fffd}"]);
        check(b"Package: a\r\nVersion: 1\r\n\r\nPackage: b", &["a", "b"]);
    }
}
