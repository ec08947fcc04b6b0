//! One body of a known length, watched while it arrives.
//!
//! There is no limit on a body's time: honest ones take hours. One that stands still or trickles
//! is given up, counted only while this side is ready for more.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::Response;
use url::Url;

use super::super::error::{Error, ErrorKind};
use super::super::failure::{Failure, classify};
use super::super::retry::Timer;
use super::head::suspicion;
use super::source::Source;

/// A span in which something has to arrive.
const SPAN: Duration = Duration::from_secs(30);
/// Bytes per second that have to arrive over two spans.
const LOWEST_RATE: u64 = 16 << 10;

/// A body that is being read.
pub(super) struct Body {
    source: Arc<Source>,
    response: Response,
    url: Url,
    left: u64,
    watch: Watch,
}

impl Body {
    /// The next `length` bytes, which are to be all.
    pub(super) fn new(source: &Arc<Source>, response: Response, length: u64) -> Self {
        Self {
            url: response.url().clone(),
            response,
            left: length,
            watch: Watch::new(Arc::clone(source.timer())),
            source: Arc::clone(source),
        }
    }

    /// The next chunk; `None` after the last byte.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.left == 0 {
            return self.end().await;
        }
        loop {
            let chunk = self.watch.within(self.response.chunk()).await;
            let chunk = chunk.map_err(|rate| self.slow(rate))?;
            let chunk = chunk.map_err(|error| classify(error, &self.url, 0))?;
            let Some(chunk) = chunk else { return Err(self.early()) };
            self.source.receive(chunk.len());
            self.watch.bytes += chunk.len() as u64;
            let Some(left) = self.left.checked_sub(chunk.len() as u64) else {
                return Err(self.excess());
            };
            self.left = left;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }

    /// Begins to watch anew, after a time in which nothing was asked of the server.
    pub(super) fn resume(&mut self) {
        self.watch = Watch::new(Arc::clone(self.source.timer()));
    }

    /// Looks for bytes after the last. That the end itself is missing does no harm.
    async fn end(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.watch.within(self.response.chunk()).await {
            Ok(Ok(Some(chunk))) if !chunk.is_empty() => {
                self.source.receive(chunk.len());
                Err(self.excess())
            }
            _ => Ok(None),
        }
    }

    fn server(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn early(&self) -> Failure {
        let text = format!("{} ended its answer {} bytes before the end", self.server(), self.left);
        Failure::transient(Error::new(ErrorKind::Network, text), 0)
    }

    fn slow(&self, rate: u64) -> Failure {
        let text = if rate == 0 {
            format!("{} stopped sending", self.server())
        } else {
            format!("{} sends only {rate} bytes per second", self.server())
        };
        Failure::transient(Error::new(ErrorKind::Network, text), 0)
    }

    fn excess(&self) -> Failure {
        let text = format!(
            "{} sent more bytes than the manifest says{}",
            self.server(),
            suspicion(self.response.headers()).unwrap_or_default()
        );
        Failure::permanent(Error::new(ErrorKind::BadData, text))
    }
}

/// Notices that too little arrives.
struct Watch {
    timer: Arc<dyn Timer>,
    limit: Option<BoxFuture<'static, ()>>,
    bytes: u64,
    /// What arrived in the span before.
    before: Option<u64>,
}

impl Watch {
    fn new(timer: Arc<dyn Timer>) -> Self {
        Self { timer, limit: None, bytes: 0, before: None }
    }

    /// Waits for `work`, or gives the rate in bytes per second if that is too low.
    async fn within<T>(&mut self, work: impl Future<Output = T>) -> Result<T, u64> {
        tokio::pin!(work);
        loop {
            let timer = &self.timer;
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = self.limit.get_or_insert_with(|| timer.limit(SPAN)) => self.turn()?,
            }
        }
    }

    fn turn(&mut self) -> Result<(), u64> {
        self.limit = None;
        let bytes = std::mem::take(&mut self.bytes);
        let seconds = 2 * SPAN.as_secs();
        match self.before.replace(bytes) {
            _ if bytes == 0 => Err(0),
            Some(before) if before + bytes < LOWEST_RATE * seconds => {
                Err(((before + bytes) / seconds).max(1))
            }
            _ => Ok(()),
        }
    }
}
