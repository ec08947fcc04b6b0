//! Text of others in every place where a report or message shows it: nothing of it may move a
//! cursor, hide, break a table, open a formula or command a CI system.

use serde_json::json;

use crate::support::image::{OCI_INDEX, OCI_MANIFEST, with};
use crate::support::{
    Image, Index, Layer, Provenance, Registry, Reply, Sandbox, check_text, refused,
};

const HOSTILE: [&str; 5] = [
    "\u{1b}[31mred\u{1b}]8;;https://evil.example\u{7}\u{9b}2J\u{7f}\u{85}\u{0}\u{202e}\u{200b}\u{2028}",
    "x\nbreak\r\n::add-mask::x\n##[error]y\n##vso[task.complete]z\t",
    "::set-env name=PATH::/evil",
    "=cmd|' /C calc'!A0|b\\|c | d",
    "<script>alert(1)</script><!-- --> ![x](http://evil.example) `t` [y](javascript:alert(1)) @team #12",
];

/// What a header can hold of it.
const HEADERS: [&str; 4] = [
    "\u{9b}2J\u{202e}\u{200b}\u{2028}",
    "::set-env name=PATH::/evil",
    "##[error]x",
    "=cmd|<script>",
];

const FORMATS: [&str; 4] = ["terminal", "markdown", "csv", "json"];

/// An image with `text` in each place where an image can have it.
fn image(text: &str) -> Image {
    Image::new("linux/amd64")
        .layer(Layer::gzip("a 100").annotation(text, text), text)
        .layer(Layer::gzip("b 100").media_type(text), &format!("RUN {text}"))
        .history(json!({
            "created_by": text, "comment": text, "author": text, "created": text, "empty_layer": true,
        }))
        .label(text, text)
        .label("org.opencontainers.image.ref.name", "ubuntu")
        .label("org.opencontainers.image.version", text)
        .label("org.opencontainers.image.base.name", text)
        .annotations(&json!({text: text, "org.opencontainers.image.base.name": text}))
        .change_config(json!({"architecture": text, "variant": text, "os.version": text}))
}

/// An index with `text` in each place where an index can have it.
fn index(text: &str) -> Index {
    let image = image(text);
    let platform = json!({"os": text, "architecture": text, "variant": text, "os.version": text});
    let hostile = with(image.manifest().descriptor(), json!({"platform": platform}));
    let artifact = with(
        image.manifest().descriptor(),
        json!({"digest": regsize::oci::Digest::of(text.as_bytes()), "artifactType": text}),
    );
    let good = Image::new("linux/amd64").layer(Layer::gzip("c 100"), "COPY c /");
    let provenance = Provenance::new(&format!("FROM scratch\nRUN {text}\n"));
    Index::new()
        .entry(hostile)
        .entry(artifact)
        .image(&good)
        .attestation(&good, &provenance.statement(&good))
        .change(json!({"annotations": {text: text}}))
}

/// Runs in all formats, alone and beside itself, with all that is printed checked.
fn check(sandbox: &Sandbox, reference: &str, options: &[&str]) {
    for format in FORMATS {
        for references in [&[reference][..], &[reference, reference]] {
            let arguments = [&["inspect", "--format", format], references, options].concat();
            let output = sandbox.run(&arguments);
            assert_eq!(output.code, Some(0), "{arguments:?}: {output}");
            check_text(&output.stdout);
            check_text(&output.stderr);
            match format {
                "csv" => check_csv(&output.stdout),
                "markdown" => check_markdown(&output.stdout),
                "json" => drop(output.json()),
                _ => {}
            }
        }
    }
}

pub(crate) fn check_csv(text: &str) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for record in reader.records() {
        for field in &record.unwrap() {
            assert!(
                !field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']),
                "{field:?} in {text}"
            );
        }
    }
}

pub(crate) fn check_markdown(text: &str) {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for event in Parser::new_ext(text, options) {
        let bad = match &event {
            Event::InlineHtml(html) => !["<code>", "</code>"].contains(&&**html),
            Event::Html(_) => true,
            Event::Start(Tag::Link { dest_url, .. }) => !is_own_link(dest_url),
            Event::Start(tag) => matches!(tag, Tag::Image { .. } | Tag::HtmlBlock),
            _ => false,
        };
        assert!(!bad, "{event:?} in {text}");
    }
}

/// Whether a rule tells to read the page.
fn is_own_link(url: &str) -> bool {
    regsize::rule::rules().iter().any(|rule| rule.links.contains(&url))
}

#[test]
fn images_cannot_speak_through_the_report() {
    for text in HOSTILE {
        let registry = Registry::new().put_image("team/app", "latest", &image(text).bundle());
        let registry = registry.start();
        let sandbox = Sandbox::new();
        let reference = registry.reference("team/app:latest");
        check(&sandbox, &reference, &["--no-base"]);
        let history = ["inspect", &reference, "--history", "--verbose"];
        let output = sandbox.run(&history);
        assert_eq!(output.code, Some(0), "{output}");
        check_text(&output.stdout);
        check_text(&output.stderr);
    }
}

#[test]
fn indexes_cannot_speak_through_the_report() {
    for text in HOSTILE {
        let registry = Registry::new()
            .put_image("team/app", "parts", &image(text).bundle())
            .put_image("team/app", "latest", &index(text).bundle())
            .start();
        let reference = registry.reference("team/app:latest");
        let sandbox = Sandbox::new();
        check(&sandbox, &reference, &["--all-platforms"]);
        let asked = ["inspect", &reference, "--platform", "linux/s390x"];
        refused(&sandbox, &asked, "not_found").says(&["it is published for"]);
    }
}

