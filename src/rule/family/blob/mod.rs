//! How layers are compressed and sent.

mod recompress;

use std::collections::HashMap;

use super::layer::is_empty;
use super::steps::name_step;
use crate::image::{Image, Inspection, Layer};
use crate::ledger::AtomId;
use crate::oci::Kind;
use crate::rule::{
    Bands, Candidate, Claim, Detect, Effort, Facts, Needs, Phase, Phrase, Risk, Rule, Saving,
    Severity, Table, Value,
};

/// What the rules of this family have in common.
const BLOB: Rule = Rule {
    phase: Phase::View,
    risk: Risk::Safe,
    effort: Effort::Transport,
    bands: Bands::Fixed(Severity::Low),
    needs: Needs::Manifest,
    detect: Detect::Manifest(|_| Vec::new()),
    ..Rule::BLANK
};

const EXPORTERS: &str = "https://docs.docker.com/build/exporters/";

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "blob-poor-compression",
        title: "Layers that are not compressed",
        detect: Detect::Manifest(uncompressed),
        why: "The media type says that the layer is a plain archive, so that each pull transfers all of its bytes. How much compression would save depends on the contents.",
        fix: "docker buildx build --output type=image,push=true,compression=zstd,force-compression=true,oci-mediatypes=true .",
        caution: "Contents that are compressed already do not become smaller.",
        links: &[EXPORTERS],
        ..BLOB
    },
    Rule {
        id: "blob-gzip-to-zstd",
        title: "Layers that zstd would make smaller",
        phase: Phase::Parts,
        bands: Bands::Normal,
        needs: Needs::Layers,
        min: 50_000_000,
        detect: Detect::Layers(recompress::to_zstd),
        why: "zstd finds what repeats over megabytes, where gzip sees 32 KiB, and unpacks faster. The contents stay the same.",
        fix: "docker buildx build --output type=image,push=true,compression=zstd,force-compression=true,oci-mediatypes=true .",
        caution: "The figure is an estimate from parts of the layers, on what other findings leave of them. Clients older than Docker 23 or containerd 1.5 cannot unpack them, new digests end sharing with tags that are published, and images for lazy pulling keep their format.",
        links: &[EXPORTERS],
        ..BLOB
    },
    Rule {
        id: "blob-gzip-level",
        title: "Layers that gzip could make smaller",
        phase: Phase::Parts,
        bands: Bands::Waste,
        needs: Needs::Layers,
        min: 20_000_000,
        detect: Detect::Layers(recompress::gzip_level),
        why: "The layers are plain archives, or were compressed at a level for speed. Each pull pays for it.",
        fix: "docker buildx build --output type=image,push=true,compression=gzip,compression-level=6,force-compression=true .",
        caution: "The figure is an estimate from parts of the layers, on what other findings leave of them.",
        links: &[EXPORTERS],
        ..BLOB
    },
    Rule {
        id: "blob-recompressed",
        title: "The same content in different blobs",
        detect: Detect::Index(recompressed),
        why: "Layers of several images have the same archive, but were compressed apart, so that a registry stores each and no pull shares them.",
        fix: "# one builder for all platforms, and the same compression:\nSOURCE_DATE_EPOCH=0 docker buildx build --platform {{platforms}} --output type=image,push=true,rewrite-timestamp=true .",
        caution: "While images move to another compression, both are there.",
        links: &["https://docs.docker.com/build/ci/github-actions/reproducible-builds/"],
        ..BLOB
    },
    Rule {
        id: "blob-duplicate",
        title: "The same layer twice",
        effort: Effort::Step,
        bands: Bands::Waste,
        detect: Detect::Manifest(duplicate),
        why: "Two steps made the same layer. Registries and clients keep one blob, but unpack it twice.",
        fix: "# leave out the second: {{instruction}}",
        caution: "Layers without content are the same everywhere.",
        links: &[],
        ..BLOB
    },
    Rule {
        id: "blob-incompressible-share",
        title: "Contents that compression cannot make smaller",
        bands: Bands::Fixed(Severity::Info),
        needs: Needs::Layers,
        min: 100_000_000,
        detect: Detect::Layers(incompressible),
        why: "These files cost as many bytes in their layers as they are large: archives, media, weights. Another compression does not help; not shipping them does.",
        fix: "# mount or fetch at run time what is large and compressed already",
        caution: "",
        links: &[EXPORTERS],
        ..BLOB
    },
];

/// Smaller layers are not told.
const PLAIN: u64 = 20_000_000;
const MUCH_PLAIN: u64 = 200_000_000;
const TWICE: u64 = 1_000_000;
/// Less that could be shared is no finding.
const UNSHARED: u64 = 50_000_000;
/// Of smaller files the shares say nothing.
const SMALL: u64 = 4096;
/// What remains of a content that cannot be compressed, in percent.
const REMAINS: u128 = 95;
/// Rows of a table.
const ROWS: usize = 15;

