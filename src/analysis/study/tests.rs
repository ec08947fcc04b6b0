use super::super::AnalysisOptions;
use super::*;
use crate::ledger::testing::image;
use crate::rule::Selection;

const IMAGE: &str = "
base: ADD rootfs /
  bin/sh 1_000_000 hash=sh
  var/lib/apt/lists/base 2_000_000
RUN apt-get install -y jq
  usr/bin/jq 3_000_000
  var/lib/apt/lists/own 5_000_000
  opt/sh 1_000_000 hash=sh
RUN rm /opt/old
  usr/bin/jq 3_100_000
";

fn studied(text: &str) -> Study {
    let (image, ledger) = image(text);
    let only = ["cache-apt-lists".to_owned()].to_vec();
    let selection = Selection { only, ..Selection::default() };
    study(&image, &ledger, &AnalysisOptions { selection, ..AnalysisOptions::default() })
}

#[test]
fn sums_are_the_same_from_both_sides() {
    let study = studied(IMAGE);
    for balance in &study.balances {
        assert_eq!(balance.residue(), 0, "{balance:?}");
    }
    let shares = &study.attribution.shares;
    let bytes: u64 = shares.iter().map(|share| share.visible.bytes + share.shadowed.bytes).sum();
    assert_eq!(bytes, 15_100_000);
    assert_eq!(study.attribution.layers.len(), 3);
    let brought: u64 = study
        .attribution
        .layers
        .iter()
        .flat_map(|layer| &layer.largest)
        .map(|(_, amount)| amount.bytes)
        .sum();
    assert_eq!(brought, bytes);
}

#[test]
fn only_own_layers_count_as_saved() {
    let optimized = studied(IMAGE).optimized;
    let content = |saving: crate::rule::Saving| saving.content;
    assert_eq!(content(optimized.whole), 15_100_000);
    assert_eq!(content(optimized.safe), 10_100_000);
    assert_eq!(content(optimized.test), 10_100_000);
    assert_eq!(content(optimized.review_up_to), 0);
    assert_eq!(content(optimized.in_base), 2_000_000);
}

#[test]
fn copies_count_all_but_one() {
    let duplicates = studied(IMAGE).duplicates;
    assert_eq!(duplicates.bytes, 1_000_000);
    let [group] = &duplicates.groups[..] else { panic!("{duplicates:?}") };
    assert_eq!((group.size, group.files), (1_000_000, 2));
    assert_eq!(group.paths, [b"bin/sh".to_vec(), b"opt/sh".to_vec()]);
}

#[test]
fn of_findings_that_exclude_one_another_the_largest_counts() {
    let mut findings = studied(IMAGE).findings;
    let [finding] = &findings[..] else { panic!("one") };
    let mut smaller = finding.clone();
    smaller.origins.own.content = 1_000_000;
    smaller.group = Some("a".to_owned());
    let mut larger = smaller.clone();
    larger.origins.own.content = 4_000_000;
    larger.risk = crate::rule::Risk::Test;
    findings.extend([smaller, larger]);
    let whole = crate::rule::Saving { content: 20_000_000, compressed: 20_000_000 };
    let optimized = optimized(&findings, whole);
    assert_eq!(optimized.safe.content, 20_000_000 - 6_000_000);
    assert_eq!(optimized.test.content, 20_000_000 - 9_000_000);
    let [milestone] = &milestones(&findings)[..] else { panic!("one") };
    assert_eq!((milestone.saves.content, milestone.findings.len()), (9_000_000, 3));
}