#[test]
fn texts_survive_in_json_as_they_were() {
    for text in HOSTILE {
        let registry = Registry::new().put_image("team/app", "latest", &image(text).bundle());
        let registry = registry.start();
        let reference = registry.reference("team/app:latest");
        let report = Sandbox::new().run(&["inspect", &reference, "--format", "json"]).json();
        assert_eq!(report["images"][0]["labels"][text], text);
        assert_eq!(report["images"][0]["history"][2]["comment"], text);
    }
}

#[test]
fn registries_cannot_speak_through_errors() {
    for text in HOSTILE {
        let json_error = Reply::error(403, text, text);
        let plain = Reply::status(500).header("Content-Type", "text/plain").body(text);
        let missing = Reply::error(404, text, text);
        let teapot = Reply::status(418).body(text);
        for (reply, kind) in
            [(json_error, "auth"), (plain, "network"), (missing, "not_found"), (teapot, "network")]
        {
            let registry =
                Registry::new().script("*", "/v2/team/app/manifests/latest", vec![reply]);
            let registry = registry.forever().start();
            let reference = registry.reference("team/app:latest");
            refused(&Sandbox::new(), &["inspect", &reference, "--retries", "0", "-v"], kind);
        }
    }
}

#[test]
fn registries_cannot_speak_through_headers() {
    let image = Image::new("linux/amd64").layer(Layer::gzip("a 100"), "COPY a /");
    for text in HEADERS {
        let reply = Reply::pass()
            .header("Warning", format!("299 - \"{text}\""))
            .header("Docker-RateLimit-Source", text)
            .header("RateLimit-Limit", "100;w=60")
            .header("RateLimit-Remaining", "9;w=60");
        let registry = Registry::new()
            .put_image("team/app", "latest", &image.bundle())
            .script("GET", "/v2/team/app/manifests/latest", vec![reply])
            .forever()
            .start();
        let reference = registry.reference("team/app:latest");
        for format in FORMATS {
            let output = Sandbox::new().run(&["inspect", &reference, "--format", format, "-v"]);
            assert_eq!(output.code, Some(0), "{output}");
            check_text(&output.stdout);
            check_text(&output.stderr);
        }
        let page = Reply::ok("<html>").header("Content-Type", format!("text/html; {text}"));
        registry.script_forever("GET", "/v2/team/app/manifests/other", vec![page]);
        let other = registry.reference("team/app:other");
        refused(&Sandbox::new(), &["inspect", &other], "bad_data");
        let away = Reply::status(307).header("Location", format!("http://evil.example/{text}"));
        registry.script_forever("GET", "/v2/team/app/manifests/away", vec![away]);
        let away = registry.reference("team/app:away");
        let output = Sandbox::new().run(&["inspect", &away, "--retries", "0"]);
        assert_eq!(output.code, Some(2), "{output}");
        check_text(&output.stderr);
    }
}

#[test]
fn names_of_tags_are_shown_only_if_they_are_tags() {
    let registry = Registry::new().start();
    let names: Vec<&str> =
        HOSTILE.into_iter().chain(["1.1", "1.2", "1.1", "-x", "", "1.0"]).collect();
    let path = "/v2/team/app/tags/list";
    let list = |body: serde_json::Value| {
        registry.script("GET", path, vec![Reply::json(200, &body), Reply::json(200, &body)]);
        let reference = registry.reference("team/app:1.3");
        refused(&Sandbox::new(), &["inspect", &reference], "not_found")
    };
    let refusal = list(json!({"name": "team/app", "tags": names}));
    refusal.says(&["among its 3 tags are 1.0, 1.1, 1.2"]);
    for empty in [json!({"tags": null}), json!({}), json!({"tags": []})] {
        list(empty).says(&["the repository has no tags"]);
    }
    list(json!({"tags": ["\u{1b}[31m", "::set-env"]})).says(&["has no tag"]);
    for odd in [json!({"tags": "x"}), json!({"tags": [7]}), json!([]), json!(null)] {
        list(odd).says(&["team/app:1.3"]);
    }
}

#[test]
fn documents_cannot_speak_through_their_errors() {
    for text in HOSTILE {
        let good = Image::new("linux/amd64");
        let key = json!({"annotations": {text: 1}});
        let digest = json!({"layers": [{"mediaType": "x", "digest": text, "size": 1}]});
        let media_type = json!({"mediaType": OCI_INDEX, "artifactType": text, "config": text});
        for change in [key, digest, media_type] {
            let bundle = good.clone().change_manifest(change).bundle();
            let registry = Registry::new().put_image("team/app", "latest", &bundle).start();
            let reference = registry.reference("team/app:latest");
            refused(&Sandbox::new(), &["inspect", &reference], "bad_data");
        }
        let manifest = String::from_utf8(good.manifest().bytes.to_vec()).unwrap();
        let key = serde_json::to_string(text).unwrap();
        let repeated = manifest.replacen('{', &format!("{{{key}:1,{key}:2,"), 1);
        let registry = Registry::new()
            .put_image("team/app", "parts", &good.bundle())
            .put_manifest("team/app", "latest", repeated, OCI_MANIFEST)
            .start();
        let output = Sandbox::new().run(&["inspect", &registry.reference("team/app:latest")]);
        assert_eq!(output.code, Some(0), "{output}");
        check_text(&output.stdout);
    }
}
