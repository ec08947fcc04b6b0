//! Published tags watched on a schedule.

pub mod overview;
mod schedule;

pub use schedule::{LONGEST_SPREAD, Schedule, ScheduleError};
