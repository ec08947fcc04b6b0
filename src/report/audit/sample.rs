//! A month of an audit, for the tests of its reports.

use jiff::Timestamp;

use crate::audit::overview::{
    Ended, Exceeded, FindingLife, Half, How, Limit, Measure, Missed, Moment, Overview, Reason,
    Series, Unlisted, Why, shared,
};
use crate::check::Figure;
use crate::compare::{Cause, CauseKind, Change};
use crate::history::{Absence, Target};
use crate::oci::Digest;
use crate::rule::{Phrase, Piece, Severity};

pub(crate) fn time(day: u8) -> Timestamp {
    format!("2026-11-{day:02}T06:00:00Z").parse().expect("a day")
}

fn moment(day: u8, compressed: u64, content: u64) -> Moment {
    let content = (content > 0).then_some(content);
    let image = Digest::of(&compressed.to_be_bytes());
    Moment { seen: time(day), image, compressed, content, why: None }
}

/// A moment for which one cause is told; others and the rest make up so many compressed bytes.
fn because(moment: Moment, cause: Phrase, compressed: i128, others: i128, rest: i128) -> Moment {
    let change = |compressed| Change { compressed, content: None };
    let kind = CauseKind::Files;
    let cause = Cause { kind, text: cause, rows: Vec::new(), change: change(compressed) };
    let instruction = Some("RUN make all".to_owned());
    let reasons = vec![Reason { cause, instruction }];
    let others = (others != 0).then(|| (3, change(others)));
    Moment { why: Some(Why { reasons, others, rest: change(rest) }), ..moment }
}

fn step(number: usize) -> Phrase {
    Phrase::words("step ").count(number)
}

fn life(id: &str, content: u64, opened: Option<u8>, closed: Option<u8>) -> FindingLife {
    FindingLife {
        id: id.to_owned(),
        rule: "cache.apt".to_owned(),
        severity: Severity::Medium,
        message: format!("Step 4 keeps lists of packages ({id})"),
        content,
        opened: opened.map(time),
        closed: closed.map(time),
    }
}

fn target(tag: &str) -> Target {
    Target {
        repository: "registry.example/team/app".to_owned(),
        tag: tag.to_owned(),
        platform: "linux/amd64".to_owned(),
    }
}

fn grows() -> Series {
    Series {
        target: target("nightly"),
        moments: vec![
            moment(1, 412_000_000, 1_130_000_000),
            because(
                moment(4, 413_100_000, 1_133_000_000),
                step(5)
                    .and(" upgrades ")
                    .name("numpy")
                    .and(" from ")
                    .name("2.1")
                    .and(" to ")
                    .name("2.2"),
                1_100_000,
                0,
                0,
            ),
            because(
                moment(9, 455_800_000, 1_241_000_000),
                step(4).and(" adds ").name("gcc-12"),
                40_000_000,
                2_699_000,
                1_000,
            ),
            moment(12, 455_900_000, 1_241_200_000),
            because(
                moment(17, 521_000_000, 0),
                step(6).and(" adds ").name("/models/large.bin"),
                60_000_000,
                0,
                5_100_000,
            ),
            moment(18, 522_400_000, 1_430_000_000),
            moment(25, 498_000_000, 1_380_000_000),
        ],
        limits: vec![
            Limit { measure: Measure::Compressed, bytes: 500_000_000, name: "max".to_owned() },
            Limit {
                measure: Measure::Content,
                bytes: 9_000_000_000,
                name: "max-content".to_owned(),
            },
        ],
        findings: vec![life("a", 44_000_000, Some(9), None), life("b", 12_000_000, None, Some(25))],
        layers: vec![(Digest::of(b"base"), 30_000_000), (Digest::of(b"own"), 468_000_000)],
        ..Series::default()
    }
}

