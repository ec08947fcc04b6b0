//! The history of published tags keeps what it is given, in SQLite and in PostgreSQL alike.
//!
//! The bodies here run on a file; `history_server` runs them on a server.

use jiff::Timestamp;
use regsize::history::{
    Access, BreachState, Error, Fault, Figures, Form, New, Outcome, Place, Point, Question,
    RunState, Store, Target, Timeline,
};
use regsize::oci::Digest;
use regsize::snapshot::{Sizes, Snapshot};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tempfile::TempDir;

pub(crate) const REPOSITORY: &str = "docker.io/library/debian";

/// A place for a history, as regsize and as the driver know it.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    pub(crate) url: String,
}

impl Spot {
    pub(crate) fn file(directory: &TempDir) -> Self {
        let path = directory.path().join("history.sqlite");
        Self { place: Place::file(&path), url: format!("sqlite://{}", path.display()) }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.place, Access::Write).await.unwrap()
    }

    /// Carries out statements that regsize would not.
    pub(crate) async fn tamper(&self, sql: &str) {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        if self.url.starts_with("postgres") {
            sqlx::raw_sql("SET search_path = regsize").execute(&mut connection).await.unwrap();
        }
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn fault(&self) -> Option<(i64, Fault)> {
        let mut store = Store::open(&self.place, Access::Read).await.unwrap();
        store.verify().await.unwrap().broken.map(|broken| (broken.seq, broken.fault))
    }
}

pub(crate) fn run(body: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(body);
}

pub(crate) fn day(number: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + number * 86_400).unwrap()
}

pub(crate) fn target(tag: &str) -> Target {
    Target { repository: REPOSITORY.into(), tag: tag.into(), platform: "linux/amd64".into() }
}

/// A reading of `tag` on a day, when its image had this content.
pub(crate) fn point(tag: &str, at: i64, image: &str) -> New {
    let digest = Digest::of(image.as_bytes());
    let compressed = 1000 + u64::try_from(image.len()).unwrap();
    let point = Point {
        target: target(tag),
        seen: day(at),
        root: Digest::of(format!("index of {image}").as_bytes()),
        image: digest,
        figures: Figures { compressed, content: Some(5000), layers: 3, ..Figures::default() },
    };
    New::Point { point, snapshot: Some(format!("{{\"image\": \"{image}\",\n \"n\": [1, 2]}}")) }
}

/// A run that began.
pub(crate) fn started(id: &str, at: i64) -> New {
    run_is(id, at, RunState::Started)
}

fn run_is(id: &str, at: i64, state: RunState) -> New {
    New::Run { id: id.into(), at: day(at), state, detail: "host 1, process 2".into() }
}

fn breach(state: BreachState, at: i64) -> New {
    New::Breach { target: target("12"), at: day(at), rule: "compressed".into(), state }
}

pub(crate) async fn timelines(store: &mut Store, tag: Option<&str>) -> Vec<Timeline> {
    let tag = tag.map(str::to_owned);
    let question = Question { repository: REPOSITORY.into(), tag, platform: None, newest: 10 };
    store.timelines(&question).await.unwrap()
}

async fn only(store: &mut Store, tag: &str) -> Timeline {
    let mut found = timelines(store, Some(tag)).await;
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Five rows: two points of one tag, one of another, a sighting, a failure.
pub(crate) async fn fill(spot: &Spot) {
    let mut store = spot.open().await;
    store.append(&[point("12", 0, "a"), point("13", 0, "b")]).await.unwrap();
    let outcomes = store.append(&[point("12", 1, "aa"), point("13", 1, "b")]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Recorded, Outcome::Same]);
    let (kind, message) = ("network".into(), "no\0route".into());
    let failed = New::Failed { target: target("12"), at: day(2), kind, message };
    store.append(&[failed]).await.unwrap();
    store.close().await.unwrap();
}

