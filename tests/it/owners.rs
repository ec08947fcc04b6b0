//! Which hosts count as one owner, seen through a proxy that plays all of them, and which
//! addresses a public registry may point to.

use std::sync::Arc;

use regsize::registry::address::AddressClass;
use regsize::registry::{Options, Registries, RetryPolicy};
use serde_json::json;
use url::Url;

use crate::support::http::{Request, Server};
use crate::support::sandbox::Output;
use crate::support::{Canary, Origin, Registry, Reply, Sandbox, auths};

const REGISTRY: &str = "r.example.com";
const MANIFEST: &str = "/v2/team/app/manifests/latest";

/// Every host of the world: `r.example.com` is a registry that names `realm`, and accepts no
/// token; all others hand out tokens.
fn world(realm: &str) -> Server {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
    Server::start(Origin::loopback(4), move |request| {
        if request.path().starts_with("/v2/") {
            let refusal = Reply::error(401, "UNAUTHORIZED", "authentication required");
            return refusal.header("WWW-Authenticate", challenge.clone());
        }
        Reply::json(200, &json!({"token": "a-token-for-the-registry"}))
    })
}

fn host(request: &Request) -> String {
    let url = Url::parse(&request.target).unwrap();
    url.host_str().unwrap_or_default().to_owned()
}

fn run(proxy: &Server, canary: &Canary, more: &[&str]) -> Output {
    let mut sandbox = Sandbox::new();
    sandbox.docker_config(&auths(&[(REGISTRY, canary.user(), canary.secret())]));
    sandbox.set("http_proxy", &proxy.url());
    let reference = format!("{REGISTRY}/team/app");
    let arguments =
        ["inspect", &reference, "--plain-http", REGISTRY, "--retries", "0", "--verbose"];
    let output = sandbox.run(&[&arguments[..], more].concat());
    assert_eq!(output.code, Some(2), "{output}");
    assert!(!output.holds(canary) && !output.to_string().contains("a-token-for"), "{output}");
    output
}

#[test]
fn only_a_token_server_of_the_registrys_owner_is_told_the_password() {
    let canary = Canary::new("robot");
    let check = |realm: &str, may_know: bool| {
        let proxy = world(realm);
        let output = run(&proxy, &canary, &[]);
        let realm_host = Url::parse(realm).unwrap().host_str().unwrap().to_owned();
        let asked: Vec<Request> =
            proxy.requests().into_iter().filter(|r| !r.path().starts_with("/v2/")).collect();
        assert_eq!(asked.len(), 1, "{realm}: {output}");
        assert_eq!(host(&asked[0]), realm_host);
        assert_eq!(asked[0].holds(canary.secret()), may_know, "{realm}: {output}");
        assert_eq!(asked[0].header("authorization").is_some(), may_know, "{realm}");
        assert!(asked[0].holds("robot") == may_know, "{realm}: {:?}", asked[0]);
        for request in proxy.requests().iter().filter(|r| r.holds("a-token-for-the-registry")) {
            assert_eq!(host(request), REGISTRY, "{realm}");
        }
        let withheld = output.stderr.contains("was not sent to");
        assert_eq!(withheld, !may_know, "{realm}: {output}");
        assert!(
            output.stderr.contains(REGISTRY) && output.stderr.contains(&realm_host),
            "{output}"
        );
    };
    check("http://r.example.com/token", true);
    check("http://r.example.com:8080/token", true);
    check("http://R.EXAMPLE.com./token", true);
    check("http://auth.example.com/token", false);
    check("http://example.com/token", false);
    check("http://r.example.com.evil.net/token", false);
    check("http://evil-example.com/token", false);
    check("http://r.example.co/token", false);
}

#[test]
fn the_line_that_allows_a_token_server_is_printed_and_works() {
    let canary = Canary::new("robot");
    let proxy = world("http://auth.other.net/token");
    let output = run(&proxy, &canary, &[]);
    let line = "--allow-realm r.example.com=auth.other.net";
    assert!(output.stderr.contains(line), "{output}");
    assert!(output.stderr.contains("there is no such repository, or it is private"), "{output}");
    assert!(!proxy.saw(canary.secret()));
    run(&proxy, &canary, &line.split(' ').collect::<Vec<_>>());
    assert!(proxy.saw(canary.secret()));
    for request in proxy.requests().iter().filter(|request| request.holds(canary.secret())) {
        assert_eq!(host(request), "auth.other.net");
    }
}

#[test]
fn a_registry_behind_a_proxy_does_not_lead_to_this_machine() {
    let canary = Canary::new("robot");
    let inside = Registry::new().start();
    let localhost = inside.url_as("localhost");
    let targets =
        [inside.url(), localhost, "http://169.254.169.254".into(), "http://[::1]:1".into()];
    for target in targets {
        let proxy = world("http://r.example.com/token");
        let location = format!("{target}/latest/meta-data");
        let reply = Reply::status(302).header("Location", location);
        proxy.script("GET", MANIFEST, vec![reply]);
        let output = run(&proxy, &canary, &[]);
        assert!(output.stderr.contains("less public"), "{target}: {output}");
        assert_eq!(proxy.requests().len(), 1, "{target}: {output}");
    }
    assert_eq!(inside.requests().len(), 0);
}

#[tokio::test]
async fn a_public_registry_does_not_lead_to_a_private_network() {
    let inside = Registry::new().start_on(Origin::loopback(2));
    let by_name = Server::start(Origin::default(), |_| Reply::status(404));
    let registry = Registry::new().start();
    let options = Options {
        address_floor: Some(AddressClass::Public),
        retry: RetryPolicy { attempts: 1, ..RetryPolicy::default() },
        ..Options::default()
    };
    let registries = Registries::new(options);
    let reference = registry.reference("team/app:latest").parse().unwrap();
    let client: Arc<_> = registries.get(&reference).unwrap();
    let targets = [
        inside.url(),
        by_name.url_as("localhost"),
        "http://10.0.0.1".to_owned(),
        "http://192.168.1.1".to_owned(),
        "http://169.254.169.254".to_owned(),
        "http://[fd00::1]".to_owned(),
        "http://[::ffff:127.0.0.1]".to_owned(),
        "http://0x7f000002".to_owned(),
    ];
    for target in targets {
        let reply = Reply::status(307).header("Location", format!("{target}/secrets"));
        registry.script("GET", MANIFEST, vec![reply]);
        let error = client.manifest("team/app", "latest", None).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("less public than that of 127.0.0.1"), "{target}: {text}");
    }
    assert_eq!(inside.requests().len() + by_name.requests().len(), 0);
}
