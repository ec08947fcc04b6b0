use std::path::PathBuf;

use jiff::civil::{Date, date};

use super::*;
use crate::audit::{Address, Channel, Depth};
use crate::config::read;

const NAMES: Names<'_> = Names { components: &["fsl"] };
const TODAY: Date = date(2026, 11, 21);

const WHOLE: &str = r#"
[budget]
max-layers = 40

[audit]
store = "postgres://me@db.example/sizes"
schedule = "0 6 * * *"
time-zone = "Europe/Paris"
spread = "30m"

[[audit.target]]
repository = "ghcr.io/owner/viewer"
tags = ["latest", "2.*"]
exclude = ["*-debug"]
newest = 10
platforms = ["linux/amd64", "linux/arm64"]
notify = ["team"]
[audit.target.budget]
max-compressed = { warn = "1GB", fail = "2GB" }
max-growth = "5%"
max-growth-since = { "7d" = "10%", "4w" = { warn = "200MB" } }
max-creep = { "30d" = "5% and 20MB" }

[[audit.target]]
repository = "debian"
name = "base"
tags = ["/^1[23]/", "/slim$/"]
depth = "manifest"
schedule = "30 * * * *"

[audit.notify.team]
webhook-env = "SLACK"
[audit.notify.page]
exec = ["page", "--loud"]
[audit.notify.hook]
webhook-file = "/run/secrets/hook"
[audit.notify.job]
github-summary = true
"#;

fn watched(text: &str) -> Watchlist {
    let read = read(text, &NAMES, TODAY).unwrap_or_else(|error| panic!("{text}: {error}"));
    read.watched.expect(text)
}

#[test]
fn settings_say_what_is_watched() {
    let watched = watched(WHOLE);
    assert_eq!(watched.store, Some(StorePlace::Named("postgres://me@db.example/sizes".to_owned())));
    let [viewer, base] = &watched.targets[..] else { panic!("{watched:?}") };
    assert_eq!((&*viewer.name, &*base.name), ("ghcr.io/owner/viewer", "base"));
    assert_eq!(base.repository_name(), "docker.io/library/debian");
    let picks = |tag: &str| (viewer.filter.fits(tag), base.filter.fits(tag));
    assert_eq!(picks("2.1"), (true, false));
    assert_eq!(picks("2.1-debug"), (false, false));
    assert_eq!(picks("12.1"), (false, true));
    assert_eq!(picks("sid-slim"), (false, true));
    assert_eq!((viewer.depth, base.depth), (Depth::Files, Depth::Manifest));
    assert_eq!((viewer.notify.len(), base.notify.len()), (1, 4));
    let names: Vec<String> = viewer
        .growth
        .iter()
        .map(|limit| format!("{}.{}", limit.from.as_str(), limit.window))
        .collect();
    assert_eq!(names, ["max-growth-since.7d", "max-growth-since.4w", "max-creep.30d"]);
    assert!(viewer.wants("linux/arm64/v8") && !viewer.wants("linux/s390x"));
    let now = "2026-11-21T00:00:00Z".parse().expect("a time");
    let due = |at: usize| {
        let target = &watched.targets[at];
        target.schedule.as_ref().and_then(|schedule| schedule.next(&target.name, now))
    };
    let six: jiff::Timestamp = "2026-11-21T05:00:00Z".parse().expect("a time");
    assert!(
        due(0).is_some_and(|due| due >= six && due < six + jiff::SignedDuration::from_mins(30))
    );
    assert_eq!(
        watched.channels.get("page"),
        Some(&Channel::Exec(vec!["page".into(), "--loud".into()]))
    );
    let hook = Channel::Webhook(Address::File(PathBuf::from("/run/secrets/hook")));
    assert_eq!(watched.channels.get("hook"), Some(&hook));
}

#[test]
fn other_commands_read_the_file_as_well() {
    assert!(crate::config::read(WHOLE, &NAMES, TODAY).is_ok());
}

#[test]
fn tags_that_are_named_need_no_list() {
    let check = |tags: &str, expected: Option<&[&str]>| {
        let text = format!("[[audit.target]]\nrepository = \"a/b\"\n{tags}");
        let watched = watched(&text);
        let found = watched.targets[0].literal_tags();
        let found = found.map(|tags| tags.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected, "{tags}");
    };
    check("tags = [\"latest\", \"1.0\"]", Some(&["latest", "1.0"]));
    check("tags = [\"latest\", \"1.*\"]", None);
    check("tags = [\"latest\"]\nnewest = 3", None);
    check("tags = [\"/latest/\"]", None);
    check("", None);
}

/// What is wrong with a file, whole or with a target of these lines below its line 3.
fn refused(text: &str, expected: &str) {
    let text = if text.starts_with('[') {
        text.to_owned()
    } else {
        format!("[audit]\n[[audit.target]]\nrepository = \"a/b\"\n{text}")
    };
    let error = read(&text, &NAMES, TODAY).expect_err(&text).to_string();
    assert!(error.contains(expected), "{text}: {error}");
}

