//! What `regsize compare` says of two images, and what it reads for it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::analysis::asked_for;
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Index, Layer, Registry, Sandbox, accepted, check_text, refused};

const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";

pub(crate) fn rootfs() -> Layer {
    Layer::gzip("etc/os-release 300\n usr/lib/libc.so 40000")
}

fn tools() -> Layer {
    Layer::gzip("usr/bin/tool 30000\n usr/bin/other 2000")
}

pub(crate) fn app(size: usize) -> Layer {
    Layer::gzip(&format!("srv/app/main {size}\n srv/app/logo 700"))
}

/// A base layer, tools and an application; `change` adds or replaces what follows the first.
pub(crate) fn image(layers: &[(&Layer, &str)]) -> Image {
    let start = Image::new("linux/amd64").layer(rootfs(), "ADD rootfs.tar / # buildkit");
    layers.iter().fold(start, |image, (layer, step)| image.layer((*layer).clone(), step))
}

const INSTALL: &str = "RUN install tools # buildkit";
pub(crate) const COPY: &str = "COPY app /srv/app # buildkit";

pub(crate) fn first() -> Image {
    image(&[(&tools(), INSTALL), (&app(9000), COPY)])
}

/// A registry with two images, `team/app:old` and `team/app:new`.
fn published(old: &Image, new: &Image) -> RunningRegistry {
    let registry = Registry::new().put_image("team/app", "old", &old.bundle());
    registry.put_image("team/app", "new", &new.bundle()).start()
}

/// The report on both; its causes and its layers add up to the difference.
fn compared(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Value {
    let (old, new) = (registry.reference("team/app:old"), registry.reference("team/app:new"));
    document(sandbox, &[&["compare", &old, &new], options].concat())
}

fn document(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let report = accepted(sandbox, arguments);
    assert_eq!(report["schema"], "regsize.compare/1");
    assert_sums(&report);
    report
}

fn assert_sums(report: &Value) {
    let list = |name: &str| report[name].as_array().unwrap();
    for measure in ["compressed", "content"] {
        let whole = &report["delta"][measure];
        let of = |list: &[Value]| -> Option<i64> {
            list.iter().map(|item| item["delta"][measure].as_i64()).sum()
        };
        assert_eq!(json!(of(list("layers"))), *whole, "{measure} of layers: {report}");
        let causes = of(list("causes")).zip(report["rest"][measure].as_i64());
        assert_eq!(json!(causes.map(|(causes, rest)| causes + rest)), *whole, "{report}");
    }
    let size = |side: &str| report[side]["sizes"]["compressed"].as_i64().unwrap();
    assert_eq!(report["delta"]["compressed"], size("new") - size("old"), "{report}");
}

fn statuses(report: &Value) -> Vec<&str> {
    let layers = report["layers"].as_array().unwrap();
    layers.iter().map(|layer| layer["status"].as_str().unwrap()).collect()
}

pub(crate) fn texts<'a>(report: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    let list = report[list].as_array().unwrap();
    list.iter().map(|item| item[field].as_str().unwrap_or("?")).collect()
}

pub(crate) fn size(layer: &Layer) -> i64 {
    i64::try_from(layer.blob.len()).unwrap()
}

#[test]
fn only_the_layers_that_differ_are_read() {
    let (before, after) = (app(9000), app(9500));
    let new = image(&[(&tools(), INSTALL), (&after, COPY)]);
    let registry = published(&first(), &new);
    let report = compared(&Sandbox::new(), &registry, &[]);
    assert_eq!(statuses(&report), ["same", "same", "changed"]);
    assert_eq!(report["delta"]["content"], 500);
    assert_eq!(report["delta"]["compressed"], size(&after) - size(&before));
    assert_eq!(report["next_pull"]["bytes"], size(&after));
    assert_eq!(report["next_pull"]["layers"], 1);
    assert_eq!(report["delta"]["visible"], Value::Null, "shared layers were not read");
    assert_eq!(texts(&report, "causes", "text"), ["step 3 stores more in /srv/app/main"]);
    assert_eq!(texts(&report, "paths", "path"), ["srv/app/main"]);
    for (layer, times) in [(&rootfs(), 0), (&tools(), 0), (&before, 1), (&after, 1)] {
        assert_eq!(asked_for(&registry, layer), times);
    }
    let documents = 4 * 1500;
    let read = u64::try_from(size(&before) + size(&after)).unwrap();
    let sent = registry.sent();
    assert!(sent > read && sent < read + documents + 4000, "{sent} bytes for {read}");
}

