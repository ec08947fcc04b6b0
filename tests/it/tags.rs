//! The tags of a repository: what is asked of the registry, and what is said of its images.

use serde_json::{Value, json};

use crate::support::registry::RunningRegistry;
use crate::support::{
    Image, Index, Layer, RealRegistry, Registry, Reply, Sandbox, accepted, refused,
};

const LIST: &str = "/v2/team/app/tags/list";

/// An image of `date` with one layer for each name, from its content.
fn image(date: &str, layers: &[&str]) -> Image {
    let add = |image: Image, name: &&str| {
        image.layer(Layer::gzip(&format!("srv/{name} 4000")), "COPY . /srv")
    };
    layers.iter().fold(Image::new("linux/amd64"), add).created(&format!("{date}T00:00:00Z"))
}

fn sizes(image: &Image) -> Vec<u64> {
    image.layers().iter().map(|layer| layer.blob.len() as u64).collect()
}

/// A registry with five images that are tagged 1.0 to 1.4, each with a layer of its own.
fn five() -> Registry {
    (0..5).fold(Registry::new(), |registry, minor| {
        let own = format!("own{minor}");
        let image = image(&format!("2024-0{}-01", minor + 1), &["base", &own]);
        registry.put_image("team/app", &format!("1.{minor}"), &image.bundle())
    })
}

fn arguments<'a>(repository: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    [&["tags", repository, "--platform", "linux/amd64"], options].concat()
}

