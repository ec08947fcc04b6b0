//! Runs that are due, and who carries them out.
//!
//! A run is a target at a time at which it is due. Every process that watches the same targets
//! offers the same runs; the queue keeps one of each and hands it to one process. A target whose
//! last run has not ended gets no other, and of one registry no more than [`Limits::per_registry`]
//! runs go on at once, whoever carries them out. In memory ([`Memory`]) a queue is for one process;
//! in PostgreSQL ([`Postgres`]) for all that use the database, and what a process that died has
//! left is handed on.

mod memory;
#[cfg(feature = "postgres")]
mod postgres;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

pub use memory::Memory;
#[cfg(feature = "postgres")]
pub use postgres::Postgres;

use crate::history::Error;

/// A target at a time at which it is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The target's name.
    pub target: String,
    /// The registry that it is in, whose limit counts it.
    pub registry: String,
    /// When it is due, by its schedule.
    pub due: Timestamp,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// The run waits to be taken.
    Queued,
    /// The run was there already, or has been.
    Known,
    /// An earlier run of the target has not ended, so that this one is left out.
    Busy,
}

/// A run that this process carries out.
#[derive(Debug)]
pub struct Taken {
    /// The run.
    pub run: Run,
    /// By what the queue knows it.
    pub id: String,
    /// Completes once the run is another's, so that the work is to be given up.
    pub lost: oneshot::Receiver<()>,
}

/// How many runs go on at once, and how long the queue waits for those who carry them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The runs that go on at once in one registry, in all processes together; at least one.
    pub per_registry: u32,
    /// How often a process says that it lives; whole seconds.
    pub heartbeat: Duration,
    /// A process that has said nothing for so many heartbeats is dead.
    pub missed: u32,
    /// How often a process looks for runs.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (heartbeat, poll) = (Duration::from_secs(10), Duration::from_secs(1));
        Self { per_registry: 2, heartbeat, missed: 6, poll }
    }
}

/// Where runs wait for those who carry them out.
pub trait Queue {
    /// Puts a run into the queue, unless it was there before or its target is busy.
    fn offer(&self, run: &Run) -> impl Future<Output = Result<Offered, Error>>;

    /// Waits for a run that may begin; `None` once the queue is closed. A call that was begun has to
    /// be awaited, or a run may be lost until the process ends.
    fn take(&self) -> impl Future<Output = Result<Option<Taken>, Error>>;

    /// Says that a run has ended; `false` if it had become another's. `result` is kept with it, if
    /// the queue keeps runs.
    fn finish(&self, id: &str, result: &str) -> impl Future<Output = Result<bool, Error>>;

    /// Does once what the queue needs all the time, such as saying that this process lives, and
    /// waits until it is time to do it again.
    fn tend(&self) -> impl Future<Output = Result<(), Error>>;

    /// Hands out no more runs.
    fn close(&self);

    /// Gives back the runs that were taken and have not ended, for others to carry out.
    fn leave(&self) -> impl Future<Output = Result<(), Error>>;
}
