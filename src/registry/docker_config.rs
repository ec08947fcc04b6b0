//! The credentials in a docker `config.json` or a podman `auth.json`.
//!
//! A file must be a regular file (or a link to one) of at most 1 MiB. One that is empty or not
//! complete JSON may be in the middle of being rewritten, so it is read again three times before
//! it is an error. Errors name the file and the line, never a value. An entry is decoded only
//! when it is the one asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::credentials::{Credential, Flaw};
use super::scope::{HUB_KEY, Scope};
use super::secret::Secret;

/// The parts of a config that concern credentials.
#[derive(Debug)]
pub(super) struct DockerConfig {
    origin: String,
    document: Document,
}

/// Why a file with credentials cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("credentials in {origin}: {problem}")]
pub struct FileError {
    /// The file, or the variable that has its text.
    pub origin: String,
    /// What is wrong with it.
    pub problem: FileProblem,
}

/// What is wrong with a file that should have credentials.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// The system refuses to open or read it.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is a folder, a pipe or a device.
    #[error("not a regular file")]
    NotAFile,
    /// It is larger than any real one.
    #[error("larger than 1 MiB")]
    TooLarge,
    /// It has no content.
    #[error("empty, expected JSON")]
    Empty,
    /// It ends too early.
    #[error("incomplete JSON, ends in line {line}, column {column}")]
    Truncated {
        /// The last line, from 1.
        line: usize,
        /// The last column, from 1.
        column: usize,
    },
    /// It is something else.
    #[error("not JSON at line {line}, column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is JSON of another kind.
    #[error("not a docker config: unexpected value at line {line}, column {column}")]
    WrongShape {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
}

/// Why the entry for a registry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("credentials of {registry} in {origin}: {flaw}")]
pub struct EntryError {
    /// The registry.
    pub registry: String,
    /// The file.
    pub origin: String,
    /// What is wrong with the entry.
    pub flaw: Flaw,
}

#[derive(Debug, Default, Deserialize)]
struct Document {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

/// Real files have a few KiB.
const MAX_FILE: u64 = 1 << 20;
const MAX_FILE_REREADS: u32 = 3;
const PAUSE_BEFORE_REREAD: Duration = Duration::from_millis(50);

/// Some tools leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads the config at `path`, or nothing if there is no file.
pub(super) async fn read(path: &Path) -> Result<Option<DockerConfig>, FileError> {
    read_again(path, || tokio::time::sleep(PAUSE_BEFORE_REREAD)).await
}

async fn read_again<F: Future<Output = ()>>(
    path: &Path,
    pause: impl Fn() -> F,
) -> Result<Option<DockerConfig>, FileError> {
    let mut left = MAX_FILE_REREADS;
    loop {
        match read_once(path) {
            Err(error) if left > 0 && error.problem.may_pass() => {
                left -= 1;
                pause().await;
            }
            result => return result,
        }
    }
}

fn read_once(path: &Path) -> Result<Option<DockerConfig>, FileError> {
    let origin = path.display().to_string();
    let parsed = content(path).and_then(|bytes| bytes.map(|bytes| parse(&bytes)).transpose());
    match parsed {
        Ok(document) => Ok(document.map(|document| DockerConfig { origin, document })),
        Err(problem) => Err(FileError { origin, problem }),
    }
}

fn content(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, FileProblem> {
    // Looked at before it is opened: opening a pipe waits for its other end.
    let length = match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return Err(FileProblem::NotAFile),
        Ok(metadata) if metadata.len() > MAX_FILE => return Err(FileProblem::TooLarge),
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileProblem::Unreadable(error)),
    };
    let file = File::open(path).map_err(FileProblem::Unreadable)?;
    // With room to spare, so that no copy is left behind by growing.
    let room = usize::try_from(length).unwrap_or_default() + 64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let mut bounded = file.take(MAX_FILE + 1);
    bounded.read_to_end(&mut bytes).map_err(FileProblem::Unreadable)?;
    if bounded.limit() == 0 { Err(FileProblem::TooLarge) } else { Ok(Some(bytes)) }
}

fn parse(bytes: &[u8]) -> Result<Document, FileProblem> {
    match bytes.trim_ascii_start().first() {
        None => return Err(FileProblem::Empty),
        Some(b'{') => {}
        // Without this an array would decode as a struct.
        Some(_) => return Err(FileProblem::NotJson { line: 1, column: 1 }),
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            Category::Eof => FileProblem::Truncated { line, column },
            Category::Data => FileProblem::WrongShape { line, column },
            Category::Syntax | Category::Io => FileProblem::NotJson { line, column },
        }
    })
}

