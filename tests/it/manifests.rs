//! Manifests that are malformed, ambiguous, too large or strange.

use regsize::oci::Digest;
use serde_json::{Value, json};

use crate::support::image::{
    Bundle, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, descriptor, with,
};
use crate::support::registry::RunningRegistry;
use crate::support::{
    DigestHeader, Image, Layer, Registry, Reply, Sandbox, accepted, check_text, refused,
};

const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const PATH: &str = "/v2/team/app/manifests/latest";
const CEILING: u64 = 4 << 20;
/// What the system takes from a server before the client has to read it.
const BUFFERS: u64 = 32 << 20;

fn image() -> Image {
    Image::new("linux/amd64").layer(Layer::gzip("etc/motd 100"), "COPY motd /etc/")
}

fn manifest() -> Value {
    serde_json::from_slice(&image().manifest().bytes).unwrap()
}

/// A registry with these bytes as `team/app:latest`, and the image's config and layer.
fn serving(bytes: impl Into<bytes::Bytes>, media_type: &str) -> RunningRegistry {
    Registry::new()
        .put_image("team/app", "good", &image().bundle())
        .put_manifest("team/app", "latest", bytes, media_type)
        .start()
}

fn refuse(registry: &RunningRegistry, kind: &str, parts: &[&str]) {
    let reference = registry.reference("team/app:latest");
    refused(&Sandbox::new(), &["inspect", &reference, "--retries", "0"], kind).says(parts);
}

fn accept(registry: &RunningRegistry) -> Value {
    accepted(&Sandbox::new(), &["inspect", &registry.reference("team/app:latest")])
}

fn accept_image(image: &Image) -> Value {
    accept(&Registry::new().put_image("team/app", "latest", &image.bundle()).start())
}

/// Warnings of a report as one text; with `--strict` they are a reason to fail.
fn warnings(registry: &RunningRegistry) -> String {
    let report = accept(registry);
    let warnings = report["warnings"].as_array().unwrap();
    let strict = ["inspect", &registry.reference("team/app:latest"), "--strict"];
    let strict = Sandbox::new().run(&strict);
    assert_eq!(strict.code, Some(if warnings.is_empty() { 0 } else { 2 }), "{strict}");
    assert!(!strict.stdout.is_empty(), "{strict}");
    warnings.iter().flat_map(|text| [text.as_str().unwrap(), "\n"]).collect()
}

#[test]
fn ambiguous_and_unsupported_documents_are_refused() {
    let check = |document: Value, media_type: &str, parts: &[&str]| {
        refuse(&serving(document.to_string(), media_type), "bad_data", parts);
    };
    let typed = |media_type: &str| with(manifest(), json!({"mediaType": media_type}));
    let both = with(manifest(), json!({"manifests": []}));
    check(both.clone(), OCI_MANIFEST, &["ambiguous", "`manifests`", "`layers`"]);
    check(both, OCI_INDEX, &["ambiguous"]);
    check(json!({"manifests": [], "config": {}}), "text/plain", &["ambiguous"]);
    check(manifest(), OCI_INDEX, &["ambiguous", OCI_INDEX]);
    check(manifest(), DOCKER_MANIFEST, &["ambiguous", OCI_MANIFEST, DOCKER_MANIFEST]);
    check(typed(OCI_INDEX), OCI_INDEX, &["not of that shape"]);
    check(typed(SCHEMA1), OCI_MANIFEST, &["not of that shape"]);
    let schema1 = json!({"schemaVersion": 1, "name": "x", "fsLayers": [], "history": []});
    for media_type in [SCHEMA1, SIGNED, "application/json"] {
        check(schema1.clone(), media_type, &["schema 1 is not supported", "push the image again"]);
    }
    check(json!({"schemaVersion": 2}), OCI_MANIFEST, &["neither an image index"]);
}

