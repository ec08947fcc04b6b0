//! Rows of a table in a file of `SQLite`, read from bytes.
//!
//! Reads rows in the order of their ids, and of each row one column. No journals: what is only in a
//! write-ahead log is not seen; no indexes, no tables without row ids. Each page is read once at
//! most and no more bytes come out than went in, so that any bytes take linear time and memory.
//!
//! <https://www.sqlite.org/fileformat2.html>

use std::borrow::Cow;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where the first page's tree starts: behind the file's header.
const FIRST: usize = 100;
/// What a record counts at least: as much as keeping it takes.
const LEAST: usize = 24;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// The values that column `column` has in the rows of a table, those that are text or a blob.
///
/// `None` if the bytes are not such a file, or damaged.
pub(in crate::package) fn column<'a>(
    bytes: &'a [u8],
    table: &[u8],
    column: usize,
) -> Option<Vec<Cow<'a, [u8]>>> {
    let file = File::open(bytes)?;
    let mut root = None;
    for record in Walk::new(&file).records(1)? {
        // The schema: type, name, table, root page, definition.
        if value(&record, 0)? == b"table" && value(&record, 1)? == table {
            root = integer(value(&record, 3)?);
        }
    }
    let records = Walk::new(&file).records(root?)?;
    let part = |record: Cow<'a, [u8]>| {
        let range = range(&record, column)?;
        Some(match record {
            Cow::Borrowed(record) => Cow::Borrowed(&record[range]),
            Cow::Owned(record) => Cow::Owned(record[range].to_vec()),
        })
    };
    records.into_iter().map(part).collect()
}

/// Whether bytes start as a file of `SQLite` does.
pub(super) fn is_sqlite(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

struct File<'a> {
    bytes: &'a [u8],
    page: usize,
    /// Bytes of a page that hold something.
    usable: usize,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        if !is_sqlite(bytes) || bytes.len() < FIRST {
            return None;
        }
        let page = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 1 << 16,
            size => usize::from(size),
        };
        let usable = page.checked_sub(usize::from(bytes[20]))?;
        (page.is_power_of_two() && page >= 512 && usable >= 480).then_some(Self {
            bytes,
            page,
            usable,
        })
    }

    fn page(&self, number: usize) -> Option<&'a [u8]> {
        let start = number.checked_sub(1)?.checked_mul(self.page)?;
        self.bytes.get(start..)?.get(..self.usable)
    }
}

/// A walk over the pages of one table.
struct Walk<'f, 'a> {
    file: &'f File<'a>,
    /// By page, whether it was read.
    seen: Vec<bool>,
    /// Bytes that may still come out.
    left: usize,
}

impl<'f, 'a> Walk<'f, 'a> {
    fn new(file: &'f File<'a>) -> Self {
        let pages = file.bytes.len() / file.page;
        Self { file, seen: vec![false; pages], left: file.bytes.len() }
    }

    fn page(&mut self, number: usize) -> Option<&'a [u8]> {
        let seen = self.seen.get_mut(number.checked_sub(1)?)?;
        let first = !std::mem::replace(seen, true);
        first.then(|| self.file.page(number)).flatten()
    }

    /// The records of the tree with this root.
    fn records(&mut self, root: usize) -> Option<Vec<Cow<'a, [u8]>>> {
        let mut records = Vec::new();
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            let page = self.page(number)?;
            let start = if number == 1 { FIRST } else { 0 };
            let count = usize::from(short(page, start + 3)?);
            let kind = *page.get(start)?;
            let first = start + if kind == LEAF { 8 } else { 12 };
            let cells = (0..count).map(|cell| short(page, first + 2 * cell).map(usize::from));
            match kind {
                LEAF => {
                    for cell in cells {
                        records.push(self.record(page, cell?)?);
                    }
                }
                INTERIOR => {
                    waiting.push(long(page, start + 8)?);
                    for cell in cells.rev() {
                        waiting.push(long(page, cell?)?);
                    }
                }
                _ => return None,
            }
        }
        Some(records)
    }

    /// The record of a cell, what of it is on other pages included.
    fn record(&mut self, page: &'a [u8], cell: usize) -> Option<Cow<'a, [u8]>> {
        let mut rest = page.get(cell..)?;
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        varint(&mut rest)?;
        self.left = self.left.checked_sub(length.max(LEAST))?;
        let local = local(length, self.file.usable);
        let here = rest.get(..local)?;
        if local == length {
            return Some(Cow::Borrowed(here));
        }
        let mut record = here.to_vec();
        let mut next = long(rest, local)?;
        while record.len() < length {
            let page = self.page(next)?;
            next = long(page, 0)?;
            let rest = &page[4..];
            record.extend_from_slice(&rest[..rest.len().min(length - record.len())]);
        }
        Some(Cow::Owned(record))
    }
}

