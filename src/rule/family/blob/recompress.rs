//! What layers would take compressed anew, from parts of them that were tried while they passed.
//!
//! Layers of which nothing was tried (small ones, those read by a table of contents) are left out,
//! and so are those of the base image, whose blobs other images share. What upper layers hide is
//! taken to be gone.

use super::super::layer::is_empty;
use crate::image::{Layer, Origin};
use crate::layer::Trial;
use crate::oci::{Compression, Kind};
use crate::rule::{Candidate, Claim, Facts, Phrase, Table, Value};

/// Fewer parts say nothing of a whole.
const ENOUGH: usize = 8;
/// A layer whose parts gzip makes no smaller than this is well compressed, in percent.
const WELL: u64 = 92;
/// Only one of the ways to compress anew is taken.
const GROUP: &str = "recompression";
/// The annotation of layers that are read in parts.
const LAZY: &str = "containerd.io/snapshot/stargz/toc.digest";

/// A layer with its parts.
struct Tried<'a> {
    layer: &'a Layer,
    /// Bytes of its blob, without what is hidden.
    left: u64,
    trials: &'a [Trial],
}

/// Parts of some layers together.
#[derive(Clone, Copy, Default)]
struct Sum {
    parts: usize,
    stored: u64,
    anew: u64,
    /// Twice the standard error of `anew`.
    error: u64,
}

impl Sum {
    fn of(trials: &[Trial]) -> Self {
        let add = |field: fn(&Trial) -> u32| {
            trials.iter().fold(0_u64, |sum, trial| sum.saturating_add(field(trial).into()))
        };
        let (stored, anew) = (add(|trial| trial.stored), add(|trial| trial.anew));
        let squares = trials.iter().fold(0_u128, |sum, trial| {
            let expected = u128::from(trial.stored) * u128::from(anew);
            let expected = expected.checked_div(stored.into()).unwrap_or(0);
            let off = expected.abs_diff(trial.anew.into());
            sum.saturating_add(off.saturating_mul(off))
        });
        let parts = trials.len();
        let others = parts.saturating_sub(1).max(1) as u128;
        let variance = squares.saturating_mul(parts as u128) / others;
        let error = u64::try_from(variance.isqrt().saturating_mul(2)).unwrap_or(u64::MAX);
        Self { parts, stored, anew, error }
    }

    /// What so many bytes would take, `more` or less than expected.
    fn takes(&self, bytes: u64, more: i64) -> u64 {
        let anew = self.anew.saturating_add_signed(more);
        let taken = u128::from(bytes) * u128::from(anew);
        let taken = taken.checked_div(self.stored.into()).unwrap_or(bytes.into());
        u64::try_from(taken).unwrap_or(u64::MAX)
    }
}

/// Layers that zstd would make smaller.
pub(super) fn to_zstd(facts: &Facts<'_>) -> Vec<Candidate> {
    let layers = tried(facts, |trials| &trials.zstd);
    let all: Vec<Trial> = layers.iter().flat_map(|tried| tried.trials).copied().collect();
    let sum = Sum::of(&all);
    let left = layers.iter().fold(0_u64, |sum, tried| sum.saturating_add(tried.left));
    let error = i64::try_from(sum.error).unwrap_or(i64::MAX);
    let least = left.saturating_sub(sum.takes(left, error));
    if sum.parts < ENOUGH || least == 0 {
        return Vec::new();
    }
    let saved = |tried: &Tried<'_>| tried.left.saturating_sub(sum.takes(tried.left, 0));
    let savings = savings(&layers, saved);
    let saved = savings.iter().fold(0, |sum: u64, (_, saved)| sum.saturating_add(*saved));
    let most = left.saturating_sub(sum.takes(left, error.saturating_neg()));
    let message = Phrase::words("zstd makes ");
    let message = message.counted(layers.len(), " layer", " layers").and(" smaller by some ");
    let message = message.share(saved, left);
    let note = Phrase::words("Estimated from ")
        .count(sum.parts)
        .and(" parts of the layers, compressed at zstd's level 3: between ")
        .bytes(least)
        .and(" and ")
        .bytes(most)
        .and(" (95 % confidence). Higher levels save more.");
    vec![candidate(facts, message, &layers, savings).note(note)]
}

