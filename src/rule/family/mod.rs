//! The rules, one file a family; each rule's test stands beside it.

pub(super) mod cache;
pub(super) mod dup;
mod steps;
pub(super) mod waste;
