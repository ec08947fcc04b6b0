//! An HTTP/1.1 server for tests: threads over raw TCP, with every request recorded.
//!
//! ```ignore
//! let server = Server::start(Origin::default(), |request| Reply::ok(request.target.clone()));
//! server.script("GET", "/a", vec![Reply::status(503), Reply::close_before_response()]);
//! // two requests to /a fail, the third is answered by the closure
//! assert_eq!(server.requests()[0].header("accept"), None);
//! assert!(!server.saw("a secret"));
//! ```
//!
//! Dropping a server closes its connections and joins its threads.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::reply::{End, Reply};
pub use super::request::Request;

/// Where a server listens and how.
#[derive(Clone, Default)]
pub struct Origin {
    address: Option<SocketAddr>,
    tls: Option<Arc<rustls::ServerConfig>>,
    refusals: Vec<End>,
}

/// A running server.
pub struct Server {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
    address: SocketAddr,
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<rustls::ServerConfig>>,
    log: Mutex<Vec<Request>>,
    scripts: Mutex<Vec<Script>>,
    latency: Mutex<Duration>,
    refusals: Mutex<VecDeque<End>>,
    open: Mutex<HashMap<usize, Arc<TcpStream>>>,
    sent: AtomicU64,
    gate: Gate,
    connections: AtomicUsize,
}

/// Replies to successive requests of one method and path.
#[derive(Clone, Debug)]
pub struct Script {
    /// The method, or `*`.
    pub method: String,
    /// The path; with a query if the query has to be equal too.
    pub path: String,
    /// The replies left.
    pub replies: VecDeque<Reply>,
    /// Whether the last reply repeats.
    pub forever: bool,
}

/// Lets threads wait for a time or for the server's end, whichever comes first.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Origin {
    /// A free port of `127.0.0.last`.
    pub fn loopback(last: u8) -> Self {
        Self::at(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))
    }

    /// This address.
    pub fn at(address: SocketAddr) -> Self {
        Self { address: Some(address), ..Self::default() }
    }

    /// With TLS; see [`super::tls::TestCa`].
    pub fn tls(self, config: Arc<rustls::ServerConfig>) -> Self {
        Self { tls: Some(config), ..self }
    }

    /// Ends the first connections in these ways before anything is read from them
    /// (`End::KeepAlive` lets one through). With TLS that is before the handshake.
    pub fn refusing(self, refusals: Vec<End>) -> Self {
        Self { refusals, ..self }
    }
}

impl Server {
    /// Starts a server that answers by `handler`.
    pub fn start(
        origin: Origin,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = origin.address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = TcpListener::bind(address).expect("a free loopback port");
        let address = listener.local_addr().expect("the address of a bound socket");
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            tls: origin.tls,
            log: Mutex::default(),
            scripts: Mutex::default(),
            latency: Mutex::default(),
            refusals: Mutex::new(origin.refusals.into()),
            open: Mutex::default(),
            sent: AtomicU64::new(0),
            gate: Gate::default(),
            connections: AtomicUsize::new(0),
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { shared, acceptor: Some(acceptor), address }
    }

    /// The scheme, address and port, as in `http://127.0.0.1:4000`.
    pub fn url(&self) -> String {
        self.url_as(&self.address.ip().to_string())
    }

    /// The same with another name for the host, as in `https://localhost:4000`.
    pub fn url_as(&self, host: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{host}:{}", self.address.port())
    }

    /// The address and port, as the host part of an image reference.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers successive requests of `method` (`*`: any) to `path` by `replies`, then as before.
    pub fn script(&self, method: &str, path: &str, replies: Vec<Reply>) {
        self.add_script(Script::new(method, path, replies));
    }

    /// Answers successive requests by `replies`, and all later ones by the last.
    pub fn script_forever(&self, method: &str, path: &str, replies: Vec<Reply>) {
        self.add_script(Script { forever: true, ..Script::new(method, path, replies) });
    }

    /// Lets each answer that no script gives wait.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.shared.latency) = latency;
    }

    pub(super) fn add_script(&self, script: Script) {
        lock(&self.shared.scripts).push(script);
    }

    /// The requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// The requests so far as `METHOD target`, for comparison with an expected list.
    pub fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|r| format!("{} {}", r.method, r.target)).collect()
    }

    /// How many connections were made, with or without requests.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many requests of `method` (`*`: any) came whose path contains `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.requests()
            .iter()
            .filter(|r| (method == "*" || r.method == method) && r.path().contains(part))
            .count()
    }

    /// Bytes that were sent, or at least handed to the system for sending, heads included.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Whether any request held `text` in its target, headers or body, plain or encoded.
    pub fn saw(&self, text: &str) -> bool {
        self.requests().iter().any(|request| request.holds(text))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.gate.close();
        // The wake-up: `accept` returns and finds the gate closed.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

impl Script {
    /// A script that ends.
    pub fn new(method: &str, path: &str, replies: Vec<Reply>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            replies: replies.into(),
            forever: false,
        }
    }

    fn next(&mut self, request: &Request) -> Option<Reply> {
        let method = self.method == "*" || self.method == request.method;
        let path = self.path == request.path() || self.path == request.target;
        if !(method && path) {
            return None;
        }
        match (self.forever, self.replies.len()) {
            (true, 1) => self.replies.front().cloned(),
            _ => self.replies.pop_front(),
        }
    }
}

