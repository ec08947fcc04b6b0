//! Snapshots out of JSON: alone, or in the reports of earlier runs.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

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

/// What of a document tells what it is; of the rest, just the place is looked at.
#[derive(Deserialize)]
struct Document<'a> {
    schema: Option<Value>,
    error: Option<Value>,
    #[serde(borrow)]
    images: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(borrow)]
    snapshot: Option<&'a RawValue>,
}

/// The snapshots in a document: itself, an array of documents, or the images of a report.
pub fn read(document: &[u8]) -> Result<Vec<Snapshot>, ReadError> {
    let document: &RawValue = serde_json::from_slice(document).map_err(|error| syntax(&error))?;
    let documents: Vec<&RawValue> = if document.get().starts_with('[') {
        serde_json::from_str(document.get()).map_err(|error| syntax(&error))?
    } else {
        vec![document]
    };
    let found: Result<Vec<_>, _> = documents.into_iter().map(of_document).collect();
    let found: Vec<Snapshot> = found?.into_iter().flatten().collect();
    if found.is_empty() { Err(ReadError::Missing) } else { Ok(found) }
}

fn syntax(error: &serde_json::Error) -> ReadError {
    ReadError::Syntax(error.to_string())
}

fn of_document(document: &RawValue) -> Result<Vec<Snapshot>, ReadError> {
    if !document.get().starts_with('{') {
        return Err(ReadError::Schema("missing".to_owned()));
    }
    let parts: Document<'_> =
        serde_json::from_str(document.get()).map_err(|error| syntax(&error))?;
    if let Some(message) = parts.error.as_ref().and_then(|error| error["message"].as_str()) {
        return Err(ReadError::Failed(message.to_owned()));
    }
    let schema = parts.schema.as_ref().and_then(Value::as_str).unwrap_or("missing");
    if schema == SCHEMA {
        return decode(document).map(|snapshot| vec![snapshot]);
    }
    if !REPORTS.contains(&schema) {
        return Err(ReadError::Schema(schema.to_owned()));
    }
    let Some(images) = parts.images else { return Ok(Vec::new()) };
    let images: Vec<Image<'_>> =
        serde_json::from_str(images.get()).map_err(|error| syntax(&error))?;
    images.iter().filter_map(|image| image.snapshot).map(decode).collect()
}

fn decode(text: &RawValue) -> Result<Snapshot, ReadError> {
    let snapshot: Snapshot =
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text.get()))
            .map_err(|error| ReadError::Broken(format!("{}: {}", error.path(), error.inner())))?;
    if snapshot.schema != SCHEMA {
        return Err(ReadError::Schema(snapshot.schema));
    }
    let owners = snapshot.owners.len();
    let mut shares = snapshot.layers.iter().filter_map(|layer| layer.contents.as_ref());
    let is_sound =
        shares.all(|contents| contents.shares.iter().all(|share| (share.owner as usize) < owners));
    if !is_sound {
        let text = "a layer has a share of an owner that is not listed";
        return Err(ReadError::Broken(text.to_owned()));
    }
    let layers: u128 = snapshot.layers.iter().map(|layer| u128::from(layer.compressed)).sum();
    if layers != u128::from(snapshot.sizes.compressed) {
        return Err(ReadError::Broken("its layers do not add up to its size".to_owned()));
    }
    Ok(snapshot)
}
