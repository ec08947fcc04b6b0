//! The connection to a history's database, on which nobody has to wait for ever.
//!
//! A server that is gone without a word cannot be told from one that works on a statement: neither
//! sends anything. So what must not hang gives it a time in which something has to come back, a row
//! or the end of a statement; one that is slow and goes on keeps its connection. After a silence
//! that was too long, and in the middle of a transaction that was dropped, nobody knows what the
//! connection would say next: whatever is asked then fails as on a lost one.

use std::io::{
    self,
    ErrorKind::{NotConnected, TimedOut},
};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, future, stream};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Any, AnyConnection, Connection as _, Describe, Either, Execute, Executor, SqlStr};
use tokio::time::timeout;

/// A connection, and how long it may be silent.
#[derive(Debug)]
pub(super) struct Link {
    connection: AnyConnection,
    /// `None` for any time.
    patience: Option<Duration>,
    is_lost: bool,
}

impl Link {
    /// A connection that may be silent for any time.
    pub(super) fn new(connection: AnyConnection) -> Self {
        Self { connection, patience: None, is_lost: false }
    }

    /// Sets how long it may be silent from now on.
    pub(super) fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// Whether it may be silent for any time.
    pub(super) fn waits(&self) -> bool {
        self.patience.is_none()
    }

    /// Begins a transaction with a statement.
    pub(super) async fn begin(&mut self, text: &'static str) -> Result<Change<'_>, sqlx::Error> {
        sqlx::raw_sql(text).execute(&mut *self).await?;
        Ok(Change { link: self, is_open: true })
    }

    /// Ends the connection; of a lost one nobody takes leave.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        let Self { connection, patience, is_lost } = self;
        if is_lost {
            return Ok(());
        }
        limited(patience, connection.close()).await
    }
}

impl<'c> Executor<'c> for &'c mut Link {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if self.is_lost {
            return stream::once(future::ready(Err(lost()))).boxed();
        }
        let answers = self.connection.fetch_many(query);
        let Some(patience) = self.patience else { return answers };
        stream::unfold(Some((answers, &mut self.is_lost)), move |waiting| async move {
            let (mut answers, is_lost) = waiting?;
            let Ok(answer) = timeout(patience, answers.next()).await else {
                *is_lost = true;
                return Some((Err(silent(patience)), None));
            };
            Some((answer?, Some((answers, is_lost))))
        })
        .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if self.is_lost {
            return future::ready(Err(lost())).boxed();
        }
        let answer = self.connection.fetch_optional(query);
        watched(self.patience, &mut self.is_lost, answer).boxed()
    }

    fn prepare_with<'e>(
        self,
        text: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        if self.is_lost {
            return future::ready(Err(lost())).boxed();
        }
        let answer = self.connection.prepare_with(text, parameters);
        watched(self.patience, &mut self.is_lost, answer).boxed()
    }

    fn describe<'e>(self, text: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'c: 'e,
    {
        if self.is_lost {
            return future::ready(Err(lost())).boxed();
        }
        let answer = self.connection.describe(text);
        watched(self.patience, &mut self.is_lost, answer).boxed()
    }
}

/// A transaction; one that is dropped takes its connection with it.
#[derive(Debug)]
pub(super) struct Change<'a> {
    link: &'a mut Link,
    is_open: bool,
}

impl Change<'_> {
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        let done = self.say("COMMIT").await;
        if matches!(done, Err(sqlx::Error::Database(_))) {
            // SQLite may have left it open.
            let _ = self.rollback().await;
        }
        done
    }

    pub(super) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        let done = self.say("ROLLBACK").await;
        // SQLite ends some transactions by itself, and says then that there is none.
        self.is_open &= !matches!(done, Err(sqlx::Error::Database(_)));
        done
    }

    async fn say(&mut self, text: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(text).execute(&mut *self.link).await?;
        self.is_open = false;
        Ok(())
    }
}

impl Deref for Change<'_> {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.link
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut Link {
        self.link
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.link.is_lost |= self.is_open;
    }
}

/// Waits so long for an answer of a connection, which is lost then.
async fn watched<T>(
    patience: Option<Duration>,
    is_lost: &mut bool,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let answer = limited(patience, answer).await;
    *is_lost |= matches!(&answer, Err(sqlx::Error::Io(error)) if error.kind() == TimedOut);
    answer
}

/// Waits so long for an answer.
pub(super) async fn limited<T>(
    patience: Option<Duration>,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match patience {
        Some(patience) => timeout(patience, answer).await.unwrap_or_else(|_| Err(silent(patience))),
        None => answer.await,
    }
}

/// What a server does that says nothing for so long.
fn silent(patience: Duration) -> sqlx::Error {
    let text = format!("it did not answer for {} seconds", patience.as_secs());
    sqlx::Error::Io(io::Error::new(TimedOut, text))
}

fn lost() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(NotConnected, "the connection was given up"))
}
