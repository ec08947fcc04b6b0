//! Servers that ask to wait, and pull limits.

use std::time::Duration;

use regsize::registry::{ErrorKind, RateLimit};

use crate::support::registry::RunningRegistry;
use crate::support::{Image, Layer, Library, Origin, Registry, Reply, Sandbox};

const MANIFEST: &str = "/v2/team/app/manifests/latest";
const DATE: &str = "Sat, 21 Nov 2026 10:00:00 GMT";

fn registry() -> Registry {
    let layer = Layer::gzip("etc/motd 5000");
    let image = Image::new("linux/amd64").layer(layer, "COPY motd /etc/");
    Registry::new().put_image("team/app", "latest", &image.bundle())
}

fn reference(registry: &RunningRegistry) -> String {
    registry.reference("team/app:latest")
}

fn busy(wait: &str) -> Reply {
    Reply::error(429, "TOOMANYREQUESTS", "slow down").header("Retry-After", wait)
}

#[test]
fn a_wait_that_the_server_names_is_kept() {
    let check = |reply: Reply, expected: u64| {
        let registry = registry().script("GET", MANIFEST, vec![reply.clone()]).start();
        let library = Library::new();
        library.inspect(&reference(&registry)).unwrap_or_else(|e| panic!("{reply:?}: {e}"));
        assert_eq!(library.clock.waits(), [Duration::from_secs(expected)], "{reply:?}");
    };
    check(busy("2"), 2);
    check(busy(" 2 "), 2);
    check(busy("599"), 599);
    check(busy("7").with_status(503), 7);
    // The server's clock counts, whatever this machine's says.
    check(busy("Sat, 21 Nov 2026 10:00:09 GMT").header("Date", DATE), 9);
    check(busy("Saturday, 21-Nov-26 10:00:09 GMT").header("Date", DATE), 9);
    check(busy("Fri, 01 Jan 1999 00:00:03 GMT").header("Date", "Fri, 01 Jan 1999 00:00:00 GMT"), 3);
}

#[test]
fn a_wait_that_is_none_gives_way_to_the_clients_own() {
    let check = |reply: Reply| {
        let registry = registry().script("GET", MANIFEST, vec![reply.clone()]).start();
        let library = Library::new();
        library.inspect(&reference(&registry)).unwrap_or_else(|e| panic!("{reply:?}: {e}"));
        let waits = library.clock.waits();
        let own = Duration::from_millis(500)..=Duration::from_secs(1);
        assert!(waits.len() == 1 && own.contains(&waits[0]), "{reply:?} {waits:?}");
    };
    for text in ["0", "-5", "1e9", "", "2.5", "soon", "99999999999999999999999", "0x10"] {
        check(busy(text));
    }
    check(busy(&"9".repeat(10_240)));
    check(busy("Sat, 21 Nov 2026 09:59:00 GMT").header("Date", DATE));
    check(busy("2").without_header("Retry-After"));
}

#[test]
fn a_wait_beyond_the_deadline_ends_the_request_at_once() {
    let check = |reply: Reply, expected: &str| {
        let registry = registry().script("GET", MANIFEST, vec![reply]).forever().start();
        let library = Library::new();
        let error = library.inspect(&reference(&registry)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.message().contains(expected), "{error}");
        assert!(error.message().contains("600 s are allowed"), "{error}");
        assert!(error.what_to_do().is_some_and(|hint| hint.contains("--deadline")), "{error:?}");
        assert_eq!(library.clock.waits().len(), 0);
        assert_eq!(registry.count("*", ""), 1);
    };
    check(busy("600"), "600 s");
    check(busy("999999999"), "999999999 s");
    // A point in time where a span should be.
    check(busy("1795687200"), "1795687200 s");
    check(busy("18446744073709551615"), "18446744073709551615 s");
    check(busy("Fri, 31 Dec 9999 23:59:59 GMT").header("Date", DATE), " s");
}

