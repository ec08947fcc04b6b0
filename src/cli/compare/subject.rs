//! The images that are compared: in a registry, or in a report of an earlier run.

use super::super::run::Observers;
use crate::analysis::{AnalysisOptions, analyze};
use crate::collect::{BaseSource, LayerRequest, Request, Session};
use crate::image::{Image, Inspection};
use crate::oci::Platform;
use crate::reference::{Source, without_password};
use crate::registry::{Error, ErrorKind};
use crate::snapshot::Snapshot;

/// One of the images.
pub(super) enum Subject {
    /// In a registry, as its documents tell.
    Published { typed: String, source: Source, inspection: Box<Inspection> },
    /// In a report that was written before.
    Kept(Box<Snapshot>),
}

impl Subject {
    pub(super) fn image(&self) -> Option<&Image> {
        match self {
            Self::Published { inspection, .. } => inspection.images.get(inspection.shown),
            Self::Kept(_) => None,
        }
    }

    /// What is known of it before layers are read.
    pub(super) fn described(&self) -> Result<Snapshot, Error> {
        match self {
            Self::Kept(snapshot) => Ok((**snapshot).clone()),
            Self::Published { typed, inspection, .. } => {
                let image = self.image().ok_or_else(|| no_image(typed))?;
                Ok(Snapshot::of_inspection(inspection, image))
            }
        }
    }

    /// Whether it can be told what is in the layers.
    pub(super) fn has_layers(&self) -> bool {
        match self {
            Self::Published { .. } => true,
            Self::Kept(snapshot) => snapshot.layers.iter().any(|layer| layer.contents.is_some()),
        }
    }
}

fn no_image(typed: &str) -> Error {
    Error::new(ErrorKind::NotFound, "there is no image in it").about(&without_password(typed))
}

/// Finds out what there is to read.
pub(super) async fn inspect(
    session: &Session,
    typed: String,
    source: Source,
    request: &Request,
) -> Result<Subject, Error> {
    match session.inspect(&source, request).await {
        Ok(inspection) => {
            Ok(Subject::Published { typed, source, inspection: Box::new(inspection) })
        }
        Err(error) => Err(error.about(&without_password(&typed))),
    }
}

/// The image with the layers that are wanted; one of a report as it is.
pub(super) async fn read(
    session: &Session,
    subject: Subject,
    wanted: &LayerRequest,
    observers: Observers<'_>,
) -> Result<Snapshot, Error> {
    let Subject::Published { typed, source, inspection } = subject else {
        return subject.described();
    };
    let about = |error: Error| error.about(&without_password(&typed));
    let read = session.read(&source, *inspection, wanted, &observers()).await.map_err(about)?;
    let analysis = analyze(read, &options());
    Snapshot::all_of(&analysis).into_iter().next().ok_or_else(|| no_image(&typed))
}

/// What a comparison needs of layers.
pub(super) fn options() -> AnalysisOptions {
    AnalysisOptions { paths: true, partial: true, ..AnalysisOptions::default() }
}

/// What to find out of it before that.
pub(super) fn request(platform: Option<Platform>) -> Request {
    Request {
        platform,
        preferred: Platform::host(),
        detail_all: false,
        tails: false,
        base: BaseSource::Evidence,
        referrers: false,
    }
}
