use std::collections::BTreeMap;

use proptest::prelude::*;

use super::testing::{narrow, partly, whole};
use super::*;
use crate::analysis::LayerPaths;
use crate::image::Origin;
use crate::snapshot::{Contents, Owner, Share};

const IMAGE: &str = "
base: ADD rootfs /
  bin/sh 1_000_000
RUN apt-get install a
  usr/bin/a 3_000_000
COPY app /app
  app/main 500_000
RUN make
  opt/tool/bin/x 2_000_000
  opt/tool/lib/y 500_000
";

fn statuses(comparison: &Comparison) -> String {
    let row = |row: &LayerRow| {
        let number = |at: Option<usize>| at.map_or("-".to_owned(), |at| at.to_string());
        format!("{}:{}>{}", row.status.as_str(), number(row.old), number(row.new))
    };
    comparison.layers.iter().map(row).collect::<Vec<_>>().join(" ")
}

fn texts(comparison: &Comparison) -> Vec<String> {
    let cause = |cause: &Cause| format!("{:+} {}", cause.change.content.unwrap_or(-1), cause.text);
    comparison.causes.iter().map(cause).collect()
}

fn assert_sums(comparison: &Comparison) {
    let causes = comparison.causes.iter().map(|cause| cause.change);
    let sum = causes.fold(Change::ZERO, Change::plus).plus(comparison.rest);
    assert_eq!(sum, comparison.delta.bytes);
}

#[test]
fn layers_are_aligned() {
    let check = |new: &str, expected: &str| {
        let comparison = compare(&whole(IMAGE), &whole(new));
        assert_eq!(statuses(&comparison), expected, "{new}");
        assert_sums(&comparison);
        assert_eq!(comparison.rest.content, Some(0));
    };
    check(IMAGE, "same:0>0 same:1>1 same:2>2 same:3>3");
    let changed = IMAGE.replace("main 500_000", "main 600_000");
    check(&changed, "same:0>0 same:1>1 changed:2>2 same:3>3");
    let inserted = IMAGE.replace("COPY app", "RUN new\n  n 7\nCOPY app");
    check(&inserted, "same:0>0 same:1>1 added:->2 same:2>3 same:3>4");
    let removed = IMAGE.replace("COPY app /app\n  app/main 500_000\n", "");
    check(&removed, "same:0>0 same:1>1 removed:2>- same:3>2");
    let (copy, make) = IMAGE.split_once("COPY").unwrap();
    let (app, make) = make.split_once("RUN make").unwrap();
    let moved = format!("{copy}RUN make{make}COPY{app}");
    check(&moved, "same:0>0 same:1>1 same:3>2 moved:2>3");
    let alike = IMAGE.replace("install a", "install a b").replace("a 3_000_000", "a 4_000_000");
    check(&alike, "same:0>0 changed:1>1 same:2>2 same:3>3");
    let twice = format!("{IMAGE}RUN make\n  opt/tool/bin/x 2_000_000\n  opt/tool/lib/y 500_000\n");
    check(&twice, "same:0>0 same:1>1 same:2>2 same:3>3 added:->4");
}

#[test]
fn the_same_tar_stream_and_the_same_files_are_known() {
    let (mut old, mut new) = (whole(IMAGE), whole(IMAGE));
    for (layer, snapshot) in [(1, &mut old), (1, &mut new)] {
        snapshot.layers[layer].diff_id = Some(Digest::of(b"tar"));
    }
    new.layers[1].digest = Digest::of(b"recompressed");
    new.layers[1].compressed += 7;
    new.layers[3].digest = Digest::of(b"rebuilt");
    new.image = Digest::of(b"new");
    let comparison = compare(&old, &new);
    assert_eq!(statuses(&comparison), "same:0>0 recompressed:1>1 same:2>2 rebuilt:3>3");
    assert_eq!(comparison.delta.bytes, Change { compressed: 7, content: Some(0) });
    assert_eq!(texts(&comparison), ["+0 1 layer was compressed anew, with the same content"]);
    assert_eq!(comparison.next_pull.unwrap().layers, 2);
    assert!(shared(&old, &new).contains(&new.layers[1].digest));
    assert!(!shared(&old, &new).contains(&new.layers[3].digest));
}

#[test]
fn causes_name_what_came_and_went() {
    let new = IMAGE
        .replace("main 500_000", "main 500_000\n  app/data/model.bin 9_000_000")
        .replace("  opt/tool/lib/y 500_000\n", "");
    let comparison = compare(&whole(IMAGE), &whole(&new));
    let expected = [
        "+9000000 step 3 stores more in /app/data/model.bin",
        "-500000 step 4 no longer stores /opt/tool/lib/y",
    ];
    assert_eq!(texts(&comparison), expected);
    let base = IMAGE.replace("bin/sh 1_000_000", "bin/sh 1_500_000");
    let comparison = compare(&whole(IMAGE), &whole(&base));
    assert_eq!(texts(&comparison), ["+500000 the base image changed"]);
    assert_eq!(comparison.causes[0].kind, CauseKind::Base);
}

