//! Long rows in full, which `scripts/soak` runs.

use std::time::{Duration, Instant};

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::{Output, Running};
use crate::support::{Image, Layer, Registry, Reply, Sandbox};

const IMAGES: usize = 300;
const TAGS: usize = 10_000;

/// Numbers that look random and are the same in every run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % end
    }
}

fn images() -> Vec<Image> {
    let base = Layer::gzip("etc/os-release 20\n usr/lib/libc.so 40000 seed=libc");
    let own = |number: usize| {
        let files = format!("opt/app{number}/bin 20000 seed={number}\n opt/app{number}/data 900");
        if number.is_multiple_of(2) { Layer::gzip(&files) } else { Layer::zstd(&files) }
    };
    let image = |number| {
        let image = Image::new("linux/amd64").layer(base.clone(), "ADD rootfs.tar / # base");
        image.layer(own(number), "COPY app /opt/ # buildkit")
    };
    (0..IMAGES).map(image).collect()
}

fn registry(images: &[Image]) -> RunningRegistry {
    let named = images.iter().enumerate();
    let put = |registry: Registry, (number, image): (usize, &Image)| {
        registry.put_image("team/app", &format!("v{number}"), &image.bundle())
    };
    named.fold(Registry::new(), put).start()
}

/// Makes one request in twenty fail in one of the ways that pass; tells how many will.
fn disturb(registry: &RunningRegistry, images: &[Image], random: &mut Random) -> usize {
    let mut paths = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let bundle = image.bundle();
        paths.push(format!("/v2/team/app/manifests/v{number}"));
        let digests = bundle.blobs.iter().map(|blob| regsize::oci::Digest::of(blob));
        paths.extend(digests.map(|digest| format!("/v2/team/app/blobs/{digest}")));
    }
    paths.sort();
    paths.dedup();
    let mut faults = 0;
    for path in paths {
        let mut replies = Vec::new();
        while random.below(20) == 0 && replies.len() < 3 {
            replies.push(match random.below(7) {
                0 => Reply::status(500),
                1 => Reply::status(502),
                2 => Reply::status(503),
                3 => Reply::status(429).header("retry-after", "1"),
                4 => Reply::rst(),
                5 => Reply::close_before_response(),
                _ => Reply::pass().truncate_after(10),
            });
        }
        faults += replies.len();
        registry.script("*", &path, replies);
    }
    faults
}

fn analyze(sandbox: &Sandbox, registry: &RunningRegistry) -> Output {
    let references: Vec<_> =
        (0..IMAGES).map(|number| registry.reference(&format!("team/app:v{number}"))).collect();
    let mut arguments = vec!["analyze", "--format", "json"];
    arguments.extend(references.iter().map(String::as_str));
    let output = sandbox.run(&arguments);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    output
}

#[test]
#[ignore = "takes minutes: scripts/soak"]
fn random_faults_change_no_byte_of_a_report() {
    let images = images();
    let registry = registry(&images);
    // Where the layers were read from is in the report, so both are second runs.
    let calm = Sandbox::new();
    analyze(&calm, &registry);
    let expected = analyze(&calm, &registry).stdout;
    for seed in 1..=5 {
        let faults = disturb(&registry, &images, &mut Random(seed));
        let sandbox = Sandbox::new();
        let started = Instant::now();
        analyze(&sandbox, &registry);
        println!("seed {seed}: {faults} faults, {:.1?}", started.elapsed());
        assert!(analyze(&sandbox, &registry).stdout == expected, "seed {seed}");
    }
}

/// A run with the most memory that it had, in KiB.
pub(crate) fn measured(sandbox: &Sandbox, arguments: &[&str]) -> (Output, u64, Duration) {
    let started = Instant::now();
    let child = sandbox.command(arguments).spawn().expect("the program runs");
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
                break;
            };
            most = line.trim().trim_end_matches(" kB").parse().expect("a number");
            std::thread::sleep(Duration::from_millis(20));
        }
        most
    });
    let output = Running::of(child).finish();
    let took = started.elapsed();
    (output, watch.join().expect("figures"), took)
}

#[test]
#[ignore = "takes minutes: scripts/soak"]
fn ten_thousand_tags_with_nothing_new_cost_a_head_each() {
    let image = Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/");
    let tags: Vec<_> = (0..TAGS).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = tags.iter().map(String::as_str).collect();
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle());
    let registry = registry.put_tags("team/app", "latest", &names).start();
    let references: Vec<_> =
        tags.iter().map(|tag| registry.reference(&format!("team/app:{tag}"))).collect();
    let sandbox = Sandbox::new();
    let store = sandbox.path("history.sqlite").display().to_string();
    let mut arguments = vec!["audit", "record", "--manifest-only", "--format", "json"];
    arguments.extend(["--store", &store]);
    arguments.extend(references.iter().map(String::as_str));
    let (first, memory, took) = measured(&sandbox, &arguments);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    println!("all are new: {took:.1?}, {} MiB", memory >> 10);
    assert!(memory <= 100 << 10, "{memory} KiB");
    let (heads, gets) = (registry.count("HEAD", "/manifests/"), registry.count("GET", "/"));
    let (second, memory, took) = measured(&sandbox, &arguments);
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let heads = registry.count("HEAD", "/manifests/") - heads;
    let gets = registry.count("GET", "/") - gets;
    println!("{heads} HEAD, {gets} GET, {took:.1?}, {} MiB", memory >> 10);
    assert_eq!((heads, gets), (TAGS, 0));
    assert!(memory <= 100 << 10, "{memory} KiB");
    assert!(took <= Duration::from_secs(30), "{took:?}");
}
