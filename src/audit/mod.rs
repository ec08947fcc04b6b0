//! Published tags watched on a schedule.

mod schedule;

pub use schedule::{LONGEST_SPREAD, Schedule, ScheduleError};
