//! Tables of contents that a SOCI index has for the layers of an image.
//!
//! The index is named by the manifest's annotation, listed in the image index, or attached by the
//! referrers API, in this order. A failure here costs time and a warning, never the report.

use std::collections::BTreeMap;

use super::documents::Documents;
use super::reader::Job;
use crate::image::{AttachmentKind, Image, Inspection};
use crate::layer::toc_reader::{SociLayer, soci_index};
use crate::oci::{Compression, Descriptor, Digest, Document, Kind};
use crate::registry::Error;

const INDEX_DIGEST: &str = "com.amazon.soci.index-digest";
const INDEX_TYPE: &str = "application/vnd.amazon.soci.index.";
/// Smaller layers have no table in an index, by the default of the tool that makes them.
const SMALLEST: u64 = 10 << 20;

/// Whether an index might have a table for the layer.
pub(super) fn may_have_ztoc(job: &Job) -> bool {
    let compression = match job.descriptor.media_type.kind() {
        Kind::Layer(kind) => kind.compression,
        _ => return false,
    };
    job.claim.is_none() && compression != Compression::Zstd && job.descriptor.size >= SMALLEST
}

/// Gives the jobs the tables that the images' indexes have for them.
pub(super) async fn find<'a>(
    documents: &Documents<'_>,
    inspection: &Inspection,
    images: impl Iterator<Item = &'a Image>,
    jobs: &mut [Job],
) {
    let mut tables = BTreeMap::new();
    for image in images {
        match of_image(documents, inspection, image).await {
            Ok(found) => tables.extend(found.into_iter().map(|found| (found.layer, found.ztoc))),
            Err(error) => documents.warn(format!(
                "whether there is a SOCI index for {} is not known: {error}",
                image.platform
            )),
        }
    }
    for job in jobs.iter_mut().filter(|job| may_have_ztoc(job)) {
        job.ztoc = tables.get(&job.descriptor.digest).cloned();
    }
}

async fn of_image(
    documents: &Documents<'_>,
    inspection: &Inspection,
    image: &Image,
) -> Result<Vec<SociLayer>, Error> {
    let Some(index) = index_of(documents, inspection, image).await? else { return Ok(Vec::new()) };
    match documents.manifest_by_digest(&index).await? {
        Document::Manifest(manifest) => Ok(soci_index(&manifest)),
        Document::Index(_) => Ok(Vec::new()),
    }
}

async fn index_of(
    documents: &Documents<'_>,
    inspection: &Inspection,
    image: &Image,
) -> Result<Option<Digest>, Error> {
    if let Some(named) = image.annotations.get(INDEX_DIGEST).and_then(|text| text.parse().ok()) {
        return Ok(Some(named));
    }
    let listed = inspection.attachments.iter().find(|attachment| {
        attachment.kind == AttachmentKind::Soci
            && attachment.subject.as_ref() == Some(&image.digest)
    });
    if let Some(listed) = listed {
        return Ok(Some(listed.digest.clone()));
    }
    let attached = documents.store.referrers(&image.digest).await?;
    let is_soci = |descriptor: &Descriptor| {
        descriptor.artifact_type.as_deref().is_some_and(|kind| kind.starts_with(INDEX_TYPE))
    };
    Ok(attached.into_iter().find(is_soci).map(|descriptor| descriptor.digest))
}
