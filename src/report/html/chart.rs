//! A size over time as a drawing: steps, limits as dashed lines, jumps as numbered marks.
//!
//! The drawing has a name and a description for who cannot see it; each dot tells its figures.

use std::cmp::Reverse;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::place::{Scale, Tenths, seconds, ticks};
use crate::audit::overview::{Limit, Measure, Series};
use crate::report::audit::day_of;
use crate::report::encode::{Untrusted, html_own, html_text};
use crate::size::Units;

const WIDTH: i64 = 640;
const HEIGHT: i64 = 240;
const LEFT: i64 = 72;
const RIGHT: i64 = WIDTH - 18;
const TOP: i64 = 26;
const BOTTOM: i64 = HEIGHT - 28;

/// Dates under the drawing.
const DATES: i128 = 4;

/// Tenths of units between the texts of two jumps.
const APART: i64 = 620;

/// Moments of which each has a dot.
const MOST_DOTS: usize = 400;

/// What a chart shows.
pub(super) struct Chart<'a> {
    /// The target.
    pub(super) series: &'a Series,
    /// The size.
    pub(super) measure: Measure,
    /// From when on; `None` for from the first moment on.
    pub(super) since: Option<Timestamp>,
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
    from: Timestamp,
    until: Timestamp,
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
        self.draw_axes(&frame, &mut svg);
        self.draw_steps(&frame, &points, &mut svg);
        self.draw_limits(&frame, &mut svg);
        self.draw_dots(&frame, &points, &mut svg);
        self.draw_jumps(&frame, &mut svg);
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
        let seen = |time: Timestamp| self.since.map_or(time, |since| time.max(since));
        moments.filter_map(|m| Some((seen(m.seen), m.size(self.measure)?))).collect()
    }

    fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.series.limits.iter().filter(|limit| limit.measure == self.measure)
    }

    fn description(&self, points: &[(Timestamp, u64)]) -> String {
        let size = |bytes: u64| self.units.format(u128::from(bytes));
        let mut text = String::new();
        if let (Some((from, first)), Some((_, last))) = (points.first(), points.last()) {
            let changes = points.len() - 1;
            text = format!(
                "From {} on {} to {} on {}, {changes} changes.",
                size(*first),
                day_of(*from),
                size(*last),
                day_of(self.until)
            );
        }
        for limit in self.limits() {
            let name = html_text(&Untrusted::new(limit.name.clone()));
            let _ = write!(text, " Limit {name}: {}.", size(limit.bytes));
        }
        text
    }

    fn frame(&self, points: &[(Timestamp, u64)]) -> Option<Frame> {
        let (from, _) = *points.first()?;
        let low = points.iter().map(|(_, bytes)| *bytes).min()?;
        let high = points.iter().map(|(_, bytes)| *bytes).max()?;
        // A limit far above would flatten everything; the description names it all the same.
        let near = |bytes: &u64| *bytes <= high.saturating_add(high / 2);
        let limits = || self.limits().map(|limit| limit.bytes).filter(near);
        let high = limits().fold(high, u64::max);
        let low = limits().fold(low, u64::min);
        // Labels have three digits: what never moves gets a margin that they can tell.
        let margin = ((high - low) / 10).max(high / 50);
        let rows = ticks(low.saturating_sub(margin), high.saturating_add(margin));
        let (bottom, top) = (*rows.first()?, *rows.last()?);
        let until = self.until.max(points.last()?.0);
        Some(Frame {
            x: Scale::new((seconds(from), seconds(until)), (LEFT, RIGHT)),
            y: Scale::new((i128::from(bottom), i128::from(top)), (BOTTOM, TOP)),
            rows,
            from,
            until,
        })
    }

    fn draw_axes(&self, frame: &Frame, svg: &mut String) {
        for bytes in &frame.rows {
            let y = frame.y.place(i128::from(*bytes));
            let label = html_own(&self.units.format(u128::from(*bytes)));
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <text x=\"{}\" y=\"{y}\" dy=\"4\" text-anchor=\"end\">{label}</text>",
                LEFT - 8
            );
        }
        let (from, until) = (seconds(frame.from), seconds(frame.until));
        let format = if until - from < 3 * 86_400 { "%m-%d %H:%M" } else { "%Y-%m-%d" };
        let parts = if until > from { DATES } else { 0 };
        for part in 0..=parts {
            let time = from + (until - from) * part / DATES;
            let Some(date) = i64::try_from(time).ok().and_then(|s| Timestamp::from_second(s).ok())
            else {
                continue;
            };
            let anchor = match part {
                0 => "start",
                DATES => "end",
                _ => "middle",
            };
            let (x, label) = (frame.x.place(time), date.strftime(format));
            let y = HEIGHT - 8;
            let _ =
                writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>");
        }
    }

    /// A size holds until the next one is seen.
    fn draw_steps(&self, frame: &Frame, points: &[(Timestamp, u64)], svg: &mut String) {
        let mut path = String::new();
        for (seen, bytes) in points {
            let (x, y) = (frame.x.place(seconds(*seen)), frame.y.place(i128::from(*bytes)));
            let _ =
                if path.is_empty() { write!(path, "M{x} {y}") } else { write!(path, "H{x}V{y}") };
        }
        let end = self.series.gone.map_or(frame.until, |gone| gone.min(frame.until));
        let end = frame.x.place(seconds(end));
        let _ = write!(path, "H{end}");
        let start = points.first().map_or(Tenths(0), |(seen, _)| frame.x.place(seconds(*seen)));
        let _ = writeln!(
            svg,
            "<path class=\"area\" d=\"{path}V{BOTTOM}H{start}Z\"/>\
             <path class=\"path\" d=\"{path}\"/>"
        );
    }

    fn draw_limits(&self, frame: &Frame, svg: &mut String) {
        let shown = |limit: &&Limit| frame.rows.last().is_some_and(|top| limit.bytes <= *top);
        for limit in self.limits().filter(shown) {
            let y = frame.y.place(i128::from(limit.bytes));
            let name = html_text(&Untrusted::new(limit.name.clone()));
            let bytes = html_own(&self.units.format(u128::from(limit.bytes)));
            let _ = writeln!(
                svg,
                "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <text class=\"limit-name\" x=\"{}\" y=\"{y}\" dy=\"-4\">{name} {bytes}</text>",
                LEFT + 4
            );
        }
    }

    fn draw_dots(&self, frame: &Frame, points: &[(Timestamp, u64)], svg: &mut String) {
        if points.len() > MOST_DOTS {
            return;
        }
        for (seen, bytes) in points {
            let (x, y) = (frame.x.place(seconds(*seen)), frame.y.place(i128::from(*bytes)));
            let size = html_own(&self.units.format(u128::from(*bytes)));
            let _ = writeln!(
                svg,
                "<circle class=\"dot\" cx=\"{x}\" cy=\"{y}\" r=\"3\"><title>{}: {size}</title>\
                 </circle>",
                day_of(*seen)
            );
        }
    }

    /// Jumps, the larger ones with the difference where there is room for it.
    fn draw_jumps(&self, frame: &Frame, svg: &mut String) {
        if self.measure != Measure::Compressed {
            return;
        }
        let jumps = self.series.changes().filter(|(.., change)| change.is_jump());
        let mut jumps: Vec<(Tenths, Tenths, i128)> = jumps
            .map(|(_, moment, change)| {
                let x = frame.x.place(seconds(moment.seen));
                (x, frame.y.place(i128::from(moment.compressed)), change.compressed)
            })
            .collect();
        for (x, y, _) in &jumps {
            let _ = writeln!(svg, "<circle class=\"jump\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>");
        }
        jumps.sort_by_key(|(x, _, change)| (Reverse(change.unsigned_abs()), *x));
        let mut named: Vec<i64> = Vec::new();
        for (x, y, change) in jumps {
            if named.iter().all(|other| (x.0 - other).abs() >= APART) {
                named.push(x.0);
                self.name_jump((x, y), change, svg);
            }
        }
    }

    fn name_jump(&self, (x, y): (Tenths, Tenths), change: i128, svg: &mut String) {
        let sign = if change < 0 { "-" } else { "+" };
        let bytes = html_own(&self.units.format(change.unsigned_abs()));
        let anchor = if x.0 > (RIGHT - 50) * 10 { "end" } else { "middle" };
        let is_low = y.0 > (BOTTOM - 24) * 10;
        let below = y.0 < (TOP + 14) * 10 || (change < 0 && !is_low);
        let aside = if below { 20 } else { -11 };
        let _ = writeln!(
            svg,
            "<text class=\"jump-name\" x=\"{x}\" y=\"{y}\" dy=\"{aside}\" \
             text-anchor=\"{anchor}\">{sign}{bytes}</text>"
        );
    }
}
