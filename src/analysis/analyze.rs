//! From layers that were read to the figures of their images.

use std::collections::HashSet;

use super::{
    Analysis, ImageAnalysis, LayerPaths, LayerUsage, PathSearch, PathUsage, Remark, dive, largest,
    search, study, waste,
};
use crate::collect::{ImageLayers, LayerRead, ReadLayers};
use crate::component::Knowledge;
use crate::filesystem::{Amount, Filesystem, NodeId};
use crate::image::Image;
use crate::layer::Kind;
use crate::ledger::Ledger;
use crate::rule::{Selection, Stacks, index_findings, platform_findings};

/// A directory of which one child holds more than so many per cent says nothing that the child
/// does not.
const DOMINATED: u64 = 90;

/// What to find out.
#[derive(Clone, Debug, Default)]
pub struct AnalysisOptions {
    /// Compute dive's figures as well.
    pub dive: bool,
    /// Files, directories, and paths of each waste, to list at most.
    pub top: usize,
    /// The rules to run.
    pub selection: Selection,
    /// What is known of components.
    pub knowledge: Knowledge,
    /// Add up what each layer stores by path.
    pub paths: bool,
    /// Paths to look for.
    pub search: PathSearch,
    /// Study images of which layers were left out, too: what is told then holds for the layers that
    /// were read, by themselves.
    pub partial: bool,
}

/// Finds out where the bytes of images are. One image's filesystem is in memory at a time.
pub fn analyze(read: ReadLayers, options: &AnalysisOptions) -> Analysis {
    let inspection = read.inspection;
    let found = |layers: ImageLayers| {
        let image = &inspection.images[layers.image];
        analyze_image(image, &layers, options)
    };
    let stacks = stacks(&read.images, inspection.images.len());
    let images = read.images.into_iter().map(found).collect();
    let mut findings = index_findings(&inspection, &options.selection);
    findings.extend(platform_findings(&inspection, &stacks, &options.selection));
    Analysis { inspection, images, findings }
}

/// The layers by image, where all of an image's were read.
fn stacks(images: &[ImageLayers], count: usize) -> Stacks {
    let mut stacks = vec![None; count];
    for read in images {
        let all = read.layers.iter().map(|layer| layer.as_ref().map(|read| read.toc.clone()));
        if let Some(stack) = stacks.get_mut(read.image) {
            *stack = all.collect();
        }
    }
    stacks
}

pub(super) fn analyze_image(
    described: &Image,
    image: &ImageLayers,
    options: &AnalysisOptions,
) -> ImageAnalysis {
    let tocs = image.layers.iter().map(|layer| layer.as_ref().map(|read| read.toc.clone()));
    let ledger = Ledger::new(Filesystem::merge(tocs.collect()));
    let filesystem = ledger.filesystem();
    let usage = |(at, layer): (usize, &Option<LayerRead>)| {
        layer.as_ref().map(|layer| layer_usage(layer, filesystem.shadowed_in(at)))
    };
    let all = (0..filesystem.layers()).all(|layer| filesystem.toc(layer).is_some());
    let (remarks, remarks_dropped) = remarks(filesystem);
    let (waste, waste_without_content) = waste::waste(filesystem, options.top);
    let (ambiguous, notes) = remarks.into_iter().partition(|remark| remark.kind.is_ambiguous());
    ImageAnalysis {
        image: image.image,
        layers: image.layers.iter().enumerate().map(usage).collect(),
        visible: filesystem.visible(),
        shadowed: filesystem.shadowed(),
        waste,
        waste_without_content,
        directories: directories(filesystem, options.top),
        files: files(filesystem, options.top),
        dive: (options.dive && all).then(|| dive::dive(filesystem)),
        ambiguous,
        notes,
        remarks_dropped,
        paths: layer_paths(filesystem, options),
        matches: search::search(filesystem, &options.search),
        study: (all || options.partial).then(|| study::study(described, &ledger, options)),
    }
}

