//! What cannot be recorded waits in a spool, and is recorded once when it can be.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use regsize::audit::pass::{Journal, Opened};
use regsize::history::{Access, Form, New, Place, Replayed, RunState, Spool, Spools, Store};
use serde_json::Value;
use tempfile::TempDir;

use crate::audit_run::{count, pass, put, registry, settings};
use crate::history::{day, point, run, target};
use crate::support::{Postgres, Relay, Reply, Sandbox, until};

pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

pub(crate) async fn store(url: &str) -> Store {
    Store::open(&url.parse().unwrap(), Access::Write).await.unwrap()
}

/// Rows of a history by their kinds; a list of targets counts as many.
pub(crate) async fn rows(store: &mut Store) -> BTreeMap<String, usize> {
    assert_eq!(store.verify().await.unwrap().broken, None);
    let mut out = Vec::new();
    store.export(Form::JsonLines, &mut out).await.unwrap();
    let mut rows = BTreeMap::new();
    for line in String::from_utf8(out).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let kind = line["kind"].as_str().unwrap();
        if !["history", "target"].contains(&kind) {
            *rows.entry(kind.to_owned()).or_default() += 1;
        }
    }
    rows
}

/// What a pass finds out of tags of its own: something of each kind, in two transactions.
fn found(of: &str) -> [Vec<New>; 2] {
    let run = |state| New::Run { id: of.into(), at: day(1), state, detail: "process 1".into() };
    let tag = |tag: &str| format!("{of}-{tag}");
    let point = |name: &str, image: &str| point(&tag(name), 1, image);
    let (kind, message) = ("network".into(), "no".into());
    let failed = New::Failed { target: target(&tag("failed")), at: day(1), kind, message };
    let gone = New::Gone { target: target(&tag("back")), at: day(1) };
    let seen = New::Seen { at: day(1), targets: vec![target(&tag("seen"))] };
    let first = vec![run(RunState::Started), point("one", "a"), point("other", "a"), failed];
    [first, vec![gone, seen, point("same", "b"), point("back", "c"), run(RunState::Ended)]]
}

/// Records what a pass found out, as far as that is possible.
async fn record(place: &Place, spools: &Spools, of: &str) -> bool {
    let opened = match Store::open(place, Access::Write).await {
        Ok(store) => Opened::Writable(store),
        Err(error) => Opened::Away(error),
    };
    let mut journal = Journal::new(opened, Some(spools.clone()), day(1));
    for part in found(of) {
        for new in part {
            journal.push(new).await;
        }
        journal.flush().await;
    }
    let (_, unsaved) = journal.close().await;
    unsaved.is_none_or(|unsaved| {
        assert!(unsaved.lost.is_none(), "{unsaved:?}");
        false
    })
}

async fn replay(place: &Place, spools: &Spools) -> Option<Replayed> {
    Store::open(place, Access::Write).await.ok()?.replay(spools).await.ok()
}