#[test]
fn the_documents_own_type_counts_where_the_registry_names_none() {
    for media_type in ["text/plain", "application/json; charset=utf-8", "application/octet-stream"]
    {
        let report = accept(&serving(manifest().to_string(), media_type));
        assert_eq!(report["media_type"], OCI_MANIFEST, "{media_type}");
    }
    let parameter = format!("{OCI_MANIFEST}; charset=utf-8");
    accept(&serving(manifest().to_string(), &parameter));
    accept(&serving(image().without_media_type().manifest().bytes, OCI_MANIFEST));
    let registry = serving(manifest().to_string(), OCI_MANIFEST);
    registry.script_forever("*", PATH, vec![Reply::pass().without_header("Content-Type")]);
    accept(&registry);
    accept_image(&image().docker());
}

#[test]
fn bytes_that_are_not_a_json_object_are_refused() {
    let text = manifest().to_string();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let nan = text.replace("\"schemaVersion\":2", "\"schemaVersion\":NaN");
    let check = |bytes: Vec<u8>, parts: &[&str]| {
        refuse(&serving(bytes, OCI_MANIFEST), "bad_data", parts);
    };
    check(format!("\u{feff}{text}").into(), &["line 1 column 1"]);
    check(format!("{text} x").into(), &["trailing characters"]);
    check(format!("{text}{text}").into(), &["trailing characters"]);
    check(nan.into(), &["expected value"]);
    check(utf16, &["cannot be used"]);
    check(text.as_bytes()[..text.len() - 9].to_vec(), &["EOF"]);
    check(b"\xff\xfe\x00".to_vec(), &["cannot be used"]);
    check(text.replace("sha256", "sha\\ud800").into(), &["hex escape"]);
    check(Vec::new(), &["EOF"]);
    for other in ["null", "[]", "\"x\"", "7", "true"] {
        check(other.into(), &["expected a JSON object"]);
    }
}

#[test]
fn documents_above_the_ceiling_are_left_unread() {
    let check = |reply: Reply, allowed: u64| {
        let registry = serving(manifest().to_string(), OCI_MANIFEST);
        registry.script_forever("GET", PATH, vec![reply.header("Content-Type", OCI_MANIFEST)]);
        let sandbox = Sandbox::new();
        let reference = registry.reference("team/app:latest");
        let refusal = refused(&sandbox, &["inspect", &reference], "ceiling");
        refusal.says(&["the manifest is larger than 4194304 bytes", "--limit manifest=SIZE"]);
        assert_eq!(registry.count("GET", PATH), 2, "asked once by each of two runs");
        assert!(registry.sent() / 2 < allowed, "{} bytes were sent", registry.sent());
    };
    let padded = |length: u64| {
        let text = manifest().to_string();
        let length = usize::try_from(length).unwrap() - text.len();
        text + &" ".repeat(length)
    };
    check(Reply::ok(padded(CEILING + 1)), CEILING + 10_000);
    check(Reply::ok(padded(CEILING + 1)).chunked(10_000), CEILING + 20_000);
    check(Reply::ok("{").without_length().flood(vec![b' '; 65_536]), CEILING + BUFFERS);
    check(Reply::ok("{}").content_length("999999999999").flood(vec![b' '; 65_536]), BUFFERS);
    accept(&serving(padded(CEILING), OCI_MANIFEST));
    let registry = serving(padded(CEILING + 1), OCI_MANIFEST);
    let arguments = ["inspect", &registry.reference("team/app:latest"), "--limit", "manifest=5MB"];
    accepted(&Sandbox::new(), &arguments);
}

