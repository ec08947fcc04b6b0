//! Verdicts on images: what is read for them, exit codes, baselines, files of budgets.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::analysis::asked_for;
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Compression, Image, Index, Layer, Registry, Sandbox, check_text};
use crate::tables::{first_layer, liar};

const BASE: &str = "etc/passwd 700\n usr/lib/libc.so 400000 seed=libc";
const APP: &str = "root/.cache/pip/http/a 4500000\n srv/app 50000";

static LAYERS: LazyLock<[Layer; 2]> = LazyLock::new(|| [Layer::gzip(BASE), Layer::gzip(APP)]);

fn image(platform: &str) -> Image {
    let [base, app] = LAYERS.clone();
    Image::new(platform)
        .layer(base, "ADD rootfs.tar / # base")
        .layer(app, "RUN pip install app # buildkit")
}

fn registry() -> RunningRegistry {
    let old = Image::new("linux/amd64").layer(Layer::gzip(BASE), "ADD rootfs.tar / # base");
    let two = Index::new().image(&image("linux/amd64")).image(
        &image("linux/arm64")
            .layer(Layer::gzip("opt/more 900000 seed=more"), "COPY more /opt # buildkit"),
    );
    Registry::new()
        .put_image("team/app", "latest", &image("linux/amd64").bundle())
        .put_image("team/app", "old", &old.bundle())
        .put_image("team/app", "two", &two.bundle())
        .start()
}

/// Runs `check` on a tag; the line for programs says what the exit code says.
fn checked(sandbox: &Sandbox, registry: &RunningRegistry, tag: &str, options: &[&str]) -> Output {
    let reference = registry.reference(&format!("team/app:{tag}"));
    let output = sandbox.run(&[&["check", &reference], options].concat());
    let words = match output.code {
        Some(0) => ["pass", "warn"],
        Some(1) => ["fail", "fail"],
        _ => ["unknown", "unknown"],
    };
    let document = options.iter().any(|option| ["json", "csv", "junit", "sarif"].contains(option));
    let text = if document { &output.stderr } else { &output.stdout };
    let last = text.lines().last().unwrap_or_default();
    let says = |word: &&str| last.starts_with(&format!("regsize-verdict: {word} "));
    assert!(words.iter().any(says), "{output}");
    check_text(&output.stderr);
    output
}

fn report(sandbox: &Sandbox, registry: &RunningRegistry, tag: &str, options: &[&str]) -> Value {
    let output = checked(sandbox, registry, tag, &[options, &["--format", "json"]].concat());
    let report = output.json();
    assert_eq!(report["schema"], "regsize.check/1");
    report
}

fn rule<'a>(report: &'a Value, id: &str) -> &'a Value {
    let rules = report["rules"].as_array().expect("rules");
    rules.iter().find(|rule| rule["id"] == id).unwrap_or_else(|| panic!("no {id} in {report}"))
}

#[test]
fn exit_codes_tell_the_verdict() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let check = |options: &[&str], code: i32, verdict: &str| {
        let output = checked(&sandbox, &registry, "latest", options);
        assert_eq!(output.code, Some(code), "{options:?} {output}");
        let line = format!("regsize-verdict: {verdict} ");
        assert!(output.stdout.contains(&line), "{options:?} {output}");
    };
    check(&["--max-layers", "2"], 0, "pass");
    check(&["--warn", "max-layers=1", "--max-layers", "2"], 0, "warn");
    check(&["--max-layers", "1"], 1, "fail");
    check(&["--max-growth", "5%"], 2, "unknown");
    check(&["--max-growth", "5%", "--max-layers", "1"], 1, "fail");
    check(&["--min-efficiency", "95%", "--max-shadowed", "1kB"], 0, "pass");
    check(&["--forbid-findings", "medium"], 1, "fail");
    check(&["--forbid-findings", "critical", "--severity", "cache-pip=low"], 0, "pass");
    check(&["--forbid-path", "**/http/"], 1, "fail");
    check(&["--forbid-package", "gcc"], 0, "pass");
    check(&[], 2, "unknown");
    check(&["--max-compressed", "5Q"], 2, "unknown");
    check(&["--max-layers", "-1", "--format", "github"], 2, "unknown");
    check(&["--max-layers", "1", "--format", "parquet"], 2, "unknown");
    let image = registry.reference("team/app:latest");
    let output = sandbox.run(&["check", &image, "--max-compressed=5Q", "--format=junit"]);
    assert!(output.stdout.is_empty() && output.code == Some(2), "{output}");
    assert!(output.stderr.ends_with("regsize-verdict: unknown error=usage\n"), "{output}");
}

