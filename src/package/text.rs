//! Text of records: bytes that should be UTF-8 and lines that may be cut.

use super::Package;
use crate::ledger::Document;

/// Names that a package is taken to need or provide, of each kind.
pub(super) const MOST_NAMES: usize = 50_000;
/// The same for all packages of a database together. All of Debian has less.
const MOST_NAMES_TOGETHER: usize = 2_000_000;

/// A text without what surrounds it; bytes that are no UTF-8 become U+FFFD.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).into_owned()
}

/// The same; `None` if nothing is left.
pub(super) fn some_text(bytes: &[u8]) -> Option<String> {
    Some(text(bytes)).filter(|text| !text.is_empty())
}

/// A decimal number.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes.trim_ascii()).ok()?.parse().ok()
}

/// The parts of a document between which nothing is missing, without a `separator` being cut:
/// all of it, or what is whole of its head and of its tail.
pub(super) fn parts<'a>(document: &Document<'a>, separator: &[u8]) -> Vec<&'a [u8]> {
    if document.is_complete() {
        return vec![document.head];
    }
    let mut places = document.head.windows(separator.len());
    let head = places.rposition(|window| window == separator).unwrap_or_default();
    let mut places = document.tail.windows(separator.len());
    let tail = places.position(|window| window == separator).unwrap_or(document.tail.len());
    vec![&document.head[..head], &document.tail[tail..]]
}

/// Lines that are not empty.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The name in a text such as `name (>= 1)`, `name>1` or `name:any`: up to what is not part of it.
pub(super) fn name_of<'a>(bytes: &'a [u8], ends: &[u8]) -> &'a [u8] {
    let bytes = bytes.trim_ascii();
    let end = bytes.iter().position(|byte| byte.is_ascii_whitespace() || ends.contains(byte));
    &bytes[..end.unwrap_or(bytes.len())]
}

/// The records of a database, and whether these are all: they end where their packages would take
/// too much memory.
pub(super) fn bounded<R>(
    records: impl Iterator<Item = R>,
    package: impl Fn(&R) -> &Package,
) -> (Vec<R>, bool) {
    let mut left = MOST_NAMES_TOGETHER;
    let mut kept = Vec::new();
    for record in records {
        let package = package(&record);
        let names = [package.depends.len(), package.recommends.len(), package.provides.len()];
        let Some(rest) = left.checked_sub(10 + names.iter().sum::<usize>()) else {
            return (kept, false);
        };
        left = rest;
        kept.push(record);
    }
    (kept, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_without_end_are_cut() {
        let check = |count: usize, is_all: bool| {
            let records = std::iter::repeat_with(Package::default).take(count);
            let (kept, all) = bounded(records, |package| package);
            assert_eq!((kept.len() == count, all), (is_all, is_all), "{count}");
        };
        check(0, true);
        check(150_000, true);
        check(250_000, false);
    }
}
