//! A size over time as a drawing: steps from zero up, limits as dashed lines, jumps as marks.
//!
//! Where a target was gone the line is broken, and dashed after it was looked at last. A limit far
//! above the sizes is named at the upper edge. The drawing has a name and a description for who
//! cannot see it; each dot tells its figures.

use std::cmp::Reverse;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::axes;
use super::labels::{Anchor, Area, Labels, Spot};
use super::place::{Scale, Tenths, seconds};
use crate::audit::overview::{Change, Limit, Measure, Moment, Series};
use crate::history::Absence;
use crate::report::audit::{MOST_CHANGES, day_of};
use crate::report::encode::{Untrusted, html_own, html_text};
use crate::size::Units;

const WIDTH: i64 = 640;
const HEIGHT: i64 = 256;
const LEFT: i64 = 84;
const RIGHT: i64 = WIDTH - 50;
const TOP: i64 = 32;
const BOTTOM: i64 = HEIGHT - 36;

/// Moments of which each has a dot.
const MOST_DOTS: usize = 60;

/// Letters of a limit's name that are shown.
const LONGEST: usize = 24;

/// What a chart shows.
pub(super) struct Chart<'a> {
    /// The target.
    pub(super) series: &'a Series,
    /// The size.
    pub(super) measure: Measure,
    /// From when on; moments before are shown as if they were then.
    pub(super) from: Timestamp,
    /// Until when.
    pub(super) until: Timestamp,
    /// The units of sizes.
    pub(super) units: Units,
    /// What ids of the drawing begin with.
    pub(super) id: &'a str,
}

struct Frame {
    x: Scale,
    y: Scale,
    rows: Vec<u64>,
}

impl Frame {
    fn place(&self, time: Timestamp, bytes: u64) -> (Tenths, Tenths) {
        (self.x.place(seconds(time)), self.y.place(i128::from(bytes)))
    }
}

/// A time over which a size was the same and the target was there.
struct Stretch {
    from: Timestamp,
    until: Timestamp,
    bytes: u64,
    /// Whether nobody looked at it any more.
    is_old: bool,
}

