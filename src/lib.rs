//! regsize: where the bytes of a container image are, read from its registry alone.

pub mod size;
pub mod oci;
pub mod reference;
pub mod cache;
pub mod registry;
pub mod image;
pub mod layer;
pub mod collect;
