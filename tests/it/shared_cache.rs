//! Machines that share listings by way of a directory or a bucket: what one has read another does
//! not read, and whatever is wrong with the store costs time and at most one note.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::analysis::{arguments, asked_for, registry_of};
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::{Output, Running};
use crate::support::{Canary, Layer, Origin, Reply, S3, Sandbox, Server, auths, refused, s3};
use crate::tables::fixture;

const KEY: &str = "a key that the machines have in common";

/// Layers to be read whole, and one with a table of contents.
fn layers() -> [Layer; 3] {
    [
        Layer::gzip("etc/os-release 20\n usr/bin/tool 30000 mode=755"),
        Layer::gzip("opt/a 900\n opt/b 100\n etc/motd 5"),
        fixture("estargz-library"),
    ]
}

fn machine(store: &str) -> Sandbox {
    let mut machine = Sandbox::new();
    machine.set("REGSIZE_SHARED_CACHE", store);
    machine.set("REGSIZE_SHARED_CACHE_KEY", KEY);
    machine
}

fn analyze(machine: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Output {
    let reference = registry.reference("team/app:latest");
    let output =
        machine.run(&arguments(&reference, &[&["analyze", "--format", "json"], options].concat()));
    assert_eq!(output.code, Some(0), "{output}");
    output
}

/// How often layers were asked for.
fn read(registry: &RunningRegistry) -> usize {
    layers().iter().map(|layer| asked_for(registry, layer)).sum()
}

/// A directory that machines share, with what one of them made.
fn filled(registry: &RunningRegistry) -> (TempDir, String, Output) {
    let directory = TempDir::new().unwrap();
    let store = format!("file://{}", directory.path().display());
    let first = machine(&store);
    let made = analyze(&first, registry, &["--shared-cache-write"]);
    assert_eq!(made.stderr, "", "{made}");
    (directory, store, analyze(&first, registry, &[]))
}

fn entries(directory: &TempDir) -> Vec<PathBuf> {
    let mut waiting = vec![directory.path().to_owned()];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        match fs::read_dir(&path) {
            Ok(inside) => waiting.extend(inside.map(|entry| entry.unwrap().path())),
            Err(_) => found.push(path),
        }
    }
    found.sort();
    found
}

/// The report without what tells how its layers were read.
fn findings(output: &Output) -> Value {
    let mut report = output.json();
    forget(&mut report);
    report
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields
                .retain(|name, _| !["toc_source", "transferred", "from_cache"].contains(&&**name));
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}

#[test]
fn a_second_machine_reads_no_layer() {
    let registry = registry_of(&layers());
    let (directory, store, first) = filled(&registry);
    assert_eq!(entries(&directory).len(), 6, "a listing and its captures for each layer");
    let before = read(&registry);
    let second = machine(&store);
    let output = analyze(&second, &registry, &[]);
    assert_eq!(output, first, "as if it had made them itself");
    assert_eq!(read(&registry), before);
    // Now they are its own.
    fs::remove_dir_all(directory.path()).unwrap();
    let alone = analyze(&second, &registry, &[]);
    assert_eq!((alone.stdout, read(&registry)), (first.stdout, before));
    let info = second.run(&["cache", "info", "--format", "json"]).json();
    let buckets: Vec<_> = info["buckets"].as_array().unwrap().iter().collect();
    assert!(buckets.iter().any(|bucket| bucket["name"] == "tocs-3" && bucket["entries"] == 3));
    assert_eq!(second.run(&["cache", "clear"]).code, Some(0));
}

#[test]
fn nothing_is_written_unless_that_is_asked_for() {
    let registry = registry_of(&layers());
    let directory = TempDir::new().unwrap();
    let reader = machine(&format!("file://{}", directory.path().display()));
    analyze(&reader, &registry, &[]);
    assert_eq!(entries(&directory), Vec::<PathBuf>::new());
}

#[test]
fn layers_that_are_to_be_read_are_read() {
    let registry = registry_of(&layers());
    let (_directory, store, _) = filled(&registry);
    for option in ["--verify-toc", "--no-cache"] {
        let before = read(&registry);
        analyze(&machine(&store), &registry, &[option]);
        assert!(read(&registry) >= before + 3, "{option}");
    }
}

#[test]
fn a_flipped_byte_in_any_entry_is_a_miss_and_is_healed() {
    let registry = registry_of(&layers());
    let (directory, store, first) = filled(&registry);
    let entries = entries(&directory);
    let sound: Vec<_> = entries.iter().map(|entry| fs::read(entry).unwrap()).collect();
    let step = |length: usize| (length / 3).max(1);
    for (entry, sound) in entries.iter().zip(&sound) {
        for at in (0..sound.len()).step_by(step(sound.len())) {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x40;
            fs::write(entry, &damaged).unwrap();
            let output = analyze(&machine(&store), &registry, &[]);
            assert_eq!(findings(&output), findings(&first), "byte {at} of {}", entry.display());
            assert_eq!(output.stderr.matches("note: ").count(), 1, "{output}");
            assert!(output.stderr.contains("which are not used"), "{output}");
        }
        let healing = analyze(&machine(&store), &registry, &["--shared-cache-write"]);
        assert_eq!(findings(&healing), findings(&first));
        assert_eq!(fs::read(entry).unwrap(), *sound, "{}", entry.display());
    }
    assert_eq!(analyze(&machine(&store), &registry, &[]), first);
}

