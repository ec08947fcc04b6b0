//! What passes tell of what fails: targets and tags to whom it concerns, messages that did not
//! arrive and names that are no tags in the report.

use std::path::Path;

use serde_json::{Value, json};

use crate::audit_run::{count, pass, put, registry, run, settings};
use crate::support::registry::RunningRegistry;
use crate::support::{Origin, Reply, Sandbox, Server};

/// Settings that tell a file; `lines` are of the target.
fn told_by_file(sandbox: &Sandbox, registry: &RunningRegistry, lines: &str) {
    let told = sandbox.path("told").display().to_string();
    let more = format!(
        "{lines}\n[audit.notify.file]\nexec = [\"sh\", \"-c\", \"cat >> {told}; echo >> {told}\"]"
    );
    settings(sandbox, registry, &more);
}

/// The messages so far: the first line of each, and its failures by state and tag.
fn messages(sandbox: &Sandbox) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(sandbox.path("told")).unwrap_or_default();
    let message = |line: &str| {
        let message: Value = serde_json::from_str(line).expect("a message");
        assert_eq!(message["breaches"], json!([]), "{message}");
        let failure = |row: &Value| {
            let tag = row["tag"].as_str().unwrap_or("all");
            format!("{} {tag}", row["state"].as_str().expect("a state"))
        };
        let failures = message["failures"].as_array().expect("failures").iter();
        let text = message["text"].as_str().expect("a text");
        (text.lines().next().unwrap_or_default().to_owned(), failures.map(failure).collect())
    };
    text.lines().map(message).collect()
}

fn fails(registry: &RunningRegistry, method: &str, path: &str, times: usize) {
    registry.script(method, path, vec![Reply::status(500); times]);
}

/// A pass without second tries.
fn once(sandbox: &Sandbox, day: u8, code: i32) -> Value {
    let output = pass(sandbox, day, &["--retries", "0"]);
    assert_eq!(output.code, Some(code), "{output}");
    output.json()
}

#[test]
fn a_target_that_fails_twice_is_told_once_and_again_when_it_works() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    told_by_file(&sandbox, &registry, "");
    run(&sandbox, 1, 0);
    let list = "/v2/team/app/tags/list";
    // A hiccup is in the report, and no message.
    fails(&registry, "GET", list, 1);
    assert_eq!(count(&once(&sandbox, 2, 2), "failures"), 1);
    run(&sandbox, 3, 0);
    assert_eq!(messages(&sandbox), []);
    fails(&registry, "GET", list, 3);
    for (day, told) in [(4, 0), (5, 1), (6, 1)] {
        once(&sandbox, day, 2);
        assert_eq!(messages(&sandbox).len(), told, "day {day}");
    }
    run(&sandbox, 7, 0);
    run(&sandbox, 8, 0);
    let expected = [
        ("regsize: 1 repository cannot be read".to_owned(), vec!["failing all".to_owned()]),
        ("regsize: 1 repository can be read again".to_owned(), vec!["cleared all".to_owned()]),
    ];
    assert_eq!(messages(&sandbox), expected);
}

#[test]
fn tags_that_fail_are_told_together() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    told_by_file(&sandbox, &registry, "");
    run(&sandbox, 1, 0);
    let head = |tag: &str, times| {
        fails(&registry, "HEAD", &format!("/v2/team/app/manifests/{tag}"), times);
    };
    head("1.0", 2);
    head("1.1", 3);
    once(&sandbox, 2, 2);
    // The failure of a tag that failed once is no limit that is exceeded.
    let page = crate::audit_run::audit(&sandbox, &["report"]);
    assert_eq!(count(&page, "breaches"), 0, "{page}");
    once(&sandbox, 3, 2);
    once(&sandbox, 4, 2);
    let both = ["failing 1.0", "failing 1.1"].map(str::to_owned).to_vec();
    let told = messages(&sandbox);
    assert_eq!(told[0], ("regsize: 2 tags cannot be read".to_owned(), both));
    assert_eq!(told[1].1, ["cleared 1.0"]);
    registry.update(|content| content.remove("team/app", "1.1"));
    run(&sandbox, 5, 0);
    let text = std::fs::read_to_string(sandbox.path("told")).unwrap();
    assert!(text.contains("1.0, 1.1: cannot be read, the first because: "), "{text}");
    assert_eq!(messages(&sandbox)[2].1, ["gone 1.1"]);
    assert_eq!(messages(&sandbox).len(), 3);
}

#[test]
fn who_was_not_told_is_in_the_report() {
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    let hook = Server::start(Origin::default(), |_| Reply::status(204));
    let key = "canary-1f2e3d4c5b6a";
    sandbox.set("TEAM_HOOK", &format!("{}/{key}", hook.url()));
    let limits = "tags = [\"1.0\"]\n[audit.target.budget]\nmax-layers = 1\n\
                  [audit.notify.team]\nwebhook-env = \"TEAM_HOOK\"\n\
                  [audit.notify.file]\nexec = [\"sh\", \"-c\", \"echo canary >&2; exit 1\"]";
    settings(&sandbox, &registry, limits);
    hook.script("POST", &format!("/{key}"), vec![Reply::error(500, "NO", key); 2]);
    let report = run(&sandbox, 1, 1);
    let channels: Vec<&str> = report["undelivered"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["channel"].as_str())
        .collect();
    assert_eq!(channels, ["file", "team"], "{report}");
    assert!(!report.to_string().contains("canary"), "{report}");
    assert!(report["undelivered"][1]["reason"].as_str().unwrap().contains("500"), "{report}");
    let config = sandbox.path("regsize.toml").display().to_string();
    let output = sandbox.run(&["audit", "run", "--config", &config, "--format", "markdown"]);
    let told = &output.stdout[output.stdout.find("Not told").expect("a section")..];
    assert!(told.contains("team") && told.contains("file"), "{output}");
    assert!(!output.stdout.contains("canary"), "{output}");
    assert_eq!(count(&run(&sandbox, 3, 1), "undelivered"), 1);
    assert!(!Path::new(&sandbox.path("told")).exists());
}

