//! The rules, one file a family; each rule's test stands beside it.

pub(super) mod base;
pub(super) mod blob;
pub(super) mod build;
pub(super) mod cache;
pub(super) mod comp;
pub(super) mod data;
pub(super) mod docs;
pub(super) mod dup;
pub(super) mod elf;
pub(super) mod gpu;
pub(super) mod layer;
pub(super) mod left;
pub(super) mod pkg;
pub(super) mod platform;
pub(super) mod py;
pub(super) mod repro;
pub(super) mod secret;
mod places;
mod steps;
pub(super) mod suites;
pub(super) mod waste;
pub(super) mod web;
