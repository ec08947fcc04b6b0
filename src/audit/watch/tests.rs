//! Months of schedules in no time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use super::testing::VirtualClock;
use super::*;
use crate::audit::Schedule;
use crate::audit::queue::{Limits, Memory};

/// What is run, and for how long.
struct Rig {
    clock: VirtualClock,
    targets: Vec<Watched>,
    /// How long a run of each target takes.
    takes: Duration,
    grace: Duration,
    at_once: usize,
}

/// What happened.
#[derive(Debug, Default)]
struct Told {
    /// The times at which runs began, by target.
    began: BTreeMap<String, Vec<String>>,
    ended: usize,
    skipped: usize,
    given_up: usize,
    planned: Vec<(String, Option<String>)>,
    most_at_once: usize,
    end: Option<Ended>,
}

impl Rig {
    fn new(start: &str) -> Self {
        Self {
            clock: VirtualClock::new(start),
            targets: Vec::new(),
            takes: Duration::from_mins(1),
            grace: Duration::from_mins(5),
            at_once: 4,
        }
    }

    fn target(mut self, name: &str, cron: &str, zone: &str, last: Option<&str>) -> Self {
        let schedule = Schedule::new(cron, zone, Duration::ZERO).unwrap();
        let registry = name.split('/').next().unwrap().to_owned();
        let last = last.map(|last| last.parse().unwrap());
        self.targets.push(Watched { name: name.to_owned(), registry, schedule, last });
        self
    }

    /// Watches while `story` goes on; then asks to stop.
    fn tell(&self, story: impl AsyncFnOnce(&VirtualClock, &Stop)) -> Told {
        let told = RefCell::new(Told::default());
        let running = Cell::new(0_usize);
        let observe = |event: &Event<'_>| {
            let mut told = told.borrow_mut();
            match *event {
                Event::Planned { target, due } => {
                    told.planned.push((target.to_owned(), due.map(|due| due.to_string())));
                }
                Event::Skipped { .. } => told.skipped += 1,
                Event::Began { target, .. } => {
                    let now = self.clock.now().to_string();
                    told.began.entry(target.to_owned()).or_default().push(now);
                    running.set(running.get() + 1);
                    told.most_at_once = told.most_at_once.max(running.get());
                }
                Event::Ended { .. } => {
                    told.ended += 1;
                    running.set(running.get() - 1);
                }
                Event::GivenUp { .. } => told.given_up += 1,
                _ => {}
            }
        };
        let (queue, stop) = (Memory::new(Limits::default()), Stop::default());
        let work = async |_: &str| {
            self.clock.sleep(self.takes).await;
            Outcome::default()
        };
        let bounds = Bounds { at_once: self.at_once, grace: self.grace };
        let (targets, queue, clock) = (&self.targets, &queue, &self.clock);
        let watch = Watch { targets, queue, clock, work, observe, bounds };
        let story = async {
            story(clock, &stop).await;
            stop.ask();
        };
        let (end, ()) = self.clock.run(futures::future::join(watch.run(&stop), story));
        Told { end: Some(end), ..told.take() }
    }
}

async fn days(clock: &VirtualClock, days: u32) {
    clock.sleep(Duration::from_hours(24) * days).await;
}

#[test]
fn a_month_of_schedules_runs_each_time_once() {
    let rig = Rig::new("2026-11-01T00:00:00Z")
        .target("a/daily", "0 6 * * *", "UTC", None)
        .target("a/weekdays", "30 7 * * 1-5", "Europe/Paris", None)
        .target("b/hourly", "5 * * * *", "UTC", None);
    let told = rig.tell(async |clock, _| days(clock, 30).await);
    let counts: Vec<_> = told.began.values().map(Vec::len).collect();
    assert_eq!(counts, [30, 21, 24 * 30]);
    assert_eq!((told.skipped, told.given_up, told.end), (0, 0, Some(Ended::Whole)));
    assert_eq!(told.ended, counts.iter().sum::<usize>());
    assert_eq!(told.began["a/daily"][29], "2026-11-30T06:00:00Z");
    assert_eq!(told.began["a/weekdays"][0], "2026-11-02T06:30:00Z");
    // What is due next is said first of all, the earliest first.
    let first: Vec<_> = told.planned.iter().take(3).map(|(name, _)| name.as_str()).collect();
    assert_eq!(first, ["b/hourly", "a/daily", "a/weekdays"]);
}

