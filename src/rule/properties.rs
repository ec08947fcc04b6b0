//! What holds of the findings of any image.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::testing::with_facts;
use super::{Facts, Finding, OriginSplit, Phase, Saving, Selection, claims, duplicates, findings};
use crate::filesystem::How;

const DIRECTORIES: [&str; 8] = [
    "a/x",
    "a/y",
    "b/x",
    "opt/t1/bin",
    "opt/t2/bin",
    "root/.cache/pip",
    "var/lib/dpkg",
    "usr/lib/jvm/x/lib",
];
const NAMES: [&str; 6] = ["f", "g.jar", "g-1.jar", "libmkl_a.so", "node", "os.py"];
const SIZES: [u64; 4] = [10, 700_000, 6_000_000, 60_000_000];
const STEPS: [&str; 6] = [
    "RUN apt-get install -y a && rm -rf /a",
    "RUN mv /a /b",
    "COPY . /a",
    "COPY --from=build /a /b",
    "base: ADD rootfs /",
    "RUN chown -R 1:1 /a",
];

fn line() -> impl Strategy<Value = String> {
    let file = (0..DIRECTORIES.len(), 0..NAMES.len(), 0..SIZES.len(), 0..3u8, 0..2u8, 0..12u8);
    file.prop_map(|(directory, name, size, hash, uid, kind)| {
        let path = format!("{}/{}", DIRECTORIES[directory], NAMES[name]);
        match kind {
            0 => format!("  -{path}"),
            1 => format!("  -{}", DIRECTORIES[directory]),
            2 => format!("  -{}/*", DIRECTORIES[directory]),
            3 => format!("  a/link => {path}"),
            4 => format!("  b/link -> {path}"),
            5 => format!("  {}", DIRECTORIES[directory]) + " 2_000_000",
            _ => format!("  {path} {} hash=h{hash}-{size} uid={uid} mode=755", SIZES[size]),
        }
    })
}

/// Trials of a layer: none, of one way to compress anew, or of both.
const TRIALS: [&str; 4] =
    ["", "  !zstd 100 70 9", "  !gzip 100 20 9", "  !zstd 100 10 9\n  !gzip 100 15 9"];

fn images() -> impl Strategy<Value = String> {
    let lines = proptest::collection::vec(line(), 0..10);
    let layer = (0..STEPS.len(), lines, 0..TRIALS.len());
    proptest::collection::vec(layer, 1..6).prop_map(|layers| {
        let mut text = "ENV PATH=/opt/t1/bin:/opt/t2/bin\n".to_owned();
        for (step, lines, trials) in layers {
            writeln!(text, "{}\n{}\n{}", STEPS[step], lines.join("\n"), TRIALS[trials]).unwrap();
        }
        text
    })
}

/// The net savings of findings of some phases.
fn net(found: &[Finding], fits: impl Fn(Phase) -> bool) -> Saving {
    let mut sum = Saving::default();
    found.iter().filter(|one| fits(one.rule.phase)).for_each(|one| sum += one.net);
    sum
}

/// What ways to compress anew would save in place of the best of them.
fn outdone(found: &[Finding]) -> u64 {
    let ways = found.iter().filter(|one| one.group.as_deref() == Some("recompression"));
    let mut ways: Vec<u64> = ways.map(|one| one.net.compressed).collect();
    ways.sort_unstable();
    ways.pop();
    ways.into_iter().sum()
}

/// Hidden bytes of pairs of layers that are too few for a rule, at most.
fn too_few(facts: &Facts<'_>) -> u64 {
    let mut groups: BTreeMap<(usize, usize, How), (u64, u64)> = BTreeMap::new();
    for file in facts.ledger.dead() {
        let atom = facts.ledger.atom(file);
        let hidden = atom.hidden.unwrap();
        groups.entry((atom.layer, hidden.layer, hidden.how)).or_default().0 += atom.bytes;
    }
    // Files of equal content may be of two rules: for those with other modes, and the others.
    groups
        .iter()
        .map(|((.., how), _)| if *how == How::OverwriteSame { 2_000_000 } else { 1_000_000 })
        .sum()
}

fn no_more_than_there_is(text: &str) -> Result<(), TestCaseError> {
    let selection = Selection::default();
    with_facts(text, |facts| {
        let found = findings(facts, &selection);
        let filesystem = facts.ledger.filesystem();
        let (visible, shadowed) = (filesystem.visible(), filesystem.shadowed());
        let dead = net(&found, |phase| phase == Phase::Dead);
        prop_assert!(dead.content <= shadowed.bytes && dead.compressed <= shadowed.compressed);
        prop_assert!(shadowed.bytes - dead.content <= too_few(facts), "{:?} {:?}", dead, shadowed);
        let live = net(&found, |phase| !matches!(phase, Phase::Dead | Phase::View));
        prop_assert!(live.content <= visible.bytes && live.compressed <= visible.compressed);
        prop_assert_eq!(net(&found, |phase| phase == Phase::View), Saving::default());
        let copies = net(&found, |phase| phase == Phase::Copies);
        prop_assert!(copies.content <= duplicates(facts).bytes);
        for (layer, taken) in claims::taken(facts, &selection) {
            let whole = facts.image.layers[layer].compressed;
            prop_assert!(taken.compressed <= whole, "{} {:?} {}", layer, taken, whole);
        }
        let split = OriginSplit::sum(&found);
        let mut all = split.own;
        all += split.base;
        all += split.unknown;
        let outdone = outdone(&found);
        prop_assert_eq!(all.content, net(&found, |_| true).content);
        prop_assert_eq!(all.compressed + outdone, net(&found, |_| true).compressed);
        prop_assert!(u128::from(all.compressed) <= facts.image.compressed());
        Ok(())
    })
}

#[test]
fn one_of_equal_files_stays_whoever_claims_them() {
    let text = "
ENV PATH=/opt/t1/bin:/opt/t2/bin
RUN apt-get install -y a
  usr/lib/jvm/x/lib/os.py 60_000_000 hash=a mode=755
  var/lib/dpkg/os.py 60_000_000 hash=a mode=755
  var/lib/dpkg/f 10 mode=755
";
    no_more_than_there_is(text).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn findings_save_no_more_than_there_is(text in images()) {
        no_more_than_there_is(&text)?;
    }

    #[test]
    fn two_runs_find_the_same(text in images()) {
        let run = || with_facts(&text, |facts| format!("{:#?}", findings(facts, &Selection::default())));
        prop_assert_eq!(run(), run());
    }
}
