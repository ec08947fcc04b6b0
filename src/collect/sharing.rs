//! Listings by way of the cache that machines share: taken into this machine's cache before it is
//! looked into, and given when they were made here. Layers of files are neither asked for nor
//! given.

use super::reader::{Job, Reader};
use super::stream::wait;
use crate::cache::{Bucket, toc_key};
use crate::oci::Digest;
use crate::shared::SharedCache;

impl Reader {
    /// Takes what the shared cache has of a layer that is not in this machine's.
    pub(super) async fn take_shared(&self, job: &Job) {
        let Some(shared) = &self.shared else { return };
        if self.wanted.verify_diff_ids || self.wanted.verify_toc {
            return;
        }
        let digest = &job.descriptor.digest;
        let claimed = self.claim_key(job).map(|claim| toc_key(digest, Some(&claim)));
        let whole = toc_key(digest, None);
        if self.has(shared, Bucket::Tocs, &whole).await {
            self.take_captures(shared, &whole).await;
            if let Some(claimed) = &claimed {
                self.has(shared, Bucket::Refusals, claimed).await;
            }
        } else if let Some(claimed) = &claimed
            && self.has(shared, Bucket::Tocs, claimed).await
        {
            self.take_captures(shared, claimed).await;
        }
    }

    async fn take_captures(&self, shared: &SharedCache, key: &Digest) {
        if self.wanted.captures {
            self.has(shared, Bucket::Captures, key).await;
        }
    }

    /// Whether an entry is in this machine's cache, or was in the other and is now.
    async fn has(&self, shared: &SharedCache, bucket: Bucket, key: &Digest) -> bool {
        if self.cache.has(bucket, key) {
            return true;
        }
        let Some(content) = shared.get(bucket, key).await else { return false };
        let (cache, key) = (self.cache.clone(), key.clone());
        let kept = tokio::task::spawn_blocking(move || cache.put(bucket, &key, &content));
        kept.await.is_ok()
    }

    /// Gives an entry that was made here.
    pub(super) fn give(&self, bucket: Bucket, key: &Digest, content: Vec<u8>) {
        let Some(shared) = self.shared.clone().filter(SharedCache::is_writable) else { return };
        let key = key.clone();
        // A runtime that ends takes what was not given with it.
        let _ = wait(&self.runtime, async move { shared.put(bucket, &key, &content).await });
    }
}
