//! Tools that are installed at several places, known by their commands.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use super::super::steps::{Anchors, is_base, name_step};
use super::roots::{SearchPath, bytes, child, named, text, version};
use crate::component::Component;
use crate::filesystem::NodeId;
use crate::layer::Kind;
use crate::ledger::{AtomId, Ledger};
use crate::rule::quote::{quoted, unquoted, word};
use crate::rule::{Candidate, Claim, Facts, Phrase, Risk, Table, Value};

/// Smaller copies are no finding.
pub(super) const MIN: u64 = 5_000_000;
/// So many commands in common, and half of the fewer, make two directories the same tool's.
const COMMON: usize = 5;
/// Or so many, with so much of the smaller one's bytes, in percent.
const FEW: usize = 2;
const SHARE: u64 = 30;
/// A command that is at more places than this tells nothing.
const PLACES: usize = 16;
/// Commands that a sentence lists.
const LISTED: usize = 10;

/// Directories that many tools share.
const SHARED: [&[u8]; 5] = [b"", b"usr", b"usr/local", b"opt", b"root/.local"];
/// Below these the distribution installs versions side by side.
const SIDE_BY_SIDE: [&[u8]; 4] = [b"usr/lib/", b"usr/lib64/", b"usr/libexec/", b"usr/share/"];

/// An installation with its commands and what of it is in the directory of commands.
struct Tool {
    root: NodeId,
    bin: NodeId,
    commands: BTreeMap<Vec<u8>, u64>,
}

pub(super) fn several(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let tools = tools(ledger);
    let same = components(facts, &tools);
    let ids: Vec<Option<&str>> =
        tools.iter().map(|tool| Some(component(facts, tool.root)?.id.as_str())).collect();
    let id = |at: usize| ids.get(at).copied().flatten();
    let mut pairs = alike(&tools);
    // What is known to be two tools is no second copy of one.
    pairs.retain(|(a, b)| id(*a).zip(id(*b)).is_none_or(|(a, b)| a == b));
    pairs.extend(same.iter().copied());
    // A part of an installation is no second one.
    let holds = |a: usize, b: usize| ledger.is_inside(tools[a].root, tools[b].root);
    pairs.retain(|(a, b)| !holds(*a, *b) && !holds(*b, *a));
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    let mut anchors = Anchors::default();
    let mut found = Vec::new();
    for (a, b) in pairs {
        let files = |one: &Tool, other: &Tool| own_files(ledger, one.root, other.root);
        let (x, y) = (files(&tools[a], &tools[b]), files(&tools[b], &tools[a]));
        // What the environment names stays, and of others the larger.
        let rank = |tool: &Tool, files: &[AtomId]| {
            (is_named(facts, tool), bytes(ledger, files), Reverse(tool.root))
        };
        let first_goes = rank(&tools[a], &x) <= rank(&tools[b], &y);
        let (dropped, kept) = if first_goes { (a, b) } else { (b, a) };
        let (going, staying) = if first_goes { (x, y) } else { (y, x) };
        if bytes(ledger, &going) < MIN || !seen.insert(tools[dropped].root) {
            continue;
        }
        let (dropped, kept) = (&tools[dropped], &tools[kept]);
        let pair = Pair { dropped, kept, going, staying };
        found.push(pair.candidate(facts, &mut anchors));
    }
    found
}

