//! The images of one reference beside each other, one for each platform.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::variants::{ComponentVariant, PackageVariant};
use super::{Compared, rows, variants};
use crate::layer::Hashing;
use crate::oci::Digest;
use crate::rule::Severity;
use crate::snapshot::Snapshot;

/// The images of several platforms.
#[derive(Clone, Debug, PartialEq)]
pub struct Platforms {
    /// The images, in the order of the index.
    pub images: Vec<Compared>,
    /// Their build steps, aligned.
    pub steps: Vec<StepRow>,
    /// Components that differ, the most bytes first.
    pub components: Vec<ComponentVariant>,
    /// Packages that differ, likewise.
    pub packages: Vec<PackageVariant>,
    /// Files that are the same in all images and stored once for each; `None` unless all layers
    /// were read.
    pub identical: Option<Identical>,
    /// Bytes of the layers that all images share.
    pub shared: u64,
    /// Platforms that are much larger than others.
    pub skew: Vec<Skew>,
}

/// One build step over all platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRow {
    /// By image, the position of the layer that the step made.
    pub layers: Vec<Option<usize>>,
    /// Bytes of the files in it that are the same in all images.
    pub identical: u64,
}

/// Files that are the same in all images although no layer is: at least these, as of large layers
/// only the larger files are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identical {
    /// How many.
    pub files: usize,
    /// Their content bytes, in one image.
    pub bytes: u64,
}

/// A finding about sizes that differ by platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    /// The rule.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it says.
    pub message: String,
}

/// Compares the images of platforms.
pub fn platforms(images: &[Snapshot], skew: Vec<Skew>) -> Platforms {
    let is_whole = images.iter().all(Snapshot::is_complete);
    let mut steps = steps(images);
    let identical = is_whole.then(|| identical(images, &mut steps));
    Platforms {
        images: images.iter().map(Compared::new).collect(),
        steps,
        components: if is_whole { variants::components(images) } else { Vec::new() },
        packages: if is_whole { variants::packages(images, |_, _| true) } else { Vec::new() },
        identical,
        shared: shared(images),
        skew,
    }
}

fn shared(images: &[Snapshot]) -> u64 {
    let common = super::common(images);
    let layers = images.first().map(|image| image.layers.as_slice()).unwrap_or_default();
    let mut known = BTreeSet::new();
    let layers = layers.iter().filter(|layer| common.contains(&layer.digest));
    let layers = layers.filter(|layer| known.insert(&layer.digest));
    layers.fold(0, |sum, layer| sum.saturating_add(layer.compressed))
}

/// Aligns all images with the first one; what that does not have stands behind what is before it.
fn steps(images: &[Snapshot]) -> Vec<StepRow> {
    let Some((first, others)) = images.split_first() else { return Vec::new() };
    let fresh = || StepRow { layers: vec![None; images.len()], identical: 0 };
    let mut merged: Vec<StepRow> = Vec::new();
    for at in 0..first.layers.len() {
        let mut row = fresh();
        row.layers[0] = Some(at);
        merged.push(row);
    }
    for (image, other) in (1..).zip(others) {
        let mut behind = 0;
        for row in rows(first, other) {
            let of_first = |merged: &StepRow| row.old.is_some() && merged.layers[0] == row.old;
            let place = merged.iter().position(of_first);
            let place = place.or_else(|| alike(&merged, images, (image, row.new)));
            let place = place.unwrap_or_else(|| {
                merged.insert(behind, fresh());
                behind
            });
            merged[place].layers[image] = row.new;
            behind = place + 1;
        }
    }
    merged
}

/// A row of other images that has the same instruction and is free.
fn alike(
    merged: &[StepRow],
    images: &[Snapshot],
    (image, layer): (usize, Option<usize>),
) -> Option<usize> {
    let text = |image: usize, layer: Option<usize>| {
        let layer = images.get(image)?.layers.get(layer?)?;
        layer.step.as_ref().map(|step| step.instruction.as_str())
    };
    let wanted = text(image, layer)?;
    merged.iter().position(|row| {
        row.layers[0].is_none()
            && row.layers[image].is_none()
            && row.layers.iter().enumerate().any(|(at, layer)| text(at, *layer) == Some(wanted))
    })
}

/// A file where its topmost layer stores it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stored<'a> {
    content: u64,
    hash: (Hashing, &'a str),
    layer: usize,
    digest: &'a Digest,
}

fn identical(images: &[Snapshot], steps: &mut [StepRow]) -> Identical {
    let mut files = images.iter().map(files);
    let Some(first) = files.next() else { return Identical::default() };
    let others: Vec<_> = files.collect();
    let places: BTreeMap<usize, usize> = steps
        .iter()
        .enumerate()
        .filter_map(|(place, row)| Some((row.layers.first().copied().flatten()?, place)))
        .collect();
    let mut found = Identical::default();
    for (path, file) in &first {
        let same = others.iter().map(|files| files.get(path).filter(|o| o.hash == file.hash));
        let Some(same) = same.collect::<Option<Vec<_>>>() else { continue };
        if same.iter().all(|other| other.digest == file.digest) {
            continue;
        }
        found.files += 1;
        found.bytes = found.bytes.saturating_add(file.content);
        let row = places.get(&file.layer).and_then(|place| steps.get_mut(*place));
        if let Some(row) = row {
            row.identical = row.identical.saturating_add(file.content);
        }
    }
    found
}

fn files(image: &Snapshot) -> HashMap<&str, Stored<'_>> {
    let mut files = HashMap::new();
    for (layer, stored) in image.layers.iter().enumerate() {
        let Some(contents) = &stored.contents else { continue };
        for row in contents.paths.rows.iter().filter(|row| !row.directory) {
            let Some(hash) = row.hash.as_deref() else { continue };
            let hash = (contents.paths.hashing, hash);
            let digest = &stored.digest;
            files.insert(&*row.path, Stored { content: row.content, hash, layer, digest });
        }
    }
    files
}
