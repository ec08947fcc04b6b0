//! Documents of one repository or of files, decoded; those of a registry may be in the cache.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::pulls::Pulls;
use super::store::Store;
use super::{Session, missing};
use crate::cache::{Bucket, Cache};
use crate::oci::{Decoded, Descriptor, Digest, Document, ImageConfig, MediaType, decode};
use crate::reference::Reference;
use crate::registry::{Error, ErrorKind, Fetched, Limits, Registry, Timer};

/// Access to the documents of one place, and the warnings that came up while reading them.
pub(super) struct Documents<'a> {
    pub(super) store: &'a Store,
    pub(super) cache: &'a Cache,
    pub(super) timer: &'a dyn Timer,
    limits: Limits,
    pulls: Pulls,
    warnings: Mutex<BTreeSet<String>>,
}

/// The document that a reference resolved to.
pub(super) struct Root {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) document: Document,
}

impl Root {
    /// The media type that the document gives itself, or that its shape has in OCI: Docker's
    /// documents always name theirs.
    pub(super) fn media_type(&self) -> MediaType {
        let (own, oci) = match &self.document {
            Document::Index(index) => {
                (&index.media_type, "application/vnd.oci.image.index.v1+json")
            }
            Document::Manifest(manifest) => {
                (&manifest.media_type, "application/vnd.oci.image.manifest.v1+json")
            }
        };
        own.clone().unwrap_or_else(|| MediaType(oci.to_owned()))
    }
}

impl<'a> Documents<'a> {
    /// Documents of an opened place.
    pub(super) fn new(session: &'a Session, store: &'a Store) -> Self {
        let options = session.registries.options();
        Self {
            store,
            cache: &session.cache,
            timer: options.timer.as_ref(),
            limits: options.limits,
            pulls: session.reserve.map_or_else(Pulls::default, Pulls::with_reserve),
            warnings: Mutex::default(),
        }
    }

    /// The same documents, of which no more are read than leave so many pulls of the registry's
    /// limit.
    pub(super) fn with_reserve(self, reserve: u64) -> Self {
        Self { pulls: Pulls::with_reserve(reserve), ..self }
    }

