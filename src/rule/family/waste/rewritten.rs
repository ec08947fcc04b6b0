//! Files that a later step stores again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::super::steps::{Anchors, commands_of, common_directory, joined, name_step, run_of};
use super::deleted::{located, one_line};
use super::pairs::{Pair, merged, pairs, with_snippet};
use super::variables::portable;
use crate::filesystem::{Amount, How};
use crate::image::{Action, Command};
use crate::layer::Attributes;
use crate::ledger::AtomId;
use crate::rule::quote::{all_quoted, quoted};
use crate::rule::{Candidate, Facts, Phrase, Table, Value};

/// Rows of a table.
const ROWS: usize = 8;
/// From this share of a copied tree on, in percent, it is the same base copied onto itself.
const SAME_BASE: u64 = 30;

pub(super) fn overwritten(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut anchors = Anchors::default();
    let is_other = |how| {
        use How::{Marker, Overwrite, OverwriteChanged, Repeated, TypeChange};
        matches!(how, OverwriteChanged | Overwrite | TypeChange | Repeated | Marker)
    };
    let pairs = pairs(facts, |_, hidden| is_other(hidden.how));
    let candidate = |pair: Pair| {
        let (born, hidden) = (pair.born, pair.hidden);
        let notes = notes(facts, &pair.files);
        let table = sizes(facts, &pair.files);
        let snippet = match run_of(facts, hidden) {
            _ if born == hidden => "# write each path once in this step".to_owned(),
            Some(change) => merged(facts, born, hidden, change),
            None => {
                let instruction = facts.instruction(hidden);
                format!("# leave out of the earlier step what this one brings:\n{instruction}")
            }
        };
        let words =
            if born == hidden { " stores twice what is in " } else { " overwrites files of " };
        let mut candidate = pair.candidate(facts, &mut anchors, words, 0);
        candidate.notes.extend(notes);
        candidate.table = Some(table);
        with_snippet(candidate, facts, born, snippet)
    };
    pairs.into_iter().map(candidate).collect()
}

/// What is special about how files were hidden.
fn notes(facts: &Facts<'_>, files: &[AtomId]) -> Vec<Phrase> {
    let of = |how: How| {
        let fits = |file: &&AtomId| {
            facts.ledger.atom(**file).hidden.is_some_and(|hidden| hidden.how == how)
        };
        facts.ledger.sum(files.iter().filter(fits).copied())
    };
    let sentences = [
        (
            How::Overwrite,
            " of them may have been stored again unchanged: the contents cannot be compared.",
        ),
        (How::TypeChange, " of them made way for something of another kind, as a link."),
        (How::Repeated, " of them are stored again by the same step."),
        (How::Marker, " of them are content of whiteouts, which nothing shows."),
    ];
    let told = sentences.into_iter().filter_map(|(how, words)| {
        let sum = of(how);
        (sum.bytes > 0).then(|| Phrase::default().bytes(sum.bytes).and(words))
    });
    told.collect()
}

/// The largest files with their sizes before and after.
fn sizes(facts: &Facts<'_>, files: &[AtomId]) -> Table {
    let ledger = facts.ledger;
    let mut files = files.to_vec();
    let key = |file: &AtomId| (Reverse(ledger.atom(*file).bytes), *file);
    if files.len() > ROWS {
        files.select_nth_unstable_by_key(ROWS - 1, key);
    }
    files.truncate(ROWS);
    files.sort_unstable_by_key(key);
    let row = |file: AtomId| {
        let path = format!("/{}", String::from_utf8_lossy(&ledger.path(file)));
        let after = facts.successors().size(ledger, file).map_or(Value::Unknown, Value::Bytes);
        vec![Value::Text(path), Value::Bytes(ledger.atom(file).bytes), after]
    };
    Table { columns: vec!["Path", "Before", "After"], rows: files.into_iter().map(row).collect() }
}

/// How mode and owner of a file changed; `None` if they did not, or that is not known.
fn change(facts: &Facts<'_>, file: AtomId) -> Option<(Attributes, Attributes)> {
    let (before, after) =
        (facts.ledger.attributes(file), facts.successors().attributes(facts.ledger, file)?);
    (before != after).then_some((before, after))
}

pub(super) fn copied_up(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut anchors = Anchors::default();
    let pairs = pairs(facts, |file, hidden| {
        hidden.how == How::OverwriteSame && change(facts, file).is_some()
    });
    let candidate = |pair: Pair| {
        let born = pair.born;
        let changes = changes(facts, &pair.files);
        let largest = changes.first().map(|(change, _)| *change);
        let snippet = attributes_at_birth(facts, &pair, largest);
        let words = " changes only the mode or owner of files of ";
        let mut candidate = pair.candidate(facts, &mut anchors, words, 0);
        candidate.table = Some(change_table(&changes));
        with_snippet(candidate, facts, born, snippet)
    };
    pairs.into_iter().map(candidate).collect()
}

type Change = (Attributes, Attributes);

/// The changes, those of the most bytes first.
fn changes(facts: &Facts<'_>, files: &[AtomId]) -> Vec<(Change, Amount)> {
    let mut sums: BTreeMap<String, (Change, Amount)> = BTreeMap::new();
    for file in files {
        if let Some(change) = change(facts, *file) {
            let (_, sum) = sums.entry(describe(change)).or_insert((change, Amount::default()));
            *sum += facts.ledger.atom(*file).amount();
        }
    }
    let mut sums: Vec<(String, (Change, Amount))> = sums.into_iter().collect();
    sums.sort_by(|(a, (_, x)), (b, (_, y))| y.bytes.cmp(&x.bytes).then_with(|| a.cmp(b)));
    sums.into_iter().map(|(_, row)| row).collect()
}

