//! Opening a history: finding out whether it is one, making a new one, migrating an old one.
//!
//! A new SQLite file is made beside its place and then given its name, so that nobody ever sees
//! half of one; of two processes that make it at once, one wins and both use it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::link::{self, Link};
use super::place::{self, Kind, Patience, Place};
use super::schema::{APPLICATION, NEWEST, migrations};
use super::{Access, Error, chain};

/// How long a process waits for another that writes, in milliseconds.
const PATIENCE: u32 = 30_000;
/// What a log keeps on the disk when all of it is in the file.
const LOG_LIMIT: u32 = 4 << 20;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The lock under which a server's tables are made.
const LOCK: i64 = 0x7267_737a_6869_7374;

/// A connection to the history at `place`, and whether it is SQLite's. Answers of a server are waited
/// for without end only if asked for.
pub(super) async fn connect(
    place: &Place,
    access: Access,
    waits: bool,
) -> Result<(Link, bool), Error> {
    sqlx::any::install_default_drivers();
    match &place.0 {
        Kind::File(path) => Ok((open_file(path, access).await?, true)),
        Kind::Server(url) => Ok((open_server(place, url, access, waits).await?, false)),
    }
}

async fn open_file(path: &Path, access: Access) -> Result<Link, Error> {
    let name = path.display().to_string();
    if let Some(kind) = place::network_file_system(path) {
        return Err(Error::NetworkFileSystem { place: name, kind });
    }
    match (path.try_exists(), access) {
        (Ok(true), _) => {}
        (Ok(false), Access::Read) => return Err(Error::Missing { place: name }),
        (Ok(false), Access::Write) => create_file(path, &name).await?,
        (Err(error), _) => return Err(Error::file(format!("{name} cannot be read"), error)),
    }
    look_at_header(path, &name)?;
    let mut connection = match access {
        Access::Write => dial(&sqlite_url(path, "mode=rw")?, &name, None).await?,
        Access::Read => open_to_read(path, &name).await?,
    };
    prepare(&mut connection, &name, access).await?;
    Ok(connection)
}

/// Tells files that are no SQLite database from those that are, before SQLite touches them.
fn look_at_header(path: &Path, name: &str) -> Result<(), Error> {
    let cannot = |error| Error::file(format!("{name} cannot be read"), error);
    let foreign = |reason| Err(Error::Foreign { place: name.to_owned(), reason });
    let mut header = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return foreign("it is not a file");
    }
    file.take(16).read_to_end(&mut header).map_err(cannot)?;
    match header.as_slice() {
        [] => foreign("it is empty"),
        header if header == MAGIC => Ok(()),
        _ => foreign("it is not an SQLite database"),
    }
}

/// Opens a file without writing to it. Beside a directory that cannot be written there is no
/// writer, and the file stands for itself if nothing waits in its log.
async fn open_to_read(path: &Path, name: &str) -> Result<Link, Error> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    let directory = parent(path);
    let writable = rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_ok();
    if writable || log.exists() {
        return dial(&sqlite_url(path, "mode=ro")?, name, None).await;
    }
    dial(&sqlite_url(path, "mode=ro&immutable=1")?, name, None).await
}

/// What a connection is set to; refuses files of other programs and other versions.
async fn prepare(connection: &mut Link, name: &str, access: Access) -> Result<(), Error> {
    let failed = |error| Error::of(name, &error);
    pragma(connection, &format!("busy_timeout = {PATIENCE}")).await.map_err(failed)?;
    let id: i64 = sqlx::query_scalar("SELECT application_id FROM pragma_application_id")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if id != APPLICATION {
        let reason = "it is an SQLite database of another program";
        return Err(Error::Foreign { place: name.to_owned(), reason });
    }
    let found = version(connection).await.map_err(failed)?;
    check_version(found, name)?;
    if access == Access::Write {
        // The log was synced when a row counts as recorded; after a burst it gives its room back.
        for setting in ["synchronous = FULL", &format!("journal_size_limit = {LOG_LIMIT}")] {
            pragma(connection, setting).await.map_err(failed)?;
        }
        if found < NEWEST {
            migrate(connection, "BEGIN IMMEDIATE", true).await.map_err(failed)?;
        }
    }
    Ok(())
}

async fn create_file(path: &Path, name: &str) -> Result<(), Error> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::ReadOnly { place: name.to_owned() }
        }
        io::ErrorKind::StorageFull => Error::Full { place: name.to_owned() },
        _ => Error::file(format!("{name} cannot be made"), error),
    };
    let directory = parent(path);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(cannot)?;
    let new =
        tempfile::Builder::new().prefix(".regsize-").tempfile_in(directory).map_err(cannot)?;
    let failed = |error| Error::of(name, &error);
    let mut connection = dial(&sqlite_url(new.path(), "mode=rw")?, name, None).await?;
    for setting in [&format!("application_id = {APPLICATION}"), "auto_vacuum = INCREMENTAL"] {
        pragma(&mut connection, setting).await.map_err(failed)?;
    }
    migrate(&mut connection, "BEGIN IMMEDIATE", true).await.map_err(failed)?;
    // Readers and one writer at once; the log is in the file again when the last of them ends.
    pragma(&mut connection, "journal_mode = WAL").await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    new.as_file().sync_all().map_err(cannot)?;
    match new.persist_noclobber(path) {
        Ok(_) => File::open(directory).and_then(|directory| directory.sync_all()).map_err(cannot),
        // Somebody else was faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(cannot(error.error)),
    }
}

