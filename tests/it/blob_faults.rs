//! Blobs whose transfer goes wrong: what is resumed, what is asked for again, what is an error.

use bytes::Bytes;
use regsize::oci::Digest;
use regsize::registry::{Error, ErrorKind, Registry as Client};

use crate::support::blob::{RANGE, content, path};
use crate::support::{Origin, Registry, Reply, RunningStore, Store};

/// Less than two ranges: one request.
const SIZE: usize = 100_000;
const CUTS: [usize; 6] = [0, 1, SIZE / 2, SIZE * 99 / 100, SIZE - 1, 4096];

fn cut(at: usize) -> Reply {
    Reply::pass().truncate_after(at)
}

fn wrong(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[SIZE / 2] ^= 1;
    bytes.into()
}

fn rest(at: usize) -> String {
    if at == 0 { String::new() } else { format!("{at}-{}", SIZE - 1) }
}

/// Reads a blob whose first requests are answered by `replies`; gives the ranges asked for.
fn check_whole(replies: Vec<Reply>, ranges: &[&str], received: usize) {
    let shown = format!("{replies:?}");
    let store = Store::new(SIZE).replies(replies).start();
    assert_eq!(store.read_whole(&shown), received as u64, "{shown}");
    assert_eq!(store.ranges(), ranges, "{shown}");
}

fn check_error(store: &RunningStore, kind: ErrorKind, parts: &[&str], requests: usize) -> Error {
    let Err(error) = store.read() else { panic!("the blob is wrong") };
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "{part:?} is not in {error}");
    }
    assert_eq!(store.registry.lines().len(), requests, "{error}");
    error
}

#[test]
fn a_connection_closed_at_any_byte_is_resumed_there() {
    for at in CUTS {
        check_whole(vec![cut(at)], &["", &rest(at)], SIZE);
    }
}

#[test]
fn a_connection_reset_at_any_byte_is_resumed_without_repetition() {
    for at in CUTS {
        let store = Store::new(SIZE).replies(vec![cut(at).then_reset()]).start();
        assert_eq!(store.read_whole(&at.to_string()), SIZE as u64);
        assert_eq!(store.registry.lines().len(), 2);
    }
}

