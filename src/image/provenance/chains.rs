//! Finds the step that made each layer by the layer chains that the steps led to.
//!
//! A chain lists all layers up to a step's result, so a step whose chain is the lower part of the
//! image made, or inherited, the chain's last layer. Of all steps with the same chain, the one
//! whose inputs do not have it made the layer; the others changed nothing. `COPY --link` makes a
//! chain of its own, of which only the last layer can be found. Each part of the document is
//! looked at a fixed number of times, and no chain of inputs is followed.

use std::collections::{HashMap, HashSet};

use super::statement::{Blob, Record, Step};
use crate::oci::Digest;

/// An output has one chain per compression; there are no more than a handful of those.
const MAX_CHAINS: usize = 16;

/// A step that fetches an image.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The step.
    pub step: &'a Step,
    /// The image's reference or digest, without the scheme.
    pub identifier: &'a str,
    /// Whether the image comes from a registry, as opposed to a local directory.
    pub in_registry: bool,
}

/// The steps of a build with the layers of an image that they reached.
pub(super) struct Build<'a> {
    steps: &'a [Step],
    prefixes: Reached,
    tops: Reached,
    inferred: bool,
    has_chains: bool,
}

/// The steps that reached each layer.
#[derive(Default)]
struct Reached {
    /// For each layer the positions of steps, in document order.
    candidates: Vec<Vec<usize>>,
    /// Pairs of a step and a layer that one of its inputs reached as well.
    inherited: HashSet<(usize, usize)>,
}

/// One output of a step.
struct Output<'a> {
    name: &'a str,
    position: usize,
    step: &'a Step,
    chains: Vec<&'a [Blob]>,
}

impl<'a> Build<'a> {
    /// Compares the chains of the build with the image's layers, base first.
    pub(super) fn new(record: &'a Record, layers: &[Digest]) -> Self {
        let outputs = outputs(record);
        let exact: Vec<&str> = layers.iter().map(Digest::as_str).collect();
        let mut build = Self {
            steps: &record.steps,
            prefixes: Reached::by_prefix(&outputs, &exact),
            tops: Reached::by_top(&outputs, &exact),
            inferred: false,
            has_chains: !outputs.is_empty(),
        };
        if build.is_unmatched()
            && let Some(chain) = result_chain(&record.steps, &outputs, layers.len())
        {
            let positions: Vec<&str> = chain.iter().map(|blob| blob.digest.as_str()).collect();
            build.prefixes = Reached::by_prefix(&outputs, &positions);
            build.inferred = true;
        }
        build
    }

    /// The base image's number of layers and the step that fetched it: the one that reached the
    /// highest layer.
    pub(super) fn base(&self) -> Option<(usize, Source<'a>)> {
        let reached = self.prefixes.candidates.iter().enumerate().rev();
        reached.into_iter().find_map(|(layer, steps)| {
            let image = steps.iter().find_map(|&position| image(&self.steps[position]));
            image.map(|source| (layer + 1, source))
        })
    }

    /// The steps that may have made a layer, the likeliest first.
    pub(super) fn makers(&self, layer: usize) -> impl Iterator<Item = &'a Step> {
        let exact = !self.prefixes.candidates[layer].is_empty();
        let reached = if exact { &self.prefixes } else { &self.tops };
        let first = reached.candidates[layer]
            .iter()
            .filter(move |&&position| !reached.inherited.contains(&(position, layer)));
        first.map(|&position| &self.steps[position]).filter(|step| step.makes_files())
    }

    /// A sentence where the layers are not those that the build recorded.
    pub(super) fn warning(&self, layers: usize) -> Option<String> {
        if self.inferred {
            Some(format!(
                "the provenance lists other digests for all {layers} layers: Dockerfile lines and base are inferred by position"
            ))
        } else if self.has_chains && layers > 0 && self.is_unmatched() {
            Some("the provenance lists none of the image's layers: their Dockerfile lines are unknown".to_owned())
        } else {
            None
        }
    }

    fn is_unmatched(&self) -> bool {
        self.prefixes.is_empty() && self.tops.is_empty()
    }
}

