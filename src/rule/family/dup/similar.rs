//! Directories that are nearly the same.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::super::steps::Anchors;
use super::roots::text;
use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::rule::copies;
use crate::rule::duplicates::groups_of;
use crate::rule::quote::quoted;
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Smaller files are not looked at.
const SMALL: u64 = 1024;
/// From so many hundredths of the larger one on, two directories are nearly the same.
const NEARLY: u64 = 95;
/// Of contents that are there more often, each is compared with the next alone.
const FEW: usize = 6;

type Pair = (NodeId, NodeId);
/// By directories, the files of one name and content in both.
type Common = HashMap<Pair, Vec<(AtomId, AtomId)>>;

pub(super) fn similar(facts: &Facts<'_>) -> Vec<Candidate> {
    let common = common(facts);
    let pairs = largest(facts, &common);
    let mut files: HashMap<Pair, Vec<AtomId>> = HashMap::new();
    for (pair, both) in &common {
        if let Some(top) = upwards(facts.ledger, *pair).find(|pair| pairs.contains_key(pair)) {
            files.entry(top).or_default().extend(both.iter().map(|(_, copy)| *copy));
        }
    }
    let mut found: Vec<(Pair, Vec<AtomId>)> = files.into_iter().collect();
    for (_, files) in &mut found {
        files.sort_unstable();
    }
    found.sort_by_cached_key(|(pair, _)| (Reverse(pairs.get(pair)), path(facts.ledger, pair.1)));
    let mut anchors = Anchors::default();
    found.into_iter().map(|(pair, files)| candidate(facts, &mut anchors, pair, files)).collect()
}

fn path(ledger: &Ledger, node: NodeId) -> Vec<u8> {
    ledger.filesystem().path(node)
}

/// Files that do not go anyway, and others of the same name and content in other directories.
fn common(facts: &Facts<'_>) -> Common {
    let ledger = facts.ledger;
    let copies = facts.copies();
    let gone: HashSet<AtomId> = copies.trees.iter().flat_map(|tree| &tree.files).copied().collect();
    let stays = |file: AtomId| {
        ledger.atom(file).bytes >= SMALL && !copies.leaving[file.index()] && !gone.contains(&file)
    };
    let mut common = Common::new();
    for (_, files) in groups_of(ledger, stays) {
        for (at, first) in files.iter().enumerate() {
            let reach = if files.len() <= FEW { files.len() } else { (at + 2).min(files.len()) };
            for second in &files[at + 1..reach] {
                if ledger.name(*first) == ledger.name(*second) {
                    let (kept, copy) = in_order(ledger, *first, *second);
                    let parent = |file| ledger.filesystem().parent(ledger.atom(file).node);
                    common.entry((parent(kept), parent(copy))).or_default().push((kept, copy));
                }
            }
        }
    }
    common
}

/// The one of the lower layer first.
fn in_order(ledger: &Ledger, first: AtomId, second: AtomId) -> (AtomId, AtomId) {
    let is_later = ledger.atom(second).layer < ledger.atom(first).layer;
    if is_later { (second, first) } else { (first, second) }
}

/// Two directories and those above them, up to where their names differ.
fn upwards(ledger: &Ledger, pair: Pair) -> impl Iterator<Item = Pair> {
    let filesystem = ledger.filesystem();
    let above = move |(a, b): &Pair| {
        let same = *a != NodeId::ROOT && *b != NodeId::ROOT;
        let next = (filesystem.parent(*a), filesystem.parent(*b));
        (same && filesystem.name(*a) == filesystem.name(*b) && next.0 != next.1).then_some(next)
    };
    std::iter::successors((pair.0 != pair.1).then_some(pair), above)
}

