//! What the registry says of a target's tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};

use super::known::{Known, Tag};
use super::{IMAGES, Pass};
use crate::analysis::{AnalysisOptions, ImageAnalysis, PathSearch, analyze};
use crate::audit::{Depth, Target};
use crate::check::Subject;
use crate::collect::{BaseSource, LayerRequest, Request};
use crate::oci::{Digest, Platform};
use crate::reference::{Reference, Source};
use crate::registry::{Error, ErrorKind, Registry};
use crate::snapshot::Snapshot;

/// Tags of one target that are asked for at the same time.
const HEADS: usize = 32;
/// Pulls that an image is expected to cost at most.
const PULLS: u64 = 4;

/// Something that was found out.
pub(super) enum Sighting {
    /// The tags are listed, or need not be; how many listed names are no valid tags.
    Listed(usize),
    /// A tag is what it was.
    Same(String),
    /// A tag was read, of this digest if the registry told one: all that is watched of it, and
    /// nothing if none of it is published.
    Read(String, Option<Digest>, Vec<Subject>),
    /// A tag is no longer there.
    Gone(String),
    /// A tag, or without one the target, could not be read.
    Failed(Option<String>, Error),
    /// A tag was left for the next pass.
    Left(String, String),
}

/// Registries that want no more requests.
pub(super) struct Stops(BTreeMap<String, AtomicBool>);

impl Stops {
    pub(super) fn new(targets: &[&Target]) -> Self {
        let hosts = targets.iter().map(|target| target.repository.registry().to_owned());
        Self(hosts.map(|host| (host, AtomicBool::new(false))).collect())
    }

    pub(super) fn of(&self, target: &Target) -> Option<&AtomicBool> {
        self.0.get(target.repository.registry())
    }
}

/// A look at one target.
pub(super) struct Look<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) target: &'a Target,
    pub(super) known: &'a Known,
    pub(super) images: &'a Semaphore,
    pub(super) stop: Option<&'a AtomicBool>,
    pub(super) at: usize,
    pub(super) sender: mpsc::Sender<(usize, Sighting)>,
}

/// A tag to read, and the digest that it had a moment ago, if the registry told.
type Changed = (String, Option<Digest>);

/// What is read of an image, and how.
struct Wanted<'a> {
    request: Request,
    layers: LayerRequest,
    options: &'a Arc<AnalysisOptions>,
}

impl<'a> Wanted<'a> {
    /// All of one platform, or of all.
    fn of(platform: Option<Platform>, options: &'a Arc<AnalysisOptions>) -> Self {
        let all = platform.is_none();
        let request = Request {
            platform,
            preferred: Platform::host(),
            detail_all: all,
            tails: false,
            base: BaseSource::Claims,
            referrers: false,
        };
        let layers = LayerRequest {
            // A table of contents is its author's word.
            no_toc: true,
            all_platforms: all,
            captures: true,
            ..LayerRequest::default()
        };
        Self { request, layers, options }
    }
}

