//! The queue of audits in a real PostgreSQL server: one of each run, for one worker, within the
//! limits of registries, whatever happens to connections.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use regsize::audit::queue::{Limits, Offered, Postgres as Shared, Queue as _, Run, Taken};
use sqlx::Connection as _;

use crate::history::run;
use crate::support::Postgres;

const LIMITS: Limits = Limits {
    per_registry: 2,
    heartbeat: Duration::from_secs(1),
    missed: 2,
    poll: Duration::from_millis(20),
};

async fn open(url: &str) -> Shared {
    let registries = ["one", "two"].map(str::to_owned);
    Shared::open(&url.parse().unwrap(), registries, LIMITS).await.unwrap()
}

/// The run of a target so many minutes before the tests began.
fn ago(target: &str, minutes: i64) -> Run {
    static BEGAN: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_second() / 60 * 60);
    let due = Timestamp::from_second(*BEGAN - 60 * minutes).unwrap();
    let registry = target.split('/').next().unwrap().to_owned();
    Run { target: target.to_owned(), registry, due }
}

/// The run that a queue hands out now, if it does.
async fn take(queue: &Shared) -> Option<Taken> {
    // Longer than a look takes; what hangs fails the test.
    let mut taking = Box::pin(queue.take());
    match tokio::time::timeout(Duration::from_millis(700), &mut taking).await {
        Ok(taken) => taken.unwrap(),
        Err(_) => None,
    }
}

async fn offered(queue: &Shared, run: &Run) -> Offered {
    queue.offer(run).await.unwrap()
}

/// Ends the connections of all queues.
async fn cut(url: &str) {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'regsize' AND datname = current_database()";
    sqlx::query(sql).execute(&mut connection).await.unwrap();
}

#[test]
fn queues_of_several_machines_hand_out_each_run_once() {
    let server = Postgres::start("secret");
    run(each_run_is_there_once(server.database("a")));
    run(registries_have_their_limit_everywhere(server.database("b")));
    run(lost_connections_lose_and_double_nothing(server.database("c")));
    run(those_who_leave_give_back_what_they_have(server.database("d")));
    run(the_silent_are_taken_over_and_learn_of_it(server.database("e")));
    run(runs_that_end_nobody_well_are_given_up(server.database("f")));
    run(many_can_make_the_tables_at_once(server.database("g")));
}

async fn each_run_is_there_once(url: String) {
    let (a, b) = (open(&url).await, open(&url).await);
    // A name that is the start of another, or holds what the key is made with.
    let names = ["one/x", "one/x@2026", "one/%"];
    for name in names {
        assert_eq!(offered(&a, &ago(name, 9)).await, Offered::Queued, "{name}");
        assert_eq!(offered(&b, &ago(name, 9)).await, Offered::Known, "{name}");
        assert_eq!(offered(&b, &ago(name, 8)).await, Offered::Busy, "{name}: it waits");
    }
    let taken = take(&b).await.unwrap();
    let busy = ago(&taken.run.target, 8);
    assert_eq!(taken.run, ago(&busy.target, 9));
    assert_eq!(offered(&a, &busy).await, Offered::Busy, "it runs");
    assert!(b.finish(&taken.id, "pass").await.unwrap());
    assert!(!b.finish(&taken.id, "pass").await.unwrap(), "it has ended");
    assert_eq!(offered(&a, &taken.run).await, Offered::Known);
    assert_eq!(offered(&a, &busy).await, Offered::Queued);
    // What a clock ahead of the server's offers waits, and holds up nothing.
    assert_eq!(offered(&a, &ago("two/y", -60)).await, Offered::Queued);
    assert_eq!(offered(&a, &ago("two/y", 5)).await, Offered::Queued);
    let mut rest = Vec::new();
    for queue in [&a, &b, &a] {
        let Some(taken) = take(queue).await else { break };
        queue.finish(&taken.id, "pass").await.unwrap();
        rest.push(taken.run.target);
    }
    rest.sort();
    assert_eq!(rest.len(), 3);
    assert!(rest.contains(&"two/y".to_owned()) || take(&a).await.unwrap().run == ago("two/y", 5));
}

