//! What went wrong with an object store, in few words of this program's own: what a server says
//! is not repeated.

use object_store::Error;

use super::entry::Flaw;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "cloud"), expect(dead_code, reason = "a directory has no network"))]
pub(super) enum Trouble {
    /// There is no such object.
    Missing,
    /// There is one already.
    Present,
    /// There is no such bucket.
    NoBucket,
    /// The credentials are not good enough.
    Denied,
    /// The server answered with this status.
    Status(u16),
    /// The server cannot be reached.
    Unreachable,
    /// There was no answer, or not all of it, in time.
    Late,
    /// The answer was cut or is none of HTTP.
    Broken,
    /// The store has no writes that only succeed where nothing is.
    Unconditional,
    /// Anything else.
    Other,
    /// The entry is longer than any.
    TooLong,
    /// The entry is not what it should be.
    Flaw(Flaw),
}

impl Trouble {
    /// Whether the store works and the entry is at fault.
    pub(super) fn is_of_entry(self) -> bool {
        matches!(self, Self::TooLong | Self::Flaw(_))
    }

    /// What to say of it after a read.
    pub(super) fn reading(self) -> String {
        match self {
            Self::Flaw(Flaw::Forged) => {
                "holds entries that were not made with this key, which are not used".to_owned()
            }
            Self::Flaw(Flaw::Damaged) | Self::TooLong => {
                "holds damaged entries, which are not used".to_owned()
            }
            Self::Flaw(Flaw::Other) => {
                "holds entries in the place of others, which are not used".to_owned()
            }
            _ => format!("could not be read: {}", self.reason()),
        }
    }

    /// What to say of it after a write.
    pub(super) fn writing(self) -> String {
        format!("could not be written to: {}", self.reason())
    }

    fn reason(self) -> String {
        let text = match self {
            Self::Missing | Self::NoBucket => "there is no such bucket",
            Self::Denied => "access is denied",
            Self::Status(status) => return format!("it answered with status {status}"),
            Self::Unreachable => "it cannot be reached",
            Self::Late => "it took too long",
            Self::Broken => "its answer was cut",
            Self::Unconditional => "it has no writes that leave alone what is there",
            Self::Present | Self::Other | Self::TooLong | Self::Flaw(_) => "something went wrong",
        };
        text.to_owned()
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match &error {
            Error::NotFound { source, .. } if is_of_bucket(&source.to_string()) => Self::NoBucket,
            Error::NotFound { .. } => Self::Missing,
            Error::AlreadyExists { .. }
            | Error::Precondition { .. }
            | Error::NotModified { .. } => Self::Present,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Denied,
            Error::NotImplemented { .. } | Error::NotSupported { .. } => Self::Unconditional,
            _ => status(&error)
                .map(Self::Status)
                .or_else(|| transport(&error))
                .unwrap_or(Self::Other),
        }
    }
}

/// Whether a store's 404 is about the bucket: the codes of S3, of Google and of Azure.
fn is_of_bucket(answer: &str) -> bool {
    ["NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound"]
        .iter()
        .any(|code| answer.contains(code))
}

/// The status that ended the attempts, which the library gives in its text alone.
fn status(error: &Error) -> Option<u16> {
    let text = error.to_string();
    let (_, rest) = text.split_once("non-2xx status code: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(feature = "cloud")]
fn transport(error: &Error) -> Option<Trouble> {
    use std::error::Error as _;

    use object_store::client::{HttpError, HttpErrorKind};

    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return Some(match error.kind() {
                HttpErrorKind::Connect => Trouble::Unreachable,
                HttpErrorKind::Timeout => Trouble::Late,
                HttpErrorKind::Request | HttpErrorKind::Interrupted | HttpErrorKind::Decode => {
                    Trouble::Broken
                }
                _ => Trouble::Other,
            });
        }
        source = error.source();
    }
    None
}

#[cfg(not(feature = "cloud"))]
fn transport(_error: &Error) -> Option<Trouble> {
    None
}
