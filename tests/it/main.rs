//! Tests of the whole program against registries on the same machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod auth;
mod base_image;
mod configs;
mod connections;
mod credentials;
mod everyday_errors;
mod fields;
mod hostile_text;
mod images;
mod indexes;
mod inspect;
mod manifests;
mod origins;
mod output;
mod owners;
mod process;
mod provenance;
mod proxies;
mod ranges;
mod real_registry;
mod redirects;
mod references;
mod statuses;
mod throttling;
mod tls;
mod rig;
mod rig_images;
mod rig_registry;
mod secrets;
mod sizes;
mod support;