impl FileProblem {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Empty | Self::Truncated { .. } | Self::NotJson { .. })
    }
}

impl DockerConfig {
    /// Reads a config from the value of the variable `origin`.
    pub(super) fn from_text(text: &Secret, origin: &str) -> Result<Self, FileError> {
        let origin = origin.to_owned();
        match parse(text.expose().as_bytes()) {
            Ok(document) => Ok(Self { origin, document }),
            Err(problem) => Err(FileError { origin, problem }),
        }
    }

    /// The file or variable that this was read from.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The helper to ask about `wanted` and the name by which to ask.
    pub(super) fn helper<'a>(&'a self, wanted: &'a Scope) -> Option<(&'a str, &'a str)> {
        let configured = self.document.helpers.as_ref().and_then(|helpers| {
            best(helpers.iter().filter(|(key, _)| Scope::of_key(key).is_whole_registry()), wanted)
        });
        let (name, key) = match configured {
            Some((key, name)) => (name, Some(key)),
            None => (self.document.store.as_ref()?, self.key_in_auths(wanted)),
        };
        let server = if wanted.is_hub() { HUB_KEY } else { key.unwrap_or(wanted.host()) };
        // An empty name takes one registry out of the store for all.
        (!name.is_empty()).then_some((name, server))
    }

    /// The credentials that `auths` has for `wanted`.
    pub(super) fn entry(&self, wanted: &Scope) -> Result<Option<Credential>, EntryError> {
        let entries = self.document.auths.iter().flatten();
        let filled = entries.filter_map(|(key, entry)| Some((key, entry.as_ref()?)));
        let Some((_, entry)) = best(filled.filter(|(_, entry)| entry.has_content()), wanted) else {
            return Ok(None);
        };
        entry.credential().map(Some).map_err(|flaw| EntryError {
            registry: wanted.to_string(),
            origin: self.origin.clone(),
            flaw,
        })
    }

    fn key_in_auths(&self, wanted: &Scope) -> Option<&str> {
        let entries = self.document.auths.iter().flatten();
        let whole = entries.filter(|(key, _)| Scope::of_key(key).is_whole_registry());
        best(whole, wanted).map(|(key, _)| key)
    }
}

/// The entry with the longest path around `wanted`, of equals the one with docker's own spelling.
fn best<'a, T>(
    entries: impl Iterator<Item = (&'a String, T)>,
    wanted: &Scope,
) -> Option<(&'a str, T)> {
    let own = if wanted.is_hub() { HUB_KEY } else { wanted.host() };
    entries
        .filter_map(|(key, value)| {
            let scope = Scope::of_key(key);
            scope.covers(wanted).then(|| ((scope.depth(), key == own), key.as_str(), value))
        })
        .max_by_key(|(rank, ..)| *rank)
        .map(|(_, key, value)| (key, value))
}

impl Entry {
    fn has_content(&self) -> bool {
        let secrets = [&self.auth, &self.password, &self.identitytoken, &self.registrytoken];
        secrets.into_iter().any(|secret| filled(secret.as_ref()).is_some())
            || self.username.as_ref().is_some_and(|name| !name.is_empty())
    }

    fn credential(&self) -> Result<Credential, Flaw> {
        if let Some(token) = filled(self.registrytoken.as_ref()) {
            return Credential::bearer(token.clone());
        }
        if let Some(token) = filled(self.identitytoken.as_ref()) {
            return Credential::identity_token(token.clone());
        }
        if let Some(auth) = filled(self.auth.as_ref()) {
            return decode(auth.expose());
        }
        let password = filled(self.password.as_ref()).ok_or(Flaw::NoSecret)?;
        Credential::basic(self.username.as_deref().unwrap_or_default(), password.clone())
    }
}

fn filled(secret: Option<&Secret>) -> Option<&Secret> {
    secret.filter(|secret| !secret.expose().is_empty())
}

