//! BuildKit attestations of the images shown in detail: provenance with Dockerfile lines.
//!
//! A failure here costs the lines and a warning, never the report.

use futures::future::join_all;

use super::Request;
use super::documents::Documents;
use super::entries::{Attached, Entries, Entry};
use crate::image::{Attachment, AttachmentKind, Image, Provenance, read_provenance};
use crate::oci::{Descriptor, Digest, Document, Kind};
use crate::registry::Error;

const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
const PROVENANCE: &str = "https://slsa.dev/provenance/";

/// What was read of the attestations.
#[derive(Default)]
pub(super) struct Read {
    manifests: Vec<Manifest>,
}

struct Manifest {
    attachment: Attachment,
    /// Its provenance statement, if it has one.
    provenance: Option<Descriptor>,
    /// The statement's bytes, if they were read.
    statement: Option<bytes::Bytes>,
}

/// Reads the attestations of the images that are shown in detail.
pub(super) async fn read(documents: &Documents<'_>, entries: &Entries, request: &Request) -> Read {
    let detailed = entries
        .images
        .iter()
        .enumerate()
        .filter(|(at, _)| request.detail_all || *at == entries.shown);
    let read =
        join_all(detailed.map(|(_, entry)| of_image(documents, entries, entry, request))).await;
    Read { manifests: read.into_iter().flatten().collect() }
}

async fn of_image(
    documents: &Documents<'_>,
    entries: &Entries,
    entry: &Entry,
    request: &Request,
) -> Vec<Manifest> {
    let subject = &entry.descriptor.digest;
    let referrers =
        if request.referrers { referrers(documents, subject).await } else { Vec::new() };
    let listed =
        entries.attached.iter().filter(|attached| attached.subject.as_ref() == Some(subject));
    let distinct = referrers.iter().filter(|referrer| {
        !entries
            .attached
            .iter()
            .any(|attached| attached.descriptor.digest == referrer.descriptor.digest)
    });
    let attached = listed.chain(distinct).map(|attached| of_attachment(documents, attached));
    let mut manifests = join_all(attached).await;
    read_statement(documents, &mut manifests).await;
    manifests
}

/// Reads the first statement that can be read. There may be hundreds and only one is used.
async fn read_statement(documents: &Documents<'_>, manifests: &mut [Manifest]) {
    for manifest in manifests {
        let Some(layer) = &manifest.provenance else { continue };
        match documents.blob(layer, documents.limits().statement, "the provenance").await {
            Ok(bytes) => {
                manifest.statement = Some(bytes);
                return;
            }
            Err(error) => documents.warn(unreadable(&manifest.attachment.digest, &error)),
        }
    }
}

fn unreadable(digest: &Digest, error: &Error) -> String {
    format!("the attestation {} could not be read: {error}", digest.short())
}

async fn referrers(documents: &Documents<'_>, subject: &Digest) -> Vec<Attached> {
    match documents.store.referrers(subject).await {
        Ok(found) => {
            found.into_iter().map(|descriptor| Attached::referrer(descriptor, subject)).collect()
        }
        Err(error) => {
            documents.warn(format!(
                "what is attached to {} could not be listed: {error}",
                subject.short()
            ));
            Vec::new()
        }
    }
}

async fn of_attachment(documents: &Documents<'_>, attached: &Attached) -> Manifest {
    let listed = Manifest { attachment: attached.listed(), provenance: None, statement: None };
    if attached.kind != AttachmentKind::Attestation {
        return listed;
    }
    match statements(documents, attached).await {
        Ok(manifest) => manifest,
        Err(error) => {
            documents.warn(unreadable(&attached.descriptor.digest, &error));
            listed
        }
    }
}

async fn statements(documents: &Documents<'_>, attached: &Attached) -> Result<Manifest, Error> {
    let mut attachment = attached.listed();
    let Document::Manifest(manifest) = documents.manifest(&attached.descriptor).await? else {
        return Ok(Manifest { attachment, provenance: None, statement: None });
    };
    let predicate = |layer: &Descriptor| layer.annotation(PREDICATE_TYPE).map(str::to_owned);
    attachment.predicates = manifest.layers.iter().filter_map(predicate).collect();
    attachment.compressed =
        manifest.layers.iter().map(|layer| layer.size).try_fold(0, u64::checked_add);
    let provenance = manifest.layers.iter().find(|layer| {
        layer.media_type.kind() == Kind::Statement
            && predicate(layer).is_some_and(|kind| kind.starts_with(PROVENANCE))
    });
    let provenance = provenance.cloned();
    Ok(Manifest { attachment, provenance, statement: None })
}

impl Read {
    /// Gives the images their Dockerfile lines; returns each image's provenance, in their order.
    pub(super) fn apply(
        &self,
        images: &mut [Image],
        documents: &Documents<'_>,
    ) -> Vec<Option<Provenance>> {
        images.iter_mut().map(|image| self.apply_to(image, documents)).collect()
    }

    fn apply_to(&self, image: &mut Image, documents: &Documents<'_>) -> Option<Provenance> {
        let about =
            |manifest: &&Manifest| manifest.attachment.subject.as_ref() == Some(&image.digest);
        let statement =
            self.manifests.iter().filter(about).find_map(|manifest| manifest.statement.as_ref())?;
        let layers: Vec<Digest> = image.layers.iter().map(|layer| layer.digest.clone()).collect();
        let provenance = match read_provenance(statement, &image.digest, &layers) {
            Ok(provenance) => provenance,
            Err(error) => {
                documents.warn(format!("{}: the provenance is not used: {error}", image.platform));
                return None;
            }
        };
        for (layer, lines) in image.layers.iter_mut().zip(&provenance.lines) {
            layer.source.clone_from(lines);
        }
        for warning in &provenance.warnings {
            documents.warn(format!("{}: {warning}", image.platform));
        }
        Some(provenance)
    }

    /// All attachments: those that were read, with what they hold, and those that were listed.
    pub(super) fn attachments(&self, entries: &Entries) -> Vec<Attachment> {
        let read = |digest: &Digest| {
            self.manifests.iter().find(|manifest| manifest.attachment.digest == *digest)
        };
        let listed = entries.attached.iter().map(|attached| {
            read(&attached.descriptor.digest)
                .map_or_else(|| attached.listed(), |manifest| manifest.attachment.clone())
        });
        let mut attachments: Vec<Attachment> = listed.collect();
        for manifest in &self.manifests {
            if !attachments.iter().any(|attachment| attachment.digest == manifest.attachment.digest)
            {
                attachments.push(manifest.attachment.clone());
            }
        }
        attachments
    }
}