pub(crate) async fn points_are_appended_when_a_digest_changed(spot: Spot) {
    fill(&spot).await;
    let mut store = spot.open().await;
    let timeline = only(&mut store, "12").await;
    let sizes: Vec<u64> = timeline.points.iter().map(|p| p.figures.compressed).collect();
    assert_eq!((sizes, timeline.more, timeline.gone()), (vec![1001, 1002], false, None));
    assert_eq!(timeline.last_seen, Some(day(1)));
    let failure = (day(2), "network".to_owned(), "no\u{fffd}route".to_owned());
    assert_eq!(timeline.failure, Some(failure));
    let timeline = only(&mut store, "13").await;
    assert_eq!((timeline.points.len(), timeline.last_seen), (1, Some(day(1))));
    let New::Point { point: expected, .. } = point("13", 0, "b") else { unreachable!() };
    assert_eq!(timeline.points, std::slice::from_ref(&expected));
    // The text of a snapshot is kept as it is, on one line.
    let kept = store.snapshot(&expected.image).await.unwrap();
    assert_eq!(kept.as_deref(), Some("{\"image\": \"b\",  \"n\": [1, 2]}"));
    // A night in which nothing changed is one row for all.
    let seen = New::Seen { at: day(3), targets: vec![target("12"), target("13")] };
    let before = store.verify().await.unwrap().rows;
    store.append(&[seen]).await.unwrap();
    assert_eq!(store.verify().await.unwrap().rows, before + 1);
    let timeline = only(&mut store, "12").await;
    assert_eq!((timeline.last_seen, timeline.failure), (Some(day(3)), None));
}

/// A reading without the layers.
fn sizes_alone(tag: &str, at: i64, image: &str) -> New {
    let New::Point { mut point, .. } = point(tag, at, image) else { unreachable!() };
    point.figures.content = None;
    New::Point { point, snapshot: Some("{\"layers\": null}".into()) }
}

pub(crate) async fn what_the_layers_tell_is_added_once(spot: Spot) {
    use Outcome::{Recorded, Same};
    let mut store = spot.open().await;
    let news = [
        sizes_alone("12", 0, "a"),
        sizes_alone("13", 0, "a"),
        point("12", 1, "a"),
        sizes_alone("12", 2, "a"),
        point("12", 3, "a"),
    ];
    let outcomes = [Recorded, Recorded, Recorded, Same, Same];
    assert_eq!(store.append(&news).await.unwrap(), outcomes);
    let timeline = only(&mut store, "12").await;
    let contents: Vec<_> = timeline.points.iter().map(|point| point.figures.content).collect();
    assert_eq!((contents, timeline.last_seen), (vec![None, Some(5000)], Some(day(3))));
    let image = Digest::of(b"a");
    let full = Some("{\"image\": \"a\",  \"n\": [1, 2]}");
    assert_eq!(store.snapshot(&image).await.unwrap().as_deref(), full);
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.snapshots, &verified.broken), (2, &None));
    let mut out = Vec::new();
    store.export(Form::JsonLines, &mut out).await.unwrap();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("export");
    std::fs::write(&file, &out).unwrap();
    let mut copy = Spot::file(&directory).open().await;
    copy.import(&file).await.unwrap();
    assert_eq!(copy.verify().await.unwrap(), verified);
    assert_eq!(copy.snapshot(&image).await.unwrap().as_deref(), full);
}

pub(crate) async fn an_image_in_figures_comes_back_as_it_was(spot: Spot) {
    let snapshot = Snapshot {
        schema: regsize::snapshot::SCHEMA.into(),
        reference: "debian:12".into(),
        digest: Digest::of(b"index"),
        image: Digest::of(b"manifest"),
        platform: "linux/arm64".into(),
        created: None,
        sizes: Sizes { content: Some(9), ..Sizes::default() },
        base: None,
        layers: Vec::new(),
        owners: Vec::new(),
        components: Vec::new(),
        findings: Vec::new(),
        unread: regsize::snapshot::Unread::default(),
    };
    let mut store = spot.open().await;
    store.append(&[New::image(REPOSITORY, "12", day(0), &snapshot).unwrap()]).await.unwrap();
    assert_eq!(store.image(&snapshot.image).await.unwrap().as_ref(), Some(&snapshot));
    assert_eq!(store.image(&snapshot.digest).await.unwrap(), None);
    let timeline = only(&mut store, "12").await;
    let found = &timeline.points[0];
    assert_eq!((&found.root, found.figures), (&snapshot.digest, Figures::of(&snapshot)));
    assert_eq!(found.target.platform, "linux/arm64");
    // What is kept and is no image in figures, as of a later version, is told and not guessed at.
    store.append(&[point("13", 0, "a")]).await.unwrap();
    let error = store.image(&Digest::of(b"a")).await.unwrap_err().to_string();
    assert!(error.contains("schema is missing"), "{error}");
}

