//! Which layer of one image is which of the other.
//!
//! One alignment in order, which prefers equal blobs to equal tar streams, those to equal steps,
//! and those to steps that are alike; what it leaves is looked for out of order. A step that is
//! inserted moves nothing.

use std::collections::{HashMap, HashSet};

use super::{Change, Difference};
use crate::snapshot::{Layer, Snapshot};

/// What became of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The same blob at the same place.
    Same,
    /// The same tar stream in another blob.
    Recompressed,
    /// Another tar stream with the same files: times or owners differ.
    Rebuilt,
    /// Another content of the same step, or a step that is alike.
    Changed,
    /// Only the new image has it.
    Added,
    /// Only the old image has it.
    Removed,
    /// Both have it, at different places.
    Moved,
}

/// A layer of one image or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRow {
    /// What became of it.
    pub status: Status,
    /// Position in the old image.
    pub old: Option<usize>,
    /// Position in the new image.
    pub new: Option<usize>,
    /// How its bytes differ.
    pub change: Change,
    /// Whether both are one blob or one tar stream.
    is_shared: bool,
}

impl Status {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Recompressed => "recompressed",
            Self::Rebuilt => "rebuilt",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Moved => "moved",
        }
    }
}

impl LayerRow {
    /// Whether there is more to see in its contents.
    pub fn differs(&self) -> bool {
        !self.is_shared
    }
}

/// Steps of more layers than this, multiplied, are not aligned by how alike they are.
const MOST: usize = 1 << 22;
/// Words of a step that are looked at.
const WORDS: usize = 200;

const SAME_BLOB: u64 = 1 << 48;
const SAME_TAR: u64 = 1 << 36;
const SAME_STEP: u64 = 1 << 24;
/// Of steps that share all their words.
const ALIKE: u64 = 1 << 10;

/// Aligns the layers of two images.
pub fn rows(old: &Snapshot, new: &Snapshot) -> Vec<LayerRow> {
    let (old, new) = (&old.layers, &new.layers);
    let mut partner = in_order(old, new);
    let moved = out_of_order(old, new, &mut partner);
    let mut rows = Vec::with_capacity(old.len().max(new.len()));
    let mut next = 0;
    let matched: HashSet<usize> = partner.iter().flatten().copied().collect();
    let gone = |from: usize, to: usize, rows: &mut Vec<LayerRow>| {
        let left = (from..to).filter(|at| !matched.contains(at));
        rows.extend(left.map(|at| row(Some((at, &old[at])), None, false)));
    };
    for (at, layer) in new.iter().enumerate() {
        let is_moved = moved.contains(&at);
        if let Some(place) = partner[at].filter(|_| !is_moved) {
            gone(next, place, &mut rows);
            next = place + 1;
        }
        let other = partner[at].map(|place| (place, &old[place]));
        rows.push(row(other, Some((at, layer)), is_moved));
    }
    gone(next, old.len(), &mut rows);
    rows
}

fn row(old: Option<(usize, &Layer)>, new: Option<(usize, &Layer)>, is_moved: bool) -> LayerRow {
    let layers = old.zip(new).map(|((_, old), (_, new))| (old, new));
    let is_shared = layers.is_some_and(|(old, new)| is_blob(old, new) || is_tar(old, new));
    let status = match layers {
        None if new.is_some() => Status::Added,
        None => Status::Removed,
        Some(_) if is_moved => Status::Moved,
        Some((old, new)) if is_blob(old, new) => Status::Same,
        Some((old, new)) if is_tar(old, new) => Status::Recompressed,
        Some((old, new)) if has_same_files(old, new) => Status::Rebuilt,
        Some(_) => Status::Changed,
    };
    let content = |layer: Option<(usize, &Layer)>| match layer {
        None => Some(0),
        Some((_, layer)) => layer.contents.as_ref().map(|found| Difference::from(found.content)),
    };
    let compressed = |layer: Option<(usize, &Layer)>| {
        layer.map_or(0, |(_, layer)| Difference::from(layer.compressed))
    };
    let delta = content(old).zip(content(new)).map(|(old, new)| new - old);
    LayerRow {
        status,
        old: old.map(|(at, _)| at),
        new: new.map(|(at, _)| at),
        change: Change {
            compressed: compressed(new) - compressed(old),
            content: if is_shared { Some(0) } else { delta },
        },
        is_shared,
    }
}

fn is_blob(old: &Layer, new: &Layer) -> bool {
    old.digest == new.digest
}

fn is_tar(old: &Layer, new: &Layer) -> bool {
    old.diff_id.is_some() && old.diff_id == new.diff_id
}

/// Whether both store the same files, by the hash over all of them.
fn has_same_files(old: &Layer, new: &Layer) -> bool {
    let Some((old, new)) = old.contents.as_ref().zip(new.contents.as_ref()) else { return false };
    if old.content != new.content || old.files != new.files {
        return false;
    }
    let hash = |contents: &crate::snapshot::Contents| {
        let root = contents.paths.rows.iter().find(|row| row.path.is_empty())?;
        Some((contents.paths.hashing, root.hash.clone()?))
    };
    hash(old).is_some_and(|found| hash(new) == Some(found))
}

