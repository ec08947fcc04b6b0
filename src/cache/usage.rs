//! What is in the cache, and what goes when it is too much.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, ReadDir};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::store::TEMPORARY;
use super::{Bucket, lock};
use crate::oci::Digest;

/// What is as old as this and unfinished was left by a process that was killed.
pub(super) const STALE: Duration = Duration::from_hours(1);

const BUCKETS: [Bucket; 6] = [
    Bucket::Documents,
    Bucket::Tails,
    Bucket::Tags,
    Bucket::Tocs,
    Bucket::Captures,
    Bucket::Refusals,
];

/// What is in a cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Where it is.
    pub directory: PathBuf,
    /// Bytes that all entries may take; `None` for any number.
    pub limit: Option<u64>,
    /// The kinds of entries, those that there are.
    pub buckets: Vec<BucketUsage>,
}

/// The entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketUsage {
    /// The name of their directory, with the version of their format.
    pub name: String,
    /// How many.
    pub entries: u64,
    /// Bytes of them, the checksums included.
    pub bytes: u64,
    /// When the one that was not used for the longest time was used, to a day.
    pub oldest: SystemTime,
    /// When one was used last, to a day.
    pub newest: SystemTime,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many entries.
    pub entries: u64,
    /// Bytes of them and of files that were left unfinished.
    pub bytes: u64,
}

impl Usage {
    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.entries).sum()
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.bytes).sum()
    }
}

/// A file of ours.
#[derive(Debug)]
pub(super) struct Item {
    path: PathBuf,
    bucket: String,
    pub(super) bytes: u64,
    used: SystemTime,
    user: u32,
    state: ItemState,
}

/// In the order in which they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ItemState {
    /// Being written, or left so.
    Unfinished,
    /// Of a format before this program's.
    Outdated,
    /// Of this program's format or of a later one, which another version of it uses.
    Current,
}

/// All files of ours below the root; an error if a directory cannot be listed. Whatever has a
/// name that this program does not give is not ours, and links are not followed.
pub(super) fn scan(root: &Path) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    for entry in list(root)?.into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name();
        let Some((name, state)) = name.to_str().and_then(bucket) else { continue };
        for algorithm in ["sha256", "sha512"] {
            for entry in list(&entry.path().join(algorithm))?.into_iter().flatten() {
                items.extend(item(&entry?, algorithm, name, state));
            }
        }
    }
    Ok(items)
}

/// The entries of a directory; `None` if there is no directory of that name.
fn list(path: &Path) -> io::Result<Option<ReadDir>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => found(fs::read_dir(path)),
        Ok(_) => Ok(None),
        Err(error) => found(Err(error)),
    }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// A name of a directory, if it is one of a bucket, be it of another version.
fn bucket(name: &str) -> Option<(&str, ItemState)> {
    let version = |name: &str| {
        let (stem, number) = name.split_once('-').unwrap_or((name, "0"));
        Some((stem.to_owned(), number.parse::<u32>().ok()?))
    };
    let (stem, number) = version(name)?;
    let (_, current) =
        BUCKETS.iter().filter_map(|own| version(own.name())).find(|(own, _)| *own == stem)?;
    Some((name, if number < current { ItemState::Outdated } else { ItemState::Current }))
}

fn item(entry: &DirEntry, algorithm: &str, bucket: &str, state: ItemState) -> Option<Item> {
    let name = entry.file_name();
    let name = name.to_str()?;
    let state = if name.starts_with(TEMPORARY) {
        ItemState::Unfinished
    } else {
        format!("{algorithm}:{name}").parse::<Digest>().ok()?;
        state
    };
    // One that is gone by now was removed by another process.
    let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    Some(Item {
        path: entry.path(),
        bucket: bucket.to_owned(),
        bytes: metadata.len(),
        used: metadata.modified().ok()?,
        user: metadata.uid(),
        state,
    })
}

/// Counts what was found.
pub(super) fn count(directory: &Path, limit: Option<u64>, items: &[Item]) -> Usage {
    let mut buckets: BTreeMap<&str, BucketUsage> = BTreeMap::new();
    for item in items.iter().filter(|item| item.state != ItemState::Unfinished) {
        let name = item.bucket.as_str();
        let bucket = buckets.entry(name).or_insert_with(|| BucketUsage {
            name: name.to_owned(),
            entries: 0,
            bytes: 0,
            oldest: item.used,
            newest: item.used,
        });
        bucket.entries += 1;
        bucket.bytes += item.bytes;
        bucket.oldest = bucket.oldest.min(item.used);
        bucket.newest = bucket.newest.max(item.used);
    }
    Usage { directory: directory.to_owned(), limit, buckets: buckets.into_values().collect() }
}

/// Removes what was left unfinished, what was used before `oldest`, and then what was not used
/// for the longest time until the rest takes at most `room` bytes.
pub(super) fn prune(
    mut items: Vec<Item>,
    now: SystemTime,
    oldest: Option<SystemTime>,
    room: Option<u64>,
) -> io::Result<Removed> {
    items.sort_by_key(|item| (item.state, item.used));
    let user = rustix::process::geteuid().as_raw();
    let mut left: u64 = items.iter().map(|item| item.bytes).sum();
    let unwanted = items.into_iter().filter(|item| {
        let goes = if item.state == ItemState::Unfinished {
            item.user == user && now.duration_since(item.used).is_ok_and(|age| age > STALE)
        } else {
            room.is_some_and(|room| left > room) || oldest.is_some_and(|oldest| item.used < oldest)
        };
        if goes {
            left -= item.bytes;
        }
        goes
    });
    remove(unwanted)
}

/// Removes all of it.
pub(super) fn clear(items: Vec<Item>) -> io::Result<Removed> {
    remove(items.into_iter())
}

/// Goes on after a failure, of which the first is given.
fn remove(items: impl Iterator<Item = Item>) -> io::Result<Removed> {
    let mut removed = Removed::default();
    let mut failure = None;
    for item in items {
        match fs::remove_file(&item.path) {
            Ok(()) => {
                removed.entries += u64::from(item.state != ItemState::Unfinished);
                removed.bytes += item.bytes;
            }
            // Another process removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(removed), Err)
}

/// Removes directories of ours that nothing is left in.
pub(super) fn remove_empty(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name == lock::DIRECTORY || bucket(name).is_some()) {
            for algorithm in ["sha256", "sha512"] {
                let _ = fs::remove_dir(entry.path().join(algorithm));
            }
            let _ = fs::remove_dir(entry.path());
        }
    }
    let _ = fs::remove_dir(root);
}