fn instruction(image: &Image, layer: &Layer) -> String {
    let step = layer.step.and_then(|step| image.steps.get(step));
    step.map_or_else(|| format!("layer {}", layer.index), |step| step.instruction.clone())
}

fn uncompressed(image: &Image) -> Vec<Candidate> {
    let is_plain = |layer: &&Layer| {
        let Kind::Layer(kind) = layer.media_type.kind() else { return false };
        let stays = layer.is_plain() && !kind.foreign && !image.in_files;
        stays && layer.compressed >= PLAIN
    };
    let plain: Vec<&Layer> = image.layers.iter().filter(is_plain).collect();
    if plain.is_empty() {
        return Vec::new();
    }
    let bytes = plain.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.compressed));
    let message = Phrase::default().counted(
        plain.len(),
        " layer is a plain archive",
        " layers are plain archives",
    );
    let claim = Claim::Figure(Saving { content: 0, compressed: bytes });
    let severity = if bytes >= MUCH_PLAIN { Severity::Medium } else { Severity::Low };
    let mut candidate = Candidate::new("", message, claim).severity(severity);
    let row = |layer: &&Layer| {
        vec![Value::Text(instruction(image, layer)), Value::Bytes(layer.compressed)]
    };
    let rows = plain.iter().take(ROWS).map(row).collect();
    candidate.table = Some(Table { columns: vec!["Instruction", "Download"], rows });
    vec![candidate]
}

fn duplicate(image: &Image) -> Vec<Candidate> {
    let mut digests = HashMap::new();
    let mut diffs = HashMap::new();
    let mut found = Vec::new();
    for layer in image.layers.iter().filter(|layer| !is_empty(layer)) {
        let first = *digests.entry(&layer.digest).or_insert(layer.index);
        let same = layer.diff_id.as_ref().map(|id| *diffs.entry(id).or_insert(layer.index));
        let first = first.min(same.unwrap_or(first));
        let bytes = layer.uncompressed.map_or(layer.compressed, |size| size.bytes);
        if first == layer.index || bytes < TWICE {
            continue;
        }
        let message = name_step(Phrase::default(), image, layer.index).and(" makes the layer of ");
        let message = name_step(message, image, first).and(" once more");
        let content = layer.uncompressed.map_or(0, |size| size.bytes);
        let saving = Saving { content, compressed: 0 };
        let text = instruction(image, layer);
        let mut candidate =
            Candidate::new(format!("{} {text}", layer.index), message, Claim::Figure(saving))
                .fill("instruction", text);
        if layer.uncompressed.is_none() {
            candidate = candidate.severity(Severity::Low);
        }
        found.push(candidate);
    }
    found
}

/// Layers of one content and one way to compress, which are different blobs all the same.
fn recompressed(inspection: &Inspection) -> Vec<Candidate> {
    let mut contents: HashMap<_, Vec<&Layer>> = HashMap::new();
    for layer in inspection.images.iter().flat_map(|image| &image.layers) {
        let Kind::Layer(kind) = layer.media_type.kind() else { continue };
        let Some(content) = layer.diff_id.as_ref().filter(|_| !is_empty(layer)) else { continue };
        let layers = contents.entry((content, kind.compression as u8)).or_default();
        if !layers.iter().any(|known| known.digest == layer.digest) {
            layers.push(layer);
        }
    }
    contents.retain(|_, layers| layers.len() > 1);
    let blobs: usize = contents.values().map(Vec::len).sum();
    let beyond = |layers: &Vec<&Layer>| {
        let sizes = || layers.iter().map(|layer| layer.compressed);
        sizes().fold(0, u64::saturating_add).saturating_sub(sizes().max().unwrap_or(0))
    };
    let bytes = contents.values().map(beyond).fold(0, u64::saturating_add);
    if bytes < UNSHARED {
        return Vec::new();
    }
    let message = Phrase::default().count(blobs).and(" blobs have the content of others of them");
    let platforms = inspection.images.iter().map(|image| image.platform.to_string());
    let platforms: Vec<String> = platforms.collect();
    let claim = Claim::Figure(Saving { content: 0, compressed: bytes });
    vec![Candidate::new("", message, claim).fill("platforms", platforms.join(","))]
}