/// The directories of commands of tools that are installed in a directory of their own.
fn tools(ledger: &Ledger) -> Vec<Tool> {
    let filesystem = ledger.filesystem();
    let mut tools = Vec::new();
    for bin in named(ledger, |name| name.ends_with(b"bin") && !name.starts_with(b".")) {
        let root = filesystem.parent(bin);
        let path = filesystem.path(root);
        let is_shared = SHARED.contains(&&path[..])
            || SIDE_BY_SIDE.iter().any(|start| path.starts_with(start))
            || child(ledger, root, b"conda-meta").is_some()
            || child(ledger, root, b"pyvenv.cfg").is_some();
        if filesystem.node(bin).kind != Kind::Directory || is_shared {
            continue;
        }
        let command = |node: NodeId| {
            let size = match ledger.atom_at(node) {
                Some(file) if ledger.attributes(file).mode & 0o111 != 0 => ledger.atom(file).bytes,
                None if filesystem.node(node).kind == Kind::Symlink => 0,
                _ => return None,
            };
            Some((filesystem.name(node).to_vec(), size))
        };
        let commands: BTreeMap<_, _> =
            filesystem.children(bin).into_iter().filter_map(command).collect();
        if !commands.is_empty() {
            tools.push(Tool { root, bin, commands });
        }
    }
    tools
}

/// Pairs of tools with many commands in common.
fn alike(tools: &[Tool]) -> BTreeSet<(usize, usize)> {
    let mut places: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, tool) in tools.iter().enumerate() {
        tool.commands.keys().for_each(|name| places.entry(name).or_default().push(at));
    }
    let mut common: HashMap<(usize, usize), (usize, u64, u64)> = HashMap::new();
    for (name, places) in places.iter().filter(|(_, places)| places.len() <= PLACES) {
        for (position, a) in places.iter().enumerate() {
            for b in places.iter().skip(position + 1).filter(|b| tools[**b].root != tools[*a].root)
            {
                let (count, x, y) = common.entry((*a, *b)).or_default();
                *count += 1;
                *x = x.saturating_add(tools[*a].commands[*name]);
                *y = y.saturating_add(tools[*b].commands[*name]);
            }
        }
    }
    let total =
        |at: usize| tools[at].commands.values().fold(0, |sum: u64, size| sum.saturating_add(*size));
    let is_alike = |(a, b): (usize, usize), (count, x, y): (usize, u64, u64)| {
        let (part, whole) = if total(a) <= total(b) { (x, total(a)) } else { (y, total(b)) };
        let share = u128::from(part) * 100 >= u128::from(whole) * u128::from(SHARE) && whole > 0;
        let fewest = tools[a].commands.len().min(tools[b].commands.len());
        (count >= COMMON || (count >= FEW && share)) && count * 2 >= fewest
    };
    common.into_iter().filter(|(pair, sums)| is_alike(*pair, *sums)).map(|(pair, _)| pair).collect()
}

/// The component of a directory: the one there, or the one around it that a step names.
fn component<'a>(facts: &Facts<'a>, node: NodeId) -> Option<&'a Component> {
    let is_here = |component: &&Component| {
        component.root.is_some_and(|root| {
            root == node || (component.named.is_some() && facts.ledger.is_inside(node, root))
        })
    };
    facts.components.iter().find(is_here)
}

/// Pairs of tools that are known to be the same component.
fn components(facts: &Facts<'_>, tools: &[Tool]) -> Vec<(usize, usize)> {
    let by_root: HashMap<NodeId, usize> =
        tools.iter().enumerate().map(|(at, tool)| (tool.root, at)).collect();
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for component in facts.components {
        if let Some(at) = component.root.and_then(|root| by_root.get(&root)) {
            places.entry(&component.id).or_default().push(*at);
        }
    }
    let pairs = places
        .into_values()
        .flat_map(|places| places.windows(2).map(|two| (two[0], two[1])).collect::<Vec<_>>());
    pairs.collect()
}

/// The files in a directory, without those of another one in it.
fn own_files(ledger: &Ledger, root: NodeId, other: NodeId) -> Vec<AtomId> {
    let mut files = ledger.select(&[root]);
    if other != root && ledger.is_inside(other, root) {
        let inner: BTreeSet<AtomId> = ledger.inside(other).iter().copied().collect();
        files.retain(|file| !inner.contains(file));
    }
    files
}

/// Two installations of one tool.
struct Pair<'a> {
    dropped: &'a Tool,
    kept: &'a Tool,
    going: Vec<AtomId>,
    staying: Vec<AtomId>,
}

