//! A blob's bytes for a thread that reads them, and its parts.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::{Buf as _, Bytes};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::store::{Blob, Store};
use crate::layer::{self, Ranges};
use crate::oci::Descriptor;
use crate::registry::{Error, ErrorKind};

/// Ends the work of threads that nobody waits for any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

/// Stops the threads of a run when it is dropped, however that comes.
pub(super) struct StopWhenDropped(pub(super) Stop);

impl Stop {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// The content of a blob in order; its end comes only after it was verified.
pub(super) struct BlobReader<'a> {
    blob: Blob,
    chunk: Bytes,
    ended: bool,
    stop: &'a Stop,
    advanced: &'a (dyn Fn(u64) + Sync),
}

impl<'a> BlobReader<'a> {
    /// Reads `blob`, telling `advanced` how many bytes more were taken.
    pub(super) fn new(blob: Blob, stop: &'a Stop, advanced: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self { blob, chunk: Bytes::new(), ended: false, stop, advanced }
    }

    /// Bytes that were transferred for it so far.
    pub(super) fn received(&self) -> u64 {
        self.blob.received()
    }
}

impl BufRead for BlobReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() && !self.ended {
            if self.stop.is_set() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            match self.blob.blocking_next() {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => self.ended = true,
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, length: usize) {
        self.chunk.advance(length);
        (self.advanced)(length as u64);
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

/// Waits for `work` on a thread outside of the runtime; that the runtime ends is an error.
pub(super) fn wait<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    runtime.spawn(async move { sender.send(work.await) });
    receiver.blocking_recv().map_err(|_| io::ErrorKind::ConnectionAborted.into())
}

/// Parts of one blob, for a thread outside of the runtime.
pub(super) struct BlobRanges<'a> {
    pub(super) runtime: Handle,
    pub(super) store: &'a Store,
    pub(super) descriptor: &'a Descriptor,
    pub(super) received: AtomicU64,
}

impl Ranges for BlobRanges<'_> {
    fn read(&self, start: u64, length: u64) -> Result<Bytes, layer::Error> {
        let Descriptor { digest, size, .. } = self.descriptor;
        if start.checked_add(length).is_none_or(|end| end > *size) {
            let text = format!("bytes {start}+{length} are outside of the blob of {size} bytes");
            return Err(layer::Error::bad(text));
        }
        let (store, digest, size) = (self.store.clone(), digest.clone(), *size);
        let part = async move { store.range(&digest, size, start, length).await };
        let bytes = wait(&self.runtime, part)?.map_err(io::Error::other)?;
        let bytes = bytes.ok_or_else(|| {
            let text = "the registry does not serve parts of blobs";
            io::Error::other(Error::new(ErrorKind::Network, text))
        })?;
        self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// The error of a layer as one of the run: the registry's own where it is one.
pub(super) fn explain(error: layer::Error) -> Error {
    let kind = match error.kind() {
        layer::ErrorKind::Ceiling | layer::ErrorKind::Memory => ErrorKind::Ceiling,
        _ => ErrorKind::BadData,
    };
    let (text, hint) = (error.to_string(), error.hint());
    let Some(input) = error.into_input() else {
        let error = Error::new(kind, text);
        return match hint {
            Some(hint) => error.hint(hint),
            None => error,
        };
    };
    // What is not the registry's is this program's own end.
    input
        .downcast::<Error>()
        .unwrap_or_else(|error| Error::new(ErrorKind::Local, "reading was ended").because(error))
}
