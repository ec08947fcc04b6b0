//! Listings of the distribution protocol: tags and referrers, page by page.
//!
//! Pages are followed by their `Link` on the registry itself, each once, to a ceiling of pages,
//! entries and time; a listing that ends before its end says why. Referrers are asked of the API
//! and, where there is none, of the fallback tag, distribution-spec "Listing Referrers".

use std::collections::HashSet;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::api::{Registry, success};
use super::error::{Error, ErrorKind};
use super::headers::next_page;
use super::message::Event;
use super::policy::Origin;
use super::secret::SafeUrl;
use super::transport::{Answer, Call, Read};
use crate::oci::{Descriptor, Digest, Document, Index, MediaType};

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

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

/// What came of a page.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    entries: usize,
    /// Those that no page before it had.
    new: usize,
}

impl Registry {
    /// Lists the tags of a repository, following pages until they end or a ceiling is reached.
    pub async fn tags(&self, repository: &str) -> Result<TagList, Error> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let mut list = TagList::default();
        let mut seen = None;
        let first = self.url(&[repository, "tags", "list"])?;
        let ended = self
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
                let mut taken = Taken { entries: tags.len(), new: 0 };
                for tag in tags {
                    match is_tag(&tag) {
                        false => list.invalid += 1,
                        true if is_new(&mut seen, &list.tags, &tag) => list.tags.push(tag),
                        true => continue,
                    }
                    taken.new += 1;
                }
                (self.transport.observer)(&Event::Listed { tags: taken.new });
                Ok(taken)
            })
            .await;
        list.incomplete = match ended {
            // What was listed before a page failed is there nevertheless.
            Err(error) if !list.tags.is_empty() => Some(format!("the listing broke off: {error}")),
            ended => ended?,
        };
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
                return Ok(Taken::default());
            }
            let index: Index = serde_json::from_slice(&answer.body)
                .map_err(|error| bad_listing(answer, &error))?;
            let count = index.manifests.len();
            found.extend(index.manifests);
            Ok(Taken { entries: count, new: count })
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

    /// Reads a listing page by page. Gives the reason if it ends before its end.
    async fn pages(
        &self,
        repository: &str,
        first: Url,
        headers: HeaderMap,
        mut take: impl FnMut(&Answer) -> Result<Taken, Error>,
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
            let taken = take(&answer)?;
            listed += taken.entries;
            next = next_page(&answer.headers, &url).filter(|_| taken.entries > 0);
            if next.is_some() && taken.new == 0 {
                return Ok(Some("the registry's pages repeat what was listed".to_owned()));
            }
        }
        Ok(None)
    }
}

fn bad_listing(answer: &Answer, error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::BadData, format!("the registry's listing cannot be read: {error}"))
        .during(answer.request.clone())
}

/// Whether a tag was not listed before. In a list that is in order the last tag tells that, so that
/// the others are kept a second time, in `seen`, of other lists alone.
fn is_new(seen: &mut Option<HashSet<String>>, listed: &[String], tag: &str) -> bool {
    if let Some(seen) = seen {
        return seen.insert(tag.to_owned());
    }
    if listed.last().is_none_or(|last| **last < *tag) {
        return true;
    }
    let all = seen.insert(listed.iter().cloned().collect());
    all.insert(tag.to_owned())
}

fn is_tag(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first
        && text.len() <= 128
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