#[test]
fn each_row_is_recorded_once_wherever_the_server_goes_away() {
    const PLENTY: usize = 1 << 20;
    // Messages before the history is open.
    const OPENING: usize = 12;
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let relay = Relay::to(server.address());
    let place: Place = relay.url(&direct).parse().unwrap();
    let check = async |store: &mut Store, name: &str, cut: Option<(bool, usize, bool)>| {
        let earlier = ["seen", "same", "back"].map(|tag| point(&format!("{name}-{tag}"), 0, "b"));
        store.append(&earlier).await.unwrap();
        let before = rows(store).await;
        let directory = TempDir::new().unwrap();
        let spools = Spools::new(directory.path(), &place);
        let of = |of_replay: bool| match cut {
            Some((replays, left, is_heard)) if replays == of_replay => (left, is_heard),
            _ => (PLENTY, false),
        };
        // In a cut of the replay the server was away before.
        let (left, is_heard) = if matches!(cut, Some((true, ..))) { (0, false) } else { of(false) };
        relay.set(left, is_heard);
        let is_whole = record(&place, &spools, name).await;
        let recorded = relay.passed(left);
        assert_eq!(files(directory.path()).is_empty(), is_whole, "{cut:?}");
        let (left, is_heard) = of(true);
        relay.set(left, is_heard);
        let first = replay(&place, &spools).await;
        let replayed = relay.passed(left);
        assert!(first.is_some() || cut.is_some_and(|(replays, ..)| replays), "{cut:?}");
        relay.open();
        let last = replay(&place, &spools).await.unwrap();
        assert_eq!(last.files, usize::from(first.is_none()), "{cut:?}");
        assert!(files(directory.path()).is_empty(), "{cut:?}");
        let rows = rows(store).await;
        for (kind, expected) in
            [("ended", 1), ("failed", 1), ("gone", 1), ("point", 3), ("seen", 2), ("started", 1)]
        {
            let added = rows[kind] - before.get(kind).unwrap_or(&0);
            assert_eq!(added, expected, "{kind}: {cut:?}");
        }
        (recorded, replayed)
    };
    run(async {
        let store = &mut store(&direct).await;
        let (recorded, _) = check(store, "uncut", None).await;
        let (_, replayed) = check(store, "whole", Some((true, PLENTY, false))).await;
        assert!(recorded > OPENING + 20 && replayed > OPENING + 10, "{recorded} {replayed}");
        for (of_replay, messages) in [(false, recorded), (true, replayed)] {
            for left in (OPENING..=messages).chain([0]) {
                // One more message that is heard is one that is heard and not answered.
                let is_heard = left % 2 == 1 || messages - left < 4;
                check(store, &format!("{of_replay}-{left}"), Some((of_replay, left, is_heard)))
                    .await;
            }
        }
    });
}

#[test]
fn a_run_without_its_server_waits_for_the_next() {
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let relay = Relay::to(server.address());
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    let lines = "depth = \"manifest\"\nbudget.max-compressed = \"1MB\"\n\
                 budget.max-growth = \"1%\"\nbudget.max-growth-since = { \"7d\" = \"1%\" }";
    settings(&sandbox, &registry, lines);
    sandbox.set("REGSIZE_STORE", &relay.url(&direct));
    let waiting = sandbox.path("waiting");
    let spool = ["--spool", waiting.to_str().unwrap()];
    let first = pass(&sandbox, 1, &spool);
    assert_eq!((first.code, files(&waiting).len()), (Some(0), 0), "{first}");
    put(&registry, "1.0", &[300, 50]);
    relay.close();
    let away = pass(&sandbox, 2, &spool);
    assert_eq!(away.code, Some(2), "{away}");
    let report = away.json();
    assert_eq!((&report["saved"], &report["moved"]), (&false.into(), &Value::Null), "{report}");
    assert_eq!((&report["read"], &report["verdict"]), (&3.into(), &"unknown".into()), "{report}");
    let mut rules: Vec<&str> = report["budgets"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| {
            assert_eq!(row["verdict"], "unknown", "{row}");
            assert!(
                row["message"].as_str().unwrap().contains("the history cannot be read"),
                "{row}"
            );
            row["rule"].as_str()?.split(' ').next()
        })
        .collect();
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(rules, ["max-growth", "max-growth-since.7d"], "{report}");
    let [file] = &files(&waiting)[..] else { panic!("{away}") };
    assert!(away.stderr.contains(&format!("waits in {}", file.display())), "{away}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(waiting.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    // The next run records it before it looks, so that nothing has moved since.
    relay.open();
    let next = pass(&sandbox, 3, &spool);
    assert!(next.stderr.contains("recorded what waited in 1 spool:"), "{next}");
    let report = next.json();
    assert_eq!((&report["same"], count(&report, "moved")), (&3.into(), 0), "{report}");
    assert!(files(&waiting).is_empty());
    let tag = registry.reference("team/app:1.0");
    let history = sandbox.run(&["audit", "history", &tag, "--format", "json"]).json();
    assert_eq!(history["points"][1]["seen"], "2026-11-02T06:00:00Z", "{history}");
    assert_eq!(count(&history, "points"), 2);
    run(async {
        let rows = rows(&mut store(&direct).await).await;
        assert_eq!((rows["point"], rows["started"], rows["ended"]), (5, 3, 3), "{rows:?}");
    });
}

#[test]
fn a_server_that_goes_away_while_a_run_reads_loses_nothing() {
    let server = Postgres::start("secret");
    let direct = server.database("audits");
    let relay = Relay::to(server.address());
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.*\"]");
    sandbox.set("REGSIZE_STORE", &relay.url(&direct));
    let slow = Reply::pass().delay(Duration::from_millis(1500));
    registry.script("HEAD", "/v2/team/app/manifests/1.1", vec![slow]);
    let config = sandbox.path("regsize.toml").display().to_string();
    let running = sandbox.spawn(&["audit", "run", "--config", &config, "--format", "json"]);
    until("it looks", || registry.count("HEAD", "/manifests/1.1") > 0);
    relay.close();
    let output = running.finish();
    assert_eq!((output.code, &output.json()["saved"]), (Some(2), &false.into()), "{output}");
    // Where nothing else is said, it waits below the user's home.
    let waiting = sandbox.path("home/.local/state/regsize/spool");
    assert_eq!(files(&waiting).len(), 1, "{output}");
    relay.open();
    let references = ["1.0", "1.1"].map(|tag| registry.reference(&format!("team/app:{tag}")));
    let [one, other] = &references;
    let next = sandbox.run(&["audit", "record", one, other, "--format", "json"]);
    assert_eq!((next.code, &next.json()["same"]), (Some(0), &2.into()), "{next}");
    assert!(files(&waiting).is_empty(), "{next}");
    run(async {
        let rows = rows(&mut store(&direct).await).await;
        assert_eq!((rows["point"], rows["started"], rows["ended"]), (2, 1, 1), "{rows:?}");
    });
}

