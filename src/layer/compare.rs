//! Whether a table of contents says what the layer itself says.

use std::collections::HashMap;

use super::{Attributes, Entry, Kind, Link, Source, Toc};

/// The entry that a writer of eStargz adds for its own table.
const ESTARGZ_TABLE: &[u8] = b"stargz.index.json";

/// What has to agree of the last entry at a path.
#[derive(PartialEq, Eq)]
struct Said {
    kind: Kind,
    size: u64,
    attributes: Attributes,
    link: Option<Vec<u8>>,
}

/// Whether `listed`, a table of contents, differs from `read`, the whole layer, in what it lists:
/// paths, kinds, sizes, owners, modes and links. Of a path that is there more than once the last
/// entry counts.
pub fn differs(listed: &Toc, read: &Toc) -> bool {
    let (listed_entries, mut read_entries) = (last_entries(listed), last_entries(read));
    if listed.source == Source::EStargz {
        let table = (ESTARGZ_TABLE.to_vec(), false);
        if !listed_entries.contains_key(&table) {
            read_entries.remove(&table);
        }
    }
    listed_entries != read_entries
}

/// A whiteout and what it hides have the same path, so markers are kept apart.
fn last_entries(toc: &Toc) -> HashMap<(Vec<u8>, bool), Said> {
    let key = |entry: &Entry| (toc.paths.join(entry.path), entry.kind.is_marker());
    toc.entries.iter().map(|entry| (key(entry), said(toc, entry))).collect()
}

fn said(toc: &Toc, entry: &Entry) -> Said {
    // Formats differ in whether they keep extended attributes.
    let attributes = Attributes { xattrs: 0, ..toc.attributes(entry) };
    let link = entry.link.map(|link| match link {
        Link::Hard(target) => toc.paths.join(target),
        Link::Symbolic(text) => toc.text(text).to_vec(),
    });
    Said { kind: entry.kind, size: entry.size, attributes, link }
}

#[cfg(test)]
mod tests {
    use super::super::{Hashing, Limits, TocBuilder};
    use super::*;

    fn toc(source: Source, entries: &[(&str, Kind, u64)]) -> Toc {
        let mut builder = TocBuilder::new(source, Hashing::Xxh3, Limits::default());
        for (name, kind, size) in entries {
            builder.add(name.as_bytes(), *kind, *size, 0, Attributes::default()).unwrap();
        }
        builder.finish(0)
    }

    #[test]
    fn only_what_is_listed_counts_and_only_the_last_of_a_path() {
        let check = |listed: &[(&str, Kind, u64)], read: &[(&str, Kind, u64)], expected: bool| {
            let (listed, read) = (toc(Source::EStargz, listed), toc(Source::Stream, read));
            assert_eq!(differs(&listed, &read), expected, "{listed:?} {read:?}");
        };
        let file = |name: &'static str, size| (name, Kind::File, size);
        check(&[file("a", 1)], &[file("./a", 1)], false);
        check(&[file("a", 1)], &[file("a", 1), file("stargz.index.json", 9)], false);
        check(&[file("a", 1)], &[file("a", 2)], true);
        check(&[file("a", 1)], &[file("a", 1), file("b", 0)], true);
        check(&[file("a", 1), file("b", 0)], &[file("a", 1)], true);
        check(&[file("a", 2)], &[file("a", 1), file("a", 2)], false);
        check(&[file("a", 0), file(".wh.a", 0)], &[file(".wh.a", 0), file("a", 0)], false);
        check(&[("a", Kind::Directory, 0)], &[file("a", 0)], true);
    }
}
