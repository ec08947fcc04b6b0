//! Rows on figures: sizes, layers, shares and growth.

use super::{Bound, Budget, Figure, Grown, Kind, Levels, Measure, Row, Verdict};
use crate::size::{Percent, Units};
use crate::snapshot::{Component, Snapshot};

/// What growth is measured from.
pub(super) enum Past<'a> {
    /// The image of the same platform.
    Known(&'a Snapshot),
    /// Why there is none.
    Missing(String),
}

impl<'a> Past<'a> {
    pub(super) fn of(snapshot: &Snapshot, baseline: Option<&'a [Snapshot]>) -> Self {
        let Some(baseline) = baseline else {
            let text = "there is no baseline to measure growth from: give --baseline IMAGE or FILE";
            return Self::Missing(text.to_owned());
        };
        let platform = &snapshot.platform;
        if let Some(past) = baseline.iter().find(|past| past.platform == *platform) {
            return Self::Known(past);
        }
        let known: Vec<&str> = baseline.iter().map(|past| &*past.platform).collect();
        let known = known.join(", ");
        Self::Missing(format!("the baseline is of {known}, and the image of {platform}"))
    }
}

/// What a figure is read from: an image, or a component of it.
type Scope<'a> = Option<&'a str>;

/// The rows of an image and of its components.
pub(super) fn rows(snapshot: &Snapshot, budget: &Budget, past: &Past<'_>) -> Vec<Row> {
    let of_image = budget.limits.iter().map(|(measure, levels)| (None, *measure, levels));
    let of_components = budget.components.iter().flat_map(|(id, limits)| {
        limits.iter().map(move |(measure, levels)| (Some(&**id), *measure, levels))
    });
    let all = of_image.chain(of_components).filter(|(_, measure, _)| *measure != Measure::Findings);
    all.map(|(scope, measure, levels)| row(snapshot, past, scope, measure, levels)).collect()
}

/// The row of an image that nothing is limited of: that is no pass.
pub(super) fn unlimited(snapshot: &Snapshot) -> Row {
    let platform = &snapshot.platform;
    let reason = format!(
        "no limit is set for {platform}: set one for all platforms, in [budget] or by a flag, or \
         one for this platform"
    );
    Row {
        id: "budget".to_owned(),
        limit: Figure::Text("none".to_owned()),
        actual: None,
        verdict: Verdict::Unknown,
        reason,
        offences: Vec::new(),
    }
}

fn row(
    snapshot: &Snapshot,
    past: &Past<'_>,
    scope: Scope<'_>,
    measure: Measure,
    levels: &Levels<Bound>,
) -> Row {
    let id = match scope {
        Some(component) => format!("component.{component}.{measure}"),
        None => measure.as_str().to_owned(),
    };
    match measured(snapshot, past, scope, measure) {
        Ok(actual) => {
            let (verdict, bound) = judge(measure, &actual, levels);
            let reason = reason(measure, &actual, bound, verdict);
            let limit = limit(bound);
            Row { id, limit, actual: Some(actual), verdict, reason, offences: Vec::new() }
        }
        Err(reason) => unmeasured(id, levels, reason),
    }
}

/// The row of a limit of what is not known.
pub(super) fn unmeasured(id: String, levels: &Levels<Bound>, reason: String) -> Row {
    let limit = limit(deciding(levels, None));
    Row { id, limit, actual: None, verdict: Verdict::Unknown, reason, offences: Vec::new() }
}

/// The row of a limit of growth.
pub(super) fn grown(id: String, before: u64, now: u64, levels: &Levels<Bound>) -> Row {
    let actual = Figure::Growth(Grown::between(before, now));
    let (verdict, bound) = judge(Measure::Growth, &actual, levels);
    let reason = reason(Measure::Growth, &actual, bound, verdict);
    let limit = limit(bound);
    Row { id, limit, actual: Some(actual), verdict, reason, offences: Vec::new() }
}

