use std::fmt::Write as _;

use crate::ledger::testing::image;
use crate::rule::testing::found;
use crate::rule::{Selection, Severity, manifest_findings};

fn check(rule: &str, text: &str, expected: &[Severity]) {
    let severities: Vec<Severity> =
        found(text, &[rule]).iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, expected, "{rule}");
}

fn layers(count: usize) -> String {
    let mut text = String::new();
    for at in 0..count {
        writeln!(text, "RUN step {at}\n  f{at} 400_000").unwrap();
    }
    text
}

#[test]
fn too_many() {
    check("layer-too-many", &layers(60), &[]);
    check("layer-too-many", &layers(61), &[Severity::Medium]);
    check("layer-too-many", &layers(101), &[Severity::High]);
    check("layer-too-many", &layers(120), &[Severity::Critical]);
    let snippet = &found(&layers(61), &["layer-too-many"])[0].snippet;
    assert!(snippet.starts_with("# steps 1 to 61 in one"), "{snippet}");
}

#[test]
fn the_manifest_is_enough() {
    let (image, _) = image(&layers(61));
    let found = manifest_findings(&image, &Selection::default());
    assert!(found.iter().any(|finding| finding.rule.id == "layer-too-many"));
}

#[test]
fn small() {
    let tiny = |count: usize| "COPY a /a\n  a 10\n".repeat(count);
    check("layer-small", &tiny(5), &[Severity::Low]);
    check("layer-small", &tiny(4), &[]);
    check("layer-small", &tiny(5).replace("COPY", "base: COPY"), &[]);
    check(
        "layer-small",
        &format!("{}RUN a\n  x 900_000\n{}", tiny(5), tiny(6)),
        &[Severity::Low; 2],
    );
}

#[test]
fn empty() {
    let (mut image, _) = image("RUN true\nRUN make\n  x 10\n");
    let found = |image: &_| {
        let only = vec!["layer-empty".to_owned()];
        manifest_findings(image, &Selection { only, ..Selection::default() }).len()
    };
    assert_eq!(found(&image), 0);
    let empty = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    image.layers[0].diff_id = Some(crate::oci::DiffId(empty.parse().unwrap()));
    assert_eq!(found(&image), 1);
}

#[test]
fn huge() {
    let with = |compressed: u64| {
        format!("RUN a\n  a 9 compressed={compressed}\nRUN b\n  b 9 compressed=900000000\n")
    };
    check("layer-huge", &with(2_100_000_000), &[Severity::Medium]);
    check("layer-huge", &with(8_100_000_000), &[Severity::High]);
    check("layer-huge", &with(1_100_000_000), &[Severity::Medium]);
    // Most of a small image.
    check("layer-huge", "RUN a\n  a 9 compressed=900000000\n", &[]);
}

#[test]
fn order() {
    let with = |copy: &str| {
        format!("{copy}\n  app/x 10\nRUN pip install -r /app/requirements.txt\n  x 600_000_000\n")
    };
    check("layer-order", &with("COPY . /app"), &[Severity::Medium]);
    check("layer-order", &with("COPY src /app"), &[Severity::Medium]);
    // The step reads it, and what another stage made does not change with the sources.
    check("layer-order", &with("COPY requirements.txt /app/"), &[]);
    check("layer-order", &with("COPY --from=build /x /app"), &[]);
    check("layer-order", &with("COPY . /app").replace("600_", "300_"), &[]);
    // A licence seldom changes, and no step is told to copy what the build does not have.
    let licence = with("COPY license.txt /app/license.txt");
    check("layer-order", &licence, &[Severity::Low]);
    let snippet = |image: &str| found(image, &["layer-order"])[0].snippet.clone();
    let moved = "# move step 1 below step 2, unless a step between them reads its files:\nCOPY license.txt /app/license.txt";
    assert_eq!(snippet(&licence), moved);
    let rest = "# copy before an installation only the files that it reads, and below step 2 the rest:\nCOPY . /app";
    assert_eq!(snippet(&with("COPY . /app")), rest);
}

#[test]
fn split_packages() {
    let step =
        |size: u64| format!("RUN apt-get install -y p{size}\n  var/lib/dpkg/status {size}\n");
    let text = [1, 2, 3].map(|at| step(20_000_000 + at)).concat();
    check("layer-split-package-steps", &text, &[Severity::Medium]);
    let finding = &found(&text, &["layer-split-package-steps"])[0];
    assert_eq!((finding.gross.content, finding.net.content), (40_000_003, 0));
    assert!(finding.snippet.contains("p20000001 p20000002 p20000003"), "{}", finding.snippet);
    check("layer-split-package-steps", &[1, 2].map(|at| step(20_000_000 + at)).concat(), &[]);
}

#[test]
fn many_entries() {
    let mut text = "RUN npm ci\n".to_owned();
    for at in 0..200_000 {
        writeln!(text, "  m/{at} 1").unwrap();
    }
    check("layer-many-entries", &text, &[]);
    text.push_str("  more 1\n");
    check("layer-many-entries", &text, &[Severity::Low]);
}

#[test]
fn flatten() {
    let text = "USER app\nENV A=secret\nbase: RUN a\n  x 300_000_000\nRUN b\n  -x\n";
    let found = found(text, &["layer-flatten-option"]);
    assert_eq!(found[0].gross.content, 300_000_000);
    let snippet = &found[0].snippet;
    assert!(snippet.ends_with("COPY --from=full / /\nENV A=<value>\nUSER app"), "{snippet}");
    check("layer-flatten-option", &text.replace("300_", "100_"), &[]);
}

#[test]
fn efficiency() {
    let with = |hidden: u64| format!("RUN a\n  x {hidden}\n  y 900\nRUN b\n  -x\n");
    check("layer-efficiency", &with(40), &[]);
    check("layer-efficiency", &with(100), &[Severity::Medium]);
    check("layer-efficiency", &with(200), &[Severity::High]);
    check("layer-efficiency", "RUN a\n", &[]);
}
