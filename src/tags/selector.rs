//! Which tags are meant: patterns, a regular expression, a range of versions, a number.
//!
//! A tag has to fit one of the patterns, if there are any, and the expression and the range, if
//! they are given, and none of the patterns of exclusion. Of those that fit, the newest by their
//! names are taken, as dates are not known before images are read.

use regex::bytes::{Regex, RegexBuilder};
use semver::VersionReq;
use serde::{Deserialize, Serialize};

use super::order::{Key, version};
use crate::pattern::component_fits;

/// Tags that one run reads at most.
pub const MOST_TAGS: usize = 10_000;

/// Bytes that a compiled regular expression may take.
const REGEX_SIZE: usize = 1 << 20;

/// Which tags of a repository are meant, as settings hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selector {
    /// Names in which `*` stands for any characters; a tag fits one of them. None: all tags.
    pub patterns: Vec<String>,
    /// A regular expression that fits anywhere in a tag.
    pub regex: Option<String>,
    /// A range of versions such as `>=1.2, <2`; tags that are no versions do not fit.
    pub semver: Option<String>,
    /// Patterns of tags that are not meant.
    pub exclude: Vec<String>,
    /// So many tags, the newest by their names; none: as many as there are.
    pub newest: Option<usize>,
}

/// What is wrong with a selector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// A pattern without a character.
    #[error("a pattern of tags is empty: write '*' for all tags")]
    Empty,
    /// A pattern with a character that no tag has.
    #[error(
        "{pattern:?} is no pattern of tags: no tag has {character:?}, and only `*` stands for other characters"
    )]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The character.
        character: char,
    },
    /// Not a regular expression, or too large a one.
    #[error("{regex:?} is no regular expression that can be used: {reason}")]
    Regex {
        /// What was given.
        regex: String,
        /// Why.
        reason: String,
    },
    /// Not a range of versions.
    #[error("{range:?} is no range of versions such as '>=1.2, <2'")]
    Range {
        /// What was given.
        range: String,
        /// Why.
        source: semver::Error,
    },
    /// No tags at all are asked for.
    #[error("the newest 0 tags are none: ask for at least one")]
    None,
}

/// A selector that is right, ready to be asked.
#[derive(Clone, Debug)]
pub struct Filter {
    patterns: Vec<String>,
    regex: Option<Regex>,
    range: Option<VersionReq>,
    exclude: Vec<String>,
    newest: Option<usize>,
}

/// The tags of a listing that are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// The tags to read, the newest by name first.
    pub tags: Vec<String>,
    /// Tags that fit, with those that are beyond the number asked for.
    pub fitting: usize,
    /// Tags of signatures and attestations, which were left out as nobody asked for them.
    pub attached: usize,
}

impl Selector {
    /// Reads patterns, expression and range.
    pub fn compile(&self) -> Result<Filter, SelectorError> {
        self.patterns.iter().chain(&self.exclude).try_for_each(|pattern| check(pattern))?;
        if self.newest == Some(0) {
            return Err(SelectorError::None);
        }
        Ok(Filter {
            patterns: self.patterns.clone(),
            regex: self.regex.as_deref().map(regex).transpose()?,
            range: self.semver.as_deref().map(range).transpose()?,
            exclude: self.exclude.clone(),
            newest: self.newest,
        })
    }
}

fn check(pattern: &str) -> Result<(), SelectorError> {
    let is_known = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*');
    match pattern.chars().find(|character| !is_known(character)) {
        _ if pattern.is_empty() => Err(SelectorError::Empty),
        None => Ok(()),
        Some(character) => Err(SelectorError::Pattern { pattern: pattern.to_owned(), character }),
    }
}

fn regex(text: &str) -> Result<Regex, SelectorError> {
    // Tags are ASCII.
    let built = RegexBuilder::new(text).unicode(false).size_limit(REGEX_SIZE).build();
    built.map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        SelectorError::Regex { regex: text.to_owned(), reason: reason.to_owned() }
    })
}

fn range(text: &str) -> Result<VersionReq, SelectorError> {
    VersionReq::parse(text)
        .map_err(|source| SelectorError::Range { range: text.to_owned(), source })
}

impl Filter {
    /// Whether a tag is meant, apart from how many are.
    pub fn fits(&self, tag: &str) -> bool {
        let fits = |pattern: &String| component_fits(pattern.as_bytes(), tag.as_bytes());
        (self.patterns.is_empty() || self.patterns.iter().any(fits))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(tag.as_bytes()))
            && self
                .range
                .as_ref()
                .is_none_or(|range| version(tag).is_some_and(|version| range.matches(&version)))
            && !self.exclude.iter().any(fits)
    }

    /// Picks the tags that are meant.
    pub fn select(&self, listed: Vec<String>) -> Selected {
        let explicit = !self.patterns.is_empty() || self.regex.is_some();
        // A list may be long, and is not copied.
        let mut selected = Selected { tags: listed, ..Selected::default() };
        selected.tags.retain(|tag| {
            let fits = self.fits(tag);
            let is_attached = fits && !explicit && is_attached(tag);
            selected.attached += usize::from(is_attached);
            fits && !is_attached
        });
        selected.fitting = selected.tags.len();
        selected.tags.sort_by(|a, b| Key::of(a).cmp(&Key::of(b)));
        selected.tags.truncate(self.newest.unwrap_or(MOST_TAGS).min(MOST_TAGS));
        selected
    }
}

