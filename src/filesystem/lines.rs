//! Layers written as lines of text, and what must hold for any that are merged.

use std::sync::Arc;

use super::{Amount, Filesystem};
use crate::layer::{Attributes, ContentHash, Hashing, Kind, Limits, Source, Toc, TocBuilder};

/// A layer from lines: `file PATH SIZE [HASH]`, `dir PATH`, `link PATH TARGET`,
/// `hard PATH TARGET`, `fifo PATH`, `char PATH`. Each entry costs one compressed byte.
pub(crate) fn layer(text: &str) -> Arc<Toc> {
    let mut toc = TocBuilder::new(Source::Stream, Hashing::Xxh3, Limits::default());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let (kind, path) = (words.next().expect("a kind"), words.next().expect("a path"));
        let path = if path == "." { "" } else { path };
        let (kind, third) = match kind {
            "file" => (Kind::File, words.next()),
            "dir" => (Kind::Directory, None),
            "link" => (Kind::Symlink, words.next()),
            "hard" => (Kind::Hardlink, words.next()),
            "fifo" => (Kind::Fifo, None),
            "char" => (Kind::Character, None),
            _ => panic!("{line}"),
        };
        let size = if kind == Kind::File {
            third.and_then(|size| size.parse().ok()).expect("a size")
        } else {
            0
        };
        let at = toc.add(path.as_bytes(), kind, size, 0, Attributes::default());
        let at = at.expect("few entries");
        let target = third.unwrap_or_default().as_bytes();
        match kind {
            Kind::Hardlink => toc.link_hard(at, target).expect("few links"),
            Kind::Symlink => toc.link_symbolic(at, target).expect("few links"),
            _ => {}
        }
        toc.entry(at).compressed = 1;
        toc.entry(at).hash = words.next().map(|hash| ContentHash([hash.as_bytes()[0]; 16]));
    }
    toc.finish(0).into()
}

pub(crate) fn merge(layers: &[&str]) -> Filesystem {
    Filesystem::merge(layers.iter().map(|text| Some(layer(text))).collect())
}

/// Whether what is stored is visible or shadowed, by layer and in all.
pub(crate) fn assert_sums(filesystem: &Filesystem) {
    let mut all = Amount::default();
    for layer in 0..filesystem.layers() {
        let mut stored = Amount::default();
        let mut shadowed = Amount::default();
        for (at, entry) in
            filesystem.toc(layer).expect("a layer that was read").entries.iter().enumerate()
        {
            stored += Amount::of(entry);
            if filesystem.hidden(layer, at).is_some() {
                shadowed += Amount::of(entry);
            }
        }
        let mut sum = filesystem.visible_in(layer);
        sum += filesystem.shadowed_in(layer);
        assert_eq!((sum, filesystem.shadowed_in(layer)), (stored, shadowed), "layer {layer}");
        all += stored;
    }
    let mut sum = filesystem.visible();
    sum += filesystem.shadowed();
    assert_eq!(sum, all);
    assert_eq!(filesystem.content(), all.bytes);
    let mut shown = Amount::default();
    for (node, _) in filesystem.walk(filesystem.root()) {
        shown += filesystem.amount(node);
    }
    assert_eq!(shown, filesystem.visible());
}