impl Pair<'_> {
    fn candidate(self, facts: &Facts<'_>, anchors: &mut Anchors) -> Candidate {
        let ledger = facts.ledger;
        let (kept, dropped) = (text(ledger, self.kept.root), text(ledger, self.dropped.root));
        let missing: Vec<&Vec<u8>> = self
            .dropped
            .commands
            .keys()
            .filter(|name| !self.kept.commands.contains_key(*name))
            .collect();
        let message = Phrase::words("The commands of ")
            .name(dropped.clone())
            .and(" are also in ")
            .name(kept.clone());
        let anchor = anchors.unique(format!("{kept}\n{dropped}"));
        let common =
            self.dropped.commands.keys().find(|name| self.kept.commands.contains_key(*name));
        let is_spare =
            missing.is_empty() && self.is_contained(ledger) && !is_named(facts, self.dropped);
        let mut candidate =
            Candidate::new(anchor, message, Claim::files(self.going.iter().copied()))
                .risk(if is_spare { Risk::Test } else { Risk::Review })
                .fill("kept", place(ledger, self.kept.root))
                .fill("dropped", place(ledger, self.dropped.root))
                .fill("steps", self.steps(facts))
                .fill("settings", self.settings(facts));
        if let Some(common) = common {
            candidate = candidate.fill("command", self.command(facts, common));
        }
        candidate.table = Some(self.table(facts));
        candidate.notes.extend(self.notes(facts, &missing));
        candidate
    }

    /// The steps that store the copy that goes.
    fn steps(&self, facts: &Facts<'_>) -> String {
        let layers = self.going.iter().map(|file| facts.ledger.atom(*file).layer);
        let name = |layer| {
            if is_base(facts.image, layer) {
                return "the base image".to_owned();
            }
            name_step(Phrase::default(), facts.image, layer).to_string()
        };
        let mut names: Vec<String> =
            layers.collect::<BTreeSet<usize>>().into_iter().map(name).collect();
        names.dedup();
        names.join(", ")
    }

    /// What else has to change: the variables that name the copy that goes, and `PATH` where only
    /// that one is on it.
    fn settings(&self, facts: &Facts<'_>) -> String {
        let ledger = facts.ledger;
        let search = SearchPath::new(facts.image);
        let is_on_path = |tool: &Tool| search.place(&ledger.filesystem().path(tool.bin)).is_some();
        let mut lines = String::new();
        for name in variables(facts, &text(ledger, self.dropped.root)) {
            let (from, to) = (place(ledger, self.dropped.root), place(ledger, self.kept.root));
            // Writing to a string does not fail.
            let _ = write!(lines, "\n# {} names {from}: set it to {to}", word(name.as_bytes()));
        }
        if is_on_path(self.dropped) {
            let bin = place(ledger, self.dropped.bin);
            let _ = write!(lines, "\n# take {bin} out of PATH");
            if !is_on_path(self.kept) {
                let bin = unquoted(&ledger.filesystem().path(self.kept.bin));
                let _ = write!(lines, "\nENV PATH=$PATH:{bin}");
            }
        }
        lines
    }

    /// A command of both, as it is found once the other copy is gone.
    fn command(&self, facts: &Facts<'_>, name: &[u8]) -> String {
        let bin = facts.ledger.filesystem().path(self.kept.bin);
        let is_on_path = SearchPath::new(facts.image).place(&bin).is_some();
        if is_on_path { word(name) } else { quoted(&[&bin, &b"/"[..], name].concat()) }
    }

    /// Whether the contents of all files that go are known to be among those that stay.
    fn is_contained(&self, ledger: &Ledger) -> bool {
        let staying: HashSet<_> =
            self.staying.iter().filter_map(|file| ledger.identity(*file)).collect();
        let stays = |file: &AtomId| ledger.identity(*file).is_some_and(|id| staying.contains(&id));
        self.going.iter().all(stays)
    }

    fn table(&self, facts: &Facts<'_>) -> Table {
        let search = SearchPath::new(facts.image);
        let ledger = facts.ledger;
        let row = |tool: &Tool, files: &[AtomId]| {
            let root = text(ledger, tool.root);
            let known = component(facts, tool.root);
            let known = known.and_then(|component| Some(component.version.as_ref()?.0.clone()));
            let place = search.place(&ledger.filesystem().path(tool.bin));
            vec![
                Value::Text(root.clone()),
                known.or_else(|| version(&root)).map_or(Value::Unknown, Value::Text),
                Value::Bytes(bytes(ledger, files)),
                Value::Count(tool.commands.len() as u64),
                place.map_or(Value::Unknown, |place| Value::Count(place as u64 + 1)),
            ]
        };
        Table {
            columns: vec!["Directory", "Version", "Size", "Commands", "Place on PATH"],
            rows: vec![row(self.kept, &self.staying), row(self.dropped, &self.going)],
        }
    }

    fn notes(&self, facts: &Facts<'_>, missing: &[&Vec<u8>]) -> Vec<Phrase> {
        let ledger = facts.ledger;
        let mut notes = Vec::new();
        if !missing.is_empty() {
            let list: Vec<_> =
                missing.iter().take(LISTED).map(|name| String::from_utf8_lossy(name)).collect();
            let note = Phrase::words("Without it, ");
            let note = note.counted(
                missing.len(),
                " command is gone: ",
                " commands are gone, among them ",
            );
            notes.push(note.name(list.join(", ")).and("."));
        }
        let search = SearchPath::new(facts.image);
        let place = |tool: &Tool| search.place(&ledger.filesystem().path(tool.bin));
        let first = match (place(self.kept), place(self.dropped)) {
            (Some(kept), Some(dropped)) if dropped < kept => Some(self.dropped),
            (Some(_), _) => Some(self.kept),
            (None, Some(_)) => Some(self.dropped),
            (None, None) => None,
        };
        if let Some(first) = first {
            let note = Phrase::words("Commands that are in both run from ");
            notes.push(note.name(text(ledger, first.bin)).and(", which is first on PATH."));
        }
        for tool in [self.kept, self.dropped] {
            let variables = variables(facts, &text(ledger, tool.root));
            if !variables.is_empty() {
                let note = Phrase::words("Variables that name ").name(text(ledger, tool.root));
                notes.push(note.and(": ").name(variables.join(", ")).and("."));
            }
        }
        let more = Phrase::words("To keep ")
            .name(text(ledger, self.dropped.root))
            .and(" and drop ")
            .name(text(ledger, self.kept.root))
            .and(" would free up to ")
            .bytes(bytes(ledger, &self.staying));
        if self.kept.commands.keys().all(|name| self.dropped.commands.contains_key(name)) {
            notes.push(more.and("; it has all commands of that."));
        }
        notes
    }
}

/// A directory as a word of a shell.
fn place(ledger: &Ledger, node: NodeId) -> String {
    quoted(&ledger.filesystem().path(node))
}

/// Whether a variable, `PATH` among them, names a tool's directory.
fn is_named(facts: &Facts<'_>, tool: &Tool) -> bool {
    let bin = facts.ledger.filesystem().path(tool.bin);
    SearchPath::new(facts.image).place(&bin).is_some()
        || !variables(facts, &text(facts.ledger, tool.root)).is_empty()
}

/// Names of variables that hold a directory; their values are not shown.
fn variables<'a>(facts: &Facts<'a>, root: &str) -> Vec<&'a str> {
    let names = |value: &str| {
        value.split([':', ' ']).any(|part| {
            part.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let env = facts.image.runtime.env.iter();
    env.filter(|(name, value)| *name != "PATH" && names(value))
        .map(|(name, _)| name.as_str())
        .collect()
}
