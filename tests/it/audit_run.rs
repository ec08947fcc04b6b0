//! Passes over what is watched: what they ask a registry, what they record, and what they judge.

use serde_json::Value;

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Image, Index, Layer, Postgres, Registry, Reply, Sandbox, until};

/// An image whose layers have so many thousand bytes.
pub(crate) fn image(platform: &str, thousands: &[usize]) -> Image {
    thousands.iter().enumerate().fold(Image::new(platform), |image, (at, size)| {
        let layer = Layer::gzip(&format!("opt/part{at} {} seed=s{at}-{size}", size * 1000));
        image.layer(layer, &format!("RUN make part{at}"))
    })
}

pub(crate) fn put(registry: &RunningRegistry, tag: &str, thousands: &[usize]) {
    let bundle = image("linux/amd64", thousands).bundle();
    registry.update(|content| content.put_image("team/app", tag, &bundle));
}

/// A repository with a tag on two platforms and two on one.
pub(crate) fn registry() -> RunningRegistry {
    let index = Index::new()
        .image(&image("linux/amd64", &[300, 20]))
        .image(&image("linux/arm64", &[280, 20]));
    Registry::new()
        .put_image("team/app", "latest", &index.bundle())
        .put_image("team/app", "1.0", &image("linux/amd64", &[300, 10]).bundle())
        .put_image("team/app", "1.1", &image("linux/amd64", &[300, 11]).bundle())
        .start()
}

/// Settings that watch the repository of a registry, with more lines for the target.
pub(crate) fn settings(sandbox: &Sandbox, registry: &RunningRegistry, lines: &str) {
    let text = format!(
        "[audit]\nstore = \"history.sqlite\"\n\n[[audit.target]]\nrepository = \"{}\"\n{lines}\n",
        registry.reference("team/app")
    );
    sandbox.write("regsize.toml", text);
}

pub(crate) fn pass(sandbox: &Sandbox, day: u8, more: &[&str]) -> Output {
    let config = sandbox.path("regsize.toml").display().to_string();
    let now = format!("2026-11-{day:02}T06:00:00Z");
    let fixed = ["audit", "run", "--config", &config, "--now", &now, "--format", "json"];
    sandbox.run(&[&fixed, more].concat())
}

/// A pass that ends so.
pub(crate) fn run(sandbox: &Sandbox, day: u8, code: i32) -> Value {
    let output = pass(sandbox, day, &[]);
    assert_eq!(output.code, Some(code), "{output}");
    output.json()
}

pub(crate) fn audit(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let store = sandbox.path("history.sqlite").display().to_string();
    let output =
        sandbox.run(&[&["audit"], arguments, &["--store", &store, "--format", "json"]].concat());
    assert_eq!(output.code, Some(0), "{output}");
    output.json()
}

#[test]
fn the_file_of_settings_says_where_the_history_is() {
    let (sandbox, registry) = (Sandbox::new(), registry());
    settings(&sandbox, &registry, "");
    run(&sandbox, 1, 0);
    let reference = registry.reference("team/app:1.0");
    let config = sandbox.path("regsize.toml").display().to_string();
    let asks: [&[&str]; 6] = [
        &["report", "--days", "100000"],
        &["history", &reference],
        &["diff", &reference, "2026-11-01", "2026-11-01"],
        &["verify"],
        &["export"],
        &["prune", "--keep", "100000d", "--dry-run"],
    ];
    for ask in asks {
        let without = sandbox.run(&[&["audit"], ask].concat());
        assert_eq!(without.code, Some(2), "{without}");
        let output = sandbox.run(&[&["audit"], ask, &["--config", &config]].concat());
        assert_eq!(output.code, Some(0), "{output}");
    }
    let output = sandbox.run(&["audit", "record", &reference, "--config", &config]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!sandbox.path("home/.local/share/regsize").exists());
    let elsewhere = ["audit", "verify", "--config", &config, "--store", "none.sqlite"];
    assert!(sandbox.run(&elsewhere).stderr.contains("no history at none.sqlite"));
}

