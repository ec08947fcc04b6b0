//! When targets are due: cron expressions in a time zone.
//!
//! Expressions have five fields. What is due in the hour that clocks skip in spring is due at its
//! end, and what is due in the hour that they repeat in autumn is due in it once. A target is late
//! by a time that its name decides, so that many targets of one expression do not start at once.
//! Refused: seconds and years, zones that nobody knows, and expressions that never come due.
//! Nothing here knows what time it is.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use twox_hash::XxHash3_64;

/// The longest delay by which targets are spread.
pub const LONGEST_SPREAD: Duration = Duration::from_hours(24);

/// A moment from which an expression without years has to come due within a leap-year cycle.
const ANY_TIME: Timestamp = Timestamp::constant(1_704_067_200, 0);

/// When targets are due.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    spread: Duration,
}

/// What is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not an expression.
    #[error("{text:?} is no cron expression of five fields such as \"0 6 * * 1-5\": {reason}")]
    Expression {
        /// What was given.
        text: String,
        /// Why not.
        reason: String,
    },
    /// An expression for days that do not exist.
    #[error("{text:?} never comes due")]
    Never {
        /// What was given.
        text: String,
    },
    /// Not a zone.
    #[error("{text:?} is no time zone such as \"Europe/Paris\" or \"UTC\"")]
    Zone {
        /// What was given.
        text: String,
    },
    /// A spread that is longer than a day.
    #[error("targets cannot be spread over more than 24 hours")]
    Spread,
}

impl Schedule {
    /// Reads an expression for a zone; targets are spread over `spread` after each time.
    pub fn new(text: &str, zone: &str, spread: Duration) -> Result<Self, ScheduleError> {
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| ScheduleError::Expression {
            text: text.to_owned(),
            reason: error.to_string(),
        })?;
        let zone =
            TimeZone::get(zone).map_err(|_| ScheduleError::Zone { text: zone.to_owned() })?;
        if spread > LONGEST_SPREAD {
            return Err(ScheduleError::Spread);
        }
        let schedule = Self { cron, zone, spread };
        match schedule.occurrence(ANY_TIME) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never { text: text.to_owned() }),
        }
    }

    /// When the target of this name is due next after `now`; `None` at the end of time.
    pub fn next(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        let delay = self.delay(name);
        let on_time = self.occurrence(now.checked_sub(delay).ok()?)?;
        on_time.checked_add(delay).ok()
    }

    fn occurrence(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(self.zone.clone());
        Some(self.cron.find_next_occurrence(&after, false).ok()?.timestamp())
    }

    /// How late the target is, in whole seconds.
    fn delay(&self, name: &str) -> SignedDuration {
        let hash = XxHash3_64::oneshot(name.as_bytes());
        let seconds = hash.checked_rem(self.spread.as_secs()).unwrap_or(0);
        SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str, zone: &str) -> Schedule {
        Schedule::new(text, zone, Duration::ZERO).expect(text)
    }

    /// The times that are due after `from`.
    fn check(text: &str, zone: &str, from: &str, expected: &[&str]) {
        let schedule = schedule(text, zone);
        let mut now: Timestamp = from.parse().expect(from);
        for expected in expected {
            now = schedule.next("any", now).expect(expected);
            assert_eq!(now.to_string(), *expected, "{text} in {zone} after {from}");
        }
    }

    #[test]
    fn expressions_come_due_in_their_zone() {
        check("0 6 * * *", "UTC", "2026-11-21T06:00:00Z", &["2026-11-22T06:00:00Z"]);
        check("0 6 * * *", "UTC", "2026-11-21T05:59:59Z", &["2026-11-21T06:00:00Z"]);
        check("0 6 * * *", "Asia/Kolkata", "2026-11-21T00:00:00Z", &["2026-11-21T00:30:00Z"]);
        let weekdays = ["2026-11-23T03:15:00Z", "2026-11-24T03:15:00Z"];
        check("15 3 * * 1-5", "UTC", "2026-11-21T00:00:00Z", &weekdays);
        check("@daily", "UTC", "2026-11-21T00:00:00Z", &["2026-11-22T00:00:00Z"]);
        check("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z"]);
        check("*/20 * * * *", "UTC", "2026-12-31T23:50:00Z", &["2027-01-01T00:00:00Z"]);
    }

    #[test]
    fn an_hour_that_clocks_skip_is_made_up_for() {
        // Paris goes from 02:00 to 03:00 on 29 March 2026.
        let days = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
        check("30 2 * * *", "Europe/Paris", "2026-03-28T00:00:00Z", &days);
    }

    #[test]
    fn an_hour_that_clocks_repeat_counts_once() {
        // Paris goes from 03:00 back to 02:00 on 25 October 2026.
        let days = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        check("30 2 * * *", "Europe/Paris", "2026-10-24T00:00:00Z", &days);
        // What is due every hour is due in both.
        let hours = ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"];
        check("0 * * * *", "Europe/Paris", "2026-10-24T23:30:00Z", &hours);
    }

    #[test]
    fn names_spread_targets_the_same_way_every_time() {
        let spread = Duration::from_mins(10);
        let schedule = Schedule::new("0 6 * * *", "UTC", spread).expect("a schedule");
        let start: Timestamp = "2026-11-21T05:00:00Z".parse().expect("a time");
        let six: Timestamp = "2026-11-21T06:00:00Z".parse().expect("a time");
        let mut delays = Vec::new();
        for name in ["debian", "alpine", "docker.io/library/python", "d"] {
            let first = schedule.next(name, start).expect("a time");
            let delay = first.duration_since(six);
            assert!(!delay.is_negative() && delay < SignedDuration::from_mins(10), "{name}");
            // Once each day, although the delay ends after the time itself.
            let second = schedule.next(name, first).expect("a time");
            assert_eq!(second.duration_since(first), SignedDuration::from_hours(24), "{name}");
            delays.push(delay);
        }
        delays.sort_unstable();
        delays.dedup();
        assert_eq!(delays.len(), 4);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let refused = |text, zone, spread| {
            Schedule::new(text, zone, spread).expect_err("a refusal").to_string()
        };
        let check = |text, zone, expected: &str| {
            let message = refused(text, zone, Duration::ZERO);
            assert!(message.contains(expected), "{text}: {message}");
        };
        check("", "UTC", "no cron expression");
        check("0 6 * *", "UTC", "no cron expression");
        check("0 0 6 * * *", "UTC", "no cron expression");
        check("61 6 * * *", "UTC", "no cron expression");
        check("*/0 * * * *", "UTC", "no cron expression");
        check("0 0 31 2 *", "UTC", "never comes due");
        check("0 6 * * *", "Europe/Atlantis", "no time zone");
        assert!(refused("0 6 * * *", "UTC", Duration::from_hours(25)).contains("24 hours"));
    }

    #[test]
    fn the_end_of_time_is_not_due() {
        assert_eq!(schedule("0 6 * * *", "UTC").next("any", Timestamp::MAX), None);
    }

    #[test]
    fn zones_are_known_without_files_of_the_system() {
        let bundled = jiff::tz::TimeZoneDatabase::bundled();
        assert!(bundled.get("Europe/Paris").is_ok());
    }
}
