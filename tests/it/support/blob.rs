//! A registry with one blob, and the blob read through the library.
//!
//! ```ignore
//! let store = Store::new(100_000).replies(vec![Reply::pass().truncate_after(5)]).start();
//! let bytes = store.read().unwrap();
//! assert_eq!(store.ranges(), ["", "5-99999"]);
//! ```

use std::sync::Arc;

use bytes::Bytes;
use regsize::oci::{Descriptor, Digest};
use regsize::registry::{Blob, Error, Registries};

use super::http::Origin;
use super::library::Library;
use super::registry::{Registry, RunningRegistry};
use super::reply::Reply;

/// Bytes of one range in these tests.
pub const RANGE: usize = 64 << 10;

/// What the registry will be.
pub struct Store {
    /// The content.
    pub bytes: Bytes,
    /// The blob as a manifest names it.
    pub descriptor: Descriptor,
    /// The registry, with the blob in `team/app`.
    pub registry: Registry,
    /// How it is read.
    pub library: Library,
}

/// A registry that runs, and who reads from it.
pub struct RunningStore {
    /// The content.
    pub bytes: Bytes,
    /// The blob as a manifest names it.
    pub descriptor: Descriptor,
    /// The registry.
    pub registry: RunningRegistry,
    /// How it is read.
    pub library: Library,
    registries: Arc<Registries>,
}

/// Bytes without a pattern that a shift would leave as it is.
pub fn content(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut bytes: Vec<u8> = words.take(size.div_ceil(8)).flatten().collect();
    bytes.truncate(size);
    bytes.into()
}

/// A descriptor of content with this digest and size.
pub fn descriptor(digest: &Digest, size: usize) -> Descriptor {
    let value = serde_json::json!({
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": size,
    });
    serde_json::from_value(value).expect("a descriptor")
}

/// Where a registry has a blob of `team/app`.
pub fn path(digest: &Digest) -> String {
    format!("/v2/team/app/blobs/{digest}")
}

impl Store {
    /// A registry that behaves well, with a blob of `size` bytes.
    pub fn new(size: usize) -> Self {
        Self::of(content(size))
    }

    /// With this blob.
    pub fn of(bytes: Bytes) -> Self {
        let descriptor = descriptor(&Digest::of(&bytes), bytes.len());
        let registry = Registry::new().put_blob("team/app", bytes.clone());
        let mut library = Library::new();
        library.options.range = RANGE as u64;
        Self { bytes, descriptor, registry, library }
    }

    /// Served as these bytes instead.
    pub fn served_as(mut self, bytes: impl Into<Bytes>) -> Self {
        let digest = self.descriptor.digest.as_str();
        self.registry = self.registry.put_blob_as("team/app", digest, bytes);
        self
    }

    /// The first requests are answered so.
    pub fn replies(mut self, replies: Vec<Reply>) -> Self {
        let path = self.path();
        self.registry = self.registry.script("GET", &path, replies);
        self
    }

    /// The first requests are answered so, and all others like the last.
    pub fn forever(self, replies: Vec<Reply>) -> Self {
        let store = self.replies(replies);
        Self { registry: store.registry.forever(), ..store }
    }

    /// With the registry changed.
    pub fn with(self, change: impl FnOnce(Registry) -> Registry) -> Self {
        Self { registry: change(self.registry), ..self }
    }

    /// Asked for in ranges of this size.
    pub fn range(mut self, bytes: u64) -> Self {
        self.library.options.range = bytes;
        self
    }

    /// With this many attempts without progress.
    pub fn attempts(self, attempts: u32) -> Self {
        Self { library: self.library.attempts(attempts), ..self }
    }

    /// Where the blob is.
    pub fn path(&self) -> String {
        path(&self.descriptor.digest)
    }

    /// Starts the registry.
    pub fn start(self) -> RunningStore {
        let Self { bytes, descriptor, registry, library } = self;
        let registry = registry.start_on(Origin::default());
        let registries = library.registries();
        RunningStore { bytes, descriptor, registry, library, registries }
    }
}

impl RunningStore {
    /// Starts to read the blob.
    pub fn blob(&self) -> Blob {
        self.blob_of(&self.descriptor)
    }

    /// Starts to read a blob.
    pub fn blob_of(&self, descriptor: &Descriptor) -> Blob {
        let reference = self.registry.reference("team/app:latest");
        self.library.blob(&self.registries, &reference, descriptor)
    }

    /// Reads the blob to its end.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        self.library.read(&mut self.blob())
    }

    /// Reads the blob, which is whole; gives the bytes received.
    pub fn read_whole(&self, context: &str) -> u64 {
        let mut blob = self.blob();
        let bytes = self.library.read(&mut blob).unwrap_or_else(|e| panic!("{context}: {e}"));
        assert!(bytes == self.bytes, "{context}");
        blob.received()
    }

    /// The ranges that were asked for, in order; empty where the whole blob was.
    pub fn ranges(&self) -> Vec<String> {
        let requests = self.registry.requests();
        let range = |value: Option<&str>| {
            value.map_or(String::new(), |value| {
                value.strip_prefix("bytes=").expect("a range of bytes").to_owned()
            })
        };
        requests.iter().map(|request| range(request.header("range"))).collect()
    }
}
