//! Which requests `inspect` sends, and what it remembers between runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::{Output, Running};
use crate::support::{Image, Index, Layer, Provenance, Registry, Report, Sandbox};

const PLATFORMS: [&str; 8] = [
    "linux/amd64",
    "linux/386",
    "linux/arm/v5",
    "linux/arm/v7",
    "linux/arm64/v8",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
];
const LAYERS: usize = 20;

/// Twenty layers, of which all platforms share the lowest.
fn image(platform: &str) -> Image {
    let start = Image::new(platform).layer(Layer::gzip("etc/common 3000"), "ADD common / # x");
    (1..LAYERS).fold(start, |image, number| {
        let layer = Layer::gzip(&format!("srv/{platform}/{number} {}", 100 * number));
        image.layer(layer, &format!("RUN make {number} # buildkit"))
    })
}

fn images() -> Vec<Image> {
    PLATFORMS.iter().map(|platform| image(platform)).collect()
}

fn index(images: &[Image]) -> Index {
    let listed = images.iter().fold(Index::new(), Index::image);
    images.iter().fold(listed, |index, image| {
        index.attestation(image, &Provenance::new("FROM scratch\n").statement(image))
    })
}

fn started(images: &[Image]) -> RunningRegistry {
    Registry::new().put_image("team/app", "latest", &index(images).bundle()).start()
}

fn small() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/ # buildkit")
}

fn small_registry() -> RunningRegistry {
    Registry::new().put_image("team/app", "latest", &small().bundle()).start()
}

