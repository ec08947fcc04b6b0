//! The rules, one file a family; each rule's test stands beside it.

pub(super) mod build;
pub(super) mod cache;
pub(super) mod data;
pub(super) mod docs;
pub(super) mod left;
pub(super) mod py;
pub(super) mod suites;
pub(super) mod web;
