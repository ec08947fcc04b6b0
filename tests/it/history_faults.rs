//! Files that are damaged, locked, full or of somebody else.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use regsize::history::{Access, Error, Form, Place, Store};
use sqlx::{AnyConnection, Connection as _};
use tempfile::TempDir;

use crate::audit_run::{registry, settings};
use crate::audit_spool::files;
use crate::history::{Spot, day, fill, point, run};
use crate::support::Sandbox;

fn refused(path: &std::path::Path, access: Access) -> Error {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Store::open(&Place::file(path), access)).unwrap_err()
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let check = |content: &[u8], part: &str| {
        let path = directory.path().join("file");
        fs::write(&path, content).unwrap();
        for access in [Access::Read, Access::Write] {
            let error = refused(&path, access);
            assert!(matches!(error, Error::Foreign { .. }), "{error}");
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    };
    check(b"", "it is empty");
    check(b"a text that is longer than a header", "not an SQLite database");
    assert!(matches!(refused(directory.path(), Access::Read), Error::Foreign { .. }));
    let missing = directory.path().join("missing/history.sqlite");
    assert!(matches!(refused(&missing, Access::Read), Error::Missing { .. }));
    assert!(!missing.exists());
    run(async {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("other").display());
        let mut other = AnyConnection::connect(&url).await.unwrap();
        sqlx::query("CREATE TABLE head (x)").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    });
    let error = refused(&directory.path().join("other"), Access::Write);
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn any_flipped_byte_is_found_or_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(fill(&spot));
    let sound = fs::read(directory.path().join("history.sqlite")).unwrap();
    let path = directory.path().join("damaged.sqlite");
    let place = Place::file(&path);
    run(async {
        let expected = export(&spot.place).await.unwrap();
        // A prime step meets every page and every kind of byte.
        for at in (0..sound.len()).step_by(61) {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x15;
            fs::write(&path, &damaged).unwrap();
            let Ok(mut store) = Store::open(&place, Access::Read).await else { continue };
            let Ok(verified) = store.verify().await else { continue };
            drop(store);
            if verified.broken.is_none() {
                assert_eq!(export(&place).await.unwrap(), expected, "byte {at}");
            }
        }
    });
}

async fn export(place: &Place) -> Result<String, Error> {
    let mut out = Vec::new();
    Store::open(place, Access::Read).await?.export(Form::JsonLines, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn truncated_files_are_damaged_and_not_emptied() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(fill(&spot));
    let path = directory.path().join("history.sqlite");
    let whole = fs::read(&path).unwrap();
    for pages in [1, 2, 5] {
        let part = &whole[..pages * 4096];
        fs::write(&path, part).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let found = runtime
            .block_on(async { Store::open(&spot.place, Access::Read).await?.verify().await });
        assert!(found.as_ref().map_or(true, |found| found.broken.is_some()), "{found:?}");
        assert_eq!(fs::read(&path).unwrap(), part);
    }
}

/// What runs a command that may not write everywhere: root may unless this right is taken from it.
fn without_rights() -> &'static str {
    if rustix::process::geteuid().is_root() {
        "exec setpriv --bounding-set -dac_override,-dac_read_search \"$0\" \"$@\""
    } else {
        "exec \"$0\" \"$@\""
    }
}

#[test]
fn a_pass_is_told_and_waits_where_the_history_cannot_be_used_now() {
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "tags = [\"1.*\"]");
    let config = sandbox.path("regsize.toml").display().to_string();
    let (places, mode) = (sandbox.path("places"), fs::Permissions::from_mode);
    fs::create_dir(&places).unwrap();
    let check = |name: &str, spools: usize| {
        let (store, spool) = (places.join(name), sandbox.path(&format!("spool-{name}")));
        let (store, waiting) = (store.to_str().unwrap(), spool.to_str().unwrap());
        let fixed = ["audit", "run", "--config", &config, "--store", store, "--spool", waiting];
        let output = sandbox.shell(without_rights(), &[&fixed[..], &["--format", "json"]].concat());
        assert_eq!((output.code, files(&spool).len()), (Some(2), spools), "{name}: {output}");
        output
    };
    let waits = |name: &str| {
        let output = check(name, 1);
        let report = output.json();
        assert_eq!((&report["saved"], &report["read"]), (&false.into(), &2.into()), "{output}");
        assert!(output.stderr.contains("not all of the run was saved"), "{output}");
    };
    fs::write(places.join("closed"), b"SQLite format 3\0").unwrap();
    fs::set_permissions(places.join("closed"), mode(0o000)).unwrap();
    let damaged = places.join("damaged");
    let fixed = ["audit", "run", "--config", &config, "--store", damaged.to_str().unwrap()];
    assert_eq!(sandbox.run(&fixed).code, Some(0));
    let mut content = fs::read(&damaged).unwrap();
    content[100..4096].fill(0xff);
    fs::write(&damaged, content).unwrap();
    fs::write(places.join("foreign"), "something else that is longer").unwrap();
    fs::set_permissions(&places, mode(0o555)).unwrap();
    for name in ["new", "closed"] {
        waits(name);
    }
    fs::set_permissions(&places, mode(0o755)).unwrap();
    waits("damaged");
    // What will never be a history stops the run before anything is read.
    let output = check("foreign", 0);
    assert_eq!(output.json()["error"]["kind"], "bad_data", "{output}");
}

