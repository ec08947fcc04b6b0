//! Image references as docker users type them: `[host[:port]/]repository[:tag][@digest]`.
//!
//! The first component is a registry if it has a `.` or `:` or is `localhost`; otherwise the
//! registry is Docker Hub, whose one-component names get `library/`. Without tag and digest the
//! tag is `latest`; with both, the digest wins and the tag is a label. Names that a registry
//! would refuse are refused here, with the character that is wrong. See distribution-spec,
//! "Pulling manifests", for the grammar of names and tags.

mod source;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::oci::{Digest, DigestError};

pub use source::{LocalKind, LocalSource, Source};

/// The name by which Docker Hub is known in references.
pub const DOCKER_HUB: &str = "docker.io";

/// A registry, a repository in it, and a tag or digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The text is empty.
    #[error("the image reference is empty: give one such as debian:12 or ghcr.io/owner/name:tag")]
    Empty,
    /// The text begins with a URL scheme.
    #[error("{typed:?} is not an image reference: leave out {scheme:?}")]
    Scheme {
        /// What was typed.
        typed: String,
        /// The part to leave out.
        scheme: &'static str,
    },
    /// The text holds a user name or password; it is not repeated.
    #[error(
        "an image reference holds no user name or password: log in with docker login, or use --username"
    )]
    UserInfo,
    /// The registry's host or port is malformed.
    #[error("{typed:?} is not an image reference: {host:?} is not a registry host: {reason}")]
    Host {
        /// What was typed.
        typed: String,
        /// The part before the first slash.
        host: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A character does not belong where it stands.
    #[error(
        "{typed:?} is not an image reference: {part} must not have {character:?} (character {position}){advice}"
    )]
    Character {
        /// What was typed.
        typed: String,
        /// The part that is malformed.
        part: &'static str,
        /// The offending character.
        character: char,
        /// Its position in what was typed, counted from 1.
        position: usize,
        /// What is allowed.
        advice: &'static str,
    },
    /// A part is empty or too long.
    #[error("{typed:?} is not an image reference: {problem}")]
    Length {
        /// What was typed, shortened.
        typed: String,
        /// Which part, and its limit.
        problem: &'static str,
    },
    /// The text is a path, and nothing says what is there.
    #[error(
        "{typed:?} is a path: write oci:PATH for an OCI layout, oci-archive:PATH or docker-archive:PATH for an archive"
    )]
    Path {
        /// What was typed, shortened.
        typed: String,
    },
    /// The text names a place that is not read.
    #[error("{typed:?} is not read, as {transport} is not: {instead}")]
    Transport {
        /// What was typed, shortened.
        typed: String,
        /// How it begins.
        transport: &'static str,
        /// A way around.
        instead: &'static str,
    },
    /// The digest is malformed.
    #[error("{typed:?} is not an image reference")]
    Digest {
        /// What was typed.
        typed: String,
        /// What is wrong with the digest.
        source: DigestError,
    },
}

impl Reference {
    /// The registry as it is written in references: host and, if not the default, port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Host and port of the registry's API, which for Docker Hub has another name.
    pub fn api_host(&self) -> &str {
        if self.registry == DOCKER_HUB { "registry-1.docker.io" } else { &self.registry }
    }

    /// The repository's full name, with `library/` for Docker Hub's official images.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one was given or implied. With a digest it is only a label.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What a registry is asked for: the digest, or else the tag.
    pub fn version(&self) -> &str {
        self.digest.as_ref().map_or_else(|| self.tag.as_deref().unwrap_or("latest"), Digest::as_str)
    }

    /// The same repository with another tag.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))?;
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(typed: &str) -> Result<Self, ReferenceError> {
        Typed(typed).parse()
    }
}

/// The text being parsed, for errors that repeat it.
#[derive(Clone, Copy)]
struct Typed<'a>(&'a str);

