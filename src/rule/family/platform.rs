//! The images of one reference beside each other, and whether an image is for its platform.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::image::{AttachmentKind, Image, Inspection};
use crate::layer::{Entry, Toc};
use crate::ledger::AtomId;
use crate::oci::{Digest, Kind as MediaKind};
use crate::rule::{
    Bands, Candidate, Claim, Detect, Facts, Needs, Phase, Phrase, Risk, Rule, Saving, Severity,
    Table, Value,
};

/// What the rules of this family have in common.
const PLATFORM: Rule = Rule {
    phase: Phase::View,
    risk: Risk::Review,
    bands: Bands::Fixed(Severity::Low),
    needs: Needs::Manifest,
    detect: Detect::Index(|_| Vec::new()),
    links: &["https://docs.docker.com/build/building/multi-platform/"],
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "platform-asymmetry",
        title: "One platform is much larger",
        bands: Bands::Fixed(Severity::Medium),
        detect: Detect::Index(asymmetry),
        why: "The same Dockerfile made images of very different sizes, often because a package has parts for one architecture only.",
        fix: "ARG TARGETARCH\nRUN if [ \"$TARGETARCH\" = amd64 ]; then <what only that platform needs>; fi",
        caution: "Libraries for graphics cards exist for some platforms only.",
        ..PLATFORM
    },
    Rule {
        id: "platform-missing",
        title: "A common platform is not published",
        detect: Detect::Index(missing),
        why: "On the other one the image runs in an emulator, slowly, or not at all.",
        fix: "docker buildx build --platform linux/amd64,linux/arm64 .",
        caution: "Some software exists for one platform only.",
        ..PLATFORM
    },
    Rule {
        id: "platform-unshared-data",
        title: "The same files in different layers of each platform",
        needs: Needs::Layers,
        risk: Risk::Safe,
        detect: Detect::Platforms(unshared),
        why: "Data that does not depend on the architecture was stored by a step that each platform runs for itself, so that a registry keeps the files once for each. One that pulls a single platform does not notice.",
        fix: "FROM --platform=$BUILDPLATFORM {{base}} AS data\n# fetch the data here, into /data; in the last stage:\nCOPY --link --from=data /data /data",
        caution: "Only layers that are the same to the byte are shared: build with a fixed SOURCE_DATE_EPOCH.",
        ..PLATFORM
    },
    Rule {
        id: "platform-attestation-size",
        title: "Attestations beside the images",
        bands: Bands::Fixed(Severity::Info),
        risk: Risk::Safe,
        detect: Detect::Index(attestations),
        why: "Provenance and lists of components are stored beside the images. No pull takes them, and no figure here counts them.",
        ..PLATFORM
    },
    Rule {
        id: "platform-wrong-arch",
        title: "Programs for another architecture",
        bands: Bands::Fixed(Severity::High),
        needs: Needs::Layers,
        min: 1_000_000,
        detect: Detect::Layers(wrong_machine),
        why: "They do not run on the image's platform.",
        fix: "FROM --platform=$TARGETPLATFORM {{base}}\nARG TARGETARCH\nRUN curl -fsSLo <file> <URL>-linux-${TARGETARCH}",
        caution: "Emulators, firmware and cross compilers carry such files on purpose.",
        ..PLATFORM
    },
];

const MB: u128 = 1_000_000;
/// A difference is told from so many bytes on, and from so many hundredths.
const DIFFERENCE: u128 = 300 * MB;
const SHARE: u128 = 15;
const LARGE_SHARE: u128 = 40;
const ROWS: usize = 10;
/// Platforms that most images are for.
const COMMON: [&str; 2] = ["amd64", "arm64"];
/// Smaller files are not compared.
const DATA: u64 = 16 << 10;
/// From so many bytes on it is told that files are stored for each platform, and matters.
const UNSHARED: u64 = 50_000_000;
const MUCH_UNSHARED: u64 = 1_000_000_000;
/// Variables of images that are for graphics cards.
const GRAPHICS: [&str; 3] = ["CUDA_VERSION", "NVIDIA_VISIBLE_DEVICES", "ROCM_VERSION"];

/// ELF's numbers of machines, and the architectures whose images may have them.
const MACHINES: &[(u16, &[&str])] = &[
    (3, &["386", "amd64"]),
    (62, &["amd64"]),
    (40, &["arm", "arm64"]),
    (183, &["arm64"]),
    (21, &["ppc64le", "ppc64"]),
    (22, &["s390x"]),
    (243, &["riscv64"]),
    (258, &["loong64"]),
];
/// Kinds of ELF files that run: programs and libraries.
const RUNS: [u16; 2] = [2, 3];
/// Parts of directories' names that tell that files are for other machines on purpose.
const ON_PURPOSE: &[&str] = &[
    "qemu",
    "firmware",
    "cross",
    "arm",
    "aarch64",
    "x86_64",
    "x64",
    "amd64",
    "i386",
    "i686",
    "ia32",
    "ppc64",
    "powerpc",
    "s390",
    "riscv",
    "loong",
    "android",
    "jni",
    "native",
    "prebuilds",
];

