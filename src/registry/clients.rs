//! Sets up the HTTP clients of a registry.
//!
//! Documents share a connection where the server speaks HTTP/2. Blobs have HTTP/1 connections of
//! their own: servers limit what goes over one connection, and streams inside one share its window,
//! so that a blob that nobody reads on would hold up the others.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Certificate, Client, Proxy, redirect};

use super::error::{Error, ErrorKind};
use super::guard::Guard;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("regsize/", env!("CARGO_PKG_VERSION"));

/// The clients for one registry and the servers that it names.
pub(super) struct Clients {
    settings: Settings,
    documents: Client,
    /// Made when the first blob is read: setting one up takes its time.
    blobs: OnceLock<Client>,
}

struct Settings {
    guard: Guard,
    proxies: Vec<Proxy>,
    ca_certificates: Vec<Vec<u8>>,
    https_only: bool,
}

impl Clients {
    pub(super) fn new(
        guard: Guard,
        proxies: Vec<Proxy>,
        ca_certificates: Vec<Vec<u8>>,
    ) -> Result<Self, Error> {
        let settings = Settings { guard, proxies, ca_certificates, https_only: false };
        let documents = build(&settings, false)?;
        Ok(Self { settings, documents, blobs: OnceLock::new() })
    }

    /// One for what is no registry; it is held to https unless `plain_http` is allowed.
    #[cfg(feature = "cloud")]
    pub(super) fn of_service(
        guard: Guard,
        proxies: Vec<Proxy>,
        ca_certificates: Vec<Vec<u8>>,
        plain_http: bool,
    ) -> Result<Client, Error> {
        build(&Settings { guard, proxies, ca_certificates, https_only: !plain_http }, false)
    }

    /// The one for documents and small parts of blobs.
    pub(super) fn documents(&self) -> &Client {
        &self.documents
    }

    /// The one for blobs as streams.
    pub(super) fn blobs(&self) -> Result<&Client, Error> {
        if let Some(client) = self.blobs.get() {
            return Ok(client);
        }
        let client = build(&self.settings, true)?;
        Ok(self.blobs.get_or_init(|| client))
    }
}

/// One that multiplexes where servers do, or with `separate` makes a connection per request.
fn build(settings: &Settings, separate: bool) -> Result<Client, Error> {
    // Installing a second time fails and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut extra = Vec::new();
    for pem in &settings.ca_certificates {
        let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(Error::new(
                ErrorKind::Usage,
                "the CA file holds no certificate in PEM form",
            ));
        }
        extra.extend(certificates);
    }
    let builder = || {
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .https_only(settings.https_only)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .tcp_nodelay(true)
            .dns_resolver(Arc::new(settings.guard.clone()));
        let builder = if separate { builder.http1_only() } else { builder };
        settings.proxies.iter().cloned().fold(builder, reqwest::ClientBuilder::proxy)
    };
    // A machine without trust roots (a scratch image) gets the bundled ones.
    let with_system_roots = builder().tls_certs_merge(extra.clone()).build();
    with_system_roots
        .or_else(|_| builder().tls_certs_only(bundled_roots().chain(extra)).build())
        .map_err(|error| {
            Error::new(ErrorKind::Local, "the https client cannot be set up").because(error)
        })
}

fn bundled_roots() -> impl Iterator<Item = Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|root| Certificate::from_der(root).ok())
}