async fn open_server(
    place: &Place,
    url: &url::Url,
    access: Access,
    waits: bool,
) -> Result<Link, Error> {
    let name = place.to_string();
    if !cfg!(feature = "postgres") {
        return Err(Error::NotBuilt { place: name });
    }
    let failed = |error| Error::of(&name, &error);
    let Patience { dial: longest, answer } = place::patience(url)?;
    let mut connection = dial(place::careful(url).as_str(), &name, longest).await?;
    connection.set_patience(answer);
    for setting in ["SET search_path = regsize", "SET client_min_messages = warning"] {
        run(&mut connection, setting.to_owned()).await.map_err(failed)?;
    }
    run(&mut connection, format!("SET lock_timeout = {PATIENCE}")).await.map_err(failed)?;
    let tables: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = 'regsize' AND tablename = 'head'",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(failed)?;
    if tables == 0 && access == Access::Read {
        return Err(Error::Missing { place: name });
    }
    let found = if tables == 0 { 0 } else { version(&mut connection).await.map_err(failed)? };
    check_version(found, &name)?;
    if found < NEWEST && access == Access::Write {
        // Indexes of a long history take their time.
        connection.set_patience(None);
        migrate(&mut connection, "BEGIN", false).await.map_err(failed)?;
    }
    connection.set_patience(answer.filter(|_| !waits));
    Ok(connection)
}

/// Brings the tables to the newest schema, or leaves them as they were. What is missing is found
/// out under a lock, as another process may have done it.
async fn migrate(
    connection: &mut Link,
    begin: &'static str,
    sqlite: bool,
) -> Result<(), sqlx::Error> {
    let mut change = connection.begin(begin).await?;
    let exists = if sqlite {
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'head'"
    } else {
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *change).await?;
        "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = 'regsize' AND tablename = 'head'"
    };
    let exists: i64 = sqlx::query_scalar(exists).fetch_one(&mut *change).await?;
    let found = if exists == 0 { 0 } else { version(&mut change).await? };
    if found == 0 && !sqlite {
        run(&mut change, "CREATE SCHEMA IF NOT EXISTS regsize".to_owned()).await?;
    }
    for sql in migrations(found, sqlite) {
        run(&mut change, sql).await?;
    }
    let genesis = chain::genesis().to_vec();
    let head = if found == 0 {
        sqlx::query("INSERT INTO head VALUES (1, $1, 0, $2, 0, $3)")
            .bind(NEWEST)
            .bind(genesis.clone())
            .bind(genesis)
    } else {
        sqlx::query("UPDATE head SET schema_version = $1").bind(NEWEST)
    };
    head.execute(&mut *change).await?;
    change.commit().await
}

/// The schema's version of an existing history.
async fn version(connection: &mut Link) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT schema_version FROM head").fetch_one(connection).await
}

/// Refuses the history of a later regsize.
pub(super) fn check_version(found: i64, name: &str) -> Result<(), Error> {
    if found > NEWEST {
        return Err(Error::Newer { place: name.to_owned(), found, known: NEWEST });
    }
    Ok(())
}

async fn dial(url: &str, name: &str, longest: Option<Duration>) -> Result<Link, Error> {
    let failed = |error| Error::of(name, &error);
    let options: AnyConnectOptions = url.parse().map_err(failed)?;
    let options = options.disable_statement_logging();
    let connection = link::limited(longest, options.connect()).await.map_err(failed)?;
    Ok(Link::new(connection))
}

/// Carries out a statement that gives no rows of interest.
async fn run(connection: &mut Link, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}

/// Sets something of SQLite.
pub(super) async fn pragma(connection: &mut Link, text: &str) -> Result<(), sqlx::Error> {
    run(connection, format!("PRAGMA {text}")).await
}

/// The address of a file as the driver takes it. The directory is told in full, as the driver would
/// read `..` without looking at links.
fn sqlite_url(path: &Path, options: &str) -> Result<String, Error> {
    let cannot = |error| Error::file(format!("{} cannot be found", path.display()), error);
    let directory = fs::canonicalize(parent(path)).map_err(cannot)?;
    let path = directory.join(path.file_name().unwrap_or_default());
    let Some(text) = path.to_str() else {
        return Err(Error::Place { reason: "the name of the file is not UTF-8".to_owned() });
    };
    let mut url = "sqlite://".to_owned();
    for byte in text.bytes() {
        match byte {
            b'/' => url.push('/'),
            // Writing into a String cannot fail.
            _ => drop(write!(url, "%{byte:02X}")),
        }
    }
    Ok(format!("{url}?{options}"))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}
