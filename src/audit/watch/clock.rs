//! What time it is, and how time passes.

use std::time::Duration;

use jiff::Timestamp;

/// A clock on the wall, which may jump, and the passing of time, which does not.
pub trait Clock {
    /// What the clock on the wall says.
    fn now(&self) -> Timestamp;

    /// Waits so long, whatever the clock on the wall does meanwhile.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(time)
    }
}
