//! Origins: the scheme, host and port that requests go to and credentials are bound to.
//!
//! Hosts are compared in the form of the URL standard (lower case, punycode) and without a
//! trailing dot. An origin knows its registrable domain by the Public Suffix List; it has none if
//! the list does not know its suffix, or if the domain gives a subdomain to each customer.

use std::fmt;
use std::net::IpAddr;

use psl::Psl as _;
use url::{Host, Url};

use super::address::{AddressClass, class};
use super::secret::SafeUrl;

/// The transport that a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

/// A scheme, host and port: what credentials are bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

/// Why a request is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The URL is not one of a web server.
    #[error("{0} is not an http or https URL with a host")]
    NotWeb(String),
    /// The URL carries a user name or password.
    #[error("the URL on {0} carries a user name or password")]
    Userinfo(Origin),
    /// TLS would be given up.
    #[error("{from} points to {to}, which is not https")]
    Downgrade {
        /// Where the answer came from.
        from: Origin,
        /// Where it points to.
        to: Origin,
    },
    /// The address is not one of the public network.
    #[error("{from} points to {to}, which is not a public address")]
    NotPublic {
        /// Where the answer came from.
        from: Origin,
        /// Where it points to.
        to: Origin,
    },
}

/// How much is repeated of a URL that is refused.
const SHOWN: usize = 200;

/// Domains with a subdomain for each customer that the Public Suffix List has not, or not whole.
const RENTED_DOMAINS: [&str; 31] = [
    "aliyuncs.com",
    "amazonaws.com",
    "amazonaws.com.cn",
    "azure.cn",
    "azure.com",
    "azurecr.cn",
    "azurecr.io",
    "azurecr.us",
    "cloudflarestorage.com",
    "cloudsmith.io",
    "container-registry.com",
    "cr.yandex",
    "gcr.io",
    "icr.io",
    "ionos.com",
    "jfrog.io",
    "myhuaweicloud.com",
    "nip.io",
    "ocir.io",
    "on.aws",
    "oraclecloud.com",
    "pkg.dev",
    "scw.cloud",
    "sonatype.app",
    "sslip.io",
    "tencentcloudcr.com",
    "tencentcos.cn",
    "tencentyun.com",
    "vultrcr.com",
    "windows.net",
    "xip.io",
];

impl Origin {
    /// The origin of `url`, which must be an http or https URL without user and password.
    pub fn of(url: &Url) -> Result<Self, Refused> {
        let not_web =
            || Refused::NotWeb(SafeUrl(url.clone()).to_string().chars().take(SHOWN).collect());
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(not_web()),
        };
        let host = match url.host().ok_or_else(not_web)? {
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
                if name.split('.').any(str::is_empty) {
                    return Err(not_web());
                }
                Host::Domain(name)
            }
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        let port = url.port_or_known_default().ok_or_else(not_web)?;
        let origin = Self { scheme, host, port };
        if url.username().is_empty() && url.password().is_none() {
            Ok(origin)
        } else {
            Err(Refused::Userinfo(origin))
        }
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host in lower case, without a trailing dot; an IPv6 address stands in brackets.
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and, where it is not the scheme's default, port.
    pub fn authority(&self) -> String {
        self.to_string().split_once("://").map_or_else(String::new, |(_, rest)| rest.to_owned())
    }

    /// The host's address if the host is an address.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// Whether the host is a name or a public address; names of the machine itself are not.
    pub(super) fn looks_public(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name != "localhost" && !name.ends_with(".localhost"),
            Host::Ipv4(address) => class((*address).into()) == AddressClass::Public,
            Host::Ipv6(address) => class((*address).into()) == AddressClass::Public,
        }
    }

    /// Whether both have the same host, on whatever port.
    pub(super) fn same_host(&self, other: &Self) -> bool {
        self.host == other.host
    }

    /// Whether both hosts belong to whoever registered the domain above them.
    pub(super) fn same_registrable_domain(&self, other: &Self) -> bool {
        let domain = self.registrable_domain();
        domain.is_some() && domain == other.registrable_domain()
    }

    /// The domain that somebody registered, if all hosts below it are theirs.
    fn registrable_domain(&self) -> Option<&str> {
        let Host::Domain(name) = &self.host else { return None };
        let domain = psl::List.domain(name.as_bytes())?;
        let known = domain.suffix().is_known();
        let domain = std::str::from_utf8(domain.as_bytes()).ok()?;
        let rented = RENTED_DOMAINS.iter().any(|rented| is_at_or_below(domain, rented));
        (known && !rented).then_some(domain)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = match self.scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

fn is_at_or_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn origins_print_in_one_form() {
        let check = |text: &str, expected: &str| assert_eq!(origin(text).to_string(), expected);
        check("HTTPS://R.Example.com.:443/x?y#z", "https://r.example.com");
        check("http://r.example.com:443", "http://r.example.com:443");
        check("http://r.example.com:80", "http://r.example.com");
        check("https://[::1]:5000", "https://[::1]:5000");
        check("https://b\u{fc}cher.de", "https://xn--bcher-kva.de");
        assert_eq!(origin("https://[::1]").address(), Some("::1".parse().unwrap()));
        assert_eq!(origin("https://r.example.com").address(), None);
    }
}
