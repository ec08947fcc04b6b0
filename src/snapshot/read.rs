//! Snapshots out of JSON: alone, or in the reports of earlier runs.

use serde_json::Value;

use super::{SCHEMA, Snapshot};

/// Why a document has no snapshots.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    Syntax(String),
    /// It is something else, or of another version.
    #[error("its schema is {0}; a report of `inspect` or `analyze` with --format json is expected")]
    Schema(String),
    /// The report tells that its run failed.
    #[error("it is the report of a run that failed: {0}")]
    Failed(String),
    /// A report of before there were snapshots.
    #[error("it holds no snapshot of an image: it was written by an earlier version of regsize")]
    Missing,
    /// A snapshot that does not decode.
    #[error("its snapshot cannot be read: {0}")]
    Broken(String),
}

/// The schemas of reports that hold snapshots.
const REPORTS: [&str; 2] = ["regsize.inspect/1", "regsize.analyze/1"];

/// The snapshots in a document: itself, an array of documents, or the images of a report.
pub fn read(document: &[u8]) -> Result<Vec<Snapshot>, ReadError> {
    let value: Value =
        serde_json::from_slice(document).map_err(|error| ReadError::Syntax(error.to_string()))?;
    let found = match value {
        Value::Array(documents) => {
            let found: Result<Vec<_>, _> = documents.into_iter().map(of_document).collect();
            found?.into_iter().flatten().collect()
        }
        document => of_document(document)?,
    };
    if found.is_empty() { Err(ReadError::Missing) } else { Ok(found) }
}

fn of_document(mut document: Value) -> Result<Vec<Snapshot>, ReadError> {
    let schema = document.get("schema").and_then(Value::as_str).unwrap_or("missing").to_owned();
    if let Some(message) = document.pointer("/error/message").and_then(Value::as_str) {
        return Err(ReadError::Failed(message.to_owned()));
    }
    if schema == SCHEMA {
        return decode(document).map(|snapshot| vec![snapshot]);
    }
    if !REPORTS.contains(&schema.as_str()) {
        return Err(ReadError::Schema(schema));
    }
    let images = document.get_mut("images").and_then(Value::as_array_mut);
    let snapshots = images.into_iter().flatten().filter_map(|image| image.get_mut("snapshot"));
    snapshots.map(Value::take).filter(|found| !found.is_null()).map(decode).collect()
}

fn decode(value: Value) -> Result<Snapshot, ReadError> {
    let snapshot: Snapshot = serde_path_to_error::deserialize(value)
        .map_err(|error| ReadError::Broken(format!("{}: {}", error.path(), error.inner())))?;
    if snapshot.schema != SCHEMA {
        return Err(ReadError::Schema(snapshot.schema));
    }
    let owners = snapshot.owners.len();
    let mut shares = snapshot.layers.iter().filter_map(|layer| layer.contents.as_ref());
    let is_sound =
        shares.all(|contents| contents.shares.iter().all(|share| (share.owner as usize) < owners));
    if is_sound {
        Ok(snapshot)
    } else {
        Err(ReadError::Broken("a layer has a share of an owner that is not listed".to_owned()))
    }
}
