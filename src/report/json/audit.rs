//! `regsize.audit/1`: targets over a time.
//!
//! `change` of a point is against the point before it; `opened` of a finding is `null` if the
//! first image had it, `closed` if the last one has. `events` are the times at which a target came
//! and went; `missed` says why its figures are older than the last pass, `null` if they are not.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::check::value;

use crate::audit::overview::{
    Change, Coming, Exceeded, FindingLife, Half, How, Measure, Missed, Moment, Overview, Reason,
    Series, Shared, Unlisted, Why,
};
use crate::compare;
use crate::history::Target;
use crate::report::encode::write_json;
use crate::rule::Severity;

const SCHEMA: &str = "regsize.audit/1";

#[derive(Serialize)]
struct OverviewJson<'a> {
    schema: &'static str,
    since: Option<String>,
    until: String,
    head: Option<&'a str>,
    last_pass: Option<String>,
    half_passes: Vec<HalfJson<'a>>,
    targets: Vec<SeriesJson<'a>>,
    unlisted: Vec<UnlistedJson<'a>>,
    breaches: Vec<BreachJson<'a>>,
    ended_breaches: Vec<EndedJson<'a>>,
    shared: Vec<SharedJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct TargetJson<'a> {
    repository: &'a str,
    tag: &'a str,
    platform: &'a str,
}

#[derive(Serialize)]
struct SeriesJson<'a> {
    #[serde(flatten)]
    target: TargetJson<'a>,
    points: Vec<PointJson<'a>>,
    total: Option<ChangeJson>,
    limits: Vec<LimitJson<'a>>,
    events: Vec<EventJson>,
    gone: Option<String>,
    last_seen: Option<String>,
    missed: Option<MissedJson<'a>>,
    failed: Option<FailedJson<'a>>,
    findings: Vec<FindingJson<'a>>,
}

#[derive(Serialize)]
struct PointJson<'a> {
    seen: String,
    image: String,
    compressed: u64,
    content: Option<u64>,
    change: Option<ChangeJson>,
    why: Option<WhyJson<'a>>,
}

/// The parts add up to the change.
#[derive(Serialize)]
pub(super) struct WhyJson<'a> {
    causes: Vec<CauseJson<'a>>,
    others: Option<OthersJson>,
    rest: ChangeJson,
}

#[derive(Serialize)]
struct CauseJson<'a> {
    kind: &'static str,
    text: String,
    instruction: Option<&'a str>,
    change: ChangeJson,
}

#[derive(Serialize)]
struct OthersJson {
    count: usize,
    change: ChangeJson,
}

#[derive(Serialize)]
struct ChangeJson {
    compressed: i128,
    content: Option<i128>,
}

#[derive(Serialize)]
struct LimitJson<'a> {
    name: &'a str,
    measure: &'static str,
    bytes: u64,
}

/// `event` is `new`, `gone` or `back`.
#[derive(Serialize)]
struct EventJson {
    at: String,
    event: &'static str,
    compressed: Option<u64>,
}

/// `whole` if the repository as a whole could not be read.
#[derive(Serialize)]
struct MissedJson<'a> {
    pass: Option<String>,
    failure: Option<FailedJson<'a>>,
    whole: bool,
}

/// `state` is `open`, `killed` or `incomplete`.
#[derive(Serialize)]
struct HalfJson<'a> {
    at: String,
    name: &'a str,
    state: &'static str,
    failed: Option<u64>,
    left: Option<u64>,
}

#[derive(Serialize)]
struct FailedJson<'a> {
    at: String,
    message: &'a str,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    id: &'a str,
    rule: &'a str,
    severity: Severity,
    message: &'a str,
    content: u64,
    opened: Option<String>,
    closed: Option<String>,
}

#[derive(Serialize)]
struct BreachJson<'a> {
    #[serde(flatten)]
    target: TargetJson<'a>,
    rule: &'a str,
    message: &'a str,
    since: String,
    now: Option<FigureJson>,
}

/// `ended` is `kept`, `replaced`, `gone` or `unwatched`.
#[derive(Serialize)]
struct EndedJson<'a> {
    #[serde(flatten)]
    breach: BreachJson<'a>,
    until: String,
    ended: &'static str,
}

/// `unit` is `bytes`, `count` or `share`.
#[derive(Serialize)]
struct FigureJson {
    unit: &'static str,
    value: Value,
}

/// A repository whose tags could not be listed.
#[derive(Serialize)]
struct UnlistedJson<'a> {
    repository: &'a str,
    last_seen: Option<String>,
    pass: Option<String>,
    failure: FailedJson<'a>,
}

#[derive(Serialize)]
struct SharedJson<'a> {
    repository: &'a str,
    platform: &'a str,
    once: u128,
    tags: Vec<SharedTagJson<'a>>,
}

#[derive(Serialize)]
struct SharedTagJson<'a> {
    tags: &'a [String],
    compressed: u128,
    unique: u128,
}