fn found(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Value {
    let repository = registry.reference("team/app");
    accepted(sandbox, &arguments(&repository, options))
}

/// The document of a run that could not find out all.
fn doubtful(sandbox: &Sandbox, registry: &RunningRegistry, options: &[&str]) -> Value {
    let repository = registry.reference("team/app");
    let output = sandbox.run(&arguments(&repository, &[options, &["--format", "json"]].concat()));
    assert_eq!(output.code, Some(2), "{output}");
    output.json()
}

fn tags(document: &Value) -> Vec<Vec<&str>> {
    let groups = document["groups"].as_array().unwrap();
    groups
        .iter()
        .map(|group| group["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect())
        .collect()
}

#[test]
fn a_listing_tells_of_each_page_to_those_who_watch() {
    let (registry, sandbox) = (five().page_size(2).start(), Sandbox::new());
    let repository = registry.reference("team/app");
    let quiet = sandbox.run(&arguments(&repository, &[]));
    assert_eq!((quiet.code, quiet.stderr.contains("tags")), (Some(0), false), "{quiet}");
    let output = sandbox.run(&arguments(&repository, &["--verbose"]));
    let pages = output.stderr.matches("2 tags more on this page").count();
    let last = output.stderr.matches("1 tag more on this page").count();
    assert_eq!((output.code, pages, last), (Some(0), 2, 1), "{output}");
}

#[test]
fn images_are_told_newest_first_with_what_they_share() {
    let (old, new) = (image("2024-01-01", &["a", "b"]), image("2024-02-01", &["a", "c", "d"]));
    let registry = Registry::new()
        .put_image("team/app", "9.0", &old.bundle())
        .put_image("team/app", "2.0", &new.bundle())
        .put_tags("team/app", "2.0", &["2", "latest"])
        .start();
    let sandbox = Sandbox::new();
    let document = found(&sandbox, &registry, &[]);
    let ([a, b], [_, c, d]) =
        (sizes(&old)[..].try_into().unwrap(), sizes(&new)[..].try_into().unwrap());
    let (a, b, c, d): (u64, u64, u64, u64) = (a, b, c, d);
    assert_eq!(tags(&document), [vec!["latest", "2.0", "2"], vec!["9.0"]]);
    let groups = &document["groups"];
    assert_eq!(groups[0]["own"], c + d);
    assert_eq!(groups[1]["own"], b);
    assert_eq!(groups[0]["digest"], new.digest().to_string());
    assert_eq!(groups[0]["images"][0]["compressed"], a + c + d);
    assert_eq!(
        groups[0]["images"][0]["next_pull"],
        json!({"after": "9.0", "layers": 2, "compressed": c + d})
    );
    assert_eq!(groups[1]["images"][0]["next_pull"], Value::Null);
    let totals = json!({"compressed": a * 2 + b + c + d, "unique": a + b + c + d, "shared": a});
    assert_eq!(document["totals"], totals);
    assert_eq!(document["pulls"], 2);
}

#[test]
fn a_second_run_with_nothing_new_asks_for_no_document() {
    let registry = five().put_tags("team/app", "1.4", &["latest"]).start();
    let sandbox = Sandbox::new();
    let first = found(&sandbox, &registry, &[]);
    let count = |method: &str, part: &str| registry.count(method, part);
    assert_eq!(count("GET", LIST), 1);
    assert_eq!((count("HEAD", "/manifests/"), count("GET", "/manifests/")), (6, 5));
    assert_eq!(count("GET", "/blobs/"), 5, "configs, and no layer");
    let before = registry.lines().len();
    let second = found(&sandbox, &registry, &[]);
    let mut lines = registry.lines()[before..].to_vec();
    lines.sort();
    let names = ["1.0", "1.1", "1.2", "1.3", "1.4", "latest"];
    let heads = names.iter().map(|tag| format!("HEAD /v2/team/app/manifests/{tag}"));
    let expected: Vec<String> = [format!("GET {LIST}")].into_iter().chain(heads).collect();
    assert_eq!(lines, expected);
    assert_eq!((&first["groups"], &first["totals"]), (&second["groups"], &second["totals"]));
    assert_eq!((&first["pulls"], &second["pulls"]), (&json!(5), &json!(0)));
}

#[test]
fn only_what_is_meant_is_asked_for() {
    let registry = five().put_tags("team/app", "1.4", &["latest", "edge", "1.4-alpine"]).start();
    let sandbox = Sandbox::new();
    let check = |options: &[&str], expected: &[&[&str]]| {
        let before = registry.count("HEAD", "");
        let document = found(&sandbox, &registry, options);
        assert_eq!(tags(&document), expected, "{options:?}");
        let asked: usize = expected.iter().map(|group| group.len()).sum();
        assert_eq!(registry.count("HEAD", "") - before, asked, "{options:?}");
    };
    check(&["--match", "1.*", "--exclude", "*-alpine", "--newest", "2"], &[&["1.4"], &["1.3"]]);
    check(&["--semver", ">=1.3, <2"], &[&["1.4"], &["1.3"]]);
    check(&["--regex", "^(latest|edge)$"], &[&["latest", "edge"]]);
    check(&["--match", "*e*", "--match", "1.0"], &[&["latest", "1.4-alpine", "edge"], &["1.0"]]);
    check(&["--all", "--match", "1.", "--match", "1.2"], &[&["1.2"]]);
    let repository = registry.reference("team/app");
    let none = arguments(&repository, &["--match", "2.*"]);
    refused(&sandbox, &none, "not_found").says(&["none of the 8 tags", "there are 1.0, 1.1"]);
}

#[test]
fn one_tag_that_fails_stops_no_other() {
    let broken = image("2024-07-01", &["broken"]);
    let listing = json!({"tags": ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "ghost"]});
    let manifest = format!("/v2/team/app/manifests/{}", broken.digest());
    let registry = five()
        .put_image("team/app", "1.5", &broken.bundle())
        .script("GET", LIST, vec![Reply::json(200, &listing)])
        .forever()
        .script("GET", &manifest, vec![Reply::ok("{")])
        .forever()
        .start();
    let document = doubtful(&Sandbox::new(), &registry, &[]);
    assert_eq!(tags(&document).len(), 5);
    assert_eq!(document["unread"].as_array().unwrap().len(), 2);
    let of = |tag: &str| {
        let unread = document["unread"].as_array().unwrap();
        unread.iter().find(|unread| unread["tags"] == json!([tag])).unwrap().clone()
    };
    assert_eq!(of("1.5")["error"]["kind"], "bad_data");
    assert_eq!(of("ghost")["error"]["kind"], "not_found");
    assert_eq!(of("ghost")["state"], "failed");
    assert_eq!(registry.count("HEAD", ""), 7, "one missing tag does not end the asking by HEAD");
}

#[test]
fn pulls_are_left_for_others() {
    let check = |remaining: u64, reserve: &str, read: usize| {
        let registry = five().rate_limit_headers(100, remaining, 21600, "192.0.2.1").start();
        let document = doubtful(&Sandbox::new(), &registry, &["--reserve", reserve]);
        assert_eq!(registry.count("GET", "/manifests/"), read, "{remaining} {reserve}");
        assert_eq!(tags(&document).len(), read);
        assert_eq!(tags(&document)[..read.min(1)], [vec!["1.4"]][..read.min(1)]);
        assert_eq!(document["rate_limit"]["remaining"], remaining - read as u64);
        let unread = document["unread"].as_array().unwrap();
        assert_eq!(unread.len(), 5 - read);
        assert!(unread.iter().all(|unread| unread["state"] == "left_out"), "{document}");
        assert_eq!(document["totals"]["compressed"] == 0, read == 0);
    };
    check(14, "12", 2);
    check(2, "0", 2);
    check(9, "10", 0);
    let enough = five().rate_limit_headers(100, 15, 21600, "192.0.2.1").start();
    assert_eq!(tags(&found(&Sandbox::new(), &enough, &[])).len(), 5);
}

#[test]
fn a_registry_that_refuses_for_the_rate_is_left_alone() {
    let registry = five().rate_limit_headers(100, 0, 21600, "192.0.2.1");
    let registry = registry.no_head(405).start();
    let document = doubtful(&Sandbox::new(), &registry, &["--retries", "0", "--reserve", "0"]);
    assert_eq!(tags(&document).len(), 0);
    let unread = document["unread"].as_array().unwrap();
    assert!(unread.iter().all(|unread| unread["error"]["kind"] == "rate_limited"), "{document}");
}

#[test]
fn a_registry_without_head_is_asked_by_get() {
    for status in [404, 405] {
        let registry = five().no_head(status).start();
        let document = found(&Sandbox::new(), &registry, &[]);
        assert_eq!(tags(&document).len(), 5, "{status}");
        assert_eq!(registry.count("GET", "/manifests/"), 5, "{status}");
    }
}

#[test]
fn platforms_are_read_as_far_as_they_are_asked_for() {
    let image = |platform: &str, name: &str| {
        Image::new(platform).layer(Layer::gzip(&format!("{name} 900")), "COPY . /")
    };
    let index = |name: &str| {
        let arm = image("linux/arm64", &format!("arm{name}"));
        Index::new().image(&image("linux/amd64", name)).image(&arm).bundle()
    };
    let content = Registry::new().put_image("team/app", "2", &index("b")).put_image(
        "team/app",
        "1",
        &index("a"),
    );
    let check = |options: &[&str], platforms: &[&str], manifests: usize| {
        let registry = content.clone().start();
        let repository = registry.reference("team/app");
        let arguments = [&["tags", &repository], options].concat();
        let document = accepted(&Sandbox::new(), &arguments);
        for group in document["groups"].as_array().unwrap() {
            let images = group["images"].as_array().unwrap();
            let found: Vec<_> = images.iter().map(|image| image["platform"].as_str()).collect();
            let expected: Vec<_> = platforms.iter().map(|name| Some(*name)).collect();
            assert_eq!(found, expected, "{options:?}");
        }
        assert_eq!(registry.count("GET", "/manifests/"), manifests, "{options:?}");
    };
    check(&["--platform", "linux/arm64"], &["linux/arm64"], 4);
    check(&["--all-platforms"], &["linux/amd64", "linux/arm64"], 6);
    let registry = content.start();
    let repository = registry.reference("team/app");
    let other = ["tags", &repository, "--platform", "linux/s390x", "--format", "json"];
    let output = Sandbox::new().run(&other);
    assert_eq!(output.code, Some(2), "{output}");
    let document = output.json();
    let unread = document["unread"].as_array().unwrap();
    assert!(unread.iter().all(|unread| unread["error"]["kind"] == "not_found"), "{document}");
}

#[test]
fn what_is_wrong_with_the_arguments_is_said_before_a_registry_is_asked() {
    let registry = five().start();
    let repository = registry.reference("team/app");
    let check = |options: &[&str], words: &[&str]| {
        let command = [&["tags"], options].concat();
        refused(&Sandbox::new(), &command, "usage").says(words);
    };
    let tagged = format!("{repository}:1.0");
    check(&[&tagged], &["about a repository", "tags 127.0.0.", "--match '1.0'"]);
    check(&[&repository, "--match", "1.?"], &["no tag has '?'"]);
    check(&[&repository, "--regex", "("], &["no regular expression", "unclosed group"]);
    check(&[&repository, "--semver", ">=1 <2"], &["no range of versions", "expected comma"]);
    assert_eq!(registry.lines(), Vec::<String>::new());
}

#[test]
fn a_listing_that_lies_is_told() {
    let registry = |replies: Vec<Reply>| five().script("GET", LIST, replies).forever().start();
    let is_refused = |reply: Reply, kind: &str, words: &[&str]| {
        let registry = registry(vec![reply]);
        let repository = registry.reference("team/app");
        refused(&Sandbox::new(), &arguments(&repository, &[]), kind).says(words);
    };
    let is_doubtful = |replies: Vec<Reply>, words: &[&str]| {
        let document = doubtful(&Sandbox::new(), &registry(replies), &["--retries", "0"]);
        let why = document["tags"]["incomplete"].as_str().unwrap_or_default();
        assert!(words.iter().all(|word| why.contains(word)), "{why}: {words:?}");
        assert_eq!(tags(&document), [["1.0"]], "{document}");
    };
    let page = |tags: Value| Reply::json(200, &json!({"tags": tags}));
    let more = |url: &str| page(json!(["1.0"])).header("Link", format!("<{url}>; rel=\"next\""));
    is_refused(page(Value::Null), "not_found", &["has no tags"]);
    let names = page(json!(["\u{1b}[31m", "a b"]));
    is_refused(names, "not_found", &["2 names", "none is a valid"]);
    is_refused(Reply::ok(&b"{\"tags\": [\"\xff\"]}"[..]), "bad_data", &["cannot be read"]);
    is_doubtful(vec![more("https://stranger.example/")], &["on another server"]);
    is_doubtful(vec![more(LIST)], &["in a circle"]);
    is_doubtful(vec![more("?last=1.0"), more("?last=1.1")], &["repeat what was listed"]);
    let twice = page(json!(["1.0", "1.0"])).header("Link", "<?last=1.0>; rel=\"next\"");
    is_doubtful(vec![twice, Reply::status(500)], &["broke off", "500"]);
    let registry = registry(vec![page(json!(["1.0", "1.0", "\u{202e}x"]))]);
    let document = found(&Sandbox::new(), &registry, &[]);
    assert_eq!((tags(&document), &document["tags"]["invalid"]), (vec![vec!["1.0"]], &json!(1)));
}

#[test]
fn a_list_of_many_tags_costs_only_those_that_are_read() {
    let few = ["1.0", "1.1"].map(str::to_owned);
    let names: Vec<String> = (0..100_000).map(|minor| format!("0.{minor}")).chain(few).collect();
    let listing = json!({"tags": names});
    let registry = five().script("GET", LIST, vec![Reply::json(200, &listing)]).forever().start();
    let document = found(&Sandbox::new(), &registry, &["--newest", "2"]);
    assert_eq!(tags(&document), [["1.1"], ["1.0"]]);
    assert_eq!(
        (&document["tags"]["fitting"], &document["tags"]["beyond"]),
        (&json!(100_002), &json!(100_000))
    );
    assert_eq!(registry.count("HEAD", ""), 2);
}

#[test]
fn images_in_a_real_registry_are_what_was_pushed() {
    let registry = RealRegistry::start();
    let (old, new) = (image("2024-01-01", &["a", "b"]), image("2024-02-01", &["a", "c"]));
    registry.push("team/app", "1.0", &old.bundle());
    registry.push("team/app", "1.1", &new.bundle());
    registry.push("team/app", "latest", &new.bundle());
    let repository = registry.reference("team/app");
    let document = accepted(&Sandbox::new(), &arguments(&repository, &["--semver", ">=1"]));
    assert_eq!(tags(&document), [["1.1"], ["1.0"]]);
    let layers: u64 = sizes(&new).iter().sum();
    assert_eq!(document["groups"][0]["images"][0]["compressed"], layers);
    assert_eq!(document["groups"][0]["images"][0]["next_pull"]["compressed"], sizes(&new)[1]);
    assert_eq!(document["tags"]["listed"], 3);
    let output = Sandbox::new().run(&["tags", &repository, "--width", "100"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("latest, 1.1  2024-02-01"), "{output}");
}
