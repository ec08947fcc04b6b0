//! Answers with a status other than fine, and headers that mislead.

use regsize::oci::Digest;
use regsize::registry::ErrorKind;

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{DigestHeader, Image, Layer, Library, Registry, Reply, Sandbox};

const MANIFEST: &str = "/v2/team/app/manifests/latest";

fn image() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 5000"), "COPY motd /etc/")
}

fn registry() -> Registry {
    Registry::new().put_image("team/app", "latest", &image().bundle())
}

fn reference(registry: &RunningRegistry) -> String {
    registry.reference("team/app:latest")
}

fn once(registry: &RunningRegistry) -> Output {
    let arguments = ["inspect", &reference(registry), "--format", "json", "--retries", "0"];
    Sandbox::new().run(&arguments)
}

fn check_failure(output: &Output, kind: &str, expected: &str) {
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], kind, "{output}");
    assert!(output.stderr.contains(expected), "{expected:?} is not in {output}");
}

#[test]
fn statuses_that_pass_are_tried_again() {
    for status in [408, 425, 429, 499, 500, 502, 503, 504, 520, 522, 524] {
        let registry = registry().script("GET", MANIFEST, vec![Reply::status(status)]).start();
        let library = Library::new();
        library.inspect(&reference(&registry)).unwrap_or_else(|e| panic!("{status}: {e}"));
        assert_eq!(library.clock.waits().len(), 1, "{status}");
    }
}

#[test]
fn statuses_that_stay_are_not_tried_again() {
    for status in [400, 405, 406, 410, 418, 451, 501] {
        let replies = vec![Reply::status(status).body("why")];
        let registry = registry().script("GET", MANIFEST, replies).forever().start();
        let library = Library::new();
        let error = library.inspect(&reference(&registry)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("answered {status}")) && text.contains("why"), "{text}");
        assert_eq!((error.kind(), registry.count("*", "")), (ErrorKind::Network, 1), "{text}");
    }
}

#[test]
fn a_server_that_keeps_failing_is_quoted() {
    let body = format!("\u{1b}[31mdown for maintenance {}", "x".repeat(5000));
    let replies = vec![Reply::status(502), Reply::status(503).body(body)];
    let registry = registry().script("GET", MANIFEST, replies).forever().start();
    let error = Library::new().inspect(&reference(&registry)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("503 Service Unavailable: "), "{text}");
    assert!(text.contains("5 attempts") && text.len() < 900, "{text}");
    assert_eq!(registry.count("GET", MANIFEST), 5);
    let output = once(&registry);
    check_failure(&output, "network", "down for maintenance");
    assert!(!output.stderr.contains('\u{1b}') && !output.stdout.contains('\u{1b}'), "{output}");
}

