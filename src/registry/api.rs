//! The read side of the distribution protocol: manifests and blobs.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::auth::{Auth, CLOCK_SKEW, Ticket, wants_authorization};
use super::error::{Error, ErrorKind, diagnostic, looks_like_html};
use super::guard::Guard;
use super::options::Limits;
use super::retry::Budget;
use super::transport::{Answer, Call, Read, Traffic, Transport, lock};
use crate::oci::{Descriptor, Digest, MediaType};

const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// What to do about an image whose parts are not all there.
pub(super) const INCOMPLETE: &str = "the image is not complete in the registry: push it again";
/// What to do about content that does not have its digest.
pub(super) const CHANGED: &str =
    "it was changed on the way or in the registry's storage: go around proxies, or push it again";

/// One registry, ready to be asked.
pub struct Registry {
    base: Url,
    pub(super) transport: Transport,
    pub(super) auth: Auth,
    pub(super) limits: Limits,
    head_is_useless: AtomicBool,
    notes: Mutex<BTreeSet<String>>,
}

/// A document as served, verified against its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Bytes,
    /// The media type that the registry answered with.
    pub media_type: Option<MediaType>,
}

/// How registries say that a manifest is not there, or its repository.
const UNKNOWN: [&str; 4] = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "TAG_EXPIRED", "NOT_FOUND"];

impl Registry {
    pub(super) fn new(base: Url, transport: Transport, auth: Auth, limits: Limits) -> Self {
        Self {
            base,
            transport,
            auth,
            limits,
            head_is_useless: AtomicBool::new(false),
            notes: Mutex::default(),
        }
    }

    /// Asks which digest a tag or digest has, by HEAD, which costs no pull.
    ///
    /// `None` means that the registry does not tell; a GET then will.
    pub async fn resolve(&self, repository: &str, version: &str) -> Result<Option<Digest>, Error> {
        if self.head_is_useless.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut call = self.manifest_call(repository, version, Read::Nothing)?;
        call.method = Method::HEAD;
        let answer = match self.call(repository, &call).await {
            // What HEAD may not, GET may; if it may not either, its error is the better one.
            Err(error) if error.kind() == ErrorKind::Auth => {
                self.head_is_useless.store(true, Ordering::Relaxed);
                return Ok(None);
            }
            result => result?,
        };
        let digest = answer.text("docker-content-digest").and_then(|value| value.parse().ok());
        // That one tag is missing says nothing of the others.
        let is_missing = answer.status == StatusCode::NOT_FOUND;
        if !is_missing && (!answer.status.is_success() || digest.is_none()) {
            self.head_is_useless.store(true, Ordering::Relaxed);
        }
        Ok(digest.filter(|_| answer.status.is_success()))
    }

    /// Reads a manifest or index by tag or digest; with `size`, it must be of that size.
    ///
    /// One that is wrong is asked for once more: without a `Content-Length`, one that was cut off
    /// looks whole.
    pub async fn manifest(
        &self,
        repository: &str,
        version: &str,
        size: Option<u64>,
    ) -> Result<Fetched, Error> {
        match self.manifest_once(repository, version, size).await {
            Err(error) if error.kind() == ErrorKind::BadData => {
                self.manifest_once(repository, version, size).await
            }
            result => result,
        }
    }

    /// Whether the registry itself says that a tag is not there: by a status and a code of its own,
    /// which a page of something in between has not.
    pub async fn is_gone(&self, repository: &str, tag: &str) -> Result<bool, Error> {
        let read = Read::Whole { ceiling: self.limits.manifest, what: "the manifest" };
        let call = self.manifest_call(repository, tag, read)?;
        let answer = self.call(repository, &call).await?;
        let code = diagnostic(&answer.body).map(|said| said.code).unwrap_or_default();
        Ok(answer.status == StatusCode::NOT_FOUND && UNKNOWN.contains(&code.as_str()))
    }