fn json(sandbox: &Sandbox, reference: &str, options: &[&str]) -> Output {
    sandbox.run(&[&["inspect", reference, "--format", "json"], options].concat())
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn of_manifest(digest: impl std::fmt::Display) -> String {
    format!("GET /v2/team/app/manifests/{digest}")
}

fn of_blob(digest: impl std::fmt::Display) -> String {
    format!("GET /v2/team/app/blobs/{digest}")
}

/// The requests for images: manifests, configs, and each distinct layer once.
fn requests_for(images: &[&Image]) -> Vec<String> {
    let manifests = images.iter().map(|image| of_manifest(image.digest()));
    let configs = images.iter().map(|image| of_blob(regsize::oci::Digest::of(&image.config())));
    let layers = images.iter().flat_map(|image| image.layers());
    let layers: BTreeSet<String> =
        layers.map(|layer| of_blob(regsize::oci::Digest::of(&layer.blob))).collect();
    manifests.chain(configs).chain(layers).collect()
}

/// The requests for the attestation of the image at `position`: its manifest and its statement.
fn requests_for_attestation(images: &[Image], position: usize) -> Vec<String> {
    let only = Index::new().attestation(
        &images[position],
        &Provenance::new("FROM scratch\n").statement(&images[position]),
    );
    let bundle = only.bundle();
    let statement = regsize::oci::Digest::of(&bundle.blobs[0]);
    vec![of_manifest(bundle.documents[0].digest()), of_blob(statement)]
}

fn assert_ranges_are_closed_and_short(registry: &RunningRegistry, expected: usize) {
    let mut ranges = 0;
    for range in registry.requests().iter().filter_map(|request| request.header("range")) {
        let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
        assert!(last - first < 100, "{range}");
        ranges += 1;
    }
    assert_eq!(ranges, expected);
}

#[test]
fn a_first_run_reads_each_document_and_the_end_of_each_layer_once_and_a_second_one_asks_once() {
    let images = images();
    let registry = started(&images);
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let first = json(&sandbox, &reference, &[]);
    let report = Report::of(&first);
    assert_eq!((report.images.len(), report.attestations.len()), (8, 8));
    let all: Vec<&Image> = images.iter().collect();
    let mut expected = requests_for(&all);
    assert_eq!(expected.len(), 8 + 8 + 8 * 19 + 1);
    expected.extend(requests_for_attestation(&images, report.shown));
    expected.push(of_manifest("latest"));
    assert_eq!(registry.lines()[0], of_manifest("latest"));
    assert_eq!(sorted(registry.lines()), sorted(expected.clone()));
    assert_ranges_are_closed_and_short(&registry, 8 * 19 + 1);

    let second = json(&sandbox, &reference, &[]);
    assert_eq!(registry.lines()[expected.len()..], ["HEAD /v2/team/app/manifests/latest"]);
    assert_eq!(first, second);
}

#[test]
fn the_report_adds_up_to_what_the_descriptors_say() {
    let images = images();
    let registry = started(&images);
    let report = Report::of(&json(&Sandbox::new(), &registry.reference("team/app"), &[]));
    for (image, found) in images.iter().zip(&report.images) {
        let descriptors = image.layer_descriptors();
        let sizes: Vec<_> = descriptors.iter().map(|layer| layer["size"].as_u64()).collect();
        let found_sizes: Vec<_> = found.layers.iter().map(|layer| Some(layer.compressed)).collect();
        assert_eq!(found_sizes, sizes);
        assert_eq!(Some(found.sizes.compressed), sizes.iter().copied().sum());
        let tars: Vec<_> = image.layers().iter().map(|l| Some(l.tar.len() as u64)).collect();
        let found_tars: Vec<_> = found.layers.iter().map(|layer| layer.uncompressed).collect();
        assert_eq!(found_tars, tars);
        assert_eq!(found.manifest_size, image.manifest().bytes.len() as u64);
        assert_eq!(found.config_size, image.config().len() as u64);
        assert_eq!(found.digest, image.digest().to_string());
    }
    let shared = images[0].layers()[0].blob.len() as u64;
    let Shares { all, unique } = Shares::of(&report);
    assert_eq!(all - unique, 7 * shared);
}

struct Shares {
    all: u64,
    unique: u64,
}

impl Shares {
    fn of(report: &Report) -> Self {
        let shared = &report.shared;
        Self { all: shared.compressed_all_platforms, unique: shared.compressed_unique }
    }
}

#[test]
fn one_platform_costs_its_own_documents_only() {
    let images = images();
    let registry = started(&images);
    let options = ["--platform", "linux/arm64"];
    let report = Report::of(&json(&Sandbox::new(), &registry.reference("team/app"), &options));
    assert_eq!(report.images.len(), 1);
    assert_eq!(report.shown().platform, "linux/arm64/v8");
    assert_eq!(report.platforms.len(), 8);
    let mut expected = requests_for(&[&images[4]]);
    expected.extend(requests_for_attestation(&images, 4));
    expected.push(of_manifest("latest"));
    assert_eq!(sorted(registry.lines()), sorted(expected));
}

#[test]
fn without_tails_no_layer_is_touched() {
    let registry = small_registry();
    let reference = registry.reference("team/app");
    let report = Report::of(&json(&Sandbox::new(), &reference, &["--no-tails"]));
    assert_eq!(report.uncompressed(), [None]);
    let config = of_blob(regsize::oci::Digest::of(&small().config()));
    assert_eq!(registry.lines(), [of_manifest("latest"), config]);
    assert_ranges_are_closed_and_short(&registry, 0);
}

#[test]
fn digests_are_asked_for_as_they_are_and_win_over_tags() {
    let images = images();
    let bundle = index(&images).bundle();
    let registry = started(&images);
    let sandbox = Sandbox::new();
    let check = |version: String, digest: String| {
        let before = registry.lines().len();
        let reference = registry.reference(&format!("team/app{version}"));
        let options = ["--platform", "linux/amd64", "--no-cache"];
        let report = Report::of(&json(&sandbox, &reference, &options));
        assert_eq!(report.digest, digest, "{version}");
        assert_eq!(report.shown().digest, images[0].digest().to_string(), "{version}");
        assert_eq!(registry.lines()[before], of_manifest(&digest), "{version}");
    };
    let (top, below) = (bundle.top.digest().to_string(), images[0].digest().to_string());
    check(format!("@{top}"), top.clone());
    check(format!("@{below}"), below);
    check(format!(":latest@{top}"), top.clone());
    check(format!(":gone@{top}"), top);
}

#[test]
fn a_digest_that_was_read_before_costs_one_head() {
    let registry = small_registry();
    let digest = small().digest();
    let reference = registry.reference(&format!("team/app@{digest}"));
    let sandbox = Sandbox::new();
    let first = json(&sandbox, &reference, &[]);
    let before = registry.lines().len();
    assert_eq!(json(&sandbox, &reference, &[]), first);
    assert_eq!(registry.lines()[before..], [format!("HEAD /v2/team/app/manifests/{digest}")]);
}

#[test]
fn a_tag_that_moved_is_read_anew_by_its_new_digest() {
    let registry = small_registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app:latest");
    let old = Report::of(&json(&sandbox, &reference, &[]));
    let moved = small().layer(Layer::gzip("srv/new 900"), "COPY new /srv # buildkit");
    registry.update(|content| content.put_image("team/app", "latest", &moved.bundle()));
    let before = registry.lines().len();
    let new = Report::of(&json(&sandbox, &reference, &[]));
    assert_ne!(old.digest, new.digest);
    assert_eq!((new.digest.clone(), new.shown().layers.len()), (moved.digest().to_string(), 2));
    let lines = registry.lines()[before..].to_vec();
    let start = ["HEAD /v2/team/app/manifests/latest".to_owned(), of_manifest(moved.digest())];
    assert_eq!(lines[..2], start);
    // The new config and the new layer; the layer that both have is known.
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(Report::of(&json(&sandbox, &reference, &[])).digest, new.digest);
    assert_eq!(registry.lines().len(), before + 5);
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let registry = small_registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let first = json(&sandbox, &reference, &["--no-cache"]);
    let lines = registry.lines();
    assert_eq!(json(&sandbox, &reference, &["--no-cache"]), first);
    assert_eq!(sorted(registry.lines()), sorted([lines.clone(), lines].concat()));
    assert_eq!(files_in(&sandbox.path("cache")), Vec::<PathBuf>::new());
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(files_in(&entry));
        } else {
            files.push(entry);
        }
    }
    files.sort();
    files
}