#[test]
fn entries_that_were_swapped_or_made_with_another_key_are_misses() {
    let registry = registry_of(&layers());
    let (directory, store, first) = filled(&registry);
    let own = entries(&directory);
    let listings: Vec<_> =
        own.iter().filter(|entry| entry.display().to_string().contains("tocs-3")).collect();
    let (one, other) = (fs::read(listings[0]).unwrap(), fs::read(listings[1]).unwrap());
    fs::write(listings[0], &other).unwrap();
    fs::write(listings[1], &one).unwrap();
    let output = analyze(&machine(&store), &registry, &[]);
    assert_eq!(findings(&output), findings(&first));
    assert!(output.stderr.contains("holds entries in the place of others"), "{output}");

    let mut stranger = machine(&store);
    stranger.set("REGSIZE_SHARED_CACHE_KEY", "a key of somebody else");
    analyze(&stranger, &registry, &["--shared-cache-write"]);
    let all = entries(&directory);
    let theirs: Vec<_> = all.iter().filter(|entry| !own.contains(entry)).collect();
    assert_eq!(theirs.len(), own.len(), "each key has its place");
    for (own, theirs) in own.iter().zip(theirs) {
        fs::copy(theirs, own).unwrap();
    }
    let output = analyze(&machine(&store), &registry, &[]);
    assert_eq!(findings(&output), findings(&first));
    assert!(output.stderr.contains("that were not made with this key"), "{output}");
}

#[test]
fn without_a_key_or_a_directory_there_is_a_note_and_a_report() {
    let registry = registry_of(&layers());
    let (_directory, store, first) = filled(&registry);
    let check = |machine: &Sandbox, options: &[&str], note: &str| {
        let output = analyze(machine, &registry, options);
        assert_eq!(findings(&output), findings(&first));
        assert!(output.stderr.starts_with("note: the shared cache file://"), "{output}");
        assert!(output.stderr.contains(note) && output.stderr.lines().count() == 1, "{output}");
    };
    let mut keyless = machine(&store);
    keyless.set("REGSIZE_SHARED_CACHE_KEY", "");
    check(&keyless, &[], "it has no key: set REGSIZE_SHARED_CACHE_KEY");
    keyless.set("REGSIZE_SHARED_CACHE_KEY", "short");
    check(&keyless, &[], "its key is too short");
    check(&machine("file:///no/such/place"), &[], "there is no such directory");
    check(&machine(&store), &["--no-cache"], "no cache that can be written to");
    let key = machine(&store).write("key", format!("{KEY}\n"));
    let file = key.display().to_string();
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::write(&key, format!("{KEY}\n")).unwrap();
    let before = read(&registry);
    let mut by_file = machine(&store);
    by_file.unset("REGSIZE_SHARED_CACHE_KEY");
    let output = analyze(&by_file, &registry, &["--shared-cache-key-file", &file]);
    assert_eq!((output, read(&registry)), (first, before));
    fs::remove_dir_all(key.parent().unwrap()).unwrap();
}

#[test]
fn what_is_no_address_is_an_error() {
    let check = |store: &str, part: &str| {
        refused(&machine(store), &["analyze", "debian"], "usage").says(&[part]);
    };
    check("/srv/cache", "a URL such as s3://bucket/prefix");
    check("https://bucket.example", "in s3://, gs://, az:// or file:///, not in https://");
    check("s3://key:secret@bucket", "neither user, password");
    check("s3:///prefix", "names no bucket");
    let sandbox = Sandbox::new();
    refused(&sandbox, &["analyze", "debian", "--shared-cache-write"], "usage")
        .says(&["--shared-cache-write wants a shared cache", "--shared-cache URL"]);
    let missing = ["analyze", "debian", "--shared-cache-key-file", "/no/such/key"];
    refused(&machine("file:///"), &missing, "local").says(&["/no/such/key cannot be read"]);
}

