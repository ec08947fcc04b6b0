//! What can go wrong with a history, each in one sentence.

/// Why a history cannot be read or written. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text does not say where a history is.
    #[error("this is no place for a history: {reason}")]
    Place {
        /// What is wrong with it.
        reason: String,
    },
    /// There is no history.
    #[error("there is no history at {place}")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// SQLite cannot lock files there.
    #[error("{place} is on a network file system ({kind}), on which SQLite can lose data")]
    NetworkFileSystem {
        /// The file.
        place: String,
        /// The kind of file system.
        kind: &'static str,
    },
    /// The file or database holds something else.
    #[error("{place} is not a history of regsize: {reason}")]
    Foreign {
        /// The place.
        place: String,
        /// What it is instead.
        reason: &'static str,
    },
    /// A later version of regsize wrote the history.
    #[error("{place} has schema {found}, and this regsize knows schemas up to {known}")]
    Newer {
        /// The place.
        place: String,
        /// The schema of the history.
        found: i64,
        /// The newest schema that is known here.
        known: i64,
    },
    /// Another process holds the history for too long.
    #[error("{place} is locked by another process")]
    Locked {
        /// The place.
        place: String,
    },
    /// The history cannot be written.
    #[error("{place} cannot be written: it or its directory is read-only")]
    ReadOnly {
        /// The place.
        place: String,
    },
    /// The server takes no changes.
    #[error("{place} takes no changes: {reason}")]
    Frozen {
        /// The place.
        place: String,
        /// What the server said.
        reason: String,
    },
    /// There is no room left.
    #[error("{place} cannot grow: the disk is full")]
    Full {
        /// The place.
        place: String,
    },
    /// The database is damaged.
    #[error("{place} is damaged: {reason}")]
    Corrupt {
        /// The place.
        place: String,
        /// What was found.
        reason: String,
    },
    /// A server cannot be reached.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// The place.
        place: String,
        /// What happened.
        reason: String,
    },
    /// A server refuses the user.
    #[error("{place} refuses access: {reason}")]
    Denied {
        /// The place.
        place: String,
        /// What the server said.
        reason: String,
    },
    /// A server lets the user in, but not do everything.
    #[error("{place} does not allow this to the user: {reason}")]
    Forbidden {
        /// The place.
        place: String,
        /// What the server said.
        reason: String,
    },
    /// This build knows no servers.
    #[error("{place} cannot be used: this regsize was built without PostgreSQL")]
    NotBuilt {
        /// The place.
        place: String,
    },
    /// A value does not fit into the history.
    #[error("{what} does not fit into the history")]
    TooLarge {
        /// The value.
        what: &'static str,
    },
    /// The rows that a pruning would remove are not what was written.
    #[error("{place} is not pruned: row {seq} is broken, and pruning would hide it")]
    Broken {
        /// The place.
        place: String,
        /// The first broken row.
        seq: i64,
    },
    /// A file to import is not one.
    #[error("line or row {line} of the file cannot be imported: {reason}")]
    Import {
        /// Which line or row, from 1; 0 for the file as a whole.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no directory for what cannot be recorded.
    #[error("there is no place where it could wait: HOME and XDG_STATE_HOME are not set")]
    NoSpool,
    /// A file cannot be read or written.
    #[error("{what}")]
    File {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database refused for another reason.
    #[error("{place}: {reason}")]
    Database {
        /// The place.
        place: String,
        /// What it said.
        reason: String,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn what_to_do(&self) -> Option<&'static str> {
        Some(match self {
            Self::Place { .. } => "name a file, sqlite:FILE or postgres://USER@HOST/DATABASE",
            Self::Missing { .. } => {
                "name another place with --store, or fill this one: `regsize audit import FILE`"
            }
            Self::NetworkFileSystem { .. } => {
                "keep it on a local disk, or in PostgreSQL: --store postgres://USER@HOST/DATABASE"
            }
            Self::Foreign { .. } => "name another place with --store; nothing was changed",
            Self::Newer { .. } => "use the newer regsize; nothing was changed",
            Self::Locked { .. } => "wait until the other process ends, then run this again",
            Self::ReadOnly { .. } => "give this user the right to write, or name another place",
            Self::Frozen { .. } => {
                "name a server that does: a standby does not, nor a database or user with default_transaction_read_only"
            }
            Self::Full { .. } => "make room; what was recorded before is still there",
            Self::Corrupt { .. } => {
                "keep the file, and restore a copy; `regsize audit export` saves what can be read"
            }
            Self::Unreachable { reason, .. }
                if reason.contains("TLS") || reason.contains("certificate") =>
            {
                "a server elsewhere has to prove its name; ?sslrootcert=FILE names its authority, ?sslmode=prefer asks for no proof"
            }
            Self::Unreachable { .. } => "look whether the server runs, and at its host and port",
            Self::Denied { .. } => {
                "look at the user, the password (PGPASSFILE, REGSIZE_STORE) and the name of the database"
            }
            Self::Forbidden { .. } => {
                "what the schema regsize needs: GRANT USAGE on it, SELECT on its tables to read, and to record INSERT, UPDATE and DELETE as well; its owner makes it"
            }
            Self::NoSpool => "name a directory: --spool DIRECTORY, or REGSIZE_SPOOL",
            Self::NotBuilt { .. } => "build with the feature `postgres`",
            Self::Broken { .. } => {
                "run `regsize audit verify`, and export the history before anything else"
            }
            Self::TooLarge { .. }
            | Self::Import { .. }
            | Self::File { .. }
            | Self::Database { .. } => {
                return None;
            }
        })
    }

    /// The error of a file.
    pub(super) fn file(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::File { what: what.into(), source }
    }

    /// Whether a server cannot be reached, or a connection was lost, so that it is not known what it
    /// did last.
    pub(crate) fn lost_connection(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether another place, user or program is needed: nothing else makes it work some day.
    pub(crate) fn is_mistake(&self) -> bool {
        matches!(
            self,
            Self::Place { .. }
                | Self::NetworkFileSystem { .. }
                | Self::Foreign { .. }
                | Self::Newer { .. }
                | Self::NotBuilt { .. }
                | Self::Denied { .. }
                | Self::Forbidden { .. }
        )
    }

    /// The error that a database driver gave about `place`.
    pub(crate) fn of(place: &str, error: &sqlx::Error) -> Self {
        let place = place.to_owned();
        match error {
            sqlx::Error::Database(answer) => {
                let code = answer.code().unwrap_or_default();
                let reason = answer.message().to_owned();
                // SQLite's codes are small numbers, PostgreSQL's have five characters.
                match code.parse::<u32>() {
                    Ok(number) if code.len() < 5 => of_sqlite(place, number & 0xff, reason),
                    _ => of_postgres(place, &code, reason),
                }
            }
            sqlx::Error::Io(error) => Self::Unreachable { place, reason: error.to_string() },
            sqlx::Error::Tls(error) => {
                Self::Unreachable { place, reason: format!("TLS failed: {error}") }
            }
            sqlx::Error::Protocol(reason) => Self::Unreachable { place, reason: reason.clone() },
            sqlx::Error::WorkerCrashed => {
                Self::Unreachable { place, reason: "its thread ended".to_owned() }
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Corrupt { place, reason: "a row holds what no regsize wrote".to_owned() }
            }
            other => Self::Database { place, reason: other.to_string() },
        }
    }
}

fn of_sqlite(place: String, code: u32, reason: String) -> Error {
    match code {
        5 | 6 => Error::Locked { place },
        8 => Error::ReadOnly { place },
        11 => Error::Corrupt { place, reason },
        13 => Error::Full { place },
        14 => Error::Database { place, reason: "the file cannot be opened".to_owned() },
        26 => Error::Foreign { place, reason: "it is not an SQLite database" },
        _ => Error::Database { place, reason },
    }
}

fn of_postgres(place: String, code: &str, reason: String) -> Error {
    match code {
        "25006" => Error::Frozen { place, reason },
        "53100" => Error::Full { place },
        "55P03" | "40P01" | "40001" => Error::Locked { place },
        "XX001" | "XX002" => Error::Corrupt { place, reason },
        "28000" | "28P01" | "3D000" => Error::Denied { place, reason },
        // Without rights on its schema, a table is not there for a user.
        "42501" | "42P01" => Error::Forbidden { place, reason },
        "53300" => Error::Unreachable { place, reason },
        _ if code.starts_with("08") || code.starts_with("57P") => {
            Error::Unreachable { place, reason }
        }
        _ => Error::Database { place, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_databases_become_sentences() {
        let sqlite = |code: u32| of_sqlite("h".to_owned(), code, "said".to_owned()).to_string();
        assert_eq!(sqlite(5), "h is locked by another process");
        assert_eq!(sqlite(8), "h cannot be written: it or its directory is read-only");
        assert_eq!(sqlite(11), "h is damaged: said");
        assert_eq!(sqlite(13), "h cannot grow: the disk is full");
        assert_eq!(sqlite(26), "h is not a history of regsize: it is not an SQLite database");
        let postgres =
            |code: &str| of_postgres("h".to_owned(), code, "said".to_owned()).to_string();
        assert_eq!(postgres("53100"), sqlite(13));
        assert_eq!(postgres("25006"), "h takes no changes: said");
        assert_eq!(postgres("42501"), "h does not allow this to the user: said");
        assert_eq!(postgres("42P01"), postgres("42501"));
        assert_eq!(postgres("28P01"), "h refuses access: said");
        assert_eq!(postgres("57P01"), "h cannot be reached: said");
        assert_eq!(postgres("22000"), "h: said");
    }
}
