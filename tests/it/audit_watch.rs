//! `audit watch` as a process: what it runs, what it answers, how it ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use regsize::history::{Access, New, RunState, Store};

use crate::audit_spool::files;
use crate::history::run;
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Running;
use crate::support::{Image, Layer, Postgres, Registry, Relay, Reply, Sandbox, until};

/// A free port, for a moment at least.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn registry() -> RunningRegistry {
    let image = Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/");
    let bundle = image.bundle();
    Registry::new()
        .put_image("team/a", "1.0", &bundle)
        .put_image("team/b", "1.0", &bundle)
        .put_image("team/c", "1.0", &bundle)
        .start()
}

/// Settings that watch repositories of a registry once a day, at a time that is hours away.
fn settings(sandbox: &Sandbox, registry: &RunningRegistry, names: &[&str]) {
    let hour = (Timestamp::now().as_second() / 3600 + 12) % 24;
    let mut text = format!("[audit]\nstore = \"history.sqlite\"\nschedule = \"30 {hour} * * *\"\n");
    for name in names {
        let repository = registry.reference(name);
        let target = format!(
            "[[audit.target]]\nname = \"{name}\"\nrepository = \"{repository}\"\n\
             [audit.target.budget]\nmax-compressed = \"10B\"\n"
        );
        text.push_str(&target);
    }
    sandbox.write("regsize.toml", text);
}

/// Records that a target last ran days ago, so that it is due at once.
fn was_run(place: &str, names: &[&str]) {
    run(async {
        let mut store = Store::open(&place.parse().unwrap(), Access::Write).await.unwrap();
        let at = Timestamp::now() - SignedDuration::from_hours(100);
        for name in names {
            let id = format!("run of {name}");
            let detail = format!("audit watch {name}: process 1");
            let state = RunState::Started;
            let began = New::Run { id: id.clone(), at, state, detail: detail.clone() };
            let ended = New::Run { id, at, state: RunState::Ended, detail };
            store.append(&[began, ended]).await.unwrap();
        }
        store.close().await.unwrap();
    });
}

fn watch(sandbox: &Sandbox, port: u16, more: &[&str]) -> Running {
    let config = sandbox.path("regsize.toml").display().to_string();
    let listen = format!("127.0.0.1:{port}");
    sandbox.spawn(&[&["audit", "watch", "--config", &config, "--listen", &listen], more].concat())
}

