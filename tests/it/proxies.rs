//! Proxies between this machine and a registry.

use std::net::TcpListener;

use crate::support::sandbox::Output;
use crate::support::{
    Canary, Flaw, Image, Layer, Library, Origin, Registry, Reply, Sandbox, Server, TestCa,
};

/// The name that the test certificates of another server are for; it stands for no address.
const HOST: &str = "other.example";

fn registry() -> Registry {
    let layer = Layer::gzip("etc/motd 5000");
    let image = Image::new("linux/amd64").layer(layer, "COPY motd /etc/");
    Registry::new().put_image("team/app", "latest", &image.bundle())
}

fn refusing_proxy(status: u16) -> Server {
    Server::start(Origin::loopback(3), move |_| Reply::status(status).then_close())
}

/// Inspects an image of a registry that only the proxy can reach; the proxy's URL has a password.
fn inspect(variable: &str, proxy: &str, more: &[&str]) -> Output {
    let canary = Canary::new("robot");
    let mut sandbox = Sandbox::new();
    let mut url = url::Url::parse(&format!("http://robot@{proxy}")).unwrap();
    url.set_password(Some(canary.secret())).unwrap();
    sandbox.set(variable, url.as_str());
    let reference = format!("{HOST}/team/app");
    let arguments = ["inspect", &reference, "--format", "json", "--retries", "0"];
    let output = sandbox.run(&[&arguments, more].concat());
    assert!(!output.holds(&canary), "{output}");
    output
}

fn check_failure(output: &Output, kind: &str, expected: &[&str]) {
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], kind, "{output}");
    for part in expected {
        assert!(output.stderr.contains(part), "{part:?} is not in {output}");
    }
}

#[test]
fn https_goes_through_a_tunnel_and_http_as_it_is() {
    let ca = TestCa::new();
    let registry_tls = registry().start_on(Origin::default().tls(ca.certificate(Flaw::WrongName)));
    let address = registry_tls.address();
    let proxy = Server::start(Origin::loopback(3), move |_| Reply::tunnel(address));
    let ca_file = ca.path().to_str().unwrap();
    let output = inspect("HTTPS_PROXY", &proxy.host(), &["--ca-file", ca_file]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(proxy.lines().iter().all(|line| line == &format!("CONNECT {HOST}:443")));
    assert!(registry_tls.requests().iter().all(|r| r.header("proxy-authorization").is_none()));

    let plain = registry().start();
    let output = inspect("HTTP_PROXY", &plain.host(), &["--plain-http", HOST]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(plain.lines()[0].starts_with(&format!("GET http://{HOST}/v2/")));
}

#[test]
fn a_proxy_that_does_not_help_is_named_without_its_password() {
    let closed = TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap().to_string();
    let wants = "the proxy on the way to other.example wants a user name and password";
    let check = |variable: &str, more: &[&str], refused: &str| {
        let proxy = refusing_proxy(407);
        let output = inspect(variable, &proxy.host(), more);
        check_failure(&output, "auth", &[wants, "http://user:password@host:port"]);
        let output = inspect(variable, &closed, more);
        check_failure(&output, "network", &[HOST, refused]);
    };
    check("HTTPS_PROXY", &[], "the proxy on the way to");
    check("HTTP_PROXY", &["--plain-http", HOST], "Connection refused");
    let proxy = refusing_proxy(403);
    let output = inspect("HTTPS_PROXY", &proxy.host(), &[]);
    check_failure(&output, "network", &["the proxy on the way to"]);
}

#[test]
fn a_tunnel_that_dies_is_made_again() {
    let ca = TestCa::new();
    let registry = registry().start_on(Origin::default().tls(ca.certificate(Flaw::WrongName)));
    let address = registry.address();
    let proxy = Server::start(Origin::loopback(3), move |_| Reply::tunnel(address));
    let open = "HTTP/1.1 200 Connection established\r\n\r\n";
    let replies = vec![
        Reply::close_before_response(),
        Reply::raw(open).then_close(),
        Reply::raw(open).then_reset(),
    ];
    proxy.script("CONNECT", &format!("{HOST}:443"), replies);
    let mut library = Library::new();
    library.options.proxies.https = Some(proxy.url());
    library.options.ca_certificates = vec![std::fs::read(ca.path()).unwrap()];
    library.inspect(&format!("{HOST}/team/app")).unwrap();
    assert_eq!(library.clock.waits().len(), 3);
}

#[test]
fn hosts_that_need_no_proxy_are_reached_directly() {
    let registry = registry().start();
    let port = registry.address().port();
    let proxy = refusing_proxy(418);
    let check = |host: &str, exceptions: &str, direct: bool| {
        let host = host.replace("PORT", &port.to_string());
        let mut library = Library::new().attempts(1);
        library.options.proxies.all = Some(proxy.url());
        library.options.proxies.exceptions = Some(exceptions.replace("PORT", &port.to_string()));
        library.options.plain_http = vec![host.clone()];
        let before = proxy.connections();
        let result = library.inspect(&format!("{host}/team/app"));
        let shown = format!("{host} {exceptions:?} {:?}", result.map(|_| "fine"));
        assert_eq!(proxy.connections() == before, direct, "{shown}");
    };
    // This machine, whatever the exceptions say.
    check("127.0.0.1:PORT", "", true);
    check("localhost:PORT", "", true);
    // An address that leads to this machine but is not one of its own.
    check("0.0.0.0:PORT", "", false);
    check("0.0.0.0:PORT", "0.0.0.0", true);
    check("0.0.0.0:PORT", "10.0.0.0/8, 0.0.0.0/8", true);
    check("0.0.0.0:PORT", "1.0.0.0/8", false);
    check("0.0.0.0:PORT", "*", true);
    check("0.0.0.0:PORT", "0.0.0.0:PORT", true);
    check("0.0.0.0:PORT", "0.0.0.0:1", false);
    // Names that nobody has.
    check("r.invalid:PORT", "", false);
    check("r.invalid:PORT", "r.invalid", true);
    check("r.invalid:PORT", "R.INVALID", true);
    check("r.invalid:PORT", "x,  r.invalid ,y", true);
    check("r.invalid:PORT", "r.invalid:PORT", true);
    check("r.invalid:PORT", "r.invalid:1", false);
    check("r.invalid:PORT", ".invalid", true);
    check("r.invalid:PORT", "invalid", true);
    check("r.invalid:PORT", "*.invalid", true);
    check("r.invalid:PORT", "other.invalid", false);
    check("bar.invalid:PORT", "r.invalid", false);
    check("r.invalid:PORT", "*", true);
}
