//! The history in a real PostgreSQL server does what it does in a file.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use regsize::history::{Access, Outcome, Place, Store};
use sqlx::Connection as _;

use crate::audit_run::{pass, registry, settings};
use crate::history::{self, Spot, point, run};
use crate::support::{Canary, Postgres, Sandbox};

fn spot(url: String) -> Spot {
    Spot { place: url.parse().unwrap(), url }
}

#[test]
fn everything_holds_on_postgresql() {
    let server = Postgres::start("secret");
    let spot = |name: &str| spot(server.database(name));
    run(history::points_are_appended_when_a_digest_changed(spot("a")));
    run(history::what_the_layers_tell_is_added_once(spot("a2")));
    run(history::an_image_in_figures_comes_back_as_it_was(spot("a3")));
    run(history::runs_that_did_not_end_are_half_runs(spot("a4")));
    run(history::the_order_is_that_of_recording_whatever_the_clock_says(spot("a5")));
    run(history::tags_go_and_come_back(spot("b")));
    run(history::a_breach_is_opened_once_until_it_is_cleared(spot("c")));
    run(history::what_does_not_fit_is_refused_with_all_that_came_with_it(spot("d")));
    run(history::the_first_broken_row_is_named(spot("e")));
    run(history::pruning_keeps_what_holds_and_the_chain(spot("f")));
    run(history::exports_are_imported_whole_and_once(spot("g")));
    run(history::writers_at_once_lose_nothing(spot("h")));
    run(history::a_newer_history_is_refused_and_left_alone(spot("i")));
}

/// Where a proxy cuts a connection.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Before the server hears the client's message of this number, from 0.
    Before(usize),
    /// When the server has answered it, before the client hears that.
    After(usize),
}

/// A proxy that cuts one connection; tells how many messages of clients it has passed on.
fn cutting_proxy(server: SocketAddr, cut: Cut) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let messages = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&messages);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, counter) = (client.unwrap(), Arc::clone(&counter));
            let server = TcpStream::connect(server).unwrap();
            std::thread::spawn(move || relay(client, server, &counter, cut));
        }
    });
    (address, messages)
}

fn relay(mut client: TcpStream, mut server: TcpStream, messages: &AtomicUsize, cut: Cut) {
    let (mut answers, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = answers.read(&mut buffer) {
            // Once it is silent the server has answered; nobody will know.
            if is_silent.load(Ordering::SeqCst) || to_client.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let number = messages.fetch_add(1, Ordering::SeqCst);
        match cut {
            Cut::Before(at) if at == number => break,
            Cut::After(at) if at == number => silent.store(true, Ordering::SeqCst),
            _ => {}
        }
        if server.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_that_dies_at_any_message_leaves_one_row() {
    let server = Postgres::start("secret");
    let check = |name: &str, cut: Option<Cut>| {
        let direct = server.database(name);
        // The tables are there before.
        run(async { history::Spot::open(&spot(direct.clone())).await.close().await.unwrap() });
        let (proxy, messages) = cutting_proxy(server.address(), cut.unwrap_or(Cut::Before(999)));
        let through = direct.replace(&server.address().to_string(), &proxy.to_string());
        let place: Place = through.parse().unwrap();
        let opened = Arc::new(AtomicUsize::new(0));
        let opening = Arc::clone(&opened);
        let said = Arc::clone(&messages);
        run(async move {
            let Ok(mut store) = Store::open(&place, Access::Write).await else {
                panic!("{cut:?} was of the opening");
            };
            opening.store(said.load(Ordering::SeqCst), Ordering::SeqCst);
            let outcomes = store.append(&[point("12", 0, "a")]).await;
            let mut look = Store::open(&direct.parse().unwrap(), Access::Read).await.unwrap();
            let verified = look.verify().await.unwrap();
            assert_eq!((verified.rows, verified.broken), (1, None), "{cut:?}: {outcomes:?}");
            assert_eq!(outcomes.unwrap(), [Outcome::Recorded], "{cut:?}");
        });
        (opened.load(Ordering::SeqCst), messages.load(Ordering::SeqCst))
    };
    let (opened, recorded) = check("uncut", None);
    assert!(recorded > opened + 3, "{opened} {recorded}");
    for at in opened..recorded {
        check(&format!("before_{at}"), Some(Cut::Before(at)));
        check(&format!("after_{at}"), Some(Cut::After(at)));
    }
}

#[test]
fn passwords_come_from_the_environment_or_a_file_and_are_never_printed() {
    let canary = Canary::new("regsize");
    let server = Postgres::start(canary.secret());
    let url = server.database("sizes");
    let mut sandbox = Sandbox::new();
    let refused = sandbox.run(&["audit", "verify", "--store", &url]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.stderr.contains("REGSIZE_STORE") && !refused.holds(&canary), "{refused}");
    let import =
        sandbox.write("in.jsonl", "{\"kind\":\"history\",\"subject\":\"regsize.history/1\"}\n");
    sandbox.set("REGSIZE_STORE", &url);
    let output = sandbox.run(&["audit", "import", import.to_str().unwrap()]);
    assert_eq!(output.code, Some(0), "{output}");
    let output = sandbox.run(&["audit", "verify", "--format", "json"]);
    assert_eq!((output.code, &output.json()["sound"]), (Some(0), &true.into()), "{output}");
    assert!(output.json()["place"].as_str().unwrap().starts_with("postgres://127.0.0.1:"));
    assert!(!output.holds(&canary), "{output}");
    sandbox.unset("REGSIZE_STORE");
    let file = sandbox.write("store", &url);
    let output = sandbox.run(&["audit", "verify", "--store-file", file.to_str().unwrap()]);
    assert_eq!(output.code, Some(0), "{output}");
    let port = format!(":{}", server.address().port());
    // What goes wrong is told without the password, too.
    for (wrong, part) in [
        (url.replace('@', "x@"), "refuses access"),
        (url.replace("/sizes", "/other"), "refuses access"),
        (url.replace(&port, ":port"), "no place for a history"),
        (url.replace(&port, ":1"), "cannot be reached"),
        (format!("{url}?sslmode=verify-full"), "cannot be reached"),
    ] {
        sandbox.set("REGSIZE_STORE", &wrong);
        let output = sandbox.run(&["audit", "verify", "--format", "json"]);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(part) && !output.holds(&canary), "{part}: {output}");
    }
}

#[test]
fn servers_that_may_not_be_written_are_told_in_their_words() {
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let frozen = format!("{direct}?options=-c%20default_transaction_read_only%3Don");
    let reader = format!("postgres://reader:secret@{}/audits", server.address());
    let sql = "CREATE ROLE reader LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA regsize TO reader; \
               GRANT SELECT ON ALL TABLES IN SCHEMA regsize TO reader";
    run(async {
        history::Spot::open(&spot(direct.clone())).await.close().await.unwrap();
        let mut connection = sqlx::PgConnection::connect(&direct).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    });
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    for (url, words, hint) in [
        (&frozen, "takes no changes: cannot execute", "default_transaction_read_only"),
        (&reader, "does not allow this to the user: permission denied", "INSERT"),
    ] {
        sandbox.set("REGSIZE_STORE", url);
        let output = pass(&sandbox, 1, &[]);
        assert_eq!((output.code, &output.json()["read"]), (Some(2), &3.into()), "{output}");
        assert!(output.stderr.contains(words) && output.stderr.contains(hint), "{output}");
        let output = sandbox.run(&["audit", "verify"]);
        assert_eq!(output.code, Some(0), "{output}");
    }
}