/// The largest pairs of directories that are nearly the same, with the bytes that they share.
fn largest(facts: &Facts<'_>, common: &Common) -> HashMap<Pair, u64> {
    let ledger = facts.ledger;
    let mut shared: HashMap<Pair, u64> = HashMap::new();
    for (pair, both) in common {
        let bytes = ledger.sum(both.iter().map(|(_, copy)| *copy)).bytes;
        for pair in upwards(ledger, *pair) {
            let sum = shared.entry(pair).or_default();
            *sum = sum.saturating_add(bytes);
        }
    }
    let is_nearly = |(a, b): Pair, bytes: u64| {
        let larger = ledger.bytes(a).max(ledger.bytes(b));
        let nested = ledger.is_inside(a, b) || ledger.is_inside(b, a);
        bytes >= copies::MIN && !nested && bytes.saturating_mul(100) >= larger * NEARLY
    };
    let mut pairs: Vec<(Pair, u64)> =
        shared.into_iter().filter(|(pair, bytes)| is_nearly(*pair, *bytes)).collect();
    let depth = |node: NodeId| path(ledger, node).split(|byte| *byte == b'/').count();
    pairs.sort_by_cached_key(|((a, b), bytes)| {
        (Reverse(*bytes), depth(*a) + depth(*b), path(ledger, *a), path(ledger, *b))
    });
    let mut taken: Vec<NodeId> = Vec::new();
    let mut kept = HashMap::new();
    for ((a, b), bytes) in pairs {
        let is_new = !taken.iter().any(|top| ledger.is_inside(b, *top))
            && !kept.keys().any(|(first, _)| *first != a && ledger.is_inside(a, *first));
        if is_new && !taken.iter().any(|top| ledger.is_inside(a, *top)) {
            taken.push(b);
            kept.insert((a, b), bytes);
        }
    }
    kept
}

fn candidate(
    facts: &Facts<'_>,
    anchors: &mut Anchors,
    (kept, copy): Pair,
    files: Vec<AtomId>,
) -> Candidate {
    let ledger = facts.ledger;
    let anchor = anchors.unique(format!("{}\n{}", text(ledger, kept), text(ledger, copy)));
    let bytes = ledger.sum(files.iter().copied()).bytes;
    let larger = ledger.bytes(kept).max(ledger.bytes(copy));
    let message = Phrase::words("The directories ")
        .name(text(ledger, kept))
        .and(" and ")
        .name(text(ledger, copy))
        .and(" have ")
        .share(bytes, larger)
        .and(" of their bytes in common");
    let mut candidate = Candidate::new(anchor, message, Claim::files(files))
        .fill("kept", quoted(&path(ledger, kept)))
        .fill("copy", quoted(&path(ledger, copy)));
    let row = |node: NodeId| {
        let layer = ledger.inside(node).first().map(|file| ledger.atom(*file).layer);
        let step = layer.map_or(Value::Unknown, |layer| Value::Text(facts.instruction(layer)));
        vec![Value::Text(text(ledger, node)), Value::Bytes(ledger.bytes(node)), step]
    };
    let rows = vec![row(kept), row(copy)];
    candidate.table = Some(Table { columns: vec!["Directory", "Content", "Instruction"], rows });
    candidate
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::check;

    const RULE: &str = "dup-similar-trees";

    #[test]
    fn directories_that_are_nearly_the_same() {
        let image = "
RUN a
  opt/tool-1/lib/a 6_000_000 hash=a
  opt/tool-1/lib/b 3_000_000 hash=b
  opt/tool-1/version 200_000
RUN b
  opt/tool-2/lib/a 6_000_000 hash=a
  opt/tool-2/lib/b 3_000_000 hash=b
  opt/tool-2/version 200_001
";
        // The directories lib are the same as a whole, which another rule tells.
        check(RULE, image, &[]);
        let image = image.replace("tool-2/lib/b", "tool-2/lib/sub/b");
        check(RULE, &image, &[]);
        let image = image.replace("/lib/sub/b", "/lib/b").replace("-1/version", "-1/lib/version");
        check(RULE, &image, &[9_000_000]);
    }

    #[test]
    fn what_differs_more_or_is_small_is_none() {
        let image = |other: &str| {
            format!(
                "RUN a\n  x/a 6_000_000 hash=a\n  x/b 100_000\nRUN b\n  y/a 6_000_000 hash=a\n{other}"
            )
        };
        check(RULE, &image("  y/c 100_000\n"), &[6_000_000]);
        check(RULE, &image("  y/c 1_000_000\n"), &[]);
        check(RULE, "RUN a\n  x/a 900_000 hash=a\n  x/b 9\n  y/a 900_000 hash=a\n", &[]);
        // The same content in one directory, or in one inside the other.
        check(RULE, "RUN a\n  x/a 6_000_000 hash=a\n  x/z 9\n  x/y/a 6_000_000 hash=a\n", &[]);
    }
}
