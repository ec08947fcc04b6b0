//! Keeps one client per registry, with its URL and its proxies.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use reqwest::{NoProxy, Proxy};
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::api::Registry;
use super::auth::Auth;
use super::clients::Clients;
use super::error::{Error, ErrorKind};
use super::guard::Guard;
use super::options::{Options, Proxies};
use super::policy::Origin;
use super::pool::Pool;
use super::transport::{Transport, lock};
use super::trial::Trials;
use crate::reference::Reference;

/// Go's clients, and so docker's, reach these directly whatever the environment says.
const NEVER_PROXIED: &str = "localhost,127.0.0.0/8,::1";

/// One client per registry host, sharing the limit on requests in flight.
pub struct Registries {
    options: Options,
    permits: Arc<Semaphore>,
    pool: Arc<Pool>,
    known: Mutex<HashMap<String, Arc<Registry>>>,
}

impl Registries {
    /// Prepares clients with the same options for any registry.
    pub fn new(options: Options) -> Self {
        let permits = Arc::new(Semaphore::new(options.concurrency.max(1)));
        let pool = Arc::new(Pool::new(options.streams, options.buffer, options.range));
        Self { options, permits, pool, known: Mutex::default() }
    }

    /// The client for the registry that a reference names.
    pub fn get(&self, reference: &Reference) -> Result<Arc<Registry>, Error> {
        self.known(reference.registry().to_owned(), || self.open(reference, None))
    }

    /// The client for a registry that an image of `leader` names. It reaches no address less
    /// public than the leader's own, whatever the name resolves to.
    pub fn get_led(
        &self,
        reference: &Reference,
        leader: &Registry,
    ) -> Result<Arc<Registry>, Error> {
        if leader.host() == reference.registry() {
            return self.get(reference);
        }
        let key = format!("{} by {}", reference.registry(), leader.host());
        let registry = self.known(key, || self.open(reference, Some(leader.guard())))?;
        leader.may_lead_to(&registry)?;
        Ok(registry)
    }

    fn known(
        &self,
        key: String,
        open: impl FnOnce() -> Result<Registry, Error>,
    ) -> Result<Arc<Registry>, Error> {
        let mut known = lock(&self.known);
        if let Some(registry) = known.get(&key) {
            return Ok(Arc::clone(registry));
        }
        let registry = Arc::new(open()?);
        known.insert(key, Arc::clone(&registry));
        Ok(registry)
    }

    /// The options given at the start.
    pub fn options(&self) -> &Options {
        &self.options
    }

    fn open(&self, reference: &Reference, leader: Option<&Guard>) -> Result<Registry, Error> {
        let options = &self.options;
        let base = base_url(reference.api_host(), options)?;
        let proxies = proxies(&options.proxies, &base)?;
        let proxy_hosts = proxy_hosts(&options.proxies);
        let own = || Guard::new(&base, proxy_hosts, options.address_floor);
        let guard = leader.cloned().unwrap_or_else(own);
        let clients = Clients::new(guard.clone(), proxies, options.ca_certificates.clone())?;
        let origin = Origin::of(&base)
            .map_err(|refused| Error::new(ErrorKind::Usage, refused.to_string()))?;
        let transport = Transport {
            clients,
            guard,
            permits: Arc::clone(&self.permits),
            pool: Arc::clone(&self.pool),
            policy: options.retry,
            timer: Arc::clone(&options.timer),
            observer: Arc::clone(&options.observer),
            pauses: Mutex::default(),
            answered: Mutex::default(),
            traffic: Mutex::default(),
        };
        let auth = Auth {
            host: reference.registry().to_owned(),
            origin,
            sources: Arc::clone(&options.credentials),
            allowed_realms: options.allowed_realms.clone(),
            slots: Mutex::default(),
            trials: Trials::default(),
        };
        Ok(Registry::new(base, transport, auth, options.limits))
    }
}

