//! A small server that answers questions about a loop: metrics, and whether it is well.
//!
//! It knows three pages and answers one request for each connection. Refused: other methods, more
//! headers and more bytes than such a question has, those who take long to ask or to read, and more
//! connections at once than a few. Bodies of requests are not read.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Who asks for the head of a page takes no longer.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// A connection is over after so long.
const LONGEST: Duration = Duration::from_secs(30);
/// What a request's head takes.
const MOST_BYTES: usize = 16 << 10;
const MOST_HEADERS: usize = 64;
/// Connections at once; more wait.
const AT_ONCE: usize = 32;
/// The pause after a connection that could not be accepted, for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A page of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/metrics`
    Metrics,
    /// `/healthz`: whether the loop goes round.
    Health,
    /// `/readyz`: whether work would be taken now.
    Ready,
}

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether all is well; else the status is 503.
    pub well: bool,
    /// The media type.
    pub media_type: &'static str,
    /// The text.
    pub text: String,
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        match path {
            "/metrics" => Some(Self::Metrics),
            "/healthz" => Some(Self::Health),
            "/readyz" => Some(Self::Ready),
            _ => None,
        }
    }
}

/// A server that listens and answers nobody yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Listens at `address`; port 0 is any that is free.
    pub async fn listen(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers by `answer` until it is dropped.
    pub async fn run(self, answer: impl Fn(Page) -> Answer + Send + Sync + 'static) -> Infallible {
        let (answer, places) = (Arc::new(answer), Arc::new(Semaphore::new(AT_ONCE)));
        let mut open = tokio::task::JoinSet::new();
        loop {
            while open.try_join_next().is_some() {}
            let place = Arc::clone(&places).acquire_owned().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answer = Arc::clone(&answer);
                    open.spawn(async move {
                        let _place = place;
                        let _ = tokio::time::timeout(LONGEST, serve(stream, &*answer)).await;
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// Answers one request. Who breaks the rules hears so, or the connection ends.
async fn serve(
    stream: TcpStream,
    answer: &(impl Fn(Page) -> Answer + Sync),
) -> Result<(), hyper::Error> {
    let respond = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(response(&request, answer))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MOST_HEADERS)
        .max_buf_size(MOST_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), respond)
        .await
}

fn response(
    request: &Request<Incoming>,
    answer: &impl Fn(Page) -> Answer,
) -> Response<Full<Bytes>> {
    let plain = |status: StatusCode, text: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *response.status_mut() = status;
        response
    };
    let Some(page) = Page::at(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n");
    };
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let Answer { well, media_type, text } = answer(page);
    let mut response = Response::new(Full::new(Bytes::from(text)));
    if !well {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn server() -> SocketAddr {
        let server = Server::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = server.address().unwrap();
        tokio::spawn(server.run(|page| Answer {
            well: page != Page::Ready,
            media_type: "text/plain",
            text: format!("{page:?}\n"),
        }));
        address
    }

    /// What comes back for `request`, until the server ends the connection.
    async fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may have seen enough before the end.
        let _ = stream.write_all(request).await;
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        String::from_utf8(reply).unwrap()
    }

    #[tokio::test]
    async fn pages_are_answered_and_nothing_else() {
        let address = server().await;
        let check = async |request: &str, status: &str, body: &str| {
            let reply = ask(address, request.as_bytes()).await;
            assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {reply}");
            assert!(reply.ends_with(&format!("\r\n\r\n{body}")), "{request}: {reply}");
        };
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        check(&get("/metrics"), "200", "Metrics\n").await;
        check(&get("/metrics?x=1"), "200", "Metrics\n").await;
        check(&get("/healthz"), "200", "Health\n").await;
        check(&get("/readyz"), "503", "Ready\n").await;
        check("HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n", "200", "").await;
        check(&get("/"), "404", "there are /metrics, /healthz and /readyz\n").await;
        check(&get("/../metrics"), "404", "there are /metrics, /healthz and /readyz\n").await;
        let post = "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n";
        check(post, "405", "only GET and HEAD\n").await;
        check("nonsense\r\n\r\n", "400", "").await;
        let long = format!("/{}", "a".repeat(MOST_BYTES));
        let reply = ask(address, get(&long).as_bytes()).await;
        assert!(["", "HTTP/1.1 4"].iter().any(|start| reply.starts_with(start)), "{reply}");
        assert!(!reply.contains("200 OK"), "{reply}");
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        check(&many, "431", "").await;
    }

    #[tokio::test]
    async fn those_who_say_nothing_do_not_keep_others_waiting() {
        let address = server().await;
        let mut silent = Vec::new();
        for _ in 0..AT_ONCE - 1 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let reply = ask(address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(reply.ends_with("Health\n"), "{reply}");
        // One more has to wait until one of the others is over, which it is in the end.
        silent.push(TcpStream::connect(address).await.unwrap());
        drop(silent.pop());
        drop(silent.pop());
        let reply = ask(address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(reply.ends_with("Health\n"), "{reply}");
    }
}