#[test]
fn a_range_that_breaks_off_is_resumed_for_its_rest() {
    let size = 15 * RANGE;
    for at in [0, 1, 1000, RANGE - 1] {
        let mut store = Store::new(size).replies(vec![Reply::pass(), cut(at)]);
        store.library.options.buffer = RANGE as u64;
        let store = store.start();
        assert_eq!(store.read_whole(&at.to_string()), size as u64);
        let rest = format!("-{}", 2 * RANGE - 1);
        let asked = store.ranges().into_iter().filter(|range| range.ends_with(&rest));
        let expected = [format!("{RANGE}{rest}"), format!("{}{rest}", RANGE + at)];
        assert_eq!(asked.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_chunked_body_that_breaks_off_is_resumed() {
    let store = Store::new(SIZE).replies(vec![cut(5000).chunked(1000)]).start();
    assert_eq!(store.read_whole("inside a chunk"), SIZE as u64);
    assert_eq!(store.registry.lines().len(), 2);
    let chunked = Reply::ok(content(SIZE).slice(..7000)).unfinished_chunks(1000);
    check_whole(vec![chunked], &["", "7000-99999"], SIZE);
}

#[test]
fn a_body_without_length_that_ends_early_is_resumed() {
    for at in [1, SIZE / 2, SIZE - 1] {
        check_whole(vec![cut(at).without_length()], &["", &rest(at)], SIZE);
    }
}

#[test]
fn a_shorter_blob_than_the_manifests_is_asked_for_once_more() {
    let store = Store::new(SIZE).served_as(content(SIZE - 1)).start();
    let parts = ["99999 bytes long", "the manifest says 100000"];
    check_error(&store, ErrorKind::BadData, &parts, 2);
    check_whole(vec![Reply::ok("short")], &["", ""], SIZE);
}

#[test]
fn more_bytes_than_the_manifest_says_are_an_error() {
    let long = content(SIZE + 1);
    let store = Store::new(SIZE).served_as(long.clone()).start();
    check_error(&store, ErrorKind::BadData, &["100001 bytes long"], 2);
    let unannounced = [
        Reply::ok(long.clone()).chunked(1000),
        Reply::ok(long.clone()).without_length(),
        Reply::ok(content(SIZE)).chunked(SIZE).flood("1\r\nx\r\n"),
        Reply::ok(content(SIZE)).without_length().flood("x"),
    ];
    for reply in unannounced.into_iter().take(2) {
        let store = Store::new(SIZE).replies(vec![reply]).start();
        check_error(&store, ErrorKind::BadData, &["more bytes than the manifest says"], 1);
    }
    let flood = Reply::ok(content(SIZE)).without_length().flood("x");
    let store = Store::new(SIZE).replies(vec![flood]).start();
    check_error(&store, ErrorKind::BadData, &["more bytes than the manifest says"], 1);
}

#[test]
fn lengths_that_are_none_are_no_answer() {
    let replies = [
        Reply::pass().content_length("-5"),
        Reply::pass().content_length("99999999999999999999999"),
        Reply::pass().content_length("abc"),
        Reply::pass().also_header("Content-Length", "5"),
    ];
    for reply in replies {
        let shown = format!("{reply:?}");
        let store = Store::new(SIZE).forever(vec![reply]).start();
        let Err(error) = store.read() else { panic!("{shown}") };
        assert!(matches!(error.kind(), ErrorKind::Network | ErrorKind::BadData), "{shown} {error}");
        assert!(store.registry.connections() >= store.registry.lines().len().min(2), "{shown}");
    }
    // Of two framings the chunked one counts.
    let both = Reply::pass().chunked(1000).also_header("Content-Length", "5");
    let store = Store::new(SIZE).forever(vec![both]).start();
    if let Ok(bytes) = store.read() {
        assert!(bytes == store.bytes);
    }
}

#[test]
fn a_body_that_stands_still_is_resumed_elsewhere() {
    let store = Store::new(SIZE).replies(vec![cut(SIZE / 2).then_stall()]).start();
    let mut blob = store.blob();
    let mut bytes = Vec::new();
    while bytes.len() < SIZE / 2 {
        bytes.extend_from_slice(&blob.blocking_next().unwrap().unwrap());
    }
    for _ in 0..2 {
        store.library.clock.wait_for_watcher();
        store.library.clock.end_spans();
    }
    bytes.extend(store.library.read(&mut blob).unwrap());
    assert!(bytes == store.bytes);
    assert_eq!(blob.received(), SIZE as u64);
    assert_eq!(store.ranges(), [String::new(), rest(SIZE / 2)]);
    assert_eq!(store.registry.connections(), 2);
}

#[test]
fn a_body_that_trickles_is_given_up_with_its_rate() {
    let trickle = Reply::pass().trickle(64, std::time::Duration::from_millis(1));
    let read = |store: &RunningStore| {
        let mut blob = store.blob();
        let mut bytes = Vec::new();
        for _ in 0..2 {
            bytes.extend_from_slice(&blob.blocking_next().unwrap().unwrap());
            store.library.clock.wait_for_watcher();
            store.library.clock.end_spans();
        }
        (bytes, blob)
    };
    let store = Store::new(SIZE).attempts(1).forever(vec![trickle.clone()]).start();
    let (_, mut blob) = read(&store);
    let error = store.library.read(&mut blob).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.message().contains("bytes per second"), "{error}");
    let store = Store::new(SIZE).replies(vec![trickle]).start();
    let (mut bytes, mut blob) = read(&store);
    bytes.extend(store.library.read(&mut blob).unwrap());
    assert!(bytes == store.bytes);
    assert_eq!(store.registry.connections(), 2);
}

#[test]
fn a_server_that_drops_again_and_again_ends_inside_the_budget() {
    let store = Store::new(SIZE).forever(vec![cut(1000)]).start();
    let error = check_error(&store, ErrorKind::Network, &["broke", "5 attempts"], 5);
    assert!(error.request().is_some_and(|request| request.starts_with("GET http")), "{error:?}");
    assert_eq!(store.library.clock.waits().len(), 4);
    let store = Store::new(15 * RANGE).forever(vec![cut(1000)]).start();
    store.read().unwrap_err();
    // Seven ranges were read ahead before the first failure, and none after it.
    assert!(store.registry.lines().len() <= 7 + 5, "{:?}", store.ranges());
}

#[test]
fn a_server_that_drops_after_much_is_worth_more_attempts() {
    let step = 2 << 20;
    let size = 6 * step;
    let store = Store::new(size).range(1 << 30).attempts(2).forever(vec![cut(step)]).start();
    assert_eq!(store.read_whole("2 MiB at a time"), size as u64);
    assert_eq!(store.registry.lines().len(), 6);
}

/// Breaks off and then answers the request for the rest in a way that is of no use, once and
/// forever.
fn check_other_part(reply: &Reply) {
    let shown = format!("{reply:?}");
    let once = Store::new(SIZE).replies(vec![cut(5000), reply.clone()]).start();
    assert_eq!(once.read_whole(&shown), SIZE as u64, "{shown}");
    assert_eq!(once.ranges(), [String::new(), rest(5000), rest(5000)], "{shown}");
    let twice = vec![cut(5000), reply.clone(), reply.clone()];
    let twice = Store::new(SIZE).replies(twice).start();
    assert_eq!(twice.read_whole(&shown), SIZE as u64 + 5000, "{shown}");
    let ranges = [String::new(), rest(5000), rest(5000), String::new()];
    assert_eq!(twice.ranges(), ranges, "{shown}");
    let forever = Store::new(SIZE).forever(vec![cut(5000), reply.clone()]).start();
    // A whole blob is one whatever else its head says.
    match forever.read() {
        Ok(bytes) => assert!(bytes == forever.bytes, "{shown}"),
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::Network | ErrorKind::BadData),
            "{shown} {error}"
        ),
    }
    assert!(forever.registry.lines().len() <= 8, "{shown} {:?}", forever.ranges());
}

