//! What a report says of limits that are or were exceeded: since when, how it stands, how it ended.

use serde_json::{Value, json};

use crate::audit_run::{audit, count, pass, put, registry, run, settings};
use crate::support::Sandbox;

/// The report of the month in words.
fn words(sandbox: &Sandbox, format: &str) -> String {
    let store = sandbox.path("history.sqlite").display().to_string();
    let asked = ["audit", "report", "--since", "2026-11-01", "--format", format];
    let output = sandbox.run(&[&asked[..], &["--store", &store]].concat());
    assert_eq!(output.code, Some(0), "{output}");
    output.stdout
}

fn month(sandbox: &Sandbox) -> Value {
    audit(sandbox, &["report", "--since", "2026-11-01"])
}

fn breach<'a>(report: &'a Value, field: &str, rule: &str) -> &'a Value {
    let rows = report[field].as_array().expect("rows");
    rows.iter().find(|row| row["rule"] == rule).unwrap_or_else(|| panic!("{rule}: {report}"))
}

#[test]
fn an_exceeded_limit_has_the_day_it_opened_and_the_figure_of_now() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let limits = "tags = [\"1.0\"]\n[audit.target.budget]\nmax-content = \"320KB\"\n\
                  max-layers = 1\nmax-growth = \"5%\"\nmax-creep = { \"7d\" = \"10%\" }";
    settings(&sandbox, &registry, limits);
    run(&sandbox, 1, 1);
    put(&registry, "1.0", &[300, 50]);
    run(&sandbox, 2, 1);
    put(&registry, "1.0", &[300, 50, 350]);
    run(&sandbox, 3, 1);
    let report = month(&sandbox);
    let content = breach(&report, "breaches", "max-content");
    assert_eq!(content["since"], "2026-11-02T06:00:00Z");
    assert!(content["message"].as_str().unwrap().contains("350 kB is 30.0 kB more"), "{content}");
    assert_eq!(content["now"], json!({"unit": "bytes", "value": 700_000}), "{content}");
    let layers = breach(&report, "breaches", "max-layers");
    assert_eq!(layers["since"], "2026-11-01T06:00:00Z", "{layers}");
    assert_eq!(layers["now"], json!({"unit": "count", "value": 3}), "{layers}");
    // What a history does not keep as a figure is not made up.
    assert_eq!(breach(&report, "breaches", "max-creep.7d")["now"], Value::Null, "{report}");
    // Growth is of one image, and over with the next one, whatever that is.
    let ended = &report["ended_breaches"];
    assert_eq!((count(&report, "ended_breaches"), &ended[0]["ended"]), (1, &"replaced".into()));
    for format in ["terminal", "markdown", "html"] {
        let text = words(&sandbox, format);
        for part in ["when it opened", "new image", "now", "700 kB"] {
            assert!(text.contains(part), "{format}: {part}: {text}");
        }
    }
}

#[test]
fn a_limit_of_what_is_gone_or_no_longer_watched_is_not_kept_again() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let limits = "[audit.target.budget]\nmax-layers = 1";
    let tags = |tags: &str| format!("tags = [{tags}]\n{limits}\n");
    settings(&sandbox, &registry, &tags("\"1.0\", \"1.1\", \"latest\""));
    run(&sandbox, 1, 1);
    registry.update(|content| content.remove("team/app", "1.1"));
    run(&sandbox, 2, 1);
    put(&registry, "latest", &[300]);
    run(&sandbox, 3, 1);
    settings(&sandbox, &registry, &tags("\"latest\""));
    let output = pass(&sandbox, 4, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    let report = month(&sandbox);
    let mut ended: Vec<(String, String)> = report["ended_breaches"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            (format!("{} {}", text("tag"), text("platform")), text("ended"))
        })
        .collect();
    ended.sort();
    let expected = [
        ("1.0 linux/amd64", "unwatched"),
        ("1.1 linux/amd64", "gone"),
        ("latest linux/amd64", "kept"),
        ("latest linux/arm64", "gone"),
    ];
    assert_eq!(ended, expected.map(|(of, how)| (of.to_owned(), how.to_owned())), "{report}");
    assert_eq!(count(&report, "breaches"), 0, "{report}");
    for format in ["terminal", "markdown", "html"] {
        let text = words(&sandbox, format);
        for part in ["No longer exceeded", "kept again", "not watched", "gone"] {
            assert!(text.contains(part), "{format}: {part}: {text}");
        }
    }
}