impl Typed<'_> {
    fn parse(self) -> Result<Reference, ReferenceError> {
        self.refuse_common_mistakes()?;
        let (name, digest) = self.split_digest()?;
        let (registry, path) = self.split_registry(name)?;
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        self.check_repository(repository)?;
        tag.map_or(Ok(()), |tag| self.check_tag(tag))?;
        let repository = if registry == DOCKER_HUB && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        if registry.len() + repository.len() > 255 {
            return Err(self.length("registry and repository are longer than 255 characters"));
        }
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, None) => Some("latest".to_owned()),
            (None, Some(_)) => None,
        };
        Ok(Reference { registry, repository, tag, digest })
    }

    fn refuse_common_mistakes(self) -> Result<(), ReferenceError> {
        if self.0.is_empty() {
            return Err(ReferenceError::Empty);
        }
        for scheme in ["https://", "http://", "docker://", "oci://"] {
            if self.0.starts_with(scheme) && !self.0.contains('@') {
                return Err(ReferenceError::Scheme { typed: self.shortened(), scheme });
            }
        }
        Ok(())
    }

    fn split_digest(&self) -> Result<(&str, Option<Digest>), ReferenceError> {
        let Some((name, digest)) = self.0.split_once('@') else { return Ok((self.0, None)) };
        let no_algorithm = !digest.contains(':') && !digest.is_empty();
        if digest.contains('@')
            || !names_algorithm(digest)
                && (digest.contains('/') || (no_algorithm && holds_password(name)))
        {
            return Err(ReferenceError::UserInfo);
        }
        match digest.parse() {
            Ok(digest) => Ok((name, Some(digest))),
            Err(source) => Err(ReferenceError::Digest { typed: self.shortened(), source }),
        }
    }

    fn split_registry<'a>(&self, name: &'a str) -> Result<(String, &'a str), ReferenceError> {
        let Some((host, path)) = name.split_once('/') else {
            return Ok((DOCKER_HUB.to_owned(), name));
        };
        if !(host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost")) {
            return Ok((DOCKER_HUB.to_owned(), name));
        }
        let reason = check_host(host);
        if let Some(reason) = reason {
            return Err(ReferenceError::Host {
                typed: self.shortened(),
                host: host.to_owned(),
                reason,
            });
        }
        let host = host.to_ascii_lowercase();
        let registry = match host.as_str() {
            "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => DOCKER_HUB,
            other => other,
        };
        Ok((registry.to_owned(), path))
    }

    fn check_repository(self, repository: &str) -> Result<(), ReferenceError> {
        const PART: &str = "a repository name";
        const ADVICE: &str = ": lower-case letters and digits, separated by one of . _ __ - /";
        if repository.is_empty() {
            return Err(self.length("the repository name is empty"));
        }
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/');
        if let Some((at, character)) = repository.char_indices().find(|(_, c)| !allowed(*c)) {
            return Err(self.character(PART, repository, at, character, ADVICE));
        }
        let mut at = 0;
        for component in repository.split('/') {
            if let Some((offset, character)) = misplaced_separator(component) {
                let at = (at + offset).min(repository.len() - 1);
                return Err(self.character(PART, repository, at, character, ADVICE));
            }
            at += component.len() + 1;
        }
        Ok(())
    }

    fn check_tag(self, tag: &str) -> Result<(), ReferenceError> {
        const ADVICE: &str = ": letters, digits, . _ - and not . or - first";
        if tag.is_empty() || tag.len() > 128 {
            return Err(self.length("a tag has 1 to 128 characters"));
        }
        let allowed = |(at, c): (usize, char)| {
            c.is_ascii_alphanumeric() || c == '_' || (at > 0 && matches!(c, '.' | '-'))
        };
        match tag.char_indices().find(|found| !allowed(*found)) {
            Some((at, character)) => Err(self.character("a tag", tag, at, character, ADVICE)),
            None => Ok(()),
        }
    }

    fn character(
        self,
        part: &'static str,
        of: &str,
        at: usize,
        character: char,
        advice: &'static str,
    ) -> ReferenceError {
        let start = self.0.find(of).unwrap_or(0);
        let position = self.0[..start].chars().count() + of[..at].chars().count() + 1;
        ReferenceError::Character { typed: self.shortened(), part, character, position, advice }
    }

    fn length(self, problem: &'static str) -> ReferenceError {
        ReferenceError::Length { typed: self.shortened(), problem }
    }

    fn shortened(self) -> String {
        const SHOWN: usize = 300;
        let typed = without_password(self.0);
        let mut shown: String = typed.chars().take(SHOWN).collect();
        if shown.len() < typed.len() {
            shown.push('…');
        }
        shown
    }
}

/// What was typed, with `***` for what may be a user name and password.
pub fn without_password(typed: &str) -> Cow<'_, str> {
    let Some((name, digest)) = typed.split_once('@') else { return typed.into() };
    let is_digest = names_algorithm(digest) && !digest.contains('@');
    let is_position = !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_digit());
    if !holds_password(name) || is_digest || (is_position && source::names_files(typed)) {
        return typed.into();
    }
    let host = digest.rsplit('@').next().unwrap_or_default();
    format!("***@{host}").into()
}

fn holds_password(name: &str) -> bool {
    name.split_once("://").map_or(name, |(_, name)| name).contains(':')
}

fn names_algorithm(digest: &str) -> bool {
    digest.starts_with("sha256:") || digest.starts_with("sha512:")
}

/// The first separator that does not stand between letters or digits as the grammar wants.
fn misplaced_separator(component: &str) -> Option<(usize, char)> {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = component.as_bytes();
    if bytes.is_empty() {
        return Some((0, '/'));
    }
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
        let separator = &component[at..at + run];
        let known =
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
        if run > 0 && !(known && at > 0 && alphanumeric(bytes.get(at + run))) {
            return Some((at, char::from(bytes[at])));
        }
        at += run.max(1);
    }
    None
}

fn check_host(host: &str) -> Option<&'static str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, rest)) if address.parse::<Ipv6Addr>().is_ok() => {
                if rest.is_empty() {
                    return None;
                }
                match rest.strip_prefix(':') {
                    Some(port) => ("v6", Some(port)),
                    None => return Some("after an IPv6 address comes a colon and the port"),
                }
            }
            _ => return Some("the brackets do not hold an IPv6 address"),
        },
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    if port.is_some_and(|port| {
        port.is_empty()
            || port.len() > 5
            || port.parse::<u16>().is_ok_and(|p| p == 0)
            || port.parse::<u16>().is_err()
            || port.starts_with('+')
    }) {
        return Some("the port is a number from 1 to 65535");
    }
    if !name.is_ascii() {
        return Some("write an international host name in its xn-- form");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.split('.').all(label) { None } else { Some("it has letters, digits, hyphens and dots") }
}
