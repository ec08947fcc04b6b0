//! The history in a real PostgreSQL server does what it does in a file.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use regsize::history::{Access, Outcome, Place, Store};

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
    run(history::tags_go_and_come_back(spot("b")));
    run(history::a_breach_is_opened_once_until_it_is_cleared(spot("c")));
    run(history::what_does_not_fit_is_refused_with_all_that_came_with_it(spot("d")));
    run(history::the_first_broken_row_is_named(spot("e")));
    run(history::pruning_keeps_what_holds_and_the_chain(spot("f")));
    run(history::exports_are_imported_whole_and_once(spot("g")));
    run(history::writers_at_once_lose_nothing(spot("h")));
    run(history::a_newer_history_is_refused_and_left_alone(spot("i")));
}

/// A proxy that cuts the `cut`th connection when the client says to commit: after the server has
/// done so, or before it hears of it.
fn cutting_proxy(server: SocketAddr, after: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let cuts = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, cuts) = (client.unwrap(), Arc::clone(&cuts));
            let server = TcpStream::connect(server).unwrap();
            std::thread::spawn(move || relay(client, server, &cuts, after));
        }
    });
    address
}

fn relay(mut client: TcpStream, mut server: TcpStream, cuts: &AtomicUsize, after: bool) {
    let (mut answers, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let silent = Arc::new(AtomicUsize::new(0));
    let is_silent = Arc::clone(&silent);
    std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(length @ 1..) = answers.read(&mut buffer) {
            if is_silent.load(Ordering::SeqCst) > 0 {
                // The server has answered the commit; nobody will know.
                let _ = to_client.shutdown(Shutdown::Both);
                return;
            }
            if to_client.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let said = &buffer[..length];
        let commits = said.windows(6).any(|word| word == b"COMMIT");
        // The history is made with one commit; the second is the first row's.
        if commits && cuts.fetch_add(1, Ordering::SeqCst) == 1 {
            if !after {
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
                return;
            }
            silent.store(1, Ordering::SeqCst);
        }
        if server.write_all(said).is_err() {
            return;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_that_dies_around_the_commit_leaves_one_row() {
    let server = Postgres::start("secret");
    let check = |name: &str, after: bool| {
        let proxy = cutting_proxy(server.address(), after);
        let direct = server.database(name);
        let through = direct.replace(&server.address().to_string(), &proxy.to_string());
        let place: Place = through.parse().unwrap();
        run(async move {
            let mut store = Store::open(&place, Access::Write).await.unwrap();
            let outcomes = store.append(&[point("12", 0, "a")]).await;
            let verified = store.verify().await.unwrap();
            assert_eq!((verified.rows, verified.broken), (1, None), "{name}: {outcomes:?}");
            assert_eq!(outcomes.unwrap(), [Outcome::Recorded], "{name}");
        });
    };
    check("after", true);
    check("before", false);
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
