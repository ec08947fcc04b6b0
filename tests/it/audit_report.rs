//! What a history says over a time: what moved, when and why, without a registry.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::OnceLock;

use regsize::history::{Access, BreachState, New, Place, Question, RunState, Store, Target};
use regsize::snapshot::{self, Snapshot};
use serde_json::Value;

use crate::history::{Spot, day, run};
use crate::support::registry::RunningRegistry;
use crate::support::sandbox::Output;
use crate::support::{Image, Layer, Registry, Sandbox};

pub(crate) const REPOSITORY: &str = "registry.example/team/app";
const PLATFORM: &str = "linux/amd64";

const LISTS: &str = "var/lib/apt/lists/main 3000000 seed=lists\n usr/bin/jq 20000 seed=jq";
const JQ: &str = "usr/bin/jq 20000 seed=jq";

fn base() -> Image {
    let layer = Layer::gzip("etc/passwd 700\n usr/lib/libc.so 40000 seed=libc");
    Image::new(PLATFORM).layer(layer, "ADD rootfs.tar / # base")
}

fn app(image: Image, bytes: u32) -> Image {
    let layer = Layer::gzip(&format!("srv/app/main {bytes} seed=app{bytes}"));
    image.layer(layer, "COPY app /srv # buildkit")
}

/// The builds of a nightly tag.
fn builds() -> [Image; 4] {
    let jq = |files: &str, command: &str| base().layer(Layer::gzip(files), command);
    let careless = || jq(LISTS, "RUN apt-get install -y jq # buildkit");
    let tidy = jq(JQ, "RUN apt-get install -y jq && rm -r /var/lib/apt/lists/* # buildkit");
    [app(base(), 300_000), app(careless(), 300_000), app(careless(), 340_000), app(tidy, 340_000)]
}

/// What is known of the builds, and of a release; read once for all tests.
fn images() -> [Snapshot; 5] {
    static READ: OnceLock<[Snapshot; 5]> = OnceLock::new();
    let read_all = || {
        let sandbox = Sandbox::new();
        let [first, lists, larger, tidy] = builds();
        [first, lists, larger, tidy, app(base(), 200_000)].map(|image| read(&sandbox, &image))
    };
    READ.get_or_init(read_all).clone()
}

/// What is known of an image, as if it were in the repository of the month.
fn read(sandbox: &Sandbox, image: &Image) -> Snapshot {
    let registry = Registry::new().put_image("team/app", "latest", &image.bundle()).start();
    let reference = registry.reference("team/app:latest");
    let output = sandbox.run(&["analyze", &reference, "--format", "json"]);
    assert_eq!(output.code, Some(0), "{output}");
    let mut snapshots = snapshot::read(output.stdout.as_bytes()).unwrap();
    Snapshot { reference: format!("{REPOSITORY}:latest"), ..snapshots.remove(0) }
}

fn target(tag: &str) -> Target {
    let (tag, platform) = (tag.to_owned(), PLATFORM.to_owned());
    Target { repository: REPOSITORY.to_owned(), tag, platform }
}

fn store(sandbox: &Sandbox) -> String {
    sandbox.path("history.sqlite").display().to_string()
}

/// Appends news to the history of the sandbox, one transaction each.
pub(crate) fn append(sandbox: &Sandbox, news: &[New]) {
    run(async {
        let place = Place::file(sandbox.path("history.sqlite"));
        let mut store = Store::open(&place, Access::Write).await.unwrap();
        for new in news {
            store.append(std::slice::from_ref(new)).await.unwrap();
        }
        store.close().await.unwrap();
    });
}

/// A month: a tag that moves, one that stays, one that goes, and one that cannot be read.
pub(crate) fn month() -> Sandbox {
    let sandbox = Sandbox::new();
    let [first, lists, larger, tidy, release] = images();
    let seen =
        |tag: &str, at, image: &Snapshot| New::image(REPOSITORY, tag, day(at), image).unwrap();
    let failed = New::Failed {
        target: Target { platform: String::new(), ..target("broken") },
        at: day(11),
        kind: "not found".to_owned(),
        message: "there is no such tag".to_owned(),
    };
    let breach = New::Breach {
        target: target("nightly"),
        at: day(3),
        rule: "max-compressed".to_owned(),
        state: BreachState::Opened("compressed 3.36 MB is more than 1 MB".to_owned()),
    };
    append(
        &sandbox,
        &[
            seen("nightly", 0, &first),
            seen("1.0", 0, &release),
            seen("old", 1, &first),
            seen("nightly", 3, &lists),
            breach,
            seen("old", 4, &release),
            New::Gone { target: target("old"), at: day(5) },
            seen("nightly", 7, &larger),
            seen("nightly", 9, &tidy),
            failed,
        ],
    );
    sandbox
}

