//! Blobs read to their ends from registries that behave well, each in its own way.

use std::sync::{Arc, Barrier};

use regsize::oci::Digest;
use regsize::registry::credentials::{Explicit, Sources};
use regsize::registry::{ErrorKind, Secret};

use crate::support::blob::{RANGE, content, descriptor};
use crate::support::{Canary, Origin, Registry, Reply, Server, Store};

const SMALL: usize = 100_000;
const BIG: usize = 15 * RANGE;

#[test]
fn a_small_blob_is_one_request_without_a_range() {
    for size in [1, SMALL, 2 * RANGE - 1] {
        let store = Store::new(size).start();
        assert_eq!(store.read_whole(&size.to_string()), size as u64);
        assert_eq!(store.ranges(), [""]);
        let request = &store.registry.requests()[0];
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        assert_eq!(request.header("if-range"), None);
    }
}

#[test]
fn a_big_blob_is_asked_for_in_closed_ranges_each_once() {
    for size in [2 * RANGE, BIG, BIG + 1, BIG - 1] {
        let store = Store::new(size).start();
        assert_eq!(store.read_whole(&size.to_string()), size as u64);
        let mut ranges: Vec<(usize, usize)> = store
            .ranges()
            .iter()
            .map(|range| range.split_once('-').unwrap())
            .map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap()))
            .collect();
        ranges.sort_unstable();
        let mut next = 0;
        for (first, last) in &ranges {
            assert!(*first == next && last >= first, "{ranges:?}");
            next = last + 1;
        }
        assert!(ranges.len() > 1 && next == size, "{ranges:?}");
        assert_eq!(store.registry.count("HEAD", ""), 0);
    }
}

#[test]
fn eight_ranges_are_in_flight_at_once() {
    let bytes = content(BIG);
    let served = bytes.clone();
    let barrier = Arc::new(Barrier::new(7));
    // Fourteen requests after the first are answered seven at a time or never.
    let storage = Server::start(Origin::default(), move |request| {
        let range = request.header("range").unwrap().strip_prefix("bytes=").unwrap().to_owned();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        if first > 0 {
            barrier.wait();
        }
        Reply::status(206)
            .header("Content-Range", format!("bytes {range}/{BIG}"))
            .body(served.slice(first..=last))
    });
    let store = Store::of(bytes.clone());
    let reference = format!("{}/team/app", storage.host());
    let registries = store.library.registries();
    let mut blob = store.library.blob(&registries, &reference, &store.descriptor);
    assert!(store.library.read(&mut blob).unwrap() == bytes);
}

#[test]
fn without_memory_or_connections_to_spare_one_range_follows_the_other() {
    let check = |buffer: u64, streams: usize| {
        let mut store = Store::new(BIG);
        store.library.options.buffer = buffer;
        store.library.options.streams = streams;
        let store = store.start();
        assert_eq!(store.read_whole("alone"), BIG as u64);
        let expected = [(0, 1), (1, 5), (5, 9), (9, 13), (13, 15)];
        let expected = expected.map(|(from, end)| format!("{}-{}", from * RANGE, end * RANGE - 1));
        assert_eq!(store.ranges(), expected);
    };
    check(0, 12);
    check(48 << 20, 1);
}

#[test]
fn many_blobs_at_once_need_few_connections_and_no_order() {
    let blobs: Vec<_> = (0..20).map(|number| content(BIG + number)).collect();
    let mut store = Store::new(SMALL)
        .with(|content| blobs.iter().fold(content, |c, b| c.put_blob("team/app", b.clone())));
    store.library.options.streams = 2;
    store.library.options.buffer = 3 * RANGE as u64;
    let store = store.start();
    let mut open: Vec<_> = blobs
        .iter()
        .map(|bytes| (bytes, store.blob_of(&descriptor(&Digest::of(bytes), bytes.len()))))
        .collect();
    // One that waits for its reader takes nothing from the others.
    let (bytes, mut last) = open.pop().unwrap();
    assert!(store.library.read(&mut last).unwrap() == *bytes);
    std::thread::scope(|scope| {
        for (bytes, mut blob) in open {
            let library = &store.library;
            scope.spawn(move || assert!(library.read(&mut blob).unwrap() == *bytes));
        }
    });
}

#[test]
fn a_dropped_blob_gives_back_what_it_had() {
    let store = Store::new(BIG).replies(vec![Reply::pass().truncate_after(100).then_stall()]);
    let mut store = store;
    store.library.options.streams = 1;
    let store = store.start();
    let mut blob = store.blob();
    assert!(blob.blocking_next().unwrap().is_ok());
    drop(blob);
    store.read_whole("after a dropped one");
}

