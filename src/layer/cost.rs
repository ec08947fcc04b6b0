//! Which bytes of a blob an entry costs, read off where the decoder stood in its input.
//!
//! An entry costs what lies between where it begins and where the next one does, so that the
//! entries' costs and the overhead are the blob's size exactly. Between the ends of two decoded
//! pieces the position is interpolated.

/// A place in the decoded stream and in the blob.
type Mark = (u64, u64);

/// The way from decoded offsets to positions in the blob, for the last pieces decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks([Mark; 3]);

impl Marks {
    /// Notes that the next piece decoded ends here.
    pub(super) fn add(&mut self, offset: u64, position: u64) {
        self.0 = [self.0[1], self.0[2], (offset, position)];
    }

    /// The offset up to which the stream was decoded.
    pub(super) fn offset(&self) -> u64 {
        self.0[2].0
    }

    /// Where the blob stands at an offset of the last two pieces.
    pub(super) fn position(&self, offset: u64) -> u64 {
        let [a, b, c] = self.0;
        let ((start, from), (end, to)) = if offset < b.0 { (a, b) } else { (b, c) };
        if offset <= start {
            return from;
        }
        if offset >= end {
            return to;
        }
        let share = u128::from(to - from) * u128::from(offset - start) / u128::from(end - start);
        // At most `to - from`.
        from + u64::try_from(share).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_lie_between_the_ends_of_pieces() {
        let mut marks = Marks::default();
        let check = |marks: &Marks, offset: u64, expected: u64| {
            assert_eq!(marks.position(offset), expected, "{offset}");
        };
        check(&marks, 0, 0);
        marks.add(1000, 100);
        for (offset, expected) in [(0, 0), (10, 1), (500, 50), (999, 99), (1000, 100)] {
            check(&marks, offset, expected);
        }
        marks.add(3000, 110);
        for (offset, expected) in [(500, 50), (1000, 100), (2000, 105), (3000, 110), (9999, 110)] {
            check(&marks, offset, expected);
        }
        marks.add(3001, u64::MAX);
        for (offset, expected) in [(500, 100), (2000, 105), (3000, 110), (3001, u64::MAX)] {
            check(&marks, offset, expected);
        }
    }
}
