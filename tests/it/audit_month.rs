//! A month of passes over a repository, and what its report says at the end.

use regsize::history::{Access, Place, Store};
use serde_json::Value;

use crate::audit_run::{pass, put, registry, settings};
use crate::history::run as block_on;
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Reply, Sandbox};

/// One tag grows over its budget and shrinks again, one is new, one goes and comes back, one cannot
/// be read in the last days, and one pass finds no registry.
fn month() -> (RunningRegistry, Sandbox) {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "[audit.target.budget]\nmax-content = \"600KB\"");
    let refuse = |registry: &RunningRegistry, path: &str| {
        for method in ["HEAD", "GET"] {
            registry.script(method, path, vec![Reply::status(403)]);
        }
    };
    for day in 1..=30 {
        match day {
            5 => put(&registry, "1.2", &[300, 12, 5]),
            9 => put(&registry, "1.0", &[300, 10, 420]),
            12 => registry.update(|content| content.remove("team/app", "1.1")),
            16 => put(&registry, "1.1", &[300, 11]),
            20 => refuse(&registry, "/v2/team/app/tags/list"),
            21 => put(&registry, "1.0", &[300, 10, 120]),
            26..=30 => refuse(&registry, "/v2/team/app/manifests/1.2"),
            _ => {}
        }
        let output = pass(&sandbox, day, &["--retries", "0"]);
        let expected = match day {
            20 | 26.. => 2,
            9..=19 => 1,
            _ => 0,
        };
        assert_eq!(output.code, Some(expected), "day {day}: {output}");
    }
    (registry, sandbox)
}

fn report(sandbox: &Sandbox, more: &[&str]) -> Output {
    let store = sandbox.path("history.sqlite").display().to_string();
    let fixed = ["audit", "report", "--since", "2026-11-01", "--store", &store];
    let output = sandbox.run(&[&fixed, more].concat());
    assert_eq!(output.code, Some(0), "{output}");
    output
}

fn of_tag<'a>(report: &'a Value, tag: &str) -> &'a Value {
    let targets = report["targets"].as_array().unwrap();
    targets.iter().find(|target| target["tag"] == tag).unwrap_or_else(|| panic!("{report}"))
}

fn events(report: &Value, tag: &str) -> Vec<(String, String)> {
    let events = of_tag(report, tag)["events"].as_array().unwrap();
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    events.iter().map(|event| (text(event, "at")[..10].to_owned(), text(event, "event"))).collect()
}

