//! What was found out about a large image, for the tests of reports.

use super::findings::findings;
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
    ComponentUsage, DuplicateGroup, Duplicates, LayerUsage, PartUsage, Phrase, Saving, Table,
    Value, VersionKind, VersionRow,
};

pub(super) const MB: u64 = 1_000_000;

/// What was found out about the large image.
pub(super) fn study() -> Study {
    let findings = findings();
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

fn amount(bytes: u64) -> Amount {
    Amount { files: bytes / 50_000 + 1, bytes, compressed: bytes / 3 }
}

fn balance(identity: Identity, found: u128, expected: u128) -> Balance {
    Balance { identity, found: found * u128::from(MB), expected: expected * u128::from(MB) }
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
        named: None,
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
