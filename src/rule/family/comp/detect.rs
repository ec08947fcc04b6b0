//! What components take, and which parts of them could go.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::super::gpu::is_for_gpus;
use crate::component::{Component, Part};
use crate::filesystem::NodeId;
use crate::ledger::AtomId;
use crate::rule::quote::{quoted, word};
use crate::rule::{
    Candidate, Claim, ComponentUsage, Facts, LayerUsage, Phrase, Piece, Risk, Severity, Table,
    Value,
};

const MB: u64 = 1_000_000;
/// Components of a table.
const ROWS: usize = 20;
/// Parts are told more closely than the component that they are of, and that more closely than
/// rules that know less of it.
const PART: u32 = 200;
const WHOLE: u32 = 100;
/// Of this share of a layer, in percent, a component is what its step is for.
const ALONE: u32 = 80;

/// The components with what each takes.
pub(super) fn top(facts: &Facts<'_>) -> Vec<Candidate> {
    let usage = facts.component_usage();
    let mut order: Vec<usize> = (0..usage.len()).collect();
    let visible = |at: &usize| usage.get(*at).map_or(0, |usage| usage.visible.bytes);
    order.sort_by_key(|at| (Reverse(visible(at)), *at));
    order.truncate(ROWS);
    let Some(largest) = order.first().and_then(|at| usage.get(*at)) else { return Vec::new() };
    let files: BTreeSet<AtomId> =
        order.iter().flat_map(|at| facts.of_component(*at)).copied().collect();
    let rows = order.iter().filter_map(|at| usage.get(*at)).map(row).collect();
    let table = Table {
        columns: vec!["component", "version", "root", "visible", "shadowed", "compressed"],
        rows,
    };
    let whole = facts.whole().content;
    let message = Phrase::words("The largest component is ")
        .name(title(facts, &largest.title, largest.root.as_deref()))
        .and(" with ")
        .share(largest.visible.bytes, whole)
        .and(" of the image");
    let mut candidate = Candidate::new("", message, Claim::View(files.into_iter().collect()));
    candidate.table = Some(table);
    let is_large = u128::from(largest.visible.bytes) * 10 > u128::from(whole) * 3;
    if is_large && largest.visible.bytes >= 50 * MB {
        candidate = candidate.severity(Severity::Medium);
    }
    vec![candidate]
}

fn row(usage: &ComponentUsage) -> Vec<Value> {
    let root = usage.root.as_ref().map(|root| format!("/{}", String::from_utf8_lossy(root)));
    let version = usage.version.as_ref().map(|(version, _)| version.clone());
    let text = |text: Option<String>| text.map_or(Value::Unknown, Value::Text);
    vec![
        Value::Text(usage.title.clone()),
        text(version),
        text(root),
        Value::Bytes(usage.visible.bytes),
        Value::Bytes(usage.shadowed.bytes),
        Value::Bytes(usage.visible.compressed.saturating_add(usage.shadowed.compressed)),
    ]
}

/// What a component is called: by its place, too, where another one has its title.
fn title(facts: &Facts<'_>, title: &str, root: Option<&[u8]>) -> String {
    let same = facts.components.iter().filter(|component| component.title == title).count();
    match root.filter(|_| same > 1) {
        Some(root) => format!("{title} in /{}", String::from_utf8_lossy(root)),
        None => title.to_owned(),
    }
}

/// Parts of each component, by what removing them risks.
pub(super) fn parts(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for component in facts.components {
        let Some(root) = component.root else { continue };
        let mut risks: BTreeMap<Risk, Vec<&Part>> = BTreeMap::new();
        for part in &component.parts {
            if let Some(risk) = risk(&part.risk) {
                risks.entry(risk).or_default().push(part);
            }
        }
        for (risk, parts) in risks {
            found.push(of_parts(facts, component, root, risk, &parts));
        }
    }
    found
}

/// `None` for a part that must stay.
fn risk(text: &str) -> Option<Risk> {
    match text {
        "safe" => Some(Risk::Safe),
        "test" => Some(Risk::Test),
        "review" => Some(Risk::Review),
        _ => None,
    }
}

fn of_parts(
    facts: &Facts<'_>,
    component: &Component,
    root: NodeId,
    risk: Risk,
    parts: &[&Part],
) -> Candidate {
    let ledger = facts.ledger;
    let nodes: Vec<NodeId> = parts.iter().flat_map(|part| &part.nodes).copied().collect();
    let files: Vec<(AtomId, u32)> =
        ledger.select(&nodes).into_iter().map(|file| (file, PART)).collect();
    let root = ledger.filesystem().path(root);
    let anchor = format!("{} {}", String::from_utf8_lossy(&root), risk.as_str());
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let message = Phrase::words("").name(title(facts, &component.title, Some(&root)));
    let message = message.and(": ").name(names.join(", "));
    let rows = parts.iter().map(|part| {
        let amount = ledger.sum(ledger.select(&part.nodes));
        vec![
            Value::Text(part.name.clone()),
            Value::Text(part.role.clone()),
            part.needed_by.clone().map_or(Value::Unknown, Value::Text),
            Value::Bytes(amount.bytes),
            Value::Bytes(amount.compressed),
        ]
    });
    let columns = vec!["part", "role", "needed by", "content", "compressed"];
    let table = Table { columns, rows: rows.collect() };
    let paths: Vec<Vec<u8>> = nodes.iter().map(|node| ledger.filesystem().path(*node)).collect();
    let mut candidate = Candidate::new(anchor, message, Claim::Files(files))
        .risk(risk)
        .fill("parts", listed(paths.iter().map(|path| quoted(path))))
        .fill("excludes", listed(paths.iter().map(|path| exclusion(path, &root))));
    if let Some(check) = &component.check {
        candidate = candidate.note(Phrase::words("Try afterwards: ").name(check.clone()));
    }
    candidate.table = Some(table);
    candidate
}

