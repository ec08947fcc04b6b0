//! What all layers of a run may take of the memory together.

use std::fmt::Write as _;

use crate::support::analysis::{
    analyzed, arguments, asked_for, image_of, listed, registry_of, run,
};
use crate::support::registry::RunningRegistry;
use crate::support::{Layer, Registry, Sandbox, refused};
use crate::tables::{fixture, only_parts};

/// A layer of twenty files, which take some six kilobytes.
fn layer(number: usize) -> Layer {
    let mut files = String::new();
    for file in 0..20 {
        writeln!(files, "d{number}/f{file} 10").unwrap();
    }
    Layer::gzip(&files)
}

/// The run ends with the ceiling and the option that raises it.
fn check_refused(sandbox: &Sandbox, registry: &RunningRegistry, command: &[&str]) {
    let reference = registry.reference("team/app:latest");
    let refusal = refused(sandbox, &arguments(&reference, command), "ceiling");
    refusal.says(&["of memory together", "--limit memory=SIZE"]);
}

#[test]
fn layers_that_fit_alone_have_to_fit_together() {
    let layers: Vec<_> = (0..6).map(layer).collect();
    let registry = registry_of(&layers);
    let sandbox = Sandbox::new();
    let little = ["--limit", "memory=20kB"];
    for command in ["analyze", "files"] {
        check_refused(&Sandbox::new(), &registry, &[&[command][..], &little].concat());
    }
    let one = run(&sandbox, &registry, &[&["files", "--layer", "3"][..], &little].concat());
    assert_eq!(one.code, Some(0), "{one}");
    analyzed(&sandbox, &registry, &["--limit", "memory=60kB"]);
    // What the cache has takes as much.
    let before: usize = layers.iter().map(|layer| asked_for(&registry, layer)).sum();
    check_refused(&sandbox, &registry, &[&["analyze"][..], &little].concat());
    assert_eq!(layers.iter().map(|layer| asked_for(&registry, layer)).sum::<usize>(), before);
}

#[test]
fn contents_that_are_kept_count_while_they_are() {
    let layers: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| Layer::gzip(&format!("{name}/etc/x 1\n etc/os-release 15000 seed={name}")))
        .collect();
    let registry = registry_of(&layers);
    check_refused(&Sandbox::new(), &registry, &["files", "--limit", "memory=10kB"]);
    // A list of files needs them only while layers are read, an analysis to its end.
    assert!(!listed(&Sandbox::new(), &registry, &["--limit", "memory=200kB"]).is_empty());
    check_refused(&Sandbox::new(), &registry, &["analyze", "--limit", "memory=40kB"]);
    analyzed(&Sandbox::new(), &registry, &["--limit", "memory=200kB"]);
}

#[test]
fn a_table_of_contents_that_does_not_fit_ends_the_run() {
    for name in ["estargz-library", "zstd-gen2"] {
        let layer = fixture(name);
        let registry = registry_of(std::slice::from_ref(&layer));
        check_refused(&Sandbox::new(), &registry, &["analyze", "--limit", "memory=3kB"]);
        assert!(only_parts(&registry, &layer), "{name}: {:?}", registry.lines());
    }
}

#[test]
fn images_of_one_run_have_to_fit_together() {
    let images: Vec<_> = (0..6).map(|number| image_of(&[layer(number)])).collect();
    let names: Vec<_> = (0..6).map(|number| format!("v{number}")).collect();
    let registry = images.iter().zip(&names).fold(Registry::new(), |registry, (image, name)| {
        registry.put_image("team/app", name, &image.bundle())
    });
    let registry = registry.start();
    let sandbox = Sandbox::new();
    let references: Vec<_> =
        names.iter().map(|name| registry.reference(&format!("team/app:{name}"))).collect();
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let analyze =
        |limit: &str| sandbox.run(&[&["analyze"][..], &references, &["--limit", limit]].concat());
    let output = analyze("memory=60kB");
    assert_eq!(output.code, Some(0), "{output}");
    let output = analyze("memory=3kB");
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.stderr.matches("of memory together").count(), 6, "{output}");
}

#[test]
fn a_layer_that_is_there_many_times_has_its_table_once() {
    let layers = vec![layer(0); 20];
    let registry = registry_of(&layers);
    let sandbox = Sandbox::new();
    let enough = ["--all", "--limit", "memory=50kB"];
    let rows = listed(&sandbox, &registry, &enough);
    assert_eq!((rows.len(), rows[0].as_str()), (22, " 200"));
    let report = analyzed(&sandbox, &registry, &enough[1..]);
    assert_eq!(report["images"][0]["shadowed"]["bytes"], 19 * 200);
    // The entries of each time still count.
    check_refused(&sandbox, &registry, &["analyze", "--limit", "memory=20kB"]);
}
