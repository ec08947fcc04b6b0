//! The history of published tags: what they were, when, and what happened to them.
//!
//! A history is an SQLite file, or a PostgreSQL database for several machines, with the same
//! tables. It is append-only: rows are never changed, and only [`Store::prune`] removes them,
//! oldest first, and records that it did. Every row's hash covers its content and the row before
//! it, and [`Store::verify`] names the first row that is not what was written.
//!
//! A tag that was looked at and had not changed costs no row: the targets that were seen again are
//! one row of a run, and what is known of an image is kept once, compressed, by its digest.
//!
//! Refused: SQLite on a network file system, which breaks its locks; files and databases that are
//! no history; histories of later versions. Nothing here knows what time it is.

mod chain;
mod claim;
mod draft;
mod earlier;
mod error;
mod link;
mod news;
mod open;
mod place;
mod prune;
mod ranges;
mod read;
mod record;
mod review;
mod schema;
mod scope;
mod sql;
mod timeline;
mod transfer;
mod verify;
mod write;

use self::link::Link;

pub use self::claim::Claim;
pub use self::error::Error;
pub use self::news::{Breach, BreachState, Figures, New, Outcome, Point, Run, RunState, Target};
pub use self::place::Place;
pub use self::prune::Pruned;
pub use self::review::BreachLife;
pub use self::scope::WasRead;
pub use self::timeline::{Absence, Question, Timeline};
pub use self::transfer::{Exported, Form, Imported, Replayed, Spool, Spools};
pub use self::verify::{Broken, Fault, Verified};

/// What a history is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read it; nothing is made or changed.
    Read,
    /// To record; the history is made where there is none.
    Write,
}

/// An open history.
#[derive(Debug)]
pub struct Store {
    connection: Link,
    place: Place,
    access: Access,
    sqlite: bool,
}

/// The ends of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    /// The last row that was pruned; 0 for none.
    pruned_seq: i64,
    pruned_hash: Vec<u8>,
    /// The last row.
    last_seq: i64,
    last_hash: Vec<u8>,
}

impl Store {
    /// Opens the history at `place`. When it is open, answers of a server are waited for without end.
    pub async fn open(place: &Place, access: Access) -> Result<Self, Error> {
        Self::opened(place, access, true).await
    }

    /// Opens the history at `place` for what must not hang: a server that sends nothing for a minute
    /// while something is expected of it is away (`read_timeout` of its address, in seconds).
    pub async fn open_in_time(place: &Place, access: Access) -> Result<Self, Error> {
        Self::opened(place, access, false).await
    }

    async fn opened(place: &Place, access: Access, waits: bool) -> Result<Self, Error> {
        let (connection, sqlite) = open::connect(place, access, waits).await?;
        Ok(Self { connection, place: place.clone(), access, sqlite })
    }

    /// Closes the history; an SQLite file is whole without its log afterwards.
    pub async fn close(self) -> Result<(), Error> {
        let name = self.place.to_string();
        self.connection.close().await.map_err(|error| Error::of(&name, &error))
    }

    fn failed(&self, error: &sqlx::Error) -> Error {
        Error::of(&self.place.to_string(), error)
    }
}
