//! Time that passes when nothing else happens.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::Timestamp;

use super::Clock;

/// A clock whose time passes in no time.
#[derive(Clone, Debug)]
pub(super) struct VirtualClock {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// What the clock said at the start, and how far it was set since.
    wall: Cell<Timestamp>,
    passed: Cell<Duration>,
    sleepers: RefCell<Vec<(Duration, Waker)>>,
}

impl VirtualClock {
    pub(super) fn new(start: &str) -> Self {
        let wall = Cell::new(start.parse().unwrap());
        let inner = Inner { wall, passed: Cell::default(), sleepers: RefCell::default() };
        Self { inner: Rc::new(inner) }
    }

    /// Sets the clock on the wall.
    pub(super) fn set(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        self.inner.wall.set(time - self.inner.passed.get());
    }

    /// Runs a future to its end; time passes when it waits for nothing else.
    pub(super) fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            while woken.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return output;
                }
            }
            self.pass();
        }
    }

    /// Lets time pass until the first sleeper wakes.
    fn pass(&self) {
        let mut sleepers = self.inner.sleepers.borrow_mut();
        let next = sleepers.iter().map(|(end, _)| *end).min().expect("nothing would ever happen");
        self.inner.passed.set(next.max(self.inner.passed.get()));
        sleepers.retain(|(end, waker)| {
            let sleeps = *end > next;
            if !sleeps {
                waker.wake_by_ref();
            }
            sleeps
        });
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.inner.wall.get() + self.inner.passed.get()
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        Sleep { clock: self.clone(), end: self.inner.passed.get() + time }
    }
}

struct Sleep {
    clock: VirtualClock,
    end: Duration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let inner = &self.clock.inner;
        if inner.passed.get() >= self.end {
            return Poll::Ready(());
        }
        let mut sleepers = inner.sleepers.borrow_mut();
        let is_there =
            |(end, waker): &(Duration, Waker)| *end == self.end && waker.will_wake(context.waker());
        if !sleepers.iter().any(is_there) {
            sleepers.push((self.end, context.waker().clone()));
        }
        Poll::Pending
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}
