//! Images in Debian's registry, pushed by `skopeo`, are what `skopeo` says they are.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::{Value, json};

use crate::support::real::run;
use crate::support::report::ImageReport;
use crate::support::{
    Canary, Image, Index, Layer, Provenance, RealRegistry, Report, Sandbox, auths,
};

fn image(platform: &str, layer: fn(&str) -> Layer) -> Image {
    Image::new(platform)
        .layer(layer("etc/os-release 300\n usr/lib/libc.so 90000"), "ADD rootfs.tar / # buildkit")
        .step("ENV LANG=C")
        .layer(layer(&format!("srv/{platform} 40000\n zeros 9000 seed=0")), "RUN make # buildkit")
}

fn inspect(reference: &str) -> Report {
    Report::of(&Sandbox::new().run(&["inspect", reference, "--format", "json"]))
}

fn skopeo(reference: &str, options: &[&str]) -> Value {
    let reference = format!("docker://{reference}");
    let start = ["inspect", "--raw", "--tls-verify=false"];
    let printed = run("skopeo", "skopeo", &[&start[..], options, &[&reference]].concat());
    serde_json::from_str(&printed).unwrap()
}

/// Compares all numbers and digests of an image with its documents as skopeo prints them.
fn compare(found: &ImageReport, reference: &str) {
    let (manifest, config) = (skopeo(reference, &[]), skopeo(reference, &["--config"]));
    assert_eq!(json!(found.config_digest), manifest["config"]["digest"]);
    assert_eq!(json!(found.config_size), manifest["config"]["size"]);
    let layers: Vec<Value> = found
        .layers
        .iter()
        .map(|layer| json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.compressed}))
        .collect();
    assert_eq!(json!(layers), manifest["layers"]);
    let ids: Vec<_> = found.layers.iter().map(|layer| layer.diff_id.clone()).collect();
    assert_eq!(json!(ids), config["rootfs"]["diff_ids"]);
    let texts: Vec<_> = found.history.iter().map(|step| step.created_by.clone()).collect();
    let expected: Vec<_> = config["history"].as_array().unwrap().iter().collect();
    assert_eq!(json!(texts), json!(expected.iter().map(|e| &e["created_by"]).collect::<Vec<_>>()));
}

/// A blob as it lies in the registry's storage.
fn stored(registry: &RealRegistry, digest: &str) -> Vec<u8> {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let blobs = registry.storage().join("docker/registry/v2/blobs/sha256");
    std::fs::read(blobs.join(&hex[..2]).join(hex).join("data")).unwrap()
}

fn unpacked(blob: &[u8]) -> usize {
    let mut stream = Vec::new();
    match blob {
        [0x1f, 0x8b, ..] => {
            flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut stream).unwrap()
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::stream::copy_decode(blob, &mut stream).map(|()| stream.len()).unwrap()
        }
        _ => blob.len(),
    }
}

/// Compares the sizes with the blobs in the registry's storage.
fn compare_with_blobs(found: &ImageReport, registry: &RealRegistry) {
    for layer in &found.layers {
        let blob = stored(registry, &layer.digest);
        assert_eq!(layer.compressed, blob.len() as u64);
        let is_zstd = layer.media_type.ends_with("zstd");
        assert_eq!(layer.uncompressed, (!is_zstd).then_some(unpacked(&blob) as u64));
    }
}

#[test]
fn images_pushed_in_all_forms_are_what_skopeo_says() {
    let (gzip, zstd): (Image, Image) =
        (image("linux/amd64", Layer::gzip), image("linux/amd64", Layer::zstd));
    let plain = image("linux/amd64", Layer::plain);
    let check = |tag: &str, image: &Image, options: &[&str], media_type: &str, layers: &str| {
        // skopeo does not compress again what a registry has already.
        let registry = RealRegistry::start();
        let name = format!("team/{tag}:1");
        registry.skopeo_push(&name, &image.bundle(), options);
        let reference = registry.reference(&name);
        let report = inspect(&reference);
        assert!(report.media_type.contains(media_type), "{tag}: {}", report.media_type);
        let kinds: Vec<&str> =
            report.shown().layers.iter().map(|l| l.media_type.as_str()).collect();
        assert!(kinds.iter().all(|kind| kind.ends_with(layers)), "{tag}: {kinds:?}");
        compare(report.shown(), &reference);
        compare_with_blobs(report.shown(), &registry);
        assert_eq!(report.warnings, Vec::<String>::new(), "{tag}");
    };
    check("oci", &gzip, &[], "oci", "tar+gzip");
    check("oci-plain", &plain, &[], "oci", ".tar");
    check("oci-zstd", &zstd, &[], "oci", "tar+zstd");
    check("docker", &gzip, &["--format", "v2s2"], "docker", "tar.gzip");
    // Written by Go's gzip and zstd.
    let compress = ["--dest-compress", "--dest-compress-format"];
    check("go-gzip", &plain, &[compress[0], compress[1], "gzip"], "oci", "tar+gzip");
    check("go-zstd", &plain, &[compress[0], compress[1], "zstd"], "oci", "tar+zstd");
}