fn text(layer: &Layer) -> Option<&str> {
    layer.step.as_ref().map(|step| step.instruction.as_str())
}

/// By layer of the new image, that of the old one which the best alignment in order gives it.
fn in_order(old: &[Layer], new: &[Layer]) -> Vec<Option<usize>> {
    let start = old.iter().zip(new).take_while(|(old, new)| is_blob(old, new)).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let rests = old_rest.iter().rev().zip(new_rest.iter().rev());
    let end = rests.take_while(|(old, new)| is_blob(old, new)).count();
    let mut partner: Vec<Option<usize>> = (0..start).map(Some).collect();
    let old_middle = &old_rest[..old_rest.len() - end];
    let new_middle = &new_rest[..new_rest.len() - end];
    let middle = best(old_middle, new_middle);
    partner.extend(middle.into_iter().map(|place| place.map(|place| place + start)));
    partner.extend((old.len() - end..old.len()).map(Some));
    partner
}

/// The alignment in order of the highest score.
fn best(old: &[Layer], new: &[Layer]) -> Vec<Option<usize>> {
    let mut partner = vec![None; new.len()];
    if old.is_empty() || old.len().saturating_mul(new.len()) > MOST {
        return partner;
    }
    let (old_words, new_words) = (words(old), words(new));
    let width = old.len() + 1;
    let mut scores = vec![0_u64; width * (new.len() + 1)];
    for (at, layer) in new.iter().enumerate() {
        for (place, other) in old.iter().enumerate() {
            let pair = score(other, layer, &old_words[place], &new_words[at]);
            let paired = if pair > 0 { scores[at * width + place] + pair } else { 0 };
            let without = scores[at * width + place + 1].max(scores[(at + 1) * width + place]);
            scores[(at + 1) * width + place + 1] = paired.max(without);
        }
    }
    let (mut at, mut place) = (new.len(), old.len());
    while at > 0 && place > 0 {
        let best = scores[at * width + place];
        if best == scores[(at - 1) * width + place] {
            at -= 1;
        } else if best == scores[at * width + place - 1] {
            place -= 1;
        } else {
            (at, place) = (at - 1, place - 1);
            partner[at] = Some(place);
        }
    }
    partner
}

fn score(old: &Layer, new: &Layer, old_words: &[&str], new_words: &[&str]) -> u64 {
    if is_blob(old, new) {
        SAME_BLOB
    } else if is_tar(old, new) {
        SAME_TAR
    } else if text(old).is_some() && text(old) == text(new) {
        SAME_STEP
    } else if text(old).is_none() && text(new).is_none() {
        ALIKE / 2
    } else {
        alike(old_words, new_words)
    }
}

/// How alike two steps are: from half of their words on.
fn alike(old: &[&str], new: &[&str]) -> u64 {
    let all = old.len() + new.len();
    let (mut left, mut right, mut both) = (0, 0, 0_u64);
    while let (Some(a), Some(b)) = (old.get(left), new.get(right)) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => left += 1,
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Equal => {
                (left, right, both) = (left + 1, right + 1, both + 1);
            }
        }
    }
    let share = (2 * both * ALIKE).checked_div(all as u64).unwrap_or(0);
    if share >= ALIKE / 2 { share } else { 0 }
}

/// The words of each step, sorted.
fn words(layers: &[Layer]) -> Vec<Vec<&str>> {
    let of_layer = |layer| {
        let instruction = text(layer).unwrap_or_default();
        let mut words: Vec<&str> = instruction.split_whitespace().take(WORDS).collect();
        words.sort_unstable();
        words
    };
    layers.iter().map(of_layer).collect()
}

/// Pairs what is left, at whatever places; tells which layers of the new image that concerns.
fn out_of_order(old: &[Layer], new: &[Layer], partner: &mut [Option<usize>]) -> HashSet<usize> {
    let mut moved = HashSet::new();
    let mut taken: HashSet<usize> = partner.iter().flatten().copied().collect();
    let keys: [fn(&Layer) -> Option<&str>; 3] = [
        |layer| Some(layer.digest.as_str()),
        |layer| layer.diff_id.as_ref().map(crate::oci::Digest::as_str),
        text,
    ];
    for key in keys {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, layer) in old.iter().enumerate().rev() {
            if let Some(key) = key(layer).filter(|_| !taken.contains(&place)) {
                places.entry(key).or_default().push(place);
            }
        }
        for (at, layer) in new.iter().enumerate() {
            if partner[at].is_some() {
                continue;
            }
            let found = key(layer).and_then(|key| places.get_mut(key)?.pop());
            if let Some(place) = found {
                partner[at] = Some(place);
                taken.insert(place);
                moved.insert(at);
            }
        }
    }
    moved
}
