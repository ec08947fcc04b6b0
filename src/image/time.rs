//! Dates of image documents, brought to one form: RFC 3339 in UTC, to the second.
//!
//! Build tools write nanoseconds, offsets, and the zero date of their language for "not set".
//! Whatever is not a date, or not a possible date of a build, is unknown.

use jiff::Timestamp;

/// No date of RFC 3339 is longer, not even one with nanoseconds and an offset.
const MAX_LENGTH: usize = 64;

/// The date in UTC with a precision of seconds, as in `2024-05-01T12:00:00Z`; `None` for junk and
/// for the first year, which stands for "not set".
pub(crate) fn to_utc(text: &str) -> Option<String> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let timestamp: Timestamp = text.trim().parse().ok()?;
    let utc = format!("{timestamp:.0}");
    let unset = ["-", "0000-", "0001-"].iter().any(|prefix| utc.starts_with(prefix));
    (!unset).then_some(utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_become_utc_seconds_or_unknown() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(to_utc(text).as_deref(), expected, "{text}");
        };
        check("2018-12-26T08:20:42.687925672Z", Some("2018-12-26T08:20:42Z"));
        check("2024-05-01T12:00:00.999999999Z", Some("2024-05-01T12:00:00Z"));
        check("2024-05-01T12:00:00+02:00", Some("2024-05-01T10:00:00Z"));
        check("2024-05-01T00:30:00-23:30", Some("2024-05-02T00:00:00Z"));
        check(" 2024-05-01T12:00:00Z\n", Some("2024-05-01T12:00:00Z"));
        check("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00Z"));
        check("1969-12-31T23:59:59.5Z", Some("1969-12-31T23:59:59Z"));
        check("1980-01-01T00:00:01Z", Some("1980-01-01T00:00:01Z"));
        check("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z"));
        check("9999-01-01T00:00:00Z", Some("9999-01-01T00:00:00Z"));
        check("0001-01-01T00:00:00Z", None);
        check("0001-01-01T00:00:00.000000001Z", None);
        check("0000-06-01T00:00:00Z", None);
        check("-000044-03-15T00:00:00Z", None);
        check("9999-12-31T23:59:59Z", None);
        check("10000-01-01T00:00:00Z", None);
        check("2024-13-01T00:00:00Z", None);
        check("2024-02-30T00:00:00Z", None);
        check("2024-05-01T12:00:00", None);
        check("2024-05-01", None);
        check("1714564800", None);
        check("yesterday", None);
        check("\u{1b}[31m", None);
        check("", None);
        check(&"2".repeat(1_000_000), None);
    }

    proptest! {
        #[test]
        fn a_date_is_its_own_normal_form(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,12})?(Z|[+-][0-2][0-9]:[0-6][0-9])",
        ) {
            if let Some(utc) = to_utc(&text) {
                prop_assert_eq!(utc.len(), 20);
                prop_assert_eq!(to_utc(&utc), Some(utc));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,70}") {
            to_utc(&text);
        }
    }
}