pub(crate) async fn runs_that_did_not_end_are_half_runs(spot: Spot) {
    let mut store = spot.open().await;
    let news = [
        started("a", 0),
        run_is("a", 1, RunState::Ended),
        started("b", 2),
        run_is("b", 3, RunState::Abandoned),
        started("c", 3),
    ];
    store.append(&news).await.unwrap();
    let runs = store.runs(None, 10).await.unwrap();
    let states: Vec<_> = runs.iter().map(|run| (run.id.as_str(), run.ended)).collect();
    assert_eq!(states, [("c", None), ("b", Some((day(3), true))), ("a", Some((day(1), false)))]);
    assert_eq!((runs[0].started, runs[0].detail.as_str()), (day(3), "host 1, process 2"));
    assert_eq!(store.runs(None, 1).await.unwrap(), runs[..1]);
}

pub(crate) async fn the_order_is_that_of_recording_whatever_the_clock_says(spot: Spot) {
    let mut store = spot.open().await;
    for (at, image) in [(9, "a"), (3, "b"), (6, "c")] {
        store.append(&[point("12", at, image)]).await.unwrap();
    }
    let timeline = only(&mut store, "12").await;
    let times: Vec<_> = timeline.points.iter().map(|point| point.seen).collect();
    assert_eq!(times, [day(9), day(3), day(6)]);
    assert_eq!(store.latest(REPOSITORY).await.unwrap()[0].image, Digest::of(b"c"));
    // The first row is not old enough, and what follows it waits for it.
    assert_eq!(store.prune(day(8), day(10)).await.unwrap().rows, 0);
    assert_eq!(store.verify().await.unwrap().broken, None);
}

pub(crate) async fn tags_go_and_come_back(spot: Spot) {
    fill(&spot).await;
    let mut store = spot.open().await;
    let gone = |at| New::Gone { target: target("13"), at: day(at) };
    let outcomes = store.append(&[gone(3), gone(4)]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Recorded, Outcome::Unchanged]);
    assert_eq!(only(&mut store, "13").await.gone(), Some(day(3)));
    let names = |points: Vec<Point>| -> Vec<String> {
        points.into_iter().map(|point| point.target.tag).collect()
    };
    assert_eq!(names(store.latest(REPOSITORY).await.unwrap()), ["12"]);
    // The same image again is news after that.
    assert_eq!(store.append(&[point("13", 5, "b")]).await.unwrap(), [Outcome::Recorded]);
    let timeline = only(&mut store, "13").await;
    assert_eq!((timeline.gone(), timeline.points.len()), (None, 2));
    let mut latest = names(store.latest(REPOSITORY).await.unwrap());
    latest.sort();
    assert_eq!(latest, ["12", "13"]);
}

