//! What an index lists: images by platform, and documents that are attached to them.
//!
//! Nested indexes are followed to a depth of three, each once. A descriptor with an artifact type,
//! of an unknown platform or marked as an attestation is not an image, even if it names a real
//! platform, as SOCI indexes do.

use std::collections::BTreeSet;

use super::Request;
use super::documents::{Documents, Root};
use crate::image::{Attachment, AttachmentKind, Image};
use crate::local::Local;
use crate::oci::{Annotations, Descriptor, Digest, Document, Index, Kind, MediaType, Platform};
use crate::registry::{Error, ErrorKind};

const MAX_DEPTH: usize = 3;
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
const SOCI_SUBJECT: &str = "com.amazon.soci.image-manifest-digest";
const SOCI_TYPE: &str = "application/vnd.amazon.soci.index.";
const NYDUS_FEATURE: &str = "nydus.remoteimage.v1";
const NYDUS_TYPE: &str = "application/vnd.nydus.image.manifest.v1+json";

/// The images to read and what else the index lists.
#[derive(Default)]
pub(super) struct Entries {
    /// The images that were asked for, in the order of the index.
    pub(super) images: Vec<Entry>,
    /// Position in `images` of the one shown in detail.
    pub(super) shown: usize,
    /// What is not an image.
    pub(super) attached: Vec<Attached>,
    /// Annotations of the outermost index.
    pub(super) annotations: Annotations,
    listed: Vec<Platform>,
}

/// One image of an index.
pub(super) struct Entry {
    pub(super) descriptor: Descriptor,
    pub(super) platform: Option<Platform>,
}

/// A document of an index that is not an image.
pub(super) struct Attached {
    pub(super) descriptor: Descriptor,
    pub(super) kind: AttachmentKind,
    pub(super) subject: Option<Digest>,
}

impl Entries {
    /// Reads what the root lists and picks the images that were asked for.
    pub(super) async fn read(
        documents: &Documents<'_>,
        root: &Root,
        request: &Request,
    ) -> Result<Self, Error> {
        let mut entries = match &root.document {
            Document::Manifest(_) => Self::single(root),
            Document::Index(index) => Self::walk(documents, &root.digest, index).await?,
        };
        if let Some(local) = documents.store.local() {
            entries.keep_present(documents, local);
        }
        if entries.images.is_empty() {
            return Err(Error::new(ErrorKind::BadData, "the index lists no image"));
        }
        if let (Some(wanted), Document::Index(_)) = (&request.platform, &root.document) {
            entries.keep(wanted, documents)?;
        }
        entries.shown =
            choose(&entries.images.iter().map(|entry| entry.platform.as_ref()), &request.preferred);
        Ok(entries)
    }

    /// All platforms that are published.
    pub(super) fn platforms(&self, images: &[Image]) -> Vec<Platform> {
        if self.listed.is_empty() {
            images.iter().map(|image| image.platform.clone()).collect()
        } else {
            self.listed.clone()
        }
    }

    fn single(root: &Root) -> Self {
        let descriptor = Descriptor {
            media_type: root.media_type(),
            digest: root.digest.clone(),
            size: root.size,
            annotations: Annotations::new(),
            platform: None,
            artifact_type: None,
            urls: Vec::new(),
            data: None,
        };
        Self { images: vec![Entry { descriptor, platform: None }], ..Self::default() }
    }

    async fn walk(
        documents: &Documents<'_>,
        digest: &Digest,
        index: &Index,
    ) -> Result<Self, Error> {
        let mut entries = Self { annotations: index.annotations.clone(), ..Self::default() };
        let mut seen = BTreeSet::from([digest.clone()]);
        let mut level = entries.sort(documents, &mut seen, index)?;
        for _ in 1..MAX_DEPTH {
            let mut below = Vec::new();
            for descriptor in level {
                match documents.manifest(&descriptor).await? {
                    Document::Index(index) => {
                        below.extend(entries.sort(documents, &mut seen, &index)?);
                    }
                    Document::Manifest(_) => {
                        return Err(Error::new(
                            ErrorKind::BadData,
                            format!("{} is named an index but is a manifest", descriptor.digest),
                        ));
                    }
                }
            }
            level = below;
        }
        if level.is_empty() {
            return Ok(entries);
        }
        Err(Error::new(
            ErrorKind::Ceiling,
            format!("indexes are nested more than {MAX_DEPTH} deep"),
        ))
    }