/// How many bytes of a record are in its cell.
fn local(length: usize, usable: usize) -> usize {
    let most = usable - 35;
    if length <= most {
        return length;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let even = least + (length - least) % (usable - 4);
    if even <= most { even } else { least }
}

/// Where a record has the value of a column.
fn range(record: &[u8], column: usize) -> Option<std::ops::Range<usize>> {
    let mut rest = record;
    let header = usize::try_from(varint(&mut rest)?).ok()?;
    let mut types = record.get(record.len() - rest.len()..header)?;
    let mut start = header;
    for _ in 0..column {
        start = start.checked_add(size(varint(&mut types)?)?)?;
    }
    let end = start.checked_add(size(varint(&mut types)?)?)?;
    (end <= record.len()).then_some(start..end)
}

fn value(record: &[u8], column: usize) -> Option<&[u8]> {
    record.get(range(record, column)?)
}

/// Bytes that a value of a type takes.
fn size(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => usize::try_from((kind - 12) / 2).ok(),
    }
}

/// A number that is not negative. (Zero and one may take no bytes; no page has these.)
fn integer(bytes: &[u8]) -> Option<usize> {
    let number = bytes
        .iter()
        .try_fold(0_u64, |sum, byte| sum.checked_mul(256).map(|sum| sum | u64::from(*byte)));
    usize::try_from(number?).ok()
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(bytes.get(at..)?.first_chunk().copied()?)).ok()
}

/// Takes a number of up to nine bytes, seven bits each but for the last.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..9 {
        let byte = *rest.get(at)?;
        if at == 8 {
            number = number << 8 | u64::from(byte);
        } else {
            number = number << 7 | u64::from(byte & 0x7f);
        }
        if at == 8 || byte < 0x80 {
            *rest = &rest[at + 1..];
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = include_bytes!("../../../testdata/rpm/table.sqlite");

    /// What `testdata/rpm/make.sh` puts into a row.
    fn expected(row: usize) -> Vec<u8> {
        (0..row * row).map(|at| u8::try_from((at + row) % 251).unwrap()).collect()
    }

    #[test]
    fn rows_come_in_order_with_all_their_pages() {
        let rows = column(SAMPLE, b"sample", 1).unwrap();
        assert_eq!(rows.len(), 60);
        for (row, value) in rows.iter().enumerate() {
            assert!(**value == expected(row), "{row}");
        }
        assert_eq!(column(SAMPLE, b"empty", 1).unwrap().len(), 0);
        assert!(column(SAMPLE, b"none", 1).is_none());
    }

    #[test]
    fn damaged_files_are_refused() {
        let cut = &SAMPLE[..SAMPLE.len() / 2];
        assert!(column(cut, b"sample", 1).is_none());
        for at in [0, 16, 17, 20] {
            let mut bytes = SAMPLE.to_vec();
            bytes[at] ^= 0xff;
            assert!(column(&bytes, b"sample", 1).is_none(), "{at}");
        }
    }

    #[test]
    fn pages_in_a_circle_end() {
        // An interior page whose only child is itself.
        let mut bytes = SAMPLE.to_vec();
        bytes[FIRST] = INTERIOR;
        bytes[FIRST + 3..FIRST + 5].copy_from_slice(&[0, 0]);
        bytes[FIRST + 8..FIRST + 12].copy_from_slice(&[0, 0, 0, 1]);
        assert!(column(&bytes, b"sample", 1).is_none());
    }
}
