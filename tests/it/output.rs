//! What the reports, the help and the generated pages look like.

use std::sync::LazyLock;

use serde_json::json;

use crate::support::real::run;
use crate::support::registry::RunningRegistry;
use crate::support::report::FailureReport;
use crate::support::{Image, Index, Layer, Provenance, Registry, Report, Sandbox};

const DOCKERFILE: &str = "FROM base:12\nRUN apt-get update && \\\n    apt-get install tool\nCOPY app /srv\nCMD [\"app\"]\n";

fn image(platform: &str, bytes: usize) -> Image {
    Image::new(platform)
        .layer(Layer::gzip("etc/os-release 300\n usr/lib/libc.so 70000"), "ADD rootfs.tar / # base")
        .step("CMD [\"bash\"]")
        .layer(
            Layer::gzip(&format!("usr/bin/{platform} {bytes}")),
            "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends tool \
             && rm -rf /var/lib/apt/lists/* # buildkit",
        )
        .layer(Layer::zstd("srv/app 9000"), "COPY --chown=app:app app /srv # buildkit")
        .step("CMD [\"app\"]")
        .label("org.opencontainers.image.ref.name", "debian")
        .label("org.opencontainers.image.version", "12.8")
}

fn statement(image: &Image) -> serde_json::Value {
    Provenance::new(DOCKERFILE)
        .source("docker-image://registry.example/library/base:12", 1, 1)
        .exec("apt-get", 2..=3, 2)
        .copy(4..=4, 3)
        .statement(image)
}

/// One registry for all tests: making its layers takes longer than any of them.
static REGISTRY: LazyLock<RunningRegistry> = LazyLock::new(started);

fn started() -> RunningRegistry {
    let (amd64, arm64) = (image("linux/amd64", 240_000), image("linux/arm64/v8", 210_000));
    let index = Index::new()
        .image(&amd64)
        .image(&arm64)
        .attestation(&amd64, &statement(&amd64))
        .attestation(&arm64, &statement(&arm64));
    let small = Image::new("linux/amd64").layer(Layer::gzip("bin/sh 20000"), "ADD alpine.tar /");
    Registry::new()
        .put_image("team/app", "latest", &index.bundle())
        .put_image("team/small", "3", &small.bundle())
        .put_image("team/empty", "1", &Image::new("linux/amd64").bundle())
        .start()
}