fn audit(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.run(&[&["audit"], arguments, &["--store", &store(sandbox)]].concat())
}

fn report(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let output = audit(sandbox, &[&["report"], arguments].concat());
    assert_eq!(output.code, Some(0), "{output}");
    output.stdout
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let text = report(sandbox, &[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&text).unwrap()
}

fn of_tag<'a>(report: &'a Value, tag: &str) -> &'a Value {
    let targets = report["targets"].as_array().unwrap();
    targets.iter().find(|target| target["tag"] == tag).unwrap_or_else(|| panic!("{report}"))
}

fn sum<'a>(values: impl IntoIterator<Item = &'a Value>, measure: &str) -> i64 {
    values.into_iter().filter_map(|value| value[measure].as_i64()).sum()
}

/// What moved is the sum of the changes, and each change that of what made it.
fn check_sums(report: &Value) -> usize {
    let mut checked = 0;
    for target in report["targets"].as_array().unwrap() {
        let points = target["points"].as_array().unwrap();
        let changes = || points.iter().map(|point| &point["change"]);
        for measure in ["compressed", "content"] {
            if let Some(total) = target["total"][measure].as_i64() {
                assert_eq!(sum(changes(), measure), total, "{target}");
            }
            for point in points.iter().filter(|point| !point["why"].is_null()) {
                let why = &point["why"];
                let causes = why["causes"].as_array().unwrap();
                let causes = causes.iter().map(|cause| &cause["change"]);
                let parts = causes.chain([&why["rest"], &why["others"]["change"]]);
                assert_eq!(sum(parts, measure), sum([&point["change"]], measure), "{point}");
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn a_month_is_told_with_days_steps_and_causes() {
    let sandbox = month();
    let text = report(&sandbox, &["--since", "2023-11-01", "--format", "markdown"]);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    insta::assert_snapshot!(text.replace(&today, "TODAY"));
}

#[test]
fn every_format_tells_the_same() {
    let sandbox = month();
    let since = ["--since", "2023-11-01"];
    let found = json(&sandbox, &since);
    assert_eq!(found["schema"], "regsize.audit/1");
    assert_eq!(check_sums(&found), 8);
    let points = |tag| of_tag(&found, tag)["points"].as_array().map(Vec::len);
    assert_eq!(["nightly", "1.0", "old", "broken"].map(points), [4, 1, 2, 0].map(Some));
    assert_eq!(found["breaches"][0]["rule"], "max-compressed");
    let why = &of_tag(&found, "nightly")["points"][1]["why"]["causes"][0];
    assert_eq!(why["text"], "new step 2 adds /var/lib/apt/lists/main");
    assert_eq!(why["instruction"], "RUN apt-get install -y jq");
    let finding = &of_tag(&found, "nightly")["findings"][0];
    assert_eq!(finding["rule"], "cache-apt-lists", "{found}");
    assert!(finding["opened"].as_str().unwrap().starts_with("2023-11-17"), "{finding}");
    assert!(finding["closed"].as_str().unwrap().starts_with("2023-11-23"), "{finding}");
    let csv = report(&sandbox, &[&since[..], &["--format", "csv"]].concat());
    assert_eq!(csv.lines().count(), 1 + 4 + 1 + 2 + 1);
    let text = report(&sandbox, &since);
    assert!(text.contains("apt-get install -y jq") && text.contains("2023-11-17"), "{text}");
    let page = report(&sandbox, &[&since[..], &["--format", "html"]].concat());
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(page.contains("<svg class=\"chart\"") && page.contains("apt-get install -y jq"));
}

#[test]
fn tags_that_are_recorded_again_and_again_add_up() {
    let registry: RunningRegistry = Registry::new().start();
    let sandbox = Sandbox::new();
    let latest = registry.reference("team/app:latest");
    for (at, image) in builds().iter().enumerate() {
        registry.update(|registry| registry.put_image("team/app", "latest", &image.bundle()));
        // The layers of the first are read later: the image is the same.
        let first: &[&str] = if at == 0 { &["--manifest-only"] } else { &[] };
        for options in [first, &[]] {
            let output = audit(&sandbox, &[&["record", latest.as_str()], options].concat());
            assert_eq!(output.code, Some(0), "{output}");
        }
    }
    let found = json(&sandbox, &[&latest]);
    assert_eq!(check_sums(&found), 6);
    let points = found["targets"][0]["points"].as_array().unwrap();
    assert_eq!(points.len(), 4, "{found}");
    assert_eq!(points[0]["content"], 340_700);
    assert_eq!(json(&sandbox, &[])["targets"], found["targets"]);
}

#[test]
fn a_report_begins_with_what_was_there() {
    let sandbox = month();
    let first = builds()[0].digest().to_string();
    let spoil = format!("UPDATE snapshot SET json = x'00' WHERE hex(image) = upper('{first}')");
    let spoil = spoil.replace("sha256:", "");
    let url = format!("sqlite://{}", store(&sandbox));
    run(async {
        let spot = Spot { place: Place::file(sandbox.path("history.sqlite")), url };
        spot.tamper(&spoil).await;
    });
    // What the tag was before is not told, so that it is not read.
    let nightly = format!("{REPOSITORY}:nightly");
    let found = json(&sandbox, &["--since", "2023-11-18", &nightly]);
    let points = of_tag(&found, "nightly")["points"].as_array().unwrap();
    assert_eq!(points.len(), 3);
    assert_eq!((&points[0]["change"], &points[0]["why"]), (&Value::Null, &Value::Null));
    assert_eq!(check_sums(&found), 4);
    let output = audit(&sandbox, &["report", "--since", "2023-11-01"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("snapshot"), "{output}");
    // In the last days nothing happened: what is there is told, what had gone by then is not.
    let found = json(&sandbox, &["--days", "1"]);
    let tags: Vec<&Value> =
        found["targets"].as_array().unwrap().iter().map(|target| &target["tag"]).collect();
    assert_eq!(tags, ["1.0", "nightly"]);
}

#[test]
fn nothing_is_told_as_such() {
    let sandbox = Sandbox::new();
    append(&sandbox, &[]);
    assert!(report(&sandbox, &[]).contains("The history holds nothing of this time."));
    assert_eq!(json(&sandbox, &[])["targets"], Value::Array(Vec::new()));
    assert!(report(&sandbox, &["--format", "markdown"]).contains("- **last pass**: never\n"));
    // That nobody has looked for long is told, however short the time of the report is.
    let (id, detail) = ("1".to_owned(), "audit run: process 1".to_owned());
    append(&sandbox, &[New::Run { id, at: day(1), state: RunState::Started, detail }]);
    assert_eq!(json(&sandbox, &[])["last_pass"], day(1).to_string());
    assert!(report(&sandbox, &[]).contains(" days ago)"));
    let output = audit(&sandbox, &["report", "--since", "9000-01-01"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("--since 9000-01-01T00:00:00Z is in the future"), "{output}");
    let sandbox = month();
    for (typed, sentence) in [
        ("registry.example/team/app:9.9", "nothing is recorded of registry.example/team/app:9.9"),
        ("registry.example/team/none", "nothing is recorded of registry.example/team/none"),
        (&format!("{REPOSITORY}@sha256:{}", "0".repeat(64)), "a digest has no history"),
    ] {
        let output = audit(&sandbox, &["report", REPOSITORY, typed]);
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(sentence) && output.stdout.is_empty(), "{output}");
    }
    let output = Sandbox::new().run(&["audit", "report", "--store", "none.sqlite"]);
    assert_eq!(output.code, Some(2), "{output}");
}

#[test]
fn limits_of_the_settings_are_drawn() {
    let sandbox = month();
    let settings = "[budget]\nmax-compressed = \"1MB\"\nmax-layers = 9\n\
                    [budget.platform.\"linux/arm64\"]\nmax-content = \"9MB\"\n\
                    [[ignore]]\nrule = \"cache\"\nreason = \"over\"\nuntil = \"2020-01-01\"\n";
    let file = sandbox.write("limits.toml", settings).display().to_string();
    let limits = |arguments: &[&str]| of_tag(&json(&sandbox, arguments), "1.0")["limits"].clone();
    let expected = serde_json::json!([
        {"name": "max-compressed", "measure": "compressed", "bytes": 1_000_000}
    ]);
    assert_eq!(limits(&["--config", &file]), expected);
    assert_eq!(limits(&[]), serde_json::json!([]));
    sandbox.write("home/regsize.toml", settings);
    assert_eq!(limits(&[]), expected);
    let page = report(&sandbox, &["--since", "2023-11-01", "--format", "html"]);
    assert!(page.contains("<line class=\"limit\""));
}

const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</title></style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u{1b}]0;x\u{7}\u{202e}",
    "&lt;b&gt; `|` [a](http://x.example/)",
];

/// A history of names that want to be more than names.
pub(crate) fn hostile() -> Sandbox {
    let sandbox = Sandbox::new();
    let [first, lists, larger, tidy, _] = images();
    let mut news = Vec::new();
    for (number, text) in (0..).zip(HOSTILE) {
        for (at, image) in (0..).zip([&first, &lists, &larger, &tidy]) {
            let mut image = image.clone();
            image.platform = format!("linux/{text}");
            image.image = regsize::oci::Digest::of(format!("{number} {at}").as_bytes());
            for finding in &mut image.findings {
                finding.message = format!("{text} is in it");
                text.clone_into(&mut finding.rule);
            }
            for step in image.layers.iter_mut().filter_map(|layer| layer.step.as_mut()) {
                step.instruction.push_str(text);
            }
            news.push(New::image(REPOSITORY, text, day(at), &image).unwrap());
        }
    }
    append(&sandbox, &news);
    sandbox
}

#[test]
fn names_of_others_are_inert() {
    let sandbox = hostile();
    let since = ["--since", "2023-11-01", "--format"];
    let page = report(&sandbox, &[&since[..], &["html"]].concat());
    for tag in ["<script", "<img", "<svg onload", "</title></style>", "href="] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(page.matches("<svg class=\"chart\"").count(), 2 * HOSTILE.len());
    for format in ["terminal", "markdown", "csv", "json", "html"] {
        let text = report(&sandbox, &[&since[..], &[format]].concat());
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{format}");
    }
}

#[test]
fn a_page_is_whole_or_what_it_was() {
    let sandbox = hostile();
    let page = sandbox.path("report.html");
    let name = page.display().to_string();
    let options = ["report", "--since", "2023-11-01", "--html", &name];
    let output = audit(&sandbox, &options);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("What moved"), "{output}");
    let written = std::fs::read_to_string(&page).unwrap();
    assert!(written.len() > 40_000 && written.ends_with("</html>\n"));
    let mode = std::fs::metadata(&page).unwrap().permissions().mode();
    assert_eq!(mode & 0o444, 0o444, "others read it, too");
    // There is no room for the new one.
    std::fs::write(&page, "as it was").unwrap();
    let store = store(&sandbox);
    let arguments = [&["audit"], &options[..], &["--store", &store]].concat();
    let output = sandbox.shell("ulimit -f 36; exec \"$0\" \"$@\"", &arguments);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("cannot be written"), "{output}");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "as it was");
    let left = sandbox
        .files("")
        .into_iter()
        .filter(|file| file.display().to_string().contains(".regsize-"));
    assert_eq!(left.count(), 0);
    // A link stays one; what is no file is refused.
    let link = sandbox.path("link.html");
    std::os::unix::fs::symlink(&page, &link).unwrap();
    let link_name = link.display().to_string();
    assert_eq!(audit(&sandbox, &["report", "--html", &link_name]).code, Some(0));
    assert!(link.is_symlink() && std::fs::read_to_string(&page).unwrap().starts_with("<!doctype"));
    let output = audit(&sandbox, &["report", "--html", "/dev/null"]);
    assert_eq!(output.code, Some(2), "{output}");
    let output = sandbox.run(&["inspect", "debian", "--format", "html"]);
    assert!(output.stderr.contains("html is a format of `audit report` alone"), "{output}");
}

