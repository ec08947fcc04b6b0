//! Tests of the whole program against registries on the same machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agreement;
mod agreement_toc;
mod analyze;
mod architecture;
mod auth;
mod base_image;
mod blob_faults;
mod blob_scripts;
mod blobs;
mod cache;
mod configs;
mod connections;
mod credentials;
mod everyday_errors;
mod fields;
mod files;
mod hostile_layers;
mod hostile_text;
mod images;
mod indexes;
mod inspect;
mod layer_faults;
mod manifests;
mod origins;
mod output;
mod owners;
mod process;
mod progress;
mod provenance;
mod proxies;
mod ranges;
mod real_registry;
mod redirects;
mod references;
mod rig;
mod rig_images;
mod rig_registry;
mod secrets;
mod sizes;
mod statuses;
mod support;
mod tables;
mod throttling;
mod tls;
