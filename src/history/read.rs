//! Reading the chain from one end to the other, some rows at a time.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::news::Target;
use super::sql::{self, EVENT, Linked, POINT, event_of, point_of, statement};
use super::{Error, Head, Store};

/// How many rows are in memory at once.
pub(super) const WINDOW: i64 = 4096;

/// Rows of the chain, some of which may be unreadable.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// What can be read, in order.
    pub(super) rows: Vec<Linked>,
    /// Rows that are there and cannot be read, or a part of the file that cannot.
    pub(super) unreadable: Vec<(i64, Error)>,
}

impl Store {
    pub(super) async fn head(&mut self) -> Result<Head, Error> {
        sql::head(&mut self.connection).await.map_err(|error| self.failed(&error))
    }

    /// Begins to read everything as it is now, whatever others write.
    pub(super) async fn freeze(&mut self) -> Result<(), Error> {
        let text = if self.sqlite { "BEGIN" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ" };
        let begun = sqlx::query(text).execute(&mut self.connection).await;
        begun.map(|_| ()).map_err(|error| self.failed(&error))
    }

    /// Ends it. Nothing was written, so that nothing is lost if it fails.
    pub(super) async fn thaw(&mut self) {
        let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
    }

    /// All targets by their numbers.
    pub(super) async fn targets(&mut self) -> Result<HashMap<i64, Target>, Error> {
        let text = "SELECT id, repository, tag, platform FROM target";
        let rows = sqlx::query(text).fetch_all(&mut self.connection).await;
        let rows = rows.map_err(|error| self.failed(&error))?;
        let targets: Result<_, sqlx::Error> = rows.iter().map(sql::target_of).collect();
        targets.map_err(|error| self.failed(&error))
    }

    /// The rows after `after` up to `last`. Where something cannot be read, the rows are read in
    /// ever smaller parts until the unreadable one is found.
    pub(super) async fn window(&mut self, after: i64, last: i64) -> Result<Window, Error> {
        let mut window = Window::default();
        let mut waiting = vec![(after, last)];
        while let Some((after, last)) = waiting.pop() {
            match self.rows(after, last).await {
                Ok(rows) => window.rows.extend(rows),
                Err(error) if !is_damage(&error) => return Err(error),
                Err(error) if last - after <= 1 => window.unreadable.push((last, error)),
                Err(_) => {
                    let middle = after.midpoint(last);
                    waiting.extend([(middle, last), (after, middle)]);
                }
            }
        }
        Ok(window)
    }

    async fn rows(&mut self, after: i64, last: i64) -> Result<Vec<Linked>, Error> {
        let mut rows = self.select(POINT, after, last, point_of).await?;
        rows.extend(self.select(EVENT, after, last, event_of).await?);
        rows.sort_by_key(|linked| linked.seq);
        Ok(rows)
    }

    async fn select(
        &mut self,
        text: &str,
        after: i64,
        last: i64,
        read: fn(&AnyRow) -> Result<Linked, sqlx::Error>,
    ) -> Result<Vec<Linked>, Error> {
        let text = format!("{text} WHERE seq > $1 AND seq <= $2 ORDER BY seq");
        let rows = statement(text).bind(after).bind(last).fetch_all(&mut self.connection).await;
        let rows: Result<_, _> = rows.and_then(|rows| rows.iter().map(read).collect());
        rows.map_err(|error| self.failed(&error))
    }
}

/// Whether an error is of what is stored rather than of the way to it.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. })
}
