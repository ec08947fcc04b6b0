//! What the analysis costs on an image of a million files in four layers.
//!
//! A Debian base, a Python environment with conda packages, Node modules, and an application that
//! overwrites, deletes and copies some of that. `REGSIZE_BENCH_FILES` sets another number of files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use regsize::component::{self, Component, Knowledge};
use regsize::filesystem::Filesystem;
use regsize::image::{Image, Layer, Origin, Runtime, Step};
use regsize::layer::{
    Attributes, Capture, ContentHash, Elf, ElfSection, Hashing, Kind, Limits, Source, Toc,
    TocBuilder,
};
use regsize::ledger::{Documents, Ledger};
use regsize::oci::{Digest, MediaType, Platform};
use regsize::owner::Owners;
use regsize::package::Inventory;
use regsize::rule::{Facts, Selection, duplicates, findings};

const STEPS: [&str; 4] = [
    "RUN apt-get update && apt-get install -y git r-base",
    "RUN mamba install -y numpy && pip install torch",
    "RUN npm install",
    "RUN chown -R 1000:1000 /app && cp -r /app/data /srv/data && rm -rf /usr/share/doc",
];

static FILES: LazyLock<usize> = LazyLock::new(|| {
    let asked = std::env::var("REGSIZE_BENCH_FILES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
});

static TOCS: LazyLock<Vec<Arc<Toc>>> = LazyLock::new(|| {
    let layers: [fn(&mut Archive, usize); 4] = [debian, python, node, application];
    layers
        .into_iter()
        .map(|fill| {
            let mut layer = Archive::new();
            fill(&mut layer, *FILES / 4);
            Arc::new(layer.0.finish(0))
        })
        .collect()
});

static IMAGE: LazyLock<Image> = LazyLock::new(image);
static LEDGER: LazyLock<Ledger> = LazyLock::new(|| Ledger::new(merged()));

fn main() {
    divan::main();
}

/// A layer as it is written.
struct Archive(TocBuilder);

impl Archive {
    fn new() -> Self {
        Self(TocBuilder::new(Source::Stream, Hashing::Xxh3, Limits::default()))
    }

    fn entry(&mut self, path: &str, kind: Kind, size: u64, uid: u64) -> u32 {
        let attributes = Attributes { mode: 0o644, uid, ..Attributes::default() };
        self.0.add(path.as_bytes(), kind, size, 1_700_000_000, attributes).expect("an entry")
    }

    /// A file with a content of its own; one in ten is like others.
    fn file(&mut self, path: &str, size: u64) -> u32 {
        let own = twox_hash::XxHash3_64::oneshot(path.as_bytes());
        let (content, size) = if own.is_multiple_of(10) {
            (own / 10 % 5000, own / 10 % 5000 * 37)
        } else {
            (own, size)
        };
        self.like(path, size, content, 0)
    }

    fn like(&mut self, path: &str, size: u64, content: u64, uid: u64) -> u32 {
        let at = self.entry(path, Kind::File, size, uid);
        let entry = self.0.entry(at);
        entry.hash = Some(ContentHash(u128::from(content).to_be_bytes()));
        entry.compressed = size.div_ceil(3);
        at
    }

    fn document(&mut self, path: &str, content: String) {
        let at = self.file(path, content.len() as u64);
        self.0.toc().captures.push(Capture {
            entry: at,
            head: content.into_bytes(),
            tail: Vec::new(),
        });
    }

    fn library(&mut self, path: &str, size: u64) {
        let at = self.file(path, size);
        let section = |name: &str, size, loaded| ElfSection { name: name.into(), size, loaded };
        let sections =
            vec![section(".text", size / 2, true), section(".debug_info", size / 4, false)];
        self.0.toc().elf.push((at, Elf { machine: 62, kind: 3, wide: true, sections }));
    }
}

/// Packages of a hundred files with what dpkg writes about them.
fn debian(layer: &mut Archive, files: usize) {
    const LANGUAGES: [&str; 12] =
        ["de", "fr", "es", "it", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh"];
    layer.document(
        "etc/os-release",
        "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n".into(),
    );
    let mut status = String::new();
    for package in 0..files / 100 {
        let name = format!("lib{package}-dev");
        let mut list = String::from("/.\n");
        let mut paths = vec![
            format!("usr/share/doc/{name}/copyright"),
            format!("usr/share/doc/{name}/changelog.Debian.gz"),
            format!("usr/bin/tool{package}"),
            format!("usr/share/man/man1/tool{package}.1.gz"),
            format!("usr/lib/x86_64-linux-gnu/lib{package}.a"),
        ];
        let locale = |language| format!("usr/share/locale/{language}/LC_MESSAGES/{name}.mo");
        paths.extend(LANGUAGES.iter().map(locale));
        paths.extend((0..30).map(|at| format!("usr/include/{name}/part{at}/header{at}.h")));
        paths.extend((0..50).map(|at| format!("usr/share/{name}/themes/set{}/{at}.svg", at % 7)));
        for (at, path) in (0..).zip(&paths) {
            layer.file(path, 700 + at * 311);
            let _ = writeln!(list, "/{path}");
        }
        let library = format!("usr/lib/x86_64-linux-gnu/lib{package}.so.1");
        layer.library(&library, 300_000);
        let _ = writeln!(list, "/{library}");
        layer.document(&format!("var/lib/dpkg/info/{name}.list"), list);
        let _ = writeln!(
            status,
            "Package: {name}\nStatus: install ok installed\nInstalled-Size: 400\n\
             Architecture: amd64\nVersion: 1.{package}-1\nDepends: lib{}-dev\n",
            package / 2,
        );
    }
    layer.document("var/lib/dpkg/status", status);
}

/// Wheels with their records and byte code, and as many conda packages.
fn python(layer: &mut Archive, files: usize) {
    const SITE: &str = "opt/conda/lib/python3.11/site-packages";
    for package in 0..files / 400 {
        let name = format!("wheel{package}");
        let mut record = String::new();
        for at in 0..97 {
            let source = format!("{name}/sub{}/module{at}.py", at % 9);
            let compiled = format!("{name}/sub{}/__pycache__/module{at}.cpython-311.pyc", at % 9);
            for path in [source, compiled] {
                layer.file(&format!("{SITE}/{path}"), 2_000 + at * 97);
                let _ = writeln!(record, "{path},sha256=abc,{}", 2_000 + at * 97);
            }
        }
        layer.library(&format!("{SITE}/{name}/_core.so"), 900_000);
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 2.{package}\n");
        layer.document(&format!("{SITE}/{name}-2.{package}.dist-info/METADATA"), metadata);
        layer.document(&format!("{SITE}/{name}-2.{package}.dist-info/RECORD"), record);
    }
    for package in 0..files / 400 {
        let name = format!("conda{package}");
        let paths: Vec<String> = (0..199)
            .map(|at| format!("share/{name}/tests/group{}/case{at}.dat", at % 11))
            .collect();
        for (at, path) in (0..).zip(&paths) {
            layer.file(&format!("opt/conda/{path}"), 4_000 + at * 13);
        }
        let record = format!(
            "{{\"name\":\"{name}\",\"version\":\"1.0\",\"build\":\"0\",\"channel\":\"conda-forge\",\
             \"depends\":[\"conda{}\"],\"files\":[\"{}\"]}}",
            package / 2,
            paths.join("\",\""),
        );
        layer.document(&format!("opt/conda/conda-meta/{name}-1.0-0.json"), record);
    }
}

/// Modules of a hundred files, some within others.
fn node(layer: &mut Archive, files: usize) {
    for module in 0..files / 100 {
        let parent = match module % 3 {
            0 => String::new(),
            _ => format!("node_modules/module{}/", module - module % 3),
        };
        let directory = format!("app/{parent}node_modules/module{module}");
        let json = format!("{{\"name\":\"module{module}\",\"version\":\"3.{}.0\"}}", module % 40);
        layer.document(&format!("{directory}/package.json"), json);
        for at in 0..99 {
            let end = ["js", "d.ts", "js.map", "md", "mjs"][at % 5];
            layer.file(&format!("{directory}/dist/part{}/file{at}.{end}", at % 8), 900);
        }
    }
}

/// Files of its own, the same again elsewhere, others stored again with another owner or changed,
/// and what it deletes.
fn application(layer: &mut Archive, files: usize) {
    for at in 0..files / 4 {
        let path = format!("data/set{}/run{}/sample{at}.bin", at % 40, at % 1000);
        let content = twox_hash::XxHash3_64::oneshot(path.as_bytes());
        layer.like(&format!("app/{path}"), 3_000, content, 0);
        layer.like(&format!("srv/{path}"), 3_000, content, 0);
    }
    for at in 0..files / 2 {
        let (module, part) = (at / 99 * 3, at % 99);
        let end = ["js", "d.ts", "js.map", "md", "mjs"][part % 5];
        let path =
            format!("app/node_modules/module{module}/dist/part{}/file{part}.{end}", part % 8);
        let own = twox_hash::XxHash3_64::oneshot(path.as_bytes());
        let size = if own.is_multiple_of(10) { 901 } else { 900 };
        layer.like(&path, size, own, 1000);
    }
    for package in 0..files / 200 {
        layer.entry(&format!("usr/share/doc/.wh.lib{package}-dev"), Kind::File, 0, 0);
    }
}

fn image() -> Image {
    let step = |at: usize, text: &str| Step {
        number: Some(at + 1),
        instruction: text.to_owned(),
        created_by: text.to_owned(),
        layer: Some(at),
        ..Step::default()
    };
    let layer = |at: usize, toc: &Arc<Toc>| Layer {
        index: at,
        digest: Digest::of(at.to_string().as_bytes()),
        diff_id: None,
        media_type: MediaType("application/vnd.oci.image.layer.v1.tar+gzip".to_owned()),
        compressed: toc.entries.iter().map(|entry| entry.compressed).sum(),
        uncompressed: None,
        step: Some(at),
        origin: if at == 0 { Origin::Base } else { Origin::Own },
        source: None,
        annotations: BTreeMap::default(),
    };
    Image {
        platform: Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            ..Platform::default()
        },
        digest: Digest::of(b"manifest"),
        manifest_size: 1,
        config_digest: Digest::of(b"config"),
        config_size: 1,
        created: None,
        os_name: None,
        layers: TOCS.iter().enumerate().map(|(at, toc)| layer(at, toc)).collect(),
        steps: STEPS.iter().enumerate().map(|(at, text)| step(at, text)).collect(),
        base: None,
        runtime: Runtime::default(),
        labels: BTreeMap::default(),
        label_secrets: Vec::new(),
        annotation_secrets: Vec::new(),
        annotations: BTreeMap::default(),
        in_files: false,
    }
}

fn merged() -> Filesystem {
    Filesystem::merge(TOCS.iter().cloned().map(Some).collect())
}

/// What the rules ask about, made once.
struct Known {
    documents: Documents<'static>,
    inventory: Inventory,
    components: Vec<Component>,
    owners: Owners,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let documents = Documents::new(&LEDGER);
    let inventory = Inventory::read(&LEDGER, &documents);
    let components = components(&documents, &inventory);
    let owners = Owners::attribute(&IMAGE, &LEDGER, &inventory, &components);
    Known { documents, inventory, components, owners }
});

