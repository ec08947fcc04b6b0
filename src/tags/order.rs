//! The order of tags by their names: a guess at which is newer, made before anything is read.
//!
//! `latest` comes first, then versions, the highest first, then other names in the reverse of the
//! order in which a person counts (`rc10` before `rc9`), which puts later dates first.

use std::cmp::{Ordering, Reverse};

use semver::{Prerelease, Version};

/// The version that a tag stands for, more leniently than Semantic Versioning has it.
///
/// A `v` may stand before it, minor and patch may be missing and then are 0, and numbers may begin
/// with zeros: `v1.2` is 1.2.0 and `24.04` is 24.4.0. What follows a dash is a pre-release, as
/// Semantic Versioning has it, even if it names a variant such as `alpine`. With four numbers it
/// is no version.
pub fn version(tag: &str) -> Option<Version> {
    let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let (numbers, suffix) = text.split_once('-').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut parts = numbers.split('.').map(number);
    let major = parts.next()??;
    let minor = parts.next().unwrap_or(Some(0))?;
    let patch = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() {
        return None;
    }
    let pre = suffix.map_or(Some(Prerelease::EMPTY), prerelease)?;
    Some(Version { pre, ..Version::new(major, minor, patch) })
}

/// Digits only: no sign, no overflow.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// A pre-release, whose numbers may begin with zeros and whose words may have an underscore.
fn prerelease(text: &str) -> Option<Prerelease> {
    let word = |word: &str| {
        let stripped = word.trim_start_matches('0');
        let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        match (is_number, stripped) {
            (true, "") => "0".to_owned(),
            (true, digits) => digits.to_owned(),
            _ => word.replace('_', "-"),
        }
    };
    let words: Vec<String> = text.split('.').map(word).collect();
    Prerelease::new(&words.join(".")).ok().filter(|pre| !pre.is_empty())
}

/// The order of two tags by their names, the newer one first.
pub fn newest_first(a: &str, b: &str) -> Ordering {
    Key::of(a).cmp(&Key::of(b))
}

/// What a tag is sorted by; the least is the newest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    version: Option<Version>,
    tag: &'a str,
}

impl<'a> Key<'a> {
    pub(super) fn of(tag: &'a str) -> Self {
        Self { version: version(tag), tag }
    }

    fn rank(&self) -> (bool, Reverse<Option<&Version>>) {
        (self.tag != "latest", Reverse(self.version.as_ref()))
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank()
            .cmp(&other.rank())
            .then_with(|| natural(other.tag, self.tag))
            .then_with(|| other.tag.cmp(self.tag))
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order in which digits count as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let ((first, rest), (second, other)) = (run(a), run(b));
        if first.is_empty() || second.is_empty() {
            return first.cmp(second);
        }
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if is_number(first) && is_number(second) {
            let (first, second) = (first.trim_start_matches('0'), second.trim_start_matches('0'));
            first.len().cmp(&second.len()).then_with(|| first.cmp(second))
        } else {
            first.cmp(second)
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest, other);
    }
}

/// The digits, or what is not digits, at the start of a text, and the rest.
fn run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_read_leniently() {
        let check = |tag: &str, expected: Option<&str>| {
            let found = version(tag).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{tag}");
        };
        check("1.2.3", Some("1.2.3"));
        check("v1.2", Some("1.2.0"));
        check("V3", Some("3.0.0"));
        check("24.04", Some("24.4.0"));
        check("2024.01.05", Some("2024.1.5"));
        check("20240105", Some("20240105.0.0"));
        check("1.2-alpine3.20", Some("1.2.0-alpine3.20"));
        check("1.2.3-rc.01", Some("1.2.3-rc.1"));
        check("1.2.3-rc_1.0", Some("1.2.3-rc-1.0"));
        check("1.2.3-000", Some("1.2.3-0"));
        check("1.2.3.4", None);
        check("1..3", None);
        check("1.2.3-", None);
        check("1.2.3-a..b", None);
        check("1.2.3_a", None);
        check("99999999999999999999", None);
        check("latest", None);
        check("v", None);
        check("", None);
        check("+1", None);
    }

    #[test]
    fn newer_names_come_first() {
        let check = |expected: &[&str]| {
            let mut tags = expected.to_vec();
            tags.reverse();
            tags.sort_by(|a, b| newest_first(a, b));
            assert_eq!(tags, expected);
        };
        check(&["latest", "2.0", "1.10.0", "1.9", "1.9-rc2", "noble", "edge"]);
        check(&["v1.2.3", "1.2.3", "1.2", "1"]);
        check(&["2024-05-02", "2024-05-01", "2023-12-31"]);
        check(&["latest", "nightly-10", "nightly-9", "nightly-09", "nightly"]);
        check(&["b99999999999999999999999", "b9999999999999999999999", "a"]);
    }

    proptest! {
        #[test]
        fn the_order_is_one(tags in proptest::collection::vec("[v0-9a.-]{0,6}", 3)) {
            let mut sorted = tags.clone();
            sorted.sort_by(|a, b| newest_first(a, b));
            for pair in sorted.windows(2) {
                prop_assert_ne!(newest_first(&pair[0], &pair[1]), Ordering::Greater);
            }
            prop_assert_eq!(newest_first(&tags[0], &tags[1]) == Ordering::Equal, tags[0] == tags[1]);
        }
    }
}
