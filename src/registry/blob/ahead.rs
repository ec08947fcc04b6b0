//! A range that is read before its turn, into memory.
//!
//! It is tried once: what goes wrong is left to whoever reads the range when its turn has come, so
//! that there is one place where failures are counted.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::super::failure::Failure;
use super::super::pool;
use super::super::retry::{Budget, RetryPolicy};
use super::Task;
use super::body::Body;
use super::head::{Head, head};
use super::source::Source;

/// Attempts to get a head, so that a server's wish to wait is heard and granted.
const ATTEMPTS: u32 = 2;

/// A range that is read ahead.
pub(super) struct Ahead {
    /// Its first byte.
    pub(super) from: u64,
    /// The first byte behind it.
    pub(super) end: u64,
    /// Its chunks; the last may be the reason why there are no more.
    pub(super) chunks: mpsc::UnboundedReceiver<Result<Bytes, Failure>>,
    _memory: OwnedSemaphorePermit,
    _task: Task,
}

impl Ahead {
    /// Starts to read the bytes from `from` to before `end`.
    pub(super) fn start(source: &Arc<Source>, from: u64, end: u64, permits: pool::Ahead) -> Self {
        let (sender, chunks) = mpsc::unbounded_channel();
        let source = Arc::clone(source);
        let pool::Ahead { stream, memory } = permits;
        let task = tokio::spawn(async move {
            if let Err(failure) = read(&source, from, end, &sender).await {
                // The receiver is gone only if nobody wants to know.
                let _ = sender.send(Err(failure));
            }
            drop(stream);
        });
        Self { from, end, chunks, _memory: memory, _task: Task(task.abort_handle()) }
    }
}

async fn read(
    source: &Arc<Source>,
    from: u64,
    end: u64,
    sender: &mpsc::UnboundedSender<Result<Bytes, Failure>>,
) -> Result<(), Failure> {
    let transport = source.transport();
    let attempts = transport.policy.attempts.min(ATTEMPTS);
    let policy = RetryPolicy { attempts, ..transport.policy };
    let mut budget = Budget::new(policy, transport.timer.now());
    let range = Some((from, end));
    let Ok(mut answer) = source.open(range, &mut budget).await else { return Ok(()) };
    let head = head(&mut answer, &source.digest, source.size, range);
    let Ok(Head::Part(stream, length)) = head else { return Ok(()) };
    let mut body = Body::new(source, stream, length);
    while let Some(chunk) = body.next().await? {
        if sender.send(Ok(chunk)).is_err() {
            break;
        }
    }
    Ok(())
}