fn components(documents: &Documents<'_>, inventory: &Inventory) -> Vec<Component> {
    component::find(&IMAGE, &LEDGER, documents, inventory, &Knowledge::default())
}

fn facts() -> Facts<'static> {
    let known = &*KNOWN;
    Facts::new(
        &IMAGE,
        &LEDGER,
        &known.documents,
        &known.inventory,
        &known.components,
        &known.owners,
    )
}

#[divan::bench(sample_count = 3)]
fn a_merge(bencher: Bencher) {
    let _ = &*TOCS;
    bencher.bench_local(merged);
}

#[divan::bench(sample_count = 3)]
fn b_ledger(bencher: Bencher) {
    bencher.with_inputs(merged).bench_local_values(Ledger::new);
}

#[divan::bench(sample_count = 3)]
fn c_packages(bencher: Bencher) {
    let documents = Documents::new(&LEDGER);
    bencher.bench_local(|| Inventory::read(&LEDGER, &documents));
}

#[divan::bench(sample_count = 3)]
fn d_components(bencher: Bencher) {
    let known = &*KNOWN;
    bencher.bench_local(|| components(&known.documents, &known.inventory));
}

#[divan::bench(sample_count = 3)]
fn e_owners(bencher: Bencher) {
    let known = &*KNOWN;
    bencher.bench_local(|| Owners::attribute(&IMAGE, &LEDGER, &known.inventory, &known.components));
}

#[divan::bench(sample_count = 3)]
fn f_facts(bencher: Bencher) {
    let _ = &*KNOWN;
    bencher.bench_local(facts);
}

#[divan::bench(sample_count = 3)]
fn g_findings(bencher: Bencher) {
    bencher
        .with_inputs(facts)
        .bench_local_values(|facts| findings(&facts, &Selection::default()).len());
}

#[divan::bench(sample_count = 3)]
fn h_duplicates(bencher: Bencher) {
    let facts = facts();
    bencher.bench_local(|| duplicates(&facts).files);
}
