//! Immutable things on disk, so that they are asked for and worked out once.
//!
//! ```text
//! <directory>/v1/documents/sha256/<hex>   manifests, indexes, configs, statements
//!               /tails/sha256/<hex>       bytes read from the end of a layer's blob; the key is of
//!                                         the registry's name, the blob's digest and the place
//!               /tags/sha256/<hex>        which digest a tag had; the key is of the tag's full name
//!               /tocs-3/sha256/<hex>      listings of layers in version 3 of their format; see
//!                                         [`toc_key`]
//!               /captures-3/sha256/<hex>  contents of some of a layer's files, under the same key
//!               /refusals/sha256/<hex>    why the table of contents that a layer has is not used,
//!                                         under the key of the listing that it would have made
//!               /locks/sha256-<hex>       held by the process that is making the listing
//! ```
//!
//! **Secrets.** Captures are kept without those that were found. Documents are kept as they came:
//! whoever reads one checks its digest, so nothing can be taken out. Entries can be read by the user
//! alone.
//!
//! **Damage.** An entry is its content followed by the SHA-256 of bucket, key and content. One
//! that is missing, damaged, of another key or not a plain file is a miss, and is replaced by the
//! next write; links are never followed. What cannot be read for a reason of the disk's is a miss
//! too. Nothing here is the only copy of anything.
//!
//! **Writes.** Entries are written beside their place and renamed into it, so a reader finds all
//! of one or none. Listings and captures are synced to the disk first, and so is their directory:
//! each may stand for gigabytes that would have to be read again, and both syncs together take
//! tens of milliseconds. The small entries are not: what a power cut damages, the checksum finds. A
//! write that fails costs speed and never a result: [`Cache::notice`] says why, once, and where
//! there is no room or no permission, no other is tried. A temporary file that a killed process
//! left is removed after an hour.
//!
//! **Size.** All entries together stay below a limit: when a write exceeds it, the entries that
//! were not used for the longest time go until a tenth of the limit is free, those of older
//! formats before all others. An entry's modification time is when it was used last, to a day.
//! Removal takes nothing from who reads at the time, whatever the process.
//!
//! **One maker.** [`Cache::try_lock`] lets processes that want the same listing leave the reading
//! to one of them. The kernel frees a lock with the process that held it.

mod lock;
mod store;
mod usage;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::Access;

pub use self::lock::{Attempt, Lock, Pause, pauses};
use self::store::Found;
pub use self::usage::{BucketUsage, Removed, Usage};
use crate::oci::Digest;

/// The version of the layout and of what the entries mean.
const VERSION: &str = "v1";
/// What all entries may take together, if nothing else is said: 4 GiB.
pub const DEFAULT_LIMIT: u64 = 4 << 30;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Documents by their digest.
    Documents,
    /// The end of a blob by the digest of the registry's name, the blob's digest and the place.
    Tails,
    /// The digest that a tag had last, by the digest of the tag's full name.
    Tags,
    /// The listing of a layer, by [`toc_key`].
    Tocs,
    /// The contents of some files of a layer, by the key of its listing.
    Captures,
    /// What is wrong with a layer's table of contents, by the key of the listing that it would
    /// have made.
    Refusals,
}

impl Bucket {
    /// The name of its directory, with the version of the format where that has one of its own.
    pub fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Tails => "tails",
            Self::Tags => "tags",
            Self::Tocs => "tocs-3",
            Self::Captures => "captures-3",
            Self::Refusals => "refusals",
        }
    }

    /// No entry is larger, in bytes.
    fn ceiling(self) -> u64 {
        if self.is_durable() { 1 << 30 } else { 64 << 20 }
    }

    /// Whether an entry stands for so much work that it is synced to the disk.
    fn is_durable(self) -> bool {
        matches!(self, Self::Tocs | Self::Captures)
    }
}

