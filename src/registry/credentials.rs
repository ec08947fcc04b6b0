//! Where the credentials for a registry come from.
//!
//! The sources are asked in this order, and the first that has an entry for the registry counts:
//! explicit credentials for that host, the text of `DOCKER_AUTH_CONFIG`, the file of
//! `REGISTRY_AUTH_FILE`, docker's `config.json`, podman's files. Within a file a helper of
//! `credHelpers` goes before `credsStore`, and either before `auths`; a helper that says that it
//! has no credentials leaves the choice to `auths` and then to the next source. Every failure (an
//! unreadable file, a missing helper, an entry that does not decode) is an error: it never leads
//! to an anonymous request or to credentials of another source. The files are read here and not
//! by a library so that helpers have a time limit and a key matches exactly one host and port.
//!
//! Keys of `auths` and `credHelpers` match as follows.
//!
//! | key | matches |
//! |---|---|
//! | `ghcr.io`, `GHCR.io`, `ghcr.io:443`, `ghcr.io/` | `ghcr.io` without a port or with 443 |
//! | `ghcr.io/v1/`, `ghcr.io/v2/`, `https://ghcr.io`, `https://ghcr.io/any/path` | the same |
//! | `host:5000` | `host:5000` only |
//! | `docker.io`, `index.docker.io`, `registry-1.docker.io`, `https://index.docker.io/v1/` | Docker Hub |
//! | `ghcr.io/a/b` (`auths` only) | repository `a/b` and those below it, never `a/bc` |
//!
//! Of several matching entries the one with the longest path counts, then the one whose key is
//! spelled as docker writes it. An entry without content is no entry.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use super::docker_config::{EntryError, FileError, FileProblem};
pub use super::helper::{HelperError, HelperProblem};

use super::docker_config::{self, DockerConfig};
use super::helper::{self, Helper};
use super::scope::Scope;
use super::secret::Secret;

/// The places that may have credentials, as given by the caller.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Credentials given for one registry.
    pub explicit: Option<Explicit>,
    /// The value of `DOCKER_AUTH_CONFIG`: the text of a docker config.
    pub docker_config_json: Option<Secret>,
    /// The value of `REGISTRY_AUTH_FILE`.
    pub auth_file: Option<PathBuf>,
    /// The folder of docker's `config.json`: `DOCKER_CONFIG`, or `.docker` in the home folder.
    pub docker_config_dir: Option<PathBuf>,
    /// The places of podman's `auth.json`, in order.
    pub podman_files: Vec<PathBuf>,
    /// The value of `PATH`, where credential helpers are looked for.
    pub helper_path: Option<OsString>,
    /// How long a credential helper may take.
    pub helper_timeout: Duration,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            explicit: None,
            docker_config_json: None,
            auth_file: None,
            docker_config_dir: None,
            podman_files: Vec::new(),
            helper_path: None,
            helper_timeout: Duration::from_secs(30),
        }
    }
}

/// A user name and password that the user gave for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explicit {
    /// The registry's host, with its port if it has one.
    pub registry: String,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// Credentials and where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The credentials.
    pub credential: Credential,
    /// The source, as in `credential helper docker-credential-pass`.
    pub origin_description: String,
}

/// What proves to a registry who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A user name and a password.
    Basic {
        /// The user name, without a colon.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token to be exchanged at the token server.
    IdentityToken(Secret),
    /// A token to be sent to the registry as it is.
    Bearer(Secret),
}

/// Why the credentials for a registry could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The explicit credentials cannot be sent.
    #[error("credentials given for {registry}: {flaw}")]
    Explicit {
        /// The registry they were given for.
        registry: String,
        /// What is wrong with them.
        flaw: Flaw,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// An entry of a file cannot be used.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A credential helper failed.
    #[error(transparent)]
    Helper(#[from] HelperError),
}

/// What is wrong with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// There is no user name.
    #[error("the user name is empty")]
    NoUsername,
    /// There is no password or token.
    #[error("the password or token is empty")]
    NoSecret,
    /// The user name would end at the colon.
    #[error("the user name contains a colon")]
    Colon,
    /// A value would end the header that carries it.
    #[error("a value contains a line break or a NUL character")]
    LineBreak,
    /// A token cannot stand in a header.
    #[error("the token is not made of visible ASCII characters")]
    NotAToken,
    /// The `auth` field does not decode.
    #[error("the field auth is not base64 of UTF-8 text")]
    NotBase64,
    /// The `auth` field decodes to one value.
    #[error("the field auth has no colon between user name and password")]
    NoColon,
}