pub(crate) async fn a_breach_is_opened_once_until_it_is_cleared(spot: Spot) {
    let [opened, cleared] =
        [BreachState::Opened, BreachState::Cleared].map(|state| state("too large".to_owned()));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let told = |channels: &[&str]| BreachState::Notified(names(channels));
    let mut store = spot.open().await;
    let mut at = 0;
    let mut steps = async |store: &mut Store, states: &[&BreachState]| -> Vec<bool> {
        at += 1;
        let news: Vec<New> = states.iter().map(|state| breach((*state).clone(), at)).collect();
        let outcomes = store.append(&news).await.unwrap();
        outcomes.iter().map(|outcome| *outcome == Outcome::Recorded).collect()
    };
    assert_eq!(
        steps(&mut store, &[&cleared, &told(&["a"]), &opened, &opened]).await,
        [false, false, true, false]
    );
    let open = store.breaches().await.unwrap();
    let found = (open.len(), open[0].since, &*open[0].rule, &*open[0].message);
    assert_eq!((found, open[0].told.len()), ((1, Some(day(1)), "compressed", "too large"), 0));
    // Who knows of it replaces who knew before.
    assert_eq!(steps(&mut store, &[&told(&["a"])]).await, [true]);
    assert_eq!(
        steps(&mut store, &[&told(&["a"]), &opened, &told(&["b", "a"])]).await,
        [false, false, true]
    );
    let open = store.breaches().await.unwrap();
    assert_eq!((open.len(), open[0].since, &*open[0].message), (1, Some(day(1)), "too large"));
    assert_eq!(open[0].told, names(&["a", "b"]));
    // That it is over is one thing, and who knows of that another.
    assert_eq!(steps(&mut store, &[&cleared, &opened]).await, [true, true]);
    assert_eq!(store.breaches().await.unwrap()[0].told, names(&["a", "b"]));
    assert_eq!(steps(&mut store, &[&cleared, &cleared, &told(&["b"])]).await, [true, false, true]);
    let over = store.breaches().await.unwrap();
    assert_eq!((over.len(), over[0].since, &over[0].told), (1, None, &names(&["b"])));
    assert_eq!(steps(&mut store, &[&told(&[]), &told(&[])]).await, [true, false]);
    assert_eq!(store.breaches().await.unwrap(), []);
}

pub(crate) async fn what_does_not_fit_is_refused_with_all_that_came_with_it(spot: Spot) {
    fill(&spot).await;
    let mut store = spot.open().await;
    let before = store.verify().await.unwrap();
    let New::Point { point: mut huge, .. } = point("14", 3, "c") else { unreachable!() };
    huge.figures.shadowed = Some(1 << 63);
    let huge = New::Point { point: huge, snapshot: None };
    let error = store.append(&[point("15", 3, "d"), huge]).await.unwrap_err();
    assert_eq!(error.to_string(), "a shadowed size does not fit into the history");
    let New::Point { point: known, .. } = point("14", 3, "c") else { unreachable!() };
    let words = New::Point { point: known, snapshot: Some("no JSON".into()) };
    assert!(matches!(store.append(&[words]).await, Err(Error::TooLarge { .. })));
    assert_eq!(store.verify().await.unwrap(), before);
    assert_eq!(timelines(&mut store, Some("15")).await, []);
}