#[test]
fn a_deadline_that_ends_before_the_clients_own_wait_is_told_as_such() {
    let reply = busy("2").without_header("Retry-After");
    let registry = registry().script("GET", MANIFEST, vec![reply]).forever().start();
    let mut library = Library::new();
    // Shorter than the shortest wait between two attempts.
    library.options.retry.deadline = Duration::from_millis(499);
    let error = library.inspect(&reference(&registry)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
    assert_eq!(error.message(), "the 0 s allowed for a request are used up");
}

#[test]
fn no_deadline_is_so_long_that_times_overflow() {
    let registry = registry().script("GET", MANIFEST, vec![busy("18446744073709551615")]).start();
    let mut library = Library::new();
    library.options.retry.deadline = Duration::MAX;
    library.inspect(&reference(&registry)).unwrap_err();
}

#[test]
fn nobody_asks_a_server_that_asked_to_wait() {
    let check = |concurrency: usize, wait: Option<u64>| {
        let reply = match wait {
            Some(wait) => busy(&wait.to_string()),
            None => busy("0"),
        };
        let registry = registry().script("GET", MANIFEST, vec![reply]).start();
        let mut library = Library::new().holding();
        library.options.concurrency = concurrency;
        let registries = library.registries();
        let first = library.spawn_manifest(&registries, &reference(&registry));
        library.clock.wait_for_sleepers(1);
        let workers: Vec<_> =
            (0..8).map(|_| library.spawn_manifest(&registries, &reference(&registry))).collect();
        library.clock.wait_for_sleepers(9);
        let almost =
            wait.map_or(Duration::from_millis(499), |wait| Duration::from_millis(1000 * wait - 1));
        library.clock.advance(almost);
        library.clock.wait_for_sleepers(9);
        assert_eq!(registry.lines().len(), 1);
        library.clock.advance(Duration::from_secs(1));
        for worker in workers.into_iter().chain([first]) {
            library.finish(worker).unwrap();
        }
        assert_eq!(registry.lines().len(), 10);
    };
    check(96, Some(2));
    check(1, Some(2));
    check(96, None);
}

#[test]
fn requests_that_wait_for_their_turn_see_the_pause() {
    let registry = registry().script("GET", MANIFEST, vec![busy("2")]).start();
    let mut library = Library::new().holding();
    library.options.concurrency = 1;
    let registries = library.registries();
    let workers: Vec<_> =
        (0..20).map(|_| library.spawn_manifest(&registries, &reference(&registry))).collect();
    library.clock.wait_for_sleepers(20);
    assert_eq!(registry.lines().len(), 1);
    library.clock.advance(Duration::from_secs(2));
    for worker in workers {
        library.finish(worker).unwrap();
    }
}

#[test]
fn a_shorter_wait_does_not_end_a_longer_one() {
    let other = "/v2/team/app/manifests/other";
    let registry = registry()
        .script("GET", MANIFEST, vec![busy("30").delay(Duration::from_millis(1))])
        .script("GET", other, vec![busy("1").delay(Duration::from_millis(300))])
        .start();
    let library = Library::new().holding();
    let registries = library.registries();
    let short = library.spawn_manifest(&registries, &registry.reference("team/app:other"));
    let long = library.spawn_manifest(&registries, &reference(&registry));
    library.clock.wait_for_sleepers(2);
    library.clock.advance(Duration::from_secs(29));
    // The one whose own wait is over waits on with the other.
    library.clock.wait_for_sleepers(2);
    assert_eq!(registry.lines().len(), 2);
    library.clock.advance(Duration::from_secs(1));
    library.finish(long).unwrap();
    library.finish(short).unwrap_err();
}

#[test]
fn a_storage_server_that_asks_to_wait_is_not_asked_by_others() {
    let content = registry();
    let storage = content.clone().start_on(Origin::loopback(2));
    let registry = content.redirect_blobs(&storage.url(), 307).start();
    let library = Library::new().holding();
    let registries = library.registries();
    let manifest = library.spawn_manifest(&registries, &reference(&registry));
    let manifest: serde_json::Value =
        serde_json::from_slice(&library.finish(manifest).unwrap().bytes).unwrap();
    let layer = &manifest["layers"][0];
    let digest: regsize::oci::Digest = layer["digest"].as_str().unwrap().parse().unwrap();
    let size = layer["size"].as_u64().unwrap();
    storage.script("GET", &format!("/v2/team/app/blobs/{digest}"), vec![busy("5")]);
    let tail = || library.spawn_range(&registries, &reference(&registry), &digest, size);
    let first = tail();
    library.clock.wait_for_sleepers(1);
    let second = tail();
    library.clock.wait_for_sleepers(2);
    assert_eq!(storage.lines().len(), 1);
    library.clock.advance(Duration::from_secs(5));
    assert!(library.finish(first).unwrap().is_some());
    assert!(library.finish(second).unwrap().is_some());
}

#[test]
fn throttling_without_a_wait_is_waited_out() {
    let replies = vec![Reply::status(429); 3];
    let registry = registry().script("GET", MANIFEST, replies).start();
    let library = Library::new();
    library.inspect(&reference(&registry)).unwrap();
    let waits = library.clock.waits();
    assert!(waits.len() == 3 && waits.is_sorted(), "{waits:?}");
}

#[test]
fn a_used_up_pull_limit_is_explained() {
    let registry = registry().rate_limit_headers(100, 0, 21600, "192.0.2.7").start();
    let sandbox = Sandbox::new();
    let run = |more: &[&str]| {
        let target = reference(&registry);
        sandbox.run(&[&["inspect", &target, "--retries", "0"], more].concat())
    };
    let output = run(&["--format", "json"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], "rate_limited", "{output}");
    let part = [
        "TOOMANYREQUESTS: You have reached your pull rate limit.",
        "0 of 100 pulls are left in a window of 360 minutes",
        "without a login",
        "does not count",
    ];
    for part in part {
        assert!(output.stderr.contains(part), "{part:?} is not in {output}");
    }
}

#[test]
fn the_pull_limit_is_part_of_the_result() {
    let registry = registry().rate_limit_headers(100, 50, 21600, "192.0.2.7").start();
    let inspection = Library::new().inspect(&reference(&registry)).unwrap();
    let expected = RateLimit {
        limit: 100,
        remaining: 49,
        window_seconds: Some(21600),
        source: Some("192.0.2.7".to_owned()),
    };
    assert_eq!(inspection.rate_limit, Some(expected));
}
