//! Where redirects may lead, and what goes along.

use regsize::registry::ErrorKind;
use regsize::registry::address::AddressClass;

use crate::support::registry::RunningRegistry;
use crate::support::{
    Canary, Flaw, Image, Layer, Library, Origin, Registry, Reply, Sandbox, Server, TestCa, auths,
};

const MANIFEST: &str = "/v2/team/app/manifests/latest";

fn registry() -> Registry {
    let layer = Layer::gzip("etc/motd 5000");
    let image = Image::new("linux/amd64").layer(layer, "COPY motd /etc/");
    Registry::new().put_image("team/app", "latest", &image.bundle())
}

fn to(location: &str) -> Reply {
    Reply::status(307).header("Location", location)
}

fn reference(registry: &RunningRegistry) -> String {
    registry.reference("team/app:latest")
}

#[test]
fn redirects_without_an_end_or_aim_are_refused() {
    let check = |reply: Reply, expected: &str, requests: usize| {
        let registry = registry().script("GET", MANIFEST, vec![reply]).forever().start();
        let error = Library::new().inspect(&reference(&registry)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network);
        assert!(error.to_string().contains(expected), "{expected:?} is not in {error}");
        assert!(error.to_string().len() < 1000, "{error}");
        assert_eq!(registry.count("GET", MANIFEST), requests, "{error}");
    };
    check(to(MANIFEST), "more than 10 redirects", 11);
    check(Reply::status(307), "redirects without saying where to", 1);
    check(to("http://[::"), "not a URL", 1);
    check(to("http://"), "not a URL", 1);
    check(to("file:///etc/passwd"), "is not an http or https URL", 1);
    check(to("data:,x"), "is not an http or https URL", 1);
    check(to("http://user:word@127.0.0.1/"), "carries a user name or password", 1);
    check(to(&format!("gopher://{}/", "x".repeat(64 << 10))), "", 1);
}

#[test]
fn redirects_in_a_circle_over_two_servers_are_refused() {
    let registry = registry().start();
    let back = format!("{}{MANIFEST}", registry.url());
    let other = Server::start(Origin::loopback(2), move |_| to(&back));
    registry.script_forever("GET", MANIFEST, vec![to(&format!("{}/x", other.url()))]);
    let error = Library::new().inspect(&reference(&registry)).unwrap_err();
    assert!(error.to_string().contains("more than 10 redirects"), "{error}");
}

#[test]
fn https_is_never_left_for_http() {
    let ca = TestCa::new();
    let canary = Canary::new("robot");
    let plain = Server::start(Origin::loopback(2), |_| Reply::ok("{}"));
    let registry = registry()
        .script("GET", MANIFEST, vec![to(&format!("{}/x", plain.url()))])
        .forever()
        .start_on(Origin::default().tls(ca.certificate(Flaw::None)));
    let sandbox = Sandbox::new();
    let host = registry.host();
    sandbox.docker_config(&auths(&[(&host, "robot", canary.secret())]));
    let ca_file = ca.path().to_str().unwrap();
    let target = reference(&registry);
    let output = sandbox.run(&["inspect", &target, "--https", &host, "--ca-file", ca_file]);
    assert_eq!(output.code, Some(2), "{output}");
    for part in [&registry.url(), &plain.url(), "not https"] {
        assert!(output.stderr.contains(part), "{part:?} is not in {output}");
    }
    assert_eq!((plain.connections(), registry.count("*", "")), (0, 1));
}

#[test]
fn a_login_that_left_with_a_redirect_does_not_come_back() {
    let canary = Canary::new("robot");
    let registry = registry().auth_basic("robot", canary.secret()).start();
    let back = format!("{}/v2/back", registry.url());
    let other = Server::start(Origin::loopback(2), move |_| to(&back));
    let away = to(&format!("{}/away?signature=1", other.url()));
    let challenge = Reply::status(401).header("WWW-Authenticate", "Basic realm=\"r\"");
    let away = away.header("Set-Cookie", "session=1");
    registry.script("GET", MANIFEST, vec![challenge, away]);
    registry.script_forever("GET", "/v2/back", vec![Reply::status(404)]);
    let sandbox = Sandbox::new();
    sandbox.docker_config(&auths(&[(&registry.host(), "robot", canary.secret())]));
    let output = sandbox.run(&["inspect", &reference(&registry)]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(registry.saw(canary.secret()) && !other.saw(canary.secret()));
    let back: Vec<_> = registry.requests().into_iter().filter(|r| r.path() == "/v2/back").collect();
    let hops = other.requests().into_iter().chain(back).collect::<Vec<_>>();
    assert_eq!(hops.len(), 2);
    for hop in hops {
        for name in ["authorization", "referer", "cookie"] {
            assert_eq!(hop.header(name), None, "{name} in {hop:?}");
        }
    }
}

#[test]
fn a_public_registry_cannot_send_anyone_into_a_private_network() {
    let inside = Server::start(Origin::default(), |_| Reply::ok("{}"));
    let port = inside.address().port();
    let check = |host: &str| {
        let registry = registry()
            .script("GET", MANIFEST, vec![to(&format!("http://{host}:{port}/secret?a=canary"))])
            .start_on(Origin::loopback(2));
        let mut library = Library::new();
        library.options.address_floor = Some(AddressClass::Public);
        let error = library.inspect(&reference(&registry)).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Network);
        assert!(text.contains("on a network less public than that of 127.0.0.2"), "{text}");
        assert!(!text.contains("canary"), "{text}");
        assert_eq!((inside.connections(), library.clock.waits().len()), (0, 0), "{host}");
    };
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::]"] {
        check(host);
    }
    for host in ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd00::1]"] {
        check(host);
    }
    for host in ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "168.63.129.16"] {
        check(host);
    }
    for host in ["[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]"] {
        check(host);
    }
    // A name is judged by the address it stands for.
    check("localhost");
}

#[test]
fn the_end_of_a_layer_is_not_looked_for_in_a_private_network() {
    let inside = Server::start(Origin::default(), |_| Reply::ok("{}"));
    let registry = registry().start_on(Origin::loopback(2));
    let mut library = Library::new();
    library.options.address_floor = Some(AddressClass::Public);
    let manifest = library.inspect(&reference(&registry)).unwrap();
    let layer = &manifest.images[0].layers[0].digest;
    let target = format!("http://localhost:{}/x", inside.address().port());
    registry.script_forever("GET", &format!("/v2/team/app/blobs/{layer}"), vec![to(&target)]);
    let inspection = library.inspect(&reference(&registry)).unwrap();
    assert_eq!(inspection.images[0].layers[0].uncompressed, None);
    assert!(inspection.warnings[0].contains("less public"), "{:?}", inspection.warnings);
    assert_eq!(inside.connections(), 0);
}
