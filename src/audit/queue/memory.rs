//! A queue for one process.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::{Limits, Offered, Queue, Run, Taken};
use crate::history::Error;

/// Runs of one process, gone with it. What is due twice is not told from what is due once: the
/// scheduler offers each time once.
#[derive(Debug)]
pub struct Memory {
    per_registry: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Run>,
    /// Runs that were taken, by the targets, each with what would tell that it is lost.
    running: HashMap<String, (Run, oneshot::Sender<()>)>,
    closed: bool,
}

impl Memory {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        let per_registry = usize::try_from(limits.per_registry.max(1)).unwrap_or(usize::MAX);
        Self { per_registry, state: Mutex::default(), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first run whose registry has room; `None` if there is none.
    fn next(&self) -> Option<Taken> {
        let mut state = self.state();
        let has_room = |run: &Run| {
            let running = state.running.values();
            running.filter(|(other, _)| other.registry == run.registry).count() < self.per_registry
        };
        let at = state.waiting.iter().position(has_room)?;
        let run = state.waiting.remove(at)?;
        let (sender, lost) = oneshot::channel();
        state.running.insert(run.target.clone(), (run.clone(), sender));
        Some(Taken { id: run.target.clone(), run, lost })
    }
}

impl Queue for Memory {
    async fn offer(&self, run: &Run) -> Result<Offered, Error> {
        let mut state = self.state();
        let waits = state.waiting.iter().any(|other| other.target == run.target);
        if waits || state.running.contains_key(&run.target) {
            return Ok(Offered::Busy);
        }
        state.waiting.push_back(run.clone());
        self.changed.notify_one();
        Ok(Offered::Queued)
    }

    async fn take(&self) -> Result<Option<Taken>, Error> {
        loop {
            if self.state().closed {
                return Ok(None);
            }
            if let Some(taken) = self.next() {
                return Ok(Some(taken));
            }
            self.changed.notified().await;
        }
    }

    async fn finish(&self, id: &str, _result: &str) -> Result<bool, Error> {
        let was_running = self.state().running.remove(id).is_some();
        self.changed.notify_one();
        Ok(was_running)
    }

    async fn tend(&self) -> Result<(), Error> {
        pending().await
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    async fn leave(&self) -> Result<(), Error> {
        *self.state() = State { closed: true, ..State::default() };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use jiff::Timestamp;

    use super::*;

    fn run(target: &str) -> Run {
        let (registry, _) = target.split_once('/').unwrap();
        let registry = registry.to_owned();
        Run { target: target.to_owned(), registry, due: Timestamp::UNIX_EPOCH }
    }

    /// The target that is handed out now.
    fn take(queue: &Memory) -> Option<Taken> {
        queue.take().now_or_never().and_then(|taken| taken.unwrap())
    }

    #[test]
    fn a_target_is_handed_out_once_until_it_has_ended() {
        let queue = Memory::new(Limits::default());
        let offer = |target: &str| queue.offer(&run(target)).now_or_never().unwrap().unwrap();
        assert_eq!(offer("a/1"), Offered::Queued);
        assert_eq!(offer("a/1"), Offered::Busy, "while it waits");
        let taken = take(&queue).unwrap();
        assert_eq!(taken.run, run("a/1"));
        assert_eq!(offer("a/1"), Offered::Busy, "while it runs");
        assert!(take(&queue).is_none());
        assert!(queue.finish(&taken.id, "").now_or_never().unwrap().unwrap());
        assert_eq!(offer("a/1"), Offered::Queued);
    }

    #[test]
    fn a_full_registry_holds_up_its_own_targets_alone() {
        let queue = Memory::new(Limits { per_registry: 2, ..Limits::default() });
        for target in ["a/1", "a/2", "a/3", "b/1"] {
            queue.offer(&run(target)).now_or_never().unwrap().unwrap();
        }
        let taken: Vec<_> = std::iter::from_fn(|| take(&queue)).collect();
        let targets: Vec<_> = taken.iter().map(|taken| taken.run.target.as_str()).collect();
        assert_eq!(targets, ["a/1", "a/2", "b/1"]);
        queue.finish("a/2", "").now_or_never().unwrap().unwrap();
        assert_eq!(take(&queue).unwrap().run.target, "a/3");
    }

    #[test]
    fn a_closed_queue_hands_out_nothing_and_wakes_who_waits() {
        let queue = Memory::new(Limits::default());
        let mut waiting = Box::pin(queue.take());
        assert!(waiting.as_mut().now_or_never().is_none());
        queue.offer(&run("a/1")).now_or_never().unwrap().unwrap();
        queue.close();
        assert!(waiting.now_or_never().unwrap().unwrap().is_none());
    }
}
