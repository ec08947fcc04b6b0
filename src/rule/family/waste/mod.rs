//! Bytes that layers carry and the image never shows.
//!
//! Each hidden file is claimed by what hid it; the closer rules (moved trees, upgraded packages,
//! databases) take theirs from the broad ones, and leave them where their own share is too small.

mod deleted;
mod emptied;
mod labels;
mod packages;
mod pairs;
mod rewritten;
#[cfg(test)]
mod tests;
mod variables;
mod views;

use crate::rule::{Bands, Detect, Effort, Phase, Risk, Rule};

/// What the rules of this family have in common.
const WASTE: Rule = Rule {
    phase: Phase::Dead,
    risk: Risk::Safe,
    effort: Effort::Step,
    bands: Bands::Waste,
    min: pairs::MIN,
    detect: Detect::Layers(|_| Vec::new()),
    ..Rule::BLANK
};

const BEST_PRACTICES: &str =
    "https://docs.docker.com/build/building/best-practices/#create-ephemeral-containers";
const OVERLAYFS: &str = "https://docs.docker.com/engine/storage/drivers/overlayfs-driver/#modifying-files-or-directories";
const LAYERS: &str = "https://docs.docker.com/build/cache/optimize/";

/// How closely rules describe hidden files: the closer one gets them.
const CHURN: u32 = 20;
const PACKAGE: u32 = 30;
const MOVED: u32 = 40;

pub(in crate::rule) const RULES: &[Rule] = &[
    Rule {
        id: "waste-deleted-later",
        title: "Files deleted by a later step",
        detect: Detect::Layers(deleted::deleted),
        why: "A layer cannot be changed by those above it: what a later step deletes is still stored and downloaded. It goes only if the step that makes it deletes it too.",
        fix: "RUN {{cmd}} \\\n && {{cleanup}}",
        caution: "If the files are needed by steps in between, build in a stage of its own and copy the result.",
        links: &[BEST_PRACTICES, LAYERS],
        ..WASTE
    },
    Rule {
        id: "waste-overwritten-content",
        title: "Files written again with other content",
        detect: Detect::Layers(rewritten::overwritten),
        why: "The older content stays in its layer, although nothing can read it. Logs and databases that grow from step to step are stored once for each step.",
        fix: "RUN {{cmd}} \\\n && {{change}}",
        caution: "A small file of a package that is replaced on purpose is not worth a change.",
        links: &[OVERLAYFS],
        ..WASTE
    },
    Rule {
        id: "waste-metadata-copyup",
        title: "Files stored again for another mode or owner",
        effort: Effort::Line,
        detect: Detect::Layers(rewritten::copied_up),
        why: "When a step changes the mode or owner of a file of an earlier layer, the whole file is stored a second time. Directories cost nothing.",
        fix: "COPY --chown={{owner}} --chmod={{mode}} {{sources}} {{target}}\n# or, where a RUN makes them:\nRUN {{cmd}} \\\n && {{change}}",
        caution: "A few programs that get or lose their set-user bit on purpose.",
        check: "stat -c '%a %u:%g %n' {{path}}",
        links: &[OVERLAYFS],
        ..WASTE
    },
    Rule {
        id: "waste-identical-rewrite",
        title: "Files stored again unchanged",
        detect: Detect::Layers(rewritten::identical),
        why: "A later step stores the same content with the same mode and owner: a copy over an existing tree, or the same version installed again. Only the last one shows.",
        fix: "FROM {{base}} AS final\n# not on top of an image that already has it\nCOPY --from=build {{dir}} {{dir}}",
        caution: "A step that only renews the time of a file (touch) does it on purpose now and then.",
        links: &[LAYERS],
        ..WASTE
    },
    Rule {
        id: "waste-moved-tree",
        title: "Files moved by a later step",
        detect: Detect::Layers(deleted::moved),
        why: "A move across steps stores the files at the new place and cannot free the old one.",
        fix: "RUN {{cmd}} \\\n && {{move}}",
        caution: "Without a visible mv command, equal contents are the only evidence.",
        links: &[LAYERS],
        ..WASTE
    },
    Rule {
        id: "waste-package-upgrade",
        title: "Packages installed, and then upgraded or removed",
        detect: Detect::Layers(packages::upgraded),
        why: "The files of the replaced version stay in the layer that installed them. A newer base image, or one step that installs the wanted versions at once, stores them once.",
        fix: "FROM {{base}}\n# a newer tag that already has the versions you upgrade to",
        caution: "Security upgrades on an old base image are right; what they cost goes with a newer base image.",
        links: &[
            "https://docs.docker.com/build/building/best-practices/#rebuild-your-images-often",
        ],
        ..WASTE
    },
    Rule {
        id: "waste-db-churn",
        title: "Package databases and caches written anew by each step",
        min: 5_000_000,
        detect: Detect::Layers(packages::churn),
        why: "Each step that installs packages stores the databases of the package manager and of system tools once more. This is what merging the steps would free, apart from what they download.",
        fix: "RUN apt-get update \\\n && apt-get install -y {{packages}} \\\n && rm -rf /var/lib/apt/lists/*",
        caution: "Steps that are kept apart to use the build cache are worth some bytes.",
        links: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
        ..WASTE
    },
    Rule {
        id: "waste-ineffective-cleanup",
        title: "Cleanup that frees nothing",
        phase: Phase::View,
        effort: Effort::Line,
        detect: Detect::Layers(views::ineffective),
        why: "The step deletes or strips files of earlier layers. Those keep them, so the image does not become smaller.",
        fix: "RUN {{cmd}} \\\n && {{cleanup}}",
        caution: "What the step deletes of its own is freed.",
        links: &[LAYERS],
        ..WASTE
    },
    Rule {
        id: "waste-base-shadowed",
        title: "Content of the base image that never shows",
        phase: Phase::View,
        effort: Effort::Base,
        bands: Bands::Normal,
        min: 10_000_000,
        detect: Detect::Layers(views::base),
        why: "The base image stores these bytes, so that no edit of your own steps can free them.",
        fix: "FROM {{base}}\n# one without these files, or: COPY --from=full / / into an empty image",
        caution: "Where the base image ends has to be known; without evidence this is not told.",
        links: &["https://docs.docker.com/build/building/base-images/"],
        ..WASTE
    },
];
