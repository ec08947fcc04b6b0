//! What the layers of a run take of this machine's memory, together.
//!
//! The ceilings of [`super::Limits`] are each of one layer, but a run has many and reads several at
//! a time. So what is kept of layers (rows, names, contents) and what reading them takes for a
//! while (tables of contents, large zstd windows) is counted before there is much of it. Rows and
//! names count with what merging the layers and listing them makes of each. A run whose layers
//! exceed the ceiling is refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::decode::Windows;
use super::{Error, ErrorKind, Limits};
use crate::size::Units;

/// The memory of one run. Clones are of one run.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    used: AtomicUsize,
    windows: Windows,
    turn: Mutex<()>,
}

/// Bytes of a run's memory, given back when dropped. The default is of no run and counts nothing,
/// and so does a clone; all are equal.
#[derive(Debug, Default)]
pub struct Hold {
    memory: Option<Memory>,
    bytes: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Limits::default().memory)
    }
}

impl Memory {
    /// Memory of which `limit` bytes may be held at a time.
    pub fn new(limit: usize) -> Self {
        let (windows, turn) = (Windows::default(), Mutex::default());
        Self(Arc::new(Shared { limit, used: AtomicUsize::new(0), windows, turn }))
    }

    /// No bytes yet.
    pub fn hold(&self) -> Hold {
        Hold { memory: Some(self.clone()), bytes: 0 }
    }

    /// Bytes that are held now.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Waits until nobody else does what is counted only when it is done.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Permits for large zstd windows.
    pub(super) fn windows(&self) -> &Windows {
        &self.0.windows
    }
}

impl Hold {
    /// Holds so many bytes more, or none if there are not as many left.
    pub fn add(&mut self, bytes: usize) -> Result<(), Error> {
        let Some(Memory(shared)) = &self.memory else { return Ok(()) };
        let limit = shared.limit;
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        if shared.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            let limit = Units::Decimal.format(limit as u128);
            return Err(Error::new(
                ErrorKind::Memory,
                format!("the layers take more than {limit} of memory together"),
            ));
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back so many of the bytes held.
    pub fn give_back(&mut self, bytes: usize) {
        let Some(Memory(shared)) = &self.memory else { return };
        let bytes = bytes.min(self.bytes);
        shared.used.fetch_sub(bytes, Ordering::Relaxed);
        self.bytes -= bytes;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Hold {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Hold {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_held_up_to_the_limit_and_given_back() {
        let memory = Memory::new(100);
        let (mut first, mut second) = (memory.hold(), memory.hold());
        first.add(60).unwrap();
        second.add(40).unwrap();
        for bytes in [1, 61, usize::MAX] {
            let error = second.add(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Memory);
            assert!(error.to_string().contains("more than 100 B of memory"), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("--limit memory=SIZE")));
        }
        assert_eq!((memory.used(), second.bytes), (100, 40));
        first.give_back(10);
        second.add(10).unwrap();
        first.give_back(1000);
        assert_eq!((memory.used(), first.bytes), (50, 0));
        drop(second.clone());
        assert_eq!(memory.used(), 50);
        drop(second);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn what_is_of_no_run_counts_nothing() {
        let mut hold = Hold::default();
        hold.add(usize::MAX).unwrap();
        hold.add(usize::MAX).unwrap();
        assert_eq!(hold.bytes, 0);
    }
}
