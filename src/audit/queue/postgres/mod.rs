//! A queue in PostgreSQL, shared by all processes that use the database.
//!
//! The rows, what they go through and the heartbeats are those of `apalis-postgres`, in its schema
//! `apalis`; there is one of its queues for each registry. A run is a job with the key
//! `target@time`, which there is once. A process that says nothing for long is dead, and its jobs
//! are pending again; one that learns that it counted as dead gives up what it does. Of a registry
//! as many runs go on as there are slots, which are advisory locks and end with the session.
//!
//! There is one connection. What is in the middle of something when it fails or is dropped ends
//! with it, and the next one puts in order what it left.

mod link;
mod rows;
mod slots;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apalis_core::backend::TaskResult;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::status::Status;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::context::WorkerContext;
use apalis_postgres::{Config, PgConnection, PgTask, queries};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::{oneshot, watch};

use super::{Limits, Offered, Queue, Run, Taken};
use crate::history::{Error, Place};
use link::{Fault, Link};
use slots::Slot;

/// A run that so many processes began and did not end is given up.
const MOST_ATTEMPTS: usize = 5;

/// A queue that processes on several machines share.
#[derive(Debug)]
pub struct Postgres {
    link: Link,
    /// The registries that runs are taken of, each with this process's name there.
    workers: BTreeMap<String, WorkerContext>,
    limits: Limits,
    held: Mutex<BTreeMap<String, Held>>,
    closed: watch::Sender<bool>,
    /// When the server last answered a heartbeat, and when old rows were last removed.
    answered: Mutex<Instant>,
    tidied: Mutex<Option<Instant>>,
}

/// A run that this process carries out.
#[derive(Debug)]
struct Held {
    id: TaskId,
    attempt: usize,
    registry: String,
    slot: Slot,
    /// Dropped when the run is another's.
    _lost: oneshot::Sender<()>,
}

/// What a job says.
#[derive(Debug, Deserialize)]
struct Job {
    target: String,
    due: String,
}

impl Job {
    /// The target and the time that a job names.
    fn read(bytes: &[u8]) -> Option<(String, Timestamp)> {
        let job: Self = serde_json::from_slice(bytes).ok()?;
        Some((job.target, job.due.parse().ok()?))
    }
}

impl Postgres {
    /// Opens the queue beside the history in a PostgreSQL database, and makes its tables where
    /// there are none. Runs are taken of `registries` alone.
    pub async fn open(
        place: &Place,
        registries: impl IntoIterator<Item = String>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let link = Link::new(place)?;
        let process = rows::unique_name();
        let worker = |registry: String| {
            let name = WorkerContext::new(&format!("{process} {registry}"));
            (registry, name)
        };
        let queue = Self {
            link,
            workers: registries.into_iter().map(worker).collect(),
            limits,
            held: Mutex::default(),
            closed: watch::Sender::new(false),
            answered: Mutex::new(Instant::now()),
            tidied: Mutex::default(),
        };
        queue.link.set_up().await?;
        queue.with(async |_| Ok(())).await?;
        Ok(queue)
    }