/// What the listing of a layer is kept under: the blob's digest if the whole blob was read, which
/// the digest covers.
///
/// A listing that was read from a table of contents is as true as the claim that led there, which
/// an image makes about its own layer (`claim`: the kind of table and the table's own digest). It
/// is an answer for whoever has the same claim, and for nobody else.
pub fn toc_key(blob: &Digest, claim: Option<&str>) -> Digest {
    match claim {
        None => blob.clone(),
        Some(claim) => Digest::of(format!("{blob} {claim}").as_bytes()),
    }
}

/// A directory of entries, or nothing where none can be kept. Clones are of one cache.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    place: Option<Arc<Place>>,
}

#[derive(Debug)]
struct Place {
    /// What the user named.
    directory: PathBuf,
    /// What is in the directory's name: `directory/v1`.
    root: PathBuf,
    /// Bytes of all entries; `None` for any number.
    limit: Option<u64>,
    damaged: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes of all entries when they were counted last, and those written since.
    bytes: Option<u64>,
    notice: Option<String>,
    /// Whether there is no use in another write.
    stopped: bool,
}

impl Cache {
    /// A cache that keeps nothing.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// Uses `directory`, made if it is missing, up to [`DEFAULT_LIMIT`]; gives the reason if it
    /// cannot be trusted or made.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let refuse = |reason: &str| {
            Err(format!("the cache directory {} is not used: {reason}", directory.display()))
        };
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(directory) {
            return refuse(&error.to_string());
        }
        let metadata = match fs::metadata(directory) {
            Ok(metadata) => metadata,
            Err(error) => return refuse(&error.to_string()),
        };
        let user = rustix::process::geteuid();
        if metadata.mode() & 0o002 != 0 {
            return refuse("everybody may write to it");
        }
        if !user.is_root() && metadata.uid() != user.as_raw() {
            return refuse("it belongs to another user");
        }
        Ok(Self::at(directory, Some(DEFAULT_LIMIT)))
    }

    /// The cache with another limit in bytes; `None` for no limit.
    #[must_use]
    pub fn with_limit(self, limit: Option<u64>) -> Self {
        self.place.map_or_else(Self::disabled, |place| Self::at(&place.directory, limit))
    }

    /// The cache as one that nothing is added to.
    #[must_use]
    pub fn read_only(self) -> Self {
        if let Some(place) = &self.place {
            place.state().stopped = true;
        }
        self
    }

    fn at(directory: &Path, limit: Option<u64>) -> Self {
        let place = Place {
            directory: directory.to_owned(),
            root: directory.join(VERSION),
            limit,
            damaged: AtomicU64::new(0),
            state: Mutex::default(),
        };
        Self { place: Some(Arc::new(place)) }
    }

    /// Whether entries can be added; one that cannot is still read.
    pub fn is_writable(&self) -> bool {
        let Some(place) = &self.place else { return false };
        let is_allowed = |path: &Path| rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK);
        // Who clears a cache may take the inner directory away at any time.
        match is_allowed(&place.root) {
            Err(rustix::io::Errno::NOENT) => is_allowed(&place.directory).is_ok(),
            allowed => allowed.is_ok(),
        }
    }

    /// Why not all that should have been kept was, if that happened.
    pub fn notice(&self) -> Option<String> {
        self.place.as_ref()?.state().notice.clone()
    }

    /// How many entries were found damaged and taken for missing.
    pub fn damaged(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.damaged.load(Ordering::Relaxed))
    }

    /// The entry of `key`, if there is a sound one.
    pub fn get(&self, bucket: Bucket, key: &Digest) -> Option<Vec<u8>> {
        let place = self.place.as_ref()?;
        match store::read(&place.path(bucket, key), bucket, key, SystemTime::now()) {
            Found::Sound(content) => Some(content),
            Found::Missing => None,
            Found::Damaged => {
                place.damaged.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Whether there is an entry of `key`, sound or not.
    pub fn has(&self, bucket: Bucket, key: &Digest) -> bool {
        self.place.as_ref().is_some_and(|place| place.path(bucket, key).is_file())
    }

    /// Keeps an entry if that is possible.
    pub fn put(&self, bucket: Bucket, key: &Digest, content: &[u8]) {
        let Some(place) = &self.place else { return };
        let length = store::length(content);
        let fits = length <= bucket.ceiling() && place.limit.is_none_or(|limit| length <= limit);
        if !fits || place.state().stopped {
            return;
        }
        match store::write(&place.path(bucket, key), bucket, key, content) {
            Ok(()) => place.account(length, bucket.is_durable()),
            Err(error) => place.give_up(&error),
        }
    }

    /// Tries to become the one that makes the entry of `key`.
    pub fn try_lock(&self, key: &Digest) -> Attempt {
        match &self.place {
            Some(place) => lock::attempt(&place.root.join(lock::DIRECTORY), key),
            None => Attempt::Unavailable,
        }
    }

    /// What is in the cache.
    pub fn usage(&self) -> io::Result<Usage> {
        match &self.place {
            Some(place) => {
                Ok(usage::count(&place.directory, place.limit, &usage::scan(&place.root)?))
            }
            None => Ok(Usage::default()),
        }
    }

    /// Removes entries that were not used for `older_than`, and then those not used for the
    /// longest time until the rest takes at most `max_size` bytes. What cannot be removed is the
    /// error.
    pub fn prune(
        &self,
        max_size: Option<u64>,
        older_than: Option<Duration>,
    ) -> io::Result<Removed> {
        let Some(place) = &self.place else { return Ok(Removed::default()) };
        let mut state = place.state();
        state.bytes = None;
        let now = SystemTime::now();
        let oldest = older_than.and_then(|age| now.checked_sub(age));
        lock::sweep(&place.root.join(lock::DIRECTORY), now);
        usage::prune(usage::scan(&place.root)?, now, oldest, max_size)
    }

    /// Removes everything that this program keeps in the directory, and nothing else.
    pub fn clear(&self) -> io::Result<Removed> {
        let Some(place) = &self.place else { return Ok(Removed::default()) };
        place.state().bytes = None;
        let removed = usage::clear(usage::scan(&place.root)?);
        lock::clear(&place.root.join(lock::DIRECTORY));
        usage::remove_empty(&place.root);
        removed
    }
}

impl Place {
    fn path(&self, bucket: Bucket, key: &Digest) -> PathBuf {
        self.root.join(bucket.name()).join(key.algorithm()).join(key.hex())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the sum of all entries below the limit after one of `added` bytes was written. They
    /// are counted on a disk that other processes write to; `recount` says that this entry is
    /// worth it. Without it, the first write of a process counts and the others add.
    fn account(&self, added: u64, recount: bool) {
        let mut state = self.state();
        let bytes = state.bytes.filter(|_| !recount).map(|bytes| bytes.saturating_add(added));
        if bytes.is_some_and(|bytes| self.limit.is_none_or(|limit| bytes <= limit)) {
            state.bytes = bytes;
            return;
        }
        let now = SystemTime::now();
        if state.bytes.is_none() {
            lock::sweep(&self.root.join(lock::DIRECTORY), now);
        }
        // A directory that cannot be listed stays as it is; the next write tries again.
        let Ok(items) = usage::scan(&self.root) else { return };
        let total: u64 = items.iter().map(|item| item.bytes).sum();
        let room = self.limit.filter(|limit| total > *limit).map(|limit| limit - limit / 10);
        let removed = usage::prune(items, now, None, room).unwrap_or_default();
        state.bytes = Some(total.saturating_sub(removed.bytes));
    }

    fn give_up(&self, error: &io::Error) {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let mut state = self.state();
        let lasting = [PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull];
        state.stopped |= lasting.contains(&error.kind());
        let directory = self.directory.display();
        let what = if state.stopped { "nothing more" } else { "not everything" };
        state.notice.get_or_insert_with(|| {
            format!("{what} is kept in the cache directory {directory}: {error}")
        });
    }
}

#[cfg(test)]
mod tests;
