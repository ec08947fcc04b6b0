//! One exchange with a server: redirects, ceilings, retries and the pace of requests.
//!
//! Small documents and ranges are read to a ceiling inside the retry loop, so a connection that
//! breaks in a body costs an attempt and not a wrong result. Of a blob the loop ends with the head,
//! and [`super::blob`] reads the body. Redirects
//! are followed by hand: `Authorization` leaves with the registry's own origin and never returns,
//! `Referer` and cookies are never sent. What may be reached at all is decided by [`super::guard`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION,
};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::clients::Clients;
use super::confidence::Confidence;
use super::error::{Effort, Error, ErrorKind};
use super::failure::{Failure, classify, proxy_wants_login};
use super::guard::Guard;
use super::headers::{rate_limit, retry_after, warnings};
use super::policy::{self, Origin, Redirect};
use super::pool::Pool;
use super::retry::{Budget, Exhausted, RetryPolicy, Timer};

pub(super) use super::message::{Answer, Call, Read};
pub use super::message::{Event, Observer, Traffic};

/// Redirects followed for one request.
const MAX_REDIRECTS: usize = 10;
/// Bytes of an error body that are read.
const ERROR_BODY: u64 = 64 << 10;
/// Time for an error body; some servers announce more than they send.
const ERROR_BODY_TIME: Duration = Duration::from_secs(5);
/// Bytes of a URL that is asked; servers allow no longer ones.
const MAX_URL: usize = 16 << 10;
/// Distinct warnings of a registry that are kept.
const MAX_WARNINGS: usize = 10;

/// The shared parts of talking to one registry and its storage and token servers.
pub(super) struct Transport {
    pub(super) clients: Clients,
    pub(super) guard: Guard,
    pub(super) permits: Arc<Semaphore>,
    pub(super) pool: Arc<Pool>,
    pub(super) policy: RetryPolicy,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) observer: Observer,
    pub(super) pauses: Mutex<HashMap<Origin, Pause>>,
    pub(super) answered: Mutex<HashSet<Origin>>,
    pub(super) traffic: Mutex<Traffic>,
}

/// A span in which a server is asked nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    until: Instant,
    /// Whether the server named its length.
    asked: bool,
}