impl Gate {
    pub(super) fn stopped(&self) -> bool {
        *lock(&self.closed)
    }

    /// Waits; `true` if the server stopped meanwhile.
    pub(super) fn stopped_within(&self, time: Duration) -> bool {
        let closed = lock(&self.closed);
        let waited = self.changed.wait_timeout_while(closed, time, |closed| !*closed);
        *waited.expect("no thread panics with the gate's lock").0
    }

    fn close(&self) {
        *lock(&self.closed) = true;
        self.changed.notify_all();
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    for (number, stream) in listener.incoming().enumerate() {
        if shared.gate.stopped() {
            break;
        }
        let Ok(stream) = stream.map(Arc::new) else { continue };
        shared.connections.fetch_add(1, Ordering::Relaxed);
        lock(&shared.open).insert(number, Arc::clone(&stream));
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || connection(&shared, number, &stream)));
    }
    for stream in lock(&shared.open).values() {
        drop(stream.shutdown(Shutdown::Both));
    }
    for thread in threads {
        drop(thread.join());
    }
}

fn connection(shared: &Shared, number: usize, stream: &Arc<TcpStream>) {
    drop(stream.set_nodelay(true));
    let refusal = lock(&shared.refusals).pop_front().unwrap_or_default();
    let end = match refusal {
        End::KeepAlive => serve(shared, number, stream).unwrap_or(End::Close),
        refusal => refusal,
    };
    match end {
        End::Stall => drop(io::copy(&mut &**stream, &mut io::sink())),
        End::Reset => {
            let set = rustix::net::sockopt::set_socket_linger(&**stream, Some(Duration::ZERO));
            set.expect("an option that every TCP socket has");
        }
        End::Tunnel(to) => tunnel(stream, to),
        // A close with unread bytes would be a RST, so the client's are read until it has closed.
        End::Close | End::KeepAlive => {
            drop(stream.shutdown(Shutdown::Write));
            drop(io::copy(&mut &**stream, &mut io::sink()));
        }
    }
    lock(&shared.open).remove(&number);
}

/// Copies in both directions until one side has closed.
fn tunnel(near: &Arc<TcpStream>, to: SocketAddr) {
    let Ok(far) = TcpStream::connect(to).map(Arc::new) else { return };
    let back = std::thread::spawn({
        let (near, far) = (Arc::clone(near), Arc::clone(&far));
        move || {
            drop(io::copy(&mut &*far, &mut &*near));
            drop(near.shutdown(Shutdown::Both));
        }
    });
    drop(io::copy(&mut &**near, &mut &*far));
    drop(far.shutdown(Shutdown::Both));
    drop(back.join());
}

fn serve(shared: &Shared, number: usize, stream: &TcpStream) -> io::Result<End> {
    let mut plain = stream;
    let Some(config) = &shared.tls else {
        return exchange(shared, number, &mut plain);
    };
    let session = rustls::ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut tls = rustls::StreamOwned::new(session, plain);
    let end = exchange(shared, number, &mut tls)?;
    if end == End::Close {
        tls.conn.send_close_notify();
        tls.flush()?;
    }
    Ok(end)
}

fn exchange(shared: &Shared, number: usize, stream: &mut (impl Read + Write)) -> io::Result<End> {
    let mut buffer = Vec::new();
    while let Some(request) = Request::read(stream, &mut buffer, number)? {
        if !request.is_http() {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")?;
            return Ok(End::Close);
        }
        lock(&shared.log).push(request.clone());
        let scripted = lock(&shared.scripts).iter_mut().find_map(|script| script.next(&request));
        let late = || Reply::pass().delay(*lock(&shared.latency));
        let reply = scripted.unwrap_or_else(late).over(|| (shared.handler)(&request));
        let mut out = Counted { stream, sent: &shared.sent };
        match reply.write(&mut out, &request.method, &shared.gate)? {
            End::KeepAlive if request.header("connection") == Some("close") => {
                return Ok(End::Close);
            }
            End::KeepAlive => {}
            end => return Ok(end),
        }
    }
    Ok(End::KeepAlive)
}

/// Counts what is written.
struct Counted<'a, S> {
    stream: &'a mut S,
    sent: &'a AtomicU64,
}

impl<S: Write> Write for Counted<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.sent.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
