//! One object: what is kept, whose it is, and what vouches for it.
//!
//! ```text
//! magic "regsize\0", format u16, analysis u16,
//! length u8 and name of the bucket, length u8 and key, length u64 of the content, content,
//! SHA-256 of all before it, HMAC-SHA-256 of all before it
//! ```
//!
//! Numbers are little-endian. The checksum tells damage from what somebody without the key made.

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::cache::Bucket;
use crate::oci::Digest;
use crate::registry::Secret;

const MAGIC: &[u8; 8] = b"regsize\0";
/// The version of this form.
const FORMAT: u16 = 1;
/// What the entries mean. Raised when the same layer would be listed in another way without a
/// change of the listing's own format, which is in the bucket's name.
pub(super) const ANALYSIS: u16 = 1;
const SUM: usize = 32;
/// Bytes that a key has at least, so that it is not guessed.
const SHORTEST_KEY: usize = 16;
/// What is signed for the key's name.
const NAMING: &[u8] = b"the name of the key of a shared cache of regsize";

/// What entries are signed with.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

/// Why an entry is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its bytes are not those that were written.
    Damaged,
    /// It was not signed with this key.
    Forged,
    /// It is of another layer, or made by another version.
    Other,
}

impl Key {
    /// The key, if it is long enough.
    pub(super) fn new(secret: &Secret) -> Option<Self> {
        let text = secret.expose().trim();
        if text.len() < SHORTEST_KEY {
            return None;
        }
        Hmac::new_from_slice(text.as_bytes()).ok().map(Self)
    }

    /// A name that tells this key from others and says nothing else of it.
    pub(super) fn name(&self) -> String {
        let mac = self.0.clone().chain_update(NAMING).finalize().into_bytes();
        hex::encode(mac.get(..8).unwrap_or_default())
    }
}

/// The most bytes that an entry of so much content has.
pub(super) fn longest(content: u64) -> u64 {
    let head = MAGIC.len() + 2 + 2 + 2 * (1 + usize::from(u8::MAX)) + 8;
    content.saturating_add((head + 2 * SUM) as u64)
}

/// The entry of `content`.
pub(super) fn encode(key: &Key, bucket: Bucket, subject: &Digest, content: &[u8]) -> Vec<u8> {
    let mut entry = head(bucket, subject, content.len() as u64);
    entry.reserve_exact(content.len() + 2 * SUM);
    entry.extend_from_slice(content);
    let sum = Sha256::digest(&entry);
    entry.extend_from_slice(&sum);
    let mac = key.0.clone().chain_update(&entry).finalize().into_bytes();
    entry.extend_from_slice(&mac);
    entry
}

/// The content of an entry that is sound and of `subject`.
pub(super) fn decode(
    key: &Key,
    bucket: Bucket,
    subject: &Digest,
    entry: &Bytes,
) -> Result<Bytes, Flaw> {
    let (signed, mac) = split(entry).ok_or(Flaw::Damaged)?;
    let (body, sum) = split(signed).ok_or(Flaw::Damaged)?;
    if !body.starts_with(MAGIC) || Sha256::digest(body).as_slice() != sum {
        return Err(Flaw::Damaged);
    }
    key.0.clone().chain_update(signed).verify_slice(mac).map_err(|_| Flaw::Forged)?;
    let overhead = head(bucket, subject, 0).len();
    let length = body.len().checked_sub(overhead).ok_or(Flaw::Other)?;
    if !body.starts_with(&head(bucket, subject, length as u64)) {
        return Err(Flaw::Other);
    }
    Ok(entry.slice(overhead..overhead + length))
}

fn head(bucket: Bucket, subject: &Digest, length: u64) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&FORMAT.to_le_bytes());
    head.extend_from_slice(&ANALYSIS.to_le_bytes());
    for name in [bucket.name(), subject.as_str()] {
        // Names of buckets and digests are shorter.
        head.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.extend_from_slice(name.as_bytes());
    }
    head.extend_from_slice(&length.to_le_bytes());
    head
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(SUM)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(&Secret::new(text.to_owned())).unwrap()
    }

    fn resigned(key: &Key, body: &[u8]) -> Bytes {
        let mut entry = [body, &Sha256::digest(body)[..]].concat();
        let mac = key.0.clone().chain_update(&entry).finalize().into_bytes();
        entry.extend_from_slice(&mac);
        entry.into()
    }

    fn sound() -> (Key, Digest, Vec<u8>) {
        let (key, subject) = (key("0123456789abcdef"), Digest::of(b"layer"));
        let entry = encode(&key, Bucket::Tocs, &subject, b"content");
        (key, subject, entry)
    }

    #[test]
    fn what_was_encoded_comes_back() {
        let (key, subject, entry) = sound();
        assert!(entry.len() as u64 <= longest(7));
        let decoded = decode(&key, Bucket::Tocs, &subject, &entry.into());
        assert_eq!(decoded.as_deref(), Ok(&b"content"[..]));
        let empty = encode(&key, Bucket::Refusals, &subject, b"");
        let decoded = decode(&key, Bucket::Refusals, &subject, &empty.into());
        assert_eq!(decoded.as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn flipped_and_cut_bytes_are_damage() {
        let (key, subject, entry) = sound();
        for at in 0..entry.len() {
            let mut flipped = entry.clone();
            flipped[at] ^= 1;
            // What is left of the signature tells whoever made it from what time did to it.
            let expected = if at < entry.len() - SUM { Flaw::Damaged } else { Flaw::Forged };
            let decoded = decode(&key, Bucket::Tocs, &subject, &flipped.into());
            assert_eq!(decoded, Err(expected), "byte {at}");
            let cut = Bytes::copy_from_slice(&entry[..at]);
            assert_eq!(decode(&key, Bucket::Tocs, &subject, &cut), Err(Flaw::Damaged), "{at}");
        }
    }

    #[test]
    fn entries_of_another_key_bucket_layer_or_version_are_not_taken() {
        let (own, subject, entry) = sound();
        let entry = Bytes::from(entry);
        let check = |key: &Key, bucket: Bucket, subject: &Digest, entry: &Bytes, flaw: Flaw| {
            assert_eq!(decode(key, bucket, subject, entry), Err(flaw));
        };
        check(&key("0123456789abcdeg"), Bucket::Tocs, &subject, &entry, Flaw::Forged);
        check(&own, Bucket::Captures, &subject, &entry, Flaw::Other);
        check(&own, Bucket::Tocs, &Digest::of(b"other"), &entry, Flaw::Other);
        let body = &entry[..entry.len() - 2 * SUM];
        for (at, value) in [(8, 2), (10, 2), (10, 0)] {
            let mut changed = body.to_vec();
            changed[at] = value;
            check(&own, Bucket::Tocs, &subject, &resigned(&own, &changed), Flaw::Other);
        }
        let longer = resigned(&own, &[body, b"more"].concat());
        check(&own, Bucket::Tocs, &subject, &longer, Flaw::Other);
        check(&own, Bucket::Tocs, &subject, &resigned(&own, &body[..20]), Flaw::Other);
    }

    #[test]
    fn keys_have_names_and_a_shortest_length() {
        assert!(Key::new(&Secret::new(" 0123456789abcde\n".to_owned())).is_none());
        let (one, same) = (key("0123456789abcdef"), key(" 0123456789abcdef\n"));
        assert_eq!(one.name(), same.name());
        assert_eq!(one.name().len(), 16);
        assert_ne!(one.name(), key("0123456789abcdeg").name());
    }
}
