//! The errors that users meet most: each in one message, with what to do, and as JSON.

use serde_json::Value;

use crate::support::image::{OCI_CONFIG, OCI_MANIFEST, descriptor};
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Index, Layer, Registry, Reply, Sandbox, TokenServer, auths, refused};

fn image() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/")
}

fn content() -> Registry {
    let tags = ["24.04", "24.10", "22.04", "noble", "rolling", "devel"];
    Registry::new()
        .put_image("team/app", "latest", &image().bundle())
        .put_tags("team/app", "latest", &tags)
}

/// Checks kind and exit code, and shows what was printed for the test named `name`.
fn check(name: &str, sandbox: &Sandbox, arguments: &[&str], kind: &str) {
    let refusal = refused(sandbox, arguments, kind);
    let shown = format!("{}\n{:#}\n", refusal.terminal.stderr, refusal.error);
    let filters = [
        (r"127\.0\.0\.1:\d+", "registry.example:5000"),
        (r"/tmp/\.?tmp\w+", "DIRECTORY"),
        (r"in \d+\.\d s", "in N s"),
    ];
    insta::with_settings!({filters => filters, omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, shown);
    });
}

fn inspect(name: &str, registry: &RunningRegistry, image: &str, kind: &str) {
    let arguments = ["inspect", &registry.reference(image), "--retries", "0"];
    check(name, &Sandbox::new(), &arguments, kind);
}

#[test]
fn an_unknown_tag_is_told_with_the_tags_that_look_alike() {
    inspect("unknown_tag", &content().start(), "team/app:24.4", "not_found");
    let other = image().label("a", "b").bundle();
    let single = Registry::new().put_image("team/app", "stable", &other).start();
    inspect("unknown_tag_of_one", &single, "team/app", "not_found");
}

#[test]
fn an_unknown_repository_is_told_from_an_unknown_tag() {
    inspect("unknown_repository", &content().start(), "team/ap:latest", "not_found");
}

#[test]
fn an_unknown_digest_is_told() {
    let unknown = format!("team/app@{}", regsize::oci::Digest::of(b"unknown"));
    inspect("unknown_digest", &content().start(), &unknown, "not_found");
}

#[test]
fn a_private_image_asks_for_a_login() {
    let tokens = TokenServer::new().user("robot", "right").no_anonymous().start();
    let registry = content().auth_bearer(&tokens).start();
    inspect("private_by_token", &registry, "team/app:latest", "auth");
    let registry = content().auth_basic("robot", "right").start();
    inspect("private_by_password", &registry, "team/app:latest", "auth");
    let registry = content().deny("team/app").start();
    inspect("private_by_403", &registry, "team/app:latest", "auth");
}

#[test]
fn wrong_credentials_are_told_with_the_file_they_came_from() {
    let run = |name: &str, registry: &RunningRegistry| {
        let sandbox = Sandbox::new();
        sandbox.docker_config(&auths(&[(&registry.host(), "robot", "wrong")]));
        let reference = registry.reference("team/app:latest");
        check(name, &sandbox, &["inspect", &reference, "--retries", "0"], "auth");
    };
    let tokens = TokenServer::new().user("robot", "right").no_anonymous().start();
    run("wrong_password_by_token", &content().auth_bearer(&tokens).start());
    run("wrong_password", &content().auth_basic("robot", "right").start());
}

#[test]
fn a_registry_that_is_down_is_named() {
    let registry = content().start();
    let reference = registry.reference("team/app:latest");
    drop(registry);
    let arguments = ["inspect", &reference, "--retries", "0"];
    check("registry_down", &Sandbox::new(), &arguments, "network");
}

#[test]
fn a_server_that_speaks_html_is_no_registry() {
    let page = "<!DOCTYPE html><title>Log in</title>";
    let reply = Reply::ok(page).header("Content-Type", "text/html; charset=utf-8");
    let registry = content().script("*", "/v2/team/app/manifests/latest", vec![reply]).forever();
    inspect("html", &registry.start(), "team/app:latest", "bad_data");
}

#[test]
fn a_document_with_another_digest_is_refused() {
    let other = image().label("changed", "by a proxy").manifest().bytes;
    let digest = image().digest();
    let registry = content().put_manifest("team/app", digest.as_str(), other, OCI_MANIFEST).start();
    inspect("other_digest", &registry, &format!("team/app@{digest}"), "bad_data");
    let head =
        Reply::pass().header("Docker-Content-Digest", regsize::oci::Digest::of(b"x").as_str());
    let registry = content().script("GET", "/v2/team/app/manifests/latest", vec![head]).forever();
    inspect("other_digest_of_tag", &registry.start(), "team/app:latest", "bad_data");
}

#[test]
fn a_platform_that_is_not_published_is_told_with_those_that_are() {
    let arm = Image::new("linux/arm64/v8").layer(Layer::gzip("a 1"), "COPY a /");
    let index = Index::new().image(&image()).image(&arm);
    let registry = content().put_image("team/app", "both", &index.bundle()).start();
    let check = |name: &str, image: &str| {
        let reference = registry.reference(image);
        let arguments = ["inspect", &reference, "--platform", "linux/s390x"];
        check(name, &Sandbox::new(), &arguments, "not_found");
    };
    check("platform_not_in_index", "team/app:both");
    check("platform_of_single_image", "team/app:latest");
}

#[test]
fn a_malformed_reference_is_told_with_the_character() {
    check("malformed_reference", &Sandbox::new(), &["inspect", "ghcr.io/Owner/app:1"], "usage");
    check("malformed_digest", &Sandbox::new(), &["inspect", "debian@sha256:abc"], "usage");
}

#[test]
fn one_failure_among_several_images_leaves_the_others_in_the_report() {
    let registry = content().start();
    let (good, bad) = (registry.reference("team/app:noble"), registry.reference("team/app:nobel"));
    for format in ["terminal", "markdown", "csv", "json"] {
        let output = Sandbox::new().run(&["inspect", &bad, &good, "--format", format]);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stdout.contains("nobel") && output.stdout.contains("noble"), "{output}");
        assert!(output.stderr.contains("the repository has no tag nobel"), "{output}");
    }
    let output = Sandbox::new().run(&["inspect", &bad, &good, "--format", "json"]);
    let report = output.json();
    assert_eq!(report[0]["error"]["kind"], "not_found");
    assert_eq!(
        (&report[1]["error"], report[1]["images"][0]["layers"][0]["index"].as_u64()),
        (&Value::Null, Some(0))
    );
}

#[test]
fn parts_that_the_registry_lost_are_named() {
    let image = image();
    let config = regsize::oci::Digest::of(&image.config());
    let registry = content().remove("team/app", config.as_str()).start();
    inspect("config_missing", &registry, "team/app:latest", "not_found");
    let lost = Image::new("linux/arm64").layer(Layer::gzip("a 1"), "COPY a /");
    let index = Index::new().image(&image).image(&lost);
    let registry = content()
        .put_image("team/app", "both", &index.bundle())
        .remove("team/app", lost.digest().as_str())
        .start();
    inspect("manifest_missing", &registry, "team/app:both", "not_found");
    let elsewhere = descriptor(OCI_CONFIG, b"other");
    let bundle = image.change_manifest(serde_json::json!({"config": elsewhere})).bundle();
    let changed = regsize::oci::Digest::of(b"other");
    let registry = Registry::new()
        .put_image("team/app", "latest", &bundle)
        .put_blob_as("team/app", changed.as_str(), "another config")
        .start();
    inspect("config_of_other_content", &registry, "team/app:latest", "bad_data");
}