/// Whether a tag is one under which clients keep signatures, attestations or lists of them:
/// `sha256-` and a digest, with or without an ending.
fn is_attached(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    let hex = rest.split_once('.').map_or(rest, |(hex, _)| hex);
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [&str; 9] =
        ["latest", "2.0", "1.10", "1.9", "v1.9.1", "1.9-alpine", "edge", "24.04", "nightly"];

    fn selector(text: &str) -> Selector {
        serde_json::from_str(text).unwrap()
    }

    fn select(text: &str) -> Selected {
        let tags = TAGS.iter().map(|tag| (*tag).to_owned());
        selector(text).compile().unwrap().select(tags.collect())
    }

    #[test]
    fn tags_are_picked_by_all_that_is_given() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(select(text).tags, expected, "{text}");
        };
        let all =
            ["latest", "24.04", "2.0", "1.10", "v1.9.1", "1.9", "1.9-alpine", "nightly", "edge"];
        check("{}", &all);
        check(r#"{"patterns": ["1.*"]}"#, &["1.10", "1.9", "1.9-alpine"]);
        check(r#"{"patterns": ["1.*", "e*e"]}"#, &["1.10", "1.9", "1.9-alpine", "edge"]);
        check(r#"{"patterns": ["1."]}"#, &[]);
        check(r#"{"regex": "^v?1\\.\\d+$"}"#, &["1.10", "1.9"]);
        check(r#"{"regex": "9"}"#, &["v1.9.1", "1.9", "1.9-alpine"]);
        check(r#"{"semver": ">=1.9, <2"}"#, &["1.10", "v1.9.1", "1.9"]);
        check(r#"{"semver": "*"}"#, &["24.04", "2.0", "1.10", "v1.9.1", "1.9"]);
        check(r#"{"semver": "=24.4"}"#, &["24.04"]);
        check(r#"{"patterns": ["1.*"], "exclude": ["*-alpine"]}"#, &["1.10", "1.9"]);
        check(r#"{"newest": 2}"#, &["latest", "24.04"]);
        check(r#"{"semver": ">=1", "patterns": ["v*"], "newest": 5}"#, &["v1.9.1"]);
        assert_eq!(select(r#"{"newest": 2}"#).fitting, TAGS.len());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text: &str, expected: &str| {
            let error = selector(text).compile().unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        };
        check(r#"{"patterns": [""]}"#, "is empty");
        check(r#"{"patterns": ["1.?"]}"#, "no tag has '?'");
        check(r#"{"exclude": ["[ab]"]}"#, "no tag has '['");
        check(r#"{"regex": "("}"#, "no regular expression");
        check(r#"{"regex": "(a{1000}){1000}"}"#, "no regular expression");
        check(r#"{"semver": ">=1 <2"}"#, "'>=1.2, <2'");
        check(r#"{"semver": ""}"#, "no range");
        check(r#"{"newest": 0}"#, "at least one");
        let unknown = serde_json::from_str::<Selector>(r#"{"pattern": ["1"]}"#).unwrap_err();
        assert!(unknown.to_string().contains("unknown field `pattern`"), "{unknown}");
    }

    #[test]
    fn a_selector_is_what_it_was_after_it_was_written() {
        let text = r#"{"patterns":["1.*"],"regex":"a","semver":"*","exclude":["b"],"newest":3}"#;
        assert_eq!(serde_json::to_string(&selector(text)).unwrap(), text);
    }

    #[test]
    fn signatures_are_picked_only_if_they_are_meant() {
        let attached = format!("sha256-{}.sig", "ab".repeat(32));
        let fallback = format!("sha256-{}", "ab".repeat(32));
        let tags =
            || vec![attached.clone(), "1".to_owned(), fallback.clone(), "sha256-x".to_owned()];
        let check = |text: &str, expected: usize, left_out: usize| {
            let found = selector(text).compile().unwrap().select(tags());
            assert_eq!((found.tags.len(), found.attached), (expected, left_out), "{text}");
        };
        check("{}", 2, 2);
        check(r#"{"patterns": ["sha256-*.sig"]}"#, 1, 0);
        check(r#"{"regex": "sig$"}"#, 1, 0);
        check(r#"{"exclude": ["*.sig"]}"#, 2, 1);
    }

    #[test]
    fn a_run_reads_so_many_tags_and_no_more() {
        let tags: Vec<String> = (0..=MOST_TAGS).map(|number| format!("1.{number}")).collect();
        let found = Selector::default().compile().unwrap().select(tags);
        assert_eq!((found.tags.len(), found.fitting), (MOST_TAGS, MOST_TAGS + 1));
        assert_eq!(found.tags[0], "1.10000");
    }
}
