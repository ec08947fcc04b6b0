//! Which failures of a connection may pass and which will not.
//!
//! Certificates, unknown hosts and answers that are not HTTP stay as they are; everything that
//! breaks, stalls or is refused may be better on the next attempt.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use url::Url;

use super::error::{Error, ErrorKind};
use super::policy::Origin;

/// An attempt that did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) transient: bool,
    /// Whether the connection ended before the first byte of an answer.
    pub(super) unanswered: bool,
    /// Bytes of a body that arrived and are of no use.
    pub(super) received: u64,
    /// How long the server asks to wait.
    pub(super) asked_wait: Option<Duration>,
    /// The server whose other requests have to wait too.
    pub(super) pauses_host: Option<Origin>,
}

impl Failure {
    pub(super) fn permanent(error: Error) -> Self {
        Self {
            error,
            transient: false,
            unanswered: false,
            received: 0,
            asked_wait: None,
            pauses_host: None,
        }
    }

    pub(super) fn transient(error: Error, received: u64) -> Self {
        Self { transient: true, received, ..Self::permanent(error) }
    }
}

/// A name that could not be turned into an address that may be reached.
#[derive(Debug)]
pub(super) struct ResolveError {
    pub(super) message: String,
    pub(super) transient: bool,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for ResolveError {}

/// Turns an error of the HTTP library into words and a class.
pub(super) fn classify(error: reqwest::Error, url: &Url, received: u64) -> Failure {
    let error = error.without_url();
    let server = authority(url);
    if let Some(resolve) = cause::<ResolveError>(&error) {
        let problem = Error::new(ErrorKind::Network, resolve.message.clone());
        return if resolve.transient {
            Failure::transient(problem, received)
        } else {
            Failure::permanent(problem)
        };
    }
    if let Some(tls) = cause::<rustls::Error>(&error) {
        return Failure::permanent(tls_error(tls, &server));
    }
    if let Some(hyper) = cause::<hyper::Error>(&error)
        && (hyper.is_parse())
    {
        return Failure::permanent(not_http(hyper, url, &server));
    }
    let causes = cause_text(&error);
    if causes.contains("proxy auth") {
        return proxy_wants_login(url);
    }
    let what = match () {
        () if error.is_timeout() && error.is_connect() => {
            format!("connecting to {server} took too long")
        }
        () if error.is_timeout() => format!("{server} stopped answering"),
        () if causes.contains("tunnel error") => {
            format!("the proxy on the way to {server} does not help: {}", innermost(&error))
        }
        () if error.is_connect() => format!("cannot connect to {server}: {}", innermost(&error)),
        () => format!("the connection to {server} broke: {}", innermost(&error)),
    };
    let unanswered = error.is_request() && !error.is_connect() && !error.is_timeout();
    let problem = Error::new(ErrorKind::Network, what);
    let problem = if error.is_connect() {
        problem
            .hint("check host and port, and whether the registry runs and can be reached from here")
    } else {
        problem
    };
    Failure { unanswered, ..Failure::transient(problem, received) }
}

/// What a proxy's status 407 means.
pub(super) fn proxy_wants_login(url: &Url) -> Failure {
    let text = format!("the proxy on the way to {} wants a user name and password", authority(url));
    let error = Error::new(ErrorKind::Auth, text)
        .hint("put them into the proxy's URL: HTTPS_PROXY=http://user:password@host:port");
    Failure::permanent(error)
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn tls_error(error: &rustls::Error, server: &str) -> Error {
    use rustls::{CertificateError, Error as Tls};
    let new = |message: String| Error::new(ErrorKind::Network, message);
    match error {
        Tls::InvalidMessage(_) => new(format!("{server} does not speak https"))
            .hint(format!("if it is meant to speak plain http, name it: --plain-http {server}")),
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => {
            new(format!("the certificate of {server} is signed by an unknown authority"))
                .hint("if that authority is your own, give its certificate: --ca-file FILE")
        }
        other => new(format!("no secure connection to {server}: {other}")),
    }
}

fn not_http(error: &hyper::Error, url: &Url, server: &str) -> Error {
    if error.to_string().contains("too large") {
        return Error::new(
            ErrorKind::Ceiling,
            format!("the head of {server}'s answer is too large"),
        );
    }
    let text = format!("the answer of {server} is not valid HTTP: {error}");
    let error = Error::new(ErrorKind::Network, text);
    if url.scheme() == "https" {
        return error;
    }
    error.hint(format!(
        "if it speaks https, leave out --plain-http; for a loopback registry, add --https {server}"
    ))
}

/// The first error of type `T` among an error's causes, also inside I/O errors.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

fn innermost(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn cause_text(error: &dyn StdError) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&error.to_string());
        text.push('\n');
        next = error.source();
    }
    text
}
