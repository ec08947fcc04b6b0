//! How long a store may keep a run waiting before it is left alone.
//!
//! Time counts as lost when an answer takes longer than one of its length should, and wholly when
//! there is no use in it. What is lost altogether has a bound, and so have failures in a row.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a run may lose to the store altogether.
const BUDGET: Duration = Duration::from_secs(10);
/// How long a single answer may be late.
const LATE: Duration = Duration::from_secs(5);
/// An answer of no length is in time until then.
const IN_TIME: Duration = Duration::from_millis(500);
/// Bytes per second that are in time.
const RATE: u64 = 4 << 20;
/// Failures in a row after which the store is left alone.
const FAILURES: u32 = 3;

/// What is left of it.
#[derive(Debug, Default)]
pub(super) struct Patience {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    lost: Duration,
}

/// What a request led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many bytes that are of use, or the word that there is nothing.
    Good(u64),
    /// Bytes that cannot be used.
    Useless,
    /// An error, or nothing in time.
    Failed,
}

impl Patience {
    /// Whether the store may be asked.
    pub(super) fn is_left(&self) -> bool {
        self.state().is_left()
    }

    /// How long an answer of so many bytes is waited for.
    pub(super) fn limit(&self, bytes: u64) -> Duration {
        let left = BUDGET.saturating_sub(self.state().lost);
        in_time(bytes).saturating_add(left.min(LATE))
    }

    /// Counts what a request took.
    pub(super) fn count(&self, answer: Answer, took: Duration) {
        let mut state = self.state();
        let lost = match answer {
            Answer::Good(bytes) => {
                // Once it is over, an answer that was under way changes nothing.
                state.failures = if state.is_left() { 0 } else { state.failures };
                took.saturating_sub(in_time(bytes))
            }
            Answer::Useless => took,
            Answer::Failed => {
                state.failures = state.failures.saturating_add(1);
                took
            }
        };
        state.lost = state.lost.saturating_add(lost);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_left(&self) -> bool {
        self.failures < FAILURES && self.lost < BUDGET
    }
}

fn in_time(bytes: u64) -> Duration {
    IN_TIME.saturating_add(Duration::from_millis(bytes.saturating_mul(1000) / RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &[(Answer, u64)], left: bool) {
        let patience = Patience::default();
        for (answer, milliseconds) in answers {
            patience.count(*answer, Duration::from_millis(*milliseconds));
        }
        assert_eq!(patience.is_left(), left, "{answers:?}");
    }

    #[test]
    fn it_ends_by_failures_in_a_row_or_time_lost() {
        use Answer::{Failed, Good, Useless};
        check(&[], true);
        check(&[(Failed, 1), (Failed, 1)], true);
        check(&[(Failed, 1), (Failed, 1), (Failed, 1)], false);
        check(&[(Failed, 1), (Failed, 1), (Good(0), 1), (Failed, 1)], true);
        check(&[(Failed, 1), (Failed, 1), (Failed, 1), (Good(0), 1)], false);
        check(&[(Useless, 1); 100], true);
        check(&[(Useless, 5000), (Useless, 5000)], false);
        check(&[(Failed, 5000), (Failed, 5000)], false);
        check(&[(Good(0), 400); 100], true);
        check(&[(Good(0), 5500), (Good(0), 5500)], false);
        check(&[(Good(40 << 20), 10_000); 100], true);
        check(&[(Good(4 << 20), 10_000), (Good(4 << 20), 10_000)], false);
    }

    #[test]
    fn the_longest_wait_shrinks_with_what_was_lost() {
        let patience = Patience::default();
        assert_eq!(patience.limit(0), IN_TIME + LATE);
        assert_eq!(patience.limit(8 << 20), IN_TIME + Duration::from_secs(2) + LATE);
        patience.count(Answer::Failed, Duration::from_secs(8));
        assert_eq!(patience.limit(0), IN_TIME + Duration::from_secs(2));
        patience.count(Answer::Failed, Duration::from_secs(8));
        assert_eq!(patience.limit(0), IN_TIME);
    }
}