pub(crate) async fn the_first_broken_row_is_named(spot: Spot) {
    fill(&spot).await;
    assert_eq!(spot.fault().await, None);
    // Each change is undone by the next statement.
    let changes = [
        (
            "UPDATE point SET compressed = 7 WHERE seq = 2",
            "UPDATE point SET compressed = 1001 WHERE seq = 2",
            2,
        ),
        (
            "UPDATE point SET content = NULL WHERE seq = 3",
            "UPDATE point SET content = 5000 WHERE seq = 3",
            3,
        ),
        (
            "UPDATE event SET seen = seen + 1 WHERE seq = 4",
            "UPDATE event SET seen = seen - 1 WHERE seq = 4",
            4,
        ),
        (
            "UPDATE event SET detail = '1' WHERE seq = 4",
            "UPDATE event SET detail = '2' WHERE seq = 4",
            4,
        ),
        (
            "UPDATE target SET tag = 'x' WHERE id = 2",
            "UPDATE target SET tag = '13' WHERE id = 2",
            2,
        ),
    ];
    for (change, undo, seq) in changes {
        spot.tamper(change).await;
        assert_eq!(spot.fault().await, Some((seq, Fault::Changed)), "{change}");
        spot.tamper(undo).await;
        assert_eq!(spot.fault().await, None, "{undo}");
    }
    // Rows that change places, and rows that go.
    spot.tamper("UPDATE point SET seq = 99 WHERE seq = 1").await;
    assert_eq!(spot.fault().await, Some((1, Fault::Missing)));
    spot.tamper("UPDATE point SET seq = 1 WHERE seq = 99").await;
    spot.tamper("INSERT INTO event SELECT 9, target, seen, kind, subject, detail, hash FROM event WHERE seq = 5").await;
    assert_eq!(spot.fault().await, Some((9, Fault::Extra)));
    spot.tamper("DELETE FROM event WHERE seq = 9").await;
    let image = Digest::of(b"a");
    let hex = image.hex();
    let blob = if spot.url.starts_with("sqlite") {
        format!("x'{hex}'")
    } else {
        format!("'\\x{hex}'::bytea")
    };
    spot.tamper(&format!("UPDATE snapshot SET checksum = root FROM point WHERE point.seq = 1 AND snapshot.image = {blob}")).await;
    assert_eq!(spot.fault().await, Some((1, Fault::Snapshot(image.clone()))));
    spot.tamper(&format!("DELETE FROM snapshot WHERE image = {blob}")).await;
    assert_eq!(spot.fault().await, Some((1, Fault::Snapshot(image))));
    spot.tamper("DELETE FROM event WHERE seq = 5").await;
    assert_eq!(spot.fault().await, Some((5, Fault::Missing)));
    spot.tamper("UPDATE head SET last_seq = 4").await;
    assert_eq!(spot.fault().await, Some((0, Fault::Head)));
}

pub(crate) async fn pruning_keeps_what_holds_and_the_chain(spot: Spot) {
    fill(&spot).await;
    let mut store = spot.open().await;
    store.append(&[breach(BreachState::Opened("too large".into()), 2)]).await.unwrap();
    store.append(&[New::Gone { target: target("13"), at: day(2) }]).await.unwrap();
    store.append(&[point("14", 10, "new")]).await.unwrap();
    let told = BreachState::Notified(["team".to_owned()].into());
    store.append(&[breach(told, 10)]).await.unwrap();
    let before = store.breaches().await.unwrap();
    let plan = store.prunable(day(9)).await.unwrap();
    assert_eq!((plan.rows, plan.through, plan.carried), (7, 7, 2));
    let pruned = store.prune(day(9), day(12)).await.unwrap();
    assert_eq!((pruned.rows, pruned.carried, pruned.snapshots), (7, 2, 2));
    let verified = store.verify().await.unwrap();
    // A new point, who knows of the breach, two that were carried, and the record of it.
    assert_eq!((verified.first, verified.last, verified.rows), (8, 12, 5));
    assert_eq!((verified.snapshots, verified.broken), (2, None));
    let timeline = only(&mut store, "12").await;
    assert_eq!((timeline.points.len(), timeline.points[0].seen), (1, day(1)));
    assert_eq!((before[0].since, before[0].told.len()), (Some(day(2)), 1));
    assert_eq!(store.breaches().await.unwrap(), before);
    assert_eq!(timelines(&mut store, Some("13")).await, []);
    assert_eq!(store.append(&[point("12", 13, "aa")]).await.unwrap(), [Outcome::Same]);
    // There is nothing left to prune, and the row before the first is known.
    assert_eq!(store.prune(day(9), day(13)).await.unwrap().rows, 0);
    store.close().await.unwrap();
    spot.tamper("UPDATE point SET layers = 4 WHERE seq = 8").await;
    assert_eq!(spot.fault().await, Some((8, Fault::Changed)));
    let error = spot.open().await.prune(day(20), day(21)).await.unwrap_err();
    assert!(matches!(error, Error::Broken { seq: 8, .. }), "{error}");
}

