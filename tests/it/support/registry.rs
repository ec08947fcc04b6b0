//! A registry whose content and misbehaviour a test lists line by line.
//!
//! ```ignore
//! let tokens = TokenServer::new().user("robot", canary.secret()).start();
//! let content = Registry::new().put_image("team/app", "latest", &image.bundle());
//! let storage = content.clone().refuse_authorization().start_on(Origin::loopback(2));
//! let registry = content
//!     .auth_bearer(&tokens)
//!     .redirect_blobs(&storage.url(), 307)
//!     .script("GET", "/v2/team/app/manifests/latest", vec![Reply::status(503)])
//!     .start();
//! registry.update(|content| content.put_manifest("team/app", "latest", other, OCI_MANIFEST));
//! assert!(!storage.saw(canary.secret()));
//! ```
//!
//! How it answers is in [`super::distribution`].

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use regsize::oci::Digest;

use super::http::{Origin, Script, Server, lock};
use super::image::Bundle;
use super::reply::Reply;
use super::token::{RunningTokenServer, SERVICE, Tokens};

/// Content and behaviour of a registry.
#[derive(Clone, Default)]
pub struct Registry {
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) auth: Auth,
    pub(super) blobs: BlobRules,
    pub(super) listing: Listing,
    pub(super) manifests: ManifestRules,
    scripts: Vec<Script>,
}

/// A registry that runs.
pub struct RunningRegistry {
    server: Server,
    content: Arc<Mutex<Registry>>,
}

#[derive(Clone, Default)]
pub(super) struct Repository {
    pub(super) tags: BTreeMap<String, String>,
    pub(super) manifests: BTreeMap<String, (Bytes, String)>,
    pub(super) blobs: BTreeMap<String, Bytes>,
    pub(super) denied: bool,
}

#[derive(Clone, Default)]
pub(super) enum Auth {
    #[default]
    None,
    Basic(String, String),
    Bearer(Challenge),
}

#[derive(Clone)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) service: String,
    pub(super) tokens: Tokens,
}

#[derive(Clone, Default)]
pub(super) struct BlobRules {
    pub(super) ignore_ranges: bool,
    pub(super) largest_range: Option<usize>,
    pub(super) redirect: Option<(String, u16)>,
    pub(super) uses_per_link: Option<usize>,
    pub(super) links: BTreeMap<String, usize>,
    pub(super) issued_links: usize,
    pub(super) refuse_authorization: bool,
}

#[derive(Clone, Default)]
pub(super) struct Listing {
    pub(super) page_size: Option<usize>,
    pub(super) referrers: bool,
}

#[derive(Clone, Default)]
pub(super) struct ManifestRules {
    pub(super) head_status: Option<u16>,
    pub(super) digest_header: DigestHeader,
    pub(super) rate_limit: Option<RateLimit>,
}

/// What the registry says in `Docker-Content-Digest`.
#[derive(Clone, Debug, Default)]
pub enum DigestHeader {
    /// The digest.
    #[default]
    Right,
    /// Nothing.
    Absent,
    /// This text.
    Text(String),
}

#[derive(Clone)]
pub(super) struct RateLimit {
    pub(super) limit: u64,
    pub(super) remaining: u64,
    pub(super) window: u64,
    pub(super) source: String,
}

impl Registry {
    /// An empty registry that behaves well.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a manifest or index under its digest and `tag`. A tag that is a digest is stored as
    /// such, so that content and digest can differ.
    pub fn put_manifest(
        mut self,
        repository: &str,
        tag: &str,
        bytes: impl Into<Bytes>,
        media_type: &str,
    ) -> Self {
        let bytes = bytes.into();
        let digest = match tag.split_once(':') {
            Some(_) => tag.to_owned(),
            None => Digest::of(&bytes).to_string(),
        };
        let repository = self.repository(repository);
        if !tag.is_empty() && !tag.contains(':') {
            repository.tags.insert(tag.to_owned(), digest.clone());
        }
        repository.manifests.insert(digest, (bytes, media_type.to_owned()));
        self
    }

