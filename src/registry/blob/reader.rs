//! Reads a blob in order, goes on after failures, and checks the whole at the end.
//!
//! The state is the next byte to deliver. What is wanted next comes over a connection of its own,
//! or from the first of the ranges that are read ahead. Every failure is counted here.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::super::api::CHANGED;
use super::super::error::{Error, ErrorKind};
use super::super::failure::Failure;
use super::super::retry::Budget;
use super::Delivery;
use super::ahead::Ahead;
use super::body::Body;
use super::head::{Head, head, suspicion};
use super::source::Source;
use crate::oci::Verifier;

/// Ranges that are read ahead of the one whose turn it is.
const MAX_AHEAD: usize = 7;
/// Ranges' worth of bytes that one request asks for when there is nothing to read ahead with.
const ALONE: u64 = 4;
/// Times that a blob is read from its first byte on again.
const MAX_RESTARTS: u32 = 2;
/// A server that gives less than this for a longer range would make too many requests.
const TINY: u64 = 16 << 10;

/// The one who reads a blob.
pub(super) struct Reader {
    source: Arc<Source>,
    out: mpsc::Sender<Delivery>,
    /// The next byte to deliver.
    at: u64,
    /// The end of what is being read.
    planned: u64,
    ahead: VecDeque<Ahead>,
    /// How many ranges are to be read ahead.
    window: usize,
    verifier: Option<Verifier>,
    budget: Budget,
    restarts: u32,
    /// Answers that were not what was asked for.
    others: u32,
    /// Whether the server may be asked for ranges.
    ranges: bool,
    /// Whether it has served one.
    served: bool,
    /// What may explain wrong content, and the request it was seen in.
    suspicion: Option<String>,
    request: String,
}

impl Reader {
    pub(super) fn new(source: Arc<Source>, out: mpsc::Sender<Delivery>) -> Self {
        Self {
            at: 0,
            planned: 0,
            ahead: VecDeque::new(),
            window: MAX_AHEAD,
            verifier: Some(Verifier::new(&source.digest)),
            budget: source.transport().budget(),
            restarts: 0,
            others: 0,
            ranges: true,
            served: false,
            suspicion: None,
            request: String::new(),
            source,
            out,
        }
    }

    /// Reads the blob; the last delivery says whether it is complete or why not.
    pub(super) async fn run(mut self) {
        let end = self.read().await.map(|()| None);
        self.ahead.clear();
        // The receiver is gone only if nobody wants to know.
        let _ = self.out.send(end).await;
    }

    async fn read(&mut self) -> Result<(), Error> {
        while self.at < self.source.size {
            let next = self.ahead.front().map_or(self.planned, |ahead| ahead.from);
            let failure = if self.at < next {
                self.stream(next).await?
            } else if let Some(ahead) = self.ahead.pop_front() {
                self.take(ahead).await?
            } else {
                self.planned = self.next_end();
                None
            };
            if let Some(failure) = failure {
                self.fail(failure).await?;
            }
        }
        self.verify()
    }

    /// Where the next request ends when nothing is read ahead.
    fn next_end(&self) -> u64 {
        let (size, range) = (self.source.size, self.source.pool().range);
        if !self.ranges || size < range.saturating_mul(2) {
            return size;
        }
        let length = if self.at == 0 { range } else { range.saturating_mul(ALONE) };
        self.at.saturating_add(length).min(size)
    }

    /// Reads on to `end` over a connection of its own. What may pass is returned.
    async fn stream(&mut self, end: u64) -> Result<Option<Failure>, Error> {
        let asked = self.source.timer().now();
        let _permit = self.source.pool().stream().await?;
        self.budget.exclude(self.source.timer().now().saturating_duration_since(asked));
        let whole = !self.ranges || (self.at == 0 && end == self.source.size);
        if whole {
            self.restart()?;
        }
        let range = (!whole).then_some((self.at, end));
        let mut answer = self.source.open(range, &mut self.budget).await?;
        let head = head(&mut answer, &self.source.digest, self.source.size, range)?;
        self.request.clone_from(&answer.request);
        self.suspicion = suspicion(&answer.headers).or(self.suspicion.take());
        match head {
            Head::Part(stream, length) => {
                self.served = true;
                self.part(stream, length, end).await
            }
            Head::Whole(stream) => {
                if !whole {
                    self.restart()?;
                }
                self.give_up_ranges();
                let body = Body::new(&self.source, stream, self.source.size);
                self.pump(body, self.at).await
            }
            Head::NoRanges => {
                self.ranges = false;
                self.give_up_ranges();
                Ok(None)
            }
            Head::OtherPart(error) => self.other_part(error, whole),
            Head::OtherBlob(error) => self.other_blob(error),
        }
    }

