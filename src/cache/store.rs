//! One entry: its bytes with a checksum, read with care and written at once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::Bucket;
use crate::oci::Digest;

/// How the names of files begin that are going to be entries.
pub(super) const TEMPORARY: &str = ".new-";
const CHECKSUM: usize = 32;
/// How often a directory that somebody removes is made again.
const ATTEMPTS: u32 = 8;
/// A hit is noted once in this time.
const NOTED: Duration = Duration::from_hours(24);

/// What stands in the place of an entry.
pub(super) enum Found {
    Sound(Vec<u8>),
    /// Nothing, or what the disk does not give.
    Missing,
    /// Something else.
    Damaged,
}

/// The flags of an opened entry: a link is not followed, and a FIFO does not block.
pub(super) fn no_follow() -> i32 {
    // The flags' values are those of the system's interface, which takes an `int`.
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

/// Bytes of an entry with this content.
pub(super) fn length(content: &[u8]) -> u64 {
    (content.len() + CHECKSUM) as u64
}

/// Reads an entry, and notes in the file's time that it was used.
pub(super) fn read(path: &Path, bucket: Bucket, key: &Digest, now: SystemTime) -> Found {
    let file = match OpenOptions::new().read(true).custom_flags(no_follow()).open(path) {
        Ok(file) => file,
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => return Found::Damaged,
        Err(_) => return Found::Missing,
    };
    let Ok(metadata) = file.metadata() else { return Found::Missing };
    if !metadata.is_file() || metadata.len() > bucket.ceiling() {
        return Found::Damaged;
    }
    let mut entry = Vec::new();
    // The length is the file's own; one byte more shows that it has not grown.
    let expected = usize::try_from(metadata.len()).unwrap_or(usize::MAX).saturating_add(1);
    if entry.try_reserve_exact(expected).is_err() {
        return Found::Missing;
    }
    if (&file).take(bucket.ceiling()).read_to_end(&mut entry).is_err() {
        return Found::Missing;
    }
    let Some(split) = entry.len().checked_sub(CHECKSUM) else { return Found::Damaged };
    let (content, sum) = entry.split_at(split);
    if sum != checksum(bucket, key, content) {
        return Found::Damaged;
    }
    entry.truncate(split);
    if metadata.modified().is_ok_and(|used| is_stale(used, now)) {
        // Without it, the entry is removed a little early.
        let _ = file.set_modified(now);
    }
    Found::Sound(entry)
}

fn is_stale(used: SystemTime, now: SystemTime) -> bool {
    // A clock that was wrong must not keep an entry for ever.
    let away = now.duration_since(used).unwrap_or_else(|ahead| ahead.duration());
    away > NOTED
}

fn checksum(bucket: Bucket, key: &Digest, content: &[u8]) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new();
    for part in [bucket.name(), "\0", key.as_str(), "\0"] {
        hash.update(part);
    }
    hash.update(content);
    hash.finalize().into()
}

/// Writes an entry beside its place and moves it there. A cache that is being cleared meanwhile may
/// take the directory away, which is then made again.
pub(super) fn write(path: &Path, bucket: Bucket, key: &Digest, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(ErrorKind::InvalidInput)?;
    let sum = checksum(bucket, key, content);
    let attempt = || {
        persist(fill(directory, content, &sum, bucket.is_durable())?, path)?;
        if bucket.is_durable() { File::open(directory)?.sync_all() } else { Ok(()) }
    };
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => return done,
        }
        match DirBuilder::new().recursive(true).mode(0o700).create(directory) {
            // It may be gone again, or others made it and it is gone when it is looked at.
            Err(error) if !is_passing(&error) => return Err(error),
            _ => {}
        }
    }
    attempt()
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

/// Moves a new file into its place.
fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    let Err(error) = file.persist(path) else { return Ok(()) };
    // No entry is a directory. One with something in it is not ours to remove.
    if error.error.kind() != ErrorKind::IsADirectory {
        return Err(error.error);
    }
    fs::remove_dir(path)?;
    error.file.persist(path)?;
    Ok(())
}

fn fill(directory: &Path, content: &[u8], sum: &[u8], sync: bool) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory)?;
    let writer: &mut File = file.as_file_mut();
    writer.write_all(content)?;
    writer.write_all(sum)?;
    if sync {
        writer.sync_all()?;
    }
    Ok(file)
}
