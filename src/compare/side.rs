//! One image of a comparison, narrowed to the layers that differ.

use std::collections::HashSet;

use super::LayerRow;
use crate::snapshot::{Contents, Layer, Share, Snapshot};

/// One image, of which only some layers matter.
pub(super) struct Side<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// Positions of the layers that differ.
    pub(super) differing: HashSet<usize>,
    /// Whether the packages of the whole image are known, of both images.
    pub(super) is_whole: bool,
}

/// What a layer stores of an owner.
pub(super) struct Stored<'a> {
    pub(super) owner: usize,
    pub(super) share: &'a Share,
}

impl<'a> Side<'a> {
    pub(super) fn old(old: &'a Snapshot, new: &'a Snapshot, rows: &[LayerRow]) -> Self {
        Self::narrowed(old, new, rows.iter().filter(|row| row.differs()).filter_map(|row| row.old))
    }

    pub(super) fn new(old: &'a Snapshot, new: &'a Snapshot, rows: &[LayerRow]) -> Self {
        Self::narrowed(new, old, rows.iter().filter(|row| row.differs()).filter_map(|row| row.new))
    }

    fn narrowed(
        snapshot: &'a Snapshot,
        other: &Snapshot,
        differing: impl Iterator<Item = usize>,
    ) -> Self {
        let is_whole = snapshot.is_complete() && other.is_complete();
        Self { snapshot, differing: differing.collect(), is_whole }
    }

    /// A layer that differs and was read.
    pub(super) fn contents(&self, at: usize) -> Option<&'a Contents> {
        let layer: &Layer =
            self.snapshot.layers.get(at).filter(|_| self.differing.contains(&at))?;
        layer.contents.as_ref()
    }

    /// The layers that differ and were read, base first.
    pub(super) fn layers(&self) -> impl Iterator<Item = (usize, &'a Contents)> {
        (0..self.snapshot.layers.len()).filter_map(|at| Some((at, self.contents(at)?)))
    }

    /// What those layers store, by owner.
    pub(super) fn stored(&self) -> impl Iterator<Item = Stored<'a>> {
        let shares = self.layers().flat_map(|(_, contents)| &contents.shares);
        shares.map(|share| Stored { owner: share.owner as usize, share })
    }

    /// Whether nothing but the layers that differ was read.
    pub(super) fn is_narrow(&self) -> bool {
        let mut layers = self.snapshot.layers.iter().enumerate();
        layers.all(|(at, layer)| layer.contents.is_some() == self.differing.contains(&at))
    }
}
