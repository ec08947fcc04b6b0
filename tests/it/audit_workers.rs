//! Three workers of one queue, of which one is killed while it holds a target.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use regsize::audit::Schedule;
use regsize::audit::queue::{Limits, Postgres as Shared};
use regsize::audit::watch::{Bounds, Clock, Ended, Event, Outcome, Stop, Watch, Watched};

use crate::history::run;
use crate::support::Postgres;

/// How much faster the workers' clock is.
const SPEED: u32 = 120;
/// When the workers' clock starts; the queue's server takes what is due before its own time.
const START: Timestamp = Timestamp::constant(1_700_000_000, 0);
const LIMITS: Limits = Limits {
    per_registry: 2,
    heartbeat: Duration::from_secs(1),
    missed: 2,
    poll: Duration::from_millis(50),
};

/// A clock that goes fast, the same one in all processes.
struct Fast {
    started: SystemTime,
}

impl Fast {
    /// The clock that started so many milliseconds after 1970.
    fn new(started: &str) -> Self {
        let started = Duration::from_millis(started.parse().unwrap());
        Self { started: UNIX_EPOCH + started }
    }
}

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        START + self.started.elapsed().unwrap_or_default() * SPEED
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(time / SPEED)
    }
}

/// The targets of all workers; each is due every ten minutes, which are five seconds.
fn targets() -> Vec<Watched> {
    let target = |(name, minute): (&str, u32)| Watched {
        name: name.to_owned(),
        registry: name.split('/').next().unwrap().to_owned(),
        schedule: Schedule::new(&format!("{minute}-59/10 * * * *"), "UTC", Duration::ZERO).unwrap(),
        last: None,
    };
    let names =
        [("one/a", 0), ("one/b", 0), ("one/c", 0), ("one/d", 1), ("two/a", 0), ("two/b", 2)];
    names.map(target).to_vec()
}

fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// The body of the workers: they work until their stdin ends.
#[test]
#[ignore = "it is run by the test below"]
fn work_until_told() {
    let Ok(url) = std::env::var("REGSIZE_TEST_QUEUE") else { return };
    let clock = Fast::new(&std::env::var("REGSIZE_TEST_STARTED").unwrap());
    run(async {
        let (targets, stop) = (targets(), Stop::default());
        let registries = ["one", "two"].map(str::to_owned);
        let queue = Shared::open(&url.parse().unwrap(), registries, LIMITS).await.unwrap();
        let work = async |name: &str| {
            println!("works {name} {}.", millis());
            tokio::time::sleep(Duration::from_millis(400)).await;
            println!("worked {name} {}.", millis());
            Outcome::default()
        };
        let observe = |event: &Event<'_>| match event {
            Event::Began { target, due } => println!("began {target} {due}."),
            Event::Ended { target, due, .. } => println!("ended {target} {due}."),
            Event::Trouble { error } => {
                eprintln!("{error}");
                println!("trouble the queue.");
            }
            _ => {}
        };
        let bounds = Bounds { at_once: 3, grace: Duration::from_secs(5) * SPEED };
        let (targets, queue, clock) = (&targets, &queue, &clock);
        let asked = stop.clone();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            asked.ask();
        });
        let watch = Watch { targets, queue, clock, work, observe, bounds };
        assert_eq!(Box::pin(watch.run(&stop)).await, Ended::Whole);
        println!("stopped in time.");
    });
}

/// A worker whose lines arrive with its number.
fn worker(number: usize, url: &str, started: &str, lines: &Lines) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture", "audit_workers::work_until_told"])
        .env("REGSIZE_TEST_QUEUE", url)
        .env("REGSIZE_TEST_STARTED", started)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let sender = lines.sender.clone();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            // What the test program prints itself may stand before, but has no full stop.
            let Some(text) = line.strip_suffix('.') else { continue };
            let words: Vec<_> = text.rsplitn(3, ' ').map(str::to_owned).collect();
            if let [last, target, word] = words.as_slice() {
                let word = word.rsplit(' ').next().unwrap_or_default().to_owned();
                let _ = sender.send((number, word, target.clone(), last.clone()));
            }
        }
    });
    child
}

type Line = (usize, String, String, String);

struct Lines {
    sender: std::sync::mpsc::Sender<Line>,
    receiver: Receiver<Line>,
}

