//! Round numbers and days along the sides of a chart.

use jiff::Timestamp;

use super::place::seconds;
use crate::size::Units;

/// Round numbers of a unit of a thousand, and of one of 1024.
const ROUND: [u128; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const POWERS: [u128; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

const HOUR: i128 = 3600;
const DAY: i128 = 24 * HOUR;

/// Times under a drawing, at most one more than this.
const DATES: i128 = 4;

/// Hours between the times under a drawing.
const STEPS: [i128; 18] =
    [1, 2, 3, 6, 12, 24, 48, 72, 120, 168, 240, 336, 720, 1440, 2160, 4320, 8760, 17_520];

/// Round numbers from 0 to at or above `high`, two to seven of them: sizes are compared by their
/// heights, and a part of an axis makes small differences look large.
pub(super) fn sizes(high: u64, units: Units) -> Vec<u64> {
    let high = u128::from(high.max(1));
    let rough = high.div_ceil(4);
    let step = step(rough, units);
    (0..=high.div_ceil(step)).map(|at| u64::try_from(at * step).unwrap_or(u64::MAX)).collect()
}

/// A round number at or above `rough`, round in the units in which it is written.
fn step(rough: u128, units: Units) -> u128 {
    let (base, round) = match units {
        Units::Decimal => (1000, &ROUND[..]),
        Units::Binary => (1024, &POWERS[..]),
    };
    let mut unit: u128 = 1;
    loop {
        let mut steps = round.iter().map(|factor| factor * unit);
        if let Some(step) = steps.find(|step| *step >= rough) {
            return step;
        }
        unit *= base;
    }
}

/// Times between two with their labels: midnights or whole hours, or the two where there is none.
pub(super) fn times(from: Timestamp, until: Timestamp) -> Vec<(i128, String)> {
    let (first, last) = (seconds(from), seconds(until));
    let span = last - first;
    let step = STEPS.into_iter().map(|hours| hours * HOUR).find(|step| span / step <= DATES);
    let step = step.unwrap_or((span / DATES / DAY + 1) * DAY);
    let aligned = step.min(DAY);
    let start = (first + aligned - 1).div_euclid(aligned) * aligned;
    let count = if last < start { 0 } else { (last - start) / step + 1 };
    let round: Vec<i128> = (0..count).map(|at| start + at * step).collect();
    let (times, format) = match round.len() {
        _ if span <= 0 => (vec![first], "%Y-%m-%d"),
        0 | 1 => (vec![first, last], "%m-%d %H:%M"),
        _ if step < DAY => (round, "%m-%d %H:%M"),
        _ => (round, "%Y-%m-%d"),
    };
    let label = |time: i128| {
        let at = Timestamp::from_second(i64::try_from(time).ok()?).ok()?;
        Some((time, at.strftime(format).to_string()))
    };
    times.into_iter().filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_round_and_hold_the_values() {
        let check = |high, units, expected: &[u64]| {
            assert_eq!(sizes(high, units), expected, "{high}");
        };
        check(100, Units::Decimal, &[0, 50, 100]);
        check(80, Units::Decimal, &[0, 20, 40, 60, 80]);
        check(58_000_000, Units::Decimal, &[0, 20_000_000, 40_000_000, 60_000_000]);
        check(0, Units::Decimal, &[0, 1]);
        check(900 << 20, Units::Binary, &[0, 256 << 20, 512 << 20, 768 << 20, 1 << 30]);
        check(3 << 30, Units::Binary, &[0, 1 << 30, 2 << 30, 3 << 30]);
        for high in [1, 3, 7, 999, 1001, 1 << 40, u64::MAX] {
            for units in [Units::Decimal, Units::Binary] {
                let sizes = sizes(high, units);
                assert!((2..=7).contains(&sizes.len()), "{high}: {sizes:?}");
                assert!(sizes.last().is_some_and(|last| *last >= high));
            }
        }
    }

    #[test]
    fn times_are_midnights_or_hours() {
        let check = |from: &str, until: &str, expected: &[&str]| {
            let time = |text: &str| text.parse::<Timestamp>().expect("a time");
            let labels: Vec<String> =
                times(time(from), time(until)).into_iter().map(|(_, label)| label).collect();
            assert_eq!(labels, expected, "{from} {until}");
        };
        check(
            "2026-11-01T06:00:00Z",
            "2026-11-30T06:00:00Z",
            &["2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30"],
        );
        check(
            "2026-11-01T00:00:00Z",
            "2026-11-02T00:00:00Z",
            &["11-01 00:00", "11-01 06:00", "11-01 12:00", "11-01 18:00", "11-02 00:00"],
        );
        check("2026-11-01T06:10:00Z", "2026-11-01T06:20:00Z", &["11-01 06:10", "11-01 06:20"]);
        check("2026-11-01T06:10:00Z", "2026-11-01T06:10:00Z", &["2026-11-01"]);
        check(
            "1970-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z",
            &["1970-01-01", "1984-01-02", "1998-01-02", "2012-01-03"],
        );
    }
}
