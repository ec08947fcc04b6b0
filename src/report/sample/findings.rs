//! What rules find in the large image, for the tests of reports.

use super::study::MB;
use crate::owner::OwnerId;
use crate::rule::{
    Bands, Confidence, Detect, Effort, Finding, Needs, OriginSplit, PathShare, Paths, Phase,
    Phrase, Risk, Rule, Saving, Severity, StepFix, StepShare, Table, Value,
};

const RULE: Rule = Rule {
    id: "",
    title: "",
    phase: Phase::Unread,
    risk: Risk::Safe,
    effort: Effort::Line,
    bands: Bands::Waste,
    needs: Needs::Layers,
    min: 1_000_000,
    detect: Detect::Paths(Paths::any(&[])),
    why: "",
    fix: "",
    caution: "",
    check: "",
    links: &[],
};

static DELETED: Rule = Rule {
    id: "waste-deleted",
    title: "Files that a later step deletes",
    phase: Phase::Dead,
    effort: Effort::Step,
    why: "A later step hides files and frees nothing: their bytes are in the layer below.",
    links: &["https://docs.docker.com/build/building/best-practices/"],
    ..RULE
};

static CACHE: Rule = Rule {
    id: "cache-conda",
    title: "Package cache of conda",
    why: "conda keeps archives and unpacked packages for the next installation.",
    caution: "Hard links into an environment cost nothing.",
    links: &["https://docs.conda.io/", "https://docs.docker.com/build/building/best-practices/"],
    ..RULE
};

static HEADERS: Rule = Rule {
    id: "build-headers",
    title: "Headers of C libraries",
    phase: Phase::Rare,
    risk: Risk::Test,
    effort: Effort::Stage,
    why: "Only a compiler reads headers.",
    caution: "R and pip compile packages with them while a container runs.",
    check: "Rscript -e 'install.packages(\"jsonlite\")'",
    ..RULE
};

static GPU: Rule = Rule {
    id: "gpu-framework",
    title: "A framework built for GPUs",
    phase: Phase::Decision,
    risk: Risk::Review,
    effort: Effort::Split,
    why: "Builds for GPUs bring CUDA with them.",
    check: "python -c 'import torch'",
    ..RULE
};

static RECOMPRESS: Rule = Rule {
    id: "blob-zstd",
    title: "Layers compressed by gzip",
    phase: Phase::Parts,
    effort: Effort::Transport,
    why: "zstd packs tighter and unpacks faster.",
    ..RULE
};

static ORDER: Rule = Rule {
    id: "layer-order",
    title: "A layer that changes often lies below ones that do not",
    phase: Phase::View,
    risk: Risk::Test,
    effort: Effort::Step,
    needs: Needs::Manifest,
    ..RULE
};

/// One finding of each kind.
pub(super) fn findings() -> Vec<Finding> {
    vec![deleted(), cache(), gpu(), headers(), order(), recompress()]
}

fn saving(content: u64) -> Saving {
    Saving { content, compressed: content / 3 }
}

fn finding(
    rule: &'static Rule,
    (severity, own, base): (Severity, u64, u64),
    (path, layer): (&str, usize),
) -> Finding {
    let net = saving(own + base);
    let share = PathShare { path: path.into(), layer, gross: net, files: 12 };
    Finding {
        rule,
        id: rule.id.to_owned(),
        message: Phrase::words(rule.title).and(" at ").path(path.as_bytes()),
        severity,
        risk: rule.risk,
        quick_win: false,
        gross: net,
        net,
        origins: OriginSplit { own: saving(own), base: saving(base), unknown: saving(0) },
        confidence: Confidence::Measured,
        files: 12,
        steps: vec![StepShare { layer, gross: net, net, fix: None }],
        paths: vec![share],
        more_paths: 0,
        owners: vec![OwnerId(0)],
        group: None,
        snippet: String::new(),
        check: rule.check.to_owned(),
        notes: Vec::new(),
        table: None,
    }
}

fn step_share(layer: usize, net: Saving) -> StepShare {
    StepShare { layer, gross: net, net, fix: None }
}

/// The fix of a step that does not reach all that the step stores.
fn cache_fix() -> StepFix {
    let step = "RUN mamba env update -n base -f /tmp/environment.yml && mamba clean --all --yes";
    StepFix {
        snippet: format!("{step} \\\n && rm -rf /opt/conda/pkgs/cache\n# or: conda clean"),
        frees: saving(600 * MB),
    }
}

fn deleted() -> Finding {
    Finding {
        id: "waste-deleted-1a2b3c4d".to_owned(),
        message: Phrase::words("step 6 deletes ").path(b"opt/conda/pkgs").and(" of step 3"),
        snippet: "RUN mamba install -y python \\\n && mamba clean --all --yes".to_owned(),
        ..finding(&DELETED, (Severity::Critical, 0, 1_412 * MB), ("opt/conda/pkgs", 2))
    }
}

fn cache() -> Finding {
    Finding {
        quick_win: true,
        gross: saving(1_100 * MB),
        steps: vec![
            step_share(2, saving(200 * MB)),
            StepShare { fix: Some(cache_fix()), ..step_share(6, saving(700 * MB)) },
        ],
        more_paths: 3,
        snippet: "RUN mamba env update -f /tmp/environment.yml \\\n && mamba clean --all --yes"
            .to_owned(),
        notes: vec![Phrase::words("of it ").bytes(620 * MB).and(" are archives")],
        ..finding(&CACHE, (Severity::High, 700 * MB, 200 * MB), ("opt/conda/pkgs/cache", 6))
    }
}

fn gpu() -> Finding {
    Finding {
        group: Some("cuda".to_owned()),
        table: Some(Table {
            columns: vec!["package", "content", "files", "unused"],
            rows: vec![
                vec![
                    Value::Text("pytorch".to_owned()),
                    Value::Bytes(4_310 * MB),
                    Value::Count(11_390),
                    Value::Unknown,
                ],
                vec![
                    Value::Text("cudatoolkit".to_owned()),
                    Value::Bytes(2_190 * MB),
                    Value::Count(88),
                    Value::Bytes(12 * MB),
                ],
            ],
        }),
        ..finding(&GPU, (Severity::High, 6_500 * MB, 0), ("opt/conda/lib", 6))
    }
}

fn headers() -> Finding {
    finding(&HEADERS, (Severity::Medium, 130 * MB, 20 * MB), ("opt/conda/include", 6))
}

pub(super) fn order() -> Finding {
    Finding {
        net: Saving::default(),
        origins: OriginSplit::default(),
        ..finding(&ORDER, (Severity::Medium, 216 * MB, 0), ("opt/models", 5))
    }
}

fn recompress() -> Finding {
    let saving = Saving { content: 0, compressed: 310 * MB };
    Finding {
        gross: saving,
        net: saving,
        origins: OriginSplit { own: saving, ..OriginSplit::default() },
        confidence: Confidence::Estimated,
        steps: Vec::new(),
        paths: Vec::new(),
        owners: Vec::new(),
        message: Phrase::words("gzip takes ").share(1, 9).and(" more than zstd"),
        ..finding(&RECOMPRESS, (Severity::Low, 0, 0), ("", 0))
    }
}