type Damage = fn(Vec<u8>) -> Vec<u8>;

#[test]
fn damaged_cache_entries_change_nothing_but_the_time_and_are_replaced() {
    let registry = small_registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let sound = json(&sandbox, &reference, &[]);
    let files = files_in(&sandbox.path("cache"));
    // The manifest, the config, the layer's end and the tag.
    assert_eq!(files.len(), 4, "{files:?}");
    let damages: [(&str, Damage); 4] = [
        ("flipped", |mut bytes| {
            bytes[3] ^= 0x20;
            bytes
        }),
        ("cut", |bytes| bytes[..bytes.len() - 1].to_vec()),
        ("emptied", |_| Vec::new()),
        ("overwritten", |_| vec![b'{'; 5000]),
    ];
    for (name, damage) in damages {
        for file in &files {
            fs::write(file, damage(fs::read(file).unwrap())).unwrap();
            assert_eq!(json(&sandbox, &reference, &[]), sound, "{name} {}", file.display());
        }
        let before = registry.lines().len();
        assert_eq!(json(&sandbox, &reference, &[]), sound);
        assert_eq!(registry.lines().len(), before + 1, "{name}: not replaced");
    }
}

#[test]
fn a_cache_cannot_stand_in_for_a_registry_that_refuses() {
    let registry = small_registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    Report::of(&json(&sandbox, &reference, &[]));
    registry.update(|content| content.deny("team/app"));
    let output = json(&sandbox, &reference, &[]);
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], "auth", "{output}");
}

