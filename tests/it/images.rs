//! All documents that stand for images are read for what they are.

use std::collections::BTreeSet;

use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::image::{
    Bundle, DOCKER_LIST, DOCKER_MANIFEST, Document, OCI_INDEX, OCI_MANIFEST, descriptor, with,
};
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Image, Index, Layer, Provenance, Registry, Reply, Report, Sandbox};
use crate::support::{Origin, Server};

const FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

fn image(platform: &str) -> Image {
    Image::new(platform)
        .layer(Layer::gzip("etc/os-release 300"), "ADD rootfs.tar / # buildkit")
        .layer(Layer::gzip(&format!("usr/{platform} 900")), "RUN make # buildkit")
}

fn registry(bundle: &Bundle) -> RunningRegistry {
    Registry::new().put_image("team/app", "latest", bundle).start()
}

fn run(registry: &RunningRegistry) -> Output {
    Sandbox::new().run(&["inspect", &registry.reference("team/app"), "--format", "json"])
}

fn inspect(bundle: &Bundle) -> Report {
    Report::of(&run(&registry(bundle)))
}

fn assert_fails(bundle: &Bundle, kind: &str, parts: &[&str]) {
    let output = run(&registry(bundle));
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()["error"]["kind"], kind, "{output}");
    for part in parts.iter().chain(&["team/app"]) {
        assert!(output.stderr.contains(part), "{part} in {output}");
    }
}

#[test]
fn manifests_are_read_in_both_dialects_with_and_without_media_type() {
    let check = |image: Image, expected: &str| {
        let report = inspect(&image.bundle());
        assert_eq!((report.media_type.as_str(), report.images.len()), (expected, 1));
        let tars: Vec<_> = image.layers().iter().map(|l| Some(l.tar.len() as u64)).collect();
        assert_eq!(report.uncompressed(), tars);
        assert_eq!(report.platforms, ["linux/amd64"]);
        assert_eq!(report.shown().layers[1].step, Some(2));
        assert_eq!(report.warnings, Vec::<String>::new());
    };
    check(image("linux/amd64"), OCI_MANIFEST);
    check(image("linux/amd64").docker(), DOCKER_MANIFEST);
    check(image("linux/amd64").without_media_type(), OCI_MANIFEST);
}

#[test]
fn indexes_are_read_in_both_dialects_with_and_without_media_type() {
    let (one, two) = (image("linux/amd64"), image("linux/arm64/v8"));
    let oci = Index::new().image(&one).image(&two);
    let docker = Index::new().docker().image(&one.clone().docker()).image(&two.clone().docker());
    let check = |index: Index, expected: &str| {
        let report = inspect(&index.bundle());
        assert_eq!(report.media_type, expected);
        assert_eq!(report.platforms, ["linux/amd64", "linux/arm64/v8"]);
        assert_eq!(report.images.len(), 2);
        assert_eq!(report.warnings, Vec::<String>::new());
    };
    check(oci.clone(), OCI_INDEX);
    check(oci.change(json!({"mediaType": null})), OCI_INDEX);
    check(docker, DOCKER_LIST);
}

#[test]
fn a_docker_manifest_without_media_type_is_known_by_its_header() {
    let image = image("linux/amd64").docker().without_media_type();
    let report = inspect(&image.bundle());
    assert_eq!(report.images.len(), 1);
    assert_eq!(report.shown().layers.len(), 2);
}

/// An index that lists `bundle`'s document as an index.
fn around(bundle: Bundle) -> Bundle {
    let list =
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [bundle.top.descriptor()]});
    let mut documents = bundle.documents;
    documents.push(bundle.top);
    Bundle { top: Document::new(&list, OCI_INDEX), documents, blobs: bundle.blobs }
}

