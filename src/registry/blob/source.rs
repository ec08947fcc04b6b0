//! Where a blob comes from: the registry, or the storage server that it named.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use url::Url;

use super::super::api::Registry;
use super::super::error::Error;
use super::super::pool::Pool;
use super::super::retry::{Budget, Timer};
use super::super::transport::{Answer, Call, Read, Transport, lock};
use crate::oci::{Descriptor, Digest};

/// One blob in one repository, for all requests that read it.
pub(super) struct Source {
    registry: Arc<Registry>,
    repository: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    received: AtomicU64,
    /// Where the registry sent the last request; a link that may expire.
    storage: Mutex<Option<Url>>,
}

impl Source {
    pub(super) fn new(registry: Arc<Registry>, repository: &str, descriptor: &Descriptor) -> Self {
        Self {
            registry,
            repository: repository.to_owned(),
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            received: AtomicU64::new(0),
            storage: Mutex::default(),
        }
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.registry.transport
    }

    pub(super) fn timer(&self) -> &Arc<dyn Timer> {
        &self.registry.transport.timer
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.registry.transport.pool
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Takes note of bytes of a body that arrived.
    pub(super) fn receive(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.received.fetch_add(bytes, Ordering::Relaxed);
        lock(&self.registry.transport.traffic).body_bytes += bytes;
    }

    /// Asks for the blob, or for the bytes of `range` (the second is the first not wanted).
    pub(super) async fn open(
        &self,
        range: Option<(u64, u64)>,
        budget: &mut Budget,
    ) -> Result<Answer, Error> {
        let known = lock(&self.storage).clone();
        if let Some(url) = known {
            let call = call(url, range)?;
            // The link is all the authorization there is: the registry's stays with it.
            let answer = self.transport().exchange_within(&call, None, budget).await?;
            if !matches!(answer.status.as_u16(), 400 | 401 | 403 | 404 | 410) {
                return Ok(answer);
            }
            *lock(&self.storage) = None;
        }
        let url = self.registry.url(&[&self.repository, "blobs", self.digest.as_str()])?;
        let call = call(url, range)?;
        let answer = self.registry.call_within(&self.repository, &call, budget).await?;
        if let Some(stream) = &answer.stream
            && answer.origin != self.registry.auth.origin
        {
            *lock(&self.storage) = Some(stream.url().clone());
        }
        Ok(answer)
    }
}

fn call(url: Url, range: Option<(u64, u64)>) -> Result<Call, Error> {
    let call = Call::get(url, Read::Stream);
    match range {
        Some((from, end)) => call.of_range(from, end),
        None => Ok(call),
    }
}
