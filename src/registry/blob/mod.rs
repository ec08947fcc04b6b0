//! A blob as one verified stream.
//!
//! A small blob is one request. A big one is several closed ranges in flight, delivered in order:
//! the one that the reader waits for passes straight through, those behind it wait in memory that
//! all blobs of a run share. A server that ignores ranges gets to send the blob in one piece. What
//! breaks off goes on at the byte where it broke, and the storage server that the registry named
//! is asked directly until its link expires.
//!
//! Nothing is handed out of a part that does not say that it is the one asked for, and the end
//! comes only after size and digest were checked on the bytes as stored. What it costs is bounded:
//! attempts and time without progress, and one more time the blob's size in bytes. Ranges are those
//! of RFC 9110, section 14; digests those of the image specification's `descriptor.md`.

mod ahead;
mod body;
mod head;
mod reader;
mod source;

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::api::Registry;
use super::error::{Error, ErrorKind};
use crate::oci::Descriptor;
use reader::Reader;
use source::Source;

/// Chunks that wait for whoever reads the blob.
const WAITING_CHUNKS: usize = 16;

/// Chunks in order; the end is said, so that one that was not reached cannot be taken for it.
type Delivery = Result<Option<Bytes>, Error>;

/// A blob that is being read. Dropped, it is given up, and its requests end.
///
/// Chunks are not verified before the end is: what was made of them has to be thrown away after
/// an error. After one of kind [`ErrorKind::BadData`] the blob may be read once more from its
/// start; bytes that changed between two requests make a digest wrong that is right the next time.
///
/// The first request is made when the first chunk is asked for, so one that waits for its reader
/// keeps no connection from others. One that was begun has to be read on or dropped.
pub struct Blob {
    source: Arc<Source>,
    state: State,
}

enum State {
    Fresh(Handle),
    Running { deliveries: mpsc::Receiver<Delivery>, _task: Task },
    Complete,
    Failed,
}

/// A task that ends with its handle.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Registry {
    /// Starts to read a blob; within a tokio runtime.
    pub fn blob(self: &Arc<Self>, repository: &str, descriptor: &Descriptor) -> Blob {
        let source = Source::new(Arc::clone(self), repository, descriptor);
        Blob { source: Arc::new(source), state: State::Fresh(Handle::current()) }
    }
}

impl Blob {
    /// The next chunk, in order. `None` means that the blob is complete and has the size and
    /// digest of its descriptor.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        let delivery = match self.deliveries() {
            Some(deliveries) => deliveries.recv().await,
            None => None,
        };
        self.take(delivery)
    }

    /// The same from a thread that is none of a runtime's.
    pub fn blocking_next(&mut self) -> Option<Result<Bytes, Error>> {
        let delivery = self.deliveries().and_then(mpsc::Receiver::blocking_recv);
        self.take(delivery)
    }

    /// Bytes of bodies received for it so far, repeated ones included.
    pub fn received(&self) -> u64 {
        self.source.received()
    }

    fn deliveries(&mut self) -> Option<&mut mpsc::Receiver<Delivery>> {
        if let State::Fresh(runtime) = &self.state {
            let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
            let reader = Reader::new(Arc::clone(&self.source), sender);
            let task = Task(runtime.spawn(reader.run()).abort_handle());
            self.state = State::Running { deliveries: receiver, _task: task };
        }
        match &mut self.state {
            State::Running { deliveries, .. } => Some(deliveries),
            _ => None,
        }
    }

    fn take(&mut self, delivery: Option<Delivery>) -> Option<Result<Bytes, Error>> {
        match delivery {
            Some(Ok(Some(chunk))) => return Some(Ok(chunk)),
            Some(Ok(None)) => self.state = State::Complete,
            Some(Err(error)) => {
                self.state = State::Failed;
                return Some(Err(error));
            }
            None => {}
        }
        match self.state {
            State::Complete => None,
            _ => Some(Err(Error::new(ErrorKind::Local, "reading the blob was given up"))),
        }
    }
}