#[test]
fn each_due_target_is_run_by_one_worker_and_those_of_the_killed_are_taken_over() {
    let server = Postgres::start("secret");
    let url = server.database("queue");
    let (sender, receiver) = channel();
    let lines = Lines { sender, receiver };
    let started = millis().to_string();
    let mut workers: Vec<_> = (0..3).map(|number| worker(number, &url, &started, &lines)).collect();
    let mut told: Vec<Line> = Vec::new();
    // The first worker that holds anything is killed while it does.
    let (killed, killed_at) = loop {
        let line = lines.receiver.recv_timeout(Duration::from_mins(1)).unwrap();
        let (number, word) = (line.0, line.1.clone());
        told.push(line);
        if word == "works" {
            // Its place is free from the next moment on: it may have begun in this one.
            let now = millis() + 1;
            workers[number].kill().unwrap();
            workers[number].wait().unwrap();
            break (number, now);
        }
    };
    // The end is between two times at which targets are due.
    let clock = Fast::new(&started);
    let end = Timestamp::from_second(clock.now().as_second() / 600 * 600 + 600 * 4 - 240).unwrap();
    std::thread::sleep(Duration::try_from(end.duration_since(clock.now())).unwrap() / SPEED);
    for (number, worker) in workers.iter_mut().enumerate() {
        drop(worker.stdin.take());
        assert_eq!(worker.wait().unwrap().success(), number != killed);
    }
    std::thread::sleep(Duration::from_millis(200));
    told.extend(lines.receiver.try_iter());
    check_runs(&told, killed, end);
    check_limits(&told, killed, killed_at);
}

/// Every time at which a target was due was run to its end once, and begun once but by the killed.
fn check_runs(told: &[Line], killed: usize, end: Timestamp) {
    let of = |word: &str, by_killed: bool| {
        let lines = told.iter().filter(|line| line.1 == word && (line.0 == killed) == by_killed);
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (_, _, target, due) in lines {
            *counts.entry((target.clone(), due.clone())).or_default() += 1;
        }
        counts
    };
    let (began, ended) = (of("began", false), of("ended", false));
    assert_eq!(began, ended, "what was begun by the living was ended: {told:?}");
    assert!(began.values().all(|count| *count == 1), "{told:?}");
    // The first due time that any worker saw is that after it was ready.
    let first: Timestamp = began.keys().map(|(_, due)| due.parse().unwrap()).min().unwrap();
    let mut expected = BTreeSet::new();
    for target in targets() {
        let mut now = first - SignedDuration::from_secs(1);
        while let Some(due) = target.schedule.next(&target.name, now).filter(|due| *due < end) {
            expected.insert((target.name.clone(), due.to_string()));
            now = due;
        }
    }
    let done_by_killed = of("ended", true);
    let done: BTreeSet<_> = ended.keys().chain(done_by_killed.keys()).cloned().collect();
    assert!(expected.len() >= 18, "{expected:?}");
    assert_eq!(done, expected, "{told:?}");
    let left: Vec<_> =
        of("began", true).into_keys().filter(|run| !done_by_killed.contains_key(run)).collect();
    assert!(!left.is_empty() && left.iter().all(|run| ended.contains_key(run)), "{left:?}");
    let workers: BTreeSet<_> = told.iter().map(|line| line.0).collect();
    assert_eq!(workers.len(), 3, "all had something to do");
    assert!(told.iter().all(|line| line.1 != "trouble"), "{told:?}");
}

/// Never more than two runs at once in a registry.
fn check_limits(told: &[Line], killed: usize, killed_at: u128) {
    let mut changes: Vec<(&str, u128, i32)> = Vec::new();
    let mut open: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for (number, word, target, time) in told {
        let (registry, _) = target.split_once('/').unwrap_or_default();
        let change = match word.as_str() {
            "works" => 1,
            "worked" => -1,
            _ => continue,
        };
        *open.entry((*number, target)).or_default() = usize::from(change == 1);
        changes.push((registry, time.parse().unwrap(), change));
    }
    for ((number, target), _) in open.into_iter().filter(|(_, open)| *open == 1) {
        assert_eq!(number, killed);
        changes.push((target.split_once('/').unwrap().0, killed_at, -1));
    }
    for registry in ["one", "two"] {
        let mut here: Vec<_> = changes.iter().filter(|change| change.0 == registry).collect();
        here.sort_by_key(|(_, time, change)| (*time, *change));
        let counts: Vec<i32> = here
            .iter()
            .scan(0, |count, (_, _, change)| {
                *count += change;
                Some(*count)
            })
            .collect();
        assert!(counts.iter().all(|count| (0..=2).contains(count)), "{registry}: {counts:?}");
        assert!(registry == "two" || counts.contains(&2), "{registry}: {counts:?}");
    }
}
