//! Several targets of one repository, and breaches of what is no longer there or watched: each
//! target tells of its own limits, and each channel that heard of a breach hears of its end.

use serde_json::Value;

use crate::audit_run::{count, pass, put, registry, run};
use crate::support::Sandbox;
use crate::support::registry::RunningRegistry;

/// Settings with channels `a` and `b`, which keep what they get in files of their names; `b` fails
/// while there is a file `down`.
fn two_channels(sandbox: &Sandbox, registry: &RunningRegistry, targets: &[&str]) {
    let at = |name: &str| sandbox.path(name).display().to_string();
    let repository = registry.reference("team/app");
    let target = |lines: &&str| {
        format!("[[audit.target]]\nrepository = \"{repository}\"\ndepth = \"manifest\"\n{lines}\n")
    };
    let targets: String = targets.iter().map(target).collect();
    let text = format!(
        "[audit]\nstore = \"history.sqlite\"\n{targets}\
         [audit.notify.a]\nexec = [\"sh\", \"-c\", \"cat >> {a}; echo >> {a}\"]\n\
         [audit.notify.b]\nexec = [\"sh\", \"-c\", \"test ! -e {down} && cat >> {b} && echo >> {b}\"]\n",
        a = at("a"),
        b = at("b"),
        down = at("down")
    );
    sandbox.write("regsize.toml", text);
}

/// What a channel heard: states and limits, one after the other.
fn heard(sandbox: &Sandbox, channel: &str) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path(channel)).unwrap_or_default();
    let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let rows = messages.flat_map(|message| message["breaches"].as_array().expect("rows").clone());
    rows.map(|row| format!("{} {}", row["state"], row["rule"]).replace('"', "")).collect()
}

fn exceeded_now(sandbox: &Sandbox) -> usize {
    count(&crate::audit_run::audit(sandbox, &["report", "--days", "100000"]), "breaches")
}

#[test]
fn targets_of_one_tag_have_limits_and_channels_of_their_own() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let one = "name = \"one\"\ntags = [\"1.0\"]\nbudget.max-compressed = \"1kB\"\nnotify = [\"a\"]";
    let two = "name = \"two\"\ntags = [\"1.0\"]\nbudget.max-layers = 1\nnotify = [\"b\"]";
    two_channels(&sandbox, &registry, &[one, two]);
    run(&sandbox, 1, 1);
    for (day, only) in [(2, "one"), (3, "two"), (4, "one")] {
        assert_eq!(pass(&sandbox, day, &["--only", only]).code, Some(1));
    }
    run(&sandbox, 5, 1);
    assert_eq!(heard(&sandbox, "a"), ["exceeded max-compressed for one"]);
    assert_eq!(heard(&sandbox, "b"), ["exceeded max-layers for two"]);
    put(&registry, "1.0", &[300]);
    run(&sandbox, 6, 1);
    assert_eq!(heard(&sandbox, "a").len(), 1);
    assert_eq!(heard(&sandbox, "b")[1..], ["cleared max-layers for two"]);
}

#[test]
fn the_end_of_what_is_gone_is_told_to_who_was_away_too() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    two_channels(&sandbox, &registry, &["tags = [\"1.*\"]\nbudget.max-layers = 1"]);
    run(&sandbox, 1, 1);
    assert_eq!(exceeded_now(&sandbox), 2);
    sandbox.write("down", "");
    registry.update(|content| content.remove("team/app", "1.0"));
    assert_eq!(count(&run(&sandbox, 2, 1), "undelivered"), 1);
    // It is over, whoever knows of it.
    assert_eq!(exceeded_now(&sandbox), 1);
    put(&registry, "1.1", &[5]);
    assert_eq!(count(&run(&sandbox, 3, 2), "undelivered"), 1);
    assert_eq!(exceeded_now(&sandbox), 0);
    std::fs::remove_file(sandbox.path("down")).unwrap();
    run(&sandbox, 4, 0);
    run(&sandbox, 5, 0);
    let whole = ["exceeded max-layers", "exceeded max-layers", "gone max-layers"];
    assert_eq!(heard(&sandbox, "a"), [&whole[..], &["cleared max-layers"]].concat());
    assert_eq!(heard(&sandbox, "b"), [&whole[..], &["cleared max-layers"]].concat());
}

#[test]
fn what_is_no_longer_watched_is_told_to_who_heard_of_it() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    let limited = |tags: &str, more: &str| format!("tags = {tags}\nbudget.max-layers = 1\n{more}");
    two_channels(&sandbox, &registry, &[&limited("[\"1.0\", \"1.1\"]", "notify = [\"a\"]")]);
    run(&sandbox, 1, 1);
    two_channels(&sandbox, &registry, &[&limited("[\"1.0\"]", "notify = [\"b\"]")]);
    run(&sandbox, 2, 1);
    run(&sandbox, 3, 1);
    let before = ["exceeded max-layers", "exceeded max-layers", "unwatched max-layers"];
    assert_eq!(heard(&sandbox, "a"), before);
    assert_eq!(heard(&sandbox, "b"), ["exceeded max-layers"]);
    assert_eq!(exceeded_now(&sandbox), 1);
    // Who is told no more of a limit hears of the end of what it was told of.
    put(&registry, "1.0", &[5]);
    run(&sandbox, 4, 0);
    assert_eq!(heard(&sandbox, "a")[3..], ["cleared max-layers"]);
    assert_eq!(heard(&sandbox, "b")[1..], ["cleared max-layers"]);
}
