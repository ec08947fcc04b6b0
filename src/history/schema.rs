//! Tables, for both databases: one list of migrations, in the words that both have.
//!
//! A migration is written for PostgreSQL; SQLite's names of types differ and are put in. A
//! history's version is how many of them it has seen.

/// The migrations, oldest first. One that was released is never changed.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE head (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  schema_version BIGINT NOT NULL,
  pruned_seq BIGINT NOT NULL,
  pruned_hash BYTEA NOT NULL,
  last_seq BIGINT NOT NULL,
  last_hash BYTEA NOT NULL
);
CREATE TABLE target (
  id BIGINT PRIMARY KEY,
  repository TEXT NOT NULL,
  tag TEXT NOT NULL,
  platform TEXT NOT NULL,
  UNIQUE (repository, tag, platform)
);
CREATE TABLE snapshot (
  image BYTEA NOT NULL,
  complete BIGINT NOT NULL,
  checksum BYTEA NOT NULL,
  json BYTEA NOT NULL,
  PRIMARY KEY (image, complete)
);
CREATE TABLE point (
  seq BIGINT PRIMARY KEY,
  target BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  root BYTEA NOT NULL,
  image BYTEA NOT NULL,
  compressed BIGINT NOT NULL,
  uncompressed BIGINT,
  content BIGINT,
  visible BIGINT,
  shadowed BIGINT,
  layers BIGINT NOT NULL,
  snapshot BYTEA,
  hash BYTEA NOT NULL
);
CREATE INDEX point_target ON point (target, seq);
CREATE TABLE event (
  seq BIGINT PRIMARY KEY,
  target BIGINT,
  seen BIGINT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT,
  detail TEXT,
  hash BYTEA NOT NULL
);
CREATE INDEX event_target ON event (target, seq);
CREATE INDEX event_kind ON event (kind, seq);
"];

/// The newest schema.
pub(super) const NEWEST: i64 = 1;

/// What tells a history from other SQLite files: `rgsz` in the file's header.
pub(super) const APPLICATION: i64 = 0x7267_737a;

/// The statements that bring a history of version `found` to the newest.
pub(super) fn migrations(found: i64, sqlite: bool) -> Vec<String> {
    let known = usize::try_from(found).unwrap_or(usize::MAX);
    let translate = |sql: &&str| {
        if sqlite {
            sql.replace("BIGINT", "INTEGER").replace("BYTEA", "BLOB")
        } else {
            (*sql).to_owned()
        }
    };
    MIGRATIONS.iter().skip(known).map(translate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_schema_is_the_last_migration() {
        assert_eq!(usize::try_from(NEWEST), Ok(MIGRATIONS.len()));
        assert_eq!(migrations(NEWEST, true), Vec::<String>::new());
        assert!(migrations(0, true).iter().all(|sql| !sql.contains("BYTEA")));
    }
}
