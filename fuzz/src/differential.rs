//! The tar walker held against another reader, out of process: Go's `archive/tar` where there is a
//! `go`, else Python's `tarfile`.
//!
//! Go's is what the container runtimes use, so what the two make of an archive must be the same
//! except for what `src/layer/tar/mod.rs` lists. Python's is another reader: it must agree with
//! the walker on every archive that the walker does not flag as ambiguous.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use regsize::layer::fuzzing::{Listed, Listing, list_tar, tar_archive};
use regsize::layer::{Kind, OddityKind};
use serde_json::Value;

use crate::Random;

/// How verdicts begin that are failures.
const DIFFERS: &str = "DIFFERS";
/// Failures that are told in full.
const TOLD: u64 = 5;

/// Which reader the walker is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// `archive/tar`.
    Go,
    /// `tarfile`.
    Python,
}

/// The other reader, running, and what came of it so far.
pub struct Oracle {
    reader: Reader,
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    tally: BTreeMap<String, u64>,
    differences: u64,
}

impl Reader {
    /// The best one that is there.
    pub fn present() -> Self {
        let go = Command::new("go").arg("version").stdout(Stdio::null()).status();
        if go.is_ok_and(|status| status.success()) { Self::Go } else { Self::Python }
    }

    fn start(self) -> Child {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle");
        let piped = |mut command: Command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the oracle starts")
        };
        if self == Self::Python {
            let mut python = Command::new("python3");
            python.arg("oracle.py").current_dir(source);
            return piped(python);
        }
        let program = std::env::temp_dir().join(format!("tar_oracle_{}", std::process::id()));
        let mut build = Command::new("go");
        build.args(["build", "-o"]).arg(&program).arg(".").current_dir(source);
        assert!(build.status().expect("`go` starts").success(), "the oracle does not build");
        let child = piped(Command::new(&program));
        std::fs::remove_file(&program).expect("a temporary file");
        child
    }
}

impl Oracle {
    /// Starts the reader.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(reader: Reader) -> Self {
        let mut child = reader.start();
        let stdin = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { reader, child, stdin, answers, tally: BTreeMap::new(), differences: 0 }
    }

    /// Lists an archive with both.
    ///
    /// # Panics
    ///
    /// If the oracle ends.
    pub fn hold(&mut self, name: &str, archive: &[u8]) {
        let length = u32::try_from(archive.len()).expect("archives are small");
        let stdin = self.stdin.as_mut().expect("piped");
        let written =
            stdin.write_all(&length.to_be_bytes()).and_then(|()| stdin.write_all(archive));
        written.and_then(|()| stdin.flush()).expect("the oracle reads");
        let answer = self.answers.next().expect("the oracle answers").expect("text");
        let theirs: Value = serde_json::from_str(&answer).expect("JSON");
        let ours = list_tar(archive);
        let verdict = match self.reader {
            Reader::Go => compare_go(&ours, &theirs),
            Reader::Python => compare_python(&ours, &theirs),
        };
        if verdict.starts_with(DIFFERS) {
            self.differences += 1;
            if self.differences <= TOLD {
                let path = std::env::temp_dir().join(format!("tar_differential_{name}.tar"));
                std::fs::write(&path, archive).expect("a temporary file");
                eprintln!("{}: {verdict}\ntheirs: {answer}\nours: {ours:?}", path.display());
            }
        }
        *self.tally.entry(verdict).or_default() += 1;
    }

    /// Tells on stderr what came of it; gives how many archives the two differ about.
    ///
    /// # Panics
    ///
    /// If the oracle cannot be waited for.
    pub fn end(mut self) -> u64 {
        drop(self.stdin.take());
        self.child.wait().expect("the oracle ends");
        eprintln!("the tar walker and {:?}:", self.reader);
        for (verdict, count) in &self.tally {
            eprintln!("{count:>9}  {verdict}");
        }
        self.differences
    }
}

/// A written archive, in one of eight with some bytes changed.
pub fn archive(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let choices: Vec<u8> = (0..400).map(|_| random.byte()).collect();
    let mut archive = tar_archive(&choices);
    if random.below(8) == 0 && !archive.is_empty() {
        for _ in 0..=random.below(3) {
            let at = random.below(archive.len());
            archive[at] = random.byte();
        }
    }
    archive
}

/// Reasons for which only the walker gives an error where Go gives none.
const STRICTER: [&str; 5] = [
    "a PAX header has a `size`",
    "the map of a sparse file is for more or fewer bytes",
    "more than 2^62 bytes",
    "more than 1024 extension headers",
    "it is not a tar archive",
];