/// The figure, or why it is not known.
fn measured(
    snapshot: &Snapshot,
    past: &Past<'_>,
    scope: Scope<'_>,
    measure: Measure,
) -> Result<Figure, String> {
    let unread = || "not all layers were read".to_owned();
    if measure == Measure::Compressed {
        pulled(snapshot, "the image")?;
    }
    let whole = match measure {
        Measure::Growth => Measure::Compressed,
        Measure::ContentGrowth => Measure::Content,
        _ => return figure_of(snapshot, scope, measure).ok_or_else(unread),
    };
    let past = match past {
        Past::Known(past) => past,
        Past::Missing(reason) => return Err(reason.clone()),
    };
    if whole == Measure::Compressed {
        pulled(snapshot, "the image")?;
        pulled(past, "the baseline")?;
    }
    let bytes = |snapshot: &Snapshot| match figure_of(snapshot, scope, whole) {
        Some(Figure::Bytes(bytes)) => Some(bytes),
        _ => None,
    };
    let now = bytes(snapshot).ok_or_else(unread)?;
    let before = bytes(past).ok_or_else(|| {
        "the baseline does not tell it: no layer was read for it; make it with `regsize analyze \
         --format json`"
            .to_owned()
    })?;
    Ok(Figure::Growth(Grown::between(before, now)))
}

/// Refuses compressed sizes that are not those of a pull.
fn pulled(snapshot: &Snapshot, what: &str) -> Result<(), String> {
    let (plain, all) = (snapshot.sizes.plain_layers, snapshot.layers.len());
    if plain == 0 {
        return Ok(());
    }
    Err(format!(
        "{what} is in files that hold {plain} of {all} layers uncompressed, so what a pull will \
         download is not known: push it, or copy it with `skopeo copy … oci:DIRECTORY`, and name \
         the copy"
    ))
}

fn figure_of(snapshot: &Snapshot, scope: Scope<'_>, measure: Measure) -> Option<Figure> {
    if let Some(id) = scope {
        return snapshot.is_complete().then(|| of_component(snapshot, id, measure)).flatten();
    }
    let sizes = &snapshot.sizes;
    match measure {
        Measure::Compressed => Some(Figure::Bytes(sizes.compressed)),
        Measure::Content => sizes.content.map(Figure::Bytes),
        Measure::Shadowed => sizes.shadowed.map(Figure::Bytes),
        Measure::Layers => Some(Figure::Count(snapshot.layers.len() as u64)),
        Measure::ShadowedShare => Some(share(sizes.shadowed?, sizes.content?, 0.0)),
        Measure::Efficiency => Some(share(sizes.visible?, sizes.content?, 1.0)),
        Measure::Growth | Measure::ContentGrowth | Measure::Findings => None,
    }
}

/// The figure that a limit with this name is about, unless it takes more than the image.
pub(super) fn of_limit(snapshot: &Snapshot, id: &str) -> Option<Figure> {
    match id.strip_prefix("component.") {
        Some(of) => {
            let (component, measure) = of.rsplit_once('.')?;
            let measure = Measure::named(measure).filter(|of| of.kind() == Kind::Bytes)?;
            figure_of(snapshot, Some(component), measure)
        }
        None => figure_of(snapshot, None, Measure::named(id)?),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, whole: u64, of_nothing: f64) -> Figure {
    Figure::Share(if whole == 0 { of_nothing } else { part as f64 / whole as f64 })
}

/// A figure of all that is known by a component's id; 0 where there is none.
fn of_component(snapshot: &Snapshot, id: &str, measure: Measure) -> Option<Figure> {
    let compressed = |component: &Component| {
        component.layers.iter().map(|share| share.compressed).fold(0, u64::saturating_add)
    };
    let bytes = |component: &Component| match measure {
        Measure::Compressed => Some(compressed(component)),
        Measure::Content => Some(component.visible.saturating_add(component.shadowed)),
        Measure::Shadowed => Some(component.shadowed),
        _ => None,
    };
    let mut all = snapshot.components.iter().filter(|component| component.id == id).map(bytes);
    all.try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?))).map(Figure::Bytes)
}

