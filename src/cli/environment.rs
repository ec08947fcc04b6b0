//! What the surroundings say: environment variables, the terminal, limits of the process.
//!
//! The only code that reads the environment. Everything it finds becomes a value.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustix::process::{Resource, getrlimit};

use super::args::{NetworkArgs, SharedArgs, SpoolArgs, StoreArgs};
use crate::cache::{Cache, DEFAULT_LIMIT};
use crate::history::{self, Place, Spools};
use crate::layer;
use crate::reference::Reference;
use crate::registry::credentials::{Explicit, Sources};
use crate::registry::{Error, ErrorKind, Limits, Observer, Options, Proxies, RetryPolicy, Secret};
use crate::shared::Variables;
use crate::size;

/// A credential helper may open a browser while somebody watches, but not in a script.
const ATTENDED: Duration = Duration::from_mins(10);
const UNATTENDED: Duration = Duration::from_secs(30);
/// Columns where nothing tells how many there are.
const DEFAULT_WIDTH: usize = 100;
/// Files that are open besides connections.
const OTHER_FILES: u64 = 24;
/// Connections that one request in flight may keep open: to the registry, to its storage.
const CONNECTIONS_PER_REQUEST: usize = 3;
/// Blobs get one of so many descriptors where there are few.
const FILES_PER_BLOB_SHARE: usize = 4;
const MAX_PASSWORD: u64 = 64 << 10;
/// Variables of the stores of shared caches.
const BUCKET_PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];
const MAX_CA_FILE: u64 = 4 << 20;
const PEM_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The registry options that arguments and environment make.
pub(super) fn options<'a>(
    network: &NetworkArgs,
    references: impl Iterator<Item = &'a Reference>,
    observer: Observer,
) -> Result<Options, Error> {
    let defaults = Options::default();
    let (concurrency, streams) = connections(network.concurrency, network.streams);
    Ok(Options {
        credentials: Arc::new(sources(network, references)?),
        plain_http: network.plain_http.clone(),
        https: network.https.clone(),
        ca_certificates: ca_certificates(network)?,
        proxies: proxies(),
        allowed_realms: network.allow_realm.clone(),
        retry: RetryPolicy {
            attempts: network.retries.saturating_add(1),
            deadline: Duration::from_secs(network.deadline),
            ..RetryPolicy::default()
        },
        limits: limits(&network.limit)?.0,
        concurrency,
        streams,
        buffer: network.buffer,
        observer,
        ..defaults
    })
}

/// The cache, and the reason if it does not do all that it should.
pub(super) fn cache(network: &NetworkArgs) -> (Cache, Option<String>) {
    if network.no_cache {
        return (Cache::disabled(), None);
    }
    let Some(directory) = cache_directory(network) else {
        return (Cache::disabled(), None);
    };
    match Cache::open(&directory) {
        Ok(cache) => {
            let cache = cache.with_limit(cache_limit(network));
            if cache.is_writable() {
                return (cache, None);
            }
            let place = directory.display();
            let notice =
                format!("the cache directory {place} cannot be written to: nothing new is kept");
            (cache.read_only(), Some(notice))
        }
        Err(reason) => (Cache::disabled(), Some(reason)),
    }
}

/// Where the cache is: as asked for, or below the user's home.
pub(super) fn cache_directory(network: &NetworkArgs) -> Option<PathBuf> {
    let home = || absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    network.cache_dir.clone().or_else(|| Some(home()?.join("regsize")))
}