#[test]
fn a_part_other_than_the_one_asked_for_is_never_used() {
    let last = SIZE - 1;
    let says = |text: String| Reply::pass().header("Content-Range", text);
    for start in [4999, 5001, 0] {
        check_other_part(&says(format!("bytes {start}-{last}/{SIZE}")));
    }
    check_other_part(&says(format!("bytes {last}-5000/{SIZE}")));
    check_other_part(&says(format!("bytes */{SIZE}")));
    check_other_part(&says("junk".to_owned()));
    check_other_part(&says(format!("bytes 5000-{SIZE}/*")));
    check_other_part(&says(format!("bytes 5000-{last}/{}", SIZE + 1)));
    check_other_part(&Reply::pass().without_header("Content-Range"));
    check_other_part(&Reply::pass().body(vec![0; 10]));
}

#[test]
fn parts_are_known_in_every_form_that_registries_use() {
    let last = SIZE - 1;
    for text in [format!("bytes 5000-{last}/*"), format!("5000-{last}/{SIZE}")] {
        let replies = vec![cut(5000), Reply::pass().header("Content-Range", text)];
        check_whole(replies, &["", &rest(5000)], SIZE);
    }
}

#[test]
fn several_parts_in_one_answer_lead_to_the_whole() {
    let parts = Reply::status(206)
        .header("Content-Type", "multipart/byteranges; boundary=b")
        .body("--b\r\nContent-Range: bytes 5000-99999/100000\r\n\r\nabcd\r\n--b--\r\n");
    check_whole(vec![cut(5000), parts], &["", &rest(5000), ""], SIZE + 5000);
}

