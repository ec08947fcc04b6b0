//! The scripted servers do what their scripts say, as a raw client sees it.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::json;

use crate::support::reply::CONTINUE;
use crate::support::{
    BodyEnd, Canary, Connection, End, Flaw, Origin, Reply, Server, TestCa, canary,
};

const BODY: &[u8] = b"0123456789";

fn ten_bytes() -> Server {
    Server::start(Origin::default(), |_| Reply::ok(BODY))
}

#[test]
fn connections_stay_open_and_requests_are_recorded() {
    let server = ten_bytes();
    let mut first = Connection::open(server.address());
    assert_eq!(first.get("/a?n=1", &[("X-Custom", "yes")]).body, BODY);
    assert_eq!(first.request("POST", "/b", &[], b"form=1").body, BODY);
    assert_eq!(first.request("HEAD", "/c", &[], b"").header("content-length"), Some("10"));
    assert_eq!(first.get("/d", &[("Connection", "close")]).status, 200);
    assert_eq!(first.get("/e", &[]).end, BodyEnd::Closed);
    assert_eq!(Connection::open(server.address()).get("/f", &[]).status, 200);
    let requests = server.requests();
    let connections: Vec<_> = requests.iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 0, 0, 1]);
    assert_eq!(requests[0].header("x-custom"), Some("yes"));
    assert_eq!((requests[0].path(), requests[0].query("n")), ("/a", vec!["1".to_owned()]));
    assert_eq!(requests[1].form("form"), ["1"]);
    assert_eq!((server.count("GET", "/"), server.count("*", "/b")), (3, 1));
}

#[test]
fn scripts_play_in_order_and_then_the_server_answers_by_itself() {
    let server = ten_bytes();
    let replies = vec![Reply::status(503), Reply::pass(), Reply::pass().with_status(429)];
    server.script("GET", "/a", replies);
    server.script_forever("*", "/b", vec![Reply::status(500), Reply::status(404)]);
    let mut connection = Connection::open(server.address());
    let mut statuses =
        |target: &str| -> Vec<u16> { (0..4).map(|_| connection.get(target, &[]).status).collect() };
    assert_eq!(statuses("/a"), [503, 200, 429, 200]);
    assert_eq!(statuses("/b"), [500, 404, 404, 404]);
}

#[test]
fn every_way_to_end_an_answer_reaches_the_client() {
    let server = ten_bytes();
    let check = |reply: Reply, status: u16, body: &[u8], end: BodyEnd| {
        server.script("GET", "/x", vec![reply]);
        let answer =
            Connection::open(server.address()).patience(Duration::from_millis(300)).get("/x", &[]);
        let body = String::from_utf8_lossy(body);
        assert_eq!((answer.status, answer.text().as_str(), answer.end), (status, &*body, end));
    };
    check(Reply::close_before_response(), 0, b"", BodyEnd::Closed);
    check(Reply::rst(), 0, b"", BodyEnd::Reset);
    check(Reply::stall(), 0, b"", BodyEnd::Silent);
    check(Reply::pass().truncate_after(0), 200, b"", BodyEnd::Closed);
    check(Reply::pass().truncate_after(4), 200, b"0123", BodyEnd::Closed);
    check(Reply::pass().truncate_after(4).then_reset(), 200, b"0123", BodyEnd::Reset);
    check(Reply::pass().truncate_after(4).then_stall(), 200, b"0123", BodyEnd::Silent);
    check(Reply::pass().chunked(3), 200, BODY, BodyEnd::Complete);
    check(Reply::pass().unfinished_chunks(5), 200, BODY, BodyEnd::Closed);
    check(Reply::pass().chunked(8).truncate_after(5), 200, b"01", BodyEnd::Closed);
    check(Reply::pass().without_length(), 200, BODY, BodyEnd::Complete);
    check(Reply::pass().content_length("4").then_close(), 200, b"0123", BodyEnd::Complete);
    check(Reply::pass().content_length("99").then_close(), 200, BODY, BodyEnd::Closed);
    check(Reply::raw("HTTP/1.1 200 OK\r\nX: "), 0, b"", BodyEnd::Silent);
    check(Reply::pass().trickle(50, Duration::from_millis(1)), 200, BODY, BodyEnd::Complete);
    check(Reply::pass().delay(Duration::from_mins(1)), 0, b"", BodyEnd::Silent);
}

#[test]
fn changed_answers_keep_what_was_not_changed() {
    let server = Server::start(Origin::default(), |_| Reply::ok(BODY).header("A", "1"));
    let reply = Reply::pass().header("a", "2").also_header("A", "3").header("Warning", "299 x");
    server.script("GET", "/", vec![reply.without_header("content-length").chunked(4)]);
    let answer = Connection::open(server.address()).get("/", &[]);
    let named_a: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "a").collect();
    assert_eq!(named_a.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["2", "3"]);
    assert_eq!((answer.body.as_slice(), answer.header("warning")), (BODY, Some("299 x")));
}

