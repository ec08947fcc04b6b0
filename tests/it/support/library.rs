//! The library instead of the program, with a clock that tests turn.
//!
//! ```ignore
//! let library = Library::new();                   // waits end at once and are remembered
//! let inspection = library.inspect(&registry.reference("team/app:latest")).unwrap();
//! assert_eq!(library.clock.waits().len(), 2);
//! let library = Library::new().holding();         // waits end when the test moves the clock on
//! let fetch = library.spawn_manifest(&registries, &reference);
//! library.clock.wait_for_sleepers(1);
//! library.clock.advance(Duration::from_secs(2));
//! ```

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use regsize::analysis::{Analysis, AnalysisOptions, analyze};
use regsize::cache::Cache;
use regsize::collect::{BaseSource, LayerObserver, LayerRequest, Request, Session};
use regsize::image::Inspection;
use regsize::oci::{Descriptor, Digest};
use regsize::registry::{Blob, Error, Fetched, Options, Registries, RetryPolicy, Timer};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::http::lock;

/// Longer than any event takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A runtime and the options of the registries in it.
pub struct Library {
    /// How base images are found.
    pub base: BaseSource,
    /// The options.
    pub options: Options,
    /// The clock of the options.
    pub clock: Arc<Clock>,
    runtime: Runtime,
}

/// A clock that does not move by itself.
pub struct Clock {
    start: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    now: Duration,
    holding: bool,
    waits: Vec<Duration>,
    /// Who watches that something happens in time; ends only when a test says so.
    watchers: Vec<oneshot::Sender<()>>,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl Clock {
    fn new() -> Self {
        Self { start: Instant::now(), state: Mutex::default(), changed: Condvar::new() }
    }

    /// The waits so far, in the order in which they began.
    pub fn waits(&self) -> Vec<Duration> {
        lock(&self.state).waits.clone()
    }

    /// Waits until so many wait for the clock.
    pub fn wait_for_sleepers(&self, count: usize) {
        let state = lock(&self.state);
        let short = |state: &mut State| state.sleepers.len() < count;
        let waited = self.changed.wait_timeout_while(state, PATIENCE, short).expect("no panic");
        assert!(!waited.1.timed_out(), "{} of {count} wait", waited.0.sleepers.len());
    }

    /// Waits until somebody watches that something happens in time.
    pub fn wait_for_watcher(&self) {
        let state = lock(&self.state);
        let none = |state: &mut State| state.watchers.iter().all(oneshot::Sender::is_closed);
        let waited = self.changed.wait_timeout_while(state, PATIENCE, none).expect("no panic");
        assert!(!waited.1.timed_out(), "nobody watches");
    }

    /// Ends the spans of all who watch that something happens in time.
    pub fn end_spans(&self) {
        for watcher in std::mem::take(&mut lock(&self.state).watchers) {
            // One that was dropped is not woken.
            let _ = watcher.send(());
        }
    }

    /// Moves the clock on and wakes those whose time has come.
    pub fn advance(&self, time: Duration) {
        let mut state = lock(&self.state);
        state.now += time;
        let now = state.now;
        for (_, wake) in state.sleepers.extract_if(.., |(until, _)| *until <= now) {
            // A sleeper that was dropped is not woken.
            let _ = wake.send(());
        }
    }
}

impl Timer for Clock {
    fn now(&self) -> Instant {
        self.start + lock(&self.state).now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut state = lock(&self.state);
        state.waits.push(duration);
        if !state.holding {
            state.now += duration;
            return Box::pin(tokio::task::yield_now());
        }
        let (wake, woken) = oneshot::channel();
        let until = state.now + duration;
        state.sleepers.push((until, wake));
        self.changed.notify_all();
        Box::pin(async move { drop(woken.await) })
    }

    fn limit(&self, _: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        lock(&self.state).watchers.push(wake);
        self.changed.notify_all();
        Box::pin(async move { drop(woken.await) })
    }
}

impl Library {
    /// Default options, and a clock by which waits end at once.
    pub fn new() -> Self {
        let clock = Arc::new(Clock::new());
        let timer: Arc<dyn Timer> = Arc::<Clock>::clone(&clock);
        let options = Options { timer, ..Options::default() };
        let runtime = Runtime::new().expect("a runtime");
        Self { options, base: BaseSource::Claims, clock, runtime }
    }

    /// With a clock by which waits end when the test moves it on.
    pub fn holding(self) -> Self {
        lock(&self.clock.state).holding = true;
        self
    }

    /// With this many attempts for each request.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.options.retry = RetryPolicy { attempts, ..self.options.retry };
        self
    }

    /// Registries with the options.
    pub fn registries(&self) -> Arc<Registries> {
        Arc::new(Registries::new(self.options.clone()))
    }

    /// Inspects an image with the ends of its layers, and other repositories as `base` says.
    pub fn inspect(&self, reference: &str) -> Result<Inspection, Error> {
        let reference = reference.parse().expect("a reference");
        self.runtime.block_on(self.session().inspect(&reference, &self.request()))
    }

    /// Analyses an image with all its layers.
    pub fn analyze(&self, reference: &str) -> Result<Analysis, Error> {
        let reference = reference.parse().expect("a reference");
        let wanted = LayerRequest { captures: true, ..LayerRequest::default() };
        let observer: LayerObserver = Arc::new(|_| ());
        let (session, request) = (self.session(), self.request());
        let read = self.runtime.block_on(session.layers(&reference, &request, &wanted, &observer));
        Ok(analyze(read?, &AnalysisOptions::default()))
    }

    fn session(&self) -> Session {
        Session::new(Registries::new(self.options.clone()), Cache::disabled())
    }

    fn request(&self) -> Request {
        Request {
            platform: None,
            preferred: "linux/amd64".parse().expect("a platform"),
            detail_all: false,
            tails: true,
            base: self.base.clone(),
            referrers: false,
        }
    }

    /// Starts to read the manifest of a reference.
    pub fn spawn_manifest(
        &self,
        registries: &Arc<Registries>,
        reference: &str,
    ) -> JoinHandle<Result<Fetched, Error>> {
        let reference: regsize::reference::Reference = reference.parse().expect("a reference");
        let registry = registries.get(&reference).expect("a registry");
        self.runtime.spawn(async move {
            registry.manifest(reference.repository(), reference.version(), None).await
        })
    }

    /// Starts to read the last bytes of a blob in the reference's repository.
    pub fn spawn_range(
        &self,
        registries: &Arc<Registries>,
        reference: &str,
        digest: &Digest,
        size: u64,
    ) -> JoinHandle<Result<Option<Bytes>, Error>> {
        let reference: regsize::reference::Reference = reference.parse().expect("a reference");
        let registry = registries.get(&reference).expect("a registry");
        let digest = digest.clone();
        self.runtime.spawn(async move {
            registry.blob_range(reference.repository(), &digest, size, size - 8, 8).await
        })
    }

    /// Starts to read a blob in the reference's repository.
    pub fn blob(
        &self,
        registries: &Arc<Registries>,
        reference: &str,
        descriptor: &Descriptor,
    ) -> Blob {
        let reference: regsize::reference::Reference = reference.parse().expect("a reference");
        let registry = registries.get(&reference).expect("a registry");
        let _runtime = self.runtime.enter();
        registry.blob(reference.repository(), descriptor)
    }

    /// Reads a blob to its end.
    pub fn read(&self, blob: &mut Blob) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.runtime.block_on(blob.next()) {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(bytes)
    }

    /// Waits for what was started.
    pub fn finish<T>(&self, handle: JoinHandle<T>) -> T {
        self.runtime.block_on(handle).expect("a task that does not panic")
    }
}
