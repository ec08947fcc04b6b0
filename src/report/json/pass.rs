//! `regsize.audit-run/1`: what a pass found out; `regsize.audit-config/1`: what is watched.
//!
//! `before` and `change` of an image that is new are `null`, and so is `gone` unless it was gone and
//! is back; `moved` and `gone` of the pass are `null` where the history could not be read; sizes are
//! bytes. `verdict` is `pass`, `warn`,
//! `unknown` or `fail`.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::audit::{TargetJson, WhyJson, target, why};
use crate::audit::Watchlist;
use crate::audit::pass::{Move, Sizes};
use crate::report::encode::write_json;
use crate::report::pass::{RunReport, due, tags};

#[derive(Serialize)]
struct RunJson<'a> {
    schema: &'static str,
    at: String,
    verdict: &'static str,
    history: &'a str,
    saved: bool,
    targets: usize,
    read: usize,
    same: usize,
    moved: Option<Vec<MoveJson<'a>>>,
    gone: Option<Vec<TargetJson<'a>>>,
    absent: Vec<TargetJson<'a>>,
    barren: Vec<BarrenJson<'a>>,
    budgets: Vec<BreachedJson<'a>>,
    failures: Vec<FailureJson<'a>>,
    left: Vec<LeftJson<'a>>,
    invalid: Vec<InvalidJson<'a>>,
    undelivered: Vec<UndeliveredJson<'a>>,
}

#[derive(Serialize)]
struct MoveJson<'a> {
    #[serde(flatten)]
    target: TargetJson<'a>,
    image: String,
    state: &'static str,
    gone: Option<String>,
    before: Option<SizesJson>,
    now: SizesJson,
    change: Option<i128>,
    why: Option<WhyJson<'a>>,
}

#[derive(Serialize)]
struct SizesJson {
    compressed: u64,
    content: Option<u64>,
}

#[derive(Serialize)]
struct BarrenJson<'a> {
    target: &'a str,
    platforms: Vec<String>,
}

#[derive(Serialize)]
struct BreachedJson<'a> {
    #[serde(flatten)]
    target: TargetJson<'a>,
    rule: &'a str,
    verdict: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct FailureJson<'a> {
    repository: &'a str,
    tag: Option<&'a str>,
    kind: &'static str,
    message: String,
}

#[derive(Serialize)]
struct LeftJson<'a> {
    repository: &'a str,
    tag: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct InvalidJson<'a> {
    repository: &'a str,
    names: usize,
}

#[derive(Serialize)]
struct UndeliveredJson<'a> {
    channel: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct WatchlistJson<'a> {
    schema: &'static str,
    targets: Vec<WatchedJson<'a>>,
}

#[derive(Serialize)]
struct WatchedJson<'a> {
    name: &'a str,
    repository: String,
    tags: Vec<String>,
    platforms: Vec<String>,
    depth: &'static str,
    due: Option<String>,
    notify: &'a [String],
}

/// Writes the report of a pass.
pub(in crate::report) fn write_pass_json(
    report: &RunReport<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let summary = report.summary;
    let budgets = summary.breached.iter().map(|breached| BreachedJson {
        target: target(&breached.subject),
        rule: &breached.rule,
        verdict: breached.verdict.as_str(),
        message: &breached.message,
    });
    let failures = summary.failures.iter().map(|failure| FailureJson {
        repository: &failure.repository,
        tag: failure.tag.as_deref(),
        kind: failure.error.kind().as_str(),
        message: failure.error.to_string(),
    });
    let left = summary.left.iter().map(|left| LeftJson {
        repository: &left.repository,
        tag: &left.tag,
        reason: &left.reason,
    });
    let barren = summary.barren.iter().map(|barren| BarrenJson {
        target: &barren.target,
        platforms: barren.platforms.iter().map(ToString::to_string).collect(),
    });
    let invalid = summary.invalid.iter();
    let undelivered = report.undelivered.iter();
    let json = RunJson {
        schema: "regsize.audit-run/1",
        at: summary.at.to_string(),
        verdict: summary.verdict().as_str(),
        history: report.place,
        saved: report.saved,
        targets: summary.counts.targets,
        read: summary.counts.read,
        same: summary.counts.same,
        moved: (!summary.is_blind).then(|| summary.moved.iter().map(moved).collect()),
        gone: (!summary.is_blind).then(|| summary.gone.iter().map(target).collect()),
        absent: summary.absent.iter().map(target).collect(),
        barren: barren.collect(),
        budgets: budgets.collect(),
        failures: failures.collect(),
        left: left.collect(),
        invalid: invalid
            .map(|(repository, names)| InvalidJson { repository, names: *names })
            .collect(),
        undelivered: undelivered
            .map(|it| UndeliveredJson { channel: &it.channel, reason: &it.reason })
            .collect(),
    };
    write_json(&json, out)
}

/// Writes what is watched.
pub(in crate::report) fn write_watchlist_json(
    watched: &Watchlist,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let targets = watched.targets.iter().map(|target| WatchedJson {
        name: &target.name,
        repository: target.repository_name(),
        tags: tags(target),
        platforms: target.platforms.iter().map(ToString::to_string).collect(),
        depth: target.depth.as_str(),
        due: due(target, now),
        notify: &target.notify,
    });
    let json = WatchlistJson { schema: "regsize.audit-config/1", targets: targets.collect() };
    write_json(&json, out)
}

fn moved(moved: &Move) -> MoveJson<'_> {
    MoveJson {
        target: target(&moved.subject),
        image: moved.image.to_string(),
        state: match (moved.before, moved.gone) {
            (None, _) => "new",
            (Some(_), Some(_)) => "back",
            (Some(_), None) => "changed",
        },
        gone: moved.gone.map(|gone| gone.to_string()),
        before: moved.before.map(sizes),
        now: sizes(moved.now),
        change: moved.growth(),
        why: moved.why.as_ref().map(why),
    }
}

fn sizes(sizes: Sizes) -> SizesJson {
    SizesJson { compressed: sizes.compressed, content: sizes.content }
}
