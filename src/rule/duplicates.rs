//! Contents that several visible files have in common.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Facts;
use crate::layer::{ContentHash, Hashing};
use crate::ledger::{AtomId, Ledger};

/// Groups that are kept.
const GROUPS: usize = 100;
/// Paths that are kept of each.
const PATHS: usize = 20;

/// Contents that several visible files have in common. A file with several names is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Content bytes of all files beyond the first of each content.
    pub bytes: u64,
    /// Bytes of blobs of those.
    pub compressed: u64,
    /// How many files those are.
    pub files: u64,
    /// The contents that waste most, those first.
    pub groups: Vec<DuplicateGroup>,
    /// How many contents there are beside those.
    pub more: u64,
}

/// Visible files of one content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateGroup {
    /// How the content was hashed.
    pub hashing: Hashing,
    /// The hash of the content.
    pub hash: ContentHash,
    /// Content bytes of each.
    pub size: u64,
    /// Bytes of blobs of all but the first.
    pub compressed: u64,
    /// How many files there are.
    pub files: u64,
    /// Where they are, the first in the order of the tree; without slashes at the start.
    pub paths: Vec<Vec<u8>>,
}

impl DuplicateGroup {
    /// Content bytes of all but one.
    pub fn wasted(&self) -> u64 {
        self.size.saturating_mul(self.files.saturating_sub(1))
    }
}

type Identity = (Hashing, u64, ContentHash);

/// Finds the contents that several visible files have in common; takes time linear in the files.
///
/// Files of which the hash is not known are left out.
pub fn duplicates(facts: &Facts<'_>) -> Duplicates {
    let ledger = facts.ledger;
    let mut found = Duplicates::default();
    let mut groups: Vec<(u64, Identity, Vec<AtomId>)> = Vec::new();
    for (identity, files) in groups_of(ledger, |file| ledger.atom(file).bytes > 0) {
        let copies = files.len() as u64 - 1;
        let wasted = identity.1.saturating_mul(copies);
        found.bytes = found.bytes.saturating_add(wasted);
        found.files += copies;
        let compressed = beyond_the_first(ledger, &files);
        found.compressed = found.compressed.saturating_add(compressed);
        groups.push((wasted, identity, files));
    }
    // Groups come in the order of their first files, and the sorting keeps it.
    groups.sort_by_key(|(wasted, ..)| Reverse(*wasted));
    found.more = groups.len().saturating_sub(GROUPS) as u64;
    groups.truncate(GROUPS);
    let group = |(_, (hashing, size, hash), files): (u64, Identity, Vec<AtomId>)| DuplicateGroup {
        hashing,
        hash,
        size,
        compressed: beyond_the_first(ledger, &files),
        files: files.len() as u64,
        paths: files.iter().take(PATHS).map(|file| ledger.path(*file)).collect(),
    };
    found.groups = groups.into_iter().map(group).collect();
    found
}

/// Bytes of blobs of all files but the first.
fn beyond_the_first(ledger: &Ledger, files: &[AtomId]) -> u64 {
    let bytes = files.iter().skip(1).map(|file| ledger.atom(*file).amount().compressed);
    bytes.fold(0, u64::saturating_add)
}

/// The visible files for which something holds by content, where there are several of one; both
/// the groups and their files in the order of the tree.
pub(super) fn groups_of(
    ledger: &Ledger,
    fits: impl Fn(AtomId) -> bool,
) -> Vec<(Identity, Vec<AtomId>)> {
    const ALONE: u32 = u32::MAX;
    let mut seen: HashMap<Identity, (AtomId, u32)> = HashMap::new();
    let mut groups: Vec<(Identity, Vec<AtomId>)> = Vec::new();
    for file in ledger.live().iter().copied().filter(|file| fits(*file)) {
        let Some(identity) = ledger.identity(file) else { continue };
        let (first, group) = seen.entry(identity).or_insert((file, ALONE));
        if *first == file {
            continue;
        }
        if *group == ALONE {
            // There are no more groups than files.
            *group = u32::try_from(groups.len()).unwrap_or(ALONE);
            groups.push((identity, vec![*first]));
        }
        if let Some((_, files)) = groups.get_mut(*group as usize) {
            files.push(file);
        }
    }
    let mut order = vec![0_u32; ledger.atoms().len()];
    ledger.live().iter().zip(0..).for_each(|(file, at)| order[file.index()] = at);
    groups.sort_by_key(|(_, files)| files.first().map(|file| order[file.index()]));
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::testing::image;
    use crate::rule::testing::with_facts;

    #[test]
    fn contents_count_beyond_the_first() {
        let text = "
RUN a
  b/x 10 hash=h
  a/x 10 hash=h
  a/y => a/x
  c 7 hash=i
  d 7 hash=i
  empty 0 hash=e
  void 0 hash=e
  e 10 hash=other
RUN b
  c 8 hash=j
  f 10 hash=h
";
        let found = with_facts(text, duplicates);
        assert_eq!((found.bytes, found.files, found.more), (20, 2, 0));
        // The first in the order of the tree is the one that stays.
        let costs = text.replace("f 10 hash=h", "f 10 hash=h compressed=9");
        let costs = costs.replace("a/x 10 hash=h", "a/x 10 hash=h compressed=4");
        let costs = with_facts(&costs, duplicates);
        assert_eq!((found.compressed, costs.compressed), (10, 14));
        assert_eq!(costs.groups[0].compressed, 14);
        let [group] = &found.groups[..] else { panic!("{found:?}") };
        assert_eq!(group.paths, [b"a/x".to_vec(), b"b/x".to_vec(), b"f".to_vec()]);
        assert_eq!((group.size, group.files, group.wasted()), (10, 3, 20));
    }

    proptest! {
        #[test]
        fn it_agrees_with_counting(
            files in proptest::collection::vec((0..8u8, 0..4u64, 0..3u8, 0..2usize), 0..40),
        ) {
            let mut layers = ["RUN a\n".to_owned(), "RUN b\n".to_owned()];
            for (name, size, hash, layer) in files {
                writeln!(layers[layer], "  d{}/f{name} {size} hash=h{hash}", name % 3).unwrap();
            }
            let text = layers.concat();
            let (_, ledger) = image(&text);
            let mut contents: BTreeMap<(u64, ContentHash), u64> = BTreeMap::new();
            for (node, _) in ledger.filesystem().walk(ledger.filesystem().root()) {
                let shown = ledger.filesystem().node(node);
                let (Some((layer, at)), true) = (shown.file, shown.counted) else { continue };
                let entry = ledger.filesystem().toc(layer).unwrap().entries[at];
                *contents.entry((entry.size, entry.hash.unwrap())).or_default() += 1;
            }
            let expected: u64 =
                contents.iter().map(|((size, _), count)| size * (count - 1)).sum();
            let found = with_facts(&text, duplicates);
            prop_assert_eq!(found.bytes, expected);
            let sum: u64 = found.groups.iter().map(DuplicateGroup::wasted).sum();
            prop_assert_eq!(sum, expected);
        }
    }
}