#[test]
fn shorter_parts_than_asked_for_are_put_together() {
    let size = 3 * RANGE;
    let store = Store::new(size).with(|content| content.largest_range(20_000)).start();
    assert_eq!(store.read_whole("capped"), size as u64);
    let store = Store::new(size).with(|content| content.largest_range(10)).start();
    let error = store.read().unwrap_err();
    assert!(error.message().contains("only in tiny pieces"), "{error}");
    assert!(store.registry.lines().len() <= 10, "{:?}", store.ranges());
}

#[test]
fn a_whole_blob_in_place_of_the_rest_is_skipped_into_twice() {
    let store = |cuts: &[usize]| {
        let replies = cuts.iter().map(|at| cut(*at)).collect();
        Store::new(SIZE).with(Registry::ignore_ranges).replies(replies).start()
    };
    let once = store(&[5000]);
    assert_eq!(once.read_whole("once"), SIZE as u64 + 5000);
    assert_eq!(once.ranges(), [String::new(), rest(5000)]);
    let twice = store(&[5000, 9000]);
    assert_eq!(twice.read_whole("twice"), SIZE as u64 + 14_000);
    let part = ["does not go on where it broke"];
    check_error(&store(&[5000, 9000, 10_000]), ErrorKind::Network, &part, 4);
    // One more time the blob's size is the most that is read in vain.
    check_error(&store(&[90_000, 90_001]), ErrorKind::Network, &part, 3);
}

#[test]
fn a_rest_that_is_refused_leads_to_the_whole() {
    let refused = || Reply::status(416).body("requested range not satisfiable\n\n");
    check_whole(vec![cut(5000), refused()], &["", &rest(5000), ""], SIZE + 5000);
    // The blob's length is announced for a short message; its end never comes.
    let endless = refused().content_length("100000").then_stall();
    check_whole(vec![cut(5000), endless], &["", &rest(5000), ""], SIZE + 5000);
    let store = Store::new(SIZE).forever(vec![cut(5000), refused()]).start();
    check_error(&store, ErrorKind::Network, &["416"], 3);
}

#[test]
fn all_bytes_without_an_end_are_the_whole() {
    let unfinished = Reply::pass().unfinished_chunks(1000);
    check_whole(vec![unfinished], &[""], SIZE);
    check_whole(vec![Reply::pass().without_length().then_reset()], &[""], SIZE);
}

/// A registry that sends each blob request on to the next of `targets`.
fn redirecting(targets: &[&str]) -> Store {
    let store = Store::new(SIZE);
    let path = store.path();
    let to = |target: &&str| Reply::status(307).header("Location", format!("{target}{path}"));
    store.replies(targets.iter().map(to).collect())
}

fn storage(last: u8) -> crate::support::registry::RunningRegistry {
    let blob = Registry::new().put_blob("team/app", content(SIZE));
    blob.refuse_authorization().start_on(Origin::loopback(last))
}

#[test]
fn a_link_that_expires_before_the_rest_is_renewed() {
    for status in [400, 401, 403, 404, 410] {
        let storage = storage(2);
        let digest = Digest::of(&content(SIZE));
        storage.script("GET", &path(&digest), vec![cut(5000), Reply::status(status)]);
        let store = redirecting(&[&storage.url(), &storage.url()]).start();
        assert_eq!(store.read_whole(&status.to_string()), SIZE as u64);
        assert_eq!(store.registry.lines().len(), 2, "{status}");
        assert_eq!(storage.lines().len(), 3, "{status}");
    }
}

#[test]
fn a_link_that_expires_before_the_first_byte_is_renewed_once() {
    let storage = storage(2);
    let digest = Digest::of(&content(SIZE));
    storage.script("GET", &path(&digest), vec![Reply::status(403)]);
    let store = redirecting(&[&storage.url(), &storage.url()]).start();
    assert_eq!(store.read_whole("expired at once"), SIZE as u64);
    let always = self::storage(3);
    always.script_forever("GET", &path(&digest), vec![Reply::status(403)]);
    let store = redirecting(&[&always.url(), &always.url()]).start();
    check_error(&store, ErrorKind::Network, &["403"], 2);
}