#[test]
fn a_history_that_cannot_be_written_can_be_read() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(fill(&spot));
    let path = directory.path().join("history.sqlite");
    let import = directory.path().join("in.jsonl");
    fs::write(&import, lines(1)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let script = without_rights();
    let run = |arguments: &[&str], name: &str| {
        let place = directory.path().join(name);
        let store = ["--store", place.to_str().unwrap(), "--format", "json"];
        Sandbox::new().shell(script, &[arguments, &store].concat())
    };
    let output = run(&["audit", "verify"], "history.sqlite");
    assert_eq!((output.code, &output.json()["rows"]), (Some(0), &5.into()), "{output}");
    for name in ["history.sqlite", "new.sqlite"] {
        let output = run(&["audit", "import", import.to_str().unwrap()], name);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains("it or its directory is read-only"), "{output}");
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // A file that cannot be written where others could be: its log needs one beside it.
    let output = run(&["audit", "verify"], "history.sqlite");
    assert_eq!((output.code, &output.json()["rows"]), (Some(0), &5.into()), "{output}");
}

#[test]
fn new_histories_are_for_their_user_alone_and_links_are_followed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a/b c%20?/history.sqlite");
    run(async {
        let mut store = Store::open(&Place::file(&path), Access::Write).await.unwrap();
        store.append(&[point("12", 0, "a")]).await.unwrap();
        store.close().await.unwrap();
    });
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names = fs::read_dir(path.parent().unwrap()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["history.sqlite"]);
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    run(async {
        let mut store = Store::open(&Place::file(&link), Access::Read).await.unwrap();
        assert_eq!(store.verify().await.unwrap().rows, 1);
    });
}

#[test]
fn a_full_disk_loses_only_what_was_being_written() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(fill(&spot));
    let path = directory.path().join("history.sqlite");
    let import = directory.path().join("in.jsonl");
    fs::write(&import, lines(6000)).unwrap();
    let arguments =
        ["audit", "import", import.to_str().unwrap(), "--store", path.to_str().unwrap()];
    let mut kept = 5;
    // Files may have so many blocks of 1024 bytes; the signal of it is an error of the write.
    for blocks in [60, 100, 200, 700, 1500] {
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let output = Sandbox::new().shell(&script, &arguments);
        assert_eq!(output.code, Some(2), "{blocks}: {output}");
        assert!(output.stderr.starts_with("error: "), "{output}");
        run(async {
            let mut store = spot.open().await;
            let verified = store.verify().await.unwrap();
            assert_eq!(verified.broken, None);
            // Parts of an import that were recorded stay.
            assert!(verified.rows >= kept && (verified.rows - kept).is_multiple_of(5000));
            store.append(&[point(&format!("tag-{blocks}"), 9, "later")]).await.unwrap();
            kept = verified.rows + 1;
        });
    }
    let output = Sandbox::new().run(&arguments);
    assert_eq!(output.code, Some(0), "{output}");
    run(async {
        let verified = spot.open().await.verify().await.unwrap();
        assert_eq!((verified.rows, verified.broken), (5 + 5 + 6000, None));
    });
}

/// An export with `count` points.
pub(crate) fn lines(count: usize) -> String {
    let digest = |number: usize| regsize::oci::Digest::of(&number.to_be_bytes());
    let mut text = "{\"kind\":\"history\",\"subject\":\"regsize.history/1\"}\n".to_owned();
    for number in 0..count {
        let (seen, digest) = (day(0), digest(number));
        writeln!(
            text,
            "{{\"kind\":\"point\",\"seen\":\"{seen}\",\"repository\":\"r.example/a\",\"tag\":\"t{}\",\
             \"platform\":\"linux/amd64\",\"root\":\"{digest}\",\"image\":\"{digest}\",\
             \"compressed\":{number},\"layers\":1,\"snapshot\":{{\"n\":{number}}}}}",
            number % 50
        )
        .unwrap();
    }
    text
}

#[test]
fn a_locked_history_is_told_and_not_waited_for_without_end() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(async {
        let mut store = spot.open().await;
        let mut other = AnyConnection::connect(&spot.url).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let started = std::time::Instant::now();
        let error = store.append(&[point("12", 0, "a")]).await.unwrap_err();
        assert!(matches!(error, Error::Locked { .. }), "{error}");
        assert!(started.elapsed() >= Duration::from_secs(20));
        sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
        store.append(&[point("12", 0, "a")]).await.unwrap();
    });
}

