//! Where fetching meets parsing: from a reference to what it stands for.
//!
//! A [`Session`] holds the registries and the cache of one run. [`Session::inspect`] sends
//! everything that does not depend on another answer at once: the manifests of all platforms and
//! the attestations, then the configs, the ends of the layers' blobs and the statements, then the
//! base image. Documents come from the cache if they were read before, after the registry has
//! said which digest the reference has now.
//!
//! An image in files takes the same way: `store` is all that knows the difference.

mod attestations;
mod base;
mod documents;
mod entries;
mod files;
mod layers;
mod missing;
mod pulls;
mod reader;
mod sharing;
mod soci;
mod store;
mod stream;
mod tags;
mod tails;

use std::collections::BTreeMap;

use futures::future::{join, try_join_all};

use crate::cache::Cache;
use crate::image::{Image, Inspection, Parts, Shared, Uncompressed};
use crate::layer::{Limits, Memory};
use crate::oci::{Digest, Document, ImageConfig, Kind, Manifest, Platform};
use crate::reference::{Reference, Source};
use crate::registry::{Error, ErrorKind, Registries};
use crate::shared::SharedCache;

use documents::{Documents, Root};
use entries::{Entries, Entry};
use store::Store;

pub use layers::{ImageLayers, LayerEvent, LayerObserver, LayerRead, LayerRequest, ReadLayers};
pub use tags::TagsRequest;

/// The registries and the cache of one run.
pub struct Session {
    registries: Registries,
    cache: Cache,
    shared: Option<SharedCache>,
    limits: Limits,
    memory: Memory,
    reserve: Option<u64>,
}

/// What to find out about a reference.
#[derive(Clone, Debug)]
pub struct Request {
    /// Read just the image of this platform.
    pub platform: Option<Platform>,
    /// The platform shown in detail if none was asked for and it is published.
    pub preferred: Platform,
    /// Find out base image and Dockerfile lines of every platform, not only of the one shown.
    pub detail_all: bool,
    /// Read the ends of layers' blobs for their uncompressed size.
    pub tails: bool,
    /// How the base image is found.
    pub base: BaseSource,
    /// Ask for what is attached to the images besides what the index lists.
    pub referrers: bool,
}

impl Request {
    /// The same for an image in files, for which nobody is asked unless the user says whom.
    fn within(&self, store: &Store) -> Self {
        let base = match &self.base {
            BaseSource::Evidence if store.local().is_some() => BaseSource::Claims,
            base => base.clone(),
        };
        Self { base, ..self.clone() }
    }
}

/// How the base image is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseSource {
    /// By the evidence that the image carries; other repositories are asked to confirm it.
    Evidence,
    /// By the evidence that the image carries, without asking anybody.
    Claims,
    /// It is this image.
    Given(Reference),
}

/// An image's manifest, before the other parts are there.
struct Found<'a> {
    entry: &'a Entry,
    manifest: Manifest,
}

impl Session {
    /// Starts a run.
    pub fn new(registries: Registries, cache: Cache) -> Self {
        let limits = Limits::default();
        let memory = Memory::new(limits.memory);
        Self { registries, cache, shared: None, limits, memory, reserve: None }
    }

    /// The same run with a cache of other machines behind its own.
    #[must_use]
    pub fn with_shared(self, shared: Option<SharedCache>) -> Self {
        Self { shared, ..self }
    }

    /// The same run with other ceilings of layers.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, memory: Memory::new(limits.memory), ..self }
    }

    /// The same run, which reads no more than leaves so many pulls of each registry's limit.
    #[must_use]
    pub fn with_reserve(self, pulls: u64) -> Self {
        Self { reserve: Some(pulls), ..self }
    }

    /// The registries of the run.
    pub fn registries(&self) -> &Registries {
        &self.registries
    }

    /// Finds out what a source stands for without reading a layer.
    pub async fn inspect(&self, source: &Source, request: &Request) -> Result<Inspection, Error> {
        let store = Store::open(self, source, None).await?;
        self.inspect_in(source, &store, request).await
    }

    async fn inspect_in(
        &self,
        source: &Source,
        store: &Store,
        request: &Request,
    ) -> Result<Inspection, Error> {
        let request = &request.within(store);
        let documents = Documents::new(self, store);
        let root = documents.root().await?;
        let entries = Entries::read(&documents, &root, request).await?;
        let (images, attested) = join(
            self.images(&documents, &root, &entries, request),
            attestations::read(&documents, &entries, request),
        )
        .await;
        let mut images = images?;
        check_platform(&images, request)?;
        let shown = entries.shown;
        if let (Some(local), Some(image)) = (store.local(), images.get(shown)) {
            files::check(local, image)?;
            for image in &mut images {
                image.in_files = true;
                files::warn_of_plain(&documents, image);
            }
        }
        let claimed = attested.apply(&mut images, &documents);
        base::find(self, &documents, &entries, &mut images, &claimed, request).await;
        let traffic = store.traffic();
        Ok(Inspection {
            reference: source.to_string(),
            media_type: root.media_type(),
            digest: root.digest,
            shown,
            platforms: entries.platforms(&images),
            shared: shared(&images),
            images,
            attachments: attested.attachments(&entries),
            rate_limit: traffic.rate_limit,
            warnings: documents.into_warnings(traffic.warnings),
        })
    }

    /// Reads and joins the images of the entries, in their order.
    async fn images(
        &self,
        documents: &Documents<'_>,
        root: &Root,
        entries: &Entries,
        request: &Request,
    ) -> Result<Vec<Image>, Error> {
        let manifests = entries.images.iter().map(|entry| manifest(documents, root, entry));
        let found = try_join_all(manifests).await?;
        if found.len() > 1 {
            check_configs(&found, documents.limits().configs)?;
        }
        let configs = try_join_all(found.iter().map(|found| config(documents, found)));
        let lengths = async {
            if request.tails { tails::read(documents, &found).await } else { BTreeMap::new() }
        };
        let (configs, lengths) = join(configs, lengths).await;
        let joined = found
            .into_iter()
            .zip(configs?)
            .map(|(found, config)| image(documents, &found, config, &lengths));
        Ok(joined.collect())
    }
}