    /// Sorts an index's descriptors into images and attachments; gives back nested indexes.
    fn sort(
        &mut self,
        documents: &Documents<'_>,
        seen: &mut BTreeSet<Digest>,
        index: &Index,
    ) -> Result<Vec<Descriptor>, Error> {
        let mut nested = Vec::new();
        for descriptor in &index.manifests {
            if !seen.insert(descriptor.digest.clone()) {
                documents.warn(format!(
                    "the index lists {} more than once; it is counted once",
                    descriptor.digest
                ));
                continue;
            }
            let limit = documents.limits().manifests;
            if seen.len() > limit + 1 {
                let error = Error::new(
                    ErrorKind::Ceiling,
                    format!("the index has more than {limit} entries"),
                );
                return Err(error.hint("allow more: --limit manifests=NUMBER"));
            }
            match classify(descriptor) {
                Class::Image => {
                    self.listed.extend(descriptor.platform.clone());
                    self.images.push(Entry {
                        descriptor: descriptor.clone(),
                        platform: descriptor.platform.clone(),
                    });
                }
                Class::Index => nested.push(descriptor.clone()),
                Class::Attached(kind, subject) => {
                    if kind == AttachmentKind::Attestation
                        && let Some(remark) = remark(descriptor)
                    {
                        documents.warn(remark);
                    }
                    self.attached.push(Attached { descriptor: descriptor.clone(), kind, subject });
                }
            }
        }
        Ok(nested)
    }

    /// Leaves out images whose manifests are not in the files, if there are others: what saves an
    /// image may save one platform of it and list all.
    fn keep_present(&mut self, documents: &Documents<'_>, local: &Local) {
        let (present, absent): (Vec<Entry>, Vec<Entry>) = std::mem::take(&mut self.images)
            .into_iter()
            .partition(|entry| local.has(&entry.descriptor.digest));
        if present.is_empty() {
            self.images = absent;
            return;
        }
        self.attached.retain(|attached| local.has(&attached.descriptor.digest));
        let names = absent.iter().filter_map(|entry| entry.platform.as_ref());
        let names: Vec<String> = names.map(ToString::to_string).collect();
        if !absent.is_empty() {
            documents.warn(format!(
                "{} of the images that the index lists are not in the files: {}",
                absent.len(),
                names.join(", ")
            ));
        }
        self.listed = present.iter().filter_map(|entry| entry.platform.clone()).collect();
        self.images = present;
    }

    /// Keeps the image for `wanted`; the first if there are several.
    fn keep(&mut self, wanted: &Platform, documents: &Documents<'_>) -> Result<(), Error> {
        let fits = |entry: &Entry| {
            entry.platform.as_ref().is_some_and(|platform| platform.satisfies(wanted))
        };
        let count = self.images.iter().filter(|entry| fits(entry)).count();
        let exact = self.images.iter().position(|entry| entry.platform.as_ref() == Some(wanted));
        let nameless = || {
            // An image without a platform may be for any; its config will tell.
            let mut nameless =
                (0..self.images.len()).filter(|at| self.images[*at].platform.is_none());
            nameless.next().filter(|_| nameless.next().is_none())
        };
        let Some(at) = exact.or_else(|| self.images.iter().position(fits)).or_else(nameless) else {
            return Err(no_such_platform(wanted, &self.listed));
        };
        if count > 1 {
            documents.warn(format!(
                "{count} images are for {wanted}; the first that fits best is shown"
            ));
        }
        self.images = vec![self.images.swap_remove(at)];
        Ok(())
    }
}

/// The error for a platform that is not published.
pub(super) fn no_such_platform(wanted: &Platform, published: &[Platform]) -> Error {
    let names: Vec<String> = published.iter().map(ToString::to_string).collect();
    let error = Error::new(ErrorKind::NoPlatform, format!("there is no image for {wanted}"));
    if names.is_empty() {
        return error
            .hint("its images do not say which platforms they are for: leave out --platform");
    }
    error.hint(format!("it is published for {}", names.join(", ")))
}

/// Picks the platform to show: the preferred one, else linux/amd64, else the first.
fn choose<'a>(
    platforms: &(impl Iterator<Item = Option<&'a Platform>> + Clone),
    preferred: &Platform,
) -> usize {
    let find = |wanted: &Platform| {
        platforms
            .clone()
            .position(|platform| platform.is_some_and(|platform| platform.satisfies(wanted)))
    };
    find(preferred).or_else(|| find(&Platform::new("linux", "amd64"))).unwrap_or(0)
}

/// What to say of an attestation that names a platform as images do.
fn remark(descriptor: &Descriptor) -> Option<String> {
    let platform = descriptor.platform.as_ref().filter(|platform| platform.is_known())?;
    Some(format!(
        "{} is marked as an attestation, so it is not counted as an image, although it names the platform {platform}",
        descriptor.digest
    ))
}

enum Class {
    Image,
    Index,
    Attached(AttachmentKind, Option<Digest>),
}