pub(crate) fn rows(sandbox: &Sandbox, kind: &str) -> usize {
    let store = sandbox.path("history.sqlite").display().to_string();
    let output = sandbox.run(&["audit", "export", "--store", &store]);
    let is_of =
        |line: &&str| serde_json::from_str::<Value>(line).is_ok_and(|row| row["kind"] == kind);
    output.stdout.lines().filter(is_of).count()
}

pub(crate) fn count(report: &Value, field: &str) -> usize {
    report[field].as_array().map_or(0, Vec::len)
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    for name in ["REGSIZE_SPOOL", "REGSIZE_CACHE_DIR", "REGSIZE_CACHE_SIZE", "REGSIZE_SHARED_CACHE"]
    {
        sandbox.set(name, "");
    }
    run(&sandbox, 1, 0);
    assert!(sandbox.path("home/.cache/regsize").is_dir());
    let output = pass(&sandbox, 2, &["--spool", ""]);
    assert!(output.stderr.contains("--spool"), "{output}");
    assert_eq!(output.code, Some(2), "{output}");
}

#[test]
fn what_did_not_move_costs_one_head() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "");
    let first = run(&sandbox, 1, 0);
    assert_eq!(first["schema"], "regsize.audit-run/1");
    assert_eq!((count(&first, "moved"), first["read"].as_u64()), (4, Some(3)), "{first}");
    let before = registry.lines().len();
    let second = run(&sandbox, 2, 0);
    assert_eq!((count(&second, "moved"), second["same"].as_u64()), (0, Some(3)), "{second}");
    let asked = registry.lines().split_off(before);
    let heads =
        asked.iter().filter(|line| line.starts_with("HEAD ") && line.contains("/manifests/"));
    assert_eq!(heads.count(), 3, "{asked:?}");
    let others = |line: &&String| !line.contains("/tags/list") && !line.starts_with("HEAD ");
    let others: Vec<&String> = asked.iter().filter(others).collect();
    assert!(others.iter().all(|line| line.ends_with("/v2/")), "{others:?}");
    let latest = registry.reference("team/app:latest");
    let history = audit(&sandbox, &["history", &latest]);
    assert_eq!(count(&history, "points"), 2);
    assert_eq!(rows(&sandbox, "seen"), 1);
    assert_eq!(audit(&sandbox, &["verify"])["sound"], true);
}

#[test]
fn a_tag_that_moved_is_read_and_explained() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.*\"]");
    run(&sandbox, 1, 0);
    put(&registry, "1.0", &[300, 50]);
    let before = registry.lines().len();
    let report = run(&sandbox, 2, 0);
    assert_eq!((report["read"].as_u64(), report["same"].as_u64()), (Some(1), Some(1)), "{report}");
    let moved = &report["moved"][0];
    assert_eq!((count(&report, "moved"), &moved["tag"]), (1, &Value::from("1.0")));
    let content = |of: &str| moved[of]["content"].as_u64().unwrap();
    assert_eq!((content("before"), content("now")), (310_000, 350_000));
    let cause = &moved["why"]["causes"][0];
    assert!(cause["text"].as_str().unwrap().contains("/opt/part1"), "{cause}");
    assert_eq!(cause["change"]["content"], 40_000, "{cause}");
    // The layer that both images have is not read again.
    let asked = registry.lines().split_off(before);
    assert_eq!(asked.iter().filter(|line| line.contains("/blobs/")).count(), 2, "{asked:?}");
}

#[test]
fn a_tag_is_gone_when_the_registry_says_so_of_the_tag() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "");
    run(&sandbox, 1, 0);
    // The list has one tag; what is missing from it is there all the same.
    let list = "/v2/team/app/tags/list";
    let short = || Reply::json(200, &serde_json::json!({"name": "team/app", "tags": ["1.0"]}));
    registry.script("GET", list, vec![short()]);
    let report = run(&sandbox, 2, 0);
    assert_eq!((count(&report, "gone"), report["same"].as_u64()), (0, Some(3)), "{report}");
    registry.update(|content| content.remove("team/app", "1.1"));
    let report = run(&sandbox, 3, 0);
    assert_eq!((count(&report, "gone"), &report["gone"][0]["tag"]), (1, &Value::from("1.1")));
    let gone = audit(&sandbox, &["history", &registry.reference("team/app:1.1")]);
    assert!(gone["targets"][0]["gone"].as_str().unwrap().starts_with("2026-11-03"), "{gone}");
    // A tag that was gone and is back is read, and is not new.
    put(&registry, "1.1", &[300, 11]);
    let report = run(&sandbox, 4, 0);
    let back = &report["moved"][0];
    assert_eq!((count(&report, "moved"), report["read"].as_u64()), (1, Some(1)), "{report}");
    assert_eq!((&back["state"], &back["change"]), (&"back".into(), &0.into()), "{back}");
    assert_eq!((&back["gone"], &back["why"]), (&"2026-11-03T06:00:00Z".into(), &Value::Null));
    assert_eq!(back["before"], back["now"], "{back}");
    // Where nothing at all is shown, nothing is gone.
    registry.update(|content| content.deny("team/app"));
    let report = run(&sandbox, 5, 2);
    assert_eq!((count(&report, "gone"), count(&report, "failures")), (0, 1), "{report}");
}

