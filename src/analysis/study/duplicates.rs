//! Visible files with the same content.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::layer::{ContentHash, Hashing};
use crate::ledger::{AtomId, Ledger};

/// Groups that are listed.
const GROUPS: usize = 100;
/// Paths of each.
const PATHS: usize = 20;

/// Visible files with the same content, those under several names of one stored file aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Content bytes of all files beyond the first of each content.
    pub bytes: u64,
    /// How many files those are.
    pub files: u64,
    /// The groups of the most such bytes, that first.
    pub groups: Vec<DuplicateGroup>,
}

/// Files that are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateGroup {
    /// How the content was hashed.
    pub hashing: Hashing,
    /// The hash of the content.
    pub hash: ContentHash,
    /// Content bytes of each.
    pub size: u64,
    /// How many files there are.
    pub files: u64,
    /// Where they are, without a slash at the start; some at most.
    pub paths: Vec<Vec<u8>>,
}

impl DuplicateGroup {
    /// Content bytes of all but one.
    pub fn wasted(&self) -> u64 {
        self.size.saturating_mul(self.files.saturating_sub(1))
    }
}

impl Duplicates {
    /// Finds them; files whose hash is not known are left out.
    pub(super) fn find(ledger: &Ledger) -> Self {
        let mut same: HashMap<(Hashing, u64, ContentHash), Vec<AtomId>> = HashMap::new();
        for file in ledger.live() {
            let identity = ledger.identity(*file).filter(|(_, size, _)| *size > 0);
            if let Some(identity) = identity {
                same.entry(identity).or_default().push(*file);
            }
        }
        let mut groups: Vec<((Hashing, u64, ContentHash), Vec<AtomId>)> =
            same.into_iter().filter(|(_, files)| files.len() > 1).collect();
        let wasted = |size: u64, files: &[AtomId]| size.saturating_mul(files.len() as u64 - 1);
        groups.sort_unstable_by_key(|((_, size, _), files)| {
            (Reverse(wasted(*size, files)), files[0])
        });
        let bytes = groups
            .iter()
            .fold(0_u64, |sum, ((_, size, _), files)| sum.saturating_add(wasted(*size, files)));
        let files = groups.iter().map(|(_, files)| files.len() as u64 - 1).sum();
        groups.truncate(GROUPS);
        let group = |((hashing, size, hash), files): (_, Vec<AtomId>)| DuplicateGroup {
            hashing,
            hash,
            size,
            files: files.len() as u64,
            paths: files.iter().take(PATHS).map(|file| ledger.path(*file)).collect(),
        };
        Self { bytes, files, groups: groups.into_iter().map(group).collect() }
    }
}