    async fn manifest_once(
        &self,
        repository: &str,
        version: &str,
        size: Option<u64>,
    ) -> Result<Fetched, Error> {
        let read = Read::Whole { ceiling: self.limits.manifest, what: "the manifest" };
        let call = self.manifest_call(repository, version, read)?;
        let answer = self.call(repository, &call).await?;
        if answer.status == StatusCode::NOT_FOUND {
            let said = answer.excerpt();
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the registry has no such manifest: {said}"),
            )
            .hint(INCOMPLETE)
            .during(answer.request));
        }
        success(&answer)?;
        let digest = self.digest_of(&answer, version)?;
        if let Some(size) = size.filter(|size| *size != answer.body.len() as u64) {
            let text = format!(
                "the document of {digest} is {} bytes long, its descriptor says {size}",
                answer.body.len()
            );
            return Err(Error::new(ErrorKind::BadData, text).during(answer.request));
        }
        let media_type = answer.text(CONTENT_TYPE).map(MediaType::from_header);
        Ok(Fetched { digest, media_type, bytes: answer.body })
    }

    /// Reads a small blob whole and verifies its size and digest; a wrong one is asked for once
    /// more.
    pub async fn small_blob(
        &self,
        repository: &str,
        descriptor: &Descriptor,
        ceiling: u64,
        what: &'static str,
    ) -> Result<Bytes, Error> {
        if descriptor.size > ceiling {
            let text = format!(
                "{what} is {} bytes long by its descriptor; the ceiling is {ceiling}",
                descriptor.size
            );
            return Err(Error::new(ErrorKind::Ceiling, text).raised_by(what));
        }
        let url = self.url(&[repository, "blobs", descriptor.digest.as_str()])?;
        let call = Call::get(url, Read::Whole { ceiling, what });
        match self.small_blob_once(repository, descriptor, &call, what).await {
            Err(error) if error.kind() == ErrorKind::BadData => {
                self.small_blob_once(repository, descriptor, &call, what).await
            }
            result => result,
        }
    }

    async fn small_blob_once(
        &self,
        repository: &str,
        descriptor: &Descriptor,
        call: &Call,
        what: &str,
    ) -> Result<Bytes, Error> {
        let answer = self.call(repository, call).await?;
        let error = |kind, text: String, hint: &str| {
            Err(Error::new(kind, text).hint(hint).during(answer.request.clone()))
        };
        if answer.status == StatusCode::NOT_FOUND {
            return error(
                ErrorKind::NotFound,
                format!(
                    "{what} is missing from the registry: the manifest refers to blob {}",
                    descriptor.digest
                ),
                INCOMPLETE,
            );
        }
        success(&answer)?;
        if !descriptor.digest.matches(&answer.body) {
            let page = if looks_like_html(&answer.body, answer.text(CONTENT_TYPE)) {
                " but an HTML page"
            } else {
                ""
            };
            return error(
                ErrorKind::BadData,
                format!(
                    "{what} that the registry sent is not the content of {}{page}",
                    descriptor.digest
                ),
                CHANGED,
            );
        }
        if answer.body.len() as u64 != descriptor.size {
            let text = format!(
                "{what} is {} bytes long, its descriptor says {}",
                answer.body.len(),
                descriptor.size
            );
            return error(ErrorKind::BadData, text, CHANGED);
        }
        Ok(answer.body)
    }

    /// The registry as references name it.
    pub fn host(&self) -> &str {
        &self.auth.host
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.transport.guard
    }

    /// Whether something that this registry serves may send the program to another registry.
    pub(super) fn may_lead_to(&self, other: &Self) -> Result<(), Error> {
        self.transport.guard.check_literal(&other.base)?;
        let (from, to) = (&self.auth.origin, &other.auth.origin);
        if to.address().is_none() && from.looks_public() && !to.looks_public() {
            let text = format!("{to} is this machine, which {from} does not lead to");
            return Err(Error::new(ErrorKind::Network, text));
        }
        Ok(())
    }

    /// What was seen of the registry so far.
    pub fn traffic(&self) -> Traffic {
        let mut traffic = lock(&self.transport.traffic).clone();
        traffic.warnings.extend(lock(&self.notes).iter().cloned());
        traffic
    }

    /// Sends a call with the repository's authorization, renewing it once if it is refused.
    pub(super) async fn call(&self, repository: &str, call: &Call) -> Result<Answer, Error> {
        self.call_within(repository, call, &mut self.transport.budget()).await
    }

    /// The same with what is left of a budget.
    pub(super) async fn call_within(
        &self,
        repository: &str,
        call: &Call,
        budget: &mut Budget,
    ) -> Result<Answer, Error> {
        match self.authorized_call(repository, call, budget).await {
            Err(error)
                if error.kind() == ErrorKind::RateLimited
                    && self.auth.is_anonymous(repository).await =>
            {
                let advice = error.what_to_do().map_or(String::new(), |hint| format!("{hint}; "));
                Err(error.hint(format!(
                    "{advice}this was asked without a login, and registries allow more to users they know"
                )))
            }
            result => result,
        }
    }

    async fn authorized_call(
        &self,
        repository: &str,
        call: &Call,
        budget: &mut Budget,
    ) -> Result<Answer, Error> {
        let asked = self.transport.timer.now();
        let mut ticket = self.in_time(self.auth.ticket(repository, &self.transport)).await?;
        budget.exclude(self.transport.timer.now().saturating_duration_since(asked));
        let answer = self.send(call, &mut ticket, budget).await?;
        if answer.origin != self.auth.origin
            && matches!(answer.status.as_u16(), 400 | 401 | 403 | 404 | 410)
        {
            // The link to the storage server has expired: the registry makes a new one.
            return self.transport.exchange_within(call, ticket.header.as_ref(), budget).await;
        }
        if !wants_authorization(&answer, &ticket) {
            return self.permitted(repository, answer).await;
        }
        let renewed = self.auth.renew(repository, &ticket, &answer, &self.transport);
        let renewed = self.in_time(renewed).await;
        let mut renewed = renewed.map_err(|error| error.during(answer.request.clone()))?;
        let mut answer = self.send(call, &mut renewed, budget).await?;
        if answer.status == StatusCode::UNAUTHORIZED
            && answer.origin == self.auth.origin
            && renewed.issued
        {
            self.transport.timer.sleep(CLOCK_SKEW).await;
            answer = self.transport.exchange_within(call, renewed.header.as_ref(), budget).await?;
        }
        self.permitted(repository, answer).await
    }

    /// Requests wait in line for a token; if each of those before one is used up a deadline, that
    /// one would wait for as many.
    async fn in_time(
        &self,
        ticket: impl Future<Output = Result<Ticket, Error>>,
    ) -> Result<Ticket, Error> {
        let allowed = self.transport.policy.deadline;
        tokio::time::timeout(allowed, ticket).await.unwrap_or_else(|_| {
            let text = format!("no authorization in the {} s allowed for it", allowed.as_secs());
            Err(Error::new(ErrorKind::Network, text).hint("allow more: --deadline SECONDS"))
        })
    }

    async fn send(
        &self,
        call: &Call,
        ticket: &mut Ticket,
        budget: &mut Budget,
    ) -> Result<Answer, Error> {
        let trial = ticket.trial.take();
        let answer = self.transport.exchange_within(call, ticket.header.as_ref(), budget).await?;
        if let Some(trial) = trial {
            // A registry that sends the client elsewhere has accepted its login.
            let stayed = answer.origin == self.auth.origin;
            trial.settle(if stayed { answer.status } else { StatusCode::OK });
        }
        Ok(answer)
    }

    async fn permitted(&self, repository: &str, answer: Answer) -> Result<Answer, Error> {
        let refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if refused && answer.origin == self.auth.origin {
            return Err(self.auth.refused(repository, &answer).await);
        }
        Ok(answer)
    }

    /// The URL of an API path. The parts are validated names, digests and constants.
    pub(super) fn url(&self, parts: &[&str]) -> Result<Url, Error> {
        let path = parts.join("/");
        self.base.join(&path).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{path:?} does not fit into a URL: {error}"))
        })
    }

    fn manifest_call(&self, repository: &str, version: &str, read: Read) -> Result<Call, Error> {
        let mut call = Call::get(self.url(&[repository, "manifests", version])?, read);
        call.headers.insert(ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        Ok(call)
    }

    /// The digest of a manifest: the one asked for, or the one that the bytes have.
    fn digest_of(&self, answer: &Answer, version: &str) -> Result<Digest, Error> {
        let error =
            |text: String| Error::new(ErrorKind::BadData, text).during(answer.request.clone());
        if looks_like_html(&answer.body, answer.text(CONTENT_TYPE)) {
            let what = answer
                .text(CONTENT_TYPE)
                .unwrap_or("no type")
                .chars()
                .take(200)
                .collect::<String>();
            return Err(error(format!(
                "the server answered with an HTML page ({what}): it is not a registry, or something stands before it"
            ))
            .hint("check host and repository; a login page or a proxy may answer in the registry's place"));
        }
        let asked: Option<Digest> = version.parse().ok();
        // One made by another hash function is no name for the document unless it is right.
        let announced = self
            .announced_digest(answer)
            .filter(|digest| digest.algorithm() == "sha256" || digest.matches(&answer.body));
        let expected = asked.or(announced);
        match expected {
            Some(expected) if expected.matches(&answer.body) => Ok(expected),
            Some(expected) => Err(error(format!(
                "the document that the registry sent is not the content of {expected}"
            ))
            .hint(CHANGED)),
            None => Ok(Digest::of(&answer.body)),
        }
    }

    fn announced_digest(&self, answer: &Answer) -> Option<Digest> {
        let value = answer.text("docker-content-digest")?;
        let digest = value.parse().ok();
        if digest.is_none() {
            lock(&self.notes).insert("the registry names a document's digest in a form that is not one; it was computed instead".to_owned());
        }
        digest
    }
}

pub(super) fn success(answer: &Answer) -> Result<(), Error> {
    if answer.status.is_success() {
        return Ok(());
    }
    let said = answer.excerpt();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Err(Error::new(ErrorKind::Network, format!("the registry answered {}{said}", answer.status))
        .during(answer.request.clone()))
}
