use super::*;
use crate::compare::testing::whole;

fn time(day: u8) -> Timestamp {
    format!("2026-11-{day:02}T06:00:00Z").parse().expect("a day")
}

fn moment(day: u8, compressed: u64) -> Moment {
    let image = Digest::of(&[day]);
    Moment { seen: time(day), image, compressed, content: None, why: None }
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

fn follow(points: &[(u8, Option<&str>)]) -> Series {
    let mut follower = Follower::new(Target::default(), Vec::new());
    for (day, image) in points {
        follower.observe(moment(*day, u64::from(*day)), image.map(whole));
    }
    follower.finish()
}

#[test]
fn moments_have_the_causes_of_what_is_known() {
    let points = [(1, Some(CLEAN)), (2, Some(WASTEFUL)), (3, None), (4, Some(CLEAN))];
    let series = follow(&points);
    let known: Vec<bool> = series.moments.iter().map(|moment| moment.why.is_some()).collect();
    assert_eq!(known, [false, true, false, false]);
    let why = series.moments[1].why.as_ref().expect("causes");
    let contents = why.reasons.iter().map(|reason| reason.cause.change.content);
    let sum = contents.chain([why.rest.content]).try_fold(0, |sum, part| Some(sum + part?));
    assert_eq!(sum, Some(37_000_000), "{why:?}");
    assert_eq!(series.moments[1].content, Some(41_000_000));
    let is_update = |reason: &Reason| reason.instruction.as_deref() == Some("RUN apt-get update");
    assert!(why.reasons.iter().any(is_update), "{why:?}");
}

#[test]
fn the_same_image_is_one_moment() {
    let mut follower = Follower::new(Target::default(), Vec::new());
    let first = moment(1, 10);
    let image = first.image.clone();
    assert!(!follower.sees_again(&image, None));
    follower.observe(first, None);
    assert!(follower.sees_again(&image, None));
    assert!(follower.sees_again(&image, Some(7)));
    assert!(follower.sees_again(&image, Some(8)));
    assert!(!follower.sees_again(&moment(2, 10).image, Some(9)));
    let contents: Vec<_> = follower.finish().moments.iter().map(|m| m.content).collect();
    assert_eq!(contents, [Some(7)]);
}

#[test]
fn findings_open_and_close() {
    let points = [(1, Some(CLEAN)), (2, Some(WASTEFUL)), (3, Some(WASTEFUL)), (5, Some(CLEAN))];
    let lives = |points: &[(u8, Option<&str>)]| -> Vec<_> {
        let findings = follow(points).findings.into_iter();
        findings.map(|life| (life.opened, life.closed, life.content > 0)).collect()
    };
    let check = |lives: Vec<(Option<Timestamp>, Option<Timestamp>, bool)>, expected| {
        assert!(lives.contains(&expected), "{lives:?}");
    };
    check(lives(&points), (Some(time(2)), Some(time(5)), true));
    check(lives(&points[..3]), (Some(time(2)), None, true));
    check(lives(&points[1..3]), (None, None, true));
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
        target: Target { tag: name.into(), ..Target::default() },
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
        found[0].tags.iter().map(|row| (row.tags.join(" "), row.compressed, row.unique)).collect();
    assert_eq!(rows, [("2 latest".to_owned(), 17, 7), ("1".to_owned(), 15, 5)]);
    assert_eq!(shared(&series[..1]), []);
}

#[test]
fn movers_are_sorted_by_the_whole_difference() {
    let series = |name: &str, sizes: &[u64]| Series {
        target: Target { tag: name.into(), ..Target::default() },
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
        .map(|(series, change)| (series.target.tag.clone(), change.compressed))
        .collect();
    let expected = [("down", -45), ("up", 10), ("back", 0)];
    assert_eq!(movers, expected.map(|(tag, change)| (tag.to_owned(), change)));
}