pub(crate) async fn exports_are_imported_whole_and_once(spot: Spot) {
    fill(&spot).await;
    let mut store = spot.open().await;
    store.append(&[breach(BreachState::Opened("too large".into()), 2)]).await.unwrap();
    store.append(&[started("r1", 2)]).await.unwrap();
    let directory = TempDir::new().unwrap();
    for form in [Form::JsonLines, Form::Parquet] {
        let mut out = Vec::new();
        let exported = store.export(form, &mut out).await.unwrap();
        assert_eq!((exported.rows, exported.damaged), (7, 0));
        let file = directory.path().join("export");
        std::fs::write(&file, &out).unwrap();
        let copy = Spot::file(&TempDir::new().unwrap());
        let mut other = copy.open().await;
        let imported = other.import(&file).await.unwrap();
        assert_eq!((imported.rows, imported.known, imported.damaged), (7, 0, 0), "{form:?}");
        assert_eq!(other.verify().await.unwrap().broken, None);
        assert_eq!(timelines(&mut other, None).await, timelines(&mut store, None).await);
        assert_eq!(other.breaches().await.unwrap(), store.breaches().await.unwrap());
        let image = Digest::of(b"a");
        assert_eq!(other.snapshot(&image).await.unwrap(), store.snapshot(&image).await.unwrap());
        let again = other.import(&file).await.unwrap();
        assert_eq!((again.rows, again.known), (0, 7), "{form:?}");
        // The same rows make the same chain, as the targets are numbered alike.
        let mut back = Vec::new();
        other.export(form, &mut back).await.unwrap();
        if form == Form::JsonLines {
            assert_eq!(String::from_utf8(back).unwrap(), String::from_utf8(out).unwrap());
        }
    }
}

pub(crate) async fn writers_at_once_lose_nothing(spot: Spot) {
    const WRITERS: usize = 6;
    const ROUNDS: i64 = 15;
    let writer = async |number: usize| {
        let mut store = spot.open().await;
        for round in 0..ROUNDS {
            let news = [point(&format!("tag-{number}"), round, &format!("{number}-{round}"))];
            assert_eq!(store.append(&news).await.unwrap(), [Outcome::Recorded]);
        }
        store.close().await.unwrap();
    };
    // Each has its own connection; the first of them makes the history.
    futures::future::join_all((0..WRITERS).map(writer)).await;
    let verified = Store::open(&spot.place, Access::Read).await.unwrap().verify().await.unwrap();
    assert_eq!((verified.rows, verified.broken), (90, None));
}

pub(crate) async fn a_newer_history_is_refused_and_left_alone(spot: Spot) {
    fill(&spot).await;
    let mut open = spot.open().await;
    spot.tamper("UPDATE head SET schema_version = 7").await;
    let late = open.append(&[point("12", 9, "z")]).await.unwrap_err();
    for access in [Access::Read, Access::Write] {
        let error = Store::open(&spot.place, access).await.unwrap_err();
        assert!(
            error.to_string().ends_with("has schema 7, and this regsize knows schemas up to 1")
        );
        assert_eq!(error.to_string(), late.to_string());
        assert_eq!(error.what_to_do(), Some("use the newer regsize; nothing was changed"));
    }
    spot.tamper("UPDATE head SET schema_version = 1").await;
    assert_eq!(spot.fault().await, None);
}

macro_rules! on_a_file {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn in_sqlite() {
                let directory = tempfile::TempDir::new().unwrap();
                super::run(super::$name(super::Spot::file(&directory)));
            }
        }
    )*};
}

on_a_file! {
    points_are_appended_when_a_digest_changed
    what_the_layers_tell_is_added_once
    an_image_in_figures_comes_back_as_it_was
    runs_that_did_not_end_are_half_runs
    the_order_is_that_of_recording_whatever_the_clock_says
    tags_go_and_come_back
    a_breach_is_opened_once_until_it_is_cleared
    what_does_not_fit_is_refused_with_all_that_came_with_it
    the_first_broken_row_is_named
    pruning_keeps_what_holds_and_the_chain
    exports_are_imported_whole_and_once
    writers_at_once_lose_nothing
    a_newer_history_is_refused_and_left_alone
}
