//! The loop that runs targets when they are due.
//!
//! ```text
//!   schedules ── due ──▶ offer ──▶ queue ──▶ take ──▶ work ──▶ finish
//!                                    ▲                  │
//!                              other processes    lost, or stopped
//! ```
//!
//! The loop knows neither what the work is nor what time it is: both come from outside. It takes no
//! new work once it is asked to stop, and waits for what runs as long as it may.

mod clock;
mod event;
mod plan;
mod status;
mod stop;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt as _};

pub use clock::{Clock, SystemClock};
pub use event::{Event, Image, Outcome};
use plan::Plan;
pub use plan::Watched;
pub use status::{Health, Status, TargetStatus};
pub use stop::Stop;

use super::queue::{Offered, Queue, Run, Taken};
use crate::check::Verdict;
use crate::history::Error;

/// How long a queue is left alone that could not be used.
const RETRY: Duration = Duration::from_secs(5);

/// What a loop may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The runs that go on at once in this process; at least one.
    pub at_once: usize,
    /// How long runs that go on are waited for when the loop is asked to stop.
    pub grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { at_once: 4, grace: Duration::from_secs(25) }
    }
}

/// How a loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All that ran was done.
    Whole,
    /// So many runs were given up.
    Cut(usize),
}

/// What a loop works with.
pub struct Watch<'a, Q, C, W, O> {
    /// The targets, each name once.
    pub targets: &'a [Watched],
    /// Where runs wait.
    pub queue: &'a Q,
    /// What time it is.
    pub clock: &'a C,
    /// What is done with the target of a name.
    pub work: W,
    /// Who looks on.
    pub observe: O,
    /// What the loop may use.
    pub bounds: Bounds,
}

impl<Q, C, W, O> Watch<'_, Q, C, W, O>
where
    Q: Queue,
    C: Clock,
    W: AsyncFn(&str) -> Outcome,
    O: Fn(&Event<'_>),
{
    /// Runs targets when they are due until it is asked to stop.
    pub async fn run(&self, stop: &Stop) -> Ended {
        let mut scheduling = pin!(self.schedule());
        let mut tending = pin!(self.tend());
        let mut running = FuturesUnordered::new();
        let mut taking = None;
        // What the queue is in the middle of is never left waiting here: all of it is in one place.
        loop {
            let has_room = running.len() < self.bounds.at_once.max(1);
            if taking.is_none() && has_room {
                taking = Some(Box::pin(self.take()));
            }
            tokio::select! {
                biased;
                () = stop.asked() => break,
                Some(()) = running.next() => {}
                taken = next(&mut taking) => {
                    taking = None;
                    running.extend(taken.map(|taken| self.carry_out(taken)));
                }
                () = &mut tending => {}
                () = &mut scheduling => {}
            }
        }
        self.queue.close();
        (self.observe)(&Event::Stopping { running: running.len() });
        let mut grace = pin!(self.clock.sleep(self.bounds.grace));
        while taking.is_some() || !running.is_empty() {
            tokio::select! {
                biased;
                () = stop.asked_again() => return Ended::Cut(running.len()),
                Some(()) = running.next() => {}
                // What was taken as the loop was asked to stop is given back below.
                _ = next(&mut taking) => taking = None,
                () = &mut tending => {}
                () = &mut grace => break,
            }
        }
        let cut = running.len();
        drop(running);
        self.leave(stop).await;
        if cut == 0 { Ended::Whole } else { Ended::Cut(cut) }
    }

    /// Offers what is due, for ever.
    async fn schedule(&self) {
        let mut plan = Plan::new(self.targets, self.clock.now());
        for (target, due) in plan.times() {
            (self.observe)(&Event::Planned { target, due });
        }
        loop {
            let pause = match self.offer(&mut plan).await {
                Ok(()) => plan.pause(self.clock.now()),
                Err(error) => self.trouble(&error),
            };
            self.clock.sleep(pause).await;
        }
    }

    /// Offers what is due now.
    async fn offer(&self, plan: &mut Plan<'_>) -> Result<(), Error> {
        let now = self.clock.now();
        (self.observe)(&Event::Alive);
        for run in plan.due(now) {
            let (target, due) = (run.target.as_str(), run.due);
            let offered = self.queue.offer(&run).await?;
            (self.observe)(&Event::Alive);
            if offered == Offered::Busy {
                (self.observe)(&Event::Skipped { target, due });
            }
            let due = plan.offered(&run, now);
            (self.observe)(&Event::Planned { target, due });
        }
        Ok(())
    }

    /// Waits for the next run; `None` if the queue is closed or could not tell.
    async fn take(&self) -> Option<Taken> {
        match self.queue.take().await {
            Ok(taken) => taken,
            Err(error) => {
                let pause = self.trouble(&error);
                self.clock.sleep(pause).await;
                None
            }
        }
    }

    /// Does the work of a run, and says that it has ended.
    async fn carry_out(&self, taken: Taken) {
        let Taken { run: Run { target, due, .. }, id, lost } = taken;
        let (target, due) = (target.as_str(), due);
        (self.observe)(&Event::Began { target, due });
        let work = pin!((self.work)(target));
        let Either::Left((outcome, _)) = select(work, lost).await else {
            return (self.observe)(&Event::GivenUp { target });
        };
        let finished = self.queue.finish(&id, word(outcome.verdict)).await;
        if let Err(error) = finished {
            self.trouble(&error);
        }
        (self.observe)(&Event::Ended { target, due, outcome: &outcome });
    }

    /// Does what the queue needs, for ever.
    async fn tend(&self) {
        loop {
            match self.queue.tend().await {
                Ok(()) => (self.observe)(&Event::Answered),
                Err(error) => {
                    let pause = self.trouble(&error);
                    self.clock.sleep(pause).await;
                }
            }
        }
    }

    /// Gives back what has not ended, if the queue answers in time.
    async fn leave(&self, stop: &Stop) {
        tokio::select! {
            biased;
            () = stop.asked_again() => {}
            left = self.queue.leave() => {
                if let Err(error) = left {
                    self.trouble(&error);
                }
            }
            () = self.clock.sleep(RETRY) => {}
        }
    }

    /// Tells of an error; tells how long to leave the queue alone.
    fn trouble(&self, error: &Error) -> Duration {
        (self.observe)(&Event::Trouble { error });
        RETRY
    }
}

/// Waits for what there is to wait for.
async fn next<F: Future + Unpin>(waiting: &mut Option<F>) -> F::Output {
    match waiting {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// A verdict in one word, as queues and metrics have it.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "fail",
    }
}
