//! What all blobs of a run share: connections, and memory for ranges that wait for their turn.
//!
//! The range that a reader waits for needs a connection and no memory, so it always gets on. The
//! ranges behind it are read ahead only while there is both, and nobody waits for that: a run
//! cannot lock itself up, whatever number of blobs it reads.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{Error, ErrorKind};

/// Bytes of memory that one permit stands for.
const UNIT: u64 = 1 << 10;

/// The connections and the memory.
pub(super) struct Pool {
    streams: Arc<Semaphore>,
    buffer: Arc<Semaphore>,
    /// Bytes of one range.
    pub(super) range: u64,
}

/// A connection and the memory for what it brings.
pub(super) struct Ahead {
    pub(super) stream: OwnedSemaphorePermit,
    pub(super) memory: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(streams: usize, buffer: u64, range: u64) -> Self {
        let units = usize::try_from(buffer / UNIT).unwrap_or(usize::MAX);
        Self {
            streams: Arc::new(Semaphore::new(streams.clamp(1, Semaphore::MAX_PERMITS))),
            buffer: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            range: range.max(1),
        }
    }

    /// Waits for a connection.
    pub(super) async fn stream(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.streams).acquire_owned().await.map_err(|error| {
            Error::new(ErrorKind::Local, "the program is shutting down").because(error)
        })
    }

    /// A connection and memory for `length` bytes, if both are free.
    pub(super) fn ahead(&self, length: u64) -> Option<Ahead> {
        let units = u32::try_from(length.div_ceil(UNIT)).ok()?;
        let memory = Arc::clone(&self.buffer).try_acquire_many_owned(units).ok()?;
        let stream = Arc::clone(&self.streams).try_acquire_owned().ok()?;
        Some(Ahead { stream, memory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_ahead_while_there_are_connections_and_memory() {
        let check = |streams: usize, buffer: u64, length: u64, expected: usize| {
            let pool = Pool::new(streams, buffer, 1);
            let held: Vec<Ahead> = std::iter::from_fn(|| pool.ahead(length)).collect();
            assert_eq!(held.len(), expected, "{streams} {buffer} {length}");
            drop(held);
            assert_eq!(pool.ahead(length).is_some(), expected > 0);
        };
        check(12, 48 << 20, 4 << 20, 12);
        check(12, 10 << 20, 4 << 20, 2);
        check(3, 48 << 20, 1, 3);
        check(0, 48 << 20, 1, 1);
        check(12, 0, 1, 0);
        check(12, u64::MAX, u64::MAX, 0);
    }
}