/// The outputs whose chains are known, in the order of their steps.
fn outputs(record: &Record) -> Vec<Output<'_>> {
    let positions: HashMap<&str, usize> =
        record.steps.iter().zip(0..).map(|(step, position)| (step.id.as_str(), position)).collect();
    let mut outputs: Vec<Output<'_>> = record
        .layers
        .iter()
        .filter_map(|(name, chains)| {
            let position = *positions.get(step_of(name))?;
            let chains = chains.iter().flatten().flatten().take(MAX_CHAINS);
            let chains = chains.map(Vec::as_slice).filter(|chain| !chain.is_empty()).collect();
            Some(Output { name, position, step: &record.steps[position], chains })
        })
        .collect();
    outputs.sort_by_key(|output| output.position);
    outputs
}

/// The step of an output: `step4` of `step4:0`.
fn step_of(output: &str) -> &str {
    output.rsplit_once(':').map_or(output, |(step, _)| step)
}

fn image(step: &Step) -> Option<Source<'_>> {
    let (scheme, identifier) = step.source()?.split_once("://")?;
    let in_registry = match scheme {
        "docker-image" => true,
        "oci-layout" => false,
        _ => return None,
    };
    Some(Source { step, identifier, in_registry })
}

impl Reached {
    fn by_prefix(outputs: &[Output<'_>], layers: &[&str]) -> Self {
        let is_prefix = |chain: &[Blob]| {
            chain.len() <= layers.len()
                && chain.iter().zip(layers).all(|(blob, layer)| blob.digest == *layer)
        };
        Self::new(outputs, layers.len(), |_, chain| is_prefix(chain).then(|| chain.len() - 1))
    }

    /// By the last layer alone, which names a place only if the image has the layer once.
    fn by_top(outputs: &[Output<'_>], layers: &[&str]) -> Self {
        let mut places: HashMap<&str, Option<usize>> = HashMap::new();
        for (place, layer) in layers.iter().enumerate() {
            places.entry(layer).and_modify(|known| *known = None).or_insert(Some(place));
        }
        Self::new(outputs, layers.len(), |step, chain| {
            let top = chain.last().filter(|_| step.makes_files())?;
            places.get(top.digest.as_str()).copied().flatten()
        })
    }

    fn new(
        outputs: &[Output<'_>],
        layers: usize,
        place: impl Fn(&Step, &[Blob]) -> Option<usize>,
    ) -> Self {
        let mut reached = Self { candidates: vec![Vec::new(); layers], ..Self::default() };
        let mut by_output: HashMap<&str, Vec<usize>> = HashMap::new();
        for output in outputs {
            let places = output.chains.iter().filter_map(|chain| place(output.step, chain));
            for layer in places {
                by_output.entry(output.name).or_default().push(layer);
                let candidates = &mut reached.candidates[layer];
                if candidates.last() != Some(&output.position) {
                    candidates.push(output.position);
                }
            }
        }
        reached.inherit(outputs, &by_output);
        reached
    }

    fn inherit(&mut self, outputs: &[Output<'_>], by_output: &HashMap<&str, Vec<usize>>) {
        let mut previous = None;
        for output in outputs {
            // Outputs are sorted by step, so each step's inputs are looked at once.
            if previous.replace(output.position) == Some(output.position) {
                continue;
            }
            let layers = output.step.inputs.iter().filter_map(|name| by_output.get(name.as_str()));
            self.inherited.extend(layers.flatten().map(|&layer| (output.position, layer)));
        }
    }

    fn is_empty(&self) -> bool {
        self.candidates.iter().all(Vec::is_empty)
    }
}

/// The chain of the build's result if it has one entry per layer of the image.
fn result_chain<'a>(steps: &[Step], outputs: &[Output<'a>], layers: usize) -> Option<&'a [Blob]> {
    let result = steps.last().filter(|step| !step.makes_files() && step.source().is_none());
    let result = result.and_then(|step| step.inputs.first());
    let mut chains = outputs
        .iter()
        .filter(|output| result.is_none_or(|name| name == output.name))
        .flat_map(|output| &output.chains)
        .copied();
    let longest = chains.clone().map(<[Blob]>::len).max()?;
    (longest == layers).then(|| chains.rfind(|chain| chain.len() == layers)).flatten()
}