#[test]
fn machines_share_a_bucket_of_a_real_server() {
    let registry = registry_of(&layers());
    let server = S3::start();
    server.bucket("listings");
    let machine = || {
        let mut machine = machine("s3://listings/team/a");
        server.set_up(&mut machine);
        machine
    };
    let first = machine();
    let made = analyze(&first, &registry, &["--shared-cache-write", "--verbose"]);
    assert!(made.stderr.contains("0 entries came from the shared cache, 6 went"), "{made}");
    let made = analyze(&first, &registry, &[]);
    let keys = server.keys("listings");
    assert_eq!(keys.len(), 6, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("team/a/regsize-1/")), "{keys:?}");
    let before = read(&registry);
    let second = machine();
    assert_eq!(analyze(&second, &registry, &[]), made);
    assert_eq!(read(&registry), before);
    // Those who come second find an entry there; a layer that was listed from its table is whole now.
    let third = analyze(&machine(), &registry, &["--verify-toc", "--shared-cache-write"]);
    assert_eq!(third.stderr, "", "{third}");
    let now = server.keys("listings");
    assert!(now.len() == 8 && keys.iter().all(|key| now.contains(key)), "{now:?}");
    let mut lost = machine();
    lost.set("REGSIZE_SHARED_CACHE", "s3://elsewhere/x");
    let output = analyze(&lost, &registry, &[]);
    assert!(output.stderr.contains("there is no such bucket"), "{output}");
    assert_eq!(findings(&output), findings(&made));
}

#[test]
fn machines_that_write_at_once_do_not_mind() {
    let registry = registry_of(&layers());
    let server = S3::start();
    server.bucket("listings");
    let machines: Vec<_> = (0..3)
        .map(|_| {
            let mut machine = machine("s3://listings");
            server.set_up(&mut machine);
            machine
        })
        .collect();
    let reference = registry.reference("team/app:latest");
    let command = ["analyze", &reference, "--format", "json", "--shared-cache-write"];
    let running: Vec<_> = machines.iter().map(|machine| machine.spawn(&command)).collect();
    let outputs: Vec<_> = running.into_iter().map(Running::finish).collect();
    for output in &outputs {
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        assert_eq!(findings(output), findings(&outputs[0]));
    }
    assert_eq!(server.keys("listings").len(), 6);
}

/// A run with a store that answers everything so: the report is that without a store, and there is
/// one note with these words.
fn check_outage(reply: &Reply, note: &str) -> Duration {
    let registry = registry_of(&layers());
    let plain = analyze(&Sandbox::new(), &registry, &[]);
    let canary = Canary::new("robot");
    let answer = reply.clone();
    let server = Server::start(Origin::default(), move |_| answer.clone());
    let mut machine = machine("s3://bucket/x");
    machine.docker_config(&auths(&[(&registry.host(), "robot", canary.secret())]));
    s3::set_up(&mut machine, &server.url());
    let started = Instant::now();
    let output = analyze(&machine, &registry, &["--shared-cache-write"]);
    let took = started.elapsed();
    assert_eq!(findings(&output), findings(&plain), "{note}");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    assert!(output.stderr.starts_with("note: the shared cache s3://bucket/x"), "{output}");
    assert!(output.stderr.contains(note), "{note}: {output}");
    assert!(!server.requests().is_empty() && !server.saw(canary.secret()));
    for secret in [KEY, "a secret of the store"] {
        assert!(!server.saw(secret) && !output.stderr.contains(secret), "{secret}");
    }
    took
}

#[test]
fn whatever_a_bucket_answers_the_report_is_the_same() {
    let xml = |status: u16, code: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>\u{1b}[31mno</Message></Error>");
        Reply::status(status).body(body)
    };
    check_outage(&xml(403, "AccessDenied"), "access is denied");
    check_outage(&xml(403, "RequestTimeTooSkewed"), "access is denied");
    check_outage(&xml(404, "NoSuchBucket"), "there is no such bucket");
    check_outage(&xml(400, "InvalidRequest"), "it answered with status 400");
    check_outage(&xml(500, "InternalError"), "it answered with status 500");
    check_outage(&Reply::status(301).header("location", "http://127.0.0.9/"), "could not be read");
    check_outage(&Reply::ok("nonsense"), "holds damaged entries");
    check_outage(&Reply::ok(vec![b'x'; 9000]).truncate_after(100), "could not be read");
    check_outage(&Reply::ok("x").content_length("99999999999999").then_close(), "damaged");
    check_outage(&Reply::close_before_response(), "could not be read");
}

#[test]
fn a_bucket_that_is_silent_costs_seconds() {
    let took = check_outage(&Reply::stall(), "it took too long; it was left alone");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn a_server_that_is_not_there_is_a_note() {
    let registry = registry_of(&layers());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let check = |url: &str, allowed: &str, note: &str| {
        let mut machine = machine("s3://bucket");
        s3::set_up(&mut machine, url);
        machine.set("AWS_ALLOW_HTTP", allowed);
        let output = analyze(&machine, &registry, &[]);
        assert!(output.stderr.contains(note) && output.stderr.lines().count() == 1, "{output}");
    };
    check(&format!("http://{nobody}"), "true", "it cannot be reached");
    let server = Server::start(Origin::default(), |_| Reply::status(404));
    check(&server.url(), "false", "could not be read");
    assert_eq!(server.lines(), Vec::<String>::new(), "plain HTTP is not spoken unasked");
}
