//! Components and the steps that install them.

mod detect;
mod steps;
#[cfg(test)]
mod tests;

use crate::rule::{Bands, Detect, Effort, Needs, Phase, Risk, Rule, Severity};

const MB: u64 = 1_000_000;

/// What the rules of this family have in common.
const COMP: Rule = Rule {
    phase: Phase::View,
    risk: Risk::Review,
    bands: Bands::Fixed(Severity::Low),
    min: 50 * MB,
    ..Rule::BLANK
};

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "comp-top",
        title: "The largest components",
        bands: Bands::Fixed(Severity::Info),
        detect: Detect::Layers(detect::top),
        why: "What a maintainer would name as the contents of the image, with what each takes.",
        ..COMP
    },
    Rule {
        id: "comp-parts",
        title: "Parts of a component that many images do without",
        phase: Phase::Decision,
        bands: Bands::Review,
        detect: Detect::Layers(detect::parts),
        why: "The component runs without these parts; the uses that need them are named beside \
              them.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{parts}}\n\
              # or leave them out while unpacking: tar -x … {{excludes}}",
        caution: "A rarely used command may need a part; run what the image is for once without it.",
        ..COMP
    },
    Rule {
        id: "comp-optional-by-arg",
        title: "A large tool that not every user of the image needs",
        phase: Phase::Decision,
        bands: Bands::Review,
        min: 30 * MB,
        detect: Detect::Layers(detect::optional),
        why: "The tool serves one purpose, and neither what the image starts nor its environment \
              names it. A build argument lets those have it who need it.",
        fix: "ARG INSTALL_{{NAME}}=false\n\
              RUN if [ \"$INSTALL_{{NAME}}\" = true ]; then \\\n  {{cmd}}; \\\n fi",
        caution: "Scripts and people in the container may call it.",
        ..COMP
    },
    Rule {
        id: "comp-known-slim",
        title: "A component of which smaller builds are known",
        detect: Detect::Layers(detect::slimmer),
        why: "How much a smaller build takes depends on what it is asked to have, so nothing is \
              added to the savings.",
        fix: "# {{slimmer}}",
        caution: "A smaller build may lack a tool that the image's scripts call.",
        ..COMP
    },
    Rule {
        id: "comp-step-residual",
        title: "A step stores much beside the component that it installs",
        bands: Bands::Normal,
        min: 300 * MB,
        detect: Detect::Layers(steps::residual),
        why: "Packages that come along, caches and what else the step writes are told by their \
              owners; the findings about them say what can go.",
        caution: "What a script installs is not seen in its command.",
        ..COMP
    },
    Rule {
        id: "comp-step-dominant",
        title: "One step is a large part of the image",
        needs: Needs::Manifest,
        detect: Detect::Manifest(steps::dominant),
        why: "What is gained in this step is gained for most of the image.",
        caution: "An image for a single tool is like that.",
        ..COMP
    },
    Rule {
        id: "comp-split-variant",
        title: "One image for several kinds of users",
        effort: Effort::Split,
        bands: Bands::Fixed(Severity::Medium),
        detect: Detect::Layers(detect::variants),
        why: "Each group of users downloads what the others need. Tags for each of them share their \
              lower layers.",
        fix: "FROM {{base}} AS common\n\
              FROM common AS slim\n\
              FROM common AS full\n\
              # docker buildx build --target slim -t <repository>:slim .",
        caution: "Some users may need all of it at once.",
        ..COMP
    },
];
