//! Words and snippets about the steps of an image, for rules that speak of more than one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::filesystem::NodeId;
use crate::image::{Action, Command, Image, Manager, Origin, PackageVerb, Step, commands};
use crate::ledger::{AtomId, Ledger};
use crate::rule::{Facts, Phrase};

/// A longer instruction is cut in a sentence.
const QUOTED: usize = 200;

/// Anchors, each once: of equal ones, the later get a number.
#[derive(Default)]
pub(super) struct Anchors(HashMap<String, usize>);

impl Anchors {
    pub(super) fn unique(&mut self, text: String) -> String {
        let seen = self.0.entry(text.clone()).or_default();
        *seen += 1;
        if *seen == 1 { text } else { format!("{text} #{seen}") }
    }
}

/// Adds the name of the step that made a layer.
pub(super) fn name_step(phrase: Phrase, image: &Image, layer: usize) -> Phrase {
    let step = image.layers.get(layer).and_then(|layer| image.steps.get(layer.step?));
    match step.and_then(|step| step.number) {
        Some(number) => phrase.and("step ").count(number),
        None => phrase.and("layer ").count(layer),
    }
}

/// A sentence that quotes the instruction of a layer.
pub(super) fn quote(facts: &Facts<'_>, layer: usize) -> Phrase {
    let mut text: String = facts.instruction(layer).chars().take(QUOTED + 1).collect();
    if text.chars().count() > QUOTED {
        text.pop();
        text.push('…');
    }
    name_step(Phrase::default(), facts.image, layer).and(" is: ").name(text)
}

/// The commands of the step that made a layer.
pub(super) fn commands_of(facts: &Facts<'_>, layer: usize) -> Vec<Command> {
    facts.step(layer).map(|step| commands(&step.instruction)).unwrap_or_default()
}

/// What ran in a layer's step.
pub(super) fn run_of<'a>(facts: &Facts<'a>, layer: usize) -> Option<&'a str> {
    facts.step(layer)?.instruction.strip_prefix("RUN ")
}

/// The argument of the last instruction of a name before a layer's step.
pub(super) fn set_before<'a>(image: &'a Image, layer: usize, name: &str) -> Option<&'a str> {
    let step = image.layers.get(layer)?.step?;
    let mut before = image.steps.iter().take(step).rev();
    before.find_map(|step| step.instruction.strip_prefix(name)?.strip_prefix(' ')).map(str::trim)
}

/// Whom a layer's step runs as; `None` for root.
pub(super) fn user_of(image: &Image, layer: usize) -> Option<&str> {
    let user = set_before(image, layer, "USER")?;
    let name = user.split(':').next().unwrap_or_default();
    Some(user).filter(|_| !matches!(name, "" | "root" | "0"))
}

/// Whether a layer is the base image's.
pub(super) fn is_base(image: &Image, layer: usize) -> bool {
    image.layers.get(layer).is_some_and(|layer| layer.origin == Origin::Base)
}

/// One `RUN` of a step's command and what shall follow it.
pub(super) fn joined(facts: &Facts<'_>, layer: usize, tail: &str) -> String {
    match run_of(facts, layer) {
        Some(command) if command.contains('\n') || tail.contains('\n') => {
            format!("RUN <<'SH'\nset -e\n{command}\n{tail}\nSH")
        }
        Some(command) => format!("RUN {command} \\\n && {tail}"),
        None => format!("# in the step that creates the files:\nRUN … \\\n && {tail}"),
    }
}

/// The directory that all of some files are in.
pub(super) fn common_directory(ledger: &Ledger, files: &[AtomId]) -> NodeId {
    let filesystem = ledger.filesystem();
    let mut chain: Vec<NodeId> = Vec::new();
    let mut places: HashMap<NodeId, usize> = HashMap::new();
    for file in files {
        let mut at = filesystem.parent(ledger.atom(*file).node);
        if chain.is_empty() {
            while at != NodeId::ROOT {
                chain.push(at);
                at = filesystem.parent(at);
            }
            chain.push(NodeId::ROOT);
            chain.reverse();
            places = chain.iter().enumerate().map(|(place, node)| (*node, place)).collect();
            continue;
        }
        loop {
            if let Some(place) = places.get(&at).filter(|place| **place < chain.len()) {
                chain.truncate(place + 1);
                break;
            }
            at = filesystem.parent(at);
        }
        if chain.len() == 1 {
            break;
        }
    }
    chain.last().copied().unwrap_or(NodeId::ROOT)
}

/// A few directories in which all of some files are.
pub(super) fn directories(ledger: &Ledger, files: impl Iterator<Item = AtomId>) -> Vec<Vec<u8>> {
    const MOST: usize = 5;
    const DEEPEST: usize = 8;
    let filesystem = ledger.filesystem();
    let parents: BTreeSet<NodeId> =
        files.map(|file| filesystem.parent(ledger.atom(file).node)).collect();
    let paths: Vec<Vec<u8>> = parents.into_iter().map(|node| filesystem.path(node)).collect();
    let few =
        (1..=DEEPEST).rev().map(|depth| cut(&paths, depth)).find(|chosen| chosen.len() <= MOST);
    few.map_or(vec![Vec::new()], |few| few.iter().map(|path| path.join(&b'/')).collect())
}

