//! The documents of the OCI image specification as plain data, as served.
//!
//! OCI and Docker spellings of the same document decode into the same type. Decoding is lenient
//! where real registries are (absent or null annotations, history, architecture) and strict where
//! a wrong guess would make a number wrong: digests, sizes and the shape of the document. Nothing
//! here fetches or verifies bytes. See image-spec `descriptor.md`, `manifest.md`,
//! `image-index.md` and `config.md`.

mod config;
mod descriptor;
mod digest;
mod document;
mod json;
mod media_type;
mod platform;

pub use config::{Execution, HistoryEntry, ImageConfig, RootFs};
pub use descriptor::{Annotations, Descriptor};
pub use digest::{DiffId, Digest, DigestError, Verifier};
pub use document::{Document, DocumentError, Index, Manifest};
pub use json::{Decoded, JsonError, decode};
pub use media_type::{Compression, Kind, LayerType, MediaType};
pub use platform::{Platform, PlatformError};
