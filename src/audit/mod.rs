//! Published tags watched on a schedule: what is watched, when it is due, who runs it, a pass over
//! it, what a history says of it, and whom to tell.

mod growth;
mod limit;
pub mod notify;
pub mod overview;
pub mod pass;
pub mod queue;
mod schedule;
pub mod serve;
mod target;
pub mod watch;

pub use growth::{GrowthFrom, GrowthLimit, Window};
pub use limit::is_of_target;
pub use schedule::{LONGEST_SPREAD, Schedule, ScheduleError};
pub use target::{Address, Channel, Depth, StorePlace, Target, Watchlist};
