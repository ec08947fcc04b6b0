//! The right to be the only pass over a history: a lock that ends with its process.
//!
//! Beside an SQLite file it is a lock on a file of its own, and in a PostgreSQL database a lock of
//! a connection. A process that was killed holds neither.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::link::Link;
use super::open;
use super::place::{Kind, Place};
use super::{Access, Error};

/// The number of the lock in a database.
const LOCK: i64 = 0x7267_737a_7061_7373;
/// How often a database is asked: it hears of the end of a process a moment later.
const ATTEMPTS: u32 = 5;
/// The pause between.
const PAUSE: Duration = Duration::from_millis(100);
/// What is read of the file of a lock.
const LONGEST: u64 = 4096;

/// The right to make a pass; it ends when this is dropped.
#[derive(Debug)]
pub struct Claim {
    _held: Held,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they are held")]
enum Held {
    File(File),
    Server(Link),
}

impl Claim {
    /// Takes the right for `holder`, a line about this process; `Err` of the inner result has the
    /// line of who has it.
    pub async fn take(place: &Place, holder: &str) -> Result<Result<Self, String>, Error> {
        match &place.0 {
            Kind::File(path) => of_file(path, holder),
            Kind::Server(_) => of_server(place).await,
        }
    }
}

fn of_file(path: &Path, holder: &str) -> Result<Result<Claim, String>, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push("-pass");
    let name = PathBuf::from(name);
    let cannot = |error| Error::file(format!("{} cannot be locked", name.display()), error);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name);
    let mut file = file.map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(cannot)?;
            file.write_all(holder.as_bytes()).map_err(cannot)?;
            Ok(Ok(Claim { _held: Held::File(file) }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.take(LONGEST).read_to_string(&mut text);
            Ok(Err(text.lines().next().unwrap_or_default().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

async fn of_server(place: &Place) -> Result<Result<Claim, String>, Error> {
    let (mut connection, _) = open::connect(place, Access::Read, false).await?;
    let text = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END::bigint";
    for _ in 0..ATTEMPTS {
        let taken: i64 = sqlx::query_scalar(text)
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await
            .map_err(|error| Error::of(&place.to_string(), &error))?;
        if taken == 1 {
            return Ok(Ok(Claim { _held: Held::Server(connection) }));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Err(String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_process_has_the_right_until_it_ends() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::file(directory.path().join("history.sqlite"));
        let take = async |holder: &str| Claim::take(&place, holder).await.expect("a lock");
        let first = take("the first").await.expect("the right");
        assert_eq!(take("the second").await.expect_err("a refusal"), "the first");
        drop(first);
        let _second = take("the second").await.expect("the right");
        assert_eq!(take("the third").await.expect_err("a refusal"), "the second");
    }
}
