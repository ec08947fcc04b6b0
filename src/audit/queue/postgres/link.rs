//! The connection of a queue, made anew when it was lost.

use std::time::Duration;

use apalis_postgres::{PgConnectOptions, PgConnection, PostgresStorage};
use sqlx::migrate::MigrateError;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;

use crate::history::{Error, Place};

/// A server that does not answer for so long cannot be reached, or sooner if its address says so.
const PATIENCE: Duration = Duration::from_secs(15);
/// So long others may take to make the tables, too.
const SET_UP_PATIENCE: Duration = Duration::from_mins(1);
/// The lock under which the tables are made, as two processes cannot make a schema at once.
const LOCK: i64 = 0x7267_737a_7175_6575;

/// A connection that is used by one at a time.
#[derive(Debug)]
pub(super) struct Link {
    place: String,
    options: PgConnectOptions,
    patience: Duration,
    connection: Mutex<Option<PgConnection>>,
}

/// What went wrong on a connection.
#[derive(Debug)]
pub(super) struct Fault(sqlx::Error);

impl Fault {
    /// Whether a row is there already.
    pub(super) fn is_duplicate(&self) -> bool {
        self.0.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl From<apalis_postgres::Error> for Fault {
    fn from(error: apalis_postgres::Error) -> Self {
        match error {
            apalis_postgres::Error::Database(error) => Self(error),
            other => Self(sqlx::Error::Protocol(other.to_string())),
        }
    }
}

impl From<MigrateError> for Fault {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Self(error),
            other => Self(sqlx::Error::Protocol(format!("the queue's tables: {other}"))),
        }
    }
}

impl Link {
    /// A link to the server of a history, which is not connected yet.
    pub(super) fn new(place: &Place) -> Result<Self, Error> {
        let name = place.to_string();
        let Some(url) = place.server_url() else {
            let reason = "a queue for several machines is in a PostgreSQL database".to_owned();
            return Err(Error::Place { reason });
        };
        let options: PgConnectOptions =
            url.as_str().parse().map_err(|error| Error::of(&name, &error))?;
        let options = options.application_name("regsize").disable_statement_logging();
        let patience = place.longest_silence().map_or(PATIENCE, |longest| longest.min(PATIENCE));
        Ok(Self { place: name, options, patience, connection: Mutex::new(None) })
    }

    /// Makes the engine's tables, or brings them to its version.
    pub(super) async fn set_up(&self) -> Result<(), Error> {
        let all = async {
            let mut connection = self.options.connect().await?;
            sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await?;
            PostgresStorage::<()>::migrations().run(&mut connection).await?;
            connection.close().await?;
            Ok(())
        };
        self.in_time(SET_UP_PATIENCE, all).await
    }

    /// Does something on the connection; a new one is prepared first. The connection is dropped
    /// with what is dropped in the middle of it, and for every error but a row that is there.
    pub(super) async fn with<T>(
        &self,
        prepare: impl AsyncFnOnce(&mut PgConnection) -> Result<(), Fault>,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let mut place = self.connection.lock().await;
        let attempt = async {
            let mut connection = if let Some(connection) = place.take() {
                connection
            } else {
                let mut new = self.options.connect().await?;
                prepare(&mut new).await?;
                new
            };
            let result = work(&mut connection).await;
            if result.as_ref().err().is_none_or(Fault::is_duplicate) {
                *place = Some(connection);
            }
            result
        };
        self.in_time(self.patience, attempt).await
    }

    async fn in_time<T>(
        &self,
        time: Duration,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Error> {
        let Ok(result) = tokio::time::timeout(time, work).await else {
            let reason = "it does not answer".to_owned();
            return Err(Error::Unreachable { place: self.place.clone(), reason });
        };
        result.map_err(|fault| Error::of(&self.place, &fault.0))
    }

    /// Ends the connection.
    pub(super) async fn close(&self) -> Result<(), Error> {
        let Some(connection) = self.connection.lock().await.take() else { return Ok(()) };
        self.in_time(self.patience, async { Ok(connection.close().await?) }).await
    }
}
