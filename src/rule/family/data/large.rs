//! Large files that nothing else explains.

use super::DATA;
use crate::ledger::AtomId;
use crate::owner::OwnerKind;
use crate::rule::{Candidate, Claim, Detect, Facts, Phrase, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "data-large-files",
    title: "Large files that nothing explains",
    min: LARGE,
    detect: Detect::Layers(large_files),
    why: "No package and no known tool owns them. Data that a container fetches or mounts costs no \
          pull of the image.",
    fix: "RUN --mount=type=bind,from=data,target=/data {{cmd}}\n\
          # or fetch them when the container starts",
    caution: "It may be the application itself, or its model.",
    ..DATA
}];

const LARGE: u64 = 100_000_000;

/// What a file is by bytes at a place of it.
const KINDS: [(usize, &[u8], &str); 18] = [
    (0, b"PAR1", "Parquet"),
    (0, b"ARROW1", "Arrow"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 or NetCDF"),
    (0, b"CDF", "NetCDF"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"SQLite format 3\x00", "SQLite"),
    (0, b"PK\x03\x04", "zip archive"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
    (0, b"BZh", "bzip2"),
    (0, b"\x7fELF", "program or library"),
    (0, b"QFI\xfb", "disk image"),
    (0, b"KDMV", "disk image"),
    (4, b"ftyp", "video"),
    (257, b"ustar", "tar archive"),
    (344, b"n+1\x00", "NIfTI"),
];

/// A candidate for each file. It gives way to whatever describes the file more closely.
fn large_files(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let files = ledger.live().iter().copied();
    let large =
        files.filter(|file| ledger.atom(*file).bytes >= LARGE && is_unexplained(facts, *file));
    large.map(|file| candidate(facts, file)).collect()
}

fn is_unexplained(facts: &Facts<'_>, file: AtomId) -> bool {
    let owner = facts.owners.owner(facts.owners.of(file));
    matches!(owner.kind, OwnerKind::Application | OwnerKind::Unowned)
}

fn candidate(facts: &Facts<'_>, file: AtomId) -> Candidate {
    let path = facts.ledger.path(file);
    let mut message = Phrase::words("A large file that nothing explains: ").path(&path);
    if let Some(kind) = kind(facts, file) {
        message = message.and(" (").and(kind).and(")");
    }
    let anchor = String::from_utf8_lossy(&path).into_owned();
    Candidate::new(anchor, message, Claim::files([file]))
}

fn kind(facts: &Facts<'_>, file: AtomId) -> Option<&'static str> {
    let document = facts.documents.at(facts.ledger, facts.ledger.atom(file).node)?;
    let fits = |at: usize, magic: &[u8]| document.head.get(at..at + magic.len()) == Some(magic);
    KINDS.iter().find(|(at, magic, _)| fits(*at, magic)).map(|(.., kind)| *kind)
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn large_files() {
        let image = "
COPY . /app
  app/a.blob 150_000_000
  app/b.blob 120_000_000
  app/c.blob 90_000_000
";
        check("data-large-files", image, &[150_000_000, 120_000_000]);
    }

    #[test]
    fn what_describes_a_file_more_closely_gets_it() {
        let image = "COPY . /app\n  app/m.gguf 150_000_000\n  app/x.sql 120_000_000\n";
        let ids: Vec<_> = found(image, &["data"]).iter().map(|finding| finding.rule.id).collect();
        assert_eq!(ids, ["data-database-dumps", "data-model-weights"]);
    }
}