/// Layers that gzip itself would make smaller.
pub(super) fn gzip_level(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut layers = tried(facts, |trials| &trials.gzip);
    layers.retain(|tried| {
        let sum = Sum::of(tried.trials);
        sum.anew.saturating_mul(100) < sum.stored.saturating_mul(WELL)
    });
    if layers.is_empty() {
        return Vec::new();
    }
    let saved =
        |tried: &Tried<'_>| tried.left.saturating_sub(Sum::of(tried.trials).takes(tried.left, 0));
    let savings = savings(&layers, saved);
    let parts = layers.iter().map(|tried| tried.trials.len()).sum();
    let message = Phrase::words("gzip at its level 6 makes ").counted(
        layers.len(),
        " layer smaller than it is",
        " layers smaller than they are",
    );
    let note = Phrase::words("Estimated from ")
        .count(parts)
        .and(" parts of the layers, each compressed anew; a layer may differ by some 5 %.");
    vec![candidate(facts, message, &layers, savings).note(note)]
}

fn savings<'a>(layers: &[Tried<'a>], saved: impl Fn(&Tried<'a>) -> u64) -> Vec<(usize, u64)> {
    layers.iter().map(|tried| (tried.layer.index, saved(tried))).collect()
}

fn candidate(
    facts: &Facts<'_>,
    message: Phrase,
    layers: &[Tried<'_>],
    savings: Vec<(usize, u64)>,
) -> Candidate {
    let mut candidate = Candidate::new("", message, Claim::Download(savings));
    candidate.group = Some(GROUP.to_owned());
    let row = |tried: &Tried<'_>| {
        let sum = Sum::of(tried.trials);
        let known = sum.parts >= ENOUGH;
        let estimate = sum.takes(tried.layer.compressed, 0);
        vec![
            Value::Text(facts.instruction(tried.layer.index)),
            Value::Bytes(tried.layer.compressed),
            if known { Value::Bytes(estimate) } else { Value::Unknown },
            Value::Count(sum.parts as u64),
        ]
    };
    let columns = vec!["Instruction", "Download", "Compressed anew", "Parts tried"];
    let rows = layers.iter().take(super::ROWS).map(row).collect();
    candidate.table = Some(Table { columns, rows });
    candidate
}

/// The image's own layers of which parts were tried.
fn tried<'a>(
    facts: &'a Facts<'_>,
    which: impl Fn(&'a crate::layer::Trials) -> &'a Vec<Trial>,
) -> Vec<Tried<'a>> {
    let filesystem = facts.ledger.filesystem();
    let compressed_by_push = |layer: &Layer| facts.image.in_files && layer.is_plain();
    let fits = |layer: &&Layer| is_own(layer) && !is_empty(layer) && !compressed_by_push(layer);
    let own = facts.image.layers.iter().filter(fits);
    let tried = |layer: &'a Layer| {
        let trials = which(&filesystem.toc(layer.index)?.trials).as_slice();
        let left = facts.shown_of(layer);
        (!trials.is_empty()).then_some(Tried { layer, left, trials })
    };
    own.filter_map(tried).collect()
}