#[test]
fn deep_and_wide_documents_neither_crash_nor_hang() {
    let nested = |depth: usize| {
        let open = "[".repeat(depth);
        let close = "]".repeat(depth);
        manifest().to_string().replacen('{', &format!("{{\"x\":{open}{close},"), 1)
    };
    accept(&serving(nested(100), OCI_MANIFEST));
    refuse(&serving(nested(200), OCI_MANIFEST), "bad_data", &["recursion limit"]);
    refuse(&serving(nested(1_000_000), OCI_MANIFEST), "bad_data", &["recursion limit"]);
    let annotations = |count: usize| {
        let pairs: Vec<String> = (0..count).map(|n| format!("\"{n:x}\":\"\",")).collect();
        let pairs = pairs.concat();
        let all = format!("{{\"annotations\":{{{pairs}\"last\":\"\"}},");
        manifest().to_string().replacen('{', &all, 1)
    };
    refuse(&serving(annotations(1_000_000), OCI_MANIFEST), "ceiling", &["--limit manifest=SIZE"]);
    let report = accept(&serving(annotations(20_000), OCI_MANIFEST));
    assert_eq!(report["images"][0]["annotations"].as_object().unwrap().len(), 20_001);
    let long = "k".repeat(100_000);
    let key = with(manifest(), json!({ long.clone(): 1, "annotations": {long: "v"} }));
    accept(&serving(key.to_string(), OCI_MANIFEST));
}

#[test]
fn messages_stay_short_where_the_document_is_long() {
    let long = "k".repeat(100_000);
    for document in [
        with(manifest(), json!({"annotations": {long.clone(): 1}})),
        with(manifest(), json!({"mediaType": long.clone()})),
        with(manifest(), json!({"config": long.clone()})),
        with(manifest(), json!({"layers": [{"mediaType": "x", "digest": long, "size": 1}]})),
    ] {
        let registry = serving(document.to_string(), OCI_MANIFEST);
        let output = Sandbox::new().run(&["inspect", &registry.reference("team/app:latest")]);
        assert!(output.stderr.len() < 2_000, "{} bytes", output.stderr.len());
    }
}

#[test]
fn repeated_keys_are_flagged_and_the_last_counts() {
    let (manifest, layer) = (manifest(), image().layer_descriptors().remove(0));
    let text = manifest.to_string();
    let size = format!("\"size\":{}", layer["size"]);
    let check = |document: String, place: &str, sizes: &[u64]| {
        let registry = serving(document, OCI_MANIFEST);
        let warnings = warnings(&registry);
        assert!(warnings.contains(&format!("repeats {place}")), "{place}: {warnings}");
        let report = accept(&registry);
        let layers = report["images"][0]["layers"].as_array().unwrap();
        let found: Vec<u64> = layers.iter().map(|l| l["compressed"].as_u64().unwrap()).collect();
        assert_eq!(found, sizes, "{place}");
    };
    let last = text.rfind(&size).unwrap();
    let repeated = format!("{}\"size\":7,{}", &text[..last], &text[last..]);
    let real = layer["size"].as_u64().unwrap();
    check(repeated, "layers[0].size", &[real]);
    let repeated = format!("{}{size},\"size\":7{}", &text[..last], &text[last + size.len()..]);
    check(repeated, "layers[0].size", &[7]);
    check(text.replacen('{', "{\"layers\":[],", 1), "layers", &[real]);
    check(format!("{},\"layers\":[]}}", &text[..text.len() - 1]), "layers", &[]);
    check(text.replacen('{', "{\"a\":{\"b\":1,\"b\":2},", 1), "a.b", &[real]);
    check(text.replacen('{', "{\"schema\\u0056ersion\":2,", 1), "schemaVersion", &[real]);
}

#[test]
fn sizes_beyond_64_bits_are_added_up() {
    let largest = i64::MAX.unsigned_abs();
    let layer = |name: &str| json!({"mediaType": "application/x", "digest": Digest::of(name.as_bytes()), "size": largest});
    let layers: Vec<Value> = ["a", "b", "c"].map(layer).to_vec();
    let registry = serving(with(manifest(), json!({"layers": layers})).to_string(), OCI_MANIFEST);
    let output = Sandbox::new().run(&[
        "inspect",
        &registry.reference("team/app:latest"),
        "--format",
        "json",
    ]);
    let total = (u128::from(largest) * 3).to_string();
    assert!(output.stdout.contains(&format!("\"compressed\": {total}")), "{output}");
    assert!(output.stdout.contains(&format!("\"compressed_all_platforms\": {total}")), "{output}");
    for format in ["terminal", "markdown", "csv"] {
        let reference = registry.reference("team/app:latest");
        for arguments in [&["inspect", &reference][..], &["inspect", &reference, &reference]] {
            let output = Sandbox::new().run(&[arguments, &["--format", format]].concat());
            assert_eq!(output.code, Some(0), "{output}");
            let shown = ["27.7 EB", &total, &largest.to_string()];
            assert!(shown.iter().any(|text| output.stdout.contains(text)), "{output}");
        }
    }
}

