//! How an image is cut into layers. Nothing of it is bytes to save by itself.

mod content;
mod shape;
#[cfg(test)]
mod tests;

pub(super) use shape::is_empty;

use crate::rule::{Bands, Detect, Effort, Needs, Phase, Risk, Rule, Severity};

/// What the rules of this family have in common.
const LAYER: Rule = Rule {
    phase: Phase::View,
    risk: Risk::Safe,
    effort: Effort::Step,
    bands: Bands::Fixed(Severity::Low),
    needs: Needs::Manifest,
    detect: Detect::Manifest(|_| Vec::new()),
    ..Rule::BLANK
};

const BEST_PRACTICES: &str = "https://docs.docker.com/build/building/best-practices/";
const CACHE: &str = "https://docs.docker.com/build/cache/optimize/";

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "layer-too-many",
        title: "Many layers",
        bands: Bands::Fixed(Severity::Medium),
        detect: Detect::Manifest(shape::too_many),
        why: "Storage drivers stop at about 127 layers, so that images built on this one may fail. The number of layers by itself costs no bytes.",
        fix: "# steps {{first}} to {{last}} in one:\nRUN <<'SH'\nset -e\n…\nSH",
        caution: "Steps that are kept apart to use the build cache are fine as long as there are not too many.",
        links: &["https://docs.docker.com/engine/storage/drivers/overlayfs-driver/"],
        ..LAYER
    },
    Rule {
        id: "layer-small",
        title: "Tiny layers in a row",
        detect: Detect::Manifest(shape::small),
        why: "Each layer is a request of its own. Joining them saves no bytes, but round trips.",
        fix: "COPY a b c /dst/",
        caution: "Layers of COPY --link can be shared between images.",
        links: &[BEST_PRACTICES],
        ..LAYER
    },
    Rule {
        id: "layer-empty",
        title: "Layers without content",
        effort: Effort::Line,
        bands: Bands::Fixed(Severity::Info),
        detect: Detect::Manifest(shape::empty),
        why: "The step changed nothing. It can go, unless it checks something.",
        fix: "# leave out: {{instruction}}",
        caution: "Some builders need such a layer as a mark.",
        links: &[],
        ..LAYER
    },
    Rule {
        id: "layer-huge",
        title: "One layer dominates the download",
        bands: Bands::Fixed(Severity::Medium),
        detect: Detect::Manifest(shape::huge),
        why: "Layers are fetched side by side, but each by itself in one piece: the largest decides how long a pull takes, and starts anew when it breaks. Registries limit the size of a layer.",
        fix: "# cut it where parts change at different times:\nCOPY --link --from=a /opt/a /opt/a\nCOPY --link --from=b /opt/b /opt/b",
        caution: "",
        links: &[
            "https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-container-registry",
        ],
        ..LAYER
    },
    Rule {
        id: "layer-order",
        title: "What changes often stands below what is large",
        bands: Bands::Fixed(Severity::Medium),
        detect: Detect::Manifest(shape::order),
        why: "Each change of the copied files makes all later steps run anew, and their layers are pushed and pulled again.",
        fix: "# move {{from}} below {{last}}, unless a step between them reads its files:\n{{copy}}",
        caution: "A later step may really depend on the files.",
        links: &[CACHE],
        ..LAYER
    },
    Rule {
        id: "layer-split-package-steps",
        title: "Packages installed in many steps",
        needs: Needs::Layers,
        detect: Detect::Layers(content::split_packages),
        why: "Each such step stores the package manager's databases anew. To merge them frees that and nothing else.",
        fix: "RUN apt-get update \\\n && apt-get install -y {{packages}} \\\n && rm -rf /var/lib/apt/lists/*",
        caution: "A package source that an earlier step adds has to be there first.",
        links: &[BEST_PRACTICES],
        ..LAYER
    },
    Rule {
        id: "layer-many-entries",
        title: "Very many files in one layer",
        effort: Effort::Line,
        needs: Needs::Layers,
        detect: Detect::Layers(content::many_entries),
        why: "How long a layer takes to unpack depends on the number of its files. Each takes a header of 512 bytes and padding in the archive.",
        fix: "# leave out caches, bytecode, tests and documentation of the trees that have most files",
        caution: "",
        links: &[],
        ..LAYER
    },
    Rule {
        id: "layer-flatten-option",
        title: "What flattening would free",
        risk: Risk::Test,
        effort: Effort::Transport,
        bands: Bands::Normal,
        needs: Needs::Layers,
        min: 200_000_000,
        detect: Detect::Layers(content::flatten),
        why: "An image of one layer has no hidden bytes, whoever stored them. It no longer shares layers with its base image and other tags.",
        fix: "FROM {{image}} AS full\nFROM scratch\nCOPY --from=full / /\n{{config}}",
        caution: "History and provenance are lost, and what ENV, USER and ENTRYPOINT set has to be written again. Only worth it where the base image is not shared.",
        check: "getcap -r / 2>/dev/null",
        links: &["https://docs.docker.com/build/building/multi-stage/"],
        ..LAYER
    },
    Rule {
        id: "layer-efficiency",
        title: "Share of the stored bytes that shows",
        bands: Bands::Fixed(Severity::Medium),
        needs: Needs::Layers,
        detect: Detect::Layers(content::efficiency),
        why: "Visible bytes over all stored bytes: one number for a limit in a pipeline.",
        fix: "# fix the largest pairs of steps under waste-*",
        caution: "",
        links: &["https://github.com/wagoodman/dive#ci-integration"],
        ..LAYER
    },
];
