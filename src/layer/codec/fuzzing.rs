//! What must hold for any bytes that a cache may hold.

use super::{LEVEL, decode, decode_captures, encode, encode_captures};
use crate::layer::{Attributes, Hashing, Kind, Limits, Source, Toc, TocBuilder};

const LIMITS: Limits = Limits {
    memory: 768 << 20,
    entries: 20_000,
    names: 1 << 20,
    unpacked: 0,
    ratio: 0,
    toc: 0,
    toc_unpacked: 0,
    captured: 1 << 18,
};

/// Decodes bytes as a listing and as captures: what comes of them is sound, within the ceilings,
/// no more than the bytes can hold, and comes back from being encoded again.
///
/// The first byte chooses: bytes as they are if it is even, in a sound frame if it is odd.
///
/// # Panics
///
/// Where that does not hold.
pub fn codec(input: &[u8]) {
    let Some((choice, raw)) = input.split_first() else { return };
    let framed = choice % 2 == 1;
    let frame = || zstd::encode_all(raw, LEVEL).expect("memory to write to");
    let bytes = if framed { frame() } else { raw.to_vec() };
    if let Some(toc) = decode(&bytes, &LIMITS) {
        assert!(toc.is_sound());
        assert!(toc.entries.len() <= LIMITS.entries && toc.captures.is_empty());
        assert!(!framed || parts(&toc) <= raw.len(), "more is listed than there is");
        assert_eq!(decode(&encode(&toc), &LIMITS), Some(toc));
    }
    let before = two_files();
    let mut toc = before.clone();
    if decode_captures(&bytes, &mut toc, &LIMITS) {
        assert!(toc.is_sound());
        let kept: usize = toc.captures.iter().map(|kept| kept.head.len() + kept.tail.len()).sum();
        assert!(!framed || kept + toc.captures.len() <= raw.len(), "more is kept than there is");
        let mut again = before;
        assert!(decode_captures(&encode_captures(&toc), &mut again, &LIMITS));
        assert_eq!(again, toc);
    } else {
        assert_eq!(toc, before, "what is refused changes something");
    }
}

/// Things in a listing of which each takes a byte at least.
fn parts(toc: &Toc) -> usize {
    let sections = toc.elf.iter().map(|(_, elf)| elf.sections.len()).sum::<usize>();
    let lists = [toc.paths.len(), toc.entries.len(), toc.attributes.len(), toc.texts.len()];
    let others = [toc.sparse.len(), toc.elf.len(), sections, toc.oddities.kept.len()];
    let trials = toc.trials.zstd.len() + toc.trials.gzip.len();
    lists.iter().chain(&others).sum::<usize>() + trials
}

fn two_files() -> Toc {
    let mut builder = TocBuilder::new(Source::Stream, Hashing::Xxh3, LIMITS);
    for name in ["a", "b"] {
        let added = builder.add(name.as_bytes(), Kind::File, 1, 0, Attributes::default());
        added.expect("two files are below every ceiling");
    }
    builder.finish(2)
}