/// The first names of paths, those that are in another one left out.
fn cut(paths: &[Vec<u8>], depth: usize) -> Vec<Vec<&[u8]>> {
    let names = paths.iter().map(|path| path.split(|byte| *byte == b'/').take(depth).collect());
    let mut chosen: Vec<Vec<&[u8]>> = Vec::new();
    // What is in another one comes after it.
    for path in names.collect::<BTreeSet<Vec<&[u8]>>>() {
        if !chosen.last().is_some_and(|above| path.starts_with(above)) {
            chosen.push(path);
        }
    }
    chosen
}

/// Steps of the image's own that ask one package manager to install something.
pub(super) struct Installs {
    pub(super) manager: Manager,
    /// The layers of the steps.
    pub(super) layers: Vec<usize>,
    packages: Vec<String>,
    /// What the steps run, on one line each.
    texts: Vec<String>,
    /// The options of each that change what it installs.
    options: BTreeSet<Vec<String>>,
}

/// Options that do not change what is installed.
const COMMON: [&str; 8] = ["-y", "-q", "-qq", "-yq", "-qy", "--yes", "--quiet", "--no-cache-dir"];
const LEAN: &str = "--no-install-recommends";

/// By package manager, the one of the most steps first.
pub(super) fn installs(image: &Image) -> Vec<Installs> {
    let mut found: BTreeMap<Manager, Installs> = BTreeMap::new();
    for layer in image.layers.iter().filter(|layer| layer.origin != Origin::Base) {
        let step = layer.step.and_then(|step| image.steps.get(step));
        for command in step.map(|step: &Step| commands(&step.instruction)).unwrap_or_default() {
            let Action::Packages { manager, verb: PackageVerb::Install, packages } = command.action
            else {
                continue;
            };
            let installs = found.entry(manager).or_insert_with(|| Installs {
                manager,
                layers: Vec::new(),
                packages: Vec::new(),
                texts: Vec::new(),
                options: BTreeSet::new(),
            });
            if installs.layers.last() != Some(&layer.index) {
                installs.layers.push(layer.index);
            }
            let options = command.words.iter().filter(|word| word.starts_with('-'));
            let options = options.filter(|word| !COMMON.contains(&word.as_str())).cloned();
            installs.options.insert(options.collect());
            installs.texts.push(command.text.split_whitespace().collect::<Vec<_>>().join(" "));
            installs.packages.extend(packages);
        }
    }
    let mut found: Vec<Installs> = found.into_values().collect();
    found.sort_by_key(|installs| std::cmp::Reverse(installs.layers.len()));
    found
}

impl Installs {
    /// One `RUN` that installs all of it.
    pub(super) fn snippet(&self) -> String {
        let mut seen = std::collections::HashSet::new();
        let packages: Vec<&str> =
            self.packages.iter().map(String::as_str).filter(|name| seen.insert(*name)).collect();
        let packages = packages.join(" ");
        let lean = [LEAN.to_owned()];
        let is_plain = |options: &Vec<String>| options.is_empty() || options[..] == lean;
        if self.options.len() > 1 || !self.options.iter().all(is_plain) {
            return self.one_after_another();
        }
        match self.manager {
            Manager::Apt => {
                let is_lean = self.options.iter().any(|options| !options.is_empty());
                let option = if is_lean { format!("{LEAN} ") } else { String::new() };
                format!(
                    "RUN apt-get update \\\n && apt-get install -y {option}{packages} \\\n && rm -rf /var/lib/apt/lists/*"
                )
            }
            Manager::Dnf => format!("RUN dnf install -y {packages} \\\n && dnf clean all"),
            Manager::Zypper => format!("RUN zypper -n install {packages} \\\n && zypper clean -a"),
            Manager::Apk => format!("RUN apk add --no-cache {packages}"),
            Manager::Pacman => {
                format!("RUN pacman -Sy --noconfirm {packages} \\\n && pacman -Scc --noconfirm")
            }
            Manager::Conda => format!("RUN conda install -y {packages} \\\n && conda clean -afy"),
            Manager::Pip => format!("RUN pip install --no-cache-dir {packages}"),
            other => format!("# one RUN for all that {} installs: {packages}", other.as_str()),
        }
    }
    /// One `RUN` of the steps' own commands, where their options differ.
    fn one_after_another(&self) -> String {
        let commands = self.texts.join(" \\\n && ");
        match self.manager {
            Manager::Apt => {
                format!("RUN apt-get update \\\n && {commands} \\\n && rm -rf /var/lib/apt/lists/*")
            }
            Manager::Conda => format!("RUN {commands} \\\n && conda clean -afy"),
            _ => format!("RUN {commands}"),
        }
    }
}
