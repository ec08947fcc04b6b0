//! Tests of the whole program against registries on the same machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod connections;
mod proxies;
mod ranges;
mod redirects;
mod statuses;
mod throttling;
mod tls;
mod rig;
mod rig_images;
mod rig_registry;
mod support;
