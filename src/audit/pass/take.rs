//! What was found out about tags is taken down: recorded, compared with what was known, judged.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::judge::{self, is_limited, judge, kept};
use super::known::{Known, Scope, is_of};
use super::look::Sighting;
use super::summary::{Barren, Failure, Left, Move, Sizes, Summary};
use super::{Journal, Pass};
use crate::audit::Target;
use crate::audit::notify::{Became, Reading, Standing};
use crate::audit::overview::Why;
use crate::check::Subject;
use crate::history::{self, New, Point};
use crate::oci::{Digest, Platform};
use crate::snapshot::Snapshot;

/// Takes down what was found out.
pub(super) struct Taker<'a> {
    pass: &'a Pass<'a>,
    journal: &'a mut Journal,
    summary: Summary,
    /// The names of targets of which a tag has an image, or may have one.
    fertile: BTreeSet<String>,
}

impl<'a> Taker<'a> {
    pub(super) fn new(pass: &'a Pass<'a>, journal: &'a mut Journal, targets: usize) -> Self {
        let is_blind = journal.is_blind();
        let mut summary = Summary { at: pass.now, is_blind, ..Summary::default() };
        summary.counts.targets = targets;
        Self { pass, journal, summary, fertile: BTreeSet::new() }
    }

    pub(super) async fn finish(mut self, targets: &[&Target]) -> Summary {
        self.journal.flush().await;
        let is_barren = |target: &&&Target| {
            !target.platforms.is_empty() && !self.fertile.contains(&target.name)
        };
        let barren = targets.iter().filter(is_barren).map(|target| Barren {
            target: target.name.clone(),
            platforms: target.platforms.clone(),
        });
        self.summary.barren = barren.collect();
        self.summary.settle();
        self.summary
    }

    pub(super) async fn take(&mut self, target: &Target, known: &Known, sighting: Sighting) {
        if may_have_images(known, &sighting) {
            self.fertile.insert(target.name.clone());
        }
        match sighting {
            Sighting::Listed(invalid) => {
                if invalid > 0 {
                    self.summary.invalid.insert(target.repository_name(), invalid);
                }
                self.went(target, None, Became::Read);
                self.recovered(known, "").await;
            }
            Sighting::Same(tag) => self.same(target, known, &tag).await,
            Sighting::Read(tag, root, images) => {
                let root = root_of(&images).or(root.filter(|_| images.is_empty()));
                self.read(target, known, &tag, root, images).await;
            }
            Sighting::Gone(tag) => {
                let images = known.tag(&tag).map_or(&[][..], |tag| &tag.images);
                for point in images {
                    self.gone(target, point).await;
                }
                self.recovered(known, &tag).await;
                self.went(target, Some(tag), Became::Gone);
            }
            Sighting::Failed(tag, error) => self.failed(target, known, tag, error).await,
            Sighting::Left(tag, reason) => {
                self.summary.left.push(Left { repository: target.repository_name(), tag, reason });
            }
        }
    }

    /// Takes down how it went to read a tag, or the target as a whole.
    fn went(&mut self, target: &Target, tag: Option<String>, became: Became) {
        let repository = target.repository_name();
        self.summary.readings.push(match tag {
            Some(tag) => Reading::of_tag(repository, tag, became),
            None => Reading::of_whole(&target.name, repository, became),
        });
    }

    /// What failed before and did not now is over.
    async fn recovered(&mut self, known: &Known, tag: &str) {
        for failure in known.tag(tag).map_or(&[][..], |tag| &tag.failures) {
            self.journal.seen(failure.clone()).await;
        }
    }

    async fn same(&mut self, target: &Target, known: &Known, tag: &str) {
        self.summary.counts.same += 1;
        self.went(target, Some(tag.to_owned()), Became::Read);
        self.recovered(known, tag).await;
        let images = known.tag(tag).map_or(&[][..], |tag| &tag.images);
        let there = images.iter().map(|point| point.target.platform.clone()).collect();
        self.absent(target, tag, &there);
        for point in images {
            self.journal.seen(point.target.clone()).await;
            let name = point.target.clone();
            if !is_limited(self.pass, target, &name.platform) {
                self.summary.standings.push(kept(target, name));
                continue;
            }
            if let Ok(Some(snapshot)) = judge::read(self.journal, &point.image).await {
                self.judge(target, &name, Subject::of_manifest(snapshot)).await;
            }
        }
    }

    async fn read(
        &mut self,
        target: &Target,
        known: &Known,
        tag: &str,
        root: Option<Digest>,
        images: Vec<Subject>,
    ) {
        self.summary.counts.read += 1;
        self.went(target, Some(tag.to_owned()), Became::Read);
        self.recovered(known, tag).await;
        let repository = target.repository_name();
        let (before, gone) =
            known.tag(tag).map_or((&[][..], &[][..]), |tag| (&*tag.images, &*tag.gone));
        let mut platforms: BTreeSet<String> = BTreeSet::new();
        for image in images {
            let snapshot = &image.snapshot;
            // Of two images of one platform a pull takes the first.
            if !platforms.insert(snapshot.platform.clone()) {
                continue;
            }
            match New::image(&repository, tag, self.pass.now, snapshot) {
                Ok(new) => self.journal.push(new).await,
                Err(error) => self.journal.broke(error),
            }
            let is_it = |point: &Point| point.target.platform == snapshot.platform;
            let last = before.iter().find(|point| is_it(point)).map(|point| (point, None));
            let left = || gone.iter().find(|(point, _)| is_it(point));
            let last = last.or_else(|| left().map(|(point, since)| (point, Some(*since))));
            let name = history::Target {
                repository: repository.clone(),
                tag: tag.to_owned(),
                platform: snapshot.platform.clone(),
            };
            self.moved(&name, last, snapshot).await;
            self.judge(target, &name, image).await;
        }
        // The index was read, and names no such platform any more.
        let lost: Vec<&Point> =
            before.iter().filter(|point| !is_there(target, &platforms, point)).collect();
        for point in &lost {
            self.gone(target, point).await;
        }
        // What went in this pass is told as gone.
        let lost = lost.into_iter().map(|point| point.target.platform.clone());
        self.absent(target, tag, &platforms.iter().cloned().chain(lost).collect());
        let was_read = |root: &Digest| {
            known.tag(tag).is_some_and(|it| it.was_read(target, root, platforms.is_empty()))
        };
        if let Some(root) = root.filter(|root| !was_read(root)) {
            let (tag, at) = (tag.to_owned(), self.pass.now);
            let platform = platforms.into_iter().next().unwrap_or_default();
            let image = history::Target { repository, tag, platform };
            let scope = Scope::of(target).to_string();
            self.journal.push(New::Read { target: image, at, root, scope }).await;
        }
    }

