//! A month of an audit, for the tests of its reports.

use jiff::Timestamp;

use crate::audit::overview::{
    Exceeded, FindingLife, Limit, Measure, Moment, Overview, Series, Subject, shared,
};
use crate::oci::Digest;

pub(crate) fn time(day: u8) -> Timestamp {
    format!("2026-11-{day:02}T06:00:00Z").parse().expect("a day")
}

fn moment(day: u8, compressed: u64, content: u64, cause: &str) -> Moment {
    let causes = if cause.is_empty() { Vec::new() } else { vec![cause.to_owned()] };
    let content = (content > 0).then_some(content);
    let image = Digest::of(&compressed.to_be_bytes());
    Moment { seen: time(day), image, compressed, content, causes }
}

fn life(id: &str, content: u64, opened: Option<u8>, closed: Option<u8>) -> FindingLife {
    FindingLife {
        id: id.to_owned(),
        rule: "cache.apt".to_owned(),
        message: format!("Step 4 keeps lists of packages ({id})"),
        content,
        opened: opened.map(time),
        closed: closed.map(time),
    }
}

fn subject(tag: &str) -> Subject {
    Subject {
        repository: "registry.example/team/app".to_owned(),
        tag: tag.to_owned(),
        platform: "linux/amd64".to_owned(),
    }
}

/// A month: one tag grows and jumps over its budget, one shrinks, one never moves, one is gone.
pub(crate) fn month() -> Overview {
    let grows = Series {
        subject: subject("nightly"),
        moments: vec![
            moment(1, 412_000_000, 1_130_000_000, ""),
            moment(
                4,
                413_100_000,
                1_133_000_000,
                "step 5 `RUN pip install -r requirements.txt`: +1.1 MB, numpy 2.1 to 2.2",
            ),
            moment(
                9,
                455_800_000,
                1_241_000_000,
                "step 4 `RUN apt-get install -y build-essential`: +42.7 MB, new package gcc-12",
            ),
            moment(12, 455_900_000, 1_241_200_000, ""),
            moment(
                17,
                521_000_000,
                0,
                "step 6 `COPY models /models`: +65.1 MB, new /models/large.bin",
            ),
            moment(18, 522_400_000, 1_430_000_000, "step 6 `COPY models /models`: +1.4 MB"),
            moment(25, 498_000_000, 1_380_000_000, "base image 12.7 to 12.8: -24.4 MB"),
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
    };
    let shrinks = Series {
        subject: subject("1.4"),
        moments: vec![moment(2, 300_000_000, 0, ""), moment(20, 290_000_000, 0, "")],
        layers: vec![(Digest::of(b"base"), 30_000_000), (Digest::of(b"old"), 260_000_000)],
        ..Series::default()
    };
    let still = Series {
        subject: subject("1.3"),
        moments: vec![moment(1, 280_000_000, 0, "")],
        failed: Some((time(29), "network: the connection was refused".to_owned())),
        ..Series::default()
    };
    let gone = Series {
        subject: subject("old"),
        moments: vec![moment(1, 5_000, 0, ""), moment(3, 9_000, 0, "")],
        gone: Some(time(5)),
        ..Series::default()
    };
    let series = vec![shrinks, still, grows, gone];
    Overview {
        since: Some(time(1)),
        until: time(30),
        breaches: vec![Exceeded {
            subject: subject("nightly"),
            rule: "max".to_owned(),
            message: "compressed 522.4 MB is more than 500 MB".to_owned(),
            since: time(17),
        }],
        shared: shared(&series),
        series,
        head: Some("sha256:0011".to_owned()),
    }
}

/// The month with names that have broken somebody's report.
pub(crate) fn hostile() -> Overview {
    let mut overview = month();
    for (series, hostile) in
        overview.series.iter_mut().zip(crate::report::encode::HOSTILE.iter().cycle().skip(4))
    {
        series.subject.tag = (*hostile).to_owned();
    }
    let everything = crate::report::encode::HOSTILE.join(" ");
    let Some(series) = overview.series.get_mut(2) else { return overview };
    series.subject.repository.clone_from(&everything);
    series.limits.iter_mut().for_each(|limit| limit.name.clone_from(&everything));
    series.findings.iter_mut().for_each(|life| life.message.clone_from(&everything));
    series.moments.iter_mut().for_each(|moment| moment.causes = vec![everything.clone()]);
    overview
}
