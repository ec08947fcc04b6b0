//! What can go wrong between the user's words and a registry's bytes.
//!
//! An error keeps its class, the request (without secrets), how much was tried and what to do.
//! Registry texts in it are shortened but not encoded: the sink that prints them encodes them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// The class of an error; its name is the `error.kind` of the JSON output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What the user asked for cannot be asked.
    Usage,
    /// Credentials are missing, wrong, or must not be sent.
    Auth,
    /// The registry does not have what was asked for.
    NotFound,
    /// The image is published, but not for the platform that was asked for.
    NoPlatform,
    /// The registry allows no more requests for now.
    RateLimited,
    /// The registry could not be reached or did not answer properly.
    Network,
    /// What the registry sent is not what it should be.
    BadData,
    /// A ceiling that protects this machine was reached.
    Ceiling,
    /// A file or program of this machine failed.
    Local,
}

impl ErrorKind {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Auth => "auth",
            Self::NotFound | Self::NoPlatform => "not_found",
            Self::RateLimited => "rate_limited",
            Self::Network => "network",
            Self::BadData => "bad_data",
            Self::Ceiling => "ceiling",
            Self::Local => "local",
        }
    }
}

/// An error of a registry operation.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    request: Option<String>,
    effort: Option<Effort>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// How much was tried before giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Requests sent.
    pub attempts: u32,
    /// Time since the first of them.
    pub elapsed: Duration,
}

impl Error {
    /// An error with a message: a lower-case fragment that names what was given.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            request: None,
            effort: None,
            hint: None,
            source: None,
        }
    }

    /// Names the request, as in `GET https://host/v2/…`, without secrets.
    #[must_use]
    pub fn during(mut self, request: impl Into<String>) -> Self {
        self.request.get_or_insert(request.into());
        self
    }

    /// Says how much was tried.
    #[must_use]
    pub fn after(mut self, effort: Effort) -> Self {
        self.effort = Some(effort);
        self
    }

    /// Says what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which option raises the ceiling for `what`, if there is one.
    #[must_use]
    pub(super) fn raised_by(self, what: &str) -> Self {
        match what {
            "the manifest" => self.hint("allow more: --limit manifest=SIZE"),
            "the image config" => self.hint("allow more: --limit config=SIZE"),
            "the provenance" => self.hint("allow more: --limit statement=SIZE"),
            "a page of the listing" => self.hint("allow more: --limit page=SIZE"),
            _ => self,
        }
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what the user named in front of the message.
    #[must_use]
    pub fn about(mut self, subject: &impl fmt::Display) -> Self {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message alone, without request and causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The request during which it happened, without secrets.
    pub fn request(&self) -> Option<&str> {
        self.request.as_deref()
    }

    /// What the user can do.
    pub fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (&self.request, self.effort) {
            (Some(request), Some(effort)) if effort.attempts > 1 => {
                write!(
                    f,
                    " ({request}, {} attempts in {:.1} s)",
                    effort.attempts,
                    effort.elapsed.as_secs_f64()
                )
            }
            (Some(request), _) => write!(f, " ({request})"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// One entry of a registry's error body, distribution-spec "Error codes".
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Diagnostic {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Option<Vec<Diagnostic>>,
}

/// How much of a registry's own words an error repeats.
const SHOWN: usize = 512;

/// The first diagnostic of an error body, if it is one.
pub(super) fn diagnostic(body: &[u8]) -> Option<Diagnostic> {
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    body.errors?.into_iter().next()
}

/// What a registry said about an error, as one short text; empty if it said nothing readable.
pub(super) fn excerpt(body: &[u8], content_type: Option<&str>) -> String {
    let text = match diagnostic(body) {
        Some(Diagnostic { code, message }) if !message.is_empty() => format!("{code}: {message}"),
        Some(Diagnostic { code, .. }) if !code.is_empty() => code,
        _ if looks_like_html(body, content_type) => "an HTML page".to_owned(),
        _ => String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]).trim().to_owned(),
    };
    text.chars().take(SHOWN).collect()
}

/// Whether bytes are a web page: a captive portal, a login form.
pub(super) fn looks_like_html(body: &[u8], content_type: Option<&str>) -> bool {
    let start =
        String::from_utf8_lossy(&body[..body.len().min(256)]).trim_start().to_ascii_lowercase();
    content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("text/html"))
        || start.starts_with("<!doctype html")
        || start.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_of_any_shape_give_a_short_text() {
        let check = |body: &str, expected: &str| {
            assert_eq!(excerpt(body.as_bytes(), None), expected, "{body}");
        };
        check(r#"{"errors":[{"code":"DENIED","message":"no"}]}"#, "DENIED: no");
        check(r#"{"errors":[{"code":"DENIED"}]}"#, "DENIED");
        check(r#"{"errors":null}"#, r#"{"errors":null}"#);
        check(r#"{"errors":[]}"#, r#"{"errors":[]}"#);
        check("", "");
        check("  gone fishing\n", "gone fishing");
        check("<!DOCTYPE html><title>Log in</title>", "an HTML page");
        let many =
            format!(r#"{{"errors":[{}]}}"#, vec![r#"{"code":"A","message":"m"}"#; 1000].join(","));
        check(&many, "A: m");
        assert_eq!(excerpt(&vec![b'x'; 100_000], None).len(), SHOWN);
    }
}
