//! Files that a later step deletes or moves.

use std::collections::HashSet;

use super::super::steps::{Anchors, commands_of, is_base, joined, run_of};
use super::MOVED;
use super::emptied::{narrowed, removal};
use super::labels::Labels;
use super::pairs::{Pair, pairs, with_snippet};
use super::variables::portable;
use crate::filesystem::How;
use crate::image::{Action, Command, PackageVerb};
use crate::layer::{ContentHash, Hashing};
use crate::ledger::AtomId;
use crate::rule::quote::quoted;
use crate::rule::{Candidate, Facts, Phrase};

/// Files of a pair whose paths are compared with what a command deletes.
const COMPARED: usize = 20_000;
/// What of a step's deletions has to be found again for a move, in percent, where no command
/// tells of one.
const MOVED_SHARE: u64 = 90;

fn is_deleted(how: How) -> bool {
    matches!(how, How::Whiteout | How::OpaqueDirectory | How::AncestorReplaced)
}

pub(super) fn deleted(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut anchors = Anchors::default();
    let mut labels = Labels::new(facts);
    let pairs = pairs(facts, |_, hidden| is_deleted(hidden.how));
    let candidate = |pair: Pair| {
        let born = pair.born;
        let snippet = snippet(facts, &pair);
        let table = labels.table(&pair.files);
        let mut candidate = pair.candidate(facts, &mut anchors, " deletes files of ", 0);
        candidate.table = table;
        with_snippet(candidate, facts, born, snippet)
    };
    pairs.into_iter().map(candidate).collect()
}

/// What to write in place of the two steps.
fn snippet(facts: &Facts<'_>, pair: &Pair) -> String {
    let cleanup = cleanup(facts, pair);
    let copies = commands_of(facts, pair.born);
    let [Command { action: Action::Copy { from, sources, target, .. }, text, .. }] = &copies[..]
    else {
        return joined(facts, pair.born, &cleanup);
    };
    let using = run_of(facts, pair.hidden).unwrap_or("…");
    let url = sources.iter().find(|source| source.contains("://"));
    if let (Some(url), true) = (url, text.starts_with("ADD")) {
        return format!("RUN curl -fsSL -o {target} {url} \\\n && {using}");
    }
    let from = from.as_ref().map(|from| format!(",from={from}")).unwrap_or_default();
    let source = sources.first().map_or("…", String::as_str);
    format!(
        "# mount what is only needed during the build, without the rm:\nRUN --mount=type=bind,source={source}{from},target={target} \\\n    {using}"
    )
}

/// The commands of the later step that delete files of the pair; what to delete, if there are none.
pub(super) fn cleanup(facts: &Facts<'_>, pair: &Pair) -> String {
    let ledger = facts.ledger;
    let paths: Vec<Vec<u8>> =
        pair.files.iter().take(COMPARED).map(|file| ledger.path(*file)).collect();
    let commands = commands_of(facts, pair.hidden);
    let deleting: Vec<&Command> = commands.iter().filter(|command| deletes(command)).collect();
    let named: Vec<&Command> =
        deleting.iter().copied().filter(|command| names(command, &paths)).collect();
    let chosen = if named.is_empty() { deleting } else { named };
    let text = |command: &Command| {
        let text = located(facts, pair.hidden, &commands, command, &one_line(command))?;
        portable(facts, pair.born, pair.hidden, &text)
    };
    let texts: Option<Vec<(String, &Command)>> =
        chosen.into_iter().map(|command| Some((text(command)?, command))).collect();
    let texts = texts.map(|texts| {
        let own = |(text, command): (String, &Command)| match command.action {
            Action::Remove { .. } => narrowed(&text, &paths),
            _ => Some(text),
        };
        texts.into_iter().filter_map(own).collect::<Vec<String>>()
    });
    match texts.filter(|texts| !texts.is_empty()) {
        Some(texts) => texts.join(" && "),
        None => removal(ledger, &pair.files),
    }
}

/// A command's text on one line.
pub(super) fn one_line(command: &Command) -> String {
    command.text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A command's text on one line as it does the same from wherever it is run; `None` if it is not
/// known where it ran.
pub(super) fn located(
    facts: &Facts<'_>,
    layer: usize,
    commands: &[Command],
    command: &Command,
    text: &str,
) -> Option<String> {
    let (Action::Remove { paths } | Action::Attributes { paths }) = &command.action else {
        return Some(text.to_owned());
    };
    let is_relative = |path: &&String| !path.starts_with(['/', '~', '$', '"', '\'']);
    if !paths.iter().any(|path| is_relative(&path)) {
        return Some(text.to_owned());
    }
    let directory = working_directory(facts, layer, commands, command)?;
    let is_plain = |word: &str| paths.iter().any(|path| path == word && is_relative(&path));
    let words = || text.split(' ').filter(|word| is_plain(word));
    if words().count() < paths.iter().filter(is_relative).count() {
        return Some(format!("(cd {} && {text})", quoted(directory.trim_matches('/').as_bytes())));
    }
    let absolute = |word: &str| {
        let path = word.strip_prefix("./").unwrap_or(word);
        let start = quoted(directory.trim_matches('/').as_bytes());
        if is_plain(word) {
            format!("{}/{path}", start.trim_end_matches('/'))
        } else {
            word.to_owned()
        }
    };
    Some(text.split(' ').map(absolute).collect::<Vec<_>>().join(" "))
}

/// Where a command of a step is run, as far as `WORKDIR` and `cd` before it tell.
fn working_directory(
    facts: &Facts<'_>,
    layer: usize,
    commands: &[Command],
    command: &Command,
) -> Option<String> {
    let last = facts.image.layers.get(layer)?.step?;
    let mut directory = "/".to_owned();
    for step in facts.image.steps.get(..last)? {
        if let Some(path) = step.instruction.strip_prefix("WORKDIR ") {
            directory = joined_path(&directory, path.trim())?;
        }
    }
    for before in commands.iter().take_while(|other| !std::ptr::eq(*other, command)) {
        match before.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["cd" | "pushd", path] => directory = joined_path(&directory, path)?,
            ["cd" | "pushd" | "popd", ..] => return None,
            _ => {}
        }
    }
    Some(directory)
}