impl Look<'_> {
    pub(super) async fn run(self) {
        let registry = match self.pass.session.registries().get(&self.target.repository) {
            Ok(registry) => registry,
            Err(error) => return self.say(Sighting::Failed(None, error)).await,
        };
        match self.tags(&registry).await {
            Ok((tags, unlisted)) => self.look_at(&registry, tags, &unlisted).await,
            Err(error) => self.say(self.failed(None, error)).await,
        }
    }

    async fn say(&self, sighting: Sighting) {
        // Nobody listens only at the end of the program.
        let _ = self.sender.send((self.at, sighting)).await;
    }

    /// The tags that are meant, and those that are recorded and missing from the list; these may
    /// be there all the same.
    async fn tags(&self, registry: &Registry) -> Result<(Vec<String>, BTreeSet<String>), Error> {
        if let Some(tags) = self.target.literal_tags() {
            self.say(Sighting::Listed(0)).await;
            return Ok((tags.to_vec(), BTreeSet::new()));
        }
        let list = registry.tags(self.target.repository.repository()).await?;
        let is_meant = |tag: &&String| self.target.filter.fits(tag);
        let mut unlisted: BTreeSet<String> =
            self.known.recorded().filter(is_meant).cloned().collect();
        for tag in &list.tags {
            unlisted.remove(tag);
        }
        if let Some(why) = &list.incomplete {
            let text = format!("the list of tags is not complete: {why}");
            let error = Error::new(ErrorKind::Network, text);
            self.say(Sighting::Failed(None, error)).await;
        }
        let selected = self.target.filter.select(list.tags);
        if selected.tags.is_empty() && unlisted.is_empty() {
            let text = match list.invalid {
                0 => "no tag of the repository is meant".to_owned(),
                names => format!(
                    "no tag of the repository is meant, and {names} names that the registry lists \
                     are no valid tags"
                ),
            };
            return Err(Error::new(ErrorKind::NotFound, text).hint(
                "look at the target's tags, semver and exclude, and at `regsize tags REPOSITORY`",
            ));
        }
        self.say(Sighting::Listed(list.invalid)).await;
        let mut tags = selected.tags;
        tags.extend(unlisted.iter().cloned());
        let unlisted = if list.incomplete.is_some() { BTreeSet::new() } else { unlisted };
        Ok((tags, unlisted))
    }

    async fn look_at(&self, registry: &Registry, tags: Vec<String>, unlisted: &BTreeSet<String>) {
        let repository = self.target.repository.repository();
        // One that is asked for again and again holds up no other.
        let mut heads = stream::iter(tags.into_iter().enumerate())
            .map(|(place, tag)| async move {
                let answer = if self.is_stopped() {
                    Err(stopped())
                } else {
                    registry.resolve(repository, &tag).await
                };
                (place, tag, answer)
            })
            .buffer_unordered(HEADS);
        let mut changed: Vec<(usize, Changed)> = Vec::new();
        while let Some((place, tag, answer)) = heads.next().await {
            match answer {
                Ok(Some(root))
                    if !self.rereads() && self.known.is_same(self.target, &tag, &root) =>
                {
                    self.say(Sighting::Same(tag)).await;
                }
                Ok(digest) => changed.push((place, (tag, digest))),
                Err(error) => self.say(self.failed(Some(tag), error)).await,
            }
        }
        // Among those that were never seen the newest by name come first.
        changed.sort_by_key(|(place, (tag, _))| {
            (self.known.tag(tag).and_then(|tag| tag.last_seen), *place)
        });
        let alike = by_digest(changed.into_iter().map(|(_, changed)| changed).collect());
        let options = &Arc::new(self.options());
        let at_once = if is_scarce(registry, alike.len()) { 1 } else { IMAGES };
        let reads =
            alike.into_iter().map(|alike| self.read_alike(registry, alike, options, unlisted));
        stream::iter(reads).buffer_unordered(at_once).collect::<Vec<()>>().await;
    }

    /// Reads tags of one digest: one of them, for all.
    async fn read_alike(
        &self,
        registry: &Registry,
        tags: Vec<Changed>,
        options: &Arc<AnalysisOptions>,
        unlisted: &BTreeSet<String>,
    ) {
        let mut known: Option<(Option<Digest>, Vec<Subject>)> = None;
        for (tag, digest) in tags {
            if let Some((_, images)) =
                known.as_ref().filter(|(of, _)| of.is_some() && *of == digest)
            {
                let images = images.iter().map(|image| self.tagged(&tag, image.clone())).collect();
                self.say(Sighting::Read(tag, digest, images)).await;
                continue;
            }
            let changed = (tag.clone(), digest.clone());
            let sighting = self.sighting(registry, changed, options, unlisted).await;
            let sighting = sighting.unwrap_or_else(|error| self.failed(Some(tag), error));
            if let Sighting::Read(_, read, images) = &sighting {
                let is_it =
                    images.iter().all(|image| Some(&image.snapshot.digest) == digest.as_ref());
                known = (is_it && *read == digest).then(|| (digest, images.clone()));
            }
            self.say(sighting).await;
        }
    }

    /// An image under the name of a tag.
    fn tagged(&self, tag: &str, mut image: Subject) -> Subject {
        image.snapshot.reference = self.target.repository.with_tag(tag).to_string();
        image
    }

    /// Whether limits ask for what the history does not keep.
    fn rereads(&self) -> bool {
        let mut budgets = self.target.budgets.iter().chain(&self.pass.budgets.parts);
        self.target.depth == Depth::Files && budgets.any(|(_, budget)| !budget.paths.is_empty())
    }

    fn options(&self) -> AnalysisOptions {
        let mut budgets = self.pass.budgets.clone();
        budgets.parts.extend(self.target.budgets.iter().cloned());
        let all = budgets.all();
        let search = PathSearch { patterns: all.path_patterns(), except: all.ignored_paths() };
        AnalysisOptions { search, ..self.pass.options.clone() }
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// What an error means: the limit of the registry is reached, or something failed.
    fn failed(&self, tag: Option<String>, error: Error) -> Sighting {
        match tag {
            Some(tag) if error.kind() == ErrorKind::RateLimited => {
                if let Some(stop) = self.stop {
                    stop.store(true, Ordering::Relaxed);
                }
                Sighting::Left(tag, error.message().to_owned())
            }
            tag => Sighting::Failed(tag, error),
        }
    }

    /// Reads a tag. One that is gone by now may have moved, or be gone for good.
    async fn sighting(
        &self,
        registry: &Registry,
        (tag, digest): Changed,
        options: &Arc<AnalysisOptions>,
        unlisted: &BTreeSet<String>,
    ) -> Result<Sighting, Error> {
        let error = match self.read(&tag, digest.as_ref(), options).await {
            Ok(images) => return Ok(Sighting::Read(tag, digest, images)),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(error) => error,
        };
        let repository = self.target.repository.repository();
        let now = registry.resolve(repository, &tag).await?;
        if now.is_some() && now != digest {
            let found = self.read(&tag, now.as_ref(), options).await?;
            return Ok(Sighting::Read(tag, now, found));
        }
        // What went before is still gone, and no failure.
        let is_recorded = |tag: &Tag| !tag.images.is_empty() || !tag.gone.is_empty();
        let is_recorded = self.known.tag(&tag).is_some_and(is_recorded);
        if now.is_some() || !is_recorded {
            return Err(error);
        }
        if !registry.is_gone(repository, &tag).await? {
            return Err(error);
        }
        // Some registries answer so about everything that they do not show.
        if !unlisted.contains(&tag) {
            registry.tags(repository).await?;
        }
        Ok(Sighting::Gone(tag))
    }

    /// Reads all that is watched of a tag, as far as it is published.
    async fn read(
        &self,
        tag: &str,
        digest: Option<&Digest>,
        options: &Arc<AnalysisOptions>,
    ) -> Result<Vec<Subject>, Error> {
        let tagged = self.target.repository.with_tag(tag);
        let pinned = match digest {
            Some(digest) => format!("{tagged}@{digest}")
                .parse::<Reference>()
                .map_err(|error| Error::new(ErrorKind::Usage, error.to_string()))?,
            None => tagged.clone(),
        };
        let source = Source::Registry(pinned);
        let mut subjects = Vec::new();
        if self.target.platforms.is_empty() {
            subjects = self.images(&source, &Wanted::of(None, options)).await?;
        }
        for platform in &self.target.platforms {
            match self.images(&source, &Wanted::of(Some(platform.clone()), options)).await {
                Ok(images) => subjects.extend(images),
                Err(error) if error.kind() == ErrorKind::NoPlatform => {}
                Err(error) => return Err(error),
            }
        }
        Ok(subjects.into_iter().map(|image| self.tagged(tag, image)).collect())
    }

    async fn images(&self, source: &Source, wanted: &Wanted<'_>) -> Result<Vec<Subject>, Error> {
        let _turn = self.images.acquire().await;
        if self.is_stopped() {
            return Err(stopped());
        }
        let (session, request) = (self.pass.session, &wanted.request);
        if self.target.depth == Depth::Manifest {
            let found = session.inspect(source, request).await?;
            let all = wanted.layers.all_platforms;
            let images = found.images.iter().enumerate();
            let images = images.filter(|(at, _)| all || *at == found.shown);
            let snapshots = images.map(|(_, image)| Snapshot::of_inspection(&found, image));
            return Ok(snapshots.map(Subject::of_manifest).collect());
        }
        let observer = (self.pass.observers)();
        let read = session.layers(source, request, &wanted.layers, &observer).await?;
        let options = Arc::clone(wanted.options);
        let studied = tokio::task::spawn_blocking(move || {
            let analysis = analyze(read, &options);
            let subject = |found: &ImageAnalysis| {
                let image = analysis.inspection.images.get(found.image)?;
                let snapshot = Snapshot::of_analysis(&analysis.inspection, image, found);
                Some(Subject::of_layers(snapshot, found))
            };
            analysis.images.iter().filter_map(subject).collect()
        });
        studied.await.map_err(|error| {
            Error::new(ErrorKind::Local, "the image could not be studied").because(error)
        })
    }
}

/// Tags of one digest together, in the order of the first of each; those of which the registry tells
/// no digest stand alone.
fn by_digest(changed: Vec<Changed>) -> Vec<Vec<Changed>> {
    let mut alike: Vec<Vec<Changed>> = Vec::new();
    let mut places: BTreeMap<Digest, usize> = BTreeMap::new();
    for (tag, digest) in changed {
        let place = digest.as_ref().and_then(|digest| places.get(digest));
        if let Some(group) = place.and_then(|at| alike.get_mut(*at)) {
            group.push((tag, digest));
            continue;
        }
        places.extend(digest.clone().map(|digest| (digest, alike.len())));
        alike.push(vec![(tag, digest)]);
    }
    alike
}

fn stopped() -> Error {
    Error::new(ErrorKind::RateLimited, "not asked for after the registry refused another")
}

/// Whether what is left of the registry's limit may not do for so many images, so that each is
/// begun when the one before it is complete.
fn is_scarce(registry: &Registry, images: usize) -> bool {
    let wanted = u64::try_from(images).unwrap_or(u64::MAX).saturating_mul(PULLS);
    registry.traffic().rate_limit.is_some_and(|limit| limit.remaining < wanted)
}
