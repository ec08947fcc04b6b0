//! Takes out of a server's words what it was told in confidence.
//!
//! Servers repeat requests in error texts, headers and links. Before any of that can be printed
//! or kept, the password or token of the request is replaced, as it was sent and in the forms
//! that JSON and URLs give it; likewise the values of a URL's query that are not printed. It
//! guards against carelessness: a server that means harm has the secret already.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use url::{Url, form_urlencoded};

use super::secret::{HIDDEN, SafeUrl, Secret, is_shown};
use super::transport::Call;

/// Shorter texts may be anything: replacing them would spoil messages and hide little.
const SHORTEST: usize = 6;

/// The headers whose text reaches the user.
const PRINTED_HEADERS: [&str; 3] = ["warning", "content-type", "docker-ratelimit-source"];

/// The secrets of one request.
#[derive(Default)]
pub(super) struct Confidence(Vec<Secret>);

impl Confidence {
    /// What a server is told by a call.
    pub(super) fn of(call: &Call, authorization: Option<&HeaderValue>) -> Self {
        let mut told = Self::default();
        if let Some(text) = authorization.and_then(|header| header.to_str().ok()) {
            let value = text.split_once(' ').map_or(text, |(_scheme, value)| value);
            told.add(value);
            let decoded = STANDARD.decode(value).ok().and_then(|pair| String::from_utf8(pair).ok());
            let decoded = decoded.map(Secret::new);
            if let Some((_, password)) = decoded.as_ref().and_then(|p| p.expose().split_once(':')) {
                told.add(password);
            }
        }
        let refresh = call.form.iter().filter(|(name, _)| *name == "refresh_token");
        refresh.for_each(|(_, value)| told.add(value));
        told
    }

    /// Adds the values of a URL's query that are not printed with it.
    pub(super) fn follow(&mut self, url: &Url) {
        let hidden = |key: &str, value: &str| !is_shown(key, value) && key != "account";
        let hidden = url.query_pairs().filter(|(key, value)| hidden(key, value));
        hidden.for_each(|(_, value)| self.add(&value));
    }

    /// A URL as it can be printed.
    pub(super) fn url(&self, url: &Url) -> String {
        let bytes = self.body(SafeUrl(url.clone()).to_string().into());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A text without the secrets.
    pub(super) fn body(&self, text: Bytes) -> Bytes {
        self.0.iter().fold(text, |text, secret| replace(&text, secret.expose().as_bytes()))
    }

    /// Headers without the secrets in those that are printed. Links are needed as they are.
    pub(super) fn headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut headers = headers.clone();
        for (name, value) in &mut headers {
            if !PRINTED_HEADERS.contains(&name.as_str()) {
                continue;
            }
            let kept = self.body(Bytes::copy_from_slice(value.as_bytes()));
            if kept != value.as_bytes() {
                *value = HeaderValue::from_maybe_shared(kept)
                    .unwrap_or_else(|_| HeaderValue::from_static(HIDDEN));
            }
        }
        headers
    }

    fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let in_json = serde_json::Value::from(secret).to_string();
        let in_url: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for form in [secret, in_json.trim_matches('"'), &in_url] {
            if !self.0.iter().any(|known| known.expose() == form) {
                self.0.push(Secret::new(form.to_owned()));
            }
        }
    }
}

fn replace(text: &Bytes, secret: &[u8]) -> Bytes {
    let find = |from: usize| {
        let rest = text.get(from..)?;
        rest.windows(secret.len()).position(|window| window == secret).map(|at| from + at)
    };
    let Some(mut found) = find(0) else { return text.clone() };
    let (mut kept, mut from) = (Vec::with_capacity(text.len()), 0);
    loop {
        kept.extend_from_slice(&text[from..found]);
        kept.extend_from_slice(HIDDEN.as_bytes());
        from = found + secret.len();
        match find(from) {
            Some(next) => found = next,
            None => break,
        }
    }
    kept.extend_from_slice(&text[from..]);
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::transport::Read;

    #[test]
    fn secrets_are_replaced_in_every_form_they_were_told_in() {
        let url = Url::parse("https://s.example/x?sig=canary%2B1/2&last=visible").unwrap();
        let form =
            vec![("refresh_token", "refresh\"1".to_owned()), ("scope", "pulling".to_owned())];
        let call = Call { form, ..Call::get(url.clone(), Read::Nothing) };
        let basic = format!("Basic {}", STANDARD.encode("robot:pass word"));
        let mut told = Confidence::of(&call, Some(&HeaderValue::from_str(&basic).unwrap()));
        told.follow(&url);
        let check = |text: &str, expected: &str| {
            assert_eq!(told.body(Bytes::copy_from_slice(text.as_bytes())), expected, "{text}");
        };
        check(&basic, "Basic ***");
        check("pass word, pass+word; robot", "***, ***; robot");
        check(r#"{"refresh\"1"}"#, r#"{"***"}"#);
        check("canary+1/2canary%2B1%2F2", "******");
        check("visible pulling", "visible pulling");
        assert_eq!(told.url(&url), "https://s.example/x?sig=***&last=visible");
        let mut headers = HeaderMap::new();
        headers.insert("warning", HeaderValue::from_static("299 - \"pass word\""));
        assert_eq!(told.headers(&headers)["warning"], "299 - \"***\"");
    }
}
