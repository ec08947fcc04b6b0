//! The records of a PAX header, and what they say about an entry.
//!
//! The last record of a key counts, and an empty value leaves what the header block says. A size
//! is digits and nothing else: readers take signs and empty sizes in different ways.

use std::ops::Range;

use twox_hash::XxHash3_64;

use super::numeric;

const OFFSET: &[u8] = b"GNU.sparse.offset";
const LENGTH: &[u8] = b"GNU.sparse.numbytes";
const XATTRS: [&[u8]; 2] = [b"SCHILY.xattr.", b"LIBARCHIVE.xattr."];

/// The records of one header.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The header's data, of which the others are ranges.
    pub data: Vec<u8>,
    /// Keys and values, in the order of the keys, each key once.
    list: Vec<(Range<usize>, Range<usize>)>,
    /// The values of sparse format 0.0, whose keys are repeated: offsets and lengths by turns.
    pairs: Vec<Range<usize>>,
    /// Whether a key was repeated that should not be.
    pub repeated: bool,
}

/// What the records say about an entry; empty texts say nothing.
#[derive(Debug, Default)]
pub(super) struct Values<'a> {
    pub path: &'a [u8],
    pub linkpath: &'a [u8],
    pub size: Option<i64>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    pub mtime: Option<i64>,
    /// A hash of the extended attributes; 0 for none.
    pub xattrs: u64,
    pub sparse: SparseKeys<'a>,
}

/// The keys that begin with `GNU.sparse.`.
#[derive(Debug, Default)]
pub(super) struct SparseKeys<'a> {
    /// Whether there are any.
    pub any: bool,
    pub major: &'a [u8],
    pub minor: &'a [u8],
    pub name: &'a [u8],
    pub size: &'a [u8],
    pub real_size: &'a [u8],
    pub blocks: &'a [u8],
    pub map: &'a [u8],
    /// Whether the map is in repeated keys; `map` does not count then.
    pub has_pairs: bool,
}

impl Records {
    /// Forgets all records.
    pub(super) fn clear(&mut self) {
        self.data.clear();
        self.list.clear();
        self.pairs.clear();
        self.repeated = false;
    }

    /// Splits the data into records; `None` if it is not made of such.
    pub(super) fn parse(&mut self) -> Option<()> {
        let mut at = 0;
        while at < self.data.len() {
            let (key, value) = record(&self.data, &mut at)?;
            match &self.data[key.clone()] {
                name @ (OFFSET | LENGTH) => {
                    let turn = if self.pairs.len().is_multiple_of(2) { OFFSET } else { LENGTH };
                    if name != turn || self.data[value.clone()].contains(&b',') {
                        return None;
                    }
                    self.pairs.push(value);
                }
                _ => self.list.push((key, value)),
            }
        }
        let Self { data, list, .. } = self;
        if list.len() > 1 {
            list.sort_by(|one, other| data[one.0.clone()].cmp(&data[other.0.clone()]));
            let before = list.len();
            list.dedup_by(|later, kept| {
                let same = data[later.0.clone()] == data[kept.0.clone()];
                if same {
                    kept.1 = later.1.clone();
                }
                same
            });
            self.repeated = list.len() < before;
        }
        Some(())
    }

    /// What the records say; the name of a key whose value is not what it should be otherwise.
    pub(super) fn values(&self) -> Result<Values<'_>, &'static str> {
        let mut values = Values::default();
        let mut xattrs = None;
        for (key, value) in &self.list {
            let (key, value) = (&self.data[key.clone()], &self.data[value.clone()]);
            if let Some(name) = key.strip_prefix(b"GNU.sparse.") {
                values.sparse.set(name, value);
            } else if XATTRS.iter().any(|prefix| key.starts_with(prefix)) {
                hash(xattrs.get_or_insert_with(|| XxHash3_64::with_seed(0)), key, value);
            } else {
                values.set(key, value)?;
            }
        }
        // A single empty offset is as good as none.
        let first = self.pairs.first().is_some_and(|value| !value.is_empty());
        if first || self.pairs.len() > 1 {
            values.sparse.has_pairs = true;
        } else if !self.pairs.is_empty() {
            values.sparse.map = &[];
        }
        values.sparse.any |= !self.pairs.is_empty();
        values.xattrs = xattrs.map_or(0, |hasher| std::hash::Hasher::finish(&hasher).max(1));
        Ok(values)
    }

    /// The numbers of a map in sparse format 0.0, as texts.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &[u8]> {
        self.pairs.iter().map(|value| &self.data[value.clone()])
    }
}

impl<'a> Values<'a> {
    fn set(&mut self, key: &[u8], value: &'a [u8]) -> Result<(), &'static str> {
        if key == b"size" {
            let digits = value.iter().all(u8::is_ascii_digit);
            let size = numeric::decimal(value).filter(|_| digits).ok_or("size")?;
            self.size = Some(size);
            return Ok(());
        }
        if value.is_empty() {
            return Ok(());
        }
        match key {
            b"path" => self.path = value,
            b"linkpath" => self.linkpath = value,
            b"uid" => self.uid = Some(numeric::decimal(value).ok_or("uid")?),
            b"gid" => self.gid = Some(numeric::decimal(value).ok_or("gid")?),
            b"mtime" => self.mtime = Some(numeric::seconds(value).ok_or("mtime")?),
            b"atime" => drop(numeric::seconds(value).ok_or("atime")?),
            b"ctime" => drop(numeric::seconds(value).ok_or("ctime")?),
            _ => {}
        }
        Ok(())
    }

    /// Whether there is something that means one entry only.
    pub(super) fn is_about_one_entry(&self) -> bool {
        !self.path.is_empty() || !self.linkpath.is_empty() || self.size.is_some() || self.sparse.any
    }
}

impl<'a> SparseKeys<'a> {
    fn set(&mut self, name: &[u8], value: &'a [u8]) {
        self.any = true;
        match name {
            b"major" => self.major = value,
            b"minor" => self.minor = value,
            b"name" => self.name = value,
            b"size" => self.size = value,
            b"realsize" => self.real_size = value,
            b"numblocks" => self.blocks = value,
            b"map" => self.map = value,
            _ => {}
        }
    }
}

/// Reads the record at `at` and moves behind it: `LENGTH KEY=VALUE\n`, where the length counts
/// itself.
fn record(data: &[u8], at: &mut usize) -> Option<(Range<usize>, Range<usize>)> {
    let start = *at;
    let space = start + data[start..].iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(numeric::decimal(&data[start..space])?).ok()?;
    if length < 5 || length > data.len() - start {
        return None;
    }
    let (from, end) = (space + 1, start + length);
    let text = data.get(from..end)?.strip_suffix(b"\n")?;
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&text[..equals], &text[equals + 1..]);
    let checked = match key {
        b"" => return None,
        b"path" | b"linkpath" | b"uname" | b"gname" => value,
        _ => key,
    };
    *at = end;
    (!checked.contains(&0)).then_some((from..from + equals, from + equals + 1..end - 1))
}

/// Adds a record so that no two lists of records look the same.
fn hash(hasher: &mut XxHash3_64, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        std::hash::Hasher::write(hasher, &(part.len() as u64).to_le_bytes());
        std::hash::Hasher::write(hasher, part);
    }
}
