//! Built images are what they say, to other programs as well.

use std::path::Path;

use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::image::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::support::real::{run, skopeo_pull};
use crate::support::{
    Canary, Compression, Connection, Image, Index, Layer, Provenance, RealRegistry, Registry,
    Sandbox, auths, layer,
};

const LAYER: &str = r#"
    usr/bin/
    usr/bin/tool 1000 mode=755
    usr/lib/a 700 seed=same
    usr/lib/b 700 seed=same
    usr/lib/hole 2000 seed=0
    etc/motd "two\nlines" uid=1 gid=42 mtime=1600000000
    bin/sh -> ../usr/bin/tool
    bin/ls => usr/bin/tool
    etc/.wh.passwd 0
"#;

fn image() -> Image {
    Image::new("linux/amd64")
        .layer(Layer::gzip(LAYER), "ADD rootfs.tar / # buildkit")
        .step("ENV A=b")
        .layer(Layer::gzip("app/data 5000"), "RUN make install # buildkit")
        .label("org.opencontainers.image.title", "app")
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn extract(layer: &Layer) -> TempDir {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("layer");
    std::fs::write(&file, &layer.blob).unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let (file, root) = (file.display().to_string(), root.display().to_string());
    run("tar", "tar", &["--no-same-owner", "-xf", &file, "-C", &root]);
    directory
}

#[test]
fn layers_unpack_to_what_their_text_lists() {
    let directory = extract(&Layer::gzip(LAYER));
    let read = |name: &str| std::fs::read(directory.path().join("root").join(name)).unwrap();
    assert_eq!(read("usr/bin/tool"), layer::noise("usr/bin/tool", 1000));
    assert_eq!(read("usr/lib/a"), read("usr/lib/b"));
    assert_eq!(read("usr/lib/hole"), vec![0; 2000]);
    assert_eq!(read("etc/motd"), b"two\nlines");
    assert_eq!(read("bin/ls"), read("usr/bin/tool"));
    let link = std::fs::read_link(directory.path().join("root/bin/sh")).unwrap();
    assert_eq!(link, Path::new("../usr/bin/tool"));
}

#[test]
fn long_names_unpack() {
    let (path, target) = (format!("{}/é", "long/".repeat(50)), "t/".repeat(80));
    let directory = extract(&Layer::plain(&format!("{path} 3\nlink -> {target}")));
    let root = directory.path().join("root");
    assert_eq!(std::fs::read(root.join(&path)).unwrap().len(), 3);
    assert_eq!(std::fs::read_link(root.join("link")).unwrap(), Path::new(&target));
}

#[test]
fn the_same_text_gives_the_same_bytes_and_a_blob_of_each_compression() {
    let check = |compression, magic: &[u8], media_type: &str| {
        let layer = Layer::from_tar(layer::tar(LAYER), compression);
        assert_eq!(layer.blob, Layer::from_tar(layer::tar(LAYER), compression).blob);
        assert!(layer.blob.starts_with(magic));
        assert_eq!(layer.media_type, media_type);
    };
    check(Compression::Gzip, &[0x1f, 0x8b], "application/vnd.oci.image.layer.v1.tar+gzip");
    check(
        Compression::Zstd,
        &[0x28, 0xb5, 0x2f, 0xfd],
        "application/vnd.oci.image.layer.v1.tar+zstd",
    );
    check(Compression::None, b"usr/bin/", "application/vnd.oci.image.layer.v1.tar");
}

#[test]
fn manifests_and_configs_agree() {
    let manifest = json_of(&image().manifest().bytes);
    let config = image().config();
    assert_eq!(manifest["config"]["digest"], json!(Digest::of(&config)));
    let config = json_of(&config);
    assert_eq!(config["rootfs"]["diff_ids"][1], json!(Digest::of(&image().layers()[1].tar)));
    assert_eq!(config["history"].as_array().map(Vec::len), Some(3));
    assert_eq!(config["created"], "2026-01-02T00:02:00Z");
    let docker = json_of(&image().docker().manifest().bytes);
    assert_eq!(docker["mediaType"], DOCKER_MANIFEST);
    let layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    assert_eq!(docker["layers"][0]["mediaType"], layer_type);
    let bare = image().without_media_type().created("2020-01-01T00:00:00Z");
    assert_eq!(json_of(&bare.manifest().bytes).get("mediaType"), None);
    assert_eq!(json_of(&bare.config())["created"], "2020-01-01T00:00:00Z");
}

#[test]
fn indexes_hold_images_attestations_and_soci_indexes() {
    let image = image();
    let provenance = Provenance::new("FROM x\nRUN make install\n")
        .source("docker-image://docker.io/library/x:1", 1, 1)
        .exec("make install", 2..=2, 2);
    let index = Index::new()
        .image(&image)
        .attestation(&image, &provenance.statement(&image))
        .attestation_artifact(&image, &provenance.clone().version_1().statement(&image))
        .soci(&image, &[(1, Bytes::from("ztoc"))]);
    let bundle = index.bundle();
    let manifests = json_of(&bundle.top.bytes)["manifests"].clone();
    assert_eq!(manifests[0]["platform"], json!({"os": "linux", "architecture": "amd64"}));
    let about = &manifests[1]["annotations"]["vnd.docker.reference.digest"];
    assert_eq!(about, &json!(image.digest()));
    assert_eq!(json_of(&bundle.documents[2].bytes)["subject"]["digest"], json!(image.digest()));
    let statement = provenance.statement(&image);
    let metadata =
        &statement["predicate"]["metadata"]["https://mobyproject.org/buildkit@v1#metadata"];
    assert_eq!(metadata["layers"]["step1:0"][0], json!(image.layer_descriptors()));
    let lines = &metadata["source"]["locations"]["step1"]["locations"][0]["ranges"][0];
    assert_eq!(lines["end"]["line"], 2);
    let soci = "application/vnd.amazon.soci.index.v2+json";
    assert_eq!(manifests[3]["artifactType"], soci);
    let docker = Index::new().image(&image).docker().bundle();
    assert_eq!(docker.top.media_type, DOCKER_LIST);
}

#[test]
fn a_real_registry_takes_and_returns_images_byte_for_byte() {
    let image = image();
    let statement = Provenance::new("FROM x\n").minimal().statement(&image);
    let bundle = Index::new().image(&image).attestation(&image, &statement).bundle();
    let registry = RealRegistry::start();
    registry.push("team/app", "latest", &bundle);
    registry.skopeo_push("team/app:copied", &image.bundle(), &[]);
    registry.skopeo_push("team/app:docker", &image.bundle(), &["--format", "v2s2"]);
    let mut connection = Connection::open(registry.address());
    let mut get = |name: &str, accept: &str| {
        connection.get(&format!("/v2/team/app/manifests/{name}"), &[("Accept", accept)])
    };
    assert_eq!(get("latest", OCI_INDEX).body, bundle.top.bytes);
    assert_eq!(get("copied", OCI_MANIFEST).body, image.manifest().bytes);
    assert_eq!(get("docker", DOCKER_MANIFEST).json()["mediaType"], DOCKER_MANIFEST);
    assert_eq!(get("missing", OCI_MANIFEST).status, 404);
}

#[test]
fn a_real_registry_asks_for_a_password_or_fetches_from_another() {
    let image = image();
    let upstream = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let proxy = RealRegistry::proxy_of(&upstream.url());
    let mut connection = Connection::open(proxy.address());
    let answer = connection.get("/v2/team/app/manifests/latest", &[("Accept", OCI_MANIFEST)]);
    assert_eq!(answer.body, image.manifest().bytes);
    assert!(upstream.count("GET", "/manifests/") > 0);
    let closed = RealRegistry::with_user("robot", "pass word");
    closed.push("team/app", "latest", &image.bundle());
    closed.skopeo_push("team/app:copied", &image.bundle(), &[]);
    assert_eq!(Connection::open(closed.address()).get("/v2/", &[]).status, 401);
}

#[test]
fn the_scripted_registry_serves_other_clients() {
    let image = image();
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let directory = TempDir::new().unwrap();
    skopeo_pull(&registry.reference("team/app:latest"), directory.path());
    let digest = Digest::of(&image.layers()[1].blob);
    let pulled = directory.path().join("blobs/sha256").join(digest.hex());
    assert_eq!(std::fs::read(pulled).unwrap(), image.layers()[1].blob);
}

#[test]
fn sandboxes_run_the_program_with_nothing_of_the_outside() {
    let canary = Canary::new("robot");
    let mut sandbox = Sandbox::new();
    sandbox.docker_config(&auths(&[("registry.example", canary.user(), canary.secret())]));
    sandbox.set("EXTRA", "1");
    let command = sandbox.command(&["--help"]);
    let names: Vec<_> = command.get_envs().map(|(name, _)| name.to_str().unwrap()).collect();
    assert_eq!(names, ["DOCKER_CONFIG", "EXTRA", "HOME", "LC_ALL", "PATH", "REGSIZE_CACHE_DIR"]);
    let output = sandbox.run(&["--help"]);
    assert_eq!(output.signal, None, "{output}");
    assert!(!output.holds(&canary));
    assert_eq!(sandbox.files_holding(&canary), [Path::new("docker/config.json")]);
}

#[test]
fn helpers_answer_and_remember_what_they_were_asked() {
    let canary = Canary::new("robot");
    let sandbox = Sandbox::new();
    sandbox.helper_answering("vault", canary.user(), canary.secret());
    let program = sandbox.path("bin/docker-credential-vault").display().to_string();
    let line = format!("echo registry.example | {program} get");
    let answer = run("sh", "dash", &["-c", &line]);
    assert_eq!(json_of(answer.as_bytes())["Secret"], canary.secret());
    assert_eq!(sandbox.helper_questions("vault"), ["get registry.example"]);
}
