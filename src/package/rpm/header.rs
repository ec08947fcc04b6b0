//! The header of an rpm package, as its database keeps it: an index of tags and their values.

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const SUMMARY: u32 = 1004;
const SIZE: u32 = 1009;
const GROUP: u32 = 1016;
const ARCH: u32 = 1022;
const FILE_STATES: u32 = 1029;
const FILE_FLAGS: u32 = 1037;
const PROVIDE_NAME: u32 = 1047;
const REQUIRE_NAME: u32 = 1049;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const LONG_SIZE: u32 = 5009;
const RECOMMEND_NAME: u32 = 5046;

/// Types of values.
const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;
const STRINGS: u32 = 8;
const LOCALIZED: u32 = 9;

/// The flag of a file that the package owns but does not bring.
const GHOST: u32 = 1 << 6;

use crate::package::text::{MOST_NAMES, some_text, text};
use crate::package::{Dependency, Ecosystem, Package};

/// A header: its index and what that points into.
#[derive(Clone, Copy)]
pub(in crate::package) struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    /// Takes a header apart; `None` if the bytes are shorter than they say.
    pub(in crate::package) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let length = |at: usize| usize::try_from(number(bytes, at)?).ok();
        let index_end = length(0)?.checked_mul(16)?.checked_add(8)?;
        let data_end = index_end.checked_add(length(4)?)?;
        Some(Self { index: bytes.get(8..index_end)?, data: bytes.get(index_end..data_end)? })
    }

    /// The type of a tag's values, how many there are, and all that follows from the first.
    fn find(self, tag: u32) -> Option<(u32, usize, &'a [u8])> {
        let row = self.index.chunks_exact(16).find(|row| number(row, 0) == Some(tag))?;
        let at = |place: usize| usize::try_from(number(row, place)?).ok();
        Some((number(row, 4)?, at(12)?, self.data.get(at(8)?..)?))
    }

    /// Texts of a tag, as many as there are.
    fn strings(self, tag: u32) -> impl Iterator<Item = &'a [u8]> {
        let found = self.find(tag).filter(|(kind, ..)| [STRING, STRINGS, LOCALIZED].contains(kind));
        let (_, count, data) = found.unwrap_or((STRINGS, 0, b""));
        data.split(|byte| *byte == 0).take(count)
    }

    fn names(self, tag: u32) -> impl Iterator<Item = &'a [u8]> {
        self.strings(tag).take(MOST_NAMES)
    }

    fn string(self, tag: u32) -> Option<String> {
        self.strings(tag).next().and_then(some_text)
    }

    fn numbers(self, tag: u32) -> impl Iterator<Item = u32> {
        let (_, count, data) =
            self.find(tag).filter(|(kind, ..)| *kind == INT32).unwrap_or((INT32, 0, b""));
        let (chunks, _) = data.as_chunks::<4>();
        chunks.iter().take(count).map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn size(self) -> Option<u64> {
        let long = self.find(LONG_SIZE).filter(|(kind, ..)| *kind == INT64);
        let long = long.and_then(|(_, _, data)| data.first_chunk().copied());
        long.map(u64::from_be_bytes).or_else(|| self.numbers(SIZE).next().map(u64::from))
    }

    /// The package; without files, layer and the like. `None` without a name, and for keys, which
    /// are kept as packages.
    pub(in crate::package) fn package(self) -> Option<Package> {
        let name = self.string(NAME).filter(|name| name != "gpg-pubkey")?;
        let version = self.string(VERSION).map(|version| {
            let epoch = self.numbers(EPOCH).next().filter(|epoch| *epoch > 0);
            let epoch = epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
            let release = self.string(RELEASE).map_or(String::new(), |text| format!("-{text}"));
            format!("{epoch}{version}{release}")
        });
        Some(Package {
            ecosystem: Ecosystem::Rpm,
            name,
            version,
            architecture: self.string(ARCH),
            section: self.string(GROUP).filter(|group| group != "Unspecified"),
            summary: self.string(SUMMARY),
            declared: self.size(),
            depends: self.names(REQUIRE_NAME).filter_map(need).collect(),
            recommends: self.names(RECOMMEND_NAME).filter_map(need).collect(),
            provides: self.names(PROVIDE_NAME).map(text).collect(),
            ..Package::default()
        })
    }

    /// The files that it brought: directories, which end with a slash, and names in them.
    pub(in crate::package) fn files(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let directories: Vec<&[u8]> = self.strings(DIR_NAMES).collect();
        let mut flags = self.numbers(FILE_FLAGS);
        let states = self.find(FILE_STATES).map_or(&b""[..], |(_, _, data)| data);
        let names = self.strings(BASE_NAMES).zip(self.numbers(DIR_INDEXES)).enumerate();
        names.filter_map(move |(at, (name, directory))| {
            let is_ghost = flags.next().unwrap_or_default() & GHOST != 0;
            // Anything but 0: replaced, left out, or not for this machine.
            let is_there = !is_ghost && states.get(at).is_none_or(|state| *state == 0);
            let directory = *directories.get(usize::try_from(directory).ok()?)?;
            is_there.then_some((directory, name))
        })
    }
}