#[test]
fn error_bodies_of_any_shape_and_size_are_survived() {
    let many = format!(r#"{{"errors":[{}{{}}]}}"#, r#"{"code":"A","message":"m"},"#.repeat(1000));
    let bodies = [
        ("{}", "{}"),
        (r#"{"errors":null}"#, "null"),
        (r#"{"errors":[]}"#, "[]"),
        (r#"{"errors":{"code":1}}"#, "code"),
        (many.as_str(), "A: m"),
        ("<html><body>Bad Gateway</body></html>", "an HTML page"),
        ("", "418"),
    ];
    let check = |reply: Reply, expected: &str| {
        let registry = registry().script("GET", MANIFEST, vec![reply]).forever().start();
        let library = Library::new();
        let error = library.inspect(&reference(&registry)).unwrap_err().to_string();
        assert!(error.contains(expected) && error.len() < 900, "{error}");
        assert!(error.contains("418"), "{error}");
    };
    for (body, expected) in bodies {
        check(Reply::status(418).body(body.to_owned()), expected);
    }
    check(Reply::status(418).body(vec![b'x'; 10 << 20]), "418");
    check(Reply::status(418).body("{\"errors\":[").then_close(), "errors");
    check(Reply::status(418).content_length("99").body("short").then_close(), "418");
}

#[test]
fn head_is_given_up_where_it_does_not_work() {
    let check = |reply: Reply| {
        let registry = registry().start();
        let sandbox = Sandbox::new();
        let run = || {
            let output = sandbox.run(&["inspect", &reference(&registry), "--retries", "0"]);
            assert_eq!(output.code, Some(0), "{reply:?} {output}");
            output.stdout
        };
        // The second run has the documents, and asks by HEAD whether they are still the ones.
        let first = run();
        registry.script_forever("HEAD", MANIFEST, vec![reply.clone()]);
        assert_eq!(run(), first, "{reply:?}");
        assert_eq!(registry.count("HEAD", ""), 1, "{reply:?}");
    };
    for status in [400, 401, 403, 404, 405, 501] {
        check(Reply::status(status));
    }
    let html = Reply::ok("<html>").header("Content-Type", "text/html");
    check(html);
    check(Reply::pass().without_header("Docker-Content-Digest"));
    check(Reply::pass().header("Docker-Content-Digest", "nonsense"));
    check(Reply::pass().header("Content-Length", "7"));
}

#[test]
fn a_document_is_what_its_digest_says() {
    let check = |header: DigestHeader, failure: Option<&str>, warning: Option<&str>| {
        let registry = registry().digest_header(header).start();
        match (Library::new().inspect(&reference(&registry)), failure) {
            (Ok(inspection), None) => {
                let warnings = inspection.warnings;
                assert_eq!(warnings.len(), usize::from(warning.is_some()), "{warnings:?}");
                assert!(warning.is_none_or(|part| warnings[0].contains(part)), "{warnings:?}");
            }
            (Err(error), Some(expected)) => {
                assert_eq!(error.kind(), ErrorKind::BadData);
                assert!(error.to_string().contains(expected), "{error}");
            }
            (result, _) => panic!("{result:?}"),
        }
    };
    let text = |text: &str| DigestHeader::Text(text.to_owned());
    let other = Digest::of(b"other").to_string();
    check(DigestHeader::Right, None, None);
    check(DigestHeader::Absent, None, None);
    check(text(&other), Some(&other), None);
    let malformed = "in a form that is not one";
    for value in ["nonsense", "sha256:", "sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
        check(text(value), None, Some(malformed));
    }
}

#[test]
fn what_is_missing_is_named() {
    let config = format!("/v2/team/app/blobs/{}", Digest::of(&image().config()));
    let missing = |name: &str| once_at(&registry().start(), name);
    check_failure(&missing("team/app:other"), "not_found", "no tag other");
    check_failure(&missing("team/other:latest"), "not_found", "no such repository");
    let registry = registry().script("GET", &config, vec![Reply::status(404)]).forever().start();
    check_failure(&once(&registry), "not_found", "the manifest refers to blob sha256:");
}

fn once_at(registry: &RunningRegistry, name: &str) -> Output {
    Sandbox::new().run(&["inspect", &registry.reference(name), "--format", "json"])
}

#[test]
fn a_web_page_is_not_taken_for_a_document() {
    let page = "<!DOCTYPE html><title>Log in to the network</title>";
    let config = format!("/v2/team/app/blobs/{}", Digest::of(&image().config()));
    let check = |path: &str, reply: Reply, expected: &str| {
        let registry = registry().script("GET", path, vec![reply]).forever().start();
        check_failure(&once(&registry), "bad_data", expected);
    };
    let html = Reply::ok(page).header("Content-Type", "text/html; charset=utf-8");
    check(MANIFEST, html.clone(), "an HTML page");
    check(MANIFEST, Reply::ok(page), "an HTML page");
    check(&config, html, "an HTML page");
    check(MANIFEST, Reply::ok(""), "");
    check(MANIFEST, Reply::ok("[]"), "");
}

#[test]
fn what_the_registry_wants_to_say_is_shown_and_changes_nothing() {
    let warning = |reply: Reply, text: &str| reply.also_header("Warning", text);
    let mut reply = warning(Reply::pass(), "299 - \"moving to \u{9b}[31mred\"");
    for _ in 0..50 {
        reply = warning(reply, "299 - \"moving to \u{9b}[31mred\"");
    }
    reply = warning(reply, "110 - \"stale\"");
    let registry = registry().script("GET", MANIFEST, vec![reply]).start();
    let output = once_at(&registry, "team/app:latest");
    assert_eq!(output.code, Some(0), "{output}");
    let warnings = output.json()["warnings"].to_string();
    let all = format!("{}{}", output.stdout, output.stderr);
    assert!(all.contains("the registry says: moving to"), "{output}");
    assert!(!all.contains("stale") && !all.contains('\u{9b}'), "{warnings} {output}");
    let many: Vec<String> = (0..50).map(|n| format!("299 - \"number {n}\"")).collect();
    let reply = many.iter().fold(Reply::pass(), |reply, text| reply.also_header("Warning", text));
    registry.script("GET", MANIFEST, vec![reply]);
    let inspection = Library::new().inspect(&reference(&registry)).unwrap();
    assert_eq!(inspection.warnings.len(), 10, "{:?}", inspection.warnings);
}
