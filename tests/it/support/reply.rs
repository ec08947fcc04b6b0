//! What a test server does with one request, down to the bytes and the end of the connection.
//!
//! ```ignore
//! Reply::status(503).header("Retry-After", "2");          // an ordinary answer
//! Reply::ok(layer).truncate_after(4096);                  // full Content-Length, 4096 bytes, then close
//! Reply::pass().truncate_after(100).then_reset();         // what the server would say, cut by a RST
//! Reply::pass().header("Content-Range", "bytes 0-9/10");  // what the server would say, but lying
//! Reply::raw(CONTINUE).flood(CONTINUE);                   // endless interim answers
//! ```

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::http::Gate;

/// An interim answer.
pub const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// An answer, and what happens to the connection after it.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pass: bool,
    raw: Option<Bytes>,
    status: Option<u16>,
    headers: Vec<Edit>,
    body: Option<Bytes>,
    framing: Option<Framing>,
    cut: Option<usize>,
    flood: Option<Bytes>,
    delay: Duration,
    pace: Option<Pace>,
    end: Option<End>,
}

#[derive(Clone, Debug)]
enum Edit {
    Set(String, String),
    Add(String, String),
    Remove(String),
}

#[derive(Clone, Debug)]
enum Framing {
    Declared(String),
    Chunked(usize),
    Unfinished(usize),
    None,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    bytes: usize,
    every: Duration,
}