#[test]
fn floods_go_on_until_the_client_leaves() {
    let server = ten_bytes();
    server.script("GET", "/", vec![Reply::raw(CONTINUE).flood(CONTINUE)]);
    server.script("GET", "/", vec![Reply::raw("HTTP/1.1 200 OK\r\n").flood("X: y\r\n")]);
    let mut connection = Connection::open(server.address());
    assert_eq!(connection.get("/", &[]).status, 100);
    assert_eq!(connection.answer("GET").status, 100);
    drop(connection);
    let mut connection = Connection::open(server.address());
    connection.send("GET", "/", &[], b"");
}

#[test]
fn connections_can_be_refused_before_anything_is_read() {
    let refusals = vec![End::Close, End::Reset, End::Stall, End::KeepAlive];
    let server = Server::start(Origin::default().refusing(refusals), |_| Reply::ok(BODY));
    let ends = [BodyEnd::Closed, BodyEnd::Reset, BodyEnd::Silent, BodyEnd::Complete];
    for end in ends {
        let connection = Connection::open(server.address());
        let answer = connection.patience(Duration::from_millis(300)).get("/", &[]);
        assert_eq!(answer.end, end);
    }
    assert_eq!(server.lines(), ["GET /"]);
}

#[test]
fn bytes_that_are_not_http_are_refused_at_once() {
    let server = ten_bytes();
    let refused = Connection::open_tls(server.address(), "localhost", TestCa::new().client());
    assert!(refused.is_err());
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn dropping_a_server_ends_what_its_threads_are_doing() {
    let started = Instant::now();
    let server = ten_bytes();
    server.script("GET", "/stall", vec![Reply::stall()]);
    let slow = Reply::pass().trickle(1, Duration::from_mins(1));
    server.script("GET", "/slow", vec![slow]);
    server.script("GET", "/late", vec![Reply::pass().delay(Duration::from_mins(1))]);
    server.script("GET", "/flood", vec![Reply::pass().flood(BODY)]);
    let mut connections = Vec::new();
    for target in ["/stall", "/slow", "/late", "/flood"] {
        let mut connection = Connection::open(server.address());
        connection.send("GET", target, &[], b"");
        connections.push(connection);
    }
    connections.push(Connection::open(server.address()));
    let address = server.address();
    drop(server);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_proxy_tunnels_to_another_server() {
    let server = ten_bytes();
    let address = server.address();
    let proxy = Server::start(Origin::loopback(3), move |_| Reply::tunnel(address));
    let mut connection = Connection::open(proxy.address());
    assert_eq!(connection.request("CONNECT", &server.host(), &[], b"").status, 200);
    assert_eq!(connection.get("/inside", &[]).body, BODY);
    assert_eq!(proxy.lines(), [format!("CONNECT {}", server.host())]);
    assert_eq!(server.lines(), ["GET /inside"]);
}

#[test]
fn certificates_are_good_or_flawed_as_asked() {
    let ca = TestCa::new();
    let check = |flaw: Flaw, client: &TestCa, name: &str, expected: Option<&str>| {
        let origin = Origin::default().tls(ca.certificate(flaw));
        let server = Server::start(origin, |_| Reply::ok(BODY));
        let connection = Connection::open_tls(server.address(), name, client.client());
        match (connection, expected) {
            (Ok(mut connection), None) => assert_eq!(connection.get("/", &[]).body, BODY),
            (Err(error), Some(text)) => {
                let error = error.to_string();
                assert!(error.contains(text), "{error}");
            }
            (result, _) => panic!("{flaw:?}: {:?}", result.map(|_| "a connection")),
        }
    };
    check(Flaw::None, &ca, "127.0.0.1", None);
    check(Flaw::None, &ca, "localhost", None);
    check(Flaw::None, &TestCa::new(), "localhost", Some("UnknownIssuer"));
    check(Flaw::WrongName, &ca, "localhost", Some("not valid for name"));
    check(Flaw::Expired, &ca, "localhost", Some("expired"));
    check(Flaw::Future, &ca, "localhost", Some("not valid yet"));
}

#[test]
fn canaries_are_found_in_every_form() {
    let canary = Canary::new("robot");
    for form in canary.forms() {
        assert!(canary.in_bytes(format!("before {form} after").as_bytes()), "{form}");
    }
    for prefix in ["", "x", "xy", "robot:"] {
        let text = format!("{prefix}{}:more", canary.secret());
        for encoded in [hex::encode(&text), format!("{:?}", json!(text))] {
            assert!(canary.in_bytes(encoded.as_bytes()), "{encoded}");
        }
        let encoded = URL_SAFE.encode(&text);
        assert!(canary.in_bytes(encoded.as_bytes()), "{encoded}");
    }
    let other = canary.secret().replace("canary+", "canary-");
    assert!(!canary.in_bytes(other.as_bytes()));
    assert!(!canary.in_bytes(Canary::new("robot").basic().as_bytes()));
    assert!(!canary::holds(b"", canary.secret()));
}
