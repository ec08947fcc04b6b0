//! The read side of the distribution protocol: manifests, blobs, tags and referrers.

use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::auth::{Auth, CLOCK_SKEW, Ticket, wants_authorization};
use super::error::{Error, ErrorKind, looks_like_html};
use super::guard::Guard;
use super::headers::next_page;
use super::options::Limits;
use super::policy::Origin;
use super::secret::SafeUrl;
use super::transport::{Answer, Call, Read, Traffic, Transport, lock};
use crate::oci::{Descriptor, Digest, Document, Index, MediaType};

const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// What to do about an image whose parts are not all there.
const INCOMPLETE: &str = "the image is not complete in the registry: push it again";
/// What to do about content that does not have its digest.
const CHANGED: &str =
    "it was changed on the way or in the registry's storage: go around proxies, or push it again";

/// One registry, ready to be asked.
pub struct Registry {
    base: Url,
    transport: Transport,
    auth: Auth,
    limits: Limits,
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

/// Tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// The tags, in the registry's order, each once.
    pub tags: Vec<String>,
    /// Names that are not valid tags and were left out.
    pub invalid: usize,
    /// Why the list may be incomplete, if it may.
    pub incomplete: Option<String>,
}

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
        if !answer.status.is_success() || digest.is_none() {
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

    /// Lists the tags of a repository, following pages until they end or a ceiling is reached.
    pub async fn tags(&self, repository: &str) -> Result<TagList, Error> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let mut list = TagList::default();
        let mut seen = HashSet::new();
        let first = self.url(&[repository, "tags", "list"])?;
        list.incomplete = self
            .pages(repository, first, HeaderMap::new(), |answer| {
                if answer.status == StatusCode::NOT_FOUND {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        "the registry has no such repository",
                    )
                    .during(answer.request.clone()));
                }
                success(answer)?;
                let page: Page = serde_json::from_slice(&answer.body)
                    .map_err(|error| bad_listing(answer, &error))?;
                let tags = page.tags.unwrap_or_default();
                let count = tags.len();
                for tag in tags {
                    match is_tag(&tag) {
                        false => list.invalid += 1,
                        true if seen.insert(tag.clone()) => list.tags.push(tag),
                        true => {}
                    }
                }
                Ok(count)
            })
            .await?;
        Ok(list)
    }

    /// Lists what is attached to a manifest, by the referrers API or else the fallback tag.
    pub async fn referrers(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let first = self.url(&[repository, "referrers", digest.as_str()])?;
        let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(INDEX_TYPE))]);
        let mut found = Vec::new();
        let mut supported = true;
        self.pages(repository, first, accept, |answer| {
            let is_index = answer
                .text(CONTENT_TYPE)
                .is_some_and(|value| MediaType::from_header(value).as_str() == INDEX_TYPE);
            supported = answer.status.is_success() && is_index;
            if !supported {
                return Ok(0);
            }
            let index: Index = serde_json::from_slice(&answer.body)
                .map_err(|error| bad_listing(answer, &error))?;
            let count = index.manifests.len();
            found.extend(index.manifests);
            Ok(count)
        })
        .await?;
        if supported { Ok(found) } else { self.fallback_referrers(repository, digest).await }
    }

    async fn fallback_referrers(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, Error> {
        let tag: String = format!("{}-{}", digest.algorithm(), &digest.hex()[..64]);
        let fetched = match self.manifest(repository, &tag, None).await {
            Ok(fetched) => fetched,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        match Document::parse(&fetched.bytes, fetched.media_type.as_ref()) {
            Ok(decoded) => match decoded.value {
                Document::Index(index) => Ok(index.manifests),
                Document::Manifest(_) => Ok(Vec::new()),
            },
            Err(error) => Err(Error::new(
                ErrorKind::BadData,
                format!("the tag {tag} does not list referrers: {error}"),
            )),
        }
    }

    /// The registry as references name it.
    pub(super) fn host(&self) -> &str {
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
        match self.authorized_call(repository, call).await {
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

    async fn authorized_call(&self, repository: &str, call: &Call) -> Result<Answer, Error> {
        let mut ticket = self.in_time(self.auth.ticket(repository, &self.transport)).await?;
        let answer = self.send(call, &mut ticket).await?;
        if answer.origin != self.auth.origin
            && matches!(answer.status.as_u16(), 400 | 401 | 403 | 404 | 410)
        {
            // The link to the storage server has expired: the registry makes a new one.
            return self.transport.exchange(call, ticket.header.as_ref()).await;
        }
        if !wants_authorization(&answer, &ticket) {
            return self.permitted(repository, answer).await;
        }
        let renewed = self.auth.renew(repository, &ticket, &answer, &self.transport);
        let renewed = self.in_time(renewed).await;
        let mut renewed = renewed.map_err(|error| error.during(answer.request.clone()))?;
        let mut answer = self.send(call, &mut renewed).await?;
        if answer.status == StatusCode::UNAUTHORIZED
            && answer.origin == self.auth.origin
            && renewed.issued
        {
            self.transport.timer.sleep(CLOCK_SKEW).await;
            answer = self.transport.exchange(call, renewed.header.as_ref()).await?;
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

    async fn send(&self, call: &Call, ticket: &mut Ticket) -> Result<Answer, Error> {
        let trial = ticket.trial.take();
        let answer = self.transport.exchange(call, ticket.header.as_ref()).await?;
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

    /// Reads a listing page by page. Gives the reason if it ends before its end.
    async fn pages(
        &self,
        repository: &str,
        first: Url,
        headers: HeaderMap,
        mut take: impl FnMut(&Answer) -> Result<usize, Error>,
    ) -> Result<Option<String>, Error> {
        let mut seen = HashSet::new();
        let mut next = Some(first);
        let mut listed = 0;
        let allowed = self.transport.policy.deadline;
        let started = self.transport.timer.now();
        while let Some(url) = next {
            if self.transport.timer.now().saturating_duration_since(started) >= allowed {
                let seconds = allowed.as_secs();
                return Ok(Some(format!(
                    "the listing did not end in the {seconds} s allowed for it"
                )));
            }
            if Origin::of(&url).as_ref() != Ok(&self.auth.origin) {
                let text = format!(
                    "the next page of the listing is on another server, {}, which is not asked",
                    SafeUrl(url)
                );
                return Err(Error::new(ErrorKind::Network, text));
            }
            if !seen.insert(url.clone()) {
                return Ok(Some("the registry's pages lead in a circle".to_owned()));
            }
            if seen.len() > self.limits.pages || listed > self.limits.listed {
                return Ok(Some(format!(
                    "the listing has more than {} pages or {} entries",
                    self.limits.pages, self.limits.listed
                )));
            }
            let read = Read::Whole { ceiling: self.limits.page, what: "a page of the listing" };
            let mut call = Call::get(url.clone(), read);
            call.headers.clone_from(&headers);
            let answer = self.call(repository, &call).await?;
            let count = take(&answer)?;
            listed += count;
            next = next_page(&answer.headers, &url).filter(|_| count > 0);
        }
        Ok(None)
    }
}

fn success(answer: &Answer) -> Result<(), Error> {
    if answer.status.is_success() {
        return Ok(());
    }
    let said = answer.excerpt();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    Err(Error::new(ErrorKind::Network, format!("the registry answered {}{said}", answer.status))
        .during(answer.request.clone()))
}

fn bad_listing(answer: &Answer, error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::BadData, format!("the registry's listing cannot be read: {error}"))
        .during(answer.request.clone())
}

fn is_tag(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first
        && text.len() <= 128
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