/// Where the history is: as asked for, by the variable, or in the user's data directory.
pub(super) fn store(args: &StoreArgs) -> Result<Place, Error> {
    let usage = |error: history::Error| {
        let hint = error.what_to_do().unwrap_or_default();
        Error::new(ErrorKind::Usage, error.to_string()).hint(hint)
    };
    if let Some(text) = &args.store {
        let place: Place = text.parse().map_err(usage)?;
        if place.has_password() {
            let text = "a password on the command line is seen by every user of this machine";
            return Err(Error::new(ErrorKind::Usage, text).hint(
                "put the address into the variable REGSIZE_STORE or a file: --store-file FILE",
            ));
        }
        return Ok(place);
    }
    if let Some(path) = &args.store_file {
        return secret_file(path)?.expose().trim().parse().map_err(usage);
    }
    if let Some(text) = env::var_os("REGSIZE_STORE").filter(|text| !text.is_empty()) {
        return match text.to_str() {
            Some(text) => text.parse().map_err(usage),
            None => Ok(Place::file(text)),
        };
    }
    let home =
        || absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let directory = home().ok_or_else(|| {
        let text = "there is no directory for a history: HOME and XDG_DATA_HOME are not set";
        Error::new(ErrorKind::Local, text).hint("name a file: --store FILE")
    })?;
    Ok(Place::file(directory.join("regsize/history.sqlite")))
}

/// Where waits what cannot be recorded; `None` if there is no place for it.
pub(super) fn spools(args: &SpoolArgs, place: &Place) -> Option<Spools> {
    let home =
        || absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let directory = args.spool.clone().or_else(|| Some(home()?.join("regsize/spool")))?;
    Some(Spools::new(directory, place))
}

/// Whether a variable says where the history is.
pub(super) fn names_store() -> bool {
    set("REGSIZE_STORE").is_some()
}

/// A secret that settings name a variable for.
pub(super) fn secret(variable: &str) -> Option<Secret> {
    set(variable)?.into_string().ok().map(Secret::new)
}

/// This process in words, for those who find it at work.
pub(super) fn process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| set("HOSTNAME")?.into_string().ok());
    let host = host.as_deref().map_or("this host", str::trim);
    format!("process {} on {host}", std::process::id())
}

/// A file that holds a secret.
fn secret_file(path: &Path) -> Result<Secret, Error> {
    let name = path.display();
    let cannot = |error| {
        Error::new(ErrorKind::Local, format!("the file {name} cannot be read")).because(error)
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_PASSWORD).read_to_string(&mut text).map_err(cannot)?;
    Ok(Secret::new(text))
}

/// What the entries of a shared cache are signed with, if that is set.
pub(super) fn shared_cache_key(args: &SharedArgs) -> Result<Option<Secret>, Error> {
    if let Some(path) = &args.key_file {
        return secret_file(path).map(Some);
    }
    let Some(text) = set("REGSIZE_SHARED_CACHE_KEY") else { return Ok(None) };
    let text = text
        .into_string()
        .map_err(|_| Error::new(ErrorKind::Usage, "REGSIZE_SHARED_CACHE_KEY is not UTF-8"))?;
    Ok(Some(Secret::new(text)))
}

/// What the clients of buckets are told by the variables that each of them has.
pub(super) fn bucket_variables() -> Variables {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, Secret::new(value.into_string().ok()?)))
    };
    let is_theirs = |name: &str| BUCKET_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let found = env::vars_os().filter_map(text);
    Variables(found.filter(|(name, _)| is_theirs(name)).collect())
}

/// How many bytes are kept; `None` for any number.
pub(super) fn cache_limit(network: &NetworkArgs) -> Option<u64> {
    Some(network.cache_size.unwrap_or(DEFAULT_LIMIT)).filter(|limit| *limit > 0)
}

/// The prefix for what a path leads to, if it leads to anything.
pub(super) fn form_of(path: &str) -> Option<&'static str> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(if metadata.is_dir() { "oci:" } else { "docker-archive:" })
}

/// The width of the report: as asked for, or the terminal's.
pub(super) fn width(asked: Option<usize>) -> usize {
    let columns = || env::var("COLUMNS").ok()?.parse().ok();
    let terminal = || Some(usize::from(rustix::termios::tcgetwinsize(io::stdout()).ok()?.ws_col));
    asked.or_else(terminal).or_else(columns).filter(|width| *width > 0).unwrap_or(DEFAULT_WIDTH)
}

