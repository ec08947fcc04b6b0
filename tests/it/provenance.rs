//! Dockerfile lines come from BuildKit's provenance, and nothing else depends on it.

use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Image, Index, Layer, Provenance, Registry, Reply, Report, Sandbox};

const DOCKERFILE: &str = "FROM debian:12\nRUN make \\\n  install\nCOPY app /app\nCMD [\"app\"]\n";

fn image() -> Image {
    Image::new("linux/amd64")
        .layer(Layer::gzip("etc/os-release 300"), "ADD rootfs.tar / # debian")
        .layer(Layer::gzip("usr/bin/tool 9000"), "RUN /bin/sh -c make   install # buildkit")
        .layer(Layer::gzip("app 700"), "COPY app /app # buildkit")
        .step("CMD [\"app\"]")
}

fn provenance() -> Provenance {
    Provenance::new(DOCKERFILE)
        .source("docker-image://docker.io/library/debian:12", 1, 1)
        .exec("make install", 2..=3, 2)
        .copy(4..=4, 3)
}

fn registry(statement: &Value) -> RunningRegistry {
    let index = Index::new().image(&image()).attestation(&image(), statement);
    Registry::new().put_image("team/app", "latest", &index.bundle()).start()
}

/// Runs without asking for the base image, which is not on this machine.
fn run(registry: &RunningRegistry) -> Output {
    let reference = registry.reference("team/app");
    Sandbox::new().run(&["inspect", &reference, "--format", "json", "--no-base"])
}

fn lines(report: &Report) -> Vec<String> {
    let layers = report.shown().layers.iter();
    let shown = layers.map(|layer| match &layer.source {
        Some(place) => format!("{}:{}-{}", place.file, place.start_line, place.end_line),
        None => "?".to_owned(),
    });
    shown.collect()
}

#[test]
fn each_layer_names_the_dockerfile_lines_that_made_it() {
    let check = |provenance: Provenance, file: &str| {
        let report = Report::of(&run(&registry(&provenance.statement(&image()))));
        let expected = ["1-1", "2-3", "4-4"].map(|lines| format!("{file}:{lines}"));
        assert_eq!(lines(&report), expected);
        assert_eq!(report.warnings, Vec::<String>::new());
        assert_eq!(report.base(), Some((Some(1), "provenance", false)));
        let attached = &report.attestations[0];
        assert!(attached.compressed.is_some());
        assert_eq!(attached.predicates.len(), 1);
    };
    check(provenance(), "Dockerfile");
    check(provenance().version_1(), "Dockerfile");
    check(provenance().filename("build/app.Dockerfile"), "build/app.Dockerfile");
}

#[test]
fn an_attestation_in_the_form_of_an_artifact_is_read_as_well() {
    let statement = provenance().version_1().statement(&image());
    let index = Index::new().image(&image()).attestation_artifact(&image(), &statement);
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
    assert_eq!(lines(&Report::of(&run(&registry))).last().unwrap(), "Dockerfile:4-4");
}

#[test]
fn the_lines_stand_in_the_report() {
    let registry = registry(&provenance().statement(&image()));
    let reference = registry.reference("team/app");
    let text = Sandbox::new().run(&["inspect", &reference, "--no-base", "--width", "120"]);
    let row = text.stdout.lines().rfind(|line| line.contains("RUN make")).unwrap();
    assert!(row.contains("  2-3  "), "{text}");
    assert!(text.stdout.contains("of Dockerfile, by the build's provenance"), "{text}");
    let table = Sandbox::new().run(&["inspect", &reference, "--no-base", "--format", "csv"]);
    assert!(table.stdout.contains("\"Dockerfile:4\""), "{table}");
}

#[test]
fn provenance_that_records_no_steps_gives_no_lines_and_no_warning() {
    for provenance in [provenance().minimal(), provenance().minimal().version_1()] {
        let report = Report::of(&run(&registry(&provenance.statement(&image()))));
        assert_eq!(lines(&report), ["?", "?", "?"]);
        assert_eq!(report.warnings, Vec::<String>::new());
    }
}

#[test]
fn broken_provenance_costs_the_lines_and_a_warning() {
    let check = |name: &str, statement: &Value, part: &str| {
        let report = Report::of(&run(&registry(statement)));
        assert_eq!(lines(&report), ["?", "?", "?"], "{name}");
        let [warning] = &report.warnings[..] else { panic!("{name}: {:?}", report.warnings) };
        assert!(warning.contains(part), "{name}: {warning}");
        assert_eq!(report.shown().sizes.compressed, sum(&image()), "{name}");
    };
    let good = provenance().statement(&image());
    let changed = |place: &str, value: Value| {
        let mut statement = good.clone();
        *statement.pointer_mut(place).unwrap() = value;
        statement
    };
    let other = image().label("other", "image");
    check("of another image", &provenance().statement(&other), "is about sha256:");
    check("no subject", &changed("/subject", json!([])), "about no image");
    check("wrong type", &changed("/predicate", json!("text")), "not a provenance statement: ");
    check("other steps", &changed("/predicate/buildConfig", json!(7)), "predicate.buildConfig");
    let strange = changed("/predicate/buildConfig/llbDefinition/1/inputs", json!([{"a": 1}]));
    check("other inputs", &strange, "inputs");
}

fn sum(image: &Image) -> u64 {
    image.layers().iter().map(|layer| layer.blob.len() as u64).sum()
}

#[test]
fn attestations_that_cannot_be_read_cost_a_warning() {
    let statement = provenance().statement(&image());
    let bundle = Index::new().image(&image()).attestation(&image(), &statement).bundle();
    let manifest = bundle.documents[1].digest().to_string();
    let blob = Digest::of(statement.to_string().as_bytes()).to_string();
    let check = |name: &str, path: String, reply: Reply| {
        let registry = registry(&statement);
        registry.script_forever("GET", &path, vec![reply]);
        let output = Sandbox::new().run(&[
            "inspect",
            &registry.reference("team/app"),
            "--format",
            "json",
            "--no-base",
            "--retries",
            "0",
        ]);
        let report = Report::of(&output);
        assert_eq!(lines(&report), ["?", "?", "?"], "{name}");
        let [warning] = &report.warnings[..] else { panic!("{name}: {:?}", report.warnings) };
        assert!(warning.contains("attestation"), "{name}: {warning}");
        assert_eq!(report.attestations.len(), 1, "{name}");
    };
    let of_manifest = format!("/v2/team/app/manifests/{manifest}");
    let of_blob = format!("/v2/team/app/blobs/{blob}");
    check("no manifest", of_manifest.clone(), Reply::status(404));
    check("broken manifest", of_manifest.clone(), Reply::ok("{}"));
    check("manifest refused", of_manifest, Reply::status(500));
    check("no statement", of_blob.clone(), Reply::status(404));
    check("another statement", of_blob.clone(), Reply::ok("{}"));
    check("cut statement", of_blob, Reply::pass().truncate_after(200));
}

#[test]
fn hostile_names_in_provenance_are_made_harmless() {
    let statement = provenance().filename("Docker\u{1b}[31mfile\n::x").statement(&image());
    let registry = registry(&statement);
    let reference = registry.reference("team/app");
    let text = Sandbox::new().run(&["inspect", &reference, "--no-base", "--width", "160"]);
    assert!(!text.stdout.contains('\u{1b}'), "{text}");
    assert!(!text.stdout.lines().any(|line| line.starts_with("::")), "{text}");
}