/// Writes the report of an audit.
pub(in crate::report) fn write_overview_json(
    overview: &Overview,
    out: &mut dyn Write,
) -> io::Result<()> {
    let json = OverviewJson {
        schema: SCHEMA,
        since: overview.since.map(|time| time.to_string()),
        until: overview.until.to_string(),
        head: overview.head.as_deref(),
        last_pass: overview.last_pass.map(|time| time.to_string()),
        half_passes: overview.half.iter().map(half).collect(),
        targets: overview.series.iter().map(|target| series(target, overview.since)).collect(),
        unlisted: overview.unlisted.iter().map(unlisted).collect(),
        breaches: overview.breaches.iter().map(breach).collect(),
        ended_breaches: overview.ended.iter().filter_map(ended).collect(),
        shared: overview.shared.iter().map(shared).collect(),
    };
    write_json(&json, out)
}

pub(super) fn target(target: &Target) -> TargetJson<'_> {
    TargetJson { repository: &target.repository, tag: &target.tag, platform: &target.platform }
}

fn half(half: &Half) -> HalfJson<'_> {
    let (state, counts) = match half.how {
        How::Open => ("open", None),
        How::Killed => ("killed", None),
        How::Incomplete { failed, left } => ("incomplete", Some((failed, left))),
    };
    let (failed, left) = counts.unzip();
    HalfJson { at: half.at.to_string(), name: &half.name, state, failed, left }
}

fn missed(missed: &Missed) -> MissedJson<'_> {
    MissedJson {
        pass: missed.pass.map(|time| time.to_string()),
        failure: missed.failure.as_ref().map(failed),
        whole: missed.whole,
    }
}

fn failed((at, message): &(Timestamp, String)) -> FailedJson<'_> {
    FailedJson { at: at.to_string(), message }
}

fn series(series: &Series, since: Option<Timestamp>) -> SeriesJson<'_> {
    let first = series.moments.first().map(|moment| point(moment, None));
    let later = series.changes().map(|(_, moment, change)| point(moment, Some(change)));
    let limits = series.limits.iter().map(|limit| LimitJson {
        name: &limit.name,
        measure: match limit.measure {
            Measure::Compressed => "compressed",
            Measure::Content => "content",
        },
        bytes: limit.bytes,
    });
    SeriesJson {
        target: target(&series.target),
        points: first.into_iter().chain(later).collect(),
        total: series.total().map(change),
        limits: limits.collect(),
        gone: series.gone().map(|time| time.to_string()),
        events: series.comings(since).iter().map(event).collect(),
        last_seen: series.last_seen.map(|time| time.to_string()),
        missed: series.missed.as_ref().map(missed),
        failed: series.failed.as_ref().map(failed),
        findings: series.findings.iter().map(finding).collect(),
    }
}

fn event(coming: &Coming) -> EventJson {
    let Coming { at, came, compressed } = *coming;
    EventJson { at: at.to_string(), event: came.as_str(), compressed }
}

fn point(moment: &Moment, since: Option<Change>) -> PointJson<'_> {
    PointJson {
        seen: moment.seen.to_string(),
        image: moment.image.to_string(),
        compressed: moment.compressed,
        content: moment.content,
        change: since.map(change),
        why: moment.why.as_ref().map(why),
    }
}

pub(super) fn why(why: &Why) -> WhyJson<'_> {
    let bytes = |change: compare::Change| ChangeJson {
        compressed: change.compressed,
        content: change.content,
    };
    let causes = why.reasons.iter().map(|Reason { cause, instruction }| CauseJson {
        kind: cause.kind.as_str(),
        text: cause.text.to_string(),
        instruction: instruction.as_deref(),
        change: bytes(cause.change),
    });
    WhyJson {
        causes: causes.collect(),
        others: why.others.map(|(count, change)| OthersJson { count, change: bytes(change) }),
        rest: bytes(why.rest),
    }
}

fn change(change: Change) -> ChangeJson {
    ChangeJson { compressed: change.compressed, content: change.content }
}

fn finding(life: &FindingLife) -> FindingJson<'_> {
    FindingJson {
        id: &life.id,
        rule: &life.rule,
        severity: life.severity,
        message: &life.message,
        content: life.content,
        opened: life.opened.map(|time| time.to_string()),
        closed: life.closed.map(|time| time.to_string()),
    }
}

fn breach(breach: &Exceeded) -> BreachJson<'_> {
    BreachJson {
        target: target(&breach.target),
        rule: &breach.rule,
        message: &breach.message,
        since: breach.since.to_string(),
        now: breach.now.as_ref().map(|now| FigureJson { unit: now.unit(), value: value(now) }),
    }
}

fn ended(exceeded: &Exceeded) -> Option<EndedJson<'_>> {
    let (until, how) = exceeded.until?;
    let breach = breach(exceeded);
    Some(EndedJson { breach, until: until.to_string(), ended: how.as_str() })
}

fn unlisted(unlisted: &Unlisted) -> UnlistedJson<'_> {
    UnlistedJson {
        repository: &unlisted.repository,
        last_seen: unlisted.last_seen.map(|time| time.to_string()),
        pass: unlisted.pass.map(|time| time.to_string()),
        failure: failed(&unlisted.failure),
    }
}

fn shared(shared: &Shared) -> SharedJson<'_> {
    let tags = shared.tags.iter().map(|tag| SharedTagJson {
        tags: &tag.tags,
        compressed: tag.compressed,
        unique: tag.unique,
    });
    SharedJson {
        repository: &shared.repository,
        platform: &shared.platform,
        once: shared.once,
        tags: tags.collect(),
    }
}
