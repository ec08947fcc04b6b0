//! Export and import: the rows of a history as JSON lines or as a Parquet file.
//!
//! Both hold the same columns ([`Line`]). An export names damaged rows as such; an import leaves
//! them out. The chain of an import is its own: it says what was recorded here, and when is in the
//! rows.

mod columns;
mod import;
mod line;
mod news;
mod spool;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use serde_json::value::RawValue;

use self::columns::ColumnWriter;
use self::line::{HEADER, Line, SCHEMA, TARGET};
use super::read::WINDOW;
use super::record::Body;
use super::sql::Linked;
use super::verify::Walk;
use super::{Error, Store};

pub use self::import::Imported;
pub use self::spool::{Replayed, Spool, Spools};

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    JsonLines,
    /// Columns for DuckDB and friends.
    Parquet,
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Rows of the history.
    pub rows: u64,
    /// Those of them that are not what was written.
    pub damaged: u64,
}

enum Sink<'a> {
    Lines(&'a mut (dyn Write + Send)),
    Columns(Box<ColumnWriter<&'a mut (dyn Write + Send)>>),
}

impl Store {
    /// Writes all rows, as they are at one moment, to `out`.
    pub async fn export(
        &mut self,
        form: Form,
        out: &mut (dyn Write + Send),
    ) -> Result<Exported, Error> {
        self.freeze().await?;
        let exported = self.export_frozen(form, out).await;
        self.thaw().await;
        exported
    }

    async fn export_frozen(
        &mut self,
        form: Form,
        out: &mut (dyn Write + Send),
    ) -> Result<Exported, Error> {
        let mut sink = match form {
            Form::JsonLines => Sink::Lines(out),
            Form::Parquet => Sink::Columns(Box::new(ColumnWriter::new(out).map_err(unwritten)?)),
        };
        sink.write(Line { kind: HEADER.into(), subject: Some(SCHEMA.into()), ..Line::default() })?;
        let targets = self.targets().await?;
        for (id, target) in targets.iter().collect::<BTreeMap<_, _>>() {
            let line = Line { kind: TARGET.into(), target: Some(*id), ..Line::default() };
            sink.write(line.about(Some(target)))?;
        }
        let head = self.head().await?;
        let mut exported = Exported::default();
        let mut told = HashSet::new();
        let mut after = head.pruned_seq;
        let mut before = head.pruned_hash;
        while after < head.last_seq {
            let last = head.last_seq.min(after.saturating_add(WINDOW));
            let window = self.window(after, last).await?;
            for linked in &window.rows {
                let target = linked.row.target.and_then(|id| targets.get(&id));
                let sound = Walk::is_link(&before, target, linked);
                before.clone_from(&linked.hash);
                let snapshot = self.snapshot_line(linked, &mut told).await;
                let damaged = !sound || snapshot.is_err();
                let mut line = Line::of(linked, target);
                line.damaged = damaged.then_some(true);
                line.snapshot = snapshot.unwrap_or_default();
                sink.write(line)?;
                exported.rows += 1;
                exported.damaged += u64::from(damaged);
            }
            exported.damaged += u64::try_from(window.unreadable.len()).unwrap_or(u64::MAX);
            after = last;
        }
        sink.finish()?;
        Ok(exported)
    }

    /// A point's snapshot, with the first point that has it.
    async fn snapshot_line(
        &mut self,
        linked: &Linked,
        told: &mut HashSet<(Vec<u8>, Vec<u8>)>,
    ) -> Result<Option<Box<RawValue>>, Error> {
        let Body::Point(point) = &linked.row.body else { return Ok(None) };
        let Some(checksum) = &point.snapshot else { return Ok(None) };
        if !told.insert((point.image.clone(), checksum.clone())) {
            return Ok(None);
        }
        let json = self.snapshot_of(&point.image, checksum).await?;
        let json = json.ok_or_else(|| self.corrupt("a snapshot is missing".to_owned()))?;
        RawValue::from_string(json).map(Some).map_err(|error| self.corrupt(error.to_string()))
    }
}

impl Sink<'_> {
    fn write(&mut self, line: Line) -> Result<(), Error> {
        match self {
            Self::Columns(columns) => columns.write(line).map_err(unwritten),
            Self::Lines(out) => {
                let mut text =
                    serde_json::to_vec(&line).map_err(|error| unwritten(error.into()))?;
                text.push(b'\n');
                out.write_all(&text).map_err(unwritten)
            }
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self {
            Self::Columns(columns) => columns.finish().map_err(unwritten),
            Self::Lines(out) => out.flush().map_err(unwritten),
        }
    }
}

fn unwritten(error: io::Error) -> Error {
    Error::file("the export cannot be written", error)
}
