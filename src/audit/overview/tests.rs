use super::*;
use crate::analysis::AnalysisOptions;
use crate::analysis::testing;
use crate::snapshot::Snapshot;

fn time(day: u8) -> Timestamp {
    format!("2026-11-{day:02}T06:00:00Z").parse().expect("a day")
}

fn moment(day: u8, compressed: u64) -> Moment {
    let image = Digest::of(&[day]);
    Moment { seen: time(day), image, compressed, content: None, causes: Vec::new() }
}

fn snapshot(text: &str) -> Snapshot {
    let (inspection, found) = testing::analysed(text, &AnalysisOptions::default());
    Snapshot::of_analysis(&inspection, &inspection.images[0], &found)
}

const CLEAN: &str = "
base: ADD rootfs /
  bin/sh 1_000_000
RUN build
  opt/tool 3_000_000
";

const WASTEFUL: &str = "
base: ADD rootfs /
  bin/sh 1_000_000
RUN apt-get update
  var/lib/apt/lists/deb_main_Packages 40_000_000
";

fn follow(points: &[(u8, Option<&str>)], since: Option<u8>) -> Series {
    let mut follower = Follower::new(Subject::default(), Vec::new());
    for (day, image) in points {
        let explain = |a: &Snapshot, b: &Snapshot| {
            vec![format!("{} to {} layers", a.layers.len(), b.layers.len())]
        };
        follower.observe(moment(*day, u64::from(*day)), image.map(snapshot), explain);
    }
    follower.finish(since.map(time))
}

#[test]
fn moments_have_the_causes_of_what_is_known() {
    let points = [(1, Some(CLEAN)), (2, Some(WASTEFUL)), (3, None), (4, Some(CLEAN))];
    let causes: Vec<usize> =
        follow(&points, None).moments.iter().map(|moment| moment.causes.len()).collect();
    assert_eq!(causes, [0, 1, 0, 0]);
}

#[test]
fn findings_open_and_close() {
    let points = [(1, Some(CLEAN)), (2, Some(WASTEFUL)), (3, Some(WASTEFUL)), (5, Some(CLEAN))];
    let lives = |points: &[(u8, Option<&str>)], since| -> Vec<_> {
        let findings = follow(points, since).findings.into_iter();
        findings.map(|life| (life.opened, life.closed, life.content > 0)).collect()
    };
    let check = |lives: Vec<(Option<Timestamp>, Option<Timestamp>, bool)>, expected| {
        assert!(lives.contains(&expected), "{lives:?}");
    };
    check(lives(&points, None), (Some(time(2)), Some(time(5)), true));
    check(lives(&points[..3], None), (Some(time(2)), None, true));
    check(lives(&points[1..3], None), (None, None, true));
    assert!(!lives(&points, Some(6)).iter().any(|(_, closed, _)| closed.is_some()));
}

#[test]
fn a_time_begins_with_what_was_there() {
    let points: Vec<(u8, Option<&str>)> = (1..6).map(|day| (day, None)).collect();
    let days = |since| -> Vec<u64> {
        follow(&points, since).moments.iter().map(|moment| moment.compressed).collect()
    };
    assert_eq!(days(None), [1, 2, 3, 4, 5]);
    assert_eq!(days(Some(4)), [3, 4, 5]);
    assert_eq!(days(Some(9)), [5]);
    assert_eq!(days(Some(1)), [1, 2, 3, 4, 5]);
}

#[test]
fn jumps_are_a_percent_or_more() {
    let check = |before, after, expected| {
        assert_eq!(moment(2, after).since(&moment(1, before)).is_jump(), expected);
    };
    check(1000, 1010, true);
    check(1000, 990, true);
    check(1000, 1009, false);
    check(1000, 1000, false);
    check(0, 0, false);
    check(0, 1, true);
    check(u64::MAX, 0, true);
}

fn tag(name: &str, image: u8, layers: &[(u8, u64)]) -> Series {
    Series {
        subject: Subject { tag: name.into(), ..Subject::default() },
        moments: vec![moment(image, 0)],
        layers: layers.iter().map(|(id, bytes)| (Digest::of(&[*id]), *bytes)).collect(),
        ..Series::default()
    }
}

#[test]
fn layers_are_shared_by_images_and_not_by_names() {
    let gone = Series { gone: Some(time(9)), ..tag("0", 4, &[(7, 1000)]) };
    let series = [
        tag("1", 1, &[(1, 10), (2, 5), (2, 5)]),
        tag("2", 2, &[(1, 10), (3, 7)]),
        tag("latest", 2, &[(1, 10), (3, 7)]),
        gone,
    ];
    let found = shared(&series);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].once, 22);
    let rows: Vec<_> =
        found[0].tags.iter().map(|row| (row.tag.as_str(), row.compressed, row.unique)).collect();
    assert_eq!(rows, [("2", 17, 7), ("latest", 17, 7), ("1", 15, 5)]);
    assert_eq!(shared(&series[..1]), []);
}

#[test]
fn movers_are_sorted_by_the_whole_difference() {
    let series = |name: &str, sizes: &[u64]| Series {
        subject: Subject { tag: name.into(), ..Subject::default() },
        moments: (1..).zip(sizes).map(|(day, size)| moment(day, *size)).collect(),
        ..Series::default()
    };
    let overview = Overview {
        series: vec![
            series("up", &[10, 90, 20]),
            series("same", &[10]),
            series("down", &[50, 5]),
            series("back", &[5, 50, 5]),
        ],
        ..Overview::default()
    };
    let movers: Vec<_> = overview
        .movers()
        .iter()
        .map(|(series, change)| (series.subject.tag.clone(), change.compressed))
        .collect();
    let expected = [("down", -45), ("up", 10), ("back", 0)];
    assert_eq!(movers, expected.map(|(tag, change)| (tag.to_owned(), change)));
}
