//! What the tests of the whole program are built from: servers, images and a place to run in.
//!
//! ```ignore
//! let image = Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/");
//! let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
//! let output = Sandbox::new().run(&["inspect", &registry.reference("team/app:latest")]);
//! assert_eq!(output.code, Some(0), "{output}");
//! assert_eq!(registry.lines(), ["HEAD /v2/team/app/manifests/latest", …]);
//! ```
//!
//! The scripted servers ([`http`], [`registry`], [`token`]) and the raw [`client`] use blocking
//! sockets and threads, so that they work the same for a child process and for the async library.

#![expect(unreachable_pub, reason = "the demo, a crate of its own, uses some of them")]

pub mod agreement;
pub mod analysis;
pub mod archive;
pub mod blob;
pub mod canary;
pub mod client;
pub mod distribution;
pub mod http;
pub mod image;
pub mod index;
pub mod json_schema;
pub mod layer;
pub mod library;
pub mod listing;
pub mod login;
pub mod oracle;
pub mod postgres;
pub mod provenance;
pub mod real;
pub mod registry;
pub mod relay;
pub mod reply;
pub mod report;
pub mod request;
pub mod s3;
pub mod sandbox;
pub mod tls;
pub mod token;
pub mod verdict;
pub mod workshop;

pub use blob::{RunningStore, Store};
pub use canary::Canary;
pub use client::{BodyEnd, Connection};
pub use http::{Origin, Server};
pub use image::Image;
pub use index::Index;
pub use layer::{Compression, Layer};
pub use library::Library;
pub use postgres::Postgres;
pub use provenance::Provenance;
pub use real::RealRegistry;
pub use registry::{DigestHeader, Registry};
pub use relay::Relay;
pub use reply::{End, Reply};
pub use report::Report;
pub use s3::S3;
pub use sandbox::{Sandbox, auths, until};
pub use tls::{Flaw, TestCa};
pub use token::TokenServer;
pub use verdict::{accepted, check_text, refused};
pub use workshop::{Layout, Workshop};
