//! What was found out about a large image, for the tests of reports.

use crate::analysis::{
    Attribution, Balance, Brought, Declared, Group, GroupShare, Identity, PackageUsage, Study,
    milestones, optimized,
};
use crate::component::Making;
use crate::filesystem::Amount;
use crate::layer::{ContentHash, Hashing};
use crate::owner::{Owner, OwnerId, OwnerKind};
use crate::package::{Ecosystem, Inventory, Note, Package, PackageId};
use crate::rule::{
    Bands, ComponentUsage, Confidence, Detect, DuplicateGroup, Duplicates, Effort, Finding,
    LayerUsage, Needs, OriginSplit, PartUsage, PathShare, Paths, Phase, Phrase, Risk, Rule, Saving,
    Severity, StepShare, Table, Value, VersionKind, VersionRow,
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

const MB: u64 = 1_000_000;

/// What was found out about the large image.
pub(super) fn study() -> Study {
    let findings = vec![deleted(), cache(), gpu(), headers(), order(), recompress()];
    let whole = Saving { content: 25_537 * MB, compressed: 9_679 * MB };
    Study {
        packages: usages(),
        inventory: inventory(),
        owners: owners(),
        attribution: attribution(),
        components: components(),
        duplicates: duplicates(),
        versions: versions(),
        optimized: optimized(&findings, whole),
        roadmap: milestones(&findings),
        findings,
        balances: vec![
            balance(Identity::Owners, 25_537, 25_537),
            balance(Identity::Blobs, 9_678, 9_679),
            Balance { identity: Identity::Steps, found: 12, expected: 11 },
        ],
        declared: vec![Declared {
            ecosystem: Ecosystem::Dpkg,
            packages: 412,
            declared: 1_100 * MB,
            measured: 1_030 * MB,
        }],
    }
}

/// Of an image without anything in it.
pub(super) fn nothing() -> Study {
    Study {
        packages: Vec::new(),
        inventory: Inventory::default(),
        owners: Vec::new(),
        attribution: Attribution::default(),
        components: Vec::new(),
        duplicates: Duplicates::default(),
        versions: Vec::new(),
        optimized: optimized(&[], Saving::default()),
        roadmap: Vec::new(),
        findings: Vec::new(),
        balances: Vec::new(),
        declared: Vec::new(),
    }
}

/// The same with a hostile text in the place of every name.
pub(super) fn hostile(path: &[u8]) -> Study {
    let text = String::from_utf8_lossy(path).into_owned();
    let mut study = study();
    for finding in &mut study.findings {
        finding.id.clone_from(&text);
        finding.message = Phrase::words("what is at ").path(path).and(" may go");
        finding.notes = vec![Phrase::words("see ").name(&*text)];
        finding.snippet = format!("RUN x \\\n{text}\n```\n{text}");
        finding.group = Some(text.clone());
        finding.paths.iter_mut().for_each(|share| share.path = path.to_vec());
        finding.table = Some(Table {
            columns: vec!["what", "bytes"],
            rows: vec![vec![Value::Text(text.clone()), Value::Bytes(1)]],
        });
    }
    for package in &mut study.inventory.packages {
        package.name.clone_from(&text);
        package.version = Some(text.clone());
        package.location = path.to_vec();
    }
    study.inventory.notes = vec![Note { path: path.to_vec(), text: text.clone(), is_gap: false }];
    for owner in &mut study.owners {
        owner.name.clone_from(&text);
        owner.version = Some(text.clone());
    }
    for component in &mut study.components {
        for field in [&mut component.id, &mut component.title, &mut component.about] {
            field.clone_from(&text);
        }
        component.root = Some(path.to_vec());
        component.version = Some((text.clone(), text.clone()));
        component.slimmer = vec![text.clone()];
        component.check = Some(text.clone());
        for part in &mut component.parts {
            for field in [&mut part.name, &mut part.role, &mut part.risk] {
                field.clone_from(&text);
            }
            part.needed_by = Some(text.clone());
        }
    }
    for row in &mut study.versions {
        row.name.clone_from(&text);
        row.version = Some(text.clone());
        row.source = Some(text.clone());
    }
    for group in &mut study.duplicates.groups {
        group.paths.iter_mut().for_each(|held| *held = path.to_vec());
    }
    study
}

fn saving(content: u64) -> Saving {
    Saving { content, compressed: content / 3 }
}

fn amount(bytes: u64) -> Amount {
    Amount { files: bytes / 50_000 + 1, bytes, compressed: bytes / 3 }
}

fn balance(identity: Identity, found: u128, expected: u128) -> Balance {
    Balance { identity, found: found * u128::from(MB), expected: expected * u128::from(MB) }
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
        steps: vec![StepShare { layer, gross: net }],
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
            StepShare { layer: 2, gross: saving(200 * MB) },
            StepShare { layer: 6, gross: saving(700 * MB) },
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

fn inventory() -> Inventory {
    let package = |name: &str, version: &str, ecosystem, layer, requested| Package {
        ecosystem,
        name: name.to_owned(),
        version: Some(version.to_owned()),
        location: if ecosystem == Ecosystem::Conda { b"opt/conda".to_vec() } else { Vec::new() },
        layer,
        requested,
        ..Package::default()
    };
    let note = Note {
        path: b"opt/conda/conda-meta/broken.json".to_vec(),
        text: "it is no JSON; its files are without an owner".to_owned(),
        is_gap: false,
    };
    Inventory {
        packages: vec![
            package("curl", "7.88.1-10+deb12u5", Ecosystem::Dpkg, 4, Some(true)),
            package("libcurl4", "7.88.1-10+deb12u5", Ecosystem::Dpkg, 4, Some(false)),
            package("pytorch", "2.5.1", Ecosystem::Conda, 6, Some(true)),
            Package {
                version: None,
                ..package("cudatoolkit", "", Ecosystem::Conda, 6, Some(false))
            },
        ],
        notes: vec![note],
    }
}

fn usages() -> Vec<PackageUsage> {
    let usage = |(package, bytes, exclusive)| PackageUsage {
        package: PackageId(package),
        visible: amount(bytes),
        shadowed: Amount::default(),
        exclusive,
    };
    [(0, MB / 2, Some(MB)), (1, MB, None), (2, 4_310 * MB, Some(6_500 * MB)), (3, 2_190 * MB, None)]
        .map(usage)
        .to_vec()
}

fn owners() -> Vec<Owner> {
    let owner = |kind, name: &str, bytes, shadowed, layer| Owner {
        kind,
        name: name.to_owned(),
        version: matches!(kind, OwnerKind::Package(_)).then(|| "2.5.1".to_owned()),
        visible: amount(bytes),
        shadowed: if shadowed == 0 { Amount::default() } else { amount(shadowed) },
        layer,
    };
    vec![
        owner(OwnerKind::Package(PackageId(2)), "pytorch", 4_310 * MB, 1_400 * MB, 6),
        owner(OwnerKind::Package(PackageId(3)), "cudatoolkit", 2_190 * MB, 0, 6),
        owner(OwnerKind::Component(1), "RStudio Server", 1_190 * MB, 0, 8),
        owner(OwnerKind::Application, "opt/models", 216 * MB, 0, 5),
        owner(OwnerKind::Unowned, "opt/conda", 90 * MB, 9 * MB, 2),
        owner(OwnerKind::PackageDatabase, "package databases", 12 * MB, 9 * MB, 1),
        owner(OwnerKind::Generated, "generated", 3 * MB, 0, 0),
    ]
}

fn attribution() -> Attribution {
    let share = |group, layer, visible, shadowed| GroupShare {
        group,
        layer,
        visible: amount(visible),
        shadowed: if shadowed == 0 { Amount::default() } else { amount(shadowed) },
    };
    let brought = |owners: &[u32]| Brought {
        largest: owners.iter().map(|owner| (OwnerId(*owner), amount(MB))).collect(),
        owners: owners.len() + 2,
    };
    Attribution {
        shares: vec![
            share(Group::Packages(Ecosystem::Dpkg), 1, 800 * MB, 0),
            share(Group::Packages(Ecosystem::Conda), 6, 6_500 * MB, 1_400 * MB),
            share(Group::Components, 8, 1_190 * MB, 0),
            share(Group::Application, 5, 216 * MB, 0),
            share(Group::Unowned, 2, 990 * MB, 9 * MB),
        ],
        layers: vec![
            brought(&[6]),
            brought(&[5]),
            brought(&[0, 4]),
            Brought::default(),
            brought(&[5]),
            Brought { largest: vec![(OwnerId(3), amount(216 * MB))], owners: 1 },
            brought(&[0, 1, 4]),
        ],
        owned: Vec::new(),
    }
}

fn components() -> Vec<ComponentUsage> {
    let part = |name: &str, role: &str, risk: &str, bytes| PartUsage {
        name: name.to_owned(),
        role: role.to_owned(),
        risk: risk.to_owned(),
        needed_by: (risk == "review").then(|| "tutorials".to_owned()),
        visible: amount(bytes),
    };
    let component = |id: &str, title: &str, root: &str, making, bytes, layer| ComponentUsage {
        id: id.to_owned(),
        title: title.to_owned(),
        about: "a large tool".to_owned(),
        making,
        root: Some(root.into()),
        version: Some(("24.9.2".to_owned(), format!("/{root}/VERSION"))),
        inside: None,
        visible: amount(bytes),
        shadowed: Amount::default(),
        layers: vec![LayerUsage { layer, visible: amount(bytes), shadowed: Amount::default() }],
        parts: Vec::new(),
        slimmer: Vec::new(),
        check: Some(format!("{id} --version")),
        observations: Vec::new(),
    };
    vec![
        ComponentUsage {
            observations: vec![Phrase::words("pip keeps no cache already")],
            parts: vec![
                part("include", "build", "test", 150 * MB),
                part("examples", "data", "review", 40 * MB),
            ],
            ..component("conda", "conda", "opt/conda", Making::Packages, 20_610 * MB, 6)
        },
        ComponentUsage {
            slimmer: vec!["the build without a bundled Quarto".to_owned()],
            ..component(
                "rstudio",
                "RStudio Server",
                "usr/lib/rstudio-server",
                Making::Prebuilt,
                1_190 * MB,
                8,
            )
        },
        ComponentUsage {
            inside: Some(1),
            version: None,
            ..component(
                "quarto",
                "Quarto",
                "usr/lib/rstudio-server/bin/quarto",
                Making::Compiled,
                197 * MB,
                8,
            )
        },
    ]
}

fn duplicates() -> Duplicates {
    let group = |size, paths: &[&str], files| DuplicateGroup {
        hashing: Hashing::Xxh3,
        hash: ContentHash([7; 16]),
        size,
        compressed: size / 4 * (files - 1),
        files,
        paths: paths.iter().map(|path| (*path).into()).collect(),
    };
    Duplicates {
        bytes: 212 * MB,
        compressed: 53 * MB,
        files: 8,
        more: 0,
        groups: vec![
            group(50 * MB, &["opt/a/libcudart.so.12", "opt/b/libcudart.so.12"], 2),
            group(20 * MB, &["a", "b", "c", "d", "e"], 7),
        ],
    }
}

fn versions() -> Vec<VersionRow> {
    let row = |(kind, name, version, source): (_, &str, Option<&str>, Option<&str>)| VersionRow {
        kind,
        name: name.to_owned(),
        version: version.map(str::to_owned),
        source: source.map(str::to_owned),
    };
    [
        (VersionKind::System, "Ubuntu", Some("24.04"), Some("/etc/os-release")),
        (VersionKind::Component, "RStudio Server", None, None),
        (VersionKind::Runtime, "Python", Some("3.12.8"), Some("conda")),
        (VersionKind::Packages, "conda", Some("412"), None),
        (VersionKind::Requested, "pytorch", Some("2.5.1"), Some("conda")),
    ]
    .map(row)
    .to_vec()
}
