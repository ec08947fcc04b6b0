//! What is limited, and how limits are written.

use std::fmt;

use crate::rule::Severity;
use crate::size::{self, Percent, Units};

/// A figure of an image that can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// What a pull downloads.
    Compressed,
    /// Sizes of all files that the layers store.
    Content,
    /// The number of layers.
    Layers,
    /// Content that the merged filesystem does not show.
    Shadowed,
    /// That as a share of the content.
    ShadowedShare,
    /// Visible content as a share of the content.
    Efficiency,
    /// How much more is downloaded than of the baseline.
    Growth,
    /// How much more content there is than in the baseline.
    ContentGrowth,
    /// The severity of findings.
    Findings,
}

/// How limits of a measure are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A size, as in `500MB`.
    Bytes,
    /// A whole number.
    Count,
    /// A share, as in `5%` or `0.05`.
    Share,
    /// A size, a percentage, or both, as in `5% and 50MB`.
    Growth,
    /// A severity.
    Severity,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Of bytes.
    Bytes(u64),
    /// Of a number of things.
    Count(u64),
    /// Of a share, from 0 to 1.
    Share(f64),
    /// Of growth: broken when each that is given is exceeded.
    Growth {
        /// Bytes more.
        bytes: Option<u64>,
        /// Per cent more.
        percent: Option<f64>,
    },
    /// The lowest severity that counts.
    Severity(Severity),
}

/// How much something grew; less than 0 if it shrank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grown {
    /// In bytes.
    pub bytes: i128,
    /// In per cent of what it was; `None` if that was nothing.
    pub percent: Option<f64>,
}

/// A soft and a hard limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels<T> {
    /// What is beyond it warns.
    pub warn: Option<T>,
    /// What is beyond it fails.
    pub fail: Option<T>,
}

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct BoundError {
    text: String,
    wanted: &'static str,
}

impl Measure {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Compressed,
        Self::Content,
        Self::Layers,
        Self::Shadowed,
        Self::ShadowedShare,
        Self::Efficiency,
        Self::Growth,
        Self::ContentGrowth,
        Self::Findings,
    ];

    /// Those that a component can be limited by.
    pub const OF_COMPONENTS: [Self; 5] =
        [Self::Compressed, Self::Content, Self::Shadowed, Self::Growth, Self::ContentGrowth];

    /// The name of its limit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compressed => "max-compressed",
            Self::Content => "max-content",
            Self::Layers => "max-layers",
            Self::Shadowed => "max-shadowed",
            Self::ShadowedShare => "max-shadowed-share",
            Self::Efficiency => "min-efficiency",
            Self::Growth => "max-growth",
            Self::ContentGrowth => "max-content-growth",
            Self::Findings => "forbid-findings",
        }
    }

    /// The measure of a limit's name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == name)
    }

    /// How its limits are written.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Compressed | Self::Content | Self::Shadowed => Kind::Bytes,
            Self::Layers => Kind::Count,
            Self::ShadowedShare | Self::Efficiency => Kind::Share,
            Self::Growth | Self::ContentGrowth => Kind::Growth,
            Self::Findings => Kind::Severity,
        }
    }

    /// Whether an image's manifest tells it, so that no layer has to be read.
    pub const fn is_of_manifest(self) -> bool {
        matches!(self, Self::Compressed | Self::Layers | Self::Growth)
    }

    /// Whether the soft limit lets more pass than the hard one, so that it never warns.
    pub fn contradicts(self, levels: &Levels<Bound>) -> bool {
        let (Some(warn), Some(fail)) = (levels.warn, levels.fail) else { return false };
        if self == Self::Efficiency {
            return beyond(fail, warn);
        }
        beyond(warn, fail)
    }
}

/// Whether the first limit is above the second.
fn beyond(first: Bound, second: Bound) -> bool {
    match (first, second) {
        (Bound::Bytes(a), Bound::Bytes(b)) | (Bound::Count(a), Bound::Count(b)) => a > b,
        (Bound::Share(a), Bound::Share(b)) => a > b,
        (Bound::Severity(a), Bound::Severity(b)) => a > b,
        (Bound::Growth { bytes: a, percent: p }, Bound::Growth { bytes: b, percent: q }) => {
            a.zip(b).is_some_and(|(a, b)| a > b) || p.zip(q).is_some_and(|(p, q)| p > q)
        }
        _ => false,
    }
}

impl Kind {
    /// Reads a limit.
    pub fn read(self, text: &str) -> Result<Bound, BoundError> {
        let text = text.trim();
        let found = match self {
            Self::Bytes => size::parse(text).ok().map(Bound::Bytes),
            Self::Count => text.parse().ok().map(Bound::Count),
            Self::Share => share(text).map(Bound::Share),
            Self::Growth => growth(text),
            Self::Severity => severity(text).map(Bound::Severity),
        };
        found.ok_or_else(|| BoundError { text: text.to_owned(), wanted: self.describe() })
    }

    /// How its limits look, for messages.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Bytes => "a size: write a number and a unit, as in 500MB or 1.2 GiB",
            Self::Count => "a number: write a whole one, as in 40",
            Self::Share => "a share: write it as in 95% or 0.95, from 0 to 1",
            Self::Growth => {
                "an amount of growth: write a percentage, a size, or both of which both must be \
                 exceeded, as in 5%, 50MB or \"5% and 50MB\""
            }
            Self::Severity => "a severity: write info, low, medium, high or critical",
        }
    }
}

