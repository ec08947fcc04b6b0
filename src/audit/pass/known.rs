//! What a history knows of a target before a pass.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::audit::{Depth, Target};
use crate::history::{self, Point, Question, Store, Timeline, WasRead};
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
    /// The last points of those that are gone, and since when.
    pub(super) gone: Vec<(Point, Timestamp)>,
    /// When all that was asked for was read.
    read: Vec<Reading>,
    /// Histories of failures alone, which end when the tag is read.
    pub(super) failures: Vec<history::Target>,
    /// When it was seen last, before all platforms that it had were seen.
    pub(super) last_seen: Option<Timestamp>,
}

/// That all that was asked for of a tag was read.
#[derive(Debug)]
struct Reading {
    root: Digest,
    scope: Scope,
    /// Whether the tag has no image of what was asked for.
    found_none: bool,
}

impl Known {
    pub(super) async fn of(store: &mut Store, target: &Target) -> Result<Self, history::Error> {
        let question =
            Question { repository: target.repository_name(), tag: None, platform: None, newest: 1 };
        let mut known = Self::default();
        for timeline in store.timelines(&question).await? {
            known.add(target, timeline);
        }
        for WasRead { target, root, scope } in store.was_read(&question.repository).await? {
            let Some(scope) = Scope::parse(&scope) else { continue };
            let found_none = target.platform.is_empty();
            let tag = known.tags.entry(target.tag).or_default();
            tag.read.push(Reading { root, scope, found_none });
        }
        Ok(known)
    }

    fn add(&mut self, target: &Target, timeline: Timeline) {
        let gone = timeline.gone();
        let Timeline { target: which, mut points, last_seen, .. } = timeline;
        if !which.platform.is_empty() && !target.wants(&which.platform) {
            return;
        }
        let tag = self.tags.entry(which.tag.clone()).or_default();
        match (points.pop(), gone) {
            (point, Some(gone)) => tag.gone.extend(point.map(|point| (point, gone))),
            (Some(point), None) => {
                let earlier = |seen: Timestamp| last_seen.map_or(seen, |last| last.min(seen));
                tag.last_seen = tag.last_seen.map_or(last_seen, |seen| Some(earlier(seen)));
                tag.images.push(point);
            }
            (None, None) => tag.failures.push(which),
        }
    }

    pub(super) fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.get(name)
    }

    /// The tags with an image.
    pub(super) fn recorded(&self) -> impl Iterator<Item = &String> {
        self.tags.iter().filter(|(_, tag)| !tag.images.is_empty()).map(|(name, _)| name)
    }

    /// Whether all that is watched of a tag was read with this digest, and is recorded.
    pub(super) fn is_same(&self, target: &Target, name: &str, root: &Digest) -> bool {
        let Some(tag) = self.tags.get(name) else { return false };
        let is_named = !target.platforms.is_empty();
        let found_none = tag.images.is_empty();
        let was_read = tag.was_read(target, root, found_none);
        if found_none {
            // What was deleted with this digest has to be read again.
            return is_named && was_read;
        }
        let mut roots = tag.images.iter().map(|point| &point.root);
        // Of several images that do for one platform, one is read, and others may be older.
        if is_named && roots.clone().any(|of| of == root) && was_read {
            return true;
        }
        roots.all(|of| of == root) && if is_named { tag.has_all(target) } else { was_read }
    }
}

impl Tag {
    /// Whether it is recorded that all that is watched was read with this digest, and that there
    /// was an image or none.
    pub(super) fn was_read(&self, target: &Target, root: &Digest, found_none: bool) -> bool {
        let wanted = Scope::of(target);
        let is_it = |it: &&Reading| it.root == *root && it.found_none == found_none;
        self.read.iter().filter(is_it).any(|it| it.scope.covers(&wanted))
    }

    /// Whether there are images of all platforms that are named, with what is watched of them.
    fn has_all(&self, target: &Target) -> bool {
        let is_read = |it: &Point| target.depth == Depth::Manifest || it.figures.content.is_some();
        let has =
            |wanted: &Platform| self.images.iter().any(|it| is_of(&it.target.platform, wanted));
        self.images.iter().all(is_read) && target.platforms.iter().all(has)
    }
}

/// Whether an image does for a platform.
pub(super) fn is_of(platform: &str, wanted: &Platform) -> bool {
    platform.parse::<Platform>().is_ok_and(|found| found.satisfies(wanted))
}

/// What was asked for of a tag: as in `files linux/amd64`, or `manifest *` for all platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    depth: Depth,
    /// None: all.
    platforms: Vec<Platform>,
}

impl Scope {
    pub(super) fn of(target: &Target) -> Self {
        Self { depth: target.depth, platforms: target.platforms.clone() }
    }

    fn parse(text: &str) -> Option<Self> {
        let (depth, platforms) = text.split_once(' ')?;
        let depth =
            [Depth::Manifest, Depth::Files].into_iter().find(|known| known.as_str() == depth)?;
        let platforms = match platforms {
            ALL => Vec::new(),
            some => some.split(' ').map(|it| it.parse().ok()).collect::<Option<_>>()?,
        };
        Some(Self { depth, platforms })
    }

    /// Whether this was as much as another scope.
    fn covers(&self, wanted: &Self) -> bool {
        let is_deep = self.depth == Depth::Files || wanted.depth == Depth::Manifest;
        let is_wide = self.platforms.is_empty()
            || !wanted.platforms.is_empty()
                && wanted.platforms.iter().all(|platform| self.platforms.contains(platform));
        is_deep && is_wide
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.depth.as_str())?;
        if self.platforms.is_empty() {
            return write!(f, " {ALL}");
        }
        self.platforms.iter().try_for_each(|platform| write!(f, " {platform}"))
    }
}

/// The word for all platforms.
const ALL: &str = "*";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_does_for_no_more_than_that() {
        let scope = |text: &str| Scope::parse(text).expect(text);
        let check = |read: &str, wanted: &str, expected: bool| {
            assert_eq!(scope(read).covers(&scope(wanted)), expected, "{read}: {wanted}");
            assert_eq!(scope(read).to_string(), read);
        };
        check("files *", "files *", true);
        check("files *", "manifest linux/amd64", true);
        check("manifest *", "files linux/amd64", false);
        check("files linux/amd64", "files *", false);
        check("files linux/amd64 linux/arm64/v8", "manifest linux/amd64", true);
        check("files linux/amd64", "files linux/amd64 linux/arm64", false);
        for text in ["", "files", "layers *", "files linux/amd64 ?"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