/// Words of a command, not more than anybody would read.
fn listed(words: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 12;
    let mut words: Vec<String> = words.collect();
    if words.len() > SHOWN {
        words.truncate(SHOWN);
        words.push("…".to_owned());
    }
    words.join(" ")
}

/// The option of `tar` that leaves a path below the root out.
fn exclusion(path: &[u8], root: &[u8]) -> String {
    let inner = path.strip_prefix(root).unwrap_or(path);
    let inner = inner.strip_prefix(b"/").unwrap_or(inner);
    format!("--exclude={}", word(&[b"*/", inner].concat()))
}

/// Large tools for one purpose that nothing in the image's config names.
pub(super) fn optional(facts: &Facts<'_>) -> Vec<Candidate> {
    let whole = facts.ledger.sum(facts.ledger.live().iter().copied()).bytes;
    let mut found = Vec::new();
    let rows = facts.components.iter().zip(facts.component_usage()).enumerate();
    for (at, (component, usage)) in rows.filter(|(_, (component, _))| component.optional) {
        // An image that is mostly the tool is made for it.
        let is_purpose = usage.visible.bytes > whole / 2;
        if is_purpose || usage.inside.is_some() || is_named(facts, component) {
            continue;
        }
        let files = facts.of_component(at).iter().copied();
        let files = files.filter(|file| facts.ledger.atom(*file).is_live());
        let files = files.map(|file| (file, WHOLE)).collect();
        let message = Phrase::words("")
            .name(title(facts, &component.title, usage.root.as_deref()))
            .and(" is installed for all users of the image");
        let name =
            component.id.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let anchor = anchor(component, usage);
        let mut candidate = Candidate::new(anchor, message, Claim::Files(files)).fill("NAME", name);
        if !is_most_of_its_step(facts, usage) {
            candidate = candidate.fill("tool", component.title.clone());
            candidate = within_its_step(facts, usage, candidate);
        }
        found.push(candidate);
    }
    found
}

/// The condition around a tool in a step that stores more than the tool: in the script that it
/// runs, if it runs one.
fn within_its_step(facts: &Facts<'_>, usage: &ComponentUsage, candidate: Candidate) -> Candidate {
    let layer = heaviest(usage).and_then(|row| facts.image.layers.get(row.layer));
    let step = layer.and_then(|layer| facts.image.steps.get(layer.step?));
    let script = step.and_then(|step| script(&step.instruction));
    let (fix, script) = match script {
        Some(script) => (IN_SCRIPT, script),
        None => (IN_STEP, ""),
    };
    let mut candidate = candidate.fill("script", script);
    candidate.snippet = Some(fix.to_owned());
    candidate
}

const IN_SCRIPT: &str = "\
ARG INSTALL_{{NAME}}=false
RUN {{cmd}}
# in {{script}}, which sees the argument as a variable:
# if [ \"$INSTALL_{{NAME}}\" = true ]; then
#   <what installs {{tool}}>
# fi";

const IN_STEP: &str = "\
# of the step, only what installs {{tool}} moves into the condition
ARG INSTALL_{{NAME}}=false
RUN if [ \"$INSTALL_{{NAME}}\" = true ]; then \\
  <what installs {{tool}}>; \\
 fi";

/// The script of the image that a command runs.
fn script(command: &str) -> Option<&str> {
    let mut words = command.split([' ', '\t', '\n', ';', '&', '|', '"', '\'']);
    words.find(|word| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
        let path = std::path::Path::new(word);
        let is_script = path.extension().is_some_and(|end| end == "sh" || end == "bash");
        is_script && word.chars().all(is_plain)
    })
}

fn heaviest(usage: &ComponentUsage) -> Option<&LayerUsage> {
    usage.layers.iter().max_by_key(|row| stored(row))
}

/// Content bytes that a layer stores of a component.
fn stored(row: &LayerUsage) -> u64 {
    row.visible.bytes.saturating_add(row.shadowed.bytes)
}

/// Whether the step that stores most of a component stores little else.
fn is_most_of_its_step(facts: &Facts<'_>, usage: &ComponentUsage) -> bool {
    let filesystem = facts.ledger.filesystem();
    heaviest(usage).is_some_and(|row| {
        let visible = filesystem.visible_in(row.layer).bytes;
        let all = visible.saturating_add(filesystem.shadowed_in(row.layer).bytes);
        u128::from(stored(row)) * 100 >= u128::from(all) * u128::from(ALONE)
    })
}