#[test]
fn what_nobody_looked_at_is_no_pass() {
    let status = "Package: bash\\nStatus: install ok installed\\nVersion: 5.2\\n\\n";
    let check = |files: &str, options: &[&str], code: i32, reason: &str| {
        let image = Image::new("linux/amd64").layer(Layer::gzip(files), "ADD rootfs.tar / # base");
        let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
        let output = checked(&Sandbox::new(), &registry, "latest", options);
        assert_eq!(output.code, Some(code), "{files} {output}");
        let said = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(reason), "{files} {output}");
    };
    let (findings, package) =
        (["--forbid-findings", "critical"], ["--forbid-package", "dpkg:openssl"]);
    let not_whole = "the contents of 1 file with packages or secrets were not looked at whole";
    check("app/.env 1048576 seed=0", &findings, 0, "pass");
    check("app/.env 1048577 seed=0", &findings, 2, not_whole);
    check("app/.env 1048577 seed=0", &package, 2, not_whole);
    check("notes \"x\"\n root/.netrc => notes", &findings, 2, not_whole);
    check("home/u/.netrc \"x\"\n root/.netrc => home/u/.netrc", &findings, 0, "pass");
    let dpkg = format!("var/lib/dpkg/status \"{status}\"");
    check(&dpkg, &package, 0, "pass");
    let unread = "1 record of packages could not be read";
    let elsewhere = format!("opt/status \"{status}\"\n var/lib/dpkg/status -> /opt/status");
    check(&elsewhere, &package, 2, unread);
    check("usr/lib/sysimage/rpm/rpmdb.sqlite \"SQLite format 3\"", &package, 2, unread);
    for link in ["var/lib/dpkg -> /opt/dpkg", "var/lib/dpkg -> ../../opt/dpkg"] {
        check(&format!("opt/dpkg/status \"{status}\"\n {link}"), &package, 2, unread);
    }
    check("var/lib/dpkg -> /opt/dpkg", &package, 0, "pass");
    check("var/lib/dpkg/status \"\\u0001\\u0002\"", &package, 2, unread);
    check("var/lib/pacman/local/openssl-3-1/desc \"%NAME%\"", &package, 2, unread);
}

#[test]
fn what_programs_unpack_differently_is_no_pass() {
    let first = Layer::plain("srv/app 1");
    let tar = [&first.tar[..], &Layer::plain("root/id_rsa 1").tar].concat();
    let layer = Layer::from_tar(tar, Compression::Gzip);
    let image = Image::new("linux/amd64").layer(layer, "ADD rootfs.tar / # base");
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    for (option, what) in
        [("--forbid-path", "**/id_rsa"), ("--forbid-package", "gcc"), ("--forbid-findings", "low")]
    {
        let output = checked(&Sandbox::new(), &registry, "latest", &[option, what]);
        assert_eq!(output.code, Some(2), "{option} {output}");
        let said = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("in 1 place programs unpack a layer differently"), "{output}");
    }
}

#[test]
fn an_attestation_that_may_be_run_is_told() {
    let mut entry = image("linux/arm64").manifest().descriptor();
    entry["platform"] = json!({"os": "linux", "architecture": "arm64"});
    entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let index = Index::new().image(&image("linux/amd64")).entry(entry);
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
    let options = ["--max-layers", "9", "--all-platforms"];
    let output = checked(&Sandbox::new(), &registry, "latest", &options);
    let said = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("although it names the platform linux/arm64"), "{output}");
}

