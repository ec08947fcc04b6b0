//! Servers that cannot be reached, break off, or say what is not HTTP.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use regsize::registry::{Error, ErrorKind, Event};

use crate::support::image::Document;
use crate::support::registry::RunningRegistry;
use crate::support::reply::CONTINUE;
use crate::support::sandbox::Output;
use crate::support::{End, Image, Layer, Library, Origin, Registry, Reply, Sandbox};

const MANIFEST: &str = "/v2/team/app/manifests/latest";

fn image() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 5000"), "COPY motd /etc/")
}

fn registry() -> Registry {
    Registry::new().put_image("team/app", "latest", &image().bundle())
}

fn config_path() -> String {
    format!("/v2/team/app/blobs/{}", regsize::oci::Digest::of(&image().config()))
}

fn reference(registry: &RunningRegistry) -> String {
    registry.reference("team/app:latest")
}

/// A run without a second attempt, and how long it took.
fn once(reference: &str, more: &[&str]) -> (Output, Duration) {
    let started = Instant::now();
    let arguments = [&["inspect", reference, "--format", "json", "--retries", "0"], more].concat();
    let output = Sandbox::new().run(&arguments);
    (output, started.elapsed())
}

fn check_failure(output: &Output, kind: &str, expected: &str) {
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], kind, "{output}");
    assert!(output.stderr.contains(expected), "{expected:?} is not in {output}");
    assert!(!output.stderr.contains("panicked"), "{output}");
}

fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A listener whose queue is full, so that more connections are neither taken nor refused.
fn black_hole() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let wait = Duration::from_millis(200);
    let connect = || TcpStream::connect_timeout(&address, wait).ok();
    let queued = std::iter::from_fn(connect).take(64).collect();
    (listener, queued)
}

#[test]
fn a_refused_connection_names_host_and_port() {
    let address = closed_port();
    let (output, _) = once(&format!("{address}/team/app"), &[]);
    check_failure(&output, "network", &format!("cannot connect to {address}: Connection refused"));
}

#[test]
fn a_server_that_comes_up_late_is_reached() {
    let address = closed_port();
    let started: Arc<Mutex<Vec<RunningRegistry>>> = Arc::default();
    let refusals = Mutex::new(0);
    let mut library = Library::new();
    library.options.observer = Arc::new({
        let started = Arc::clone(&started);
        move |event: &Event| {
            let mut refusals = refusals.lock().unwrap();
            if matches!(event, Event::Retrying { .. }) {
                *refusals += 1;
                if *refusals == 2 {
                    started.lock().unwrap().push(registry().start_on(Origin::at(address)));
                }
            }
        }
    });
    library.inspect(&format!("{address}/team/app")).unwrap();
    assert_eq!(library.clock.waits().len(), 2);
}

#[test]
fn refusals_are_tried_five_times_with_growing_waits() {
    let library = Library::new();
    let error = library.inspect(&format!("{}/team/app", closed_port())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().contains("5 attempts"), "{error}");
    let waits = library.clock.waits();
    for (wait, shortest) in waits.iter().zip([500, 1000, 2000, 4000]) {
        let shortest = Duration::from_millis(shortest);
        assert!(*wait >= shortest && *wait <= 2 * shortest, "{waits:?}");
    }
    assert_eq!(waits.len(), 4);
}

#[test]
fn only_a_name_server_that_fails_for_now_is_asked_again() {
    let library = Library::new().attempts(2);
    let error = library.inspect("registry.invalid/team/app").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    let text = error.to_string();
    assert!(text.contains("host registry.invalid was not found"), "{error}");
    // A machine without a network cannot tell that there is no such host.
    let for_now = text.contains("Temporary failure") || text.contains("Try again");
    assert_eq!(library.clock.waits().len(), usize::from(for_now), "{error}");
}

