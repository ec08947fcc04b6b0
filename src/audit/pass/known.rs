//! What a history knows of a target before a pass.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::audit::{Depth, Target};
use crate::history::{self, Point, Question, Store, Timeline};
use crate::oci::{Digest, Platform};

/// The tags of a target by name.
#[derive(Debug, Default)]
pub(super) struct Known {
    tags: BTreeMap<String, Tag>,
}

/// What is known of a tag.
#[derive(Debug, Default)]
pub(super) struct Tag {
    /// The last points of its platforms, of those that are watched and there.
    pub(super) images: Vec<Point>,
    /// Histories of failures alone, which end when the tag is read.
    pub(super) failures: Vec<history::Target>,
    /// When it was seen last, before all platforms that it had were seen.
    pub(super) last_seen: Option<Timestamp>,
}

impl Known {
    pub(super) async fn of(store: &mut Store, target: &Target) -> Result<Self, history::Error> {
        let question =
            Question { repository: target.repository_name(), tag: None, platform: None, newest: 1 };
        let mut known = Self::default();
        for timeline in store.timelines(&question).await? {
            known.add(target, timeline);
        }
        Ok(known)
    }

    fn add(&mut self, target: &Target, timeline: Timeline) {
        let Timeline { target: which, mut points, last_seen, gone, .. } = timeline;
        let is_there =
            gone.is_none() && (which.platform.is_empty() || target.wants(&which.platform));
        if !is_there {
            return;
        }
        let tag = self.tags.entry(which.tag.clone()).or_default();
        match points.pop() {
            Some(point) => {
                let earlier = |seen: Timestamp| last_seen.map_or(seen, |last| last.min(seen));
                tag.last_seen = tag.last_seen.map_or(last_seen, |seen| Some(earlier(seen)));
                tag.images.push(point);
            }
            None => tag.failures.push(which),
        }
    }

    pub(super) fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.get(name)
    }

    /// The tags with an image.
    pub(super) fn recorded(&self) -> impl Iterator<Item = &String> {
        self.tags.iter().filter(|(_, tag)| !tag.images.is_empty()).map(|(name, _)| name)
    }

    /// Whether all that is watched of a tag was recorded with this digest.
    pub(super) fn is_same(&self, target: &Target, name: &str, root: &Digest) -> bool {
        let Some(tag) = self.tags.get(name) else { return false };
        let is_read = |point: &Point| {
            point.root == *root
                && (target.depth == Depth::Manifest || point.figures.content.is_some())
        };
        let has = |wanted: &Platform| {
            tag.images.iter().any(|point| {
                point.target.platform.parse::<Platform>().is_ok_and(|found| found.satisfies(wanted))
            })
        };
        !tag.images.is_empty() && tag.images.iter().all(is_read) && target.platforms.iter().all(has)
    }
}