    /// Stores a blob under its digest.
    pub fn put_blob(self, repository: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes).to_string();
        self.put_blob_as(repository, &digest, bytes)
    }

    /// Stores a blob under a digest that need not be its own.
    pub fn put_blob_as(mut self, repository: &str, digest: &str, bytes: impl Into<Bytes>) -> Self {
        self.repository(repository).blobs.insert(digest.to_owned(), bytes.into());
        self
    }

    /// Stores an image or index with all that belongs to it, and tags it.
    pub fn put_image(mut self, repository: &str, tag: &str, bundle: &Bundle) -> Self {
        for document in &bundle.documents {
            self = self.put_manifest(repository, "", document.bytes.clone(), &document.media_type);
        }
        for blob in &bundle.blobs {
            self = self.put_blob(repository, blob.clone());
        }
        self.put_manifest(repository, tag, bundle.top.bytes.clone(), &bundle.top.media_type)
    }

    /// Tags without content of their own: each stands for what `tag` stands for.
    pub fn put_tags(mut self, repository: &str, tag: &str, names: &[&str]) -> Self {
        let repository = self.repository(repository);
        let digest = repository.tags.get(tag).expect("a tag stored before").clone();
        repository.tags.extend(names.iter().map(|&name| (name.to_owned(), digest.clone())));
        self
    }

    /// Removes a manifest (by tag or digest) or blob (by digest).
    pub fn remove(mut self, repository: &str, name: &str) -> Self {
        let repository = self.repository(repository);
        repository.tags.remove(name);
        repository.manifests.remove(name);
        repository.blobs.remove(name);
        self
    }

    /// Keeps a referrers list as clients do where the API is missing: under the tag
    /// `sha256-<hex>` of `subject`.
    pub fn put_fallback_tag(self, repository: &str, subject: &Digest) -> Self {
        let index = self.referrers_of(repository, subject.as_str(), None).to_string();
        let tag = subject.as_str().replace(':', "-");
        self.put_manifest(repository, &tag, index, super::image::OCI_INDEX)
    }

    /// Asks for a user and password by HTTP Basic.
    pub fn auth_basic(self, user: &str, password: &str) -> Self {
        Self { auth: Auth::Basic(user.to_owned(), password.to_owned()), ..self }
    }

    /// Asks for a token of this server.
    pub fn auth_bearer(self, tokens: &RunningTokenServer) -> Self {
        self.auth_bearer_at(&tokens.realm(), SERVICE, &tokens.tokens())
    }

    /// Asks for a token, naming any text as realm and service.
    pub fn auth_bearer_at(self, realm: &str, service: &str, tokens: &Tokens) -> Self {
        let challenge = Challenge {
            realm: realm.to_owned(),
            service: service.to_owned(),
            tokens: tokens.clone(),
        };
        Self { auth: Auth::Bearer(challenge), ..self }
    }

    /// Answers 403 in `repository`, whoever asks.
    pub fn deny(mut self, repository: &str) -> Self {
        self.repository(repository).denied = true;
        self
    }

    /// Redirects blobs to `{to_origin}/v2/…/blobs/…?signature=N`, where another registry with the
    /// same content can serve them.
    pub fn redirect_blobs(mut self, to_origin: &str, status: u16) -> Self {
        self.blobs.redirect = Some((to_origin.to_owned(), status));
        self
    }

    /// Answers blob requests that carry credentials by 400, as object storage does.
    pub fn refuse_authorization(mut self) -> Self {
        self.blobs.refuse_authorization = true;
        self
    }

    /// Serves each signature in a blob's query this often, then answers 403.
    pub fn uses_per_link(mut self, uses: usize) -> Self {
        self.blobs.uses_per_link = Some(uses);
        self
    }

    /// Answers requests for ranges by 200 and everything.
    pub fn ignore_ranges(mut self) -> Self {
        self.blobs.ignore_ranges = true;
        self
    }

    /// Answers a longer range by its first `bytes` bytes.
    pub fn largest_range(mut self, bytes: usize) -> Self {
        self.blobs.largest_range = Some(bytes);
        self
    }

    /// Sends Docker Hub's headers with manifests; each GET uses up one pull, and at 0 it is 429.
    pub fn rate_limit_headers(
        mut self,
        limit: u64,
        remaining: u64,
        window: u64,
        source: &str,
    ) -> Self {
        let source = source.to_owned();
        self.manifests.rate_limit = Some(RateLimit { limit, remaining, window, source });
        self
    }

    /// Answers HEAD for manifests by this status.
    pub fn no_head(mut self, status: u16) -> Self {
        self.manifests.head_status = Some(status);
        self
    }

    /// Changes `Docker-Content-Digest` of manifests.
    pub fn digest_header(mut self, header: DigestHeader) -> Self {
        self.manifests.digest_header = header;
        self
    }

    /// Lists at most this many tags per page, whatever the client asks for.
    pub fn page_size(mut self, tags: usize) -> Self {
        self.listing.page_size = Some(tags);
        self
    }

    /// Has the referrers API; without this call it answers 404.
    pub fn referrers(mut self) -> Self {
        self.listing.referrers = true;
        self
    }

    /// Plays `replies` on successive requests, before any other rule; then goes on as before.
    pub fn script(mut self, method: &str, path: &str, replies: Vec<Reply>) -> Self {
        self.scripts.push(Script::new(method, path, replies));
        self
    }

    /// Makes the script of the call before repeat its last reply.
    pub fn forever(mut self) -> Self {
        self.scripts.last_mut().expect("a script to repeat").forever = true;
        self
    }

    /// Starts the registry on 127.0.0.1.
    pub fn start(self) -> RunningRegistry {
        self.start_on(Origin::default())
    }

    /// Starts the registry.
    pub fn start_on(mut self, origin: Origin) -> RunningRegistry {
        let scripts = std::mem::take(&mut self.scripts);
        let content = Arc::new(Mutex::new(self));
        let shared = Arc::clone(&content);
        let server = Server::start(origin, move |request| lock(&shared).answer(request));
        for script in scripts {
            server.add_script(script);
        }
        RunningRegistry { server, content }
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}

impl RunningRegistry {
    /// Changes content or behaviour while the registry runs.
    pub fn update(&self, change: impl FnOnce(Registry) -> Registry) {
        let mut content = lock(&self.content);
        let mut changed = change(std::mem::take(&mut *content));
        for script in std::mem::take(&mut changed.scripts) {
            self.server.add_script(script);
        }
        *content = changed;
    }

    /// An image reference to `name` (as in `team/app:latest`) in this registry.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.server.host())
    }
}

impl Deref for RunningRegistry {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
