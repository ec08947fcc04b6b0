//! Streams as data: what a walker tells of each.

mod headers;
mod properties;
mod sparse;
mod stream;

use std::fmt::Write as _;

use super::archive::{Archive, GNU, Head, USTAR, part, record};
use super::fuzzing::{Listing, list_tar, tar_walker};

/// Holds what is told of a stream against lines: one for each entry (kind, name, stored and
/// apparent bytes, target, oddities), one for each oddity beside them, one for an error, of which
/// a part is enough.
fn check(name: &str, stream: &[u8], expected: &[&str]) {
    let lines = lines(&list_tar(stream));
    let is_same = lines.len() == expected.len()
        && lines.iter().zip(expected).all(|(line, expected)| {
            match expected.strip_prefix("error:") {
                Some(part) => line.starts_with("error:") && line.contains(part),
                None => line == expected,
            }
        });
    assert!(is_same, "{name}:\n{lines:#?}\nis not\n{expected:#?}");
    if stream.len() < 100_000 {
        tar_walker(stream);
    }
}

fn lines(listing: &Listing) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in &listing.entries {
        let mut line = format!("{} {}", entry.kind.as_str(), entry.name.escape_ascii());
        if entry.size > 0 || entry.stored > 0 {
            write!(line, " {}", entry.stored).unwrap();
        }
        if entry.sparse {
            write!(line, " of {}", entry.size).unwrap();
        }
        if !entry.link.is_empty() {
            write!(line, " -> {}", entry.link.escape_ascii()).unwrap();
        }
        entry.oddities.iter().for_each(|oddity| write!(line, " !{oddity:?}").unwrap());
        lines.push(line);
    }
    lines.extend(listing.odd.iter().map(|oddity| format!("~{oddity:?}")));
    lines.extend(listing.error.iter().map(|(kind, text)| format!("error: {kind:?}: {text}")));
    lines
}

/// An archive with one file behind something, to see that it is still found.
fn before_file(archive: Archive) -> Vec<u8> {
    archive.file("next", b"12345").end()
}
