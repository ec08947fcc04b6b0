//! regsize: where the bytes of a container image are, read from its registry alone.

pub mod image;
pub mod oci;
pub mod reference;
pub mod size;
