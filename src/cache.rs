//! Small immutable things on disk, so that they are asked for once.
//!
//! ```text
//! <directory>/v1/documents/sha256/<hex>  manifests, indexes, configs, statements
//!               /tails/sha256/<hex>      bytes read from the end of a layer's blob; the key is of
//!                                        the registry's name, the blob's digest and the place
//!               /tags/sha256/<hex>       which digest a tag had; the key is of the tag's full name
//! ```
//!
//! An entry is its content followed by the SHA-256 of bucket, key and content. One that is
//! missing, damaged, of another key or not a plain file is a miss; a write that fails is
//! forgotten: the cache costs speed and never a result. Entries are written beside their place
//! and renamed into it. They are not synced: what a power cut damages, the checksum finds.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags};
use sha2::{Digest as _, Sha256};

use crate::oci::Digest;

/// The version of the layout and of what the entries mean.
const VERSION: &str = "v1";
const CHECKSUM: usize = 32;
/// No entry is larger.
const MAX_ENTRY: u64 = 64 << 20;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Documents by their digest.
    Documents,
    /// The end of a blob by the digest of the registry's name, the blob's digest and the place.
    Tails,
    /// The digest that a tag had last, by the digest of the tag's full name.
    Tags,
}

impl Bucket {
    fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Tails => "tails",
            Self::Tags => "tags",
        }
    }
}

/// A directory of entries, or nothing where none can be kept.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    root: Option<PathBuf>,
}

impl Cache {
    /// A cache that keeps nothing.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// Uses `directory`, made if it is missing; gives the reason if it cannot be trusted or made.
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
        Ok(Self { root: Some(directory.join(VERSION)) })
    }

    /// Whether entries can be added; one that cannot is still read.
    pub fn is_writable(&self) -> bool {
        let Some(root) = &self.root else { return false };
        let place = if root.exists() { root } else { root.parent().unwrap_or(root) };
        rustix::fs::access(place, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    }

    /// The entry of `key`, if there is a sound one.
    pub fn get(&self, bucket: Bucket, key: &Digest) -> Option<Vec<u8>> {
        let path = self.path(bucket, key)?;
        let file = OpenOptions::new().read(true).custom_flags(no_follow()).open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() > MAX_ENTRY {
            return None;
        }
        let mut entry = Vec::new();
        file.take(MAX_ENTRY).read_to_end(&mut entry).ok()?;
        let split = entry.len().checked_sub(CHECKSUM)?;
        let sum = entry.split_off(split);
        (sum == checksum(bucket, key, &entry)).then_some(entry)
    }

    /// Keeps an entry if that is possible.
    pub fn put(&self, bucket: Bucket, key: &Digest, content: &[u8]) {
        if let Some(path) = self.path(bucket, key) {
            // A cache that cannot be written to only costs time.
            let _ = write(&path, content, &checksum(bucket, key, content));
        }
    }

    fn path(&self, bucket: Bucket, key: &Digest) -> Option<PathBuf> {
        Some(self.root.as_ref()?.join(bucket.name()).join(key.algorithm()).join(key.hex()))
    }
}

fn no_follow() -> i32 {
    // The flags' values are those of the system's interface, which takes an `int`. A FIFO in
    // the place of an entry must not block either.
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

fn checksum(bucket: Bucket, key: &Digest, content: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [bucket.name(), "\0", key.as_str(), "\0"] {
        hash.update(part);
    }
    hash.update(content);
    hash.finalize().to_vec()
}

fn write(path: &Path, content: &[u8], sum: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let create = || tempfile::Builder::new().prefix(".new-").tempfile_in(directory);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            create()?
        }
        created => created?,
    };
    let writer: &mut File = file.as_file_mut();
    writer.write_all(content)?;
    writer.write_all(sum)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn stored(content: &[u8]) -> (tempfile::TempDir, Cache, Digest, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path()).unwrap();
        let key = Digest::of(content);
        cache.put(Bucket::Documents, &key, content);
        let path = cache.path(Bucket::Documents, &key).unwrap();
        (directory, cache, key, path)
    }

    #[test]
    fn what_was_put_is_found_under_its_key_and_bucket_only() {
        let (_directory, cache, key, _) = stored(b"content");
        assert_eq!(cache.get(Bucket::Documents, &key).as_deref(), Some(&b"content"[..]));
        assert_eq!(cache.get(Bucket::Tails, &key), None);
        assert_eq!(cache.get(Bucket::Documents, &Digest::of(b"other")), None);
    }

    #[test]
    fn every_damage_is_a_miss_and_is_healed() {
        let (_directory, cache, key, path) = stored(b"content");
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(cache.get(Bucket::Documents, &key), None, "byte {at} flipped");
            fs::write(&path, &sound[..at]).unwrap();
            assert_eq!(cache.get(Bucket::Documents, &key), None, "cut to {at} bytes");
        }
        cache.put(Bucket::Documents, &key, b"content");
        assert!(cache.get(Bucket::Documents, &key).is_some());
    }

    #[test]
    fn an_entry_copied_to_another_key_is_a_miss() {
        let (_directory, cache, key, path) = stored(b"content");
        let other = Digest::of(b"other");
        let place = cache.path(Bucket::Documents, &other).unwrap();
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&path, &place).unwrap();
        assert_eq!(cache.get(Bucket::Documents, &other), None);
        assert!(cache.get(Bucket::Documents, &key).is_some());
    }

    #[test]
    fn links_directories_and_pipes_are_misses() {
        let (directory, cache, key, path) = stored(b"content");
        let aside = directory.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, &path).unwrap();
        assert_eq!(cache.get(Bucket::Documents, &key), None, "symbolic link");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(cache.get(Bucket::Documents, &key), None, "directory");
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(cache.get(Bucket::Documents, &key), None, "pipe");
    }

    #[test]
    fn directories_that_others_can_write_to_are_not_used() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Cache::open(directory.path()).unwrap_err().contains("everybody may write"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Cache::open(&file.path().join("below")).is_err());
    }

    #[test]
    fn a_cache_that_cannot_be_written_to_forgets() {
        let (_directory, cache, key, path) = stored(b"content");
        let bucket = path.ancestors().nth(2).unwrap();
        fs::remove_dir_all(bucket).unwrap();
        fs::write(bucket, b"in the way").unwrap();
        cache.put(Bucket::Documents, &key, b"content");
        assert_eq!(cache.get(Bucket::Documents, &key), None);
        Cache::disabled().put(Bucket::Documents, &key, b"content");
        assert_eq!(Cache::disabled().get(Bucket::Documents, &key), None);
    }
}