/// The largest image of Linux against the smallest.
fn asymmetry(inspection: &Inspection) -> Vec<Candidate> {
    let images = || inspection.images.iter().filter(|image| image.platform.os == "linux");
    let largest = images().max_by_key(|image| image.compressed());
    let smallest = images().min_by_key(|image| image.compressed());
    let Some((large, small)) = largest.zip(smallest) else { return Vec::new() };
    let difference = large.compressed() - small.compressed();
    let share = difference * 100 / small.compressed().max(1);
    if difference <= DIFFERENCE || share <= SHARE {
        return Vec::new();
    }
    let bytes = u64::try_from(difference).unwrap_or(u64::MAX);
    let message = Phrase::default()
        .name(large.platform.to_string())
        .and(" downloads ")
        .bytes(bytes)
        .and(" more than ")
        .name(small.platform.to_string());
    let figure = Claim::Figure(Saving { content: 0, compressed: bytes });
    let severity = if share > LARGE_SHARE { Severity::High } else { Severity::Medium };
    let mut candidate = Candidate::new("", message, figure).severity(severity);
    candidate.table = Some(steps(large, small));
    vec![candidate]
}

/// Steps by how much more one image downloads for them.
fn steps(large: &Image, small: &Image) -> Table {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (image, first) in [(large, true), (small, false)] {
        for layer in &image.layers {
            let step = layer.step.and_then(|step| image.steps.get(step));
            let sum = sums.entry(step.map_or("", |step| step.instruction.as_str())).or_default();
            let side = if first { &mut sum.0 } else { &mut sum.1 };
            *side = side.saturating_add(layer.compressed);
        }
    }
    let mut sums: Vec<(&str, (u64, u64))> = sums.into_iter().collect();
    sums.sort_by_key(|(_, (large, small))| Reverse(large.saturating_sub(*small)));
    let more = sums.into_iter().filter(|(_, (large, small))| large > small).take(ROWS);
    let row = |(step, (large, small)): (&str, (u64, u64))| {
        let step = if step.is_empty() { Value::Unknown } else { Value::Text(step.to_owned()) };
        vec![step, Value::Bytes(large), Value::Bytes(small)]
    };
    Table { columns: vec!["step", "larger", "smaller"], rows: more.map(row).collect() }
}

/// A common platform that the index does not list.
fn missing(inspection: &Inspection) -> Vec<Candidate> {
    let has = |architecture: &str| {
        let known =
            inspection.platforms.iter().chain(inspection.images.iter().map(|i| &i.platform));
        known
            .clone()
            .any(|platform| platform.os == "linux" && platform.architecture == architecture)
    };
    let graphics = inspection
        .images
        .iter()
        .any(|image| GRAPHICS.iter().any(|name| image.runtime.env.contains_key(*name)));
    let lacking: Vec<&str> = COMMON.into_iter().filter(|name| !has(name)).collect();
    let [lacking] = lacking[..] else { return Vec::new() };
    // A file with a manifest and no index is one build's, for one platform.
    let is_index = matches!(inspection.media_type.kind(), MediaKind::Index);
    let is_single = !is_index && inspection.images.iter().any(|image| image.in_files);
    if graphics || is_single {
        return Vec::new();
    }
    let message = Phrase::words("There is no image for ").name(format!("linux/{lacking}"));
    vec![Candidate::new(lacking, message, Claim::View(Vec::new()))]
}