#[test]
fn images_without_layers_have_no_bytes_and_no_ratios() {
    let empty = Image::new("linux/amd64").step("CMD [\"/x\"]");
    let report = accept_image(&empty);
    let sizes = &report["images"][0]["sizes"];
    assert_eq!((&sizes["compressed"], &sizes["uncompressed"]), (&json!(0), &json!(0)));
    let bundle = empty.bundle();
    let registry = Registry::new().put_image("team/app", "latest", &bundle).start();
    let reference = registry.reference("team/app:latest");
    for format in ["terminal", "markdown", "csv"] {
        for arguments in [&["inspect", &reference][..], &["inspect", &reference, &reference]] {
            let output = Sandbox::new().run(&[arguments, &["--format", format]].concat());
            assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
            let lower = output.stdout.to_lowercase();
            assert!(!lower.contains("nan") && !lower.contains("inf "), "{output}");
        }
    }
}

#[test]
fn many_layers_are_read_up_to_the_ceiling() {
    let blob = Layer::gzip("a 1").blob;
    let with_layers = |count: usize| {
        let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &blob);
        let document = with(manifest(), json!({"layers": vec![layer; count]}));
        let content = Registry::new().put_image("team/app", "good", &image().bundle());
        let content = content.put_blob("team/app", blob.clone());
        content.put_manifest("team/app", "latest", document.to_string(), OCI_MANIFEST).start()
    };
    for count in [3, 1000] {
        let registry = with_layers(count);
        let report = accept(&registry);
        assert_eq!(report["images"][0]["layers"].as_array().unwrap().len(), count);
        let total = report["images"][0]["sizes"]["compressed"].as_u64();
        assert_eq!(total, Some((blob.len() * count) as u64));
        assert_eq!(report["shared"]["compressed_unique"], blob.len());
        assert_eq!(registry.count("GET", &Digest::of(&blob).to_string()), 1);
    }
    let registry = with_layers(1001);
    refuse(&registry, "ceiling", &["1001 layers", "1000", "--limit layers=NUMBER"]);
    let arguments = ["inspect", &registry.reference("team/app:latest"), "--limit", "layers=1001"];
    accepted(&Sandbox::new(), &arguments);
    refuse(&with_layers(10_000), "ceiling", &["10000 layers"]);
}

#[test]
fn descriptors_that_do_not_tell_the_truth_are_refused() {
    let image = image();
    let size = image.config().len() + 1;
    let config = with(descriptor(OCI_CONFIG, &image.config()), json!({"size": size}));
    let wrong = with(manifest(), json!({"config": config}));
    refuse(
        &serving(wrong.to_string(), OCI_MANIFEST),
        "bad_data",
        &["the image config is", &format!("its descriptor says {size}")],
    );
    let layer = descriptor(OCI_CONFIG, &image.layers()[0].blob);
    let wrong = with(manifest(), json!({"config": layer}));
    refuse(&serving(wrong.to_string(), OCI_MANIFEST), "bad_data", &["the image config sha256:"]);
    let huge = with(descriptor(OCI_CONFIG, b"x"), json!({"size": 8_388_609}));
    let wrong = with(manifest(), json!({"config": huge}));
    let registry = serving(wrong.to_string(), OCI_MANIFEST);
    refuse(&registry, "ceiling", &["8388609 bytes", "8388608", "--limit config=SIZE"]);
    let asked = registry.count("*", &Digest::of(b"x").to_string());
    assert_eq!(asked, 0, "{:?}", registry.lines());
    let config = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &image.config());
    let layers = [descriptor(OCI_CONFIG, &image.config())];
    let swapped = with(manifest(), json!({"config": config, "layers": layers}));
    let report = accept(&serving(swapped.to_string(), OCI_MANIFEST));
    assert!(report["warnings"][0].as_str().unwrap().contains("is not an image but"), "{report}");
}