impl Sources {
    /// Finds the credentials for `repository` on the registry `registry_host` (`host[:port]`).
    pub async fn find(
        &self,
        registry_host: &str,
        repository: &str,
    ) -> Result<Option<Found>, CredentialsError> {
        let wanted = Scope::of_repository(registry_host, repository);
        if let Some(found) = self.explicit_for(&wanted)? {
            return Ok(Some(found));
        }
        if let Some(text) = self.docker_config_json.as_ref().filter(|text| !is_blank(text)) {
            let config = DockerConfig::from_text(text, "DOCKER_AUTH_CONFIG")?;
            if let Some(found) = self.look(&config, &wanted).await? {
                return Ok(Some(found));
            }
        }
        for path in self.files() {
            let Some(config) = docker_config::read(&path).await? else { continue };
            if let Some(found) = self.look(&config, &wanted).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn explicit_for(&self, wanted: &Scope) -> Result<Option<Found>, CredentialsError> {
        let Some(explicit) = &self.explicit else { return Ok(None) };
        if !Scope::of_key(&explicit.registry).same_host(wanted) {
            return Ok(None);
        }
        let credential = Credential::basic(&explicit.username, explicit.password.clone())
            .map_err(|flaw| CredentialsError::Explicit { registry: wanted.to_string(), flaw })?;
        Ok(Some(Found { credential, origin_description: "--username".to_owned() }))
    }

    fn files(&self) -> Vec<PathBuf> {
        let docker = self.docker_config_dir.as_ref().map(|folder| folder.join("config.json"));
        let podman = self.podman_files.iter().cloned();
        self.auth_file.iter().cloned().chain(docker).chain(podman).collect()
    }

    async fn look(
        &self,
        config: &DockerConfig,
        wanted: &Scope,
    ) -> Result<Option<Found>, CredentialsError> {
        if let Some((name, server)) = config.helper(wanted) {
            let helper = Helper {
                name,
                server,
                path: self.helper_path.as_deref(),
                timeout: self.helper_timeout,
            };
            if let Some(credential) = helper::get(&helper, wanted).await? {
                let origin_description =
                    format!("credential helper {}", helper::program_name(name));
                return Ok(Some(Found { credential, origin_description }));
            }
        }
        let credential = config.entry(wanted)?;
        Ok(credential
            .map(|credential| Found { credential, origin_description: config.origin().to_owned() }))
    }
}

fn is_blank(text: &Secret) -> bool {
    text.expose().trim().is_empty()
}

impl Credential {
    /// A user name and password that can be sent.
    pub(super) fn basic(username: &str, password: Secret) -> Result<Self, Flaw> {
        if username.is_empty() {
            return Err(Flaw::NoUsername);
        }
        if username.contains(':') {
            return Err(Flaw::Colon);
        }
        sendable(username)?;
        sendable(password.expose())?;
        Ok(Self::Basic { username: username.to_owned(), password })
    }

    /// An identity token that can be sent.
    pub(super) fn identity_token(token: Secret) -> Result<Self, Flaw> {
        sendable(token.expose())?;
        Ok(Self::IdentityToken(token))
    }

    /// A registry token that can be sent.
    pub(super) fn bearer(token: Secret) -> Result<Self, Flaw> {
        sendable(token.expose())?;
        if token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self::Bearer(token))
        } else {
            Err(Flaw::NotAToken)
        }
    }
}