#[test]
fn silence_ends_with_the_deadline() {
    let check = |reference: &str| {
        let (output, elapsed) = once(reference, &["--deadline", "1"]);
        check_failure(&output, "network", "in the 1 s allowed for a request");
        check_failure(&output, "network", "--deadline");
        assert!(elapsed < Duration::from_secs(8), "{elapsed:?}");
    };
    let (listener, queued) = black_hole();
    check(&format!("{}/team/app", listener.local_addr().unwrap()));
    drop(queued);
    let replies = [
        Reply::stall(),
        Reply::pass().truncate_after(10).then_stall(),
        // A head and a body that go on and on.
        Reply::pass().trickle(1, Duration::from_millis(300)),
        Reply::pass().truncate_after(0).flood("x").trickle(1, Duration::from_millis(300)),
        Reply::raw(CONTINUE).flood(CONTINUE).trickle(CONTINUE.len(), Duration::from_millis(1)),
    ];
    for reply in replies {
        let registry = registry().script("GET", MANIFEST, vec![reply]).forever().start();
        check(&reference(&registry));
    }
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again() {
    let check = |reply: &Reply| {
        for path in [MANIFEST, &config_path()] {
            let registry = registry().script("GET", path, vec![reply.clone()]).start();
            let library = Library::new();
            let inspection = library.inspect(&reference(&registry));
            let inspection = inspection.unwrap_or_else(|error| panic!("{reply:?}: {error}"));
            assert_eq!(inspection.warnings, [] as [&str; 0], "{reply:?}");
            assert_eq!(registry.count("GET", path), 2, "{reply:?}");
        }
    };
    check(&Reply::close_before_response());
    check(&Reply::rst());
    check(&Reply::raw("HTTP/1.1 200 OK\r\nContent-").then_close());
    check(&Reply::pass().truncate_after(0));
    check(&Reply::pass().truncate_after(10));
    check(&Reply::pass().truncate_after(10).then_reset());
    check(&Reply::pass().unfinished_chunks(100));
    check(&Reply::pass().chunked(100).truncate_after(50).then_reset());
    check(&Reply::pass().content_length("10000").then_close());
    // Complete as far as HTTP can tell.
    check(&Reply::pass().without_length().truncate_after(10));
}

#[test]
fn answers_in_odd_but_valid_frames_are_read() {
    let check = |reply: Reply| {
        let registry = registry().script("GET", MANIFEST, vec![reply]).start();
        Library::new().attempts(1).inspect(&reference(&registry)).unwrap();
    };
    check(Reply::pass().chunked(1));
    check(Reply::pass().without_length());
    check(Reply::pass().also_header("Content-Type", "text/plain"));
    let Document { bytes, media_type } = image().manifest();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\r\n");
    let answer = [CONTINUE.repeat(3).as_bytes(), head.as_bytes(), &bytes].concat();
    check(Reply::raw(answer).then_close());
}

#[test]
fn a_server_that_closes_each_connection_costs_no_attempt() {
    let image = image();
    let layer = format!("/v2/team/app/blobs/{}", regsize::oci::Digest::of(&image.layers()[0].blob));
    let mut content = registry();
    for path in [MANIFEST, &config_path(), &layer] {
        content = content.script("GET", path, vec![Reply::pass().then_close()]).forever();
    }
    let registry = content.start();
    for _ in 0..5 {
        let inspection = Library::new().attempts(1).inspect(&reference(&registry)).unwrap();
        assert_eq!(inspection.warnings, [] as [&str; 0]);
    }
}

#[test]
fn what_is_not_http_or_has_no_end_is_refused_at_once() {
    let check = |reply: Reply, kind: &str, expected: &str| {
        let registry = registry().script("GET", MANIFEST, vec![reply]).forever().start();
        let library = Library::new();
        let error: Error = library.inspect(&reference(&registry)).unwrap_err();
        assert_eq!(error.kind().as_str(), kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(registry.count("GET", MANIFEST), 1, "{error}");
    };
    check(Reply::raw("SSH-2.0-OpenSSH_9.2\r\n").then_close(), "network", "is not valid HTTP");
    check(Reply::raw("HTTP/1.1 twohundred\r\n\r\n").then_close(), "network", "is not valid HTTP");
    let many = "X-Y: z\r\n".repeat(10_000);
    let head = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
    check(Reply::raw(head).then_close(), "ceiling", "head of");
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(10 << 20));
    check(Reply::raw(long).then_close(), "ceiling", "head of");
    check(Reply::raw("HTTP/1.1 200 OK\r\n").flood("X: y\r\n"), "ceiling", "head of");
    check(Reply::ok(vec![b' '; (4 << 20) + 1]), "ceiling", "the manifest is larger than 4194304");
    check(Reply::ok("").without_length().flood(" ".repeat(8192)), "ceiling", "the manifest is");
}

#[test]
fn an_endless_document_is_read_no_further_than_its_ceiling() {
    let body = vec![b' '; 64 << 20];
    let registry =
        registry().script("GET", MANIFEST, vec![Reply::ok(body).without_length()]).start();
    let (output, _) = once(&reference(&registry), &["--limit", "manifest=1kB"]);
    check_failure(&output, "ceiling", "the manifest is larger than 1000 bytes");
    check_failure(&output, "ceiling", "--limit manifest=");
}

#[test]
fn connections_refused_one_by_one_are_made_again() {
    let refusals = vec![End::Close, End::Reset];
    let registry = registry().start_on(Origin::default().refusing(refusals));
    let library = Library::new();
    library.inspect(&reference(&registry)).unwrap();
    assert_eq!(library.clock.waits().len(), 2);
}
