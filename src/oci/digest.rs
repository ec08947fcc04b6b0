//! Content digests: `sha256:<64 hex>` and `sha512:<128 hex>`, image-spec `descriptor.md`.
//!
//! A value of these types is always lower-case hexadecimal of the right length, so it is safe as
//! a part of a path or URL. Other algorithms are refused: content that cannot be verified is not
//! read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// The digest of bytes as a registry serves them; for a layer, of the compressed bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Box<str>);

/// The digest of a layer's uncompressed tar stream, as listed in the config's `rootfs.diff_ids`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);

/// Why a text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a digest: expected sha256: and 64 or sha512: and 128 lower-case hexadecimal digits"
)]
pub struct DigestError {
    text: String,
}

impl Digest {
    /// Computes the SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))).into())
    }

    /// The name of the hash function: `sha256` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.split().0
    }

    /// The hash in lower-case hexadecimal digits.
    pub fn hex(&self) -> &str {
        self.split().1
    }

    /// The first twelve hexadecimal digits, as docker shortens identifiers.
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }

    /// Whether this is the digest of `bytes`.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut verifier = Verifier::new(self);
        verifier.update(bytes);
        verifier.finish()
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn split(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or((&self.0, ""))
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let valid = match text.split_once(':') {
            Some(("sha256", hex)) => is_lower_hex(hex, 64),
            Some(("sha512", hex)) => is_lower_hex(hex, 128),
            _ => false,
        };
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(DigestError { text: text.chars().take(160).collect() })
        }
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Hashes a stream piece by piece and says at its end whether it was the expected content.
pub struct Verifier {
    expected: Digest,
    state: State,
}

enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Verifier {
    /// Starts verifying content that is expected to have `expected` as its digest.
    pub fn new(expected: &Digest) -> Self {
        let state = match expected.algorithm() {
            "sha512" => State::Sha512(Sha512::new()),
            _ => State::Sha256(Sha256::new()),
        };
        Self { expected: expected.clone(), state }
    }

    /// Takes the next piece of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha256(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
        }
    }

    /// Whether all pieces together have the expected digest.
    pub fn finish(self) -> bool {
        let expected = self.expected.clone();
        self.found() == expected
    }

    /// The digest that all pieces together have, by the expected one's hash function.
    pub fn found(self) -> Digest {
        let text = match self.state {
            State::Sha256(hash) => format!("sha256:{}", hex::encode(hash.finalize())),
            State::Sha512(hash) => format!("sha512:{}", hex::encode(hash.finalize())),
        };
        Digest(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn only_lower_case_hex_of_the_right_length_is_a_digest() {
        let check = |text: &str, expected: bool| {
            assert_eq!(text.parse::<Digest>().is_ok(), expected, "{text}");
        };
        check(EMPTY, true);
        check(&format!("sha512:{}", "a".repeat(128)), true);
        check(&format!("sha256:{}", "A".repeat(64)), false);
        check(&format!("sha256:{}", "a".repeat(63)), false);
        check(&format!("sha256:{}", "a".repeat(65)), false);
        check("sha256:../../etc/passwd", false);
        check("sha256:", false);
        check("", false);
        check("md5:d41d8cd98f00b204e9800998ecf8427e", false);
        check(&format!("sha256:{}\u{e9}", "a".repeat(62)), false);
    }

    #[test]
    fn content_is_verified_by_either_algorithm() {
        let sha512 = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
        for text in [EMPTY, sha512] {
            let digest: Digest = text.parse().unwrap();
            assert!(digest.matches(b""));
            assert!(!digest.matches(b"x"));
        }
    }

    proptest! {
        #[test]
        fn accepted_digests_round_trip_and_are_path_safe(text in "(sha256|sha512|md5)?:?[0-9a-f./]{0,130}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
                prop_assert!(digest.hex().bytes().all(|b| b.is_ascii_hexdigit()));
            }
        }
    }
}