#[test]
fn what_left_one_step_and_came_with_another_is_told_once() {
    let old = "RUN first thing\n  opt/data 5_000_000 hash=a\n";
    let new = "COPY something else\n  opt/data 6_000_000 hash=b\n";
    let comparison = compare(&whole(old), &whole(new));
    assert_eq!(statuses(&comparison), "added:->0 removed:0>-");
    assert_eq!(comparison.delta.bytes.content, Some(1_000_000));
    assert_sums(&comparison);
}

#[test]
fn shared_layers_change_nothing_whether_they_were_read_or_not() {
    let new = IMAGE.replace("main 500_000", "main 600_000").replace("COPY", "RUN b\n  b 5\nCOPY");
    let read = compare(&whole(IMAGE), &whole(&new));
    let (before, after) = narrow(IMAGE, &new);
    assert!(!after.is_complete());
    let unread = compare(&before, &after);
    assert_eq!(unread.layers, read.layers);
    assert_eq!((unread.causes.clone(), unread.rest), (read.causes.clone(), read.rest));
    assert_eq!(unread.paths, read.paths);
    assert_eq!(unread.delta.bytes, read.delta.bytes);
    assert_eq!((read.delta.visible, unread.delta.visible), (Some(100_005), None));
    let with_baseline = compare(&whole(IMAGE), &after);
    assert_eq!(with_baseline.causes, unread.causes);
    assert_eq!((&with_baseline.paths, &with_baseline.findings), (&unread.paths, &None));
}

#[test]
fn the_same_image_differs_in_nothing() {
    let comparison = compare(&whole(IMAGE), &whole(IMAGE));
    assert!(comparison.is_same() && comparison.causes.is_empty());
    assert_eq!(comparison.delta.bytes, Change::ZERO);
    assert_eq!(comparison.next_pull, Some(NextPull { layers: 0, bytes: 0, documents: Some(0) }));
}

#[test]
fn layers_that_were_not_read_have_no_content() {
    let new = IMAGE.replace("main 500_000", "main 600_000");
    let comparison = compare(&partly(IMAGE, |_| false), &partly(&new, |_| false));
    assert_eq!(comparison.delta.bytes.content, None);
    assert_eq!(comparison.causes.len(), 1);
    assert_eq!(comparison.causes[0].text.to_string(), "step 3 has another content: COPY app /app");
    assert_sums(&comparison);
}

#[test]
fn paths_tell_what_grew_and_what_changed_at_the_same_size() {
    let new = IMAGE
        .replace("main 500_000", "main 500_000 hash=other")
        .replace("x 2_000_000", "x 2_400_000");
    let comparison = compare(&whole(IMAGE), &whole(&new));
    let path = |change: &PathChange| {
        format!("{} {} {}", change.status.as_str(), change.path, change.delta())
    };
    let paths: Vec<String> = comparison.paths.iter().map(path).collect();
    assert_eq!(paths, ["grown opt/tool/bin/x 400000", "changed app/main 0"]);
}

const DPKG: &str = "
RUN apt-get install gtk
  var/lib/dpkg/status = \"Package: gtk\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 3.1-1\\n\\nPackage: jq\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 1.6-1\\n\"
  var/lib/dpkg/info/gtk.list = \"/usr/lib/gtk\\n\"
  var/lib/dpkg/info/jq.list = \"/usr/bin/jq\\n\"
  usr/lib/gtk 5_000_000
  usr/bin/jq 300_000
";

fn packages(comparison: &Comparison) -> Vec<String> {
    let package = |change: &PackageChange| {
        let version = |version: &Option<String>| version.clone().unwrap_or("-".to_owned());
        format!(
            "{} {} {}>{}",
            change.status.as_str(),
            change.name,
            version(&change.old_version),
            version(&change.new_version)
        )
    };
    comparison.packages.iter().map(package).collect()
}

#[test]
fn packages_come_go_and_change() {
    let new = DPKG
        .replace("Package: jq", "Package: curl")
        .replace("jq.list", "curl.list")
        .replace("bin/jq", "bin/curl")
        .replace("3.1-1", "3.10-1")
        .replace("gtk 5_000_000", "gtk 6_000_000");
    let comparison = compare(&whole(DPKG), &whole(&new));
    let expected = ["upgraded gtk 3.1-1>3.10-1", "added curl ->1.6-1", "removed jq 1.6-1>-"];
    assert_eq!(packages(&comparison), expected);
    let texts = texts(&comparison);
    assert!(
        texts.contains(&"+1000000 step 1 upgrades gtk from 3.1-1 to 3.10-1".to_owned()),
        "{texts:?}"
    );
    assert_eq!(comparison.rest.content, Some(0));
}

