//! Audits of many tags, of registries that fail, and for a long time; scaled down here, and in full
//! in `scripts/soak`.

#![expect(clippy::print_stdout, reason = "figures are read")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::audit_run::{count, image, registry, settings};
use crate::soak::measured;
use crate::support::registry::RunningRegistry;
use crate::support::{Registry, Reply, Sandbox};

/// A repository of so many tags of one image.
fn alike(tags: usize, page: usize) -> RunningRegistry {
    let names: Vec<String> = (0..tags).map(|number| format!("t{number:07}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let registry = Registry::new().page_size(page);
    let registry = registry.put_image("team/app", "latest", &image("linux/amd64", &[1]).bundle());
    registry.put_tags("team/app", "latest", &names).start()
}

/// Settings that watch the manifests of all tags of a registry, in a directory of their own where
/// all of them are recorded.
fn recorded(registry: &RunningRegistry) -> Sandbox {
    let sandbox = Sandbox::new();
    settings(&sandbox, registry, "tags = [\"t*\"]\ndepth = \"manifest\"");
    let (first, memory, took) = measured(&sandbox, &run(&sandbox));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    println!("all are new: {took:.1?}, {} MiB", memory >> 10);
    sandbox
}

fn run(sandbox: &Sandbox) -> [&'static str; 6] {
    // The directory outlives the program.
    let config = sandbox.path("regsize.toml").display().to_string().leak();
    ["audit", "run", "--config", config, "--format", "json"]
}

/// One tag in twenty moved. The same again where one in twenty cannot be read at first, some of
/// them never, and one request in 500 is one too many. Tells how long both took, of a registry that
/// takes its time.
fn a_pass_over_faults(tags: usize, latency: Duration, more: &[&str]) -> (Duration, Duration) {
    let registry = alike(tags, 1000);
    let path = |number: usize| format!("/v2/team/app/manifests/t{number:07}");
    let [calm, stormy] = [(); 2].map(|()| recorded(&registry));
    registry.set_latency(latency);
    registry.update(|content| {
        (3..tags).step_by(20).fold(content, |content, number| {
            let moved = number / 20;
            let bundle = image("linux/amd64", &[1, 1 + moved % 25, 1 + moved / 25]).bundle();
            content.put_image("team/app", &format!("t{number:07}"), &bundle)
        })
    });
    let (report, memory, clean) = measured(&calm, &[&run(&calm), more].concat());
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert_eq!(count(&report.json(), "moved"), tags / 20);
    println!("{tags} tags: {clean:.1?}, {} MiB", memory >> 10);
    for number in (7..tags).step_by(20) {
        let reply = match number / 20 % 20 {
            0 => {
                registry.script_forever("*", &path(number), vec![Reply::status(500)]);
                continue;
            }
            1..7 => Reply::status(500),
            7..12 => Reply::rst(),
            12..16 => Reply::close_before_response(),
            _ => Reply::status(502),
        };
        registry.script("*", &path(number), vec![reply]);
    }
    for number in (11..tags).step_by(500) {
        let reply = Reply::status(429).header("retry-after", "1");
        registry.script("*", &path(number), vec![reply]);
    }
    let (report, memory, faulty) = measured(&stormy, &[&run(&stormy), more].concat());
    assert_eq!(report.code, Some(2), "{}", report.stderr);
    let report = report.json();
    assert_eq!((count(&report, "moved"), count(&report, "left")), (tags / 20, 0));
    assert_eq!(count(&report, "failures"), tags / 400);
    println!("{tags} tags with faults: {faulty:.1?}, {} MiB", memory >> 10);
    (clean, faulty)
}

#[test]
fn what_fails_in_a_pass_is_listed_and_holds_up_nothing() {
    a_pass_over_faults(400, Duration::ZERO, &["--retries", "2"]);
}

#[test]
#[ignore = "takes minutes: scripts/soak"]
fn ten_thousand_tags_of_which_some_fail_take_at_most_twice_as_long() {
    let (clean, faulty) = a_pass_over_faults(10_000, Duration::from_millis(100), &[]);
    let times = faulty.as_secs_f64() / clean.as_secs_f64();
    println!("{times:.2} times as long");
    assert!(times <= 2.0, "{times:.2}");
}

/// Memory in KiB of listing so many tags, and of a pass that looks at ten of them.
fn memory_of_a_list(tags: usize) -> [u64; 2] {
    let registry = alike(tags, tags / 400);
    let repository = registry.reference("team/app");
    let sandbox = Sandbox::new();
    let newest = ["tags", &repository, "--newest", "5", "--format", "json"];
    let (list, of_list, took) = measured(&sandbox, &newest);
    assert_eq!(list.code, Some(0), "{}", list.stderr);
    assert!(registry.count("GET", "/tags/list") > 100);
    println!("tags of {tags}: {took:.1?}, {} MiB", of_list >> 10);
    let ten = format!("tags = [\"t{:06}*\"]\ndepth = \"manifest\"", tags / 10 - 1);
    settings(&sandbox, &registry, &ten);
    let (pass, of_pass, took) = measured(&sandbox, &run(&sandbox));
    assert_eq!((pass.code, &pass.json()["read"]), (Some(0), &10.into()), "{}", pass.stderr);
    println!("audit run over {tags}: {took:.1?}, {} MiB", of_pass >> 10);
    [of_list, of_pass]
}

#[test]
fn long_lists_of_tags_take_little_memory() {
    for memory in memory_of_a_list(20_000) {
        assert!(memory <= 80 << 10, "{memory} KiB");
    }
}

#[test]
#[ignore = "takes minutes: scripts/soak"]
fn a_million_tags_fit_into_a_hundred_mebibytes() {
    // A program without optimizations is larger itself.
    let most = if cfg!(debug_assertions) { 120 } else { 100 };
    for memory in memory_of_a_list(1_000_000) {
        assert!(memory <= most << 10, "{memory} KiB");
    }
}

/// What a process has, and what it leaves on the disk.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Memory in KiB.
    memory: u64,
    threads: u64,
    files: u64,
    temporary: u64,
    /// The history and its log, in bytes.
    history: u64,
    log: u64,
}

type Figure = fn(&Sample) -> u64;

impl Sample {
    fn of(process: u32, sandbox: &Sandbox) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let length = |name: &str| sandbox.path(name).metadata().map_or(0, |data| data.len());
        Self {
            memory: number("VmRSS:"),
            threads: number("Threads:"),
            files: entries(&Path::new("/proc").join(process.to_string()).join("fd"), ""),
            temporary: entries(&sandbox.path(""), ".") + entries(&sandbox.path("cache"), "."),
            history: length("history.sqlite"),
            log: length("history.sqlite-wal"),
        }
    }
}

