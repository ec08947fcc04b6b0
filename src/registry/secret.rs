//! Text that must not be printed: secrets, and URLs that may carry them.
//!
//! A [`Secret`] is wiped when dropped and has no `Display`. A [`SafeUrl`] prints scheme, host,
//! port and path, and of the query only the values of a few keys of the distribution protocol;
//! signed storage URLs keep their signature to themselves.

use std::fmt;

use serde::{Deserialize, Deserializer};
use url::Url;
use zeroize::Zeroizing;

/// A password or token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A URL that can be printed: without user, password, fragment and unknown query values.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl(pub Url);

/// What stands in the place of a secret.
pub(super) const HIDDEN: &str = "***";

/// Paths and queries of registries are shorter; a server may send a client to longer ones.
const LONGEST_PART: usize = 1000;

/// Query keys of the distribution protocol whose values are not secret.
const SHOWN_KEYS: [&str; 9] =
    ["n", "last", "service", "scope", "digest", "artifactType", "ns", "next_page", "client_id"];

impl From<Url> for SafeUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        if url.cannot_be_a_base() {
            return write!(f, "{}:{HIDDEN}", url.scheme());
        }
        write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        write_path(f, url.path())?;
        let query = url.query().filter(|query| query.len() <= LONGEST_PART);
        match (query, url.query()) {
            (Some(query), _) => write_query(f, query),
            (None, Some(_)) => write!(f, "?{HIDDEN}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The path is ASCII, as in every URL.
fn write_path(f: &mut fmt::Formatter<'_>, path: &str) -> fmt::Result {
    match path.get(..LONGEST_PART) {
        Some(start) if start.len() < path.len() => write!(f, "{start}…"),
        _ => f.write_str(path),
    }
}

fn write_query(f: &mut fmt::Formatter<'_>, query: &str) -> fmt::Result {
    for (index, pair) in query.split('&').enumerate() {
        f.write_str(if index == 0 { "?" } else { "&" })?;
        match pair.split_once('=') {
            Some((key, value)) if is_shown(key, value) => write!(f, "{key}={value}")?,
            Some((key, value)) if is_name(key) && value.contains(|c| c != '=') => {
                write!(f, "{key}={HIDDEN}")?;
            }
            _ => f.write_str(HIDDEN)?,
        }
    }
    Ok(())
}

/// Some servers also split a query at semicolons, so what follows one may be another value.
pub(super) fn is_shown(key: &str, value: &str) -> bool {
    SHOWN_KEYS.contains(&key) && !value.contains(';') && !value.to_ascii_lowercase().contains("%3b")
}

/// Whether `key` looks like a name; a secret can also stand where a name is expected.
fn is_name(key: &str) -> bool {
    key.len() <= 32 && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_has_no_text_but_the_exposed_one() {
        let secret = Secret::new("canary".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.expose(), "canary");
    }

    #[test]
    fn only_known_query_values_are_shown() {
        let check = |url: &str, expected: &str| {
            let safe = SafeUrl(Url::parse(url).unwrap());
            assert_eq!(safe.to_string(), expected);
            assert_eq!(format!("{safe:?}"), expected);
        };
        check("https://r.example/v2/", "https://r.example/v2/");
        check(
            "HTTPS://R.example:443/v2/a/tags/list?n=5&last=v1",
            "https://r.example/v2/a/tags/list?n=5&last=v1",
        );
        check("https://user:canary@r.example:8443/p#canary", "https://r.example:8443/p");
        check(
            "https://s.example/b?X-Amz-Signature=canary&digest=sha256:0",
            "https://s.example/b?X-Amz-Signature=***&digest=sha256:0",
        );
        check("https://s.example/?token=can%61ry", "https://s.example/?token=***");
        check("https://s.example/?canary", "https://s.example/?***");
        check("https://s.example/?canary==", "https://s.example/?***");
        check("https://s.example/?c%61nary=x", "https://s.example/?***");
        check("https://s.example/?n=1;sig=canary", "https://s.example/?n=***");
        check("https://s.example/?n=1%3Bsig=canary", "https://s.example/?n=***");
        check("https://s.example/?N=canary", "https://s.example/?N=***");
        check("https://s.example/?", "https://s.example/?***");
        check("https://s.example/?a=b=canary&&n=1", "https://s.example/?a=***&***&n=1");
        check("data:text/plain,canary", "data:***");
        check("https://[::1]:5000/x", "https://[::1]:5000/x");
        let long = "x".repeat(70_000);
        let shown = SafeUrl(Url::parse(&format!("https://r.example/{long}?n={long}")).unwrap());
        let shown = shown.to_string();
        assert!(shown.len() < 1100 && shown.ends_with("x…?***"), "{shown}");
    }

    proptest! {
        #[test]
        fn a_canary_outside_host_and_path_never_prints(
            key in "[a-z]{3,8}", before in "[ -~]{0,12}", after in "[ -~]{0,12}",
        ) {
            let mut url = Url::parse("https://r.example/v2/").unwrap();
            url.set_password(Some("canary")).unwrap();
            url.set_fragment(Some("canary"));
            prop_assume!(!SHOWN_KEYS.contains(&key.as_str()));
            let value = format!("{}canary{}", before.replace('&', ""), after.replace('&', ""));
            url.set_query(Some(&format!("{key}={value}")));
            prop_assert!(!SafeUrl(url).to_string().contains("canary"));
        }
    }
}