fn layer_paths(filesystem: &Filesystem, options: &AnalysisOptions) -> Vec<Option<LayerPaths>> {
    let of_layer = |layer| filesystem.toc(layer).filter(|_| options.paths).map(LayerPaths::of);
    (0..filesystem.layers()).map(of_layer).collect()
}

fn layer_usage(layer: &LayerRead, shadowed: Amount) -> LayerUsage {
    let toc = &layer.toc;
    LayerUsage {
        content: toc.content(),
        entries: toc.entries.len() as u64,
        files: toc.entries.iter().filter(|entry| entry.kind == Kind::File).count() as u64,
        shadowed,
        overhead: toc.overhead,
        unread: toc.captures_dropped,
        source: toc.source,
        cached: layer.cached,
        transferred: layer.transferred,
    }
}

/// The largest visible directories: not the root, and none of which one directory in it holds more
/// than [`DOMINATED`] per cent of the bytes.
fn directories(filesystem: &Filesystem, top: usize) -> Vec<PathUsage> {
    let mut sums = vec![Amount::default(); filesystem.ids().count()];
    for node in filesystem.ids().filter(|node| filesystem.is_visible(*node)) {
        sums[node.index()] = filesystem.amount(node);
    }
    filesystem.add_up(&mut sums, |sum, amount| *sum += amount);
    let directories: Vec<NodeId> = filesystem
        .ids()
        .skip(1)
        .filter(|node| filesystem.is_visible(*node) && sums[node.index()].bytes > 0)
        .filter(|node| filesystem.node(*node).kind == Kind::Directory)
        .collect();
    let mut heaviest = vec![0; sums.len()];
    for node in &directories {
        let parent = &mut heaviest[filesystem.parent(*node).index()];
        *parent = sums[node.index()].bytes.max(*parent);
    }
    let dominated = |node: &NodeId| {
        let (child, all) = (heaviest[node.index()], sums[node.index()].bytes);
        u128::from(child) * 100 > u128::from(all) * u128::from(DOMINATED)
    };
    let sized = directories.into_iter().filter(|node| !dominated(node));
    let sized = sized.map(|node| (sums[node.index()].bytes, node));
    let path_usage = |node: NodeId| PathUsage {
        path: filesystem.path(node),
        kind: Kind::Directory,
        amount: sums[node.index()],
        layer: filesystem.node(node).layer,
    };
    largest(filesystem, sized, top).into_iter().map(path_usage).collect()
}

/// The largest visible files, each at the name where its bytes count.
fn files(filesystem: &Filesystem, top: usize) -> Vec<PathUsage> {
    let counted = filesystem.ids().filter(|node| filesystem.node(*node).counted);
    let sized = counted.map(|node| (filesystem.amount(node).bytes, node));
    let sized = sized.filter(|(bytes, _)| *bytes > 0);
    let path_usage = |node: NodeId| PathUsage {
        path: filesystem.path(node),
        kind: Kind::File,
        amount: filesystem.amount(node),
        layer: filesystem.node(node).file.map(|(layer, _)| layer),
    };
    largest(filesystem, sized, top).into_iter().map(path_usage).collect()
}

/// What is odd about the layers and about how they fit together, each once, by layer.
fn remarks(filesystem: &Filesystem) -> (Vec<Remark>, u64) {
    let mut dropped = filesystem.remarks_dropped();
    let mut remarks = Vec::new();
    let mut known = HashSet::new();
    for layer in 0..filesystem.layers() {
        let Some(toc) = filesystem.toc(layer) else { continue };
        dropped += toc.oddities.dropped;
        for oddity in &toc.oddities.kept {
            let path = oddity.path.map(|path| filesystem.path(filesystem.place_of(layer, path)));
            known.insert((layer, path.clone(), oddity.kind));
            remarks.push(Remark { layer, path, kind: oddity.kind });
        }
    }
    for (layer, node, kind) in filesystem.remarks() {
        let path = Some(filesystem.path(node));
        if known.insert((layer, path.clone(), kind)) {
            remarks.push(Remark { layer, path, kind });
        }
    }
    remarks.sort_by_key(|remark| remark.layer);
    (remarks, dropped)
}
