//! `regsize.tags/1`: the tags of a repository, newest first, and what their images share.
//!
//! All bytes are compressed ones. `layers` of an image are positions in the `layers` of the
//! document, which has every layer once with the number of groups that have it. `own` of a group
//! are the bytes of layers that no other group has. `next_pull` are the layers that the image of
//! the group of the tag `after`, the next older one of the same platform, does not have; `null`
//! where there is none. A tag in `unread` was either left out, for the sake of a pull limit, or
//! failed, and has no part in any sum. `beyond` counts tags that were not asked for, `attached`
//! those of signatures and attestations. `pulls` are the manifests that were asked for at the
//! registry.

use std::io::{self, Write};

use serde::Serialize;

use super::{FailureJson, RateLimitJson};
use crate::report::encode::write_json;
use crate::report::inspect::{Failure, Outcome};
use crate::tags::{Blob, Group, Repository, TagImage, Unread};

const SCHEMA: &str = "regsize.tags/1";

#[derive(Serialize)]
struct TagsJson<'a> {
    schema: &'static str,
    repository: &'a str,
    tags: CountsJson<'a>,
    totals: TotalsJson,
    groups: Vec<GroupJson<'a>>,
    layers: Vec<BlobJson<'a>>,
    unread: Vec<UnreadJson<'a>>,
    pulls: u64,
    rate_limit: Option<RateLimitJson<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct CountsJson<'a> {
    listed: usize,
    invalid: usize,
    incomplete: Option<&'a str>,
    attached: usize,
    fitting: usize,
    beyond: usize,
    read: usize,
}

#[derive(Serialize)]
struct TotalsJson {
    compressed: u128,
    unique: u128,
    shared: u128,
}

#[derive(Serialize)]
struct GroupJson<'a> {
    tags: &'a [String],
    digest: &'a str,
    created: Option<&'a str>,
    own: u128,
    images: Vec<TagImageJson<'a>>,
}

#[derive(Serialize)]
struct TagImageJson<'a> {
    platform: String,
    digest: &'a str,
    created: Option<&'a str>,
    compressed: u128,
    next_pull: Option<PullJson<'a>>,
    layers: &'a [usize],
}

#[derive(Serialize)]
struct PullJson<'a> {
    after: &'a str,
    layers: usize,
    compressed: u128,
}

#[derive(Serialize)]
struct BlobJson<'a> {
    digest: &'a str,
    compressed: u64,
    groups: usize,
}

#[derive(Serialize)]
struct UnreadJson<'a> {
    tags: &'a [String],
    state: &'static str,
    error: ReasonJson,
}

#[derive(Serialize)]
struct ReasonJson {
    kind: &'static str,
    message: String,
    hint: Option<String>,
}

/// Writes the object of a repository, or of the reason why there is none.
pub(in crate::report) fn write_tags_json(
    outcome: &Outcome<Repository>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match &outcome.result {
        Ok(found) => write_json(&TagsJson::new(found), out),
        Err(failure) => {
            write_json(&FailureJson::new(SCHEMA, Some(&outcome.reference), failure), out)
        }
    }
}

impl<'a> TagsJson<'a> {
    fn new(found: &'a Repository) -> Self {
        let shared = &found.shared;
        Self {
            schema: SCHEMA,
            repository: &found.name,
            tags: CountsJson {
                listed: found.listed,
                invalid: found.invalid,
                incomplete: found.incomplete.as_deref(),
                attached: found.attached,
                fitting: found.fitting,
                beyond: found.beyond,
                read: found.read(),
            },
            totals: TotalsJson {
                compressed: shared.compressed,
                unique: shared.unique,
                shared: shared.shared,
            },
            groups: shared.groups.iter().map(GroupJson::new).collect(),
            layers: shared.layers.iter().map(BlobJson::new).collect(),
            unread: found.unread.iter().map(UnreadJson::new).collect(),
            pulls: found.pulls,
            rate_limit: found.rate_limit.as_ref().map(RateLimitJson::new),
            warnings: &found.warnings,
        }
    }
}

impl<'a> GroupJson<'a> {
    fn new(group: &'a Group) -> Self {
        Self {
            tags: &group.tags,
            digest: group.digest.as_str(),
            created: group.created.as_deref(),
            own: group.own,
            images: group.images.iter().map(TagImageJson::new).collect(),
        }
    }
}

impl<'a> TagImageJson<'a> {
    fn new(image: &'a TagImage) -> Self {
        let pull = image.pull.as_ref().map(|pull| PullJson {
            after: &pull.after,
            layers: pull.layers,
            compressed: pull.compressed,
        });
        Self {
            platform: image.platform.to_string(),
            digest: image.digest.as_str(),
            created: image.created.as_deref(),
            compressed: image.compressed,
            next_pull: pull,
            layers: &image.layers,
        }
    }
}

impl<'a> BlobJson<'a> {
    fn new(blob: &'a Blob) -> Self {
        Self { digest: blob.digest.as_str(), compressed: blob.compressed, groups: blob.groups }
    }
}

impl<'a> UnreadJson<'a> {
    fn new(unread: &'a Unread) -> Self {
        let Failure { kind, message, hint } = Failure::from(&unread.error);
        let state = if unread.is_left_out() { "left_out" } else { "failed" };
        Self { tags: &unread.tags, state, error: ReasonJson { kind, message, hint } }
    }
}