impl Transport {
    /// Sends a call until it is answered for good or a budget is used up.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Error> {
        self.exchange_within(call, authorization, &mut self.budget()).await
    }

    /// A whole budget.
    pub(super) fn budget(&self) -> Budget {
        Budget::new(self.policy, self.timer.now())
    }

    /// The same with what is left of a budget.
    pub(super) async fn exchange_within(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
        budget: &mut Budget,
    ) -> Result<Answer, Error> {
        loop {
            let permit = self.admission(call, budget).await?;
            let left = budget.left(self.timer.now());
            let attempt = tokio::time::timeout(left, self.once(call, authorization));
            let failure = match attempt.await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::permanent(too_slow(call, self.policy)),
            };
            // The pause begins before another request can have this one's place.
            let wait = self.spend(budget, failure, &call.describe())?;
            drop(permit);
            self.timer.sleep(wait).await;
        }
    }

    /// Waits for a place among the requests in flight, at a time when the server is not paused.
    async fn admission(&self, call: &Call, budget: &Budget) -> Result<SemaphorePermit<'_>, Error> {
        let origin = Origin::of(&call.url)
            .map_err(|refused| Error::new(ErrorKind::Network, refused.to_string()))?;
        loop {
            let permit = self.permits.acquire().await.map_err(|error| {
                Error::new(ErrorKind::Local, "the program is shutting down").because(error)
            })?;
            let Some((wait, asked)) = self.pause(&origin) else { return Ok(permit) };
            drop(permit);
            if wait > budget.left(self.timer.now()) {
                let asked = asked.then_some(wait);
                let error =
                    Error::new(ErrorKind::RateLimited, "the server allows no requests for now")
                        .during(call.describe());
                return Err(explain(error, Exhausted::Deadline { asked }, self.policy));
            }
            self.timer.sleep(wait).await;
        }
    }

    /// Decides whether a failure is worth another attempt, and when.
    pub(super) fn spend(
        &self,
        budget: &mut Budget,
        failure: Failure,
        request: &str,
    ) -> Result<Duration, Error> {
        let now = self.timer.now();
        let effort = Effort { attempts: budget.attempts(), elapsed: budget.elapsed(now) };
        let Failure { error, transient, received, asked_wait, pauses_host, .. } = failure;
        let error = error.during(request).after(effort);
        if !transient {
            return Err(error);
        }
        let wait = budget
            .spend(received, asked_wait, now)
            .map_err(|exhausted| explain(error, exhausted, self.policy))?;
        if let Some(origin) = pauses_host {
            let mut pauses = lock(&self.pauses);
            let new = Pause { until: now + wait, asked: asked_wait.is_some() };
            let pause = pauses.entry(origin).or_insert(new);
            if pause.until < new.until {
                *pause = new;
            }
        }
        lock(&self.traffic).retries += 1;
        (self.observer)(&Event::Retrying { reason: request.to_owned(), wait });
        Ok(wait)
    }

    /// How long requests to a server have to wait, if they have to, and whether it asked for that.
    fn pause(&self, origin: &Origin) -> Option<(Duration, bool)> {
        let Pause { until, asked } = lock(&self.pauses).get(origin).copied()?;
        let wait = until.saturating_duration_since(self.timer.now());
        (!wait.is_zero()).then_some((wait, asked))
    }

    /// Sends a call once, following redirects.
    async fn once(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        let mut url = call.url.clone();
        let start = Origin::of(&url).map_err(refused)?;
        let mut redirect = Redirect::START;
        let mut told = Confidence::of(call, authorization);
        for _ in 0..=MAX_REDIRECTS {
            self.guard.check_literal(&url).map_err(Failure::permanent)?;
            if url.as_str().len() > MAX_URL {
                return Err(Failure::permanent(too_long(&url)));
            }
            let origin = Origin::of(&url).map_err(refused)?;
            while let Some((wait, _)) = self.pause(&origin) {
                self.timer.sleep(wait).await;
            }
            let authorization = authorization.filter(|_| redirect.keep_authorization);
            told.follow(&url);
            let response = match self.send(call, &url, authorization, &told).await {
                // A connection that was kept open may be closed in the moment it is used again.
                Err(failure) if failure.unanswered && self.may_be_reused(call, &origin) => {
                    self.send(call, &url, authorization, &told).await?
                }
                result => result?,
            };
            lock(&self.answered).insert(origin.clone());
            if !is_redirect(response.status()) {
                return self.read(call, origin, response, &told).await;
            }
            let target = redirect_target(call, &url, &response).map_err(Failure::permanent)?;
            redirect = policy::redirect(&url, &target, &start, redirect).map_err(refused)?;
            url = target;
        }
        Err(Failure::permanent(Error::new(
            ErrorKind::Network,
            format!("more than {MAX_REDIRECTS} redirects"),
        )))
    }

    fn may_be_reused(&self, call: &Call, origin: &Origin) -> bool {
        call.method != Method::POST && lock(&self.answered).contains(origin)
    }

    async fn send(
        &self,
        call: &Call,
        url: &Url,
        authorization: Option<&HeaderValue>,
        told: &Confidence,
    ) -> Result<Response, Failure> {
        let started = Instant::now();
        let client = match call.read {
            Read::Stream => self.clients.blobs().map_err(Failure::permanent)?,
            _ => self.clients.documents(),
        };
        let mut request =
            client.request(call.method.clone(), url.clone()).headers(call.headers.clone());
        // Offsets count in the stored bytes, and digests are of them: nobody may re-encode.
        request = request.header(ACCEPT_ENCODING, "identity");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if !call.form.is_empty() {
            request = request.form(&call.form);
        }
        lock(&self.traffic).requests += 1;
        let response = request.send().await.map_err(|error| classify(error, url, 0))?;
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(proxy_wants_login(url));
        }
        self.observe(&told.headers(response.headers()));
        (self.observer)(&Event::Answered {
            request: format!("{} {}", call.method, told.url(url)),
            status: response.status().as_u16(),
            elapsed: started.elapsed(),
        });
        Ok(response)
    }

    fn observe(&self, headers: &HeaderMap) {
        let mut traffic = lock(&self.traffic);
        if let Some(limit) = rate_limit(headers) {
            traffic.rate_limit = Some(limit);
        }
        for warning in warnings(headers) {
            if traffic.warnings.len() < MAX_WARNINGS && !traffic.warnings.contains(&warning) {
                traffic.warnings.push(warning);
            }
        }
    }

    async fn read(
        &self,
        call: &Call,
        origin: Origin,
        response: Response,
        told: &Confidence,
    ) -> Result<Answer, Failure> {
        let status = response.status();
        let answer = Answer {
            status,
            headers: told.headers(response.headers()),
            body: Bytes::new(),
            unread: false,
            stream: None,
            origin,
            request: format!("{} {}", call.method, told.url(response.url())),
        };
        if !status.is_success() {
            return self.read_error(answer, response, told).await;
        }
        let (limit, what) = match call.read {
            Read::Nothing => return Ok(answer),
            Read::Stream => return Ok(Answer { stream: Some(response), ..answer }),
            Read::Whole { ceiling, what } => (ceiling, Some(what)),
            Read::Part { length, .. } if status == StatusCode::PARTIAL_CONTENT => (length, None),
            Read::Part { whole, .. } => (whole, None),
        };
        match self.body(response, limit).await? {
            Some(body) => Ok(Answer { body, ..answer }),
            None => match what {
                None => Ok(Answer { unread: true, ..answer }),
                Some(what) => {
                    Err(Failure::permanent(too_large(what, limit).during(answer.request)))
                }
            },
        }
    }

    /// Reads a body to its end, or gives `None` where it is longer than `limit`.
    async fn body(&self, mut response: Response, limit: u64) -> Result<Option<Bytes>, Failure> {
        let announced = response
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Ok(None);
        }
        let url = response.url().clone();
        let mut body = BytesMut::new();
        loop {
            let received = body.len() as u64;
            match response.chunk().await.map_err(|error| classify(error, &url, received))? {
                None => return Ok(Some(body.freeze())),
                Some(chunk) if received + chunk.len() as u64 > limit => return Ok(None),
                Some(chunk) => {
                    lock(&self.traffic).body_bytes += chunk.len() as u64;
                    body.extend_from_slice(&chunk);
                }
            }
        }
    }

    /// Reads what can be had of an error's body; a status that may pass is a failure.
    async fn read_error(
        &self,
        answer: Answer,
        response: Response,
        told: &Confidence,
    ) -> Result<Answer, Failure> {
        let wanted = answer.status != StatusCode::RANGE_NOT_SATISFIABLE;
        let body = async {
            match self.body(response, ERROR_BODY).await {
                Ok(Some(body)) if wanted => body,
                _ => Bytes::new(),
            }
        };
        let body = if wanted {
            tokio::time::timeout(ERROR_BODY_TIME, body).await.unwrap_or_default()
        } else {
            Bytes::new()
        };
        let answer = Answer { body: told.body(body), ..answer };
        if !is_transient(answer.status) {
            return Ok(answer);
        }
        Err(Failure {
            error: status_error(&answer, &self.traffic),
            transient: true,
            unanswered: false,
            received: 0,
            asked_wait: retry_after(&answer.headers),
            pauses_host: matches!(answer.status.as_u16(), 429 | 503).then(|| answer.origin.clone()),
        })
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(reason: policy::Refused) -> Failure {
    Failure::permanent(Error::new(ErrorKind::Network, reason.to_string()))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 499 | 500 | 502 | 503 | 504 | 520..=524)
}