/// What happens to the connection after an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It waits for the next request.
    #[default]
    KeepAlive,
    /// It is closed in order.
    Close,
    /// It is closed by RST.
    Reset,
    /// It stays open and silent until the client leaves or the server stops.
    Stall,
    /// It carries bytes to and from this address, as a proxy does after `CONNECT`.
    Tunnel(SocketAddr),
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// An answer with status 200 and this body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::status(200).body(body)
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::status(status).header("Content-Type", "application/json").body(value.to_string())
    }

    /// An error in the form of the distribution specification.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &serde_json::json!({"errors": [{"code": code, "message": message, "detail": null}]}),
        )
    }

    /// What the server would answer by itself; later calls change parts of it.
    pub fn pass() -> Self {
        Self { pass: true, ..Self::default() }
    }

    /// These bytes instead of a head and body.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { raw: Some(bytes.into()), ..Self::default() }
    }

    /// The connection is closed before any byte of an answer.
    pub fn close_before_response() -> Self {
        Self::raw("").then_close()
    }

    /// The connection is closed by RST before any byte of an answer.
    pub fn rst() -> Self {
        Self::raw("").then_reset()
    }

    /// No byte of an answer ever comes.
    pub fn stall() -> Self {
        Self::raw("").then_stall()
    }

    /// A proxy's answer to `CONNECT`, with the tunnel to `address` behind it.
    pub fn tunnel(address: SocketAddr) -> Self {
        let raw = Self::raw("HTTP/1.1 200 Connection established\r\n\r\n");
        Self { end: Some(End::Tunnel(address)), ..raw }
    }

    /// Sets the status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Sets a header, replacing those of that name.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Edit::Set(name.to_owned(), value.into()));
        self
    }

    /// Adds a header, beside others of that name.
    pub fn also_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Edit::Add(name.to_owned(), value.into()));
        self
    }

    /// Removes the headers of that name.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.push(Edit::Remove(name.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    /// Sends this text as `Content-Length`, whatever the body's length.
    pub fn content_length(self, text: impl Into<String>) -> Self {
        Self { framing: Some(Framing::Declared(text.into())), ..self }
    }

    /// Sends the body without any length; it ends with the connection.
    pub fn without_length(self) -> Self {
        Self { framing: Some(Framing::None), ..self }.then_close()
    }

    /// Sends the body in chunks of `size` bytes.
    pub fn chunked(self, size: usize) -> Self {
        Self { framing: Some(Framing::Chunked(size)), ..self }
    }

    /// Sends the body in chunks of `size` bytes and closes without the last, empty chunk.
    pub fn unfinished_chunks(self, size: usize) -> Self {
        Self { framing: Some(Framing::Unfinished(size)), ..self }.then_close()
    }

    /// Announces the whole body, sends `count` bytes of it (of its chunked form, if chunked) and
    /// closes.
    pub fn truncate_after(self, count: usize) -> Self {
        Self { cut: Some(count), ..self }.then_close()
    }

    /// Repeats `bytes` after the body until the client leaves.
    pub fn flood(self, bytes: impl Into<Bytes>) -> Self {
        Self { flood: Some(bytes.into()), ..self }
    }

    /// Waits before the first byte.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Sends everything in pieces of `bytes`, one per `every`.
    pub fn trickle(self, bytes: usize, every: Duration) -> Self {
        Self { pace: Some(Pace { bytes, every }), ..self }
    }

    /// Closes the connection afterwards, without announcing it.
    pub fn then_close(self) -> Self {
        Self { end: Some(End::Close), ..self }
    }

    /// Closes the connection by RST afterwards. Bytes that the client has not read may be lost.
    pub fn then_reset(self) -> Self {
        Self { end: Some(End::Reset), ..self }
    }

    /// Keeps the connection open and silent afterwards.
    pub fn then_stall(self) -> Self {
        Self { end: Some(End::Stall), ..self }
    }

    /// Applies this reply's changes to the server's own answer, if it asked for that.
    pub(super) fn over(self, own: impl FnOnce() -> Self) -> Self {
        if !self.pass {
            return self;
        }
        let mut base = own();
        base.headers.extend(self.headers);
        Self {
            pass: false,
            raw: base.raw,
            status: self.status.or(base.status),
            headers: base.headers,
            body: self.body.or(base.body),
            framing: self.framing.or(base.framing),
            cut: self.cut.or(base.cut),
            flood: self.flood.or(base.flood),
            delay: self.delay.max(base.delay),
            pace: self.pace.or(base.pace),
            end: self.end.or(base.end),
        }
    }

    /// Writes the reply to a request with `method`; the result says how the connection goes on.
    pub(super) fn write(&self, out: &mut dyn Write, method: &str, gate: &Gate) -> io::Result<End> {
        if !self.delay.is_zero() && gate.stopped_within(self.delay) {
            return Ok(End::Close);
        }
        let bytes = match &self.raw {
            Some(raw) => raw.to_vec(),
            None => self.render(method),
        };
        self.send(out, &bytes, gate)?;
        if let Some(flood) = &self.flood {
            while !gate.stopped() {
                self.send(out, flood, gate)?;
            }
        }
        Ok(self.end.unwrap_or_default())
    }

    fn send(&self, out: &mut dyn Write, bytes: &[u8], gate: &Gate) -> io::Result<()> {
        let Some(pace) = self.pace else {
            out.write_all(bytes)?;
            return out.flush();
        };
        for piece in bytes.chunks(pace.bytes) {
            out.write_all(piece)?;
            out.flush()?;
            if gate.stopped_within(pace.every) {
                break;
            }
        }
        Ok(())
    }

    fn render(&self, method: &str) -> Vec<u8> {
        let status = self.status.unwrap_or(200);
        let body = self.body.clone().unwrap_or_default();
        let mut bytes = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
        for (name, value) in self.final_headers(&body) {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(b"\r\n");
        if method != "HEAD" && status != 304 && status != 204 {
            let sent = self.framed(&body);
            bytes.extend(&sent[..self.cut.unwrap_or(sent.len()).min(sent.len())]);
        }
        bytes
    }

    fn final_headers(&self, body: &Bytes) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let framing = match &self.framing {
            None => Some(("Content-Length", body.len().to_string())),
            Some(Framing::Declared(text)) => Some(("Content-Length", text.clone())),
            Some(Framing::Chunked(_) | Framing::Unfinished(_)) => {
                Some(("Transfer-Encoding", "chunked".to_owned()))
            }
            Some(Framing::None) => None,
        };
        headers.extend(framing.map(|(name, value)| (name.to_owned(), value)));
        for edit in &self.headers {
            if let Edit::Set(name, _) | Edit::Remove(name) = edit {
                headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            }
            if let Edit::Set(name, value) | Edit::Add(name, value) = edit {
                headers.push((name.clone(), value.clone()));
            }
        }
        headers
    }

    fn framed(&self, body: &Bytes) -> Bytes {
        let (size, end) = match self.framing {
            Some(Framing::Chunked(size)) => (size, "0\r\n\r\n"),
            Some(Framing::Unfinished(size)) => (size, ""),
            _ => return body.clone(),
        };
        let mut framed = Vec::new();
        for chunk in body.chunks(size) {
            framed.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            framed.extend(chunk);
            framed.extend(b"\r\n");
        }
        framed.extend(end.as_bytes());
        framed.into()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        _ => "Status",
    }
}