fn share(text: &str) -> Option<f64> {
    let value = match text.strip_suffix('%') {
        Some(percent) => decimal(percent)? / 100.0,
        None => decimal(text)?,
    };
    (0.0..=1.0).contains(&value).then_some(value)
}

/// A number without sign or exponent.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (plain && text.len() <= 32).then(|| text.parse().ok()).flatten()
}

fn growth(text: &str) -> Option<Bound> {
    let (mut bytes, mut percent) = (None, None);
    for part in text.replace(" and ", ",").split(',') {
        let part = part.trim();
        let already = match part.strip_suffix('%') {
            Some(number) => percent.replace(decimal(number)?).is_some(),
            None => bytes.replace(size::parse(part).ok()?).is_some(),
        };
        if already {
            return None;
        }
    }
    Some(Bound::Growth { bytes, percent })
}

fn severity(text: &str) -> Option<Severity> {
    let levels =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    levels.into_iter().find(|level| level.as_str() == text)
}

impl<T> Levels<T> {
    /// A hard limit alone.
    pub const fn hard(limit: T) -> Self {
        Self { warn: None, fail: Some(limit) }
    }

    /// A soft limit alone.
    pub const fn soft(limit: T) -> Self {
        Self { warn: Some(limit), fail: None }
    }
}

impl<T> Default for Levels<T> {
    fn default() -> Self {
        Self { warn: None, fail: None }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&Units::Decimal.format((*bytes).into())),
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{}", Percent::exact(share * 100.0)),
            Self::Growth { bytes, percent } => {
                let size = bytes.map(|bytes| Units::Decimal.format(bytes.into()));
                let percent = percent.map(|percent| Percent::exact(percent).to_string());
                let parts: Vec<String> = percent.into_iter().chain(size).collect();
                f.write_str(&parts.join(" and "))
            }
            Self::Severity(severity) => f.write_str(severity.as_str()),
        }
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.bytes < 0 { "-" } else { "+" };
        write!(f, "{sign}{}", Units::Decimal.format(self.bytes.unsigned_abs()))?;
        match self.percent {
            Some(percent) => write!(f, " ({sign}{})", Percent::of(percent.abs())),
            None => Ok(()),
        }
    }
}

impl Grown {
    /// The growth in words that tell it from a limit in per cent.
    pub(super) fn beside(&self, limit: Option<f64>) -> String {
        let (Some(percent), Some(limit)) = (self.percent.filter(|it| *it > 0.0), limit) else {
            return self.to_string();
        };
        let bytes = Units::Decimal.format(self.bytes.unsigned_abs());
        format!("+{bytes} (+{})", Percent::beside(percent, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_as_they_are_written() {
        let check = |kind: Kind, text: &str, expected: Option<Bound>| {
            assert_eq!(kind.read(text).ok(), expected, "{text}");
        };
        let grown = |bytes, percent| Some(Bound::Growth { bytes, percent });
        check(Kind::Bytes, "1.2 GiB", Some(Bound::Bytes(1_288_490_188)));
        check(Kind::Bytes, "4 lightyears", None);
        check(Kind::Count, "40", Some(Bound::Count(40)));
        check(Kind::Count, "40.5", None);
        check(Kind::Share, "95%", Some(Bound::Share(0.95)));
        check(Kind::Share, "0.95", Some(Bound::Share(0.95)));
        for bad in ["95", "-0.1", "1.01", "NaN", "inf", "", "%", "1e-3"] {
            check(Kind::Share, bad, None);
        }
        check(Kind::Growth, "5%", grown(None, Some(5.0)));
        check(Kind::Growth, "50MB", grown(Some(50_000_000), None));
        check(Kind::Growth, "5% and 50MB", grown(Some(50_000_000), Some(5.0)));
        check(Kind::Growth, "50MB,150 %", grown(Some(50_000_000), Some(150.0)));
        for bad in ["", "5% and 6%", "50MB and", "5 percent", "-5%"] {
            check(Kind::Growth, bad, None);
        }
        check(Kind::Severity, "high", Some(Bound::Severity(Severity::High)));
        check(Kind::Severity, "huge", None);
    }

    #[test]
    fn a_soft_limit_beyond_the_hard_one_is_a_contradiction() {
        let check = |measure: Measure, warn: &str, fail: &str, expected: bool| {
            let read = |text| measure.kind().read(text).ok();
            let levels = Levels { warn: read(warn), fail: read(fail) };
            assert!(levels.warn.is_some() && levels.fail.is_some(), "{warn} {fail}");
            assert_eq!(measure.contradicts(&levels), expected, "{measure} {warn} {fail}");
        };
        check(Measure::Compressed, "2GB", "1GB", true);
        check(Measure::Compressed, "1GB", "1GB", false);
        check(Measure::Efficiency, "90%", "95%", true);
        check(Measure::Efficiency, "95%", "90%", false);
        check(Measure::Growth, "5%", "3% and 1MB", true);
        check(Measure::Growth, "5%", "50MB", false);
        check(Measure::Findings, "critical", "high", true);
    }
}