    async fn part(
        &mut self,
        stream: reqwest::Response,
        length: u64,
        end: u64,
    ) -> Result<Option<Failure>, Error> {
        self.look_ahead();
        let failure = self.pump(Body::new(&self.source, stream, length), 0).await?;
        if failure.is_some() {
            return Ok(failure);
        }
        if self.at < end && length < TINY {
            let text = "the registry gives the blob only in tiny pieces";
            return Ok(Some(Failure::transient(Error::new(ErrorKind::Network, text), 0)));
        }
        self.widen();
        Ok(None)
    }

    fn widen(&mut self) {
        self.window = (2 * self.window + 1).min(MAX_AHEAD);
    }

    /// Delivers a body without its first `skip` bytes, which were delivered before.
    async fn pump(&mut self, mut body: Body, mut skip: u64) -> Result<Option<Failure>, Error> {
        loop {
            let mut chunk = match body.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(None),
                Err(failure) => return Ok(Some(failure)),
            };
            let known = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
            chunk.advance(known);
            skip -= known as u64;
            if !chunk.is_empty() && self.deliver(chunk).await? {
                body.resume();
            }
        }
    }

    /// Delivers what is read ahead.
    async fn take(&mut self, mut ahead: Ahead) -> Result<Option<Failure>, Error> {
        while let Some(chunk) = ahead.chunks.recv().await {
            match chunk {
                Ok(chunk) => self.deliver(chunk).await?,
                Err(failure) => return Ok(Some(failure)),
            };
        }
        if self.at == ahead.end {
            self.widen();
        }
        Ok(None)
    }

    /// Hashes a chunk and hands it out; says whether that took a wait.
    async fn deliver(&mut self, chunk: Bytes) -> Result<bool, Error> {
        let length = chunk.len() as u64;
        if let Some(verifier) = &mut self.verifier {
            verifier.update(&chunk);
        }
        self.at += length;
        self.budget.progress(length, || self.source.timer().now());
        let gone = || Error::new(ErrorKind::Local, "nobody reads the blob any more");
        let waited = match self.out.try_send(Ok(Some(chunk))) {
            Ok(()) => false,
            Err(TrySendError::Closed(_)) => return Err(gone()),
            Err(TrySendError::Full(delivery)) => {
                let since = self.source.timer().now();
                self.out.send(delivery).await.map_err(|_| gone())?;
                self.budget.exclude(self.source.timer().now().saturating_duration_since(since));
                true
            }
        };
        self.look_ahead();
        Ok(waited)
    }

    /// Starts what can be read ahead.
    fn look_ahead(&mut self) {
        if !self.ranges || !self.served {
            return;
        }
        while self.ahead.len() < self.window && self.planned < self.source.size {
            let length = self.source.pool().range.min(self.source.size - self.planned);
            let Some(permits) = self.source.pool().ahead(length) else { break };
            let end = self.planned + length;
            self.ahead.push_back(Ahead::start(&self.source, self.planned, end, permits));
            self.planned = end;
        }
    }

    /// One stream for the rest.
    fn give_up_ranges(&mut self) {
        self.ahead.clear();
        self.served = false;
        self.planned = self.source.size;
    }

    /// Allows for reading the blob from its first byte on, if it was not just begun.
    fn restart(&mut self) -> Result<(), Error> {
        if self.at == 0 {
            return Ok(());
        }
        self.restarts += 1;
        if self.restarts <= MAX_RESTARTS && self.source.received() <= self.source.size {
            return Ok(());
        }
        let text = format!(
            "blob {} breaks off, and the registry does not go on where it broke: more bytes than it has were read in vain",
            self.source.digest.short()
        );
        Err(Error::new(ErrorKind::Network, text).during(self.request.clone()))
    }

    fn other_part(&mut self, error: Error, whole: bool) -> Result<Option<Failure>, Error> {
        self.others += 1;
        if whole {
            return Err(error);
        }
        if self.others == 1 {
            return Ok(Some(Failure::transient(error, 0)));
        }
        self.ranges = false;
        self.give_up_ranges();
        Ok(None)
    }

    fn other_blob(&mut self, error: Error) -> Result<Option<Failure>, Error> {
        self.others += 1;
        if self.others > 1 {
            return Err(error);
        }
        Ok(Some(Failure::transient(error, 0)))
    }

    /// Counts a failure and waits for the next attempt, alone for now.
    async fn fail(&mut self, failure: Failure) -> Result<(), Error> {
        self.window = 0;
        let wait = self.source.transport().spend(&mut self.budget, failure, &self.request)?;
        self.source.timer().sleep(wait).await;
        Ok(())
    }

    fn verify(&mut self) -> Result<(), Error> {
        let expected = &self.source.digest;
        let Some(found) = self.verifier.take().map(Verifier::found) else { return Ok(()) };
        if found == *expected {
            return Ok(());
        }
        let text = format!(
            "the content of the blob has the digest {found}, not {expected}{}",
            self.suspicion.take().unwrap_or_default()
        );
        let error = Error::new(ErrorKind::BadData, text).hint(CHANGED);
        Err(if self.request.is_empty() { error } else { error.during(self.request.clone()) })
    }
}
