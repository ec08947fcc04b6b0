//! Budgets of what is watched: how passes judge them, and whom they tell.

use std::path::Path;

use serde_json::Value;

use crate::audit_run::{count, pass, put, registry, rows, run, settings};
use crate::support::{Origin, Reply, Sandbox, Server};

#[test]
fn a_broken_budget_is_told_once_until_it_is_kept() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let told = sandbox.path("told").display().to_string();
    let limits = format!(
        "tags = [\"1.0\"]\n[audit.target.budget]\nmax-content = \"320KB\"\n\
         max-creep.\"7d\" = \"1GB\"\n\
         [audit.notify.file]\nexec = [\"sh\", \"-c\", \"cat >> {told}; echo >> {told}\"]"
    );
    settings(&sandbox, &registry, &limits);
    let messages = || std::fs::read_to_string(Path::new(&told)).unwrap_or_default();
    run(&sandbox, 1, 0);
    assert_eq!(messages(), "");
    put(&registry, "1.0", &[300, 50]);
    let report = run(&sandbox, 2, 1);
    assert_eq!(report["budgets"][0]["rule"], "max-content", "{report}");
    assert_eq!(report["verdict"], "fail");
    assert_eq!(messages().lines().count(), 1);
    assert!(messages().contains("\"state\":\"exceeded\""), "{}", messages());
    // It is judged again, by what the history knows, and nobody is told twice.
    let before = registry.count("GET", "/blobs/");
    run(&sandbox, 3, 1);
    assert_eq!((messages().lines().count(), registry.count("GET", "/blobs/")), (1, before));
    put(&registry, "1.0", &[300, 15]);
    run(&sandbox, 4, 0);
    assert_eq!(messages().lines().count(), 2);
    assert!(messages().contains("\"state\":\"cleared\""), "{}", messages());
    let counts = ["opened", "notified", "cleared"].map(|kind| rows(&sandbox, kind));
    assert_eq!(counts, [1, 2, 1]);
    // A limit that is new is judged without a registry's help.
    settings(&sandbox, &registry, &limits.replace("320KB", "310KB"));
    assert_eq!(run(&sandbox, 5, 1)["same"], 1);
}

#[test]
fn a_message_that_did_not_arrive_is_due_again() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let told = sandbox.path("told").display().to_string();
    let limits = |command: &str| {
        format!(
            "tags = [\"1.0\"]\n[audit.target.budget]\nmax-layers = 1\n\
             [audit.notify.file]\nexec = [\"sh\", \"-c\", \"{command}\"]"
        )
    };
    settings(&sandbox, &registry, &limits("echo no room >&2; exit 1"));
    let output = pass(&sandbox, 1, &[]);
    assert!(output.code == Some(1) && output.stderr.contains("no room"), "{output}");
    settings(&sandbox, &registry, &limits(&format!("cat > {told}")));
    run(&sandbox, 2, 1);
    assert!(std::fs::read_to_string(&told).unwrap().contains("max-layers"));
}

#[test]
fn a_webhook_gets_the_breach_and_nobody_its_address() {
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    let hook = Server::start(Origin::default(), |_| Reply::status(204));
    let key = "canary-1f2e3d4c5b6a";
    sandbox.set("TEAM_HOOK", &format!("{}/{key}", hook.url()));
    let limits = "tags = [\"1.0\"]\n[audit.target.budget]\nmax-layers = 1\n\
                  [audit.notify.team]\nwebhook-env = \"TEAM_HOOK\"";
    settings(&sandbox, &registry, limits);
    hook.script("POST", &format!("/{key}"), vec![Reply::error(500, "NO", key)]);
    for (day, posts) in [(1, 1), (2, 2), (3, 2)] {
        let output = pass(&sandbox, day, &[]);
        assert_eq!((output.code, hook.count("POST", "/")), (Some(1), posts), "{output}");
        assert!(!output.to_string().contains("canary"), "{output}");
    }
    let body = &hook.requests()[1].body;
    let message: Value = serde_json::from_slice(body).unwrap();
    assert!(message["text"].as_str().unwrap().contains("max-layers"), "{message}");
    assert_eq!(message["breaches"][0]["state"], "exceeded");
    let store = std::fs::read(sandbox.path("history.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&store).contains("canary"));
}

#[test]
fn growth_is_judged_by_what_the_history_knows() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let limits = "tags = [\"1.0\"]\ndepth = \"manifest\"\n[audit.target.budget]\n\
                  max-growth = \"100KB\"\nmax-creep.\"2w\" = \"100KB\"";
    settings(&sandbox, &registry, limits);
    run(&sandbox, 1, 0);
    for (day, size, code) in [(4, 50, 0), (7, 90, 0), (10, 170, 1), (20, 171, 0)] {
        put(&registry, "1.0", &[300, size]);
        let report = run(&sandbox, day, code);
        let rules: Vec<&str> = report["budgets"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|row| row["rule"].as_str())
            .collect();
        assert_eq!(rules, if code == 1 { vec!["max-creep.2w"] } else { vec![] }, "{report}");
    }
    put(&registry, "1.0", &[300, 400]);
    let report = run(&sandbox, 21, 1);
    assert_eq!(count(&report, "budgets"), 2, "{report}");
}

#[test]
fn growth_is_told_of_each_image_and_its_end_as_what_it_was() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let told = sandbox.path("told").display().to_string();
    let limits = format!(
        "tags = [\"1.0\"]\n[audit.target.budget]\nmax-growth = \"100KB\"\n\
         [audit.notify.file]\nexec = [\"sh\", \"-c\", \"cat >> {told}; echo >> {told}\"]"
    );
    settings(&sandbox, &registry, &limits);
    run(&sandbox, 1, 0);
    put(&registry, "1.0", &[300, 200]);
    run(&sandbox, 2, 1);
    put(&registry, "1.0", &[300, 500]);
    run(&sandbox, 3, 1);
    run(&sandbox, 4, 1);
    registry.update(|content| content.remove("team/app", "1.0"));
    run(&sandbox, 5, 0);
    let messages = std::fs::read_to_string(&told).unwrap();
    let states = messages.lines().map(|line| {
        let message: Value = serde_json::from_str(line).expect("a message");
        let state = |row: &Value| row["state"].as_str().unwrap().to_owned();
        let mut states: Vec<String> =
            message["breaches"].as_array().unwrap().iter().map(state).collect();
        states.sort();
        states.join(" ")
    });
    assert_eq!(states.collect::<Vec<_>>(), ["exceeded", "cleared exceeded", "gone"], "{messages}");
}
