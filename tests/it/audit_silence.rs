//! A server that stops to answer and closes nothing holds nobody up for ever.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use regsize::history::{Access, Place, Store};

use crate::audit_run::{pass, put, registry, settings};
use crate::audit_spool::{files, rows, store};
use crate::history::{point, run};
use crate::support::{Postgres, Relay, Reply, Sandbox, until};

/// What a silence of two seconds may cost, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// The address of a database through a relay, whose silences are cut short.
fn impatient(relay: &Relay, direct: &str) -> String {
    format!("{}?connect_timeout=2&read_timeout=2", relay.url(direct))
}

#[test]
fn a_server_that_lets_nobody_in_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("postgres://u:p@{}/x?connect_timeout=1", listener.local_addr().unwrap());
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    sandbox.set("REGSIZE_STORE", &place);
    let began = Instant::now();
    let away = pass(&sandbox, 1, &[]);
    assert!(began.elapsed() < SOON, "{away}");
    assert_eq!((away.code, &away.json()["read"]), (Some(2), &3.into()), "{away}");
    assert!(away.stderr.contains("it did not answer for 1 seconds"), "{away}");
}

#[test]
fn a_server_that_falls_silent_while_a_run_reads_is_away() {
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let relay = Relay::to(server.address());
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    sandbox.set("REGSIZE_STORE", &impatient(&relay, &direct));
    let first = pass(&sandbox, 1, &[]);
    assert_eq!(first.code, Some(0), "{first}");
    put(&registry, "1.0", &[300, 50]);
    let slow = Reply::pass().delay(Duration::from_millis(1500));
    registry.script("HEAD", "/v2/team/app/manifests/1.1", vec![slow]);
    let config = sandbox.path("regsize.toml").display().to_string();
    let before = registry.count("HEAD", "/manifests/1.1");
    let running = sandbox.spawn(&["audit", "run", "--config", &config, "--format", "json"]);
    until("it looks", || registry.count("HEAD", "/manifests/1.1") > before);
    relay.mute(true);
    let began = Instant::now();
    let output = running.finish();
    assert!(began.elapsed() < SOON, "{output}");
    assert_eq!((output.code, &output.json()["saved"]), (Some(2), &false.into()), "{output}");
    assert!(output.stderr.contains("did not answer for 2 seconds"), "{output}");
    let waiting = sandbox.path("home/.local/state/regsize/spool");
    assert_eq!(files(&waiting).len(), 1, "{output}");
    relay.mute(false);
    let next = pass(&sandbox, 3, &[]);
    assert!(next.stderr.contains("recorded what waited in 1 spool:"), "{next}");
    run(async {
        let rows = rows(&mut store(&direct).await).await;
        assert_eq!((rows["point"], rows["started"], rows["ended"]), (5, 3, 3), "{rows:?}");
    });
}

#[test]
fn only_those_who_must_not_hang_give_a_server_a_time_to_answer() {
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let relay = Relay::to(server.address());
    let place: Place = impatient(&relay, &direct).parse().unwrap();
    let in_time = Duration::from_secs(5);
    run(async {
        let mut patient = Store::open(&place, Access::Write).await.unwrap();
        let mut impatient = Store::open_in_time(&place, Access::Write).await.unwrap();
        impatient.append(&[point("1", 0, "a")]).await.unwrap();
        relay.mute(true);
        let runs = tokio::time::timeout(in_time, patient.runs(None, 1)).await;
        assert!(runs.is_err(), "a slow report is waited for: {runs:?}");
        let error = impatient.runs(None, 1).await.unwrap_err().to_string();
        assert!(error.ends_with("it did not answer for 2 seconds"), "{error}");
        // What is asked then is not waited for again.
        let again = tokio::time::timeout(Duration::from_secs(1), impatient.latest("x")).await;
        let error = again.unwrap().unwrap_err().to_string();
        assert!(error.ends_with("the connection was given up"), "{error}");
        relay.mute(false);
        // A new connection may be better than the one that fell silent.
        impatient.append(&[point("2", 1, "b")]).await.unwrap();
        assert_eq!(rows(&mut impatient).await["point"], 2);
    });
}
