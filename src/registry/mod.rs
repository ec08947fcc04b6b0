//! Talks to OCI registries: the only code that speaks HTTP.
//!
//! A [`Registry`] hands out documents that were checked against their digests and ceilings, blobs
//! as verified streams ([`Blob`]), and parts of blobs by closed ranges. [`Registries`] keeps one per host, with shared limits on requests in
//! flight. [`post_json`] tells somebody else: a webhook that the user chose. What it refuses: to send a credential anywhere but to the registry's own origin and
//! the token servers that [`policy`] allows, to fall back from https to http, to go to addresses
//! less public than the registry's own, and to read more than a ceiling allows. It reads no
//! environment and no terminal; all settings come as [`Options`]. See the OCI distribution
//! specification 1.1.

// What is said: secrets, errors, headers, settings.
mod confidence;
mod error;
mod headers;
mod options;
mod secret;
// Where requests and credentials may go.
pub mod address;
mod guard;
mod origin;
mod outgoing;
pub mod policy;
// Whose credentials.
pub mod credentials;
mod docker_config;
mod helper;
mod process;
mod scope;
// How they are used and how often.
mod auth;
mod clients;
mod failure;
mod retry;
mod token;
mod message;
mod pool;
mod transport;
mod trial;
// What can be asked.
mod api;
mod blob;
mod client;
mod listing;
mod range;

pub use api::{Fetched, Registry};
pub use blob::Blob;
pub use client::Registries;
pub use error::{Effort, Error, ErrorKind};
pub use headers::RateLimit;
pub use listing::TagList;
pub use options::{Limits, Options, Proxies};
#[cfg(feature = "cloud")]
pub(crate) use outgoing::client_of_service;
pub use outgoing::post_json;
pub use retry::{RetryPolicy, SystemTimer, Timer};
pub use secret::{SafeUrl, Secret};
pub use transport::{Event, Observer, Traffic};
