//! What of a tag was read, beyond the images that were recorded: an index may have none for a
//! platform, and layers may be of no kind that can be read.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Error, Question, Store, Target};
use crate::oci::Digest;

/// That all that was asked for of a tag was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasRead {
    /// The tag, and an image of it; without a platform where it has none that was asked for.
    pub target: Target,
    /// The digest behind it.
    pub root: Digest,
    /// What was asked for, in the words of who recorded it.
    pub scope: String,
}

impl Store {
    /// What was asked for of the tags of a repository, each the last time that it was read.
    pub async fn was_read(&mut self, repository: &str) -> Result<Vec<WasRead>, Error> {
        let (repository, newest) = (repository.to_owned(), 0);
        let question = Question { repository, tag: None, platform: None, newest };
        let targets: HashMap<i64, Target> = self.asked(&question).await?.into_iter().collect();
        let text = "SELECT target, subject, detail FROM event WHERE seq IN \
                    (SELECT MAX(seq) FROM event WHERE kind = 'read' GROUP BY target, detail)";
        let rows = sqlx::query(text).fetch_all(&mut self.connection).await;
        let rows = rows.and_then(|rows| rows.iter().map(read_of).collect::<Result<Vec<_>, _>>());
        let mut found = Vec::new();
        for (id, root, scope) in rows.map_err(|error| self.failed(&error))? {
            let Some(target) = targets.get(&id) else { continue };
            let root = root.parse().map_err(|_| self.corrupt("a digest is none".to_owned()))?;
            found.push(WasRead { target: target.clone(), root, scope });
        }
        Ok(found)
    }
}

fn read_of(row: &AnyRow) -> Result<(i64, String, String), sqlx::Error> {
    let text = |at: usize| row.try_get::<Option<String>, _>(at).map(Option::unwrap_or_default);
    Ok((row.try_get(0)?, text(1)?, text(2)?))
}
