//! Reads a part of a blob by closed ranges.
//!
//! Only `bytes=a-b` is ever sent: suffixes, open ends and several ranges in one request break on
//! real storage. An answer counts if its `Content-Range` says that it holds the bytes asked for;
//! a shorter one is continued. A server that sends the whole blob instead is believed if the blob
//! is small, and otherwise left at once.

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;
use reqwest::header::CONTENT_RANGE;

use super::api::Registry;
use super::error::{Error, ErrorKind};
use super::headers::{ContentRange, content_range};
use super::transport::{Answer, Call, Read};
use crate::oci::Digest;

/// Whole blobs up to this size are taken when a server ignores the range.
const SMALL_BLOB: u64 = 64 << 10;
/// Requests for one range; servers may give it in pieces.
const MAX_PIECES: usize = 8;

impl Registry {
    /// Reads the bytes from `start` on, `length` of them, of a blob of `size` bytes.
    ///
    /// `None` means that the registry does not do ranges. The bytes are not verified: no digest
    /// covers a part of a blob.
    pub async fn blob_range(
        &self,
        repository: &str,
        digest: &Digest,
        size: u64,
        start: u64,
        length: u64,
    ) -> Result<Option<Bytes>, Error> {
        let end = start.saturating_add(length).min(size);
        let mut bytes = BytesMut::new();
        for _ in 0..MAX_PIECES {
            let from = start + bytes.len() as u64;
            if from >= end {
                break;
            }
            match self.piece(repository, digest, size, from, end).await? {
                Piece::Bytes(piece) => bytes.extend_from_slice(&piece),
                Piece::Ignored => return Ok(None),
            }
        }
        if start + bytes.len() as u64 == end {
            return Ok(Some(bytes.freeze()));
        }
        Err(Error::new(
            ErrorKind::Network,
            format!("the registry gives blob {} only in tiny pieces", digest.short()),
        ))
    }

    async fn piece(
        &self,
        repository: &str,
        digest: &Digest,
        size: u64,
        from: u64,
        end: u64,
    ) -> Result<Piece, Error> {
        let url = self.url(&[repository, "blobs", digest.as_str()])?;
        let read = Read::Part { length: end - from, whole: size.min(SMALL_BLOB) };
        let call = Call::get(url, read).of_range(from, end)?;
        let answer = self.call(repository, &call).await?;
        match answer.status {
            StatusCode::PARTIAL_CONTENT => partial(&answer, size, from, end),
            StatusCode::OK => Ok(whole(&answer, size, from, end)),
            StatusCode::RANGE_NOT_SATISFIABLE
            | StatusCode::BAD_REQUEST
            | StatusCode::NOT_IMPLEMENTED => Ok(Piece::Ignored),
            StatusCode::NOT_FOUND => Err(Error::new(
                ErrorKind::NotFound,
                format!("the registry does not have blob {digest}"),
            )
            .during(answer.request)),
            status => Err(Error::new(
                ErrorKind::Network,
                format!("the registry answered {status} for blob {}", digest.short()),
            )
            .during(answer.request)),
        }
    }
}

enum Piece {
    Bytes(Bytes),
    Ignored,
}

/// The bytes that a partial answer holds by its own account; they are some of those asked for,
/// from the first one on.
pub(super) fn part_of(
    answer: &Answer,
    size: u64,
    from: u64,
    end: u64,
) -> Result<ContentRange, Error> {
    let error =
        |text: String| Err(Error::new(ErrorKind::BadData, text).during(answer.request.clone()));
    let Some(range) = answer.text(CONTENT_RANGE).and_then(content_range) else {
        return error("the registry sent a part of a blob without saying which".to_owned());
    };
    if range.start != from || range.end >= end {
        return error(format!(
            "the registry sent bytes {}-{} when asked for {from}-{}",
            range.start,
            range.end,
            end - 1
        ));
    }
    if range.total.is_some_and(|total| total != size) {
        return error(format!(
            "the registry's blob is {} bytes long, the manifest says {size}",
            range.total.unwrap_or_default()
        ));
    }
    Ok(range)
}

fn partial(answer: &Answer, size: u64, from: u64, end: u64) -> Result<Piece, Error> {
    let range = part_of(answer, size, from, end)?;
    if answer.unread || answer.body.len() as u64 != range.end - range.start + 1 {
        let text = "the registry sent another number of bytes than it said";
        return Err(Error::new(ErrorKind::BadData, text).during(answer.request.clone()));
    }
    Ok(Piece::Bytes(answer.body.clone()))
}

fn whole(answer: &Answer, size: u64, from: u64, end: u64) -> Piece {
    if answer.unread || answer.body.len() as u64 != size {
        return Piece::Ignored;
    }
    match (usize::try_from(from), usize::try_from(end)) {
        (Ok(from), Ok(end)) => Piece::Bytes(answer.body.slice(from..end)),
        _ => Piece::Ignored,
    }
}