#[test]
fn a_month_of_passes_is_told_day_by_day() {
    let (registry, sandbox) = month();
    let found = report(&sandbox, &["--format", "json"]).json();
    let named = |events: &[(&str, &str)]| -> Vec<(String, String)> {
        events.iter().map(|(day, event)| ((*day).to_owned(), (*event).to_owned())).collect()
    };
    assert_eq!(events(&found, "1.2"), named(&[("2026-11-05", "new")]));
    assert_eq!(events(&found, "1.1"), named(&[("2026-11-12", "gone"), ("2026-11-16", "back")]));
    assert_eq!(events(&found, "1.0"), named(&[]));
    let grown = &of_tag(&found, "1.0")["points"][1];
    assert_eq!(grown["seen"], "2026-11-09T06:00:00Z");
    assert_eq!(grown["why"]["causes"][0]["instruction"], "RUN make part2");
    let ended = &found["ended_breaches"][0];
    assert_eq!((&ended["tag"], &ended["rule"]), (&Value::from("1.0"), &"max-content".into()));
    assert_eq!(ended["since"], "2026-11-09T06:00:00Z");
    assert_eq!(ended["until"], "2026-11-21T06:00:00Z");
    assert_eq!(found["breaches"], Value::Array(Vec::new()));
    let missed = of_tag(&found, "1.2");
    assert_eq!(missed["last_seen"], "2026-11-25T06:00:00Z");
    assert_eq!(missed["missed"]["failure"]["at"], "2026-11-30T06:00:00Z");
    assert_eq!(of_tag(&found, "1.0")["missed"], Value::Null);
    let half: Vec<&str> =
        found["half_passes"].as_array().unwrap().iter().filter_map(|p| p["at"].as_str()).collect();
    assert_eq!(half.len(), 6, "{half:?}");
    assert!(half[0].starts_with("2026-11-20") && half[1].starts_with("2026-11-26"));
    // Another pass that finds no repository makes all figures older than it.
    registry.update(|content| content.deny("team/app"));
    let last = ["audit", "run", "--now", "2026-12-01T06:00:00Z", "--retries", "0", "--config"];
    let config = sandbox.path("regsize.toml").display().to_string();
    assert_eq!(sandbox.run(&[&last[..], &[&config]].concat()).code, Some(2));
    let found = report(&sandbox, &["--format", "json"]).json();
    let missed = &of_tag(&found, "1.0")["missed"];
    assert_eq!((&missed["pass"], &missed["whole"]), (&"2026-12-01T06:00:00Z".into(), &true.into()));
    // The repository is no image, and counts as none.
    let unlisted = &found["unlisted"];
    assert_eq!(unlisted.as_array().map(Vec::len), Some(1), "{unlisted}");
    assert_eq!(unlisted[0]["repository"], registry.reference("team/app"));
    assert_eq!(unlisted[0]["last_seen"], "2026-11-30T06:00:00Z");
    assert_eq!(unlisted[0]["failure"]["at"], "2026-12-01T06:00:00Z");
    let targets = found["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 5);
    assert!(targets.iter().all(|target| target["tag"] != ""), "{targets:?}");
    for format in ["markdown", "terminal", "html"] {
        let text = report(&sandbox, &["--format", format]).stdout;
        assert!(text.contains("and its 4 targets"), "{text}");
        assert!(text.contains("not listed"), "{text}");
    }
    let text = report(&sandbox, &["--format", "markdown"]).stdout;
    assert!(text.contains("- **not read**: 5\n- **not listed**: 1\n"), "{text}");
}

#[test]
fn a_month_of_passes_reads_well() {
    let (registry, sandbox) = month();
    let today = jiff::Timestamp::now();
    let ended: jiff::Timestamp = "2026-11-30T06:00:00Z".parse().unwrap();
    let ago = match today.duration_since(ended).as_hours() / 24 {
        1 => " (1 day ago)".to_owned(),
        days => format!(" ({days} days ago)"),
    };
    let found = report(&sandbox, &["--format", "markdown"]).stdout;
    let head = found.split("**history**: `").nth(1).and_then(|rest| rest.split('`').next());
    let reference = registry.reference("team/app");
    let text = found
        .replace(head.unwrap(), "HEAD")
        .replace(reference.strip_suffix("/team/app").unwrap(), "registry.example")
        .replace(&format!(" to {}\n", today.strftime("%Y-%m-%d")), " to TODAY\n")
        .replace(&ago, "");
    insta::assert_snapshot!(text);
    let narrow = report(&sandbox, &[]).stdout;
    let csv = report(&sandbox, &["--format", "csv"]).stdout;
    assert!(csv.contains("\"2026-11-12T06:00:00Z\",\"gone\",\"\",\"\","), "{csv}");
    assert!(csv.contains("\"2026-11-16T06:00:00Z\",\"back\","), "{csv}");
    for heading in ["No longer exceeded", "Not read", "New and gone", "Passes that were not whole"]
    {
        assert!(narrow.contains(heading) && found.contains(heading), "{heading}: {narrow}");
    }
}

#[test]
fn what_was_over_before_is_not_told() {
    let (_registry, sandbox) = month();
    let store = sandbox.path("history.sqlite").display().to_string();
    let later = |since: &str| {
        let fixed = ["audit", "report", "--since", since, "--format", "json", "--store", &store];
        sandbox.run(&fixed).json()
    };
    let found = later("2026-11-15");
    assert_eq!(events(&found, "1.1"), [("2026-11-16".to_owned(), "back".to_owned())]);
    assert_eq!(events(&found, "1.2"), []);
    assert_eq!(found["ended_breaches"].as_array().map(Vec::len), Some(1));
    let found = later("2026-11-22");
    assert_eq!(events(&found, "1.1"), []);
    assert_eq!(found["ended_breaches"], Value::Array(Vec::new()));
    assert_eq!(found["half_passes"].as_array().map(Vec::len), Some(5));
    // What is carried over a pruning is not new for that.
    let time = |day: &str| format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().unwrap();
    block_on(async {
        let place = Place::file(sandbox.path("history.sqlite"));
        let mut store = Store::open(&place, Access::Write).await.unwrap();
        let pruned = store.prune(time("2026-11-10"), time("2026-12-01")).await.unwrap();
        assert!(pruned.carried > 0, "{pruned:?}");
        store.close().await.unwrap();
    });
    let found = later("2026-11-01");
    for tag in ["1.0", "1.2", "latest"] {
        assert_eq!(events(&found, tag), [], "{tag}");
    }
    assert_eq!(events(&found, "1.1").len(), 2);
    // When the breach was opened is no longer known.
    assert_eq!(found["ended_breaches"], Value::Array(Vec::new()));
}
