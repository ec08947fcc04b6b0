//! What is wrong with files, said so that it can be mended.

use std::fmt;
use std::io;
use std::path::Path;

use crate::layer;
use crate::oci::Digest;
use crate::registry::{Error, ErrorKind};

/// What to do about an image whose files are not all there or not what they should be.
pub(super) const AGAIN: &str =
    "the image was not written whole or was changed since: write it again, as with skopeo copy";

/// What files are called in messages.
#[derive(Clone, Debug)]
pub(super) struct Place(String);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Place {
    pub(super) fn directory(path: &Path) -> Self {
        Self(format!("the directory {}", path.display()))
    }

    pub(super) fn archive(path: &Path) -> Self {
        Self(format!("the archive {}", path.display()))
    }

    pub(super) fn stdin() -> Self {
        Self("the archive on stdin".to_owned())
    }

    /// A file that a document refers to is not there.
    pub(super) fn missing(&self, what: &str, digest: &Digest) -> Error {
        Error::new(ErrorKind::NotFound, format!("{what} {digest} is missing from {self}"))
            .hint(AGAIN)
    }

    /// A file does not have the content of its digest.
    pub(super) fn changed(&self, what: &str, digest: &Digest) -> Error {
        let text = format!("{what} in {self} is not the content of {digest}");
        Error::new(ErrorKind::BadData, text).hint(AGAIN)
    }

    /// A file cannot be read.
    pub(super) fn unreadable(&self, name: &str, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            let text = format!("{name} in {self} is cut off");
            return Error::new(ErrorKind::BadData, text).hint(AGAIN);
        }
        Error::new(ErrorKind::Local, format!("{name} in {self} cannot be read")).because(error)
    }

    /// The archive cannot be read.
    pub(super) fn damaged(&self, error: layer::Error) -> Error {
        let text = error.to_string();
        let kind = match error.kind() {
            layer::ErrorKind::Ceiling | layer::ErrorKind::Memory => ErrorKind::Ceiling,
            layer::ErrorKind::Unsupported => ErrorKind::Usage,
            layer::ErrorKind::BadData | layer::ErrorKind::Input => ErrorKind::BadData,
        };
        let hint = match kind {
            ErrorKind::Ceiling => error.hint().unwrap_or(
                "put it into files, which are read one by one: skopeo copy oci-archive:FILE oci:DIRECTORY",
            ),
            ErrorKind::Usage => "give a tar archive; of compressed ones, gzip and zstd are read",
            _ => AGAIN,
        };
        let Some(cause) = error.into_input() else {
            return Error::new(kind, format!("{self} cannot be read: {text}")).hint(hint);
        };
        match cause.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::new(ErrorKind::BadData, format!("{self} is cut off")).hint(AGAIN)
            }
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                let text = format!("{self} is compressed, and damaged");
                Error::new(ErrorKind::BadData, text).hint(AGAIN).because(cause)
            }
            _ => Error::new(ErrorKind::Local, format!("{self} cannot be read")).because(cause),
        }
    }
}

/// A document is longer than its ceiling.
pub(super) fn too_large(what: &str, size: u64, ceiling: u64) -> Error {
    let text = format!("{what} is {size} bytes long; the ceiling is {ceiling}");
    let error = Error::new(ErrorKind::Ceiling, text);
    match what {
        "the manifest" | "index.json" | "manifest.json" => {
            error.hint("allow more: --limit manifest=SIZE")
        }
        "the image config" => error.hint("allow more: --limit config=SIZE"),
        "the provenance" => error.hint("allow more: --limit statement=SIZE"),
        _ => error,
    }
}
