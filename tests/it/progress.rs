//! Runs that read layers, as processes: what is seen of them, what they take, what ends them, and
//! what they leave behind.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::hostile_layers::bomb;
use crate::support::analysis::{
    analyzed, arguments, asked_for, blob_path, content, image_of, listed, registry_of, run,
};
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::{Output, Running};
use crate::support::{Layer, Registry, Reply, Sandbox};

fn layers() -> [Layer; 3] {
    [Layer::gzip("a 30000"), Layer::zstd("b 20000\n c 10"), Layer::gzip("d 9000")]
}

/// A sandbox with an empty directory for temporary files.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("tmp")).unwrap();
    sandbox.set("TMPDIR", &sandbox.path("tmp").display().to_string());
    sandbox
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Waits until something holds; the test fails if it never does.
fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::yield_now();
    }
}

/// A registry whose first layer stops after some bytes.
fn stalling(times: usize) -> RunningRegistry {
    let layers = layers();
    let registry = registry_of(&layers);
    let stall = Reply::pass().truncate_after(5000).then_stall();
    registry.script("GET", &blob_path(&layers[0]), vec![stall; times]);
    registry
}

#[test]
fn an_unchanged_image_is_asked_for_with_three_requests_and_no_byte_of_a_layer() {
    let registry = registry_of(&layers());
    let sandbox = sandbox();
    let cold = analyzed(&sandbox, &registry, &[]);
    for command in ["analyze", "files"] {
        let before = registry.lines().len();
        let warm = run(&sandbox, &registry, &[command, "--format", "json"]);
        assert_eq!(warm.code, Some(0), "{warm}");
        let asked = registry.lines().split_off(before);
        assert!(asked.len() <= 3, "{asked:?}");
        assert!(asked.iter().all(|line| !line.contains("/blobs/")), "{asked:?}");
    }
    let warm = analyzed(&sandbox, &registry, &[]);
    assert_eq!(warm["images"][0]["transferred"], 0);
    assert_eq!(warm["images"][0]["layers"][1]["toc_source"], "cache");
    for field in ["visible", "shadowed", "waste", "largest_files", "largest_directories"] {
        assert_eq!(warm["images"][0][field], cold["images"][0][field], "{field}");
    }
    analyzed(&sandbox, &registry, &["--no-cache"]);
    for layer in &layers() {
        assert_eq!(asked_for(&registry, layer), 2);
    }
}

#[test]
fn runs_at_the_same_time_fetch_each_layer_once() {
    let layers = layers();
    let registry = registry_of(&layers);
    let slow = || vec![Reply::pass().delay(Duration::from_millis(150))];
    for layer in &layers {
        registry.script("GET", &blob_path(layer), slow());
    }
    let sandbox = sandbox();
    let reference = registry.reference("team/app:latest");
    let command = arguments(&reference, &["files", "--all", "--sort", "path", "--format", "csv"]);
    let runs = [(); 3].map(|()| sandbox.spawn(&command));
    let outputs = runs.map(Running::finish);
    for output in &outputs {
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        assert_eq!(output.stdout, outputs[0].stdout);
    }
    for layer in &layers {
        assert_eq!(asked_for(&registry, layer), 1);
    }
    assert!(sandbox.files("cache/v1/locks").is_empty());
}

