//! Import: rows of a file go to the end of the chain, those that are there already do not.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _};
use std::path::Path;

use super::columns;
use super::line::{HEADER, Line, SCHEMA, TARGET};
use crate::history::draft::{Draft, LONGEST_SNAPSHOT};
use crate::history::link::Link;
use crate::history::news::Target;
use crate::history::read::WINDOW;
use crate::history::record::{Body, EventKind, Row};
use crate::history::{Error, Store, chain, ranges};

/// Lines of one transaction, and their bytes of snapshots.
const LINES: usize = 5_000;
const BYTES: usize = 32 << 20;
/// No line is longer.
const LONGEST_LINE: usize = LONGEST_SNAPSHOT + (1 << 20);

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that were appended.
    pub rows: u64,
    /// Rows that were there already.
    pub known: u64,
    /// Rows that the export names as damaged.
    pub damaged: u64,
}

type Lines = Box<dyn Iterator<Item = io::Result<Line>>>;

/// What is remembered between the transactions of an import.
struct Import {
    /// Targets by their numbers in the file.
    targets: BTreeMap<i64, Target>,
    /// What the history holds, if it held anything.
    known: HashSet<u128>,
    done: Imported,
    /// The line that is read.
    line: u64,
}

impl Store {
    /// Appends the rows of an export. They are written some at a time: one that was interrupted
    /// goes on where it ended when it is started again.
    pub async fn import(&mut self, path: &Path) -> Result<Imported, Error> {
        let mut lines = lines_of(path)?;
        let mut import = Import {
            targets: BTreeMap::new(),
            known: self.fingerprints().await?,
            done: Imported::default(),
            line: 0,
        };
        header(lines.next())?;
        let mut part = Vec::new();
        let mut bytes = 0;
        for line in lines {
            import.line += 1;
            let line = line.map_err(|error| import.wrong(error.to_string()))?;
            bytes += line.snapshot.as_ref().map_or(0, |json| json.get().len());
            if let Some(row) = import.take(line)? {
                part.push(row);
            }
            if part.len() >= LINES || bytes >= BYTES {
                self.import_part(&mut import, std::mem::take(&mut part)).await?;
                bytes = 0;
            }
        }
        self.import_part(&mut import, part).await?;
        Ok(import.done)
    }

    async fn import_part(
        &mut self,
        import: &mut Import,
        part: Vec<(Line, Row, u64)>,
    ) -> Result<(), Error> {
        if part.is_empty() {
            return Ok(());
        }
        let body = async |change: &mut Link, name: &str, mut draft: Draft| {
            for line in part {
                import.push(change, &mut draft, line, name).await?;
            }
            let end = draft.finish(change).await.map_err(|error| Error::of(name, &error))?;
            Ok(((), end))
        };
        self.change(body).await
    }

    /// What the history holds already.
    async fn fingerprints(&mut self) -> Result<HashSet<u128>, Error> {
        let head = self.head().await?;
        let targets = self.targets().await?;
        let mut known = HashSet::new();
        let mut after = head.pruned_seq;
        while after < head.last_seq {
            let last = head.last_seq.min(after.saturating_add(WINDOW));
            for linked in self.window(after, last).await?.rows {
                let target = linked.row.target.and_then(|id| targets.get(&id));
                known.insert(fingerprint(target, &linked.row));
            }
            after = last;
        }
        Ok(known)
    }
}

impl Import {
    /// The row of a line, with the number of the line; `None` for lines that make none.
    fn take(&mut self, line: Line) -> Result<Option<(Line, Row, u64)>, Error> {
        if line.kind == TARGET {
            let (Some(id), Some(target)) = (line.target, line.named()) else {
                return Err(self.wrong("a target has no number or no name".to_owned()));
            };
            self.targets.insert(id, target);
            return Ok(None);
        }
        if line.damaged == Some(true) {
            self.done.damaged += 1;
            return Ok(None);
        }
        let row = line.row().map_err(|reason| self.wrong(reason))?;
        if matches!(row.body, Body::Point(_)) && line.named().is_none() {
            return Err(self.wrong("a point has no target".to_owned()));
        }
        Ok(Some((line, row, self.line)))
    }

