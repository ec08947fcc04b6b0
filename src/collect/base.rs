//! Confirms what an image claims about its base image by the base image's own layers.
//!
//! A base is confirmed if its layers, by digest or by uncompressed digest, are the lowest layers
//! of the image. A claim that cannot be confirmed keeps its name but marks no layer, not even those
//! below the boundary that the history shows: that may be the base of the base.

use futures::future::join_all;

use super::documents::Documents;
use super::entries::Entries;
use super::store::Store;
use super::{BaseSource, Request, Session};
use crate::image::{Base, Evidence, Image, Provenance};
use crate::oci::{Digest, Document, Manifest, Platform};
use crate::reference::Reference;
use crate::registry::{Error, ErrorKind};

/// Base images that are asked about for one image.
const MAX_ASKED: usize = 4;

/// Finds the base images of the images shown in detail.
pub(super) async fn find(
    session: &Session,
    documents: &Documents<'_>,
    entries: &Entries,
    images: &mut [Image],
    provenance: &[Option<Provenance>],
    request: &Request,
) {
    let detailed = |at: usize| request.detail_all || at == entries.shown;
    let search = images.iter().zip(provenance).enumerate().filter(|(at, _)| detailed(*at));
    let found = join_all(search.map(|(at, (image, provenance))| async move {
        let claims = claims(image, provenance.as_ref(), entries, request);
        (at, best(session, documents, image, claims, request).await)
    }))
    .await;
    for (at, base) in found {
        if let Some(base) = base {
            images[at].set_base(base);
        }
    }
}

/// All claims, strongest first.
fn claims(
    image: &Image,
    provenance: Option<&Provenance>,
    entries: &Entries,
    request: &Request,
) -> Vec<Base> {
    let claim = |evidence, name: Option<String>, digest, layers| Base {
        name,
        digest,
        layers,
        evidence,
        confirmed: false,
    };
    if let BaseSource::Given(reference) = &request.base {
        return vec![claim(
            Evidence::Given,
            Some(reference.to_string()),
            reference.digest().cloned(),
            None,
        )];
    }
    let mut claims = Vec::new();
    if let Some(provenance) = provenance {
        claims.extend(provenance.base.iter().map(|base| {
            claim(Evidence::Provenance, base.name.clone(), base.digest.clone(), base.layers)
        }));
        claims.extend(provenance.materials.iter().map(|material| {
            claim(Evidence::Provenance, Some(material.name.clone()), material.digest.clone(), None)
        }));
    }
    claims.extend(image.base_claims(&entries.annotations));
    claims
}

/// The first claim that knows how many layers are the base's; else a claim that at least names it.
async fn best(
    session: &Session,
    documents: &Documents<'_>,
    image: &Image,
    claims: Vec<Base>,
    request: &Request,
) -> Option<Base> {
    let mut named: Option<Base> = None;
    let mut asked = 0;
    for claim in claims {
        if claim.layers.is_some() {
            return Some(with_name(claim, named));
        }
        let references = references(&claim);
        if request.base != BaseSource::Claims && asked < MAX_ASKED && !references.is_empty() {
            asked += 1;
            let by = (claim.evidence != Evidence::Given).then_some(documents);
            match confirm_any(session, by, &references, image).await {
                Ok((layers, digest)) => {
                    return Some(Base {
                        layers: Some(layers),
                        digest: Some(digest),
                        confirmed: true,
                        ..claim
                    });
                }
                Err(reason) => documents.warn(format!("{}: {reason}", image.platform)),
            }
        }
        named = named.or(Some(claim));
    }
    // Of several materials none is known to be the base; an unconfirmed one is not named.
    named.filter(|claim| claim.evidence != Evidence::Provenance)
}

/// The history's boundary holds for a base that was named but could not be confirmed only if the
/// history names it, too.
fn with_name(claim: Base, named: Option<Base>) -> Base {
    match named.filter(|named| {
        claim.evidence == Evidence::History && named.evidence != Evidence::Provenance
    }) {
        Some(named) if claim.name.is_none() => named,
        Some(Base { name, digest, .. }) if claim.name == name => Base { name, digest, ..claim },
        _ => claim,
    }
}