#[test]
fn tables_of_contents_are_not_believed() {
    let image = Image::new("linux/amd64").layer(liar(), "ADD rootfs.tar / # base");
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app:latest");
    let report = sandbox.run(&["analyze", &reference, "--format", "json"]).json();
    let limit = format!("{} B", first_layer(&report)["content"]);
    let output = checked(&sandbox, &registry, "latest", &["--max-content", &limit]);
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("19 B more"), "{output}");
}

#[test]
fn no_layer_is_read_for_what_manifests_tell() {
    let registry = registry();
    let options = ["--max-compressed", "1GB", "--max-layers", "9", "--max-growth", "1GB"];
    let old = registry.reference("team/app:old");
    let output = checked(
        &Sandbox::new(),
        &registry,
        "latest",
        &[&options[..], &["--baseline", &old]].concat(),
    );
    assert_eq!(output.code, Some(0), "{output}");
    // The documents of two images: both manifests and both configs.
    assert_eq!((registry.count("GET", "/manifests/"), registry.count("GET", "/blobs/")), (2, 2));
    for layer in LAYERS.iter() {
        assert_eq!(asked_for(&registry, layer), 0);
    }
    checked(&Sandbox::new(), &registry, "latest", &["--max-content", "1GB"]);
    for layer in LAYERS.iter() {
        assert_eq!(asked_for(&registry, layer), 1);
    }
}

#[test]
fn growth_is_measured_from_an_image_or_a_report() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let old = registry.reference("team/app:old");
    let written = sandbox.run(&["analyze", &old, "--format", "json"]);
    let file = sandbox.write("old.json", &written.stdout).display().to_string();
    for baseline in [&old, &file] {
        let options = ["--max-content-growth", "1kB", "--baseline", baseline];
        let report = report(&sandbox, &registry, "latest", &options);
        let growth = rule(&report, "max-content-growth");
        assert_eq!(growth["actual"]["bytes"], 4_550_000, "{growth}");
        assert_eq!((&growth["verdict"], &growth["unit"]), (&"fail".into(), &"growth".into()));
    }
    let check = |content: &str, expected: &str| {
        let file = sandbox.write("baseline.json", content).display().to_string();
        let options = ["--max-growth", "1kB", "--baseline", &file];
        let output = checked(&sandbox, &registry, "latest", &options);
        assert_eq!(output.code, Some(2), "{output}");
        let told = output.stderr.contains(expected) || output.stdout.contains(expected);
        assert!(told, "{expected}: {output}");
    };
    check("{", "it is not JSON");
    check(r#"{"schema":"regsize.analyze/7"}"#, "its schema is regsize.analyze/7");
    check(&written.stdout.replace("linux/amd64", "linux/s390x"), "the baseline is of linux/s390x");
    let options = ["--max-growth", "1kB", "--baseline", "missing.json"];
    let output = checked(&sandbox, &registry, "latest", &options);
    assert!(output.code == Some(2) && output.stderr.contains("missing.json"), "{output}");
    let missing = registry.reference("team/app:missing");
    let options = ["--max-growth", "1kB", "--baseline", &missing];
    assert_eq!(checked(&sandbox, &registry, "latest", &options).code, Some(2));
}

#[test]
fn the_worst_platform_decides() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let one =
        report(&sandbox, &registry, "two", &["--max-layers", "2", "--platform", "linux/amd64"]);
    assert_eq!(one["verdict"], "pass");
    let all = report(&sandbox, &registry, "two", &["--max-layers", "2", "--all-platforms"]);
    let verdicts: Vec<&Value> =
        all["images"].as_array().expect("images").iter().map(|image| &image["verdict"]).collect();
    assert_eq!(
        (&all["verdict"], &verdicts[..]),
        (&"fail".into(), &[&"pass".into(), &"fail".into()][..])
    );
    let budget = "[budget]\nmax-layers = 2\n[budget.platform.\"linux/arm64\"]\nmax-layers = 3";
    sandbox.write("home/regsize.toml", budget);
    assert_eq!(report(&sandbox, &registry, "two", &["--all-platforms"])["verdict"], "pass");
}