fn is_own(layer: &Layer) -> bool {
    let Kind::Layer(kind) = layer.media_type.kind() else { return false };
    kind.compression != Compression::Zstd
        && !kind.foreign
        && layer.origin != Origin::Base
        && !layer.annotations.contains_key(LAZY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::found;

    fn check(rule: &str, text: &str, expected: &[u64]) {
        let found = found(text, &[rule]);
        let bytes: Vec<u64> = found.iter().map(|finding| finding.net.compressed).collect();
        assert_eq!(bytes, expected, "{text}");
        let estimated = |finding: &crate::rule::Finding| finding.confidence.as_str() == "estimated";
        assert!(found.iter().all(estimated));
    }

    #[test]
    fn layers_for_zstd() {
        let rule = "blob-gzip-to-zstd";
        let own = "RUN a\n  a 1000 compressed=800000000\n  !zstd 100000 90000 40\n";
        check(rule, own, &[80_000_000]);
        // Hidden bytes go anyway.
        let hidden = format!("{own}  b 1000 compressed=400000000\nRUN b\n  -a\n");
        check(rule, &hidden, &[]);
        let hidden = format!("{own}  b 1000 compressed=400000000\nRUN b\n  -b\n");
        check(rule, &hidden, &[80_000_000]);
        // Weights; too few parts; parts that differ so much that they tell nothing.
        check(rule, "RUN a\n  a 1 compressed=800000000\n  !zstd 100000 99999 40\n", &[]);
        check(rule, "RUN a\n  a 1 compressed=800000000\n  !zstd 100000 50000 7\n", &[]);
        let mixed =
            "RUN a\n  a 1 compressed=800000000\n  !zstd 100000 105000 9\n  !zstd 100000 40000 1\n";
        check(rule, mixed, &[]);
        check(rule, &format!("base: {own}"), &[]);
        check(rule, "RUN a\n  a 1000 compressed=800000000\n", &[]);
    }

    /// Compressed net savings by rule, the most important first.
    fn check_beside_others(text: &str, expected: &[(&str, u64)]) {
        let found = found(text, &["blob-gzip-to-zstd", "blob-gzip-level", "cache-pip"]);
        let net: Vec<_> =
            found.iter().map(|finding| (finding.rule.id, finding.net.compressed)).collect();
        assert_eq!(net, expected, "{text}");
    }

    #[test]
    fn what_others_take_is_not_saved_again() {
        let zstd = "  !zstd 100000 90000 40\n";
        let cache = "RUN a\n  root/.cache/pip/x 2_000_000 compressed=600000000\n";
        let other = "  y 1 compressed=200000000\n";
        let pip = ("cache-pip", 600_000_000);
        let half = format!("{cache}{other}{zstd}");
        check_beside_others(&half, &[pip, ("blob-gzip-to-zstd", 20_000_000)]);
        // Another layer keeps its saving; nothing is left; hidden bytes are no one's twice.
        let beside = format!("{cache}{zstd}RUN b\n{other}{zstd}");
        check_beside_others(&beside, &[pip, ("blob-gzip-to-zstd", 20_000_000)]);
        check_beside_others(&format!("{cache}{zstd}"), &[pip]);
        let hidden = format!("{half}  z 9_000_000 compressed=100000000\nRUN c\n  -z\n");
        check_beside_others(&hidden, &[pip, ("blob-gzip-to-zstd", 20_000_000)]);
        // Two ways to compress share what is there.
        let plain = "RUN a\n  a 1000 compressed=400000000\n  !gzip 100000 30000 9\n  !zstd 100000 25000 9\n";
        let both = [("blob-gzip-to-zstd", 300_000_000), ("blob-gzip-level", 100_000_000)];
        check_beside_others(plain, &both);
    }

    #[test]
    fn the_range_follows_from_how_much_parts_differ() {
        let parts = |each: &[(u32, u32)]| {
            let trial = |(stored, anew): &(u32, u32)| Trial { stored: *stored, anew: *anew };
            Sum::of(&each.iter().map(trial).collect::<Vec<_>>())
        };
        let same = parts(&[(100, 90), (200, 180)]);
        assert_eq!((same.takes(1000, 0), same.error), (900, 0));
        // Each is 10 off: √(2 · 200 / 1) = 20, twice.
        let apart = parts(&[(100, 80), (100, 100)]);
        assert_eq!((apart.takes(1000, 0), apart.error), (900, 40));
        assert_eq!(parts(&[]).takes(1000, 0), 1000);
    }

    #[test]
    fn plain_layers_in_files_are_compressed_by_a_push() {
        let rules = ["blob-gzip-level".to_owned(), "blob-gzip-to-zstd".to_owned()];
        let selection = crate::rule::Selection { only: rules.to_vec(), ..Default::default() };
        let check = |in_files: bool, media_type: &str, expected: usize| {
            let text = "RUN a\n  a 1000 compressed=400000000\n  !gzip 100000 50000 9\n  !zstd 100000 40000 9\n";
            let (mut image, ledger) = crate::ledger::testing::image(text);
            image.in_files = in_files;
            image.layers[0].media_type = crate::oci::MediaType(media_type.to_owned());
            let found = crate::rule::testing::with_layers(&image, &ledger, |facts| {
                crate::rule::findings(facts, &selection).len()
            });
            assert_eq!(found, expected, "{media_type}");
        };
        check(true, "application/vnd.docker.image.rootfs.diff.tar", 0);
        check(true, "application/vnd.oci.image.layer.v1.tar", 0);
        check(true, "application/vnd.oci.image.layer.v1.tar+gzip", 2);
        check(false, "application/vnd.oci.image.layer.v1.tar", 2);
    }

    #[test]
    fn layers_that_gzip_compresses_poorly() {
        let rule = "blob-gzip-level";
        let fast = "RUN a\n  a 1000 compressed=400000000\n  !gzip 100000 85000 3\n";
        check(rule, fast, &[60_000_000]);
        check(rule, "RUN a\n  a 1000 compressed=400000000\n  !gzip 100000 93000 3\n", &[]);
        check(rule, "RUN a\n  a 1000 compressed=90000000\n  !gzip 100000 85000 3\n", &[]);
        check(rule, &format!("base: {fast}"), &[]);
    }
}