#[test]
fn tags_are_recorded_without_a_server_too() {
    let server = Postgres::start("secret");
    let relay = Relay::to(server.address());
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    sandbox.set("REGSIZE_STORE", &relay.url(&server.database("audits")));
    let waiting = sandbox.path("waiting");
    let (tag, spool) = (registry.reference("team/app:1.0"), waiting.to_str().unwrap());
    let record = ["audit", "record", &tag, "--spool", spool, "--format", "json"];
    relay.close();
    let away = sandbox.run(&record);
    assert_eq!(away.code, Some(2), "{away}");
    assert!(away.stderr.contains("cannot be reached"), "{away}");
    // A spool that was damaged meanwhile is told of and kept, and stops nothing.
    let [file] = &files(&waiting)[..] else { panic!("{away}") };
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, format!("{text}{{\"kind\": \"poi\n{}", text.lines().last().unwrap()))
        .unwrap();
    relay.open();
    let next = sandbox.run(&record);
    assert_eq!((next.code, &next.json()["same"]), (Some(2), &1.into()), "{next}");
    let [aside] = &files(&waiting)[..] else { panic!("{next}") };
    assert_eq!(aside.extension().unwrap(), "damaged");
    assert!(next.stderr.contains(&format!("{} keeps it: line 3: ", aside.display())), "{next}");
    let last = sandbox.run(&record);
    assert_eq!((last.code, last.stderr.contains("keeps it")), (Some(0), false), "{last}");
}

#[test]
fn a_run_that_finds_a_damaged_spool_does_its_work_and_ends_with_2() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    let [waiting, store] = ["waiting", "own.sqlite"].map(|name| sandbox.path(name));
    let (spool, place) = (waiting.to_str().unwrap(), store.to_str().unwrap());
    let store = ["--spool", spool, "--store", place];
    assert_eq!(pass(&sandbox, 1, &store).code, Some(0));
    let spools = Spools::new(&waiting, &Place::file(place));
    let path = Spool::begin(&spools, day(1)).unwrap().finish().unwrap();
    std::fs::write(&path, "{\"kind\": \"else\"}\n").unwrap();
    let next = pass(&sandbox, 2, &store);
    let report = next.json();
    assert_eq!((next.code, &report["same"]), (Some(2), &3.into()), "{next}");
    assert!(next.stderr.contains("keeps it: it is no export of a history"), "{next}");
    assert_eq!(pass(&sandbox, 3, &store).code, Some(0));
}

