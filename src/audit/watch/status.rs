//! How a loop is doing, for those who ask from outside.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::event::{Event, Image, Outcome};
use crate::check::Verdict;

/// A loop that has not gone round for so long hangs.
const HANGS: Duration = Duration::from_mins(5);

/// What a loop told, gathered.
#[derive(Debug)]
pub struct Status {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    targets: BTreeMap<String, TargetStatus>,
    alive: Instant,
    planned: bool,
    answers: bool,
    stopping: bool,
}

/// How a target is doing, as far as this process knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetStatus {
    /// When it is due next.
    pub due: Option<Timestamp>,
    /// Whether a run goes on here.
    pub running: bool,
    /// What came of the last run here; before it, what was known of the target.
    pub outcome: Option<Outcome>,
    /// When the last run here ended.
    pub ended: Option<Timestamp>,
    /// When the last run ended here that found out all it was to find out.
    pub succeeded: Option<Timestamp>,
    /// The runs that ended here, by verdict.
    pub runs: BTreeMap<Verdict, u64>,
    /// The times that were left out, since an earlier run had not ended.
    pub skipped: u64,
    /// The runs that were given up here.
    pub given_up: u64,
}

/// Whether a loop is doing well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The loop goes round.
    pub alive: bool,
    /// Why no work would be taken now; `None` if it would.
    pub unready: Option<&'static str>,
}

impl Default for Status {
    fn default() -> Self {
        let state = State {
            targets: BTreeMap::new(),
            alive: Instant::now(),
            planned: false,
            answers: true,
            stopping: false,
        };
        Self { state: Mutex::new(state) }
    }
}

impl Status {
    /// Notes what was known of a target before the loop began: when it last ran, and its images and
    /// breaches, whatever the verdict.
    pub fn begin(&self, target: &str, succeeded: Option<Timestamp>, known: Outcome) {
        let outcome = Some(known);
        let known = TargetStatus { outcome, succeeded, ..TargetStatus::default() };
        self.state().targets.insert(target.to_owned(), known);
    }

    /// Notes that the loop waits for what it needs before it can begin.
    pub fn waits(&self) {
        self.state().alive = Instant::now();
    }

    /// Notes what happened at `now`.
    pub fn note(&self, event: &Event<'_>, now: Timestamp) {
        self.state().note(event, now);
    }

    /// The targets by name.
    pub fn targets(&self) -> BTreeMap<String, TargetStatus> {
        self.state().targets.clone()
    }

    /// Whether the loop is doing well.
    pub fn health(&self) -> Health {
        let state = self.state();
        let alive = state.alive.elapsed() < HANGS;
        let unready = match &*state {
            _ if !alive => Some("the loop hangs"),
            State { stopping: true, .. } => Some("the loop is ending"),
            State { planned: false, .. } => Some("the loop has not begun"),
            State { answers: false, .. } => Some("the queue cannot be used"),
            _ => None,
        };
        Health { alive, unready }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, event: &Event<'_>, now: Timestamp) {
        match *event {
            Event::Alive => {
                self.alive = Instant::now();
                self.planned = true;
            }
            Event::Planned { target, due } => self.target(target).due = due,
            Event::Skipped { target, .. } => {
                let skipped = &mut self.target(target).skipped;
                *skipped = skipped.saturating_add(1);
            }
            Event::Began { target, .. } => {
                self.answers = true;
                self.target(target).running = true;
            }
            Event::Ended { target, outcome, .. } => self.target(target).ended(outcome, now),
            Event::GivenUp { target } => {
                let target = self.target(target);
                target.running = false;
                target.given_up = target.given_up.saturating_add(1);
            }
            Event::Answered => self.answers = true,
            Event::Trouble { .. } => self.answers = false,
            Event::Stopping { .. } => self.stopping = true,
        }
    }

    fn target(&mut self, name: &str) -> &mut TargetStatus {
        self.targets.entry(name.to_owned()).or_default()
    }
}

impl TargetStatus {
    fn ended(&mut self, outcome: &Outcome, now: Timestamp) {
        self.running = false;
        self.ended = Some(now);
        if outcome.verdict != Verdict::Unknown {
            self.succeeded = Some(now);
        }
        let runs = self.runs.entry(outcome.verdict).or_default();
        *runs = runs.saturating_add(1);
        // What a run could not find out, the one before it knew.
        let known = self.outcome.take().filter(|_| outcome.images.is_empty());
        let images: Vec<Image> = known.map_or_else(|| outcome.images.clone(), |old| old.images);
        self.outcome = Some(Outcome { images, ..outcome.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_run_keeps_the_images_and_the_time_of_the_last_that_succeeded() {
        let status = Status::default();
        let image = Image {
            tag: "1".to_owned(),
            platform: "linux/amd64".to_owned(),
            compressed: Some(1),
            content: None,
        };
        let good =
            Outcome { verdict: Verdict::Warn, images: vec![image.clone()], breaches: Some(1) };
        let bad = Outcome { verdict: Verdict::Unknown, ..Outcome::default() };
        let (first, second) = (Timestamp::UNIX_EPOCH, Timestamp::constant(60, 0));
        for (outcome, now) in [(&good, first), (&bad, second)] {
            status.note(&Event::Ended { target: "a", due: now, outcome }, now);
        }
        let target = status.targets().remove("a").unwrap();
        assert_eq!((target.succeeded, target.ended), (Some(first), Some(second)));
        assert_eq!(target.runs, BTreeMap::from([(Verdict::Warn, 1), (Verdict::Unknown, 1)]));
        let outcome = target.outcome.unwrap();
        assert_eq!((outcome.verdict, outcome.images), (Verdict::Unknown, vec![image]));
    }

    #[test]
    fn a_loop_is_ready_while_it_goes_round_and_its_queue_answers() {
        let status = Status::default();
        let now = Timestamp::UNIX_EPOCH;
        let check = |event: Event<'_>, expected: Option<&'static str>| {
            status.note(&event, now);
            assert_eq!(status.health(), Health { alive: true, unready: expected }, "{event:?}");
        };
        check(Event::Planned { target: "a", due: None }, Some("the loop has not begun"));
        check(Event::Alive, None);
        let error = crate::history::Error::Place { reason: "gone".to_owned() };
        check(Event::Trouble { error: &error }, Some("the queue cannot be used"));
        check(Event::Answered, None);
        check(Event::Stopping { running: 1 }, Some("the loop is ending"));
    }
}
