//! How many pulls of a registry's limit a run may still use.
//!
//! A manifest that is read counts as a pull, a HEAD and a blob do not. What is left is what the
//! registry reported, less what was asked for since; without a report there is no limit. Once the
//! registry has refused a request for its rate, no other is sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::registry::{Error, ErrorKind, RateLimit};

/// The pulls of one run.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    /// Pulls to leave; `None` to use them up.
    reserve: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    left: Option<u64>,
    taken: u64,
    is_refused: bool,
}

impl Pulls {
    /// Pulls of which so many are left alone.
    pub(super) fn with_reserve(reserve: u64) -> Self {
        Self { reserve: Some(reserve), ..Self::default() }
    }

    /// Takes a pull, if there is one, after what the registry has reported by now.
    pub(super) fn take(&self, reported: impl Fn() -> Option<RateLimit>) -> Result<(), Error> {
        self.check()?;
        let mut state = self.state();
        if let Some(reserve) = self.reserve
            && let Some(limit) = reported()
        {
            let left = state.left.map_or(limit.remaining, |left| left.min(limit.remaining));
            if left <= reserve {
                state.left = Some(left);
                return Err(spent(left, reserve, &limit));
            }
            state.left = Some(left - 1);
        }
        state.taken += 1;
        Ok(())
    }

    /// Whether so many pulls may be more than are left.
    pub(super) fn is_scarce(&self, wanted: usize, reported: Option<&RateLimit>) -> bool {
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        self.reserve
            .zip(reported)
            .is_some_and(|(reserve, limit)| limit.remaining.saturating_sub(reserve) < wanted)
    }

    /// Fails if the registry has refused a request for its rate.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.reserve.is_none() || !self.state().is_refused {
            return Ok(());
        }
        Err(Error::new(ErrorKind::RateLimited, "not asked for after the registry refused another")
            .hint("try again later: what was read is kept and not read again"))
    }

    /// Remembers that the registry has refused a request for its rate.
    pub(super) fn heed(&self, error: &Error) {
        if error.kind() == ErrorKind::RateLimited {
            self.state().is_refused = true;
        }
    }

    /// Pulls taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.state().taken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spent(left: u64, reserve: u64, limit: &RateLimit) -> Error {
    let text = format!(
        "not asked for: of {} pulls the registry leaves {left}, and {reserve} are kept in reserve",
        limit.limit
    );
    Error::new(ErrorKind::RateLimited, text).hint(
        "read them later, as what was read is kept; or log in, or allow more: --reserve NUMBER",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(remaining: u64) -> RateLimit {
        RateLimit { limit: 100, remaining, window_seconds: None, source: None }
    }

    /// Takes pulls after reports, and tells which were given.
    fn check(reserve: Option<u64>, reports: &[Option<u64>], expected: &[bool]) {
        let pulls = Pulls { reserve, ..Pulls::default() };
        let take = |report: &Option<u64>| pulls.take(|| report.map(limit)).is_ok();
        let taken: Vec<bool> = reports.iter().map(take).collect();
        assert_eq!(taken, expected, "{reserve:?} {reports:?}");
        assert_eq!(pulls.taken(), expected.iter().filter(|taken| **taken).count() as u64);
    }

    #[test]
    fn pulls_are_taken_until_the_reserve() {
        check(Some(2), &[Some(4), Some(4), Some(4), Some(4)], &[true, true, false, false]);
        check(Some(2), &[Some(100), Some(3), Some(9)], &[true, true, false]);
        check(Some(0), &[Some(1), Some(1)], &[true, false]);
        check(Some(5), &[None, None, Some(5)], &[true, true, false]);
        check(Some(u64::MAX), &[None, Some(u64::MAX)], &[true, false]);
        check(None, &[Some(0), Some(0)], &[true, true]);
    }

    #[test]
    fn pulls_are_scarce_only_where_they_are_counted() {
        let check = |reserve, remaining: Option<u64>, expected: bool| {
            let pulls = Pulls { reserve, ..Pulls::default() };
            let reported = remaining.map(limit);
            assert_eq!(
                pulls.is_scarce(10, reported.as_ref()),
                expected,
                "{reserve:?} {remaining:?}"
            );
        };
        check(Some(5), Some(15), false);
        check(Some(5), Some(14), true);
        check(Some(5), Some(0), true);
        check(Some(5), None, false);
        check(None, Some(0), false);
    }

    #[test]
    fn nothing_is_asked_after_a_refusal() {
        let refused = Error::new(ErrorKind::RateLimited, "429");
        let pulls = Pulls::with_reserve(0);
        pulls.heed(&Error::new(ErrorKind::NotFound, "404"));
        assert!(pulls.take(|| None).is_ok());
        pulls.heed(&refused);
        assert_eq!(pulls.take(|| None).unwrap_err().kind(), ErrorKind::RateLimited);
        let others = Pulls::default();
        others.heed(&refused);
        assert!(others.take(|| None).is_ok());
    }
}
