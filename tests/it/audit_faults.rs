//! Passes over registries that fail, and whose tags move while they are looked at.

use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::audit_run::{audit, count, image, pass, put, registry, run, settings};
use crate::support::registry::RunningRegistry;
use crate::support::{Registry, Reply, Sandbox};

/// A pass on the second day in which something could not be found out.
fn faulty(sandbox: &Sandbox) -> Value {
    let output = pass(sandbox, 2, &["--retries", "0"]);
    assert_eq!(output.code, Some(2), "{output}");
    output.json()
}

#[test]
fn a_page_of_something_in_between_takes_no_tag_away() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "");
    run(&sandbox, 1, 0);
    let unauthorized = serde_json::json!({"errors": [{"code": "UNAUTHORIZED"}]});
    for reply in [Reply::status(404).body("<html>nginx</html>"), Reply::json(404, &unauthorized)] {
        for method in ["HEAD", "GET"] {
            registry.script_forever(method, "/v2/team/app/manifests/1.1", vec![reply.clone()]);
        }
        let report = faulty(&sandbox);
        assert_eq!((count(&report, "gone"), count(&report, "failures")), (0, 1), "{report}");
    }
}

#[test]
fn a_tag_that_moves_while_it_is_looked_at_is_read_as_it_is_then() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.0\", \"1.1\"]");
    run(&sandbox, 1, 0);
    // HEAD still tells an image that was replaced and deleted.
    let gone = image("linux/amd64", &[300, 40]).manifest().digest();
    let told = Reply::status(200).header("Docker-Content-Digest", gone.to_string());
    registry.script("HEAD", "/v2/team/app/manifests/1.0", vec![told]);
    put(&registry, "1.0", &[300, 50]);
    let report = run(&sandbox, 2, 0);
    assert_eq!((count(&report, "moved"), count(&report, "failures")), (1, 0), "{report}");
    let history = audit(&sandbox, &["history", &registry.reference("team/app:1.0")]);
    let now = image("linux/amd64", &[300, 50]).manifest().digest().to_string();
    assert_eq!(history["points"][1]["digest"], now, "{history}");
}

#[test]
fn a_list_that_breaks_off_takes_no_tag_away() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "");
    run(&sandbox, 1, 0);
    registry.update(|content| content.remove("team/app", "1.1"));
    let list = "/v2/team/app/tags/list";
    let first = Reply::json(200, &json!({"tags": ["1.0"]}));
    let first = first.header("Link", format!("<{list}?last=1.0>; rel=\"next\""));
    registry.script_forever("GET", list, vec![first]);
    registry.script_forever("GET", &format!("{list}?last=1.0"), vec![Reply::status(500)]);
    let report = faulty(&sandbox);
    assert!(count(&report, "failures") > 0, "{report}");
    assert_eq!(report["same"], 2, "{report}");
}