#[test]
fn layers_that_are_no_file_systems_are_sized_alone() {
    let types = [
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.dev.cosign.simplesigning.v1+json",
        "application/spdx+json",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.v1.tar+xz",
        "",
        "not a media type \u{1b}[31m|",
    ];
    for media_type in types {
        let image = Image::new("linux/amd64")
            .layer(Layer::gzip("a 100").media_type(media_type), "COPY a /");
        let report = accept_image(&image);
        let layer = &report["images"][0]["layers"][0];
        assert_eq!(layer["media_type"], media_type);
        assert_eq!(
            (&layer["compressed"], &layer["uncompressed"]),
            (&json!(image.layers()[0].blob.len()), &Value::Null)
        );
    }
    for media_type in
        ["application/vnd.cncf.helm.config.v1+json", "application/vnd.oci.empty.v1+json", ""]
    {
        let config = descriptor(media_type, b"{}");
        let document = with(manifest(), json!({"config": config}));
        let warnings = warnings(&serving(document.to_string(), OCI_MANIFEST));
        assert!(warnings.contains("is not an image but"), "{warnings}");
        assert!(!warnings.contains("but :"), "{warnings}");
    }
}

#[test]
fn a_wrong_compression_in_the_media_type_gives_no_wrong_size() {
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    let page = "<!DOCTYPE html><title>Log in</title>".repeat(9);
    for (layer, what) in [
        (Layer::zstd("a 5000").media_type(gzip), "zstd"),
        (Layer::plain("a 5000").media_type(gzip), "plain"),
        (Layer { blob: page.into(), ..Layer::gzip("a 5000") }, "html"),
        (
            Layer { blob: b"PK\x03\x04 and more of a zip".as_slice().into(), ..Layer::gzip("a 1") },
            "zip",
        ),
    ] {
        let image = Image::new("linux/amd64").layer(layer, "COPY a /");
        let layer = &accept_image(&image)["images"][0]["layers"][0];
        let truth = image.layers()[0].tar.len();
        let uncompressed = &layer["uncompressed"];
        assert!(uncompressed.is_null() || *uncompressed == json!(truth), "{what}: {layer}");
    }
}

#[test]
fn other_places_of_a_layer_are_not_asked() {
    let elsewhere =
        crate::support::Server::start(crate::support::Origin::loopback(5), |_| Reply::ok("x"));
    let mut urls: Vec<String> = (0..1000).map(|n| format!("{}/{n}", elsewhere.url())).collect();
    let hostile = ["file:///etc/passwd", "http://user:pw@169.254.169.254/x", "", "\u{1b}]8;;"];
    urls.extend(hostile.map(str::to_owned));
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let absent = Digest::of(b"absent");
    let layer = json!({"mediaType": foreign, "digest": absent, "size": 1_000_000, "urls": urls});
    let document = with(manifest(), json!({"layers": [layer]}));
    let registry = serving(document.to_string(), OCI_MANIFEST);
    let report = accept(&registry);
    let layer = &report["images"][0]["layers"][0];
    assert_eq!((&layer["foreign"], &layer["compressed"]), (&json!(true), &json!(1_000_000)));
    assert!(report["warnings"].to_string().contains("kept elsewhere"), "{report}");
    assert_eq!(elsewhere.lines(), [""; 0]);
}

#[test]
fn contents_embedded_in_a_descriptor_are_not_believed() {
    for data in ["e30=", "!!! not base64", ""] {
        let config = with(descriptor(OCI_CONFIG, &image().config()), json!({"data": data}));
        let document = with(manifest(), json!({"config": config}));
        let report = accept(&serving(document.to_string(), OCI_MANIFEST));
        assert_eq!(report["images"][0]["history"][0]["instruction"], "COPY motd /etc/");
    }
}

