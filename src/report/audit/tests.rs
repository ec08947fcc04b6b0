use super::sample::{hostile, month};
use super::*;
use crate::audit::overview::Exceeded;

fn rendered(overview: &Overview, format: Format) -> String {
    let mut out = Vec::new();
    let options = TerminalOptions { width: 100, ..TerminalOptions::default() };
    render_overview(overview, format, &options, &mut out).expect("a report");
    String::from_utf8(out).expect("a text")
}

#[test]
fn a_month_reads_as_text() {
    insta::assert_snapshot!(rendered(&month(), Format::Terminal));
}

#[test]
fn a_month_reads_as_markdown() {
    insta::assert_snapshot!(rendered(&month(), Format::Markdown));
}

#[test]
fn a_month_reads_as_json() {
    let json: serde_json::Value =
        serde_json::from_str(&rendered(&month(), Format::Json)).expect("a document");
    assert_eq!(json["schema"], "regsize.audit/1");
    let nightly = &json["targets"][2];
    assert_eq!(nightly["tag"], "nightly");
    assert_eq!(nightly["points"][2]["change"]["compressed"], 42_700_000);
    assert_eq!(nightly["points"][0]["change"], serde_json::Value::Null);
    assert_eq!(nightly["points"][4]["content"], serde_json::Value::Null);
    assert_eq!(nightly["total"]["compressed"], 86_000_000);
    assert_eq!(json["breaches"][0]["since"], "2026-11-17T06:00:00Z");
    assert_eq!(json["shared"][0]["once"], 758_000_000);
    assert_eq!(json["ended_breaches"][0]["until"], "2026-11-20T06:00:00Z");
    let how: Vec<&str> = json["ended_breaches"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["ended"].as_str())
        .collect();
    assert_eq!(how, ["kept", "gone", "unwatched"]);
    assert_eq!(json["breaches"][0]["now"]["value"], 498_000_000);
    assert_eq!(json["unlisted"][0]["failure"]["message"], "auth: there is no such repository");
    let events: Vec<&str> = json["targets"][4]["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(events, ["new", "gone", "back"]);
    let missed = &json["targets"][1]["missed"];
    assert_eq!(missed["failure"]["message"], "network: the connection was refused");
    assert_eq!(json["targets"][4]["missed"]["failure"], serde_json::Value::Null);
    assert_eq!(json["half_passes"][1]["left"], 1);
}

#[test]
fn rows_of_csv_are_moments() {
    let text = rendered(&month(), Format::Csv);
    // What went is a row of its own, and what came back as it was.
    assert_eq!(text.lines().count(), 1 + 2 + 1 + 7 + 3 + 3);
    for row in [
        "\"edge\",\"linux/amd64\",\"2026-11-10T06:00:00Z\",\"new\",\"sha256:",
        "\"edge\",\"linux/amd64\",\"2026-11-12T06:00:00Z\",\"gone\",\"\",\"\"",
        "\"edge\",\"linux/amd64\",\"2026-11-15T06:00:00Z\",\"back\",\"\",\"\"",
    ] {
        assert!(text.contains(row), "{row}: {text}");
    }
    assert!(text.lines().next().is_some_and(|line| line.starts_with("\"repository\",\"tag\"")));
}

#[test]
fn names_of_others_stay_names() {
    for format in [Format::Terminal, Format::Markdown, Format::Csv, Format::Json] {
        let text = rendered(&hostile(), format);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{format:?}");
        assert!(text.lines().all(|line| !line.starts_with("::")), "{format:?}");
    }
}

#[test]
fn soft_limits_are_told_apart() {
    let mut overview = month();
    let soft = |breach: &Exceeded| Exceeded { rule: "max (warning)".to_owned(), ..breach.clone() };
    overview.breaches.extend(month().breaches.iter().map(soft));
    overview.ended = month().ended.iter().map(soft).collect();
    for format in [Format::Terminal, Format::Markdown] {
        let text = rendered(&overview, format);
        assert!(text.contains("1 exceeded, 1 warning, 3 no longer"), "{text}");
        assert_eq!(text.matches("warning: ").count(), 4, "{text}");
        assert_eq!(rendered(&month(), format).matches("warning").count(), 0);
    }
}

#[test]
fn the_last_pass_is_told_however_old() {
    let check = |last_pass: Option<&str>, pruned: Option<&str>, expected: &str| {
        let time = |text: &str| text.parse().expect("a time");
        let (last_pass, pruned) = (last_pass.map(time), pruned.map(time));
        let overview = Overview { last_pass, pruned, half: Vec::new(), ..month() };
        let text = rendered(&overview, Format::Terminal);
        let line = text.lines().find_map(|line| line.trim().strip_prefix("last pass"));
        assert_eq!(line.map(str::trim), Some(expected), "{text}");
    };
    let pruned = Some("2026-11-20T06:00:00Z");
    check(Some("2026-11-30T01:00:00Z"), None, "2026-11-30 01:00Z");
    check(Some("2026-11-29T01:00:00Z"), None, "2026-11-29 01:00Z (1 day ago)");
    check(Some("2026-09-09T06:00:00Z"), pruned, "2026-09-09 06:00Z (82 days ago)");
    check(None, pruned, "none since 2026-11-20");
    check(None, None, "never");
}

#[test]
fn nothing_is_a_report_too() {
    let text = rendered(&Overview::default(), Format::Terminal);
    assert!(text.contains("The history holds nothing of this time."), "{text}");
}
