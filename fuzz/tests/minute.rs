//! Every target over its seeds and changes of them: for `REGSIZE_FUZZ_SECONDS` seconds each, one
//! unless told. The inputs are the same in every run, as far as it comes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use regsize_fuzz::{Body, Random, TARGETS, seeds};

const LONGEST: usize = 64 << 10;
/// What formats are made of.
const WORDS: [&[u8]; 16] = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\x80\x80\x80\x01",
    b"18446744073709551615",
    b"-1",
    b"\x1f\x8b\x08\x04",
    b"\x28\xb5\x2f\xfd",
    b"\x50\x2a\x4d\x18",
    b"ustar",
    b"../",
    b"//",
    b"/./",
    b".wh.",
    b"\"offset\":",
    b"{\"name\":\"a\",\"type\":\"reg\",\"size\":5,\"offset\":9},",
];

#[test]
fn every_target_holds_for_its_seeds_and_changes_of_them() {
    let seconds = std::env::var("REGSIZE_FUZZ_SECONDS");
    let seconds = seconds.map_or(1, |text| text.parse().expect("REGSIZE_FUZZ_SECONDS: a number"));
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((name, body)) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let inputs = run(name, *body, Duration::from_secs(seconds));
            eprintln!("{name}: {inputs} inputs");
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
}

/// Gives how many inputs there was time for.
fn run(name: &str, body: Body, time: Duration) -> u64 {
    let seeds: Vec<Vec<u8>> = seeds(name).into_iter().map(|(_, bytes)| bytes).collect();
    for seed in &seeds {
        hold(name, "seed", body, seed);
    }
    let end = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < end {
        let mut random = Random::new(count);
        hold(name, &count.to_string(), body, &changed(&seeds, &mut random));
        count += 1;
    }
    count + seeds.len() as u64
}

fn hold(name: &str, number: &str, body: Body, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| body(input))).is_err() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(name);
        let path = directory.join(format!("minute-{number}"));
        std::fs::create_dir_all(&directory).expect("a directory to write to");
        std::fs::write(&path, input).expect("a directory to write to");
        panic!("{name} does not hold for input {number}, which is {}", path.display());
    }
}

/// One of the seeds with one to eight changes.
fn changed(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        let at = random.below(input.len() + 1);
        let length = random.below(input.len() - at + 1).min(1 << random.below(12));
        match random.below(9) {
            0 | 1 if at < input.len() => input[at] = random.byte(),
            2 if at < input.len() => input[at] ^= 1 << random.below(8),
            3 => drop(input.drain(at..at + length)),
            4 => input.truncate(at),
            5 => {
                let word = WORDS[random.below(WORDS.len())];
                let over = word.len().min(input.len() - at) * random.below(2);
                input.splice(at..at + over, word.iter().copied());
            }
            6 => {
                let part = input[at..at + length].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, part);
            }
            7 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let part = &other[from..other.len().min(from + length)];
                input.splice(at..at + part.len().min(input.len() - at), part.iter().copied());
            }
            _ => input.insert(at, random.byte()),
        }
    }
    input.truncate(LONGEST);
    input
}

#[test]
fn the_targets_are_those_of_the_fuzzer() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut files: Vec<String> = std::fs::read_dir(directory)
        .expect("a directory that can be read")
        .map(|file| file.expect("a file").file_name().to_string_lossy().replace(".rs", ""))
        .collect();
    files.sort();
    let mut targets = TARGETS.map(|(name, _)| name.to_owned());
    targets.sort();
    assert_eq!(files, targets);
}