    /// Appends the row of a line unless it is there.
    async fn push(
        &mut self,
        change: &mut Link,
        draft: &mut Draft,
        (line, mut row, number): (Line, Row, u64),
        name: &str,
    ) -> Result<(), Error> {
        let failed = |error: sqlx::Error| Error::of(name, &error);
        self.line = number;
        let target = line.named();
        if let Some(target) = &target {
            row.target = Some(draft.target(change, target).await.map_err(failed)?);
        }
        if let Body::Event { kind: EventKind::Seen, detail, .. } = &mut row.body {
            let mut ids = Vec::new();
            for target in self.listed(line.detail.as_deref())? {
                ids.push(draft.target(change, &target).await.map_err(failed)?);
            }
            *detail = Some(ranges::format(&mut ids));
        }
        if !self.known.is_empty() && self.known.contains(&fingerprint(target.as_ref(), &row)) {
            self.done.known += 1;
            return Ok(());
        }
        if let Body::Point(point) = &mut row.body {
            let json = line.snapshot.as_ref().map(|json| json.get());
            point.snapshot = draft.snapshot(change, point, json, name).await?;
        }
        draft.push(row, target.as_ref());
        self.done.rows += 1;
        Ok(())
    }

    /// The targets whose numbers in the file are `text`.
    fn listed(&self, text: Option<&str>) -> Result<Vec<Target>, Error> {
        let runs = ranges::parse(text.unwrap_or_default());
        let runs = runs.ok_or_else(|| self.wrong("a list of targets is none".to_owned()))?;
        let listed = runs.iter().flat_map(|(first, last)| self.targets.range(*first..=*last));
        Ok(listed.map(|(_, target)| target.clone()).collect())
    }

    fn wrong(&self, reason: String) -> Error {
        // The header is the first line.
        Error::Import { line: self.line + 1, reason }
    }
}

/// Looks whether the first line is an export's.
pub(super) fn header(first: Option<io::Result<Line>>) -> Result<(), Error> {
    let wrong = |reason: &str| Err(Error::Import { line: 0, reason: reason.to_owned() });
    match first {
        Some(Ok(line)) if line.kind == HEADER => match line.subject.as_deref() {
            Some(SCHEMA) => Ok(()),
            _ => wrong("it is of another schema than regsize.history/1"),
        },
        Some(Err(error)) => wrong(&error.to_string()),
        _ => wrong("it is no export of a history"),
    }
}

/// What tells a row from others, whatever its place in the chain.
fn fingerprint(target: Option<&Target>, row: &Row) -> u128 {
    let mut row = row.clone();
    if let Body::Point(point) = &mut row.body {
        point.snapshot = None;
    }
    let target = target.map(Target::cleaned);
    let hash = chain::link(&[], 0, target.as_ref(), &row);
    hash.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

/// The lines of a file, whose first bytes tell its form.
fn lines_of(path: &Path) -> Result<Lines, Error> {
    let cannot = |error| Error::file(format!("{} cannot be read", path.display()), error);
    let mut file = File::open(path).map_err(cannot)?;
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic).map_err(cannot)?;
    file.rewind().map_err(cannot)?;
    if magic == b"PAR1" {
        return match columns::read(file) {
            Ok(lines) => Ok(Box::new(lines)),
            Err(error) => Err(Error::Import { line: 0, reason: error.to_string() }),
        };
    }
    let mut file = BufReader::new(file);
    Ok(Box::new(std::iter::from_fn(move || next_line(&mut file).transpose())))
}

pub(super) fn next_line(file: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
    let length = file.take(limit).read_until(b'\n', &mut text)?;
    if length == 0 {
        return Ok(None);
    }
    serde_json::from_slice(&text).map(Some).map_err(io::Error::from)
}