#[test]
fn a_second_run_reads_no_blob() {
    let registry = published(&first(), &image(&[(&tools(), INSTALL), (&app(9500), COPY)]));
    let sandbox = Sandbox::new();
    let first = compared(&sandbox, &registry, &[]);
    let before = registry.count("*", "/blobs/");
    assert_eq!(compared(&sandbox, &registry, &[]), first);
    assert_eq!(registry.count("*", "/blobs/"), before);
}

#[test]
fn steps_are_aligned_whatever_was_done_to_them() {
    let (tools, app) = (tools(), app(9000));
    let old = [(&tools, INSTALL), (&app, COPY)];
    let check = |new: &[(&Layer, &str)], expected: &[&str], read: &[(&Layer, usize)]| {
        let registry = published(&image(&old), &image(new));
        let report = compared(&Sandbox::new(), &registry, &[]);
        assert_eq!(statuses(&report), expected);
        for (layer, times) in read {
            assert_eq!(asked_for(&registry, layer), *times);
        }
        report
    };
    let inserted = Layer::gzip("opt/data 5000");
    let new = [(&tools, INSTALL), (&inserted, "RUN fetch"), (&app, COPY)];
    let read = [(&tools, 0), (&inserted, 1), (&app, 0)];
    let report = check(&new, &["same", "same", "added", "same"], &read);
    assert_eq!(texts(&report, "causes", "text"), ["new step 3 adds /opt/data"]);
    check(&old[1..], &["same", "removed", "same"], &[(&tools, 1), (&app, 0)]);
    let report = check(&[old[1], old[0]], &["same", "same", "moved"], &[(&tools, 0), (&app, 0)]);
    assert_eq!(report["delta"]["content"], 0);
    assert_eq!(report["next_pull"]["bytes"], 0);
    let again = Layer::zstd("usr/bin/tool 30000\n usr/bin/other 2000");
    let new = [(&again, INSTALL), (&app, COPY)];
    let report = check(&new, &["same", "recompressed", "same"], &[(&tools, 0), (&again, 0)]);
    assert_eq!(report["delta"]["content"], 0, "one tar stream");
    assert_eq!(report["next_pull"]["bytes"], size(&again));
    assert_eq!(texts(&report, "causes", "kind"), ["blobs"]);
    let touched = Layer::gzip("usr/bin/tool 30000 mtime=1\n usr/bin/other 2000");
    let new = [(&touched, INSTALL), (&app, COPY)];
    let report = check(&new, &["same", "rebuilt", "same"], &[(&tools, 1), (&touched, 1)]);
    assert_eq!(report["delta"]["content"], 0);
}

#[test]
fn a_change_of_the_same_size_is_seen() {
    let other = Layer::gzip("srv/app/main 9000 seed=other\n srv/app/logo 700");
    let registry = published(&first(), &image(&[(&tools(), INSTALL), (&other, COPY)]));
    let sandbox = Sandbox::new();
    let report = compared(&sandbox, &registry, &[]);
    assert_eq!(report["delta"]["content"], 0);
    assert_eq!(statuses(&report)[2], "changed");
    let path = &report["paths"][0];
    assert_eq!((&path["change"], &path["path"]), (&json!("changed"), &json!("srv/app/main")));
    let [terminal, ..] = in_every_format(&sandbox, &registry, &[]);
    assert!(terminal.contains("another content of the same size: /srv/app/main"), "{terminal}");
}

#[test]
fn the_base_image_is_told_from_own_steps() {
    let bases: Vec<Image> = [40_000, 52_000]
        .map(|size| {
            let layer = Layer::gzip(&format!("usr/lib/libc.so {size}"));
            Image::new("linux/amd64").layer(layer, "ADD rootfs.tar / # buildkit")
        })
        .into();
    let registry = Registry::new().start();
    for (tag, base, size) in [("old", &bases[0], 9000), ("new", &bases[1], 9400)] {
        let name = registry.reference(&format!("library/base:{tag}"));
        let image = base.clone().layer(app(size), COPY).label(NAME, &name);
        let image = image.label(DIGEST, base.digest().as_str());
        registry.update(|registry| {
            let registry = registry.put_image("library/base", tag, &base.bundle());
            registry.put_image("team/app", tag, &image.bundle())
        });
    }
    let report = compared(&Sandbox::new(), &registry, &[]);
    assert_eq!(texts(&report, "causes", "kind"), ["base", "files"]);
    assert_eq!(report["causes"][0]["delta"]["content"], 12_000);
    assert_eq!(report["causes"][1]["delta"]["content"], 400);
    let text = report["causes"][0]["text"].as_str().unwrap();
    assert!(text.contains("library/base:old") && text.contains("library/base:new"), "{text}");
    assert_eq!(report["layers"][0]["new"]["origin"], "base");
}