/// Whether stdout shows colours: a terminal that does, and nobody asked for none.
pub(super) fn color(refused: bool) -> bool {
    !refused && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Whether stdout shows more than ASCII.
pub(super) fn unicode() -> bool {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    match set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")) {
        // Nothing set, as in most containers and CI: their logs are UTF-8.
        None => set("TERM").as_deref() != Some("dumb"),
        Some(locale) => locale.to_ascii_lowercase().replace('-', "").contains("utf8"),
    }
}

/// The day that it is, in UTC: as given, or by `SOURCE_DATE_EPOCH`, or by the clock.
pub(super) fn today(given: Option<Date>) -> Result<Date, Error> {
    let now = match set("SOURCE_DATE_EPOCH") {
        None => Timestamp::now(),
        Some(seconds) => {
            let seconds = seconds.to_str().and_then(|text| text.parse().ok());
            seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| {
                Error::new(ErrorKind::Usage, "SOURCE_DATE_EPOCH is no number of seconds")
            })?
        }
    };
    Ok(given.unwrap_or_else(|| now.to_zoned(TimeZone::UTC).date()))
}

/// The file that a job of GitHub shows when it is done.
pub(super) fn job_summary() -> Option<PathBuf> {
    set("GITHUB_STEP_SUMMARY").map(PathBuf::from)
}

/// Whether somebody watches the progress.
pub(super) fn watched() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn sources<'a>(
    network: &NetworkArgs,
    references: impl Iterator<Item = &'a Reference>,
) -> Result<Sources, Error> {
    let home = absolute("HOME");
    let podman = [
        absolute("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json")),
        absolute("XDG_CONFIG_HOME")
            .or_else(|| Some(home.as_ref()?.join(".config")))
            .map(|directory| directory.join("containers/auth.json")),
    ];
    Ok(Sources {
        explicit: explicit(network, references)?,
        docker_config_json: docker_auth_config()?,
        auth_file: set("REGISTRY_AUTH_FILE").map(PathBuf::from),
        docker_config_dir: set("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| Some(home?.join(".docker"))),
        podman_files: podman.into_iter().flatten().collect(),
        helper_path: env::var_os("PATH"),
        helper_timeout: if io::stderr().is_terminal() { ATTENDED } else { UNATTENDED },
    })
}

fn docker_auth_config() -> Result<Option<Secret>, Error> {
    let text = set("DOCKER_AUTH_CONFIG").map(OsString::into_string).transpose();
    // What cannot be read must not be taken for nothing.
    let text = text
        .map_err(|_| Error::new(ErrorKind::Auth, "credentials in DOCKER_AUTH_CONFIG: not UTF-8"))?;
    Ok(text.map(Secret::new))
}

fn explicit<'a>(
    network: &NetworkArgs,
    references: impl Iterator<Item = &'a Reference>,
) -> Result<Option<Explicit>, Error> {
    let Some(username) = network.username.clone() else { return Ok(None) };
    let usage = |text: &str| Error::new(ErrorKind::Usage, text);
    let registries: BTreeSet<&str> = references.map(Reference::registry).collect();
    if registries.is_empty() {
        return Err(usage("--username is for a registry, but no image is in one"));
    }
    let [registry] = registries.into_iter().collect::<Vec<_>>()[..] else {
        return Err(usage("--username is for one registry, but the images are in several"));
    };
    let mut password = String::new();
    let read = io::stdin().take(MAX_PASSWORD + 1).read_to_string(&mut password);
    let length =
        read.map_err(|error| usage("the password cannot be read from stdin").because(error))?;
    if length as u64 > MAX_PASSWORD {
        return Err(usage("the password on stdin is longer than 64 KiB"));
    }
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    Ok(Some(Explicit { registry: registry.to_owned(), username, password: Secret::new(password) }))
}

