//! What must hold for any records; `fuzz/README.md` says how it is used.

use super::dpkg;
use super::rpm::{Header, column};
use super::{Package, apk};

/// Texts of a package together.
fn texts(package: &Package) -> usize {
    let needs = package.depends.iter().chain(&package.recommends).flat_map(|need| &need.any);
    let some = [&package.version, &package.architecture, &package.section, &package.summary];
    let some = some.into_iter().flatten();
    let lengths = needs.chain(&package.provides).chain(some).map(String::len);
    package.name.len() + lengths.sum::<usize>()
}

/// No more text than three bytes for each: a byte that is no UTF-8 becomes U+FFFD.
fn check(packages: impl Iterator<Item = Package>, bytes: &[u8]) {
    let mut sum = 0;
    for package in packages {
        assert!(!package.name.is_empty());
        sum += texts(&package);
    }
    assert!(sum <= 3 * bytes.len(), "more is told than there is");
}

/// Reads bytes as the status of dpkg.
///
/// # Panics
///
/// If more comes out than went in.
pub fn dpkg_status(bytes: &[u8]) {
    let records: Vec<dpkg::Record<'_>> = dpkg::records(bytes).collect();
    let conffiles =
        records.iter().flat_map(dpkg::Record::conffiles).map(<[u8]>::len).sum::<usize>();
    assert!(conffiles <= bytes.len());
    check(records.into_iter().map(|record| record.package), bytes);
}

/// Reads bytes as the database of apk.
///
/// # Panics
///
/// If more comes out than went in.
pub fn apk_installed(bytes: &[u8]) {
    check(apk::records(bytes).map(|record| record.package), bytes);
}

/// Reads bytes as a file of `SQLite` with the table of rpm, and what it holds as headers.
///
/// # Panics
///
/// If more comes out than went in.
pub fn rpm_sqlite(bytes: &[u8]) {
    let rows = column(bytes, b"Packages", 1).unwrap_or_default();
    assert!(rows.iter().map(|row| row.len()).sum::<usize>() <= bytes.len());
    for row in &rows {
        rpm_header(row);
    }
}

/// Reads bytes as a header of rpm.
///
/// # Panics
///
/// If there are more files than bytes.
pub fn rpm_header(bytes: &[u8]) {
    let Some(header) = Header::parse(bytes) else { return };
    assert!(header.files().count() <= bytes.len());
    assert!(header.package().is_none_or(|package| !package.name.is_empty()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &[u8] = include_bytes!("../../testdata/rpm/rpmdb.sqlite");

    fn lines(words: &'static [&'static str]) -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(words), 0..60)
            .prop_map(|words| words.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_bytes_are_no_trouble(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            dpkg_status(&bytes);
            apk_installed(&bytes);
            rpm_sqlite(&bytes);
            rpm_header(&bytes);
        }

        #[test]
        fn nor_are_lines_in_any_order(text in lines(&[
            "Package: a", "Version: 1", "Depends: a | b, c", "Status: x", " /etc/x 1", "Conffiles:",
            "P:a", "V:1", "F:usr", "R:x", "D:a b>1", "\n", "\n", "\n\n", " ", ":", "\u{fffd}",
        ])) {
            dpkg_status(text.as_bytes());
            apk_installed(text.as_bytes());
        }

        #[test]
        fn nor_are_damaged_databases(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        ) {
            let mut bytes = SAMPLE.to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            rpm_sqlite(&bytes);
        }
    }
}
