//! Asks a token server for a token and reads its answer.
//!
//! Answers are lenient about lifetimes, as servers are, and strict about the token itself, which
//! becomes a header: visible ASCII of bounded length or nothing.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::credentials::Credential;
use super::error::{Error, ErrorKind, looks_like_html};
use super::secret::Secret;

const CLIENT: &str = "regsize";
/// A token becomes a header; servers accept headers up to a few times this.
const MAX_TOKEN: usize = 64 << 10;
/// The lifetime of tokens that do not tell theirs.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);
const SHORTEST_LIFETIME: Duration = Duration::from_secs(10);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);

/// What a token is asked for.
pub(super) struct Request<'a> {
    pub(super) realm: &'a Url,
    pub(super) service: Option<&'a str>,
    pub(super) scopes: &'a [String],
    pub(super) credential: Option<&'a Credential>,
}

/// An authorization and how long it is good for; without a lifetime, for ever.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) lifetime: Option<Duration>,
}

impl Request<'_> {
    /// The URL of the GET form. Parameters that the realm already has are kept.
    pub(super) fn url(&self, account: Option<&str>) -> Url {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            self.service.map(|service| query.append_pair("service", service));
            for scope in self.scopes {
                query.append_pair("scope", scope);
            }
            account.map(|account| query.append_pair("account", account));
            query.append_pair("client_id", CLIENT);
        }
        url
    }

    /// The fields of the OAuth form.
    pub(super) fn form(&self, refresh_token: &Secret) -> Vec<(&'static str, String)> {
        let mut form = vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", refresh_token.expose().to_owned()),
            ("scope", self.scopes.join(" ")),
            ("client_id", CLIENT.to_owned()),
        ];
        form.extend(self.service.map(|service| ("service", service.to_owned())));
        form
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Value,
}

impl Token {
    /// Reads a token server's answer.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Error> {
        let error =
            |text: &str| Error::new(ErrorKind::Auth, format!("the token server's answer {text}"));
        let answer: TokenAnswer = serde_json::from_slice(body).map_err(|_| {
            if looks_like_html(body, None) {
                error("is an HTML page")
            } else {
                error("is not a JSON object with a token")
            }
        })?;
        let token = [answer.token, answer.access_token]
            .into_iter()
            .flatten()
            .find(|token| !token.is_empty());
        let token = Secret::new(token.ok_or_else(|| error("holds no token"))?);
        Ok(Self { header: bearer(&token)?, lifetime: Some(lifetime(&answer.expires_in)) })
    }

    /// A token that the user's credentials hold.
    pub(super) fn given(token: &Secret) -> Result<Self, Error> {
        Ok(Self { header: bearer(token)?, lifetime: None })
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, Error> {
    let text = token.expose();
    if text.len() > MAX_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::new(
            ErrorKind::Auth,
            "the token is not one line of visible characters of at most 64 KiB",
        ));
    }
    sensitive(Secret::new(format!("Bearer {text}")).expose())
}

/// A header that the HTTP library does not print.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::from_str(text).map_err(|_| {
        Error::new(ErrorKind::Auth, "the credentials hold characters that cannot be sent")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

fn lifetime(expires_in: &Value) -> Duration {
    let seconds = match expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds > 0.0 => Duration::try_from_secs_f64(seconds)
            .unwrap_or(LONGEST_LIFETIME)
            .clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME),
        _ => DEFAULT_LIFETIME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_any_shape_are_read_or_refused() {
        let check = |body: &str, expected: Result<(&str, u64), &str>| match (
            Token::parse(body.as_bytes()),
            expected,
        ) {
            (Ok(token), Ok((text, seconds))) => {
                assert_eq!(token.header.to_str().unwrap(), format!("Bearer {text}"));
                assert_eq!(token.lifetime, Some(Duration::from_secs(seconds)), "{body}");
                assert!(token.header.is_sensitive());
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{body}: {error}"),
            (_, expected) => panic!("{body}: expected {expected:?}"),
        };
        check(r#"{"token":"a"}"#, Ok(("a", 60)));
        check(r#"{"access_token":"b","expires_in":300}"#, Ok(("b", 300)));
        check(r#"{"token":"a","access_token":"b","expires_in":"120"}"#, Ok(("a", 120)));
        check(r#"{"token":"","access_token":"b","expires_in":0}"#, Ok(("b", 60)));
        check(r#"{"token":"a","expires_in":-5}"#, Ok(("a", 60)));
        check(r#"{"token":"a","expires_in":3}"#, Ok(("a", 10)));
        check(r#"{"token":"a","expires_in":1e300}"#, Ok(("a", 86400)));
        check(r#"{"token":"a","expires_in":null}"#, Ok(("a", 60)));
        check("{}", Err("holds no token"));
        check("<html>", Err("is an HTML page"));
        check("", Err("is not a JSON object"));
        check(r#"{"token":"a\nX-Evil: 1"}"#, Err("visible characters"));
        check(&format!(r#"{{"token":"{}"}}"#, "x".repeat(1 << 20)), Err("visible characters"));
        check(r#"{"token":"é"}"#, Err("visible characters"));
    }

    #[test]
    fn parameters_of_the_realm_are_kept() {
        let realm = Url::parse("https://t.example/token?account=ci").unwrap();
        let scopes = ["repository:a:pull".to_owned()];
        let request =
            Request { realm: &realm, service: Some("s p"), scopes: &scopes, credential: None };
        let expected = "https://t.example/token?account=ci&service=s+p&scope=repository%3Aa%3Apull&client_id=regsize";
        assert_eq!(request.url(None).as_str(), expected);
    }
}
