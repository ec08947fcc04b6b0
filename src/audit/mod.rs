//! Published tags watched on a schedule: when they are due, who runs them, what a history says of
//! them, and whom to tell.

pub mod notify;
pub mod overview;
pub mod queue;
mod schedule;
pub mod serve;
pub mod watch;

pub use schedule::{LONGEST_SPREAD, Schedule, ScheduleError};
