//! Listings of layers that machines share: entries of the [`cache`](crate::cache) in an object
//! store.
//!
//! ```text
//! <place>/regsize-1/<name of the key>/<bucket>-a1/sha256/<hex>
//! ```
//!
//! Listings, captures and refusals are shared, under the keys that they have in the cache of a
//! machine. Documents and tails are not: they cost a request there as here, and configs may hold
//! secrets.
//!
//! **Trust.** Who can write to the store must not be able to make up a result, so every entry is
//! signed with a key that the machines have in common, and says which layer it is of, in which
//! form. One that is damaged, of another key, layer or version is a miss. There is no cache
//! without a key. Whoever has it and may write can forge: give it to no build of strangers.
//!
//! **Writes** succeed only where nothing is, so who comes second changes nothing. The one
//! exception is an entry that this run found unusable. Nothing is listed or removed; how long
//! objects live is a rule of the bucket.
//!
//! **Trouble** of any kind is a miss and one notice, never an error. A store that fails or keeps
//! the run waiting too long is not asked again in the run; see `patience`.

#[cfg(feature = "cloud")]
mod cloud;
mod entry;
mod patience;
mod place;
mod trouble;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectStore, PutMode, PutOptions};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use self::entry::Key;
use self::patience::{Answer, Patience};
pub use self::place::{Place, PlaceError};
use self::trouble::Trouble;
use crate::cache::Bucket;
use crate::oci::Digest;
use crate::registry::{Proxies, Secret};

/// No entry has more content, in bytes: some two million files.
pub const CEILING: u64 = (LARGEST as u64) << 10;
/// The same in KiB.
const LARGEST: u32 = 64 << 10;
/// Entries asked for at a time.
const AT_A_TIME: usize = 8;
/// What they may take of the memory together, in KiB: one of the largest fits.
const MEMORY: u32 = LARGEST + 1024;

/// What the environment says to the clients of buckets: names such as `AWS_REGION` and values.
#[derive(Clone, Debug, Default)]
pub struct Variables(pub Vec<(String, Secret)>);

/// How hosts are reached.
#[derive(Clone, Default)]
pub struct Network {
    /// Proxies to go through.
    pub proxies: Proxies,
    /// Authorities to trust besides the system's, as PEM.
    pub ca_certificates: Vec<Vec<u8>>,
}

/// How a shared cache is used.
pub struct Options {
    /// What entries are signed with.
    pub key: Secret,
    /// Whether what is made here is put there.
    pub write: bool,
    /// Credentials and settings of the store.
    pub variables: Variables,
    /// How it is reached.
    pub network: Network,
}

/// A cache that machines share, for one run. Clones are of one cache.
#[derive(Clone)]
pub struct SharedCache {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    store: Arc<dyn ObjectStore>,
    root: Path,
    key: Key,
    write: bool,
    reading: Patience,
    writing: Patience,
    permits: Semaphore,
    memory: Semaphore,
    seen: Mutex<Seen>,
    taken: AtomicU64,
    given: AtomicU64,
}

/// What the run learnt of the store.
#[derive(Default)]
struct Seen {
    missing: HashSet<Path>,
    unusable: HashSet<Path>,
    notice: Option<String>,
}

/// What was asked for and what it took, without the time that it waited for others.
struct Read {
    found: Result<Option<Bytes>, Trouble>,
    took: Duration,
}

impl SharedCache {
    /// Prepares to use the cache at `place`; gives the reason if that is not possible. Nobody is
    /// asked yet.
    pub fn open(place: &Place, options: &Options) -> Result<Self, String> {
        let refuse = |reason: &str| format!("the shared cache {place} is not used: {reason}");
        let key = Key::new(&options.key)
            .ok_or_else(|| refuse("its key is too short; make one with `openssl rand -hex 32`"))?;
        let opened = place.open(&options.variables, &options.network);
        let (store, prefix) = opened.map_err(|reason| refuse(&reason))?;
        Ok(Self::of(place.to_string(), store, &prefix, key, options.write))
    }

    fn of(name: String, store: Arc<dyn ObjectStore>, prefix: &Path, key: Key, write: bool) -> Self {
        let root = prefix.clone().join("regsize-1").join(key.name());
        let inner = Inner {
            name,
            store,
            root,
            key,
            write,
            reading: Patience::default(),
            writing: Patience::default(),
            permits: Semaphore::new(AT_A_TIME),
            memory: Semaphore::new(MEMORY as usize),
            seen: Mutex::default(),
            taken: AtomicU64::new(0),
            given: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Why not all was as it should be, if that is so.
    pub fn notice(&self) -> Option<String> {
        let notice = self.inner.seen().notice.clone()?;
        let given_up = !self.inner.reading.is_left() || !self.inner.writing.is_left();
        let rest = if given_up { "; it was left alone for the rest of the run" } else { "" };
        Some(format!("the shared cache {} {notice}{rest}", self.inner.name))
    }

    /// How many entries were taken from it, and put into it.
    pub fn exchanged(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.inner.taken), count(&self.inner.given))
    }

    /// Whether there is use in [`Self::put`].
    pub fn is_writable(&self) -> bool {
        self.inner.write && self.inner.writing.is_left()
    }