fn anchor(component: &Component, usage: &ComponentUsage) -> String {
    let root = usage.root.as_ref().map(|root| String::from_utf8_lossy(root).into_owned());
    format!("{} {}", component.id, root.unwrap_or_default())
}

/// Whether what the image starts, its environment or its entry point's script names a tool.
fn is_named(facts: &Facts<'_>, component: &Component) -> bool {
    let runtime = &facts.image.runtime;
    let root = component.root.map(|root| facts.ledger.filesystem().path(root));
    let program = component.program.as_deref();
    let names = |text: &str| {
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_')));
        words.any(|word| Some(word) == program || word == component.id)
    };
    let in_env = runtime.env.iter().filter(|(name, _)| *name != "PATH").any(|(name, value)| {
        let path = root.as_ref().map(|root| format!("/{}", String::from_utf8_lossy(root)));
        component.env.contains(name) || path.is_some_and(|path| value.contains(&path))
    });
    let mut commands = runtime.entrypoint.iter().chain(&runtime.cmd);
    let scripts = [&b"entrypoint.sh"[..], b"docker-entrypoint.sh"];
    let mut scripts = scripts.into_iter().flat_map(|name| facts.documents.named(name));
    in_env
        || commands.any(|word| names(word))
        || scripts
            .any(|script| script.hidden.is_none() && names(&String::from_utf8_lossy(script.head)))
}

/// Components of which smaller builds are known.
pub(super) fn slimmer(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (at, usage) in facts.component_usage().iter().enumerate() {
        let Some(first) = usage.slimmer.first() else { continue };
        let Some(component) = facts.components.get(at) else { continue };
        let slim = usage.observations.iter().any(|phrase| {
            matches!(phrase.0.first(), Some(Piece::Words(words)) if words.starts_with("The build is"))
        });
        if slim {
            continue;
        }
        let files = facts.of_component(at).iter().copied();
        let files = files.filter(|file| facts.ledger.atom(*file).is_live()).collect();
        let name = title(facts, &usage.title, usage.root.as_deref());
        let message = Phrase::words("Smaller builds of ").name(name).and(" are known");
        let mut candidate = Candidate::new(anchor(component, usage), message, Claim::View(files))
            .fill("slimmer", first.clone());
        for other in &usage.slimmer {
            candidate = candidate.note(Phrase::default().name(other.clone()));
        }
        if usage.visible.bytes >= 500 * MB {
            candidate = candidate.severity(Severity::Medium);
        }
        found.push(candidate);
    }
    found
}

/// Whom software is for, and from how many bytes on that is worth an image of its own.
const AUDIENCES: [(&str, &str, u64); 4] = [
    ("gpu", "GPU", 1_000 * MB),
    ("ide", "editors in the browser", 500 * MB),
    ("gui", "windows on a screen", 200 * MB),
    ("spatial", "geographic data", 1_000 * MB),
];

/// Software for several kinds of users.
pub(super) fn variants(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: Vec<(&str, Vec<AtomId>, u64)> = Vec::new();
    for (audience, title, least) in AUDIENCES {
        let files: Vec<AtomId> = for_audience(facts, audience).into_iter().collect();
        let bytes = facts.ledger.sum(files.iter().copied()).bytes;
        if bytes >= least {
            found.push((title, files, bytes));
        }
    }
    if found.len() < 2 {
        return Vec::new();
    }
    let whole = facts.ledger.sum(facts.ledger.live().iter().copied()).bytes;
    let rows = found.iter().map(|(title, _, bytes)| {
        let without = whole.saturating_sub(*bytes);
        vec![Value::Text((*title).to_owned()), Value::Bytes(*bytes), Value::Bytes(without)]
    });
    let table = Table { columns: vec!["for", "content", "image without it"], rows: rows.collect() };
    let titles: Vec<&str> = found.iter().map(|(title, ..)| *title).collect();
    let message =
        Phrase::words("The image has software for different users: ").name(titles.join(", "));
    let files: BTreeSet<AtomId> = found.into_iter().flat_map(|(_, files, _)| files).collect();
    let candidate = Candidate::new("", message, Claim::View(files.into_iter().collect()));
    vec![Candidate { table: Some(table), ..candidate }]
}

fn for_audience(facts: &Facts<'_>, audience: &str) -> BTreeSet<AtomId> {
    let mut files: BTreeSet<AtomId> = BTreeSet::new();
    for (at, component) in facts.components.iter().enumerate() {
        if component.audience.as_deref() == Some(audience) {
            files.extend(facts.of_component(at));
        }
    }
    if audience == "gpu" {
        files.extend(facts.ledger.live().iter().copied().filter(|file| {
            let package = facts.owners.package(*file).map(|id| facts.inventory.package(id));
            package.is_some_and(is_for_gpus)
        }));
    }
    files.retain(|file| facts.ledger.atom(*file).is_live());
    files
}