#[test]
fn the_same_image_costs_no_blob() {
    let registry = published(&first(), &first());
    let sandbox = Sandbox::new();
    let report = compared(&sandbox, &registry, &[]);
    for layer in first().layers() {
        assert_eq!(asked_for(&registry, layer), 0);
    }
    assert_eq!(statuses(&report), ["same"; 3]);
    let delta =
        json!({"compressed": 0, "content": 0, "visible": null, "shadowed": null, "layers": 0});
    assert_eq!(report["delta"], delta);
    assert_eq!(report["next_pull"], json!({"layers": 0, "bytes": 0, "documents": 0}));
    for list in ["causes", "packages", "components", "paths"] {
        assert_eq!(report[list], json!([]), "{list}");
    }
    let [terminal, ..] = in_every_format(&sandbox, &registry, &[]);
    assert!(terminal.contains("nothing differs"), "{terminal}");
}

#[test]
fn images_with_nothing_in_common_are_compared() {
    let other =
        Image::new("linux/amd64").layer(Layer::zstd("bin/busybox 7000"), "COPY busybox /bin/");
    let registry = published(&first(), &other);
    let report = compared(&Sandbox::new(), &registry, &[]);
    let mut found = statuses(&report);
    found.sort_unstable();
    assert_eq!(found, ["added", "removed", "removed", "removed"]);
    assert_eq!(report["delta"]["content"], 7000 - 82_000);
    assert_eq!(report["delta"]["visible"], 7000 - 82_000, "all layers were read");
    assert_eq!(report["next_pull"]["bytes"], report["new"]["sizes"]["compressed"]);
}

/// What dpkg has of packages, as `name version` pairs, in a layer with a file for each.
pub(crate) fn dpkg(packages: &[(&str, &str, usize)]) -> Layer {
    let stanza = |(name, version, _): &(&str, &str, usize)| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
        )
    };
    let file = |(name, _, size): &(&str, &str, usize)| {
        let list = json!(format!("/usr/lib/{name}\n"));
        format!("var/lib/dpkg/info/{name}.list {list}\n usr/lib/{name} {size}")
    };
    let status: Vec<String> = packages.iter().map(stanza).collect();
    let status = format!("var/lib/dpkg/status {}", json!(status.join("\n")));
    let files = packages.iter().map(file);
    let text = [status].into_iter().chain(files).collect::<Vec<_>>().join("\n");
    Layer::gzip(&text)
}

pub(crate) const APT: &str = "RUN apt-get install -y packages # buildkit";