#[test]
fn packages_are_not_called_new_where_the_other_list_is_not_known() {
    let old = format!("RUN base\n  etc/x 10\n{DPKG}");
    let new = DPKG.replace("RUN apt", "RUN base\n  etc/x 10\nRUN apt");
    let again =
        DPKG.replace("gtk 5_000_000", "gtk 5_000_001").replace("apt-get install gtk", "again");
    let (before, after) = narrow(&old, &format!("{new}{again}"));
    let comparison = compare(&before, &after);
    assert_eq!(packages(&comparison), ["stored gtk ->3.1-1", "stored jq ->1.6-1"]);
    assert_eq!(comparison.unsure.iter().collect::<Vec<_>>(), ["dpkg"]);
    let texts = texts(&comparison);
    assert!(texts[0].contains("new step 3 installs or changes gtk and jq"), "{texts:?}");
}

prop_compose! {
    fn layer(owners: u32)(
        digest in 0..6_u8,
        step in 0..4_u8,
        base in any::<bool>(),
        read in prop::bool::weighted(0.95),
        compressed in 0..1_000_000_u64,
        shares in prop::collection::btree_map(0..owners, (0..1_000_000_u64, 0..1_000_u64), 0..5),
    ) -> Layer {
        let content = shares.values().map(|(content, _)| content).sum();
        let share = |(owner, (content, compressed))| Share { owner, content, compressed };
        Layer {
            digest: Digest::of(&[digest]),
            diff_id: None,
            compressed,
            uncompressed: None,
            origin: if base { Origin::Base } else { Origin::Own },
            step: Some(Step { number: 1, instruction: format!("RUN {step}") }),
            contents: read.then(|| Contents {
                content,
                files: 1,
                shadowed: None,
                shares: shares.into_iter().map(share).collect(),
                paths: LayerPaths::default(),
            }),
        }
    }
}

/// One digest has one content.
fn image(mut layers: Vec<Layer>, known: &mut BTreeMap<Digest, Layer>) -> Snapshot {
    for layer in &mut layers {
        let first = known.entry(layer.digest.clone()).or_insert_with(|| layer.clone());
        let step = layer.step.clone();
        *layer = Layer { step, origin: layer.origin, ..first.clone() };
    }
    let mut snapshot = partly("RUN x\n  a 1", |_| true);
    let kinds = ["dpkg", "component", "unowned", "application", "generated"];
    let owner = |(at, kind): (usize, &&str)| Owner {
        kind: (*kind).to_owned(),
        name: format!("/o{at}"),
        version: Some(layers.len().to_string()),
        package: None,
    };
    snapshot.owners = kinds.iter().enumerate().map(owner).collect();
    snapshot.image = Digest::of(format!("{layers:?}").as_bytes());
    snapshot.layers = layers;
    snapshot
}

proptest! {
    #[test]
    fn causes_and_rest_are_the_difference(
        old in prop::collection::vec(layer(5), 0..8),
        new in prop::collection::vec(layer(5), 0..8),
    ) {
        let mut known = BTreeMap::new();
        let (old, new) = (image(old, &mut known), image(new, &mut known));
        let comparison = compare(&old, &new);
        let causes = comparison.causes.iter().map(|cause| cause.change);
        let sum = causes.clone().fold(Change::ZERO, Change::plus).plus(comparison.rest);
        let delta = comparison.delta.bytes;
        prop_assert_eq!(sum, delta);
        let compressed = |snapshot: &Snapshot| -> i128 {
            snapshot.layers.iter().map(|layer| i128::from(layer.compressed)).sum()
        };
        prop_assert_eq!(delta.compressed, compressed(&new) - compressed(&old));
        if old.is_complete() && new.is_complete() {
            let content = |snapshot: &Snapshot| -> i128 {
                let read = snapshot.layers.iter().flat_map(|layer| &layer.contents);
                read.map(|contents| i128::from(contents.content)).sum()
            };
            prop_assert_eq!(delta.content, Some(content(&new) - content(&old)));
            prop_assert_eq!(comparison.rest.content, Some(0));
        }
        for most in [0, 1, 3, 100] {
            let (leading, others) = comparison.leading(most);
            let shown = leading.iter().map(|cause| cause.change).fold(Change::ZERO, Change::plus);
            let others = others.map_or(Change::ZERO, |(_, change)| change);
            prop_assert_eq!(shown.plus(others).plus(comparison.rest), delta);
        }
        let mut places: Vec<_> = comparison.layers.iter().filter_map(|row| row.old).collect();
        places.sort_unstable();
        prop_assert_eq!(places, (0..old.layers.len()).collect::<Vec<_>>());
        let places: Vec<_> = comparison.layers.iter().filter_map(|row| row.new).collect();
        prop_assert_eq!(places, (0..new.layers.len()).collect::<Vec<_>>());
    }
}