#[test]
fn a_tag_that_is_named_and_gone_stays_gone() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.0\", \"1.1\"]");
    run(&sandbox, 1, 0);
    registry.update(|content| content.remove("team/app", "1.1"));
    assert_eq!(count(&run(&sandbox, 2, 0), "gone"), 1);
    for day in 3..6 {
        let report = run(&sandbox, day, 0);
        assert_eq!((count(&report, "gone"), count(&report, "failures")), (0, 0), "{report}");
    }
    put(&registry, "1.1", &[300, 11]);
    assert_eq!(run(&sandbox, 6, 0)["moved"][0]["state"], "back");
}

#[test]
fn what_fails_stops_nothing_else() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let more = format!(
        "tags = [\"1.0\", \"none\"]\n[[audit.target]]\nrepository = \"{}\"\nname = \"other\"",
        registry.reference("team/none")
    );
    settings(&sandbox, &registry, &more);
    let report = run(&sandbox, 1, 2);
    assert_eq!((count(&report, "moved"), count(&report, "failures")), (1, 2), "{report}");
    assert_eq!(report["failures"][0]["tag"], "none");
    assert_eq!(report["failures"][1]["tag"], Value::Null);
    assert_eq!(report["verdict"], "unknown");
    // What failed and is there now has failed no longer.
    put(&registry, "none", &[7]);
    let output = pass(&sandbox, 2, &["--only", &registry.reference("team/app")]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(output.json()["read"], 1);
    let output = pass(&sandbox, 3, &["--only", "othr"]);
    assert!(output.code == Some(2) && output.stderr.contains("did you mean other?"), "{output}");
}

#[test]
fn a_summary_that_cannot_be_written_is_not_told() {
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "[audit.notify.job]\ngithub-summary = true");
    let summary = sandbox.path("summary.md");
    sandbox.set("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    let report = run(&sandbox, 1, 0);
    assert_eq!(count(&report, "undelivered"), 0, "{report}");
    let written = std::fs::read_to_string(&summary).unwrap();
    assert!(written.contains("team/app:1.0"), "{written}");
    sandbox.set("GITHUB_STEP_SUMMARY", sandbox.path("none/summary.md").to_str().unwrap());
    let report = run(&sandbox, 2, 2);
    assert_eq!(report["undelivered"][0]["channel"], "job", "{report}");
    let reason = report["undelivered"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("none/summary.md cannot be written: No such file"), "{reason}");
}

#[test]
fn a_broken_file_that_happens_to_be_there_stops_no_command() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    run(&sandbox, 1, 0);
    sandbox.write("home/regsize.toml", "not = [toml");
    let store = sandbox.path("history.sqlite").display().to_string();
    let tag = registry.reference("team/app:1.0");
    let asks: [&[&str]; 6] = [
        &["report", "--days", "100000"],
        &["history", &tag],
        &["verify"],
        &["export"],
        &["prune", "--keep", "100000d", "--dry-run"],
        &["record", &tag, "--manifest-only"],
    ];
    for ask in asks {
        let output = sandbox.run(&[&["audit"], ask, &["--store", &store]].concat());
        assert_eq!(output.code, Some(0), "{output}");
        let is_told = output.stderr.contains("note: regsize.toml: ");
        assert_eq!(is_told, ask[0] == "report", "{output}");
        // What is named, or needed, has to be right.
        for with in [&["--store", &store, "--config", "regsize.toml"][..], &[]] {
            let output = sandbox.run(&[&["audit"], ask, with].concat());
            assert_eq!(output.code, Some(2), "{output}");
            assert!(output.stderr.contains("error: regsize.toml: "), "{output}");
        }
    }
}

