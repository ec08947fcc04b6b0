//! The tags of a repository: listed, resolved by HEAD, and read where the cache has not got them.
//!
//! Every tag costs one HEAD, which is no pull. Tags of one digest are read once; what fails with
//! one of them stops no other. The newest by name are read first, so that those that a pull limit
//! leaves out are the oldest.

use std::collections::HashMap;

use futures::stream::{self, StreamExt as _};

use super::documents::Documents;
use super::entries::Entries;
use super::store::Store;
use super::{BaseSource, Request, Session, check_platform, missing};
use crate::image::Image;
use crate::oci::{Digest, Platform};
use crate::reference::Reference;
use crate::registry::{Error, ErrorKind, TagList};
use crate::tags::{Collection, Filter, Repository, Selected, Unread};

/// Tags that are resolved at the same time.
const RESOLVED: usize = 32;

/// Images that are read at the same time.
const READ: usize = 12;

/// Pulls that an image is expected to cost at most.
const PULLS: usize = 4;

/// What to find out about the tags of a repository.
#[derive(Clone, Debug)]
pub struct TagsRequest {
    /// Which tags are meant.
    pub filter: Filter,
    /// Read just the images of this platform.
    pub platform: Option<Platform>,
    /// The platform that is read if none was asked for and it is published.
    pub preferred: Platform,
    /// Read the images of all platforms.
    pub all_platforms: bool,
    /// Pulls to leave of the registry's limit.
    pub reserve: u64,
}

/// Tags with the same digest; those of which the registry tells none stand alone.
struct Asked {
    tags: Vec<String>,
    digest: Option<Digest>,
}

impl Session {
    /// Lists the tags of a reference's repository and finds out what their images share, without
    /// reading a layer.
    pub async fn tags(
        &self,
        reference: &Reference,
        request: &TagsRequest,
    ) -> Result<Repository, Error> {
        let store = Store::led(self, reference, None)?;
        let documents = Documents::new(self, &store).with_reserve(request.reserve);
        let mut list = list(&store, reference).await?;
        let listed = std::mem::take(&mut list.tags);
        let (count, some) = (listed.len(), listed.iter().take(5).cloned().collect::<Vec<_>>());
        let selected = request.filter.select(listed);
        if selected.tags.is_empty() {
            return Err(nothing(&list, count, &some, &selected));
        }
        let Selected { tags, fitting, attached } = selected;
        let beyond = fitting.saturating_sub(tags.len());
        let (asked, mut unread) = resolve(&documents, tags).await;
        let images = self.read_tags(&documents, asked, request, &mut unread).await;
        let traffic = store.traffic();
        let doubts = images.warnings();
        Ok(Repository {
            name: format!("{}/{}", reference.registry(), reference.repository()),
            listed: count,
            invalid: list.invalid,
            incomplete: list.incomplete,
            attached,
            fitting,
            beyond,
            shared: images.share(),
            unread,
            pulls: documents.pulls(),
            rate_limit: traffic.rate_limit,
            warnings: [documents.into_warnings(traffic.warnings), doubts].concat(),
        })
    }

    /// Reads the images that tags stand for.
    async fn read_tags(
        &self,
        documents: &Documents<'_>,
        asked: Vec<Asked>,
        request: &TagsRequest,
        unread: &mut Vec<Unread>,
    ) -> Collection {
        // Where pulls are scarce, an image is begun when the one before it is complete.
        let scarce = documents.is_scarce(asked.len().saturating_mul(PULLS));
        let reads = stream::iter(asked).map(|Asked { tags, digest }| async move {
            let tag = tags.first().map_or("", String::as_str);
            let images = self.read_images(documents, tag, digest.as_ref(), request).await;
            (tags, images)
        });
        let mut reads = reads.buffered(if scarce { 1 } else { READ });
        let mut collection = Collection::default();
        while let Some((tags, images)) = reads.next().await {
            match images {
                Ok((digest, images)) => collection.add(tags, digest, &images),
                Err(error) => unread.push(Unread { tags, error }),
            }
        }
        collection
    }

    async fn read_images(
        &self,
        documents: &Documents<'_>,
        tag: &str,
        digest: Option<&Digest>,
        request: &TagsRequest,
    ) -> Result<(Digest, Vec<Image>), Error> {
        let root = documents.tagged(tag, digest).await.map_err(|error| gone(error, digest))?;
        let request = Request {
            platform: request.platform.clone(),
            preferred: request.preferred.clone(),
            detail_all: request.all_platforms,
            tails: false,
            base: BaseSource::Claims,
            referrers: false,
        };
        let mut entries = Entries::read(documents, &root, &request).await?;
        if !request.detail_all {
            let shown = entries.shown;
            entries.images = entries.images.into_iter().skip(shown).take(1).collect();
            entries.shown = 0;
        }
        let images = self.images(documents, &root, &entries, &request).await?;
        check_platform(&images, &request)?;
        Ok((root.digest, images))
    }
}

async fn list(store: &Store, reference: &Reference) -> Result<TagList, Error> {
    store.tags().await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => missing::no_repository(reference, error.request()),
        _ => error,
    })
}

/// Asks which digests tags have.
async fn resolve(documents: &Documents<'_>, tags: Vec<String>) -> (Vec<Asked>, Vec<Unread>) {
    let answers = stream::iter(tags).map(|tag| async {
        let digest = documents.resolve(&tag).await;
        (tag, digest)
    });
    let mut answers = answers.buffered(RESOLVED);
    let (mut asked, mut unread): (Vec<Asked>, Vec<Unread>) = (Vec::new(), Vec::new());
    let mut known: HashMap<Digest, usize> = HashMap::new();
    while let Some((tag, digest)) = answers.next().await {
        let digest = match digest {
            Ok(digest) => digest,
            Err(error) => {
                unread.push(Unread { tags: vec![tag], error });
                continue;
            }
        };
        let same = digest.as_ref().and_then(|digest| known.get(digest)).copied();
        if let Some(asked) = same.and_then(|at| asked.get_mut(at)) {
            asked.tags.push(tag);
            continue;
        }
        known.extend(digest.clone().map(|digest| (digest, asked.len())));
        asked.push(Asked { tags: vec![tag], digest });
    }
    (asked, unread)
}

/// A tag without a manifest is one that the listing should not have.
fn gone(error: Error, digest: Option<&Digest>) -> Error {
    if error.kind() != ErrorKind::NotFound || digest.is_some() {
        return error;
    }
    let request = error.request().unwrap_or_default().to_owned();
    Error::new(ErrorKind::NotFound, "the registry lists the tag and does not have it")
        .hint("it may have been removed a moment ago")
        .during(request)
}

/// The error of a listing of which no tag is meant.
fn nothing(list: &TagList, count: usize, some: &[String], selected: &Selected) -> Error {
    let error = |text: String| Error::new(ErrorKind::NotFound, text);
    let why = list.incomplete.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
    match (count, selected.attached) {
        (0, _) if list.invalid > 0 => error(format!(
            "the registry lists {} names for the repository, and none is a valid tag{why}",
            list.invalid
        )),
        (0, _) => error(format!("the repository has no tags{why}")),
        (count, 0) => error(format!("none of the {count} tags is meant{why}"))
            .hint(format!("there are {}", some.join(", "))),
        (_, attached) => error(format!(
            "the repository has no images, only {attached} tags of signatures and attestations{why}"
        ))
        .hint("see them with --match 'sha256-*'"),
    }
}
