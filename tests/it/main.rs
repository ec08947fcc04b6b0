//! Tests of the whole program against registries on the same machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod configs;
mod everyday_errors;
mod fields;
mod hostile_text;
mod indexes;
mod manifests;
mod references;
mod rig;
mod rig_images;
mod rig_registry;
mod support;