fn decode(auth: &str) -> Result<Credential, Flaw> {
    let bytes = Zeroizing::new(BASE64.decode(auth).map_err(|_| Flaw::NotBase64)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| Flaw::NotBase64)?;
    let (username, password) = text.split_once(':').ok_or(Flaw::NoColon)?;
    Credential::basic(username, Secret::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn config(text: &str) -> DockerConfig {
        DockerConfig::from_text(&Secret::new(text.to_owned()), "test").unwrap()
    }

    #[test]
    fn the_longest_path_counts_and_then_dockers_spelling() {
        let text = r#"{"auths":{
            "r.example":{"auth":"dzpw"}, "https://r.example/":{"auth":"c2NoZW1lOnA="},
            "r.example/a":{"auth":"YTpw"}, "r.example/a/b":{"auth":"YWI6cA=="}, "r.example/a/b/c":{},
            "docker.io":{"auth":"ZDpw"}, "https://index.docker.io/v1/":{"auth":"aHViOnA="}}}"#;
        let check = |host: &str, repository: &str, expected: &str| {
            let wanted = Scope::of_repository(host, repository);
            let found = config(text).entry(&wanted).unwrap().unwrap();
            let Credential::Basic { username, .. } = found else { panic!("{found:?}") };
            assert_eq!(username, expected, "{host}/{repository}");
        };
        check("r.example", "x", "w");
        check("r.example", "a", "a");
        check("r.example", "a/bc", "a");
        check("r.example", "a/b", "ab");
        check("r.example", "a/b/c", "ab");
        check("registry-1.docker.io", "library/alpine", "hub");
    }

    #[test]
    fn a_helper_is_asked_by_the_name_that_docker_uses() {
        let check = |text: &str, host: &str, expected: Option<(&str, &str)>| {
            let wanted = Scope::of_repository(host, "a/b");
            assert_eq!(config(text).helper(&wanted), expected, "{text}");
        };
        check(r#"{"credsStore":"s"}"#, "docker.io", Some(("s", HUB_KEY)));
        check(r#"{"credsStore":"s"}"#, "r.example:5000", Some(("s", "r.example:5000")));
        let with_key = r#"{"credsStore":"s","auths":{"https://r.example/v1/":{}}}"#;
        check(with_key, "r.example", Some(("s", "https://r.example/v1/")));
        check(r#"{"credHelpers":{"R.example/":"h"}}"#, "r.example", Some(("h", "R.example/")));
        check(r#"{"credHelpers":{"docker.io":"h"}}"#, "docker.io", Some(("h", HUB_KEY)));
        check(r#"{"credHelpers":{"r.example/a/b":"h"}}"#, "r.example", None);
        check(r#"{"credHelpers":{"r.example":""},"credsStore":"s"}"#, "r.example", None);
        check(r#"{"credsStore":""}"#, "r.example", None);
        check(r#"{"credHelpers":null,"credsStore":null}"#, "r.example", None);
    }

    #[test]
    fn entries_decode_to_credentials_or_are_refused() {
        let check = |entry: &str, expected: Result<Option<&str>, Flaw>| {
            let config = config(&format!(r#"{{"auths":{{"r.example":{entry}}}}}"#));
            let found = config.entry(&Scope::of_repository("r.example", "a"));
            let shown = found.map(|found| {
                found.map(|credential| match credential {
                    Credential::Basic { username, password } => {
                        format!("{username} {}", password.expose())
                    }
                    Credential::IdentityToken(token) => format!("identity {}", token.expose()),
                    Credential::Bearer(token) => format!("bearer {}", token.expose()),
                })
            });
            let shown = shown.map_err(|error| error.flaw);
            assert_eq!(shown, expected.map(|text| text.map(str::to_owned)), "{entry}");
        };
        let auth = |text: &str| format!(r#"{{"auth":"{}"}}"#, BASE64.encode(text));
        check("{}", Ok(None));
        check("null", Ok(None));
        check(r#"{"auth":"","email":"x","extra":[1]}"#, Ok(None));
        check(&auth("user:pass:word"), Ok(Some("user pass:word")));
        check(&auth("us\u{e9}r:p\u{e4}ss"), Ok(Some("us\u{e9}r p\u{e4}ss")));
        check(r#"{"auth":"dTpw"}"#, Ok(Some("u p")));
        check(r#"{"auth":"dXM6cA"}"#, Ok(Some("us p")));
        check(r#"{"username":"u","password":"p"}"#, Ok(Some("u p")));
        check(r#"{"auth":"dTo=","identitytoken":"t"}"#, Ok(Some("identity t")));
        check(r#"{"identitytoken":"t","registrytoken":"r"}"#, Ok(Some("bearer r")));
        check(r#"{"auth":"!!"}"#, Err(Flaw::NotBase64));
        check(r#"{"auth":"dTpw\n"}"#, Err(Flaw::NotBase64));
        check(r#"{"auth":"dTr/"}"#, Err(Flaw::NotBase64));
        check(&auth("user"), Err(Flaw::NoColon));
        check(&auth(":pass"), Err(Flaw::NoUsername));
        check(&auth("user:"), Err(Flaw::NoSecret));
        check(&auth("user:pass\0"), Err(Flaw::LineBreak));
        check(&auth("user\r\n:pass"), Err(Flaw::LineBreak));
        check(&auth("user:pass\nX: y"), Err(Flaw::LineBreak));
        check(r#"{"username":"u"}"#, Err(Flaw::NoSecret));
        check(r#"{"username":"u:v","password":"p"}"#, Err(Flaw::Colon));
        check(r#"{"registrytoken":"a b"}"#, Err(Flaw::NotAToken));
        check(r#"{"identitytoken":"a\nb"}"#, Err(Flaw::LineBreak));
    }

    #[test]
    fn text_that_is_not_a_config_is_refused_without_quoting_it() {
        let check = |text: &str, expected: Option<&str>| {
            let result = DockerConfig::from_text(&Secret::new(text.to_owned()), "test");
            let error = result.err().map(|error| format!("{error} {error:?}"));
            assert!(!error.as_ref().is_some_and(|error| error.contains("canary")), "{error:?}");
            assert_eq!(error.is_some(), expected.is_some(), "{text} {error:?}");
            if let (Some(error), Some(expected)) = (error, expected) {
                assert!(error.contains(expected), "{text}: {error}");
            }
        };
        check(r#"{"auths":null}"#, None);
        check("{}", None);
        check(r#"{"auths":{"x":{"auth":"canary"}},"HttpHeaders":{"X":"y"}}"#, None);
        check("", Some("test: empty"));
        check(" \n", Some("empty"));
        check("null", Some("not JSON"));
        check("[]", Some("not JSON"));
        check("\u{feff}{}", Some("not JSON"));
        check("auth: canary", Some("not JSON"));
        check("{} canary", Some("not JSON at line 1, column 4"));
        check(r#"{"auths":{"x":{"auth":"canary"#, Some("incomplete JSON"));
        check(r#"{"auths":"canary"}"#, Some("not a docker config"));
        check(r#"{"auths":{"x":"canary"}}"#, Some("not a docker config"));
        check(r#"{"auths":{"x":{"auth":["canary"]}}}"#, Some("not a docker config"));
        check(r#"{"auths":{},"auths":{}}"#, Some("not a docker config"));
    }

    #[tokio::test]
    async fn only_regular_files_of_moderate_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let check = async |name: &str, expected: &str| {
            let result = read_again(&path(name), || std::future::ready(())).await;
            let shown = match result {
                Ok(None) => "missing".to_owned(),
                Ok(Some(_)) => "read".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(shown.contains(expected), "{name}: {shown}");
            assert!(!shown.contains("credentials") || shown.contains(name), "{shown}");
        };
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(path(target), path(name)).unwrap();
        };
        let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
        fs::write(path("good"), padded(1 << 20)).unwrap();
        fs::write(path("big"), padded((1 << 20) + 1)).unwrap();
        fs::write(path("empty"), "").unwrap();
        link("good", "link");
        link("nowhere", "dangling");
        link("loop", "loop");
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        check("good", "read").await;
        check("link", "read").await;
        check("absent", "missing").await;
        check("dangling", "missing").await;
        check("big", "larger than 1 MiB").await;
        check("", "not a regular file").await;
        check("pipe", "not a regular file").await;
        check("loop", "cannot be read").await;
        check("good/below", "cannot be read").await;
        check("empty", "empty, expected JSON").await;
    }

    #[tokio::test]
    async fn a_file_that_is_being_rewritten_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let check = async |contents: [&str; 5], reads: usize, read: bool| {
            let next = std::cell::Cell::new(0);
            let write_next = || {
                fs::write(&path, contents[next.get()]).unwrap();
                next.set(next.get() + 1);
                std::future::ready(())
            };
            write_next().await;
            let result = read_again(&path, write_next).await;
            assert_eq!((next.get(), result.is_ok()), (reads, read), "{contents:?}");
        };
        check(["", "{\"auths\"", "{}}", "{}", "{}"], 4, true).await;
        check(["", "", "", "", "{}"], 4, false).await;
        check(["{\"auths\":1}", "{}", "{}", "{}", "{}"], 1, false).await;
        check(["{}", "{}", "{}", "{}", "{}"], 1, true).await;
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[{}\[\]":,a-z0-9/. ]{0,80}"#) {
            if let Ok(config) = DockerConfig::from_text(&Secret::new(text), "test") {
                let wanted = Scope::of_repository("a", "b");
                let _ = (config.helper(&wanted), config.entry(&wanted));
            }
        }
    }
}
