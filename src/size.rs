//! Amounts of bytes as people write and read them.
//!
//! Sizes print in decimal units (1 GB = 10^9 bytes) as docker and Docker Hub do, or in binary
//! units (1 GiB = 2^30 bytes) when asked. Parsing takes both and never guesses: `10 MB` is
//! 10,000,000 and `10 MiB` is 10,485,760. An unknown size is an `Option`, never a zero.

use std::fmt;

/// The family of units that sizes are printed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Units {
    /// Powers of 1000: kB, MB, GB.
    #[default]
    Decimal,
    /// Powers of 1024: KiB, MiB, GiB.
    Binary,
}

const DECIMAL: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
const BINARY: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl Units {
    /// Formats `bytes` with three significant digits, as in `1.24 GB`; below one unit, exactly.
    pub fn format(self, bytes: u128) -> String {
        let (base, names) = match self {
            Self::Decimal => (1000.0, DECIMAL),
            Self::Binary => (1024.0, BINARY),
        };
        #[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
        let mut value = bytes as f64;
        let mut unit = 0;
        while value >= 999.5 && unit + 1 < names.len() {
            value /= base;
            unit += 1;
        }
        let digits = match value {
            _ if unit == 0 => 0,
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        format!("{value:.digits$} {}", names[unit])
    }

    /// Formats a difference with its sign, as in `+1.24 GB`; none without one.
    pub fn format_difference(self, bytes: i128) -> String {
        let sign = match bytes {
            0 => "",
            1.. => "+",
            _ => "-",
        };
        format!("{sign}{}", self.format(bytes.unsigned_abs()))
    }
}

/// A part of a whole in parts of `scale`, rounded and at most `scale`; `None` of an empty whole.
pub fn share(part: u128, whole: u128, scale: u128) -> Option<u128> {
    Some(parts(part, whole, scale)?.min(scale))
}

/// The same of a part that may be more than the whole.
fn parts(part: u128, whole: u128, scale: u128) -> Option<u128> {
    match part.checked_mul(scale) {
        Some(scaled) => scaled.saturating_add(whole / 2).checked_div(whole),
        None => part.checked_div(whole / scale.max(1)),
    }
}

/// Formats a part of a whole with one decimal, as in `42.9 %`; what would round to nothing is
/// `<0.1 %`, and a part may be more than the whole. `None` of an empty whole.
pub fn percent(part: u128, whole: u128) -> Option<String> {
    percent_with(part, whole, 1)
}

fn percent_with(part: u128, whole: u128, digits: usize) -> Option<String> {
    let unit = 10_u128.checked_pow(u32::try_from(digits).ok()?)?;
    let parts = parts(part, whole, unit.saturating_mul(100))?;
    let (before, after) = (parts / unit, parts % unit);
    Some(match (before, after) {
        (0, 0) if part > 0 => format!("<0.{:0>digits$} %", 1),
        (100, 0) => "100 %".to_owned(),
        _ => format!("{before}.{after:0>digits$} %"),
    })
}

/// A number of per cent that is not negative, in the form of [`percent`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent {
    value: f64,
    digits: usize,
}

impl Percent {
    /// With one decimal.
    pub fn of(value: f64) -> Self {
        Self { value, digits: 1 }
    }

    /// With the decimals that somebody wrote, four at most.
    pub fn exact(value: f64) -> Self {
        let is_all = |digits: &usize| {
            let scaled = (0..*digits).fold(value, |scaled, _| scaled * 10.0);
            (scaled - scaled.round()).abs() < 1e-6
        };
        Self { value, digits: (1..=4).find(is_all).unwrap_or(4) }
    }

    /// With as many decimals, six at most, as tell it from another number.
    pub fn beside(value: f64, other: f64) -> Self {
        let with = |digits| Self { value, digits };
        let differs = |digits: &usize| {
            with(*digits).to_string() != Self { value: other, ..with(*digits) }.to_string()
        };
        with((1..=6).find(differs).unwrap_or(1))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WHOLE: f64 = 1e11;
        let part = (self.value / 100.0 * WHOLE).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast ends at the largest number, and what is no number is told apart"
        )]
        let found = percent_with(part as u128, WHOLE as u128, self.digits);
        match found.filter(|_| part.is_finite()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} %", self.value),
        }
    }
}

/// Why a size could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a size: give a number and a unit, as in 500MB, 1.5GiB or 4096",
            self.0
        )
    }
}