fn redirect_target(call: &Call, url: &Url, response: &Response) -> Result<Url, Error> {
    let error =
        |message: &str| Error::new(ErrorKind::Network, format!("{} {message}", response.status()));
    if call.method == Method::POST {
        return Err(error("redirects a form with a secret in it, which is not followed"));
    }
    let location = response
        .headers()
        .get(LOCATION)
        .ok_or_else(|| error("redirects without saying where to"))?;
    let location =
        location.to_str().map_err(|_| error("redirects to something that is not a URL"))?;
    url.join(location).map_err(|_| error("redirects to something that is not a URL"))
}

fn status_error(answer: &Answer, traffic: &Mutex<Traffic>) -> Error {
    let said = answer.excerpt();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    if answer.status != StatusCode::TOO_MANY_REQUESTS {
        return Error::new(
            ErrorKind::Network,
            format!("the server answered {}{said}", answer.status),
        );
    }
    let error = Error::new(
        ErrorKind::RateLimited,
        format!("the registry allows no more requests for now{said}"),
    );
    match &lock(traffic).rate_limit {
        Some(limit) => error.hint(format!(
            "{} of {} pulls are left{}; manifests that were read before come from the cache, and asking which digest a tag has does not count",
            limit.remaining,
            limit.limit,
            limit.window_seconds.map_or(String::new(), |window| format!(" in a window of {} minutes", window / 60)),
        )),
        None => error.hint("wait a while"),
    }
}

fn too_long(url: &Url) -> Error {
    let (length, host) = (url.as_str().len(), url.host_str().unwrap_or_default());
    let text = format!("the URL at {host} is {length} bytes long; the ceiling is {MAX_URL}");
    Error::new(ErrorKind::Ceiling, text)
}

fn too_slow(call: &Call, policy: RetryPolicy) -> Error {
    let host = call.url.host_str().unwrap_or_default();
    let allowed = policy.deadline.as_secs();
    Error::new(
        ErrorKind::Network,
        format!("no whole answer of {host} in the {allowed} s allowed for a request"),
    )
    .hint("allow more: --deadline SECONDS")
}

fn too_large(what: &str, limit: u64) -> Error {
    let text = format!("{what} is larger than {limit} bytes, the ceiling for it");
    Error::new(ErrorKind::Ceiling, text).raised_by(what)
}

fn explain(error: Error, exhausted: Exhausted, policy: RetryPolicy) -> Error {
    match exhausted {
        Exhausted::Attempts => error,
        Exhausted::Deadline { asked } => {
            let allowed = policy.deadline.as_secs();
            let text = match asked.map(|wait| wait.as_secs()) {
                Some(wait @ 1..) => format!(
                    "the server asks to wait {wait} s, but {allowed} s are allowed for a request"
                ),
                _ => format!("the {allowed} s allowed for a request are used up"),
            };
            Error::new(error.kind(), text).hint("allow more: --deadline SECONDS").because(error)
        }
        Exhausted::ExtraBytes => {
            let text = format!("more than {} bytes had to be asked for again", policy.extra_bytes);
            Error::new(error.kind(), text).because(error)
        }
    }
}