#[test]
fn packages_are_told_with_versions_and_bytes() {
    let old = dpkg(&[("jq", "1.6-1", 3000), ("gtk", "3.9-1", 40_000), ("vim", "9.0", 5000)]);
    let new = dpkg(&[("jq", "1.5-1", 2900), ("gtk", "3.10-1", 46_000), ("wx", "4.2", 90_000)]);
    let registry = published(&image(&[(&old, APT)]), &image(&[(&new, APT)]));
    let sandbox = Sandbox::new();
    let report = compared(&sandbox, &registry, &[]);
    let found: Vec<Value> = report["packages"].as_array().unwrap().clone();
    let found: Vec<String> = found
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {} {}",
                one["change"],
                one["name"],
                one["old_version"],
                one["new_version"],
                one["delta"]["content"]
            )
            .replace('"', "")
        })
        .collect();
    let expected = [
        "added wx null 4.2 90000",
        "upgraded gtk 3.9-1 3.10-1 6000",
        "removed vim 9.0 null -5000",
        "downgraded jq 1.6-1 1.5-1 -100",
    ];
    assert_eq!(found, expected);
    let causes = texts(&report, "causes", "text");
    assert_eq!(causes[..2], ["step 2 adds wx", "step 2 upgrades gtk from 3.9-1 to 3.10-1"]);
    let [terminal, markdown, ..] = in_every_format(&sandbox, &registry, &[]);
    for text in [terminal, markdown] {
        for part in ["1 added, 1 removed, 1 upgraded, 1 downgraded", "+90.0 kB", "-5.00 kB"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn a_guess_about_a_component_becomes_a_fact() {
    let fsl = |version: &str, size: usize| {
        let text = format!("opt/fsl/etc/fslversion \"{version}\"\n opt/fsl/bin/flirt {size}");
        Layer::gzip(&text)
    };
    let step = "RUN python fslinstaller.py -d /opt/fsl # buildkit";
    let (old, new) = (fsl("6.0.5", 300_000), fsl("6.0.7", 450_000));
    let registry = published(&image(&[(&old, step)]), &image(&[(&new, step)]));
    let report = compared(&Sandbox::new(), &registry, &[]);
    let component = &report["components"][0];
    assert_eq!((&component["id"], &component["change"]), (&json!("fsl"), &json!("upgraded")));
    assert_eq!(component["delta"]["content"], 150_000);
    let expected = ["step 2 moves FSL from 6.0.5 to 6.0.7"];
    assert_eq!(texts(&report, "causes", "text"), expected);
    let registry = published(&image(&[(&old, step), (&app(5), COPY)]), &image(&[(&old, step)]));
    let [terminal, ..] = in_every_format(&Sandbox::new(), &registry, &[]);
    assert!(terminal.contains("fslinstaller.py"), "the step is named as the same: {terminal}");
}

#[test]
fn findings_come_and_go_with_the_layers_that_differ() {
    let clean = Layer::gzip("usr/lib/new 3000000");
    let cached = Layer::gzip("usr/lib/new 3000000\n var/cache/apt/archives/x.deb 4000000");
    let registry = published(&image(&[(&clean, APT)]), &image(&[(&cached, APT)]));
    let sandbox = Sandbox::new();
    let check = |options: &[&str], scope: &str| {
        let report = compared(&sandbox, &registry, options);
        assert_eq!(report["findings"]["scope"], scope);
        let new = report["findings"]["new"].as_array().unwrap();
        let rules: Vec<&Value> = new.iter().map(|finding| &finding["rule"]).collect();
        assert!(rules.contains(&&json!("cache-apt-archives")), "{report}");
        assert_eq!(report["findings"]["gone"], json!([]), "{report}");
    };
    check(&[], "layers");
    check(&["--all-layers"], "images");
}

/// Runs `analyze` or `inspect` on an image and keeps the report.
fn kept(sandbox: &Sandbox, registry: &RunningRegistry, command: &str, tag: &str) -> PathBuf {
    let reference = registry.reference(&format!("team/app:{tag}"));
    let output = sandbox.run(&[command, &reference, "--format", "json"]);
    assert_eq!(output.code, Some(0), "{output}");
    sandbox.write(&format!("{command}-{tag}.json"), output.stdout)
}

#[test]
fn reports_of_earlier_runs_need_no_registry() {
    let new = image(&[(&tools(), INSTALL), (&app(9500), COPY)]);
    let registry = published(&first(), &new);
    let sandbox = Sandbox::new();
    let mut live = compared(&sandbox, &registry, &["--all-layers"]);
    let files = ["old", "new"].map(|tag| kept(&sandbox, &registry, "analyze", tag));
    let [old, new] = files.each_ref().map(|file| file.to_str().unwrap());
    let before = registry.lines().len();
    let mut read = document(&sandbox, &["compare", old, &format!("@{new}")]);
    assert_eq!(registry.lines().len(), before, "no registry is asked");
    // Documents are of a registry.
    for report in [&mut live, &mut read] {
        report["next_pull"]["documents"] = Value::Null;
    }
    assert_eq!(live, read);
    let reference = registry.reference("team/app:new");
    let mixed = document(&Sandbox::new(), &["compare", old, &reference]);
    for list in ["causes", "rest", "paths", "packages", "components"] {
        assert_eq!(mixed[list], live[list], "{list}");
    }
    assert_eq!(statuses(&mixed), ["same", "same", "changed"]);
    assert_eq!(registry.count("GET", "/manifests/old"), 1, "it was not asked for again");
}

#[test]
fn a_build_in_files_is_compared_with_what_is_published() {
    let new = image(&[(&tools(), INSTALL), (&app(9500), COPY)]);
    let registry = published(&first(), &new);
    let sandbox = Sandbox::new();
    new.bundle().write_layout(&sandbox.path("home/build"), "latest");
    let old = registry.reference("team/app:old");
    let local = document(&sandbox, &["compare", &old, "oci:build:latest"]);
    let live = compared(&sandbox, &registry, &[]);
    for list in ["layers", "causes", "paths", "delta"] {
        assert_eq!(local[list], live[list], "{list}");
    }
}

#[test]
fn what_a_report_does_not_hold_is_not_known() {
    let registry = published(&first(), &image(&[(&tools(), INSTALL), (&app(9500), COPY)]));
    let sandbox = Sandbox::new();
    let old = kept(&sandbox, &registry, "inspect", "old");
    let reference = registry.reference("team/app:new");
    let arguments = ["compare", old.to_str().unwrap(), &reference];
    let report = document(&sandbox, &arguments);
    assert_eq!(report["delta"]["content"], Value::Null);
    assert_eq!(report["layers"][2]["delta"]["content"], Value::Null);
    assert_eq!((&report["findings"], &report["rest"]["content"]), (&Value::Null, &Value::Null));
    assert!(report["delta"]["compressed"].as_i64().unwrap() > 0);
    let output = sandbox.run(&arguments);
    assert!(output.stdout.contains("was not read"), "{output}");
    let report = compared(&sandbox, &registry, &["--manifest-only"]);
    assert_eq!(report["delta"]["content"], Value::Null);
    assert_eq!(asked_for(&registry, &app(9500)), 0);
}

#[test]
fn what_is_no_baseline_is_refused_in_one_sentence() {
    let registry = published(&first(), &first());
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app:new");
    let check = |file: &str, kind: &str, parts: &[&str]| {
        refused(&sandbox, &["compare", file, &reference], kind).says(parts);
        refused(&sandbox, &["compare", &reference, file], kind).says(parts);
    };
    check("absent.json", "local", &["absent.json cannot be read"]);
    check("@absent", "local", &["absent cannot be read"]);
    let file = |name: &str, content: &str| sandbox.write(name, content).display().to_string();
    check(&file("a.json", "<html>"), "usage", &["a.json holds no image", "not JSON"]);
    let future = json!({"schema": "regsize.analyze/9", "images": []}).to_string();
    check(&file("b.json", &future), "usage", &["b.json", "regsize.analyze/9"]);
    let failed = json!({"schema": "regsize.analyze/1", "error": {"message": "gone"}}).to_string();
    check(&file("c.json", &failed), "usage", &["c.json", "failed: gone"]);
    let kept = kept(&sandbox, &registry, "inspect", "old");
    let text = std::fs::read_to_string(kept).unwrap();
    let later = text.replace("regsize.snapshot/1", "regsize.snapshot/2");
    check(&file("d.json", &later), "usage", &["d.json", "regsize.snapshot/2"]);
    let arm = text.replace("linux/amd64", "linux/arm64");
    check(&file("e.json", &arm), "not_found", &["linux/arm64"]);
    let arm = file("f.json", &arm);
    let amd = file("g.json", &text);
    refused(&sandbox, &["compare", &amd, &arm], "usage").says(&["linux/amd64", "linux/arm64"]);
    let wanted = ["compare", &amd, &reference, "--platform", "linux/s390x"];
    refused(&sandbox, &wanted, "usage").says(&["g.json has no image for linux/s390x"]);
}

#[test]
fn what_cannot_be_read_is_said_with_the_reference() {
    let registry = published(&first(), &image(&[(&tools(), INSTALL), (&app(9500), COPY)]));
    let sandbox = Sandbox::new();
    let (old, absent) = (registry.reference("team/app:old"), registry.reference("team/app:none"));
    refused(&sandbox, &["compare", &old, &absent], "not_found").says(&["team/app:none"]);
    refused(&sandbox, &["compare", &old, "UPPER"], "usage").says(&["UPPER"]);
}

#[test]
fn images_of_the_platform_that_was_asked_for_are_compared() {
    let index = |size: usize| {
        let of = |platform: &str, more: usize| {
            Image::new(platform).layer(app(size + more), "COPY app /srv/app")
        };
        Index::new().image(&of("linux/amd64", 0)).image(&of("linux/arm64", 5000)).bundle()
    };
    let registry = Registry::new().put_image("team/app", "old", &index(9000));
    let registry = registry.put_image("team/app", "new", &index(9500)).start();
    let report = compared(&Sandbox::new(), &registry, &["--platform", "linux/arm64"]);
    assert_eq!(report["new"]["platform"], "linux/arm64");
    assert_eq!(report["delta"]["content"], 500);
    assert_eq!(asked_for(&registry, &app(9500)), 0, "the layer of the other platform");
}

fn in_every_format(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> [String; 4] {
    let (old, new) = (registry.reference("team/app:old"), registry.reference("team/app:new"));
    ["terminal", "markdown", "csv", "json"].map(|format| {
        let start = ["compare", &old, &new, "--format", format, "--width", "100"];
        let output = sandbox.run(&[&start, options].concat());
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        check_text(&output.stdout);
        output.stdout
    })
}
