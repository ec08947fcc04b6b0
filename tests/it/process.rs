//! How the program behaves as a process: streams, signals, exit codes, limits.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Running;
use crate::support::{Image, Layer, Registry, Reply, Report, Sandbox};

fn image() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/ # buildkit")
}

fn registry() -> RunningRegistry {
    Registry::new().put_image("team/app", "latest", &image().bundle()).start()
}

#[test]
fn signals_end_a_run_that_waits_at_once_and_nothing_is_left() {
    let check = |signal: fn(&Running), code: i32| {
        let registry = registry();
        registry.script_forever("*", "/v2/team/app/manifests/latest", vec![Reply::stall()]);
        let mut sandbox = Sandbox::new();
        std::fs::create_dir(sandbox.path("tmp")).unwrap();
        sandbox.set("TMPDIR", &sandbox.path("tmp").display().to_string());
        let run = sandbox.spawn(&["inspect", &registry.reference("team/app")]);
        let started = Instant::now();
        while registry.lines().is_empty() && started.elapsed() < Duration::from_mins(1) {
            std::thread::yield_now();
        }
        let sent = Instant::now();
        signal(&run);
        let output = run.finish();
        assert_eq!(output.code, Some(code), "{output}");
        assert!(sent.elapsed() < Duration::from_secs(5), "{:?}", sent.elapsed());
        assert_eq!((output.stdout.as_str(), sandbox.files("")), ("", Vec::new()), "{output}");
    };
    check(Running::interrupt, 130);
    check(Running::terminate, 143);
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    for arguments in [&["inspect", reference.as_str()][..], &["--help"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sandbox.command(arguments);
        let output = command.stdout(writer).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    for arguments in [&["inspect", reference.as_str()][..], &["--help"], &["man"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = sandbox.command(arguments);
        let output = command.stdout(full).spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr.contains("the report cannot be written"), "{arguments:?}: {stderr}");
        assert!(stderr.contains("No space left on device"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn an_error_stream_that_nobody_reads_changes_nothing() {
    let registry = registry();
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let arguments = ["inspect", &reference, "--verbose"];
    let expected = sandbox.run(&arguments).stdout;
    for redirection in ["2>&-", "2>/dev/full"] {
        let output = sandbox.shell(&format!("\"$0\" \"$@\" {redirection}"), &arguments);
        assert_eq!((output.code, output.stdout), (Some(0), expected.clone()), "{redirection}");
    }
}

#[test]
fn a_few_file_descriptors_are_enough_for_many_layers() {
    let image = (0..127).fold(Image::new("linux/amd64"), |image, number| {
        image.layer(Layer::gzip(&format!("srv/{number} 100")), "RUN make # buildkit")
    });
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let arguments = ["inspect", &registry.reference("team/app"), "--format", "json"];
    let output = Sandbox::new().shell("ulimit -n 32; exec \"$0\" \"$@\"", &arguments);
    let report = Report::of(&output);
    assert_eq!((report.shown().layers.len(), report.warnings.len()), (127, 0));
    assert!(report.uncompressed().iter().all(Option::is_some));
}

#[test]
fn the_version_costs_neither_disk_nor_network() {
    let sandbox = Sandbox::new();
    let started = Instant::now();
    let script = "rmdir ../cache ../docker; ulimit -n 8; exec \"$0\" \"$@\"";
    let output = sandbox.shell(script, &["--version"]);
    assert!(started.elapsed() < Duration::from_secs(5));
    let expected = format!("regsize {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), expected.as_str()));
    assert_eq!(output.stderr, "");
    assert!(!sandbox.path("cache").exists());
}

#[test]
fn the_output_is_data_alone_and_progress_goes_where_somebody_watches() {
    let registry = registry();
    let slow = || Reply::pass().delay(Duration::from_millis(400));
    registry.script("GET", "/v2/team/app/manifests/latest", vec![slow()]);
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app");
    let program = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
    // The terminal is stderr; stdout is a file.
    let line = format!("TERM=xterm {program} inspect {reference} --format json > report.json");
    let watched = sandbox.shell("script -qefc \"$1\" /dev/null", &[&line]);
    assert_eq!(watched.code, Some(0), "{watched}");
    let report = std::fs::read_to_string(sandbox.path("home/report.json")).unwrap();
    let quiet = sandbox.run(&["inspect", &reference, "--format", "json"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), (report.as_str(), ""));
    assert!(watched.stdout.contains('\u{1b}'), "{watched}");
    assert!(!watched.stdout.contains("schema"), "{watched}");
    let verbose = sandbox.run(&["inspect", &reference, "--format", "json", "--verbose"]);
    assert_eq!(verbose.stdout, quiet.stdout);
    assert!(verbose.stderr.contains("200 HEAD "), "{verbose}");
}

#[test]
fn exit_codes_tell_fine_from_could_not_tell() {
    let registry = registry();
    let reference = registry.reference("team/app");
    let gone = registry.reference("team/app:gone");
    let check = |arguments: &[&str], code: i32, kind: Option<&str>| {
        let sandbox = Sandbox::new();
        let output = sandbox.run(arguments);
        assert_eq!(output.code, Some(code), "{output}");
        assert_eq!(output.stderr.is_empty(), code == 0, "{output}");
        let json = sandbox.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(json.code, Some(code), "{json}");
        if let Some(kind) = kind {
            assert_eq!(output.stdout, "", "{output}");
            assert_eq!(json.json()["error"]["kind"], kind, "{json}");
            assert!(json.json()["error"]["message"].as_str().unwrap().len() > 10, "{json}");
        }
    };
    check(&["inspect", &reference], 0, None);
    check(&["inspect", &reference, "--strict"], 0, None);
    check(&["inspect", &gone], 2, Some("not_found"));
    check(&["inspect", "UPPER/case"], 2, Some("usage"));
    check(&["inspect"], 2, Some("usage"));
    check(&["inspect", &reference, "--sort", "colour"], 2, Some("usage"));
    check(&["inspect", &reference, "--base", "b", "--no-base"], 2, Some("usage"));
    check(&["inspect", &reference, "--platform", "windows/amd64"], 2, Some("not_found"));
    check(&["insect"], 2, Some("usage"));
    check(&["files"], 2, Some("usage"));
    check(&["files", &reference, "--layer", "x"], 2, Some("usage"));
    check(&["analyze", &reference, "--min-layer", "1 XB"], 2, Some("usage"));
    check(&["analyze", &reference, "--no-toc", "--verify-toc"], 2, Some("usage"));
    check(&["analyze", &reference, "--limit", "entries=many"], 2, Some("usage"));
    let file = "/gone/ca.pem";
    check(&["inspect", &reference, "--ca-file", file], 2, Some("local"));
}

#[test]
fn an_image_without_a_command_is_told_what_to_type() {
    let run = |arguments: &[&str]| Sandbox::new().run(arguments);
    let output = run(&["ubuntu:24.04"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("`regsize analyze ubuntu:24.04`"), "{output}");
    let json = run(&["ubuntu:24.04", "--format", "json"]).json();
    assert!(json["error"]["hint"].as_str().unwrap().contains("regsize inspect"), "{json}");
    assert!(!run(&["inspct"]).stderr.contains("hint: for an image"));
}

#[test]
fn warnings_fail_a_strict_run_after_its_report() {
    let short = image().change_config(serde_json::json!({"history": []}));
    let registry = Registry::new().put_image("team/app", "latest", &short.bundle()).start();
    let reference = registry.reference("team/app");
    let lenient = Sandbox::new().run(&["inspect", &reference]);
    let strict = Sandbox::new().run(&["inspect", &reference, "--strict"]);
    assert_eq!((lenient.code, strict.code), (Some(0), Some(2)));
    assert_eq!(lenient.stdout, strict.stdout);
    assert!(lenient.stdout.contains("note: "), "{lenient}");
}