fn sendable(value: &str) -> Result<(), Flaw> {
    if value.is_empty() {
        Err(Flaw::NoSecret)
    } else if value.contains(['\r', '\n', '\0']) {
        Err(Flaw::LineBreak)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::helper::tests::Bin;
    use super::*;
    use std::fs;

    // user:canary, other:canary
    const USER: &str = r#"{"auth":"dXNlcjpjYW5hcnk="}"#;
    const OTHER: &str = r#"{"auth":"b3RoZXI6Y2FuYXJ5"}"#;

    fn sources() -> Sources {
        Sources { helper_timeout: Duration::from_secs(20), ..Sources::default() }
    }

    fn with_text(text: String) -> Sources {
        Sources { docker_config_json: Some(Secret::new(text)), ..sources() }
    }

    /// Who the sources say is asking, or the error; neither may show a secret.
    async fn ask(sources: &Sources, registry: &str) -> String {
        let answer = match sources.find(registry, "a/b").await {
            Ok(None) => "nobody".to_owned(),
            Ok(Some(Found {
                credential: Credential::Basic { username, .. },
                origin_description,
            })) => {
                format!("{username} of {origin_description}")
            }
            Ok(Some(found)) => format!("{found:?}"),
            Err(error) => error.to_string(),
        };
        assert!(!answer.contains("canary"), "{answer}");
        answer
    }

    #[tokio::test]
    async fn the_first_source_with_an_entry_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("auth"), format!(r#"{{"auths":{{"b.example":{USER}}}}}"#)).unwrap();
        fs::write(
            path("config.json"),
            format!(r#"{{"auths":{{"b.example":{OTHER},"c.example":{OTHER}}}}}"#),
        )
        .unwrap();
        fs::write(
            path("podman"),
            format!(r#"{{"auths":{{"c.example":{USER},"d.example":{USER}}}}}"#),
        )
        .unwrap();
        let sources = Sources {
            explicit: Some(Explicit {
                registry: "A.example".to_owned(),
                username: "me".to_owned(),
                password: Secret::new("canary".to_owned()),
            }),
            auth_file: Some(path("auth")),
            docker_config_dir: Some(folder.path().to_owned()),
            podman_files: vec![path("missing"), path("podman")],
            ..with_text(format!(r#"{{"auths":{{"a.example":{OTHER}}}}}"#))
        };
        let file = |user: &str, name: &str| format!("{user} of {}", path(name).display());
        assert_eq!(ask(&sources, "a.example").await, "me of --username");
        assert_eq!(ask(&sources, "a.example:5000").await, "nobody");
        assert_eq!(ask(&sources, "b.example").await, file("user", "auth"));
        assert_eq!(ask(&sources, "c.example").await, file("other", "config.json"));
        assert_eq!(ask(&sources, "d.example").await, file("user", "podman"));
        assert_eq!(ask(&sources, "e.example").await, "nobody");
        let sources = Sources { explicit: None, ..sources };
        assert_eq!(ask(&sources, "a.example").await, "other of DOCKER_AUTH_CONFIG");
    }

    #[tokio::test]
    async fn a_broken_source_is_an_error_even_if_a_later_one_has_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("config.json"),
            format!(r#"{{"auths":{{"a.example":{USER}}}}}"#),
        )
        .unwrap();
        let check = async |text: &str, expected: &str| {
            let sources = Sources {
                docker_config_dir: Some(folder.path().to_owned()),
                ..with_text(text.to_owned())
            };
            let answer = ask(&sources, "a.example").await;
            assert!(answer.contains(expected), "{text}: {answer}");
        };
        check("canary", "credentials in DOCKER_AUTH_CONFIG: not JSON").await;
        check(r#"{"auths":{"a.example":{"auth":"canary"}}}"#, "is not base64").await;
        check(r#"{"credsStore":"nowhere"}"#, "docker-credential-nowhere for a.example").await;
        check("", "user of ").await;
        check("{}", "user of ").await;
    }

    #[tokio::test]
    async fn helpers_go_before_entries_and_may_know_nothing() {
        let bin = Bin::new();
        bin.script("docker-credential-yes", r#"printf '{"Username":"helper","Secret":"canary"}'"#);
        bin.script("docker-credential-no", "echo credentials not found in native keychain; exit 1");
        let check = async |text: &str, registry: &str, expected: &str| {
            let sources =
                Sources { helper_path: Some(bin.path()), ..with_text(text.replace("USER", USER)) };
            assert_eq!(ask(&sources, registry).await, expected, "{text}");
        };
        let yes = "helper of credential helper docker-credential-yes";
        let entry = "user of DOCKER_AUTH_CONFIG";
        check(r#"{"auths":{"a.example":USER},"credsStore":"yes"}"#, "a.example", yes).await;
        check(r#"{"auths":{"a.example":USER},"credsStore":"no"}"#, "a.example", entry).await;
        check(r#"{"credsStore":"no"}"#, "a.example", "nobody").await;
        check(r#"{"credsStore":"no","credHelpers":{"A.example":"yes"}}"#, "a.example", yes).await;
        check(r#"{"credsStore":"yes","credHelpers":{"a.example":"no"}}"#, "a.example", "nobody")
            .await;
        check(r#"{"credsStore":"no","credHelpers":{"a.example":"yes"}}"#, "b.example", "nobody")
            .await;
        check(r#"{"credHelpers":{"docker.io":"yes"}}"#, "registry-1.docker.io", yes).await;
        let opted_out =
            r#"{"auths":{"a.example":USER},"credsStore":"yes","credHelpers":{"a.example":""}}"#;
        check(opted_out, "a.example", entry).await;
    }

    #[tokio::test]
    async fn explicit_credentials_must_be_sendable() {
        let check = async |username: &str, password: &str, expected: &str| {
            let explicit = Explicit {
                registry: "a.example".to_owned(),
                username: username.to_owned(),
                password: Secret::new(password.to_owned()),
            };
            let answer = ask(&Sources { explicit: Some(explicit), ..sources() }, "a.example").await;
            assert_eq!(answer, format!("credentials given for a.example: {expected}"));
        };
        check("", "canary", "the user name is empty").await;
        check("user", "", "the password or token is empty").await;
        check("user:x", "canary", "the user name contains a colon").await;
        check("user", "canary\r\nX: y", "a value contains a line break or a NUL character").await;
    }

    #[test]
    fn finding_can_move_between_threads() {
        fn check(_: impl Send) {}
        check(sources().find("a.example", "a/b"));
    }
}
