//! Which addresses a registry may send this program to.
//!
//! A registry names other hosts: token servers, storage, next pages. None of them may be less
//! public than the registry itself, or a public registry could make this machine talk to its
//! private network. Names are checked after they are resolved and the checked addresses are the
//! ones connected to, so a name that changes its address in between gains nothing. Behind a proxy
//! the proxy resolves names; then only literal addresses can be checked.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::address::{self, AddressClass};
use super::error::{Error, ErrorKind};
use super::failure::ResolveError;

/// Checks addresses against the class of the registry's own.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    registry_host: Arc<str>,
    trusted_hosts: Arc<[String]>,
    registry_class: Arc<OnceLock<AddressClass>>,
}

impl Guard {
    /// A guard for a registry; `trusted_hosts` are the proxies, which the user chose.
    /// With `floor`, that class counts as the registry's own.
    pub(super) fn new(
        registry: &Url,
        trusted_hosts: Vec<String>,
        floor: Option<AddressClass>,
    ) -> Self {
        let registry_class = OnceLock::new();
        if let Some(class) = floor.or_else(|| literal(registry).map(address::class)) {
            let _ = registry_class.set(class);
        }
        Self {
            registry_host: registry.host_str().unwrap_or_default().into(),
            trusted_hosts: trusted_hosts.into(),
            registry_class: Arc::new(registry_class),
        }
    }

    /// Refuses a URL whose host is an address that may not be reached.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), Error> {
        let host = url.host_str().unwrap_or_default();
        if host == &*self.registry_host {
            return Ok(());
        }
        match literal(url) {
            Some(address) if !self.allows(address) => {
                Err(Error::new(ErrorKind::Network, self.refusal(host)))
            }
            _ => Ok(()),
        }
    }

    /// Behind a proxy the registry's own address is not known; it may be a private one, but it is
    /// not this machine.
    fn allows(&self, address: IpAddr) -> bool {
        let registry = self.registry_class.get().copied().unwrap_or(AddressClass::Private);
        address::may_reach(registry, address::class(address))
    }

    fn refusal(&self, host: &str) -> String {
        format!(
            "{host} is on a network less public than that of {}, so it is not contacted",
            self.registry_host
        )
    }

    async fn lookup(self, name: String) -> Result<Addrs, ResolveError> {
        let found =
            tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|error| ResolveError {
                message: format!("host {name} was not found: {error}"),
                // The words of glibc and of musl; the number behind them is not given.
                transient: ["Temporary failure", "Try again"]
                    .iter()
                    .any(|words| error.to_string().contains(words)),
            })?;
        let found: Vec<SocketAddr> = found.collect();
        if self.trusted_hosts.contains(&name) {
            return Ok(Box::new(found.into_iter()));
        }
        if name == *self.registry_host {
            // The most public address counts: a registry with one public address is public.
            let classes = || found.iter().map(|found| address::class(found.ip()));
            if let Some(class) =
                classes().find(|class| *class == AddressClass::Public).or_else(|| classes().next())
            {
                let _ = self.registry_class.set(class);
            }
            return Ok(Box::new(found.into_iter()));
        }
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|address| self.allows(address.ip())).collect();
        if allowed.is_empty() {
            return Err(ResolveError { message: self.refusal(&name), transient: false });
        }
        Ok(Box::new(allowed.into_iter()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.clone().lookup(name.as_str().to_owned());
        Box::pin(async move { Ok(lookup.await?) })
    }
}

fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}
