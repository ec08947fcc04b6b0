//! What the head of an answer means, before a byte of its body counts.

use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};

use super::super::api::{CHANGED, INCOMPLETE};
use super::super::error::{Error, ErrorKind};
use super::super::range::part_of;
use super::super::transport::Answer;
use crate::oci::Digest;

/// Characters of a header that an error repeats.
const SHOWN: usize = 200;

/// What an answer holds.
pub(super) enum Head {
    /// The part asked for, or its beginning: so many bytes.
    Part(Response, u64),
    /// The blob from its first byte on.
    Whole(Response),
    /// The server does not serve parts, or not in a form of use.
    NoRanges,
    /// Another part than the one asked for, or one that does not say which.
    OtherPart(Error),
    /// By its announced length it is another blob.
    OtherBlob(Error),
}

/// Reads the head of an answer to a request for a blob of `size` bytes, or for a range of it.
pub(super) fn head(
    answer: &mut Answer,
    digest: &Digest,
    size: u64,
    range: Option<(u64, u64)>,
) -> Result<Head, Error> {
    match (answer.status, answer.stream.take()) {
        (StatusCode::PARTIAL_CONTENT, Some(stream)) => Ok(part(answer, stream, size, range)),
        (StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION, Some(stream)) => {
            match announced(&stream) {
                Some(length) if length != size => {
                    Ok(Head::OtherBlob(other_length(answer, length, size)))
                }
                _ => Ok(Head::Whole(stream)),
            }
        }
        (
            StatusCode::RANGE_NOT_SATISFIABLE
            | StatusCode::BAD_REQUEST
            | StatusCode::NOT_IMPLEMENTED,
            _,
        ) if range.is_some() => Ok(Head::NoRanges),
        (StatusCode::NOT_FOUND, _) => {
            let text = format!("the registry does not have blob {digest}");
            Err(Error::new(ErrorKind::NotFound, text)
                .hint(INCOMPLETE)
                .during(answer.request.clone()))
        }
        (status, _) => {
            let said = answer.excerpt();
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            let text = format!("the registry answered {status} for blob {}{said}", digest.short());
            Err(Error::new(ErrorKind::Network, text).during(answer.request.clone()))
        }
    }
}

fn part(answer: &Answer, stream: Response, size: u64, range: Option<(u64, u64)>) -> Head {
    let several = |value: &str| value.to_ascii_lowercase().starts_with("multipart/");
    if answer.text(CONTENT_TYPE).is_some_and(several) {
        return Head::NoRanges;
    }
    let (from, end) = range.unwrap_or((0, size));
    let length = match part_of(answer, size, from, end) {
        Ok(part) => part.end - part.start + 1,
        Err(error) => return Head::OtherPart(error),
    };
    if announced(&stream).is_some_and(|announced| announced != length) {
        let text = "the registry sent another number of bytes than it said";
        return Head::OtherPart(
            Error::new(ErrorKind::BadData, text).during(answer.request.clone()),
        );
    }
    Head::Part(stream, length)
}

fn announced(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn other_length(answer: &Answer, length: u64, size: u64) -> Error {
    let text = format!(
        "the registry's blob is {length} bytes long, the manifest says {size}{}",
        suspicion(&answer.headers).unwrap_or_default()
    );
    Error::new(ErrorKind::BadData, text).hint(CHANGED).during(answer.request.clone())
}

/// What in an answer's head may explain that its body is not the blob.
pub(super) fn suspicion(headers: &HeaderMap) -> Option<String> {
    let text =
        |name| Some(headers.get(name)?.to_str().ok()?.chars().take(SHOWN).collect::<String>());
    let encoding = text(CONTENT_ENCODING).filter(|value| !value.eq_ignore_ascii_case("identity"));
    if let Some(encoding) = encoding {
        return Some(format!(
            "; something on the way encoded the transfer anew (Content-Encoding: {encoding})"
        ));
    }
    let page = text(CONTENT_TYPE).filter(|value| value.to_ascii_lowercase().contains("html"))?;
    Some(format!("; what came says that it is a web page (Content-Type: {page})"))
}
