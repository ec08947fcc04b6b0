//! What the GitHub action runs, with a `gh` that keeps what it is given.

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Image, Layer, Registry, Sandbox};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/action");
const DESCRIPTION: &str = include_str!("../../action.yml");
const GH: &str = "echo \"$@\" > \"$HOME/gh.arguments\"; cat > \"$HOME/gh.body\"";

fn registry() -> RunningRegistry {
    let base = || Layer::gzip("etc/passwd 700\n usr/lib/libc.so 40000 seed=libc");
    let old = Image::new("linux/amd64").layer(base(), "ADD rootfs.tar / # base");
    let new = Image::new("linux/amd64")
        .layer(base(), "ADD rootfs.tar / # base")
        .layer(Layer::gzip("srv/app 300000 seed=app"), "COPY app /srv # buildkit");
    Registry::new()
        .put_image("team/app", "old", &old.bundle())
        .put_image("team/app", "new", &new.bundle())
        .start()
}

fn run(sandbox: &mut Sandbox, inputs: &[(&str, &str)]) -> Output {
    sandbox.program("regsize", &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_regsize")));
    sandbox.program("gh", GH);
    for (name, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary")] {
        let file = sandbox.path(&format!("home/{file}")).display().to_string();
        sandbox.set(name, &file);
    }
    sandbox.set("GITHUB_REPOSITORY", "team/app");
    for (name, value) in inputs {
        sandbox.set(name, value);
    }
    sandbox.shell(&format!("exec '{SCRIPT}'"), &[])
}

fn home(sandbox: &Sandbox, file: &str) -> String {
    std::fs::read_to_string(sandbox.path(&format!("home/{file}"))).unwrap_or_default()
}

#[test]
fn the_verdict_and_the_comparison_are_told() {
    let registry = registry();
    let (old, new) = (registry.reference("team/app:old"), registry.reference("team/app:new"));
    let check = |growth: &str, code: i32, verdict: &str| {
        let mut sandbox = Sandbox::new();
        let inputs = [
            ("INPUT_IMAGE", new.as_str()),
            ("INPUT_BASELINE", &old),
            ("INPUT_ARGS", growth),
            ("INPUT_COMMENT", "true"),
            ("PULL_REQUEST", "7"),
        ];
        let output = run(&mut sandbox, &inputs);
        assert_eq!(output.code, Some(code), "{output}");
        assert_eq!(home(&sandbox, "output"), format!("verdict={verdict}\n"));
        assert_eq!(output.stdout.contains("::error "), code != 0, "{output}");
        let (summary, body) = (home(&sandbox, "summary"), home(&sandbox, "gh.body"));
        assert!(summary.starts_with("# ") && summary.ends_with(&body), "{summary}");
        assert!(body.contains("300 kB"), "{body}");
        assert!(home(&sandbox, "gh.arguments").starts_with("pr comment 7 --repo team/app"));
    };
    check("--max-growth=1MB\n--max-layers=9\n", 0, "pass");
    check("--max-growth=1kB", 1, "fail");
}

#[test]
fn what_could_not_be_told_is_told_as_such() {
    let registry = registry();
    let mut sandbox = Sandbox::new();
    let missing = registry.reference("team/app:none");
    let inputs = [("INPUT_IMAGE", missing.as_str()), ("INPUT_ARGS", "--max-layers=9")];
    let output = run(&mut sandbox, &inputs);
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(home(&sandbox, "output"), "verdict=unknown\n");
    assert_eq!(home(&sandbox, "gh.body"), "");
}

#[test]
fn the_inputs_that_are_described_are_those_that_are_read() {
    let script = std::fs::read_to_string(SCRIPT).unwrap();
    let (_, inputs) = DESCRIPTION.split_once("\ninputs:\n").unwrap();
    let (inputs, _) = inputs.split_once("\noutputs:\n").unwrap();
    let names = inputs.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    let names: Vec<&str> = names.filter(|name| !name.starts_with(' ')).collect();
    assert_eq!(names, ["image", "baseline", "config", "args", "comment", "token"]);
    for name in names.iter().filter(|name| **name != "token") {
        let variable = format!("INPUT_{}", name.to_uppercase());
        assert!(script.contains(&variable), "{variable}");
        assert!(DESCRIPTION.contains(&format!("{variable}: ${{{{ inputs.{name} }}}}")), "{name}");
    }
}