#[test]
fn indexes_may_be_nested_three_deep() {
    let one = Index::new().image(&image("linux/amd64")).image(&image("linux/s390x")).bundle();
    let three = around(around(one));
    let report = inspect(&three);
    assert_eq!(report.platforms, ["linux/amd64", "linux/s390x"]);
    assert_eq!(report.digest, three.top.digest().to_string());
    assert_fails(&around(three), "ceiling", &["nested more than 3 deep"]);
}

#[test]
fn what_is_not_an_image_is_listed_apart() {
    let (amd64, arm64) = (image("linux/amd64"), image("linux/arm64"));
    let nydus = image("linux/amd64").label("nydus", "yes").manifest();
    let features = json!({"platform": {"os": "linux", "architecture": "amd64", "os.features": ["nydus.remoteimage.v1"]}});
    let sbom = json!({"artifactType": "application/vnd.example.sbom.v1"});
    let index = Index::new()
        .image(&amd64)
        .image(&arm64)
        .attestation(&amd64, &Provenance::new("FROM scratch\n").statement(&amd64))
        .attestation(&arm64, &Provenance::new("FROM scratch\n").statement(&arm64))
        .soci(&amd64, &[(0, vec![7; 50].into())])
        .entry(with(nydus.descriptor(), features))
        .entry(with(descriptor(OCI_MANIFEST, b"an SBOM"), sbom));
    let registry = registry(&index.bundle());
    let report = Report::of(&run(&registry));
    assert_eq!(report.platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(report.images.len(), 2);
    let kinds: Vec<&str> = report.attestations.iter().map(|found| found.kind.as_str()).collect();
    assert_eq!(kinds, ["attestation", "attestation", "soci", "nydus", "artifact"]);
    let subjects: Vec<_> = report.attestations.iter().map(|found| found.subject.clone()).collect();
    let (first, second) = (amd64.digest().to_string(), arm64.digest().to_string());
    assert_eq!(subjects[..3], [Some(first.clone()), Some(second), Some(first)]);
    let artifact = report.attestations[4].artifact_type.as_deref();
    assert_eq!(artifact, Some("application/vnd.example.sbom.v1"));
    // Only the attestation of the platform that is shown is read.
    let shown: BTreeSet<bool> = report
        .attestations
        .iter()
        .filter(|found| found.compressed.is_some())
        .map(|found| found.subject.as_deref() == Some(&report.shown().digest))
        .collect();
    assert_eq!(shown, BTreeSet::from([true]));
    assert_eq!(registry.count("GET", &nydus.digest().to_string()), 0);
}

#[test]
fn schema_1_is_refused_with_what_to_do() {
    let signed = json!({"schemaVersion": 1, "name": "team/app", "tag": "latest", "fsLayers": [{"blobSum": Digest::of(b"x")}], "history": [{"v1Compatibility": "{}"}]});
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/json",
    ] {
        let top = Document::new(&signed, media_type);
        let bundle = Bundle { top, ..Bundle::default() };
        assert_fails(&bundle, "bad_data", &["schema 1", "push the image again"]);
    }
}

fn with_urls(image: &Image, url: &str, media_type: &str) -> Image {
    let mut layers = image.layer_descriptors();
    layers[0] = with(layers[0].clone(), json!({"urls": [url], "mediaType": media_type}));
    image.clone().change_manifest(json!({"layers": layers}))
}

#[test]
fn foreign_layers_are_named_and_their_urls_are_left_alone() {
    let elsewhere = Server::start(Origin::loopback(3), |_| Reply::ok("a layer"));
    let plain = image("windows/amd64");
    let image = with_urls(&plain, &elsewhere.url(), FOREIGN);
    let absent = Digest::of(&plain.layers()[0].blob).to_string();
    let registry = registry(&image.bundle());
    registry.update(|content| content.remove("team/app", &absent));
    let report = Report::of(&run(&registry));
    let foreign: Vec<bool> = report.shown().layers.iter().map(|layer| layer.foreign).collect();
    assert_eq!(foreign, [true, false]);
    assert_eq!(report.uncompressed()[0], None);
    let [warning] = &report.warnings[..] else { panic!("{:?}", report.warnings) };
    assert!(warning.contains("kept elsewhere, where this program does not go"), "{warning}");
    let text = Sandbox::new().run(&["inspect", &registry.reference("team/app")]);
    assert!(text.stdout.contains("foreign layer: ADD rootfs.tar"), "{text}");
    assert_eq!(elsewhere.lines(), Vec::<String>::new());
}

