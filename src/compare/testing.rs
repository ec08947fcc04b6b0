//! Images written as text, for tests of comparisons.

use super::shared;
use crate::analysis::{AnalysisOptions, testing};
use crate::oci::Digest;
use crate::snapshot::Snapshot;

/// The image of a text, with all layers read; blobs have the digests of what is in them.
pub(crate) fn whole(text: &str) -> Snapshot {
    partly(text, |_| true)
}

/// The same with some of the layers read.
pub(crate) fn partly(text: &str, wanted: impl Fn(usize) -> bool) -> Snapshot {
    let options = AnalysisOptions { paths: true, partial: true, ..AnalysisOptions::default() };
    let (inspection, found) = testing::partly(text, &options, wanted);
    let mut snapshot = Snapshot::of_analysis(&inspection, &inspection.images[0], &found);
    let (_, all) = testing::analysed(text, &options);
    for (layer, paths) in snapshot.layers.iter_mut().zip(&all.paths) {
        let held = format!("{:?} {paths:?}", layer.step.as_ref().map(|step| &step.instruction));
        layer.digest = Digest::of(held.as_bytes());
    }
    let digests: Vec<&Digest> = snapshot.layers.iter().map(|layer| &layer.digest).collect();
    snapshot.image = Digest::of(format!("{digests:?}").as_bytes());
    snapshot
}

/// Both images as the registry flow has them: with the layers that differ alone.
pub(crate) fn narrow(old: &str, new: &str) -> (Snapshot, Snapshot) {
    let (before, after) = (whole(old), whole(new));
    let shared = shared(&before, &after);
    let is_read = |snapshot: &Snapshot, at: usize| !shared.contains(&snapshot.layers[at].digest);
    (partly(old, |at| is_read(&before, at)), partly(new, |at| is_read(&after, at)))
}