/// The verdict, and the limit that decided.
fn judge(measure: Measure, actual: &Figure, levels: &Levels<Bound>) -> (Verdict, Option<Bound>) {
    let is_broken = |bound: &Bound| breaks(measure, actual, *bound);
    let broken = if levels.fail.as_ref().is_some_and(is_broken) {
        Some(Verdict::Fail)
    } else if levels.warn.as_ref().is_some_and(is_broken) {
        Some(Verdict::Warn)
    } else {
        None
    };
    (broken.unwrap_or(Verdict::Pass), deciding(levels, broken))
}

/// The broken limit; the hard one if none is.
pub(super) fn deciding<T: Copy>(levels: &Levels<T>, broken: Option<Verdict>) -> Option<T> {
    let soft = broken == Some(Verdict::Warn);
    if soft { levels.warn.or(levels.fail) } else { levels.fail.or(levels.warn) }
}

fn breaks(measure: Measure, actual: &Figure, bound: Bound) -> bool {
    match (actual, bound) {
        (Figure::Share(actual), Bound::Share(least)) if measure == Measure::Efficiency => {
            *actual < least
        }
        (Figure::Share(actual), Bound::Share(most)) => *actual > most,
        (Figure::Bytes(actual), Bound::Bytes(most))
        | (Figure::Count(actual), Bound::Count(most)) => *actual > most,
        (Figure::Growth(grown), Bound::Growth { bytes, percent }) => {
            let by_bytes = bytes.is_none_or(|most| grown.bytes > i128::from(most));
            let by_percent = percent.is_none_or(|most| match grown.percent {
                Some(percent) => percent > most,
                None => grown.bytes > 0,
            });
            by_bytes && by_percent
        }
        _ => false,
    }
}

fn limit(bound: Option<Bound>) -> Figure {
    let Some(bound) = bound else { return Figure::Text(String::new()) };
    match bound {
        Bound::Bytes(bytes) => Figure::Bytes(bytes),
        Bound::Count(count) => Figure::Count(count),
        Bound::Share(share) => Figure::Share(share),
        Bound::Growth { .. } => Figure::Text(bound.to_string()),
        Bound::Severity(severity) => Figure::Text(severity.as_str().to_owned()),
    }
}

fn reason(measure: Measure, actual: &Figure, bound: Option<Bound>, verdict: Verdict) -> String {
    let relation = match (verdict, measure) {
        (Verdict::Pass, Measure::Efficiency) => "is at least",
        (Verdict::Pass, _) => "is within",
        (_, Measure::Efficiency) => "is less than",
        _ => "is more than",
    };
    let size = |bytes: u64| Units::Decimal.format(bytes.into());
    let Some(bound) = bound else { return actual.to_string() };
    match (actual, bound) {
        (Figure::Growth(grown), Bound::Growth { bytes, percent }) => {
            let both = if bytes.and(percent).is_some() { "both " } else { "" };
            let verb = if verdict == Verdict::Pass { "does not exceed" } else { "exceeds" };
            format!("{} {verb} {both}{bound}", grown.beside(percent))
        }
        (Figure::Bytes(actual), Bound::Bytes(limit)) if *actual > limit => {
            let over = size(actual - limit);
            format!("{} is {over} more than {}", size(*actual), size(limit))
        }
        (Figure::Share(actual), Bound::Share(limit)) => {
            let actual = Percent::beside(actual * 100.0, limit * 100.0);
            format!("{actual} {relation} {bound}")
        }
        (actual, bound) => format!("{actual} {relation} {bound}"),
    }
}

impl Grown {
    /// The growth from one number of bytes to another.
    #[expect(clippy::cast_precision_loss, reason = "per cent")]
    pub fn between(before: u64, now: u64) -> Self {
        let bytes = i128::from(now) - i128::from(before);
        let percent = (before > 0).then(|| bytes as f64 / before as f64 * 100.0);
        Self { bytes, percent }
    }
}