fn compare_go(ours: &Listing, go: &Value) -> String {
    let error = go["error"].as_str().unwrap_or_default();
    let unread =
        go["entries"].as_array().expect("entries").iter().any(|entry| entry["read"] == false);
    match (&ours.error, error) {
        (Some((_, ours)), text) if !text.is_empty() => {
            let ours: String = ours.chars().filter(|c| !c.is_ascii_digit()).collect();
            let ours = ours.split(", before").next().unwrap_or_default();
            return format!("both give an error: {ours}");
        }
        (Some((_, text)), _) => {
            // What Go never read cannot have shown it an error.
            let known = STRICTER.iter().find(|reason| text.contains(**reason));
            return match known {
                Some(reason) if *reason != STRICTER[1] || unread => format!("stricter: {reason}"),
                _ => format!("DIFFERS: only we give an error: {text}"),
            };
        }
        (None, "") => {}
        (None, text) => return format!("DIFFERS: only Go gives an error: {text}"),
    }
    // Global headers are entries for Go, and volume labels.
    let theirs: Vec<_> = go["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| !matches!(flag(entry), b'g' | b'V'))
        .collect();
    if theirs.len() != ours.entries.len() {
        return "DIFFERS: number of entries".to_owned();
    }
    for (ours, theirs) in ours.entries.iter().zip(theirs) {
        if let Some(field) = difference(ours, theirs) {
            return format!("DIFFERS: {field}");
        }
    }
    if ours.is_ambiguous() { "same, flagged as ambiguous" } else { "same" }.to_owned()
}

fn flag(entry: &Value) -> u8 {
    entry["type"].as_u64().and_then(|flag| u8::try_from(flag).ok()).expect("a type flag")
}

/// Python ends, silently or not, at headers that it cannot read; what it told before counts.
fn compare_python(ours: &Listing, python: &Value) -> String {
    if ours.error.is_some() {
        return "an error of ours".to_owned();
    }
    if ours.is_ambiguous() {
        return "flagged as ambiguous".to_owned();
    }
    let mut oddities = ours.entries.iter().flat_map(|entry| &entry.oddities);
    if oddities.any(|oddity| matches!(oddity, OddityKind::UnknownType { .. })) {
        return "flagged as of unknown types".to_owned();
    }
    // Volume labels are entries for Python.
    let theirs = python["entries"].as_array().expect("entries");
    let theirs: Vec<_> = theirs.iter().filter(|entry| flag(entry) != b'V').collect();
    for (ours, theirs) in ours.entries.iter().zip(&theirs) {
        if let Some(field) = python_difference(ours, theirs) {
            return format!("DIFFERS: {field}");
        }
    }
    let error = python["error"].as_str().unwrap_or_default();
    match theirs.len().cmp(&ours.entries.len()) {
        Ordering::Greater => "DIFFERS: number of entries".to_owned(),
        _ if !error.is_empty() => format!("same before an error of Python's: {error}"),
        Ordering::Less => "same before the first header that Python cannot read".to_owned(),
        Ordering::Equal => "same".to_owned(),
    }
}

fn python_difference(ours: &Listed, theirs: &Value) -> Option<&'static str> {
    let is_file = ours.kind == Kind::File;
    let is_link = matches!(ours.kind, Kind::Hardlink | Kind::Symlink);
    // Slashes at the end are sometimes left out, empty names in records count, and headers have a
    // prefix whatever their magic unless they are of old sparse files, whose maps are read otherwise.
    let (name, listed) = (without_slashes(&ours.name), bytes(theirs, "name"));
    let listed = without_slashes(&listed);
    let is_empty = name.is_empty() || listed.is_empty();
    let ends = |long: &[u8], short: &[u8]| long.ends_with(&[b"/", short].concat());
    let link = bytes(theirs, "link");
    // What a slash at the end makes of type `\0` is told before a long name is known.
    let is_slashed = match ours.kind {
        Kind::Directory => flag(theirs) == 0,
        Kind::File => kind(theirs) == Kind::Directory,
        _ => false,
    };
    let is_plain = is_file && !ours.sparse;
    let is_read = theirs["read"] == true;
    let checks = [
        ("name", name == listed || is_empty || ends(listed, name) || ends(name, listed)),
        ("kind", ours.kind == kind(theirs) || is_slashed),
        ("link", !is_link || ours.link == link || link.is_empty()),
        ("size", !is_plain || theirs["size"].as_u64() == Some(ours.size)),
        ("content", !is_plain || !is_read || filled(ours) == number(theirs, "filled")),
    ];
    checks.iter().find(|(_, same)| !same).map(|(field, _)| *field)
}

fn without_slashes(name: &[u8]) -> &[u8] {
    let slashes = name.iter().rev().take_while(|byte| **byte == b'/').count();
    &name[..name.len() - slashes]
}

fn filled(ours: &Listed) -> i64 {
    let filled = ours.content.iter().filter(|byte| **byte != 0).count();
    i64::try_from(filled).expect("archives are small")
}

fn bytes(theirs: &Value, key: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(theirs[key].as_str().unwrap_or_default()).expect("Base64")
}

fn number(theirs: &Value, key: &str) -> i64 {
    theirs[key].as_i64().expect("a number")
}

fn kind(theirs: &Value) -> Kind {
    match flag(theirs) {
        b'1' => Kind::Hardlink,
        b'2' => Kind::Symlink,
        b'3' => Kind::Character,
        b'4' => Kind::Block,
        b'5' | b'D' => Kind::Directory,
        b'6' => Kind::Fifo,
        _ => Kind::File,
    }
}

fn difference(ours: &Listed, theirs: &Value) -> Option<&'static str> {
    let number = |key: &str| number(theirs, key);
    let owner = |key: &str| {
        let number = number(key);
        u64::try_from(number).unwrap_or_else(|_| u64::from(number.cast_unsigned() as u32))
    };
    let kind = kind(theirs);
    let is_file = kind == Kind::File;
    let is_link = matches!(kind, Kind::Hardlink | Kind::Symlink);
    let attributes = ours.attributes;
    let checks = [
        ("name", ours.name == bytes(theirs, "name")),
        ("kind", ours.kind == kind),
        ("link", !is_link || ours.link == bytes(theirs, "link")),
        ("size", !is_file || i64::try_from(ours.size) == Ok(number("size"))),
        ("mode", i64::from(attributes.mode) == number("mode") & 0o7777),
        ("uid", attributes.uid == owner("uid")),
        ("gid", attributes.gid == owner("gid")),
        ("mtime", ours.mtime == number("mtime")),
        ("content", !is_file || theirs["read"] == false || filled(ours) == number("filled")),
    ];
    checks.iter().find(|(_, same)| !same).map(|(field, _)| *field)
}
