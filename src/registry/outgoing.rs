//! Speaks to what is no registry, at addresses that the user chose: a webhook, a bucket.
//!
//! The address of a webhook is a secret as a whole, as its path often is the key: errors name the host alone.
//! It is https, or http to this machine. Redirects are not followed, and no registry's credentials
//! are near.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use url::Url;

#[cfg(feature = "cloud")]
use super::address::AddressClass;
use super::client::{is_loopback, proxies, proxy_hosts};
use super::clients::Clients;
use super::error::{Error, ErrorKind, excerpt};
use super::guard::Guard;
#[cfg(feature = "cloud")]
use super::options::Proxies;
use super::{Options, Secret};

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an answer that are looked at.
const MAX_ANSWER: usize = 4096;

/// Bytes in a row that are not an accident: an answer may repeat a key, or a part of it.
const PIECE: usize = 6;

/// Posts `body` as JSON; the proxies and certificate authorities are those of the registries.
pub async fn post_json(address: &Secret, body: String, options: &Options) -> Result<(), Error> {
    let url = parse(address)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let guard = Guard::new(&url, proxy_hosts(&options.proxies), options.address_floor);
    let proxies = proxies(&options.proxies, &url)?;
    let clients = Clients::new(guard, proxies, options.ca_certificates.clone())?;
    let request = clients.documents().post(url).timeout(TIMEOUT);
    let request = request.header(CONTENT_TYPE, "application/json").body(body);
    let failed = |error: reqwest::Error| {
        Error::new(ErrorKind::Network, format!("the message was not delivered to {host}"))
            .because(error.without_url())
    };
    let mut answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.map(str::to_owned);
    let mut start = Vec::new();
    while start.len() < MAX_ANSWER
        && let Ok(Some(piece)) = answer.chunk().await
    {
        start.extend_from_slice(&piece);
    }
    start.truncate(MAX_ANSWER);
    let said = excerpt(&start, kind.as_deref());
    let said = if said.is_empty() || repeats(&said, address, &host) { String::new() } else { said };
    let text = format!("{host} refused the message with {status}");
    Err(Error::new(ErrorKind::Network, if said.is_empty() { text } else { text + ": " + &said }))
}

/// A client for a service at `url` and for what its owner runs beside it, wherever that is on the
/// network; it has no credentials of registries and follows no redirects.
#[cfg(feature = "cloud")]
pub(crate) fn client_of_service(
    url: &Url,
    settings: &Proxies,
    ca_certificates: &[Vec<u8>],
    plain_http: bool,
) -> Result<reqwest::Client, Error> {
    let guard = Guard::new(url, proxy_hosts(settings), Some(AddressClass::Loopback));
    Clients::of_service(guard, proxies(settings, url)?, ca_certificates.to_vec(), plain_http)
}

/// Whether a text has a piece of the address, besides the host, that is long enough to be of a key.
fn repeats(text: &str, address: &Secret, host: &str) -> bool {
    let parts = address.expose().split(['/', '?', '&', '=', '@', ':']);
    let pieces: HashSet<&[u8]> = parts
        .filter(|part| *part != host)
        .flat_map(|part| part.as_bytes().windows(PIECE))
        .collect();
    text.as_bytes().windows(PIECE).any(|piece| pieces.contains(piece))
}

fn parse(address: &Secret) -> Result<Url, Error> {
    let usage = |text: &str| Error::new(ErrorKind::Usage, text);
    let url = Url::parse(address.expose().trim())
        .map_err(|_| usage("the address of a webhook is not a URL"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(usage("the address of a webhook has to be https")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Posts to a server that answers `answer`; gives what it got and what became of it.
    async fn post(answer: &'static str) -> (String, Result<(), Error>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let address = Secret::new(format!("http://127.0.0.1:{port}/hook/canary-key"));
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut got = Vec::new();
            while !got.ends_with(b"{\"text\":1}") {
                let mut piece = [0; 1024];
                let read = stream.read(&mut piece).await.expect("a request");
                got.extend_from_slice(&piece[..read]);
            }
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            stream.shutdown().await.expect("an end");
            String::from_utf8_lossy(&got).into_owned()
        };
        let options = Options::default();
        let sent = post_json(&address, "{\"text\":1}".to_owned(), &options);
        tokio::join!(server, sent)
    }

    fn told(error: &Error) -> String {
        let source = std::error::Error::source(error).map(ToString::to_string);
        format!("{error} {error:?} {source:?}")
    }

    #[tokio::test]
    async fn a_document_is_posted_as_json() {
        let (got, sent) = post("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await;
        assert!(sent.is_ok(), "{sent:?}");
        assert!(got.starts_with("POST /hook/canary-key HTTP/1.1"), "{got}");
        assert!(got.to_lowercase().contains("content-type: application/json"), "{got}");
    }

    #[tokio::test]
    async fn refusals_do_not_name_the_key() {
        for answer in [
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 17\r\n\r\nno such canary-key",
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            let (_, sent) = post(answer).await;
            let told = told(&sent.expect_err(answer));
            assert!(!told.contains("canary") && told.contains("127.0.0.1"), "{told}");
        }
    }

    #[tokio::test]
    async fn addresses_are_https_or_of_this_machine() {
        for address in ["canary-key", "http://example.com/canary-key", "ftp://localhost/canary"] {
            let address = Secret::new(address.to_owned());
            let error = post_json(&address, String::new(), &Options::default()).await;
            let error = error.expect_err("a refusal");
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(!told(&error).contains("canary"), "{error}");
        }
    }
}
