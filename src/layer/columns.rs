//! The entries of a listing in columns, for [`super::codec`].
//!
//! What stands in one column is alike, so it compresses better and decodes faster than rows. Up
//! to [`BLOCK`] entries make a block, so that neither side has more than a block twice.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ContentHash, Entry, Kind, Link, PathId};

/// Entries of a block; the last one may have fewer.
const BLOCK: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Block {
    /// Less the one before, which for the first is 0.
    paths: Vec<i64>,
    kinds: Vec<Kind>,
    sizes: Vec<u64>,
    compressed: Vec<u64>,
    /// Less the one before, which for the first is 0; modulo 2^64.
    mtimes: Vec<i64>,
    attributes: Vec<u32>,
    /// By position in the block.
    links: Vec<(u16, Link)>,
    /// Positions in the block of the entries without a hash.
    unhashed: Vec<u16>,
    #[serde(with = "serde_bytes")]
    hashes: Vec<u8>,
}

pub(super) fn serialize<S: Serializer>(
    entries: &[Entry],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries.chunks(BLOCK).map(Block::of))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Cow<'static, [Entry]>, D::Error> {
    deserializer.deserialize_seq(Blocks).map(Cow::Owned)
}

struct Blocks;

impl<'de> Visitor<'de> for Blocks {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blocks of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut blocks: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::new();
        while let Some(block) = blocks.next_element::<Block>()? {
            block.add_to(&mut entries).ok_or_else(|| A::Error::custom("columns do not fit"))?;
        }
        Ok(entries)
    }
}

impl Block {
    fn of(entries: &[Entry]) -> Self {
        let column = |value: fn(&Entry) -> u64| entries.iter().map(value).collect();
        // Bounded by the size of a block.
        let position = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        let placed = || entries.iter().enumerate().map(|(at, entry)| (position(at), entry));
        Self {
            paths: differences(entries.iter().map(|entry| i64::from(entry.path.number()))),
            kinds: entries.iter().map(|entry| entry.kind).collect(),
            sizes: column(|entry| entry.size),
            compressed: column(|entry| entry.compressed),
            mtimes: differences(entries.iter().map(|entry| entry.mtime)),
            attributes: entries.iter().map(|entry| entry.attributes).collect(),
            links: placed().filter_map(|(at, entry)| Some((at, entry.link?))).collect(),
            unhashed: placed()
                .filter_map(|(at, entry)| entry.hash.is_none().then_some(at))
                .collect(),
            hashes: entries.iter().filter_map(|entry| entry.hash).flat_map(|hash| hash.0).collect(),
        }
    }

    /// `None` if the columns are not those of one list of entries.
    fn add_to(&self, entries: &mut Vec<Entry>) -> Option<()> {
        let length = self.paths.len();
        let columns =
            [self.kinds.len(), self.sizes.len(), self.compressed.len(), self.mtimes.len()];
        let even = columns.into_iter().all(|other| other == length);
        if !even || self.attributes.len() != length || length > BLOCK {
            return None;
        }
        let first = entries.len();
        let (mut path, mut mtime) = (0_i64, 0_i64);
        for at in 0..length {
            path = path.wrapping_add(self.paths[at]);
            mtime = mtime.wrapping_add(self.mtimes[at]);
            entries.push(Entry {
                path: PathId::numbered(u32::try_from(path).ok()?),
                kind: self.kinds[at],
                size: self.sizes[at],
                compressed: self.compressed[at],
                mtime,
                attributes: self.attributes[at],
                link: None,
                hash: Some(ContentHash([0; 16])),
            });
        }
        let block = &mut entries[first..];
        for (at, link) in &self.links {
            block.get_mut(usize::from(*at))?.link = Some(*link);
        }
        for at in &self.unhashed {
            block.get_mut(usize::from(*at))?.hash = None;
        }
        let (hashes, rest) = self.hashes.as_chunks();
        let mut hashes = hashes.iter();
        for hash in block.iter_mut().filter_map(|entry| entry.hash.as_mut()) {
            hash.0 = *hashes.next()?;
        }
        (rest.is_empty() && hashes.next().is_none()).then_some(())
    }
}

fn differences(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut before = 0_i64;
    let less = |value: i64| {
        let difference = value.wrapping_sub(before);
        before = value;
        difference
    };
    values.map(less).collect()
}
