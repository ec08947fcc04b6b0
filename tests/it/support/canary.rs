//! Secrets that are easy to find again, in whatever form they leak.
//!
//! ```ignore
//! let canary = Canary::new("robot");
//! sandbox.docker_config(&[(&server.host(), canary.user(), canary.secret())]);
//! let output = sandbox.run(&["inspect", &reference]);
//! assert!(!other_server.saw(canary.secret()));
//! assert!(!holds(&output.stderr_bytes(), canary.secret()));
//! ```

use std::hash::{BuildHasher, Hasher, RandomState};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A user name with a secret that no other canary has.
#[derive(Clone, Debug)]
pub struct Canary {
    user: String,
    secret: String,
}

impl Canary {
    /// A new secret for `user`. It has characters that URLs and JSON have to encode.
    pub fn new(user: &str) -> Self {
        let random = RandomState::new().build_hasher().finish();
        Self { user: user.to_owned(), secret: format!("canary+{random:016x}/&=\"é") }
    }

    /// The user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// `user:secret` in base64, as a docker config and HTTP Basic have it.
    pub fn basic(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.secret))
    }

    /// Forms that a leak would have: plain, base64, `user:secret` in base64, URL-encoded.
    pub fn forms(&self) -> Vec<String> {
        vec![
            self.secret.clone(),
            STANDARD.encode(&self.secret),
            self.basic(),
            url::form_urlencoded::byte_serialize(self.secret.as_bytes()).collect(),
        ]
    }

    /// Whether the secret is anywhere in `bytes`; see [`holds`].
    pub fn in_bytes(&self, bytes: &[u8]) -> bool {
        holds(bytes, &self.secret)
    }
}

/// Whether `secret` is in `bytes`: plain, escaped as in JSON, in base64 of either alphabet (alone
/// or as part of a longer text), in hexadecimal, and each of these URL-encoded.
pub fn holds(bytes: &[u8], secret: &str) -> bool {
    let decoded = percent_decoded(bytes);
    forms_of(secret).iter().any(|form| contains(bytes, form) || contains(&decoded, form))
}

fn forms_of(secret: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(secret).expect("text is JSON");
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        json.trim_matches('"').as_bytes().to_vec(),
        hex::encode(secret).into_bytes(),
    ];
    for offset in 0..3 {
        forms.push(inner_base64(&STANDARD_NO_PAD, offset, secret));
        forms.push(inner_base64(&URL_SAFE_NO_PAD, offset, secret));
    }
    forms
}

/// The characters of base64 that depend on `secret` alone when it starts `offset` bytes after a
/// multiple of three.
fn inner_base64(engine: &impl Engine, offset: usize, secret: &str) -> Vec<u8> {
    let mut padded = vec![0; offset];
    padded.extend(secret.as_bytes());
    let encoded = engine.encode(&padded).into_bytes();
    let first = (offset * 8).div_ceil(6);
    encoded[first..padded.len() * 8 / 6].to_vec()
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| first == b'%').and_then(|code| hex::decode(code).ok());
        decoded.push(code.as_ref().map_or(first, |code| code[0]));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}
