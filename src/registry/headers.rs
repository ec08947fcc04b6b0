//! Response headers that steer the client, as total functions: any value is read or ignored.
//!
//! `Content-Range` (RFC 9110, 14.4), `Link` (RFC 8288), `Retry-After` (RFC 9110, 10.2.3),
//! `Warning` (RFC 7234, 5.5) and Docker Hub's pull limit headers.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, LINK, RETRY_AFTER, WARNING};
use url::Url;

/// A pull limit, as Docker Hub reports it in `ratelimit-*` headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Pulls allowed per window.
    pub limit: u64,
    /// Pulls left in the window.
    pub remaining: u64,
    /// The window's length in seconds, if it was given.
    pub window_seconds: Option<u64>,
    /// What the registry counts by: an address or an account.
    pub source: Option<String>,
}

/// The bytes that a partial response holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) start: u64,
    /// Inclusive.
    pub(super) end: u64,
    pub(super) total: Option<u64>,
}

/// Reads `bytes 0-99/1000`; the unit may be missing, as old servers leave it out.
pub(super) fn content_range(value: &str) -> Option<ContentRange> {
    let value = value.trim();
    let value = value.strip_prefix("bytes").map_or(value, str::trim_start);
    let (range, total) = value.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (number(start)?, number(end)?);
    let total = match total.trim() {
        "*" => None,
        total => Some(number(total)?),
    };
    let valid = start <= end && total.is_none_or(|total| end < total);
    valid.then_some(ContentRange { start, end, total })
}

/// Digits only: no sign, no fraction, no overflow.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The target of the `Link` header with relation `next`, resolved against the request's URL.
pub(super) fn next_page(headers: &HeaderMap, requested: &Url) -> Option<Url> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let target = values.flat_map(split_links).find_map(|link| {
        let (target, parameters) = link.split_once(';').unwrap_or((link, "rel=next"));
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let relations = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && relations.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| target.trim().trim_start_matches('<').trim_end_matches('>'))
    })?;
    requested.join(target).ok()
}