fn classify(descriptor: &Descriptor) -> Class {
    let digest_in = |key: &str| descriptor.annotation(key).and_then(|value| value.parse().ok());
    let artifact = descriptor.artifact_type.as_deref().filter(|kind| !kind.is_empty());
    let features = descriptor.platform.as_ref().map_or(&[][..], |platform| &platform.os_features);
    if descriptor.annotation(REFERENCE_TYPE) == Some("attestation-manifest") {
        return Class::Attached(AttachmentKind::Attestation, digest_in(REFERENCE_DIGEST));
    }
    if artifact == Some(NYDUS_TYPE) || features.iter().any(|feature| feature == NYDUS_FEATURE) {
        return Class::Attached(AttachmentKind::Nydus, None);
    }
    match artifact {
        Some(kind) if kind.starts_with(SOCI_TYPE) => {
            return Class::Attached(AttachmentKind::Soci, digest_in(SOCI_SUBJECT));
        }
        Some(kind) if MediaType(kind.to_owned()).kind() != Kind::Config => {
            return Class::Attached(AttachmentKind::Artifact(kind.to_owned()), None);
        }
        _ => {}
    }
    if descriptor.platform.as_ref().is_some_and(|platform| !platform.is_known()) {
        return Class::Attached(AttachmentKind::Artifact("unknown/unknown".to_owned()), None);
    }
    match descriptor.media_type.kind() {
        Kind::Index => Class::Index,
        Kind::Manifest => Class::Image,
        _ => Class::Attached(
            AttachmentKind::Artifact(descriptor.media_type.as_str().to_owned()),
            None,
        ),
    }
}

impl Attached {
    /// The attachment as reported, before its manifest was read.
    pub(super) fn listed(&self) -> Attachment {
        Attachment {
            kind: self.kind.clone(),
            digest: self.descriptor.digest.clone(),
            size: self.descriptor.size,
            subject: self.subject.clone(),
            predicates: Vec::new(),
            compressed: None,
        }
    }

    /// What the referrers API lists for an image.
    pub(super) fn referrer(descriptor: Descriptor, subject: &Digest) -> Self {
        let kind = match descriptor.artifact_type.as_deref() {
            Some(
                "application/vnd.docker.attestation.manifest.v1+json"
                | "application/vnd.in-toto+json",
            ) => AttachmentKind::Attestation,
            Some(kind) if kind.starts_with(SOCI_TYPE) => AttachmentKind::Soci,
            kind => {
                AttachmentKind::Artifact(kind.unwrap_or(descriptor.media_type.as_str()).to_owned())
            }
        };
        Self { descriptor, kind, subject: Some(subject.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let digest = Digest::of(b"");
        let text = format!(
            r#"{{"digest":"{digest}","size":1,"mediaType":"application/vnd.oci.image.manifest.v1+json",{json}}}"#
        );
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        let class = match classify(&descriptor) {
            Class::Image => "image".to_owned(),
            Class::Index => "index".to_owned(),
            Class::Attached(kind, subject) => format!("{kind:?} of {}", subject.is_some()),
        };
        assert_eq!(class, expected, "{json}");
    }

    #[test]
    fn only_images_are_taken_for_images() {
        let digest = Digest::of(b"x");
        check(r#""platform":{"os":"linux","architecture":"amd64"}"#, "image");
        check(r#""annotations":{}"#, "image");
        check(r#""artifactType":"application/vnd.oci.image.config.v1+json""#, "image");
        check(
            &format!(
                r#""platform":{{"os":"unknown","architecture":"unknown"}},"annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{digest}"}}"#
            ),
            "Attestation of true",
        );
        check(
            r#""platform":{"os":"unknown","architecture":"unknown"}"#,
            "Artifact(\"unknown/unknown\") of false",
        );
        check(
            &format!(
                r#""platform":{{"os":"linux","architecture":"amd64"}},"artifactType":"application/vnd.amazon.soci.index.v2+json","annotations":{{"com.amazon.soci.image-manifest-digest":"{digest}"}}"#
            ),
            "Soci of true",
        );
        check(
            r#""platform":{"os":"linux","architecture":"amd64","os.features":["nydus.remoteimage.v1"]}"#,
            "Nydus of false",
        );
        check(
            r#""artifactType":"application/vnd.example.sbom""#,
            "Artifact(\"application/vnd.example.sbom\") of false",
        );
    }

    #[test]
    fn the_preferred_platform_is_shown_if_it_is_published() {
        let platforms: Vec<Platform> = ["linux/s390x", "linux/amd64", "linux/arm64/v8"]
            .map(|text| text.parse().unwrap())
            .into();
        let check = |preferred: &str, expected: usize| {
            assert_eq!(
                choose(&platforms.iter().map(Some), &preferred.parse().unwrap()),
                expected,
                "{preferred}"
            );
        };
        check("linux/arm64", 2);
        check("windows/amd64", 1);
        assert_eq!(choose(&platforms[..1].iter().map(Some), &"linux/arm64".parse().unwrap()), 0);
    }
}
