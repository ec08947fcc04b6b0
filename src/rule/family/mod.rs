//! The rules, one file a family; each rule's test stands beside it.

pub(super) mod base;
pub(super) mod blob;
pub(super) mod cache;
pub(super) mod pkg;
pub(super) mod platform;
pub(super) mod repro;
pub(super) mod secret;
pub(super) mod dup;
pub(super) mod layer;
mod steps;
pub(super) mod waste;