/// What the claim's base image may be found under: by digest, and by name alone, as the digest
/// may be one that only the builder had.
fn references(claim: &Base) -> Vec<Reference> {
    let Some(name) = claim.name.as_deref() else { return Vec::new() };
    let by_digest = claim
        .digest
        .as_ref()
        .filter(|_| !name.contains('@'))
        .map(|digest| format!("{name}@{digest}"));
    by_digest
        .into_iter()
        .chain([name.to_owned()])
        .filter_map(|text| text.parse().ok())
        .filter(|reference| claim.evidence == Evidence::Given || !is_of_builder(reference))
        .collect()
}

/// Whether this is what buildah and podman call an image that no registry has.
fn is_of_builder(reference: &Reference) -> bool {
    reference.registry().eq_ignore_ascii_case("localhost")
}

/// Tries the references in turn; gives the reason why none confirms the claim. An image's author
/// does not send the program to where the image's registry may not.
async fn confirm_any(
    session: &Session,
    by: Option<&Documents<'_>>,
    references: &[Reference],
    image: &Image,
) -> Result<(usize, Digest), String> {
    let mut reason = String::new();
    for reference in references {
        match confirm(session, by, reference, image).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {
                reason = format!(
                    "the layers of {reference} are not the image's lowest, so they do not show where the base image ends"
                );
            }
            Err(error) if reason.is_empty() => {
                reason = format!(
                    "the base image {reference} could not be asked about: {}",
                    error.message()
                );
                if error.kind() == ErrorKind::Network {
                    break;
                }
            }
            Err(_) => {}
        }
    }
    Err(reason)
}

/// How many layers of the image are the base's, and the digest that the base resolved to.
async fn confirm(
    session: &Session,
    by: Option<&Documents<'_>>,
    reference: &Reference,
    image: &Image,
) -> Result<Option<(usize, Digest)>, Error> {
    let leader = by.and_then(|by| by.store.registry()).map(|(registry, _)| &**registry);
    let store = Store::led(session, reference, leader)?;
    let documents = Documents::new(session, &store);
    let root = documents.root().await?;
    let manifest = match &root.document {
        Document::Manifest(manifest) => manifest.clone(),
        Document::Index(index) => {
            let fits = |platform: &Platform| {
                image.platform.satisfies(platform) || platform.satisfies(&image.platform)
            };
            let entry = index.manifests.iter().find(|entry| {
                entry.artifact_type.is_none() && entry.platform.as_ref().is_some_and(fits)
            });
            let Some(entry) = entry else { return Ok(None) };
            match documents.manifest(entry).await? {
                Document::Manifest(manifest) => manifest,
                Document::Index(_) => {
                    return Err(Error::new(
                        ErrorKind::BadData,
                        format!("{reference} is nested too deep"),
                    ));
                }
            }
        }
    };
    let count = manifest.layers.len();
    if count == 0 || count > image.layers.len() {
        return Ok(None);
    }
    let same =
        same_digests(&manifest, image) || same_diff_ids(&documents, &manifest, image).await?;
    Ok(same.then_some((count, root.digest)))
}

fn same_digests(base: &Manifest, image: &Image) -> bool {
    base.layers.iter().zip(&image.layers).all(|(base, layer)| base.digest == layer.digest)
}

/// Layers that were compressed again when they were pushed keep their uncompressed digest.
async fn same_diff_ids(
    documents: &Documents<'_>,
    base: &Manifest,
    image: &Image,
) -> Result<bool, Error> {
    let config = documents.config(&base.config).await?;
    let ids = &config.rootfs.diff_ids;
    let pairs = ids.iter().zip(&image.layers);
    Ok(ids.len() == base.layers.len()
        && pairs.into_iter().all(|(id, layer)| layer.diff_id.as_ref() == Some(id)))
}