    /// Resolves what was asked for. A registry's document that was read before costs one HEAD.
    pub(super) async fn root(&self) -> Result<Root, Error> {
        let (registry, reference) = match self.store {
            Store::Registry { registry, reference } => (registry, reference),
            Store::Local { local, .. } => {
                let Fetched { digest, bytes, .. } = local.root();
                return self.parse(&digest, &bytes, None);
            }
        };
        if let Some(root) = self.root_from_cache(registry, reference).await? {
            return Ok(root);
        }
        let fetched = match self.fetch(reference.version(), None).await {
            Ok(fetched) => fetched,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(missing::explain(registry, reference, error).await);
            }
            Err(error) => return Err(error),
        };
        // A document that is refused is not kept: the reason may be in its answer's headers.
        let root = self.parse(&fetched.digest, &fetched.bytes, fetched.media_type.as_ref())?;
        self.keep_root(reference, &fetched);
        Ok(root)
    }

    async fn root_from_cache(
        &self,
        registry: &Registry,
        reference: &Reference,
    ) -> Result<Option<Root>, Error> {
        let last = || self.last_digest(reference);
        let Some(expected) = reference.digest().cloned().or_else(last) else {
            return Ok(None);
        };
        if self.cached(&expected).is_none() {
            return Ok(None);
        }
        let (repository, version) = (reference.repository(), reference.version());
        let Some(digest) = registry.resolve(repository, version).await? else {
            return Ok(None);
        };
        if reference.digest().is_some_and(|asked| *asked != digest) {
            return Ok(None);
        }
        if let Some(bytes) = self.cached(&digest) {
            return self.parse(&digest, &bytes, None).map(Some);
        }
        let fetched = self.fetch(digest.as_str(), None).await?;
        let root = self.parse(&digest, &fetched.bytes, fetched.media_type.as_ref())?;
        self.keep_root(reference, &fetched);
        Ok(Some(root))
    }

    /// The document of a tag of the repository, by a digest that a HEAD gave or else by a GET.
    pub(super) async fn tagged(&self, tag: &str, digest: Option<&Digest>) -> Result<Root, Error> {
        if let Some((digest, bytes)) =
            digest.and_then(|digest| Some((digest, self.cached(digest)?)))
        {
            return self.parse(digest, &bytes, None);
        }
        let fetched = self.fetch(digest.map_or(tag, Digest::as_str), None).await?;
        let root = self.parse(&fetched.digest, &fetched.bytes, fetched.media_type.as_ref())?;
        self.keep(&fetched.digest, &fetched.bytes);
        Ok(root)
    }

    /// Asks for the digest of a tag, unless the registry wants no more requests.
    pub(super) async fn resolve(&self, tag: &str) -> Result<Option<Digest>, Error> {
        self.pulls.check()?;
        let answer = self.store.resolve(tag).await;
        answer.inspect_err(|error| self.pulls.heed(error))
    }

    /// Reads a manifest or index; of a registry, it costs a pull.
    async fn fetch(&self, version: &str, size: Option<u64>) -> Result<Fetched, Error> {
        self.pulls.take(|| self.store.traffic().rate_limit)?;
        let fetched = self.store.manifest(version, size).await;
        fetched.inspect_err(|error| self.pulls.heed(error))
    }

    /// Whether what is left of the registry's limit may not do for so many pulls.
    pub(super) fn is_scarce(&self, wanted: usize) -> bool {
        self.pulls.is_scarce(wanted, self.store.traffic().rate_limit.as_ref())
    }

    /// Manifests and indexes that were asked for at the registry so far.
    pub(super) fn pulls(&self) -> u64 {
        self.pulls.taken()
    }

    fn parse(
        &self,
        digest: &Digest,
        bytes: &[u8],
        answered: Option<&MediaType>,
    ) -> Result<Root, Error> {
        let document = self.document(digest, bytes, answered)?;
        Ok(Root { digest: digest.clone(), size: bytes.len() as u64, document })
    }

    /// The manifest or index that a descriptor stands for.
    pub(super) async fn manifest(&self, descriptor: &Descriptor) -> Result<Document, Error> {
        if let Some(bytes) =
            self.cached(&descriptor.digest).filter(|bytes| bytes.len() as u64 == descriptor.size)
        {
            return self.document(&descriptor.digest, &bytes, None);
        }
        let fetched = self.fetch(descriptor.digest.as_str(), Some(descriptor.size)).await?;
        let media_type = fetched.media_type.as_ref();
        let document = self.document(&fetched.digest, &fetched.bytes, media_type)?;
        self.keep(&fetched.digest, &fetched.bytes);
        Ok(document)
    }

    /// The manifest or index of a digest whose size nobody gives.
    pub(super) async fn manifest_by_digest(&self, digest: &Digest) -> Result<Document, Error> {
        if let Some(bytes) = self.cached(digest) {
            return self.document(digest, &bytes, None);
        }
        let fetched = self.fetch(digest.as_str(), None).await?;
        let document = self.document(digest, &fetched.bytes, fetched.media_type.as_ref())?;
        self.keep(digest, &fetched.bytes);
        Ok(document)
    }

    /// The image config that a descriptor stands for.
    pub(super) async fn config(&self, descriptor: &Descriptor) -> Result<ImageConfig, Error> {
        let bytes = self.blob(descriptor, self.limits.config, "the image config").await?;
        let Decoded { value, repeated_keys } = decode(&bytes).map_err(|error| {
            Error::new(
                ErrorKind::BadData,
                format!("the image config {} cannot be read: {error}", descriptor.digest),
            )
        })?;
        self.warn_of_repeated(&descriptor.digest, &repeated_keys);
        Ok(value)
    }

    /// A small blob, whole and verified.
    pub(super) async fn blob(
        &self,
        descriptor: &Descriptor,
        ceiling: u64,
        what: &'static str,
    ) -> Result<Bytes, Error> {
        if let Some(bytes) =
            self.cached(&descriptor.digest).filter(|bytes| bytes.len() as u64 == descriptor.size)
        {
            return Ok(bytes);
        }
        let bytes = self.store.small_blob(descriptor, ceiling, what).await?;
        self.keep(&descriptor.digest, &bytes);
        Ok(bytes)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn warn(&self, warning: String) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).insert(warning);
    }

    /// All warnings, in an order that does not depend on which answer came first.
    pub(super) fn into_warnings(self, more: Vec<String>) -> Vec<String> {
        let warnings = self.warnings.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut warnings: Vec<String> = warnings.into_iter().collect();
        let said = more.into_iter().map(|warning| format!("the registry says: {warning}"));
        warnings.extend(said);
        warnings
    }

    fn document(
        &self,
        digest: &Digest,
        bytes: &[u8],
        answered: Option<&MediaType>,
    ) -> Result<Document, Error> {
        let decoded = Document::parse(bytes, answered).map_err(|error| {
            Error::new(ErrorKind::BadData, format!("the document {digest} cannot be used: {error}"))
        })?;
        self.warn_of_repeated(digest, &decoded.repeated_keys);
        Ok(decoded.value)
    }

    fn warn_of_repeated(&self, digest: &Digest, keys: &[String]) {
        if !keys.is_empty() {
            self.warn(format!(
                "{digest} is ambiguous: it repeats {}, of which the last counts",
                keys.join(", ")
            ));
        }
    }

    /// Documents are verified again when they come from the disk. Those of files are where they
    /// are, or missing.
    fn cached(&self, digest: &Digest) -> Option<Bytes> {
        self.store.registry()?;
        let bytes = self.cache.get(Bucket::Documents, digest)?;
        digest.matches(&bytes).then(|| bytes.into())
    }

    fn keep(&self, digest: &Digest, bytes: &[u8]) {
        if self.store.registry().is_some() {
            self.cache.put(Bucket::Documents, digest, bytes);
        }
    }

    fn keep_root(&self, reference: &Reference, fetched: &Fetched) {
        self.keep(&fetched.digest, &fetched.bytes);
        if reference.digest().is_none() {
            let digest = fetched.digest.as_str().as_bytes();
            self.cache.put(Bucket::Tags, &tag_key(reference), digest);
        }
    }

    fn last_digest(&self, reference: &Reference) -> Option<Digest> {
        let digest = self.cache.get(Bucket::Tags, &tag_key(reference))?;
        String::from_utf8(digest).ok()?.parse().ok()
    }
}

fn tag_key(reference: &Reference) -> Digest {
    Digest::of(reference.to_string().as_bytes())
}