#[test]
fn a_killed_run_stands_in_nobodys_way() {
    let layers = layers();
    let registry = stalling(1);
    let sandbox = sandbox();
    let reference = registry.reference("team/app:latest");
    let mut child = sandbox.command(&["analyze", &reference]).spawn().unwrap();
    until("the layer is asked for", || asked_for(&registry, &layers[0]) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    let after = listed(&sandbox, &registry, &["--all", "--sort", "path"]);
    assert_eq!(after, listed(&Sandbox::new(), &registry, &["--all", "--sort", "path"]));
    assert!(sandbox.files("tmp").is_empty());
}

#[test]
fn signals_end_a_run_that_reads_layers_at_once_and_nothing_is_left() {
    let check = |signal: fn(&Running), code: i32| {
        let layers = layers();
        let registry = stalling(1);
        let sandbox = sandbox();
        let run = sandbox.spawn(&["analyze", &registry.reference("team/app:latest")]);
        until("the layer is asked for", || asked_for(&registry, &layers[0]) > 0);
        let sent = Instant::now();
        signal(&run);
        let output = run.finish();
        assert!(sent.elapsed() < Duration::from_secs(5), "{:?}", sent.elapsed());
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{output}");
        assert!(sandbox.files("tmp").is_empty());
        let left = sandbox.files("cache");
        let odd = |path: &PathBuf| path.to_string_lossy().contains("/locks/") || is_hidden(path);
        assert!(!left.iter().any(odd), "{left:?}");
        let again = analyzed(&sandbox, &registry, &[]);
        assert_eq!(again["images"][0]["visible"]["bytes"], 59_010);
    };
    check(Running::interrupt, 130);
    check(Running::terminate, 143);
}

#[test]
fn a_few_file_descriptors_are_enough_for_many_layers() {
    let layers: Vec<Layer> =
        (0..127).map(|number| Layer::gzip(&format!("srv/{number} 100"))).collect();
    let registry = registry_of(&layers);
    let reference = registry.reference("team/app:latest");
    let command = arguments(&reference, &["analyze", "--format", "json"]);
    let output = sandbox().shell("ulimit -n 64; exec \"$0\" \"$@\"", &command);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
    let report = output.json();
    assert_eq!(report["images"][0]["visible"]["bytes"], 12_700);
    assert_eq!(report["warnings"].as_array().unwrap().len(), 0);
    for layer in &layers {
        assert_eq!(asked_for(&registry, layer), 1);
    }
}

/// The most memory that a run took, in KiB, by what the kernel counts.
fn peak(sandbox: &Sandbox, arguments: &[&str]) -> (u64, Output) {
    let mut command = sandbox.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let ended = child.try_wait().unwrap();
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        if let Some(ended) = ended {
            break ended;
        }
        std::thread::yield_now();
    };
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    (peak, Output { code: ended.code(), signal: None, stdout: String::new(), stderr })
}

#[test]
fn memory_does_not_grow_with_a_layer_and_nothing_of_it_touches_the_disk() {
    let registry = registry_of(&[bomb(72 * 8)]);
    let sandbox = sandbox();
    let reference = registry.reference("team/app:latest");
    let (peak, output) = peak(&sandbox, &["analyze", &reference, "--limit", "ratio=40000"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!((4 << 10..64 << 10).contains(&peak), "{peak} KiB");
    assert!(sandbox.files("tmp").is_empty());
    let kept: u64 = sandbox.files("cache").iter().map(|f| f.metadata().unwrap().len()).sum();
    assert!(kept < 20_000, "{kept}");
}

#[test]
fn who_watches_sees_a_line_for_each_layer_and_who_does_not_sees_nothing() {
    let layers = layers();
    let registry = content(&layers).start();
    let slow = || vec![Reply::pass().delay(Duration::from_millis(400))];
    for layer in &layers {
        registry.script("GET", &blob_path(layer), slow());
    }
    let sandbox = sandbox();
    let reference = registry.reference("team/app:latest");
    let program = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
    let line = format!("TERM=xterm {program} analyze {reference} --format json > report.json");
    let watched = sandbox.shell("stty() { :; }; script -qefc \"$1\" /dev/null", &[&line]);
    assert_eq!(watched.code, Some(0), "{watched}");
    for layer in &layers {
        let digest = regsize::oci::Digest::of(&layer.blob);
        assert!(watched.stdout.contains(digest.short()), "{digest}: {watched}");
    }
    assert!(watched.stdout.contains("total"), "{watched}");
    let last = watched.stdout.trim_end().rsplit('\n').next().unwrap();
    assert!(!last.contains("total") || last.ends_with("\u{1b}[2K"), "cleared: {last:?}");
    let report = std::fs::read_to_string(sandbox.path("home/report.json")).unwrap();
    let quiet = run(&Sandbox::new(), &registry, &["analyze", "--format", "json"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), (report.as_str(), ""));
}

#[test]
fn a_reader_of_a_long_list_may_leave_early() {
    let lines: Vec<String> = (0..3000).map(|number| format!("srv/{number} 1")).collect();
    let registry = Registry::new()
        .put_image("team/app", "latest", &image_of(&[Layer::gzip(&lines.join("\n"))]).bundle())
        .start();
    let reference = registry.reference("team/app:latest");
    let command = ["files", &reference, "--all"];
    let script = "set -o pipefail; \"$0\" \"$@\" | head -n 1";
    let output = sandbox().shell(script, &command);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
}