impl std::error::Error for ParseError {}

/// Reads a size such as `500MB`, `1.5 GiB`, `10k` or `4096` into bytes.
pub fn parse(text: &str) -> Result<u64, ParseError> {
    let error = || ParseError(text.to_owned());
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let factor = factor(unit.trim()).ok_or_else(error)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 18 {
        return Err(error());
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| error())?);
    let whole: u128 = whole.parse().map_err(|_| error())?;
    let fraction: u128 = fraction.parse().map_err(|_| error())?;
    let whole = whole.checked_mul(factor).ok_or_else(error)?;
    let bytes = whole.checked_add(fraction * factor / scale).ok_or_else(error)?;
    u64::try_from(bytes).map_err(|_| error())
}

fn factor(unit: &str) -> Option<u128> {
    let unit = unit.to_ascii_lowercase();
    let (base, prefix): (u128, _) = match unit.strip_suffix("ib") {
        Some(prefix) => (1024, prefix),
        None => (1000, unit.strip_suffix('b').unwrap_or(&unit)),
    };
    let exponent = match prefix {
        "" if base == 1000 => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return None,
    };
    Some(base.pow(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formats_three_significant_digits() {
        let check = |units: Units, bytes, expected: &str| {
            assert_eq!(units.format(bytes), expected);
        };
        check(Units::Decimal, 0, "0 B");
        check(Units::Decimal, 999, "999 B");
        check(Units::Decimal, 1000, "1.00 kB");
        check(Units::Decimal, 9_994, "9.99 kB");
        check(Units::Decimal, 9_996, "10.0 kB");
        check(Units::Decimal, 999_499, "999 kB");
        check(Units::Decimal, 999_500, "1.00 MB");
        check(Units::Decimal, 12_900_000_000, "12.9 GB");
        check(Units::Decimal, u128::from(u64::MAX) * 1000, "18447 EB");
        check(Units::Binary, 1024, "1.00 KiB");
        check(Units::Binary, 1_572_864, "1.50 MiB");
    }

    #[test]
    fn percentages_have_one_form() {
        let check = |part, whole, expected: Option<&str>| {
            assert_eq!(percent(part, whole).as_deref(), expected, "{part} of {whole}");
        };
        check(429, 1000, Some("42.9 %"));
        check(1, 2000, Some("0.1 %"));
        check(1, 2001, Some("<0.1 %"));
        check(0, 5, Some("0.0 %"));
        check(5, 5, Some("100 %"));
        check(8, 5, Some("160.0 %"));
        check(0, 0, None);
        let check = |text: Percent, expected: &str| assert_eq!(text.to_string(), expected);
        check(Percent::of(42.93), "42.9 %");
        check(Percent::of(0.0), "0.0 %");
        check(Percent::of(100.0), "100 %");
        check(Percent::of(f64::INFINITY), "inf %");
        check(Percent::exact(5.0), "5.0 %");
        check(Percent::exact(0.25), "0.25 %");
        check(Percent::exact(100.0 / 3.0), "33.3333 %");
        check(Percent::beside(5.02, 5.0), "5.02 %");
        check(Percent::beside(5.0, 5.0), "5.0 %");
        check(Percent::beside(5.02, 3.0), "5.0 %");
        check(Percent::beside(99.96, 100.0), "99.96 %");
    }

    #[test]
    fn parses_what_people_type_and_refuses_the_rest() {
        let check =
            |text: &str, expected: Option<u64>| assert_eq!(parse(text).ok(), expected, "{text}");
        check("4096", Some(4096));
        check("10 MB", Some(10_000_000));
        check("10MiB", Some(10_485_760));
        check("1.5GB", Some(1_500_000_000));
        check("1k", Some(1000));
        check("0", Some(0));
        check("18446744073709551615", Some(u64::MAX));
        for bad in [
            "",
            "-1",
            "1.5.2GB",
            "MB",
            "1 XB",
            "18446744073709551616",
            "1.",
            ".5",
            "1e3",
            "1ib",
            "17EiB",
            "340282366920938463463374607431768211.9kB",
        ] {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,24}") {
            let _ = parse(&text);
        }

        #[test]
        fn plain_numbers_read_back(bytes: u64) {
            prop_assert_eq!(parse(&bytes.to_string()), Ok(bytes));
        }
    }
}
