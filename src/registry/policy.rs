//! Decides where a request and where credentials may go; reads nothing and sends nothing.
//!
//! A registry names the server that issues its tokens (the realm) and may redirect a request. The
//! credentials for a registry go to a realm only on the same host, on another host of the same
//! owner over https, or where the user allowed the pair. Two hosts have one owner if they share a
//! registrable domain by the Public Suffix List; a domain that the list does not know, or that
//! rents out its subdomains without being listed, makes no two hosts one. Any other realm is
//! asked without credentials, if at all. `Authorization` survives a redirect only while every hop
//! has stayed on the registry's own origin.

use url::Url;

pub use super::origin::{Origin, Refused, Scheme};

/// What may be asked of a token server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealmDecision {
    /// A token, with the registry's credentials.
    SendCredentials,
    /// A token, without credentials.
    AnonymousOnly,
    /// Nothing.
    Refuse(Refused),
}

/// How a chain of redirects stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Whether the next request may carry `Authorization`.
    pub keep_authorization: bool,
}

/// Registries whose tokens are known to come from another host: registry, realm.
const KNOWN_PAIRS: [(&str, &str); 3] = [
    ("docker.io", "auth.docker.io"),
    ("index.docker.io", "auth.docker.io"),
    ("registry-1.docker.io", "auth.docker.io"),
];

/// Decides what may be asked of the token server `realm` that `registry` names.
///
/// `allowed` has the pairs of registry and realm that the user allowed, each a host or
/// `host:port`; a host without a port stands for all its ports.
pub fn realm(registry: &Origin, realm: &Url, allowed: &[(String, String)]) -> RealmDecision {
    let target = match Origin::of(realm) {
        Ok(target) => target,
        Err(refused) => return RealmDecision::Refuse(refused),
    };
    if registry.scheme() == Scheme::Https && target.scheme() == Scheme::Http {
        return RealmDecision::Refuse(Refused::Downgrade { from: registry.clone(), to: target });
    }
    if registry.same_host(&target) || is_allowed(registry, &target, allowed) {
        return RealmDecision::SendCredentials;
    }
    if !target.looks_public() {
        return RealmDecision::Refuse(Refused::NotPublic { from: registry.clone(), to: target });
    }
    if target.scheme() == Scheme::Https && same_owner(registry, &target) {
        return RealmDecision::SendCredentials;
    }
    RealmDecision::AnonymousOnly
}

/// Decides whether a redirect from one URL to another is followed, and with what.
///
/// `before` is the state after the redirect before, or [`Redirect::START`]. An address that a name
/// resolves to is not known here: see [`super::address::may_reach`] and [`Origin::address`].
pub fn redirect(
    from: &Url,
    to: &Url,
    registry: &Origin,
    before: Redirect,
) -> Result<Redirect, Refused> {
    let from = Origin::of(from)?;
    let to = Origin::of(to)?;
    let secure = from.scheme() == Scheme::Https || registry.scheme() == Scheme::Https;
    if secure && to.scheme() == Scheme::Http {
        return Err(Refused::Downgrade { from, to });
    }
    let stayed = from == to && to == *registry;
    Ok(Redirect { keep_authorization: before.keep_authorization && stayed })
}

impl Redirect {
    /// Before the first redirect, when the request was made to the registry itself.
    pub const START: Self = Self { keep_authorization: true };
}

fn same_owner(registry: &Origin, realm: &Origin) -> bool {
    let known = |&(a, b): &(&str, &str)| names(a, registry) && names(b, realm);
    registry.same_registrable_domain(realm) || KNOWN_PAIRS.iter().any(known)
}

fn is_allowed(registry: &Origin, realm: &Origin, allowed: &[(String, String)]) -> bool {
    allowed.iter().any(|(a, b)| names(a, registry) && names(b, realm))
}

