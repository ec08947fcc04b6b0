//! Inspections for the tests of reports.

mod analysis;
mod findings;
mod study;
mod tags;

use std::collections::BTreeMap;

pub(super) use self::analysis::*;
pub(super) use self::tags::*;
use super::inspect::{Failure, Outcome};
use crate::image::{
    Attachment, AttachmentKind, Base, Evidence, Image, Inspection, Layer, Origin, RateLimit,
    Shared, SourceLines, Step, Uncompressed,
};
use crate::oci::{DiffId, Digest, MediaType, Platform};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Instruction, compressed bytes, uncompressed bytes (0 for unknown), first and last line.
type Line = (&'static str, u64, u64, (u32, u32));

const ML_BASE: &[Line] = &[
    (
        "ADD file:6df775300d76441aa33f31b22c1afce8dfe35c8ffbc14ef27c27009235b12a95 in /",
        29_717_000,
        80_600_000,
        (0, 0),
    ),
    ("ENV LANG=C.UTF-8", 0, 0, (0, 0)),
    (
        "RUN apt-get update && apt-get install -y --no-install-recommends cuda-cudart-12-8 cuda-compat-12-8",
        188_400_000,
        402_000_000,
        (0, 0),
    ),
    (
        "RUN /opt/conda/bin/mamba install -y -n base \"python>=3.12\" rapids-build-backend sccache",
        2_381_000_000,
        6_105_000_000,
        (0, 0),
    ),
    ("COPY /context/condarc /opt/conda/.condarc", 412, 2_560, (0, 0)),
];

const ML_OWN: &[Line] = &[
    ("ARG NB_USER=jovyan", 0, 0, (0, 0)),
    (
        "RUN apt-get update -qq && apt-get -y install\t\tcurl\n git sudo && rm -rf /var/lib/apt/lists/*",
        96_400_000,
        281_700_000,
        (12, 15),
    ),
    ("COPY models /opt/models", 214_600_000, 216_010_240, (17, 17)),
    (
        "RUN mamba env update -n base -f /tmp/environment.yml && mamba clean --all --yes",
        5_530_000_000,
        14_960_000_000,
        (19, 24),
    ),
    (
        "RUN curl -fsSL https://code-server.dev/install.sh | sh && rm -rf /root/.cache",
        212_000_000,
        598_300_000,
        (26, 27),
    ),
    (
        "RUN wget -q https://download2.rstudio.org/server/jammy/amd64/rstudio-server-2025.09.1-401-amd64.deb && gdebi -n *.deb",
        421_000_000,
        1_262_000_000,
        (29, 33),
    ),
    ("COPY --chown=jovyan:users install.r /tmp/install.r", 760, 2_048, (35, 35)),
    ("RUN Rscript /tmp/install.r && rm -rf /tmp/*", 604_500_000, 1_612_000_000, (36, 36)),
    ("USER jovyan", 0, 0, (0, 0)),
];

/// An index of a large image for two platforms with attestations, a base and its Dockerfile.
pub(super) fn ml() -> Inspection {
    let amd64 = ml_image("linux/amd64", 1);
    let arm64 = ml_image("linux/arm64", 2);
    let attachments = [&amd64, &arm64].map(attestation).to_vec();
    let mut found = inspection("docker.io/rocker/ml:latest", INDEX, vec![amd64, arm64]);
    found.attachments = attachments;
    found.rate_limit = Some(RateLimit {
        limit: 100,
        remaining: 87,
        window_seconds: Some(21_600),
        source: Some("198.51.100.7".to_owned()),
    });
    found
}

/// An index of eight platforms that share one layer of data.
pub(super) fn postgres() -> Inspection {
    let platforms = [
        "linux/amd64",
        "linux/arm/v5",
        "linux/arm/v7",
        "linux/arm64/v8",
        "linux/386",
        "linux/mips64le",
        "linux/ppc64le",
        "linux/s390x",
    ];
    let images: Vec<Image> =
        platforms.iter().zip(1..).map(|(name, seed)| postgres_image(name, seed)).collect();
    let mut attachments: Vec<Attachment> = images.iter().map(attestation).collect();
    attachments.push(Attachment {
        kind: AttachmentKind::Soci,
        digest: Digest::of(b"soci"),
        size: 1_470,
        subject: Some(images[0].digest.clone()),
        predicates: Vec::new(),
        compressed: None,
    });
    let mut found = inspection("docker.io/library/postgres:17", INDEX, images);
    found.attachments = attachments;
    found
}

/// A single image without any evidence of a base, with layers of other kinds.
pub(super) fn plain() -> Inspection {
    let lines: &[Line] = &[
        ("ADD rootfs.tar.gz / # buildkit", 51_300_000, 0, (0, 0)),
        ("RUN /bin/setup", 8_200_000, 24_000_000, (0, 0)),
        ("COPY model.bin /model.bin", 1_400_000_000, 1_400_001_536, (0, 0)),
        ("RUN true", 32, 1_024, (0, 0)),
    ];
    let mut image = image("linux/amd64", 9, lines, 0);
    image.layers[0].media_type =
        MediaType("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into());
    image.layers[2].media_type = MediaType("application/vnd.oci.image.layer.nydus.blob.v1".into());
    image.layers[3].step = None;
    image.steps.pop();
    image.layers.iter_mut().for_each(|layer| layer.origin = Origin::Unknown);
    let mut found = inspection(
        "ghcr.io/example/model@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        MANIFEST,
        vec![image],
    );
    found.warnings = vec![
        "1 of 4 layers has no build step: the history lists 3 steps that made a layer.".into(),
    ];
    found
}

/// An image without layers.
pub(super) fn empty() -> Inspection {
    inspection(
        "registry.example:5000/scratch:latest",
        MANIFEST,
        vec![image("linux/amd64", 3, &[], 0)],
    )
}

/// An image whose every text is hostile.
pub(super) fn hostile() -> Inspection {
    let mut found = ml();
    found.reference = "::add-mask::x/\u{1b}[31mred:latest".into();
    found.warnings =
        vec!["::error::a warning about <b>@team</b>\nand | #12 ![x](http://evil.example)".into()];
    let image = &mut found.images[0];
    image.os_name = Some("Evil | \u{202e}OS\u{7}".into());
    image.created = Some("=HYPERLINK(\"http://evil.example\")".into());
    image.base.as_mut().unwrap().name = Some("`base`\n##vso[task.complete]".into());
    image.platform.os = "li\u{200b}nux|".into();
    let texts = [
        "=cmd|' /C calc'!A0",
        "RUN \u{1b}]8;;http://evil.example\u{7}link",
        "<script>alert(1)</script>",
        "RUN a\\|b | c && `d` ``e``",
        "::set-output name=x::y",
        "@team fixes #12",
        "\u{8a9e}\u{8a9e}\u{8a9e} \u{202e}txt.exe",
        "",
    ];
    for (step, text) in image.steps.iter_mut().rev().zip(texts.iter().cycle()) {
        step.instruction = (*text).to_owned();
        step.created_by = format!("/bin/sh -c {text}");
        step.comment = (*text).to_owned();
    }
    for layer in &mut image.layers {
        layer.source = Some(SourceLines {
            file: "Docker|file\n".into(),
            start_line: 1,
            end_line: 1,
            given: false,
        });
    }
    found.attachments[0].kind = AttachmentKind::Artifact("application/<img src=x>".into());
    found.attachments[0].predicates = vec!["https://evil.example/|x".into()];
    found
}

/// Candidates for a base image, and one that was not found.
pub(super) fn candidates() -> Vec<Outcome> {
    let one = |reference: &str, os: &str, megabytes: u64, platforms: &[&str]| {
        let lines: [Line; 2] = [
            ("ADD rootfs.tar /", 29_700_000, 80_600_000, (0, 0)),
            ("RUN install", (megabytes - 30) * 1_000_000, megabytes * 2_600_000, (0, 0)),
        ];
        let image = image(platforms[0], 7, &lines, 0);
        let mut found =
            inspection(reference, INDEX, vec![Image { os_name: Some(os.to_owned()), ..image }]);
        found.platforms = platforms.iter().map(|name| name.parse().unwrap()).collect();
        Outcome { reference: reference.to_owned(), result: Ok(found) }
    };
    vec![
        one("rapidsai/ci-conda:latest", "Ubuntu 24.04", 3_960, &["linux/amd64", "linux/arm64"]),
        one(
            "condaforge/miniforge3:latest",
            "Ubuntu 24.04",
            420,
            &["linux/amd64", "linux/arm64", "linux/ppc64le"],
        ),
        one("continuumio/miniconda3:latest", "Debian 13", 657, &["linux/amd64", "linux/arm64"]),
        failed(),
    ]
}

/// A reference that was not found.
pub(super) fn failed() -> Outcome {
    Outcome {
        reference: "condaforge/minforge3:latest".into(),
        result: Err(Failure {
            kind: "not_found",
            message: "docker.io has no condaforge/minforge3:latest: 404 Not Found".into(),
            hint: Some("check the spelling; a private repository needs `docker login`".into()),
        }),
    }
}

/// The outcome of a reference that was found.
pub(super) fn outcome(inspection: Inspection) -> Outcome {
    Outcome { reference: inspection.reference.clone(), result: Ok(inspection) }
}

fn ml_image(platform: &str, seed: u8) -> Image {
    let mut lines = ML_BASE.to_vec();
    lines.extend(ML_OWN);
    let mut image = image(platform, seed, &lines, 4);
    image.os_name = Some("Ubuntu 24.04".into());
    image.base = Some(Base {
        name: Some("docker.io/rapidsai/ci-conda:latest".into()),
        digest: Some(Digest::of(b"ci-conda")),
        layers: Some(4),
        evidence: Evidence::Provenance,
        confirmed: true,
    });
    image
}

fn postgres_image(platform: &str, seed: u8) -> Image {
    let size = u64::from(seed);
    let steps: [Line; 5] = [
        (
            "# debian.sh --arch 'amd64' out/ 'trixie' '@1757289600'",
            29_770_000 + size * 411_000,
            81_000_000,
            (0, 0),
        ),
        (
            "RUN set -eux; \tgroupadd -r postgres --gid=999; \tuseradd -r -g postgres postgres",
            4_310_000,
            12_000_000,
            (0, 0),
        ),
        ("ENV PG_MAJOR=17", 0, 0, (0, 0)),
        (
            "RUN set -ex; \tapt-get install -y --no-install-recommends postgresql-17",
            112_000_000 - size * 1_000_000,
            338_000_000,
            (0, 0),
        ),
        ("COPY docker-entrypoint.sh /usr/local/bin/ # buildkit", 5_900, 17_408, (0, 0)),
    ];
    let mut image = image(platform, seed, &steps, 0);
    image.layers[3].digest = Digest::of(b"docker-entrypoint.sh");
    image.layers.iter_mut().for_each(|layer| layer.origin = Origin::Unknown);
    image
}

fn image(platform: &str, seed: u8, lines: &[Line], base_layers: usize) -> Image {
    let mut image = Image {
        platform: platform.parse().unwrap(),
        digest: Digest::of(&[seed, 0]),
        manifest_size: 4_213,
        config_digest: Digest::of(&[seed, 1]),
        config_size: 11_930,
        created: Some("2026-01-29T09:40:12Z".into()),
        os_name: None,
        layers: Vec::new(),
        steps: Vec::new(),
        base: None,
        runtime: crate::image::Runtime::default(),
        label_secrets: Vec::new(),
        annotation_secrets: Vec::new(),
        labels: BTreeMap::from([(
            "org.opencontainers.image.licenses".into(),
            "GPL-2.0-or-later".into(),
        )]),
        annotations: BTreeMap::new(),
        in_files: false,
    };
    for line in lines {
        push(&mut image, seed, *line, base_layers);
    }
    image
}

fn push(
    image: &mut Image,
    seed: u8,
    (text, compressed, uncompressed, (start, end)): Line,
    base_layers: usize,
) {
    let index = image.layers.len();
    let empty = compressed == 0;
    image.steps.push(Step {
        number: (!empty).then_some(index + 1),
        created: Some(format!("2026-01-29T09:{:02}:12Z", 10 + image.steps.len())),
        instruction: text.to_owned(),
        created_by: format!("/bin/sh -c {text} # buildkit"),
        secrets: Vec::new(),
        comment: "buildkit.dockerfile.v0".into(),
        empty,
        layer: (!empty).then_some(index),
    });
    if empty {
        return;
    }
    let known = Uncompressed { bytes: uncompressed, inferred: index > 0 };
    let content = if text.starts_with("COPY") { text.into() } else { format!("{seed} {text}") };
    image.layers.push(Layer {
        index,
        digest: Digest::of(content.as_bytes()),
        diff_id: Some(DiffId(Digest::of(format!("{content}.tar").as_bytes()))),
        media_type: MediaType(GZIP.into()),
        compressed,
        uncompressed: (uncompressed > 0).then_some(known),
        step: Some(image.steps.len() - 1),
        origin: if index < base_layers { Origin::Base } else { Origin::Own },
        source: (start > 0).then(|| SourceLines {
            file: "Dockerfile".into(),
            start_line: start,
            end_line: end,
            given: false,
        }),
        annotations: BTreeMap::new(),
    });
}

fn attestation(image: &Image) -> Attachment {
    Attachment {
        kind: AttachmentKind::Attestation,
        digest: Digest::of(image.digest.as_str().as_bytes()),
        size: 841,
        subject: Some(image.digest.clone()),
        predicates: vec![
            "https://spdx.dev/Document".into(),
            "https://slsa.dev/provenance/v1".into(),
        ],
        compressed: Some(2_140_300),
    }
}

fn inspection(reference: &str, media_type: &str, images: Vec<Image>) -> Inspection {
    let platforms: Vec<Platform> = images.iter().map(|image| image.platform.clone()).collect();
    Inspection {
        reference: reference.to_owned(),
        digest: Digest::of(reference.as_bytes()),
        media_type: MediaType(media_type.to_owned()),
        shared: shared(&images),
        images,
        shown: 0,
        platforms,
        attachments: Vec::new(),
        rate_limit: None,
        warnings: Vec::new(),
    }
}

fn shared(images: &[Image]) -> Shared {
    let layers = || images.iter().flat_map(|image| &image.layers);
    let distinct: BTreeMap<_, _> =
        layers().map(|layer| (&layer.digest, layer.compressed)).collect();
    Shared {
        all_platforms: layers().map(|layer| u128::from(layer.compressed)).sum(),
        unique: distinct.values().map(|bytes| u128::from(*bytes)).sum(),
    }
}