#[test]
fn what_is_wrong_with_a_target_is_told_with_its_place() {
    let check = refused;
    check("[audit]", "line 1, column 1: nothing is watched");
    check("[audit]\ntarget = []", "line 2, column 10: nothing is watched");
    check(
        "[audit]\ntargets = []",
        "line 2, column 1: audit has no \"targets\": did you mean target?",
    );
    check("[[audit.target]]\nname = \"x\"", "a target needs a repository");
    check("[[audit.target]]\nrepository = \"a/b:1\"", "line 2, column 14: \"a/b:1\" is an image");
    check("[[audit.target]]\nrepository = \"h:5/a@sha256:0\"", "line 2, column 14");
    check("[[audit.target]]\nrepository = \"oci:x\"", "is in files");
    check("[[audit.target]]\nrepository = \"A//B\"", "line 2, column 14");
    let twice = "[[audit.target]]\nrepository = \"a/b\"\n[[audit.target]]\nrepository = \"a/b\"";
    check(twice, "line 3, column 1: there are two targets \"docker.io/a/b\": give one a name");
    check("tag = [\"1\"]", "line 4, column 1: audit.target has no \"tag\": did you mean tags?");
    check("tags = \"1\"", "line 4, column 8: a list of tags is expected");
    check("tags = [\"1\", \"v?\"]", "line 4, column 14: \"v?\" is no pattern of tags");
    check("tags = [\"/(/\"]", "line 4, column 9: \"(\" is no regular expression");
    check("tags = [\"1\", \"/2/\"]", "line 4, column 14: patterns and regular expressions");
    check("semver = \"new\"", "line 4, column 10: \"new\" is no range");
    check("newest = 0", "line 4, column 10: the newest 0 tags are none");
    check("newest = \"3\"", "line 4, column 10: a number of tags is expected");
    check("exclude = [\"\"]", "line 4, column 12: a pattern of tags is expected");
    check("platforms = \"every\"", "line 4, column 13: \"all\" or a list of platforms");
    check("platforms = [\"linux\"]", "line 4, column 14");
    check("depth = \"file\"", "line 4, column 9: \"file\" is neither");
    check("depth = \"manifest\"\nbudget.max-content = \"1GB\"", "line 4, column 9: without layers");
}

#[test]
fn what_is_wrong_with_times_limits_and_channels_is_told_with_its_place() {
    let check = refused;
    check("schedule = \"0 6 * *\"", "line 4, column 12: \"0 6 * *\" is no cron expression");
    check("schedule = \"0 0 31 2 *\"", "never comes due");
    check(
        "schedule = \"0 6 * * *\"\ntime-zone = \"Mars\"",
        "line 5, column 13: \"Mars\" is no time",
    );
    check("schedule = \"0 6 * * *\"\nspread = \"25h\"", "line 5, column 10: \"25h\" is not a time");
    check("spread = \"5m\"", "line 4, column 10: there is no schedule");
    check("budget = 5", "line 4, column 10: audit.target.budget has to be a table");
    check("budget.max-compresed = \"1GB\"", "did you mean max-compressed?");
    check("budget.max-creep = \"5%\"", "line 4, column 20: max-creep says within which time");
    check("budget.max-creep.30 = \"5%\"", "line 4, column 18: \"30\" is no length of time");
    check("budget.max-creep.30d = \"x\"", "line 4, column 24: \"x\" is not an amount of growth");
    check("budget.max-crep.30d = \"5%\"", "line 4, column 8");
    check("notify = [\"team\"]", "line 4, column 11: nobody is named \"team\": add a table");
    let target = "[[audit.target]]\nrepository = \"a/b\"\n";
    let within = |text: &str, expected: &str| refused(&format!("{target}{text}"), expected);
    within("[audit.notify.t]", "line 3, column 1: one of webhook-env");
    within(
        "[audit.notify.t]\nwebhook = \"https://h/x\"",
        "line 4, column 11: the address of a webhook is a secret",
    );
    within("[audit.notify.t]\nwebhook-env = \"https://h/x\"", "is a secret");
    within("[audit.notify.t]\nwebhook-file = \"https://h/x\"", "is a secret");
    within("[audit.notify.t]\nexec = \"mail\"", "line 4, column 8: a list of a program");
    within("[audit.notify.t]\nexec = []", "a list of a program and its arguments is expected");
    within("[audit.notify.t]\ngithub-summary = 1", "true or false");
    within("[audit.notify.t]\nslack = true", "line 4, column 1: audit.notify.t has no \"slack\"");
    within("[audit]\nstore = \"postgres://me:pass@db/x\"", "a password in this file");
    within("[audit]\nstore = \"mysql://db/x\"", "line 4, column 9: this is no place");
    within(
        "[audit]\nstore = \"a\"\nstore-file = \"b\"",
        "line 5, column 14: the history is in one",
    );
}