/// It is new, goes, comes back and is left.
fn comes() -> Series {
    Series {
        target: target("edge"),
        moments: vec![moment(10, 100_000_000, 0)],
        new: Some(time(10)),
        absences: vec![Absence { gone: time(12), back: Some(time(15)) }],
        last_seen: Some(time(27)),
        missed: Some(Missed { pass: Some(time(29)), failure: None, whole: false }),
        ..Series::default()
    }
}

fn ended(tag: &str, day: u8, how: Ended) -> Exceeded {
    Exceeded {
        target: target(tag),
        rule: "max".to_owned(),
        message: "compressed 300 MB is more than 295 MB".to_owned(),
        since: time(2),
        now: None,
        until: Some((time(day), how)),
    }
}

fn unlisted() -> Unlisted {
    Unlisted {
        repository: "registry.example/team/other".to_owned(),
        last_seen: Some(time(24)),
        pass: Some(time(29)),
        failure: (time(29), "auth: there is no such repository".to_owned()),
    }
}

/// A month: one tag grows and jumps over its budget, one shrinks, one never moves, one is gone,
/// and one comes and goes.
pub(crate) fn month() -> Overview {
    let grows = grows();
    let shrinks = Series {
        target: target("1.4"),
        moments: vec![moment(2, 300_000_000, 0), moment(20, 290_000_000, 0)],
        layers: vec![(Digest::of(b"base"), 30_000_000), (Digest::of(b"old"), 260_000_000)],
        ..Series::default()
    };
    let refused = Some((time(29), "network: the connection was refused".to_owned()));
    let still = Series {
        target: target("1.3"),
        moments: vec![moment(1, 280_000_000, 0)],
        failed: refused.clone(),
        last_seen: Some(time(22)),
        missed: Some(Missed { pass: Some(time(29)), failure: refused, whole: false }),
        ..Series::default()
    };
    let gone = Series {
        target: target("old"),
        moments: vec![moment(1, 5_000, 0), moment(3, 9_000, 0)],
        absences: vec![Absence { gone: time(5), back: None }],
        ..Series::default()
    };
    let series = vec![shrinks, still, grows, gone, comes()];
    Overview {
        since: Some(time(1)),
        until: time(30),
        breaches: vec![Exceeded {
            target: target("nightly"),
            rule: "max".to_owned(),
            message: "compressed 522.4 MB is more than 500 MB".to_owned(),
            since: time(17),
            now: Some(Figure::Bytes(498_000_000)),
            until: None,
        }],
        ended: vec![
            ended("1.4", 20, Ended::Kept),
            ended("old", 5, Ended::Gone),
            ended("edge", 27, Ended::Unwatched),
        ],
        last_pass: Some(time(29)),
        pruned: None,
        half: vec![
            Half { at: time(13), name: "audit run".to_owned(), how: How::Killed },
            Half {
                at: time(29),
                name: "audit run".to_owned(),
                how: How::Incomplete { failed: 1, left: 1 },
            },
        ],
        shared: shared(&series),
        series,
        unlisted: vec![unlisted()],
        head: Some("sha256:0011".to_owned()),
    }
}

/// The month with names that have broken somebody's report.
pub(crate) fn hostile() -> Overview {
    let mut overview = month();
    for (series, hostile) in
        overview.series.iter_mut().zip(crate::report::encode::HOSTILE.iter().cycle().skip(4))
    {
        series.target.tag = (*hostile).to_owned();
    }
    let everything = crate::report::encode::HOSTILE.join(" ");
    let Some(series) = overview.series.get_mut(2) else { return overview };
    series.target.repository.clone_from(&everything);
    series.limits.iter_mut().for_each(|limit| limit.name.clone_from(&everything));
    series.findings.iter_mut().for_each(|life| life.message.clone_from(&everything));
    let causes = series.moments.iter_mut().filter_map(|moment| moment.why.as_mut());
    causes.flat_map(|why| &mut why.reasons).for_each(|reason| {
        reason.instruction = Some(everything.clone());
        for piece in &mut reason.cause.text.0 {
            if let Piece::Name(name) = piece {
                name.clone_from(&everything);
            }
        }
    });
    overview
}
