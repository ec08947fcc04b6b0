//! When each target is due next.
//!
//! A time that was missed is due at once, and many that were missed are one. A clock that jumps
//! ahead makes targets due, each once. One that jumps back leaves what is planned alone, so that
//! nothing runs twice; only if it goes back by more than a day, the plan is made anew, as the times
//! in it may be years away.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::Schedule;
use super::super::queue::Run;

/// The wall clock is looked at so often, as it may jump.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// A clock that goes back by more was wrong before.
const WRONG: SignedDuration = SignedDuration::from_hours(24);

/// A target and its schedule.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The target's name, which no other has.
    pub name: String,
    /// The registry that it is in.
    pub registry: String,
    /// When it is due.
    pub schedule: Schedule,
    /// When it last ran, as the history has it.
    pub last: Option<Timestamp>,
}

/// When each target is due next.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    entries: Vec<Entry<'a>>,
    seen: Timestamp,
}

#[derive(Debug)]
struct Entry<'a> {
    target: &'a Watched,
    due: Option<Timestamp>,
}

impl<'a> Plan<'a> {
    /// What is due from `now` on, and what was due since each target last ran.
    pub(super) fn new(targets: &'a [Watched], now: Timestamp) -> Self {
        let entry = |target: &'a Watched| {
            let since = target.last.map_or(now, |last| last.min(now));
            Entry { target, due: target.schedule.next(&target.name, since) }
        };
        Self { entries: targets.iter().map(entry).collect(), seen: now }
    }

    /// The targets with the times at which they are due, the next one first.
    pub(super) fn times(&self) -> Vec<(&'a str, Option<Timestamp>)> {
        let times = self.entries.iter().map(|entry| (entry.target.name.as_str(), entry.due));
        let mut times: Vec<_> = times.collect();
        times.sort_by_key(|(name, due)| (due.is_none(), *due, *name));
        times
    }

    /// What is due at `now`, the earliest first.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Run> {
        if self.seen.duration_since(now) > WRONG {
            for entry in &mut self.entries {
                entry.due = entry.target.schedule.next(&entry.target.name, now);
            }
        }
        self.seen = now;
        let due = self.entries.iter().filter_map(|entry| {
            let due = entry.due.filter(|due| *due <= now)?;
            let Watched { name, registry, .. } = entry.target;
            Some(Run { target: name.clone(), registry: registry.clone(), due })
        });
        let mut due: Vec<_> = due.collect();
        due.sort_by(|a, b| (a.due, &a.target).cmp(&(b.due, &b.target)));
        due
    }

    /// Notes that a run was offered; tells when its target is due next.
    pub(super) fn offered(&mut self, run: &Run, now: Timestamp) -> Option<Timestamp> {
        let entry = self.entries.iter_mut().find(|entry| entry.target.name == run.target)?;
        entry.due = entry.target.schedule.next(&run.target, run.due.max(now));
        entry.due
    }

    /// How long to sleep at `now`.
    pub(super) fn pause(&self, now: Timestamp) -> Duration {
        let next = self.entries.iter().filter_map(|entry| entry.due).min();
        let pause = next.map_or(LONGEST_SLEEP, |next| {
            Duration::try_from(next.duration_since(now)).unwrap_or(Duration::ZERO)
        });
        pause.min(LONGEST_SLEEP)
    }
}