impl Chart<'_> {
    /// The drawing; `None` if the size was never known.
    pub(super) fn draw(&self) -> Option<String> {
        let points = self.points();
        let frame = self.frame(&points)?;
        let (id, name, description) = (self.id, self.name(), self.description(&points));
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-labelledby=\"{id}-name {id}-text\">\n<title id=\"{id}-name\">{name}</title>\n\
             <desc id=\"{id}-text\">{description}</desc>\n"
        );
        let stretches = self.stretches(&points);
        let jumps = self.jumps(&frame);
        let marks = jumps.iter().map(|((x, y), ..)| around_mark(*x, *y)).collect();
        let mut labels = Labels::new(whole(), obstacles(&frame, &stretches), marks);
        self.draw_axes(&frame, &mut svg);
        draw_steps(&frame, &stretches, &mut svg);
        self.draw_limits(&frame, &mut labels, &mut svg);
        self.draw_dots(&frame, &points, &mut svg);
        self.draw_last(&frame, &stretches, &mut labels, &mut svg);
        self.draw_jumps(&jumps, &mut labels, &mut svg);
        svg.push_str("</svg>\n");
        Some(svg)
    }

    /// What the chart is called.
    pub(super) fn name(&self) -> &'static str {
        match self.measure {
            Measure::Compressed => "Compressed size over time",
            Measure::Content => "Content over time",
        }
    }

    fn points(&self) -> Vec<(Timestamp, u64)> {
        let moments = self.series.moments.iter();
        moments.filter_map(|m| Some((m.seen.max(self.from), m.size(self.measure)?))).collect()
    }

    fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.series.limits.iter().filter(|limit| limit.measure == self.measure)
    }

    fn size(&self, bytes: u64) -> String {
        self.units.format(u128::from(bytes))
    }

    fn description(&self, points: &[(Timestamp, u64)]) -> String {
        let mut text = String::new();
        if let (Some((from, first)), Some((_, last))) = (points.first(), points.last()) {
            let changes = points.len() - 1;
            text = format!(
                "From {} on {} to {} on {}, {changes} changes.",
                self.size(*first),
                day_of(*from),
                self.size(*last),
                day_of(self.until)
            );
        }
        // Writing into a String cannot fail.
        for limit in self.limits() {
            let name = html_text(&Untrusted::new(limit.name.clone()));
            let _ = write!(text, " Limit {name}: {}.", self.size(limit.bytes));
        }
        text
    }

    fn frame(&self, points: &[(Timestamp, u64)]) -> Option<Frame> {
        let highest = points.iter().map(|(_, bytes)| *bytes).max()?;
        let near = |bytes: &u64| *bytes <= highest.saturating_add(highest / 2);
        let high = self.limits().map(|limit| limit.bytes).filter(near).fold(highest, u64::max);
        // Above the highest there is room for what it is called.
        let rows = axes::sizes(high.saturating_add(high / 10), self.units);
        let top = *rows.last()?;
        Some(Frame {
            x: Scale::new((seconds(self.from), seconds(self.until)), (LEFT, RIGHT)),
            y: Scale::new((0, i128::from(top)), (BOTTOM, TOP)),
            rows,
        })
    }

    fn draw_axes(&self, frame: &Frame, svg: &mut String) {
        for bytes in &frame.rows {
            let y = frame.y.place(i128::from(*bytes));
            let label = html_own(&self.size(*bytes));
            let class = if *bytes == 0 { "grid zero" } else { "grid" };
            let _ = writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <text x=\"{}\" y=\"{y}\" dy=\"4\" text-anchor=\"end\">{label}</text>",
                LEFT - 8
            );
        }
        for (time, label) in axes::times(self.from, self.until) {
            let (x, y) = (frame.x.place(time), HEIGHT - 8);
            let _ = writeln!(
                svg,
                "<line class=\"grid zero\" x1=\"{x}\" x2=\"{x}\" y1=\"{BOTTOM}\" y2=\"{}\"/>\
                 <text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>",
                BOTTOM + 5
            );
        }
    }

    /// A size holds until the next one is seen, or the target is gone.
    fn stretches(&self, points: &[(Timestamp, u64)]) -> Vec<Stretch> {
        let ends = points.iter().skip(1).map(|(seen, _)| *seen).chain([self.until]);
        let seen = self.series.missed.as_ref().and(self.series.last_seen);
        let mut stretches = Vec::new();
        for ((from, bytes), until) in points.iter().zip(ends) {
            for (from, until) in self.there(*from, until) {
                let last = seen.unwrap_or(until).clamp(from, until);
                let parts = [(from, last, false), (last, until, true)];
                let parts = parts.into_iter().filter(|(from, until, is_old)| {
                    from < until || (!is_old && *from == self.until)
                });
                stretches.extend(parts.map(|(from, until, is_old)| Stretch {
                    from,
                    until,
                    bytes: *bytes,
                    is_old,
                }));
            }
        }
        stretches
    }

    /// The parts of a time in which the target was there.
    fn there(&self, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let mut parts = Vec::new();
        let mut start = from;
        for Absence { gone, back } in &self.series.absences {
            if *gone >= start && *gone < until {
                parts.push((start, *gone));
            }
            if *gone < until {
                start = start.max(back.unwrap_or(until));
            }
        }
        if start < until || from == until {
            parts.push((start, until));
        }
        parts
    }

    /// Limits as lines with their names; those above the drawing as a remark at its edge.
    fn draw_limits(&self, frame: &Frame, labels: &mut Labels, svg: &mut String) {
        let top = frame.rows.last().copied().unwrap_or(0);
        let (shown, above): (Vec<_>, Vec<_>) = self.limits().partition(|l| l.bytes <= top);
        for limit in shown {
            let y = frame.y.place(i128::from(limit.bytes));
            let _ = writeln!(
                svg,
                "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y}\" y2=\"{y}\"/>"
            );
            let text = self.limit(limit);
            let spot = |x: i64, aside: i64, anchor| Spot {
                x: Tenths(x * 10),
                y: Tenths(y.0 + aside),
                anchor,
            };
            let spots = [
                spot(LEFT + 4, -50, Anchor::Start),
                spot(RIGHT - 4, -50, Anchor::End),
                spot(LEFT + 4, 150, Anchor::Start),
                spot(RIGHT - 4, 150, Anchor::End),
            ];
            write_label("limit-name", &text, &spots, labels, svg);
        }
        if above.is_empty() {
            return;
        }
        let names: Vec<String> = above.into_iter().map(|limit| self.limit(limit)).collect();
        let text = html_text(&Untrusted::new(format!("↑ {}", names.join(", "))));
        let _ = writeln!(
            svg,
            "<text class=\"limit-name\" x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">{text}</text>",
            TOP - 12
        );
    }

    fn limit(&self, limit: &Limit) -> String {
        let mut name: String = limit.name.chars().take(LONGEST).collect();
        if name.len() < limit.name.len() {
            name.push('…');
        }
        format!("{name} {}", self.size(limit.bytes))
    }

    fn draw_dots(&self, frame: &Frame, points: &[(Timestamp, u64)], svg: &mut String) {
        if points.len() > MOST_DOTS {
            return;
        }
        for (seen, bytes) in points {
            let (x, y) = frame.place(*seen, *bytes);
            let _ = writeln!(
                svg,
                "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"3\"><title>{}: {}</title></circle>",
                day_of(*seen),
                html_own(&self.size(*bytes))
            );
        }
    }

    /// What it is now, at the end of the line.
    fn draw_last(
        &self,
        frame: &Frame,
        stretches: &[Stretch],
        labels: &mut Labels,
        svg: &mut String,
    ) {
        let Some(last) = stretches.last().filter(|_| self.series.gone().is_none()) else { return };
        let (x, y) = frame.place(last.until, last.bytes);
        let spot = |aside| Spot { x, y: Tenths(y.0 + aside), anchor: Anchor::End };
        write_label("now", &self.size(last.bytes), &[spot(-100), spot(200)], labels, svg);
    }

    /// The largest jumps, the largest one first.
    fn jumps(&self, frame: &Frame) -> Vec<((Tenths, Tenths), &Moment, Change)> {
        if self.measure != Measure::Compressed {
            return Vec::new();
        }
        let jumps = self.series.changes().filter(|(.., change)| change.is_jump());
        let mut jumps: Vec<_> = jumps
            .map(|(_, at, change)| (frame.place(at.seen.max(self.from), at.compressed), at, change))
            .collect();
        jumps.sort_by_key(|(_, at, change)| (Reverse(change.compressed.unsigned_abs()), at.seen));
        jumps.truncate(MOST_CHANGES);
        jumps
    }

    /// Jumps as marks, with the difference where there is room for it.
    fn draw_jumps(
        &self,
        jumps: &[((Tenths, Tenths), &Moment, Change)],
        labels: &mut Labels,
        svg: &mut String,
    ) {
        for ((x, y), moment, change) in jumps {
            let _ = writeln!(
                svg,
                "<circle class=\"jump\" cx=\"{x}\" cy=\"{y}\" r=\"5\"><title>{}: {}, {}</title>\
                 </circle>",
                day_of(moment.seen),
                html_own(&self.size(moment.compressed)),
                html_own(&self.difference(*change))
            );
        }
        for (place, _, change) in jumps {
            let spots = around(*place, change.compressed < 0);
            write_label("jump-name", &self.difference(*change), &spots, labels, svg);
        }
    }

    fn difference(&self, change: Change) -> String {
        let sign = if change.compressed < 0 { "-" } else { "+" };
        format!("{sign}{}", self.units.format(change.compressed.unsigned_abs()))
    }
}

