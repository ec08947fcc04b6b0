//! Servers with bad certificates, and servers that speak another protocol than expected.

use std::time::{Duration, Instant};

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Canary, End, Flaw, Image, Layer, Origin, Registry, Sandbox, TestCa, auths};

fn registry() -> Registry {
    let layer = Layer::gzip("etc/motd 5000");
    let image = Image::new("linux/amd64").layer(layer, "COPY motd /etc/");
    Registry::new().put_image("team/app", "latest", &image.bundle())
}

/// A run with a login for the registry, which must stay where it belongs.
fn inspect(registry: &RunningRegistry, canary: &Canary, more: &[&str]) -> Output {
    let sandbox = Sandbox::new();
    sandbox.docker_config(&auths(&[(&registry.host(), "robot", canary.secret())]));
    let reference = registry.reference("team/app:latest");
    let output = sandbox.run(&[&["inspect", &reference, "--format", "json"], more].concat());
    assert!(!output.holds(canary), "{output}");
    output
}

fn check_failure(output: &Output, expected: &[&str]) {
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], "network", "{output}");
    for part in expected {
        assert!(output.stderr.contains(part), "{part:?} is not in {output}");
    }
    let text = output.stderr.to_lowercase();
    for advice in ["insecure", "skip", "verify", "danger"] {
        assert!(!text.contains(advice), "{output}");
    }
}

#[test]
fn a_registry_with_a_certificate_of_a_given_authority_is_read() {
    let ca = TestCa::new();
    let canary = Canary::new("robot");
    let origin = Origin::default().tls(ca.certificate(Flaw::None));
    let content = registry().auth_basic("robot", canary.secret());
    let registry = content.start_on(origin);
    let host = registry.host();
    let arguments = ["--https", &host, "--ca-file", ca.path().to_str().unwrap()];
    let output = inspect(&registry, &canary, &arguments);
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn a_bad_certificate_ends_the_run_at_once() {
    let ca = TestCa::new();
    let check = |flaw: Flaw, trusted: bool, expected: &[&str]| {
        let origin = Origin::default().tls(ca.certificate(flaw));
        let registry = registry().start_on(origin);
        let host = registry.host();
        let mut arguments = vec!["--https", &host];
        if trusted {
            arguments.extend(["--ca-file", ca.path().to_str().unwrap()]);
        }
        let output = inspect(&registry, &Canary::new("robot"), &arguments);
        check_failure(&output, &[expected, &[&host]].concat());
        assert_eq!(registry.lines(), [""; 0]);
        assert_eq!(registry.connections(), 1, "{output}");
    };
    check(Flaw::None, false, &["unknown authority", "--ca-file FILE"]);
    check(Flaw::Expired, true, &["expired"]);
    check(Flaw::Future, true, &["not valid yet"]);
    check(Flaw::WrongName, true, &["not valid for", "other.example"]);
}

#[test]
fn a_ca_file_must_hold_a_certificate() {
    let registry = registry().start();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app:latest");
    let check = |path: &str, kind: &str, expected: &str| {
        let arguments = ["inspect", &reference, "--format", "json", "--ca-file", path];
        let output = sandbox.run(&arguments);
        assert_eq!(output.code, Some(2), "{output}");
        assert_eq!(output.json()["error"]["kind"], kind, "{output}");
        assert!(output.stderr.contains(expected), "{output}");
        assert!(output.stderr.contains(path), "{output}");
    };
    check("/nowhere/ca.pem", "local", "cannot be read");
    let file = sandbox.write("empty.pem", "no certificate\n");
    check(file.to_str().unwrap(), "usage", "holds no certificate");
    assert_eq!(registry.lines(), [""; 0]);
}

#[test]
fn a_handshake_that_stalls_ends_with_the_deadline_and_is_tried_again() {
    let ca = TestCa::new();
    let tls = |refusals| Origin::default().tls(ca.certificate(Flaw::None)).refusing(refusals);
    let canary = Canary::new("robot");
    let stalling = registry().start_on(tls(vec![End::Stall; 9]));
    let host = stalling.host();
    let started = Instant::now();
    let output = inspect(&stalling, &canary, &["--https", &host, "--deadline", "1"]);
    check_failure(&output, &["in the 1 s allowed"]);
    assert!(started.elapsed() < Duration::from_secs(8));

    let closing = registry().start_on(tls(vec![End::Close, End::Reset]));
    let host = closing.host();
    let ca_file = ca.path().to_str().unwrap();
    let output = inspect(&closing, &canary, &["--https", &host, "--ca-file", ca_file]);
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn a_plain_http_server_gets_nothing_where_https_is_expected() {
    let canary = Canary::new("robot");
    let registry = registry().auth_basic("robot", canary.secret()).start();
    let host = registry.host();
    let output = inspect(&registry, &canary, &["--https", &host]);
    let hint = format!("--plain-http {host}");
    check_failure(&output, &[&host, "does not speak https", &hint]);
    assert!(!registry.saw(canary.secret()));
    assert_eq!(registry.lines(), [""; 0]);
    assert_eq!(registry.connections(), 1, "{output}");
}

#[test]
fn an_https_server_where_plain_http_is_expected_is_named_as_such() {
    let ca = TestCa::new();
    let origin = Origin::default().tls(ca.certificate(Flaw::None));
    let registry = registry().start_on(origin);
    let hint = format!("--https {}", registry.host());
    let output = inspect(&registry, &Canary::new("robot"), &["--retries", "0"]);
    check_failure(&output, &[&registry.host(), &hint]);
}

#[test]
fn no_source_turns_the_check_of_certificates_off() {
    let mut directories =
        vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["danger_accept", "dangerous()", "tls_danger"] {
                assert!(!text.contains(word), "{} has {word}", path.display());
            }
        }
    }
}