#[test]
fn tags_of_one_image_are_read_once() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    registry.update(|content| content.put_tags("team/app", "1.0", &["1", "1.0.0", "stable"]));
    settings(&sandbox, &registry, "tags = [\"1*\", \"stable\"]\nexclude = [\"1.1\"]");
    let report = run(&sandbox, 1, 0);
    assert_eq!((count(&report, "moved"), registry.count("GET", "/manifests/")), (4, 1), "{report}");
}

/// A run that begins while another one, which is ended then, is at work.
fn refused_beside_another(sandbox: &Sandbox, registry: &RunningRegistry) {
    registry.script("GET", "/v2/team/app/tags/list", vec![Reply::stall()]);
    let config = sandbox.path("regsize.toml").display().to_string();
    let running = sandbox.spawn(&["audit", "run", "--config", &config]);
    until("it lists the tags", || registry.count("GET", "/tags/list") > 0);
    let output = pass(sandbox, 2, &[]);
    assert!(output.code == Some(2) && output.stderr.contains("another run is at work"), "{output}");
    running.terminate();
    running.finish();
}

#[test]
fn a_run_that_was_killed_is_abandoned_and_one_at_work_is_left_alone() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "");
    refused_beside_another(&sandbox, &registry);
    run(&sandbox, 3, 0);
    let counts = ["started", "abandoned", "ended"].map(|kind| rows(&sandbox, kind));
    assert_eq!(counts, [2, 1, 1]);
}

#[test]
fn a_run_that_was_killed_loses_a_batch_at_most() {
    let sandbox = Sandbox::new();
    let images: Vec<Image> = (0..40).map(|at| image("linux/amd64", &[at + 1])).collect();
    let content = images.iter().enumerate().fold(Registry::new(), |content, (at, image)| {
        content.put_image("team/app", &format!("1.{at}"), &image.bundle())
    });
    let registry = content.start();
    settings(&sandbox, &registry, "");
    // The oldest by name is read last.
    let last = format!("/v2/team/app/manifests/{}", images[0].digest());
    registry.script("GET", &last, vec![Reply::stall()]);
    let config = sandbox.path("regsize.toml").display().to_string();
    let running = sandbox.spawn(&["audit", "run", "--config", &config]);
    let is_far = || registry.count("GET", "/manifests/") >= 40 && rows(&sandbox, "point") >= 32;
    until("it has recorded two batches", is_far);
    running.terminate();
    running.finish();
    let report = run(&sandbox, 3, 0);
    let same = report["same"].as_u64().unwrap();
    assert!(
        (32..40).contains(&same) && count(&report, "moved") == 40 - usize::try_from(same).unwrap()
    );
    assert_eq!(audit(&sandbox, &["verify"])["sound"], true);
}

#[test]
fn runs_on_a_server_do_not_overlap_either() {
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    let server = Postgres::start("secret");
    sandbox.set("REGSIZE_STORE", &server.database("runs"));
    settings(&sandbox, &registry, "");
    refused_beside_another(&sandbox, &registry);
    assert_eq!(count(&run(&sandbox, 3, 0), "moved"), 4);
    assert_eq!(run(&sandbox, 4, 0)["same"], 3);
    assert!(!sandbox.path("history.sqlite").exists());
}

#[test]
fn a_history_that_cannot_be_written_hides_nothing() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "");
    run(&sandbox, 1, 0);
    put(&registry, "1.0", &[300, 50]);
    let config = sandbox.path("regsize.toml").display().to_string();
    // Room for what is read alone, and for less than that.
    for (blocks, moved) in [(40, Some(1)), (4, None)] {
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let run = ["audit", "run", "--config", &config, "--format", "json"];
        let output = sandbox.shell(&script, &run);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("not all of the run was saved"), "{output}");
        let report = output.json();
        let found = report["moved"].as_array().map(Vec::len);
        assert_eq!((&report["saved"], found), (&Value::from(false), moved), "{report}");
    }
}