async fn manifest<'a>(
    documents: &Documents<'_>,
    root: &Root,
    entry: &'a Entry,
) -> Result<Found<'a>, Error> {
    let document = if entry.descriptor.digest == root.digest {
        root.document.clone()
    } else {
        documents.manifest(&entry.descriptor).await.map_err(|error| match &entry.platform {
            Some(platform) => error.about(&format!("the manifest for {platform}")),
            None => error,
        })?
    };
    let Document::Manifest(manifest) = document else {
        return Err(Error::new(
            ErrorKind::BadData,
            format!("{} is named a manifest but is an index", entry.descriptor.digest),
        ));
    };
    let limit = documents.limits().layers;
    if manifest.layers.len() > limit {
        let text =
            format!("the image has {} layers; the ceiling is {limit}", manifest.layers.len());
        return Err(Error::new(ErrorKind::Ceiling, text).hint("allow more: --limit layers=NUMBER"));
    }
    Ok(Found { entry, manifest: *manifest })
}

/// Reads the config, unless the manifest is not an image's.
async fn config(documents: &Documents<'_>, found: &Found<'_>) -> Result<ImageConfig, Error> {
    let descriptor = &found.manifest.config;
    if descriptor.media_type.kind() != Kind::Config {
        let types = [found.manifest.artifact_type.as_deref(), Some(descriptor.media_type.as_str())];
        let named = types.into_iter().flatten().find(|name| !name.is_empty());
        let what = named.unwrap_or("something without a type");
        documents.warn(format!(
            "{} is not an image but {what}: only sizes are known",
            found.entry.descriptor.digest
        ));
        return Ok(ImageConfig::default());
    }
    let config = documents.config(descriptor).await?;
    let (rows, limit) = (config.history.len(), documents.limits().steps);
    if rows > limit {
        let digest = &descriptor.digest;
        let text =
            format!("the image config {digest} has {rows} build steps; the ceiling is {limit}");
        return Err(Error::new(ErrorKind::Ceiling, text).hint("allow more: --limit steps=NUMBER"));
    }
    Ok(config)
}

/// Refuses configs that are small one by one but not together: an index may name one config for
/// all its images, and each image keeps its own copy of what was in it.
fn check_configs(found: &[Found<'_>], limit: u64) -> Result<(), Error> {
    let total: u128 = found.iter().map(|found| u128::from(found.manifest.config.size)).sum();
    if total <= u128::from(limit) {
        return Ok(());
    }
    let text = format!(
        "the configs of {} images are {total} bytes long together; the ceiling is {limit}",
        found.len()
    );
    Err(Error::new(ErrorKind::Ceiling, text)
        .hint("read one of them: --platform OS/ARCH, or allow more: --limit configs=SIZE"))
}

fn image(
    documents: &Documents<'_>,
    found: &Found<'_>,
    config: ImageConfig,
    lengths: &BTreeMap<Digest, Uncompressed>,
) -> Image {
    let (image, warnings) = Image::join(Parts {
        digest: found.entry.descriptor.digest.clone(),
        size: found.entry.descriptor.size,
        platform: found.entry.platform.clone().filter(Platform::is_known),
        manifest: &found.manifest,
        config,
        lengths,
    });
    // What is no image has no history to miss.
    if found.manifest.config.media_type.kind() == Kind::Config {
        for warning in warnings {
            documents.warn(warning);
        }
    }
    image
}

/// A reference that is not an index has just the platform its config names.
fn check_platform(images: &[Image], request: &Request) -> Result<(), Error> {
    match (&request.platform, images) {
        (Some(wanted), [image]) if !image.platform.satisfies(wanted) => {
            Err(entries::no_such_platform(wanted, std::slice::from_ref(&image.platform)))
        }
        _ => Ok(()),
    }
}

fn shared(images: &[Image]) -> Shared {
    let layers = || images.iter().flat_map(|image| &image.layers);
    let distinct: BTreeMap<&Digest, u64> =
        layers().map(|layer| (&layer.digest, layer.compressed)).collect();
    Shared {
        all_platforms: layers().map(|layer| u128::from(layer.compressed)).sum(),
        unique: distinct.values().map(|size| u128::from(*size)).sum(),
    }
}