    /// Takes down which platforms that are watched are not published.
    fn absent(&mut self, target: &Target, tag: &str, there: &BTreeSet<String>) {
        let has = |wanted: &Platform| there.iter().any(|platform| is_of(platform, wanted));
        for wanted in target.platforms.iter().filter(|wanted| !has(wanted)) {
            self.summary.absent.push(history::Target {
                repository: target.repository_name(),
                tag: tag.to_owned(),
                platform: wanted.to_string(),
            });
        }
    }

    /// Takes down a move from what it was last, and since when that is gone if it is.
    async fn moved(
        &mut self,
        name: &history::Target,
        last: Option<(&Point, Option<Timestamp>)>,
        now: &Snapshot,
    ) {
        let gone = last.and_then(|(_, gone)| gone);
        let last = last.map(|(point, _)| point);
        let is_same = last.is_some_and(|last| last.image == now.image);
        if self.summary.is_blind || (is_same && gone.is_none()) {
            return;
        }
        let old = match last.filter(|_| !is_same) {
            Some(last) => judge::read(self.journal, &last.image).await.unwrap_or_default(),
            None => None,
        };
        self.summary.moved.push(Move {
            subject: name.clone(),
            image: now.image.clone(),
            gone,
            is_same,
            before: last.map(|last| Sizes {
                compressed: last.figures.compressed,
                content: last.figures.content,
            }),
            now: Sizes { compressed: now.sizes.compressed, content: now.sizes.content },
            why: old.map(|old| Why::of(&old, now)),
        });
    }

    async fn judge(&mut self, target: &Target, name: &history::Target, image: Subject) {
        if !is_limited(self.pass, target, &name.platform) {
            self.summary.standings.push(kept(target, name.clone()));
            return;
        }
        let judged = judge(self.pass, target, self.journal, name, image).await;
        self.summary.breached.extend(judged.breached);
        self.summary.standings.push(judged.standing);
    }

    async fn gone(&mut self, target: &Target, point: &Point) {
        self.journal.push(New::Gone { target: point.target.clone(), at: self.pass.now }).await;
        self.summary.gone.push(point.target.clone());
        // What is not there exceeds nothing.
        self.summary
            .standings
            .push(Standing { is_gone: true, ..kept(target, point.target.clone()) });
    }

    async fn failed(
        &mut self,
        target: &Target,
        known: &Known,
        tag: Option<String>,
        error: crate::registry::Error,
    ) {
        let repository = target.repository_name();
        let of_tag = tag.as_deref().and_then(|tag| known.tag(tag));
        let recorded = of_tag.map_or(&[][..], |tag| &tag.images);
        let mut failed: Vec<history::Target> =
            recorded.iter().map(|point| point.target.clone()).collect();
        if failed.is_empty() {
            failed.push(history::Target {
                repository: repository.clone(),
                tag: tag.clone().unwrap_or_default(),
                platform: String::new(),
            });
        }
        for which in failed {
            let (kind, message) = (error.kind().as_str().to_owned(), error.to_string());
            self.journal
                .push(New::Failed { target: which, at: self.pass.now, kind, message })
                .await;
        }
        self.went(target, tag.clone(), Became::Failed(error.to_string()));
        self.summary.failures.push(Failure { repository, tag, error });
    }
}

/// Whether there is an image, was one or may be one.
fn may_have_images(known: &Known, sighting: &Sighting) -> bool {
    match sighting {
        Sighting::Listed(_) => false,
        Sighting::Same(tag) => known.tag(tag).is_some_and(|tag| !tag.images.is_empty()),
        Sighting::Read(_, _, images) => !images.is_empty(),
        Sighting::Gone(_) | Sighting::Failed(..) | Sighting::Left(..) => true,
    }
}

/// The digest behind a tag of which these images were read, if that is one.
fn root_of(images: &[Subject]) -> Option<Digest> {
    let root = &images.first()?.snapshot.digest;
    images.iter().all(|image| image.snapshot.digest == *root).then(|| root.clone())
}

/// Whether what was recorded may still be there, as one of these platforms was read for each that
/// is watched.
fn is_there(target: &Target, read: &BTreeSet<String>, point: &Point) -> bool {
    let platform = &point.target.platform;
    let was_for = |wanted: &&Platform| is_of(platform, wanted);
    let is_for = |wanted: &Platform| read.iter().any(|platform| is_of(platform, wanted));
    // Of several images that do for one platform, one is read.
    read.contains(platform) || target.platforms.iter().filter(was_for).any(is_for)
}