/// Splits a `Link` header at commas outside angle brackets and quotes.
fn split_links(value: &str) -> Vec<&str> {
    let (mut links, mut start, mut in_target, mut in_quotes) = (Vec::new(), 0, false, false);
    for (at, character) in value.char_indices() {
        match character {
            '"' if !in_target => in_quotes = !in_quotes,
            '<' if !in_quotes => in_target = true,
            '>' if !in_quotes => in_target = false,
            ',' if !in_target && !in_quotes => {
                links.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    links.push(&value[start..]);
    links
}

/// How long the server asks to wait, if it asks for a positive time in a form that is one.
///
/// A date counts from the response's own `Date`, so that no clock needs to be right.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = number(value) {
        return (seconds > 0).then(|| Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = headers
        .get(DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| httpdate::parse_http_date(date).ok());
    until.duration_since(now.unwrap_or_else(SystemTime::now)).ok().filter(|wait| !wait.is_zero())
}

/// The pull limit, if the response names one.
pub(super) fn rate_limit(headers: &HeaderMap) -> Option<RateLimit> {
    let text = |name: &str| headers.get(HeaderName::try_from(name).ok()?)?.to_str().ok();
    let (limit, window) = counted(text("ratelimit-limit")?)?;
    let (remaining, _) = counted(text("ratelimit-remaining")?)?;
    let source = text("docker-ratelimit-source").map(|source| source.chars().take(128).collect());
    Some(RateLimit { limit, remaining, window_seconds: window, source })
}

/// Reads `100;w=21600`.
fn counted(value: &str) -> Option<(u64, Option<u64>)> {
    let (count, parameters) = value.split_once(';').unwrap_or((value, ""));
    let window =
        parameters.split(';').find_map(|parameter| number(parameter.trim().strip_prefix("w=")?));
    Some((number(count)?, window))
}

/// The texts of `Warning: 299` headers, each cut to 4096 characters.
pub(super) fn warnings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(WARNING).iter();
    values
        .take(10)
        .filter_map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let rest = value.trim().strip_prefix("299 ")?;
            let text = rest.split_once(' ').map_or(rest, |(_agent, text)| text);
            Some(text.trim_matches('"').chars().take(4096).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        let mut headers = HeaderMap::new();
        pairs.iter().map(pair).for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn content_ranges_are_read_or_refused() {
        let check = |value: &str, expected: Option<(u64, u64, Option<u64>)>| {
            let range = content_range(value).map(|range| (range.start, range.end, range.total));
            assert_eq!(range, expected, "{value}");
        };
        check("bytes 0-99/1000", Some((0, 99, Some(1000))));
        check("bytes 5-5/*", Some((5, 5, None)));
        check("0-99/1000", Some((0, 99, Some(1000))));
        check("bytes 99-0/1000", None);
        check("bytes 0-1000/1000", None);
        check("bytes */1000", None);
        check("bytes -5-9/10", None);
        check("bytes 0-18446744073709551616/*", None);
        check("", None);
    }

    #[test]
    fn the_next_page_is_found_in_any_form_of_link() {
        let requested = Url::parse("https://r.example/v2/x/tags/list?n=2").unwrap();
        let check = |value: &str, expected: Option<&str>| {
            let next = next_page(&headers(&[("link", value)]), &requested);
            assert_eq!(next.as_ref().map(Url::as_str), expected, "{value}");
        };
        check(
            "</v2/x/tags/list?last=b&n=2>; rel=\"next\"",
            Some("https://r.example/v2/x/tags/list?last=b&n=2"),
        );
        check("<https://r.example/a,b>;rel=next", Some("https://r.example/a,b"));
        check(
            "</p>; rel=\"prev\", </n>; title=\"a,b\"; rel=\"next last\"",
            Some("https://r.example/n"),
        );
        check("/v2/x/tags/list?last=b", Some("https://r.example/v2/x/tags/list?last=b"));
        check("<//evil.example/x>; rel=next", Some("https://evil.example/x"));
        check("</p>; rel=prev", None);
        check("<http://[::>; rel=next", None);
    }

    #[test]
    fn waits_are_positive_and_counted_from_the_servers_clock() {
        let check = |pairs: &[(&'static str, &str)], expected: Option<u64>| {
            assert_eq!(
                retry_after(&headers(pairs)).map(|wait| wait.as_secs()),
                expected,
                "{pairs:?}"
            );
        };
        check(&[("retry-after", "2")], Some(2));
        check(&[("retry-after", "999999999")], Some(999_999_999));
        for invalid in ["0", "-5", "1e9", "", "soon", "99999999999999999999"] {
            check(&[("retry-after", invalid)], None);
        }
        let date = ("date", "Sat, 21 Nov 2026 10:00:00 GMT");
        check(&[date, ("retry-after", "Sat, 21 Nov 2026 10:00:07 GMT")], Some(7));
        check(&[date, ("retry-after", "Sat, 21 Nov 2026 09:59:00 GMT")], None);
    }

    #[test]
    fn docker_hubs_pull_limit_is_read() {
        let limit = rate_limit(&headers(&[
            ("ratelimit-limit", "100;w=21600"),
            ("ratelimit-remaining", "76;w=21600"),
            ("docker-ratelimit-source", "192.0.2.7"),
        ]));
        let expected = RateLimit {
            limit: 100,
            remaining: 76,
            window_seconds: Some(21600),
            source: Some("192.0.2.7".into()),
        };
        assert_eq!(limit, Some(expected));
        assert_eq!(rate_limit(&headers(&[("ratelimit-limit", "100;w=21600")])), None);
        assert_eq!(
            rate_limit(&headers(&[("ratelimit-limit", "-1"), ("ratelimit-remaining", "x")])),
            None
        );
    }

    #[test]
    fn only_warnings_of_code_299_are_kept() {
        let found = warnings(&headers(&[
            ("warning", "299 - \"moving soon\""),
            ("warning", "110 - \"stale\""),
            ("warning", "299 x"),
        ]));
        assert_eq!(found, ["moving soon", "x"]);
    }

    proptest! {
        #[test]
        fn accepted_ranges_lie_inside_the_whole(value in "(bytes )?[0-9*-]{0,22}/[0-9*]{0,21}") {
            if let Some(range) = content_range(&value) {
                prop_assert!(range.start <= range.end && range.total.is_none_or(|total| range.end < total));
            }
        }

        #[test]
        fn any_value_is_read_or_ignored(bytes in proptest::collection::vec(32_u8..=255, 0..60)) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let mut all = HeaderMap::new();
            for name in [LINK, RETRY_AFTER, WARNING, HeaderName::from_static("ratelimit-limit")] {
                all.append(name, value.clone());
            }
            let _ = (next_page(&all, &Url::parse("https://r.example/").unwrap()), retry_after(&all), warnings(&all), rate_limit(&all));
        }
    }
}
