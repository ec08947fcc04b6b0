//! An image held against its limits, with what the history knows of the images before it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::summary::Breached;
use super::{Journal, Pass};
use crate::audit::Target;
use crate::audit::limit::{is_growth, of_image, soft};
use crate::audit::notify::Standing;
use crate::check::{Budget, Budgets, Figure, Measure, Row, Subject, Verdict, check};
use crate::history::{self, Point, Question};
use crate::oci::{Digest, Platform};
use crate::snapshot::Snapshot;

/// Points of which growth over time is judged.
const POINTS: u32 = 10_000;
/// Points among which the image before is found: the same may be recorded twice, when its layers
/// are read first.
const FEW: u32 = 4;

/// Why growth is not known.
const UNREAD: &str = "the history cannot be read";

/// The history cannot be read.
#[derive(Clone, Copy)]
pub(super) struct Unread;

/// What was found of one image.
pub(super) struct Judged {
    pub(super) breached: Vec<Breached>,
    pub(super) standing: Standing,
}

/// Whether a target limits images of a platform at all.
pub(super) fn is_limited(pass: &Pass<'_>, target: &Target, platform: &str) -> bool {
    !target.growth.is_empty() || !budget(pass, target, platform).is_empty()
}

fn budget(pass: &Pass<'_>, target: &Target, platform: &str) -> Budget {
    let mut parts = pass.budgets.parts.clone();
    parts.extend(target.budgets.iter().cloned());
    let platform: Platform = platform.parse().unwrap_or_default();
    Budgets { parts, flags: Budget::default() }.of(&platform)
}

/// A standing in which nothing is exceeded.
pub(super) fn kept(target: &Target, subject: history::Target) -> Standing {
    let name = target.name.clone();
    Standing { subject, name, exceeded: BTreeMap::new(), unknown: BTreeSet::new(), is_gone: false }
}

/// Holds an image against the limits of a target.
pub(super) async fn judge(
    pass: &Pass<'_>,
    target: &Target,
    journal: &mut Journal,
    name: &history::Target,
    image: Subject,
) -> Judged {
    let budget = budget(pass, target, &name.platform);
    let points = points(journal, target, name, &budget).await;
    let image = graded(pass, image);
    let snapshot = &image.snapshot;
    let mut rows = Vec::new();
    if !budget.is_empty() {
        let before = match &points {
            Ok(points) => before(journal, points, snapshot).await,
            Err(Unread) => Err(Unread),
        };
        // Without an image before it nothing has grown.
        let before = before.map(|before| [before.unwrap_or_else(|| snapshot.clone())]);
        let known = check(&image, &budget, before.as_ref().ok().map(<[_; 1]>::as_slice)).rows;
        let is_read = before.is_ok();
        rows.extend(known.into_iter().map(|row| if is_read { row } else { unread(row) }));
    }
    let Ok(points) = points else {
        rows.extend(target.growth.iter().map(|limit| limit.unknown(UNREAD)));
        return verdicts(kept(target, name.clone()), &image.snapshot.image, rows);
    };
    let mut sizes: Vec<(Timestamp, u64)> =
        points.iter().map(|point| (point.seen, point.figures.compressed)).collect();
    if points.last().is_none_or(|point| point.image != snapshot.image) {
        sizes.push((pass.now, snapshot.sizes.compressed));
    }
    rows.extend(target.growth.iter().filter_map(|limit| limit.judge(&sizes, pass.now)));
    verdicts(kept(target, name.clone()), &image.snapshot.image, rows)
}

/// The image with the severities that hold now.
fn graded(pass: &Pass<'_>, mut image: Subject) -> Subject {
    for finding in &mut image.snapshot.findings {
        if let Some(severity) = pass.severities.get(&finding.rule) {
            finding.severity = *severity;
        }
    }
    image
}

/// The points that the limits need, in the order of recording.
async fn points(
    journal: &mut Journal,
    target: &Target,
    name: &history::Target,
    budget: &Budget,
) -> Result<Vec<Point>, Unread> {
    let newest = match (target.growth.is_empty(), measures_growth(budget)) {
        (true, false) => return Ok(Vec::new()),
        (true, true) => FEW,
        (false, _) => POINTS,
    };
    let question = Question {
        repository: name.repository.clone(),
        tag: Some(name.tag.clone()),
        platform: Some(name.platform.clone()),
        newest,
    };
    match journal.store().ok_or(Unread)?.timelines(&question).await {
        Ok(timelines) => Ok(timelines.into_iter().flat_map(|timeline| timeline.points).collect()),
        Err(error) => {
            journal.broke(error);
            Err(Unread)
        }
    }
}

fn measures_growth(budget: &Budget) -> bool {
    let mut of_components = budget.components.values();
    let has = |limits: &BTreeMap<Measure, _>| {
        limits.contains_key(&Measure::Growth) || limits.contains_key(&Measure::ContentGrowth)
    };
    has(&budget.limits) || of_components.any(has)
}

/// The image before, with all that the history knows of it.
async fn before(
    journal: &mut Journal,
    points: &[Point],
    now: &Snapshot,
) -> Result<Option<Snapshot>, Unread> {
    let Some(point) = points.iter().rev().find(|point| point.image != now.image) else {
        return Ok(None);
    };
    let before = read(journal, &point.image).await?;
    // Where the layers of one alone were read, they cannot be compared.
    Ok(before.filter(|before| before.is_complete() || !now.is_complete()))
}

/// An image as the history knows it.
pub(super) async fn read(
    journal: &mut Journal,
    image: &Digest,
) -> Result<Option<Snapshot>, Unread> {
    journal.store().ok_or(Unread)?.image(image).await.map_err(|error| {
        journal.broke(error);
        Unread
    })
}

/// A limit of growth that cannot be judged without the history.
fn unread(row: Row) -> Row {
    if is_growth(&row.id) { Row { reason: UNREAD.to_owned(), ..row } } else { row }
}

fn verdicts(standing: Standing, image: &Digest, rows: Vec<Row>) -> Judged {
    let mut judged = Judged { breached: Vec::new(), standing };
    for row in rows.into_iter().filter(|row| row.verdict != Verdict::Pass) {
        let rule = rule(&row, image);
        let message = format!("{rule}: {}", row.reason);
        match row.verdict {
            Verdict::Unknown => {
                judged.standing.unknown.insert(soft(&rule));
                judged.standing.unknown.insert(rule.clone());
            }
            Verdict::Warn => {
                judged.standing.exceeded.insert(soft(&rule), message.clone());
            }
            _ => {
                // That it warned is not over when it is worse.
                judged.standing.unknown.insert(soft(&rule));
                judged.standing.exceeded.insert(rule.clone(), message.clone());
            }
        }
        let subject = judged.standing.subject.clone();
        judged.breached.push(Breached { subject, rule, verdict: row.verdict, message });
    }
    judged
}

/// A name for a limit that no other of the image has. What is measured against the image before is
/// another limit for each image.
fn rule(row: &Row, image: &Digest) -> String {
    match &row.limit {
        _ if is_growth(&row.id) => of_image(&row.id, image),
        Figure::Text(pattern) if matches!(&*row.id, "forbid-path" | "forbid-package") => {
            format!("{} {pattern}", row.id)
        }
        _ => row.id.clone(),
    }
}