/// Files of one path and content that every image stores, in layers that are not the same.
fn unshared(inspection: &Inspection, stacks: &[&[Arc<Toc>]]) -> Vec<Candidate> {
    let mut common: Option<HashMap<u128, Stored>> = None;
    for (image, layers) in inspection.images.iter().zip(stacks) {
        let mut own: HashMap<u128, Stored> = HashMap::new();
        for (layer, toc) in image.layers.iter().zip(*layers) {
            for entry in toc.entries.iter().filter(|entry| entry.size >= DATA) {
                let Some(key) = content_of(toc, entry) else { continue };
                let Entry { size, compressed, .. } = *entry;
                let elsewhere = common.as_ref().map(|common| common.get(&key).copied());
                let stored = Stored { size, compressed, layer: &layer.digest, differs: false };
                match elsewhere {
                    None => own.insert(key, stored),
                    Some(None) => None,
                    Some(Some(known)) => {
                        let differs = known.differs || *known.layer != layer.digest;
                        own.insert(key, Stored { differs, ..known })
                    }
                };
            }
        }
        common = Some(own);
    }
    let mut sum = Saving::default();
    let stored = common.unwrap_or_default().into_values().filter(|stored| stored.differs);
    stored.for_each(|file| sum += Saving { content: file.size, compressed: file.compressed });
    if sum.content < UNSHARED {
        return Vec::new();
    }
    let message = Phrase::words("Each of ")
        .count(inspection.images.len())
        .and(" platforms stores the same ")
        .bytes(sum.content)
        .and(" of files in layers of its own");
    let severity = if sum.content >= MUCH_UNSHARED { Severity::Medium } else { Severity::Low };
    vec![Candidate::new("", message, Claim::Figure(sum)).severity(severity)]
}

/// A file that images have in common.
#[derive(Clone, Copy)]
struct Stored<'a> {
    size: u64,
    compressed: u64,
    /// The layer of the first image that stores it.
    layer: &'a Digest,
    /// Whether another image stores it in another layer.
    differs: bool,
}

/// A digest of a file's path and content, where that is known.
fn content_of(toc: &Toc, entry: &Entry) -> Option<u128> {
    let hash = entry.hash?;
    let mut bytes = toc.paths.join(entry.path);
    bytes.push(0);
    bytes.push(toc.hashing as u8);
    bytes.extend_from_slice(&entry.size.to_le_bytes());
    bytes.extend_from_slice(&hash.0);
    Some(twox_hash::XxHash3_128::oneshot(&bytes))
}

/// Bytes of attestations.
fn attestations(inspection: &Inspection) -> Vec<Candidate> {
    let all = inspection.attachments.iter();
    let all: Vec<_> =
        all.filter(|attachment| attachment.kind == AttachmentKind::Attestation).collect();
    if all.is_empty() {
        return Vec::new();
    }
    let bytes = all.iter().fold(0, |sum: u64, attachment| {
        sum.saturating_add(attachment.size).saturating_add(attachment.compressed.unwrap_or(0))
    });
    let message = Phrase::default()
        .counted(all.len(), " attestation is", " attestations are")
        .and(" stored beside the images, of at least ")
        .bytes(bytes);
    vec![Candidate::new("", message, Claim::View(Vec::new()))]
}

/// Programs and libraries of machines that the image is not for.
fn wrong_machine(facts: &Facts<'_>) -> Vec<Candidate> {
    let architecture = facts.image.platform.architecture.as_str();
    if !MACHINES.iter().any(|(_, fit)| fit.contains(&architecture)) {
        return Vec::new();
    }
    let is_wrong = |atom: &AtomId| {
        let Some(elf) = facts.ledger.elf(*atom).filter(|elf| RUNS.contains(&elf.kind)) else {
            return false;
        };
        let known = MACHINES.iter().find(|(machine, _)| *machine == elf.machine);
        known.is_some_and(|(_, fit)| !fit.contains(&architecture)) && !on_purpose(facts, *atom)
    };
    let wrong: Vec<AtomId> = facts.ledger.live().iter().copied().filter(is_wrong).collect();
    if wrong.is_empty() {
        return Vec::new();
    }
    let message = Phrase::default()
        .counted(
            wrong.len(),
            " program or library is not for ",
            " programs and libraries are not for ",
        )
        .name(facts.image.platform.to_string());
    vec![Candidate::new("", message, Claim::View(wrong))]
}

