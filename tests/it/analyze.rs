//! What `regsize analyze` tells of layers that are as they should be.

use serde_json::{Value, json};

use crate::support::analysis::{
    analyzed, arguments, asked_for, image_of, in_every_format, listing, registry_of, run, sum,
};
use crate::support::image::{descriptor, with};
use crate::support::{Image, Index, Layer, Registry, Sandbox, accepted, refused};

fn base() -> Layer {
    Layer::gzip("etc/\n etc/passwd 700\n usr/lib/\n usr/lib/big 40000\n usr/lib/small 300")
}

fn middle() -> Layer {
    Layer::zstd("usr/lib/big 41000 seed=new\n var/cache/\n var/cache/list 5000")
}

fn top() -> Layer {
    Layer::plain("var/cache/.wh.list 0\n srv/app 9000")
}

fn layers() -> [Layer; 3] {
    [base(), middle(), top()]
}

fn pick<'a>(list: &'a Value, field: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|item| &item[field]).collect()
}

#[test]
fn layers_of_every_compression_are_read_once_and_add_up() {
    let layers = layers();
    let registry = registry_of(&layers);
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    let image = &report["images"][0];
    assert_eq!(pick(&image["layers"], "content"), [41_000, 46_000, 9_000]);
    assert_eq!(pick(&image["layers"], "files"), [3, 2, 1]);
    assert_eq!(pick(&image["layers"], "entries"), [5, 3, 2]);
    assert_eq!(pick(&image["layers"], "shadowed"), [40_000, 5_000, 0]);
    assert_eq!(pick(&image["layers"], "toc_source"), ["stream"; 3]);
    assert_eq!(pick(&image["layers"], "uncompressed_inferred"), [false; 3]);
    for (read, layer) in image["layers"].as_array().unwrap().iter().zip(&layers) {
        assert_eq!(read["transferred"], layer.blob.len());
        assert_eq!(read["uncompressed"], layer.tar.len());
        assert_eq!(asked_for(&registry, layer), 1);
    }
    let visible = &image["visible"];
    assert_eq!((&visible["files"], &visible["bytes"]), (&json!(4), &json!(51_000)));
    assert_eq!(
        (&image["shadowed"]["files"], &image["shadowed"]["bytes"]),
        (&json!(2), &json!(45_000))
    );
    assert!((image["efficiency"].as_f64().unwrap() - 51.0 / 96.0).abs() < 1e-9, "{image}");
    assert_eq!((&image["ambiguous"], &image["notes"]), (&json!([]), &json!([])));
    assert_eq!((&image["dive"], &report["warnings"]), (&Value::Null, &json!([])));
}

#[test]
fn what_a_layer_costs_is_shared_out_among_its_entries() {
    let layers = layers();
    let registry = registry_of(&layers);
    let sandbox = Sandbox::new();
    for (number, layer) in layers.iter().enumerate() {
        let number = number.to_string();
        let report = listing(&sandbox, &registry, &["--layer", &number, "--all", "--sort", "path"]);
        let mut entries = report["entries"].as_array().unwrap().clone();
        // The row of a directory is that of all in it.
        let root = entries.remove(0);
        assert_eq!(root["compressed"], layer.blob.len(), "{report}");
        assert_eq!(report["totals"]["compressed"], layer.blob.len(), "{report}");
        entries.retain(|entry| entry["kind"] != "directory");
        let files = sum(&json!(entries), "compressed");
        assert!(files > 0 && files <= layer.blob.len() as u64, "{report}");
    }
}