    /// Uses the connection; a new one is put in order before.
    async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.link.with(async |connection| self.begin(connection).await, work).await
    }

    /// Makes this process known, and puts in order what an earlier connection left.
    async fn begin(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        for (registry, worker) in &self.workers {
            let queue = queue_name(registry);
            if queries::keep_alive(connection, &queue, worker).await.is_err() {
                let now = Timestamp::now().as_second();
                queries::register_worker(connection, &queue, worker, &now.into(), "regsize")
                    .await?;
                queries::keep_alive(connection, &queue, worker).await?;
            }
        }
        let slots: Vec<Slot> = self.held().values().map(|held| held.slot).collect();
        for slot in slots {
            // If others have it meanwhile, there is one too many until this run ends.
            slots::lock(connection, slot).await?;
        }
        self.compare(connection).await
    }

    /// Gives up runs that are another's, and gives back those that nobody here knows of.
    async fn compare(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        for (registry, worker) in &self.workers {
            let queue = queue_name(registry);
            let ours = rows::locked_by(connection, &queue, worker.name()).await?;
            self.held().retain(|id, held| held.registry != *registry || ours.contains(id));
            let mut unknown = ours;
            unknown.retain(|id| !self.held().contains_key(id));
            if !unknown.is_empty() {
                queries::reenqueue_abandoned(connection, &queue, worker.name(), &unknown).await?;
            }
        }
        Ok(())
    }

    /// Takes a run that may begin now.
    async fn try_take(&self, connection: &mut PgConnection) -> Result<Option<Taken>, Fault> {
        let queues: Vec<String> = self.workers.keys().map(|name| queue_name(name)).collect();
        for queue in rows::due_queues(connection, &queues).await? {
            let Some((registry, worker)) =
                self.workers.iter().find(|(registry, _)| queue_name(registry) == queue)
            else {
                continue;
            };
            let used: Vec<Slot> = self.held().values().map(|held| held.slot).collect();
            let free = slots::free(connection, registry, self.limits.per_registry, &used).await?;
            let Some(slot) = free else { continue };
            let config = Config::default().queue(&queue).batch_size(1);
            let tasks = queries::fetch_next(connection, &config, worker).await?;
            let Some(task) = tasks.into_iter().next() else {
                slots::unlock(connection, slot).await?;
                continue;
            };
            if let Some(taken) = self.begin_task(connection, task, registry, worker, slot).await? {
                return Ok(Some(taken));
            }
            slots::unlock(connection, slot).await?;
        }
        Ok(None)
    }

    /// Notes that a run begins; `None` if it has begun too often, or cannot be read.
    async fn begin_task(
        &self,
        connection: &mut PgConnection,
        task: PgTask,
        registry: &str,
        worker: &WorkerContext,
        slot: Slot,
    ) -> Result<Option<Taken>, Fault> {
        let Some(id) = task.task_id().cloned() else { return Ok(None) };
        let attempt = task.attempt();
        let job = Job::read(&task.args).filter(|_| attempt < MOST_ATTEMPTS);
        let Some((target, due)) = job else {
            let result = Err("given up".to_owned());
            let killed = TaskResult { task_id: id, attempt, status: Status::Killed, result };
            queries::handle_results(connection, &[&killed], worker.name()).await?;
            return Ok(None);
        };
        queries::lock_tasks(connection, &[id.to_string()], worker.name()).await?;
        let (sender, lost) = oneshot::channel();
        let registry = registry.to_owned();
        let run = Run { target, registry: registry.clone(), due };
        let taken = Taken { run, id: id.to_string(), lost };
        let held = Held { id, attempt, registry, slot, _lost: sender };
        self.held().insert(taken.id.clone(), held);
        Ok(Some(taken))
    }

    async fn say_finished(
        &self,
        connection: &mut PgConnection,
        id: &str,
        verdict: &str,
    ) -> Result<bool, Fault> {
        let found = self.held().get(id).map(|held| {
            (held.id.clone(), held.attempt.saturating_add(1), held.registry.clone(), held.slot)
        });
        let Some((task_id, attempt, registry, slot)) = found else { return Ok(false) };
        let result = Ok(serde_json::json!({ "verdict": verdict }));
        let done = TaskResult { task_id, attempt, status: Status::Done, result };
        let worker = self.workers.get(&registry).map(WorkerContext::name).unwrap_or_default();
        let changed = queries::handle_results(connection, &[&done], worker).await?;
        slots::unlock(connection, slot).await?;
        self.held().remove(id);
        Ok(changed > 0)
    }

    async fn heartbeat(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        let dead_for = self.dead_for().as_secs();
        for (registry, worker) in &self.workers {
            let queue = queue_name(registry);
            queries::keep_alive(connection, &queue, worker).await?;
            queries::reenqueue_orphaned(connection, &queue, dead_for).await?;
        }
        self.compare(connection).await?;
        let tidied = *lock(&self.tidied);
        if tidied.is_none_or(|last| last.elapsed() > rows::TIDY_EVERY) {
            rows::tidy(connection).await?;
            *lock(&self.tidied) = Some(Instant::now());
        }
        *lock(&self.answered) = Instant::now();
        Ok(())
    }

    /// How long a process has said nothing when it counts as dead.
    fn dead_for(&self) -> Duration {
        self.limits.heartbeat.saturating_mul(self.limits.missed.max(2))
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        lock(&self.held)
    }
}

impl Queue for Postgres {
    async fn offer(&self, run: &Run) -> Result<Offered, Error> {
        let (queue, key) = (queue_name(&run.registry), format!("{}@{}", run.target, run.due));
        let job = serde_json::json!({ "target": run.target, "due": run.due.to_string() });
        let job = job.to_string().into_bytes();
        let due = u64::try_from(run.due.as_second()).unwrap_or(0);
        let task = TaskBuilder::new(job).run_at_timestamp(due).max_attempts(1);
        let task = task.idempotency_key(&key).build();
        self.with(async |connection| {
            let found = rows::jobs_of(connection, &queue, &run.target, &key).await?;
            if found.known {
                return Ok(Offered::Known);
            }
            if found.busy {
                return Ok(Offered::Busy);
            }
            match queries::push_tasks(connection, &queue, vec![task]).await.map_err(Fault::from) {
                Ok(()) => Ok(Offered::Queued),
                // Another process was faster.
                Err(fault) if fault.is_duplicate() => Ok(Offered::Known),
                Err(fault) => Err(fault),
            }
        })
        .await
    }

    async fn take(&self) -> Result<Option<Taken>, Error> {
        let mut closed = self.closed.subscribe();
        loop {
            if *closed.borrow_and_update() {
                return Ok(None);
            }
            if let Some(taken) = self.with(async |link| self.try_take(link).await).await? {
                return Ok(Some(taken));
            }
            let _ = tokio::time::timeout(self.limits.poll, closed.changed()).await;
        }
    }

    async fn finish(&self, id: &str, result: &str) -> Result<bool, Error> {
        let began = Instant::now();
        loop {
            let said = self.with(async |link| self.say_finished(link, id, result).await).await;
            if said.is_ok() || began.elapsed() > self.dead_for() {
                // What could not be said is given back by the next connection.
                self.held().remove(id);
                return said;
            }
            tokio::time::sleep(self.limits.poll).await;
        }
    }

    async fn tend(&self) -> Result<(), Error> {
        let said = self.with(async |link| self.heartbeat(link).await).await;
        if said.is_err() && lock(&self.answered).elapsed() > self.dead_for() {
            // By now others have taken over.
            self.held().clear();
        }
        said?;
        tokio::time::sleep(self.limits.heartbeat).await;
        Ok(())
    }

    fn close(&self) {
        self.closed.send_replace(true);
    }

    async fn leave(&self) -> Result<(), Error> {
        self.close();
        // Nobody here knows of any run now, so all are given back.
        self.held().clear();
        self.with(async |link| self.compare(link).await).await?;
        self.link.close().await
    }
}

/// The queue of a registry.
fn queue_name(registry: &str) -> String {
    format!("regsize {registry}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
