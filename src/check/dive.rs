//! The rules of dive, by its names and with its figures.

use super::{Figure, Row, Verdict};
use crate::analysis::Dive;
use crate::size::Units;

/// The rules of dive; `None` disables one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiveRules {
    /// `lowestEfficiency`: from 0 to 1.
    pub lowest_efficiency: Option<f64>,
    /// `highestWastedBytes`.
    pub highest_wasted_bytes: Option<u64>,
    /// `highestUserWastedPercent`: a ratio from 0 to 1.
    pub highest_user_wasted_percent: Option<f64>,
}

impl Default for DiveRules {
    /// What dive holds images against where nothing tells otherwise.
    fn default() -> Self {
        Self {
            lowest_efficiency: Some(0.9),
            highest_wasted_bytes: None,
            highest_user_wasted_percent: Some(0.1),
        }
    }
}

pub(super) fn rows(dive: Option<&Dive>, rules: Option<&DiveRules>) -> Vec<Row> {
    let Some(rules) = rules else { return Vec::new() };
    let efficiency = rules.lowest_efficiency.map(|limit| {
        let actual = dive.map(|dive| dive.efficiency);
        let broken = actual.map(|actual| actual < limit);
        row("lowestEfficiency", Figure::Share(limit), actual.map(Figure::Share), broken)
    });
    let wasted = rules.highest_wasted_bytes.map(|limit| {
        let actual = dive.map(|dive| dive.wasted_bytes);
        let broken = actual.map(|actual| actual > limit);
        row("highestWastedBytes", Figure::Bytes(limit), actual.map(Figure::Bytes), broken)
    });
    let user = rules.highest_user_wasted_percent.map(|limit| {
        let actual = dive.map(user_wasted_percent);
        let broken = actual.map(|actual| actual > limit);
        let actual = actual.map(Figure::Share);
        row("highestUserWastedPercent", Figure::Share(limit), actual, broken)
    });
    efficiency.into_iter().chain(wasted).chain(user).collect()
}

/// dive divides by the bytes of all layers but the first, whether there are any or not.
fn user_wasted_percent(dive: &Dive) -> f64 {
    if dive.user_size_bytes == 0 && dive.wasted_bytes > 0 {
        return f64::INFINITY;
    }
    dive.user_wasted_percent
}

fn row(id: &str, limit: Figure, actual: Option<Figure>, broken: Option<bool>) -> Row {
    let verdict = match broken {
        None => Verdict::Unknown,
        Some(true) => Verdict::Fail,
        Some(false) => Verdict::Pass,
    };
    let reason = match &actual {
        None => "not all layers were read".to_owned(),
        Some(actual) => {
            let side = if id.starts_with("lowest") { "at least" } else { "at most" };
            let (actual, limit) = (text(actual), text(&limit));
            format!("by dive's formula {actual}; {side} {limit} is wanted")
        }
    };
    Row { id: id.to_owned(), limit, actual, verdict, reason, offences: Vec::new() }
}

fn text(figure: &Figure) -> String {
    match figure {
        Figure::Bytes(bytes) => Units::Decimal.format((*bytes).into()),
        Figure::Share(share) => format!("{share:.4}"),
        _ => String::new(),
    }
}