#[test]
fn hours_that_clocks_skip_or_repeat_are_days_like_any_other() {
    let check = |start: &str, expected: &[&str]| {
        let rig = Rig::new(start).target("a/1", "30 2 * * *", "Europe/Paris", None);
        let told = rig.tell(async |clock, _| days(clock, 3).await);
        assert_eq!(told.began["a/1"], expected, "{start}");
    };
    check(
        "2026-03-28T00:00:00Z",
        &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    check(
        "2026-10-24T00:00:00Z",
        &["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
}

#[test]
fn a_target_that_still_runs_is_skipped_and_counted() {
    let mut rig = Rig::new("2026-11-01T00:30:00Z").target("a/1", "0 * * * *", "UTC", None);
    rig.takes = Duration::from_mins(150);
    let told = rig.tell(async |clock, _| clock.sleep(Duration::from_hours(8)).await);
    let began = ["2026-11-01T01:00:00Z", "2026-11-01T04:00:00Z", "2026-11-01T07:00:00Z"];
    assert_eq!(told.began["a/1"], began);
    assert_eq!(told.skipped, 5);
}

#[test]
fn missed_times_are_one_run() {
    let start = "2026-11-21T12:34:00Z";
    let check = |last: Option<&str>, expected: &[&str]| {
        let rig = Rig::new(start).target("a/1", "0 * * * *", "UTC", last);
        let told = rig.tell(async |clock, _| clock.sleep(Duration::from_hours(1)).await);
        assert_eq!(told.began["a/1"], expected, "{last:?}");
    };
    check(Some("2026-11-18T12:00:07Z"), &[start, "2026-11-21T13:00:00Z"]);
    check(Some("2026-11-21T12:00:07Z"), &["2026-11-21T13:00:00Z"]);
    check(None, &["2026-11-21T13:00:00Z"]);
    // A history from a clock that was ahead.
    check(Some("2031-01-01T00:00:00Z"), &["2026-11-21T13:00:00Z"]);
}

#[test]
fn clocks_that_jump_run_targets_neither_twice_nor_never() {
    let check = |jumps: &[&str], expected: &[&str]| {
        let rig = Rig::new("2026-11-21T05:30:00Z").target("a/1", "0 6 * * *", "UTC", None);
        let told = rig.tell(async |clock, _| {
            for jump in jumps {
                clock.sleep(Duration::from_mins(45)).await;
                clock.set(jump);
            }
            days(clock, 1).await;
        });
        let days: Vec<_> = told.began["a/1"].iter().map(|time| &time[..16]).collect();
        assert_eq!(days, expected, "{jumps:?}");
    };
    // Back over the time at which it ran; ahead over the next; the summer of another year.
    check(&["2026-11-21T05:50:00Z"], &["2026-11-21T06:00"]);
    check(&["2026-11-24T09:00:00Z"], &["2026-11-21T06:00", "2026-11-24T09:00", "2026-11-25T06:00"]);
    check(&["2031-01-01T00:00:00Z"], &["2026-11-21T06:00", "2031-01-01T00:00", "2031-01-01T06:00"]);
    // A clock that had been years ahead.
    let years = ["2031-01-01T00:00:00Z", "2026-11-21T08:00:00Z"];
    check(&years, &["2026-11-21T06:00", "2031-01-01T00:00", "2026-11-22T06:00"]);
    check(&["1970-01-01T00:00:00Z"], &["2026-11-21T06:00", "1970-01-01T06:00"]);
}

#[test]
fn no_more_runs_go_on_at_once_than_may() {
    let mut rig = Rig::new("2026-11-21T05:30:00Z");
    for name in ["a/1", "a/2", "a/3", "b/1", "b/2", "c/1", "c/2"] {
        rig = rig.target(name, "0 6 * * *", "UTC", None);
    }
    rig.at_once = 3;
    let told = rig.tell(async |clock, _| days(clock, 2).await);
    assert_eq!((told.most_at_once, told.ended, told.skipped), (3, 14, 0));
    rig.at_once = 100;
    // Two of each registry.
    let told = rig.tell(async |clock, _| days(clock, 2).await);
    assert_eq!((told.most_at_once, told.ended), (6, 14));
}

#[test]
fn a_stop_waits_for_what_runs_as_long_as_it_may() {
    let check = |asked_again: bool, grace: u64, takes: u64, expected: (Ended, usize, usize)| {
        let mut rig = Rig::new("2026-11-21T05:30:00Z")
            .target("a/1", "0 6 * * *", "UTC", None)
            .target("a/2", "0 6 * * *", "UTC", None)
            .target("a/3", "0 6 * * *", "UTC", None);
        rig.grace = Duration::from_mins(grace);
        rig.takes = Duration::from_mins(takes);
        let told = rig.tell(async |clock, stop| {
            clock.sleep(Duration::from_mins(31)).await;
            if asked_again {
                stop.ask();
            }
        });
        let waited = rig.clock.now().duration_since("2026-11-21T06:01:00Z".parse().unwrap());
        let minutes = usize::try_from(waited.as_mins()).unwrap();
        assert_eq!(
            (told.end.unwrap(), told.ended, minutes),
            expected,
            "{asked_again} {grace} {takes}"
        );
        // The third target had to wait for its registry, and is not begun any more.
        assert_eq!(told.began.len(), 2);
    };
    check(false, 5, 3, (Ended::Whole, 2, 2));
    check(false, 5, 30, (Ended::Cut(2), 0, 5));
    check(true, 5, 3, (Ended::Cut(2), 0, 0));
}