#[test]
fn subjects_are_not_followed() {
    let other = descriptor(OCI_MANIFEST, b"elsewhere");
    let document = with(manifest(), json!({"subject": other}));
    let registry = serving(document.to_string(), OCI_MANIFEST);
    accept(&registry);
    assert_eq!(registry.count("*", &Digest::of(b"elsewhere").to_string()), 0);
    assert_eq!(registry.count("*", "/referrers/"), 0);
}

#[test]
fn documents_that_a_proxy_wrote_anew_are_refused() {
    let digest = image().digest();
    let spaced = serde_json::to_string_pretty(&manifest()).unwrap();
    let registry = Registry::new()
        .put_image("team/app", "latest", &image().bundle())
        .put_manifest("team/app", digest.as_str(), spaced, OCI_MANIFEST)
        .start();
    let by_digest = registry.reference(&format!("team/app@{digest}"));
    let refusal = refused(&Sandbox::new(), &["inspect", &by_digest], "bad_data");
    refusal.says(&["is not the content of", digest.as_str()]);
    refuse(&registry, "bad_data", &["is not the content of", digest.as_str()]);
}

#[test]
fn digest_headers_that_are_none_are_replaced_by_the_real_digest() {
    for text in ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:ABC", "", "\u{e9}", "::set-env x"]
    {
        let header = DigestHeader::Text(text.to_owned());
        let content = Registry::new().put_image("team/app", "latest", &image().bundle());
        let registry = content.digest_header(header).start();
        let report = accept(&registry);
        assert_eq!(report["digest"], image().digest().to_string(), "{text}");
        check_text(&report.to_string());
    }
    let sha512 = format!(
        "sha512:{}",
        hex::encode(<sha2::Sha512 as sha2::Digest>::digest(image().manifest().bytes))
    );
    let header = DigestHeader::Text(sha512.clone());
    let content = Registry::new().put_image("team/app", "latest", &image().bundle());
    assert_eq!(accept(&content.digest_header(header).start())["digest"], sha512);
}

#[test]
fn a_web_page_instead_of_a_document_is_told_apart() {
    let page = "<html><body>Please log in</body></html>";
    for media_type in ["text/html", "application/json", OCI_MANIFEST] {
        refuse(&serving(page, media_type), "bad_data", &["an HTML page"]);
    }
    let config = image().config();
    let path = format!("/v2/team/app/blobs/{}", Digest::of(&config));
    let registry = serving(manifest().to_string(), OCI_MANIFEST);
    registry.script_forever(
        "GET",
        &path,
        vec![Reply::ok(page).header("Content-Type", "text/html")],
    );
    refuse(&registry, "bad_data", &["the image config", "an HTML page"]);
}

#[test]
fn tags_that_move_and_manifests_that_vanish_leave_one_whole_answer() {
    let (first, second) = (image(), image().label("moved", "yes"));
    let bundles: [Bundle; 2] = [first.bundle(), second.bundle()];
    let registry = Registry::new()
        .put_image("team/app", "old", &bundles[0])
        .put_image("team/app", "latest", &bundles[1])
        .start();
    // The HEAD of a later run tells one digest, and the tag has moved on when it is read.
    let sandbox = Sandbox::new();
    let reference = registry.reference("team/app:latest");
    let report = accepted(&sandbox, &["inspect", &reference]);
    assert_eq!(report["digest"], second.digest().to_string());
    let moved = Reply::pass().header("Docker-Content-Digest", first.digest().as_str());
    registry.script("HEAD", PATH, vec![moved]);
    let report = accepted(&sandbox, &["inspect", &reference]);
    assert_eq!(report["digest"], first.digest().to_string());
    assert_eq!(report["images"][0]["labels"], json!({}));
    registry.update(|content| content.remove("team/app", first.digest().as_str()));
    let gone = Reply::pass().header("Docker-Content-Digest", first.digest().as_str());
    registry.script("HEAD", PATH, vec![gone]);
    let fresh = accepted(&Sandbox::new(), &["inspect", &reference]);
    assert_eq!(fresh["digest"], second.digest().to_string());
}