#[test]
fn a_cache_directory_that_cannot_be_used_costs_one_note() {
    let registry = small_registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let report = json(&sandbox, &reference, &[]);
    let check = |place: &str, reason: &str| {
        let place = sandbox.path(place).display().to_string();
        let output = json(&sandbox, &reference, &["--cache-dir", &place]);
        assert_eq!((output.code, &output.stdout), (Some(0), &report.stdout), "{output}");
        let note = output.stderr.trim_end();
        assert!(!note.contains('\n') && note.starts_with("note: "), "{note:?}");
        assert!(note.contains(&place) && note.contains(reason), "{note:?}");
    };
    sandbox.write("file", "in the way");
    check("file", "File exists");
    check("file/below", "Not a directory");
    fs::create_dir(sandbox.path("shared")).unwrap();
    set_mode(&sandbox.path("shared"), 0o777);
    check("shared", "everybody may write to it");
    std::os::unix::fs::symlink("/gone", sandbox.path("link")).unwrap();
    check("link", "");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs as a user for whom modes count, which they do not for a root with its capabilities.
fn without_capabilities(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let own = sandbox.command(arguments);
    if !rustix::process::geteuid().is_root() {
        return sandbox.run(arguments);
    }
    let mut command = std::process::Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(own.get_program());
    command.args(own.get_args()).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Running::start(&mut command).finish()
}

#[test]
fn a_read_only_cache_is_read_and_not_written_to() {
    let registry = small_registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let arguments = ["inspect", &reference, "--format", "json"];
    set_mode(&sandbox.path("cache"), 0o500);
    let empty = without_capabilities(&sandbox, &arguments);
    assert_eq!(empty.code, Some(0), "{empty}");
    assert_eq!(empty.stderr.lines().count(), 1, "{empty}");
    assert!(empty.stderr.contains("cannot be written to"), "{empty}");
    assert_eq!(files_in(&sandbox.path("cache")), Vec::<PathBuf>::new());
    set_mode(&sandbox.path("cache"), 0o700);
    assert_eq!(without_capabilities(&sandbox, &arguments).stderr, "");
    set_mode(&sandbox.path("cache/v1"), 0o500);
    set_mode(&sandbox.path("cache"), 0o500);
    let before = registry.lines().len();
    let filled = without_capabilities(&sandbox, &arguments);
    assert_eq!((filled.stdout, filled.stderr), (empty.stdout, empty.stderr));
    assert_eq!(registry.lines()[before..], ["HEAD /v2/team/app/manifests/latest"]);
    set_mode(&sandbox.path("cache"), 0o700);
}

#[test]
fn a_registry_without_head_is_asked_by_get() {
    let registry = small_registry();
    registry.update(|content| content.no_head(405));
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let first = json(&sandbox, &reference, &[]);
    let before = registry.lines().len();
    assert_eq!(json(&sandbox, &reference, &[]), first);
    let expected = ["HEAD /v2/team/app/manifests/latest".to_owned(), of_manifest("latest")];
    assert_eq!(registry.lines()[before..], expected);
}

#[test]
fn several_references_make_one_array_and_one_failure_fails_the_run() {
    let registry = small_registry();
    registry.update(|content| content.put_tags("team/app", "latest", &["v1"]));
    let sandbox = Sandbox::new();
    let (first, second) =
        (registry.reference("team/app:latest"), registry.reference("team/app:v1"));
    let output = sandbox.run(&["inspect", &first, &second, "--format", "json"]);
    assert_eq!(output.code, Some(0), "{output}");
    let reports: Vec<Report> = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(reports[0].digest, reports[1].digest);
    let missing = registry.reference("team/app:gone");
    let output = sandbox.run(&["inspect", &first, &missing, "--format", "json"]);
    assert_eq!(output.code, Some(2), "{output}");
    let both = output.json();
    assert_eq!(both[0]["digest"], reports[0].digest.as_str());
    assert_eq!(both[1]["error"]["kind"], "not_found");
}
