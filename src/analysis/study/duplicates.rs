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
    /// Content bytes of all copies but one of each, of all groups.
    pub bytes: u64,
    /// The groups of the most such bytes, that first.
    pub groups: Vec<DuplicateGroup>,
}

/// Files that are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateGroup {
    /// Content bytes of each.
    pub size: u64,
    /// The hash of their content, in hexadecimal digits.
    pub hash: String,
    /// How many there are.
    pub copies: u64,
    /// Where they are, without a slash at the start; some at most.
    pub paths: Vec<Vec<u8>>,
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
        let spare = |size: u64, files: &[AtomId]| size.saturating_mul(files.len() as u64 - 1);
        let mut groups: Vec<(u64, u64, ContentHash, Vec<AtomId>)> = same
            .into_iter()
            .filter(|(_, files)| files.len() > 1)
            .map(|((_, size, hash), files)| (spare(size, &files), size, hash, files))
            .collect();
        groups.sort_unstable_by_key(|(spare, _, _, files)| (Reverse(*spare), files[0]));
        let bytes = groups.iter().fold(0_u64, |sum, (spare, ..)| sum.saturating_add(*spare));
        groups.truncate(GROUPS);
        let group = |(_, size, hash, files): (u64, u64, ContentHash, Vec<AtomId>)| DuplicateGroup {
            size,
            hash: hex::encode(hash.0),
            copies: files.len() as u64,
            paths: files.iter().take(PATHS).map(|file| ledger.path(*file)).collect(),
        };
        Self { bytes, groups: groups.into_iter().map(group).collect() }
    }
}