#[test]
fn pulls_that_are_scarce_are_left_for_the_next_run() {
    let sandbox = Sandbox::new();
    let tags = ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"];
    let content = tags.iter().enumerate().fold(Registry::new(), |content, (at, tag)| {
        content.put_image("team/app", tag, &image("linux/amd64", &[5, at + 6]).bundle())
    });
    let registry = content.rate_limit_headers(100, 13, 21_600, "198.51.100.1").start();
    settings(&sandbox, &registry, "");
    let report = run(&sandbox, 1, 2);
    let (read, left) = (report["read"].as_u64().unwrap(), count(&report, "left"));
    assert!((1..=3).contains(&read) && left == 6 - usize::try_from(read).unwrap(), "{report}");
    assert_eq!(count(&report, "failures"), 0, "{report}");
    registry.update(|content| content.rate_limit_headers(100, 100, 21_600, "198.51.100.1"));
    let report = run(&sandbox, 2, 0);
    assert_eq!(count(&report, "moved"), left, "{report}");
}

#[test]
fn settings_are_begun_and_checked() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("new.toml").display().to_string();
    let init = ["audit", "init", &file, "--target", "ghcr.io/owner/name", "--target", "debian"];
    assert_eq!(sandbox.run(&init).code, Some(0));
    let again = sandbox.run(&init);
    assert!(again.code == Some(2) && again.stderr.contains("is there already"), "{again}");
    let check = ["audit", "check-config", "--config", &file, "--now", "2026-11-21T07:00:00Z"];
    let output = sandbox.run(&check);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("2026-11-22 06:00:00Z"), "{output}");
    sandbox.write("new.toml", "[audit]\n[[audit.target]]\nrepo = \"a\"");
    let output = sandbox.run(&check);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("line 3, column 1: audit.target has no \"repo\""), "{output}");
}

#[test]
fn a_month_of_passes_says_when_what_grew_and_why() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.0\"]");
    for day in 1..=30 {
        if day == 9 {
            put(&registry, "1.0", &[300, 10, 120]);
        }
        if day == 21 {
            put(&registry, "1.0", &[300, 14, 120]);
        }
        let report = run(&sandbox, day, 0);
        let cause = report["moved"][0]["why"]["causes"][0]["text"].as_str().map(str::to_owned);
        match day {
            1 => assert_eq!((count(&report, "moved"), cause), (1, None)),
            9 => assert!(cause.is_some_and(|cause| cause.contains("part2")), "{report}"),
            21 => assert!(cause.is_some_and(|cause| cause.contains("part1")), "{report}"),
            _ => assert_eq!(count(&report, "moved"), 0, "day {day}: {report}"),
        }
    }
    let history = audit(&sandbox, &["history", &registry.reference("team/app:1.0")]);
    let days: Vec<&str> = history["points"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|point| point["seen"].as_str()?.get(..10))
        .collect();
    assert_eq!(days, ["2026-11-01", "2026-11-09", "2026-11-21"]);
    assert!(history["targets"][0]["last_seen"].as_str().unwrap().starts_with("2026-11-30"));
}

#[test]
#[ignore = "it makes ten thousand tags"]
fn ten_thousand_tags_that_did_not_move_are_fast() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let names: Vec<String> = (0..10_000).map(|number| format!("2.0.{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    registry.update(|content| content.put_tags("team/app", "1.0", &names));
    settings(&sandbox, &registry, "tags = [\"2.*\"]\ndepth = \"manifest\"");
    run(&sandbox, 1, 0);
    let config = sandbox.path("regsize.toml").display().to_string();
    let usage = sandbox.path("usage").display().to_string();
    let script = format!("/usr/bin/time -o {usage} -f '%e %M' \"$0\" \"$@\"");
    let output = sandbox.shell(&script, &["audit", "run", "--config", &config, "--format", "json"]);
    assert_eq!(output.json()["same"], 10_000, "{output}");
    let usage = std::fs::read_to_string(usage).unwrap();
    let (seconds, memory) = usage.trim().split_once(' ').unwrap();
    assert!(seconds.parse::<f64>().unwrap() < 30.0, "{seconds} s");
    assert!(memory.parse::<u64>().unwrap() < 100 << 10, "{memory} KiB");
}
