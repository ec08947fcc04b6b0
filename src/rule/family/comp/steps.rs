//! Steps that store much beside what they install, and steps that are most of an image.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::image::{Image, Origin};
use crate::ledger::AtomId;
use crate::owner::OwnerId;
use crate::rule::{Candidate, Claim, Facts, Phrase, Saving, Severity, Table, Value};

const MB: u64 = 1_000_000;
/// Owners of a table.
const ROWS: usize = 10;

/// What the layers of installing steps store beside the components.
pub(super) fn residual(facts: &Facts<'_>) -> Vec<Candidate> {
    let installed = installed(facts);
    let mut is_component = vec![false; facts.ledger.atoms().len()];
    for (layer, components) in &installed {
        for at in components {
            for file in facts.of_component(*at) {
                if facts.ledger.atom(*file).layer == *layer
                    && let Some(marked) = is_component.get_mut(file.index())
                {
                    *marked = true;
                }
            }
        }
    }
    let mut rest: BTreeMap<usize, Vec<AtomId>> = BTreeMap::new();
    for file in facts.ledger.ids() {
        let layer = facts.ledger.atom(file).layer;
        if installed.contains_key(&layer) && is_component.get(file.index()) == Some(&false) {
            rest.entry(layer).or_default().push(file);
        }
    }
    let candidate = |(layer, files): (usize, Vec<AtomId>)| {
        let components = installed.get(&layer)?;
        Some(of_layer(facts, layer, components, files))
    };
    rest.into_iter().filter_map(candidate).collect()
}

/// By layer, the components that its step installs and of which it stores something.
fn installed(facts: &Facts<'_>) -> BTreeMap<usize, Vec<usize>> {
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, (component, usage)) in facts.components.iter().zip(facts.component_usage()).enumerate()
    {
        let layers = component.steps.iter().filter_map(|step| facts.image.steps.get(*step)?.layer);
        for layer in layers {
            let stores = |row: &&crate::rule::LayerUsage| row.layer == layer;
            let bytes = usage
                .layers
                .iter()
                .find(stores)
                .map_or(0, |row| row.visible.bytes.saturating_add(row.shadowed.bytes));
            if bytes > 0 {
                found.entry(layer).or_default().push(at);
            }
        }
    }
    found
}

fn of_layer(
    facts: &Facts<'_>,
    layer: usize,
    components: &[usize],
    files: Vec<AtomId>,
) -> Candidate {
    let titles: Vec<&str> = components
        .iter()
        .filter_map(|at| facts.components.get(*at))
        .map(|component| component.title.as_str())
        .collect();
    let message = Phrase::words("The step that installs ")
        .name(titles.join(", "))
        .and(" stores ")
        .bytes(facts.ledger.sum(files.iter().copied()).bytes)
        .and(" beside it");
    let mut owners: HashMap<OwnerId, u64> = HashMap::new();
    for file in &files {
        let bytes = owners.entry(facts.owners.of(*file)).or_default();
        *bytes = bytes.saturating_add(facts.ledger.atom(*file).bytes);
    }
    let mut owners: Vec<(OwnerId, u64)> = owners.into_iter().collect();
    owners.sort_unstable_by_key(|(owner, bytes)| (Reverse(*bytes), *owner));
    let rows = owners.into_iter().take(ROWS).map(|(owner, bytes)| {
        vec![Value::Text(facts.owners.owner(owner).name.clone()), Value::Bytes(bytes)]
    });
    let table = Table { columns: vec!["owner", "content"], rows: rows.collect() };
    let candidate = Candidate::new(facts.instruction(layer), message, Claim::View(files));
    Candidate { table: Some(table), ..candidate }
}

/// Steps of the image's own that are a large part of what a pull downloads.
pub(super) fn dominant(image: &Image) -> Vec<Candidate> {
    let whole = image.compressed();
    let mut found = Vec::new();
    for layer in &image.layers {
        // Where it is not known whose the lowest layer is, it is a distribution most of the time.
        let is_base = match layer.origin {
            Origin::Base => true,
            Origin::Unknown => layer.index == 0,
            Origin::Own => false,
        };
        let share = u128::from(layer.compressed) * 100;
        if is_base || layer.compressed < 50 * MB || share <= whole * 15 {
            continue;
        }
        let Some(step) = layer.step.and_then(|step| image.steps.get(step)) else { continue };
        let of = u64::try_from(whole).unwrap_or(u64::MAX);
        let message = Phrase::words("One step is ")
            .share(layer.compressed, of)
            .and(" of what a pull downloads: ")
            .name(step.instruction.clone());
        let saving = Saving { content: 0, compressed: layer.compressed };
        let severity = if share > whole * 30 { Severity::Medium } else { Severity::Low };
        let anchor = step.instruction.clone();
        found.push(Candidate::new(anchor, message, Claim::Figure(saving)).severity(severity));
    }
    found
}