fn ca_certificates(network: &NetworkArgs) -> Result<Vec<Vec<u8>>, Error> {
    let read = |path: &PathBuf| {
        let error = |error: io::Error| {
            Error::new(ErrorKind::Local, format!("the CA file {} cannot be read", path.display()))
                .because(error)
        };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(error)?;
        file.take(MAX_CA_FILE).read_to_end(&mut bytes).map_err(error)?;
        if !bytes.windows(PEM_CERTIFICATE.len()).any(|window| window == PEM_CERTIFICATE) {
            let path = path.display();
            let text = format!("the CA file {path} holds no certificate in PEM form");
            return Err(Error::new(ErrorKind::Usage, text));
        }
        Ok(bytes)
    };
    network.ca_file.iter().map(read).collect()
}

fn proxies() -> Proxies {
    let either = |lower: &str, upper: &str| {
        let text = |name: &str| env::var(name).ok().filter(|text| !text.is_empty());
        text(lower).or_else(|| text(upper))
    };
    Proxies {
        // In a CGI program HTTP_PROXY comes from a request's header, hence lower case alone.
        http: if set("REQUEST_METHOD").is_some() {
            either("http_proxy", "http_proxy")
        } else {
            either("http_proxy", "HTTP_PROXY")
        },
        https: either("https_proxy", "HTTPS_PROXY"),
        all: either("all_proxy", "ALL_PROXY"),
        exceptions: either("no_proxy", "NO_PROXY"),
    }
}

/// The ceilings of layers.
pub(super) fn layer_limits(network: &NetworkArgs) -> Result<layer::Limits, Error> {
    Ok(limits(&network.limit)?.1)
}

fn limits(pairs: &[(String, String)]) -> Result<(Limits, layer::Limits), Error> {
    let (mut limits, mut of_layers) = (Limits::default(), layer::Limits::default());
    for (name, value) in pairs {
        let usage =
            |text: String| Error::new(ErrorKind::Usage, format!("--limit {name}={value}: {text}"));
        let bytes = || size::parse(value).map_err(|error| usage(error.to_string()));
        let memory = || Ok(usize::try_from(bytes()?).unwrap_or(usize::MAX));
        let number = || value.parse().map_err(|_| usage("expected a number".to_owned()));
        let factor = || value.parse().map_err(|_| usage("expected a number".to_owned()));
        match name.as_str() {
            "manifest" => limits.manifest = bytes()?,
            "config" => limits.config = bytes()?,
            "configs" => limits.configs = bytes()?,
            "steps" => limits.steps = number()?,
            "statement" => limits.statement = bytes()?,
            "page" => limits.page = bytes()?,
            "layers" => limits.layers = number()?,
            "manifests" => limits.manifests = number()?,
            "entries" => of_layers.entries = number()?,
            "names" => of_layers.names = memory()?,
            "unpacked" => of_layers.unpacked = bytes()?,
            "ratio" => of_layers.ratio = factor()?,
            "toc" => of_layers.toc = bytes()?,
            "captured" => of_layers.captured = memory()?,
            "memory" => of_layers.memory = memory()?,
            _ => {
                return Err(usage(
                    "the ceilings are manifest, config, configs, statement, page, layers, manifests, \
                     steps, entries, names, unpacked, ratio, toc, captured and memory"
                        .to_owned(),
                ));
            }
        }
    }
    Ok((limits, of_layers))
}

/// Requests and blobs in flight for which there are file descriptors.
fn connections(requests: usize, blobs: usize) -> (usize, usize) {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    let blobs = blobs.min(possible / FILES_PER_BLOB_SHARE).max(1);
    let requests = requests.min(possible.saturating_sub(blobs) / CONNECTIONS_PER_REQUEST).max(1);
    (requests, blobs)
}

/// Whether a variable is set to nothing.
pub(super) fn is_empty(name: &OsStr) -> bool {
    env::var_os(name).is_some_and(|value| value.is_empty())
}

fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn absolute(name: &str) -> Option<PathBuf> {
    set(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