#[test]
fn commands_tell_what_was_over_time() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(fill(&spot));
    let store = directory.path().join("history.sqlite");
    let audit = |arguments: &[&str]| {
        let sandbox = Sandbox::new();
        let output =
            sandbox.run(&[&["audit"], arguments, &["--store", store.to_str().unwrap()]].concat());
        assert_eq!(output.code, Some(0), "{output}");
        output
    };
    let shown = audit(&["history", "debian:12", "--width", "100"]).stdout;
    for part in ["docker.io/library/debian", "linux/amd64", "+1 B", "network", "2023-11-15 22:13Z"]
    {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert!(!shown.contains("13 "), "{shown}");
    let json = audit(&["history", "debian", "--format", "json"]).json();
    assert_eq!(json["schema"], "regsize.audit-history/1");
    let points = json["points"].as_array().unwrap();
    assert_eq!(points.len(), 3);
    assert_eq!((&points[1]["tag"], &points[1]["compressed"]), (&"12".into(), &1002.into()));
    assert_eq!(points[1]["seen"], "2023-11-15T22:13:20Z");
    assert_eq!(points[1]["digest"], regsize::oci::Digest::of(b"aa").to_string());
    assert_eq!(json["targets"][1]["last_seen"], "2023-11-15T22:13:20Z");
    assert_eq!(audit(&["history", "debian", "--format", "csv"]).stdout.lines().count(), 4);
    let plan = audit(&["prune", "--keep", "400d", "--dry-run", "--format", "json"]).json();
    assert_eq!(
        (&plan["rows"], &plan["carried"], &plan["snapshots"]),
        (&5.into(), &2.into(), &().into())
    );
    let pruned = audit(&["prune", "--keep", "400d", "--format", "json"]).json();
    assert_eq!((&pruned["rows"], &pruned["snapshots"]), (&5.into(), &1.into()));
    assert_eq!(audit(&["verify", "--format", "json"]).json()["first"], 6);
    let file = directory.path().join("out.parquet");
    audit(&["export", file.to_str().unwrap()]);
    assert!(fs::read(&file).unwrap().starts_with(b"PAR1"));
    assert_eq!(audit(&["export"]).stdout.lines().count(), 1 + 2 + 3);
    let arguments = ["audit", "export", "--store", store.to_str().unwrap()];
    // A reader who leaves early is no error, and a disk that is full is one.
    let script = "exec {fifo}> >(:); wait $!; exec \"$0\" \"$@\" >&$fifo";
    let output = Sandbox::new().shell(script, &arguments);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
    let output = Sandbox::new().shell("exec \"$0\" \"$@\" > /dev/full", &arguments);
    assert_eq!(output.code, Some(2), "{output}");
}

#[test]
fn commands_say_what_they_cannot_do() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    run(fill(&spot));
    let path = directory.path().join("history.sqlite");
    let path = path.to_str().unwrap();
    let check = |arguments: &[&str], kind: &str, part: &str| {
        let output = Sandbox::new().run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(
            (output.code, &output.json()["error"]["kind"]),
            (Some(2), &kind.into()),
            "{output}"
        );
        assert!(output.stderr.contains(part), "{part} in {output}");
    };
    check(&["audit", "verify"], "not_found", "there is no history at");
    check(&["audit", "verify", "--store", "mysql://db/x"], "usage", "only sqlite: and postgres://");
    check(
        &["audit", "history", "nginx", "--store", path],
        "not_found",
        "nothing is recorded of nginx",
    );
    check(&["audit", "import", "none", "--store", path], "local", "there is no file none");
    check(&["audit", "prune", "--keep", "1d"], "not_found", "there is no history at");
    let text = directory.path().join("text");
    fs::write(&text, "{}\n").unwrap();
    check(&["audit", "import", text.to_str().unwrap(), "--store", path], "bad_data", "no export");
    run(spot.tamper("UPDATE point SET layers = 9 WHERE seq = 3"));
    let output = Sandbox::new().run(&["audit", "verify", "--store", path]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stdout.contains("row 3"), "{output}");
    let output = Sandbox::new().run(&["audit", "export", "--store", path]);
    assert!(output.stdout.contains("\"damaged\":true"), "{output}");
    assert!(output.stderr.contains("1 rows are damaged"), "{output}");
    let [rows, other] = ["rows.jsonl", "other.sqlite"].map(|name| directory.path().join(name));
    let [rows, other] = [&rows, &other].map(|path| path.to_str().unwrap());
    Sandbox::new().run(&["audit", "export", rows, "--store", path]);
    let output = Sandbox::new().run(&["audit", "import", rows, "--store", other]);
    assert_eq!(output.code, Some(2), "{output}");
    let output = Sandbox::new().run(&["rules", "--format", "parquet"]);
    assert_eq!(output.code, Some(2), "{output}");
}