#[test]
fn a_registry_that_ignores_ranges_sends_one_stream() {
    let store = Store::new(BIG).with(Registry::ignore_ranges).start();
    assert_eq!(store.read_whole("ignored"), BIG as u64);
    assert_eq!(store.ranges(), [format!("0-{}", RANGE - 1)]);
}

#[test]
fn a_registry_that_refuses_ranges_is_asked_for_the_whole() {
    for status in [400, 416, 501] {
        let store = Store::new(BIG).replies(vec![Reply::status(status)]).start();
        assert_eq!(store.read_whole(&status.to_string()), BIG as u64);
        assert_eq!(store.ranges(), [format!("0-{}", RANGE - 1), String::new()], "{status}");
    }
}

#[test]
fn a_refusal_in_the_middle_ends_in_one_stream() {
    let refusal = |status: u16| vec![Reply::pass(), Reply::status(status)];
    for replies in [refusal(416), refusal(501), refusal(200)] {
        let mut replies = replies;
        if let Some(last) = replies.pop() {
            replies.push(last.body(content(BIG)));
        }
        let mut store = Store::new(BIG).replies(replies);
        store.library.options.buffer = 0;
        let store = store.start();
        let received = store.read_whole("refused in the middle");
        assert!(received <= (BIG + RANGE) as u64, "{received}");
    }
}

#[test]
fn the_storage_server_is_asked_directly_and_without_the_login() {
    let canary = Canary::new("robot");
    let bytes = content(BIG);
    let blob = Registry::new().put_blob("team/app", bytes.clone());
    let storage = blob.clone().refuse_authorization().start_on(Origin::loopback(2));
    let mut store = Store::of(bytes).with(|content| {
        content.auth_basic("robot", canary.secret()).redirect_blobs(&storage.url(), 307)
    });
    store.library.options.credentials = Arc::default();
    let registry = store.registry.clone().start();
    let host = registry.host();
    store.library.options.credentials = Arc::new(Sources {
        explicit: Some(Explicit {
            registry: host.clone(),
            username: "robot".to_owned(),
            password: Secret::new(canary.secret().to_owned()),
        }),
        ..Sources::default()
    });
    let registries = store.library.registries();
    let reference = format!("{host}/team/app");
    let mut blob = store.library.blob(&registries, &reference, &store.descriptor);
    assert!(store.library.read(&mut blob).unwrap() == store.bytes);
    // One to learn that a login is wanted, one with it.
    assert_eq!(registry.count("GET", "/blobs/"), 2);
    assert_eq!(storage.count("GET", "/blobs/"), 15);
    assert!(!storage.saw(canary.secret()));
}

#[test]
fn an_expired_link_is_renewed_as_often_as_needed() {
    let bytes = content(BIG);
    let blob = Registry::new().put_blob("team/app", bytes.clone());
    let storage = blob.uses_per_link(2).start_on(Origin::loopback(2));
    let store = Store::of(bytes).with(|content| content.redirect_blobs(&storage.url(), 307));
    let store = store.start();
    assert_eq!(store.read_whole("expiring links"), BIG as u64);
    assert!(store.registry.count("GET", "/blobs/") >= 7);
}

#[test]
fn both_hash_functions_verify() {
    use sha2::Digest as _;
    let bytes = content(SMALL);
    let digest = format!("sha512:{}", hex::encode(sha2::Sha512::digest(&bytes)));
    let mut store =
        Store::of(bytes.clone()).with(|c| c.put_blob_as("team/app", &digest, bytes.clone()));
    store.descriptor = descriptor(&digest.parse().unwrap(), SMALL);
    store.start().read_whole("sha512");
}

#[test]
fn an_empty_blob_needs_no_request_and_is_verified() {
    let store = Store::new(0).start();
    assert_eq!(store.read_whole("empty"), 0);
    assert_eq!(store.registry.lines().len(), 0);
    let other = descriptor(&Digest::of(b"x"), 0);
    let error = store.library.read(&mut store.blob_of(&other)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadData);
}

#[test]
fn the_end_stays_the_end_and_an_error_an_error() {
    let store = Store::new(SMALL).start();
    let mut blob = store.blob();
    store.library.read(&mut blob).unwrap();
    assert!(blob.blocking_next().is_none());
    let store = Store::new(SMALL).served_as(content(SMALL - 1)).start();
    let mut blob = store.blob();
    store.library.read(&mut blob).unwrap_err();
    assert!(blob.blocking_next().unwrap().is_err());
}