/// A path as seen from a directory; `None` if a variable is in it.
fn joined_path(directory: &str, path: &str) -> Option<String> {
    if path.contains(['$', '~', '`', '*', '?']) || path == "-" {
        return None;
    }
    let start = if path.starts_with('/') { "" } else { directory };
    let mut names: Vec<&str> = Vec::new();
    for name in start.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            _ => names.push(name),
        }
    }
    Some(format!("/{}", names.join("/")))
}

fn deletes(command: &Command) -> bool {
    match &command.action {
        Action::Remove { .. } => true,
        Action::Packages { verb, .. } => matches!(verb, PackageVerb::Remove | PackageVerb::Clean),
        _ => false,
    }
}

/// Whether a command deletes any of some paths, as far as its words tell.
fn names(command: &Command, paths: &[Vec<u8>]) -> bool {
    let Action::Remove { paths: removed } = &command.action else { return false };
    removed.iter().any(|removed| {
        let literal = removed.split(['*', '?', '$', '[', '{']).next().unwrap_or_default();
        let Some(prefix) = literal.strip_prefix('/') else { return false };
        paths.iter().any(|path| path.starts_with(prefix.as_bytes()))
    })
}

type Identity = (Hashing, u64, ContentHash);

pub(super) fn moved(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut anchors = Anchors::default();
    let ids: Vec<AtomId> = facts.ledger.ids().collect();
    let mut arrived: Option<(usize, HashSet<Identity>)> = None;
    let mut pairs = pairs(facts, |_, hidden| is_deleted(hidden.how));
    pairs.sort_by_key(|pair| (pair.hidden, pair.born));
    let mut found = Vec::new();
    for mut pair in pairs {
        if arrived.as_ref().is_none_or(|(layer, _)| *layer != pair.hidden) {
            arrived = Some((pair.hidden, contents(facts, &ids, pair.hidden)));
        }
        let Some((_, contents)) = &arrived else { continue };
        let all = pair.sum(facts).content;
        let is_there = |file: &AtomId| {
            facts.ledger.identity(*file).is_some_and(|identity| contents.contains(&identity))
        };
        pair.files.retain(is_there);
        let commands = commands_of(facts, pair.hidden);
        let told: Vec<&Command> = commands
            .iter()
            .filter(|command| matches!(command.action, Action::Move { .. }))
            .collect();
        let part = u128::from(pair.sum(facts).content) * 100;
        let is_most = part >= u128::from(all) * u128::from(MOVED_SHARE);
        if pair.is_enough(facts) && (is_most || !told.is_empty()) {
            found.push(move_of(facts, &mut anchors, pair, &told));
        }
    }
    found
}

fn move_of(facts: &Facts<'_>, anchors: &mut Anchors, pair: Pair, told: &[&Command]) -> Candidate {
    let born = pair.born;
    let texts: Option<Vec<String>> =
        told.iter().map(|command| portable(facts, born, pair.hidden, &command.text)).collect();
    let texts = texts.filter(|texts| !texts.is_empty());
    let tail = texts.map_or_else(|| "mv … …".to_owned(), |texts| texts.join(" && "));
    let copies = commands_of(facts, born);
    let snippet = match (&copies[..], told) {
        (
            [Command { action: Action::Copy { .. }, text, .. }],
            [Command { action: Action::Move { target, .. }, .. }, ..],
        ) if !target.is_empty() && !is_base(facts.image, born) => {
            let before =
                text.rsplit_once(char::is_whitespace).map_or("COPY …", |(before, _)| before);
            format!("{before} {target}")
        }
        _ => joined(facts, born, &tail),
    };
    let mut candidate = pair.candidate(facts, anchors, " moves files of ", MOVED);
    if told.is_empty() {
        candidate = candidate.note(Phrase::words(
            "No command of the step tells of a move: the contents that it deletes and stores are the same.",
        ));
    }
    with_snippet(candidate, facts, born, snippet)
}

/// The contents that a layer stores; `ids` are those of all files, which stand by layer.
fn contents(facts: &Facts<'_>, ids: &[AtomId], layer: usize) -> HashSet<Identity> {
    let ledger = facts.ledger;
    let before = |layer: usize| ids.partition_point(|file| ledger.atom(*file).layer < layer);
    let own = ids.get(before(layer)..before(layer + 1)).unwrap_or_default();
    let own = own.iter().filter(|file| ledger.atom(**file).bytes > 0);
    own.filter_map(|file| ledger.identity(*file)).collect()
}
