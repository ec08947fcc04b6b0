//! What is asked of a server, what it answers, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use super::error::{Error, ErrorKind, excerpt};
use super::headers::RateLimit;
use super::policy::Origin;
use super::secret::SafeUrl;

/// What is asked of a server.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) form: Vec<(&'static str, String)>,
    pub(super) read: Read,
}

/// How much of a successful answer's body is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// None of it.
    Nothing,
    /// All of it, which is an error beyond a ceiling.
    Whole { ceiling: u64, what: &'static str },
    /// A partial response of so many bytes; of a whole one nothing beyond `whole`.
    Part { length: u64, whole: u64 },
    /// All of it, by whoever gets the answer.
    Stream,
}

/// What a server answered. The body is empty where it was not wanted.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the body was left unread because it was longer than wanted.
    pub(super) unread: bool,
    /// The body still to be read, of a successful answer to [`Read::Stream`].
    pub(super) stream: Option<Response>,
    /// Where the answer came from, after redirects.
    pub(super) origin: Origin,
    /// The request, for errors.
    pub(super) request: String,
}

impl Call {
    pub(super) fn get(url: Url, read: Read) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), form: Vec::new(), read }
    }

    /// The same call for the bytes from `from` to before `end` only.
    pub(super) fn of_range(mut self, from: u64, end: u64) -> Result<Self, Error> {
        let range = HeaderValue::from_str(&format!("bytes={from}-{}", end.saturating_sub(1)));
        let range = range.map_err(|error| {
            Error::new(ErrorKind::Local, "a range that is no header").because(error)
        })?;
        self.headers.insert(RANGE, range);
        Ok(self)
    }

    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.method, SafeUrl(self.url.clone()))
    }
}

impl Answer {
    pub(super) fn text(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the server said, shortened.
    pub(super) fn excerpt(&self) -> String {
        excerpt(&self.body, self.text(CONTENT_TYPE))
    }
}

/// What was seen of a registry while talking to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests sent, redirects and token requests included.
    pub requests: u64,
    /// Requests that had to be sent again.
    pub retries: u64,
    /// Bytes of bodies received.
    pub body_bytes: u64,
    /// The pull limit that the registry reported last.
    pub rate_limit: Option<RateLimit>,
    /// What the registry wants its users to read.
    pub warnings: Vec<String>,
}

/// Something that happened on the wire, for progress and verbose output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server answered.
    Answered {
        /// Method and URL, without secrets.
        request: String,
        /// The HTTP status.
        status: u16,
        /// Time until the head of the answer.
        elapsed: Duration,
    },
    /// A page of a repository's tags was read.
    Listed {
        /// Tags on it that no page before it had.
        tags: usize,
    },
    /// A request failed and is tried again.
    Retrying {
        /// Why, without secrets.
        reason: String,
        /// Time until the next attempt.
        wait: Duration,
    },
}

/// Receives events; called from several threads.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;
