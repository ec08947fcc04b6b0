//! Where times and sizes lie in a chart.
//!
//! All is whole tenths of a unit of the drawing, so that the same figures make the same bytes.

use std::fmt;

use jiff::Timestamp;

/// Tenths of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tenths(pub(super) i64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let all = self.0.unsigned_abs();
        match all % 10 {
            0 => write!(f, "{sign}{}", all / 10),
            tenth => write!(f, "{sign}{}.{tenth}", all / 10),
        }
    }
}

/// A span of values laid over a span of the drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// The values at both ends; the second is larger.
    values: (i128, i128),
    /// Their places, in units.
    places: (i64, i64),
}

impl Scale {
    /// Lays values over places; where all values are one, it is in the middle.
    pub(super) fn new(values: (i128, i128), places: (i64, i64)) -> Self {
        let (low, high) = values;
        let values = if high > low { values } else { (low - 1, low + 1) };
        Self { values, places }
    }

    pub(super) fn place(&self, value: i128) -> Tenths {
        let (low, high) = self.values;
        let (from, to) = self.places;
        let width = i128::from(to - from) * 10;
        let part = (value.clamp(low, high) - low).saturating_mul(width) / (high - low);
        Tenths(from * 10 + i64::try_from(part).unwrap_or(0))
    }
}

/// Times as numbers.
pub(super) fn seconds(time: Timestamp) -> i128 {
    i128::from(time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stay_inside() {
        let check = |value, expected: &str| {
            let scale = Scale::new((100, 200), (50, 450));
            assert_eq!(scale.place(value).to_string(), expected, "{value}");
        };
        check(100, "50");
        check(200, "450");
        check(150, "250");
        check(101, "54");
        check(0, "50");
        check(i128::MAX, "450");
        assert_eq!(Scale::new((7, 7), (0, 100)).place(7).to_string(), "50");
        assert_eq!(Scale::new((0, 300), (0, 10)).place(4).to_string(), "0.1");
    }
}
