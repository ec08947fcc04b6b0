use super::*;
use crate::compare::testing::whole;
use crate::history::{Absence, Run, Timeline};

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
    follower.finish().0
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
    let contents: Vec<_> = follower.finish().0.moments.iter().map(|m| m.content).collect();
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
    let gone = Series { absences: vec![absence(9, None)], ..tag("0", 4, &[(7, 1000)]) };
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

fn passes(runs: &[(u8, &str, Option<bool>, &str)]) -> passes::Passes {
    let run = |(at, detail, ended, outcome): &(u8, &str, Option<bool>, &str)| Run {
        id: at.to_string(),
        started: time(*at),
        detail: (*detail).to_owned(),
        ended: ended.map(|is_killed| (time(*at), is_killed)),
        outcome: Some((*outcome).to_owned()),
    };
    passes::Passes::of(&runs.iter().map(run).collect::<Vec<Run>>())
}

const WHOLE: &str = "3 read, 4 same, 0 failed, 0 left";
const LEFT: &str = "3 read, 4 same, 0 failed, 2 left";

#[test]
fn passes_that_failed_left_or_were_killed_are_not_whole() {
    let found = passes(&[
        (1, "audit run: process 1 on a", Some(false), WHOLE),
        (2, "audit run: process 1 on a", Some(false), LEFT),
        (3, "audit run: process 1 on a", Some(true), "found by process 9"),
        (4, "audit watch r/a: process 1 on a", Some(false), "0 read, 0 same, 1 failed, 0 left"),
        (5, "audit watch r/b: process 1 on a", None, ""),
    ]);
    let half: Vec<_> = found.half().into_iter().map(|half| (half.name, half.how)).collect();
    let expected = [
        ("audit run", How::Incomplete { failed: 0, left: 2 }),
        ("audit run", How::Killed),
        ("audit watch r/a", How::Incomplete { failed: 1, left: 0 }),
        ("audit watch r/b", How::Open),
    ];
    assert_eq!(half, expected.map(|(name, how)| (name.to_owned(), how)));
    assert_eq!(found.last(), Some(time(5)));
}

fn timeline(tag: &str, seen: Option<u8>, failed: Option<u8>) -> Timeline {
    Timeline {
        absences: Vec::new(),
        target: Target { repository: "r/a".into(), tag: tag.into(), ..Target::default() },
        points: Vec::new(),
        more: false,
        last_seen: seen.map(time),
        failure: failed.map(|at| (time(at), "network".to_owned(), "refused".to_owned())),
    }
}

/// What is said of the first of some timelines: the pass and the failure that are told.
fn missed(
    runs: &[(u8, &str, Option<bool>, &str)],
    of: &[Timeline],
) -> Option<(Option<u8>, Option<u8>)> {
    let looks = passes::Looks::of("r/a", of, &passes(runs));
    let mut series = Series {
        target: of[0].target.clone(),
        last_seen: of[0].last_seen,
        failed: passes::failure(&of[0]),
        ..Series::default()
    };
    looks.tell(&mut series);
    let day = |at: Timestamp| (1..30).find(|day| time(*day) == at);
    series
        .missed
        .map(|missed| (missed.pass.and_then(day), missed.failure.and_then(|(at, _)| day(at))))
}

#[test]
fn figures_are_old_if_a_later_pass_did_not_see_them() {
    let run = |at, outcome| (at, "audit run: process 1 on a", Some(false), outcome);
    let (whole, half) = (run(5, WHOLE), run(7, LEFT));
    let seen = |day| timeline("1", Some(day), None);
    let check = |runs: &[_], of: &[Timeline], expected| {
        assert_eq!(missed(runs, of), expected, "{of:?}");
    };
    check(&[whole], &[seen(5)], None);
    // A whole pass that looked at nothing of the repository was about others.
    check(&[whole], &[seen(4)], None);
    check(&[whole], &[seen(4), timeline("2", Some(5), None)], Some((Some(5), None)));
    // What is recorded by hand later is no pass.
    check(&[whole], &[seen(5), timeline("2", Some(6), None)], None);
    check(&[whole, half], &[seen(5)], Some((Some(7), None)));
    check(&[whole, half], &[seen(7)], None);
    check(&[half], &[timeline("1", Some(5), Some(7))], Some((Some(7), Some(7))));
    check(&[], &[timeline("1", Some(5), Some(6))], Some((None, Some(6))));
    check(&[], &[seen(5), timeline("", None, Some(6))], Some((None, Some(6))));
    let other = (9, "audit watch r/b: process 1 on a", Some(true), "");
    check(&[whole, other], &[seen(5)], None);
    let same = (9, "audit watch r/a: process 1 on a", Some(true), "");
    check(&[whole, same], &[seen(5)], Some((Some(9), None)));
    check(&[whole, (9, "audit run: a", None, "")], &[seen(5)], None);
}

#[test]
fn targets_are_new_that_came_after_others() {
    let absences = [absence(2, Some(3)), absence(8, Some(12)), absence(20, None)];
    let known = || [("a", 1), ("b", 15)].map(|(tag, day)| (tag_alone(tag).target, Some(time(day))));
    let events = |tag: &str, since: u8, pruned: Option<u8>| -> Vec<(Timestamp, &str)> {
        let known = known().into_iter().collect();
        let firsts = presence::Firsts::new(known, Some(time(1)), pruned.map(time));
        let mut series = tag_alone(tag);
        series.new = firsts.new_since(&series.target, Some(time(since)));
        series.absences = if tag == "a" { absences.to_vec() } else { Vec::new() };
        let comings = series.comings(Some(time(since)));
        comings.into_iter().map(|coming| (coming.at, coming.came.as_str())).collect()
    };
    assert_eq!(events("a", 10, None), [(time(12), "back"), (time(20), "gone")]);
    assert_eq!(events("a", 1, None)[..2], [(time(2), "gone"), (time(3), "back")]);
    assert_eq!(events("b", 10, None), [(time(15), "new")]);
    assert_eq!(events("b", 16, None), []);
    assert_eq!(events("b", 10, Some(18)), []);
}

fn absence(gone: u8, back: Option<u8>) -> Absence {
    Absence { gone: time(gone), back: back.map(time) }
}

fn tag_alone(name: &str) -> Series {
    Series { target: Target { tag: name.into(), ..Target::default() }, ..Series::default() }
}
