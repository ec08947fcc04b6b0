//! How many large zstd windows a run holds at a time.

use std::sync::{Condvar, Mutex, PoisonError};

/// Larger windows need a permit.
pub(in crate::layer) const FREE: u64 = 8 << 20;
const PERMITS: usize = 2;

/// Permits for zstd windows above 8 MiB, of which there are two at a time.
///
/// One is shared by all layers of a run. A layer that needs a permit waits for it on its thread,
/// and keeps it until it is read to its end.
#[derive(Debug, Default)]
pub(in crate::layer) struct Windows {
    taken: Mutex<usize>,
    returned: Condvar,
}

/// A permit, given back when dropped.
pub(in crate::layer) struct Permit<'a>(&'a Windows);

impl Windows {
    /// Waits for a permit if a window of so many bytes needs one.
    pub(in crate::layer) fn acquire_for(&self, window: u64) -> Option<Permit<'_>> {
        (window > FREE).then(|| self.acquire())
    }

    /// Waits for a permit.
    fn acquire(&self) -> Permit<'_> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = self
            .returned
            .wait_while(taken, |taken| *taken >= PERMITS)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_third_window_waits_for_one_of_the_first_two() {
        let windows = Windows::default();
        let (first, second) = (windows.acquire(), windows.acquire());
        assert_eq!(*windows.taken.lock().unwrap(), PERMITS);
        let (got, waits) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _third = windows.acquire();
                got.send(*windows.taken.lock().unwrap()).unwrap();
            });
            assert!(waits.try_recv().is_err());
            drop(first);
            assert_eq!(waits.recv().unwrap(), PERMITS);
        });
        drop(second);
        assert_eq!(*windows.taken.lock().unwrap(), 0);
    }
}