#[test]
fn two_days_are_compared_as_images_are() {
    let sandbox = month();
    let tag = format!("{REPOSITORY}:nightly");
    let diff = |old: &str, new: &str, options: &[&str]| {
        audit(&sandbox, &[&["diff", tag.as_str(), old, new], options].concat())
    };
    // Builds are seen at 22:13: the day's own build is what the tag was at its end.
    let output = diff("2023-11-14", "2023-11-17", &["--format", "json"]);
    assert_eq!(output.code, Some(0), "{output}");
    let found = output.json();
    assert_eq!(found["schema"], "regsize.compare/1");
    let [first, lists, ..] = images();
    let delta = i64::try_from(lists.sizes.compressed).unwrap()
        - i64::try_from(first.sizes.compressed).unwrap();
    assert_eq!(found["delta"]["compressed"], delta);
    assert_eq!(found["new"]["reference"], format!("{tag} of 2023-11-17 22:13:20Z"));
    let same = diff("2023-11-14", "2023-11-17T22:13:20Z", &[]);
    assert!(same.stdout.contains("Both are the same image"), "{same}");
    for options in [&["--format", "markdown"][..], &["--top", "1"], &["--platform", PLATFORM]] {
        let text = diff("2023-11-14", "2023-11-30", options);
        assert!(text.stdout.contains("apt-get install -y jq"), "{text}");
    }
    let csv = diff("2023-11-14", "2023-11-30", &["--format", "csv", "--table", "causes"]);
    assert!(csv.stdout.lines().count() > 2, "{csv}");
    let refused = |output: Output, sentence: &str| {
        assert_eq!(output.code, Some(2), "{output}");
        assert!(output.stderr.contains(sentence), "{output}");
    };
    refused(diff("2023-11-01", "2023-11-17", &[]), "before 2023-11-02T00:00:00Z");
    refused(diff("2023-11-14", "2023-11-17", &["--platform", "linux/s390x"]), "linux/s390x");
    refused(diff("monday", "2023-11-17", &[]), "expected a day");
    let on = |name: &str| {
        audit(&sandbox, &["diff", &format!("{REPOSITORY}{name}"), "2023-11-15", "2023-11-30"])
    };
    refused(on(":old"), "was gone from 2023-11-19");
    refused(on(":broken"), "nothing is recorded of");
    refused(on(":none"), "nothing is recorded of");
    refused(on(""), "a tag is compared");
}

