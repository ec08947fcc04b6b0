//! How much a finding matters.

use super::Saving;

/// How much a finding matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Too little to act on.
    Info,
    /// A little.
    Low,
    /// Enough to plan for.
    Medium,
    /// Much.
    High,
    /// The first thing to do.
    Critical,
}

/// How findings of a rule are graded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bands {
    /// Bytes that serve nothing.
    Waste,
    /// Bytes that are normally not needed.
    Normal,
    /// Bytes that somebody has to decide about.
    Review,
    /// A level of its own, which a candidate may replace.
    Fixed(Severity),
}

/// From how many bytes, or how many of 10,000 parts of the whole, a severity begins.
type Band = (Severity, u64, u64);

const MB: u64 = 1_000_000;
const GB: u64 = 1_000_000_000;

const WASTE: &[Band] = &[
    (Severity::Critical, GB, 500),
    (Severity::High, 200 * MB, 200),
    (Severity::Medium, 30 * MB, 50),
    (Severity::Low, MB, 10),
];
const NORMAL: &[Band] = &[
    (Severity::Critical, 2 * GB, 1000),
    (Severity::High, 400 * MB, 400),
    (Severity::Medium, 40 * MB, 50),
    (Severity::Low, 5 * MB, 25),
];
const REVIEW: &[Band] =
    &[(Severity::High, GB, 800), (Severity::Medium, 100 * MB, 100), (Severity::Low, 20 * MB, 50)];

/// Fewer bytes are of no severity whatever their share.
const SHARE_COUNTS: u64 = MB;

impl Severity {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Bands {
    /// The severity of saving so much of a whole.
    pub fn grade(self, saving: Saving, whole: Saving) -> Severity {
        let bands = match self {
            Self::Waste => WASTE,
            Self::Normal => NORMAL,
            Self::Review => REVIEW,
            Self::Fixed(severity) => return severity,
        };
        let content = grade(bands, saving.content, whole.content);
        content.max(grade(bands, saving.compressed, whole.compressed))
    }
}

fn grade(bands: &[Band], bytes: u64, whole: u64) -> Severity {
    let reaches = |(_, least, share): &&Band| {
        let part = u128::from(bytes) * 10_000 >= u128::from(whole) * u128::from(*share);
        bytes >= *least || (bytes >= SHARE_COUNTS && whole > 0 && part)
    };
    bands.iter().find(reaches).map_or(Severity::Info, |(severity, ..)| *severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_or_their_share_decide() {
        let check = |bands: Bands, bytes: u64, whole: u64, expected| {
            let saving = Saving { content: bytes, compressed: 0 };
            let whole = Saving { content: whole, compressed: 0 };
            assert_eq!(bands.grade(saving, whole), expected, "{bands:?} {bytes} of {whole:?}");
        };
        check(Bands::Waste, 2_930 * MB, 32_400 * MB, Severity::Critical);
        check(Bands::Review, 3 * GB, 32 * GB, Severity::High);
        check(Bands::Review, 400 * MB, 32 * GB, Severity::Medium);
        check(Bands::Normal, 45 * MB, 32 * GB, Severity::Medium);
        check(Bands::Normal, 8_500_000, 13 * GB, Severity::Low);
        check(Bands::Waste, 60 * MB, GB, Severity::Critical);
        check(Bands::Waste, 999_999, 2 * MB, Severity::Info);
        check(Bands::Fixed(Severity::Medium), 0, 0, Severity::Medium);
    }

    #[test]
    fn the_higher_of_both_columns_wins() {
        let saving = Saving { content: 0, compressed: 300 * MB };
        let whole = Saving { content: 100 * GB, compressed: 50 * GB };
        assert_eq!(Bands::Waste.grade(saving, whole), Severity::High);
    }
}
