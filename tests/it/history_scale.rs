//! A history of ten million rows; its file has two gigabytes, so that it is made on demand only:
//!
//! ```text
//! cargo test --test it -- --ignored --nocapture ten_million
//! ```

use std::time::{Duration, Instant};

use regsize::audit::overview::{Asked, overview};
use regsize::history::{Access, Outcome, Question, Store};
use tempfile::TempDir;

use crate::history::{REPOSITORY, Spot, point, run};
use crate::support::Sandbox;

/// What somebody who waits for a target's points takes for at once.
const AT_ONCE: Duration = Duration::from_millis(200);
const ROWS: u32 = 10_000_000;
const TARGETS: u32 = 20_000;

/// Points of many targets in turn, so that no two of one target are neighbours, and a sighting of
/// all of them after each thousand. No hash is right: reading a target's points looks at none.
fn sql() -> String {
    format!(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; DROP INDEX point_target;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {TARGETS})
         INSERT INTO target SELECT i, '{REPOSITORY}', 'tag-' || i, 'linux/amd64' FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO point SELECT i, 1 + i % {TARGETS}, 1500000000000 + i * 10, randomblob(32),
         randomblob(32), 100000000 + i * 7919 % 1000000, NULL, 300000000, NULL, NULL, 12, NULL,
         randomblob(32) FROM n WHERE i % 1000 > 0;
         WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1000 FROM n WHERE i < {ROWS})
         INSERT INTO event SELECT i, NULL, 1500000000000 + i * 10, 'seen', NULL, '1-{TARGETS}',
         randomblob(32) FROM n;
         CREATE INDEX point_target ON point (target, seq);
         UPDATE head SET last_seq = {ROWS}; PRAGMA journal_mode = WAL"
    )
}

#[test]
#[ignore = "it makes a file of two gigabytes"]
fn a_target_s_points_are_read_at_once_from_ten_million_rows() {
    let directory = TempDir::new().unwrap();
    let spot = Spot::file(&directory);
    let timed = |what: &str, started: Instant| {
        let taken = started.elapsed();
        println!("{what}: {taken:?}");
        taken
    };
    run(async {
        spot.open().await.close().await.unwrap();
        let started = Instant::now();
        spot.tamper(&sql()).await;
        timed("made", started);
        for (newest, expected) in [(30, 30), (1000, 500)] {
            let started = Instant::now();
            let mut store = Store::open(&spot.place, Access::Read).await.unwrap();
            let question = Question {
                repository: REPOSITORY.into(),
                tag: Some(format!("tag-{}", newest + 77)),
                platform: None,
                newest,
            };
            let timelines = store.timelines(&question).await.unwrap();
            let taken = timed(&format!("at most {newest} points"), started);
            assert_eq!(timelines[0].points.len(), expected);
            assert!(taken <= AT_ONCE, "{taken:?}");
        }
        let mut store = Store::open(&spot.place, Access::Read).await.unwrap();
        let started = Instant::now();
        let targets = [(REPOSITORY.to_owned(), Some("tag-77".to_owned()))];
        let until = jiff::Timestamp::now();
        let asked = Asked { targets: &targets, since: None, until, limits: &|_| Vec::new() };
        let found = overview(&mut store, &asked).await.unwrap();
        assert!(timed("a report", started) <= AT_ONCE);
        assert_eq!(found.series[0].moments.len(), 500);
        store.close().await.unwrap();
        let mut store = spot.open().await;
        let started = Instant::now();
        let outcomes = store.append(&[point("tag-9", 0, "new")]).await.unwrap();
        assert!(timed("one row more", started) <= AT_ONCE);
        assert_eq!(outcomes, [Outcome::Recorded]);
        let started = Instant::now();
        store.breaches().await.unwrap();
        store.runs(None, 10).await.unwrap();
        assert!(timed("breaches and runs", started) <= AT_ONCE);
        store.close().await.unwrap();
    });
    let place = directory.path().join("history.sqlite");
    println!("{} bytes", std::fs::metadata(&place).unwrap().len());
    let arguments = ["audit", "history", &format!("{REPOSITORY}:tag-123"), "--store"];
    let started = Instant::now();
    let output = Sandbox::new().run(&[&arguments[..], &[place.to_str().unwrap()]].concat());
    let taken = timed("the command", started);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(taken <= AT_ONCE, "{taken:?}");
}
