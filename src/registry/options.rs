//! Settings of the registry client, as plain data.

use std::sync::Arc;

use super::address::AddressClass;
use super::credentials::Sources;
use super::retry::{RetryPolicy, SystemTimer, Timer};
use super::transport::Observer;

/// How registries are talked to.
#[derive(Clone)]
pub struct Options {
    /// Where credentials come from.
    pub credentials: Arc<Sources>,
    /// Registries, as `host` or `host:port`, that are spoken to in plain http.
    pub plain_http: Vec<String>,
    /// Loopback registries that are spoken to in https; all others are anyway.
    pub https: Vec<String>,
    /// Certificates of authorities to trust besides the system's, in PEM.
    pub ca_certificates: Vec<Vec<u8>>,
    /// Proxies to go through.
    pub proxies: Proxies,
    /// Pairs of registry and token server (`host` or `host:port`) where passwords may go.
    pub allowed_realms: Vec<(String, String)>,
    /// What one request may cost.
    pub retry: RetryPolicy,
    /// Ceilings of documents and listings.
    pub limits: Limits,
    /// Requests in flight over all registries.
    pub concurrency: usize,
    /// Connections for blobs, over all layers and images of a run.
    pub streams: usize,
    /// Bytes of blob ranges that wait in memory for those before them, over the whole run.
    pub buffer: u64,
    /// Bytes of one range of a blob; one of less than two ranges is asked for whole.
    pub range: u64,
    /// The least public class of addresses that registries may send this program to; by default
    /// that of the registry itself.
    pub address_floor: Option<AddressClass>,
    /// The clock.
    pub timer: Arc<dyn Timer>,
    /// Told what happens on the wire.
    pub observer: Observer,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credentials: Arc::default(),
            plain_http: Vec::new(),
            https: Vec::new(),
            ca_certificates: Vec::new(),
            proxies: Proxies::default(),
            allowed_realms: Vec::new(),
            retry: RetryPolicy::default(),
            limits: Limits::default(),
            concurrency: 192,
            streams: 12,
            buffer: 48 << 20,
            range: 4 << 20,
            address_floor: None,
            timer: Arc::new(SystemTimer),
            observer: Arc::new(|_| {}),
        }
    }
}

/// Proxy URLs, as the environment variables of the same names hold them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For http URLs.
    pub http: Option<String>,
    /// For https URLs.
    pub https: Option<String>,
    /// For what the other two leave.
    pub all: Option<String>,
    /// Hosts that are reached directly: names, suffixes, addresses, networks, or `*`.
    pub exceptions: Option<String>,
}

/// Ceilings that protect this machine from what a registry sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest or index.
    pub manifest: u64,
    /// Bytes of an image config.
    pub config: u64,
    /// Bytes of the configs of all images that are read together.
    pub configs: u64,
    /// Build steps of an image.
    pub steps: usize,
    /// Bytes of an attestation's statement.
    pub statement: u64,
    /// Bytes of one page of tags or referrers.
    pub page: u64,
    /// Pages of a listing.
    pub pages: usize,
    /// Tags or referrers of a listing.
    pub listed: usize,
    /// Entries of an index.
    pub manifests: usize,
    /// Layers of an image.
    pub layers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 4 << 20,
            config: 8 << 20,
            configs: 64 << 20,
            steps: 10_000,
            statement: 40 << 20,
            page: 4 << 20,
            pages: 10_000,
            listed: 1_000_000,
            manifests: 1000,
            layers: 1000,
        }
    }
}
