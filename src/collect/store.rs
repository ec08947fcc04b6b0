//! Where an image's documents and blobs come from: one repository of a registry, or files.
//!
//! All that the rest of this module asks for goes through a [`Store`], which either answers in the
//! same way.

use std::sync::Arc;

use bytes::Bytes;

use super::Session;
use super::layers::{LayerEvent, LayerObserver, LayerRequest};
use super::stream::{Stop, StopWhenDropped};
use crate::layer;
use crate::local::{self, Local, Reading, Step};
use crate::oci::{Descriptor, Digest};
use crate::reference::{LocalSource, Reference, Source};
use crate::registry::{self, Error, ErrorKind, Fetched, Limits, Registry, TagList, Traffic};

/// Where documents and blobs come from. Clones are of one place.
#[derive(Clone)]
pub(super) enum Store {
    /// A repository, and what of it was asked for.
    Registry { registry: Arc<Registry>, reference: Reference },
    /// Files.
    Local { local: Arc<Local>, limits: Limits },
}

/// A blob that is read from its first byte on.
pub(super) enum Blob {
    Registry(registry::Blob),
    Local(Box<local::Blob>),
    /// One that cannot be read at all.
    Failed(Option<Error>),
}

/// What layers are wanted while an archive passes, and who is told.
pub(super) type Wish<'a> = (&'a LayerRequest, &'a LayerObserver);

impl Store {
    /// Opens what a source names. An archive that comes as a stream is read to its end, with the
    /// layers that are wished for.
    pub(super) async fn open(
        session: &Session,
        source: &Source,
        wish: Option<Wish<'_>>,
    ) -> Result<Self, Error> {
        match source {
            Source::Registry(reference) => {
                let registry = session.registries.get(reference)?;
                Ok(Self::Registry { registry, reference: reference.clone() })
            }
            Source::Local(source) => open_local(session, source, wish).await,
        }
    }

    /// A repository, or one that an image of another registry names.
    pub(super) fn led(
        session: &Session,
        reference: &Reference,
        leader: Option<&Registry>,
    ) -> Result<Self, Error> {
        let registry = match leader {
            Some(leader) => session.registries.get_led(reference, leader)?,
            None => session.registries.get(reference)?,
        };
        Ok(Self::Registry { registry, reference: reference.clone() })
    }

    /// The registry, if it is one.
    pub(super) fn registry(&self) -> Option<(&Arc<Registry>, &Reference)> {
        match self {
            Self::Registry { registry, reference } => Some((registry, reference)),
            Self::Local { .. } => None,
        }
    }

    /// The files, if it is such.
    pub(super) fn local(&self) -> Option<&Local> {
        match self {
            Self::Registry { .. } => None,
            Self::Local { local, .. } => Some(local),
        }
    }

    /// What vouches for bytes that no digest covers: the registry's name.
    pub(super) fn host(&self) -> &str {
        self.registry().map_or("", |(registry, _)| registry.host())
    }

    /// The tags of the repository; files have none.
    pub(super) async fn tags(&self) -> Result<TagList, Error> {
        match self {
            Self::Registry { registry, reference } => registry.tags(reference.repository()).await,
            Self::Local { .. } => Ok(TagList::default()),
        }
    }

    /// The digest that a tag has now; files are asked for by digest alone.
    pub(super) async fn resolve(&self, tag: &str) -> Result<Option<Digest>, Error> {
        match self {
            Self::Registry { registry, reference } => {
                registry.resolve(reference.repository(), tag).await
            }
            Self::Local { .. } => Ok(None),
        }
    }

    /// Reads a manifest or index by its digest, or that of a registry by a tag; with `size`, it
    /// must be of that size.
    pub(super) async fn manifest(
        &self,
        version: &str,
        size: Option<u64>,
    ) -> Result<Fetched, Error> {
        match self {
            Self::Registry { registry, reference } => {
                registry.manifest(reference.repository(), version, size).await
            }
            Self::Local { local, limits } => {
                let digest: Digest = version.parse().map_err(|_| {
                    let text = format!("files have no manifest of the tag {version}");
                    Error::new(ErrorKind::NotFound, text)
                })?;
                local.manifest(&digest, size, limits.manifest)
            }
        }
    }

    /// Reads a small blob whole, verified.
    pub(super) async fn small_blob(
        &self,
        descriptor: &Descriptor,
        ceiling: u64,
        what: &'static str,
    ) -> Result<Bytes, Error> {
        match self {
            Self::Registry { registry, reference } => {
                registry.small_blob(reference.repository(), descriptor, ceiling, what).await
            }
            Self::Local { local, .. } => local.small_blob(descriptor, ceiling, what),
        }
    }

