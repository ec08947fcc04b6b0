//! Spools: files of what could not be recorded, until it can be.
//!
//! A spool is an export that was not recorded yet: JSON lines, which `audit import` takes, too. It
//! gets its name when it is whole; one whose process was killed, or whose disk was full, is taken as
//! far as it goes. A
//! replay records each row once, however often it is cut off and whatever of it was recorded
//! before. Rows come to the end of the chain, with the times at which they were found out: where
//! several machines record one target, the order of arrival counts.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::OFlags;

use super::import::{header, next_line};
use super::line::{HEADER, Line, SCHEMA};
use super::news::{Numbers, Targets};
use crate::history::earlier::Earlier;
use crate::history::place::Kind;
use crate::history::{Error, New, Outcome, Place, Store};
use crate::oci::Digest;

/// A history's spools have no more bytes together.
const MOST: u64 = 1 << 30;
/// Rows of one transaction, and their bytes of snapshots.
const ROWS: usize = 1000;
const BYTES: usize = 16 << 20;
/// The names of spools that are whole, that are written or about to be, and that are damaged.
const WHOLE: &str = "jsonl";
const PART: &str = "part";
const NEW: &str = "new";
const DAMAGED: &str = "damaged";

/// Where the spools of a history are.
#[derive(Clone, Debug)]
pub struct Spools {
    directory: PathBuf,
    place: String,
    /// The beginning of their names, which tells the history.
    prefix: String,
}

/// A spool that is written.
#[derive(Debug)]
pub struct Spool {
    file: File,
    part: PathBuf,
    length: u64,
    most: u64,
    numbers: Numbers,
    /// Images whose snapshots are in the file, and whether their layers were read.
    told: HashSet<(Digest, bool)>,
}

/// What became of the spools of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Those that were recorded and are removed.
    pub files: usize,
    /// What they brought: rows, and targets that were seen again.
    pub rows: usize,
    /// Of them, those that ended in the middle of a row; what came after is lost.
    pub cut: usize,
    /// Those that are damaged, where they are kept, and what is wrong with each.
    pub aside: Vec<(PathBuf, String)>,
}

/// A file by the directory that it is really in, however that was named.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let directory = absolute.parent().and_then(|directory| directory.canonicalize().ok());
    match (directory, absolute.file_name()) {
        (Some(directory), Some(name)) => directory.join(name),
        _ => absolute,
    }
}

impl Spools {
    /// The spools in a directory, which need not be there yet, of the history at `place`.
    pub fn new(directory: impl Into<PathBuf>, place: &Place) -> Self {
        let name = match &place.0 {
            Kind::File(path) => real(path).display().to_string(),
            Kind::Server(_) => place.to_string(),
        };
        let prefix = Digest::of(name.as_bytes()).hex().chars().take(16).collect();
        Self { directory: directory.into(), place: place.to_string(), prefix }
    }

    /// The spools that nobody writes, the oldest first.
    fn waiting(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = self.paths(&[WHOLE, PART])?;
        paths.retain(|path| path.extension().is_some_and(|is| is == WHOLE) || is_left(path));
        Ok(paths)
    }

