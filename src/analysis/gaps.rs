//! What listings from tables of contents leave open.

use std::collections::BTreeSet;

use super::ImageAnalysis;
use crate::layer::Source;

/// Layers that were listed from tables of contents, of which findings know less than of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gaps {
    /// The layers, base first.
    pub layers: Vec<usize>,
    /// What the tables are.
    pub sources: BTreeSet<Source>,
    /// Whether copies of a file are only seen within layers of one kind: hashes of contents differ
    /// between kinds, or there are none.
    pub hides_copies: bool,
    /// Files in them that may tell of packages and were not read.
    pub unread: usize,
}

impl Gaps {
    /// Those of an image; `None` where all layers were read whole.
    pub fn of(found: &ImageAnalysis) -> Option<Self> {
        let layers = || found.layers.iter().enumerate();
        let listed = layers().filter_map(|(at, usage)| {
            let source = (*usage)?.source;
            (source != Source::Stream).then_some((at, source))
        });
        let unread = found.layers.iter().flatten().filter(|usage| usage.source != Source::Stream);
        let unread = unread.fold(0, |sum: u64, usage| sum.saturating_add(usage.unread));
        let (layers_of, sources): (Vec<usize>, BTreeSet<Source>) = listed.unzip();
        let with_files = || found.layers.iter().flatten().filter(|usage| usage.files > 0);
        let hashes: BTreeSet<Option<bool>> =
            with_files().map(|usage| hashes_are_cryptographic(usage.source)).collect();
        let hides_copies = hashes.len() > 1 || hashes.contains(&None);
        (!layers_of.is_empty()).then_some(Self {
            layers: layers_of,
            sources,
            hides_copies,
            unread: usize::try_from(unread).unwrap_or(usize::MAX),
        })
    }
}

/// Which hashes a listing has; `None` for none.
fn hashes_are_cryptographic(source: Source) -> Option<bool> {
    match source {
        Source::Stream => Some(false),
        Source::EStargz | Source::ZstdChunked => Some(true),
        Source::Soci => None,
    }
}
