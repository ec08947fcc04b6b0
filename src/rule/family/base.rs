//! What the base image brings, and smaller ones that may do.

use jiff::Timestamp;

use crate::filesystem::Amount;
use crate::image::{Image, Origin};
use crate::rule::{
    Bands, Candidate, Claim, Detect, Effort, Facts, Needs, Phase, Phrase, Risk, Rule, Saving,
    Severity, Table, Value,
};

/// What the rules of this family have in common.
const BASE: Rule = Rule {
    phase: Phase::View,
    risk: Risk::Review,
    effort: Effort::Base,
    bands: Bands::Fixed(Severity::Info),
    needs: Needs::Manifest,
    detect: Detect::Manifest(|_| Vec::new()),
    ..Rule::BLANK
};

const BASES: &str = "https://docs.docker.com/build/building/base-images/";

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "base-share",
        title: "What the base image contributes",
        needs: Needs::Layers,
        detect: Detect::Layers(share),
        why: "These bytes come with FROM. No step of your own can make them fewer.",
        fix: "FROM {{base}}\n# a smaller one, or one that you build without what is listed",
        caution: "Where the base image ends may be a guess; the report says how it is known.",
        links: &[BASES],
        ..BASE
    },
    Rule {
        id: "base-oversized",
        title: "The base image has a smaller sibling",
        bands: Bands::Fixed(Severity::Low),
        detect: Detect::Manifest(oversized),
        why: "The same project publishes a smaller image for running programs. How much it saves depends on what your steps then have to install themselves.",
        fix: "FROM {{sibling}}",
        caution: "Compilers, shells or libraries may be missing. On Alpine, Python wheels for glibc do not work.",
        check: "docker run --rm {{sibling}} true",
        links: &[BASES],
        ..BASE
    },
    Rule {
        id: "base-stale",
        title: "The base image was old when the image was built",
        bands: Bands::Fixed(Severity::Medium),
        detect: Detect::Manifest(stale),
        why: "An old base image lacks updates, which your own steps then store a second time when they upgrade its packages.",
        fix: "docker buildx build --pull .\n# with FROM {{base}}, or a newer tag of it",
        caution: "The version may be pinned on purpose. Base images that are built to be the same each time may have a made-up date.",
        links: &[BASES],
        ..BASE
    },
    Rule {
        id: "base-unknown",
        title: "Base image and own steps cannot be told apart",
        risk: Risk::Safe,
        effort: Effort::Line,
        detect: Detect::Manifest(unknown),
        why: "There is no label, annotation, provenance or history that tells where the base image ends, so that findings cannot say who is able to fix them.",
        fix: "LABEL org.opencontainers.image.base.name=… \\\n      org.opencontainers.image.base.digest=sha256:…",
        caution: "An image that starts with FROM scratch has no base image.",
        links: &["https://github.com/opencontainers/image-spec/blob/main/annotations.md"],
        ..BASE
    },
];

/// A base image of more bytes, and more than half of all, matters.
const LARGE: u64 = 2_000_000_000;
/// Of a base image with fewer bytes of download no sibling is named.
const WORTHWHILE: u64 = 50_000_000;
/// A base image that is older than its image by so many days is stale.
const STALE: i64 = 365;
/// No image is older; such dates are made up.
const FIRST_IMAGE: &str = "2013-03-20T00:00:00Z";

fn share(facts: &Facts<'_>) -> Vec<Candidate> {
    let filesystem = facts.ledger.filesystem();
    let base: Vec<usize> = facts
        .image
        .layers
        .iter()
        .filter(|layer| layer.origin == Origin::Base)
        .map(|layer| layer.index)
        .collect();
    if base.is_empty() {
        return Vec::new();
    }
    let mut sum = Amount::default();
    let mut rows = Vec::new();
    for layer in base {
        let (visible, shadowed) = (filesystem.visible_in(layer), filesystem.shadowed_in(layer));
        sum += visible;
        sum += shadowed;
        let compressed = facts.image.layers.get(layer).map(|layer| layer.compressed);
        rows.push(vec![
            Value::Text(facts.instruction(layer)),
            Value::Bytes(visible.bytes),
            Value::Bytes(shadowed.bytes),
            compressed.map_or(Value::Unknown, Value::Bytes),
        ]);
    }
    let whole = filesystem.content();
    let is_most = sum.bytes > LARGE && u128::from(sum.bytes) * 2 > u128::from(whole);
    let message =
        Phrase::words("The base image is ").share(sum.bytes, whole).and(" of the contents");
    let mut candidate = Candidate::new("", message, Claim::Figure(sum.into()))
        .severity(if is_most { Severity::High } else { Severity::Info });
    let columns = vec!["Instruction", "Visible", "Hidden", "Download"];
    candidate.table = Some(Table { columns, rows });
    vec![candidate]
}

