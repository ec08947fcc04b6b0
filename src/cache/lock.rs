//! Advisory locks, so that of several processes one makes an entry.
//!
//! A lock is on an open file, so the kernel frees it with the process. Who holds it removes the
//! file before it is freed; who gets it checks that the file is still the one of that name, since
//! otherwise two could hold locks on different files. Locks hold between threads as well.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::store::no_follow;
use super::usage::STALE;
use crate::oci::Digest;

/// Where the files are, below the root.
pub(super) const DIRECTORY: &str = "locks";
/// How often the file may be another one once it is locked.
const ATTEMPTS: usize = 8;
const SHORTEST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// A wait as long as this is worth a word.
const ANNOUNCED: Duration = Duration::from_secs(2);

/// The right to make an entry, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    path: PathBuf,
}

/// The outcome of an attempt to lock.
#[derive(Debug)]
pub enum Attempt {
    /// The entry is the caller's to make.
    Held(Lock),
    /// Another process or thread is making it.
    Busy,
    /// There are no locks here: a disabled cache, a read-only directory, a file system without
    /// locks. The caller goes on without.
    Unavailable,
}

/// A pause between two attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// How long to wait.
    pub length: Duration,
    /// Whether to tell the user, before this pause and once, that the program waits for another.
    pub announce: bool,
}

/// The pauses between attempts to get a lock that is busy, `limit` long together. When they are
/// used up, the caller goes on without the lock.
///
/// ```no_run
/// # use std::time::Duration;
/// # use regsize::cache::{Attempt, Cache, Lock, pauses};
/// fn lock(cache: &Cache, key: &regsize::oci::Digest) -> Option<Lock> {
///     let mut pauses = pauses(Duration::from_secs(60));
///     loop {
///         match cache.try_lock(key) {
///             Attempt::Held(lock) => return Some(lock),
///             Attempt::Unavailable => return None,
///             Attempt::Busy => std::thread::sleep(pauses.next()?.length),
///         }
///     }
/// }
/// ```
pub fn pauses(limit: Duration) -> impl Iterator<Item = Pause> + Send {
    let mut waited = Duration::ZERO;
    let mut next = SHORTEST_PAUSE;
    let mut announced = false;
    std::iter::from_fn(move || {
        let length = next.min(limit.saturating_sub(waited));
        let announce = !announced && waited >= ANNOUNCED;
        announced |= announce;
        waited += length;
        next = (next * 2).min(LONGEST_PAUSE);
        (!length.is_zero()).then_some(Pause { length, announce })
    })
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the file is closed, so that nobody else holds its lock yet.
        let _ = fs::remove_file(&self.path);
    }
}

/// Tries to get the lock of `key`.
pub(super) fn attempt(directory: &Path, key: &Digest) -> Attempt {
    let path = directory.join(format!("{}-{}", key.algorithm(), key.hex()));
    for _ in 0..ATTEMPTS {
        let Ok(file) = open(&path) else { return Attempt::Unavailable };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Attempt::Busy,
            Err(TryLockError::Error(_)) => return Attempt::Unavailable,
            Ok(()) if is_at(&file, &path) => return Attempt::Held(Lock { _file: file, path }),
            // The one that held it removed it in between.
            Ok(()) => {}
        }
    }
    Attempt::Busy
}

/// Removes the files of locks that killed processes left.
pub(super) fn sweep(directory: &Path, now: SystemTime) {
    remove(directory, |modified| now.duration_since(modified).is_ok_and(|age| age > STALE));
}

/// Removes the files of all locks that nobody holds.
pub(super) fn clear(directory: &Path) {
    remove(directory, |_| true);
}

fn remove(directory: &Path, wanted: impl Fn(SystemTime) -> bool) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let key = name.to_str().and_then(|name| name.replacen('-', ":", 1).parse::<Digest>().ok());
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        if let Some(key) = key
            && modified.is_ok_and(&wanted)
        {
            // A lock that is free is taken and dropped, which removes its file.
            drop(attempt(directory, &key));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600).custom_flags(no_follow());
    let file = match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let directory = path.parent().ok_or(ErrorKind::InvalidInput)?;
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            options.open(path)?
        }
        opened => opened?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(ErrorKind::InvalidInput.into()) }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let named = fs::symlink_metadata(path).map(identity);
    named.is_ok_and(|named| file.metadata().is_ok_and(|own| identity(own) == named))
}
