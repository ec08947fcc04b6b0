//! What `regsize compare` says of many images and of the platforms of one.

use serde_json::{Value, json};

use crate::compare::{APT, COPY, app, dpkg, first, image, rootfs, size, texts};
use crate::support::analysis::asked_for;
use crate::support::registry::RunningRegistry;
use crate::support::{Image, Index, Layer, Registry, Sandbox, accepted, check_text, refused};

/// Three images as `team/app:a`, `b` and `c`, with references to them.
fn three(images: &[Image; 3]) -> (RunningRegistry, [String; 3]) {
    let tagged = ["a", "b", "c"].into_iter().zip(images);
    let registry = tagged.fold(Registry::new(), |registry, (tag, image)| {
        registry.put_image("team/app", tag, &image.bundle())
    });
    let registry = registry.start();
    let references = ["a", "b", "c"].map(|tag| registry.reference(&format!("team/app:{tag}")));
    (registry, references)
}

fn many<'a>(references: &'a [String; 3], options: &[&'a str]) -> Vec<&'a str> {
    let start = ["compare"].into_iter().chain(references.iter().map(String::as_str));
    start.chain(options.iter().copied()).collect()
}

#[test]
fn many_images_are_compared_each_with_each() {
    let packages =
        [dpkg(&[("jq", "1.6-1", 3000)]), dpkg(&[("jq", "1.7-1", 3100), ("gtk", "3.9-1", 40_000)])];
    let [first, second] = packages.each_ref().map(|layer| image(&[(layer, APT)]));
    let images = [first, second.clone(), second.layer(app(9000), COPY)];
    let (registry, references) = three(&images);
    let sandbox = Sandbox::new();
    let report = accepted(&sandbox, &many(&references, &[]));
    assert_eq!(report["schema"], "regsize.compare-many/1");
    let sizes = |layers: &[&Layer]| layers.iter().map(|layer| size(layer)).sum::<i64>();
    let unique: Vec<&Value> =
        report["images"].as_array().unwrap().iter().map(|image| &image["unique"]).collect();
    let part = |layers: &[&Layer]| json!({"layers": layers.len(), "compressed": sizes(layers)});
    assert_eq!(unique, [&part(&[&packages[0]]), &part(&[]), &part(&[&app(9000)])]);
    let pairs = report["pairs"].as_array().unwrap();
    let found: Vec<[&Value; 4]> = pairs
        .iter()
        .map(|pair| [&pair["old"], &pair["new"], &pair["packages"], &pair["shared"]])
        .collect();
    let shared = part(&[&rootfs(), &packages[1]]);
    let expected = [
        [&json!(0), &json!(1), &json!(2), &part(&[&rootfs()])],
        [&json!(0), &json!(2), &json!(2), &part(&[&rootfs()])],
        [&json!(1), &json!(2), &json!(0), &shared],
    ];
    assert_eq!(found, expected);
    assert_eq!(pairs[2]["delta"], json!({"compressed": size(&app(9000)), "content": 9700}));
    let gtk = &report["packages"][0];
    let of_gtk = json!({"versions": ["3.9-1"], "visible": 40_000});
    assert_eq!((&gtk["name"], &gtk["images"]), (&json!("gtk"), &json!([null, of_gtk, of_gtk])));
    for (layer, times) in [(&rootfs(), 0), (&packages[0], 1), (&packages[1], 1), (&app(9000), 1)] {
        assert_eq!(asked_for(&registry, layer), times);
    }
    for format in ["terminal", "markdown", "csv"] {
        for table in ["layers", "packages"] {
            let options = ["--format", format, "--table", table];
            let output = sandbox.run(&many(&references, &options));
            assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
            check_text(&output.stdout);
        }
    }
}

#[test]
fn many_images_are_compared_without_layers() {
    let images = [first(), first(), image(&[(&app(5), COPY)])];
    let (registry, references) = three(&images);
    let report = accepted(&Sandbox::new(), &many(&references, &["--manifest-only"]));
    let packages: Vec<&Value> =
        report["pairs"].as_array().unwrap().iter().map(|pair| &pair["packages"]).collect();
    assert_eq!(packages, [&json!(0), &Value::Null, &Value::Null], "what is one image is known");
    for layer in images.iter().flat_map(Image::layers) {
        assert_eq!(asked_for(&registry, layer), 0);
    }
}

/// An index of two platforms with a base, an application and the same data.
fn two_platforms() -> (Layer, Layer, Index) {
    let data = "opt/data 50000 seed=data";
    let layers = ["amd64", "arm64"].map(|name| Layer::gzip(&format!("srv/{name} 7000\n {data}")));
    let [amd64, arm64] = layers;
    let of = |platform: &str, own: &Layer| {
        let image = Image::new(platform).layer(rootfs(), "ADD rootfs.tar / # buildkit");
        image.layer(own.clone(), COPY)
    };
    let extra = Layer::gzip("opt/only 4000");
    let first = of("linux/amd64", &amd64).layer(extra, "RUN fetch only");
    let index = Index::new().image(&first).image(&of("linux/arm64", &arm64));
    (amd64, arm64, index)
}

#[test]
fn platforms_are_compared_step_by_step() {
    let (amd64, arm64, index) = two_platforms();
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
    let (sandbox, reference) = (Sandbox::new(), registry.reference("team/app"));
    let report = accepted(&sandbox, &["compare", &reference, "--platforms"]);
    assert_eq!(report["schema"], "regsize.compare-platforms/1");
    assert_eq!(texts(&report, "images", "platform"), ["linux/amd64", "linux/arm64"]);
    assert_eq!(report["shared"], size(&rootfs()));
    assert_eq!(report["identical"], json!({"files": 1, "content": 50_000}));
    let steps = report["steps"].as_array().unwrap();
    let digests = |layer: &Layer| json!(regsize::oci::Digest::of(&layer.blob));
    assert_eq!(steps[1]["layers"][0]["digest"], digests(&amd64));
    assert_eq!(steps[1]["layers"][1]["digest"], digests(&arm64));
    assert_eq!(steps[1]["identical"], 50_000);
    assert_eq!(steps[2]["layers"][1], Value::Null, "only one platform has this step");
    for layer in [&amd64, &arm64, &rootfs()] {
        assert_eq!(asked_for(&registry, layer), 1);
    }
    for platforms in ["all", "amd64,arm64", "linux/arm64,linux/amd64"] {
        let again = accepted(&sandbox, &["compare", &reference, "--platforms", platforms]);
        assert_eq!(again, report, "{platforms}");
    }
    for format in ["terminal", "markdown", "csv"] {
        let output = sandbox.run(&["compare", &reference, "--platforms", "--format", format]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
        assert!(output.stdout.contains("50.0 kB") || format == "csv", "{output}");
        check_text(&output.stdout);
    }
    let before = registry.count("GET", "/blobs/");
    let arguments = ["compare", &reference, "--platforms", "--manifest-only"];
    let report = accepted(&Sandbox::new(), &arguments);
    assert_eq!((&report["identical"], &report["components"]), (&Value::Null, &json!([])));
    assert_eq!(registry.count("GET", "/blobs/") - before, 2, "configs");
}

#[test]
fn a_platform_that_is_much_larger_is_a_finding() {
    let (_, _, index) = two_platforms();
    let large = Image::new("linux/s390x").layer(app(9), COPY);
    let mut descriptor = large.layer_descriptors()[0].clone();
    descriptor["size"] = json!(900_000_000);
    let large = large.change_manifest(json!({"layers": [descriptor]}));
    let registry = Registry::new();
    let registry = registry.put_image("team/app", "latest", &index.image(&large).bundle()).start();
    let reference = registry.reference("team/app");
    let arguments = ["compare", &reference, "--platforms", "--manifest-only"];
    let report = accepted(&Sandbox::new(), &arguments);
    let finding = &report["findings"][0];
    assert_eq!(finding["rule"], "platform-asymmetry");
    assert!(finding["message"].as_str().unwrap().contains("s390x"), "{finding}");
    let output = Sandbox::new().run(&arguments);
    assert!(output.stdout.contains("platform-asymmetry"), "{output}");
    let narrow = ["compare", &reference, "--manifest-only", "--platforms", "amd64,arm64"];
    assert_eq!(accepted(&Sandbox::new(), &narrow)["findings"], json!([]));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let (_, _, index) = two_platforms();
    let registry = Registry::new().put_image("team/app", "latest", &index.bundle());
    let registry = registry.put_image("team/app", "one", &first().bundle()).start();
    let sandbox = Sandbox::new();
    let (all, one) = (registry.reference("team/app"), registry.reference("team/app:one"));
    let check = |arguments: &[&str], kind: &str, part: &str| {
        refused(&sandbox, &[&["compare"], arguments].concat(), kind).says(&[part]);
    };
    check(&[&all], "usage", "nothing to compare the image with");
    check(&[&all, &one, "--platforms"], "usage", "the platforms of one image");
    check(&[&all, "--platforms", "linux/s390x"], "not_found", "no image for linux/s390x");
    check(&[&all, "--platforms", "a/b/c/d"], "usage", "is not a platform");
    check(&[&all, "--platforms", "arm64"], "usage", "one platform alone");
    check(&[&one, "--platforms"], "usage", "one platform only");
    check(&["old.json", "--platforms"], "usage", "old.json is a file");
    let output = sandbox.run(&["compare", &all, "--platforms", "all", "--platform", "linux/arm64"]);
    assert_eq!(output.code, Some(2), "{output}");
}