fn incompressible(facts: &Facts<'_>) -> Vec<Candidate> {
    let ledger = facts.ledger;
    let is_so = |file: &AtomId| {
        let atom = ledger.atom(*file);
        let remains = u128::from(atom.compressed) * 100 > u128::from(atom.bytes) * REMAINS;
        atom.bytes >= SMALL && remains
    };
    let files: Vec<AtomId> = ledger.ids().filter(is_so).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let mut owners: HashMap<crate::owner::OwnerId, u64> = HashMap::new();
    for file in &files {
        *owners.entry(facts.owners.of(*file)).or_default() += ledger.atom(*file).bytes;
    }
    let mut owners: Vec<_> = owners.into_iter().collect();
    owners.sort_unstable_by_key(|(owner, bytes)| (std::cmp::Reverse(*bytes), *owner));
    let bytes = ledger.sum(files.iter().copied()).bytes;
    let message = Phrase::words("Compression leaves ")
        .share(bytes, ledger.filesystem().content())
        .and(" of the contents as large as they are");
    let mut candidate = Candidate::new("", message, Claim::View(files));
    let row = |(owner, bytes): &(_, u64)| {
        vec![Value::Text(facts.owners.owner(*owner).name.clone()), Value::Bytes(*bytes)]
    };
    let rows = owners.iter().take(ROWS).map(row).collect();
    candidate.table = Some(Table { columns: vec!["Owner", "Size"], rows });
    vec![candidate]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Uncompressed;
    use crate::ledger::testing::image;
    use crate::oci::MediaType;
    use crate::rule::testing::check;
    use crate::rule::{Selection, manifest_findings};

    fn found(rule: &str, image: &Image) -> Vec<(u64, u64, Severity)> {
        let selection = Selection { only: vec![rule.to_owned()], ..Selection::default() };
        let found = manifest_findings(image, &selection);
        let row = |finding: &crate::rule::Finding| {
            (finding.gross.content, finding.gross.compressed, finding.severity)
        };
        found.iter().map(row).collect()
    }

    #[test]
    fn plain_archives() {
        let (mut image, _) = image("RUN a\n  a 1 compressed=30000000\nRUN b\n  b 1\n");
        assert_eq!(found("blob-poor-compression", &image), []);
        for layer in &mut image.layers {
            layer.media_type = MediaType("application/vnd.oci.image.layer.v1.tar".to_owned());
        }
        assert_eq!(found("blob-poor-compression", &image), [(0, 30_000_000, Severity::Low)]);
        // A push compresses what lies in files.
        image.in_files = true;
        assert_eq!(found("blob-poor-compression", &image), []);
    }

    #[test]
    fn layers_that_are_there_twice() {
        let (mut image, _) =
            image("COPY a /\n  a 30_000_000\nRUN b\n  b 1\nCOPY a /\n  a 30_000_000\n");
        assert_eq!(found("blob-duplicate", &image), []);
        image.layers[2].digest = image.layers[0].digest.clone();
        assert_eq!(found("blob-duplicate", &image), [(0, 0, Severity::Low)]);
        let size = Uncompressed { bytes: 30_000_000, inferred: false };
        image.layers[2].uncompressed = Some(size);
        assert_eq!(found("blob-duplicate", &image), [(30_000_000, 0, Severity::Medium)]);
        // The empty layer is the same everywhere.
        let empty = crate::oci::DiffId(crate::oci::Digest::of(&[0; 1024]));
        image.layers.iter_mut().for_each(|layer| layer.diff_id = Some(empty.clone()));
        assert_eq!(found("blob-duplicate", &image), []);
    }

    #[test]
    fn contents_that_were_compressed_apart() {
        let (mut image, _) = image("RUN a\n  a 1 compressed=60000000\n");
        image.layers[0].diff_id = Some(crate::oci::DiffId(crate::oci::Digest::of(b"tar")));
        let check = |other: &Image, expected: &[u64]| {
            let inspection = crate::rule::testing::inspection(vec![image.clone(), other.clone()]);
            let only = vec!["blob-recompressed".to_owned()];
            let selection = Selection { only, ..Selection::default() };
            let found = crate::rule::index_findings(&inspection, &selection);
            let bytes: Vec<u64> = found.iter().map(|found| found.gross.compressed).collect();
            assert_eq!(bytes, expected);
        };
        check(&image, &[]);
        let mut other = image.clone();
        other.layers[0].digest = crate::oci::Digest::of(b"another compressor");
        other.layers[0].compressed = 61_000_000;
        check(&other, &[60_000_000]);
        // Another way to compress, on purpose.
        other.layers[0].media_type =
            MediaType("application/vnd.oci.image.layer.v1.tar+zstd".to_owned());
        check(&other, &[]);
    }

    #[test]
    fn incompressible_contents() {
        let text = "RUN a\n  w.bin 200_000_000 compressed=199000000\n  x 300_000_000\n";
        check("blob-incompressible-share", text, &[200_000_000]);
        check("blob-incompressible-share", "RUN a\n  x 4_000 compressed=4000\n", &[]);
    }
}
