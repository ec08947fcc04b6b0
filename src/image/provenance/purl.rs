//! Package URLs of images: `pkg:docker/ghcr.io/org/img@tag?digest=sha256:…&platform=…`.
//!
//! See the package URL specification and its `docker` type. Other types, such as `pkg:oci` for a
//! local directory, name nothing that a registry could be asked for and are not read.

use std::borrow::Cow;

use crate::oci::Digest;

/// The host that names without one belong to.
const DEFAULT_HOST: &str = "docker.io";

/// What a package URL of the `docker` type says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImageUrl {
    /// The reference with host and without digest, as in `docker.io/library/debian:12`.
    pub name: String,
    /// The digest it is pinned to.
    pub digest: Option<Digest>,
    /// Whether it is an image, as opposed to a blob or bundle that a build fetched.
    pub is_image: bool,
}

impl ImageUrl {
    /// Reads a package URL; `None` if it is of another type or no such URL.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let (kind, rest) = rest.split_once('/')?;
        let rest = rest.split_once('#').map_or(rest, |(rest, _subpath)| rest);
        let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = path.rsplit_once('@').unwrap_or((path, ""));
        let path = unescape(path.trim_matches('/'))?;
        let version = unescape(version)?;
        if !kind.eq_ignore_ascii_case("docker") || path.is_empty() {
            return None;
        }
        Self::new(&path, &version, &Qualifiers::parse(qualifiers)?)
    }

    fn new(path: &str, version: &str, qualifiers: &Qualifiers<'_>) -> Option<Self> {
        let pinned: Option<Digest> = version.parse().ok();
        let tag = if version.is_empty() || pinned.is_some() {
            String::new()
        } else {
            format!(":{version}")
        };
        let host = qualifiers.repository_url.as_deref().map(|host| format!("{host}/"));
        let name = with_host(&format!("{}{path}{tag}", host.unwrap_or_default()))?;
        let digest = pinned.or_else(|| qualifiers.digest.as_deref()?.parse().ok());
        let is_image = qualifiers.ref_type.is_none();
        Some(Self { name, digest, is_image })
    }
}

#[derive(Default)]
struct Qualifiers<'a> {
    digest: Option<Cow<'a, str>>,
    ref_type: Option<Cow<'a, str>>,
    repository_url: Option<Cow<'a, str>>,
}

impl<'a> Qualifiers<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut qualifiers = Self::default();
        for (key, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let place = match key {
                "digest" => &mut qualifiers.digest,
                "ref_type" => &mut qualifiers.ref_type,
                "repository_url" => &mut qualifiers.repository_url,
                _ => continue,
            };
            *place = Some(unescape(value)?).filter(|value| !value.is_empty());
        }
        Some(qualifiers)
    }
}

/// The reference with its host: `debian:12` is `docker.io/library/debian:12`.
///
/// The first part is a host if it could not be the name of a Docker Hub user.
pub(super) fn with_host(reference: &str) -> Option<String> {
    let is_host = |part: &str| {
        part == "localhost"
            || part.contains(['.', ':'])
            || part.contains(|c: char| c.is_ascii_uppercase())
    };
    let (host, path) = match reference.split_once('/') {
        Some(("index.docker.io", path)) => (DEFAULT_HOST, path),
        Some((host, path)) if is_host(host) => (host, path),
        _ => (DEFAULT_HOST, reference),
    };
    let library = if host == DEFAULT_HOST && !path.contains('/') { "library/" } else { "" };
    (!path.is_empty()).then(|| format!("{host}/{library}{path}"))
}

/// Replaces `%2F` and the like; `None` if the result is not text.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, following @ ..] = rest {
        let (byte, after) = escaped(rest).unwrap_or((*first, following));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn escaped(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (hex, rest) = bytes.strip_prefix(b"%")?.split_at_checked(2)?;
    let mut byte = [0];
    hex::decode_to_slice(hex, &mut byte).ok()?;
    Some((byte[0], rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "sha256:8914eb54f968791faf6a8638949e480fef81e697984fba772b3976835194c6d4";

    #[test]
    fn package_urls_become_references() {
        let check = |url: &str, expected: Option<&str>| {
            let name = ImageUrl::parse(url).map(|url| url.name);
            assert_eq!(name.as_deref(), expected, "{url}");
        };
        check(
            "pkg:docker/alpine@3.17?platform=linux%2Famd64",
            Some("docker.io/library/alpine:3.17"),
        );
        check("pkg:docker/rocker/ml@latest", Some("docker.io/rocker/ml:latest"));
        check(
            "pkg:docker/ghcr.io/org/img@tag?platform=linux%2Farm64%2Fv8",
            Some("ghcr.io/org/img:tag"),
        );
        check("pkg:docker/localhost%3A5000/img@1.0", Some("localhost:5000/img:1.0"));
        check("pkg:docker/localhost:5000/a/b/c@1.0", Some("localhost:5000/a/b/c:1.0"));
        check("pkg:docker/docker.io/debian@12", Some("docker.io/library/debian:12"));
        check("pkg:docker/index.docker.io/debian@12", Some("docker.io/library/debian:12"));
        check("pkg:docker/debian", Some("docker.io/library/debian"));
        check("pkg://Docker/debian@12#sub/path", Some("docker.io/library/debian:12"));
        check(&format!("pkg:docker/debian@{HASH}"), Some("docker.io/library/debian"));
        check("pkg:docker/org/img@1?repository_url=gcr.io", Some("gcr.io/org/img:1"));
        check("pkg:docker/a%zz@1%", Some("docker.io/library/a%zz:1%"));
        check("pkg:docker/%ff@1", None);
        check("pkg:docker/", None);
        check("pkg:docker", None);
        check("pkg:docker/ghcr.io/", Some("docker.io/library/ghcr.io"));
        check("pkg:oci/img@1", None);
        check("pkg:generic/docker@1", None);
        check("https://github.com/moby/buildkit.git#refs/tags/v0.11.0", None);
        check("", None);
    }

    #[test]
    fn digests_come_from_the_qualifier_or_the_version() {
        let check = |url: &str, expected: Option<&str>| {
            let digest = ImageUrl::parse(url).and_then(|url| url.digest);
            assert_eq!(digest.as_ref().map(Digest::as_str), expected, "{url}");
        };
        check(&format!("pkg:docker/a@1?digest={HASH}&platform=linux%2Famd64"), Some(HASH));
        check(&format!("pkg:docker/a@1?digest={}", HASH.replace(':', "%3A")), Some(HASH));
        check(&format!("pkg:docker/a@{}", HASH.replace(':', "%3a")), Some(HASH));
        check("pkg:docker/a@1?digest=sha256:1", None);
        check("pkg:docker/a@1?digest", None);
    }

    #[test]
    fn blobs_and_bundles_are_no_images() {
        for (url, expected) in [
            ("pkg:docker/a@1", true),
            ("pkg:docker/a@1?ref_type=", true),
            ("pkg:docker/a@1?ref_type=blob", false),
            ("pkg:docker/a@1?platform=x&ref_type=bundle", false),
        ] {
            assert_eq!(ImageUrl::parse(url).unwrap().is_image, expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(pkg:docker/)?([a-z/@?&=#%:.]|%[0-9A-Fa-f]{2}|\\PC){0,40}") {
            if let Some(url) = ImageUrl::parse(&text) {
                prop_assert!(url.name.contains('/'));
            }
        }
    }
}