#[test]
fn a_spool_that_a_full_disk_cuts_off_ends_with_a_whole_row() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    let directory = TempDir::new().unwrap();
    let spool = directory.path().to_str().unwrap();
    let config = sandbox.path("regsize.toml").display().to_string();
    let away = "postgres://u@127.0.0.1:1/x";
    let fixed = ["audit", "run", "--config", &config, "--spool", spool, "--store", away];
    // A file may have 1024 bytes; the signal of it is an error of the write.
    let output = sandbox.shell("ulimit -f 1; exec \"$0\" \"$@\"", &fixed);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("the rest, or some of it, is lost"), "{output}");
    let [file] = &files(directory.path())[..] else { panic!("{output}") };
    assert_eq!(file.extension().unwrap(), "jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 1 && text.ends_with('\n') && text.len() < 1024, "{text}");
}

#[test]
fn half_a_row_at_the_end_of_a_spool_is_left_out_and_told() {
    let directory = TempDir::new().unwrap();
    let place = Place::file(directory.path().join("history.sqlite"));
    let spools = Spools::new(directory.path().join("spool"), &place);
    let whole = [point("1", 0, "a"), point("2", 0, "a")];
    run(async {
        let mut store = Store::open(&place, Access::Write).await.unwrap();
        let mut check = async |cut: fn(&mut Vec<u8>), rows: usize, is_cut: bool| {
            let mut spool = Spool::begin(&spools, day(1)).unwrap();
            spool.add(&whole).unwrap();
            let path = spool.finish().unwrap();
            let mut text = std::fs::read(&path).unwrap();
            cut(&mut text);
            std::fs::write(&path, text).unwrap();
            let replayed = store.replay(&spools).await.unwrap();
            let cut = usize::from(is_cut);
            assert_eq!(replayed, Replayed { files: 1, rows, cut, aside: Vec::new() });
        };
        check(|text| text.truncate(20), 0, true).await;
        check(|text| text.truncate(text.len() - 10), 1, true).await;
        // A row without the end of its line is whole.
        check(|text| text.truncate(text.len() - 1), 1, false).await;
        check(|_| {}, 0, false).await;
        assert_eq!(store.replay(&spools).await.unwrap(), Replayed::default());
    });
}

#[test]
fn a_run_without_a_place_for_a_spool_looks_and_says_where_one_could_be() {
    let (registry, mut sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "depth = \"manifest\"");
    sandbox.unset("HOME");
    sandbox.set("REGSIZE_STORE", "postgres://u@127.0.0.1:1/x");
    let output = pass(&sandbox, 1, &[]);
    let report = output.json();
    assert_eq!((output.code, &report["read"]), (Some(2), &3.into()), "{output}");
    assert_eq!(report["saved"], false, "{output}");
    assert!(output.stderr.contains("is lost: there is no place where it could wait"), "{output}");
    assert!(output.stderr.contains("--spool DIRECTORY"), "{output}");
}

#[test]
fn what_a_killed_process_leaves_is_taken_as_far_as_it_goes() {
    let directory = TempDir::new().unwrap();
    let place = Place::file(directory.path().join("history.sqlite"));
    let spools = Spools::new(directory.path().join("spool"), &place);
    let mut spool = Spool::begin(&spools, Timestamp::UNIX_EPOCH).unwrap();
    spool.add(&[point("1", 0, "a"), point("2", 0, "a")]).unwrap();
    run(async {
        // While it is written, nobody else takes it.
        let mut store = Store::open(&place, Access::Write).await.unwrap();
        assert_eq!(store.replay(&spools).await.unwrap(), Replayed::default());
        drop(spool);
        let [part] = &files(&directory.path().join("spool"))[..] else { panic!("one file") };
        let mut file = std::fs::OpenOptions::new().append(true).open(part).unwrap();
        file.write_all(b"{\"kind\":\"poi").unwrap();
        let replayed = store.replay(&spools).await.unwrap();
        assert_eq!(replayed, Replayed { files: 1, rows: 2, cut: 1, aside: Vec::new() });
        assert!(files(&directory.path().join("spool")).is_empty());
        // Another history's spools are not this one's.
        let other = Spools::new(directory.path().join("spool"), &Place::file("other"));
        let mut spool = Spool::begin(&other, Timestamp::UNIX_EPOCH).unwrap();
        spool.add(&[point("3", 0, "a")]).unwrap();
        spool.finish().unwrap();
        assert_eq!(store.replay(&spools).await.unwrap(), Replayed::default());
    });
}
