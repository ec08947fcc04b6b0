//! Published tags watched on a schedule: when they are due, what a history says of them, and whom
//! to tell.

pub mod notify;
pub mod overview;
mod schedule;

pub use schedule::{LONGEST_SPREAD, Schedule, ScheduleError};
