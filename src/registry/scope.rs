//! What credentials are filed under: a registry, or a part of its repositories.
//!
//! The keys of a docker config are hosts, URLs, or (with podman) hosts with the first components
//! of a repository; the table in [`super::credentials`] says what each matches. Two scopes are of
//! one registry only if host and port are the same.

use std::fmt;

/// A registry, or a part of one, that credentials are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    host: String,
    path: String,
}

/// The name under which docker files the credentials of Docker Hub.
pub(super) const HUB_KEY: &str = "https://index.docker.io/v1/";
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

impl Scope {
    /// The repository `repository` on `registry_host`.
    pub(super) fn of_repository(registry_host: &str, repository: &str) -> Self {
        Self { host: normalize_host(registry_host), path: repository.to_owned() }
    }

    /// What the key of an entry stands for.
    pub(super) fn of_key(key: &str) -> Self {
        let without_scheme = ["https://", "http://"].into_iter().find_map(|scheme| {
            let (start, rest) = key.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        });
        let (host, path) = match without_scheme {
            // Where a key is a URL, docker and podman look at its host alone.
            Some(rest) => (rest.split('/').next().unwrap_or(rest), ""),
            None => key.split_once('/').unwrap_or((key, "")),
        };
        let path = match path.trim_end_matches('/') {
            "v1" | "v2" => "",
            path => path,
        };
        Self { host: normalize_host(host), path: path.to_owned() }
    }

    /// Whether both are about the same host and port.
    pub(super) fn same_host(&self, other: &Self) -> bool {
        self.host == other.host
    }

    /// Whether credentials for this are credentials for `wanted`.
    pub(super) fn covers(&self, wanted: &Self) -> bool {
        let below = || wanted.path.strip_prefix(&self.path);
        let on_boundary = |rest: &str| rest.is_empty() || rest.starts_with('/');
        self.same_host(wanted) && (self.path.is_empty() || below().is_some_and(on_boundary))
    }

    /// Whether this stands for all repositories of a registry.
    pub(super) fn is_whole_registry(&self) -> bool {
        self.path.is_empty()
    }

    /// How narrow this is, to compare scopes that cover one repository.
    pub(super) fn depth(&self) -> usize {
        self.path.len()
    }

    /// The host, with its port unless that is 443; `docker.io` for all names of Docker Hub.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether this is about Docker Hub.
    pub(super) fn is_hub(&self) -> bool {
        self.host == HUB_HOSTS[0]
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

fn normalize_host(host: &str) -> String {
    let lower = host.to_ascii_lowercase();
    let host = lower.strip_suffix(":443").unwrap_or(&lower);
    if HUB_HOSTS.contains(&host) { HUB_HOSTS[0].to_owned() } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_match_one_registry_or_a_part_of_it() {
        let check = |key: &str, host: &str, repository: &str, expected: bool| {
            let wanted = Scope::of_repository(host, repository);
            assert_eq!(Scope::of_key(key).covers(&wanted), expected, "{key} {host}/{repository}");
        };
        let hub = [
            "https://index.docker.io/v1/",
            "https://index.docker.io/v2/",
            "https://index.docker.io",
            "docker.io",
            "index.docker.io",
            "Registry-1.docker.io",
            "docker.io:443",
            "docker.io/",
            "docker.io/v1",
        ];
        for key in hub {
            for host in HUB_HOSTS {
                check(key, host, "library/alpine", true);
            }
            check(key, "ghcr.io", "library/alpine", false);
        }
        for key in ["ghcr.io", "GHCR.io", "ghcr.io/", "ghcr.io:443", "http://ghcr.io/v2/"] {
            check(key, "ghcr.io", "a/b", true);
            check(key, "Ghcr.io:443", "a/b", true);
            check(key, "ghcr.io:5000", "a/b", false);
            check(key, "ghcr.io.evil.example", "a/b", false);
            check(key, "a.ghcr.io", "a/b", false);
        }
        check("host:5000", "host:5000", "a", true);
        check("host:5000", "host:5001", "a", false);
        check("host:5000", "host", "a", false);
        check("host:80", "host", "a", false);
        check("[::1]:5000", "[::1]:5000", "a", true);
        check("ghcr.io/a/b", "ghcr.io", "a/b", true);
        check("ghcr.io/a/b/", "ghcr.io", "a/b/c", true);
        check("ghcr.io/a/b", "ghcr.io", "a/bc", false);
        check("ghcr.io/a/b", "ghcr.io", "a", false);
        check("ghcr.io/a/B", "ghcr.io", "a/b", false);
        check("https://ghcr.io/any/path", "ghcr.io", "a/b", true);
        check("user:canary@ghcr.io", "ghcr.io", "a", false);
        check("https://user@ghcr.io/", "ghcr.io", "a", false);
        check("docker.io/library", "index.docker.io", "library/alpine", true);
        check("", "ghcr.io", "a", false);
        check("https://", "ghcr.io", "a", false);
    }

    proptest! {
        #[test]
        fn any_key_of_another_host_does_not_match(key in "[a-zA-Z0-9:/.@-]{0,30}") {
            let wanted = Scope::of_repository("r.example", "a/b");
            if Scope::of_key(&key).covers(&wanted) {
                prop_assert!(key.to_lowercase().contains("r.example"));
            }
        }
    }
}
