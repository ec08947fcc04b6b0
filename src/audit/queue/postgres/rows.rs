//! What the engine has no statement for.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use apalis_postgres::PgConnection;

use super::link::Fault;

/// How often what is old is removed.
pub(super) const TIDY_EVERY: Duration = Duration::from_hours(1);

/// What there is of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// The run itself is or was there.
    pub(super) known: bool,
    /// Another run has not ended.
    pub(super) busy: bool,
}

/// Looks for the run of this key, and for others of its target that have not ended. A run that a
/// clock ahead of the server's offered does not count before its time.
pub(super) async fn jobs_of(
    connection: &mut PgConnection,
    queue: &str,
    target: &str,
    key: &str,
) -> Result<Found, Fault> {
    let sql = "SELECT COALESCE(bool_or(idempotency_key = $2), FALSE),
                      COALESCE(bool_or(idempotency_key <> $2 AND run_at < now()
                                       AND status IN ('Pending', 'Queued', 'Running')), FALSE)
                 FROM apalis.jobs
                WHERE job_type = $1 AND left(idempotency_key, length($3)) = $3
                  AND length(idempotency_key) = length($2)";
    let asked = sqlx::query_as(sql).bind(queue).bind(key).bind(format!("{target}@"));
    let (known, busy) = asked.fetch_one(connection).await?;
    Ok(Found { known, busy })
}

/// Those of the queues in which runs wait that are due, the longest waiting first.
pub(super) async fn due_queues(
    connection: &mut PgConnection,
    queues: &[String],
) -> Result<Vec<String>, Fault> {
    let sql = "SELECT job_type FROM apalis.jobs
                WHERE status = 'Pending' AND run_at < now() AND job_type = ANY($1)
                GROUP BY job_type ORDER BY min(run_at), job_type";
    Ok(sqlx::query_scalar(sql).bind(queues).fetch_all(connection).await?)
}

/// The runs that a worker has and that have not ended.
pub(super) async fn locked_by(
    connection: &mut PgConnection,
    queue: &str,
    worker: &str,
) -> Result<Vec<String>, Fault> {
    let sql = "SELECT id FROM apalis.jobs
                WHERE job_type = $1 AND lock_by = $2 AND status IN ('Queued', 'Running')";
    Ok(sqlx::query_scalar(sql).bind(queue).bind(worker).fetch_all(connection).await?)
}

/// Removes the runs that ended a month ago, and the workers that ended then.
pub(super) async fn tidy(connection: &mut PgConnection) -> Result<(), Fault> {
    let jobs = "DELETE FROM apalis.jobs
                 WHERE starts_with(job_type, 'regsize ') AND status IN ('Done', 'Killed')
                   AND done_at < now() - interval '31 days'";
    let workers = "DELETE FROM apalis.workers AS worker
                    WHERE starts_with(worker_type, 'regsize ')
                      AND last_seen < now() - interval '31 days'
                      AND NOT EXISTS (SELECT 1 FROM apalis.jobs WHERE lock_by = worker.id)";
    for sql in [jobs, workers] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The name of this process among all workers there ever are.
pub(super) fn unique_name() -> String {
    // Two random states are two random numbers.
    let [a, b] = [(); 2].map(|()| RandomState::new().build_hasher().finish());
    format!("{}-{a:016x}{b:016x}", std::process::id())
}