fn base_url(host: &str, options: &Options) -> Result<Url, Error> {
    let parse = |scheme: &str| {
        Url::parse(&format!("{scheme}://{host}/v2/")).map_err(|error| {
            Error::new(ErrorKind::Usage, format!("{host:?} is not a registry host: {error}"))
        })
    };
    let https = parse("https")?;
    let named = |list: &[String]| {
        list.iter().any(|name| name.eq_ignore_ascii_case(host) || https.host_str() == Some(name))
    };
    let plain = named(&options.plain_http) || (is_loopback(&https) && !named(&options.https));
    if plain { parse("http") } else { Ok(https) }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(super) fn proxies(settings: &Proxies, registry: &Url) -> Result<Vec<Proxy>, Error> {
    let Some(exceptions) = exceptions(settings.exceptions.as_deref(), registry) else {
        return Ok(Vec::new());
    };
    let exceptions = NoProxy::from_string(&format!("{NEVER_PROXIED},{exceptions}"));
    let make = |url: &Option<String>, build: fn(Url) -> reqwest::Result<Proxy>| {
        let Some(url) = url.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
        let proxy = proxy_url(url).and_then(|url| build(url).ok());
        let proxy = proxy.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the proxy setting is not a URL such as http://host:3128")
        });
        proxy.map(|proxy| Some(proxy.no_proxy(exceptions.clone())))
    };
    let all = [
        make(&settings.http, Proxy::http)?,
        make(&settings.https, Proxy::https)?,
        make(&settings.all, Proxy::all)?,
    ];
    Ok(all.into_iter().flatten().collect())
}

/// The exceptions in the form that the HTTP library knows; `None` if everything is one.
///
/// An entry with a port counts if it is the registry's port.
fn exceptions(given: Option<&str>, registry: &Url) -> Option<String> {
    let mut known = Vec::new();
    for entry in given.unwrap_or_default().split(',').map(str::trim) {
        let entry = entry.strip_prefix("*.").unwrap_or(entry);
        let port = |text: &str| text.parse::<u16>().ok();
        match entry.rsplit_once(':') {
            _ if entry == "*" => return None,
            Some((host, text)) if !host.contains(':') || host.ends_with(']') => {
                if port(text).is_some_and(|port| registry.port_or_known_default() == Some(port)) {
                    known.push(host.trim_matches(['[', ']']));
                }
            }
            _ => known.push(entry),
        }
    }
    Some(known.join(","))
}

pub(super) fn proxy_hosts(settings: &Proxies) -> Vec<String> {
    let urls = [&settings.http, &settings.https, &settings.all];
    let hosts =
        urls.into_iter().flatten().filter_map(|url| Some(proxy_url(url)?.host_str()?.to_owned()));
    hosts.collect()
}

/// Proxies are often given as `host:port` alone.
fn proxy_url(text: &str) -> Option<Url> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&text).ok().filter(Url::has_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_the_rule_and_http_the_named_exception() {
        let options = Options {
            plain_http: vec!["r.example:5000".into(), "intranet".into()],
            https: vec!["localhost:5443".into()],
            ..Options::default()
        };
        let check = |host: &str, expected: &str| {
            assert_eq!(base_url(host, &options).unwrap().as_str(), expected);
        };
        check("ghcr.io", "https://ghcr.io/v2/");
        check("r.example", "https://r.example/v2/");
        check("r.example:5000", "http://r.example:5000/v2/");
        check("intranet:5000", "http://intranet:5000/v2/");
        check("localhost:5000", "http://localhost:5000/v2/");
        check("localhost:5443", "https://localhost:5443/v2/");
        check("127.0.0.9:1", "http://127.0.0.9:1/v2/");
        check("[::1]:5000", "http://[::1]:5000/v2/");
        check("10.0.0.1:5000", "https://10.0.0.1:5000/v2/");
    }

    #[test]
    fn proxies_may_leave_out_the_scheme() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(proxy_url(text).as_ref().and_then(Url::host_str), expected, "{text}");
        };
        check("http://proxy:3128", Some("proxy"));
        check("proxy:3128", Some("proxy"));
        check("http://user:pw@proxy:3128", Some("proxy"));
        check("", None);
        check("http://", None);
    }
}
