//! Where a history is: a file on a local disk, or a PostgreSQL database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use super::Error;

/// What says in the address of a server how long it is waited for, in seconds; 0 is without end.
const LIMITS: [&str; 2] = ["connect_timeout", "read_timeout"];
/// A server that has not let anybody in by then is away.
const LONGEST_DIAL: Duration = Duration::from_secs(20);
/// So is one that says nothing for so long; it waits half of that for the locks of others.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

/// Where a history is kept. Printing it leaves out user name, password and options.
#[derive(Clone, PartialEq, Eq)]
pub struct Place(pub(super) Kind);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// An SQLite file.
    File(PathBuf),
    /// A PostgreSQL database.
    Server(Box<Url>),
}

impl Place {
    /// A file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// Whether the place names a password, which must not stand on a command line.
    pub fn has_password(&self) -> bool {
        match &self.0 {
            Kind::File(_) => false,
            Kind::Server(url) => {
                url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
            }
        }
    }

    /// Whether it is a database on a server, which several processes can share.
    pub fn is_server(&self) -> bool {
        matches!(self.0, Kind::Server(_))
    }

    /// The address of the server as it is to be called; `None` for a file.
    #[cfg(feature = "postgres")]
    pub(crate) fn server_url(&self) -> Option<Url> {
        match &self.0 {
            Kind::File(_) => None,
            Kind::Server(url) => Some(careful(url)),
        }
    }

    /// How long the server may say nothing where an answer is due; `None` for a file, and without
    /// end.
    #[cfg(feature = "postgres")]
    pub(crate) fn longest_silence(&self) -> Option<Duration> {
        match &self.0 {
            Kind::File(_) => None,
            // An address was refused when it was read if this is no number.
            Kind::Server(url) => patience(url).ok()?.answer,
        }
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = |reason: &str| Error::Place { reason: reason.to_owned() };
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" | ":memory:" => Err(malformed("the name of the file is missing")),
                path => Ok(Self::file(path)),
            };
        }
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            let url = Url::parse(text).map_err(|error| malformed(&error.to_string()))?;
            patience(&url)?;
            return if url.has_host() || url.query_pairs().any(|(key, _)| key == "host") {
                Ok(Self(Kind::Server(Box::new(url))))
            } else {
                Err(malformed("the host of the server is missing"))
            };
        }
        match text.split_once("://") {
            Some(_) => Err(malformed("only sqlite: and postgres:// are known")),
            None if text.is_empty() => Err(malformed("the name of the file is missing")),
            None => Ok(Self::file(text)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => path.display().fmt(f),
            Kind::Server(url) => {
                write!(f, "postgres://{}", url.host_str().unwrap_or_default())?;
                url.port().map_or(Ok(()), |port| write!(f, ":{port}"))?;
                f.write_str(url.path())
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How long a server is waited for; `None` is without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// Until it lets in who calls.
    pub(super) dial: Option<Duration>,
    /// Until it sends the next part of an answer.
    pub(super) answer: Option<Duration>,
}

/// How long the server with an address is waited for.
pub(super) fn patience(url: &Url) -> Result<Patience, Error> {
    let [dial, answer] = LIMITS;
    let limit = |name: &str, usual: Duration| {
        let Some((_, text)) = url.query_pairs().find(|(key, _)| key == name) else {
            return Ok(Some(usual));
        };
        let seconds: u32 = text
            .parse()
            .map_err(|_| Error::Place { reason: format!("{name} is no number of seconds") })?;
        Ok((seconds > 0).then(|| Duration::from_secs(seconds.into())))
    };
    Ok(Patience { dial: limit(dial, LONGEST_DIAL)?, answer: limit(answer, LONGEST_SILENCE)? })
}

/// The address of a server with what regsize asks for where the user did not say: away from this
/// machine, a certificate for the server's name. What the driver does not know is left out.
pub(super) fn careful(url: &Url) -> Url {
    let mut url = without_limits(url);
    let says = |name: &str| url.query_pairs().any(|(key, _)| key == name);
    let is_local = match url.host() {
        None => true,
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => {
            let name = name.to_ascii_lowercase();
            ["localhost", "127.0.0.1", "[::1]"].contains(&name.as_str()) || name.starts_with("%2f")
        }
    };
    let is_local = is_local && !says("host") && !says("hostaddr");
    if !is_local && !says("sslmode") && !says("ssl-mode") {
        url.query_pairs_mut().append_pair("sslmode", "verify-full");
    }
    url
}

fn without_limits(url: &Url) -> Url {
    let mut rest = url.clone();
    if url.query_pairs().any(|(key, _)| LIMITS.contains(&&*key)) {
        let others = url.query_pairs().filter(|(key, _)| !LIMITS.contains(&&**key));
        rest.query_pairs_mut().clear().extend_pairs(others);
    }
    rest
}

/// The name of the network file system that `path` is on, if it is one.
#[cfg(target_os = "linux")]
pub(super) fn network_file_system(path: &Path) -> Option<&'static str> {
    let place = path.ancestors().find(|place| place.exists())?;
    let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    let magic = rustix::fs::statfs(place).ok()?.f_type;
    // The type is signed on some machines, and the numbers have 32 bits.
    named(u32::try_from(magic & 0xffff_ffff).ok()?)
}

/// The name of the network file system that `path` is on; it is not told here.
#[cfg(not(target_os = "linux"))]
pub(super) fn network_file_system(_path: &Path) -> Option<&'static str> {
    None
}

