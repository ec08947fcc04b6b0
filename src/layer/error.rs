//! What can be wrong with a layer.

use std::io;

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes are not what their format wants.
    BadData,
    /// A ceiling that protects this machine was reached.
    Ceiling,
    /// The ceiling on what all layers of a run take together was reached.
    Memory,
    /// The layer is in a format that is not read.
    Unsupported,
    /// The bytes could not be had; the cause says why.
    Input,
}

/// Why a layer could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<&'static str>,
    #[source]
    source: Option<io::Error>,
}

impl Error {
    /// An error with a message: a lower-case fragment that says where and what.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Bytes that are not what their format wants.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadData, message)
    }

    /// A ceiling was reached; `hint` is the option that raises it, where there is one.
    pub fn ceiling(message: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self { hint, ..Self::new(ErrorKind::Ceiling, message) }
    }

    /// Its class.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self.kind {
            ErrorKind::Memory => Some("allow more: --limit memory=SIZE"),
            _ => self.hint,
        }
    }

    /// The failure of the input, if that is what it is.
    pub fn into_input(self) -> Option<io::Error> {
        self.source
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self {
            source: Some(error),
            ..Self::new(ErrorKind::Input, "the layer could not be read to its end")
        }
    }
}
