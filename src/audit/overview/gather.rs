//! An overview out of a history.

use std::collections::HashMap;

use jiff::Timestamp;

use super::passes::{Looks, Passes, failure};
use super::presence::Firsts;
use super::{Exceeded, Follower, Limit, Moment, Overview, Series, shared};
use crate::audit::notify::is_reading;
use crate::history::{BreachLife, Error, Question, Store, Target, Timeline};
use crate::snapshot::Snapshot;

/// What an overview is wanted of.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Repositories and tags; none for all that the history has.
    pub targets: &'a [(String, Option<String>)],
    /// From when on; `None` for all that is recorded.
    pub since: Option<Timestamp>,
    /// Until when: now.
    pub until: Timestamp,
    /// The limits on a target's sizes.
    pub limits: &'a dyn Fn(&Target) -> Vec<Limit>,
}

/// What a history says of targets over a time. Images are read target by target, and just those
/// that a target was at the beginning of the time and became in it.
pub async fn overview(store: &mut Store, asked: &Asked<'_>) -> Result<Overview, Error> {
    let passes = Passes::of(&store.runs(asked.since, u32::MAX).await?);
    let last_pass = match passes.last() {
        None => store.runs(None, 1).await?.first().map(|run| run.started),
        last => last,
    };
    let pruned = store.pruned_before().await?;
    let (mut series, mut breaches, mut unlisted) = (Vec::new(), Vec::new(), Vec::new());
    let mut lives = lives(store.breach_lives(asked.since).await?);
    for question in questions(store, asked).await? {
        let timelines = store.timelines_from(&question, asked.since).await?;
        let firsts = Firsts::of(store, &question, pruned).await?;
        let looks = Looks::of(&question.repository, &timelines, &passes);
        unlisted.extend(looks.unlisted(&question.repository, asked.since));
        let over: Vec<(String, Timestamp)> = timelines.iter().filter_map(last_look).collect();
        for timeline in timelines {
            if let Some(timeline) = in_time(timeline, asked.since, &over) {
                let (mut found, last) = follow(store, timeline, asked.limits).await?;
                found.new = firsts.new_since(&found.target, asked.since);
                looks.tell(&mut found);
                let lives = lives.remove(&found.target).unwrap_or_default();
                let became = |life| Exceeded::of(life, &found, last.as_ref());
                breaches.extend(lives.into_iter().map(became));
                series.push(found);
            }
        }
    }
    series.sort_by(|a, b| a.target.cmp(&b.target));
    series.dedup_by(|a, b| a.target == b.target);
    unlisted.sort_by(|a, b| a.repository.cmp(&b.repository));
    unlisted.dedup();
    breaches.sort_by_key(|breach: &Exceeded| breach.since);
    let (ended, breaches) = breaches.into_iter().partition(|breach| breach.until.is_some());
    // What is said of single targets says nothing of passes over all.
    let half = if asked.targets.is_empty() { passes.half() } else { Vec::new() };
    Ok(Overview {
        since: asked.since,
        until: asked.until,
        breaches,
        ended,
        last_pass,
        pruned,
        half,
        shared: shared(&series),
        series,
        unlisted,
        head: Some(store.end().await?),
    })
}

async fn questions(store: &mut Store, asked: &Asked<'_>) -> Result<Vec<Question>, Error> {
    let targets = match asked.targets {
        [] => store.repositories().await?.into_iter().map(|name| (name, None)).collect(),
        some => some.to_vec(),
    };
    let question =
        |(repository, tag)| Question { repository, tag, platform: None, newest: u32::MAX };
    Ok(targets.into_iter().map(question).collect())
}

/// When a tag was read last.
fn last_look(timeline: &Timeline) -> Option<(String, Timestamp)> {
    timeline.last_seen.map(|seen| (timeline.target.tag.clone(), seen))
}

/// A target without what was over before the time began; `None` if that was all.
fn in_time(
    mut timeline: Timeline,
    since: Option<Timestamp>,
    looks: &[(String, Timestamp)],
) -> Option<Timeline> {
    if timeline.target.tag.is_empty() {
        // That is the repository as a whole.
        return None;
    }
    let is_old = |time: Timestamp| since.is_some_and(|since| time < since);
    if timeline.gone().is_some_and(is_old) {
        return None;
    }
    if let Some((at, ..)) = timeline.failure {
        // A tag that could not be read at all has no platform; what read it since has.
        let is_read =
            |(tag, seen): &(String, Timestamp)| *tag == timeline.target.tag && *seen >= at;
        let is_whole = timeline.target.platform.is_empty();
        if is_old(at) || (is_whole && looks.iter().any(is_read)) {
            timeline.failure = None;
        }
    }
    (!timeline.points.is_empty() || timeline.failure.is_some()).then_some(timeline)
}

async fn follow(
    store: &mut Store,
    timeline: Timeline,
    limits: &dyn Fn(&Target) -> Vec<Limit>,
) -> Result<(Series, Option<Snapshot>), Error> {
    let limits = limits(&timeline.target);
    let failed = failure(&timeline);
    let mut follower = Follower::new(timeline.target, limits);
    for point in timeline.points {
        if follower.sees_again(&point.image, point.figures.content) {
            continue;
        }
        let snapshot = store.image(&point.image).await?;
        let moment = Moment {
            seen: point.seen,
            image: point.image,
            compressed: point.figures.compressed,
            content: point.figures.content,
            why: None,
        };
        follower.observe(moment, snapshot);
    }
    let (series, last) = follower.finish();
    let Timeline { absences, last_seen, .. } = timeline;
    Ok((Series { absences, last_seen, failed, ..series }, last))
}

/// The breaches of limits by their targets. What cannot be read is no limit.
fn lives(found: Vec<BreachLife>) -> HashMap<Target, Vec<BreachLife>> {
    let mut lives: HashMap<Target, Vec<BreachLife>> = HashMap::new();
    for life in found.into_iter().filter(|life| !is_reading(&life.rule)) {
        lives.entry(life.target.clone()).or_default().push(life);
    }
    lives
}