#[cfg(target_os = "linux")]
fn named(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x00c3_6400 => "Ceph",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        0x786f_4256 => "vboxsf",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_files_or_servers_and_print_without_secrets() {
        let check = |text: &str, shown: &str, secret: bool| {
            let place: Place = text.parse().unwrap();
            assert_eq!((place.to_string().as_str(), place.has_password()), (shown, secret));
            assert_eq!(format!("{place:?}"), shown);
        };
        check("a.sqlite", "a.sqlite", false);
        check("sqlite:a b", "a b", false);
        check("sqlite:///var/lib/h.sqlite", "/var/lib/h.sqlite", false);
        check("postgres://db/sizes", "postgres://db/sizes", false);
        check("postgresql://u:p@db:5433/sizes?sslmode=disable", "postgres://db:5433/sizes", true);
        check("postgres://db/sizes?password=p", "postgres://db/sizes", true);
        check("postgres:///sizes?host=/run/postgresql", "postgres:///sizes", false);
    }

    #[test]
    fn what_is_no_place_is_refused_without_repeating_it() {
        let check = |text: &str, part: &str| {
            let error = text.parse::<Place>().unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hush"), "{error}");
        };
        check("", "file is missing");
        check("sqlite:", "file is missing");
        check("sqlite::memory:", "file is missing");
        check("mysql://u:hush@db/x", "only sqlite: and postgres://");
        check("postgres://u:hush@db:port/x", "port");
        check("postgres://u:hush@db/x?read_timeout=1m", "read_timeout is no number of seconds");
        check("postgres:///x", "host of the server is missing");
    }

    #[test]
    fn a_server_elsewhere_has_to_prove_its_name() {
        let check = |text: &str, expected: &str| {
            assert_eq!(careful(&Url::parse(text).unwrap()).as_str(), expected);
        };
        check("postgres://db/x", "postgres://db/x?sslmode=verify-full");
        check("postgres://db/x?sslmode=require", "postgres://db/x?sslmode=require");
        check("postgres://localhost/x", "postgres://localhost/x");
        check("postgres://localhost/x?read_timeout=5", "postgres://localhost/x?");
        check(
            "postgres://db/x?connect_timeout=5&sslmode=require",
            "postgres://db/x?sslmode=require",
        );
        check("postgres://127.0.0.1:1/x", "postgres://127.0.0.1:1/x");
        check(
            "postgres://localhost/x?host=db",
            "postgres://localhost/x?host=db&sslmode=verify-full",
        );
        check("postgres://%2Frun%2Fpostgresql/x", "postgres://%2Frun%2Fpostgresql/x");
    }

    #[test]
    fn an_address_says_how_long_its_server_is_waited_for() {
        let check = |text: &str, dial: Option<u64>, answer: Option<u64>| {
            let expected = Patience {
                dial: dial.map(Duration::from_secs),
                answer: answer.map(Duration::from_secs),
            };
            assert_eq!(patience(&Url::parse(text).unwrap()).unwrap(), expected);
        };
        check("postgres://db/x", Some(20), Some(60));
        check("postgres://db/x?connect_timeout=3", Some(3), Some(60));
        check("postgres://db/x?read_timeout=300&connect_timeout=0", None, Some(300));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn network_file_systems_are_known_by_their_numbers() {
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(named(0xff53_4d42), Some("SMB"));
        assert_eq!(named(0xef53), None);
        assert_eq!(network_file_system(Path::new("/proc/none/of/this")), None);
    }
}