#[test]
fn a_tag_that_came_back_is_not_gone() {
    let sandbox = month();
    let [first, ..] = images();
    append(&sandbox, &[New::image(REPOSITORY, "old", day(12), &first).unwrap()]);
    let found = json(&sandbox, &["--since", "2023-11-01"]);
    assert_eq!(of_tag(&found, "old")["gone"], Value::Null);
    let again = New::image(REPOSITORY, "broken", day(13), &first).unwrap();
    append(&sandbox, &[again]);
    let found = json(&sandbox, &["--since", "2023-11-01"]);
    assert_eq!(of_tag(&found, "broken")["failed"], Value::Null);
    run(async {
        let place = Place::file(sandbox.path("history.sqlite"));
        let mut store = Store::open(&place, Access::Read).await.unwrap();
        assert_eq!(store.repositories().await.unwrap(), [REPOSITORY]);
        let question = |tag: &str| Question {
            repository: REPOSITORY.to_owned(),
            tag: Some(tag.to_owned()),
            platform: None,
            newest: 1,
        };
        assert!(store.knows(&question("old")).await.unwrap());
        assert!(!store.knows(&question("none")).await.unwrap());
        let before = store.just_before(&target("old"), day(6)).await.unwrap();
        assert_eq!(before.map(|(point, gone)| (point.seen, gone)), Some((day(4), Some(day(5)))));
        let after = store.just_before(&target("old"), day(13)).await.unwrap();
        assert_eq!(after.map(|(point, gone)| (point.seen, gone)), Some((day(12), None)));
        assert_eq!(store.just_before(&target("old"), day(1)).await.unwrap(), None);
        store.close().await.unwrap();
    });
}