#[test]
fn urls_of_ordinary_layers_are_left_alone_as_well() {
    let elsewhere = Server::start(Origin::loopback(3), |_| Reply::ok("a layer"));
    let plain = image("linux/amd64");
    let image = with_urls(&plain, &elsewhere.url(), &plain.layers()[0].media_type);
    let report = inspect(&image.bundle());
    assert_eq!(report.uncompressed()[0], Some(plain.layers()[0].tar.len() as u64));
    assert!(!report.shown().layers[0].foreign);
    assert_eq!(elsewhere.lines(), Vec::<String>::new());
}

#[test]
fn an_artifact_is_shown_with_its_sizes() {
    let config = json!({"name": "chart", "version": "1.0.0"}).to_string();
    let chart = b"a chart in gzip".to_vec();
    let helm = "application/vnd.cncf.helm";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(&format!("{helm}.config.v1+json"), config.as_bytes()),
        "layers": [descriptor(&format!("{helm}.chart.content.v1.tar+gzip"), &chart)],
    });
    let top = Document::new(&manifest, OCI_MANIFEST);
    let registry =
        registry(&Bundle { top, blobs: vec![chart.clone().into()], ..Bundle::default() });
    let report = Report::of(&run(&registry));
    assert_eq!(report.shown().sizes.compressed, chart.len() as u64);
    assert_eq!(report.uncompressed(), [None]);
    let warnings = report.warnings.join("\n");
    assert!(
        warnings.contains("is not an image but application/vnd.cncf.helm.config"),
        "{warnings}"
    );
    assert_eq!(report.warnings.len(), 1, "{warnings}");
    // The config is not an image's and is not read.
    assert_eq!(registry.lines().len(), 1, "{:?}", registry.lines());
}

#[test]
fn an_image_without_layers_has_zero_bytes() {
    let image = Image::new("linux/amd64").step("LABEL a=b");
    let registry = registry(&image.bundle());
    let report = Report::of(&run(&registry));
    let sizes = &report.shown().sizes;
    assert_eq!((sizes.compressed, sizes.uncompressed), (0, Some(0)));
    let text = Sandbox::new().run(&["inspect", &registry.reference("team/app")]);
    assert!(text.stdout.contains("no layers"), "{text}");
    assert_fails(&Index::new().bundle(), "bad_data", &["lists no image"]);
}

#[test]
fn one_layer_twice_in_an_image_counts_twice_in_a_pull_and_once_among_the_distinct() {
    let layer = Layer::gzip("etc/a 900");
    let image = Image::new("linux/amd64")
        .layer(layer.clone(), "COPY a /etc/ # buildkit")
        .layer(layer.clone(), "COPY a /etc/ # buildkit");
    let size = layer.blob.len() as u64;
    let report = inspect(&image.bundle());
    assert_eq!(report.shown().sizes.compressed, 2 * size);
    assert_eq!(report.shared.compressed_unique, size);
}

#[test]
fn ambiguous_documents_are_refused() {
    let plain = image("linux/amd64").manifest();
    let mut both: Value = serde_json::from_slice(&plain.bytes).unwrap();
    both["manifests"] = json!([]);
    let renamed = image("linux/amd64").change_manifest(json!({"mediaType": OCI_INDEX}));
    let ambiguous = |top: Document| Bundle { top, ..image("linux/amd64").bundle() };
    assert_fails(&ambiguous(Document::new(&both, OCI_MANIFEST)), "bad_data", &["ambiguous"]);
    assert_fails(&renamed.bundle(), "bad_data", &["ambiguous", "named"]);
}