    /// Reads a part of a blob; `None` if parts are not served.
    pub(super) async fn range(
        &self,
        digest: &Digest,
        size: u64,
        start: u64,
        length: u64,
    ) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Registry { registry, reference } => {
                registry.blob_range(reference.repository(), digest, size, start, length).await
            }
            Self::Local { local, .. } => local.range(digest, size, start, length).map(Some),
        }
    }

    /// Starts to read a blob; within a runtime.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> Blob {
        match self {
            Self::Registry { registry, reference } => {
                Blob::Registry(registry.blob(reference.repository(), descriptor))
            }
            Self::Local { local, .. } => match local.blob(descriptor) {
                Ok(blob) => Blob::Local(Box::new(blob)),
                Err(error) => Blob::Failed(Some(error)),
            },
        }
    }

    /// What is attached to a document besides what its index lists; files know of nothing.
    pub(super) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        match self {
            Self::Registry { registry, reference } => {
                registry.referrers(reference.repository(), subject).await
            }
            Self::Local { .. } => Ok(Vec::new()),
        }
    }

    /// What was seen while asking.
    pub(super) fn traffic(&self) -> Traffic {
        self.registry().map(|(registry, _)| registry.traffic()).unwrap_or_default()
    }
}

impl Blob {
    /// The next bytes, for a thread outside of the runtime; `None` after the last, once they were
    /// verified.
    pub(super) fn blocking_next(&mut self) -> Option<Result<Bytes, Error>> {
        match self {
            Self::Registry(blob) => blob.blocking_next(),
            Self::Local(blob) => blob.next(),
            Self::Failed(error) => Some(Err(error
                .take()
                .unwrap_or_else(|| Error::new(ErrorKind::Local, "the layer could not be opened")))),
        }
    }

    /// Bytes that were read for it so far, repeated ones included.
    pub(super) fn received(&self) -> u64 {
        match self {
            Self::Registry(blob) => blob.received(),
            Self::Local(blob) => blob.received(),
            Self::Failed(_) => 0,
        }
    }
}

async fn open_local(
    session: &Session,
    source: &LocalSource,
    wish: Option<Wish<'_>>,
) -> Result<Store, Error> {
    let limits = session.registries.options().limits;
    let (of_layers, memory) = (session.limits, session.memory.clone());
    let wish = wish.map(|(wanted, observer)| (wanted.clone(), Arc::clone(observer)));
    let stop = StopWhenDropped(Stop::default());
    let (source, stopped) = (source.clone(), stop.0.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let observer = |step| {
            if let Some((_, observer)) = &wish {
                observer(&event(step));
            }
            !stopped.is_set()
        };
        let reading = Reading {
            layers: wish.is_some(),
            min_size: wish.as_ref().map_or(0, |(wanted, _)| wanted.min_size),
            limits: of_layers,
            memory: &memory,
            observer: &observer,
        };
        let local = local::open(&source, &limits, &reading)?;
        match &wish {
            Some((wanted, _)) if local.is_stream() => check(wanted).map(|()| local),
            _ => Ok(local),
        }
    });
    let local = opened.await.map_err(|_| {
        Error::new(ErrorKind::Local, "opening an image ended by a fault of this program")
    })??;
    Ok(Store::Local { local: Arc::new(local), limits })
}

/// Refuses what a stream cannot give.
fn check(wanted: &LayerRequest) -> Result<(), Error> {
    let option = match wanted {
        LayerRequest { verify_toc: true, .. } => "--verify-toc",
        LayerRequest { verify_diff_ids: true, .. } => "--verify-diff-ids",
        _ => return Ok(()),
    };
    let text = format!("{option} wants to read layers again, which a stream does not allow");
    Err(Error::new(ErrorKind::Usage, text).hint(
        "give a file that is not compressed as a whole: oci-archive:FILE or docker-archive:FILE",
    ))
}

fn event(step: Step) -> LayerEvent {
    match step {
        Step::Started { member, name, bytes } => LayerEvent::Started { layer: member, name, bytes },
        Step::Advanced { member, bytes } => LayerEvent::Advanced { layer: member, bytes },
        Step::Finished { member } => LayerEvent::Finished { layer: member },
    }
}

/// The listing that was made of a layer while its archive passed; `None` for what did not pass.
pub(super) fn passed(
    store: &Store,
    descriptor: &Descriptor,
    limits: layer::Limits,
    memory: &layer::Memory,
) -> Option<Result<layer::Toc, layer::Error>> {
    let observer = |_| true;
    let reading = Reading { layers: true, min_size: 0, limits, memory, observer: &observer };
    store.local()?.passed(descriptor, &reading)
}