/// What a repository's smaller images are called.
enum Sibling {
    /// The tag with something behind it.
    Suffix(&'static str),
    /// A part of the tag replaced.
    Part(&'static str, &'static str),
    /// Another repository.
    Other(&'static str),
}

use Sibling::{Other, Part, Suffix};

/// Repositories, without the registry of Docker Hub and its `library/`, and their smaller
/// siblings, of which the first that fits counts.
const SIBLINGS: &[(&str, &[Sibling])] = &[
    ("python", &[Suffix("-slim")]),
    ("node", &[Suffix("-slim")]),
    ("ruby", &[Suffix("-slim")]),
    ("perl", &[Suffix("-slim")]),
    ("php", &[Part("-apache", "-fpm-alpine")]),
    ("openjdk", &[Part("-jdk", "-jre"), Suffix("-slim")]),
    ("eclipse-temurin", &[Part("-jdk", "-jre")]),
    ("amazoncorretto", &[Part("-jdk", "-headless")]),
    ("golang", &[Other("debian:stable-slim")]),
    ("rust", &[Other("debian:stable-slim")]),
    ("gcc", &[Other("debian:stable-slim")]),
    ("maven", &[Other("eclipse-temurin:<version>-jre")]),
    ("gradle", &[Other("eclipse-temurin:<version>-jre")]),
    ("debian", &[Suffix("-slim")]),
    ("buildpack-deps", &[Suffix("-scm"), Suffix("-curl")]),
    ("amazonlinux", &[Suffix("-minimal")]),
    (
        "nvidia/cuda",
        &[
            Part("-cudnn-devel", "-cudnn-runtime"),
            Part("-devel", "-runtime"),
            Part("-runtime", "-base"),
        ],
    ),
    ("rapidsai/ci-conda", &[Other("condaforge/miniforge3")]),
    ("continuumio/anaconda3", &[Other("condaforge/miniforge3")]),
    ("continuumio/miniconda3", &[Other("mambaorg/micromamba")]),
    ("jupyter/datascience-notebook", &[Other("quay.io/jupyter/scipy-notebook")]),
    ("jupyter/scipy-notebook", &[Other("quay.io/jupyter/minimal-notebook")]),
    ("jupyter/minimal-notebook", &[Other("quay.io/jupyter/base-notebook")]),
    ("rocker/geospatial", &[Other("rocker/tidyverse")]),
    ("rocker/tidyverse", &[Other("rocker/rstudio")]),
    ("rocker/rstudio", &[Other("rocker/r-ver")]),
    ("redhat/ubi9", &[Other("redhat/ubi9-minimal"), Other("redhat/ubi9-micro")]),
    ("registry.access.redhat.com/ubi9", &[Other("registry.access.redhat.com/ubi9-minimal")]),
    (
        "registry.access.redhat.com/ubi9/ubi",
        &[Other("registry.access.redhat.com/ubi9/ubi-minimal")],
    ),
    ("mcr.microsoft.com/dotnet/sdk", &[Other("mcr.microsoft.com/dotnet/aspnet")]),
    ("mcr.microsoft.com/dotnet/aspnet", &[Other("mcr.microsoft.com/dotnet/runtime")]),
];

/// Parts of a tag that say that it is a small variant already.
const SMALL: [&str; 8] =
    ["slim", "alpine", "minimal", "micro", "distroless", "-jre", "-scm", "-curl"];

/// The smaller siblings of an image by its name.
fn siblings(name: &str) -> Vec<String> {
    let text = name.split('@').next().unwrap_or(name);
    let slash = text.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match text[slash..].split_once(':') {
        Some((last, tag)) => (format!("{}{last}", &text[..slash]), Some(tag)),
        None => (text.to_owned(), None),
    };
    let short = ["docker.io/library/", "index.docker.io/library/", "docker.io/", "library/"]
        .iter()
        .find_map(|start| repository.strip_prefix(start))
        .unwrap_or(&repository);
    let short =
        short.strip_prefix("quay.io/").filter(|rest| rest.starts_with("jupyter/")).unwrap_or(short);
    let Some((_, siblings)) = SIBLINGS.iter().find(|(known, _)| *known == short) else {
        return Vec::new();
    };
    let is_small = tag.is_some_and(|tag| SMALL.iter().any(|part| tag.contains(part)));
    let other = |sibling: &Sibling| match sibling {
        Other(other) => Some((*other).to_owned()),
        Suffix(_) | Part(..) if is_small => None,
        Suffix(suffix) => {
            let tag = tag.filter(|tag| *tag != "latest");
            Some(tag.map_or_else(
                || format!("{repository}:{}", suffix.trim_start_matches('-')),
                |tag| format!("{repository}:{tag}{suffix}"),
            ))
        }
        Part(part, replaced) => {
            let tag = tag.filter(|tag| tag.contains(part))?;
            Some(format!("{repository}:{}", tag.replace(part, replaced)))
        }
    };
    let mut found: Vec<String> = siblings.iter().filter_map(other).collect();
    found.dedup();
    found
}

fn oversized(image: &Image) -> Vec<Candidate> {
    let Some(name) = image.base.as_ref().and_then(|base| base.name.as_deref()) else {
        return Vec::new();
    };
    let base = image.layers.iter().filter(|layer| layer.origin == Origin::Base);
    let bytes = base.fold(0, |sum: u64, layer| sum.saturating_add(layer.compressed));
    let siblings = siblings(name);
    let Some(first) = siblings.first().filter(|_| bytes == 0 || bytes >= WORTHWHILE) else {
        return Vec::new();
    };
    let message = Phrase::words("Instead of ").name(name).and(", a smaller one may do: ");
    let message = message.name(siblings.join(", "));
    let claim = Claim::Figure(Saving { content: 0, compressed: bytes });
    let candidate = Candidate::new(name, message, claim)
        .note(Phrase::words(
            "The bytes are those of the base image as it is; what the other one has was not asked.",
        ))
        .fill("sibling", first.clone());
    vec![candidate]
}

/// A base image that was old when the image was made, by the dates of their documents alone.
fn stale(image: &Image) -> Vec<Candidate> {
    let base = image.layers.iter().rev().find(|layer| layer.origin == Origin::Base);
    let step = base.and_then(|layer| image.steps.get(layer.step?));
    let dates = image.created.as_ref().zip(step.and_then(|step| step.created.as_ref()));
    let seconds = |text: &str| text.parse().ok().map(Timestamp::as_second);
    let known = dates.and_then(|(image, base)| Some((seconds(image)?, seconds(base)?)));
    let Some((built, based)) = known.filter(|(_, base)| Some(*base) >= seconds(FIRST_IMAGE)) else {
        return Vec::new();
    };
    let days = built.saturating_sub(based) / (24 * 60 * 60);
    if days < STALE {
        return Vec::new();
    }
    let message = Phrase::words("The base image was ")
        .count(usize::try_from(days).unwrap_or(usize::MAX))
        .and(" days old when the image was built");
    vec![Candidate::new("", message, Claim::View(Vec::new()))]
}

fn unknown(image: &Image) -> Vec<Candidate> {
    let is_known = image.base.as_ref().is_some_and(|base| base.layers.is_some());
    let is_told = image.layers.iter().any(|layer| layer.origin != Origin::Unknown);
    if image.layers.len() < 2 || is_known || is_told {
        return Vec::new();
    }
    let message = Phrase::words("Nothing tells where the base image ends");
    vec![Candidate::new("", message, Claim::Figure(Saving::default()))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Base, Evidence};
    use crate::ledger::testing::image;
    use crate::rule::testing::found;
    use crate::rule::{Selection, manifest_findings};

    #[test]
    fn shares_of_the_base() {
        let text = "base: ADD rootfs /\n  a 3_000_000_000\n  b 10\nRUN x\n  c 1_000\n  -b\n";
        let [finding] = &found(text, &["base-share"])[..] else { panic!("one") };
        assert_eq!((finding.gross.content, finding.net.content), (3_000_000_010, 0));
        assert_eq!(finding.severity, Severity::High);
        let small = text.replace("3_000_000_000", "30");
        assert_eq!(found(&small, &["base-share"])[0].severity, Severity::Info);
        assert_eq!(found("RUN x\n  c 1\n", &["base-share"]).len(), 0);
    }

    #[test]
    fn siblings_are_named() {
        let check = |name: &str, expected: &[&str]| assert_eq!(siblings(name), expected, "{name}");
        check("python:3.12", &["python:3.12-slim"]);
        check(
            "docker.io/library/python:3.12-bookworm",
            &["docker.io/library/python:3.12-bookworm-slim"],
        );
        check("python", &["python:slim"]);
        check("python:3.12-slim", &[]);
        check(
            "python:3.12-alpine@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
            &[],
        );
        check(
            "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04",
            &["nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04"],
        );
        check("nvidia/cuda:12.4.1-base-ubuntu22.04", &[]);
        check("eclipse-temurin:21-jdk-jammy", &["eclipse-temurin:21-jre-jammy"]);
        check("golang:1.22", &["debian:stable-slim"]);
        check("quay.io/jupyter/scipy-notebook:x", &["quay.io/jupyter/minimal-notebook"]);
        check("example.org:5000/python:3", &[]);
        check("", &[]);
    }

    #[test]
    fn hints_need_a_name_and_a_size() {
        let (mut image, _) = image("base: ADD rootfs /\n  a 1 compressed=60000000\nRUN x\n  b 1\n");
        let only = vec!["base-oversized".to_owned()];
        let selection = Selection { only, ..Selection::default() };
        assert_eq!(manifest_findings(&image, &selection).len(), 0);
        image.base = Some(Base {
            name: Some("python:3.12".to_owned()),
            digest: None,
            layers: Some(1),
            evidence: Evidence::Label,
            confirmed: true,
        });
        let found = manifest_findings(&image, &selection);
        assert_eq!(found[0].snippet, "FROM python:3.12-slim");
        assert_eq!((found[0].gross.compressed, found[0].net.compressed), (60_000_000, 0));
        image.layers[0].compressed = 100;
        assert_eq!(manifest_findings(&image, &selection).len(), 0);
    }

    #[test]
    fn dates_of_the_base() {
        let check = |built: Option<&str>, base: Option<&str>, expected: usize| {
            let (mut image, _) = image("base: ADD rootfs /\n  a 1\nRUN x\n  b 1\n");
            image.created = built.map(str::to_owned);
            image.steps[0].created = base.map(str::to_owned);
            let only = vec!["base-stale".to_owned()];
            let selection = Selection { only, ..Selection::default() };
            assert_eq!(manifest_findings(&image, &selection).len(), expected, "{built:?} {base:?}");
        };
        let built = Some("2024-06-01T00:00:00Z");
        check(built, Some("2023-06-02T00:00:00Z"), 1);
        check(built, Some("2023-06-03T00:00:00Z"), 0);
        // Made up, or not known.
        check(built, Some("1970-01-01T00:00:00Z"), 0);
        check(Some("1970-01-01T00:00:00Z"), Some("2023-06-02T00:00:00Z"), 0);
        check(built, None, 0);
        check(None, Some("2020-01-01T00:00:00Z"), 0);
    }

    #[test]
    fn an_unknown_base_is_said() {
        let (mut image, _) = image("RUN x\n  b 1\nRUN y\n  c 1\n");
        let only = vec!["base-unknown".to_owned()];
        let selection = Selection { only, ..Selection::default() };
        assert_eq!(manifest_findings(&image, &selection).len(), 0);
        image.layers.iter_mut().for_each(|layer| layer.origin = Origin::Unknown);
        assert_eq!(manifest_findings(&image, &selection).len(), 1);
    }
}