/// What a requirement names. Features of rpm itself are none, nor are conditions.
fn need(name: &[u8]) -> Option<Dependency> {
    if name.is_empty() || name.starts_with(b"rpmlib(") {
        return None;
    }
    let Some(rich) = name.strip_prefix(b"(") else {
        return Some(Dependency { any: vec![text(name)] });
    };
    let words = text(rich.strip_suffix(b")").unwrap_or(rich));
    if ["(", " if ", " unless ", " and ", " with ", " without "]
        .iter()
        .any(|word| words.contains(word))
    {
        return None;
    }
    let first = |part: &str| part.split_whitespace().next().map(str::to_owned);
    let any: Vec<String> = words.split(" or ").filter_map(first).collect();
    (!any.is_empty()).then_some(Dependency { any })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of tags with their types, counts and values.
    fn header(rows: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, count, value) in rows {
            let offset = u32::try_from(data.len()).unwrap();
            for number in [*tag, *kind, offset, *count] {
                index.extend_from_slice(&number.to_be_bytes());
            }
            data.extend_from_slice(value);
        }
        let lengths = [rows.len(), data.len()].map(|length| u32::try_from(length).unwrap());
        [&lengths[0].to_be_bytes(), &lengths[1].to_be_bytes(), &*index, &*data].concat()
    }

    #[test]
    fn tags_become_a_package() {
        let bytes = header(&[
            (NAME, STRING, 1, b"bash\0"),
            (VERSION, STRING, 1, b"5.2\0"),
            (RELEASE, STRING, 1, b"1.el9\0"),
            (EPOCH, INT32, 1, &[0, 0, 0, 2]),
            (SUMMARY, LOCALIZED, 2, b"A shell\0Eine Schale\0"),
            (LONG_SIZE, INT64, 1, &[0, 0, 0, 1, 0, 0, 0, 0]),
            (SIZE, INT32, 1, &[0, 0, 0, 1]),
            (REQUIRE_NAME, STRINGS, 4, b"/bin/sh\0rpmlib(X)\0(a or b >= 1)\0(c if d)\0"),
            (PROVIDE_NAME, STRINGS, 2, b"bash\0bash(x86-64)\0"),
            (FILE_STATES, 1, 4, &[0, 0, 2, 0]),
            (FILE_FLAGS, INT32, 4, &[0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 1]),
            (DIR_INDEXES, INT32, 4, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
            (BASE_NAMES, STRINGS, 4, b"bash\0ghost\0left-out\0nowhere\0"),
            (DIR_NAMES, STRINGS, 2, b"/etc/\0/usr/bin/\0"),
        ]);
        let header = Header::parse(&bytes).unwrap();
        let package = header.package().unwrap();
        assert_eq!((&*package.name, package.version.as_deref()), ("bash", Some("2:5.2-1.el9")));
        assert_eq!(package.declared, Some(1 << 32));
        assert_eq!(package.summary.as_deref(), Some("A shell"));
        let needs: Vec<_> = package.depends.iter().map(|need| need.any.join("|")).collect();
        assert_eq!(needs, ["/bin/sh", "a|b"]);
        assert_eq!(package.provides, ["bash", "bash(x86-64)"]);
        let files: Vec<_> = header.files().collect();
        assert_eq!(files, [(&b"/usr/bin/"[..], &b"bash"[..])]);
    }

    #[test]
    fn broken_headers_are_no_packages() {
        let check = |bytes: &[u8]| {
            assert!(Header::parse(bytes).and_then(Header::package).is_none(), "{bytes:?}");
        };
        check(b"");
        check(&[0; 8]);
        check(&[0xff; 64]);
        check(&header(&[(NAME, INT32, 1, b"bash\0")]));
        check(&header(&[(NAME, STRING, 1, b"gpg-pubkey\0")]));
        let mut far = header(&[(NAME, STRING, 1, b"bash\0")]);
        far[16..20].copy_from_slice(&[0xff; 4]);
        check(&far);
    }
}