/// A page of a watch, once there is one: its status and its text.
fn page(port: u16, path: &str) -> (u16, String) {
    let began = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(began.elapsed() < Duration::from_mins(1), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// The value of a sample, if there is one.
fn sample(metrics: &str, sample: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

/// How often a target was run by a watch, with the verdict.
fn runs(port: u16, name: &str, verdict: &str) -> f64 {
    let label = format!("{{target=\"{name}\",outcome=\"{verdict}\"}}");
    sample(&page(port, "/metrics").1, &format!("regsize_target_runs_total{label}")).unwrap_or(0.0)
}

fn store(directory: &Path) -> String {
    directory.join("history.sqlite").display().to_string()
}

#[test]
fn what_is_due_is_run_once_and_told_of() {
    let (registry, sandbox, port) = (registry(), Sandbox::new(), port());
    settings(&sandbox, &registry, &["team/a"]);
    was_run(&store(&sandbox.path("")), &["team/a"]);
    let watching = watch(&sandbox, port, &[]);
    until("it runs what it missed", || runs(port, "team/a", "fail") >= 1.0);
    let metrics = page(port, "/metrics").1;
    let value = |name: &str, labels: &str| {
        sample(&metrics, &format!("regsize_{name}{{target=\"team/a\"{labels}}}"))
    };
    assert_eq!(value("image_content_bytes", ",tag=\"1.0\",platform=\"linux/amd64\""), Some(100.0));
    assert_eq!(value("target_verdict", ",verdict=\"fail\""), Some(1.0));
    assert_eq!(value("target_breaches_open", ""), Some(1.0));
    let now = f64::from(u32::try_from(Timestamp::now().as_second()).unwrap());
    assert!((now - value("target_last_success_timestamp_seconds", "").unwrap()).abs() < 60.0);
    let due = value("target_due_timestamp_seconds", "").unwrap();
    assert!(due > now + 11.0 * 3600.0 && due < now + 13.0 * 3600.0, "{due}");
    assert_eq!(page(port, "/healthz"), (200, "the loop goes round\n".to_owned()));
    assert_eq!(page(port, "/readyz"), (200, "ready\n".to_owned()));
    // The history is this one's, and so is the port.
    let second = watch(&sandbox, self::port(), &[]).finish();
    assert_eq!(second.code, Some(2), "{second}");
    assert!(second.stderr.contains("another run is at work"), "{second}");
    watching.terminate();
    let output = watching.finish();
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{output}");
    for part in ["team/a: fail, 1 read, 0 same", "stopping; 0 runs", "team/a: due "] {
        assert!(output.stderr.contains(part), "{part}: {output}");
    }
    // Another one knows that it ran, and what it is.
    let watching = watch(&sandbox, port, &[]);
    until("it is ready", || page(port, "/readyz").0 == 200);
    std::thread::sleep(Duration::from_millis(300));
    let metrics = page(port, "/metrics").1;
    let count = metrics.lines().filter(|line| line.starts_with("regsize_target_runs_total{"));
    assert!(count.clone().count() == 6 && count.clone().all(|line| line.ends_with(" 0")));
    assert!(metrics.contains("regsize_image_compressed_bytes{target=\"team/a\",tag=\"1.0\""));
    watching.interrupt();
    assert_eq!(watching.finish().code, Some(0));
}

#[test]
fn a_stop_waits_for_what_runs_unless_it_is_asked_again_or_too_long() {
    let check = |grace: &str, again: bool, stalls: bool, code: i32| {
        let (registry, sandbox, port) = (registry(), Sandbox::new(), port());
        settings(&sandbox, &registry, &["team/a"]);
        was_run(&store(&sandbox.path("")), &["team/a"]);
        let slow = Reply::pass().delay(Duration::from_millis(1500));
        let reply = if stalls { Reply::stall() } else { slow };
        registry.script_forever("*", "/v2/team/a/manifests/1.0", vec![reply]);
        let watching = watch(&sandbox, port, &["--grace", grace]);
        let is_asked = || registry.lines().iter().any(|line| line.contains("/manifests/"));
        until("it runs", is_asked);
        let asked = Instant::now();
        watching.terminate();
        until("it is ending", || page(port, "/readyz") == (503, "the loop is ending\n".to_owned()));
        if again {
            watching.terminate();
        }
        let output = watching.finish();
        assert_eq!(output.code, Some(code), "{grace} {again} {stalls}: {output}");
        assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
        assert_eq!(output.stderr.contains("team/a: fail, 1 read"), code == 0, "{output}");
    };
    check("60", false, false, 0);
    check("1", false, true, 143);
    check("60", true, true, 143);
}

#[test]
fn workers_of_one_database_share_the_targets() {
    let server = Postgres::start("secret");
    let url = server.database("audits");
    let names = ["team/a", "team/b", "team/c"];
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, &names);
    was_run(&url, &names);
    sandbox.set("REGSIZE_STORE", &url);
    let ports = [port(), port()];
    let workers = ports.map(|port| watch(&sandbox, port, &[]));
    let total = |name: &str| ports.iter().map(|port| runs(*port, name, "fail")).sum::<f64>();
    until("all are run", || names.iter().all(|name| total(name) >= 1.0));
    std::thread::sleep(Duration::from_secs(2));
    for name in names {
        assert!((total(name) - 1.0).abs() < 0.5, "{name}: {}", total(name));
    }
    for worker in workers {
        worker.terminate();
        let output = worker.finish();
        assert_eq!(output.code, Some(0), "{output}");
        assert!(!output.stderr.contains("secret") && !output.stderr.contains("error"), "{output}");
    }
}

#[test]
fn a_server_that_comes_later_is_waited_for() {
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let relay = Relay::to(server.address());
    let (registry, mut sandbox, port) = (registry(), Sandbox::new(), port());
    settings(&sandbox, &registry, &["team/a"]);
    was_run(&direct, &["team/a"]);
    sandbox.set("REGSIZE_STORE", &relay.url(&direct));
    relay.close();
    let watching = watch(&sandbox, port, &[]);
    assert_eq!(page(port, "/readyz"), (503, "the loop has not begun\n".to_owned()));
    assert_eq!(page(port, "/healthz").0, 200);
    until("it tried again", || relay.refused() > 1);
    relay.open();
    until("it runs what it missed", || runs(port, "team/a", "fail") >= 1.0);
    assert_eq!(page(port, "/readyz").0, 200);
    watching.terminate();
    let output = watching.finish();
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.stderr.matches("it is waited for").count(), 1, "{output}");
    // Who waits can be asked to stop.
    relay.close();
    let watching = watch(&sandbox, port, &[]);
    assert_eq!(page(port, "/readyz").0, 503);
    let asked = Instant::now();
    watching.terminate();
    let output = watching.finish();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[test]
fn a_server_that_falls_silent_costs_a_watch_no_run() {
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let relay = Relay::to(server.address());
    let (registry, mut sandbox, port) = (registry(), Sandbox::new(), port());
    settings(&sandbox, &registry, &["team/a"]);
    was_run(&direct, &["team/a"]);
    let url = format!("{}?connect_timeout=2&read_timeout=2", relay.url(&direct));
    sandbox.set("REGSIZE_STORE", &url);
    let slow = Reply::pass().delay(Duration::from_millis(1500));
    registry.script("*", "/v2/team/a/manifests/1.0", vec![slow]);
    let watching = watch(&sandbox, port, &[]);
    until("it looks", || registry.lines().iter().any(|line| line.contains("/manifests/")));
    relay.mute(true);
    let waiting = sandbox.path("home/.local/state/regsize/spool");
    let is_whole = |path: &PathBuf| path.extension().is_some_and(|form| form == "jsonl");
    until("what it found waits", || files(&waiting).iter().any(is_whole));
    until("it says so", || page(port, "/readyz") == (503, "the queue cannot be used\n".to_owned()));
    relay.mute(false);
    until("it is ready again", || page(port, "/readyz").0 == 200);
    watching.terminate();
    let output = watching.finish();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stderr.contains("did not answer for 2 seconds"), "{output}");
    // The next one records it.
    let watching = watch(&sandbox, port, &[]);
    until("it is ready", || page(port, "/readyz").0 == 200);
    watching.terminate();
    let output = watching.finish();
    assert!(output.stderr.contains("recorded what waited in 1 spool:"), "{output}");
}

#[test]
fn what_cannot_be_watched_is_told_before_anything_is_done() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let check = |arguments: &[&str], part: &str| {
        let config = sandbox.path("regsize.toml").display().to_string();
        let output = sandbox.run(&[&["audit", "watch", "--config", &config], arguments].concat());
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(part), "{part}: {output}");
        assert!(registry.lines().is_empty());
    };
    check(&[], "regsize audit init");
    let repository = registry.reference("team/a");
    let target = format!("[[audit.target]]\nrepository = \"{repository}\"\n");
    sandbox.write("regsize.toml", format!("[audit]\nstore = \"history.sqlite\"\n{target}"));
    check(&[], "no target has a schedule");
    settings(&sandbox, &registry, &["team/a"]);
    check(&["--listen", "nowhere"], "as in 127.0.0.1:9464, or none");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&["--listen", &address], "cannot be listened at");
}
