//! `regsize cache`, and what a cache in trouble means to a run: time, and at most one note.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::{Output, Running};
use crate::support::{Image, Layer, Registry, Sandbox};

fn registry() -> RunningRegistry {
    let image = Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/");
    Registry::new().put_image("team/app", "latest", &image.bundle()).start()
}

fn inspect(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Output {
    let reference = registry.reference("team/app");
    sandbox.run(&[&["inspect", reference.as_str(), "--format", "json"], options].concat())
}

/// A sandbox in which an image was inspected, which makes four entries.
fn filled() -> (Sandbox, RunningRegistry, Output) {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let output = inspect(&sandbox, &registry, &[]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
    (sandbox, registry, output)
}

fn cache(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let output = sandbox.run(&[&["cache"], arguments, &["--format", "json"]].concat());
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
    assert_eq!(output.json()["schema"], "regsize.cache/1");
    output
}

#[test]
fn info_says_where_the_cache_is_and_what_is_in_it() {
    let (sandbox, ..) = filled();
    let info = cache(&sandbox, &["info"]).json();
    let path = sandbox.path("cache").display().to_string();
    assert_eq!((&info["directory"], &info["limit"]), (&json!(path), &json!(4_u64 << 30)));
    assert_eq!((&info["entries"], &info["removed"]), (&json!(4), &json!(null)));
    let buckets = info["buckets"].as_array().unwrap();
    let names: Vec<_> = buckets.iter().map(|bucket| bucket["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["documents", "tags", "tails"]);
    let sum: u64 = buckets.iter().map(|bucket| bucket["bytes"].as_u64().unwrap()).sum();
    assert_eq!(info["bytes"], sum);
    assert!(buckets.iter().all(|bucket| bucket["oldest"].as_str().unwrap().ends_with('Z')));
    let csv = sandbox.run(&["cache", "info", "--format", "csv"]).stdout;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    for format in ["terminal", "markdown"] {
        let text = sandbox.run(&["cache", "info", "--format", format, "--width", "100"]).stdout;
        for part in [path.as_str(), "4.29 GB", "documents", "oldest use"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[test]
fn a_cache_that_is_not_there_yet_is_empty_and_not_made() {
    let sandbox = Sandbox::new();
    let gone = sandbox.path("gone").display().to_string();
    for command in ["info", "prune", "clear"] {
        let output = cache(&sandbox, &[command, "--cache-dir", &gone]).json();
        assert_eq!((&output["directory"], &output["entries"]), (&json!(gone), &json!(0)));
    }
    assert!(!sandbox.path("gone").exists());
}

#[test]
fn prune_and_clear_say_what_went() {
    let (sandbox, registry, report) = filled();
    let bytes = cache(&sandbox, &["info"]).json()["bytes"].clone();
    let none = json!({"entries": 0, "bytes": 0});
    let removed = |arguments: &[&str]| cache(&sandbox, arguments).json()["removed"].clone();
    assert_eq!(removed(&["prune"]), none);
    assert_eq!(removed(&["prune", "--older-than", "1"]), none);
    assert_eq!(removed(&["prune", "--max-size", "1GB"]), none);
    assert_eq!(removed(&["prune", "--cache-size", "0"]), none, "no limit");
    assert_eq!(removed(&["prune", "--max-size", "0"]), json!({"entries": 4, "bytes": bytes}));
    assert_eq!(inspect(&sandbox, &registry, &[]), report);
    sandbox.write("cache/notes.txt", "mine");
    let text = sandbox.run(&["cache", "clear", "--width", "100"]);
    assert!(text.stdout.contains("4 entries, "), "{text}");
    assert_eq!(fs::read_dir(sandbox.path("cache")).unwrap().count(), 1);
    assert_eq!(inspect(&sandbox, &registry, &[]), report);
}

#[test]
fn a_limit_holds_for_every_run() {
    let (mut sandbox, registry) = (Sandbox::new(), registry());
    sandbox.set("REGSIZE_CACHE_SIZE", "1k");
    let first = inspect(&sandbox, &registry, &[]);
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""), "{first}");
    let info = cache(&sandbox, &["info"]).json();
    assert!(info["limit"] == 1000 && info["bytes"].as_u64().unwrap() <= 1000, "{info}");
    sandbox.set("REGSIZE_CACHE_SIZE", "");
    assert_eq!(cache(&sandbox, &["info"]).json()["limit"], json!(4_u64 << 30));
    sandbox.set("REGSIZE_CACHE_SIZE", "lots");
    let wrong = sandbox.run(&["cache", "info"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("\"lots\" is not a size"), "{wrong}");
}

#[test]
fn a_cache_that_cannot_be_used_is_one_clear_sentence() {
    let mut sandbox = Sandbox::new();
    let check = |sandbox: &Sandbox, arguments: &[&str], kind: &str, text: &str| {
        let arguments = [&["cache", "info", "--format", "json"], arguments].concat();
        let output = sandbox.run(&arguments);
        assert_eq!(output.code, Some(2), "{output}");
        let error = &output.json()["error"];
        assert_eq!(error["kind"], kind, "{output}");
        assert!(error["message"].as_str().unwrap().contains(text), "{output}");
        assert!(output.stderr.starts_with("error: "), "{output}");
    };
    check(&sandbox, &["--no-cache"], "usage", "no cache to look at");
    let file = sandbox.write("file", "in the way").display().to_string();
    check(&sandbox, &["--cache-dir", &file], "local", "File exists");
    let mode = fs::Permissions::from_mode(0o777);
    fs::set_permissions(sandbox.path("cache"), mode).unwrap();
    check(&sandbox, &[], "local", "everybody may write to it");
    sandbox.unset("HOME");
    sandbox.unset("REGSIZE_CACHE_DIR");
    check(&sandbox, &[], "local", "there is no directory for a cache");
}

#[test]
fn without_a_home_there_is_no_cache_and_nothing_is_said() {
    let (mut sandbox, registry, report) = filled();
    for home in [None, Some("")] {
        sandbox.unset("REGSIZE_CACHE_DIR");
        sandbox.unset("HOME");
        if let Some(home) = home {
            sandbox.set("HOME", home);
        }
        assert_eq!(inspect(&sandbox, &registry, &[]), report);
    }
    sandbox.set("HOME", "/proc/nonexistent");
    let output = inspect(&sandbox, &registry, &[]);
    assert_eq!((output.code, output.stdout), (Some(0), report.stdout));
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}

#[test]
fn no_room_on_the_disk_costs_one_note_and_leaves_nothing() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    let reference = registry.reference("team/app");
    let own = sandbox.command(&["inspect", &reference, "--format", "json"]);
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""]).arg(own.get_program());
    command.args(own.get_args()).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = Running::start(&mut command).finish();
    assert_eq!((output.code, output.signal), (Some(0), None), "{output}");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    assert!(output.stderr.contains("kept in the cache directory"), "{output}");
    assert_eq!(output.stdout, inspect(&Sandbox::new(), &registry, &["--no-cache"]).stdout);
    let left = fs::read_dir(sandbox.path("cache/v1/documents/sha256")).unwrap().count();
    assert_eq!(left, 0, "temporary files");
}

#[test]
fn runs_that_are_killed_or_share_the_cache_change_nothing() {
    let (sandbox, registry, report) = filled();
    let reference = registry.reference("team/app");
    let arguments = ["inspect", &reference, "--format", "json"];
    for round in 0..12 {
        fs::remove_dir_all(sandbox.path("cache/v1")).unwrap();
        let before = registry.lines().len();
        let mut child = sandbox.command(&arguments).spawn().unwrap();
        while registry.lines().len() < before + round % 4 + 1 && child.try_wait().unwrap().is_none()
        {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let runs = [(); 2].map(|()| sandbox.spawn(&arguments));
        for output in runs.map(Running::finish) {
            assert_eq!(output, report);
        }
    }
}

#[test]
fn a_cache_that_vanishes_during_a_run_changes_nothing() {
    let (sandbox, registry, report) = filled();
    for _ in 0..6 {
        let runs = [(); 2].map(|()| {
            sandbox.spawn(&["inspect", &registry.reference("team/app"), "--format", "json"])
        });
        let cleared = sandbox.run(&["cache", "clear"]);
        assert_eq!(cleared.code, Some(0), "{cleared}");
        for output in runs.map(Running::finish) {
            assert_eq!(output, report);
        }
    }
}

#[test]
fn damage_is_named_to_who_wants_to_know_everything() {
    let (sandbox, registry, report) = filled();
    let tags = fs::read_dir(sandbox.path("cache/v1/tags/sha256")).unwrap();
    tags.for_each(|tag| fs::write(tag.unwrap().path(), "damaged").unwrap());
    let output = inspect(&sandbox, &registry, &["--verbose"]);
    assert_eq!(output.stdout, report.stdout);
    assert!(output.stderr.contains("1 damaged cache entries"), "{output}");
    assert!(!inspect(&sandbox, &registry, &["--verbose"]).stderr.contains("damaged"));
}
