//! The tags of a repository: which are meant, which is newer, and what their images share.
//!
//! A [`Selector`] says which tags are meant and how many of them; it is plain data, and
//! [`Selector::compile`] makes it a [`Filter`] or says what is wrong with it. Images of the tags
//! are put into a [`Collection`], which tells what they share as [`Shared`]. Nothing here asks a
//! registry, and what was not read has no part in any sum.

mod collection;
mod order;
mod selector;

pub use collection::{Blob, Collection, Group, Pull, Shared, TagImage};
pub use order::{newest_first, version};
pub use selector::{Filter, MOST_TAGS, Selected, Selector, SelectorError};

use crate::registry::{Error, ErrorKind, RateLimit};

/// What was found out about the tags of a repository.
#[derive(Debug)]
pub struct Repository {
    /// Registry and repository.
    pub name: String,
    /// Tags that the registry lists.
    pub listed: usize,
    /// Listed names that are no valid tags.
    pub invalid: usize,
    /// Why tags may be missing from the list, if they may.
    pub incomplete: Option<String>,
    /// Tags of signatures, attestations and lists of them, which were left out.
    pub attached: usize,
    /// Tags that were meant.
    pub fitting: usize,
    /// Tags that were meant and left out, as so many were not asked for; the oldest by name.
    pub beyond: usize,
    /// What was read: images, and what they share.
    pub shared: Shared,
    /// Tags that were meant and not read, with the reason.
    pub unread: Vec<Unread>,
    /// Manifests and indexes that were read from the registry and not from the cache.
    pub pulls: u64,
    /// The pull limit that the registry reported last.
    pub rate_limit: Option<RateLimit>,
    /// What a reader has to know of the documents.
    pub warnings: Vec<String>,
}

/// Tags of one image that was not read.
#[derive(Debug)]
pub struct Unread {
    /// The tags.
    pub tags: Vec<String>,
    /// Why.
    pub error: Error,
}

impl Unread {
    /// Whether it was left out for the sake of a pull limit; otherwise it failed.
    pub fn is_left_out(&self) -> bool {
        self.error.kind() == ErrorKind::RateLimited
    }
}

impl Repository {
    /// Whether something that was asked for could not be found out.
    pub fn is_doubtful(&self) -> bool {
        !self.unread.is_empty() || self.incomplete.is_some()
    }

    /// Tags whose images were read.
    pub fn read(&self) -> usize {
        self.shared.groups.iter().map(|group| group.tags.len()).sum()
    }
}
