//! When to try again: three budgets, a backoff with jitter, and a clock that tests can replace.
//!
//! A request may cost a number of attempts, a span of time and a number of repeated bytes; the
//! first budget to be used up ends it, and the error names which. A server's wish to wait is
//! granted if it fits the remaining time and ends the request at once if it does not: it is
//! neither slept past nor cut short.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::BoxFuture;

/// The time, and waiting for it to pass.
pub trait Timer: Send + Sync {
    /// The time on a clock that never goes back.
    fn now(&self) -> Instant;
    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
    /// Waits for the end of a span in which something else ought to happen first.
    fn limit(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep(duration)
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// What one request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts, the first included.
    pub attempts: u32,
    /// Time from the first attempt on.
    pub deadline: Duration,
    /// Bytes of answers that broke off and had to be asked for again.
    pub extra_bytes: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 5, deadline: Duration::from_mins(10), extra_bytes: 32 << 20 }
    }
}

/// Bytes of use that make good the failures before them.
const PROGRESS: u64 = 1 << 20;

/// No deadline is longer, so that times in it can be reckoned with.
const LONGEST_DEADLINE: Duration = Duration::from_hours(24 * 365);

/// Which budget was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhausted {
    Attempts,
    /// The wait that would have exceeded it, if the server asked for one.
    Deadline {
        asked: Option<Duration>,
    },
    ExtraBytes,
}

/// The budgets of one request while it is being tried.
pub(super) struct Budget {
    policy: RetryPolicy,
    started: Instant,
    attempts: u32,
    repeated: u64,
    /// Bytes of use since the last failure.
    progress: u64,
    backoff: backon::ExponentialBackoff,
}

impl Budget {
    pub(super) fn new(policy: RetryPolicy, now: Instant) -> Self {
        let deadline = policy.deadline.min(LONGEST_DEADLINE);
        let policy = RetryPolicy { deadline, ..policy };
        Self { policy, started: now, attempts: 1, repeated: 0, progress: 0, backoff: backoff() }
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// The time that is left of the deadline.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.policy.deadline.saturating_sub(self.elapsed(now))
    }

    /// Takes note of bytes that are of use. Enough of them make good the failures before: the
    /// attempts and the deadline count from now on.
    pub(super) fn progress(&mut self, bytes: u64, now: impl FnOnce() -> Instant) {
        self.progress = self.progress.saturating_add(bytes);
        if self.progress >= PROGRESS {
            self.progress = 0;
            self.attempts = 1;
            self.started = now();
            self.backoff = backoff();
        }
    }

    /// Leaves a span out of the deadline: one in which the server was not waited for.
    pub(super) fn exclude(&mut self, span: Duration) {
        self.started += span;
    }

    /// Spends one failed attempt that had delivered `received` bytes; says how long to wait.
    pub(super) fn spend(
        &mut self,
        received: u64,
        asked: Option<Duration>,
        now: Instant,
    ) -> Result<Duration, Exhausted> {
        self.progress = 0;
        self.repeated = self.repeated.saturating_add(received);
        if self.repeated > self.policy.extra_bytes {
            return Err(Exhausted::ExtraBytes);
        }
        if self.attempts >= self.policy.attempts {
            return Err(Exhausted::Attempts);
        }
        let own = self.backoff.next().unwrap_or(Duration::from_secs(30));
        let wait = asked.unwrap_or(own);
        if self.elapsed(now).saturating_add(wait) >= self.policy.deadline {
            return Err(Exhausted::Deadline { asked });
        }
        self.attempts += 1;
        Ok(wait)
    }
}

fn backoff() -> backon::ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(30))
        .with_factor(2.0)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(now: Instant) -> Budget {
        Budget::new(
            RetryPolicy { attempts: 3, deadline: Duration::from_mins(1), extra_bytes: 100 },
            now,
        )
    }

    #[test]
    fn each_budget_ends_the_request() {
        let now = Instant::now();
        let mut attempts = budget(now);
        assert!(attempts.spend(0, None, now).is_ok());
        assert!(attempts.spend(0, None, now).is_ok());
        assert_eq!(attempts.spend(0, None, now), Err(Exhausted::Attempts));

        let asked = Some(Duration::from_secs(999_999_999));
        assert_eq!(budget(now).spend(0, asked, now), Err(Exhausted::Deadline { asked }));
        let late = now + Duration::from_secs(61);
        assert_eq!(budget(now).spend(0, None, late), Err(Exhausted::Deadline { asked: None }));

        assert_eq!(budget(now).spend(101, None, now), Err(Exhausted::ExtraBytes));
    }

    #[test]
    fn a_mebibyte_of_use_makes_failures_good_and_less_does_not() {
        let check = |bytes: u64, expected: u32| {
            let now = Instant::now();
            let mut budget = budget(now);
            budget.spend(0, None, now).unwrap();
            budget.progress(bytes, || now);
            assert_eq!(budget.attempts(), expected, "{bytes}");
        };
        check(PROGRESS, 1);
        check(PROGRESS - 1, 2);
        let now = Instant::now();
        let mut pieces = budget(now);
        for _ in 0..2 {
            pieces.progress(PROGRESS - 1, || now);
            pieces.spend(0, None, now).unwrap();
        }
        pieces.progress(PROGRESS - 1, || now);
        assert_eq!(pieces.spend(0, None, now), Err(Exhausted::Attempts));
    }

    #[test]
    fn time_that_the_server_did_not_take_is_left_out() {
        let now = Instant::now();
        let mut budget = budget(now);
        let late = now + Duration::from_mins(2);
        budget.exclude(Duration::from_mins(2));
        assert_eq!(budget.left(late), Duration::from_mins(1));
    }

    #[test]
    fn a_servers_wish_replaces_the_backoff() {
        let now = Instant::now();
        assert_eq!(
            budget(now).spend(0, Some(Duration::from_secs(2)), now),
            Ok(Duration::from_secs(2))
        );
        let mut own = Budget::new(RetryPolicy { attempts: 9, ..RetryPolicy::default() }, now);
        for attempt in 0..8 {
            let wait = own.spend(0, None, now).unwrap();
            assert!(wait <= Duration::from_mins(1), "attempt {attempt} waits {wait:?}");
        }
    }
}