/// Whether `text`, a host or `host:port`, names the host and port of `origin`.
fn names(text: &str, origin: &Origin) -> bool {
    let parse = |scheme: &str| Url::parse(&format!("{scheme}://{text}/")).ok();
    let Some(url) = parse("https").filter(|url| url.path() == "/" && url.query().is_none()) else {
        return false;
    };
    let Ok(named) = Origin::of(&url) else { return false };
    // Each scheme leaves out its own default port, so one of them shows any port that was given.
    let port = url.port().or_else(|| parse("http").and_then(|url| url.port()));
    named.same_host(origin) && port.is_none_or(|port| port == origin.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap()).unwrap()
    }

    fn decide(registry: &str, target: &str, allowed: &[(String, String)]) -> &'static str {
        match realm(&origin(registry), &Url::parse(target).unwrap(), allowed) {
            RealmDecision::SendCredentials => "send",
            RealmDecision::AnonymousOnly => "anonymous",
            RealmDecision::Refuse(_) => "refuse",
        }
    }

    #[test]
    fn credentials_go_to_realms_of_the_same_owner_only() {
        for (registry, target, expected) in REALMS {
            assert_eq!(decide(registry, target, &[]), *expected, "{registry} {target}");
        }
    }

    #[rustfmt::skip]
    const REALMS: &[(&str, &str, &str)] = &[
        // The same host.
        ("https://r.example.com", "https://r.example.com/token", "send"),
        ("https://r.example.com", "https://r.example.com:8443/token", "send"),
        ("https://r.example.com:5000", "https://r.example.com/token", "send"),
        ("https://R.Example.com", "https://r.eXample.COM/token", "send"),
        ("https://r.example.com", "https://r.example.com./token", "send"),
        ("https://r.example.com.", "https://r.example.com/token", "send"),
        ("https://r.example.com", "https://r.example.com/token?x=y#fragment", "send"),
        ("https://r.example.com", "http://r.example.com/token", "refuse"),
        ("https://r.example.com", "http://r.example.com:443/token", "refuse"),
        ("http://r.example.com", "http://r.example.com/token", "send"),
        ("http://r.example.com:5000", "http://r.example.com:5001/token", "send"),
        ("http://r.example.com:5000", "https://r.example.com/token", "send"),
        // Subdomains, parents and lookalikes.
        ("https://r.example.com", "https://auth.example.com/token", "send"),
        ("https://r.example.com", "https://example.com/token", "send"),
        ("https://example.com", "https://deep.auth.example.com/token", "send"),
        ("https://r.example.com", "https://auth.example.com:8443/token", "send"),
        ("https://r.example.com", "http://auth.example.com/token", "refuse"),
        ("http://r.example.com", "https://auth.example.com/token", "send"),
        ("http://r.example.com", "http://auth.example.com/token", "anonymous"),
        ("https://r.example.com", "https://r.example.com.evil.net/token", "anonymous"),
        ("https://r.example.com", "https://evil-example.com/token", "anonymous"),
        ("https://r.example.com", "https://example.org/token", "anonymous"),
        ("https://r.example.com", "https://example.co/token", "anonymous"),
        ("https://r.example.com", "http://evil.net/token", "refuse"),
        ("http://r.example.com", "http://evil.net/token", "anonymous"),
        // Docker Hub.
        ("https://registry-1.docker.io", "https://auth.docker.io/token", "send"),
        ("https://index.docker.io", "https://auth.docker.io/token", "send"),
        ("https://registry-1.docker.io", "https://auth.docker.io.evil.net/token", "anonymous"),
        ("https://registry-1.docker.io", "https://auth.docker.com/token", "anonymous"),
        ("https://registry-1.docker.io", "http://auth.docker.io/token", "refuse"),
        // Other registries with a token server of their own.
        ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", "send"),
        ("https://registry.digitalocean.com", "https://api.digitalocean.com/v2/registry/auth", "send"),
        ("https://ghcr.io", "https://ghcr.io/token", "send"),
        ("https://ghcr.io", "https://github.com/token", "anonymous"),
        ("https://us-docker.pkg.dev", "https://us-docker.pkg.dev/v2/token", "send"),
        // Public suffixes of two labels.
        ("https://a.example.co.uk", "https://b.example.co.uk/token", "send"),
        ("https://example.co.uk", "https://evil.co.uk/token", "anonymous"),
        ("https://example.co.uk", "https://co.uk/token", "anonymous"),
        ("https://example.com", "https://com/token", "anonymous"),
        ("https://example.com.au", "https://evil.com.au/token", "anonymous"),
        // Suffixes that rent out subdomains.
        ("https://a.github.io", "https://b.github.io/token", "anonymous"),
        ("https://a.github.io", "https://github.io/token", "anonymous"),
        ("https://r.a.github.io", "https://auth.a.github.io/token", "send"),
        ("https://a.gitlab.io", "https://b.gitlab.io/token", "anonymous"),
        ("https://a.appspot.com", "https://b.appspot.com/token", "anonymous"),
        ("https://a.herokuapp.com", "https://b.herokuapp.com/token", "anonymous"),
        ("https://a.workers.dev", "https://b.workers.dev/token", "anonymous"),
        ("https://a.s3.amazonaws.com", "https://b.s3.amazonaws.com/token", "anonymous"),
        ("https://a.us-east-1.elb.amazonaws.com", "https://b.us-east-1.elb.amazonaws.com/token", "anonymous"),
        ("https://1.dkr.ecr.us-east-1.amazonaws.com", "https://2.dkr.ecr.us-east-1.amazonaws.com/token", "anonymous"),
        ("https://1.dkr.ecr.us-east-1.amazonaws.com", "https://a.us-east-1.elb.amazonaws.com/token", "anonymous"),
        ("https://1.dkr.ecr.us-east-1.amazonaws.com", "https://amazonaws.com/token", "anonymous"),
        ("https://1.dkr.ecr.cn-north-1.amazonaws.com.cn", "https://2.dkr.ecr.cn-north-1.amazonaws.com.cn/t", "anonymous"),
        ("https://a.azurecr.io", "https://a.azurecr.io/oauth2/token", "send"),
        ("https://a.azurecr.io", "https://b.azurecr.io/oauth2/token", "anonymous"),
        ("https://a.azurecr.io", "https://azurecr.io/oauth2/token", "anonymous"),
        ("https://a.jfrog.io", "https://b.jfrog.io/token", "anonymous"),
        ("https://us-docker.pkg.dev", "https://eu-docker.pkg.dev/token", "anonymous"),
        ("https://registry.cn-hangzhou.aliyuncs.com", "https://b.oss-cn-hangzhou.aliyuncs.com/t", "anonymous"),
        ("https://10.0.0.1.nip.io", "https://10.0.0.2.nip.io/token", "anonymous"),
        ("https://a.azurefd.net", "https://b.azurefd.net/token", "anonymous"),
        // Names that nobody registered.
        ("https://registry", "https://registry/token", "send"),
        ("https://registry", "https://registry:5001/token", "send"),
        ("https://registry", "https://auth/token", "anonymous"),
        ("https://r.corp.internal", "https://auth.corp.internal/token", "anonymous"),
        ("https://r.a.svc.cluster.local", "https://r.b.svc.cluster.local/token", "anonymous"),
        // Punycode.
        ("https://r.b\u{fc}cher.de", "https://auth.xn--bcher-kva.de/token", "send"),
        ("https://r.b\u{fc}cher.de", "https://auth.bucher.de/token", "anonymous"),
        ("https://r.apple.com", "https://auth.\u{430}pple.com/token", "anonymous"),
        ("https://r.example.com", "https://auth.\u{ff45}xample.com/token", "send"),
        // Addresses.
        ("https://8.8.8.8", "https://8.8.8.8:8443/token", "send"),
        ("https://8.8.8.8", "https://8.8.4.4/token", "anonymous"),
        ("https://1.2.8.8", "https://1.3.8.8/token", "anonymous"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", "send"),
        ("http://127.0.0.1:5000", "http://0x7f.1:5001/token", "send"),
        ("http://127.0.0.1:5000", "http://127.0.0.2:5001/token", "refuse"),
        ("http://localhost:5000", "http://localhost:5001/token", "send"),
        ("http://localhost:5000", "http://[::1]:5001/token", "refuse"),
        ("https://10.0.0.5", "https://10.0.0.5/token", "send"),
        ("https://10.0.0.5", "https://10.0.0.6/token", "refuse"),
        ("https://r.example.com", "https://127.0.0.1/token", "refuse"),
        ("https://r.example.com", "https://2130706433/token", "refuse"),
        ("https://r.example.com", "https://localhost/token", "refuse"),
        ("https://r.example.com", "https://x.localhost./token", "refuse"),
        ("https://r.example.com", "https://169.254.169.254/latest", "refuse"),
        ("http://r.example.com", "http://169.254.169.254/latest", "refuse"),
        ("https://r.example.com", "https://192.168.0.1/token", "refuse"),
        ("https://r.example.com", "https://100.64.0.1/token", "refuse"),
        ("https://r.example.com", "https://0.0.0.0/token", "refuse"),
        ("https://r.example.com", "https://[::ffff:10.0.0.1]/token", "refuse"),
        ("https://r.example.com", "https://[fe80::1]/token", "refuse"),
        ("https://r.example.com", "https://[fd00::1]/token", "refuse"),
        ("https://[2606:4700::1]", "https://[2606:4700:0::1]:8443/token", "send"),
        // URLs that are no realms.
        ("https://r.example.com", "https://user@r.example.com/token", "refuse"),
        ("https://r.example.com", "https://user:pass@r.example.com/token", "refuse"),
        ("https://r.example.com", "https://:pass@r.example.com/token", "refuse"),
        ("https://r.example.com", "https://r.example.com@evil.net/token", "refuse"),
        ("https://r.example.com", "file:///etc/passwd", "refuse"),
        ("https://r.example.com", "ftp://r.example.com/token", "refuse"),
        ("https://r.example.com", "data:text/plain,token", "refuse"),
        ("https://r.example.com", "unix:/run/token", "refuse"),
        ("https://r.example.com", "https://./token", "refuse"),
        ("https://r.example.com", "https://r.example.com../token", "refuse"),
    ];

    #[test]
    fn a_pair_that_the_user_allowed_gets_credentials() {
        let check = |pair: (&str, &str), registry: &str, target: &str, expected: &str| {
            let allowed = [(pair.0.to_owned(), pair.1.to_owned())];
            assert_eq!(
                decide(registry, target, &allowed),
                expected,
                "{pair:?} {registry} {target}"
            );
        };
        let pair = ("R.example.com", "Auth.example.org.");
        check(pair, "https://r.example.com", "https://auth.example.org/token", "send");
        check(pair, "https://r.example.com:5000", "https://auth.example.org:8443/token", "send");
        check(pair, "https://r.example.com", "http://auth.example.org/token", "refuse");
        check(pair, "http://r.example.com", "http://auth.example.org/token", "send");
        check(pair, "https://r.example.com", "https://x.auth.example.org/token", "anonymous");
        check(pair, "https://x.r.example.com", "https://auth.example.org/token", "anonymous");
        check(pair, "https://r.example.com", "https://user@auth.example.org/token", "refuse");
        let pair = ("r.example.com:5000", "auth.example.org:443");
        check(pair, "https://r.example.com:5000", "https://auth.example.org/token", "send");
        check(pair, "https://r.example.com", "https://auth.example.org/token", "anonymous");
        check(pair, "https://r.example.com:5000", "https://auth.example.org:8443/t", "anonymous");
        check(("10.0.0.5", "10.0.0.6"), "https://10.0.0.5", "https://10.0.0.6/token", "send");
        check(("10.0.0.5", "[fd00::1]"), "https://10.0.0.5", "https://[fd00::1]/token", "send");
        for realm in
            ["", "*", "https://auth.example.org", "auth.example.org/x", "u@auth.example.org"]
        {
            let pair = ("r.example.com", realm);
            check(pair, "https://r.example.com", "https://auth.example.org/token", "anonymous");
        }
    }

    #[test]
    fn refusals_name_both_hosts_and_no_secret() {
        let check = |target: &str, expected: &str| {
            let decision =
                realm(&origin("https://r.example.com"), &Url::parse(target).unwrap(), &[]);
            let RealmDecision::Refuse(refused) = decision else { panic!("{decision:?}") };
            assert_eq!(refused.to_string(), expected);
        };
        check(
            "http://auth.example.com:81/canary?canary",
            "https://r.example.com points to http://auth.example.com:81, which is not https",
        );
        check(
            "https://127.0.0.1/canary",
            "https://r.example.com points to https://127.0.0.1, which is not a public address",
        );
        check(
            "https://u:canary@x.example/",
            "the URL on https://x.example carries a user name or password",
        );
        check("data:canary", "data:*** is not an http or https URL with a host");
    }

    #[test]
    fn redirects_keep_authorization_on_the_registrys_own_origin_only() {
        let check = |hops: &[&str], expected: &str| {
            let registry = origin(hops[0]);
            let urls: Vec<Url> = hops.iter().map(|hop| Url::parse(hop).unwrap()).collect();
            let end = urls.windows(2).try_fold(Redirect::START, |state, hop| {
                redirect(&hop[0], &hop[1], &registry, state)
            });
            let shown = match end {
                Ok(Redirect { keep_authorization: true }) => "keep",
                Ok(_) => "drop",
                Err(_) => "refuse",
            };
            assert_eq!(shown, expected, "{hops:?}");
        };
        check(&["https://a.example/1", "https://a.example/2"], "keep");
        check(&["https://a.example/1", "https://A.example.:443/2", "https://a.example/3"], "keep");
        check(&["https://a.example/1", "https://a.example:8443/2"], "drop");
        check(&["https://a.example/1", "https://b.example/2"], "drop");
        check(&["https://a.example/1", "https://x.a.example/2"], "drop");
        check(&["https://a.example/1", "https://b.example/2", "https://a.example/3"], "drop");
        check(&["https://a.example/1", "http://a.example/2"], "refuse");
        check(&["https://a.example/1", "http://b.example/2"], "refuse");
        check(&["http://a.example/1", "http://a.example/2"], "keep");
        check(&["http://a.example/1", "http://b.example/2"], "drop");
        check(&["http://a.example/1", "https://a.example/2"], "drop");
        check(&["http://a.example/1", "https://a.example/2", "http://a.example/3"], "refuse");
        check(&["https://a.example/1", "https://u:p@a.example/2"], "refuse");
        check(&["https://a.example/1", "file:///etc/passwd"], "refuse");
        check(&["https://a.example/1", "data:,x"], "refuse");
    }

    /// Hosts made of few labels, so that pairs often come close to each other.
    fn hosts() -> impl Strategy<Value = String> {
        let label = prop::sample::select(vec![
            "a",
            "b",
            "example",
            "evil",
            "com",
            "co.uk",
            "github.io",
            "azurecr.io",
            "amazonaws.com",
            "docker.io",
            "auth",
            "dkr.ecr.us-east-1",
            "appspot.com",
            "internal",
            "127.0.0.1",
        ]);
        prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."))
    }

    proptest! {
        #[test]
        fn credentials_never_go_to_another_owner_or_in_clear(
            registry in hosts(), target in hosts(), secure: bool, secure_target: bool,
        ) {
            let url = |secure: bool, host: &str| {
                Url::parse(&format!("{}://{host}/", if secure { "https" } else { "http" }))
            };
            let (Ok(from), Ok(to)) = (url(secure, &registry), url(secure_target, &target)) else {
                return Ok(());
            };
            if realm(&Origin::of(&from).unwrap(), &to, &[]) == RealmDecision::SendCredentials {
                prop_assert!(secure_target || !secure);
                let same_domain = psl::domain_str(&registry) == psl::domain_str(&target);
                prop_assert!(registry == target || (same_domain && secure_target));
            }
        }

        #[test]
        fn any_url_is_decided(text in "(https?|file|x)://?[ -~]{0,40}") {
            if let Ok(url) = Url::parse(&text) {
                let registry = origin("https://r.example.com");
                let _ = realm(&registry, &url, &[(text.clone(), text)]);
                let _ = redirect(&url, &url, &registry, Redirect::START);
            }
        }
    }
}
