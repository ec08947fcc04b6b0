//! Processes that record at once, that are killed at any time, and whose disk fails to sync.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use regsize::history::{Access, Form, New, Place, Store};
use sqlx::{AnyConnection, Connection as _};
use tempfile::TempDir;

use crate::history::{Spot, point, run, started};
use crate::history_faults::lines;
use crate::support::Sandbox;

/// The body of the processes that record without end, or so many rounds, and say what they did.
#[test]
#[ignore = "it is run by the tests below"]
fn record_without_end() {
    let Ok(path) = std::env::var("REGSIZE_TEST_HISTORY") else { return };
    let start: usize = std::env::var("REGSIZE_TEST_START").unwrap().parse().unwrap();
    run(async {
        let mut store = Store::open(&Place::file(path), Access::Write).await.unwrap();
        let prefix = std::env::var("REGSIZE_TEST_PREFIX").unwrap_or("tag".into());
        let rounds = std::env::var("REGSIZE_TEST_ROUNDS").map(|text| text.parse().unwrap());
        for number in (start..).take(rounds.unwrap_or(usize::MAX)) {
            store.append(&[point(&format!("{prefix}-{number}"), 0, "image")]).await.unwrap();
            println!("recorded {number}.");
        }
    });
}

/// A process that records from number `start` on.
fn recorder(directory: &TempDir, start: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture", "history_processes::record_without_end"])
        .env("REGSIZE_TEST_HISTORY", directory.path().join("history.sqlite"))
        .env("REGSIZE_TEST_START", start.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The number that a line of such a process says was recorded.
fn number_of(line: impl AsRef<str>) -> Option<usize> {
    line.as_ref().split_once("recorded ")?.1.strip_suffix('.')?.parse().ok()
}

#[test]
fn what_was_recorded_survives_kill() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    let mut told = 0;
    for round in 0..40_u64 {
        let mut child = recorder(&directory, told).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // Some are killed while they start or make the history, most in the middle of a row.
        let wait = Duration::from_millis(round * 7 % 31);
        if round % 4 != 0 {
            let waited_for = usize::try_from(round).unwrap();
            told = out.by_ref().filter_map(number_of).nth(waited_for % 7).unwrap() + 1;
        }
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        told = out.filter_map(number_of).last().map_or(told, |last| last + 1);
        if told == 0 {
            continue;
        }
        run(async {
            let mut store = Store::open(&spot.place, Access::Read).await.unwrap();
            let verified = store.verify().await.unwrap();
            assert_eq!(verified.broken, None);
            let found = usize::try_from(verified.rows).unwrap();
            assert!(found == told || found == told + 1, "{found} of {told}");
            told = found;
        });
    }
    assert!(told > 40, "{told}");
    run(async {
        let mut store = spot.open().await;
        store.append(&[started("last", 1)]).await.unwrap();
    });
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_ended() {
    let directory = TempDir::new().unwrap();
    let (store, file) = (directory.path().join("h.sqlite"), directory.path().join("in.jsonl"));
    fs::write(&file, lines(12_000)).unwrap();
    let arguments = ["audit", "import", file.to_str().unwrap(), "--store", store.to_str().unwrap()];
    for round in 0..6_u64 {
        let mut child = Sandbox::new().command(&arguments).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100 + 150 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let output = Sandbox::new().run(&arguments);
    assert_eq!(output.code, Some(0), "{output}");
    let place = store.to_str().unwrap();
    let verified = Sandbox::new().run(&["audit", "verify", "--store", place, "--format", "json"]);
    assert_eq!(
        (&verified.json()["rows"], &verified.json()["sound"]),
        (&12_000.into(), &true.into())
    );
}

#[test]
fn processes_at_once_lose_nothing_and_never_fail() {
    const WRITERS: usize = 12;
    const ROUNDS: usize = 25;
    let directory = TempDir::new().unwrap();
    let writer = |number: usize| {
        let mut command = recorder(&directory, 0);
        command.env("REGSIZE_TEST_ROUNDS", ROUNDS.to_string());
        command.env("REGSIZE_TEST_PREFIX", format!("writer-{number}")).spawn().unwrap()
    };
    // They all find that there is no history yet.
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    run(async {
        let place = Place::file(directory.path().join("history.sqlite"));
        let verified = Store::open(&place, Access::Read).await.unwrap().verify().await.unwrap();
        let rows = u64::try_from(WRITERS * ROUNDS).unwrap();
        assert_eq!((verified.rows, verified.broken), (rows, None));
    });
}

#[test]
fn a_pruning_that_is_killed_removed_all_or_nothing() {
    let directory = TempDir::new().unwrap();
    let (store, file) = (directory.path().join("h.sqlite"), directory.path().join("in.jsonl"));
    fs::write(&file, lines(12_000)).unwrap();
    let place = ["--store", store.to_str().unwrap(), "--format", "json"];
    let output =
        Sandbox::new().run(&[&["audit", "import", file.to_str().unwrap()], &place[..]].concat());
    assert_eq!(output.code, Some(0), "{output}");
    let prune = [&["audit", "prune", "--keep", "1d"], &place[..]].concat();
    for round in 0..12_u64 {
        let mut child = Sandbox::new().command(&prune).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let verified = Sandbox::new().run(&[&["audit", "verify"], &place[..]].concat()).json();
        assert_eq!(verified["sound"], true, "{verified}");
        let first = verified["first"].as_i64().unwrap();
        // Afterwards there are the last points of the fifty tags, and the record of it.
        assert!([(1, 12_000), (12_001, 51)].contains(&(first, verified["rows"].as_i64().unwrap())));
        if first > 1 {
            break;
        }
    }
}

/// A library that says `synced` on stdout after each sync of a file, or lets one of them fail.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int count;
static int note(long call, int file) {
  const char *fails = getenv("SHIM_FAILS");
  int number = __sync_add_and_fetch(&count, 1);
  if (fails && atoi(fails) == number) { errno = EIO; return -1; }
  int result = syscall(call, file);
  if (write(1, "synced\n", 7) < 0) return -1;
  return result;
}
int fsync(int file) { return note(SYS_fsync, file); }
int fdatasync(int file) { return note(SYS_fdatasync, file); }
"#;

fn shim(directory: &TempDir) -> PathBuf {
    let (source, library) = (directory.path().join("shim.c"), directory.path().join("shim.so"));
    fs::write(&source, SHIM).unwrap();
    let mut cc = Command::new("cc");
    let status = cc.args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap();
    assert!(status.success());
    library
}

#[test]
fn what_is_said_to_be_recorded_was_synced_before() {
    let directory = TempDir::new().unwrap();
    let library = shim(&directory);
    let mut command = recorder(&directory, 0);
    let output =
        command.env("LD_PRELOAD", library).env("REGSIZE_TEST_ROUNDS", "20").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut recorded, mut synced) = (0, 0);
    for line in text.lines() {
        if number_of(line).is_some() {
            assert!(synced > 0, "{text}");
            (recorded, synced) = (recorded + 1, 0);
        } else if line.ends_with("synced") {
            synced += 1;
        }
    }
    assert_eq!(recorded, 20, "{text}");
}

#[test]
fn a_sync_that_fails_is_final() {
    let record = |directory: &TempDir, failing: usize| {
        let library = shim(directory);
        let mut command = recorder(directory, 0);
        command.env("LD_PRELOAD", library).env("SHIM_FAILS", failing.to_string());
        command.env("REGSIZE_TEST_ROUNDS", "20").output().unwrap()
    };
    let output = record(&TempDir::new().unwrap(), usize::MAX);
    let text = String::from_utf8(output.stdout).unwrap();
    // The syncs up to that of the first row; those before are of the new file.
    let first = text.lines().take_while(|line| number_of(line).is_none());
    let first = first.filter(|line| line.ends_with("synced")).count();
    for failing in 1..first + 4 {
        let directory = TempDir::new().unwrap();
        let output = record(&directory, failing);
        let text = String::from_utf8(output.stdout).unwrap();
        let told = text.lines().filter_map(number_of).count();
        // SQLite does without some of a new file's; without a row's nothing is recorded any more.
        let expected = if output.status.success() { 20 } else { failing.saturating_sub(first) };
        assert_eq!(told, expected, "{failing}: {text}");
        assert!(failing < first || !output.status.success(), "{failing}: {text}");
        let path = directory.path().join("history.sqlite");
        if told == 0 && !path.exists() {
            continue;
        }
        run(async {
            let mut store = Store::open(&Place::file(path), Access::Write).await.unwrap();
            let verified = store.verify().await.unwrap();
            assert_eq!(verified.broken, None, "{failing}");
            let found = crate::history::timelines(&mut store, None).await.len();
            // The row whose sync failed may be there or not; none that was told is missing.
            assert!(found == told || found == told + 1, "{failing}: {found} of {told}");
            store.append(&[started("later", 1)]).await.unwrap();
        });
    }
}

#[test]
fn a_log_that_a_reader_held_up_gives_its_room_back() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    let log = directory.path().join("history.sqlite-wal");
    run(async {
        let mut store = spot.open().await;
        let mut reader = AnyConnection::connect(&spot.url).await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT COUNT(*) FROM point").execute(&mut reader).await.unwrap();
        let news = |round: i64| -> Vec<New> {
            (0..200).map(|tag| point(&format!("tag-{tag}"), round, &format!("{round}"))).collect()
        };
        let mut round = 0;
        while fs::metadata(&log).unwrap().len() < 6 << 20 {
            store.append(&news(round)).await.unwrap();
            round += 1;
        }
        sqlx::raw_sql("ROLLBACK").execute(&mut reader).await.unwrap();
        for round in round..round + 3 {
            store.append(&news(round)).await.unwrap();
        }
        assert!(fs::metadata(&log).unwrap().len() <= 4 << 20);
        reader.close().await.unwrap();
        store.close().await.unwrap();
    });
    assert!(!log.exists());
}

#[test]
fn an_export_is_whole_while_others_write_and_a_plain_copy_is_at_worst_an_earlier_state() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(async {
        let mut writer = spot.open().await;
        for number in 0..30 {
            writer.append(&[point(&format!("tag-{number}"), 0, "image")]).await.unwrap();
        }
        let mut reader = Store::open(&spot.place, Access::Read).await.unwrap();
        let exported = reader.export(Form::JsonLines, &mut Vec::new()).await.unwrap();
        assert_eq!((exported.rows, exported.damaged), (30, 0));
        let copy = directory.path().join("copy.sqlite");
        fs::copy(directory.path().join("history.sqlite"), &copy).unwrap();
        let mut copy = Store::open(&Place::file(copy), Access::Read).await.unwrap();
        let verified = copy.verify().await.unwrap();
        assert_eq!(verified.broken, None);
        // What is missing at the end shows by the hash of the end.
        assert_eq!(verified.rows == 30, copy.end().await.unwrap() == writer.end().await.unwrap());
        // Without the writer the file alone is the whole of it.
        reader.close().await.unwrap();
        let end = writer.end().await.unwrap();
        writer.close().await.unwrap();
        let copy = directory.path().join("whole.sqlite");
        fs::copy(directory.path().join("history.sqlite"), &copy).unwrap();
        let mut copy = Store::open(&Place::file(copy), Access::Read).await.unwrap();
        assert_eq!((copy.verify().await.unwrap().rows, copy.end().await.unwrap()), (30, end));
    });
}