#[test]
fn waste_is_told_by_the_steps_that_make_it() {
    let registry = registry_of(&layers());
    let sandbox = Sandbox::new();
    let report = analyzed(&sandbox, &registry, &[]);
    let waste = &report["images"][0]["waste"];
    assert_eq!(pick(waste, "written_in"), [0, 1]);
    assert_eq!(pick(waste, "hidden_in"), [1, 2]);
    assert_eq!(pick(waste, "how"), ["overwrite-changed", "whiteout"]);
    assert_eq!(pick(waste, "bytes"), [40_000, 5_000]);
    assert_eq!(waste[0]["paths"][0]["path"], "usr/lib/big");
    let [terminal, markdown, ..] = in_every_format(&sandbox, &registry, &["analyze", "--full"]);
    for text in [terminal, markdown] {
        for part in
            ["step 3 deletes", "step 2 replaces", "40.0 kB", "5.00 kB", "53.1 %", "usr/lib/big"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn dives_figures_stand_beside_the_exact_ones_if_asked_for() {
    let registry = registry_of(&layers());
    let report = analyzed(&Sandbox::new(), &registry, &["--dive"]);
    let dive = &report["images"][0]["dive"];
    assert_eq!((&dive["size_bytes"], &dive["user_size_bytes"]), (&json!(96_000), &json!(55_000)));
    assert_eq!(dive["wasted_bytes"], 86_000, "both copies, and what was deleted");
    let [terminal, ..] = in_every_format(&Sandbox::new(), &registry, &["analyze", "--dive"]);
    assert!(terminal.contains("dive"), "{terminal}");
}

fn two_platforms() -> (Registry, [Layer; 3]) {
    let shared = base();
    let (amd64, arm64) = (Layer::gzip("bin/amd 3000"), Layer::gzip("bin/arm 4000"));
    let image = |platform, own: &Layer| {
        Image::new(platform).layer(shared.clone(), "ADD rootfs /").layer(own.clone(), "RUN make")
    };
    let index =
        Index::new().image(&image("linux/amd64", &amd64)).image(&image("linux/arm64", &arm64));
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle());
    (registry, [shared, amd64, arm64])
}

#[test]
fn layers_that_platforms_share_are_read_and_counted_once() {
    let (registry, layers) = two_platforms();
    let registry = registry.start();
    let report = analyzed(&Sandbox::new(), &registry, &["--all-platforms"]);
    for layer in &layers {
        assert_eq!(asked_for(&registry, layer), 1);
    }
    let images = &report["images"];
    let sizes: u64 = layers.iter().map(|layer| layer.blob.len() as u64).sum();
    assert_eq!(sum(images, "transferred"), sizes);
    assert_eq!(images[1]["layers"][0]["transferred"], 0);
    assert_eq!(pick(&images[1]["layers"], "content"), [41_000, 4_000]);
    assert_eq!(images[0]["visible"]["bytes"], 44_000);
    assert_eq!(images[1]["visible"]["bytes"], 45_000);
    in_every_format(&Sandbox::new(), &registry, &["analyze", "--all-platforms"]);
}

#[test]
fn platforms_that_were_not_asked_for_are_not_read() {
    let (registry, layers) = two_platforms();
    let registry = registry.start();
    let other = listing(&Sandbox::new(), &registry, &["--platform", "linux/arm64", "--all"]);
    assert_eq!(other["platform"], "linux/arm64");
    assert_eq!(asked_for(&registry, &layers[1]), 0);
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    let shown = usize::try_from(report["shown"].as_u64().unwrap()).unwrap();
    let unread = &report["images"][1 - shown];
    for field in ["visible", "shadowed", "efficiency", "waste", "transferred", "ambiguous"] {
        assert_eq!(unread[field], Value::Null, "{field}");
    }
    assert_eq!(pick(&unread["layers"], "content"), [&Value::Null; 2]);
}

#[test]
fn small_layers_may_be_left_out_and_the_report_says_which() {
    let layers = layers();
    let registry = registry_of(&layers);
    let sandbox = Sandbox::new();
    let report = analyzed(&sandbox, &registry, &["--min-layer", "20kB"]);
    assert_eq!(asked_for(&registry, &layers[2]), 0);
    let image = &report["images"][0];
    let unread = &image["layers"][2];
    for field in ["content", "entries", "files", "shadowed", "toc_source", "transferred"] {
        assert_eq!(unread[field], Value::Null, "{field}");
    }
    assert_eq!(unread["compressed"], layers[2].blob.len());
    assert_eq!(image["sizes"]["content"], Value::Null);
    assert!(image["visible"].is_null() && image["efficiency"].is_null(), "{image}");
    let left_out = &listing(&sandbox, &registry, &["--min-layer", "20kB"])["left_out"];
    assert_eq!(pick(left_out, "index"), [2]);
    for command in ["analyze", "files"] {
        let texts = in_every_format(&sandbox, &registry, &[command, "--min-layer", "20kB"]);
        for text in &texts[..2] {
            assert!(text.contains("was not read: layer 2"), "{text}");
        }
    }
    assert_eq!(asked_for(&registry, &layers[2]), 0);
}

#[test]
fn a_digest_that_an_image_has_twice_is_read_once_and_counted_as_stored() {
    let layer = Layer::gzip("srv/data 6000");
    let registry = registry_of(&[layer.clone(), layer.clone()]);
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    assert_eq!(asked_for(&registry, &layer), 1);
    let image = &report["images"][0];
    assert_eq!(pick(&image["layers"], "content"), [6_000, 6_000]);
    assert_eq!(image["transferred"], layer.blob.len());
    assert_eq!(
        (&image["visible"]["bytes"], &image["shadowed"]["bytes"]),
        (&json!(6_000), &json!(6_000))
    );
    assert_eq!(pick(&image["waste"], "how"), ["overwrite-same"]);
}

#[test]
fn nothing_stored_is_no_share_of_anything() {
    let check = |layers: &[Layer]| {
        let registry = registry_of(layers);
        let report = analyzed(&Sandbox::new(), &registry, &["--dive"]);
        let image = &report["images"][0];
        assert_eq!(image["efficiency"], Value::Null);
        assert_eq!(
            (&image["sizes"]["content"], &image["visible"]["bytes"]),
            (&json!(0), &json!(0))
        );
        in_every_format(&Sandbox::new(), &registry, &["analyze", "--dive"]);
        in_every_format(&Sandbox::new(), &registry, &["files", "--all"]);
    };
    check(&[]);
    check(&[Layer::gzip("")]);
    check(&[Layer::gzip("a/"), Layer::zstd("a/.wh..wh..opq 0")]);
}

#[test]
fn all_bytes_may_be_hidden() {
    let registry = registry_of(&[Layer::gzip("a/b 500"), Layer::gzip(".wh.a 0")]);
    let report = analyzed(&Sandbox::new(), &registry, &["--dive"]);
    let image = &report["images"][0];
    assert_eq!((&image["efficiency"], &image["visible"]["files"]), (&json!(0.0), &json!(0)));
    in_every_format(&Sandbox::new(), &registry, &["analyze", "--dive"]);
}

#[test]
fn base_and_own_bytes_are_apart() {
    let image = Image::new("linux/amd64").layer(base(), "ADD rootfs /");
    let own = image.clone().layer(middle(), "RUN make # buildkit");
    let registry = Registry::new()
        .put_image("team/base", "1", &image.bundle())
        .put_image("team/app", "latest", &own.bundle())
        .start();
    let report =
        analyzed(&Sandbox::new(), &registry, &["--base", &registry.reference("team/base:1")]);
    let image = &report["images"][0];
    assert_eq!(pick(&image["layers"], "origin"), ["base", "own"]);
    assert_eq!(image["sizes"]["base"]["uncompressed"], base().tar.len());
    assert_eq!(image["sizes"]["own"]["uncompressed"], middle().tar.len());
    assert_eq!(registry.count("GET", "/v2/team/base/blobs/"), 0, "its layers are not read");
}

#[test]
fn foreign_layers_that_the_registry_does_not_have_are_left_out_with_a_warning() {
    let here = Layer::gzip("a 100");
    let away = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"windows");
    let away = with(away, json!({"urls": ["http://127.0.0.1:1/layer"]}));
    let image = Image::new("linux/amd64").layer(here.clone(), "COPY").layer(here, "COPY");
    let layers = [away, image.layer_descriptors()[1].clone()];
    let image = image.change_manifest(json!({"layers": layers}));
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let report = analyzed(&Sandbox::new(), &registry, &[]);
    let [warning] = &report["warnings"].as_array().unwrap()[..] else { panic!("{report}") };
    assert!(warning.as_str().unwrap().contains("is left out"), "{warning}");
    assert_eq!(report["images"][0]["layers"][0]["content"], Value::Null);
    assert_eq!(report["images"][0]["layers"][1]["content"], 100);
    assert_eq!(run(&Sandbox::new(), &registry, &["analyze", "--strict"]).code, Some(2));
}

#[test]
fn layers_that_are_gone_are_an_error() {
    let layer = Layer::gzip("a 100");
    let registry = registry_of(std::slice::from_ref(&layer));
    let digest = regsize::oci::Digest::of(&layer.blob);
    registry.update(|content| content.remove("team/app", digest.as_str()));
    let reference = registry.reference("team/app:latest");
    for command in ["analyze", "files"] {
        refused(&Sandbox::new(), &[command, &reference], "not_found").says(&[digest.short()]);
    }
}

#[test]
fn several_images_make_several_reports_and_share_layers() {
    let registry = Registry::new()
        .put_image("team/app", "1", &image_of(&[base(), top()]).bundle())
        .put_image("team/app", "2", &image_of(&[base(), middle()]).bundle())
        .start();
    let references = ["team/app:1", "team/app:2"].map(|name| registry.reference(name));
    let both = accepted(&Sandbox::new(), &["analyze", &references[0], &references[1]]);
    assert_eq!(both[0]["images"][0]["sizes"]["content"], 50_000);
    assert_eq!(both[1]["images"][0]["sizes"]["content"], 87_000);
    assert_eq!(asked_for(&registry, &base()), 1, "{:?}", registry.lines());
    let gone = registry.reference("team/app:gone");
    let output = Sandbox::new().run(&["analyze", &references[0], &gone, "--format", "json"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert_eq!(output.json()[0]["images"][0]["sizes"]["content"], 50_000);
    assert_eq!(output.json()[1]["error"]["kind"], "not_found");
}

#[test]
fn diff_ids_are_checked_if_asked_for() {
    let registry = registry_of(&layers());
    let sandbox = Sandbox::new();
    let plain = analyzed(&sandbox, &registry, &[]);
    let checked = analyzed(&sandbox, &registry, &["--verify-diff-ids"]);
    assert_eq!(plain["images"][0]["visible"], checked["images"][0]["visible"]);
    assert_eq!(asked_for(&registry, &base()), 2, "the cache does not have the bytes");

    let lie = Layer { tar: b"something else".as_slice().into(), ..middle() };
    let registry = registry_of(&[base(), lie.clone()]);
    assert_eq!(run(&Sandbox::new(), &registry, &["analyze"]).code, Some(0));
    let reference = registry.reference("team/app:latest");
    let expected = [&lie.tar, &lie.blob].map(|bytes| regsize::oci::Digest::of(bytes).to_string());
    let command = arguments(&reference, &["analyze", "--verify-diff-ids"]);
    refused(&Sandbox::new(), &command, "bad_data").says(&[&expected[0], &expected[1]]);
}