#[test]
fn a_channel_that_fails_costs_the_others_no_message() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let path = |name: &str| sandbox.path(name).display().to_string();
    let limits = format!(
        "tags = [\"1.0\"]\n[audit.target.budget]\nmax-layers = 1\n\
         [audit.notify.sound]\nexec = [\"sh\", \"-c\", \"cat >> {}; echo >> {}\"]\n\
         [audit.notify.weak]\nexec = [\"sh\", \"-c\", \"test -e {} && cat >> {}\"]",
        path("sound"),
        path("sound"),
        path("mended"),
        path("weak")
    );
    let told = |name: &str| {
        let text = std::fs::read_to_string(path(name)).unwrap_or_default();
        let states = text.split("\"state\":\"").skip(1);
        states.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let undelivered = |report: &Value| count(report, "undelivered");
    settings(&sandbox, &registry, &limits);
    for day in 1..4 {
        assert_eq!(undelivered(&run(&sandbox, day, 1)), 1);
        assert_eq!((told("sound"), told("weak")), (vec!["exceeded".to_owned()], vec![]));
    }
    put(&registry, "1.0", &[5]);
    assert_eq!(undelivered(&run(&sandbox, 4, 0)), 0);
    assert_eq!((told("sound").len(), told("weak").len()), (2, 0));
    put(&registry, "1.0", &[5, 6]);
    assert_eq!(undelivered(&run(&sandbox, 5, 1)), 1);
    std::fs::write(path("mended"), "").unwrap();
    run(&sandbox, 6, 1);
    run(&sandbox, 7, 1);
    assert_eq!((told("sound").len(), told("weak").len()), (3, 1));
    // The end is told to each that heard of it, once, too.
    std::fs::remove_file(path("mended")).unwrap();
    put(&registry, "1.0", &[5]);
    assert_eq!(undelivered(&run(&sandbox, 8, 2)), 1);
    assert_eq!(undelivered(&run(&sandbox, 9, 2)), 1);
    std::fs::write(path("mended"), "").unwrap();
    assert_eq!(undelivered(&run(&sandbox, 10, 0)), 0);
    run(&sandbox, 11, 0);
    assert_eq!((told("sound").len(), told("weak").len()), (4, 2));
    assert_eq!(
        (told("sound").pop(), told("weak").pop()),
        (Some("cleared".to_owned()), Some("cleared".to_owned()))
    );
}

#[test]
fn nobody_is_told_before_it_can_be_put_down() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let limits = "tags = [\"1.0\"]\n[audit.target.budget]\nmax-layers = 1";
    told_by_file(&sandbox, &registry, "tags = [\"1.0\"]");
    run(&sandbox, 1, 0);
    told_by_file(&sandbox, &registry, limits);
    let told = || std::fs::read_to_string(sandbox.path("told")).unwrap_or_default().lines().count();
    let config = sandbox.path("regsize.toml").display().to_string();
    for day in 2..4 {
        let now = format!("2026-11-{day:02}T06:00:00Z");
        let arguments = ["audit", "run", "--config", &config, "--now", &now, "--format", "json"];
        let output = sandbox.shell("ulimit -f 40; exec \"$0\" \"$@\"", &arguments);
        assert_eq!((output.code, told()), (Some(2), 0), "{output}");
        let report = output.json();
        assert_eq!(report["saved"], false, "{report}");
        let reason = report["undelivered"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("before the history can be written"), "{report}");
    }
    run(&sandbox, 4, 1);
    run(&sandbox, 5, 1);
    assert_eq!(told(), 1);
}

#[test]
fn what_failed_and_is_watched_no_longer_has_not_failed() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.0\", \"latets\"]");
    assert_eq!(count(&run(&sandbox, 1, 2), "failures"), 1);
    let not_read = || {
        let report = crate::audit_run::audit(&sandbox, &["report", "--days", "100000"]);
        let targets = report["targets"].as_array().expect("targets").clone();
        targets.iter().filter(|target| !target["missed"].is_null()).count()
    };
    assert_eq!(not_read(), 1);
    settings(&sandbox, &registry, "tags = [\"1.0\", \"latest\"]");
    run(&sandbox, 2, 0);
    assert_eq!(not_read(), 0);
}

#[test]
fn listed_names_that_are_no_tags_are_told() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "");
    let names = ["1.0", "-1", "a b", "latest"];
    let list = Reply::json(200, &json!({"name": "team/app", "tags": names}));
    registry.script("GET", "/v2/team/app/tags/list", vec![list.clone(), list]);
    let report = run(&sandbox, 1, 0);
    let expected = json!([{"repository": registry.reference("team/app"), "names": 2}]);
    assert_eq!(report["invalid"], expected, "{report}");
    let config = sandbox.path("regsize.toml").display().to_string();
    let output = sandbox.run(&["audit", "run", "--config", &config]);
    assert!(output.stdout.contains("2 listed names are no valid tag and left out"), "{output}");
    put(&registry, "1.2", &[5]);
    assert_eq!(run(&sandbox, 3, 0)["invalid"], json!([]));
}

#[test]
fn a_repository_that_two_targets_watch_fails_once() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let other = registry.reference("team/app");
    let more = format!("[[audit.target]]\nrepository = \"{other}\"\nname = \"other\"");
    settings(&sandbox, &registry, &more);
    fails(&registry, "GET", "/v2/team/app/tags/list", 2);
    assert_eq!(count(&once(&sandbox, 1, 2), "failures"), 1);
}