#[test]
fn an_index_with_attestations_is_what_the_registry_keeps() {
    let registry = RealRegistry::start();
    let images = ["linux/amd64", "linux/arm64/v8"].map(|name| image(name, Layer::gzip));
    let provenance = Provenance::new("FROM scratch\n");
    let index = images.iter().fold(Index::new(), |index, image| {
        index.image(image).attestation(image, &provenance.statement(image))
    });
    registry.push("team/app", "latest", &index.bundle());
    let report = inspect(&registry.reference("team/app"));
    let raw = skopeo(&registry.reference("team/app"), &[]);
    assert_eq!(report.digest, index.bundle().top.digest().to_string());
    assert_eq!(
        report.images.len() + report.attestations.len(),
        raw["manifests"].as_array().unwrap().len()
    );
    let sizes: BTreeMap<&str, u64> = report
        .images
        .iter()
        .map(|image| (image.digest.as_str(), image.manifest_size))
        .chain(report.attestations.iter().map(|found| (found.digest.as_str(), found.size)))
        .collect();
    for entry in raw["manifests"].as_array().unwrap() {
        assert_eq!(
            Some(&sizes[entry["digest"].as_str().unwrap()]),
            entry["size"].as_u64().as_ref()
        );
    }
    for (found, image) in report.images.iter().zip(&images) {
        compare(found, &registry.reference(&format!("team/app@{}", image.digest())));
    }
}

#[test]
fn a_registry_with_users_wants_the_right_password() {
    let canary = Canary::new("robot");
    let registry = RealRegistry::with_user(canary.user(), canary.secret());
    registry.push("team/app", "latest", &image("linux/amd64", Layer::gzip).bundle());
    let reference = registry.reference("team/app");
    let host = registry.address().to_string();
    let arguments = ["inspect", &reference, "--format", "json"];
    let sandbox = Sandbox::new();
    sandbox.docker_config(&auths(&[(&host, canary.user(), canary.secret())]));
    let output = sandbox.run(&arguments);
    assert_eq!(Report::of(&output).shown().layers.len(), 2);
    assert!(!output.holds(&canary), "{output}");
    assert!(sandbox.files_holding(&canary).iter().all(|path| path.starts_with("docker")));
    let refused = |sandbox: &Sandbox, part: &str| {
        let output = sandbox.run(&arguments);
        assert_eq!(output.code, Some(2), "{output}");
        assert_eq!(output.json()["error"]["kind"], "auth", "{output}");
        assert!(output.stderr.contains(part) && output.stderr.contains(&host), "{output}");
    };
    sandbox.docker_config(&auths(&[(&host, canary.user(), "wrong")]));
    refused(&sandbox, "config.json");
    refused(&Sandbox::new(), "docker login");
}

#[test]
fn a_pull_through_cache_gives_what_its_origin_gives_from_the_first_run_on() {
    let origin = RealRegistry::start();
    let image = image("linux/amd64", Layer::gzip);
    origin.push("team/app", "latest", &image.bundle());
    let expected = inspect(&origin.reference("team/app"));
    let proxy = RealRegistry::proxy_of(&origin.url());
    for _ in 0..2 {
        let report = inspect(&proxy.reference("team/app"));
        assert_eq!(report.digest, expected.digest);
        assert_eq!(report.uncompressed(), expected.uncompressed());
        assert_eq!(report.warnings, Vec::<String>::new());
        compare(report.shown(), &origin.reference("team/app"));
    }
}

#[test]
fn a_tag_or_repository_that_is_not_there_is_told_from_one_another() {
    let registry = RealRegistry::start();
    registry.push("team/app", "1.24", &image("linux/amd64", Layer::gzip).bundle());
    let check = |name: &str, parts: &[&str]| {
        let reference = registry.reference(name);
        let output = Sandbox::new().run(&["inspect", &reference, "--format", "json"]);
        assert_eq!(output.code, Some(2), "{output}");
        assert_eq!(output.json()["error"]["kind"], "not_found", "{output}");
        for part in parts.iter().chain(&[reference.as_str()]) {
            assert!(output.stderr.contains(part), "{part} in {output}");
        }
    };
    check("team/app:1.42", &["has no tag 1.42", "its only tag is 1.24"]);
    check("team/other:1.24", &["no such repository"]);
    let digest = regsize::oci::Digest::of(b"nothing");
    check(&format!("team/app@{digest}"), &["no manifest or index"]);
}