#[test]
fn the_rest_may_come_from_another_storage_server() {
    let (first, second) = (storage(2), storage(3));
    let digest = Digest::of(&content(SIZE));
    first.script_forever("GET", &path(&digest), vec![cut(5000), Reply::status(403)]);
    let store = redirecting(&[&first.url(), &second.url()]).start();
    assert_eq!(store.read_whole("two servers"), SIZE as u64);
    assert_eq!(second.requests()[0].header("range"), Some("bytes=5000-99999"));
    assert_eq!(second.requests()[0].header("referer"), None);
}

#[test]
fn bytes_that_change_between_two_requests_are_noticed() {
    let other = wrong(&content(SIZE));
    let mut before = other.to_vec();
    before[0] ^= 1;
    let first = Reply::ok(before).truncate_after(5000);
    let store = Store::new(SIZE).replies(vec![first]).start();
    let error = store.read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadData);
    // The caller's second reading, from the start, gets the blob.
    store.read_whole("again");
}

#[test]
fn wrong_content_is_an_error_that_names_both_digests() {
    for size in [SIZE, 15 * RANGE] {
        let bytes = content(size);
        let store = Store::of(bytes.clone()).served_as(wrong(&bytes)).start();
        let error = store.read().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadData);
        for digest in [Digest::of(&bytes), Digest::of(&wrong(&bytes))] {
            assert!(error.message().contains(digest.as_str()), "{error}");
        }
        assert!(error.what_to_do().is_some());
    }
}

#[test]
fn bytes_encoded_anew_on_the_way_are_taken_if_right_and_explained_if_not() {
    let encoded = |reply: Reply| reply.header("Content-Encoding", "gzip");
    check_whole(vec![encoded(Reply::pass())], &[""], SIZE);
    let replies = [
        encoded(Reply::ok(wrong(&content(SIZE)))),
        encoded(Reply::ok(vec![0; 50])),
        encoded(Reply::ok(content(SIZE + 50)).chunked(1000)),
    ];
    for reply in replies {
        let store = Store::new(SIZE).forever(vec![reply]).start();
        let error = store.read().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadData, "{error}");
        assert!(error.message().contains("(Content-Encoding: gzip)"), "{error}");
    }
}

#[test]
fn a_login_page_in_place_of_a_blob_is_named() {
    let kind = format!("text/html; {}", "x".repeat(1000));
    let page = Reply::ok("<!DOCTYPE html><title>Log in</title>").header("Content-Type", kind);
    let store = Store::new(SIZE).forever(vec![page]).start();
    let error = check_error(&store, ErrorKind::BadData, &["(Content-Type: text/html; x"], 2);
    assert!(error.message().len() < 400, "{error}");
}

#[test]
fn failures_that_pass_are_waited_out_and_others_are_errors() {
    let busy = Reply::status(429).header("Retry-After", "7");
    let store = Store::new(SIZE).replies(vec![Reply::status(503), busy]).start();
    store.read_whole("busy");
    let waits = store.library.clock.waits();
    assert_eq!((waits.len(), waits[1].as_secs()), (2, 7));
    let check = |status: u16, kind: ErrorKind, requests: usize| {
        let store = Store::new(SIZE).forever(vec![Reply::status(status)]).start();
        check_error(&store, kind, &[], requests);
    };
    check(404, ErrorKind::NotFound, 1);
    check(403, ErrorKind::Auth, 1);
    check(410, ErrorKind::Network, 1);
    check(400, ErrorKind::Network, 1);
    check(204, ErrorKind::Network, 1);
    check(500, ErrorKind::Network, 5);
    check(429, ErrorKind::RateLimited, 5);
}

#[test]
fn a_failure_among_ranges_read_ahead_costs_a_retry_and_no_byte() {
    let size = 15 * RANGE;
    for fault in [Reply::rst(), Reply::status(500), cut(100), Reply::status(429)] {
        let replies = vec![Reply::pass(), Reply::pass(), fault.clone(), fault];
        let store = Store::new(size).replies(replies).start();
        assert_eq!(store.read_whole("ahead"), size as u64);
    }
}

/// The client is shared by threads that read.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Client>();
};
