//! The forms that a verdict takes.

use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::support::json_schema::violations;
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Image, Layer, Registry, Sandbox, check_text};

const SCHEMA: &str = include_str!("../../testdata/sarif/sarif-schema-2.1.0.json");

const BUDGET: &str = r#"
[budget]
max-layers = 5
max-content = { warn = "4MB", fail = "1GB" }
max-growth = "5% and 1MB"
forbid-findings = "medium"
forbid-paths = ["*.pem", "**/*<&>*"]

[[ignore]]
path = "etc/ssl/**"
reason = "certificates of the system, 100 % public"
until = 2099-01-01

[[ignore]]
rule = "gpu"
reason = "none here"
"#;

static REGISTRY: LazyLock<RunningRegistry> = LazyLock::new(|| {
    let image = Image::new("linux/amd64")
        .layer(Layer::gzip("etc/ssl/a.pem 700\n srv/key.pem 70"), "ADD rootfs.tar / # base")
        .layer(Layer::gzip("root/.cache/pip/http/a 4500000\n srv/a<&>b%,: 1"), "RUN pip # x");
    Registry::new().put_image("team/app", "latest", &image.bundle()).start()
});

fn run(sandbox: &Sandbox, format: &str, options: &[&str]) -> Output {
    sandbox.write("home/regsize.toml", BUDGET);
    let reference = REGISTRY.reference("team/app:latest");
    let fixed = ["check", &reference, "--format", format, "--width", "100"];
    sandbox.run(&[&fixed, options].concat())
}

fn failed(sandbox: &Sandbox, format: &str) -> Output {
    let output = run(sandbox, format, &[]);
    assert_eq!(output.code, Some(1), "{output}");
    output
}

fn shown(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1(:|%3A)\d{5}", "127.0.0.1${1}50000");
    settings.add_filter(env!("CARGO_PKG_VERSION"), "VERSION");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn every_format() {
    let sandbox = Sandbox::new();
    for format in ["terminal", "markdown", "json", "csv", "github", "junit", "sarif"] {
        let output = failed(&sandbox, format);
        // Workflow commands are what the format is for.
        if format != "github" {
            check_text(&output.stdout);
        }
        shown(&format!("check_{format}"), &output.stdout);
    }
}

#[test]
fn the_summary_of_a_job_is_added_to_its_file() {
    let mut sandbox = Sandbox::new();
    let file = sandbox.write("summary.md", "before\n");
    sandbox.set("GITHUB_STEP_SUMMARY", &file.display().to_string());
    failed(&sandbox, "github");
    let summary = std::fs::read_to_string(&file).unwrap();
    assert!(summary.starts_with("before\n# "), "{summary}");
    assert!(summary.contains("| FAIL | `forbid-findings` |"), "{summary}");
    failed(&sandbox, "terminal");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), summary);
}

#[test]
fn sarif_keeps_its_schema_and_its_fingerprints() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let sandbox = Sandbox::new();
    let output = failed(&sandbox, "sarif");
    let report = output.json();
    assert_eq!(violations(&schema, &report), Vec::<String>::new());
    let run = &report["runs"][0];
    let results = run["results"].as_array().expect("results");
    let prints: Vec<&str> = results
        .iter()
        .map(|result| result["partialFingerprints"]["regsizeId/v1"].as_str().expect("a print"))
        .collect();
    assert!(prints.contains(&"linux/amd64 forbid-path srv/key.pem"), "{prints:?}");
    assert_eq!(prints.iter().collect::<std::collections::BTreeSet<_>>().len(), prints.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
    // Growth could not be measured.
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let missing = sandbox.run(&["check", &REGISTRY.reference("team/no:1"), "--format", "sarif"]);
    assert_eq!(violations(&schema, &missing.json()), Vec::<String>::new());
    // The schema does refuse what is wrong.
    let mut wrong = report.clone();
    wrong["runs"][0]["results"][0]["level"] = "bad".into();
    wrong["runs"][0]["extra"] = true.into();
    assert_eq!(violations(&schema, &wrong).len(), 2);
}

/// What xmllint says of a report; nothing if it is as the schema wants it.
fn against_junit(sandbox: &Sandbox, report: &str) -> String {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/junit/junit.xsd");
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema", schema])
        .arg(sandbox.write("junit.xml", report))
        .output()
        .expect("xmllint, which scripts/prepare installs");
    if output.status.success() {
        return String::new();
    }
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn junit_keeps_its_schema_and_its_counts_are_right() {
    let sandbox = Sandbox::new();
    let text = failed(&sandbox, "junit").stdout;
    assert_eq!(against_junit(&sandbox, &text), "");
    let count = |what: &str| text.matches(what).count();
    let counts = [count("<testcase "), count("<failure "), count("<error ")];
    let [tests, failures, errors] = counts;
    let sums = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    assert_eq!((text.matches(&sums).count(), failures > 0), (2, true), "{sums} in {text}");
    let missing = sandbox.run(&["check", &REGISTRY.reference("team/no:1"), "--format", "junit"]);
    assert_eq!(against_junit(&sandbox, &missing.stdout), "");
    // The schema does refuse what is wrong.
    for (right, wrong) in
        [("<testcase ", "<case "), ("tests=\"", "tests=\"-"), ("<failure ", "failure ")]
    {
        let complaint = against_junit(&sandbox, &text.replace(right, wrong));
        assert!(complaint.contains("junit.xml"), "{wrong}: {complaint}");
    }
}

#[test]
fn an_image_that_is_not_there_is_told_in_every_format() {
    let sandbox = Sandbox::new();
    for format in ["terminal", "markdown", "json", "csv", "github", "junit", "sarif"] {
        let reference = REGISTRY.reference("team/none:1");
        let output = sandbox.run(&["check", &reference, "--max-layers", "1", "--format", format]);
        assert_eq!(output.code, Some(2), "{output}");
        let line = "regsize-verdict: unknown error=not_found";
        assert!(output.stdout.contains(line) || output.stderr.contains(line), "{output}");
        match format {
            "json" => assert_eq!(output.json()["verdict"], "unknown"),
            "github" => assert!(output.stdout.contains("\n::error title=regsize"), "{output}"),
            "junit" => assert!(output.stdout.contains("<error type=\"not_found\""), "{output}"),
            _ => {}
        }
    }
}
