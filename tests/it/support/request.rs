//! Requests as a test server received them.
//!
//! ```ignore
//! let request = &server.requests()[0];
//! assert_eq!((request.path(), request.query("scope")), ("/token", vec!["a".to_owned()]));
//! ```

use std::io::{self, Read};

use super::canary;

/// One request as received.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The target as sent: path and query, or an absolute URL from a client that uses a proxy.
    pub target: String,
    /// The headers in order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The number of the connection it came over, counted from 0.
    pub connection: usize,
}

impl Request {
    /// The target's path.
    pub fn path(&self) -> &str {
        let target = match self.target.split_once("://") {
            Some((_, rest)) => &rest[rest.find('/').unwrap_or(rest.len())..],
            None => &self.target,
        };
        target.split('?').next().unwrap_or_default()
    }

    /// The values of a query parameter, decoded.
    pub fn query(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        pairs(query.as_bytes(), name)
    }

    /// The values of a field of a form in the body.
    pub fn form(&self, name: &str) -> Vec<String> {
        pairs(&self.body, name)
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Reads one request; what follows it stays in `buffer`.
    pub(super) fn read(
        stream: &mut impl Read,
        buffer: &mut Vec<u8>,
        connection: usize,
    ) -> io::Result<Option<Request>> {
        let head_length = loop {
            if let Some(position) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break position + 4;
            }
            if !read_some(stream, buffer)? {
                return Ok(None);
            }
            if !buffer[0].is_ascii_uppercase() {
                break buffer.len();
            }
        };
        let head = String::from_utf8_lossy(&buffer[..head_length]).into_owned();
        buffer.drain(..head_length);
        let mut lines = head.lines();
        let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let mut request = Self {
            method: first.next().unwrap_or_default(),
            target: first.next().unwrap_or_default(),
            headers: lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
            body: Vec::new(),
            connection,
        };
        let length = request.header("content-length").map_or(0, |text| text.parse().unwrap_or(0));
        while buffer.len() < length {
            if !read_some(stream, buffer)? {
                return Ok(None);
            }
        }
        request.body = buffer.drain(..length).collect();
        Ok(Some(request))
    }

    /// Whether the bytes began as a request does. A TLS handshake, for one, does not.
    pub(super) fn is_http(&self) -> bool {
        self.method.starts_with(|c: char| c.is_ascii_uppercase())
    }

    /// Whether `secret` is anywhere in the request, plain or encoded.
    pub fn holds(&self, secret: &str) -> bool {
        canary::holds(self.target.as_bytes(), secret)
            || canary::holds(&self.body, secret)
            || self.headers.iter().any(|(name, value)| {
                canary::holds(name.as_bytes(), secret) || canary::holds(value.as_bytes(), secret)
            })
    }
}

fn pairs(text: &[u8], name: &str) -> Vec<String> {
    url::form_urlencoded::parse(text)
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

fn read_some(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 8192];
    let count = stream.read(&mut piece)?;
    buffer.extend(&piece[..count]);
    Ok(count > 0)
}