    /// The content of an entry, if there is a sound one. What is not there is asked for once.
    pub async fn get(&self, bucket: Bucket, subject: &Digest) -> Option<Bytes> {
        let inner = &self.inner;
        let path = inner.path(bucket, subject);
        let _permit = inner.permits.acquire().await.ok()?;
        if !inner.reading.is_left() || inner.seen().is_hopeless(&path) {
            return None;
        }
        let Read { found, took } = inner.read(&path, bucket, subject).await;
        let answer = match &found {
            Ok(content) => Answer::Good(content.as_ref().map_or(0, |content| content.len() as u64)),
            Err(trouble) if trouble.is_of_entry() => Answer::Useless,
            Err(_) => Answer::Failed,
        };
        inner.reading.count(answer, took);
        let mut seen = inner.seen();
        match found {
            Ok(Some(content)) => {
                inner.taken.fetch_add(1, Ordering::Relaxed);
                return Some(content);
            }
            Ok(None) => drop(seen.missing.insert(path)),
            Err(trouble) => {
                if trouble.is_of_entry() {
                    seen.unusable.insert(path);
                }
                seen.note(&trouble.reading());
            }
        }
        None
    }

    /// Puts an entry where there is none.
    pub async fn put(&self, bucket: Bucket, subject: &Digest, content: &[u8]) {
        let inner = &self.inner;
        let length = content.len() as u64;
        if !self.is_writable() || length > CEILING {
            return;
        }
        let path = inner.path(bucket, subject);
        let entry = entry::encode(&inner.key, bucket, subject, content);
        let unusable = inner.seen().unusable.contains(&path);
        let mode = if unusable { PutMode::Overwrite } else { PutMode::Create };
        let started = Instant::now();
        let put = inner.store.put_opts(&path, entry.into(), PutOptions::from(mode));
        let put = match timeout(inner.writing.limit(length), put).await {
            Ok(put) => put.map_err(Trouble::from),
            Err(_) => Err(Trouble::Late),
        };
        let answer = match put {
            Ok(_) => {
                inner.given.fetch_add(1, Ordering::Relaxed);
                Answer::Good(length)
            }
            // Another machine was faster.
            Err(Trouble::Present) => Answer::Good(length),
            Err(trouble) => {
                inner.seen().note(&trouble.writing());
                Answer::Failed
            }
        };
        inner.writing.count(answer, started.elapsed());
    }
}

impl Inner {
    fn path(&self, bucket: Bucket, subject: &Digest) -> Path {
        let bucket = format!("{}-a{}", bucket.name(), entry::ANALYSIS);
        self.root.clone().join(bucket).join(subject.algorithm()).join(subject.hex())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, path: &Path, bucket: Bucket, subject: &Digest) -> Read {
        let started = Instant::now();
        let asked = self.store.get_opts(path, GetOptions::default());
        let answer = match timeout(self.reading.limit(0), asked).await {
            Ok(answer) => answer.map_err(Trouble::from),
            Err(_) => Err(Trouble::Late),
        };
        let took = started.elapsed();
        let answer = match answer {
            Ok(answer) => answer,
            Err(Trouble::Missing) => return Read { found: Ok(None), took },
            Err(trouble) => return Read { found: Err(trouble), took },
        };
        let length = answer.meta.size;
        if length > entry::longest(CEILING) {
            return Read { found: Err(Trouble::TooLong), took };
        }
        let share = u32::try_from(length >> 10).unwrap_or(MEMORY).saturating_add(1).min(MEMORY);
        // The semaphore is never closed.
        let _share = self.memory.acquire_many(share).await;
        let started = Instant::now();
        let found = match timeout(self.reading.limit(length), body(answer, length)).await {
            Ok(Ok(entry)) => self.decoded(bucket, subject, entry).await.map(Some),
            Ok(Err(trouble)) => Err(trouble),
            Err(_) => Err(Trouble::Late),
        };
        Read { found, took: took.saturating_add(started.elapsed()) }
    }

    async fn decoded(
        &self,
        bucket: Bucket,
        subject: &Digest,
        entry: Bytes,
    ) -> Result<Bytes, Trouble> {
        let (key, subject) = (self.key.clone(), subject.clone());
        // Checksums of a long entry take their time.
        let checked = tokio::task::spawn_blocking(move || {
            entry::decode(&key, bucket, &subject, &entry).map_err(Trouble::Flaw)
        });
        checked.await.unwrap_or(Err(Trouble::Other))
    }
}

impl Seen {
    /// Whether an answer is known to be of no use.
    fn is_hopeless(&self, path: &Path) -> bool {
        self.missing.contains(path) || self.unusable.contains(path)
    }

    fn note(&mut self, notice: &str) {
        self.notice.get_or_insert_with(|| notice.to_owned());
    }
}

/// The bytes of an answer that said its length.
async fn body(answer: GetResult, length: u64) -> Result<Bytes, Trouble> {
    let length = usize::try_from(length).map_err(|_| Trouble::TooLong)?;
    let mut entry = Vec::new();
    entry.try_reserve_exact(length).map_err(|_| Trouble::TooLong)?;
    let mut pieces = answer.into_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if piece.len() > length.saturating_sub(entry.len()) {
            return Err(Trouble::TooLong);
        }
        entry.extend_from_slice(&piece);
    }
    Ok(entry.into())
}

#[cfg(test)]
mod tests;