async fn registries_have_their_limit_everywhere(url: String) {
    let queues = [open(&url).await, open(&url).await, open(&url).await];
    for name in ["one/a", "one/b", "one/c", "one/d", "two/a"] {
        queues[0].offer(&ago(name, 5)).await.unwrap();
    }
    let first = take(&queues[0]).await.unwrap();
    let second = take(&queues[1]).await.unwrap();
    assert_eq!((first.run.registry.as_str(), second.run.registry.as_str()), ("one", "one"));
    // The third worker finds the registry full, and another one free.
    assert_eq!(take(&queues[2]).await.unwrap().run.target, "two/a");
    assert!(take(&queues[2]).await.is_none() && take(&queues[0]).await.is_none());
    queues[0].finish(&first.id, "pass").await.unwrap();
    assert_eq!(take(&queues[2]).await.unwrap().run.registry, "one");
}

async fn lost_connections_lose_and_double_nothing(url: String) {
    let (a, b) = (open(&url).await, open(&url).await);
    for name in ["one/a", "one/b"] {
        a.offer(&ago(name, 5)).await.unwrap();
    }
    let mut taken = take(&a).await.unwrap();
    cut(&url).await;
    // The next connection says it.
    assert!(taken.lost.try_recv().is_err());
    assert!(a.finish(&taken.id, "pass").await.unwrap());
    cut(&url).await;
    for queue in [&a, &b] {
        let error = queue.take().await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1") && !error.contains("secret"), "{error}");
    }
    let rest = take(&b).await.unwrap();
    assert_ne!(rest.run.target, taken.run.target);
    assert!(take(&a).await.is_none());
}

async fn those_who_leave_give_back_what_they_have(url: String) {
    let (a, b) = (open(&url).await, open(&url).await);
    a.offer(&ago("one/a", 5)).await.unwrap();
    // One that is dropped in the middle of taking leaves nothing behind either.
    for pause in [1, 3, 5, 7] {
        let _ = tokio::time::timeout(Duration::from_millis(pause), a.take()).await;
    }
    let _ = take(&a).await;
    assert!(take(&b).await.is_none());
    a.leave().await.unwrap();
    assert!(a.take().await.unwrap().is_none(), "it is closed");
    assert_eq!(take(&b).await.unwrap().run, ago("one/a", 5));
}

async fn the_silent_are_taken_over_and_learn_of_it(url: String) {
    let (silent, other) = (open(&url).await, open(&url).await);
    silent.offer(&ago("one/a", 5)).await.unwrap();
    let taken = take(&silent).await.unwrap();
    let again = loop {
        other.tend().await.unwrap();
        if let Some(again) = take(&other).await {
            break again;
        }
    };
    assert_eq!(again.run, taken.run);
    silent.tend().await.unwrap();
    assert!(taken.lost.await.is_err());
    assert!(!silent.finish(&taken.id, "pass").await.unwrap());
    assert!(other.finish(&again.id, "pass").await.unwrap());
}

async fn runs_that_end_nobody_well_are_given_up(url: String) {
    let first = open(&url).await;
    first.offer(&ago("one/a", 5)).await.unwrap();
    first.leave().await.unwrap();
    let mut begun = 0;
    loop {
        let queue = open(&url).await;
        let Some(taken) = take(&queue).await else { break };
        begun += 1;
        assert!(begun < 10, "{taken:?}");
        queue.leave().await.unwrap();
    }
    assert_eq!(begun, 5);
    let queue = open(&url).await;
    assert_eq!(offered(&queue, &ago("one/a", 5)).await, Offered::Known);
    assert_eq!(offered(&queue, &ago("one/a", 4)).await, Offered::Queued);
}

async fn many_can_make_the_tables_at_once(url: String) {
    let open = || Box::pin(async { open(&url).await.leave().await.unwrap() });
    futures::future::join_all([open(), open(), open(), open()]).await;
}