fn describe((before, after): Change) -> String {
    let mut parts = Vec::new();
    if before.uid != after.uid {
        parts.push(format!("uid {} → {}", before.uid, after.uid));
    }
    if before.gid != after.gid {
        parts.push(format!("gid {} → {}", before.gid, after.gid));
    }
    if before.mode != after.mode {
        parts.push(format!("mode {:04o} → {:04o}", before.mode, after.mode));
    }
    if before.xattrs != after.xattrs {
        parts.push("extended attributes".to_owned());
    }
    parts.join(", ")
}

fn change_table(changes: &[(Change, Amount)]) -> Table {
    let row = |(change, sum): &(Change, Amount)| {
        vec![Value::Text(describe(*change)), Value::Count(sum.files), Value::Bytes(sum.bytes)]
    };
    let rows = changes.iter().take(ROWS).map(row).collect();
    Table { columns: vec!["Change", "Files", "Size"], rows }
}

/// What to write so that the files are born with their mode and owner.
fn attributes_at_birth(facts: &Facts<'_>, pair: &Pair, change: Option<Change>) -> String {
    let copies = commands_of(facts, pair.born);
    if let ([Command { action: Action::Copy { .. }, text, .. }], Some(change)) =
        (&copies[..], change)
    {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        return format!("{verb} {}{rest}", copy_flags(text, change));
    }
    let commands = commands_of(facts, pair.hidden);
    let changing =
        commands.iter().filter(|command| matches!(command.action, Action::Attributes { .. }));
    let text = |command: &Command| {
        let text = located(facts, pair.hidden, &commands, command, &one_line(command))?;
        portable(facts, pair.born, pair.hidden, &text)
    };
    let changing: Option<Vec<String>> = changing.map(text).collect();
    if let Some(changing) = changing.filter(|changing| !changing.is_empty()) {
        return joined(facts, pair.born, &changing.join(" && "));
    }
    let Some((before, after)) = change else {
        return "# set mode and owner in the step that makes them".to_owned();
    };
    let places = places(facts, &pair.files);
    let tail = if before.uid != after.uid || before.gid != after.gid {
        format!("chown {}:{} {places}", after.uid, after.gid)
    } else {
        format!("chmod {:o} {places}", after.mode)
    };
    joined(facts, pair.born, &tail)
}

/// Some files, or, where there are many, the directory that they are in.
fn places(facts: &Facts<'_>, files: &[AtomId]) -> String {
    let ledger = facts.ledger;
    if files.len() > ROWS {
        return format!(
            "-R {}",
            quoted(&ledger.filesystem().path(common_directory(ledger, files)))
        );
    }
    let paths: Vec<Vec<u8>> = files.iter().map(|file| ledger.path(*file)).collect();
    all_quoted(paths.iter().map(Vec::as_slice))
}

fn copy_flags(text: &str, (before, after): Change) -> String {
    let owner = (before.uid, before.gid) != (after.uid, after.gid) && !text.contains("--chown");
    let mode = before.mode != after.mode && !text.contains("--chmod");
    let owner = owner.then(|| format!("--chown={}:{} ", after.uid, after.gid));
    let mode = mode.then(|| format!("--chmod={:o} ", after.mode));
    [owner, mode].into_iter().flatten().collect()
}

pub(super) fn identical(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut anchors = Anchors::default();
    let pairs = pairs(facts, |file, hidden| {
        hidden.how == How::OverwriteSame && change(facts, file).is_none()
    });
    let candidate = |pair: Pair| {
        let (born, hidden) = (pair.born, pair.hidden);
        let same = pair.sum(facts).content;
        let commands = commands_of(facts, hidden);
        let copy = commands.iter().find_map(|command| match &command.action {
            Action::Copy { from, .. } => Some((from.is_some(), command.text.as_str())),
            _ => None,
        });
        let candidate =
            pair.candidate(facts, &mut anchors, " stores again, unchanged, files of ", 0);
        let Some((is_stage, text)) = copy else {
            let change = run_of(facts, hidden).unwrap_or("…");
            return with_snippet(candidate, facts, born, merged(facts, born, hidden, change));
        };
        let snippet = format!("# FROM an image that does not have it yet:\n{text}");
        let candidate = with_snippet(candidate, facts, born, snippet);
        if is_stage { same_base(candidate, facts, hidden, same) } else { candidate }
    };
    pairs.into_iter().map(candidate).collect()
}

/// Says so where much of what a stage's copy brings is already there.
fn same_base(candidate: Candidate, facts: &Facts<'_>, hidden: usize, same: u64) -> Candidate {
    let filesystem = facts.ledger.filesystem();
    let stored = filesystem.visible_in(hidden).bytes + filesystem.shadowed_in(hidden).bytes;
    if u128::from(same) * 100 < u128::from(stored) * u128::from(SAME_BASE) {
        return candidate;
    }
    let note = name_step(Phrase::words("The stage that "), facts.image, hidden);
    candidate.note(
        note.and(" copies from seems to have the same base as this image: ")
            .share(same, stored)
            .and(" of what it brings is already there."),
    )
}
