//! Where texts stand in a chart, so that none covers another.

use super::place::Tenths;

/// The width of a letter, in tenths of a unit: that of the narrowest windows, where letters are
/// largest beside the drawing.
const LETTER: i64 = 105;

/// How far a text reaches above its base line and below it, in tenths of a unit.
const ABOVE: i64 = 130;
const BELOW: i64 = 40;

/// Which end of a text its place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    /// The name in a drawing.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// The place of a text: its anchor and base line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) x: Tenths,
    pub(super) y: Tenths,
    pub(super) anchor: Anchor,
}

/// A part of the drawing, in tenths of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: i64,
    pub(super) right: i64,
    pub(super) top: i64,
    pub(super) bottom: i64,
}

impl Area {
    fn of(spot: Spot, letters: usize) -> Self {
        let width = i64::try_from(letters).unwrap_or(i64::MAX).saturating_mul(LETTER);
        let left = match spot.anchor {
            Anchor::Start => spot.x.0,
            Anchor::Middle => spot.x.0.saturating_sub(width / 2),
            Anchor::End => spot.x.0.saturating_sub(width),
        };
        let (top, bottom) = (spot.y.0 - ABOVE, spot.y.0 + BELOW);
        Self { left, right: left.saturating_add(width), top, bottom }
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }
}

/// What is in a chart already.
pub(super) struct Labels {
    whole: Area,
    /// Texts and marks, which no text may cover.
    texts: Vec<Area>,
    lines: Vec<Area>,
}

impl Labels {
    /// Texts stay in `whole`, off the marks and, where they can, off the lines.
    pub(super) fn new(whole: Area, lines: Vec<Area>, marks: Vec<Area>) -> Self {
        Self { whole, texts: marks, lines }
    }

    /// The best of some places for a text, the first of those that cover the fewest lines; `None`
    /// if at each of them it would cover a text or a mark.
    pub(super) fn place(&mut self, letters: usize, spots: &[Spot]) -> Option<Spot> {
        let free = spots.iter().map(|spot| (*spot, Area::of(*spot, letters)));
        let free = free.filter(|(_, area)| {
            self.whole.holds(area) && !self.texts.iter().any(|text| text.meets(area))
        });
        let covered = |area: &Area| self.lines.iter().filter(|line| line.meets(area)).count();
        let (spot, area) = free.min_by_key(|(_, area)| covered(area))?;
        self.texts.push(area);
        Some(spot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(x: i64, y: i64, anchor: Anchor) -> Spot {
        Spot { x: Tenths(x), y: Tenths(y), anchor }
    }

    #[test]
    fn no_text_covers_another() {
        let whole = Area { left: 0, right: 4000, top: 0, bottom: 2000 };
        let line = Area { left: 0, right: 4000, top: 900, bottom: 910 };
        let mut labels = Labels::new(whole, vec![line], Vec::new());
        let above = spot(1000, 980, Anchor::Middle);
        let below = spot(1000, 1200, Anchor::Middle);
        let mut check = |letters, spots: &[Spot], expected| {
            assert_eq!(labels.place(letters, spots), expected, "{spots:?}");
        };
        check(5, &[above, below], Some(below));
        check(5, &[above, below], Some(above));
        check(5, &[above, below], None);
        check(5, &[spot(1300, 1200, Anchor::Start)], Some(spot(1300, 1200, Anchor::Start)));
        check(5, &[spot(3900, 500, Anchor::Start)], None);
        check(5, &[spot(3900, 500, Anchor::End)], Some(spot(3900, 500, Anchor::End)));
        check(5, &[spot(2000, 100, Anchor::Middle)], None);
        check(usize::MAX, &[spot(0, 500, Anchor::Start)], None);
    }
}
