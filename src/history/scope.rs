//! What of a tag was read, beyond the images that were recorded: an index may have none for a
//! platform, and layers may be of no kind that can be read.

use sqlx::Row as _;

use super::record::clean;
use super::{Error, Store};
use crate::oci::Digest;

/// That all that was asked for of a tag was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasRead {
    /// The tag.
    pub tag: String,
    /// The digest behind it.
    pub root: Digest,
    /// What was asked for, in the words of who recorded it.
    pub scope: String,
}

impl Store {
    /// What was asked for of the tags of a repository, each the last time that it was read.
    pub async fn was_read(&mut self, repository: &str) -> Result<Vec<WasRead>, Error> {
        let text = "SELECT target.tag, event.subject, event.detail FROM event \
                    JOIN target ON target.id = event.target WHERE event.seq IN \
                    (SELECT MAX(seq) FROM event WHERE kind = 'read' GROUP BY target, detail) \
                    AND target.repository = $1";
        let rows = sqlx::query(text).bind(clean(repository)).fetch_all(&mut self.connection).await;
        let rows = rows.map_err(|error| self.failed(&error))?;
        let text = |row: &sqlx::any::AnyRow, at: usize| row.try_get::<Option<String>, _>(at);
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let tag = row.try_get(0).map_err(|error| self.failed(&error))?;
            let root = text(row, 1).map_err(|error| self.failed(&error))?.unwrap_or_default();
            let scope = text(row, 2).map_err(|error| self.failed(&error))?.unwrap_or_default();
            let root = root.parse();
            let root = root.map_err(|_| self.corrupt("a digest is none".to_owned()))?;
            found.push(WasRead { tag, root, scope });
        }
        Ok(found)
    }
}
