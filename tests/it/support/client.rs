//! A raw HTTP/1.1 client that reports what it saw instead of repairing it.
//!
//! ```ignore
//! let mut connection = Connection::open(server.address());
//! let answer = connection.get("/v2/", &[]);
//! assert_eq!((answer.status, answer.end), (401, BodyEnd::Complete));
//! ```

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any answer of a server on the same machine takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
    reset: bool,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status; 0 if the connection ended before a whole head.
    pub status: u16,
    /// The headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// How the answer ended.
    pub end: BodyEnd,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// With all bytes announced.
    Complete,
    /// The connection was closed in order before that.
    Closed,
    /// The connection was reset before that.
    Reset,
    /// Nothing came for as long as the client waits.
    Silent,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

impl Connection<TcpStream> {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time that is not zero");
        Self { stream, buffer: Vec::new(), reset: false }
    }

    /// Waits no longer than `time` for each piece of an answer.
    pub fn patience(self, time: Duration) -> Self {
        self.stream.set_read_timeout(Some(time)).expect("a time that is not zero");
        self
    }
}

impl Connection<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    /// Connects and makes the TLS handshake for `name`.
    pub fn open_tls(
        address: SocketAddr,
        name: &str,
        config: Arc<rustls::ClientConfig>,
    ) -> io::Result<Self> {
        let name = name.to_owned().try_into().map_err(io::Error::other)?;
        let session = rustls::ClientConnection::new(config, name).map_err(io::Error::other)?;
        let stream = Connection::open(address).stream;
        let mut stream = rustls::StreamOwned::new(session, stream);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Self { stream, buffer: Vec::new(), reset: false })
    }
}

impl<S: Read + Write> Connection<S> {
    /// Sends a GET and reads its answer.
    pub fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", target, headers, b"")
    }

    /// Sends a request and reads its answer.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.send(method, target, headers, body);
        self.answer(method)
    }

    /// Sends a request.
    pub fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut lines = vec![format!("{method} {target} HTTP/1.1"), "Host: test".to_owned()];
        if !body.is_empty() || method == "POST" || method == "PUT" {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
        let bytes = [lines.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat();
        // A server may end the connection before it has read everything; the answer shows that,
        // except for a RST, which is reported once.
        let sent = self.stream.write_all(&bytes).and_then(|()| self.stream.flush());
        self.reset |= sent.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
    }

    /// Reads the answer to a request with `method`.
    pub fn answer(&mut self, method: &str) -> Answer {
        let mut answer =
            Answer { status: 0, headers: Vec::new(), body: Vec::new(), end: BodyEnd::Complete };
        match self.head() {
            Ok(head) => read_head(&head, &mut answer),
            Err(end) => return Answer { end, ..answer },
        }
        let has_body = answer.status >= 200 && method != "HEAD" && method != "CONNECT";
        if has_body && let Err(end) = self.body(&mut answer) {
            answer.end = end;
        }
        answer
    }

    fn body(&mut self, answer: &mut Answer) -> Result<(), BodyEnd> {
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunks(&mut answer.body);
        }
        let length = answer.header("content-length").map(|text| text.parse().expect("a length"));
        match self.take(length.unwrap_or(usize::MAX), &mut answer.body) {
            Err(BodyEnd::Closed) if length.is_none() => Ok(()),
            result => result,
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), BodyEnd> {
        loop {
            let line = self.until(b"\r\n")?;
            let length = usize::from_str_radix(line.trim(), 16).expect("a chunk length");
            self.take(length, body)?;
            self.until(b"\r\n")?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn head(&mut self) -> Result<String, BodyEnd> {
        self.until(b"\r\n\r\n")
    }

    fn until(&mut self, mark: &[u8]) -> Result<String, BodyEnd> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                let bytes: Vec<u8> = self.buffer.drain(..at + mark.len()).collect();
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            self.fill()?;
        }
    }

    fn take(&mut self, count: usize, body: &mut Vec<u8>) -> Result<(), BodyEnd> {
        let end = body.len().saturating_add(count);
        loop {
            let part = self.buffer.len().min(end - body.len());
            body.extend(self.buffer.drain(..part));
            if body.len() == end {
                return Ok(());
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), BodyEnd> {
        let mut piece = [0; 16384];
        match self.stream.read(&mut piece) {
            Ok(0) if self.reset => Err(BodyEnd::Reset),
            Ok(0) => Err(BodyEnd::Closed),
            Ok(count) => {
                self.buffer.extend(&piece[..count]);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => self.fill(),
                io::ErrorKind::UnexpectedEof => Err(BodyEnd::Closed),
                io::ErrorKind::WouldBlock => Err(BodyEnd::Silent),
                io::ErrorKind::ConnectionReset => Err(BodyEnd::Reset),
                _ => panic!("reading an answer: {error}"),
            },
        }
    }
}

fn read_head(head: &str, answer: &mut Answer) {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    answer.status = status.expect("a status line");
    answer.headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
}
