//! Recording: one transaction for what belongs together, under the lock of the chain's end.

use std::borrow::Cow;

use super::draft::Draft;
use super::earlier::Earlier;
use super::link::Link;
use super::news::{New, Outcome};
use super::sql::lock_head;
use super::{Error, Head, Store, open};

impl Store {
    /// Records `news`, all or nothing, and says what became of each. When it returns, what it
    /// recorded survives the end of the process, and the loss of power where the disk does as it
    /// is told.
    pub async fn append(&mut self, news: &[New]) -> Result<Vec<Outcome>, Error> {
        match self.append_once(news, None).await {
            // A server that went away before the end of the transaction recorded nothing.
            Err(error) if error.lost_connection() => {
                self.reconnect().await?;
                self.append_once(news, None).await
            }
            result => result,
        }
    }

    /// The same for news of which some may be recorded already: those are `Unchanged`.
    pub(super) async fn append_missing(
        &mut self,
        news: &[New],
        earlier: &mut Earlier,
    ) -> Result<Vec<Outcome>, Error> {
        match self.append_once(news, Some(&mut *earlier)).await {
            Err(error) if error.lost_connection() => {
                self.reconnect().await?;
                self.append_once(news, Some(earlier)).await
            }
            result => result,
        }
    }

    async fn append_once(
        &mut self,
        news: &[New],
        mut earlier: Option<&mut Earlier>,
    ) -> Result<Vec<Outcome>, Error> {
        let body = async |change: &mut Link, name: &str, mut draft: Draft| {
            let mut outcomes = Vec::with_capacity(news.len());
            if let Some(earlier) = &mut earlier {
                earlier.begin(&mut draft);
            }
            for new in news {
                let missing = match &mut earlier {
                    Some(earlier) => earlier.missing(change, &mut draft, new, name).await?,
                    None => Some(Cow::Borrowed(new)),
                };
                outcomes.push(match missing {
                    Some(new) => draft.take(change, &new, name).await?,
                    None => Outcome::Unchanged,
                });
            }
            let end = draft.finish(change).await.map_err(|error| Error::of(name, &error))?;
            Ok((outcomes, end))
        };
        self.change(body).await
    }

    /// Carries out one transaction under the lock of the chain's end: `body` gets what the rows
    /// are put down in, and gives a value and where the chain ends then.
    pub(super) async fn change<T>(
        &mut self,
        body: impl AsyncFnOnce(&mut Link, &str, Draft) -> Result<(T, Head), Error>,
    ) -> Result<T, Error> {
        let name = self.place.to_string();
        let failed = |error: sqlx::Error| Error::of(&name, &error);
        let mut change = self.connection.begin(begin(self.sqlite)).await.map_err(failed)?;
        let done = match Draft::new(&mut change).await.map_err(failed) {
            Ok((draft, schema)) => match open::check_version(schema, &name) {
                Ok(()) => body(&mut change, &name, draft).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        match done {
            Ok((value, end)) => match change.commit().await {
                Ok(()) => Ok(value),
                Err(error) => self.committed(&end, failed(error)).await.map(|()| value),
            },
            Err(error) => {
                // A server would keep the lock until it hears of the end.
                let _ = change.rollback().await;
                Err(error)
            }
        }
    }

    /// Finds out whether a transaction that ended in `error` was carried out all the same.
    async fn committed(&mut self, end: &Head, error: Error) -> Result<(), Error> {
        if !error.lost_connection() {
            return Err(error);
        }
        self.reconnect().await?;
        let name = self.place.to_string();
        let failed = |error: sqlx::Error| Error::of(&name, &error);
        let mut look = self.connection.begin(begin(self.sqlite)).await.map_err(failed)?;
        // The transaction holds this lock as long as it may still be carried out.
        lock_head(&mut look).await.map_err(failed)?;
        let text =
            "SELECT hash FROM point WHERE seq = $1 UNION ALL SELECT hash FROM event WHERE seq = $1";
        let found: Option<Vec<u8>> = sqlx::query_scalar(text)
            .bind(end.last_seq)
            .fetch_optional(&mut *look)
            .await
            .map_err(failed)?;
        look.rollback().await.map_err(failed)?;
        // The hash covers every row up to this one, so no other transaction has it.
        if found.as_ref() == Some(&end.last_hash) { Ok(()) } else { Err(error) }
    }

    async fn reconnect(&mut self) -> Result<(), Error> {
        let waits = self.connection.waits();
        self.connection = open::connect(&self.place, self.access, waits).await?.0;
        Ok(())
    }
}

/// How a transaction begins that will write: SQLite must take its lock before it reads.
fn begin(sqlite: bool) -> &'static str {
    if sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" }
}