#[test]
fn files_of_budgets_are_found_and_refused_with_their_place() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let run = |text: &str, options: &[&str]| {
        sandbox.write("home/regsize.toml", text);
        checked(&sandbox, &registry, "latest", options)
    };
    assert_eq!(run("[budget]\nmax-layers = 1", &[]).code, Some(1));
    assert_eq!(run("[budget]\nmax-layers = 1", &["--max-layers", "2"]).code, Some(0));
    let check = |text: &str, expected: &str| {
        let output = run(text, &[]);
        assert_eq!(output.code, Some(2), "{text}: {output}");
        assert!(output.stderr.contains(expected), "{expected}: {output}");
    };
    check(
        "[budget]\n  max-layer = 1",
        "regsize.toml: line 2, column 3: budget has no \"max-layer\"",
    );
    check("[budget]\nmax-content = \"5 XB\"", "line 2, column 15");
    check("[budget]\nmax-layers = {warn = 3, fail = 2}", "contradicts itself");
    check(
        "[[ignore]]\nrule = \"cache-pip\"",
        "line 1, column 1: an entry of ignore needs a reason",
    );
    let ignore = "[budget]\nforbid-findings = \"low\"\n[[ignore]]\nrule = \"*\"\nreason = \"known\"\n\
                  until = 2030-06-01";
    assert_eq!(run(ignore, &["--today", "2030-06-01"]).code, Some(0));
    let expired = run(ignore, &["--today", "2030-06-02"]);
    assert!(expired.stderr.contains("line 6, column 9: this entry of ignore expired"), "{expired}");
    let contradictory = run("", &["--max-layers", "2", "--warn", "max-layers=3"]);
    assert_eq!(contradictory.code, Some(2), "{contradictory}");
}

#[test]
fn analyze_takes_severities_from_the_file_that_is_given() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let file = sandbox.write("home/regsize.toml", "[severity]\ncache-pip = \"info\"");
    let severity = |options: &[&str]| {
        let report = crate::support::analysis::analyzed(&sandbox, &registry, options);
        let findings = report["images"][0]["findings"].as_array().expect("findings").clone();
        let found = findings.iter().find(|finding| finding["rule"] == "cache-pip");
        found.expect("a finding")["severity"].clone()
    };
    assert_ne!(severity(&[]), "info");
    let file = file.display().to_string();
    assert_eq!(severity(&["--config", &file]), "info");
    assert_eq!(severity(&["--config", &file, "--severity", "cache-pip=high"]), "high");
}

#[test]
fn dives_file_is_read_where_nothing_else_is_given() {
    let registry = registry();
    let sandbox = Sandbox::new();
    sandbox
        .write("home/.dive-ci", "rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n");
    let found = report(&sandbox, &registry, "latest", &[]);
    let ids: Vec<&str> =
        found["rules"].as_array().expect("rules").iter().filter_map(|r| r["id"].as_str()).collect();
    assert_eq!(ids, ["lowestEfficiency", "highestWastedBytes", "highestUserWastedPercent"]);
    assert_eq!(rule(&found, "lowestEfficiency")["actual"], 1.0);
    let other = report(&sandbox, &registry, "latest", &["--max-layers", "5"]);
    assert_eq!(other["rules"].as_array().map(Vec::len), Some(1));
    let file = sandbox.write("ci.yaml", "rules:\n  lowestEfficiency: 2\n").display().to_string();
    let output = checked(&sandbox, &registry, "latest", &["--dive-ci", &file]);
    assert!(output.code == Some(2) && output.stderr.contains("line 2, column 3"), "{output}");
}

#[test]
fn formats_of_check_are_refused_elsewhere() {
    let registry = registry();
    let reference = registry.reference("team/app:latest");
    for format in ["github", "junit", "sarif"] {
        let output = Sandbox::new().run(&["inspect", &reference, "--format", format]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output}");
        assert!(output.stderr.contains("formats of `check` alone"), "{output}");
    }
}
