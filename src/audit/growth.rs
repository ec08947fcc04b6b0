//! Limits of growth over time.
//!
//! An image is measured against what it was a time ago, or against the smallest that it was within
//! a time: that finds what creeps up in steps of which none is too large. Where the history does
//! not reach so far, its first point counts.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::check::{Bound, Levels, Row, grown, unmeasured};

/// A limit of what a pull downloads.
#[derive(Clone, Debug, PartialEq)]
pub struct GrowthLimit {
    /// What it is measured from.
    pub from: GrowthFrom,
    /// How far back.
    pub window: Window,
    /// The limits.
    pub levels: Levels<Bound>,
}

/// What growth is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrowthFrom {
    /// What it was at the beginning of the time.
    Start,
    /// The smallest that it was within the time.
    Smallest,
}

/// A length of time, as in `7d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    text: String,
    length: SignedDuration,
}

impl Window {
    /// The longest, in hours: ten years.
    const LONGEST: i64 = 87_600;

    /// Reads hours, days or weeks, as in `36h`, `7d` or `4w`.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let hours = match unit {
            "h" => 1,
            "d" => 24,
            "w" => 168,
            _ => return None,
        };
        let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
        let hours = number.checked_mul(hours).filter(|hours| *hours <= Self::LONGEST)?;
        Some(Self { text: text.to_owned(), length: SignedDuration::from_hours(hours) })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl GrowthFrom {
    /// The name of its limits.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "max-growth-since",
            Self::Smallest => "max-creep",
        }
    }
}

impl GrowthLimit {
    /// Holds what a target was against the limit: times and sizes in bytes, in the order of
    /// recording, of which the last is what it is now. `None` if there is none.
    pub fn judge(&self, points: &[(Timestamp, u64)], now: Timestamp) -> Option<Row> {
        let start = now.checked_sub(self.window.length).unwrap_or(Timestamp::MIN);
        let held = points.iter().rposition(|(seen, _)| *seen <= start).unwrap_or(0);
        let within = points.get(held..)?;
        let (_, last) = within.last()?;
        let (since, before) = match self.from {
            GrowthFrom::Start => within.first()?,
            GrowthFrom::Smallest => within.iter().min_by_key(|(_, size)| *size)?,
        };
        let mut row = grown(self.id(), *before, *last, &self.levels);
        let day = since.max(&start).strftime("%Y-%m-%d");
        row.reason = match self.from {
            GrowthFrom::Start => format!("{}, since {day}", row.reason),
            GrowthFrom::Smallest => format!("{}, from the smallest of {}", row.reason, self.window),
        };
        Some(row)
    }

    /// The row of the limit if what the target was is not known.
    pub fn unknown(&self, reason: &str) -> Row {
        unmeasured(self.id(), &self.levels, reason.to_owned())
    }

    fn id(&self) -> String {
        format!("{}.{}", self.from.as_str(), self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Kind, Verdict};

    fn limit(from: GrowthFrom, window: &str, bound: &str) -> GrowthLimit {
        let window = Window::parse(window).expect(window);
        GrowthLimit { from, window, levels: Levels::hard(Kind::Growth.read(bound).expect(bound)) }
    }

    /// Days of November and sizes in megabytes, judged on the 30th.
    fn check(limit: &GrowthLimit, points: &[(u8, u64)], expected: Option<(Verdict, &str)>) {
        let at = |day: u8| format!("2026-11-{day:02}T06:00:00Z").parse().expect("a time");
        let points: Vec<(Timestamp, u64)> =
            points.iter().map(|(day, size)| (at(*day), size * 1_000_000)).collect();
        let row = limit.judge(&points, at(30));
        let found = row.as_ref().map(|row| (row.verdict, &*row.reason));
        assert_eq!(found, expected, "{limit:?} {points:?}");
    }

    #[test]
    fn growth_is_measured_from_what_held_at_the_start() {
        let week = limit(GrowthFrom::Start, "7d", "10%");
        check(&week, &[], None);
        check(
            &week,
            &[(30, 100)],
            Some((Verdict::Pass, "+0 B (+0.0 %) does not exceed 10.0 %, since 2026-11-30")),
        );
        let reason = "+15.0 MB (+15.0 %) exceeds 10.0 %, since 2026-11-23";
        check(&week, &[(1, 90), (20, 100), (29, 115)], Some((Verdict::Fail, reason)));
        let reason = "+5.00 MB (+5.0 %) does not exceed 10.0 %, since 2026-11-23";
        check(&week, &[(1, 50), (22, 100), (29, 105)], Some((Verdict::Pass, reason)));
        // A history that is shorter counts from its first day.
        let reason = "+20.0 MB (+20.0 %) exceeds 10.0 %, since 2026-11-26";
        check(&week, &[(26, 100), (28, 120)], Some((Verdict::Fail, reason)));
    }

    #[test]
    fn what_creeps_is_measured_from_the_smallest() {
        let month = limit(GrowthFrom::Smallest, "4w", "10% and 5MB");
        let creep = [(1, 100), (8, 97), (15, 101), (22, 104), (29, 108)];
        let reason = "+11.0 MB (+11.3 %) exceeds both 10.0 % and 5.00 MB, from the smallest of 4w";
        check(&month, &creep, Some((Verdict::Fail, reason)));
        let reason =
            "+0 B (+0.0 %) does not exceed both 10.0 % and 5.00 MB, from the smallest of 4w";
        check(&month, &[(1, 300), (20, 100)], Some((Verdict::Pass, reason)));
    }

    #[test]
    fn clocks_that_went_back_do_not_hide_what_was_recorded_last() {
        let week = limit(GrowthFrom::Start, "7d", "10%");
        let reason = "+20.0 MB (+20.0 %) exceeds 10.0 %, since 2026-11-29";
        check(&week, &[(29, 100), (28, 120)], Some((Verdict::Fail, reason)));
    }

    #[test]
    fn lengths_are_hours_days_or_weeks() {
        for good in ["1h", "36h", "7d", "52w"] {
            assert_eq!(Window::parse(good).map(|window| window.to_string()), Some(good.to_owned()));
        }
        for bad in
            ["", "d", "0d", "-1d", "7", "7m", "1.5d", "9999999d", "9223372036854775807w", "7é"]
        {
            assert_eq!(Window::parse(bad), None, "{bad}");
        }
    }
}