/// Entries of a directory whose names begin so.
fn entries(directory: &Path, begin: &str) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begin));
    u64::try_from(names.count()).unwrap()
}

/// Whether a figure is always more in the last third than it ever was in the second, by more than
/// what it may vary.
fn grows(samples: &[Sample], figure: Figure, varies: u64) -> bool {
    let third = samples.len() / 3;
    let most = samples[third..2 * third].iter().map(figure).max().unwrap_or(0);
    let least = samples[2 * third..].iter().map(figure).min().unwrap_or(0);
    least > most + varies
}

#[test]
#[ignore = "takes REGSIZE_SOAK_MINUTES, 30: scripts/soak"]
fn a_watch_that_nobody_looks_after_does_not_grow() {
    let minutes = std::env::var("REGSIZE_SOAK_MINUTES").map_or(30, |text| text.parse().unwrap());
    let (registry, sandbox) = (registry(), Sandbox::new());
    settings(&sandbox, &registry, "schedule = \"* * * * *\"\nbudget.max-growth = \"50%\"");
    let config = sandbox.path("regsize.toml").display().to_string();
    let watch = ["audit", "watch", "--config", &config, "--listen", "127.0.0.1:0"];
    let watching = sandbox.spawn(&watch);
    let (began, mut samples, mut told) = (Instant::now(), Vec::new(), 0);
    while began.elapsed() < Duration::from_secs(60 * minutes) {
        std::thread::sleep(Duration::from_secs(5));
        samples.push(Sample::of(watching.id(), &sandbox));
        if began.elapsed().as_secs() / 60 > told {
            told += 1;
            // Something moves, and something else fails, in every minute.
            let size = 10 + usize::try_from(told).unwrap() % 5;
            crate::audit_run::put(&registry, "1.1", &[300, size]);
            registry.script("*", "/v2/team/app/manifests/1.0", vec![Reply::status(503)]);
            println!("minute {told}: {:?}", samples.last().unwrap());
        }
    }
    watching.terminate();
    let output = watching.finish();
    assert_eq!(output.code, Some(0), "{output}");
    let runs = u64::try_from(output.stderr.matches(" read, ").count()).unwrap();
    assert!(runs + 1 >= minutes, "{runs} runs: {output}");
    let mut growing = String::new();
    let figures: [(&str, Figure, u64); 5] = [
        ("memory", |sample| sample.memory, 4 << 10),
        ("threads", |sample| sample.threads, 2),
        ("files", |sample| sample.files, 2),
        ("temporary files", |sample| sample.temporary, 0),
        ("log", |sample| sample.log, 64 << 10),
    ];
    for (name, figure, varies) in figures {
        if grows(&samples, figure, varies) {
            write!(growing, " {name}").unwrap();
        }
    }
    assert!(growing.is_empty(), "these grow:{growing}");
    let (first, last) = (samples[samples.len() / 3], samples[samples.len() - 1]);
    let each = last.history.saturating_sub(first.history) / (runs * 2 / 3).max(1);
    println!("{runs} runs; the history grows by {each} bytes with each");
    assert!(each < 32 << 10, "{each} bytes");
}