/// The report with the registry's port made the same each time, of the same width.
fn assert_shown(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d{5}", "127.0.0.1:50000");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

const NAMES: [&str; 4] = ["team/app:latest", "team/small:3", "team/empty:1", "team/small:33"];

fn one(registry: &RunningRegistry, options: &[&str]) -> String {
    let reference = registry.reference(NAMES[0]);
    let start = ["inspect", &reference, "--no-base"];
    let wide: &[&str] = if options.contains(&"--width") { &[] } else { &["--width", "100"] };
    let output = Sandbox::new().run(&[&start, wide, options].concat());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
    output.stdout
}

fn several(registry: &RunningRegistry, options: &[&str]) -> String {
    let references = NAMES.map(|name| registry.reference(name));
    let references = references.each_ref().map(String::as_str);
    let start = ["inspect", "--no-base", "--width", "100"];
    let output = Sandbox::new().run(&[&start, &references[..], options].concat());
    assert_eq!(output.code, Some(2), "{output}");
    output.stdout
}

#[test]
fn one_image_in_all_formats() {
    let registry = &*REGISTRY;
    for format in ["terminal", "markdown", "json", "csv"] {
        assert_shown(&format!("one_{format}"), &one(registry, &["--format", format]));
    }
}

#[test]
fn several_images_in_all_formats() {
    let registry = &*REGISTRY;
    for format in ["terminal", "markdown", "csv"] {
        assert_shown(&format!("several_{format}"), &several(registry, &["--format", format]));
    }
}

#[test]
fn json_decodes_by_the_schema_and_names_the_reference_that_failed() {
    let registry = &*REGISTRY;
    let text = several(registry, &["--format", "json"]);
    let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let schema = json!("regsize.inspect/1");
    for (value, name) in all.iter().zip(NAMES) {
        assert_eq!(
            (&value["schema"], &value["reference"]),
            (&schema, &json!(registry.reference(name)))
        );
    }
    for value in &all[..3] {
        serde_json::from_value::<Report>(value.clone()).unwrap();
    }
    let failure: FailureReport = serde_json::from_value(all[3].clone()).unwrap();
    assert_eq!(failure.error.kind, "not_found");
    assert_eq!(failure.error.hint.as_deref(), Some("its only tag is 3"));
}

#[test]
fn options_change_what_is_shown_and_how() {
    let registry = &*REGISTRY;
    let check = |name: &str, options: &[&str]| assert_shown(name, &one(registry, options));
    check("history", &["--history"]);
    check("by_size", &["--sort", "size", "--iec"]);
    check("all_platforms", &["--all-platforms"]);
    check("narrow", &["--width", "60"]);
    check("one_platform", &["--platform", "linux/arm64"]);
}

#[test]
fn colours_are_for_terminals_and_can_be_refused() {
    let registry = &*REGISTRY;
    let reference = registry.reference(NAMES[0]);
    let coloured = |variable: Option<(&str, &str)>, options: &[&str]| {
        let mut sandbox = Sandbox::new();
        if let Some((name, value)) = variable {
            sandbox.set(name, value);
        }
        let start = ["inspect", &reference, "--no-base"];
        sandbox.run(&[&start, options].concat()).stdout.contains('\u{1b}')
    };
    assert!(!coloured(None, &[]));
    assert!(coloured(Some(("CLICOLOR_FORCE", "1")), &[]));
    assert!(!coloured(Some(("CLICOLOR_FORCE", "1")), &["--no-color"]));
    assert!(!coloured(Some(("NO_COLOR", "1")), &[]));
    for format in ["json", "csv", "markdown"] {
        assert!(!coloured(Some(("CLICOLOR_FORCE", "1")), &["--format", format]), "{format}");
    }
}

#[test]
fn no_line_is_wider_than_asked_for() {
    let registry = &*REGISTRY;
    for width in ["60", "80", "132"] {
        for options in [&["--width", width][..], &["--width", width, "--history"]] {
            let text = one(registry, options);
            let longest = text.lines().filter(|line| !line.starts_with("digest"));
            let longest = longest.map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width.parse().unwrap(), "{longest} in\n{text}");
        }
    }
}

#[test]
fn the_help_shows_examples() {
    let mut sandbox = Sandbox::new();
    sandbox.set("COLUMNS", "100");
    for (name, arguments) in [("help", &["--help"][..]), ("help_inspect", &["inspect", "--help"])] {
        let output = sandbox.run(arguments);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        assert!(output.stdout.contains("\nExamples:\n  regsize inspect"), "{output}");
        assert_shown(name, &output.stdout);
    }
}

#[test]
fn completions_are_scripts_that_shells_can_read() {
    let sandbox = Sandbox::new();
    for (shell, marks) in [
        ("bash", &["complete -F _regsize", "--all-platforms"][..]),
        ("zsh", &["#compdef regsize", "--all-platforms"]),
        ("fish", &["complete -c regsize", "all-platforms"]),
    ] {
        let output = sandbox.run(&["completions", shell]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        for mark in marks {
            assert!(output.stdout.contains(mark), "{shell}: {mark}");
        }
        assert_eq!(output.stdout.matches('"').count() % 2, 0, "{shell}: quotes");
        if shell == "bash" {
            let script = sandbox.write("completions", &output.stdout);
            run("bash", "bash", &["-n", script.to_str().unwrap()]);
        }
    }
}

#[test]
fn manual_pages_are_well_formed_and_have_the_examples() {
    let sandbox = Sandbox::new();
    for (command, mark) in [(None, "regsize inspect ubuntu"), (Some("inspect"), "--base debian:12")]
    {
        let arguments = [&["man"][..], command.as_slice()].concat();
        let output = sandbox.run(&arguments);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        assert!(output.stdout.contains(".TH regsize"), "{output}");
        let page = sandbox.write("page.1", &output.stdout);
        let read = std::process::Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l"])
            .arg(page)
            .env("MANWIDTH", "100")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&read.stderr), "", "{command:?}");
        let text = String::from_utf8_lossy(&read.stdout);
        assert!(text.contains(mark) && text.contains("SYNOPSIS"), "{text}");
    }
    let unknown = sandbox.run(&["man", "fly"]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
    assert!(unknown.stderr.contains("no command \"fly\""), "{unknown}");
}