/// Where texts may be.
fn whole() -> Area {
    Area { left: LEFT * 10, right: (WIDTH - 4) * 10, top: (TOP - 12) * 10, bottom: BOTTOM * 10 }
}

/// The mark of a jump.
fn around_mark(x: Tenths, y: Tenths) -> Area {
    Area { left: x.0 - 60, right: x.0 + 60, top: y.0 - 60, bottom: y.0 + 60 }
}

/// The line of the sizes, as what texts would cover.
fn obstacles(frame: &Frame, stretches: &[Stretch]) -> Vec<Area> {
    let mut areas = Vec::new();
    let mut before: Option<Tenths> = None;
    for stretch in stretches {
        let (left, y) = frame.place(stretch.from, stretch.bytes);
        let right = frame.x.place(seconds(stretch.until));
        areas.push(Area { left: left.0, right: right.0, top: y.0 - 10, bottom: y.0 + 10 });
        if let Some(last) = before {
            let (top, bottom) = (last.min(y).0, last.max(y).0);
            areas.push(Area { left: left.0 - 10, right: left.0 + 10, top, bottom });
        }
        before = Some(y);
    }
    areas
}

/// Draws the stretches, connected where one follows the other, and the area under them.
fn draw_steps(frame: &Frame, stretches: &[Stretch], svg: &mut String) {
    for is_old in [false, true] {
        let (mut line, mut area) = (String::new(), String::new());
        let mut last: Option<Timestamp> = None;
        for stretch in stretches.iter().filter(|stretch| stretch.is_old == is_old) {
            let (x, y) = frame.place(stretch.from, stretch.bytes);
            let end = frame.x.place(seconds(stretch.until));
            let follows = last == Some(stretch.from);
            let _ =
                if follows { write!(line, "V{y}H{end}") } else { write!(line, "M{x} {y}H{end}") };
            let _ = write!(area, "M{x} {BOTTOM}V{y}H{end}V{BOTTOM}Z");
            last = Some(stretch.until);
        }
        if line.is_empty() {
            continue;
        }
        let (fill, stroke) = if is_old { ("area old", "path old") } else { ("area", "path") };
        let _ = writeln!(
            svg,
            "<path class=\"{fill}\" d=\"{area}\"/><path class=\"{stroke}\" d=\"{line}\"/>"
        );
    }
}

/// Places for a text beside a mark: first on the side where the line did not come from.
fn around((x, y): (Tenths, Tenths), falls: bool) -> Vec<Spot> {
    let vertical = if falls { [200, -100] } else { [-100, 200] };
    let beside = [(0, Anchor::Middle), (80, Anchor::Start), (-80, Anchor::End)];
    let places = vertical.into_iter().flat_map(|down| beside.map(|(aside, at)| (aside, down, at)));
    let spot =
        |(aside, down, anchor)| Spot { x: Tenths(x.0 + aside), y: Tenths(y.0 + down), anchor };
    places.map(spot).collect()
}

/// Writes a text at the best of some places, if there is room.
fn write_label(class: &str, text: &str, spots: &[Spot], labels: &mut Labels, svg: &mut String) {
    let Some(Spot { x, y, anchor }) = labels.place(text.chars().count(), spots) else { return };
    let (text, anchor) = (html_text(&Untrusted::new(text.to_owned())), anchor.as_str());
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}