    fn paths(&self, forms: &[&str]) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let form = path.extension().and_then(|form| form.to_str()).unwrap_or_default();
            // What cannot be looked at is told when it is opened.
            let is_other = || path.metadata().is_ok_and(|data| !data.is_file());
            if name.starts_with(&self.prefix) && forms.contains(&form) && !is_other() {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// Whether the process that wrote a spool is gone.
fn is_left(path: &Path) -> bool {
    open_file(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Opens a file to read; refuses what is none, and does not wait for who writes into a pipe.
fn open_file(path: &Path) -> io::Result<File> {
    let no_wait = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(no_wait).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

impl Spool {
    /// Begins a spool of what was found out at a time.
    pub fn begin(spools: &Spools, at: Timestamp) -> Result<Self, Error> {
        let Spools { directory, place, prefix } = spools;
        let cannot = |error| unwritten(directory, error);
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(cannot)?;
        let paths = spools.paths(&[WHOLE, PART, DAMAGED]).map_err(cannot)?;
        let length = |path: &PathBuf| path.metadata().map_or(0, |data| data.len());
        let used = paths.iter().map(length).fold(0, u64::saturating_add);
        let unique = RandomState::new().build_hasher().finish();
        let name = format!("{prefix}-{}-{unique:016x}.{NEW}", at.strftime("%Y%m%dT%H%M%S"));
        let new = directory.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
        let file = file.map_err(cannot)?;
        // Where files cannot be locked, what a killed process leaves stays where it is.
        let _ = file.try_lock();
        let part = new.with_extension(PART);
        fs::rename(&new, &part).map_err(cannot)?;
        let most = MOST.saturating_sub(used);
        let (numbers, told) = (Numbers::default(), HashSet::new());
        let mut spool = Self { file, part, length: 0, most, numbers, told };
        let (subject, detail) = (Some(SCHEMA.into()), Some(place.clone()));
        let header = Line { kind: HEADER.into(), subject, detail, ..Line::default() };
        if let Err(error) = spool.write(&[header]) {
            let _ = fs::remove_file(&spool.part);
            return Err(error);
        }
        Ok(spool)
    }

    /// Adds what could not be recorded.
    pub fn add(&mut self, news: &[New]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for new in news {
            let told = match new {
                New::Point { point, snapshot: Some(_) } => {
                    !self.told.insert((point.image.clone(), point.figures.content.is_some()))
                }
                _ => false,
            };
            lines.extend(self.numbers.lines(new, told)?);
        }
        self.write(&lines)
    }

    /// Gives the spool its name, under which it survives the loss of power.
    pub fn finish(self) -> Result<PathBuf, Error> {
        let cannot = |error| unwritten(&self.part, error);
        self.file.sync_all().map_err(cannot)?;
        let path = self.part.with_extension(WHOLE);
        fs::rename(&self.part, &path).map_err(cannot)?;
        if let Some(directory) = path.parent() {
            File::open(directory).and_then(|it| it.sync_all()).map_err(cannot)?;
        }
        Ok(path)
    }

    fn write(&mut self, lines: &[Line]) -> Result<(), Error> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)
                .map_err(|error| unwritten(&self.part, error.into()))?;
            text.push(b'\n');
        }
        let length = self.length.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if length > self.most {
            let full = io::Error::other("there is 1 GiB of rows already");
            return Err(unwritten(&self.part, full));
        }
        if let Err(error) = self.file.write_all(&text) {
            self.cut_back(&text);
            return Err(unwritten(&self.part, error));
        }
        self.length = length;
        Ok(())
    }

    /// Leaves whole lines of what was to be written, as far as they came.
    fn cut_back(&mut self, text: &[u8]) {
        let end = self.file.stream_position().unwrap_or(self.length);
        let written = usize::try_from(end.saturating_sub(self.length)).unwrap_or(0);
        let came = text.get(..written).unwrap_or_default();
        let whole = came.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.length = self.length.saturating_add(u64::try_from(whole).unwrap_or(0));
        // If even that fails, the next replay finds half a line and leaves it out.
        let _ = self.file.set_len(self.length);
    }
}

fn unwritten(path: &Path, error: io::Error) -> Error {
    Error::file(format!("{} cannot be written", path.display()), error)
}

impl Store {
    /// Records what waits in the spools of this history and removes them; what is damaged is kept
    /// aside. An error is of the history: the spools are as they were then.
    pub async fn replay(&mut self, spools: &Spools) -> Result<Replayed, Error> {
        let mut replayed = Replayed::default();
        let waiting = spools.waiting().unwrap_or_else(|error| {
            replayed.aside.push((spools.directory.clone(), error.to_string()));
            Vec::new()
        });
        for path in waiting {
            let mut reading = Reading::open(&path);
            let mut earlier = Earlier::default();
            loop {
                let batch = reading.batch();
                if batch.is_empty() {
                    break;
                }
                match self.append_missing(&batch, &mut earlier).await {
                    Ok(became) => {
                        let is_new = |became: &&Outcome| **became != Outcome::Unchanged;
                        replayed.rows += became.iter().filter(is_new).count();
                    }
                    Err(error @ Error::TooLarge { .. }) => reading.refuse(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
            if let Some(reason) = reading.wrong {
                replayed.aside.push((put_aside(&path), reason));
                continue;
            }
            replayed.cut += usize::from(reading.is_cut);
            replayed.files += usize::from(fs::remove_file(&path).is_ok());
        }
        Ok(replayed)
    }
}

/// Puts a damaged spool where no replay looks; tells where it is.
fn put_aside(path: &Path) -> PathBuf {
    let aside = path.with_extension(DAMAGED);
    match fs::rename(path, &aside) {
        Ok(()) => aside,
        Err(_) => path.to_owned(),
    }
}

/// A spool that is read.
struct Reading {
    lines: Option<BufReader<File>>,
    targets: Targets,
    line: u64,
    /// Whether its last line is half a line.
    is_cut: bool,
    /// The first thing that is wrong with it.
    wrong: Option<String>,
}

impl Reading {
    fn open(path: &Path) -> Self {
        let is_part = path.extension().is_some_and(|form| form == PART);
        let mut reading =
            Self { lines: None, targets: Targets::default(), line: 1, is_cut: false, wrong: None };
        match open_file(path) {
            Ok(file) => reading.lines = Some(BufReader::new(file)),
            Err(error) => reading.refuse(error.to_string()),
        }
        let first = reading.lines.as_mut().and_then(|lines| next_line(lines).transpose());
        let is_empty_part = is_part && first.is_none();
        if let Some(Err(error)) = &first
            && reading.ends_after(error)
        {
            return reading;
        }
        if !is_empty_part && let Err(Error::Import { reason, .. }) = header(first) {
            reading.refuse(reason);
            reading.lines = None;
        }
        reading
    }

    fn refuse(&mut self, reason: String) {
        self.wrong.get_or_insert(reason);
    }

    /// Whether an error is of half a line at the end, as a killed process or a full disk leaves it.
    fn ends_after(&mut self, error: &io::Error) -> bool {
        let is_last = |lines: &mut BufReader<File>| lines.fill_buf().is_ok_and(<[u8]>::is_empty);
        let is_half = error.kind() == io::ErrorKind::UnexpectedEof;
        let is_cut = is_half && self.lines.as_mut().is_some_and(is_last);
        self.is_cut |= is_cut;
        is_cut
    }

    /// Some more of what it holds; nothing at its end. Lines that are damaged are left out.
    fn batch(&mut self) -> Vec<New> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < ROWS && bytes < BYTES {
            let Some(lines) = &mut self.lines else { break };
            let line = match next_line(lines) {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) if self.ends_after(&error) => break,
                Err(error) => {
                    self.line += 1;
                    self.refuse(format!("line {}: {error}", self.line));
                    // After an error of the disk nothing more is read.
                    if error.raw_os_error().is_some() {
                        self.lines = None;
                    }
                    continue;
                }
            };
            self.line += 1;
            bytes += line.snapshot.as_ref().map_or(0, |json| json.get().len());
            match self.targets.news(line) {
                Ok(new) => batch.extend(new),
                Err(reason) => self.refuse(format!("line {}: {reason}", self.line)),
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_its_spools_whatever_its_path_is_called() {
        let home = tempfile::tempdir().expect("a directory");
        let prefix = |path: &str| Spools::new("spool", &Place::file(home.path().join(path))).prefix;
        fs::create_dir_all(home.path().join("real/in")).expect("directories");
        std::os::unix::fs::symlink("real", home.path().join("link")).expect("a link");
        for same in ["link/h.sqlite", "real/in/../h.sqlite", "real/./h.sqlite"] {
            assert_eq!(prefix(same), prefix("real/h.sqlite"), "{same}");
        }
        assert_ne!(prefix("real/other.sqlite"), prefix("real/h.sqlite"));
        assert_ne!(prefix("none/h.sqlite"), prefix("real/h.sqlite"));
    }

    #[test]
    fn pipes_and_directories_are_no_spools_and_not_waited_for() {
        let home = tempfile::tempdir().expect("a directory");
        let spools = Spools::new(home.path(), &Place::file(home.path().join("h.sqlite")));
        let named = |name: &str| home.path().join(format!("{}-{name}", spools.prefix));
        for name in ["pipe.jsonl", "pipe.part"] {
            let made = std::process::Command::new("mkfifo").arg(named(name)).status();
            assert!(made.expect("a pipe").success());
            assert!(Reading::open(&named(name)).wrong.is_some_and(|why| why == "it is not a file"));
        }
        fs::create_dir(named("directory.jsonl")).expect("a directory");
        fs::write(named("file.jsonl"), "").expect("a file");
        assert_eq!(spools.waiting().expect("a list"), [named("file.jsonl")]);
    }
}