fn on_purpose(facts: &Facts<'_>, atom: AtomId) -> bool {
    let path = facts.ledger.path(atom).to_ascii_lowercase();
    let path = String::from_utf8_lossy(&path);
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    ON_PURPOSE.iter().any(|word| directory.contains(word)) || path.contains("qemu")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Attachment;
    use crate::ledger::testing::image;
    use crate::rule::testing::check;
    use crate::rule::{Selection, Stacks, index_findings, platform_findings};

    fn inspection(images: &[(&str, &str)]) -> Inspection {
        let images = images.iter().map(|(architecture, text)| {
            let (mut image, _) = image(text);
            (*architecture).clone_into(&mut image.platform.architecture);
            image
        });
        crate::rule::testing::inspection(images.collect())
    }

    fn ids(inspection: &Inspection) -> Vec<(&'static str, Severity, u64)> {
        let only = vec!["platform".to_owned()];
        let findings = index_findings(inspection, &Selection { only, ..Selection::default() });
        let found = findings.iter();
        found.map(|found| (found.rule.id, found.severity, found.gross.compressed)).collect()
    }

    #[test]
    fn asymmetry() {
        let amd64 = "RUN pip install torch\n  torch 4_000_000_000\n  x 2_000_000_000\n";
        let arm64 = "RUN pip install torch\n  torch 400_000_000\n  x 2_000_000_000\n";
        let found = ids(&inspection(&[("amd64", amd64), ("arm64", arm64)]));
        assert_eq!(found, [("platform-asymmetry", Severity::High, 1_800_000_000)]);
        assert_eq!(ids(&inspection(&[("amd64", amd64), ("arm64", amd64)])), []);
    }

    #[test]
    fn missing() {
        let text = "RUN x\n  a 1\n";
        let found = ids(&inspection(&[("amd64", text)]));
        assert_eq!(found, [("platform-missing", Severity::Low, 0)]);
        // A file that has room for one.
        let mut file = inspection(&[("amd64", text)]);
        file.images[0].in_files = true;
        assert_eq!(ids(&file).len(), 1);
        "application/vnd.oci.image.manifest.v1+json".clone_into(&mut file.media_type.0);
        assert_eq!(ids(&file), []);
        // For graphics cards; or for neither of the common platforms.
        let gpu = "ENV CUDA_VERSION=12.4\nRUN x\n  a 1\n";
        assert_eq!(ids(&inspection(&[("amd64", gpu)])), []);
        assert_eq!(ids(&inspection(&[("s390x", text)])), []);
    }

    #[test]
    fn unshared_data() {
        let check = |first: &str, second: &str, expected: &[(u64, Severity)]| {
            let texts = [("amd64", first), ("arm64", second)];
            let stack = |(_, text): &(_, &str)| {
                let (image, ledger) = image(text);
                let toc = |layer| Arc::new(ledger.filesystem().toc(layer).unwrap().clone());
                Some((0..image.layers.len()).map(toc).collect())
            };
            let stacks: Stacks = texts.iter().map(stack).collect();
            let mut inspection = inspection(&texts);
            for (at, layer) in inspection.images[1].layers.iter_mut().enumerate().skip(1) {
                layer.digest = Digest::of(format!("second {at}").as_bytes());
            }
            let only = vec!["platform-unshared-data".to_owned()];
            let selection = Selection { only, ..Selection::default() };
            let found = platform_findings(&inspection, &stacks, &selection);
            let found: Vec<_> =
                found.iter().map(|found| (found.gross.content, found.severity)).collect();
            assert_eq!(found, expected, "{first}");
            let unread = vec![stacks[0].clone(), None];
            assert_eq!(platform_findings(&inspection, &unread, &selection).len(), 0);
        };
        let image = "COPY a /\n  a 90_000_000\nRUN b\n  b 60_000_000\n  c 70_000_000 hash=c\n";
        let other = image.replace("hash=c", "hash=d");
        check(image, &other, &[(60_000_000, Severity::Low)]);
        // In the layer that both have; at other paths.
        check("COPY a /\n  a 90_000_000\n", "COPY a /\n  a 90_000_000\n", &[]);
        check(image, &other.replace("  b ", "  B "), &[]);
        let large = image.replace("60_000_000", "1_000_000_000");
        check(&large, &large, &[(1_070_000_000, Severity::Medium)]);
    }

    #[test]
    fn attestation_size() {
        let text = "RUN x\n  a 1\n";
        let mut inspection = inspection(&[("amd64", text), ("arm64", text)]);
        let attachment = |kind| Attachment {
            kind,
            digest: Digest::of(b"a"),
            size: 800,
            subject: None,
            predicates: Vec::new(),
            compressed: Some(20_000),
        };
        inspection.attachments.push(attachment(AttachmentKind::Soci));
        assert_eq!(ids(&inspection), []);
        inspection.attachments.push(attachment(AttachmentKind::Attestation));
        assert_eq!(ids(&inspection), [("platform-attestation-size", Severity::Info, 0)]);
    }

    #[test]
    fn wrong_arch() {
        check(
            "platform-wrong-arch",
            "
RUN curl -o /usr/bin/tool https://a.example/tool-arm64
  usr/bin/tool 5_000_000 elf=183,3
  usr/bin/own 5_000_000 elf=62,3
  usr/lib/i386-linux-gnu/libc.so.6 5_000_000 elf=3,3
  usr/bin/qemu-aarch64-static 6_000_000 elf=183,3
  node_modules/x/prebuilds/linux-arm64/x.node 7_000_000 elf=183,3
",
            &[5_000_000],
        );
        check("platform-wrong-arch", "RUN x\n  usr/bin/tool 500_000 elf=183,3\n", &[]);
    }
}