#[test]
fn many_tags_of_which_some_moved_and_some_fail_are_all_told() {
    const ALL: usize = 100;
    let name = |number: usize| format!("3.0.{number}");
    let mut content = Registry::new();
    for number in 0..ALL {
        let bundle = image("linux/amd64", &[300, 1 + number % 7]).bundle();
        content = content.put_image("team/app", &name(number), &bundle);
    }
    let (registry, sandbox) = (content.start(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    run(&sandbox, 1, 0);
    let each = |from: usize| (from..ALL).step_by(20).map(name);
    each(0).for_each(|tag| put(&registry, &tag, &[300, 99]));
    for tag in each(1) {
        let path = format!("/v2/team/app/manifests/{tag}");
        for method in ["HEAD", "GET"] {
            registry.script_forever(method, &path, vec![Reply::status(500)]);
        }
    }
    let report = faulty(&sandbox);
    let tags = |field: &str| {
        let rows = report[field].as_array().expect("rows");
        let mut tags: Vec<String> =
            rows.iter().filter_map(|row| row["tag"].as_str().map(str::to_owned)).collect();
        tags.sort();
        tags
    };
    let sorted = |mut tags: Vec<String>| {
        tags.sort();
        tags
    };
    assert_eq!(tags("moved"), sorted(each(0).collect()), "{report}");
    assert_eq!(tags("failures"), sorted(each(1).collect()), "{report}");
    assert_eq!(report["same"], ALL - 10, "{report}");
    assert_eq!(report["left"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn an_image_that_is_deleted_while_it_is_read_fails_alone() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.0\", \"1.1\"]");
    run(&sandbox, 1, 0);
    put(&registry, "1.0", &[300, 60]);
    put(&registry, "1.1", &[300, 70]);
    let config = Digest::of(&image("linux/amd64", &[300, 60]).config());
    let path = format!("/v2/team/app/blobs/{config}");
    registry.script_forever("GET", &path, vec![Reply::status(404)]);
    let report = faulty(&sandbox);
    assert_eq!((count(&report, "moved"), count(&report, "gone")), (1, 0), "{report}");
    assert_eq!(report["moved"][0]["tag"], "1.1", "{report}");
    assert_eq!(report["failures"][0]["tag"], "1.0", "{report}");
}

#[test]
fn a_tag_that_comes_back_as_another_image_is_compared_with_what_it_was() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.0\"]");
    for (day, size) in [(1, Some(10)), (3, None), (5, Some(50)), (7, None), (9, Some(50))] {
        match size {
            Some(size) => put(&registry, "1.0", &[300, size]),
            None => registry.update(|content| content.remove("team/app", "1.0")),
        }
        let report = run(&sandbox, day, 0);
        let row = &report["moved"][0];
        let why = row["why"]["causes"][0]["text"].as_str().unwrap_or_default();
        match day {
            1 => assert_eq!((&row["state"], &row["gone"]), (&json!("new"), &Value::Null)),
            5 => {
                assert_eq!((&row["state"], &row["gone"]), (&json!("back"), &time(3)), "{row}");
                assert_eq!(row["before"]["content"], 310_000, "{row}");
                assert!(why.contains("/opt/part1"), "{row}");
            }
            9 => assert_eq!((&row["gone"], why), (&time(7), ""), "{row}"),
            _ => assert_eq!((count(&report, "moved"), count(&report, "gone")), (0, 1), "{report}"),
        }
    }
    let tag = registry.reference("team/app:1.0");
    let history = audit(&sandbox, &["history", &tag]);
    let gap = |gone, back| json!({"gone": time(gone), "back": time(back)});
    assert_eq!(history["targets"][0]["gaps"], json!([gap(3, 5), gap(7, 9)]), "{history}");
    let last = audit(&sandbox, &["history", &tag, "--last", "1"]);
    assert_eq!(last["targets"][0]["gaps"], json!([gap(7, 9)]), "{last}");
    let store = sandbox.path("history.sqlite").display().to_string();
    let shown = sandbox.run(&["audit", "history", &tag, "--store", &store]).stdout;
    let gone = |line: &str| line.contains("2026-11-07 06:00Z") && line.contains("gone");
    assert!(shown.lines().any(gone), "{shown}");
    let config = sandbox.path("regsize.toml").display().to_string();
    registry.update(|content| content.remove("team/app", "1.0"));
    run(&sandbox, 11, 0);
    put(&registry, "1.0", &[300, 60]);
    let report = sandbox.run(&["audit", "run", "--config", &config, "--format", "markdown"]).stdout;
    assert!(report.contains("back, was gone since 2026-11-11; +"), "{report}");
}

/// The time of the pass of a day.
fn time(day: u8) -> Value {
    json!(format!("2026-11-{day:02}T06:00:00Z"))
}

/// How many manifests and blobs were asked for since so many requests, and how many tags.
fn asked(registry: &RunningRegistry, before: usize) -> (usize, usize) {
    let lines = registry.lines().split_off(before);
    let of = |method: &str, path: &str| {
        lines.iter().filter(|line| line.starts_with(method) && line.contains(path)).count()
    };
    (of("GET ", "/manifests/") + of("GET ", "/blobs/"), of("HEAD ", "/manifests/"))
}

#[test]
fn what_is_watched_more_widely_is_read_once() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let amd64 = "platforms = [\"linux/amd64\"]";
    let both = "platforms = [\"linux/amd64\", \"linux/arm64\"]";
    let steps = [
        // Settings, images that are new, tags that are read, platforms that are not published.
        ("depth = \"manifest\"\nplatforms = [\"linux/amd64\"]", 3, 3, 0),
        (amd64, 0, 3, 0),
        // Two of the three tags have no such image.
        (both, 1, 3, 2),
        (amd64, 0, 0, 0),
        ("", 0, 3, 0),
        (both, 0, 0, 2),
    ];
    for (step, (lines, moved, read, absent)) in (1..).zip(steps) {
        settings(&sandbox, &registry, lines);
        let report = run(&sandbox, step * 2, 0);
        let counts = (count(&report, "moved"), report["read"].as_u64(), count(&report, "absent"));
        assert_eq!(counts, (moved, Some(read), absent), "{lines}: {report}");
        let before = registry.lines().len();
        let again = run(&sandbox, step * 2 + 1, 0);
        assert_eq!(again["same"], 3, "{lines}: {again}");
        assert_eq!(count(&again, "absent"), absent, "{lines}: {again}");
        assert_eq!(asked(&registry, before), (0, 3), "{lines}");
    }
    let history = audit(&sandbox, &["history", &registry.reference("team/app:latest")]);
    let read = history["points"].as_array().expect("points").iter();
    let read = read.filter(|point| !point["content"].is_null());
    assert_eq!(read.count(), 2, "{history}");
}
